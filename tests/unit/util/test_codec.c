/* SPDX-License-Identifier: Apache-2.0 */
/* test_codec.c - one text for each value, and nothing else is read; no role, plain process. */
#include "agent/util/codec.h"

#include <errno.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

static int decode(const char *text, char *ret_data, size_t max, size_t *ret_n)
{
	return base64url_decode(text, strlen(text), ret_data, max, ret_n);
}

/* RFC 4648, section 10, without padding; and the two characters that differ from base64. */
static void test_base64url_vectors(void)
{
	static const struct {
		const char *plain, *text;
	} rows[] = {
		{"", ""},
		{"f", "Zg"},
		{"fo", "Zm8"},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg"},
		{"fooba", "Zm9vYmE"},
		{"foobar", "Zm9vYmFy"},
		{"\xfb\xef\xbe", "----"},
		{"\xff\xff\xff", "____"},
		{"\xfb\xff", "-_8"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[16], data[16];
		size_t n = 99;

		base64url_encode(rows[i].plain, strlen(rows[i].plain), text);
		CHECK_STR(text, rows[i].text);
		CHECK_INT(strlen(text), BASE64URL_LENGTH(strlen(rows[i].plain)));
		CHECK_INT(decode(rows[i].text, data, sizeof(data), &n), 0);
		CHECK_INT(n, strlen(rows[i].plain));
		CHECK(memcmp(data, rows[i].plain, n) == 0);
	}
}

static void test_base64url_refused(void)
{
	static const char *const rows[] = {
		"Z",
		"Zm9vY",
		"Zg==",
		"Zm8=",
		"Zm9v\n",
		" Zm9",
		"Zm 9v",
		"Zm+v",
		"Zm/v",
		"Zm9\xc3",
		"Zm9.",
		/* bits behind the last byte */
		"Zh",
		"Zm9",
		"Zm-",
		"Z_",
	};
	char data[16];
	size_t n = 99;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (decode(rows[i], data, sizeof(data), &n) != -EBADMSG || n != 99)
			check_fail(__FILE__, __LINE__, "row %zu: \"%s\"", i, rows[i]);
	CHECK_INT(base64url_decode("Zm\0v", 4, data, sizeof(data), &n), -EBADMSG);
}

static void test_base64url_room(void)
{
	char data[3];
	size_t n = 99;

	CHECK_INT(decode("Zm9v", data, 2, &n), -EFBIG);
	CHECK_INT(n, 99);
	CHECK_INT(decode("Zm9v", data, 3, &n), 0);
	CHECK_INT(decode("", data, 0, &n), 0);
	CHECK_INT(n, 0);
	CHECK_INT(decode("Zg", data, 0, &n), -EFBIG);
}

/* Of all texts of four characters and less, exactly those are read that encoding writes. */
static void test_base64url_is_a_bijection(void)
{
	static const char some[] = "AQgwZz09-_=+/. ";
	size_t n_some = strlen(some), n_read = 0;

	for (size_t length = 2; length <= 4; length++) {
		size_t count = 1;

		for (size_t i = 0; i < length; i++)
			count *= n_some;
		for (size_t number = 0; number < count; number++) {
			char text[5] = "", again[5];
			uint8_t data[3];
			size_t rest = number, n;

			for (size_t i = 0; i < length; i++, rest /= n_some)
				text[i] = some[rest % n_some];
			if (base64url_decode(text, length, data, sizeof(data), &n) != 0)
				continue;
			n_read++;
			base64url_encode(data, n, again);
			CHECK_STR(again, text);
		}
	}
	CHECK(n_read > 1000);
}

/* What both readers make of a text: the value, or NULL where it is refused. */
static void test_base64(void)
{
	static const struct {
		const char *text, *padded, *unpadded;
	} rows[] = {
		/* RFC 4648, section 10 */
		{"", "", ""},
		{"Zg==", "f", "f"},
		{"Zm8=", "fo", "fo"},
		{"Zm9v", "foo", "foo"},
		{"Zm9vYg==", "foob", "foob"},
		{"Zm9vYmE=", "fooba", "fooba"},
		{"Zm9vYmFy", "foobar", "foobar"},
		{"++++", "\xfb\xef\xbe", "\xfb\xef\xbe"},
		{"////", "\xff\xff\xff", "\xff\xff\xff"},
		/* white space */
		{" \r\n\t", "", ""},
		{"Zm9v\r\nYmFy\r\n", "foobar", "foobar"},
		{"Z m 9\nv", "foo", "foo"},
		{"Zg=\n=\n", "f", "f"},
		{" Q\r\nU\tI = \n", "AB", "AB"},
		{"Zm9v\v", NULL, NULL},
		{"Zm9v\f", NULL, NULL},
		/* without padding */
		{"Zg", NULL, "f"},
		{"Z\ng\n", NULL, "f"},
		{"Zm8", NULL, "fo"},
		{"QUJDRA", NULL, "ABCD"},
		/* a wrong one */
		{"Zg=", NULL, NULL},
		{"Zg===", NULL, NULL},
		{"Zm8==", NULL, NULL},
		{"Zm9v=", NULL, NULL},
		{"Zm9v====", NULL, NULL},
		{"=", NULL, NULL},
		{"====", NULL, NULL},
		{"Z===", NULL, NULL},
		{"Q=Q=", NULL, NULL},
		{"QQ=A", NULL, NULL},
		{"Zg==Zg==", NULL, NULL},
		/* a character short */
		{"Q", NULL, NULL},
		{"QUJDR", NULL, NULL},
		/* trailing bits */
		{"Zh==", NULL, NULL},
		{"Zm9=", NULL, NULL},
		{"Zh", NULL, NULL},
		/* other alphabets */
		{"Zm-v", NULL, NULL},
		{"Zm_v", NULL, NULL},
		{"QU*D", NULL, NULL},
		{"Zm9v.", NULL, NULL},
		{"Zm9\xc3", NULL, NULL},
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		const char *text = rows[i / 2].text;
		const char *value = i % 2 ? rows[i / 2].unpadded : rows[i / 2].padded;
		char data[16] = "";
		size_t n = 99;
		int r = (i % 2 ? base64_decode_unpadded : base64_decode)(
			text, strlen(text), data, sizeof(data), &n);

		if (r != (value ? 0 : -EBADMSG) || n != (value ? strlen(value) : 99) ||
			(value && memcmp(data, value, n) != 0))
			check_fail(__FILE__, __LINE__, "row %zu: \"%s\": %d", i / 2, text, r);
	}
}

static void test_base64_room(void)
{
	char data[6];
	size_t n = 99;

	CHECK_INT(base64_decode("Zm9vYmFy", 8, data, 5, &n), -EFBIG);
	CHECK_INT(base64_decode("Zm9vYmE=", 8, data, 4, &n), -EFBIG);
	CHECK_INT(base64_decode_unpadded("Zg", 2, data, 0, &n), -EFBIG);
	CHECK_INT(n, 99);
	CHECK_INT(base64_decode("Zm9vYmFy", 8, data, 6, &n), 0);
	CHECK_INT(base64_decode("Zm9vYmE=", 8, data, 5, &n), 0);
	CHECK_INT(n, 5);
	CHECK_INT(base64_decode("Zm9v\0", 5, data, 6, &n), -EBADMSG);
	CHECK_INT(base64_decode_unpadded("Zm9v\0", 5, data, 6, &n), -EBADMSG);
}

static void test_base64_lines(void)
{
	uint8_t data[200], back[200];

	for (size_t length = 0; length <= sizeof(data); length++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		size_t n = 99, n_lines = 0;

		CHECK_INT(random_bytes(data, sizeof(data)), 0);
		base64_write(data, length, "\r\n", &text);
		CHECK_INT(text.error, 0);
		for (const char *line = text.data; line && *line; n_lines++) {
			size_t n_line = strcspn(line, "\r");

			CHECK(n_line % 4 == 0 && n_line <= 64);
			CHECK(strncmp(line + n_line, "\r\n", 2) == 0);
			line += n_line + 2;
			CHECK(n_line == 64 || !*line);
		}
		CHECK_INT(n_lines, (length + 47) / 48);
		CHECK_INT(base64_decode(text.data, text.n_bytes, back, length, &n), 0);
		CHECK_INT(n, length);
		CHECK(memcmp(data, back, n) == 0);
	}
}

static void test_base64_known_lines(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	base64_write("foob", 4, "\n", &text);
	base64_write("fooba", 5, "\n", &text);
	base64_write("\xfb\xef\xbe\xff\xff\xff", 6, "\n", &text);
	CHECK_STR(text.data, "Zm9vYg==\nZm9vYmE=\n++++////\n");
}

static void test_hex(void)
{
	static const char *const bad[] = {"", "0", "0a1", "0A1b", "0g1b", "0a 1b", "0a1b2", "0x1b"};
	uint8_t data[2] = {7, 7};
	char text[5];

	CHECK_INT(hex_decode("0aff", data, 2), 0);
	CHECK_INT(data[0], 0x0a);
	CHECK_INT(data[1], 0xff);
	hex_encode(data, 2, text);
	CHECK_STR(text, "0aff");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(!hex_is_valid(bad[i], 2));
		CHECK_INT(hex_decode(bad[i], data, 2), -EBADMSG);
	}
	CHECK_INT(data[1], 0xff);
	CHECK(hex_is_valid("", 0));
	CHECK(hex_is_valid("0123456789abcdef", 8));
}

