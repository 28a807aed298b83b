/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_geo_fence.c - fences: sides of circles, polygons and unions, at the antimeridian, at the
 * poles, on the boundary; what is refused, and where; limits one step over.
 */
#include <errno.h>
#include <math.h>

#include "agent/util/limits.h"
#include "policies/geo_private.h"
#include "tests/lib/check.h"
#include "tests/lib/geo_gen.h"
#include "tests/lib/geo_text.h"

static struct geo_fence *fence_of(const char *text)
{
	_cleanup_geo_shapes_ struct geo_shapes shapes = geo_text(text);
	struct geo_fence *fence = NULL;
	struct geo_error error = {0};
	int r = geo_fence_new(shapes.shapes, shapes.n_shapes, &fence, &error);

	if (r != 0)
		check_fail(__FILE__, __LINE__, "%s: %d %s", text, r, geo_fault_name(error.fault));
	return fence;
}

struct side_row {
	double lon, lat, accuracy_m;
	enum geo_side side;
};

static void check_sides(const char *text, const struct side_row *rows, size_t n)
{
	_cleanup_(geo_fence_freep) struct geo_fence *fence = fence_of(text);

	for (size_t i = 0; fence && i < n; i++) {
		const struct geo_point point = {rows[i].lat, rows[i].lon};
		enum geo_side side = geo_fence_side(fence, &point, rows[i].accuracy_m);
		double distance_m = geo_fence_distance_m(fence, &point);

		if (side != rows[i].side)
			check_fail(__FILE__, __LINE__, "%s: %g %g (%g m) is %s, not %s", text,
				rows[i].lon, rows[i].lat, rows[i].accuracy_m, geo_side_name(side),
				geo_side_name(rows[i].side));
		if (rows[i].accuracy_m == 0 && geo_point_is_valid(&point) &&
			(distance_m > 0) != (side == GEO_OUTSIDE))
			check_fail(__FILE__, __LINE__, "%s: %g %g is %s and %g m away", text,
				rows[i].lon, rows[i].lat, geo_side_name(side), distance_m);
	}
}
#define CHECK_SIDES(text, rows) check_sides(text, rows, ARRAY_SIZE(rows))

static void test_circle(void)
{
	static const struct side_row rows[] = {
		{13.4, 52.5, 0, GEO_INSIDE},
		{13.4, 52.5, 1000, GEO_INSIDE},
		{13.4, 52.5, 1000.1, GEO_UNCERTAIN},
		{13.4, 52.6, 0, GEO_OUTSIDE},
		{13.4, 52.6, 10000, GEO_OUTSIDE},
		{13.4, 52.6, 10200, GEO_UNCERTAIN},
		{13.4, 52.505, 100, GEO_INSIDE},
		{13.4, 52.505, 500, GEO_UNCERTAIN},
	};
	static const struct side_row senseless[] = {
		{13.4, 52.5, -1, GEO_UNCERTAIN},
		{13.4, 52.5, NAN, GEO_UNCERTAIN},
		{-13.4, -52.5, INFINITY, GEO_UNCERTAIN},
		{-13.4, -52.5, LIMIT_GEO_ACCURACY_M, GEO_OUTSIDE},
		{-13.4, -52.5, LIMIT_GEO_ACCURACY_M + 1, GEO_UNCERTAIN},
		{373.4, 52.5, 0, GEO_UNCERTAIN},
		{13.4, NAN, 0, GEO_UNCERTAIN},
	};
	/* 22,263.898 m between 179.9 and -179.9 on the equator; 22,338.796 across the pole. */
	static const struct side_row antimeridian[] = {
		{-179.9, 0, 0, GEO_INSIDE},
		{-179.9, 0, 0.1, GEO_INSIDE},
		{-179.9, 0, 0.2, GEO_UNCERTAIN},
		{-179.899, 0, 0, GEO_OUTSIDE},
		{-179.899, 0, 100, GEO_OUTSIDE},
		{180, 0, 0, GEO_INSIDE},
		{-180, 0, 0, GEO_INSIDE},
		{179.8, 0, 100, GEO_INSIDE},
	};
	static const struct side_row pole[] = {
		{180, 89.9, 0.1, GEO_INSIDE},
		{180, 89.9, 0.3, GEO_UNCERTAIN},
		{180, 89.8999, 0, GEO_OUTSIDE},
		{77, 90, 1000, GEO_INSIDE},
	};

	CHECK_SIDES("@13.4 52.5 1000", rows);
	CHECK_SIDES("@13.4 52.5 1000", senseless);
	CHECK_SIDES("@179.9 0 22264.04", antimeridian);
	CHECK_SIDES("@0 89.9 22339", pole);
}

