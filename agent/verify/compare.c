/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compare.c - passwords and hashes, codes and codes; see compare.h. Role verify. Debian's crypt(3)
 * is libxcrypt with yescrypt, musl has its own, without.
 */
#include "agent/verify/compare.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/mem.h"

/* Of arrays of one size, whatever stands in them. */
static bool bytes_are_equal(const char *a, const char *b, size_t n_bytes)
{
	volatile unsigned char difference = 0;

	for (size_t i = 0; i < n_bytes; i++)
		difference |= (unsigned char)(a[i] ^ b[i]);
	return difference == 0;
}

/* 0 with the hash; -ENOMEM; -EINVAL: no hash came of it. */
static int hash_make(const char *password, const char *setting, char ret_hash[LIMIT_HASH_BYTES + 1])
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *made;
	int r = -EINVAL;

	if (!data)
		return -ENOMEM;
	errno = 0;
	made = crypt_r(password, setting, data);
	if (made && made[0] != '*') {
		if (strlen(made) <= LIMIT_HASH_BYTES) {
			memset(ret_hash, 0, LIMIT_HASH_BYTES + 1);
			memcpy(ret_hash, made, strlen(made));
			r = 0;
		}
	} else if (errno == ENOMEM) {
		r = -ENOMEM;
	}
	secret_free(data, sizeof(*data));
	return r;
}

int compare_hash(const char *password, const char *hash)
{
	char wanted[LIMIT_HASH_BYTES + 1] = {0}, made[LIMIT_HASH_BYTES + 1] = {0};
	int r;

	if (!hash[0] || strlen(hash) > LIMIT_HASH_BYTES)
		return VERIFY_DIFFERS;
	memcpy(wanted, hash, strlen(hash));
	r = hash_make(password, hash, made);
	if (r == 0)
		r = bytes_are_equal(wanted, made, sizeof(wanted)) ? VERIFY_SAME : VERIFY_DIFFERS;
	else if (r == -EINVAL)
		/* Perhaps it is the password that the method does not take: too long, say. That
		 * must not look like a method that nobody can guess against. */
		r = hash_make("x", hash, made);
	if (r == -EINVAL)
		r = VERIFY_CANNOT;
	explicit_bzero(wanted, sizeof(wanted));
	explicit_bzero(made, sizeof(made));
	return r;
}

int compare_code(const char *text, size_t n_bytes,
	const char codes[LIMIT_UNLOCK_CODES][UNLOCK_CODE_DIGITS + 1])
{
	char typed[UNLOCK_CODE_DIGITS + 1] = {0};
	size_t n = 0;
	int found = -1;

	for (size_t i = 0; i < n_bytes; i++) {
		if ((text[i] == ' ' || text[i] == '-') && n > 0)
			continue;
		if (text[i] < '0' || text[i] > '9' || n == UNLOCK_CODE_DIGITS) {
			explicit_bzero(typed, sizeof(typed));
			return -1;
		}
		typed[n++] = text[i];
	}
	for (int i = 0; n == UNLOCK_CODE_DIGITS && i < LIMIT_UNLOCK_CODES; i++)
		if (codes[i][0] && bytes_are_equal(typed, codes[i], sizeof(typed)))
			found = i;
	explicit_bzero(typed, sizeof(typed));
	return found;
}
