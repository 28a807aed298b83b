/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_private.h - what the files of geo share. Only for policies/geo_*.c.
 *
 * A polygon has two indexes. Slabs (geo_slabs.c) answer on which side a point is, in the plane of
 * longitude and latitude, exactly. The tree (geo_tree.c) answers whether the boundary is nearer
 * than some metres, and how far it is, in space: there neither the antimeridian nor the poles are
 * anything special.
 */
#ifndef MDM_POLICIES_GEO_PRIVATE_H
#define MDM_POLICIES_GEO_PRIVATE_H

#include "policies/geo.h"

/* WGS-84. */
#define GEO_A_M 6378137.0
#define GEO_F (1 / 298.257223563)
#define GEO_B_M (GEO_A_M * (1 - GEO_F))
#define GEO_E2 (GEO_F * (2 - GEO_F))		      /* first eccentricity, squared */
#define GEO_G (1 / ((1 - GEO_F) * (1 - GEO_F)))	      /* (a / b)^2 */
#define GEO_CURVE_MAX_M (GEO_A_M * GEO_A_M / GEO_B_M) /* the largest radius of curvature */
#define GEO_RADIAN (3.14159265358979323846 / 180)

/* --- geo_point.c */

/* Metres from the centre of the Earth, z through the north pole. */
struct geo_space {
	double x, y, z;
};
/* On the ellipsoid. */
struct geo_space geo_space_of(double lat, double lon);
double geo_space_distance_m(const struct geo_space *a, const struct geo_space *b);
/* Geodesic between two points of the surface. */
double geo_arc_m(const struct geo_space *a, const struct geo_space *b);
/* The shortest geodesic whose ends can be that far apart through the Earth, and back. */
double geo_arc_least_m(double chord_m);
double geo_chord_most_m(double arc_m);

/* --- geo_exact.c */

/* Sign of the area of a, b, c: 1 if c is to the left of the way from a to b, -1 to the right, 0 on
 * the line. Exact for all coordinates that geo_point_is_valid() and geo_trim() let through. */
int geo_orient(const double a[2], const double b[2], const double c[2]);
/* Degrees so small that products of them could underflow are none. */
double geo_trim(double degrees);

/* --- edges: x is the longitude plus a multiple of 360, y the latitude */

struct geo_edge {
	double lo[2], hi[2];   /* ordered by x, then y */
	uint16_t lo_id, hi_id; /* of the vertices, to know neighbours */
	uint16_t line;	       /* which of the polygon's edges this is */
	bool reversed;	       /* the ring goes from hi to lo */
};

/* One line of a ring before it has a place in the strip of 360 degrees. */
struct geo_line {
	double x0, y0, x1, y1; /* in the direction of the ring; |x1 - x0| < 180 */
	double lon0, lon1;     /* as they were, and how many turns they are in the east: */
	int16_t turns0, turns1;
	uint16_t ring;
	uint16_t from_id, to_id;
	uint32_t edge; /* number in the document */
};

/* --- geo_ring.c */

struct geo_outline {
	struct geo_line *lines; /* owned */
	size_t n_lines;
	size_t *first_line; /* owned; n_rings + 1 */
	size_t n_rings;
	bool *north; /* owned; the ring has the north pole inside */
	bool *south; /* likewise */
	double cut;  /* west end of the strip */
};
void geo_outline_done(struct geo_outline *outline);
/* Unrolls the rings of a polygon. 0, GEO_E_FAULT with ret_error, -ENOMEM. */
int geo_outline_make(const struct geo_shape *shape, struct geo_outline *ret_outline,
	struct geo_error *ret_error);
/* Whether the holes are where holes belong, once it is known that no edges touch. */
int geo_outline_check_holes(const struct geo_outline *outline, struct geo_error *ret_error);

/* --- geo_sweep.c */

/* 0 if no two edges have a point in common but for neighbours their vertex; GEO_E_FAULT with the
 * numbers of two lines; -ENOMEM. O(n log n). */
int geo_sweep(const struct geo_edge *edges, size_t n_edges, size_t ret_lines[2]);

/* --- geo_slabs.c */

struct geo_slabs {
	struct geo_edge *edges; /* owned */
	size_t n_edges;
	double cut;
	bool north; /* the north pole is inside */
	double *xs; /* owned; n_xs ends of edges, ascending */
	size_t n_xs;
	uint32_t *buckets; /* owned; n_buckets + 1 places in xs */
	size_t n_buckets;
	double buckets_per_degree;
	/* Segment tree over the n_xs - 1 intervals between xs: which edges span a node. */
	uint32_t *first; /* owned; 2 (n_xs - 1) + 1 places in spans */
	uint16_t *spans; /* owned; from south to north */
	uint16_t *ends;	 /* owned; edges by where they end in the east */
};
/* Takes the edges, also where it fails. They must not touch. 0, -ENOMEM. */
int geo_slabs_make(struct geo_edge *edges, size_t n_edges, double cut, bool north,
	struct geo_slabs *ret_slabs);
void geo_slabs_done(struct geo_slabs *slabs);
bool geo_slabs_hold(const struct geo_slabs *slabs, double lat, double lon);

/* --- geo_tree.c */

/* A stretch of the boundary: everything within r of the segment a b. Relative to an origin. */
struct geo_capsule {
	float a[3], b[3], r;
	uint32_t link; /* piece: line << 16 | part; node: first child, or piece | GEO_LEAF */
};

/* A straight line in longitude and latitude. */
struct geo_curve {
	double x0, y0, x1, y1;
};

struct geo_tree {
	struct geo_space origin;
	struct geo_capsule *pieces; /* owned */
	size_t n_pieces;
	struct geo_capsule *nodes; /* owned */
	size_t n_nodes;
	struct geo_curve *curves; /* owned; the lines */
	uint16_t *n_parts;	  /* owned; of each */
	size_t n_curves;
};
/* How many pieces the polygons of a fence may still take. */
struct geo_budget {
	size_t left;
	size_t extra; /* that one polygon may have to be finer, beside two for each edge */
};
/* 0 with what it took off the budget; GEO_E_FAULT (too many pieces); -ENOMEM. */
int geo_tree_make(const struct geo_line *lines, size_t n_lines, struct geo_budget *budget,
	struct geo_tree *ret_tree);
void geo_tree_done(struct geo_tree *tree);
/* Whether something of the boundary is at most chord_m away through the Earth. */
bool geo_tree_within(const struct geo_tree *tree, const struct geo_space *point, double chord_m);
/* How far it is at least, or limit_m where it is farther; exact below 500 km. */
double geo_tree_nearest_m(
	const struct geo_tree *tree, const struct geo_space *point, double limit_m);

/* --- geo_polygon.c */

struct geo_polygon {
	struct geo_slabs slabs;
	struct geo_tree tree;
	bool north_touched, south_touched; /* the boundary goes through the pole */
	bool south;			   /* the south pole is inside */
};
int geo_polygon_make(const struct geo_shape *shape, struct geo_budget *budget,
	struct geo_polygon *ret_polygon, struct geo_error *ret_error);
void geo_polygon_done(struct geo_polygon *polygon);
bool geo_polygon_holds(const struct geo_polygon *polygon, const struct geo_point *point);
size_t geo_polygon_bytes(const struct geo_polygon *polygon);

#endif
