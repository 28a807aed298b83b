/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo.h - places on the WGS-84 ellipsoid: distances, circles, polygons with holes, and the question
 * on which side of a fence a position is that is known to within some metres.
 *
 * A fence is the union of its shapes. It is built once and then asked; asking allocates nothing.
 * What an edge of a polygon is follows RFC 7946: a straight line in longitude and latitude, here
 * always the short way round, so that polygons may cross the antimeridian. What is drawn on a map
 * in any projection whose meridians and parallels are straight and evenly spaced is what counts;
 * between two points of one latitude that is the parallel, not the geodesic.
 *
 * Pure: no system calls, no files, no locale. Enforcer and tools.
 */
#ifndef MDM_POLICIES_GEO_H
#define MDM_POLICIES_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buf.h"

/* Degrees: latitude -90 to 90, longitude -180 to 180; -180 and 180 are the same meridian. */
struct geo_point {
	double lat, lon;
};

/* Both are finite and in range. A longitude that was wrapped round at 360 instead is not. */
bool geo_point_is_valid(const struct geo_point *point);

/*
 * Metres along the shortest geodesic between two valid points; -1 if one is not. Off by at most
 * 1e-6 of it (and 1 mm) up to 2,000 km, 4e-6 up to 15,000 km, 0.34 % at any distance, antipodes
 * included. (Chord and curvature between them; farther Lambert's formula, held within the bounds
 * that the sphere of reduced latitudes gives.)
 */
double geo_distance_m(const struct geo_point *a, const struct geo_point *b);

enum geo_kind {
	GEO_CIRCLE,
	GEO_POLYGON,
	GEO_KIND_MAX,
};

/* A closed line: the last point is the first once more. */
struct geo_ring {
	struct geo_point *points;
	size_t n_points;
};

/*
 * What a fence is made of. A circle is everything at most radius_m from its centre along a
 * geodesic. A polygon is its first ring without the others (holes); either winding is taken.
 * A first ring that goes round a pole has that pole inside which is on the side of its mean
 * latitude.
 */
struct geo_shape {
	enum geo_kind kind;
	struct geo_point centre; /* circle */
	double radius_m;	 /* circle: LIMIT_GEO_RADIUS_MIN_M to LIMIT_GEO_RADIUS_MAX_M */
	struct geo_ring *rings;	 /* polygon */
	size_t n_rings;
};

/* A list of shapes that owns all of it. */
struct geo_shapes {
	struct geo_shape *shapes;
	size_t n_shapes;
};
void geo_shapes_done(struct geo_shapes *shapes);
#define _cleanup_geo_shapes_ _cleanup_(geo_shapes_done)

/* Why shapes make no fence. */
enum geo_fault {
	GEO_FAULT_NONE,
	GEO_FAULT_SHAPES,	/* none, or more than LIMIT_GEO_SHAPES */
	GEO_FAULT_POINT,	/* latitude or longitude out of range */
	GEO_FAULT_RADIUS,	/* out of range */
	GEO_FAULT_RINGS,	/* a polygon without a ring, or more than LIMIT_GEO_RINGS */
	GEO_FAULT_VERTICES,	/* more than LIMIT_GEO_VERTICES in all shapes */
	GEO_FAULT_UNCLOSED,	/* fewer than four points, or the last is not the first */
	GEO_FAULT_HALF_TURN,	/* an edge of 180 degrees: both ways round are as short */
	GEO_FAULT_AREA,		/* a ring without any area */
	GEO_FAULT_CROSSING,	/* two edges have a point in common, and are not neighbours */
	GEO_FAULT_POLE,		/* a ring round the Earth whose mean latitude is the equator */
	GEO_FAULT_HOLE_OUTSIDE, /* a hole that is not inside the first ring */
	GEO_FAULT_HOLE_IN_HOLE, /* a hole inside of another one */
	GEO_FAULT_LENGTH,	/* edges so long in all that they take LIMIT_GEO_PIECES pieces */
	GEO_FAULT_MAX,
};
const char *geo_fault_name(enum geo_fault fault);

/* Where; edges and points are counted from 0, edge i goes from point i of its ring to i + 1. */
struct geo_error {
	enum geo_fault fault;
	size_t shape, ring, edge;
	size_t other_ring, other_edge; /* GEO_FAULT_CROSSING; other_ring: GEO_FAULT_HOLE_IN_HOLE */
};
/* For people, without the place that fits a path: "must not cross edge 7". */
void geo_error_format(const struct geo_error *error, struct buf *out);

struct geo_fence;

/* The answer of geo_fence_new() beside 0 and -ENOMEM. */
#define GEO_E_FAULT 1

/*
 * Checks the shapes and prepares a fence of them; they are copied. 0 with *ret_fence owned by the
 * caller; GEO_E_FAULT with *ret_error (which may be NULL) filled; -ENOMEM. Takes O(n log n) time
 * and memory: 200 to 300 bytes for each vertex, 64 for each piece that long edges are cut into,
 * less than 10 MiB for the largest fence there may be.
 */
int geo_fence_new(const struct geo_shape *shapes, size_t n_shapes, struct geo_fence **ret_fence,
	struct geo_error *ret_error);
void geo_fence_free(struct geo_fence *fence);
DEFINE_CLEANUP(struct geo_fence *, geo_fence_free)

/* What it holds of the memory of this process. */
size_t geo_fence_bytes(const struct geo_fence *fence);

enum geo_side {
	GEO_OUTSIDE,   /* the whole disc is outside of all shapes */
	GEO_INSIDE,    /* one of the shapes holds the whole disc */
	GEO_UNCERTAIN, /* neither can be said */
	GEO_SIDE_MAX,
};
const char *geo_side_name(enum geo_side side); /* "outside", "inside", "uncertain" */

/*
 * Where a disc of radius accuracy_m round the point is. With accuracy 0 it is a point, which is
 * inside or outside; the boundary is inside. A disc that only several overlapping shapes together
 * hold is uncertain, and so is one that touches the boundary of a polygon, that is larger than
 * LIMIT_GEO_ACCURACY_M, or that makes no sense (point not valid, accuracy negative or not finite).
 * More accuracy_m never makes more certain. Points are compared exactly, in longitude and latitude;
 * discs to within 1e-6 of the distance and 1 mm.
 */
enum geo_side geo_fence_side(
	const struct geo_fence *fence, const struct geo_point *point, double accuracy_m);

/*
 * How far the boundary is at least: positive outside, negative or 0 inside, where it is the largest
 * depth in one shape. The value never says more than 1e-6 (circles beyond 2,000 km: 0.34 %) and
 * 1 mm above the truth; below it by up to 0.1 % and 1 m up to 1,000 km, 0.3 % up to 10,000 km, 1 %
 * up to 15,000 km, 7 % near the antipodes. -HUGE_VAL .. HUGE_VAL are finite; a point that is not
 * valid gets 0.
 */
double geo_fence_distance_m(const struct geo_fence *fence, const struct geo_point *point);

#endif
