/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_tree.c - how far the boundary of a polygon is; see geo_private.h. Pure; enforcer and tools.
 *
 * Edges are lines in longitude and latitude, so curves in space. They are cut into pieces, and each
 * piece is held by a capsule: the segment between its ends, as thick as the curve can be away from
 * it (half a chord squared times the second derivative). A binary tree of capsules, halved by
 * place, leads to the few that matter. Where the thickness decides, the nearest point of the curve
 * itself is computed, so that how fine pieces are decides about speed alone. Unlike boxes, capsules
 * fit bundles of long parallel edges in any direction.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "agent/util/limits.h"
#include "policies/geo_private.h"

#define LEAF_PIECES 4
#define LEAF_MARK (UINT32_C(1) << 31)
#define STACK 64 /* twice the depth of a halved tree of LIMIT_GEO_PIECES */
/* How far a piece may turn: nearest points are unique then. */
#define TURN_MAX 0.25
/* A thickness of so much less than the distance is no matter. */
#define THIN 5e-4
/* Second derivatives on a sphere are within this of those on the ellipsoid. */
#define FLATTER 1.03

void geo_tree_done(struct geo_tree *t)
{
	free(t->pieces);
	free(t->nodes);
	free(t->curves);
	free(t->n_parts);
	*t = (struct geo_tree){0};
}

/* --- points and capsules -------------------------------------------------------------------- */

static struct geo_space minus(const struct geo_space *a, const struct geo_space *b)
{
	return (struct geo_space){a->x - b->x, a->y - b->y, a->z - b->z};
}

static double dot(const struct geo_space *a, const struct geo_space *b)
{
	return a->x * b->x + a->y * b->y + a->z * b->z;
}

static struct geo_space capsule_end(const float end[3])
{
	return (struct geo_space){end[0], end[1], end[2]};
}

/* Squared distance from the segment of a capsule, and where on it that is, 0 to 1. */
static double capsule_distance2(
	const struct geo_capsule *c, const struct geo_space *p, double *ret_part)
{
	struct geo_space a = capsule_end(c->a), b = capsule_end(c->b);
	struct geo_space along = minus(&b, &a), from = minus(p, &a);
	double length2 = dot(&along, &along), part = dot(&along, &from);

	part = part <= 0 ? 0 : part >= length2 ? 1 : part / length2;
	from.x -= part * along.x;
	from.y -= part * along.y;
	from.z -= part * along.z;
	*ret_part = part;
	return dot(&from, &from);
}

static float round_up(double value)
{
	return nextafterf((float)value, HUGE_VALF);
}

/* --- the curve itself ----------------------------------------------------------------------- */

/* A point of an edge with its first two derivatives along it. */
struct bend {
	struct geo_space at, first, second;
};

static struct bend bend_at(const struct geo_curve *line, double t)
{
	double dlat = (line->y1 - line->y0) * GEO_RADIAN, dlon = (line->x1 - line->x0) * GEO_RADIAN;
	double sin_lat, cos_lat, sin_lon, cos_lon, n_m, m_m, w2, up, north, east;

	sincos((line->y0 + t * (line->y1 - line->y0)) * GEO_RADIAN, &sin_lat, &cos_lat);
	sincos((line->x0 + t * (line->x1 - line->x0)) * GEO_RADIAN, &sin_lon, &cos_lon);
	w2 = 1 - GEO_E2 * sin_lat * sin_lat;
	n_m = GEO_A_M / sqrt(w2);
	m_m = n_m * (1 - GEO_E2) / w2;
	/* Derivatives by direction: first along north and east; second as on a sphere. */
	up = -n_m * (dlat * dlat + cos_lat * cos_lat * dlon * dlon);
	north = -n_m * sin_lat * cos_lat * dlon * dlon;
	east = -2 * n_m * sin_lat * dlat * dlon;
	return (struct bend){
		.at = {n_m * cos_lat * cos_lon, n_m * cos_lat * sin_lon,
			n_m * (1 - GEO_E2) * sin_lat},
		.first = {-m_m * dlat * sin_lat * cos_lon - n_m * cos_lat * dlon * sin_lon,
			-m_m * dlat * sin_lat * sin_lon + n_m * cos_lat * dlon * cos_lon,
			m_m * dlat * cos_lat},
		.second = {up * cos_lat * cos_lon - north * sin_lat * cos_lon - east * sin_lon,
			up * cos_lat * sin_lon - north * sin_lat * sin_lon + east * cos_lon,
			up * sin_lat + north * cos_lat},
	};
}

