/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_slabs.c - whether a polygon holds a point, by counting the edges north of it; see
 * geo_private.h. Pure; enforcer and tools.
 *
 * The ends of all edges divide the longitudes into intervals. A segment tree over these (J. L.
 * Bentley, 1977) has each edge in the nodes that it spans, at most two on each level. Edges that
 * span the same interval and do not touch lie one above the other, so that those above a point are
 * found by halving. That is O(log^2 n) for any polygon whatsoever, and O(n log n) memory.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "policies/geo_private.h"

#define TURN 360.0

void geo_slabs_done(struct geo_slabs *s)
{
	free(s->edges);
	free(s->xs);
	free(s->buckets);
	free(s->first);
	free(s->spans);
	free(s->ends);
	*s = (struct geo_slabs){0};
}

static int double_compare(const void *pa, const void *pb)
{
	const double *a = pa, *b = pb;

	return (*a > *b) - (*a < *b);
}

static double edge_west(const struct geo_slabs *s, const struct geo_edge *e)
{
	return e->lo[0] < s->cut ? s->cut : e->lo[0];
}

static double edge_east(const struct geo_slabs *s, const struct geo_edge *e)
{
	return e->hi[0] > s->cut + TURN ? s->cut + TURN : e->hi[0];
}

static int slabs_make_xs(struct geo_slabs *s)
{
	size_t n = 1;

	s->xs = calloc(2 * s->n_edges, sizeof(*s->xs));
	if (!s->xs)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_edges; i++) {
		s->xs[2 * i] = edge_west(s, &s->edges[i]);
		s->xs[2 * i + 1] = edge_east(s, &s->edges[i]);
	}
	qsort(s->xs, 2 * s->n_edges, sizeof(*s->xs), double_compare);
	for (size_t i = 1; i < 2 * s->n_edges; i++)
		if (s->xs[i] != s->xs[n - 1])
			s->xs[n++] = s->xs[i];
	s->n_xs = n;
	return 0;
}

static size_t slabs_bucket(const struct geo_slabs *s, double x)
{
	double bucket = (x - s->xs[0]) * s->buckets_per_degree;

	/* xs that are next to each other can make the scale overflow. */
	return bucket >= 0 && bucket < (double)s->n_buckets ? (size_t)bucket : s->n_buckets - 1;
}

static int slabs_make_buckets(struct geo_slabs *s)
{
	s->n_buckets = s->n_xs;
	s->buckets_per_degree = (double)s->n_buckets / (s->xs[s->n_xs - 1] - s->xs[0]);
	s->buckets = calloc(s->n_buckets + 2, sizeof(*s->buckets));
	if (!s->buckets)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_xs; i++)
		s->buckets[slabs_bucket(s, s->xs[i]) + 1]++;
	for (size_t i = 0; i < s->n_buckets; i++)
		s->buckets[i + 1] += s->buckets[i];
	return 0;
}

/* How many xs are at most x. */
static size_t slabs_rank(const struct geo_slabs *s, double x)
{
	size_t bucket = slabs_bucket(s, x), low = s->buckets[bucket], high = s->buckets[bucket + 1];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->xs[middle] <= x)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether an edge is north of another one, where both span one interval. */
static bool edge_is_above(const struct geo_edge *e, const struct geo_edge *f)
{
	int side;

	if (e->lo[0] > f->lo[0] || (e->lo[0] == f->lo[0] && e->lo[1] >= f->lo[1])) {
		side = geo_orient(f->lo, f->hi, e->lo);
		return (side ? side : geo_orient(f->lo, f->hi, e->hi)) > 0;
	}
	side = geo_orient(e->lo, e->hi, f->lo);
	return (side ? side : geo_orient(e->lo, e->hi, f->hi)) < 0;
}

static bool edge_ends_after(const struct geo_edge *e, const struct geo_edge *f)
{
	return e->hi[0] > f->hi[0] || (e->hi[0] == f->hi[0] && e->hi[1] > f->hi[1]);
}

/* Merges longer and longer runs; qsort(3) hands nothing on to what compares. */
static void edges_sort(const struct geo_edge *edges, uint16_t *list, size_t n, uint16_t *space,
	bool (*is_after)(const struct geo_edge *e, const struct geo_edge *f))
{
	for (size_t run = 1; run < n; run *= 2) {
		for (size_t first = 0; first < n; first += 2 * run) {
			size_t a = first, b = first + run < n ? first + run : n;
			size_t a_end = b, b_end = b + run < n ? b + run : n, out = first;

			while (a < a_end && b < b_end)
				space[out++] = is_after(&edges[list[a]], &edges[list[b]])
						       ? list[b++]
						       : list[a++];
			while (a < a_end)
				space[out++] = list[a++];
			while (b < b_end)
				space[out++] = list[b++];
		}
		memcpy(list, space, n * sizeof(*list));
	}
}