static void test_polygon(void)
{
	static const struct side_row rows[] = {
		{13.45, 52.55, 0, GEO_INSIDE},
		{13.45, 52.55, 3000, GEO_INSIDE},
		{13.45, 52.55, 3500, GEO_UNCERTAIN},
		{13.6, 52.55, 0, GEO_OUTSIDE},
		{13.6, 52.55, 6700, GEO_OUTSIDE},
		{13.6, 52.55, 6850, GEO_UNCERTAIN},
		/* The boundary is inside: corners, edges, also those along a meridian. */
		{13.4, 52.5, 0, GEO_INSIDE},
		{13.5, 52.5, 0, GEO_INSIDE},
		{13.4, 52.6, 0, GEO_INSIDE},
		{13.5, 52.6, 0, GEO_INSIDE},
		{13.45, 52.5, 0, GEO_INSIDE},
		{13.45, 52.6, 0, GEO_INSIDE},
		{13.4, 52.55, 0, GEO_INSIDE},
		{13.5, 52.55, 0, GEO_INSIDE},
		{13.5, 52.55, 0.01, GEO_UNCERTAIN},
		{13.5, 52.60000000001, 0, GEO_OUTSIDE},
		{13.50000000001, 52.55, 0, GEO_OUTSIDE},
		{13.39999999999, 52.55, 0, GEO_OUTSIDE},
		{13.45, 52.49999999999, 0, GEO_OUTSIDE},
		{-166.55, -52.55, 0, GEO_OUTSIDE},
		{13.45, 90, 0, GEO_OUTSIDE},
		{13.45, -90, 1000000, GEO_OUTSIDE},
	};
	static const struct side_row hole[] = {
		{0.5, 0.5, 0, GEO_INSIDE},
		{1.5, 1.5, 0, GEO_OUTSIDE},
		{1.5, 1.5, 50000, GEO_OUTSIDE},
		{1.5, 1.5, 56000, GEO_UNCERTAIN},
		{1, 1, 0, GEO_INSIDE},
		{1.5, 1, 0, GEO_INSIDE},
		{2.5, 2.5, 1000, GEO_INSIDE},
		{1.5, 2.5, 0, GEO_INSIDE},
	};

	/* Either winding, and vertices twice. */
	CHECK_SIDES("13.4 52.5,13.5 52.5,13.5 52.6,13.4 52.6", rows);
	CHECK_SIDES("13.4 52.6,13.5 52.6,13.5 52.5,13.5 52.5,13.4 52.5,13.4 52.5", rows);
	CHECK_SIDES("0 0,3 0,3 3,0 3/1 1,1 2,2 2,2 1", hole);
	CHECK_SIDES("0 0,0 3,3 3,3 0/1 1,1 2,2 2,2 1", hole);
}