/* The most that one part of n of an edge is away from the segment between the part's ends. */
static double line_bend_m(const struct geo_curve *line, double n)
{
	double dlat = (line->y1 - line->y0) * GEO_RADIAN, dlon = (line->x1 - line->x0) * GEO_RADIAN;
	double y0 = fabs(line->y0), y1 = fabs(line->y1);
	double cos_max = line->y0 * line->y1 <= 0 ? 1 : cos(fmin(y0, y1) * GEO_RADIAN);
	double sin_max = sin(fmax(y0, y1) * GEO_RADIAN);
	double up = dlat * dlat + cos_max * cos_max * dlon * dlon;
	double north = sin_max * cos_max * dlon * dlon, east = 2 * sin_max * dlat * dlon;

	return FLATTER * GEO_CURVE_MAX_M * sqrt(up * up + north * north + east * east) / 8 /
	       (n * n);
}

/* How many parts an edge needs so that none is bent more than that, or turns too far. */
static double line_parts(const struct geo_curve *line, double bend_m)
{
	double turn = fabs(line->x1 - line->x0) * GEO_RADIAN *
		      sin(fmax(fabs(line->y0), fabs(line->y1)) * GEO_RADIAN);

	return fmax(1, fmax(ceil(sqrt(line_bend_m(line, 1) / bend_m)), ceil(turn / TURN_MAX)));
}

/* Distance from the curve of a piece by Newton's method, from the nearest point of its chord. */
static double piece_exact_m(const struct geo_tree *t, const struct geo_capsule *piece,
	const struct geo_space *p, double part)
{
	size_t number = piece->link >> 16;
	const struct geo_curve *line = &t->curves[number];
	double n = t->n_parts[number], low = (piece->link & 0xffff) / n;
	double high = low + 1 / n, at = low + part / n, best2 = HUGE_VAL;

	for (int i = 0; i < 8; i++) {
		struct bend c = bend_at(line, at);
		struct geo_space to = minus(p, &c.at);
		double speed2 = dot(&c.first, &c.first), step;

		best2 = fmin(best2, dot(&to, &to));
		/* An edge along the pole is a point. */
		if (speed2 < 1e-12)
			break;
		step = dot(&to, &c.first) / fmax(speed2 - dot(&to, &c.second), speed2 / 8);
		step = fmin(fmax(at + step, low), high) - at;
		at += step;
		/* A millimetre beside the nearest point is nothing of its distance. */
		if (step * step * speed2 < 1e-6)
			break;
	}
	return sqrt(best2);
}

/* --- building --------------------------------------------------------------------------------- */

static int tree_divide(struct geo_tree *t, const struct geo_budget *budget, size_t *ret_n_pieces)
{
	/* The first at which there are few pieces; the last always has to do. */
	static const double bends_m[] = {1, 4, 16, 64, 256};
	double total = 0;

	for (size_t k = 0; k < sizeof(bends_m) / sizeof(*bends_m); k++) {
		total = 0;
		for (size_t i = 0; i < t->n_curves; i++) {
			double n = line_parts(&t->curves[i], bends_m[k]);

			t->n_parts[i] = (uint16_t)n;
			total += n;
		}
		if (total <= (double)(2 * t->n_curves + budget->extra))
			break;
	}
	if (total > (double)budget->left)
		return GEO_E_FAULT;
	*ret_n_pieces = (size_t)total;
	return 0;
}

