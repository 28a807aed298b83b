/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c - one password, everything about it; see verify.h. Role verify. Keeps no copy. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "agent/verify/compare.h"
#include "agent/verify/dictionary.h"
#include "agent/verify/verify.h"
#include "policies/password.h"

int password_take(int fd, struct password *ret_password)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	size_t n_bytes = 0;
	ssize_t n;

	/* The descriptor is a user's: nothing is asked of it that only a pipe answers at once. */
	if (fcntl(fd, F_GETPIPE_SZ) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
		poll(&ready, 1, 0) < 1 || !(ready.revents & POLLHUP))
		return -ENODATA;
	while (n_bytes < LIMIT_PASSWORD_BYTES + 1) {
		n = read(fd, ret_password->bytes + n_bytes, LIMIT_PASSWORD_BYTES + 1 - n_bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		n_bytes += (size_t)n;
	}
	ret_password->bytes[n_bytes] = 0;
	ret_password->n_bytes = n_bytes;
	return n_bytes ? 0 : -ENODATA;
}

/* 1: it is one of the earlier ones; 0; -ENOMEM. */
static int judge_history(const struct msg_verify_order *order, const char *password)
{
	for (size_t i = 0; i < order->n_history && i < LIMIT_PASSWORD_HISTORY; i++) {
		int r = compare_hash(password, order->history[i]);

		if (r < 0)
			return r;
		if (r == VERIFY_SAME)
			return 1;
	}
	return 0;
}

int verify_judge(const struct msg_verify_order *order, const struct password *password,
	bool is_change, const struct dictionary *dictionary, struct msg_verify_answer *answer)
{
	struct password_rules rules;
	int r = 0;

	/* Of a wrong one nothing is said. */
	if (!is_change && answer->match != VERIFY_SAME)
		return 0;
	memcpy(rules.numbers, order->rules, sizeof(rules.numbers));
	answer->broken = password_judge(&rules, password->bytes, password->n_bytes, order->user);
	if (rules.numbers[PASSWORD_NOT_COMMON] && dictionary_has(dictionary, password->bytes))
		answer->broken |= 1u << PASSWORD_NOT_COMMON;
	if (!rules.numbers[PASSWORD_HISTORY])
		return 0;
	/* A new one that is the present one is no new one. */
	if (is_change && answer->match == VERIFY_SAME)
		r = 1;
	else
		r = judge_history(order, password->bytes);
	if (r > 0)
		answer->broken |= 1u << PASSWORD_HISTORY;
	return r < 0 ? r : 0;
}

int verify_compare(const struct msg_verify_order *order, const struct password *password,
	struct msg_verify_answer *ret_answer)
{
	struct msg_verify_answer answer = {.match = VERIFY_DIFFERS, .code = -1};
	int r;

	/* crypt(3) would read it up to the NUL, and nobody's password is longer than allowed. */
	if (password->n_bytes <= LIMIT_PASSWORD_BYTES &&
		!memchr(password->bytes, 0, password->n_bytes)) {
		r = compare_hash(password->bytes, order->hash);
		if (r < 0)
			return r;
		answer.match = (uint32_t)r;
		answer.code = compare_code(password->bytes, password->n_bytes, order->codes);
	}
	*ret_answer = answer;
	return 0;
}
