/* SPDX-License-Identifier: Apache-2.0 */
/* test_when_place.c - the condition "place": sides, times, whose place it is. */
#include <errno.h>

#include "policies/when_leaf.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

static int parse(const char *text, struct when **ret_when, struct json_error *error)
{
	_cleanup_json_ struct json_object *object = NULL;
	int r = json_parse(text, strlen(text), &object, error);

	return r < 0 ? r : when_parse(object, "w", ret_when, error);
}

static void test_refused(void)
{
	static const struct {
		const char *text, *path, *message;
	} cases[] = {
		{"{\"place\":\"office\"}", "w.place", "object"},
		{"{\"place\":{}}", "w.place", "either inside or outside"},
		{"{\"place\":{\"for\":1}}", "w.place", "either inside or outside"},
		{"{\"place\":{\"inside\":\"a\",\"outside\":\"b\"}}", "w.place", "either"},
		{"{\"place\":{\"inside\":1}}", "w.place.inside", "text"},
		{"{\"place\":{\"outside\":\"a b\"}}", "w.place.outside", "name of a place"},
		{"{\"place\":{\"inside\":\"\"}}", "w.place.inside", "name of a place"},
		{"{\"place\":{\"inside\":\"a\",\"for\":-1}}", "w.place.for", "0 to 31536000"},
		{"{\"place\":{\"inside\":\"a\",\"for\":31536001}}", "w.place.for", "0 to"},
		{"{\"place\":{\"inside\":\"a\",\"near\":1}}", "w.place", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(when_freep) struct when *when = NULL;
		struct json_error error = {0};
		int r = parse(cases[i].text, &when, &error);

		if (r != -EBADMSG || when || strcmp(error.path, cases[i].path) != 0 ||
			!strstr(error.message, cases[i].message))
			check_fail(__FILE__, __LINE__, "%s: %d \"%s\": \"%s\"", cases[i].text, r,
				error.path, error.message);
	}
}

static void test_truths(void)
{
	static const struct {
		const char *text;
		enum truth inside;
		int64_t held_s;
		enum truth truth;
		int64_t next_s;
	} cases[] = {
		{"{\"inside\":\"hq\"}", TRUTH_TRUE, 0, TRUTH_TRUE, INT64_MAX},
		{"{\"inside\":\"hq\"}", TRUTH_FALSE, 9, TRUTH_FALSE, INT64_MAX},
		{"{\"inside\":\"hq\"}", TRUTH_UNKNOWN, 9, TRUTH_UNKNOWN, INT64_MAX},
		{"{\"outside\":\"hq\"}", TRUTH_TRUE, 9, TRUTH_FALSE, INT64_MAX},
		{"{\"outside\":\"hq\"}", TRUTH_FALSE, 0, TRUTH_TRUE, INT64_MAX},
		{"{\"outside\":\"hq\"}", TRUTH_UNKNOWN, 9, TRUTH_UNKNOWN, INT64_MAX},
		{"{\"outside\":\"hq\",\"for\":60}", TRUTH_FALSE, 59, TRUTH_FALSE, 1},
		{"{\"outside\":\"hq\",\"for\":60}", TRUTH_FALSE, 60, TRUTH_TRUE, INT64_MAX},
		{"{\"outside\":\"hq\",\"for\":60}", TRUTH_TRUE, 70, TRUTH_FALSE, INT64_MAX},
		{"{\"outside\":\"hq\",\"for\":60}", TRUTH_UNKNOWN, 70, TRUTH_UNKNOWN, INT64_MAX},
		/* Another place, and none. */
		{"{\"inside\":\"hq2\"}", TRUTH_TRUE, 9, TRUTH_UNKNOWN, INT64_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(when_freep) struct when *when = NULL;
		struct when_place place = {"s", "hq", cases[i].inside, cases[i].held_s};
		struct when_facts facts = {.places = &place, .n_places = 1};
		char text[128];
		int64_t next_s = INT64_MAX;

		snprintf(text, sizeof(text), "{\"place\":%s}", cases[i].text);
		CHECK_INT(parse(text, &when, NULL), 0);
		/* Nobody's place until it is said whose. */
		CHECK_INT(when_evaluate(when, &facts, &next_s), TRUTH_UNKNOWN);
		when_bind(when, "t");
		CHECK_INT(when_evaluate(when, &facts, &next_s), TRUTH_UNKNOWN);
		CHECK(next_s == INT64_MAX);
		when_bind(when, "s");
		CHECK_INT(when_evaluate(when, &facts, &next_s), cases[i].truth);
		CHECK_INT(next_s, cases[i].next_s);
	}
}

static int count_place(void *userdata, const char *name)
{
	buf_printf(userdata, "%s;", name);
	return strcmp(name, "stop") == 0;
}

static void test_each_place(void)
{
	_cleanup_(when_freep) struct when *when = NULL;
	_cleanup_buf_ struct buf names = BUF_INIT, text = BUF_INIT;

	CHECK_INT(
		parse("{\"any\":[{\"place\":{\"inside\":\"a\"}},{\"not\":{\"all\":["
		      "{\"charging\":{\"is\":true}},{\"place\":{\"outside\":\"b\",\"for\":7200}}]}},"
		      "{\"place\":{\"inside\":\"stop\"}},{\"place\":{\"inside\":\"c\"}}]}",
			&when, NULL),
		0);
	CHECK_INT(when_each_place(when, count_place, &names), 1);
	CHECK_STR(names.data, "a;b;stop;");
	when_format(when, &text);
	CHECK_STR(text.data, "inside a or not (charging and outside b for 2 h) or inside stop or "
			     "inside c");
}

static const struct check_test tests[] = {
	{"refused", test_refused},
	{"truths", test_truths},
	{"each_place", test_each_place},
};
CHECK_MAIN(tests)
