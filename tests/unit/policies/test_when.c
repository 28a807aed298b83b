/* SPDX-License-Identifier: Apache-2.0 */
/* test_when.c - conditions: reading, three-valued logic, when the answer may change. */
#include "policies/when.h"

#include <errno.h>

#include "agent/util/limits.h"
#include "policies/when_leaf.h"
#include "tests/lib/when_rig.h"

static void test_truth_names(void)
{
	CHECK_STR(truth_name(TRUTH_FALSE), "false");
	CHECK_STR(truth_name(TRUTH_TRUE), "true");
	CHECK_STR(truth_name(TRUTH_UNKNOWN), "unknown");
	for (size_t i = 0; i < TRUTH_MAX; i++)
		CHECK(truth_name(i));
}

static void test_leaf_rows(void)
{
	for (size_t i = 0; i < when_n_leaves; i++) {
		const struct when_leaf_row *row = when_leaves[i];
		_cleanup_(when_freep) struct when *when = NULL;

		CHECK(row->name && row->help && row->example && row->parse && row->evaluate);
		CHECK(row->next && row->format && row->free && row->schema);
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(row->name, when_leaves[k]->name) != 0);
		when = must_parse(row->example);
		CHECK(when);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *text, *path, *message;
	} cases[] = {
		{"{}", "w", "exactly one member"},
		{"{\"all\":[" TRUE_ "],\"any\":[" TRUE_ "]}", "w", "exactly one member"},
		{"{\"all\":[]}", "w.all", "1 to 64"},
		{"{\"any\":{}}", "w.any", "must be an array"},
		{"{\"all\":[1]}", "w.all[0]", "must be an object"},
		{"{\"all\":[" TRUE_ ",null]}", "w.all[1]", "must be an object"},
		{"{\"not\":[" TRUE_ "]}", "w.not", "must be an object"},
		{"{\"not\":{\"not\":{}}}", "w.not.not", "exactly one member"},
		{"{\"\":{}}", "w", "name of a condition"},
		{"{\"in side\":{}}", "w", "name of a condition"},
		{"{\"time\":[]}", "w.time", "must be an object"},
		{"{\"time\":{}}", "w.time", "days, or from and to"},
		{"{\"time\":{\"from\":\"08:00\"}}", "w.time", "both from and to"},
		{"{\"time\":{\"to\":\"08:00\",\"days\":[\"mon\"]}}", "w.time", "both from and to"},
		{"{\"time\":{\"from\":\"24:00\",\"to\":\"08:00\"}}", "w.time.from",
			"00:00 to 23:59"},
		{"{\"time\":{\"from\":\"08:00\",\"to\":\"08:60\"}}", "w.time.to", "00:00 to 23:59"},
		{"{\"time\":{\"from\":\"8:00\",\"to\":\"09:00\"}}", "w.time.from",
			"00:00 to 23:59"},
		{"{\"time\":{\"from\":\"08:00 \",\"to\":\"09:00\"}}", "w.time.from", "00:00 to"},
		{"{\"time\":{\"from\":\"08-00\",\"to\":\"09:00\"}}", "w.time.from", "00:00 to"},
		{"{\"time\":{\"from\":\"-1:00\",\"to\":\"09:00\"}}", "w.time.from", "00:00 to"},
		{"{\"time\":{\"from\":800,\"to\":\"09:00\"}}", "w.time.from", "text"},
		{"{\"time\":{\"days\":[]}}", "w.time.days", "at least one"},
		{"{\"time\":{\"days\":\"mon\"}}", "w.time.days", "must be an array"},
		{"{\"time\":{\"days\":[\"Mon\"]}}", "w.time.days", "mon, tue"},
		{"{\"time\":{\"days\":[\"mon\",\"mon\"]}}", "w.time.days", "at most once"},
		{"{\"time\":{\"days\":[1]}}", "w.time.days", "mon, tue"},
		{"{\"time\":{\"days\":[\"mon\"],\"zone\":\"UTC\"}}", "w.time.zone", "rule of a"},
		{"{\"time\":{\"days\":[\"mon\"],\"zone\":\"Europe/Berlin\"}}", "w.time.zone",
			"rule of a"},
		{"{\"time\":{\"days\":[\"mon\"],\"zone\":1}}", "w.time.zone", "text"},
		{"{\"time\":{\"zone\":\"UTC0\"}}", "w.time", "days, or from and to"},
		{"{\"time\":{\"days\":[\"mon\"],\"season\":1}}", "w.time", ""},
		{"{\"noncompliant\":{}}", "w.noncompliant.area", "missing"},
		{"{\"noncompliant\":{\"area\":\"encryption\"}}", "w.noncompliant.for", "missing"},
		{"{\"noncompliant\":{\"for\":1}}", "w.noncompliant.area", "missing"},
		{"{\"noncompliant\":{\"area\":\"a b\",\"for\":1}}", "w.noncompliant.area", "name"},
		{"{\"noncompliant\":{\"area\":1,\"for\":1}}", "w.noncompliant.area", "text"},
		{"{\"noncompliant\":{\"area\":\"encryption\",\"for\":-1}}", "w.noncompliant.for",
			"0 to 31536000"},
		{"{\"noncompliant\":{\"area\":\"encryption\",\"for\":31536001}}",
			"w.noncompliant.for", "0 to 31536000"},
		{"{\"noncompliant\":{\"area\":\"encryption\",\"for\":1,\"x\":1}}", "w.noncompliant",
			""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct when *when = (struct when *)&cases;
		struct json_error error = {0};
		int r = parse(cases[i].text, &when, &error);

		CHECK(when == (struct when *)&cases);
		if (r != -EBADMSG || strncmp(error.path, cases[i].path, strlen(cases[i].path)) ||
			!strstr(error.message, cases[i].message))
			check_fail(__FILE__, __LINE__, "%s: %d, \"%s\": \"%s\"", cases[i].text, r,
				error.path, error.message);
	}
}

