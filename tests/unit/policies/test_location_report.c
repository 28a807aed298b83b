/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_location_report.c - what the organisation is told of a position: when, how exactly, and that
 * many reports of one spot say no more than one.
 */
#include "policies/location_report.h"

#include <errno.h>
#include <math.h>

#include "policies/geo.h"
#include "tests/lib/check.h"

static uint64_t seed = 7;

/* 0 <= x < 1 */
static double any(void)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return (double)(z >> 11) / 9007199254740992.0;
}

static struct fix fix_of(double lat, double lon, double accuracy_m)
{
	return (struct fix){.latitude = lat,
		.longitude = lon,
		.accuracy_m = accuracy_m,
		.speed_ms = -1,
		.source = FIX_GNSS};
}

static struct geo_point point_of(const struct location_told *told)
{
	return (struct geo_point){
		(double)told->latitude_e6 / 1e6, (double)told->longitude_e6 / 1e6};
}

static void rules(void)
{
	static const struct {
		int report; /* -1: nobody sets it */
		bool is_lost;
		enum location_why_told why;
		bool when_lost;
	} rows[] = {
		{-1, false, LOCATION_NOT_TOLD, false},
		{-1, true, LOCATION_NOT_TOLD, false},
		{0, true, LOCATION_NOT_TOLD, false},
		{1, false, LOCATION_NOT_TOLD, true},
		{1, true, LOCATION_LOST, false},
		{2, false, LOCATION_ALWAYS, false},
		{2, true, LOCATION_LOST, false},
	};
	static struct effective effective;
	struct location_rules got;

	location_rules_read(NULL, true, &got);
	CHECK_INT(got.why, LOCATION_NOT_TOLD);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct effective_setting *report = &effective.settings[SETTING_LOCATION_REPORT];

		report->present = rows[i].report >= 0;
		report->value.number = rows[i].report;
		location_rules_read(&effective, rows[i].is_lost, &got);
		CHECK_INT(got.why, rows[i].why);
		CHECK_INT(got.when_lost, rows[i].when_lost);
		CHECK_INT(got.precision_m, LOCATION_PRECISION_M);
		CHECK(!got.override_switch);
	}
	effective.settings[SETTING_LOCATION_PRECISION] =
		(struct effective_setting){.present = true, .value.number = 50};
	effective.settings[SETTING_LOCATION_OVERRIDE_SWITCH] =
		(struct effective_setting){.present = true, .value.number = 1};
	location_rules_read(&effective, false, &got);
	CHECK_INT(got.precision_m, 50);
	CHECK(got.override_switch);
}

/* Wherever: the disc that is told holds the phone, and is never smaller than agreed. */
static void discs_hold(void)
{
	static const int64_t precisions[] = {10, 50, 1000, 7777, 100000};

	for (int i = 0; i < 200000; i++) {
		int64_t precision = precisions[i % 5];
		double lat = asin(2 * any() - 1) * 180 / M_PI, accuracy = any() * 5000;
		struct fix fix = fix_of(i % 7 ? lat : copysign(90 - any() * 0.01, lat),
			any() * 360 - 180, accuracy);
		struct geo_point at = {fix.latitude, fix.longitude}, middle;
		struct location_told told;

		CHECK(location_round(&fix, precision, NULL, &told));
		middle = point_of(&told);
		CHECK(geo_point_is_valid(&middle));
		CHECK(told.radius_m >= precision && told.radius_m % precision == 0);
		/* A metre for what is rounded to millionths. */
		CHECK(geo_distance_m(&at, &middle) <= (double)told.radius_m + 1);
		if (accuracy > (double)precision / 4)
			CHECK(geo_distance_m(&at, &middle) + accuracy <= (double)told.radius_m + 1);
		/* Away from the poles a good position needs no more. */
		if (fabs(fix.latitude) < 85 && accuracy <= (double)precision / 4)
			CHECK_INT(told.radius_m, precision);
	}
}

