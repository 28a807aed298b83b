/* SPDX-License-Identifier: Apache-2.0 */
/* test_json_read.c - what the strict JSON reader takes and refuses; no role, plain process. */
#include "agent/json/json_read.h"

#include <errno.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/limits.h"
#include "tests/lib/check.h"

struct row {
	const char *text;
	size_t n_bytes;	     /* 0: strlen */
	const char *message; /* part of the refusal; NULL: accepted */
};

static size_t row_length(const struct row *row)
{
	return row->n_bytes ? row->n_bytes : strlen(row->text);
}

/* Parses a copy of exact size, so that a read behind the end is seen by the sanitizer. */
static int parse_exact(
	const char *text, size_t n_bytes, struct json_object **ret_object, struct json_error *error)
{
	_cleanup_free_ char *copy = malloc(n_bytes ? n_bytes : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, n_bytes);
	return json_parse(copy, n_bytes, ret_object, error);
}

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct row rows[] = {
	{"{}"},
	{" \t\r\n{ } \n"},
	{"{\"a\":1,\"b\":[],\"c\":{\"a\":null},\"d\":[true,false,{\"a\":\"x\"}]}"},
	{"{\"a\":[{\"a\":1},{\"a\":1}]}"},
	{"{\"a\":-1.5e+3,\"b\":0.25,\"c\":1E5,\"d\":0,\"e\":0e0}"},
	{"{\"a\":9223372036854775807,\"b\":-9223372036854775808}"},
	{"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83D\\uDE00\"}"},
	{"{\"\":1}"},
	{"{\"a\":\"\x7f\"}"},
	{"{\"ä\":\"€😀\"}"},
	/* the outermost value */
	{BYTES(""), "an object is expected"},
	{" ", 0, "an object is expected"},
	{"[]", 0, "an object is expected"},
	{"\"a\"", 0, "an object is expected"},
	{"null", 0, "an object is expected"},
	{"\xef\xbb\xbf{}", 0, "an object is expected"},
	{"/**/{}", 0, "an object is expected"},
	{"{}{}", 0, "something follows"},
	{"{} x", 0, "something follows"},
	{"{},", 0, "something follows"},
	{"{}//", 0, "something follows"},
	{BYTES("{}\0"), "something follows"},
	{"{}\v", 0, "something follows"},
	/* structure */
	{"{", 0, "member name"},
	{"{\"a\"", 0, "colon"},
	{"{\"a\":", 0, "too early"},
	{"{\"a\":1", 0, "comma or a closing"},
	{"{\"a\":1,", 0, "member name"},
	{"{\"a\":1,}", 0, "member name"},
	{"{,}", 0, "member name"},
	{"{a:1}", 0, "member name"},
	{"{'a':1}", 0, "member name"},
	{"{\"a\" 1}", 0, "colon"},
	{"{\"a\":1 \"b\":2}", 0, "comma or a closing"},
	{"{\"a\":1]", 0, "comma or a closing"},
	{"{\"a\":[1}", 0, "comma or a closing"},
	{"{\"a\":[1,]}", 0, "malformed number or an unknown word"},
	{"{\"a\":[,1]}", 0, "malformed number or an unknown word"},
	{"{\"a\":[1 2]}", 0, "comma or a closing"},
	{"{1:1}", 0, "member name"},
	/* words and numbers */
	{"{\"a\":True}", 0, "unknown word"},
	{"{\"a\":tru}", 0, "unknown word"},
	{"{\"a\":truex}", 0, "comma or a closing"},
	{"{\"a\":NaN}", 0, "unknown word"},
	{"{\"a\":Infinity}", 0, "unknown word"},
	{"{\"a\":nul", 0, "unknown word"},
	{"{\"a\":-}", 0, "malformed number"},
	{"{\"a\":+1}", 0, "malformed number"},
	{"{\"a\":.5}", 0, "malformed number"},
	{"{\"a\":01}", 0, "comma or a closing"},
	{"{\"a\":-01}", 0, "64 bits, or -0"},
	{"{\"a\":0x10}", 0, "comma or a closing"},
	{"{\"a\":1.}", 0, "without digits behind"},
	{"{\"a\":1e}", 0, "without digits in its exponent"},
	{"{\"a\":1e+}", 0, "without digits in its exponent"},
	{"{\"a\":-0}", 0, "64 bits, or -0"},
	{"{\"a\":9223372036854775808}", 0, "64 bits, or -0"},
	{"{\"a\":-9223372036854775809}", 0, "64 bits, or -0"},
	{"{\"a\":18446744073709551616}", 0, "64 bits, or -0"},
	{"{\"a\":1111111111111111111111111111111111111111}", 0, "64 bits, or -0"},
	/* text */
	{"{\"a\":\"", 0, "closing quote"},
	{"{\"a\":\"\\", 0, "unknown escape"},
	{"{\"a\":\"\\x41\"}", 0, "unknown escape"},
	{"{\"a\":\"\\u12\"}", 0, "four hexadecimal"},
	{"{\"a\":\"\\u12g4\"}", 0, "four hexadecimal"},
	{"{\"a\":\"\\u123", 0, "four hexadecimal"},
	{"{\"a\":\"\\u0000\"}", 0, "NUL"},
	{"{\"a\":\"\\ud800\"}", 0, "surrogate"},
	{"{\"a\":\"\\ud800\\n\"}", 0, "surrogate"},
	{"{\"a\":\"\\ud800\\ud800\"}", 0, "surrogate"},
	{"{\"a\":\"\\udc00\"}", 0, "surrogate"},
	{"{\"a\":\"\\ud800\\udc0", 0, "surrogate"},
	{"{\"a\":\"\n\"}", 0, "control character"},
	{"{\"a\":\"\t\"}", 0, "control character"},
	{BYTES("{\"a\":\"x\0y\"}"), "control character"},
	{BYTES("{\"a\":\0}"), "malformed number"},
	{BYTES("\0{}"), "an object is expected"},
	{"{\"a\":\"\xff\"}", 0, "malformed UTF-8"},
	{"{\"a\":\"\xc0\x80\"}", 0, "malformed UTF-8"},
	{"{\"a\":\"\xed\xa0\x80\"}", 0, "malformed UTF-8"},
	{"{\"a\":\"\xf4\x90\x80\x80\"}", 0, "malformed UTF-8"},
	{"{\"a\":\"\xe2\x82\"}", 0, "malformed UTF-8"},
	{"{\"\xe2\x82\":1}", 0, "malformed UTF-8"},
	/* names */
	{"{\"a\":1,\"a\":1}", 0, "its object has already"},
	{"{\"a\":1,\"b\":2,\"a\":3}", 0, "its object has already"},
	{"{\"\":1,\"\":1}", 0, "its object has already"},
	{"{\"x\":[{\"y\":{\"a\":1,\"a\":2}}]}", 0, "its object has already"},
	{"{\"a\":{\"b\":1},\"a\":2}", 0, "its object has already"},
	{"{\"\\u0061\":1}", 0, "escape sequence in a member name"},
	{"{\"a\\n\":1}", 0, "escape sequence in a member name"},
};

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_json_ struct json_object *object = NULL;
		struct json_error error = {0};
		int r = parse_exact(rows[i].text, row_length(&rows[i]), &object, &error);

		if (!rows[i].message) {
			if (r != 0)
				check_fail(__FILE__, __LINE__, "row %zu refused: %s", i,
					error.message);
			continue;
		}
		if (r != -EBADMSG || object)
			check_fail(__FILE__, __LINE__, "row %zu: %d", i, r);
		else if (!strstr(error.message, rows[i].message))
			check_fail(__FILE__, __LINE__, "row %zu: \"%s\"", i, error.message);
	}
}

