/* SPDX-License-Identifier: Apache-2.0 */
/* test_when.c - conditions: reading, three-valued logic, the week, when the answer may change. */
#include "policies/when.h"

#include <errno.h>
#include <time.h>

#include "agent/util/limits.h"
#include "policies/when_leaf.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define DAY_S 86400
#define NEVER INT64_MAX
#define UNKNOWN "{\"tide\":{\"is\":\"high\"}}"
#define TRUE_ "{\"noncompliant\":{\"area\":\"encryption\",\"for\":0}}"
#define FALSE_ "{\"not\":" TRUE_ "}"

/* Monday 2026-11-23 00:00:00 UTC. */
#define MONDAY INT64_C(1795392000)

static int parse(const char *text, struct when **ret_when, struct json_error *error)
{
	_cleanup_json_ struct json_object *object = NULL;
	int r = json_parse(text, strlen(text), &object, error);

	return r < 0 ? r : when_parse(object, "w", ret_when, error);
}

static struct when *must_parse(const char *text)
{
	struct when *when = NULL;
	struct json_error error = {0};

	if (parse(text, &when, &error) < 0)
		check_fail(__FILE__, __LINE__, "%s: %s %s", text, error.path, error.message);
	return when;
}

static struct when_facts facts_at(int64_t realtime_s)
{
	struct when_facts facts = {.realtime_s = realtime_s, .clock_known = true};

	for (size_t i = 0; i < AREA_MAX; i++)
		facts.noncompliant_s[i] = -1;
	facts.noncompliant_s[AREA_ENCRYPTION] = 0;
	return facts;
}

static enum truth truth_of(const struct when *when, const struct when_facts *facts)
{
	int64_t next_s = NEVER;

	return when_evaluate(when, facts, &next_s);
}

static int64_t next_of(const struct when *when, const struct when_facts *facts)
{
	int64_t next_s = NEVER;

	when_evaluate(when, facts, &next_s);
	return next_s;
}

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

