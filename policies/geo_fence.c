/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_fence.c - fences: unions of circles and polygons, and what is asked of them; see geo.h. Pure;
 * enforcer and tools.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "agent/util/limits.h"
#include "policies/geo_private.h"

struct part {
	enum geo_kind kind;
	struct geo_space centre;
	double radius_m;
	struct geo_polygon polygon;
};

struct geo_fence {
	size_t n_parts;
	bool has_circles;
	struct part parts[];
};

void geo_shapes_done(struct geo_shapes *shapes)
{
	for (size_t i = 0; i < shapes->n_shapes; i++) {
		for (size_t ring = 0; ring < shapes->shapes[i].n_rings; ring++)
			free(shapes->shapes[i].rings[ring].points);
		free(shapes->shapes[i].rings);
	}
	free(shapes->shapes);
	*shapes = (struct geo_shapes){0};
}

const char *geo_fault_name(enum geo_fault fault)
{
	static const char *const names[GEO_FAULT_MAX] = {
		[GEO_FAULT_NONE] = "none",
		[GEO_FAULT_SHAPES] = "shapes",
		[GEO_FAULT_POINT] = "point",
		[GEO_FAULT_RADIUS] = "radius",
		[GEO_FAULT_RINGS] = "rings",
		[GEO_FAULT_VERTICES] = "vertices",
		[GEO_FAULT_UNCLOSED] = "unclosed",
		[GEO_FAULT_HALF_TURN] = "half_turn",
		[GEO_FAULT_AREA] = "area",
		[GEO_FAULT_CROSSING] = "crossing",
		[GEO_FAULT_POLE] = "pole",
		[GEO_FAULT_HOLE_OUTSIDE] = "hole_outside",
		[GEO_FAULT_HOLE_IN_HOLE] = "hole_in_hole",
		[GEO_FAULT_LENGTH] = "length",
	};

	return (unsigned int)fault < GEO_FAULT_MAX ? names[fault] : "unknown";
}

const char *geo_side_name(enum geo_side side)
{
	static const char *const names[GEO_SIDE_MAX] = {
		[GEO_OUTSIDE] = "outside",
		[GEO_INSIDE] = "inside",
		[GEO_UNCERTAIN] = "uncertain",
	};

	return (unsigned int)side < GEO_SIDE_MAX ? names[side] : "unknown";
}

void geo_error_format(const struct geo_error *error, struct buf *out)
{
	switch (error->fault) {
	case GEO_FAULT_NONE:
	case GEO_FAULT_MAX:
		buf_puts(out, "is no fence");
		break;
	case GEO_FAULT_SHAPES:
		buf_printf(out, "must have from 1 to %d shapes", LIMIT_GEO_SHAPES);
		break;
	case GEO_FAULT_POINT:
		buf_puts(out,
			"must have a longitude from -180 to 180 and a latitude from -90 to 90");
		break;
	case GEO_FAULT_RADIUS:
		buf_printf(out, "must have a radius from %d to %d metres", LIMIT_GEO_RADIUS_MIN_M,
			LIMIT_GEO_RADIUS_MAX_M);
		break;
	case GEO_FAULT_RINGS:
		buf_printf(out, "must have a ring, and at most %d in all shapes", LIMIT_GEO_RINGS);
		break;
	case GEO_FAULT_VERTICES:
		buf_printf(out, "must have at most %d vertices in all shapes", LIMIT_GEO_VERTICES);
		break;
	case GEO_FAULT_UNCLOSED:
		buf_puts(out, "must be a ring of at least four positions whose last is the first");
		break;
	case GEO_FAULT_HALF_TURN:
		buf_printf(out, "edge %zu goes half round the Earth: put a vertex in between",
			error->edge);
		break;
	case GEO_FAULT_AREA:
		buf_puts(out, "must have an area");
		break;
	case GEO_FAULT_CROSSING:
		if (error->ring == error->other_ring)
			buf_printf(out, "edge %zu must not touch edge %zu", error->edge,
				error->other_edge);
		else
			buf_printf(out, "edge %zu must not touch edge %zu of ring %zu", error->edge,
				error->other_edge, error->other_ring);
		break;
	case GEO_FAULT_POLE:
		buf_puts(out, "goes round the Earth along the equator: neither pole is inside");
		break;
	case GEO_FAULT_HOLE_OUTSIDE:
		buf_puts(out, "must be a hole inside of the first ring");
		break;
	case GEO_FAULT_HOLE_IN_HOLE:
		buf_printf(out, "must not be inside of ring %zu, another hole", error->other_ring);
		break;
	case GEO_FAULT_LENGTH:
		buf_puts(out, "has too many edges for such long ones: simplify or divide it");
		break;
	}
}