static void test_position(void)
{
	_cleanup_json_ struct json_object *object = NULL;
	struct json_error error;

	CHECK_INT(json_parse(BYTES("{\n \"a\":1,\n \"a\":2}"), &object, &error), -EBADMSG);
	CHECK_STR(error.path, "");
	CHECK_STR(error.message, "line 3, column 3: a member name that its object has already");
	CHECK_INT(json_parse(BYTES("{\"a\":01}"), &object, NULL), -EBADMSG);
}

/* n levels in all, the innermost an array with a number in it. */
static void nested(struct buf *out, size_t n)
{
	buf_puts(out, "{\"a\":");
	for (size_t i = 1; i < n; i++)
		buf_puts(out, "[");
	buf_puts(out, "1");
	for (size_t i = 1; i < n; i++)
		buf_puts(out, "]");
	buf_puts(out, "}");
}

static void test_depth(void)
{
	_cleanup_buf_ struct buf fits = BUF_INIT, deep = BUF_INIT, hostile = BUF_INIT;
	_cleanup_json_ struct json_object *object = NULL, *none = NULL;
	struct json_error error;

	nested(&fits, LIMIT_JSON_DEPTH);
	CHECK_INT(parse_exact(fits.data, fits.n_bytes, &object, &error), 0);
	nested(&deep, LIMIT_JSON_DEPTH + 1);
	CHECK_INT(parse_exact(deep.data, deep.n_bytes, &none, &error), -EBADMSG);
	CHECK(strstr(error.message, "nested too deeply"));
	nested(&hostile, 500000);
	CHECK_INT(parse_exact(hostile.data, hostile.n_bytes, &none, &error), -EBADMSG);
	CHECK(strstr(error.message, "nested too deeply"));
}