static void test_clock_unknown(void)
{
	_cleanup_(when_freep) struct when *when = must_parse("{\"time\":{\"days\":[\"mon\"]}}");
	struct when_facts facts = facts_at(MONDAY);

	CHECK(when);
	CHECK_INT(truth_of(when, &facts), TRUTH_TRUE);
	facts.clock_known = false;
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

static void test_time_examples(void)
{
	static const char work[] = "{\"time\":{\"days\":[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\"],"
				   "\"from\":\"08:00\",\"to\":\"17:00\"}}";
	static const char night[] = "{\"time\":{\"days\":[\"fri\"],\"from\":\"22:00\","
				    "\"to\":\"06:00\"}}";
	static const char sunday_night[] = "{\"time\":{\"days\":[\"sun\"],\"from\":\"23:00\","
					   "\"to\":\"01:00\"}}";
	static const char weekend[] = "{\"time\":{\"days\":[\"sat\",\"sun\"]}}";
	static const char around[] = "{\"time\":{\"from\":\"12:00\",\"to\":\"12:00\"}}";
	static const char wednesday[] = "{\"time\":{\"days\":[\"wed\"],\"from\":\"12:00\","
					"\"to\":\"12:00\"}}";
	static const struct {
		const char *text;
		int64_t at_s; /* since Monday 00:00 */
		int32_t offset_s;
		enum truth truth;
		int64_t next_s;
	} cases[] = {
		{work, 0, 0, TRUTH_FALSE, 8 * 3600},
		{work, 8 * 3600 - 1, 0, TRUTH_FALSE, 1},
		{work, 8 * 3600, 0, TRUTH_TRUE, 9 * 3600},
		{work, 17 * 3600 - 1, 0, TRUTH_TRUE, 1},
		{work, 17 * 3600, 0, TRUTH_FALSE, 15 * 3600},
		{work, 4 * DAY_S + 17 * 3600, 0, TRUTH_FALSE, 2 * DAY_S + 15 * 3600},
		{work, 7 * 3600, 3600, TRUTH_TRUE, 9 * 3600},
		{work, 8 * 3600, -1800, TRUTH_FALSE, 1800},
		{night, 4 * DAY_S + 22 * 3600 - 1, 0, TRUTH_FALSE, 1},
		{night, 4 * DAY_S + 22 * 3600, 0, TRUTH_TRUE, 8 * 3600},
		{night, 5 * DAY_S, 0, TRUTH_TRUE, 6 * 3600},
		{night, 5 * DAY_S + 6 * 3600, 0, TRUTH_FALSE, 6 * DAY_S + 16 * 3600},
		{night, 5 * DAY_S + 22 * 3600, 0, TRUTH_FALSE, 6 * DAY_S},
		{night, 4 * DAY_S + 3600, 0, TRUTH_FALSE, 21 * 3600},
		{sunday_night, 6 * DAY_S + 23 * 3600, 0, TRUTH_TRUE, 2 * 3600},
		{sunday_night, 0, 0, TRUTH_TRUE, 3600},
		{sunday_night, 3600, 0, TRUTH_FALSE, 6 * DAY_S + 22 * 3600},
		{weekend, 5 * DAY_S - 1, 0, TRUTH_FALSE, 1},
		{weekend, 5 * DAY_S, 0, TRUTH_TRUE, 2 * DAY_S},
		{weekend, 6 * DAY_S, 0, TRUTH_TRUE, DAY_S},
		{around, 12345, 0, TRUTH_TRUE, NEVER},
		{wednesday, 2 * DAY_S + 12 * 3600, 0, TRUTH_TRUE, DAY_S},
		{wednesday, 3 * DAY_S + 12 * 3600, 0, TRUTH_FALSE, 6 * DAY_S},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(when_freep) struct when *when = must_parse(cases[i].text);
		struct when_facts facts = facts_at(MONDAY + cases[i].at_s);

		CHECK(when);
		facts.utc_offset_s = cases[i].offset_s;
		if (truth_of(when, &facts) != cases[i].truth ||
			next_of(when, &facts) != cases[i].next_s)
			check_fail(__FILE__, __LINE__, "case %zu: %s, next %lld", i,
				truth_name(truth_of(when, &facts)),
				(long long)next_of(when, &facts));
	}
}

/* A window of the week as a person would work it out, from the calendar of the C library. */
struct window {
	unsigned int days; /* bit 0: Monday */
	int from_min, to_min;
};

static bool window_contains(const struct window *window, int64_t local_s)
{
	time_t t = (time_t)local_s;
	struct tm tm;
	int day, minute;

	gmtime_r(&t, &tm);
	day = (tm.tm_wday + 6) % 7;
	minute = tm.tm_hour * 60 + tm.tm_min;
	if (window->from_min < window->to_min)
		return window->days & 1u << day && minute >= window->from_min &&
		       minute < window->to_min;
	return (window->days & 1u << day && minute >= window->from_min) ||
	       (window->days & 1u << (day + 6) % 7 && minute < window->to_min);
}

static void window_write(const struct window *window, struct buf *out)
{
	static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	const char *comma = "";

	buf_puts(out, "{\"time\":{\"days\":[");
	for (int i = 0; i < 7; i++) {
		if (!(window->days & 1u << i))
			continue;
		buf_printf(out, "%s\"%s\"", comma, days[i]);
		comma = ",";
	}
	buf_printf(out, "],\"from\":\"%02d:%02d\",\"to\":\"%02d:%02d\"}}", window->from_min / 60,
		window->from_min % 60, window->to_min / 60, window->to_min % 60);
}

/*
 * Every minute of a week, its first and its last second: the truth is the calendar's, and the next
 * change is exactly the first minute at which the calendar's answer differs.
 */
static bool simulate_week(const struct window *window, int64_t start_s, int32_t offset_s)
{
	enum {
		WEEK_MIN = 7 * 1440,
	};
	static bool truths[2 * WEEK_MIN + 1];
	static int64_t changes[2 * WEEK_MIN + 1]; /* minute of the next change, -1: none */
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_(when_freep) struct when *when = NULL;
	struct when_facts facts = facts_at(0);

	window_write(window, &text);
	when = must_parse(text.data);
	if (!when)
		return false;
	facts.utc_offset_s = offset_s;
	for (int i = 0; i <= 2 * WEEK_MIN; i++)
		truths[i] = window_contains(window, start_s + offset_s + i * 60);
	changes[2 * WEEK_MIN] = -1;
	for (int i = 2 * WEEK_MIN - 1; i >= 0; i--)
		changes[i] = truths[i] != truths[i + 1] ? i + 1 : changes[i + 1];
	for (int i = 0; i < WEEK_MIN; i++) {
		for (int second = 0; second < 60; second += 59) {
			int64_t next_s = NEVER;
			int64_t expected_s =
				changes[i] < 0 ? NEVER : changes[i] * 60 - (i * 60 + second);
			enum truth truth;

			facts.realtime_s = start_s + i * 60 + second;
			truth = when_evaluate(when, &facts, &next_s);
			if (truth != (truths[i] ? TRUTH_TRUE : TRUTH_FALSE) ||
				next_s != expected_s) {
				check_fail(__FILE__, __LINE__,
					"%s, minute %d:%02d: %s, next %lld, not %lld", text.data, i,
					second, truth_name(truth), (long long)next_s,
					(long long)expected_s);
				return false;
			}
		}
	}
	return true;
}

static void test_time_week(void)
{
	static const struct window windows[] = {
		{0x1f, 8 * 60, 17 * 60},
		{0x10, 22 * 60, 6 * 60},
		{0x40, 23 * 60, 60},
		{0x7f, 0, 0},
		{0x7f, 720, 720},
		{0x7f, 1, 0},
		{0x05, 720, 720},
		{0x41, 0, 0},
		{0x55, 1439, 1438},
		{0x7f, 22 * 60, 6 * 60},
		{0x03, 1439, 0},
		{0x42, 600, 599},
	};
	struct gen gen = {4};

	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		/* A minute-sized offset, over the epoch and in our time. */
		int32_t offset_s = (int32_t)gen_between(&gen, -12 * 60, 14 * 60) * 60;

		CHECK(simulate_week(&windows[i], MONDAY + gen_between(&gen, 0, 9999) * 60, 0));
		CHECK(simulate_week(&windows[i], -3 * DAY_S, offset_s));
	}
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

/* No date and no offset overflows. */
static void test_extreme_clocks(void)
{
	static const int64_t times[] = {
		INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
	static const int32_t offsets[] = {INT32_MIN, -1, 0, 1, INT32_MAX};
	_cleanup_(when_freep) struct when *when =
		must_parse("{\"time\":{\"days\":[\"mon\"],\"from\":\"23:59\",\"to\":\"23:58\"}}");

	CHECK(when);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(offsets); k++) {
			struct when_facts facts = facts_at(times[i]);
			int64_t next_s;

			facts.utc_offset_s = offsets[k];
			next_s = next_of(when, &facts);
			CHECK(next_s > 0 && next_s <= 7 * DAY_S);
		}
	}
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

/* In a zone of its own the phone's plays no part, and clocks that are changed move the edge. */
static void test_zone(void)
{
	_cleanup_(when_freep) struct when *when =
		must_parse("{\"time\":{\"days\":[\"sun\"],\"from\":\"02:30\",\"to\":\"12:00\","
			   "\"zone\":\"CET-1CEST,M3.5.0,M10.5.0/3\"}}");
	/* Saturday 2027-03-27 and 2027-10-30, 22:00 UTC; each before a change at 01:00 UTC. */
	static const struct {
		int64_t at_s;
		int64_t first_s, last_s; /* hours of "true", from then on, in halves */
	} nights[] = {
		/* There is no 02:30: at 03:00 it is later than that. */
		{INT64_C(1806184800), 6, 23},
		/* 02:30 comes twice, and 02:00 to 02:30 in between is not inside. */
		{INT64_C(1824933600), 5, 25},
	};

	CHECK(when);
	for (size_t i = 0; i < ARRAY_SIZE(nights); i++) {
		for (int64_t half = 0; half < 48; half++) {
			struct when_facts facts = facts_at(nights[i].at_s + half * 1800);
			bool expected = half >= nights[i].first_s && half <= nights[i].last_s &&
					!(i == 1 && half == 6);

			for (facts.utc_offset_s = -43200; facts.utc_offset_s <= 43200;
				facts.utc_offset_s += 21600) {
				CHECK_INT(truth_of(when, &facts), expected);
				CHECK(next_of(when, &facts) > 0);
			}
		}
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
	{"zone", test_zone},
	{"leaves", test_leaves},
	{"truth_names", test_truth_names},
	{"leaf_rows", test_leaf_rows},
	{"refused", test_refused},
	{"limits", test_limits},
	{"kleene", test_kleene},
	{"noncompliant", test_noncompliant},
	{"unknown", test_unknown},
	{"clock_unknown", test_clock_unknown},
	{"next_is_lowered", test_next_is_lowered},
	{"time_examples", test_time_examples},
	{"time_week", test_time_week},
	{"next_of_trees", test_next_of_trees},
	{"extreme_clocks", test_extreme_clocks},
	{"format", test_format},
};

CHECK_MAIN(tests)