/* What is told is the same for all points of a cell, which is as large as was agreed. */
static void cells_are_large(void)
{
	static const double latitudes[] = {0, 48.137154, -33.9, 69.6, 85};

	for (size_t i = 0; i < sizeof(latitudes) / sizeof(*latitudes); i++) {
		struct fix fix = fix_of(latitudes[i], 11.576124, 5);
		struct location_told told, other;
		double metre = 1 / 111320.0, east = metre / cos(latitudes[i] * M_PI / 180);
		struct geo_point middle;
		int n_same = 0;

		CHECK(location_round(&fix, 1000, NULL, &told));
		middle = point_of(&told);
		/* Points of the square with sides of 0.95 km round the middle. */
		for (int k = 0; k < 1000; k++) {
			struct fix near = fix_of(middle.lat + (any() - 0.5) * 950 * metre,
				middle.lon + (any() - 0.5) * 950 * east, 5);

			CHECK(location_round(&near, 1000, NULL, &other));
			n_same += other.latitude_e6 == told.latitude_e6 &&
				  other.longitude_e6 == told.longitude_e6;
		}
		CHECK_INT(n_same, 1000);
	}
}

/* 2000 positions with 50 m of noise round a spot: how often what is told changes. */
static int changes_at(double lat, double lon)
{
	double metre = 1 / 111320.0, east = metre / cos(lat * M_PI / 180);
	struct location_told before, told;
	int n_changes = 0;

	for (int i = 0; i < 2000; i++) {
		struct fix fix = fix_of(lat + (any() - 0.5) * 100 * metre,
			fmax(-180, fmin(180, lon + (any() - 0.5) * 100 * east)), 50);

		if (!location_round(&fix, 1000, i ? &before : NULL, &told))
			return -1;
		n_changes += i > 0 && (told.latitude_e6 != before.latitude_e6 ||
					      told.longitude_e6 != before.longitude_e6);
		before = told;
	}
	return n_changes;
}

/* One report, however often, wherever the phone lies; at edges and corners of cells, too. */
static void repetition_tells_nothing(void)
{
	for (int spot = 0; spot < 100; spot++) {
		double lat = any() * 140 - 70, lon = any() * 358 - 179, metre = 1 / 111320.0;
		struct fix fix = fix_of(lat, lon, 50);
		struct location_told told;
		struct geo_point middle;

		CHECK_INT(changes_at(lat, lon), 0);
		CHECK(location_round(&fix, 1000, NULL, &told));
		middle = point_of(&told);
		CHECK_INT(changes_at(middle.lat + 499 * metre, middle.lon), 0);
		CHECK_INT(changes_at(middle.lat + 499 * metre,
				  middle.lon + 499 * metre / cos(middle.lat * M_PI / 180)),
			0);
	}
}

static void another_precision_is_another_grid(void)
{
	struct fix fix = fix_of(48.137154, 11.576124, 5);
	struct location_told coarse, fine;

	CHECK(location_round(&fix, 5000, NULL, &coarse));
	CHECK(location_round(&fix, 100, &coarse, &fine));
	CHECK_INT(fine.radius_m, 100);
	CHECK_INT(fine.precision_m, 100);
}

static void nonsense(void)
{
	const struct fix bad[] = {fix_of(91, 0, 5), fix_of(0, 181, 5), fix_of(NAN, 0, 5),
		fix_of(0, NAN, 5), fix_of(0, 0, NAN), fix_of(0, 0, INFINITY), fix_of(0, 0, -1)};
	struct fix good = fix_of(0, 0, 0);
	struct location_told told;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(!location_round(&bad[i], 1000, NULL, &told));
	CHECK(!location_round(&good, 0, NULL, &told));
	CHECK(!location_round(&good, -5, NULL, &told));
	CHECK(location_round(&good, 10, NULL, &told));
	/* Both names of one meridian, and the poles. */
	good = fix_of(0, 180, 5);
	CHECK(location_round(&good, 1000, NULL, &told));
	good = fix_of(90, 12, 5);
	CHECK(location_round(&good, 100000, NULL, &told));
}