static void test_antimeridian(void)
{
	static const struct side_row rows[] = {
		{180, 0, 0, GEO_INSIDE},
		{-180, 0, 0, GEO_INSIDE},
		{179, 0.5, 50000, GEO_INSIDE},
		{-179, 0.5, 50000, GEO_INSIDE},
		{180, 0.5, 50000, GEO_INSIDE},
		{-180, -0.5, 50000, GEO_INSIDE},
		{177.9, 0, 0, GEO_OUTSIDE},
		{-177.9, 0, 0, GEO_OUTSIDE},
		{-177.9, 0, 12000, GEO_UNCERTAIN},
		{-178, 0, 0, GEO_INSIDE},
		{178, 0, 0, GEO_INSIDE},
		{0, 0, 1000000, GEO_OUTSIDE},
		{180, 1.001, 0, GEO_OUTSIDE},
		{-180, 1.001, 100, GEO_OUTSIDE},
		{-180, 1.001, 200, GEO_UNCERTAIN},
	};
	static const struct side_row hole[] = {
		{180, 0, 1000, GEO_OUTSIDE},
		{-180, 0.5, 0, GEO_INSIDE},
		{179.5, 0, 0, GEO_INSIDE},
		{-179.9, 0, 40000, GEO_OUTSIDE},
		{-179.9, 0, 50000, GEO_UNCERTAIN},
		{-178.5, 0, 50000, GEO_INSIDE},
	};

	CHECK_SIDES("178 -1,-178 -1,-178 1,178 1", rows);
	CHECK_SIDES("-178 1,-178 -1,178 -1,178 1", rows);
	CHECK_SIDES("-178 1,-178 -1,180 -1,178 -1,178 1,-180 1", rows);
	CHECK_SIDES(
		"178 -1,-178 -1,-178 1,178 1/179.5 -0.5,-179.5 -0.5,-179.5 0.5,179.5 0.5", hole);
	/* A hole that is written down on the other side. */
	CHECK_SIDES(
		"-178 -1,-178 1,178 1,178 -1/-179.5 -0.5,179.5 -0.5,179.5 0.5,-179.5 0.5", hole);
}

static void test_poles(void)
{
	static const struct side_row north[] = {
		{0, 90, 1000000, GEO_INSIDE},
		{123, 90, 0, GEO_INSIDE},
		{0, -90, 1000000, GEO_OUTSIDE},
		{180, 80, 0, GEO_INSIDE},
		{-180, 80, 100000, GEO_INSIDE},
		{45, 69.99, 0, GEO_OUTSIDE},
		{45, 70, 0, GEO_INSIDE},
		{45, 70.01, 0, GEO_INSIDE},
		{45, 70.01, 1100, GEO_INSIDE},
		{45, 70.01, 1200, GEO_UNCERTAIN},
		{180, 69.9, 11000, GEO_OUTSIDE},
		{180, 69.9, 11200, GEO_UNCERTAIN},
	};
	static const struct side_row south[] = {
		{0, -90, 1000000, GEO_INSIDE},
		{0, 90, 1000000, GEO_OUTSIDE},
		{-180, -80, 0, GEO_INSIDE},
		{-179.9, -69, 0, GEO_OUTSIDE},
	};
	static const struct side_row ring[] = {
		{0, 90, 0, GEO_OUTSIDE},
		{0, 85, 500000, GEO_OUTSIDE},
		{180, 75, 500000, GEO_INSIDE},
		{33, 60, 0, GEO_OUTSIDE},
		{33, -90, 0, GEO_OUTSIDE},
	};
	/* A wedge that ends in the pole; the edge along it is that point. */
	static const struct side_row wedge[] = {
		{45, 85, 0, GEO_INSIDE},
		{45, 85, 300000, GEO_INSIDE},
		{-135, 90, 0, GEO_INSIDE},
		{-135, 89.9, 0, GEO_OUTSIDE},
		{-135, 89.9, 11000, GEO_OUTSIDE},
		{-135, 89.9, 11200, GEO_UNCERTAIN},
		{91, 85, 0, GEO_OUTSIDE},
		{0, -90, 0, GEO_OUTSIDE},
	};
	/* A few metres of ice. */
	static const struct side_row tiny[] = {
		{0, 90, 5, GEO_INSIDE},
		{10, 89.99996, 3, GEO_INSIDE},
		{10, 89.9999, 10, GEO_UNCERTAIN},
		{10, 89.999, 90, GEO_OUTSIDE},
	};

	CHECK_SIDES("0 70,90 70,180 70,-90 70", north);
	CHECK_SIDES("0 70,-90 70,-180 70,90 70", north);
	CHECK_SIDES("0 -70,-90 -70,-180 -70,90 -70", south);
	CHECK_SIDES("0 70,90 70,180 70,-90 70/0 80,120 80,-120 80", ring);
	CHECK_SIDES("0 80,90 80,90 90,0 90", wedge);
	CHECK_SIDES("0 89.9999,120 89.9999,-120 89.9999", tiny);
}

