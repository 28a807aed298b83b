/* SPDX-License-Identifier: Apache-2.0 */
/* test_password_judge.c - what is wrong with a password: rule by rule, and what holds for all. */
#include "policies/password.h"

#include <stdio.h>

#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define BIT(rule) (1u << PASSWORD_##rule)

/* A copy of exactly that size, so that the sanitizer sees a read behind its end. */
static uint32_t judge_bytes(
	const struct password_rules *rules, const void *password, size_t n, const char *user)
{
	char *copy = malloc(n ? n : 1);
	uint32_t broken;

	if (!copy)
		abort();
	memcpy(copy, password, n);
	broken = password_judge(rules, copy, n, user);
	free(copy);
	return broken;
}

static uint32_t judge(enum password_rule rule, uint32_t number, const char *password)
{
	struct password_rules rules = {0};

	rules.numbers[rule] = number;
	return judge_bytes(&rules, password, strlen(password), "");
}

static void test_numbers(void)
{
	static const struct {
		enum password_rule rule;
		uint32_t number;
		const char *password;
		bool broken;
	} cases[] = {
		{PASSWORD_MIN_LENGTH, 6, "12345", true},
		{PASSWORD_MIN_LENGTH, 6, "123456", false},
		{PASSWORD_MIN_LENGTH, 1, "", true},
		/* Five characters of two, three and four bytes. */
		{PASSWORD_MIN_LENGTH, 6, "äöüß€", true},
		{PASSWORD_MIN_LENGTH, 5, "äöüß€", false},
		{PASSWORD_MIN_LENGTH, 2, "\xf0\x9f\x94\x92", true},
		/* No UTF-8: cut off, too long a form, a surrogate, behind the last one. */
		{PASSWORD_MIN_LENGTH, 2, "\xe2\x82", false},
		{PASSWORD_MIN_LENGTH, 3, "\xe2\x82", true},
		{PASSWORD_MIN_LENGTH, 2, "\xc0\xaf", false},
		{PASSWORD_MIN_LENGTH, 3, "\xed\xa0\x80", false},
		{PASSWORD_MIN_LENGTH, 4, "\xf4\x90\x80\x80", false},
		{PASSWORD_MIN_LENGTH, 4, "\xe2\x82zz", false},

		{PASSWORD_NOT_NUMERIC, 1, "918273", true},
		{PASSWORD_NOT_NUMERIC, 1, "", true},
		{PASSWORD_NOT_NUMERIC, 1, "918273x", false},
		{PASSWORD_NOT_NUMERIC, 1, "91-82-73", false},
		{PASSWORD_NOT_NUMERIC, 0, "918273", false},

		{PASSWORD_MIN_CLASSES, 2, "abcdef", true},
		{PASSWORD_MIN_CLASSES, 2, "abcDef", false},
		{PASSWORD_MIN_CLASSES, 4, "abcD3f", true},
		{PASSWORD_MIN_CLASSES, 4, "abcD3 ", false},
		{PASSWORD_MIN_CLASSES, 2, "abcdé", false},
		{PASSWORD_MIN_CLASSES, 1, "", true},

		{PASSWORD_MAX_SEQUENCE, 3, "1234", true},
		{PASSWORD_MAX_SEQUENCE, 4, "1234", false},
		{PASSWORD_MAX_SEQUENCE, 3, "4321", true},
		{PASSWORD_MAX_SEQUENCE, 3, "x9876x", true},
		/* Round the ten, in both directions. */
		{PASSWORD_MAX_SEQUENCE, 3, "8901", true},
		{PASSWORD_MAX_SEQUENCE, 3, "1098", true},
		/* A turn begins anew: 123 and 321. */
		{PASSWORD_MAX_SEQUENCE, 3, "12321", false},
		{PASSWORD_MAX_SEQUENCE, 3, "1234567", true},
		{PASSWORD_MAX_SEQUENCE, 3, "dCbA", true},
		{PASSWORD_MAX_SEQUENCE, 3, "yzab", false},
		{PASSWORD_MAX_SEQUENCE, 3, "qwer", true},
		{PASSWORD_MAX_SEQUENCE, 3, "FDSA", true},
		{PASSWORD_MAX_SEQUENCE, 3, "qwertz", true},
		{PASSWORD_MAX_SEQUENCE, 4, "wertz", true},
		{PASSWORD_MAX_SEQUENCE, 3, "azer", true},
		{PASSWORD_MAX_SEQUENCE, 3, "2580", true},
		{PASSWORD_MAX_SEQUENCE, 3, "0852", true},
		{PASSWORD_MAX_SEQUENCE, 2, "147", true},
		{PASSWORD_MAX_SEQUENCE, 2, "963", true},
		{PASSWORD_MAX_SEQUENCE, 2, "159", true},
		{PASSWORD_MAX_SEQUENCE, 2, "753", true},
		{PASSWORD_MAX_SEQUENCE, 2, "258", true},
		{PASSWORD_MAX_SEQUENCE, 2, "1379", false},
		/* Two lines that meet are not one. */
		{PASSWORD_MAX_SEQUENCE, 3, "1258", false},
		{PASSWORD_MAX_SEQUENCE, 2, "aa11", false},
		{PASSWORD_MAX_SEQUENCE, 2,
			"1\xff"
			"23",
			false},

		{PASSWORD_MAX_REPEAT, 2, "1112", true},
		{PASSWORD_MAX_REPEAT, 3, "1112", false},
		{PASSWORD_MAX_REPEAT, 1, "anna", true},
		{PASSWORD_MAX_REPEAT, 1, "aAaA", false},
		{PASSWORD_MAX_REPEAT, 1, "ää", true},
		/* One byte in common is no repetition. */
		{PASSWORD_MAX_REPEAT, 1, "äå", false},
		{PASSWORD_MAX_REPEAT, 1, "\xff\xff", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t broken = judge(cases[i].rule, cases[i].number, cases[i].password);

		if (broken != (cases[i].broken ? 1u << cases[i].rule : 0))
			check_fail(__FILE__, __LINE__, "rule %d, %u: \"%s\" breaks %x",
				cases[i].rule, cases[i].number, cases[i].password, broken);
	}
}

static void test_common(void)
{
	static const char *const common[] = {"", "1", "abc", "1234", "0000", "2580", "0852", "1212",
		"1221", "7788", "1999", "2004", "1357", "9630", "0001", "5551", "1379", "4711",
		"12345", "12321", "123456", "654321", "147147", "147258", "123123", "112233",
		"777888", "000001", "159753", "246810", "7654321", "12345678", "12344321",
		"24121999", "12241999", "19991224", "01012000", "1234567890", "0987654321",
		"password", "PASSWORD", "Password1", "P@ssw0rd", "p4$$w0rd!", "passw0rd2026",
		"2026password", "Passwort123", "contraseña1", "letmein", "l3tm31n", "iloveyou",
		"1loveyou", "we1come", "Welcome1", "qwerty", "qwerty123", "qwertyuiop", "1q2w3e4r",
		"abc123", "a1b2c3", "trustno1", "Summer2026!", "!winter26", "toor", "changeme",
		"blahblah", "passpass", "abababab", "aaaaaaa", "asdfghjkl", "zyxwvut", "mobian",
		"0852", "postmarketos"};
	static const char *const uncommon[] = {"8068", "3112", "2907", "1324", "3591", "519274",
		"311299", "803462", "97461358", "31132026", "24129199", "passwort-fuer-den-hund",
		"monkey83927", "monkeybusiness", "mypassword", "correct horse battery",
		"Sommer!2026!!", "tr0ub4dor", "xkcd", "aab1", "ünïcödé", "12345x67890y",
		"\xff\xfe\xfd\xfc"};

	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		if (judge(PASSWORD_NOT_COMMON, 1, common[i]) != BIT(NOT_COMMON))
			check_fail(__FILE__, __LINE__, "\"%s\" is not common", common[i]);
	for (size_t i = 0; i < ARRAY_SIZE(uncommon); i++)
		if (judge(PASSWORD_NOT_COMMON, 1, uncommon[i]) != 0)
			check_fail(__FILE__, __LINE__, "\"%s\" is common", uncommon[i]);
	CHECK_INT(judge(PASSWORD_NOT_COMMON, 0, "1234"), 0);
}

/* What the list costs: neither useless nor a nuisance. */
static void test_common_share(void)
{
	size_t of_four = 0, of_six = 0;
	char pin[16];

	for (int i = 0; i < 10000; i++) {
		snprintf(pin, sizeof(pin), "%04d", i);
		of_four += judge(PASSWORD_NOT_COMMON, 1, pin) != 0;
	}
	for (int i = 0; i < 1000000; i += 7) {
		snprintf(pin, sizeof(pin), "%06d", i);
		of_six += judge(PASSWORD_NOT_COMMON, 1, pin) != 0;
	}
	CHECK(of_four >= 600 && of_four <= 1000);
	CHECK(of_six >= 1000000 / 7 / 1000 && of_six <= 1000000 / 7 / 100);
}

static void test_user_name(void)
{
	static const struct {
		const char *user, *password;
		bool broken;
	} cases[] = {
		{"user", "user", true},
		{"user", "SuperUser7", true},
		{"user", "xresux", true},
		{"user", "use", false},
		{"user", "us er", false},
		{"ada", "xADAx", true},
		{"ed", "fred", false},
		{"", "anything", false},
		{"anna", "xann", false},
		{"jürgen", "jürgen7", true},
		{"a-long-name-of-an-account", "short", false},
		/* Begins in vain, then begins again. */
		{"aab", "aaab", true},
		{"aab", "xbaax", true},
	};
	static const struct password_rules rules = {.numbers = {[PASSWORD_NOT_USER_NAME] = 1}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t broken = judge_bytes(
			&rules, cases[i].password, strlen(cases[i].password), cases[i].user);

		if (broken != (cases[i].broken ? BIT(NOT_USER_NAME) : 0))
			check_fail(__FILE__, __LINE__, "%s in \"%s\": %x", cases[i].user,
				cases[i].password, broken);
	}
	CHECK_INT(judge(PASSWORD_NOT_USER_NAME, 0, "user"), 0);
}

/* NUL is a character like others: who wrote the password into a pipe did not end it there. */
static void test_bytes(void)
{
	static const struct password_rules rules = {
		.numbers = {[PASSWORD_MIN_LENGTH] = 6, [PASSWORD_MAX_REPEAT] = 2}};

	CHECK_INT(judge_bytes(&rules, "ab\0cd\0", 6, "user"), 0);
	CHECK_INT(judge_bytes(&rules, "ab\0\0\0d", 6, "user"), BIT(MAX_REPEAT));
	CHECK_INT(judge_bytes(&rules, "", 0, "user"), BIT(MIN_LENGTH));
}

/* Bytes that are often digits, letters in a row, and pieces of UTF-8. */
static size_t random_password(struct gen *gen, char password[32])
{
	static const char alphabet[] = "0123456789012345abcdqwerPA@!  \xc3\xa4\xff\xe2\x82\xac";
	size_t n = gen_below(gen, 32);

	for (size_t i = 0; i < n; i++) {
		password[i] = alphabet[gen_below(gen, sizeof(alphabet) - 1)];
		if (i > 0 && gen_below(gen, 3) == 0)
			password[i] = (char)(password[i - 1] + (int)gen_between(gen, -1, 1));
	}
	return n;
}

static const struct {
	uint32_t min, max;
	bool less_is_stricter;
} ranges[PASSWORD_RULE_MAX] = {
	[PASSWORD_MIN_LENGTH] = {0, 40, false},
	[PASSWORD_NOT_NUMERIC] = {0, 1, false},
	[PASSWORD_MIN_CLASSES] = {0, 4, false},
	[PASSWORD_MAX_SEQUENCE] = {1, 16, true},
	[PASSWORD_MAX_REPEAT] = {1, 16, true},
	[PASSWORD_NOT_COMMON] = {0, 1, false},
	[PASSWORD_NOT_USER_NAME] = {0, 1, false},
	[PASSWORD_HISTORY] = {0, 24, false},
};

/* Stricter rules never break fewer; no rules break nothing; history is not judged here. */
static void test_stricter_never_breaks_fewer(void)
{
	static const struct password_rules none;
	struct gen gen = {11};

	for (int i = 0; i < 20000; i++) {
		struct password_rules loose = {0}, strict = {0};
		char password[32];
		size_t n = random_password(&gen, password);
		uint32_t few, many;

		for (size_t rule = 0; rule < PASSWORD_RULE_MAX; rule++) {
			uint32_t a =
				(uint32_t)gen_between(&gen, ranges[rule].min, ranges[rule].max);
			uint32_t b =
				(uint32_t)gen_between(&gen, ranges[rule].min, ranges[rule].max);
			bool swap = (a > b) != ranges[rule].less_is_stricter;

			loose.numbers[rule] = swap ? b : a;
			strict.numbers[rule] = swap ? a : b;
			/* No such rule at all is looser still. */
			if (gen_below(&gen, 4) == 0)
				loose.numbers[rule] = 0;
		}
		few = judge_bytes(&loose, password, n, "aab");
		many = judge_bytes(&strict, password, n, "aab");
		CHECK_INT(few & ~many, 0);
		CHECK_INT(many & BIT(HISTORY), 0);
		CHECK_INT(judge_bytes(&none, password, n, "aab"), 0);
	}
}

/* More characters at the end mend what was too short, and never mend what was in it. */
static void test_longer(void)
{
	struct password_rules rules = {.numbers = {[PASSWORD_MIN_LENGTH] = 8,
					       [PASSWORD_MAX_SEQUENCE] = 3,
					       [PASSWORD_MAX_REPEAT] = 2,
					       [PASSWORD_NOT_USER_NAME] = 1}};
	struct gen gen = {12};

	for (int i = 0; i < 5000; i++) {
		char password[32];
		size_t n = random_password(&gen, password);
		uint32_t before, after;

		if (n == 0 || n == sizeof(password))
			continue;
		before = judge_bytes(&rules, password, n, "user");
		password[n] = 'x';
		after = judge_bytes(&rules, password, n + 1, "user");
		CHECK_INT(before & ~BIT(MIN_LENGTH) & ~after, 0);
		CHECK_INT(after & ~before & BIT(MIN_LENGTH), 0);
	}
}

static void test_words(void)
{
	char text[128], cut[8];

	for (size_t rule = 0; rule < PASSWORD_RULE_MAX; rule++) {
		memset(text, 'x', sizeof(text));
		password_rule_format(rule, 3, text, sizeof(text));
		CHECK(strncmp(text, "it ", 3) == 0 && strlen(text) < 100);
		memset(cut, 'x', sizeof(cut));
		password_rule_format(rule, 3, cut, sizeof(cut));
		CHECK_INT(strlen(cut), sizeof(cut) - 1);
	}
	password_rule_format(PASSWORD_MIN_LENGTH, 6, text, sizeof(text));
	CHECK_STR(text, "it needs at least 6 characters");
	password_rule_format(PASSWORD_MAX_REPEAT, 1, text, sizeof(text));
	CHECK_STR(text, "it has one character more than 1 time in a row");
}

static const struct check_test tests[] = {
	{"numbers", test_numbers},
	{"common", test_common},
	{"common_share", test_common_share},
	{"user_name", test_user_name},
	{"bytes", test_bytes},
	{"stricter_never_breaks_fewer", test_stricter_never_breaks_fewer},
	{"longer", test_longer},
	{"words", test_words},
};

CHECK_MAIN(tests)
