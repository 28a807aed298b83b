/* SPDX-License-Identifier: Apache-2.0 */
/* test_when_time.c - the condition "time": the week, zones, clocks that are wrong or extreme. */
#include <time.h>

#include "tests/lib/when_rig.h"

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

static const struct check_test tests[] = {
	{"clock_unknown", test_clock_unknown},
	{"examples", test_time_examples},
	{"week", test_time_week},
	{"extreme_clocks", test_extreme_clocks},
	{"zone", test_zone},
};

CHECK_MAIN(tests)