static void test_little_endian(void)
{
	uint8_t bytes[9] = {0};

	le_put(bytes, UINT64_C(0x8877665544332211), 8);
	CHECK(memcmp(bytes, "\x11\x22\x33\x44\x55\x66\x77\x88", 9) == 0);
	CHECK(le_get(bytes, 8) == UINT64_C(0x8877665544332211));
	CHECK_INT(le_get(bytes, 4), 0x44332211);
	CHECK_INT(le_get(bytes + 7, 1), 0x88);
	le_put(bytes, 0x1ff, 1);
	CHECK_INT(le_get(bytes, 2), 0x22ff);
}

static void test_names(void)
{
	static const char *const good[] = {"a", "A-Z.0_9", "_x", "9", "a.", "a-", "a..b"};
	static const char *const bad[] = {"", ".", "..", ".a", "-a", "a b", "a/b", "a\n",
		"\xc3\xa4", "a:b", "a+b", "a=b", "a\x7f"};
	char text[LIMIT_NAME_BYTES + 2] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!name_is_valid(good[i]))
			check_fail(__FILE__, __LINE__, "\"%s\" refused", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (name_is_valid(bad[i]))
			check_fail(__FILE__, __LINE__, "\"%s\" taken", bad[i]);
	memset(text, 'a', LIMIT_NAME_BYTES);
	CHECK(name_is_valid(text));
	text[LIMIT_NAME_BYTES] = 'a';
	CHECK(!name_is_valid(text));
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		int64_t min, max;
		int answer;
		int64_t value;
	} rows[] = {
		{"0", 0, 9, 0, 0},
		{"9", 0, 9, 0, 9},
		{"007", 0, 9, 0, 7},
		{"10", 0, 9, -ERANGE, 0},
		{"0", 1, 9, -ERANGE, 0},
		{"-1", -1, 9, 0, -1},
		{"-2", -1, 9, -ERANGE, 0},
		{"-0", -1, 9, 0, 0},
		{"-1", 0, 9, -EINVAL, 0},
		{"9223372036854775807", 0, INT64_MAX, 0, INT64_MAX},
		{"9223372036854775808", 0, INT64_MAX, -ERANGE, 0},
		{"-9223372036854775808", INT64_MIN, INT64_MAX, 0, INT64_MIN},
		{"-9223372036854775809", INT64_MIN, INT64_MAX, -ERANGE, 0},
		{"99999999999999999999999999", 0, INT64_MAX, -ERANGE, 0},
		{"", 0, 9, -EINVAL, 0},
		{"-", -9, 9, -EINVAL, 0},
		{"--1", -9, 9, -EINVAL, 0},
		{"+1", -9, 9, -EINVAL, 0},
		{" 1", 0, 9, -EINVAL, 0},
		{"1 ", 0, 9, -EINVAL, 0},
		{"1.0", 0, 9, -EINVAL, 0},
		{"1e0", 0, 9, -EINVAL, 0},
		{"0x1", 0, 9, -EINVAL, 0},
		{"one", 0, 9, -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t value = 77;
		int r = parse_int64(rows[i].text, rows[i].min, rows[i].max, &value);

		if (r != rows[i].answer || value != (r == 0 ? rows[i].value : 77))
			check_fail(__FILE__, __LINE__, "\"%s\": %d, %lld", rows[i].text, r,
				(long long)value);
	}
}

