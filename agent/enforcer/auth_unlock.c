/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_unlock.c - an unlock code that comes by agentctl instead of a prompt; see auth.h. Paced like
 * one at a prompt, by the same count. Enforcer only.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "agent/enforcer/auth_private.h"
#include "agent/enforcer/unlock_code.h"

static bool auth_locks_somebody_out(struct auth *auth)
{
	const struct accounts *accounts = &auth->accounts.accounts;
	uint32_t wait_s;

	for (size_t i = 0; auth->active && i < accounts->n_accounts; i++) {
		struct attempts_subject subject = auth_subject(auth, &accounts->accounts[i]);

		if (auth_account_is_counted(&accounts->accounts[i]) &&
			attempts_ask(&auth->attempts, &subject, clock_boottime_us(), &wait_s) ==
				AUTH_LOCKED_OUT)
			return true;
	}
	return false;
}

/* Which of the codes it is; n: none. Every one is looked at, in whole. */
static size_t auth_code_find(
	char codes[LIMIT_UNLOCK_CODES][UNLOCK_CODE_DIGITS + 1], size_t n, const char *code)
{
	size_t found = n;

	for (size_t i = n; i-- > 0;)
		if (CRYPTO_memcmp(codes[i], code, UNLOCK_CODE_DIGITS) == 0)
			found = i;
	return found;
}

static bool auth_code_is_whole(const char *code)
{
	return strspn(code, "0123456789") == UNLOCK_CODE_DIGITS && !code[UNLOCK_CODE_DIGITS];
}

enum auth_verdict auth_unlock(struct enforcer *e, const char *code, uint32_t *ret_wait_s)
{
	char codes[LIMIT_UNLOCK_CODES][UNLOCK_CODE_DIGITS + 1] = {{0}};
	struct auth *auth = e->auth;
	size_t n, found;

	*ret_wait_s = 0;
	if (!auth)
		return AUTH_GO;
	auth_look(auth);
	if (!auth_locks_somebody_out(auth))
		return AUTH_GO;
	*ret_wait_s = attempts_code_wait_s(&auth->attempts, clock_boottime_us());
	if (*ret_wait_s)
		return AUTH_WAIT;
	n = unlock_code_valid(e, codes);
	if (n == 0)
		return AUTH_LOCKED_OUT;
	attempts_code_begin(&auth->attempts, clock_boottime_us());
	/* What is not on the disk could be tried again after each power cut. */
	found = auth_store_counts(auth) == 0 && auth_code_is_whole(code)
			? auth_code_find(codes, n, code)
			: n;
	explicit_bzero(codes, sizeof(codes));
	if (found < n && unlock_code_use(e, found) == 0) {
		auth_unlocked(auth, "code");
		return AUTH_UNLOCKED;
	}
	*ret_wait_s = attempts_code_wait_s(&auth->attempts, clock_boottime_us());
	return AUTH_WRONG_CODE;
}