/* Counts the nodes of an edge, or fills them (then first[] has moved to where a node goes on). */
static void slabs_add(struct geo_slabs *s, size_t edge, bool is_counted)
{
	const struct geo_edge *e = &s->edges[edge];
	size_t m = s->n_xs - 1;
	size_t low = slabs_rank(s, edge_west(s, e)) - 1 + m;
	size_t high = slabs_rank(s, edge_east(s, e)) - 1 + m;

	for (; low < high; low /= 2, high /= 2) {
		size_t nodes[2], n = 0;

		if (low & 1)
			nodes[n++] = low++;
		if (high & 1)
			nodes[n++] = --high;
		while (n-- > 0) {
			if (is_counted)
				s->first[nodes[n] + 1]++;
			else
				s->spans[s->first[nodes[n]]++] = (uint16_t)edge;
		}
	}
}

static int slabs_make_spans(struct geo_slabs *s, uint16_t **ret_space)
{
	size_t n_nodes = 2 * (s->n_xs - 1);

	s->first = calloc(n_nodes + 1, sizeof(*s->first));
	if (!s->first)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_edges; i++)
		slabs_add(s, i, true);
	for (size_t i = 0; i < n_nodes; i++)
		s->first[i + 1] += s->first[i];
	s->spans = calloc(s->first[n_nodes] + 1, sizeof(*s->spans));
	*ret_space = calloc(s->first[n_nodes] + s->n_edges, sizeof(**ret_space));
	if (!s->spans || !*ret_space)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_edges; i++)
		slabs_add(s, i, false);
	/* Each went on to where the next one begins. */
	memmove(s->first + 1, s->first, n_nodes * sizeof(*s->first));
	s->first[0] = 0;
	for (size_t i = 0; i < n_nodes; i++)
		edges_sort(s->edges, s->spans + s->first[i], s->first[i + 1] - s->first[i],
			*ret_space, edge_is_above);
	return 0;
}

static int slabs_make_ends(struct geo_slabs *s, uint16_t *space)
{
	s->ends = calloc(s->n_edges, sizeof(*s->ends));
	if (!s->ends)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_edges; i++)
		s->ends[i] = (uint16_t)i;
	edges_sort(s->edges, s->ends, s->n_edges, space, edge_ends_after);
	return 0;
}

int geo_slabs_make(
	struct geo_edge *edges, size_t n_edges, double cut, bool north, struct geo_slabs *ret_slabs)
{
	struct geo_slabs s = {.edges = edges, .n_edges = n_edges, .cut = cut, .north = north};
	_cleanup_free_ uint16_t *space = NULL;
	int r;

	r = slabs_make_xs(&s);
	if (r == 0)
		r = slabs_make_buckets(&s);
	if (r == 0)
		r = slabs_make_spans(&s, &space);
	if (r == 0)
		r = slabs_make_ends(&s, space);
	if (r < 0) {
		geo_slabs_done(&s);
		return r;
	}
	*ret_slabs = s;
	return 0;
}

/* Where edges end, and on those along a meridian; the others are met as what spans an interval. */
static bool slabs_touch_end(const struct geo_slabs *s, const double p[2])
{
	size_t low = 0, high = s->n_edges;
	double north;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const double *end = s->edges[s->ends[middle]].hi;

		if (end[0] < p[0] || (end[0] == p[0] && end[1] < p[1]))
			low = middle + 1;
		else
			high = middle;
	}
	if (low == s->n_edges)
		return false;
	north = s->edges[s->ends[low]].hi[1];
	for (; low < s->n_edges; low++) {
		const struct geo_edge *e = &s->edges[s->ends[low]];

		if (e->hi[0] != p[0] || e->hi[1] != north)
			return false;
		if (e->hi[1] == p[1] || (e->lo[0] == p[0] && e->lo[1] <= p[1]))
			return true;
	}
	return false;
}

/* Where in the strip a longitude is. */
static double slabs_place(const struct geo_slabs *s, double lon)
{
	int turns = 0;

	while (lon + turns * TURN < s->cut)
		turns++;
	while (lon + (turns - 1) * TURN >= s->cut)
		turns--;
	/* What is west of the cut by less than doubles of that size can say stays so. */
	if (lon + turns * TURN >= s->cut + TURN)
		return nextafter(s->cut + TURN, -HUGE_VAL);
	return lon + turns * TURN;
}

bool geo_slabs_hold(const struct geo_slabs *s, double lat, double lon)
{
	const double p[2] = {slabs_place(s, lon), lat};
	bool inside = s->north;
	size_t rank;

	if (p[0] < s->xs[0] || p[0] > s->xs[s->n_xs - 1])
		return inside;
	rank = slabs_rank(s, p[0]);
	if (s->xs[rank - 1] == p[0] && slabs_touch_end(s, p))
		return true;
	if (rank == s->n_xs)
		return inside;
	for (size_t node = rank - 1 + s->n_xs - 1; node > 0; node /= 2) {
		size_t low = s->first[node], end = s->first[node + 1], high = end;

		while (low < high) {
			size_t middle = low + (high - low) / 2;
			const struct geo_edge *e = &s->edges[s->spans[middle]];
			int side = geo_orient(e->lo, e->hi, p);

			if (side == 0)
				return true;
			if (side > 0)
				low = middle + 1;
			else
				high = middle;
		}
		inside ^= (end - low) & 1;
	}
	return inside;
}