static void test_members(void)
{
	for (size_t n = LIMIT_JSON_MEMBERS - 1; n <= LIMIT_JSON_MEMBERS + 1; n++) {
		_cleanup_buf_ struct buf object_text = BUF_INIT, array_text = BUF_INIT;
		_cleanup_json_ struct json_object *a = NULL, *b = NULL;
		struct json_error error;
		int expected = n > LIMIT_JSON_MEMBERS ? -EBADMSG : 0;

		for (size_t i = 0; i < n; i++)
			buf_printf(&object_text, "%s\"%zx\":0", i ? "," : "{", i);
		buf_puts(&object_text, "}");
		CHECK_INT(parse_exact(object_text.data, object_text.n_bytes, &a, &error), expected);
		/* The array is a member itself. */
		for (size_t i = 1; i < n; i++)
			buf_puts(&array_text, i > 1 ? ",0" : "{\"a\":[0");
		buf_puts(&array_text, "]}");
		CHECK_INT(parse_exact(array_text.data, array_text.n_bytes, &b, &error), expected);
		if (expected)
			CHECK(strstr(error.message, "too many members"));
	}
}

static void check_members(
	size_t limit, int (*parse)(const char *text, size_t n_bytes,
			      struct json_object **ret_object, struct json_error *error))
{
	for (size_t n = limit; n <= limit + 1; n++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		_cleanup_json_ struct json_object *object = NULL;

		/* The array is a member itself. */
		for (size_t i = 1; i < n; i++)
			buf_puts(&text, i > 1 ? ",0" : "{\"a\":[0");
		buf_puts(&text, "]}");
		CHECK_INT(parse(text.data, text.n_bytes, &object, NULL), n > limit ? -EBADMSG : 0);
	}
}

static void test_listing(void)
{
	check_members(LIMIT_JSON_LISTING, json_parse_listing);
	check_members(LIMIT_JSON_GEOMETRY, json_parse_geometry);
}

/* A duplicate far away from its twin among as many names as are allowed. */
static void test_far_duplicate(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_json_ struct json_object *object = NULL;
	struct json_error error;

	for (size_t i = 0; i + 1 < LIMIT_JSON_MEMBERS; i++)
		buf_printf(&text, "%s\"%zx\":{}", i ? "," : "{", i);
	buf_puts(&text, ",\"0\":{}}");
	CHECK_INT(parse_exact(text.data, text.n_bytes, &object, &error), -EBADMSG);
	CHECK(strstr(error.message, "its object has already"));
}

static void test_truncation(void)
{
	static const char text[] =
		"{\"a\":[1,-2.5e3,{\"b\":\"x\\u00e4\xc3\xa4\"}],\"c\":true,\"d\":null,\"e\":false}";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		_cleanup_json_ struct json_object *object = NULL;

		CHECK_INT(parse_exact(text, n, &object, NULL), -EBADMSG);
	}
}

