/* SPDX-License-Identifier: Apache-2.0 */
/* test_glyph.c - decoding, columns, and that nothing which steers a terminal gets through. */
#include "agent/ctl/glyph.h"

#include "agent/json/json_read.h"
#include "tests/lib/check.h"

static size_t encode(uint32_t code, char ret_text[5])
{
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; code >>= 6)
		ret_text[i] = (char)(0x80 | (code & 0x3f));
	ret_text[0] = (char)(first[n] | code);
	ret_text[n] = 0;
	return n;
}

static void test_decode_is_the_inverse_of_encode(void)
{
	char text[5];
	uint32_t code;

	for (uint32_t c = 1; c < 0x110000; c++) {
		size_t n = encode(c, text), used;

		used = glyph_decode(text, n, &code);
		if (c >= 0xd800 && c <= 0xdfff) {
			CHECK_INT(used, 1);
			CHECK_INT(code, GLYPH_BAD);
			continue;
		}
		CHECK_INT(used, n);
		CHECK_INT(code, c);
	}
}

static void test_malformed_is_one_bad_byte(void)
{
	static const char *const cases[] = {
		"\x80",
		"\xff",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xc3",
		"\xe2\x82",
		"\xf0\x9f\x98",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xed\xa0\x80",
		"\xc3\x28",
	};
	uint32_t code;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_INT(glyph_decode(cases[i], strlen(cases[i]), &code), 1);
		CHECK_INT(code, GLYPH_BAD);
	}
}

static void test_columns(void)
{
	CHECK_INT(glyph_columns("abc", 3), 3);
	CHECK_INT(glyph_columns("M\xc3\xbcller", 7), 6);
	CHECK_INT(glyph_columns("e\xcc\x81", 3), 1);
	CHECK_INT(glyph_columns("\xe6\x97\xa5\xe6\x9c\xac", 6), 4);
	CHECK_INT(glyph_columns("\xf0\x9f\x98\x80", 4), 2);
}

static void check_cleaned(const char *text, const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	glyph_clean(text, strlen(text), &out);
	CHECK_STR(out.data ? out.data : "", expected);
}

static void test_clean(void)
{
	check_cleaned("plain text", "plain text");
	check_cleaned("Stra\xc3\x9f"
		      "e \xe6\x97\xa5",
		"Stra\xc3\x9f"
		"e \xe6\x97\xa5");
	check_cleaned("\033[2J\033]0;owned\007x", "[2J]0;ownedx");
	check_cleaned("a\nb\tc\r\nd", "a b c  d");
	check_cleaned("\x7f\x01\x02z", "z");
	/* C1: CSI as U+009B. */
	check_cleaned("a\xc2\x9b"
		      "31mb",
		"a31mb");
	/* Direction override, isolate, zero-width space, byte order mark, tag. */
	check_cleaned("a\xe2\x80\xae"
		      "b\xe2\x81\xa6"
		      "c\xe2\x80\x8b"
		      "d\xef\xbb\xbf"
		      "e\xf3\xa0\x81\x81",
		"abcde");
	check_cleaned("line\xe2\x80\xa8next", "line next");
	/* A bare C1 byte is not UTF-8. */
	check_cleaned("a\x9b"
		      "b",
		"a\xef\xbf\xbd"
		"b");
}

static void test_clean_limits_piles_of_marks(void)
{
	_cleanup_buf_ struct buf in = BUF_INIT, out = BUF_INIT;

	buf_puts(&in, "e");
	for (int i = 0; i < GLYPH_MARKS_MAX + 1; i++)
		buf_puts(&in, "\xcc\x81");
	buf_puts(&in, "f");
	glyph_clean(in.data, in.n_bytes, &out);
	CHECK_INT(out.n_bytes, 1 + 2 * GLYPH_MARKS_MAX + 1);
}

static void test_clean_leaves_only_safe_text(void)
{
	char text[5];

	for (uint32_t c = 1; c < 0x110000; c++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		uint32_t code;

		glyph_clean(text, encode(c, text), &out);
		for (size_t i = 0; i < out.n_bytes;) {
			i += glyph_decode(out.data + i, out.n_bytes - i, &code);
			CHECK(glyph_is_safe(code));
			CHECK(code >= 0x20 && (code < 0x7f || code > 0x9f));
		}
	}
}

static void test_escaped_json_is_the_same_value(void)
{
	static const char json[] = "{\"a\":\"x\xc2\x9b"
				   "31m\xe2\x80\xae \xf3\xa0\x81\x81 \xc3\xbc\"}";
	_cleanup_json_ struct json_object *before = NULL, *after = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;

	glyph_escape_json(json, strlen(json), &out);
	CHECK_STR(out.data, "{\"a\":\"x\\u009b31m\\u202e \\udb40\\udc41 \xc3\xbc\"}");
	CHECK_INT(json_parse(json, strlen(json), &before, NULL), 0);
	CHECK_INT(json_parse(out.data, out.n_bytes, &after, NULL), 0);
	CHECK(json_object_equal(before, after));
}

static const struct check_test tests[] = {
	{"decode_is_the_inverse_of_encode", test_decode_is_the_inverse_of_encode},
	{"malformed_is_one_bad_byte", test_malformed_is_one_bad_byte},
	{"columns", test_columns},
	{"clean", test_clean},
	{"clean_limits_piles_of_marks", test_clean_limits_piles_of_marks},
	{"clean_leaves_only_safe_text", test_clean_leaves_only_safe_text},
	{"escaped_json_is_the_same_value", test_escaped_json_is_the_same_value},
};
CHECK_MAIN(tests)