/* A condition nested in n times "not". */
static int parse_nested(int n, struct when **ret_when, struct json_error *error)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (int i = 0; i < n; i++)
		buf_puts(&text, "{\"not\":");
	buf_puts(&text, "{\"x\":1}");
	for (int i = 0; i < n; i++)
		buf_puts(&text, "}");
	return parse(text.data, ret_when, error);
}

/* n conditions below one "all". */
static int parse_wide(int n, struct when **ret_when, struct json_error *error)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_puts(&text, "{\"all\":[");
	for (int i = 0; i < n; i++)
		buf_printf(&text, "%s{\"any\":[{\"x\":1}]}", i ? "," : "");
	buf_puts(&text, "]}");
	return parse(text.data, ret_when, error);
}

static void test_limits(void)
{
	_cleanup_(when_freep) struct when *deep = NULL, *wide = NULL;
	struct when *none = NULL;
	struct json_error error = {0};

	CHECK_INT(parse_nested(LIMIT_WHEN_DEPTH, &deep, &error), 0);
	CHECK_INT(parse_nested(LIMIT_WHEN_DEPTH + 1, &none, &error), -EBADMSG);
	CHECK(strstr(error.message, "at most 8 deep"));
	/* One for "all", two for each of the others. */
	CHECK_INT(parse_wide((LIMIT_WHEN_NODES - 1) / 2, &wide, &error), 0);
	CHECK_INT(parse_wide((LIMIT_WHEN_NODES - 1) / 2 + 1, &none, &error), -EBADMSG);
	CHECK(strstr(error.message, "at most 64 conditions"));
	CHECK(!none);
}

static void test_kleene(void)
{
	static const char *const leaves[TRUTH_MAX] = {FALSE_, TRUE_, UNKNOWN};
	static const enum truth all[TRUTH_MAX][TRUTH_MAX] = {
		{TRUTH_FALSE, TRUTH_FALSE, TRUTH_FALSE},
		{TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN},
		{TRUTH_FALSE, TRUTH_UNKNOWN, TRUTH_UNKNOWN},
	};
	static const enum truth any[TRUTH_MAX][TRUTH_MAX] = {
		{TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN},
		{TRUTH_TRUE, TRUTH_TRUE, TRUTH_TRUE},
		{TRUTH_UNKNOWN, TRUTH_TRUE, TRUTH_UNKNOWN},
	};
	static const enum truth not [TRUTH_MAX] = {TRUTH_TRUE, TRUTH_FALSE, TRUTH_UNKNOWN};
	struct when_facts facts = facts_at(MONDAY);

	for (size_t a = 0; a < TRUTH_MAX; a++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		_cleanup_(when_freep) struct when *negated = NULL;

		buf_printf(&text, "{\"not\":%s}", leaves[a]);
		negated = must_parse(text.data);
		CHECK_INT(truth_of(negated, &facts), not [a]);
		for (size_t b = 0; b < TRUTH_MAX; b++) {
			for (int is_any = 0; is_any < 2; is_any++) {
				_cleanup_(when_freep) struct when *when = NULL;

				buf_reset(&text);
				buf_printf(&text, "{\"%s\":[%s,%s]}", is_any ? "any" : "all",
					leaves[a], leaves[b]);
				when = must_parse(text.data);
				CHECK_INT(truth_of(when, &facts), (is_any ? any : all)[a][b]);
			}
		}
	}
}