/* A band round the whole Earth that meets itself nowhere and has no pole inside. */
static void test_winding_band(void)
{
	static const struct side_row rows[] = {
		{0, 0, 10000, GEO_INSIDE},
		{-150, 0.2, 0, GEO_INSIDE},
		{179.9, 4, 0, GEO_INSIDE},
		{0, 4.5, 10000, GEO_INSIDE},
		{0, 2, 10000, GEO_OUTSIDE},
		{0, 90, 0, GEO_OUTSIDE},
		{0, -90, 0, GEO_OUTSIDE},
	};

	CHECK_SIDES(
		"-170 -1,-60 -1,60 -1,170 3,-80 3,20 4,20 5,-80 5,170 5,60 1,-60 1,-170 1", rows);
}

static void test_union(void)
{
	static const struct side_row rows[] = {
		{0.5, 0.5, 50000, GEO_INSIDE},
		/* Both hold it only together. */
		{1.05, 0.5, 20000, GEO_UNCERTAIN},
		{1.05, 0.5, 1000, GEO_INSIDE},
		{1.05, 0.5, 0, GEO_INSIDE},
		{5, 5, 9000, GEO_INSIDE},
		{5, 5, 11000, GEO_UNCERTAIN},
		{3, 3, 100000, GEO_OUTSIDE},
		{5.2, 5, 0, GEO_OUTSIDE},
	};
	const struct geo_point inside = {0.5, 0.5}, between = {0.5, 2.5}, far = {0.5, -177};
	_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;
	double distance_m;

	CHECK_SIDES("0 0,1.1 0,1.1 1,0 1;1 0,2 0,2 1,1 1;@5 5 10000", rows);
	fence = fence_of("0 0,1 0,1 1,0 1;3 0,4 0,4 1,3 1;@0.5 0.5 1000");
	CHECK(fence);
	distance_m = geo_fence_distance_m(fence, &inside);
	CHECK(distance_m <= -55200 && distance_m >= -55288); /* the square's, not the circle's */
	distance_m = geo_fence_distance_m(fence, &between);
	CHECK(distance_m > 55600 && distance_m < 55659);
	distance_m = geo_fence_distance_m(fence, &far);
	CHECK(distance_m > 18e6 && distance_m < 20.1e6);
}

/* --- what is refused -------------------------------------------------------------------------- */

struct fault_row {
	const char *text;
	enum geo_fault fault;
	size_t shape, ring, edge, other_ring, other_edge;
	const char *words;
};