/* RFC 3629, section 4 and the cases around each border. */
static void test_utf8(void)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{"", true},
		{"plain ~!", true},
		{"\xc2\x80", true},
		{"\xdf\xbf", true},
		{"\xe0\xa0\x80", true},
		{"\xed\x9f\xbf", true},
		{"\xee\x80\x80", true},
		{"\xef\xbf\xbf", true},
		{"\xf0\x90\x80\x80", true},
		{"\xf4\x8f\xbf\xbf", true},
		{"a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z", true},
		/* control characters */
		{"\x01", false},
		{"\x1f", false},
		{"\n", false},
		{"a\tb", false},
		{"\x7f", false},
		/* bytes that never occur, or not there */
		{"\x80", false},
		{"\xbf", false},
		{"\xc0\x80", false},
		{"\xc1\xbf", false},
		{"\xf5\x80\x80\x80", false},
		{"\xff", false},
		/* overlong, surrogates, above U+10FFFF */
		{"\xe0\x9f\xbf", false},
		{"\xed\xa0\x80", false},
		{"\xed\xbf\xbf", false},
		{"\xf0\x8f\xbf\xbf", false},
		{"\xf4\x90\x80\x80", false},
		/* too short, or followed by something else */
		{"\xc2", false},
		{"\xc2x", false},
		{"\xe2\x82", false},
		{"\xe2\x82x", false},
		{"\xf0\x9f\x98", false},
		{"\xf0\x9f\x98x", false},
		{"\xc2\xc2", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(rows[i].text);
		_cleanup_free_ char *exact = malloc(n ? n : 1);

		CHECK(exact);
		memcpy(exact, rows[i].text, n);
		if (text_is_valid(exact, n) != rows[i].valid)
			check_fail(__FILE__, __LINE__, "row %zu", i);
	}
	CHECK(!text_is_valid("a\0b", 3));
}

static void test_lines(void)
{
	CHECK(text_has_line("a\nbc\n", "a") && text_has_line("a\nbc\n", "bc"));
	CHECK(text_has_line("\n", "") && !text_has_line("a\n", ""));
	CHECK(!text_has_line("a\nbc\n", "b") && !text_has_line("a\nbc\n", "c"));
	/* A line that was cut short is none. */
	CHECK(!text_has_line("a\nbc", "bc"));
	CHECK(!text_has_line("", "a") && !text_has_line(NULL, "a"));
}

static const struct check_test tests[] = {
	{"base64url_vectors", test_base64url_vectors},
	{"base64url_refused", test_base64url_refused},
	{"base64url_room", test_base64url_room},
	{"base64url_is_a_bijection", test_base64url_is_a_bijection},
	{"base64", test_base64},
	{"base64_room", test_base64_room},
	{"base64_lines", test_base64_lines},
	{"base64_known_lines", test_base64_known_lines},
	{"hex", test_hex},
	{"little_endian", test_little_endian},
	{"names", test_names},
	{"numbers", test_numbers},
	{"utf8", test_utf8},
	{"lines", test_lines},
};
CHECK_MAIN(tests)
