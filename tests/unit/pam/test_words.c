/* SPDX-License-Identifier: Apache-2.0 */
/* test_words.c - what people at a prompt are told; see words.h. */
#include "platform/pam/words.h"

#include <string.h>

#include "policies/password.h"
#include "tests/lib/check.h"

static void durations(void)
{
	static const struct {
		uint32_t seconds;
		const char *text;
	} rows[] = {
		{0, "0 seconds"},
		{1, "1 second"},
		{59, "59 seconds"},
		{60, "1 minute"},
		{61, "2 minutes"},
		{3540, "59 minutes"},
		{3541, "1 hour"},
		{3600, "1 hour"},
		{3601, "61 minutes"},
		{7199, "120 minutes"},
		{7200, "2 hours"},
		{7201, "3 hours"},
		{UINT32_MAX, "1193047 hours"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];

		words_duration(rows[i].seconds, text, sizeof(text));
		CHECK_STR(text, rows[i].text);
	}
}

static void sentences(void)
{
	char text[WORDS_BYTES];

	for (uint32_t verdict = 0; verdict < AUTH_VERDICT_MAX; verdict++) {
		struct msg_auth_answer answer = {.verdict = verdict, .broken = 1, .rules = {6}};
		bool silent = verdict == AUTH_GO || verdict == AUTH_UNCOUNTED;

		words_answer(&answer, text);
		CHECK_INT(text[0] == 0, silent);
		CHECK(silent || text[strlen(text) - 1] == '.');
	}
}

/* Who is right must not read that he was wrong too often because others ask at the same time. */
static void waits(void)
{
	struct msg_auth_answer answer = {.verdict = AUTH_WAIT, .wait_s = 30};
	char text[WORDS_BYTES];

	words_answer(&answer, text);
	CHECK_STR(text, "Too many wrong attempts. Try again in 30 seconds.");
	answer.wait_s = 0;
	words_answer(&answer, text);
	CHECK_STR(text, "Other attempts at this password are being checked. Try again.");
}

/* All rules at once, with the largest numbers: whole sentences, never more than fits. */
static void refusals(void)
{
	struct msg_auth_answer answer = {.verdict = AUTH_REFUSED, .broken = UINT32_MAX};
	char text[WORDS_BYTES];

	memset(answer.rules, 0xff, sizeof(answer.rules));
	words_answer(&answer, text);
	CHECK(strlen(text) < WORDS_BYTES);
	CHECK(text[strlen(text) - 1] == '.');
	for (uint32_t rule = 0; rule < PASSWORD_RULE_MAX; rule++) {
		char words[LIMIT_TEXT_BYTES + 1];

		answer.broken = UINT32_C(1) << rule;
		answer.rules[rule] = 4;
		password_rule_format((enum password_rule)rule, 4, words, sizeof(words));
		words_answer(&answer, text);
		CHECK(strstr(text, words));
	}
	/* Bits of rules that a later agent may know. */
	answer.broken = UINT32_C(1) << PASSWORD_RULE_MAX;
	words_answer(&answer, text);
	CHECK_STR(text, "This password cannot be used.");
}

static void codes(void)
{
	static const char *const good[] = {"12345678", "1234 5678", " 1 2 3 4 5 6 7 8 "};
	static const char *const bad[] = {"", " ", "1234567", "123456789", "1234-5678", "1234567a",
		"12345678\t", "2345678\xc2\xb2"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(words_is_code(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!words_is_code(bad[i]));
}

int main(int argc, char **argv)
{
	static const struct check_test tests[] = {
		{"durations", durations},
		{"sentences", sentences},
		{"waits", waits},
		{"refusals", refusals},
		{"codes", codes},
	};

	return check_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