static int shapes_check(
	const struct geo_shape *shapes, size_t n_shapes, struct geo_error *ret_error)
{
	size_t n_rings = 0, n_points = 0;

	if (n_shapes == 0 || n_shapes > LIMIT_GEO_SHAPES) {
		*ret_error = (struct geo_error){GEO_FAULT_SHAPES};
		return GEO_E_FAULT;
	}
	for (size_t i = 0; i < n_shapes; i++) {
		if (shapes[i].kind != GEO_POLYGON)
			continue;
		*ret_error = (struct geo_error){.fault = GEO_FAULT_RINGS, .shape = i};
		n_rings += shapes[i].n_rings;
		if (shapes[i].n_rings == 0 || n_rings > LIMIT_GEO_RINGS)
			return GEO_E_FAULT;
		ret_error->fault = GEO_FAULT_VERTICES;
		/* The last point of a ring is no vertex of its own. */
		for (size_t ring = 0; ring < shapes[i].n_rings; ring++) {
			ret_error->ring = ring;
			n_points += shapes[i].rings[ring].n_points;
			if (n_points > LIMIT_GEO_VERTICES + n_rings)
				return GEO_E_FAULT;
		}
	}
	return 0;
}

static int part_make(const struct geo_shape *shape, struct geo_budget *budget,
	struct part *ret_part, struct geo_error *ret_error)
{
	*ret_part = (struct part){.kind = shape->kind};
	if (shape->kind == GEO_POLYGON)
		return geo_polygon_make(shape, budget, &ret_part->polygon, ret_error);
	if (!geo_point_is_valid(&shape->centre))
		ret_error->fault = GEO_FAULT_POINT;
	else if (!(shape->radius_m >= LIMIT_GEO_RADIUS_MIN_M &&
			 shape->radius_m <= LIMIT_GEO_RADIUS_MAX_M))
		ret_error->fault = GEO_FAULT_RADIUS;
	else
		ret_error->fault = GEO_FAULT_NONE;
	if (ret_error->fault != GEO_FAULT_NONE)
		return GEO_E_FAULT;
	ret_part->centre = geo_space_of(shape->centre.lat, shape->centre.lon);
	ret_part->radius_m = shape->radius_m;
	return 0;
}

int geo_fence_new(const struct geo_shape *shapes, size_t n_shapes, struct geo_fence **ret_fence,
	struct geo_error *ret_error)
{
	_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;
	struct geo_budget budget = {.left = LIMIT_GEO_PIECES};
	struct geo_error error = {0};
	int r = shapes_check(shapes, n_shapes, &error);

	if (r == 0) {
		fence = calloc(1, sizeof(*fence) + n_shapes * sizeof(*fence->parts));
		r = fence ? 0 : -ENOMEM;
	}
	/* Together with two for each vertex that is still within the limit. */
	budget.extra = LIMIT_GEO_PIECES / 4 / (n_shapes < 32 ? 32 : n_shapes);
	for (size_t i = 0; r == 0 && i < n_shapes; i++) {
		error = (struct geo_error){.shape = i};
		r = part_make(&shapes[i], &budget, &fence->parts[i], &error);
		fence->n_parts = i + (r == 0);
		fence->has_circles |= shapes[i].kind == GEO_CIRCLE;
	}
	if (r == GEO_E_FAULT && ret_error)
		*ret_error = error;
	if (r == 0)
		*ret_fence = TAKE_PTR(fence);
	return r;
}