static void test_noncompliant(void)
{
	_cleanup_(when_freep) struct when *when =
		must_parse("{\"noncompliant\":{\"area\":\"screen_lock\",\"for\":600}}");
	static const struct {
		int64_t since_s;
		enum truth truth;
		int64_t next_s;
	} cases[] = {
		{-1, TRUTH_FALSE, NEVER},
		{0, TRUTH_FALSE, 600},
		{599, TRUTH_FALSE, 1},
		{600, TRUTH_TRUE, NEVER},
		{INT64_MAX, TRUTH_TRUE, NEVER},
	};
	struct when_facts facts = facts_at(MONDAY);

	CHECK(when);
	/* The clock plays no part in it. */
	facts.clock_known = false;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		facts.noncompliant_s[AREA_SCREEN_LOCK] = cases[i].since_s;
		CHECK_INT(truth_of(when, &facts), cases[i].truth);
		CHECK_INT(next_of(when, &facts), cases[i].next_s);
	}
}

static void collect(void *userdata, const char *kind)
{
	buf_printf(userdata, "%s;", kind);
}

static void test_unknown(void)
{
	_cleanup_(when_freep) struct when *when = must_parse(
		"{\"all\":[" TRUE_ ",{\"not\":" UNKNOWN
		"},{\"any\":[{\"daylight\":true},{\"noncompliant\":{\"area\":\"gadgets\",\"for\":1}}]}]}");
	struct when_facts facts = facts_at(MONDAY);
	_cleanup_buf_ struct buf names = BUF_INIT;

	CHECK(when);
	when_each_unknown(when, collect, &names);
	CHECK_STR(names.data, "tide;daylight;noncompliant.gadgets;");
	CHECK_INT(truth_of(when, &facts), TRUTH_UNKNOWN);
	CHECK_INT(next_of(when, &facts), NEVER);
}

/* The next change is only ever lowered. */
static void test_next_is_lowered(void)
{
	_cleanup_(when_freep) struct when *when = must_parse("{\"time\":{\"days\":[\"mon\"]}}");
	struct when_facts facts = facts_at(MONDAY);
	int64_t next_s = 7;

	CHECK(when);
	when_evaluate(when, &facts, &next_s);
	CHECK_INT(next_s, 7);
	next_s = 2 * DAY_S;
	when_evaluate(when, &facts, &next_s);
	CHECK_INT(next_s, DAY_S);
}

/* Between now and the announced change nothing changes by time alone, whatever the tree. */
static bool stays_the_same(struct gen *gen, const struct when *when, const struct when_facts *facts)
{
	int64_t next_s = NEVER, limit_s, t;
	enum truth now = when_evaluate(when, facts, &next_s);

	if (next_s < 1)
		return false;
	limit_s = next_s < 30 * DAY_S ? next_s : 30 * DAY_S;
	for (int i = 0; i < 100; i++) {
		struct when_facts later;

		t = i == 0 ? limit_s - 1 : gen_between(gen, 0, limit_s - 1);
		later = gen_facts_later(facts, t);
		if (truth_of(when, &later) != now)
			return false;
	}
	return true;
}

static void test_next_of_trees(void)
{
	struct gen gen = {5};
	int n_changed = 0;

	for (int i = 0; i < 1000; i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		_cleanup_(when_freep) struct when *when = NULL;
		struct jsonw w = JSONW_INIT(&text);
		struct when_facts facts = gen_facts(&gen), later;
		int64_t next_s;

		gen_when(&gen, 3, &w, NULL);
		when = must_parse(text.data);
		CHECK(when);
		if (!stays_the_same(&gen, when, &facts)) {
			check_fail(__FILE__, __LINE__, "tree %d: %s", i, text.data);
			return;
		}
		next_s = next_of(when, &facts);
		if (next_s == NEVER)
			continue;
		later = gen_facts_later(&facts, next_s);
		n_changed += truth_of(when, &later) != truth_of(when, &facts);
	}
	/* The announcement is not just a safe guess of one second. */
	CHECK(n_changed > 200);
}

