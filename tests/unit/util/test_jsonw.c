/* SPDX-License-Identifier: Apache-2.0 */
/* test_jsonw.c - written JSON, byte for byte, and hostile text in it; no role, plain process. */
#include "agent/util/jsonw.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "tests/lib/check.h"

static void test_nesting(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct jsonw w = JSONW_INIT(&b);

	jsonw_object(&w, NULL);
	jsonw_object(&w, "empty");
	jsonw_object_end(&w);
	jsonw_array(&w, "none");
	jsonw_array_end(&w);
	jsonw_array(&w, "list");
	jsonw_int(&w, NULL, 1);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "a", "b");
	jsonw_object_end(&w);
	jsonw_array(&w, NULL);
	jsonw_null(&w, NULL);
	jsonw_array_end(&w);
	jsonw_bool(&w, NULL, false);
	jsonw_array_end(&w);
	jsonw_bool(&w, "yes", true);
	jsonw_string(&w, "no", NULL);
	jsonw_raw(&w, "raw", "{\"x\":[]}", 8);
	jsonw_int(&w, "min", INT64_MIN);
	jsonw_int(&w, "max", INT64_MAX);
	jsonw_object_end(&w);
	CHECK_INT(b.error, 0);
	CHECK_STR(b.data, "{\"empty\":{},\"none\":[],\"list\":[1,{\"a\":\"b\"},[null],false],"
			  "\"yes\":true,\"no\":null,\"raw\":{\"x\":[]},"
			  "\"min\":-9223372036854775808,\"max\":9223372036854775807}");
}

static void test_text(void)
{
	static const struct {
		const char *text;
		size_t n_bytes;
		const char *json;
	} rows[] = {
		{"", 0, "\"\""},
		{"plain", 5, "\"plain\""},
		{"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
		{"\n\t\x01\x1f\x7f", 5, "\"\\u000a\\u0009\\u0001\\u001f\\u007f\""},
		{"a\0b", 3, "\"a\\u0000b\""},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
			"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
		/* not UTF-8: one replacement for each byte that fits nowhere */
		{"\xff", 1, "\"\xef\xbf\xbd\""},
		{"a\xc3", 2, "\"a\xef\xbf\xbd\""},
		{"\xc3x", 2, "\"\xef\xbf\xbdx\""},
		{"\xc3\"", 2, "\"\xef\xbf\xbd\\\"\""},
		{"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xe2\x82\xc3\xa4", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xc3\xa4\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct jsonw w = JSONW_INIT(&b);
		_cleanup_free_ char *exact = malloc(rows[i].n_bytes ? rows[i].n_bytes : 1);

		CHECK(exact);
		memcpy(exact, rows[i].text, rows[i].n_bytes);
		jsonw_text(&w, NULL, exact, rows[i].n_bytes);
		CHECK_INT(b.error, 0);
		CHECK_STR(b.data, rows[i].json);
	}
}

/* Every pair of bytes becomes one JSON string: well-formed UTF-8 and no bare quote inside. */
static void test_all_pairs(void)
{
	for (int pair = 0; pair < 65536; pair++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct jsonw w = JSONW_INIT(&b);
		char text[2] = {(char)(pair >> 8), (char)pair};

		jsonw_text(&w, NULL, text, 2);
		CHECK(text_is_valid(b.data, b.n_bytes));
		CHECK(b.data[0] == '"' && b.data[b.n_bytes - 1] == '"');
		for (size_t i = 1; i + 1 < b.n_bytes; i++) {
			if (b.data[i] == '\\')
				i++;
			else
				CHECK(b.data[i] != '"');
			CHECK(i + 1 < b.n_bytes);
		}
	}
}

static void test_names_are_escaped(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct jsonw w = JSONW_INIT(&b);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "a\"b", 1);
	jsonw_object_end(&w);
	CHECK_STR(b.data, "{\"a\\\"b\":1}");
}

static void test_sticky_error(void)
{
	_cleanup_buf_ struct buf b = {.max_bytes = 8};
	struct jsonw w = JSONW_INIT(&b);

	jsonw_string(&w, NULL, "longer than eight");
	jsonw_int(&w, NULL, 1);
	CHECK_INT(b.error, -EFBIG);
	CHECK(b.n_bytes <= 8);
}

static const struct check_test tests[] = {
	{"nesting", test_nesting},
	{"text", test_text},
	{"all_pairs", test_all_pairs},
	{"names_are_escaped", test_names_are_escaped},
	{"sticky_error", test_sticky_error},
};
CHECK_MAIN(tests)
