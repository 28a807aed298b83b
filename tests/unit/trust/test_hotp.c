/* SPDX-License-Identifier: Apache-2.0 */
/* test_hotp.c - RFC 4226 against its own numbers; no role, plain process. */
#include "agent/trust/hotp.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"

/*
 * Appendix D has 20 bytes of secret. HMAC fills a key up to 64 bytes with zeros (RFC 2104), so that
 * 12 zeros more make no difference.
 */
static const uint8_t secret[HOTP_SECRET_BYTES] = "12345678901234567890";

/* "Truncated decimal" of the second table; a code is its last eight digits. */
static const uint32_t decimals[] = {1284755224, 1094287082, 137359152, 1726969429, 1640338314,
	868254676, 1918287922, 82162583, 673399871, 645520489};

static void test_appendix_d(void)
{
	char code[UNLOCK_CODE_DIGITS + 1], expected[16];

	for (size_t i = 0; i < sizeof(decimals) / sizeof(decimals[0]); i++) {
		snprintf(expected, sizeof(expected), "%08u", decimals[i] % 100000000);
		CHECK_INT(hotp_code(secret, i, code), 0);
		CHECK_STR(code, expected);
	}
}

/* Zeros in front are digits, too. */
static void test_always_eight_digits(void)
{
	char code[UNLOCK_CODE_DIGITS + 1];
	bool zero = false;

	for (uint64_t i = 0; i < 1000; i++) {
		CHECK_INT(hotp_code(secret, i, code), 0);
		CHECK_INT(strspn(code, "0123456789"), UNLOCK_CODE_DIGITS);
		CHECK_INT(strlen(code), UNLOCK_CODE_DIGITS);
		zero |= code[0] == '0';
	}
	CHECK(zero);
}

/* All eight bytes of the counter count, and every byte of the secret. */
static void test_whole_input(void)
{
	char code[UNLOCK_CODE_DIGITS + 1], other[UNLOCK_CODE_DIGITS + 1];
	uint8_t changed[HOTP_SECRET_BYTES];

	CHECK_INT(hotp_code(secret, 0, code), 0);
	for (unsigned int bit = 0; bit < 64; bit += 8) {
		CHECK_INT(hotp_code(secret, UINT64_C(1) << bit, other), 0);
		CHECK(strcmp(code, other) != 0);
	}
	for (size_t i = 0; i < sizeof(changed); i++) {
		memcpy(changed, secret, sizeof(changed));
		changed[i] ^= 1;
		CHECK_INT(hotp_code(changed, 0, other), 0);
		CHECK(strcmp(code, other) != 0);
	}
}

static const struct check_test tests[] = {
	{"the numbers of RFC 4226, appendix D", test_appendix_d},
	{"eight digits, always", test_always_eight_digits},
	{"every byte of counter and secret counts", test_whole_input},
};
CHECK_MAIN(tests)
