/* SPDX-License-Identifier: Apache-2.0 */
/* test_fix_stream.c - one stream of several sources; numbers, and the file of a device at rest. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/limits.h"
#include "policies/decimal.h"
#include "policies/fix_stream.h"
#include "policies/geolocation.h"
#include "tests/lib/check.h"

#define SECOND INT64_C(1000000)

static const struct fix good = {
	.latitude = 48.5,
	.longitude = 11.5,
	.accuracy_m = 10,
	.speed_ms = -1,
	.taken_us = 1000 * SECOND,
	.source = FIX_GNSS,
	.provider = "gpsd",
};

static void test_names(void)
{
	for (size_t i = 0; i < FIX_SOURCE_MAX; i++) {
		CHECK(fix_source_name((enum fix_source)i));
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(fix_source_name((enum fix_source)i),
				      fix_source_name((enum fix_source)k)) != 0);
	}
	CHECK(!fix_source_name(FIX_SOURCE_MAX));
}

static void test_sound(void)
{
	struct fix fix = good;

	CHECK(fix_is_sound(&fix));
	fix.latitude = NAN;
	CHECK(!fix_is_sound(&fix));
	fix.latitude = 90.0001;
	CHECK(!fix_is_sound(&fix));
	fix.latitude = -90;
	CHECK(fix_is_sound(&fix));
	fix.longitude = -180.0001;
	CHECK(!fix_is_sound(&fix));
	fix.longitude = INFINITY;
	CHECK(!fix_is_sound(&fix));
	fix.longitude = 180;
	CHECK(fix_is_sound(&fix));
	fix.accuracy_m = 0;
	CHECK(!fix_is_sound(&fix));
	fix.accuracy_m = FIX_ACCURACY_MAX_M + 1;
	CHECK(!fix_is_sound(&fix));
	fix.accuracy_m = NAN;
	CHECK(!fix_is_sound(&fix));
	fix = good;
	fix.speed_ms = NAN;
	CHECK(!fix_is_sound(&fix));
	fix = good;
	fix.source = FIX_NONE;
	CHECK(!fix_is_sound(&fix));
	fix = good;
	fix.taken_us = -1; /* before this boot */
	CHECK(!fix_is_sound(&fix));
}

static void test_news(void)
{
	struct fix have = {.source = FIX_NONE}, fix = good;

	CHECK(fix_is_news(&have, &fix));
	have = good;
	/* The same by another way. */
	strcpy(fix.provider, "geoclue");
	fix.taken_us += SECOND / 2;
	CHECK(!fix_is_news(&have, &fix));
	/* The same, surer. */
	fix.accuracy_m = 5;
	CHECK(fix_is_news(&have, &fix));
	/* Newer and coarse: only when the phone can have moved as far. */
	fix = good;
	fix.accuracy_m = 500;
	fix.source = FIX_NETWORK;
	fix.latitude += 0.001;
	fix.taken_us = have.taken_us + 10 * SECOND;
	CHECK(!fix_is_news(&have, &fix));
	fix.taken_us = have.taken_us + 60 * SECOND;
	CHECK(fix_is_news(&have, &fix));
	/* Both say that it hardly moves. */
	have.speed_ms = fix.speed_ms = 0;
	CHECK(!fix_is_news(&have, &fix));
	fix.taken_us = have.taken_us + 600 * SECOND;
	CHECK(fix_is_news(&have, &fix));
	/* Older: only where it is finer even so. */
	have = good;
	have.accuracy_m = 2000;
	fix = good;
	fix.taken_us = have.taken_us - 20 * SECOND;
	CHECK(fix_is_news(&have, &fix));
	fix.taken_us = have.taken_us - 200 * SECOND;
	CHECK(!fix_is_news(&have, &fix));
}

static void test_mock(void)
{
	struct fix have = good, fix = good;

	fix.mock = true;
	fix.latitude = 10;
	fix.accuracy_m = 1;
	fix.taken_us += 30 * SECOND;
	CHECK(!fix_is_news(&have, &fix));
	fix.taken_us += 31 * SECOND;
	CHECK(fix_is_news(&have, &fix));
	/* What is real takes its place at once, and even from the past. */
	have = fix;
	fix = good;
	CHECK(fix_is_news(&have, &fix));
}

static void test_clock(void)
{
	struct fix_clock clock = {0};

	/* The way takes 0.2 to 0.9 s; the shortest so far counts. */
	CHECK_INT(
		fix_clock_taken(&clock, 5 * SECOND, 105 * SECOND + 900000), 105 * SECOND + 900000);
	CHECK_INT(
		fix_clock_taken(&clock, 6 * SECOND, 106 * SECOND + 200000), 106 * SECOND + 200000);
	CHECK_INT(
		fix_clock_taken(&clock, 7 * SECOND, 107 * SECOND + 900000), 107 * SECOND + 200000);
	/* The phone slept, with three on the way. */
	for (int i = 8; i < 11; i++)
		CHECK_INT(fix_clock_taken(&clock, i * SECOND, 900 * SECOND),
			(100 + i) * SECOND + 200000);
	CHECK_INT(fix_clock_taken(&clock, 801 * SECOND, 901 * SECOND + 500000),
		901 * SECOND + 200000);
	/* The receiver's clock is set back by a minute: late at first, then not for ever. */
	CHECK_INT(fix_clock_taken(&clock, 742 * SECOND, 902 * SECOND + 500000),
		842 * SECOND + 200000);
	CHECK_INT(fix_clock_taken(&clock, 743 * SECOND, 903 * SECOND + 500000),
		903 * SECOND + 500000);
	/* Forward. */
	CHECK_INT(fix_clock_taken(&clock, 9743 * SECOND, 904 * SECOND), 904 * SECOND);
}