static struct geo_space line_end(const struct geo_tree *t, size_t line, size_t part)
{
	const struct geo_curve *l = &t->curves[line];
	double at = (double)part / t->n_parts[line];
	struct geo_space space =
		geo_space_of(l->y0 + at * (l->y1 - l->y0), l->x0 + at * (l->x1 - l->x0));

	return minus(&space, &t->origin);
}

static void tree_make_pieces(struct geo_tree *t)
{
	struct geo_capsule *piece = t->pieces;

	for (size_t i = 0; i < t->n_curves; i++) {
		double bend_m = line_bend_m(&t->curves[i], t->n_parts[i]);
		struct geo_space a = line_end(t, i, 0);

		for (size_t part = 0; part < t->n_parts[i]; part++, piece++) {
			struct geo_space b = line_end(t, i, part + 1);
			double far_m = fabs(a.x) + fabs(a.y) + fabs(a.z) + fabs(b.x) + fabs(b.y) +
				       fabs(b.z);

			*piece = (struct geo_capsule){
				.a = {(float)a.x, (float)a.y, (float)a.z},
				.b = {(float)b.x, (float)b.y, (float)b.z},
				/* The bend, what floats lose, and what doubles do. */
				.r = round_up(bend_m + far_m * 0x1p-24 + 1e-6),
				.link = (uint32_t)(i << 16 | part),
			};
			a = b;
		}
	}
}

/* A capsule in the direction of an axis that holds all pieces. */
static struct geo_capsule capsule_fit(
	const struct geo_capsule *pieces, size_t n, struct geo_space middle, struct geo_space axis)
{
	double length = sqrt(dot(&axis, &axis)), low = HUGE_VAL, high = -HUGE_VAL, r = 0, part;
	struct geo_capsule fit = {0};

	axis = length > 0 ? (struct geo_space){axis.x / length, axis.y / length, axis.z / length}
			  : (struct geo_space){1, 0, 0};
	for (size_t i = 0; i < 2 * n; i++) {
		struct geo_space p = capsule_end(i & 1 ? pieces[i / 2].b : pieces[i / 2].a);
		double along;

		p = minus(&p, &middle);
		along = dot(&p, &axis);
		low = fmin(low, along);
		high = fmax(high, along);
	}
	fit.a[0] = (float)(middle.x + low * axis.x);
	fit.a[1] = (float)(middle.y + low * axis.y);
	fit.a[2] = (float)(middle.z + low * axis.z);
	fit.b[0] = (float)(middle.x + high * axis.x);
	fit.b[1] = (float)(middle.y + high * axis.y);
	fit.b[2] = (float)(middle.z + high * axis.z);
	for (size_t i = 0; i < 2 * n; i++) {
		struct geo_space p = capsule_end(i & 1 ? pieces[i / 2].b : pieces[i / 2].a);

		r = fmax(r, sqrt(capsule_distance2(&fit, &p, &part)) + pieces[i / 2].r);
	}
	fit.r = round_up(r + 1e-6);
	return fit;
}

static double capsule_size(const struct geo_capsule *c)
{
	struct geo_space a = capsule_end(c->a), b = capsule_end(c->b), along = minus(&b, &a);

	return c->r * (c->r + sqrt(dot(&along, &along)));
}

static struct geo_space farthest(
	const struct geo_capsule *pieces, size_t n, const struct geo_space *from)
{
	struct geo_space far = *from;
	double far2 = -1;

	for (size_t i = 0; i < 2 * n; i++) {
		struct geo_space p = capsule_end(i & 1 ? pieces[i / 2].b : pieces[i / 2].a);
		struct geo_space to = minus(&p, from);

		if (dot(&to, &to) > far2) {
			far2 = dot(&to, &to);
			far = p;
		}
	}
	return far;
}

/* The smaller one of a capsule along the longest piece and one along the longest way across. */
static struct geo_capsule capsule_around(const struct geo_capsule *pieces, size_t n)
{
	struct geo_space middle = {0}, longest = {0}, from, to, across;
	struct geo_capsule fits[2];

