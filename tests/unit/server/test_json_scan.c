/* SPDX-License-Identifier: Apache-2.0 */
/* test_json_scan.c - the strict JSON reader of the server, also against SQLite's. */
#include "server/json_scan.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "server/bounds.h"
#include "tests/lib/check.h"

static bool accepts(const char *text)
{
	struct span value;

	return json_check(text, strlen(text), &value) == 0;
}

static void test_grammar(void)
{
	static const char *const good[] = {"0", "-0", "1", "-1.5e+10", "1E5", "\"\"", "true",
		"false", "null", "{}", "[]", " [ ] ", "{\"a\":1}", "[1,2,[3]]",
		"{\"a\":{},\"b\":[]}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"",
		"\"\\ud83d\\ude00\"", "\"\xc3\xa9\"", "\"\x7f\"", "\t\r\n 1 \n", "[[],{},\"\",0]"};
	static const char *const bad[] = {"", " ", "{", "}", "[", "]", "{]", "[}", "[1,]", "[,1]",
		"{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "[1 2]", "1 2", "01",
		"-", "+1", "1.", ".5", "1e", "1e+", "0x1", "tru", "nul", "True", "NaN", "Infinity",
		"\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud83d\"", "\"\\ude00\"",
		"\"\\ud83d\\u0041\"", "\"\n\"", "\"\x01\"", "\"\xff\"", "\"\xc3\"",
		"\"\xed\xa0\x80\"", "'a'", "[1]//", "\xef\xbb\xbf{}", "[1]]", "{}{}"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!accepts(good[i]))
			check_fail(__FILE__, __LINE__, "refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (accepts(bad[i]))
			check_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
	CHECK(json_check("1\0", 2, &(struct span){0}) == -EBADMSG);
	CHECK(json_check("\"a\0b\"", 5, &(struct span){0}) == -EBADMSG);
}

static void test_every_prefix_is_refused(void)
{
	static const char text[] =
		"{\"a\":[1.5e3,\"\\u00e9\\\"\",true,null,{\"b\":{}}],\"c\":\"\xc3\xa9\"}";
	struct span value;

	CHECK_INT(json_check(text, sizeof(text) - 1, &value), 0);
	CHECK_INT(value.n, sizeof(text) - 1);
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		CHECK_INT(json_check(text, n, &value), -EBADMSG);
}

static void test_depth(void)
{
	char text[2 * LIMIT_JSON_DEPTH + 3];

	memset(text, '[', LIMIT_JSON_DEPTH);
	memset(text + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
	text[2 * LIMIT_JSON_DEPTH] = 0;
	CHECK(accepts(text));
	memset(text, '[', LIMIT_JSON_DEPTH + 1);
	memset(text + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
	text[2 * LIMIT_JSON_DEPTH + 2] = 0;
	CHECK(!accepts(text));
}

static void test_spans_are_verbatim(void)
{
	static const char text[] = " { \"a\" : { \"x\" : 1.50 , \"y\":[ ] } , \"b\":\"\\u0041\" } ";
	struct span root, value;

	CHECK_INT(json_check(text, strlen(text), &root), 0);
	CHECK_INT(json_member(root, "a", &value), 0);
	CHECK(value.n == strlen("{ \"x\" : 1.50 , \"y\":[ ] }") &&
		memcmp(value.at, "{ \"x\" : 1.50 , \"y\":[ ] }", value.n) == 0);
	CHECK_INT(json_member(root, "c", &value), 0);
	CHECK(!value.at);
	CHECK_INT(json_member(value, "c", &value), -EBADMSG);
}

static void test_members_once(void)
{
	static const char text[] = "{\"a\":1,\"\\u0061\":2,\"b\":3}";
	struct span root, value;

	CHECK_INT(json_check(text, strlen(text), &root), 0);
	CHECK_INT(json_member(root, "a", &value), -EBADMSG);
	CHECK_INT(json_member(root, "b", &value), 0);
}

static void test_strings(void)
{
	struct span value;
	char text[8];

	CHECK_INT(json_check("\"\\u00e9\\n\\/\"", 12, &value), 0);
	CHECK_INT(json_string(value, text, sizeof(text)), 0);
	CHECK_STR(text, "\xc3\xa9\n/");
	CHECK(json_equals(value, "\xc3\xa9\n/"));
	CHECK(!json_equals(value, "\xc3\xa9\n"));
	CHECK(!json_equals(value, "\xc3\xa9\n/x"));
	CHECK_INT(json_check("\"\\ud83d\\ude00\"", 14, &value), 0);
	CHECK_INT(json_string(value, text, sizeof(text)), 0);
	CHECK_STR(text, "\xf0\x9f\x98\x80");
	CHECK_INT(json_check("\"1234567\"", 9, &value), 0);
	CHECK_INT(json_string(value, text, sizeof(text)), 0);
	CHECK_INT(json_check("\"12345678\"", 10, &value), 0);
	CHECK_INT(json_string(value, text, sizeof(text)), -EFBIG);
	/* NUL has no C string. */
	CHECK_INT(json_check("\"\\u0000\"", 8, &value), 0);
	CHECK_INT(json_string(value, text, sizeof(text)), -EBADMSG);
	CHECK(!json_equals(value, ""));
	CHECK_INT(json_check("12", 2, &value), 0);
	CHECK_INT(json_string(value, text, sizeof(text)), -EBADMSG);
}

static void test_integers(void)
{
	static const char *const bad[] = {"1.0", "1e3", "\"1\"", "101", "-1",
		"99999999999999999999", "1234567890123456789012345", "null", "[]"};
	struct span value;
	int64_t number = -7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_INT(json_check(bad[i], strlen(bad[i]), &value), 0);
		CHECK_INT(json_integer(value, 0, 100, &number), -EBADMSG);
		CHECK_INT(number, -7);
	}
	CHECK_INT(json_check(" 100 ", 5, &value), 0);
	CHECK_INT(json_integer(value, 0, 100, &number), 0);
	CHECK_INT(number, 100);
}

/* What we accept, SQLite must accept too: it stores and others will read it with other parsers. */
static void test_agrees_with_sqlite(void)
{
	static const char alphabet[] = "{}[]:,\"\\u0a1-.eE tn";
	sqlite3_stmt *statement;
	unsigned int seed = 4711;
	int n_accepted = 0;
	sqlite3 *db;

	CHECK_INT(sqlite3_open(":memory:", &db), SQLITE_OK);
	CHECK_INT(sqlite3_prepare_v2(db, "SELECT json_valid(?)", -1, &statement, NULL), SQLITE_OK);
	for (int i = 0; i < 200000; i++) {
		char text[12];
		size_t n = 1;

		for (size_t k = 0; k < sizeof(text) - 1; k++) {
			seed = seed * 1103515245 + 12345;
			text[k] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		n = 1 + (seed >> 8) % (sizeof(text) - 1);
		text[n] = 0;
		if (!accepts(text))
			continue;
		n_accepted++;
		sqlite3_bind_text(statement, 1, text, (int)n, SQLITE_STATIC);
		if (sqlite3_step(statement) != SQLITE_ROW || !sqlite3_column_int(statement, 0))
			check_fail(__FILE__, __LINE__, "SQLite refuses: %s", text);
		sqlite3_reset(statement);
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	CHECK(n_accepted > 1000);
}

static const struct check_test tests[] = {
	{"grammar", test_grammar},
	{"every_prefix_is_refused", test_every_prefix_is_refused},
	{"depth", test_depth},
	{"spans_are_verbatim", test_spans_are_verbatim},
	{"members_once", test_members_once},
	{"strings", test_strings},
	{"integers", test_integers},
	{"agrees_with_sqlite", test_agrees_with_sqlite},
};
CHECK_MAIN(tests)