static const struct fault_row faults[] = {
	{"0 91,1 0,1 1", GEO_FAULT_POINT, 0, 0, 0, 0, 0,
		"must have a longitude from -180 to 180 and a latitude from -90 to 90"},
	{"0 0,1 0,181 1", GEO_FAULT_POINT, 0, 0, 2, 0, 0, NULL},
	{"0 0,1 0,nan 1", GEO_FAULT_POINT, 0, 0, 2, 0, 0, NULL},
	{"@0 0 1000;@0 -91 1000", GEO_FAULT_POINT, 1, 0, 0, 0, 0, NULL},
	{"@0 0 9.99", GEO_FAULT_RADIUS, 0, 0, 0, 0, 0,
		"must have a radius from 10 to 1000000 metres"},
	{"@0 0 1000000.1", GEO_FAULT_RADIUS, 0, 0, 0, 0, 0, NULL},
	{"@0 0 nan", GEO_FAULT_RADIUS, 0, 0, 0, 0, 0, NULL},
	{"0 0,1 0,1 1,0 0.1!", GEO_FAULT_UNCLOSED, 0, 0, 3, 0, 0,
		"must be a ring of at least four positions whose last is the first"},
	{"0 0,1 0,0 0!", GEO_FAULT_UNCLOSED, 0, 0, 2, 0, 0, NULL},
	{"0 0,5 0,5 5,0 5/1 1,2 2,2 1,1 1.5!", GEO_FAULT_UNCLOSED, 0, 1, 3, 0, 0, NULL},
	{"-90 0,90 0,90 1", GEO_FAULT_HALF_TURN, 0, 0, 0, 0, 0,
		"edge 0 goes half round the Earth: put a vertex in between"},
	{"0 0,10 0,10 5,-170 5", GEO_FAULT_HALF_TURN, 0, 0, 2, 0, 0, NULL},
	{"0 0,1 1,2 2", GEO_FAULT_AREA, 0, 0, 0, 0, 0, "must have an area"},
	{"0 0,0 0,0 0", GEO_FAULT_AREA, 0, 0, 0, 0, 0, NULL},
	{"0 0,1 0,1 0,0 0,1 0", GEO_FAULT_AREA, 0, 0, 0, 0, 0, NULL},
	/* The whole Earth as many write it: the edges from -180 to 180 have no length. */
	{"-180 60,180 60,180 90,-180 90", GEO_FAULT_AREA, 0, 0, 0, 0, 0, NULL},
	{"0 0,1 1,1 0,0 1", GEO_FAULT_CROSSING, 0, 0, 2, 0, 0, "edge 2 must not touch edge 0"},
	/* At a vertex, along an edge, by a vertex, and there and back. */
	{"0 0,2 0,1 1,2 2,0 2,1 1", GEO_FAULT_CROSSING, 0, 0, 5, 0, 1, NULL},
	{"0 0,3 0,3 1,2 0,1 0,0 1", GEO_FAULT_CROSSING, 0, 0, 4, 0, 0, NULL},
	{"0 0,3 0,3 1,1 0,0 1", GEO_FAULT_CROSSING, 0, 0, 3, 0, 0, NULL},
	{"0 0,3 0,3 1,5 1,3 1,0 1", GEO_FAULT_CROSSING, 0, 0, 4, 0, 1, NULL},
	{"0 0,5 0,5 5,0 5/4 1,6 1,6 2,4 2", GEO_FAULT_CROSSING, 0, 1, 0, 0, 1,
		"edge 0 must not touch edge 1 of ring 0"},
	{"0 0,5 0,5 5,0 5/4 1,5 1,4 2", GEO_FAULT_CROSSING, 0, 1, 0, 0, 1, NULL},
	/* At the antimeridian: one of the two is written on the other side. */
	{"179 0,-179 0,-179 1,179 1/179.5 0.5,-178 0.6,-179.5 0.7", GEO_FAULT_CROSSING, 0, 1, 0, 0,
		1, NULL},
	{"179 0,180 0,-179 0,-180 -1,-179.5 1", GEO_FAULT_CROSSING, 0, 0, 3, 0, 1, NULL},
	/* Twice round the pole cannot be without. */
	{"0 70,90 70,180 70,-90 70,0 75,90 75,180 75,-90 75", GEO_FAULT_CROSSING, 0, 0, 7, 0, 3,
		NULL},
	{"0 0,90 0,180 0,-90 0", GEO_FAULT_POLE, 0, 0, 0, 0, 0,
		"goes round the Earth along the equator: neither pole is inside"},
	{"@0 0 10;0 0,1 0,1 1/2 2,3 2,3 3", GEO_FAULT_HOLE_OUTSIDE, 1, 1, 0, 0, 0,
		"must be a hole inside of the first ring"},
	{"1 1,2 1,2 2/0 0,5 0,5 5,0 5", GEO_FAULT_HOLE_OUTSIDE, 0, 1, 0, 0, 0, NULL},
	{"0 70,90 70,180 70,-90 70/0 -70,90 -70,180 -70,-90 -70", GEO_FAULT_HOLE_OUTSIDE, 0, 1, 0,
		0, 0, NULL},
	{"0 0,9 0,9 9,0 9/1 1,8 1,8 8,1 8/2 2,3 2,3 3", GEO_FAULT_HOLE_IN_HOLE, 0, 2, 0, 1, 0,
		"must not be inside of ring 1, another hole"},
};

static void test_faults(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		const struct fault_row *row = &faults[i];
		_cleanup_geo_shapes_ struct geo_shapes shapes = geo_text(row->text);
		_cleanup_buf_ struct buf words = BUF_INIT;
		struct geo_fence *fence = NULL;
		struct geo_error e = {0};

		if (geo_fence_new(shapes.shapes, shapes.n_shapes, &fence, &e) != GEO_E_FAULT ||
			fence || e.fault != row->fault || e.shape != row->shape ||
			e.ring != row->ring || e.edge != row->edge ||
			e.other_ring != row->other_ring || e.other_edge != row->other_edge)
			check_fail(__FILE__, __LINE__,
				"%s: %s, shape %zu ring %zu edge %zu (%zu %zu)", row->text,
				geo_fault_name(e.fault), e.shape, e.ring, e.edge, e.other_ring,
				e.other_edge);
		geo_fence_free(fence);
		geo_error_format(&e, &words);
		CHECK(words.n_bytes > 0);
		if (row->words)
			CHECK_STR(words.data, row->words);
		CHECK_INT(geo_fence_new(shapes.shapes, shapes.n_shapes, &fence, NULL), GEO_E_FAULT);
	}
}

