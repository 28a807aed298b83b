/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_polygon.c - one polygon with its holes: checked, then put into its two indexes; see
 * geo_private.h. Pure; enforcer and tools.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "agent/util/limits.h"
#include "policies/geo_private.h"

#define TURN 360.0

void geo_polygon_done(struct geo_polygon *polygon)
{
	geo_slabs_done(&polygon->slabs);
	geo_tree_done(&polygon->tree);
}

/* A line as an edge, that many turns to the east. */
static struct geo_edge edge_of(const struct geo_outline *o, size_t number, double turns)
{
	const struct geo_line *line = &o->lines[number];
	bool reversed = line->x1 < line->x0 || (line->x1 == line->x0 && line->y1 < line->y0);
	struct geo_edge edge = {.line = (uint16_t)number};
	double *from = reversed ? edge.hi : edge.lo, *to = reversed ? edge.lo : edge.hi;

	/* Rounded once, as the longitude of a point is that is asked for. */
	from[0] = line->lon0 + (line->turns0 + turns) * TURN;
	from[1] = line->y0;
	to[0] = line->lon1 + (line->turns1 + turns) * TURN;
	to[1] = line->y1;
	edge.lo_id = reversed ? line->to_id : line->from_id;
	edge.hi_id = reversed ? line->from_id : line->to_id;
	return edge;
}

/* All lines in the strip of 360 degrees from the cut on; those that cross its end are at both. */
static int edges_make(const struct geo_outline *o, struct geo_edge **ret_edges, size_t *ret_n_edges)
{
	struct geo_edge *edges = calloc(2 * o->n_lines, sizeof(*edges));
	size_t n = 0;

	if (!edges)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_lines; i++) {
		double west = fmin(o->lines[i].x0, o->lines[i].x1);
		double turns = -floor((west - o->cut) / TURN);

		edges[n] = edge_of(o, i, turns);
		if (edges[n++].hi[0] >= o->cut + TURN)
			edges[n++] = edge_of(o, i, turns - 1);
	}
	*ret_edges = edges;
	*ret_n_edges = n;
	return 0;
}

static void crossing_report(
	const struct geo_outline *o, const size_t lines[2], struct geo_error *ret_error)
{
	const struct geo_line *a = &o->lines[lines[0]], *b = &o->lines[lines[1]];

	*ret_error = (struct geo_error){
		.fault = GEO_FAULT_CROSSING,
		.shape = ret_error->shape,
		.ring = b->ring,
		.edge = b->edge,
		.other_ring = a->ring,
		.other_edge = a->edge,
	};
}

static int polygon_index(const struct geo_outline *o, struct geo_budget *budget,
	struct geo_polygon *polygon, struct geo_error *ret_error)
{
	_cleanup_free_ struct geo_edge *edges = NULL;
	bool north = false, south = false;
	size_t n_edges, lines[2];
	int r;

	r = edges_make(o, &edges, &n_edges);
	if (r == 0)
		r = geo_sweep(edges, n_edges, lines);
	if (r == GEO_E_FAULT)
		crossing_report(o, lines, ret_error);
	if (r == 0)
		r = geo_outline_check_holes(o, ret_error);
	if (r != 0)
		return r;
	for (size_t i = 0; i < o->n_rings; i++) {
		north ^= o->north[i];
		south ^= o->south[i];
	}
	polygon->south = south;
	for (size_t i = 0; i < o->n_lines; i++) {
		polygon->north_touched |= o->lines[i].y0 == 90;
		polygon->south_touched |= o->lines[i].y0 == -90;
	}
	r = geo_slabs_make(TAKE_PTR(edges), n_edges, o->cut, north, &polygon->slabs);
	if (r == 0)
		r = geo_tree_make(o->lines, o->n_lines, budget, &polygon->tree);
	if (r == GEO_E_FAULT)
		*ret_error = (struct geo_error){GEO_FAULT_LENGTH, .shape = ret_error->shape};
	return r;
}

int geo_polygon_make(const struct geo_shape *shape, struct geo_budget *budget,
	struct geo_polygon *ret_polygon, struct geo_error *ret_error)
{
	struct geo_polygon polygon = {0};
	struct geo_outline outline;
	int r;

	r = geo_outline_make(shape, &outline, ret_error);
	if (r != 0)
		return r;
	r = polygon_index(&outline, budget, &polygon, ret_error);
	geo_outline_done(&outline);
	if (r != 0) {
		geo_polygon_done(&polygon);
		return r;
	}
	*ret_polygon = polygon;
	return 0;
}

/* All longitudes are the same point at a pole. */
bool geo_polygon_holds(const struct geo_polygon *polygon, const struct geo_point *point)
{
	if (point->lat == 90)
		return polygon->north_touched || polygon->slabs.north;
	if (point->lat == -90)
		return polygon->south_touched || polygon->south;
	return geo_slabs_hold(&polygon->slabs, geo_trim(point->lat), geo_trim(point->lon));
}

size_t geo_polygon_bytes(const struct geo_polygon *polygon)
{
	const struct geo_slabs *s = &polygon->slabs;
	const struct geo_tree *t = &polygon->tree;
	size_t n_nodes = 2 * (s->n_xs - 1);

	return 2 * t->n_curves * sizeof(*s->edges) + 2 * s->n_edges * sizeof(*s->xs) +
	       (s->n_buckets + 2) * sizeof(*s->buckets) + (n_nodes + 1) * sizeof(*s->first) +
	       s->first[n_nodes] * sizeof(*s->spans) + s->n_edges * sizeof(*s->ends) +
	       (t->n_pieces * 2 + 1) * sizeof(*t->pieces) +
	       t->n_curves * (sizeof(*t->curves) + sizeof(*t->n_parts));
}