void geo_fence_free(struct geo_fence *fence)
{
	if (!fence)
		return;
	for (size_t i = 0; i < fence->n_parts; i++)
		if (fence->parts[i].kind == GEO_POLYGON)
			geo_polygon_done(&fence->parts[i].polygon);
	free(fence);
}

size_t geo_fence_bytes(const struct geo_fence *fence)
{
	size_t bytes = sizeof(*fence) + fence->n_parts * sizeof(*fence->parts);

	for (size_t i = 0; i < fence->n_parts; i++)
		if (fence->parts[i].kind == GEO_POLYGON)
			bytes += geo_polygon_bytes(&fence->parts[i].polygon);
	return bytes;
}

/* A question, with what all shapes need of it. */
struct disc {
	const struct geo_point *point;
	struct geo_space space;
	double radius_m;
	double chord_m; /* what is farther than that through the Earth is outside of it */
};

static enum geo_side circle_side(const struct part *circle, const struct disc *disc)
{
	double chord_m = geo_space_distance_m(&circle->centre, &disc->space), arc_m;

	/* No geodesic is shorter than its chord. */
	if (chord_m > circle->radius_m + disc->radius_m)
		return GEO_OUTSIDE;
	arc_m = geo_arc_m(&circle->centre, &disc->space);
	if (arc_m + disc->radius_m <= circle->radius_m)
		return GEO_INSIDE;
	return arc_m - disc->radius_m > circle->radius_m ? GEO_OUTSIDE : GEO_UNCERTAIN;
}

static enum geo_side part_side(const struct part *part, const struct disc *disc)
{
	if (part->kind == GEO_CIRCLE)
		return circle_side(part, disc);
	if (disc->radius_m > 0 && geo_tree_within(&part->polygon.tree, &disc->space, disc->chord_m))
		return GEO_UNCERTAIN;
	return geo_polygon_holds(&part->polygon, disc->point) ? GEO_INSIDE : GEO_OUTSIDE;
}

enum geo_side geo_fence_side(
	const struct geo_fence *fence, const struct geo_point *point, double accuracy_m)
{
	struct disc disc = {.point = point, .radius_m = accuracy_m};
	enum geo_side side = GEO_OUTSIDE;

	if (!geo_point_is_valid(point) || !(accuracy_m >= 0 && accuracy_m <= LIMIT_GEO_ACCURACY_M))
		return GEO_UNCERTAIN;
	if (accuracy_m > 0 || fence->has_circles)
		disc.space = geo_space_of(point->lat, point->lon);
	disc.chord_m = accuracy_m > 0 ? geo_chord_most_m(accuracy_m) : 0;
	for (size_t i = 0; i < fence->n_parts; i++) {
		enum geo_side one = part_side(&fence->parts[i], &disc);

		if (one == GEO_INSIDE)
			return GEO_INSIDE;
		if (one == GEO_UNCERTAIN)
			side = GEO_UNCERTAIN;
	}
	return side;
}

double geo_fence_distance_m(const struct geo_fence *fence, const struct geo_point *point)
{
	double outside_m = HUGE_VAL, inside_m = -1;
	struct geo_space space;

	if (!geo_point_is_valid(point))
		return 0;
	space = geo_space_of(point->lat, point->lon);
	for (size_t i = 0; i < fence->n_parts; i++) {
		const struct part *part = &fence->parts[i];
		bool holds;
		double away_m;

		if (part->kind == GEO_CIRCLE) {
			away_m = geo_arc_m(&part->centre, &space) - part->radius_m;
			holds = away_m <= 0;
			away_m = fabs(away_m);
		} else {
			holds = geo_polygon_holds(&part->polygon, point);
			away_m = geo_arc_least_m(geo_tree_nearest_m(&part->polygon.tree, &space,
				holds || inside_m >= 0 ? 2 * GEO_A_M
						       : fmin(outside_m, 2 * GEO_A_M)));
		}
		if (holds)
			inside_m = fmax(inside_m, away_m);
		else
			outside_m = fmin(outside_m, away_m);
	}
	return inside_m >= 0 ? -inside_m : outside_m;
}
