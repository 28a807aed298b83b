/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_ring.c - rings of a polygon, unrolled: each edge the short way round, with the pole that a
 * ring goes round; see geo_private.h. Pure; enforcer and tools.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "agent/util/limits.h"
#include "policies/geo_private.h"

#define TURN 360.0

void geo_outline_done(struct geo_outline *o)
{
	free(o->lines);
	free(o->first_line);
	free(o->north);
	free(o->south);
	*o = (struct geo_outline){0};
}

static int ring_fault(struct geo_error *error, enum geo_fault fault, size_t ring, size_t edge)
{
	*error = (struct geo_error){
		.fault = fault, .shape = error->shape, .ring = ring, .edge = edge};
	return GEO_E_FAULT;
}

static bool is_same_place(const struct geo_point *a, const struct geo_point *b)
{
	return a->lat == b->lat && fmod(a->lon - b->lon, TURN) == 0;
}

static int ring_check(const struct geo_ring *ring, size_t number, struct geo_error *error)
{
	for (size_t i = 0; i < ring->n_points; i++)
		if (!geo_point_is_valid(&ring->points[i]))
			return ring_fault(error, GEO_FAULT_POINT, number, i);
	if (ring->n_points < 4 ||
		!is_same_place(&ring->points[0], &ring->points[ring->n_points - 1]))
		return ring_fault(
			error, GEO_FAULT_UNCLOSED, number, ring->n_points ? ring->n_points - 1 : 0);
	return 0;
}

/* Appends the edges of a ring that are longer than nothing. */
static int ring_unroll(
	const struct geo_ring *ring, size_t number, struct geo_outline *o, struct geo_error *error)
{
	size_t first = o->n_lines;
	double x = geo_trim(ring->points[0].lon), y = geo_trim(ring->points[0].lat), lon = x;
	int turns = 0, last_turns = 0;

	for (size_t i = 1; i < ring->n_points; i++) {
		double east = ring->points[i].lon - ring->points[i - 1].lon;
		double next_lon = geo_trim(ring->points[i].lon), next_x;
		double next_y = geo_trim(ring->points[i].lat);

		if (fabs(east) == TURN / 2)
			return ring_fault(error, GEO_FAULT_HALF_TURN, number, i - 1);
		if (fabs(east) > TURN / 2)
			turns -= east > 0 ? 1 : -1;
		next_x = next_lon + turns * TURN;
		if (next_x == x && next_y == y)
			continue;
		o->lines[o->n_lines] = (struct geo_line){
			.x0 = x,
			.y0 = y,
			.x1 = next_x,
			.y1 = next_y,
			.lon0 = lon,
			.lon1 = next_lon,
			.turns0 = (int16_t)last_turns,
			.turns1 = (int16_t)turns,
			.ring = (uint16_t)number,
			.from_id = (uint16_t)o->n_lines,
			.to_id = (uint16_t)(o->n_lines + 1),
			.edge = (uint32_t)(i - 1),
		};
		o->n_lines++;
		x = next_x;
		y = next_y;
		lon = next_lon;
		last_turns = turns;
	}
	if (o->n_lines - first < 3)
		return ring_fault(error, GEO_FAULT_AREA, number, 0);
	o->lines[o->n_lines - 1].to_id = (uint16_t)first;
	return 0;
}

/* Which poles a ring has inside; whether it has anything inside. */
static int ring_judge(size_t number, struct geo_outline *o, struct geo_error *error)
{
	const struct geo_line *first = &o->lines[o->first_line[number]];
	const struct geo_line *end = o->lines + o->n_lines;
	double around = end[-1].x1 - first->x0, mean = 0;
	const double a[2] = {first->x0, first->y0}, b[2] = {first->x1, first->y1};
	bool is_flat = true;

	for (const struct geo_line *line = first; line < end; line++) {
		const double c[2] = {line->x1, line->y1};

		is_flat = is_flat && geo_orient(a, b, c) == 0;
		mean += (line->x1 - line->x0) * (line->y0 + line->y1) / 2;
	}
	if (fabs(around) < TURN / 2)
		return is_flat ? ring_fault(error, GEO_FAULT_AREA, number, 0) : 0;
	mean /= around;
	if (mean == 0)
		return ring_fault(error, GEO_FAULT_POLE, number, 0);
	o->north[number] = mean > 0;
	o->south[number] = mean < 0;
	return 0;
}