static void test_getters(void)
{
	static const char text[] = "{\"int\":5,\"neg\":-5,\"double\":1.0,\"exp\":1e3,\"bool\":true,"
				   "\"text\":\"abcd\",\"line\":\"a\\nb\",\"del\":\"\\u007f\","
				   "\"null\":null,\"object\":{},\"array\":[]}";
	_cleanup_json_ struct json_object *o = NULL;
	struct json_object *value = NULL;
	struct json_error error = {.path = "untouched"};
	const char *string = "untouched";
	int64_t number = 77;
	bool flag = false;

	CHECK_INT(json_parse(BYTES(text), &o, NULL), 0);
	CHECK_INT(json_get_int(o, "", "absent", 0, 9, &number, &error), -ENOENT);
	CHECK_INT(json_get_string(o, "", "absent", 9, &string, &error), -ENOENT);
	CHECK_STR(error.path, "untouched");
	CHECK_INT(json_get_int(o, "", "int", 6, 9, &number, &error), -EBADMSG);
	CHECK_STR(error.path, "int");
	CHECK_STR(error.message, "must be an integer from 6 to 9");
	CHECK_INT(json_get_int(o, "p[1]", "int", 0, 4, &number, &error), -EBADMSG);
	CHECK_STR(error.path, "p[1].int");
	CHECK_INT(json_get_int(o, "", "double", 0, 9, &number, &error), -EBADMSG);
	CHECK_INT(json_get_int(o, "", "exp", 0, 9999, &number, &error), -EBADMSG);
	CHECK_INT(json_get_int(o, "", "text", 0, 9, &number, &error), -EBADMSG);
	CHECK_INT(json_get_int(o, "", "bool", 0, 9, &number, &error), -EBADMSG);
	CHECK_INT(json_get_int(o, "", "null", 0, 9, &number, &error), -EBADMSG);
	CHECK_INT(number, 77);
	CHECK_INT(json_get_int(o, "", "int", 5, 5, &number, &error), 0);
	CHECK_INT(number, 5);
	CHECK_INT(json_get_int(o, "", "neg", -5, 0, &number, NULL), 0);
	CHECK_INT(number, -5);
	CHECK_INT(json_get_bool(o, "", "int", &flag, &error), -EBADMSG);
	CHECK_INT(json_get_bool(o, "", "bool", &flag, &error), 0);
	CHECK(flag);
	CHECK_INT(json_get_string(o, "", "int", 9, &string, &error), -EBADMSG);
	CHECK_INT(json_get_string(o, "", "text", 3, &string, &error), -EBADMSG);
	CHECK_STR(error.message, "must be text of at most 3 bytes");
	CHECK_INT(json_get_string(o, "", "line", 9, &string, &error), -EBADMSG);
	CHECK_INT(json_get_string(o, "", "del", 9, &string, &error), -EBADMSG);
	CHECK_STR(string, "untouched");
	CHECK_INT(json_get_string(o, "", "text", 4, &string, &error), 0);
	CHECK_STR(string, "abcd");
	CHECK_INT(json_get_object(o, "", "array", &value, &error), -EBADMSG);
	CHECK_INT(json_get_array(o, "", "object", &value, &error), -EBADMSG);
	CHECK_INT(json_get_object(o, "", "null", &value, &error), -EBADMSG);
	CHECK(!value);
	CHECK_INT(json_get_object(o, "", "object", &value, &error), 0);
	CHECK_INT(json_get_array(o, "", "array", &value, &error), 0);
}

static void test_required_and_only(void)
{
	static const char *const all[] = {"a", "b", NULL}, *const some[] = {"b", NULL};
	_cleanup_json_ struct json_object *o = NULL, *odd = NULL;
	struct json_error error;

	CHECK_INT(json_parse(BYTES("{\"a\":1,\"b\":2}"), &o, NULL), 0);
	CHECK_INT(json_required(-ENOENT, "x", "y", &error), -EBADMSG);
	CHECK_STR(error.path, "x.y");
	CHECK_STR(error.message, "is missing");
	CHECK_INT(json_required(0, "x", "y", NULL), 0);
	CHECK_INT(json_required(-ENOMEM, "x", "y", NULL), -ENOMEM);
	CHECK_INT(json_only(o, "", all, &error), 0);
	CHECK_INT(json_only(o, "top", some, &error), -EBADMSG);
	CHECK_STR(error.path, "top");
	CHECK_STR(error.message, "has the unknown member \"a\"");
	CHECK_INT(json_parse(BYTES("{\"\x7f\":1}"), &odd, NULL), 0);
	CHECK_INT(json_only(odd, "", all, &error), -EBADMSG);
	CHECK_STR(error.message, "has an unknown member");
}

/* A long path is cut, never written beyond its field. */
static void test_long_path(void)
{
	_cleanup_json_ struct json_object *o = NULL;
	struct json_error error;
	char path[1000];
	int64_t number;

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	CHECK_INT(json_parse(BYTES("{\"a\":true}"), &o, NULL), 0);
	CHECK_INT(json_get_int(o, path, "a", 0, 1, &number, &error), -EBADMSG);
	CHECK_INT(strlen(error.path), sizeof(error.path) - 1);
}

static const struct check_test tests[] = {
	{"rows", test_rows},
	{"position", test_position},
	{"depth", test_depth},
	{"members", test_members},
	{"members of a listing", test_listing},
	{"far_duplicate", test_far_duplicate},
	{"truncation", test_truncation},
	{"getters", test_getters},
	{"required_and_only", test_required_and_only},
	{"long_path", test_long_path},
};
CHECK_MAIN(tests)
