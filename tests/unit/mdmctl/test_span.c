/* SPDX-License-Identifier: Apache-2.0 */
/* test_span.c - spans of time as people write and read them. */
#include <errno.h>

#include "server/ctl/span.h"
#include "tests/lib/check.h"

static void test_parse(void)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
		{"1s", 1},
		{"15m", 900},
		{"24h", 86400},
		{"30d", 30 * 86400},
		{"2w", 14 * 86400},
		{"1y", 365 * 86400},
		{"100y", SPAN_MAX_S},
		{"3153600000s", SPAN_MAX_S},
		{"0015m", 900},
	};
	int64_t seconds;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_INT(span_parse(rows[i].text, &seconds), 0);
		CHECK_INT(seconds, rows[i].seconds);
	}
}

static void test_parse_refuses(void)
{
	static const char *const bad[] = {"", "s", "15", "15 m", "-1h", "+1h", "1.5h", "1h30m",
		"h1", "1H", "1M", "0s", "0d", "101y", "3153600001s", "99999999999999999999s",
		"9223372036854775807y", " 1h", "1h ", "0x1h", "1mon"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t seconds = -7;
		int r = span_parse(bad[i], &seconds);

		if (r != -EINVAL && r != -ERANGE)
			check_fail(__FILE__, __LINE__, "\"%s\" gave %d", bad[i], r);
		CHECK_INT(seconds, -7);
	}
}

static void test_relative(void)
{
	const int64_t now = 1800000000;
	static const struct {
		int64_t distance;
		const char *text;
	} rows[] = {
		{0, "now"},
		{-1, "1 s ago"},
		{-119, "119 s ago"},
		{-120, "2 min ago"},
		{-7199, "119 min ago"},
		{-7200, "2 h ago"},
		{-86400, "24 h ago"},
		{-2 * 86400, "2 d ago"},
		{-1000 * 86400, "1000 d ago"},
		{86400, "in 24 h"},
		{730 * 86400, "in 730 d"},
	};
	char text[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		span_format_relative(now + rows[i].distance, now, text);
		CHECK_STR(text, rows[i].text);
	}
	span_format_relative(0, now, text);
	CHECK_STR(text, "never");
	span_format_relative(INT64_MAX, now, text);
	CHECK(text[0] == 'i');
}

static const struct check_test tests[] = {
	{"parse", test_parse},
	{"parse_refuses", test_parse_refuses},
	{"relative", test_relative},
};
CHECK_MAIN(tests)