/* The west end of a strip in which as many longitudes as can be stay what they are. */
static double outline_cut(const struct geo_outline *o)
{
	double west = HUGE_VAL, east = -HUGE_VAL;

	for (size_t i = 0; i < o->first_line[1]; i++) {
		west = fmin(west, o->lines[i].x0);
		east = fmax(east, o->lines[i].x0);
	}
	return o->north[0] || o->south[0] || east - west >= TURN ? -TURN / 2 : west;
}

static int outline_alloc(const struct geo_shape *shape, struct geo_outline *ret_outline)
{
	size_t n = 1;

	for (size_t i = 0; i < shape->n_rings; i++)
		n += shape->rings[i].n_points;
	*ret_outline = (struct geo_outline){
		.lines = calloc(n, sizeof(struct geo_line)),
		.first_line = calloc(shape->n_rings + 1, sizeof(size_t)),
		.n_rings = shape->n_rings,
		.north = calloc(shape->n_rings, sizeof(bool)),
		.south = calloc(shape->n_rings, sizeof(bool)),
	};
	if (ret_outline->lines && ret_outline->first_line && ret_outline->north &&
		ret_outline->south)
		return 0;
	geo_outline_done(ret_outline);
	return -ENOMEM;
}

int geo_outline_make(
	const struct geo_shape *shape, struct geo_outline *ret_outline, struct geo_error *ret_error)
{
	struct geo_outline o;
	int r;

	r = outline_alloc(shape, &o);
	for (size_t i = 0; r == 0 && i < shape->n_rings; i++) {
		o.first_line[i] = o.n_lines;
		r = ring_check(&shape->rings[i], i, ret_error);
		if (r == 0)
			r = ring_unroll(&shape->rings[i], i, &o, ret_error);
		if (r == 0)
			r = ring_judge(i, &o, ret_error);
	}
	if (r != 0) {
		geo_outline_done(&o);
		return r;
	}
	o.first_line[o.n_rings] = o.n_lines;
	o.cut = outline_cut(&o);
	*ret_outline = o;
	return 0;
}

/* Whether a ring has a point inside that is not on it: edges north of it, and the pole. */
static bool ring_holds(const struct geo_outline *o, size_t ring, double x, double y)
{
	bool inside = o->north[ring];

	for (size_t i = o->first_line[ring]; i < o->first_line[ring + 1]; i++) {
		const struct geo_line *line = &o->lines[i];
		bool goes_east = line->x0 < line->x1;
		const double a[2] = {line->x0, line->y0}, b[2] = {line->x1, line->y1};
		const double *west = goes_east ? a : b, *east = goes_east ? b : a;
		double p[2] = {x + TURN * ceil((west[0] - x) / TURN), y};

		if (p[0] >= west[0] && p[0] < east[0] && geo_orient(west, east, p) < 0)
			inside = !inside;
	}
	return inside;
}

int geo_outline_check_holes(const struct geo_outline *o, struct geo_error *ret_error)
{
	const struct geo_line *shell = &o->lines[0];

	for (size_t i = 1; i < o->n_rings; i++) {
		const struct geo_line *hole = &o->lines[o->first_line[i]];

		if (!ring_holds(o, 0, hole->x0, hole->y0) || ring_holds(o, i, shell->x0, shell->y0))
			return ring_fault(ret_error, GEO_FAULT_HOLE_OUTSIDE, i, 0);
		for (size_t other = 1; other < o->n_rings; other++)
			if (other != i && ring_holds(o, other, hole->x0, hole->y0)) {
				(void)ring_fault(ret_error, GEO_FAULT_HOLE_IN_HOLE, i, 0);
				ret_error->other_ring = other;
				return GEO_E_FAULT;
			}
	}
	return 0;
}
