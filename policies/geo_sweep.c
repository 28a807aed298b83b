/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_sweep.c - whether any two edges of a polygon touch, in O(n log n) (M. I. Shamos and D. Hoey,
 * 1976): a line moves from west to east, and edges that become neighbours on it are compared. Pure.
 *
 * The edges on the line are an array; opening a gap in it moves some kilobytes, which for the
 * number of edges that limits.h allows is less than a balanced tree costs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policies/geo_private.h"

struct event {
	double at[2];
	uint16_t edge;
	uint16_t vertex;
	bool starts;
};

struct sweep {
	const struct geo_edge *edges;
	uint16_t *active; /* owned; from south to north */
	size_t n_active;
	size_t *ret_lines;
};

static int event_compare(const void *pa, const void *pb)
{
	const struct event *a = pa, *b = pb;

	for (int i = 0; i < 2; i++)
		if (a->at[i] != b->at[i])
			return a->at[i] < b->at[i] ? -1 : 1;
	/* What ends makes room before something starts. */
	if (a->starts != b->starts)
		return a->starts ? 1 : -1;
	return (a->edge > b->edge) - (a->edge < b->edge);
}

static int sweep_fault(const struct sweep *s, size_t a, size_t b)
{
	size_t line_a = s->edges[a].line, line_b = s->edges[b].line;

	s->ret_lines[0] = line_a < line_b ? line_a : line_b;
	s->ret_lines[1] = line_a < line_b ? line_b : line_a;
	return GEO_E_FAULT;
}

/* Of a point on the line of an edge: is it between its ends? */
static bool edge_spans(const struct geo_edge *e, const double p[2])
{
	double south = e->lo[1] < e->hi[1] ? e->lo[1] : e->hi[1];
	double north = e->lo[1] < e->hi[1] ? e->hi[1] : e->lo[1];

	return p[0] >= e->lo[0] && p[0] <= e->hi[0] && p[1] >= south && p[1] <= north;
}

/* Whether edges that are not of one line of the polygon touch, but for a common vertex. */
static bool edges_touch(const struct geo_edge *e, const struct geo_edge *f)
{
	int e_lo = geo_orient(f->lo, f->hi, e->lo), e_hi = geo_orient(f->lo, f->hi, e->hi);
	int f_lo = geo_orient(e->lo, e->hi, f->lo), f_hi = geo_orient(e->lo, e->hi, f->hi);

	/* With a common vertex all they can do is lie on each other. */
	if (e->lo_id == f->lo_id || e->hi_id == f->hi_id)
		return f_lo == 0 && f_hi == 0;
	if (e->lo_id == f->hi_id || e->hi_id == f->lo_id)
		return false; /* one is west of it, the other east */
	if (e_lo * e_hi < 0 && f_lo * f_hi < 0)
		return true;
	return (e_lo == 0 && edge_spans(f, e->lo)) || (e_hi == 0 && edge_spans(f, e->hi)) ||
	       (f_lo == 0 && edge_spans(e, f->lo)) || (f_hi == 0 && edge_spans(e, f->hi));
}

/* The place of an edge that starts or ends now. GEO_E_FAULT if that point is on another one. */
static int sweep_place(struct sweep *s, size_t edge, bool starts, size_t *ret_place)
{
	const struct geo_edge *f = &s->edges[edge];
	size_t low = 0, high = s->n_active;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct geo_edge *e = &s->edges[s->active[middle]];
		int side;

		if (e == f)
			low = high = middle;
		if (e == f)
			break;
		side = geo_orient(e->lo, e->hi, starts ? f->lo : f->hi);
		if (side == 0 && (starts ? e->lo_id == f->lo_id : e->hi_id == f->hi_id))
			side = geo_orient(e->lo, e->hi, starts ? f->hi : f->lo);
		if (side == 0)
			return sweep_fault(s, edge, s->active[middle]);
		if (side > 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_place = low;
	return 0;
}

static int sweep_check(struct sweep *s, size_t south)
{
	size_t a, b;

	if (south + 1 >= s->n_active)
		return 0;
	a = s->active[south];
	b = s->active[south + 1];
	return edges_touch(&s->edges[a], &s->edges[b]) ? sweep_fault(s, a, b) : 0;
}

static int sweep_start(struct sweep *s, size_t edge)
{
	size_t place;
	int r = sweep_place(s, edge, true, &place);

	if (r != 0)
		return r;
	memmove(s->active + place + 1, s->active + place,
		(s->n_active - place) * sizeof(*s->active));
	s->active[place] = (uint16_t)edge;
	s->n_active++;
	r = place > 0 ? sweep_check(s, place - 1) : 0;
	return r != 0 ? r : sweep_check(s, place);
}

static int sweep_end(struct sweep *s, size_t edge)
{
	size_t place;
	int r = sweep_place(s, edge, false, &place);

	if (r != 0)
		return r;
	/* The order of the others is sound up to the first contact, and there was none. */
	if (place >= s->n_active || s->active[place] != edge)
		return sweep_fault(s, edge, s->active[place < s->n_active ? place : place - 1]);
	s->n_active--;
	memmove(s->active + place, s->active + place + 1,
		(s->n_active - place) * sizeof(*s->active));
	return place > 0 ? sweep_check(s, place - 1) : 0;
}

static int sweep_run(struct sweep *s, const struct event *events, size_t n_events)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_events; i++) {
		const struct event *event = &events[i];

		if (i > 0 && event[-1].at[0] == event->at[0] && event[-1].at[1] == event->at[1] &&
			event[-1].vertex != event->vertex)
			return sweep_fault(s, event->edge, event[-1].edge);
		r = event->starts ? sweep_start(s, event->edge) : sweep_end(s, event->edge);
	}
	return r;
}

int geo_sweep(const struct geo_edge *edges, size_t n_edges, size_t ret_lines[2])
{
	_cleanup_free_ struct event *events = calloc(2 * n_edges, sizeof(*events));
	_cleanup_free_ uint16_t *active = calloc(n_edges, sizeof(*active));
	struct sweep s = {.edges = edges, .active = active, .ret_lines = ret_lines};

	if (!events || !active)
		return -ENOMEM;
	for (size_t i = 0; i < n_edges; i++) {
		const struct geo_edge *e = &edges[i];

		events[2 * i] = (struct event){{e->lo[0], e->lo[1]}, (uint16_t)i, e->lo_id, true};
		events[2 * i + 1] =
			(struct event){{e->hi[0], e->hi[1]}, (uint16_t)i, e->hi_id, false};
	}
	qsort(events, 2 * n_edges, sizeof(*events), event_compare);
	return sweep_run(&s, events, 2 * n_edges);
}
