/* SPDX-License-Identifier: Apache-2.0 */
/* test_http_date.c - IMF-fixdate and nothing else (RFC 9110, section 5.6.7). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/net/headers.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

static void test_accepts(void)
{
	static const struct {
		const char *text;
		int64_t time_s;
	} rows[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
		{"Tue, 19 Jan 2038 03:14:08 GMT", INT64_C(2147483648)},
		{"Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t t = -1;

		CHECK_INT(http_date_parse(rows[i].text, strlen(rows[i].text), &t), 0);
		CHECK_INT(t, rows[i].time_s);
	}
}

static void test_refuses(void)
{
	static const char *const rows[] = {
		"",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
		"Mon, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 6 Nov 1994 08:49:37 GMT ",
		"Sun,  6 Nov 1994 08:49:37 GMT",
		"sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:37 GMT",
		"Sun, 06 Nov 1994 08:49:60 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Thu, 29 Feb 2023 23:59:59 GMT",
		"Wed, 31 Dec 1969 23:59:59 GMT",
		"Sun, 06 Nov -994 08:49:37 GMT",
		"Sun, +6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 8:49:37  GMT",
		"Sun, 06 Nov 1994 08-49-37 GMT",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t t = 42;

		if (http_date_parse(rows[i], strlen(rows[i]), &t) != -EINVAL || t != 42)
			check_fail(__FILE__, __LINE__, "accepted \"%s\"", rows[i]);
	}
}

/* Every day of three centuries, and every second digit of a day, comes back as it went in. */
static void test_round_trip(void)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	for (int64_t day = 0; day < 300 * 365; day++) {
		time_t t = (time_t)(day * 86400 + day * 7919 % 86400);
		struct tm tm;
		char text[64];
		int64_t parsed = -1;

		CHECK(gmtime_r(&t, &tm) != NULL);
		snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
			days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
			tm.tm_hour, tm.tm_min, tm.tm_sec);
		CHECK_INT(http_date_parse(text, strlen(text), &parsed), 0);
		CHECK_INT(parsed, t);
	}
}

static const struct check_test tests[] = {
	{"accepts", test_accepts},
	{"refuses", test_refuses},
	{"round trip", test_round_trip},
};

CHECK_MAIN(tests)