static void test_format(void)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"{\"time\":{\"days\":[\"fri\",\"mon\",\"tue\",\"wed\",\"thu\"],\"from\":\"08:00\","
		 "\"to\":\"17:00\"}}",
			"Mon-Fri 08:00-17:00"},
		{"{\"time\":{\"days\":[\"sat\",\"sun\"]}}", "Sat-Sun"},
		{"{\"time\":{\"days\":[\"mon\",\"wed\",\"thu\",\"sun\"]}}", "Mon, Wed-Thu, Sun"},
		{"{\"time\":{\"from\":\"22:05\",\"to\":\"06:00\"}}", "daily 22:05-06:00"},
		{"{\"time\":{\"days\":[\"mon\"],\"from\":\"00:00\",\"to\":\"00:00\"}}",
			"Mon 00:00-00:00"},
		{"{\"noncompliant\":{\"area\":\"encryption\",\"for\":604800}}",
			"encryption noncompliant for 7 d"},
		{"{\"noncompliant\":{\"area\":\"encryption\",\"for\":5400}}",
			"encryption noncompliant for 90 min"},
		{"{\"noncompliant\":{\"area\":\"encryption\",\"for\":7200}}",
			"encryption noncompliant for 2 h"},
		{"{\"noncompliant\":{\"area\":\"apps\",\"for\":61}}", "apps noncompliant for 61 s"},
		{TRUE_, "encryption noncompliant"},
		{UNKNOWN, "unknown condition tide"},
		{"{\"time\":{\"days\":[\"mon\"],\"zone\":\"CET-1CEST,M3.5.0,M10.5.0/3\"}}",
			"Mon CET-1CEST,M3.5.0,M10.5.0/3"},
		{FALSE_, "not (encryption noncompliant)"},
		{"{\"all\":[" TRUE_ ",{\"any\":[" TRUE_ "," UNKNOWN "]},{\"not\":{\"any\":[" TRUE_
		 "," UNKNOWN "]}}]}",
			"encryption noncompliant and (encryption noncompliant or unknown condition "
			"tide) and not (encryption noncompliant or unknown condition tide)"},
		{"{\"all\":[{\"any\":[" TRUE_ "," UNKNOWN "]}]}",
			"encryption noncompliant or unknown condition tide"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(when_freep) struct when *when = must_parse(cases[i].text);
		_cleanup_buf_ struct buf text = BUF_INIT;

		CHECK(when);
		when_format(when, &text);
		CHECK_STR(text.data, cases[i].expected);
	}
}

/* Leaves keep their order and their number, whatever tree they hang on. */
static void test_leaves(void)
{
	_cleanup_(when_freep) struct when *when =
		must_parse("{\"all\":[" TRUE_ ",{\"not\":{\"any\":[" UNKNOWN "," TRUE_
			   "]}},{\"charging\":{\"is\":true}}]}");
	static const char *const texts[] = {"encryption noncompliant", "unknown condition tide",
		"encryption noncompliant", "charging"};
	static const char *const kinds[] = {"noncompliant", "tide", "noncompliant", "charging"};
	static const enum truth truths[] = {TRUTH_TRUE, TRUTH_UNKNOWN, TRUTH_TRUE, TRUTH_FALSE};
	struct when_facts facts = facts_at(MONDAY);
	uint8_t found[LIMIT_WHEN_NODES];

	CHECK(when);
	CHECK_INT(when_leaf_truths(when, &facts, found), ARRAY_SIZE(texts));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		CHECK_INT(found[i], truths[i]);
		CHECK_STR(when_leaf_format(when, i, &text), kinds[i]);
		CHECK_STR(text.data, texts[i]);
	}
	CHECK(!when_leaf_format(when, ARRAY_SIZE(texts), NULL));
}

static const struct check_test tests[] = {
	{"leaves", test_leaves},
	{"truth_names", test_truth_names},
	{"leaf_rows", test_leaf_rows},
	{"refused", test_refused},
	{"limits", test_limits},
	{"kleene", test_kleene},
	{"noncompliant", test_noncompliant},
	{"unknown", test_unknown},
	{"next_is_lowered", test_next_is_lowered},
	{"next_of_trees", test_next_of_trees},
	{"format", test_format},
};

CHECK_MAIN(tests)
