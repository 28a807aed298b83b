/* SPDX-License-Identifier: Apache-2.0 */
/* test_ago.c - times as people say them. */
#include "agent/ctl/ago.h"

#include <stdlib.h>
#include <time.h>

#include "agent/util/mem.h"
#include "tests/lib/check.h"

#define NOW INT64_C(1795000000) /* 2026-11-18 11:06:40 UTC */

static void test_spans(void)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{-5, "0 s"},
		{0, "0 s"},
		{59, "59 s"},
		{60, "1 min"},
		{119, "1 min"},
		{3599, "59 min"},
		{3600, "1 h"},
		{48 * 3600 - 1, "47 h"},
		{48 * 3600, "2 days"},
		{INT64_MAX, "106751991167300 days"},
	};
	char text[AGO_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		span_format(cases[i].seconds, text);
		CHECK_STR(text, cases[i].text);
	}
}

static void test_ago(void)
{
	static const struct {
		int64_t time;
		const char *text;
	} cases[] = {
		{NOW, "just now"},
		{NOW - 4, "just now"},
		{NOW - 5, "5 s ago"},
		{NOW - 180, "3 min ago"},
		{NOW + 1, "in 1 s"},
		{NOW + 7200, "in 2 h"},
		{NOW - 60 * 86400, "60 days ago"},
		{NOW - 60 * 86400 - 1, "2026-09-19 11:06"},
		{NOW + 60 * 86400 + 60, "2027-01-17 11:07"},
		{0, "1970-01-01 00:00"},
		{INT64_MAX, "an impossible date"},
		{INT64_MIN, "an impossible date"},
	};
	char text[AGO_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ago_format(NOW, cases[i].time, text);
		CHECK_STR(text, cases[i].text);
	}
	/* A phone that woke up in 1970 does not call yesterday "in 56 years". */
	ago_format(100, NOW, text);
	CHECK_STR(text, "2026-11-18 11:06");
	ago_format(INT64_MIN, INT64_MAX, text);
	CHECK_STR(text, "an impossible date");
}

static void test_dates_have_bounds(void)
{
	char text[AGO_TEXT];

	date_format(INT64_C(253402300799), text);
	CHECK_STR(text, "9999-12-31 23:59");
	date_format(INT64_C(253402300800), text);
	CHECK_STR(text, "an impossible date");
}

static const struct check_test tests[] = {
	{"spans", test_spans},
	{"ago", test_ago},
	{"dates_have_bounds", test_dates_have_bounds},
};

int main(int argc, char **argv)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	return check_main(argc, argv, tests, ARRAY_SIZE(tests));
}