static void test_names(void)
{
	for (int i = 0; i < GEO_FAULT_MAX; i++) {
		_cleanup_buf_ struct buf words = BUF_INIT;
		struct geo_error error = {.fault = (enum geo_fault)i};

		CHECK(geo_fault_name(error.fault) && *geo_fault_name(error.fault));
		geo_error_format(&error, &words);
		CHECK(words.n_bytes > 0);
	}
	for (int i = 0; i < GEO_SIDE_MAX; i++)
		CHECK(geo_side_name((enum geo_side)i) && *geo_side_name((enum geo_side)i));
	CHECK_STR(geo_fault_name(GEO_FAULT_MAX), "unknown");
	CHECK_STR(geo_side_name(GEO_SIDE_MAX), "unknown");
}

/* --- limits one step over ------------------------------------------------------------------- */

static enum geo_fault fault_of(const struct geo_shape *shapes, size_t n)
{
	_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;
	struct geo_error error = {0};

	return geo_fence_new(shapes, n, &fence, &error) == 0 ? GEO_FAULT_NONE : error.fault;
}

static void test_limit_shapes(void)
{
	static struct geo_shape shapes[LIMIT_GEO_SHAPES + 1];

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		shapes[i] = (struct geo_shape){GEO_CIRCLE, {0, (double)i / 10}, 10, NULL, 0};
	CHECK_INT(fault_of(shapes, 0), GEO_FAULT_SHAPES);
	CHECK_INT(fault_of(shapes, LIMIT_GEO_SHAPES), GEO_FAULT_NONE);
	CHECK_INT(fault_of(shapes, LIMIT_GEO_SHAPES + 1), GEO_FAULT_SHAPES);
	shapes[0].kind = GEO_POLYGON;
	CHECK_INT(fault_of(shapes, 1), GEO_FAULT_RINGS);
}

/* As many triangles as holes as there may be, with the ring round them. */
static void test_limit_rings(void)
{
	static struct geo_point points[LIMIT_GEO_RINGS + 1][5];
	static struct geo_ring rings[LIMIT_GEO_RINGS + 1];
	struct geo_shape shape = {.kind = GEO_POLYGON, .rings = rings, .n_rings = LIMIT_GEO_RINGS};

	for (int i = 0; i <= LIMIT_GEO_RINGS; i++) {
		double x = i % 64, y = i / 64;

		points[i][0] = points[i][3] = (struct geo_point){y, x};
		points[i][1] = (struct geo_point){y, x + 0.5};
		points[i][2] = (struct geo_point){y + 0.5, x};
		rings[i] = (struct geo_ring){points[i], 4};
	}
	points[0][0] = points[0][4] = (struct geo_point){-1, -1};
	points[0][1] = (struct geo_point){-1, 70};
	points[0][2] = (struct geo_point){70, 70};
	points[0][3] = (struct geo_point){70, -1};
	rings[0].n_points = 5;
	CHECK_INT(fault_of(&shape, 1), GEO_FAULT_NONE);
	shape.n_rings++;
	CHECK_INT(fault_of(&shape, 1), GEO_FAULT_RINGS);
}

