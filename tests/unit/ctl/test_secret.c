/* SPDX-License-Identifier: Apache-2.0 */
/* test_secret.c - what people type: recovery keys in groups, with mistakes, and passphrases that
 * are none. */
#include "agent/ctl/secret.h"

#include <string.h>

#include "tests/lib/check.h"

static enum secret_kind judge(const char *text, char ret_text[128], unsigned int *ret_group)
{
	size_t n = strlen(text);
	enum secret_kind kind;

	memcpy(ret_text, text, n);
	kind = secret_judge((uint8_t *)ret_text, &n, ret_group);
	ret_text[n] = 0;
	return kind;
}

static void test_recovery_keys(void)
{
	static const char *const same[] = {
		"000011000022720885000000011000000033123453555555",
		"000011 000022 720885 000000 011000 000033 123453 555555",
		"000011-000022-720885-000000-011000-000033-123453-555555\r",
		"  000011 000022  720885-000000 011000\t000033 123453 555555 ",
	};
	char text[128];
	unsigned int group = 0;

	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		CHECK_INT(judge(same[i], text, &group), SECRET_RECOVERY_KEY);
		CHECK_STR(text, same[0]);
	}
	/* One digit; two that changed places; a multiple that is too large. */
	CHECK_INT(judge("000011 000022 720885 000000 011000 000033 123454 555555", text, &group),
		SECRET_MISTYPED);
	CHECK_INT(group, 7);
	CHECK_INT(judge("000011 000022 720885 000000 011000 000033 213453 555555", text, &group),
		SECRET_MISTYPED);
	CHECK_INT(group, 7);
	CHECK_INT(judge("720896 000022 720885 000000 011000 000033 123453 555555", text, &group),
		SECRET_MISTYPED);
	CHECK_INT(group, 1);
}

static void test_passphrases(void)
{
	static const char *const texts[] = {"", " ", "1234 56", "six digits 271828", "- -",
		"000011000022720885000000011000000033123453555555x",
		"0000110000227208850000000110000000331234535555550", "\xff\xfe"};
	char text[128];
	unsigned int group = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CHECK_INT(judge(texts[i], text, &group), SECRET_PASSPHRASE);
		CHECK_STR(text, texts[i]);
	}
}

static const struct check_test tests[] = {
	{"recovery_keys", test_recovery_keys},
	{"passphrases", test_passphrases},
};
CHECK_MAIN(tests)
