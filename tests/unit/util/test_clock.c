/* SPDX-License-Identifier: Apache-2.0 */
/* test_clock.c - dates both ways, and clocks that run; no role, plain process. */
#include "agent/util/clock.h"

#include <errno.h>
#include <string.h>

#include "agent/util/mem.h"
#include "tests/lib/check.h"

static void test_dates(void)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00Z"},
		{-1, "1969-12-31T23:59:59Z"},
		{951782400, "2000-02-29T00:00:00Z"},
		{2147483647, "2038-01-19T03:14:07Z"},
		{2147483648, "2038-01-19T03:14:08Z"},
		{4107542400, "2100-03-01T00:00:00Z"},
		{1796083200, "2026-12-01T00:00:00Z"},
		{253402300799, "9999-12-31T23:59:59Z"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t seconds = 77;
		char text[24];

		clock_format(rows[i].seconds, text);
		CHECK_STR(text, rows[i].text);
		CHECK_INT(clock_parse(rows[i].text, &seconds), 0);
		CHECK_INT(seconds, rows[i].seconds);
	}
}

static void test_no_dates(void)
{
	static const int64_t seconds[] = {253402300800, INT64_MAX, INT64_MIN, -62167219201};
	char text[24];

	for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
		clock_format(seconds[i], text);
		CHECK_STR(text, "-");
	}
}

static void test_refused(void)
{
	static const char *const rows[] = {
		"",
		"-",
		"2026-12-01",
		"2026-12-01T00:00:00",
		"2026-12-01T00:00:00+00:00",
		"2026-12-01T00:00:00ZZ",
		"2026-12-01t00:00:00z",
		"2026-12-01 00:00:00Z",
		"2026-02-30T00:00:00Z",
		"2027-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-12-00T00:00:00Z",
		"2026-12-01T24:00:00Z",
		"2026-12-01T00:60:00Z",
		"2026-12-01T00:00:60Z",
		"2026-12-01T00:00:61Z",
		"2026-1-001T00:00:00Z",
		"+026-12-01T00:00:00Z",
		" 026-12-01T00:00:00Z",
		"2026-12-01T 0:00:00Z",
		"2026-12-01T00:00:0 Z",
		"2026-12-01T00:00:00z",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t seconds = 77;

		if (clock_parse(rows[i], &seconds) != -EINVAL || seconds != 77)
			check_fail(__FILE__, __LINE__, "\"%s\": %lld", rows[i], (long long)seconds);
	}
}

static void test_running(void)
{
	int64_t boot = clock_boottime_us();
	uint8_t a[BOOT_ID_BYTES], b[BOOT_ID_BYTES], zero[BOOT_ID_BYTES] = {0};

	CHECK(boot > 0);
	CHECK(clock_boottime_us() >= boot);
	CHECK(clock_realtime_us() > 0 && clock_realtime_s() > 0);
	CHECK_INT(clock_boot_id(a), 0);
	CHECK_INT(clock_boot_id(b), 0);
	CHECK(memcmp(a, b, sizeof(a)) == 0);
	CHECK(memcmp(a, zero, sizeof(a)) != 0);
}

static const struct check_test tests[] = {
	{"dates", test_dates},
	{"no_dates", test_no_dates},
	{"refused", test_refused},
	{"running", test_running},
};
CHECK_MAIN(tests)
