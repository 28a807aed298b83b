/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_verify.c - one password against hashes, codes and rules; pipes that are none. The whole
 * program, sealed as on a phone, is in tests/system/auth.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/util/mem.h"
#include "agent/verify/compare.h"
#include "agent/verify/dictionary.h"
#include "agent/verify/verify.h"
#include "policies/password.h"
#include "tests/lib/check.h"

/* Of "Hello world!". */
#define SHA512_HELLO                                                                               \
	"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnI"                             \
	"FNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
#define SHA256_HELLO "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"

static void test_hashes(void)
{
	static const struct {
		const char *password, *hash;
		int match;
	} rows[] = {
		{"Hello world!", SHA512_HELLO, VERIFY_SAME},
		{"Hello world", SHA512_HELLO, VERIFY_DIFFERS},
		{"Hello world!!", SHA512_HELLO, VERIFY_DIFFERS},
		{"hello world!", SHA512_HELLO, VERIFY_DIFFERS},
		{"", SHA512_HELLO, VERIFY_DIFFERS},
		{"Hello world!", SHA256_HELLO, VERIFY_SAME},
		{"Hello world!", "", VERIFY_DIFFERS},
		{"x", "$nosuchmethod$salt$hash", VERIFY_CANNOT},
		{"x", "!", VERIFY_CANNOT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int match = compare_hash(rows[i].password, rows[i].hash);

		if (match != rows[i].match)
			check_fail(__FILE__, __LINE__, "%s: %d, not %d", rows[i].hash, match,
				rows[i].match);
	}
}

/* What the method does not take is wrong, not a method that cannot be counted against. */
static void test_long_passwords(void)
{
	char password[4096];

	memset(password, 'x', sizeof(password));
	for (size_t n = 200; n < sizeof(password); n *= 2) {
		password[n] = 0;
		CHECK_INT(compare_hash(password, SHA512_HELLO), VERIFY_DIFFERS);
		password[n] = 'x';
	}
}

static void test_codes(void)
{
	static const char codes[LIMIT_UNLOCK_CODES][UNLOCK_CODE_DIGITS + 1] = {
		"12345678", "00000000", "", "87654321"};
	static const struct {
		const char *text;
		int found;
	} rows[] = {
		{"12345678", 0},
		{"1234 5678", 0},
		{"12-34-56-78", 0},
		{"12345678 ", 0},
		{"00000000", 1},
		{"87654321", 3},
		{"", -1},
		{" ", -1},
		{" 12345678", -1},
		{"1234567", -1},
		{"123456789", -1},
		{"1234567x", -1},
		{"12345679", -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_INT(compare_code(rows[i].text, strlen(rows[i].text), codes), rows[i].found);
	CHECK_INT(compare_code("12345678\0", 9, codes), -1);
}

static struct password password_of(const char *text)
{
	struct password password = {.n_bytes = strlen(text)};

	memcpy(password.bytes, text, password.n_bytes);
	return password;
}

static int judged(const struct msg_verify_order *order, const struct password *password,
	bool is_change, struct msg_verify_answer *ret_answer)
{
	int r = verify_compare(order, password, ret_answer);

	return r ? r : verify_judge(order, password, is_change, NULL, ret_answer);
}

static void test_judging(void)
{
	struct msg_verify_order order = {.user = "owner", .n_history = 1};
	struct msg_verify_answer answer;
	struct password password = password_of("Hello world!");

	order.rules[PASSWORD_MIN_LENGTH] = 20;
	order.rules[PASSWORD_HISTORY] = 1;
	snprintf(order.hash, sizeof(order.hash), "%s", SHA512_HELLO);
	snprintf(order.history[0], sizeof(order.history[0]), "%s", SHA256_HELLO);
	CHECK_INT(judged(&order, &password, false, &answer), 0);
	CHECK_INT(answer.match, VERIFY_SAME);
	CHECK_INT(answer.broken, 1u << PASSWORD_MIN_LENGTH | 1u << PASSWORD_HISTORY);
	CHECK_INT(answer.code, -1);
	/* Of a wrong one nothing is said: it would be an answer about what somebody typed. */
	password = password_of("Hello");
	CHECK_INT(judged(&order, &password, false, &answer), 0);
	CHECK_INT(answer.match, VERIFY_DIFFERS);
	CHECK_INT(answer.broken, 0);
	/* A new one: the present one is none. */
	CHECK_INT(judged(&order, &password, true, &answer), 0);
	CHECK_INT(answer.broken, 1u << PASSWORD_MIN_LENGTH);
	order.n_history = 0;
	password = password_of("Hello world!");
	CHECK_INT(judged(&order, &password, true, &answer), 0);
	CHECK_INT(answer.broken, 1u << PASSWORD_MIN_LENGTH | 1u << PASSWORD_HISTORY);
	order.rules[PASSWORD_HISTORY] = 0;
	CHECK_INT(judged(&order, &password, true, &answer), 0);
	CHECK_INT(answer.broken, 1u << PASSWORD_MIN_LENGTH);
	/* crypt(3) would stop at the NUL. */
	password.bytes[password.n_bytes + 1] = 'x';
	password.n_bytes += 2;
	CHECK_INT(judged(&order, &password, false, &answer), 0);
	CHECK_INT(answer.match, VERIFY_DIFFERS);
}

static void test_pipes(void)
{
	struct password password;
	char bytes[LIMIT_PASSWORD_BYTES + 10];
	int ends[2], zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	memset(bytes, 'x', sizeof(bytes));
	for (size_t n = 0; n < sizeof(bytes); n += n < 3 || n > 508 ? 1 : 101) {
		CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
		CHECK_INT(write(ends[1], bytes, n), n);
		/* Nobody waits for who may still write. */
		CHECK_INT(password_take(ends[0], &password), -ENODATA);
		close(ends[1]);
		CHECK_INT(password_take(ends[0], &password), n ? 0 : -ENODATA);
		if (n) {
			CHECK_INT(password.n_bytes,
				n > LIMIT_PASSWORD_BYTES ? LIMIT_PASSWORD_BYTES + 1 : n);
			CHECK_INT(password.bytes[password.n_bytes], 0);
		}
		close(ends[0]);
	}
	CHECK_INT(password_take(zero, &password), -ENODATA);
	CHECK_INT(password_take(-1, &password), -ENODATA);
	close(zero);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	CHECK_INT(password_take(ends[0], &password), -ENODATA);
	close(ends[0]);
	close(ends[1]);
}

static void test_words(void)
{
	struct dictionary *dictionary = dictionary_open();

	CHECK(!dictionary_has(NULL, "password"));
	if (!dictionary) {
		check_skip("libpwquality is not installed");
		return;
	}
	CHECK(!dictionary_has(dictionary, "1234"));
	CHECK(!dictionary_has(dictionary, "vM4#kq!zPwX2"));
	/* Short or simple is the policy's business. */
	CHECK(!dictionary_has(dictionary, "zq"));
	CHECK(!dictionary_has(dictionary, "zzzzzzzz"));
	if (access("/var/cache/cracklib/cracklib_dict.pwd", R_OK) == 0 ||
		access("/usr/share/cracklib/pw_dict.pwd", R_OK) == 0)
		CHECK(dictionary_has(dictionary, "elephant"));
	dictionary_free(dictionary);
}

static const struct check_test tests[] = {
	{"hashes", test_hashes},
	{"long passwords", test_long_passwords},
	{"codes", test_codes},
	{"judging", test_judging},
	{"pipes", test_pipes},
	{"words", test_words},
};

CHECK_MAIN(tests)