static void test_limit_vertices(void)
{
	const struct geo_gen_place place = {10, 10, 1, 0}, beside = {20, 20, 1, 0};
	struct gen gen = {5};
	struct geo_ring rings[] = {
		geo_gen_ring(&gen, GEO_GEN_STAR, LIMIT_GEO_VERTICES, &place),
		geo_gen_ring(&gen, GEO_GEN_STAR, LIMIT_GEO_VERTICES + 1, &place),
		geo_gen_ring(&gen, GEO_GEN_STAR, LIMIT_GEO_VERTICES - 15, &beside),
		geo_gen_ring(&gen, GEO_GEN_STAR, 16, &beside),
	};
	struct geo_shape shapes[] = {
		{GEO_POLYGON, .rings = &rings[0], .n_rings = 1},
		{GEO_POLYGON, .rings = &rings[1], .n_rings = 1},
		{GEO_POLYGON, .rings = &rings[2], .n_rings = 1},
		{GEO_POLYGON, .rings = &rings[3], .n_rings = 1},
	};

	CHECK_INT(fault_of(&shapes[0], 1), GEO_FAULT_NONE);
	CHECK_INT(fault_of(&shapes[1], 1), GEO_FAULT_VERTICES);
	/* Of all shapes together. */
	CHECK_INT(fault_of(&shapes[2], 1), GEO_FAULT_NONE);
	CHECK_INT(fault_of(&shapes[2], 2), GEO_FAULT_VERTICES);
	for (size_t i = 0; i < ARRAY_SIZE(rings); i++)
		free(rings[i].points);
}

/* Teeth of 2 degrees take two pieces each; those of 100 degrees would take a million. */
static void test_limit_pieces(void)
{
	struct geo_gen_place place = {0, 0, 2, 0};
	struct gen gen = {5};
	struct geo_ring ring = geo_gen_ring(&gen, GEO_GEN_COMB, 10000, &place);
	struct geo_shape shape = {GEO_POLYGON, .rings = &ring, .n_rings = 1};

	CHECK_INT(fault_of(&shape, 1), GEO_FAULT_NONE);
	free(ring.points);
	place.reach = 60;
	ring = geo_gen_ring(&gen, GEO_GEN_COMB, 10000, &place);
	CHECK_INT(fault_of(&shape, 1), GEO_FAULT_LENGTH);
	free(ring.points);
}

/* The limit is that of all shapes: 200 bands of half the Earth are too much, fewer are not. */
static void test_limit_pieces_of_all(void)
{
	static struct geo_point points[200][5];
	static struct geo_ring rings[200];
	struct geo_shape shapes[200];

	for (int i = 0; i < 200; i++) {
		double y = -50 + i / 2.;

		for (int k = 0; k < 5; k++)
			points[i][k] = (struct geo_point){
				y + (k == 2 || k == 3 ? 0.1 : 0), k == 1 || k == 2 ? 89 : -89};
		rings[i] = (struct geo_ring){points[i], 5};
		shapes[i] = (struct geo_shape){GEO_POLYGON, .rings = &rings[i], .n_rings = 1};
	}
	CHECK_INT(fault_of(shapes, 1), GEO_FAULT_NONE);
	CHECK_INT(fault_of(shapes + 199, 1), GEO_FAULT_NONE);
	CHECK_INT(fault_of(shapes, 100), GEO_FAULT_NONE);
	CHECK_INT(fault_of(shapes, 200), GEO_FAULT_LENGTH);
}

/* The largest fence that there may be: all vertices, nearly all pieces. */
static void test_memory(void)
{
	struct geo_gen_place place = {0, 0, 3.0, 0.5};
	struct gen gen = {5};
	struct geo_ring ring = geo_gen_ring(&gen, GEO_GEN_COMB, LIMIT_GEO_VERTICES, &place);
	struct geo_shape shape = {GEO_POLYGON, .rings = &ring, .n_rings = 1};
	_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;

	CHECK_INT(geo_fence_new(&shape, 1, &fence, NULL), 0);
	CHECK(geo_fence_bytes(fence) > 6 * 1024 * 1024);
	CHECK(geo_fence_bytes(fence) < 10 * 1024 * 1024);
	free(ring.points);
}

static const struct check_test tests[] = {
	{"circle", test_circle},
	{"polygon", test_polygon},
	{"antimeridian", test_antimeridian},
	{"poles", test_poles},
	{"winding_band", test_winding_band},
	{"union", test_union},
	{"faults", test_faults},
	{"names", test_names},
	{"limit_shapes", test_limit_shapes},
	{"limit_rings", test_limit_rings},
	{"limit_vertices", test_limit_vertices},
	{"limit_pieces", test_limit_pieces},
	{"limit_pieces_of_all", test_limit_pieces_of_all},
	{"memory", test_memory},
};
CHECK_MAIN(tests)
