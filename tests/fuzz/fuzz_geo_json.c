/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_geo_json.c - fences from GeoJSON. What is taken has a side for every point, which more
 * accuracy never makes more certain and which agrees with the distance; what is written of it reads
 * as the same fence and is written as the same bytes.
 */
#include <math.h>

#include "agent/util/limits.h"
#include "policies/geo_json.h"
#include "tests/lib/geo_gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define RADIUS_M 700

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static struct geo_point point_of(struct gen *gen, const struct geo_shapes *shapes)
{
	const struct geo_shape *shape = &shapes->shapes[gen_below(gen, shapes->n_shapes)];
	struct geo_point p = shape->centre;
	double off = pow(10, gen_real(gen, -12, 2));

	if (shape->kind == GEO_POLYGON) {
		const struct geo_ring *ring = &shape->rings[gen_below(gen, shape->n_rings)];

		p = ring->points[gen_below(gen, ring->n_points)];
	}
	if (gen_below(gen, 4)) {
		p.lat = fmin(fmax(p.lat + gen_real(gen, -off, off), -90), 90);
		p.lon = geo_gen_lon(p.lon + gen_real(gen, -off, off));
	}
	return p;
}

static void check_point(
	const struct geo_fence *fence, const struct geo_fence *again, const struct geo_point *p)
{
	static const double radii_m[] = {0, 0.1, 30, 2000, 500000};
	double distance_m = geo_fence_distance_m(fence, p);
	enum geo_side before = GEO_UNCERTAIN;

	expect(isfinite(distance_m) && fabs(distance_m) < 20100000);
	for (size_t i = 0; i < ARRAY_SIZE(radii_m); i++) {
		enum geo_side side = geo_fence_side(fence, p, radii_m[i]);

		expect(side < GEO_SIDE_MAX);
		expect(i == 0 ? side != GEO_UNCERTAIN : side == before || side == GEO_UNCERTAIN);
		expect(i > 0 || (distance_m > 0) == (side == GEO_OUTSIDE));
		/* A circle is judged by arcs on both ways, a polygon by chords on one. */
		expect(side == GEO_UNCERTAIN || i == 0 ||
			fabs(distance_m) >= radii_m[i] * (1 - 2e-3) - 1);
		if (i == 0)
			expect(geo_fence_side(again, p, 0) == side);
		before = side;
	}
}

static void check_fence(const struct geo_shapes *shapes, struct geo_fence *fence, struct gen *gen)
{
	_cleanup_geo_shapes_ struct geo_shapes read = {0};
	_cleanup_(geo_fence_freep) struct geo_fence *again = NULL;
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	struct json_error error = {0};

	expect(geo_fence_bytes(fence) < 10 * 1024 * 1024);
	expect(geo_json_write(shapes->shapes, shapes->n_shapes, &first) == 0 && first.error == 0);
	expect(json_parse_geometry(first.data, first.n_bytes, &object, &error) == 0);
	expect(geo_json_read(object, "", RADIUS_M, &read, &error) == 0);
	expect(read.n_shapes == shapes->n_shapes);
	expect(geo_json_write(read.shapes, read.n_shapes, &second) == 0 && second.error == 0);
	expect(strcmp(first.data, second.data) == 0);
	expect(geo_fence_new(read.shapes, read.n_shapes, &again, NULL) == 0);
	for (int i = 0; i < 16; i++) {
		struct geo_point p = point_of(gen, shapes);

		check_point(fence, again, &p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_geo_shapes_ struct geo_shapes shapes = {0};
	_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;
	_cleanup_json_ struct json_object *object = NULL;
	struct gen gen = gen_from_bytes(data, n_bytes);
	struct json_error error = {0};

	if (json_parse_geometry((const char *)data, n_bytes, &object, &error) < 0)
		return 0;
	if (geo_json_read(object, "place", RADIUS_M, &shapes, &error) < 0) {
		expect(*error.message && strncmp(error.path, "place", 5) == 0);
		return 0;
	}
	expect(shapes.n_shapes > 0 && shapes.n_shapes <= LIMIT_GEO_SHAPES);
	if (geo_json_fence(object, "place", RADIUS_M, &fence, &error) < 0) {
		expect(*error.message && strncmp(error.path, "place", 5) == 0);
		return 0;
	}
	check_fence(&shapes, fence, &gen);
	return 0;
}