/* No answer lies ahead of what was asked. */
static void test_clock_random(void)
{
	struct fix_clock clock = {0};

	srandom(7);
	for (int i = 0; i < 100000; i++) {
		int64_t arrived = i * SECOND, source = (random() % 100000) * SECOND;

		CHECK(fix_clock_taken(&clock, source, arrived) <= arrived);
	}
}

static void test_realtime(void)
{
	CHECK_INT(fix_realtime_taken(900, 1000, 500), 400);
	CHECK_INT(fix_realtime_taken(1000, 1000, 500), 500);
	/* By a clock that is ahead of the phone's. */
	CHECK_INT(fix_realtime_taken(1001, 1000, 500), 500);
}

static void test_decimal(void)
{
	static const struct {
		const char *text;
		int r;
		double value;
	} cases[] = {
		{"0", 0, 0},
		{"-0.5", 0, -0.5},
		{"+12.25", 0, 12.25},
		{"007", 0, 7},
		{"1234567890123456.5", 0, 1234567890123456.5},
		{"0.12345678901234567890123", 0, 0.12345678901234567},
		{"000000000000000000000000000001", 0, 1},
		{"", -EBADMSG, 0},
		{"-", -EBADMSG, 0},
		{".", -EBADMSG, 0},
		{".5", -EBADMSG, 0},
		{"5.", -EBADMSG, 0},
		{"1..2", -EBADMSG, 0},
		{"1e5", -EBADMSG, 0},
		{"0x10", -EBADMSG, 0},
		{"nan", -EBADMSG, 0},
		{"inf", -EBADMSG, 0},
		{"1,5", -EBADMSG, 0},
		{" 1", -EBADMSG, 0},
		{"1 ", -EBADMSG, 0},
		{"--1", -EBADMSG, 0},
		{"9999999999999999999", -EBADMSG, 0},
	};
	char text[LIMIT_DECIMAL_BYTES + 1];
	double value = 42;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		value = 42;
		CHECK_INT(decimal_parse(cases[i].text, strlen(cases[i].text), &value), cases[i].r);
		if (fabs(value - (cases[i].r ? 42 : cases[i].value)) > 1e-12 * fabs(value))
			check_fail(__FILE__, __LINE__, "%s is %.20g", cases[i].text, value);
	}
	memset(text, '0', sizeof(text));
	CHECK_INT(decimal_parse(text, LIMIT_DECIMAL_BYTES, &value), 0);
	CHECK_INT(decimal_parse(text, LIMIT_DECIMAL_BYTES + 1, &value), -EBADMSG);
}

static int place(const char *text, struct fix *ret_fix)
{
	return geolocation_parse(text, strlen(text), ret_fix);
}

static void test_geolocation(void)
{
	char text[LIMIT_GEOLOCATION_BYTES + 1];
	struct fix fix = {.accuracy_m = 42};

	CHECK_INT(place("# an office\n 48.137 # north\r\n\n11.575\n520\n30\n", &fix), 0);
	CHECK(fix.latitude == 48.137 && fix.longitude == 11.575 && fix.accuracy_m == 30);
	CHECK_INT(fix.source, FIX_FIXED);
	CHECK(fix.speed_ms < 0 && !fix.mock && fix.taken_us == 0);
	CHECK_INT(place("-90\n-180\n0\n0", &fix), 0);
	CHECK(fix.accuracy_m == 1);
	CHECK_INT(place("48\n11\n520\n", &fix), -EBADMSG);
	CHECK_INT(place("48\n11\n520\n30\n1\n", &fix), -EBADMSG);
	CHECK_INT(place("48,5\n11\n520\n30\n", &fix), -EBADMSG);
	CHECK_INT(place("91\n11\n520\n30\n", &fix), -EBADMSG);
	CHECK_INT(place("48\n181\n520\n30\n", &fix), -EBADMSG);
	CHECK_INT(place("48\n11\n520\n-30\n", &fix), -EBADMSG);
	CHECK_INT(place("48\n11\n520\n2000000\n", &fix), -EBADMSG);
	CHECK_INT(place("", &fix), -EBADMSG);
	CHECK(fix.accuracy_m == 1);
	memset(text, '\n', sizeof(text));
	memcpy(text, "48\n11\n520\n30", 12);
	CHECK_INT(geolocation_parse(text, LIMIT_GEOLOCATION_BYTES, &fix), 0);
	CHECK_INT(geolocation_parse(text, LIMIT_GEOLOCATION_BYTES + 1, &fix), -EBADMSG);
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"sound", test_sound},
	{"news", test_news},
	{"mock", test_mock},
	{"clock", test_clock},
	{"clock, random", test_clock_random},
	{"realtime", test_realtime},
	{"decimal", test_decimal},
	{"geolocation", test_geolocation},
};
CHECK_MAIN(tests)
