/* SPDX-License-Identifier: Apache-2.0 */
/* test_when_device.c - the conditions "charging" and "network" over every combination of facts. */
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
		{"{\"charging\":true}", "w.charging", "must be an object"},
		{"{\"charging\":{}}", "w.charging.is", "missing"},
		{"{\"charging\":{\"is\":1}}", "w.charging.is", "true or false"},
		{"{\"charging\":{\"is\":null}}", "w.charging.is", "true or false"},
		{"{\"charging\":{\"is\":true,\"level\":50}}", "w.charging", ""},
		{"{\"charging\":{\"metered\":true}}", "w.charging", ""},
		{"{\"network\":[]}", "w.network", "must be an object"},
		{"{\"network\":{}}", "w.network", "online, metered or roaming"},
		{"{\"network\":{\"online\":\"true\"}}", "w.network.online", "true or false"},
		{"{\"network\":{\"online\":true,\"roaming\":0}}", "w.network.roaming",
			"true or false"},
		{"{\"network\":{\"online\":true,\"ssid\":\"home\"}}", "w.network", ""},
		{"{\"not\":{\"network\":{\"is\":true}}}", "w.not.network", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(when_freep) struct when *when = NULL;
		struct json_error error = {0};
		int r = parse(cases[i].text, &when, &error);

		if (r != -EBADMSG || when ||
			strncmp(error.path, cases[i].path, strlen(cases[i].path)) != 0 ||
			!strstr(error.message, cases[i].message))
			check_fail(__FILE__, __LINE__, "%s: %d \"%s\": \"%s\"", cases[i].text, r,
				error.path, error.message);
	}
}

/* What the tables of Kleene's logic say, written down without the code under test. */
static enum truth model_wish(int wish, enum truth fact)
{
	if (wish < 0)
		return TRUTH_TRUE;
	if (fact == TRUTH_UNKNOWN)
		return TRUTH_UNKNOWN;
	return (wish == 1) == (fact == TRUTH_TRUE) ? TRUTH_TRUE : TRUTH_FALSE;
}

static enum truth model_and(enum truth a, enum truth b)
{
	static const enum truth table[TRUTH_MAX][TRUTH_MAX] = {
		[TRUTH_FALSE] = {TRUTH_FALSE, TRUTH_FALSE, TRUTH_FALSE},
		[TRUTH_TRUE] = {TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN},
		[TRUTH_UNKNOWN] = {TRUTH_FALSE, TRUTH_UNKNOWN, TRUTH_UNKNOWN},
	};

	return table[a][b];
}

static void write_wish(struct jsonw *w, const char *name, int wish)
{
	if (wish >= 0)
		jsonw_bool(w, name, wish == 1);
}

/* One condition, wishes in {absent, false, true}, against all 27 states of the link. */
static void check_network(int online, int metered, int roaming)
{
	_cleanup_(when_freep) struct when *when = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct jsonw w = JSONW_INIT(&text);
	struct json_error error = {0};

	jsonw_object(&w, NULL);
	jsonw_object(&w, "network");
	write_wish(&w, "online", online);
	write_wish(&w, "metered", metered);
	write_wish(&w, "roaming", roaming);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	CHECK_INT(parse(text.data, &when, &error), 0);
	for (unsigned int i = 0; i < 27; i++) {
		struct when_facts facts = {
			.charging = TRUTH_UNKNOWN,
			.online = (enum truth)(i % 3),
			.metered = (enum truth)(i / 3 % 3),
			.roaming = (enum truth)(i / 9),
		};
		enum truth expected = model_and(model_and(model_wish(online, facts.online),
							model_wish(metered, facts.metered)),
			model_wish(roaming, facts.roaming));
		int64_t next_s = INT64_MAX;

		CHECK_INT(when_evaluate(when, &facts, &next_s), expected);
		/* Only an event changes it. */
		CHECK(next_s == INT64_MAX);
	}
}

static void test_network_exhaustively(void)
{
	for (int i = 1; i < 27; i++)
		check_network(i % 3 - 1, i / 3 % 3 - 1, i / 9 - 1);
}

static void test_charging(void)
{
	for (int wish = 0; wish <= 1; wish++)
		for (size_t fact = 0; fact < TRUTH_MAX; fact++) {
			_cleanup_(when_freep) struct when *when = NULL, *negated = NULL;
			struct when_facts facts = {
				.charging = (enum truth)fact,
				.online = TRUTH_UNKNOWN,
				.metered = TRUTH_UNKNOWN,
				.roaming = TRUTH_UNKNOWN,
			};
			int64_t next_s = INT64_MAX;

			CHECK_INT(parse(wish ? "{\"charging\":{\"is\":true}}"
					     : "{\"charging\":{\"is\":false}}",
					  &when, NULL),
				0);
			CHECK_INT(when_evaluate(when, &facts, &next_s),
				model_wish(wish, (enum truth)fact));
			CHECK_INT(parse(wish ? "{\"not\":{\"charging\":{\"is\":false}}}"
					     : "{\"not\":{\"charging\":{\"is\":true}}}",
					  &negated, NULL),
				0);
			CHECK_INT(when_evaluate(negated, &facts, &next_s),
				model_wish(wish, (enum truth)fact));
		}
}

static void test_format(void)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"{\"charging\":{\"is\":true}}", "charging"},
		{"{\"charging\":{\"is\":false}}", "not charging"},
		{"{\"network\":{\"roaming\":false,\"metered\":false,\"online\":true}}",
			"online and unmetered and not roaming"},
		{"{\"not\":{\"network\":{\"online\":false}}}", "not (offline)"},
		{"{\"any\":[{\"network\":{\"metered\":true}},{\"network\":{\"roaming\":true}}]}",
			"metered or roaming"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(when_freep) struct when *when = NULL;
		_cleanup_buf_ struct buf out = BUF_INIT;

		CHECK_INT(parse(cases[i].text, &when, NULL), 0);
		when_format(when, &out);
		CHECK_STR(out.data, cases[i].expected);
	}
}

/* More knowledge never turns a decided answer: from unknown to anything, nothing else changes. */
static void test_knowledge_is_monotone(void)
{
	struct gen gen = {23};

	for (int i = 0; i < 500; i++) {
		_cleanup_(when_freep) struct when *when = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct jsonw w = JSONW_INIT(&text);
		struct when_facts less = gen_facts(&gen), more;
		int64_t ignored = INT64_MAX;
		enum truth before;

		gen_when(&gen, 3, &w, NULL);
		CHECK_INT(parse(text.data, &when, NULL), 0);
		more = less;
		if (more.charging == TRUTH_UNKNOWN)
			more.charging = (enum truth)gen_below(&gen, 2);
		if (more.online == TRUTH_UNKNOWN)
			more.online = (enum truth)gen_below(&gen, 2);
		if (more.metered == TRUTH_UNKNOWN)
			more.metered = (enum truth)gen_below(&gen, 2);
		if (more.roaming == TRUTH_UNKNOWN)
			more.roaming = (enum truth)gen_below(&gen, 2);
		before = when_evaluate(when, &less, &ignored);
		if (before != TRUTH_UNKNOWN)
			CHECK_INT(when_evaluate(when, &more, &ignored), before);
	}
}

static const struct check_test tests[] = {
	{"refused", test_refused},
	{"network_exhaustively", test_network_exhaustively},
	{"charging", test_charging},
	{"format", test_format},
	{"knowledge_is_monotone", test_knowledge_is_monotone},
};
CHECK_MAIN(tests)
