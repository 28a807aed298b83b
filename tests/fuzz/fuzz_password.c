/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_password.c - judging of passwords: bytes of anybody's, in a process that must not fall. The
 * first line of the input is the name of the account, the rest the password. No rules find nothing,
 * stricter rules find no less; the longest run is no longer than what there is.
 */
#include <stdlib.h>

#include "policies/password.h"
#include "policies/password_common.h"
#include "tests/lib/policy_gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

/* Bit of one rule with one number. */
static bool breaks(
	enum password_rule rule, uint32_t number, const char *password, size_t n, const char *user)
{
	struct password_rules rules = {0};
	uint32_t broken;

	rules.numbers[rule] = number;
	broken = password_judge(&rules, password, n, user);
	expect((broken & ~(1u << rule)) == 0);
	return broken;
}

static void check_numbers(const char *password, size_t n, const char *user)
{
	uint32_t i = 1 + (uint32_t)n % 7;

	expect(!breaks(PASSWORD_MIN_LENGTH, 0, password, n, user));
	expect(breaks(PASSWORD_MIN_LENGTH, (uint32_t)n + 1, password, n, user));
	expect(n == 0 || !breaks(PASSWORD_MIN_LENGTH, 1, password, n, user));
	expect(!breaks(PASSWORD_HISTORY, 24, password, n, user));
	expect(!breaks(PASSWORD_MAX_SEQUENCE, (uint32_t)n + 1, password, n, user));
	expect(!breaks(PASSWORD_MAX_REPEAT, (uint32_t)n + 1, password, n, user));
	/* One step of each, in the direction that is stricter. */
	expect(breaks(PASSWORD_MIN_LENGTH, i, password, n, user) <=
		breaks(PASSWORD_MIN_LENGTH, i + 1, password, n, user));
	expect(breaks(PASSWORD_MIN_CLASSES, i, password, n, user) <=
		breaks(PASSWORD_MIN_CLASSES, i + 1, password, n, user));
	expect(breaks(PASSWORD_MAX_SEQUENCE, i, password, n, user) >=
		breaks(PASSWORD_MAX_SEQUENCE, i + 1, password, n, user));
	expect(breaks(PASSWORD_MAX_REPEAT, i, password, n, user) >=
		breaks(PASSWORD_MAX_REPEAT, i + 1, password, n, user));
	expect(!password_is_common(password, n) ||
		breaks(PASSWORD_NOT_COMMON, 1, password, n, user));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	char user[LIMIT_USER_BYTES + 1] = "";
	size_t n_user = 0, n;
	char *password;

	if (n_bytes > LIMIT_PASSWORD_BYTES + sizeof(user))
		return 0;
	while (n_user < n_bytes && n_user < LIMIT_USER_BYTES && data[n_user] != '\n' &&
		data[n_user])
		n_user++;
	memcpy(user, data, n_user);
	n = n_user < n_bytes ? n_bytes - n_user - 1 : 0;
	/* Exactly that large: a read behind its end is seen. */
	password = malloc(n ? n : 1);
	if (!password)
		return 0;
	if (n)
		memcpy(password, data + n_user + 1, n);
	check_numbers(password, n, user);
	/* A password around the name has it. */
	if (n >= strlen(user) && strlen(user) >= 3) {
		memcpy(password + n - strlen(user), user, strlen(user));
		expect(breaks(PASSWORD_NOT_USER_NAME, 1, password, n, user));
	}
	free(password);
	return 0;
}
