/* SPDX-License-Identifier: Apache-2.0 */
/* test_geo_point.c - points, distances on the ellipsoid, sides of a line without rounding. */
#include <math.h>

#include "policies/geo_private.h"
#include "tests/lib/check.h"
#include "tests/lib/geo_gen.h"

static void test_points(void)
{
	static const struct {
		struct geo_point point;
		bool valid;
	} rows[] = {
		{{0, 0}, true},
		{{90, 180}, true},
		{{-90, -180}, true},
		{{90.0000001, 0}, false},
		{{-90.0000001, 0}, false},
		{{0, 180.0000001}, false},
		{{0, -180.0000001}, false},
		/* Wrapped round at 360. */
		{{0, 190}, false},
		{{0, 359}, false},
		{{NAN, 0}, false},
		{{0, NAN}, false},
		{{INFINITY, 0}, false},
		{{0, -INFINITY}, false},
	};
	const struct geo_point valid = {1, 1};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_INT(geo_point_is_valid(&rows[i].point), rows[i].valid);
		CHECK_INT(geo_distance_m(&rows[i].point, &valid) >= 0, rows[i].valid);
		CHECK_INT(geo_distance_m(&valid, &rows[i].point) >= 0, rows[i].valid);
	}
}

/* Geodesics as GeographicLib has them; tests/interop/geo.py compares many more. */
static void test_distances(void)
{
	static const struct {
		struct geo_point a, b;
		double distance_m;
		double error; /* part of it */
	} rows[] = {
		{{52.5, 13.4}, {52.6, 13.5}, 13032.296, 1e-7},
		{{0, 179.9}, {0, -179.9}, 22263.898, 1e-7},
		{{89.9, 0}, {89.9, 180}, 22338.796, 1e-7},
		{{-89.99999, 10}, {-89.99999, -100}, 1.830, 1e-3},
		{{0, 0}, {0, 0.5}, 55659.745, 1e-7},
		{{60, 10}, {60.5, 12}, 123970.865, 1e-7},
		{{-33.9, 18.4}, {-33.9, 18.4001}, 9.249, 1e-4},
		{{71, 179}, {70, -179.5}, 124782.794, 1e-7},
		{{45, 0}, {54, 1}, 1003561.594, 1e-6},
		{{51.5, -0.1}, {40.7, -74}, 5587819.517, 4e-6},
		{{0, 0}, {0.5, 179.5}, 19936288.579, 0.0034},
		{{0, 0}, {0.5, 179.7}, 19944127.421, 0.0034},
		{{90, 0}, {-90, 0}, 20003931.459, 0.0034},
		{{0, 0}, {0, 180}, 20003931.459, 0.0034},
		{{-41.3, 174.8}, {40, -4}, 19833007.813, 0.0034},
		{{10, 20}, {10, 20}, 0, 0},
		{{10, 180}, {10, -180}, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double there_m = geo_distance_m(&rows[i].a, &rows[i].b);
		double back_m = geo_distance_m(&rows[i].b, &rows[i].a);

		if (fabs(there_m - rows[i].distance_m) > rows[i].error * rows[i].distance_m + 1e-6)
			check_fail(__FILE__, __LINE__, "row %zu: %.6f m, not %.3f", i, there_m,
				rows[i].distance_m);
		CHECK(fabs(there_m - back_m) <= 1e-9 * there_m);
	}
}

/* What arcs can be above a chord, and chords below an arc. */
static void test_bounds(void)
{
	struct gen gen = {7};

	for (int i = 0; i < 20000; i++) {
		struct geo_point a = {gen_real(&gen, -90, 90), gen_real(&gen, -180, 180)}, b = a;
		double reach = pow(10, gen_real(&gen, -5, 1)), chord_m, arc_m;
		struct geo_space in_space[2];

		b.lat = fmin(fmax(b.lat + gen_real(&gen, -reach, reach), -90), 90);
		b.lon = geo_gen_lon(b.lon + gen_real(&gen, -reach, reach));
		in_space[0] = geo_space_of(a.lat, a.lon);
		in_space[1] = geo_space_of(b.lat, b.lon);
		chord_m = geo_space_distance_m(&in_space[0], &in_space[1]);
		arc_m = geo_arc_m(&in_space[0], &in_space[1]);
		CHECK(chord_m <= arc_m * (1 + 1e-12));
		CHECK(geo_arc_least_m(chord_m) <= arc_m * (1 + 1e-9));
		CHECK(geo_chord_most_m(arc_m) >= chord_m * (1 - 1e-9));
		CHECK(arc_m > 1e6 || geo_arc_least_m(chord_m) >= arc_m * (1 - 2.1e-5));
	}
}

/* On lines whose points have no exact neighbours a product of doubles has no sign to rely on. */
static void test_orientation(void)
{
	struct gen gen = {11};

	for (int i = 0; i < 100000; i++) {
		/* b = a + k d and c = a + m d on a grid: all exact. */
		double unit = 0x1p-30, d[2], a[2], b[2], c[2];
		int64_t k = gen_between(&gen, 1, 1000), m = gen_between(&gen, -1000, 1000);

		for (int axis = 0; axis < 2; axis++) {
			d[axis] = (double)gen_between(&gen, -100000, 100000) * unit;
			a[axis] = (double)gen_between(&gen, -90 * 4194304, 90 * 4194304) * 0x1p-22;
			b[axis] = a[axis] + (double)k * d[axis];
			c[axis] = a[axis] + (double)m * d[axis];
		}
		CHECK_INT(geo_orient(a, b, c), 0);
		if (d[0] == 0)
			continue;
		/* The next double to the north is to the left of what goes east. */
		c[1] = nextafter(c[1], 1000);
		CHECK_INT(geo_orient(a, b, c), d[0] > 0 ? 1 : -1);
		CHECK_INT(geo_orient(b, c, a), d[0] > 0 ? 1 : -1);
		CHECK_INT(geo_orient(b, a, c), d[0] > 0 ? -1 : 1);
	}
	CHECK(geo_trim(1e-31) == 0);
	CHECK(geo_trim(-1e-29) == -1e-29);
}

static const struct check_test tests[] = {
	{"points", test_points},
	{"distances", test_distances},
	{"bounds", test_bounds},
	{"orientation", test_orientation},
};
CHECK_MAIN(tests)
