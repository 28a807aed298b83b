/* SPDX-License-Identifier: Apache-2.0 */
/* test_polyline.c - encoded polylines: known texts, there and back, what is refused. */
#include "policies/polyline.h"

#include <errno.h>
#include <math.h>

#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

static void test_known(void)
{
	/* The published example of the format, (38.5, -120.2), (40.7, -120.95), (43.252, -126.453),
	 * with six digits behind the point. */
	static const char text[] = "_izlhA~rlgdF_{geC~ywl@_kwzCn`{nI";
	static const struct geo_point points[] = {
		{38.5, -120.2}, {40.7, -120.95}, {43.252, -126.453}};
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct geo_ring ring;

	polyline_encode(points, ARRAY_SIZE(points), &out);
	CHECK_STR(out.data, text);
	CHECK_INT(polyline_decode(text, strlen(text), 10, &ring), 0);
	CHECK_INT(ring.n_points, ARRAY_SIZE(points));
	for (size_t i = 0; i < ARRAY_SIZE(points); i++)
		CHECK(ring.points[i].lat == points[i].lat && ring.points[i].lon == points[i].lon);
	free(ring.points);
}

/* Any points, the corners of the world among them. */
static void test_there_and_back(void)
{
	struct gen gen = {31};

	for (int round = 0; round < 300; round++) {
		struct geo_point points[40];
		size_t n = 1 + gen_below(&gen, ARRAY_SIZE(points));
		_cleanup_buf_ struct buf text = BUF_INIT, again = BUF_INIT;
		struct geo_ring ring;

		for (size_t i = 0; i < n; i++) {
			points[i].lat = (double)gen_between(&gen, -90000000, 90000000) / 1e6;
			points[i].lon = (double)gen_between(&gen, -180000000, 180000000) / 1e6;
			if (gen_below(&gen, 4) == 0)
				points[i] = (struct geo_point){gen_below(&gen, 2) ? 90 : -90,
					gen_below(&gen, 2) ? 180 : -180};
			if (i > 0 && gen_below(&gen, 4))
				points[i] = (struct geo_point){
					points[i - 1].lat * 0.9999, points[i - 1].lon * 0.9999};
		}
		polyline_encode(points, n, &text);
		CHECK_INT(polyline_decode(text.data, text.n_bytes, n, &ring), 0);
		CHECK(ring.n_points <= n);
		polyline_encode(ring.points, ring.n_points, &again);
		CHECK_STR(again.data, text.data);
		CHECK(fabs(ring.points[0].lat - points[0].lat) < 6e-7);
		CHECK(fabs(ring.points[ring.n_points - 1].lon - points[n - 1].lon) < 6e-7);
		free(ring.points);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{"", -EBADMSG}, {"?", -EBADMSG}, {"???", -EBADMSG}, {"_", -EBADMSG},
		{"??_", -EBADMSG}, {"?>", -EBADMSG}, {"? ", -EBADMSG}, {"?\x7f", -EBADMSG},
		{"?\xc3\xa9", -EBADMSG}, {"_??", -EBADMSG}, /* 0 with a zero in front */
		{"~~~~~~?", -EBADMSG},			    /* more bits than a turn has */
		{"~~~~~^?", -EBADMSG},			    /* so many, but out of range */
		{"????????????", -E2BIG},		    /* six points */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct geo_ring ring = {.n_points = 4711};

		CHECK_INT(polyline_decode(cases[i].text, strlen(cases[i].text), 5, &ring),
			cases[i].r);
		CHECK_INT(ring.n_points, 4711);
	}
}

/* A millionth beyond the pole or the antimeridian. */
static void test_range(void)
{
	static const struct geo_point points[] = {{90, 180}, {-90, -180}, {90.000001, 0},
		{-90.000001, 0}, {0, 180.000001}, {0, -180.000001}};

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct geo_ring ring = {0};

		polyline_encode(&points[i], 1, &text);
		CHECK_INT(polyline_decode(text.data, text.n_bytes, 1, &ring), i < 2 ? 0 : -EBADMSG);
		free(ring.points);
	}
}

static const struct check_test tests[] = {
	{"known", test_known},
	{"there_and_back", test_there_and_back},
	{"refused", test_refused},
	{"range", test_range},
};

CHECK_MAIN(tests)