	for (size_t i = 0; i < n; i++) {
		struct geo_space a = capsule_end(pieces[i].a), b = capsule_end(pieces[i].b);
		struct geo_space along = minus(&b, &a);

		middle.x += (a.x + b.x) / (2 * (double)n);
		middle.y += (a.y + b.y) / (2 * (double)n);
		middle.z += (a.z + b.z) / (2 * (double)n);
		if (dot(&along, &along) > dot(&longest, &longest))
			longest = along;
	}
	from = farthest(pieces, n, &middle);
	to = farthest(pieces, n, &from);
	across = minus(&to, &from);
	fits[0] = capsule_fit(pieces, n, middle, longest);
	fits[1] = capsule_fit(pieces, n, middle, across);
	return capsule_size(&fits[0]) < capsule_size(&fits[1]) ? fits[0] : fits[1];
}

static int compare_on(const struct geo_capsule *a, const struct geo_capsule *b, int axis)
{
	double p = (double)a->a[axis] + a->b[axis], q = (double)b->a[axis] + b->b[axis];

	if (p != q)
		return p < q ? -1 : 1;
	return (a->link > b->link) - (a->link < b->link);
}

static int compare_on_x(const void *a, const void *b)
{
	return compare_on(a, b, 0);
}

static int compare_on_y(const void *a, const void *b)
{
	return compare_on(a, b, 1);
}

static int compare_on_z(const void *a, const void *b)
{
	return compare_on(a, b, 2);
}

/* In halves along the axis on which the pieces are spread widest. */
static void tree_halve(struct geo_capsule *pieces, size_t n)
{
	static int (*const compare[])(const void *, const void *) = {
		compare_on_x, compare_on_y, compare_on_z};
	double low[3] = {HUGE_VAL, HUGE_VAL, HUGE_VAL}, high[3] = {-HUGE_VAL, -HUGE_VAL, -HUGE_VAL};
	int widest = 0;

	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < 3; k++) {
			double at = (double)pieces[i].a[k] + pieces[i].b[k];

			low[k] = fmin(low[k], at);
			high[k] = fmax(high[k], at);
		}
	for (int k = 1; k < 3; k++)
		if (high[k] - low[k] > high[widest] - low[widest])
			widest = k;
	qsort(pieces, n, sizeof(*pieces), compare[widest]);
}

/* Its depth is the number of halvings of LIMIT_GEO_PIECES. */
static void tree_make_node(struct geo_tree *t, size_t node, size_t first, size_t n)
{
	size_t children = t->n_nodes;

	t->nodes[node] = capsule_around(t->pieces + first, n);
	if (n <= LEAF_PIECES) {
		t->nodes[node].link = LEAF_MARK | (uint32_t)n << 24 | (uint32_t)first;
		return;
	}
	tree_halve(t->pieces + first, n);
	t->nodes[node].link = (uint32_t)children;
	t->n_nodes += 2;
	tree_make_node(t, children, first, n / 2);
	tree_make_node(t, children + 1, first + n / 2, n - n / 2);
}

int geo_tree_make(const struct geo_line *lines, size_t n_lines, struct geo_budget *budget,
	struct geo_tree *ret_tree)
{
	struct geo_tree t = {.n_curves = n_lines};
	int r = -ENOMEM;

