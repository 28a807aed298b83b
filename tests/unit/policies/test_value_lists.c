/* SPDX-License-Identifier: Apache-2.0 */
/* test_value_lists.c - lists of several profiles that all count, and the forms of their texts. */
#include <errno.h>

#include "agent/util/jsonw.h"
#include "policies/value_read.h"
#include "tests/lib/check.h"

static const struct setting_row lists = {
	0, 0, "lists", VALUE_LISTS, MERGE_INTERSECTION, "", 0, 0, "x"};

/* Reads one list of a profile. */
static struct value list_value(const char *json)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();
	struct value value = {0};

	json_object_object_add(object, "lists", json_tokener_parse(json));
	if (value_read(&lists, object, "p", &value, NULL) < 0)
		check_fail(__FILE__, __LINE__, "%s is refused", json);
	return value;
}

/* Of several profiles, each list counts; one around another says nothing more. */
static void test_lists(void)
{
	static const struct {
		const char *a, *b, *text, *json;
		bool a_satisfies, b_satisfies; /* the other one */
	} cases[] = {
		{"[\"b\",\"a\"]", "[\"c\",\"a\"]", "a, b; and one of a, c",
			"[[\"a\",\"b\"],[\"a\",\"c\"]]", false, false},
		{"[\"b\",\"a\"]", "[\"a\"]", "a", "[[\"a\"]]", false, true},
		{"[\"b\",\"a\"]", "[\"a\",\"b\"]", "a, b", "[[\"a\",\"b\"]]", true, true},
		{"[\"ab\",\"a b\"]", "[\"a\"]", "a; and one of a b, ab",
			"[[\"a\"],[\"a b\",\"ab\"]]", false, false},
		/* Nothing is in an empty list. */
		{"[\"a\"]", "[]", "none", "[[]]", false, true},
		{"[]", "[]", "none", "[[]]", true, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(value_done) struct value a = list_value(cases[i].a), merged = {0};
		_cleanup_(value_done) struct value b = list_value(cases[i].b);
		_cleanup_buf_ struct buf text = BUF_INIT, json = BUF_INIT;
		struct jsonw w = JSONW_INIT(&json);

		CHECK_INT(value_merge(&lists, &a, &b, &merged), 0);
		value_format(&lists, &merged, &text);
		CHECK_STR(text.data, cases[i].text);
		value_write(&lists, &merged, &w, NULL);
		CHECK_STR(json.data, cases[i].json);
		CHECK_INT(value_satisfies(&lists, &a, &b), cases[i].a_satisfies);
		CHECK_INT(value_satisfies(&lists, &b, &a), cases[i].b_satisfies);
		CHECK(!value_demands_nothing(&lists, &a));
	}
}

static bool is_short(const char *text, size_t n_bytes, const char **ret_why)
{
	(void)text;
	*ret_why = "is too long";
	return n_bytes < 4;
}

/* The form of a row is asked about every text, and what it says is passed on. */
static void test_form(void)
{
	static const struct value_form form = {is_short, "^.{1,3}$"};
	static const struct {
		const char *json, *message;
	} cases[] = {
		{"[\"abc\",\"\"]", "element 1 is none"},
		{"[\"abc\",\"abcd\"]", "element 1, \"abcd\", is too long"},
		/* Never half a character of it. */
		{"[\"aüüüüüüüüüüüüüüüüüüüü\"]",
			"element 0, \"aüüüüüüüüüüüüüüüüüüü...\", is too long"},
	};
	static const enum value_type types[] = {VALUE_SET, VALUE_LISTS};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		struct setting_row row = {0, 0, "form", types[i % 2], MERGE_INTERSECTION, "", 0, 0,
			"x", NULL, NULL, &form};
		_cleanup_json_ struct json_object *object = json_object_new_object();
		struct value value = {.number = 42};
		struct json_error error = {0};

		json_object_object_add(object, "form", json_tokener_parse(cases[i / 2].json));
		CHECK_INT(value_read(&row, object, "p", &value, &error), -EBADMSG);
		CHECK_INT(value.number, 42);
		CHECK_STR(error.path, "p.form");
		if (!strstr(error.message, cases[i / 2].message))
			check_fail(__FILE__, __LINE__, "%s: %s", cases[i / 2].json, error.message);
	}
}

static const struct check_test tests[] = {
	{"lists", test_lists},
	{"form", test_form},
};

CHECK_MAIN(tests)