static void redacted(void)
{
	static const struct {
		const char *before, *after;
	} rows[] = {
		{"", ""},
		{"{\"a\":1}", "{\"a\":1}"},
		{"{\"sections\":{\"location\":{\"digest\":\"00\",\"body\":{\"x\":\"}\",\"y\":{}}},"
		 "\"z\":{}}}",
			"{\"sections\":{\"location\":{\"withheld\":true},\"z\":{}}}"},
		{"{\"location\":{\"digest\":\"\\\\\"},\"k\":2}",
			"{\"location\":{\"withheld\":true},\"k\":2}"},
		{"{\"location\":{\"digest\":\"a\\\"}b\"},\"k\":2}",
			"{\"location\":{\"withheld\":true},\"k\":2}"},
		{"{\"t\":\"\\\"location\\\":{\\\"digest\\\":\"}",
			"{\"t\":\"\\\"location\\\":{\\\"digest\\\":\"}"},
		/* What does not end is all of it. */
		{"{\"location\":{\"digest\":\"x", "{\"location\":{\"withheld\":true}"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;

		location_redact(rows[i].before, strlen(rows[i].before), &out);
		CHECK_STR(out.n_bytes ? out.data : "", rows[i].after);
	}
}

/* As a state file is read: line by line. */
static int import(const char *text, struct location_kept *ret_kept)
{
	_cleanup_free_ char *copy = strdup(text);
	int r = copy ? 0 : -ENOMEM;

	*ret_kept = (struct location_kept){0};
	for (char *line = copy, *next; r == 0 && line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		r = location_kept_line(line, ret_kept);
	}
	return r;
}

static void kept(void)
{
	struct location_kept k = {.is_lost = true, .lost_s = 1790000000}, again;
	_cleanup_buf_ struct buf text = BUF_INIT, twice = BUF_INIT;
	struct fix fix = fix_of(-48.137154, -11.576124, 5);
	struct location_told told;

	location_kept_export(&k, &text);
	CHECK_STR(text.data, "lost 1790000000\nall 0\n");
	CHECK(location_round(&fix, 1000, NULL, &told));
	told.why = LOCATION_LOST;
	for (int i = 0; i < LOCATION_TOLD_KEPT + 3; i++) {
		told.sent_s = told.time_s = 1790000000 + i;
		location_kept_add(&k, &told);
	}
	CHECK_INT(k.n_told, LOCATION_TOLD_KEPT);
	CHECK_INT(k.n_all, LOCATION_TOLD_KEPT + 3);
	CHECK_INT(k.told[0].sent_s, 1790000003);
	buf_reset(&text);
	location_kept_export(&k, &text);
	CHECK_INT(import(text.data, &again), 0);
	location_kept_export(&again, &twice);
	CHECK_STR(twice.data, text.data);
	CHECK(again.is_lost && again.told[3].why == LOCATION_LOST);
	/* A phone without a clock: what is written is read again, or it would not be lost any more.
	 */
	k.told[0].time_s = -5;
	buf_reset(&text);
	location_kept_export(&k, &text);
	CHECK_INT(import(text.data, &again), 0);
	CHECK(again.is_lost && again.told[0].time_s == 0);
}

static void kept_refused(void)
{
#define TOLD "told 1 2 3 4 5 6 gnss always 0\n"
	static const char *const bad[] = {"x\n", "lost\n", "lost -1\n", "lost 1\nlost 1\n",
		"lost 1 \n", "all x\n", "\n\n", "told 1 2 3 4 5 6 gnss always\n",
		"told 1 2 3 4 5 6 gnss always 0 0\n", "told 1 2 3 4 5 6 gnss always 2\n",
		"told 1 2 3 4 5 6 gnss never 0\n", "told 1 2 3 4 5 6 guess always 0\n",
		"told 1 2 90000001 4 5 6 gnss always 0\n",
		"told 1 2 3 180000001 5 6 gnss always 0\n", "told 1 2 3 4 0 6 gnss always 0\n",
		"told 1 2 3 4 5 1000001 gnss always 0\n"};
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct location_kept k;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (import(bad[i], &k) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "%s is taken", bad[i]);
	for (int i = 0; i < LOCATION_TOLD_KEPT; i++)
		buf_puts(&text, TOLD);
	CHECK_INT(import(text.data, &k), 0);
	buf_puts(&text, TOLD);
	CHECK_INT(import(text.data, &k), -EBADMSG);
}

static const struct check_test tests[] = {
	{"rules", rules},
	{"discs_hold", discs_hold},
	{"cells_are_large", cells_are_large},
	{"repetition_tells_nothing", repetition_tells_nothing},
	{"another_precision_is_another_grid", another_precision_is_another_grid},
	{"nonsense", nonsense},
	{"redacted", redacted},
	{"kept", kept},
	{"kept_refused", kept_refused},
};
CHECK_MAIN(tests)