	t.curves = calloc(n_lines, sizeof(*t.curves));
	t.n_parts = calloc(n_lines, sizeof(*t.n_parts));
	for (size_t i = 0; t.curves && i < n_lines; i++)
		t.curves[i] =
			(struct geo_curve){lines[i].x0, lines[i].y0, lines[i].x1, lines[i].y1};
	if (t.curves && t.n_parts)
		r = tree_divide(&t, budget, &t.n_pieces);
	if (r == 0) {
		t.pieces = calloc(t.n_pieces, sizeof(*t.pieces));
		/* No leaf but the only one has fewer than two. */
		t.nodes = calloc(t.n_pieces + 1, sizeof(*t.nodes));
		if (!t.pieces || !t.nodes)
			r = -ENOMEM;
	}
	if (r != 0) {
		geo_tree_done(&t);
		return r;
	}
	t.origin = geo_space_of(lines[0].y0, lines[0].x0);
	tree_make_pieces(&t);
	t.n_nodes = 1;
	tree_make_node(&t, 0, 0, t.n_pieces);
	budget->left -= t.n_pieces;
	*ret_tree = t;
	return 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool piece_within(const struct geo_tree *t, const struct geo_capsule *piece,
	const struct geo_space *p, const struct geo_space *point, double chord_m)
{
	double part, distance_m = sqrt(capsule_distance2(piece, p, &part));

	if (distance_m - piece->r > chord_m)
		return false;
	if (distance_m + piece->r <= chord_m)
		return true;
	return piece_exact_m(t, piece, point, part) <= chord_m;
}

bool geo_tree_within(const struct geo_tree *t, const struct geo_space *point, double chord_m)
{
	struct geo_space p = minus(point, &t->origin);
	uint32_t stack[STACK];
	size_t n = 0;

	stack[n++] = 0;
	while (n > 0) {
		const struct geo_capsule *node = &t->nodes[stack[--n]];
		double part, reach_m = chord_m + node->r;
		const struct geo_capsule *piece;

		if (capsule_distance2(node, &p, &part) > reach_m * reach_m)
			continue;
		if (!(node->link & LEAF_MARK)) {
			stack[n++] = node->link;
			stack[n++] = node->link + 1;
			continue;
		}
		piece = t->pieces + (node->link & 0xffffff);
		for (uint32_t i = (node->link & ~LEAF_MARK) >> 24; i > 0; i--, piece++)
			if (piece_within(t, piece, &p, point, chord_m))
				return true;
	}
	return false;
}

/* What is known of the nearest point while the tree is searched, as chords. */
struct nearest {
	const struct geo_space *point;
	double best_m;
	double least_m; /* of what was left out as not much nearer */
};

static void piece_nearest(const struct geo_tree *t, const struct geo_capsule *piece,
	const struct geo_space *p, struct nearest *nearest)
{
	double part, distance_m = sqrt(capsule_distance2(piece, p, &part));
	double least_m = distance_m - piece->r;

	if (least_m >= nearest->best_m)
		return;
	if (piece->r > THIN * distance_m)
		least_m = fmax(least_m, piece_exact_m(t, piece, nearest->point, part));
	nearest->best_m = fmin(nearest->best_m, fmax(least_m, 0));
}

double geo_tree_nearest_m(const struct geo_tree *t, const struct geo_space *point, double limit_m)
{
	struct nearest nearest = {point, limit_m, limit_m};
	struct geo_space p = minus(point, &t->origin);
	uint32_t stack[STACK];
	double least_m[STACK], part;
	size_t n = 0;

	stack[n] = 0;
	least_m[n++] = sqrt(capsule_distance2(&t->nodes[0], &p, &part)) - t->nodes[0].r;
	while (n > 0) {
		const struct geo_capsule *node = &t->nodes[stack[--n]], *child;
		double child_m[2];
		int near;

		if (least_m[n] >= nearest.best_m * (1 - THIN)) {
			nearest.least_m = fmin(nearest.least_m, least_m[n]);
			continue;
		}
		if (node->link & LEAF_MARK) {
			child = t->pieces + (node->link & 0xffffff);
			for (uint32_t i = (node->link & ~LEAF_MARK) >> 24; i > 0; i--)
				piece_nearest(t, child++, &p, &nearest);
			continue;
		}
		child = t->nodes + node->link;
		for (int i = 0; i < 2; i++)
			child_m[i] = sqrt(capsule_distance2(&child[i], &p, &part)) - child[i].r;
		near = child_m[1] < child_m[0];
		/* The nearer one is taken first. */
		stack[n] = node->link + !near;
		least_m[n++] = child_m[!near];
		stack[n] = node->link + near;
		least_m[n++] = child_m[near];
	}
	return fmin(nearest.best_m, nearest.least_m);
}
