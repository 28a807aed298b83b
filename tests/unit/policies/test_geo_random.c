/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_geo_random.c - fences of random and of hard shapes, anywhere on the Earth, against plain
 * counting of edges and a search of the boundary in small steps; and what has to hold of any fence.
 */
#include <math.h>

#include "policies/geo_private.h"
#include "tests/lib/check.h"
#include "tests/lib/geo_gen.h"

#define FAR_M 1000000.0 /* up to where distances are promised to 0.1 % and 1 m */

/* A polygon somewhere, with a hole in the middle if it can have one. */
struct subject {
	struct geo_gen_place place;
	struct geo_ring rings[2];
	struct geo_shape shape;
	enum geo_gen_kind kind;
	struct geo_fence *fence;
};

static const struct geo_gen_place places[] = {
	{52.5, 13.4, 0.1, 0.3},
	{0, 0, 1, 1},
	{10, 180, 0.5, 0.7},
	{-17, -179.9, 2, 2},
	{70, 179.5, 1, 0},
	{-85, 100, 3, 1.2},
	{45, -30, 8, 0.1},
	{89, -170, 0.9, 0.4},
	{-33.9, 18.4, 0.001, 0.2},
};

static bool subject_make(struct gen *gen, size_t place, size_t n, struct subject *ret_subject)
{
	struct subject s = {.place = places[place], .kind = gen_below(gen, GEO_GEN_MAX)};
	struct geo_gen_place hole = s.place;

	s.rings[0] = geo_gen_ring(gen, s.kind, n, &s.place);
	s.shape = (struct geo_shape){GEO_POLYGON, .rings = ret_subject->rings, .n_rings = 1};
	if (s.kind == GEO_GEN_STAR || s.kind == GEO_GEN_CIRCLE) {
		hole.reach *= 0.3;
		s.rings[1] = geo_gen_ring(gen, GEO_GEN_STAR, 16, &hole);
		s.shape.n_rings = 2;
	}
	*ret_subject = s;
	return geo_fence_new(&ret_subject->shape, 1, &ret_subject->fence, NULL) == 0;
}

static void subject_done(struct subject *s)
{
	geo_fence_free(s->fence);
	free(s->rings[0].points);
	free(s->rings[1].points);
}

static struct geo_point point_near(struct gen *gen, const struct subject *s)
{
	const struct geo_ring *ring = &s->rings[gen_below(gen, s->shape.n_rings)];
	struct geo_point p = ring->points[gen_below(gen, ring->n_points)];
	double off;

	if (gen_below(gen, 2)) {
		p = geo_gen_put(&s->place, gen_real(gen, -1.2, 1.2), gen_real(gen, -1.2, 1.2));
	} else {
		off = s->place.reach * pow(10, gen_real(gen, -6, 0));
		p.lat += gen_real(gen, -off, off);
		p.lon = geo_gen_lon(p.lon + gen_real(gen, -off, off));
	}
	p.lat = fmin(fmax(p.lat, -89.9999), 89.9999);
	return p;
}

/* Parity of the edges north of a point, in long doubles. */
static bool plain_holds(const struct geo_shape *shape, const struct geo_point *p)
{
	bool inside = false;

	for (size_t r = 0; r < shape->n_rings; r++)
		for (size_t i = 0; i + 1 < shape->rings[r].n_points; i++) {
			const struct geo_point *a = &shape->rings[r].points[i], *b = a + 1;
			long double x0 = remainderl((long double)a->lon - p->lon, 360);
			long double x1 = x0 + remainderl((long double)b->lon - a->lon, 360);

			if ((x0 <= 0) != (x1 <= 0) &&
				a->lat + (b->lat - a->lat) * (-x0 / (x1 - x0)) > p->lat)
				inside = !inside;
		}
	return inside;
}

static double edge_at_m(const struct geo_point *a, double east, const struct geo_point *b,
	double part, const struct geo_point *p)
{
	struct geo_point q = {a->lat + part * (b->lat - a->lat), geo_gen_lon(a->lon + part * east)};

	return geo_distance_m(&q, p);
}

/* The nearest of 33 points of an edge, and from there by halving steps. */
static double edge_distance_m(
	const struct geo_point *a, const struct geo_point *b, const struct geo_point *p)
{
	double east = remainder(b->lon - a->lon, 360), best = 0, step = 1. / 32;
	double best_m = HUGE_VAL;

	for (int i = 0; i <= 32; i++) {
		double m = edge_at_m(a, east, b, i * step, p);

		if (m < best_m) {
			best_m = m;
			best = i * step;
		}
	}
	for (; step > 1e-8; step /= 2)
		for (int side = -1; side <= 1; side += 2) {
			double part = fmin(fmax(best + side * step / 2, 0), 1);
			double m = edge_at_m(a, east, b, part, p);

			if (m < best_m) {
				best_m = m;
				best = part;
			}
		}
	return best_m;
}

static double plain_distance_m(const struct geo_shape *shape, const struct geo_point *p)
{
	double best_m = HUGE_VAL;

	for (size_t r = 0; r < shape->n_rings; r++)
		for (size_t i = 0; i + 1 < shape->rings[r].n_points; i++) {
			const struct geo_point *a = &shape->rings[r].points[i];

			best_m = fmin(best_m, edge_distance_m(a, a + 1, p));
		}
	return best_m;
}

static const char *words_of(const struct subject *s, const struct geo_point *p)
{
	static char words[160];

	snprintf(words, sizeof(words), "%s of %zu at %g %g +-%g: %.17g %.17g",
		geo_gen_names[s->kind], s->rings[0].n_points - 1, s->place.lon, s->place.lat,
		s->place.reach, p->lon, p->lat);
	return words;
}

static void check_point(const struct subject *s, const struct geo_point *p)
{
	double true_m = plain_distance_m(&s->shape, p), m = geo_fence_distance_m(s->fence, p);
	bool holds = plain_holds(&s->shape, p);
	enum geo_side side = geo_fence_side(s->fence, p, 0);
	double below_m = true_m * (1 - 1e-5) - 0.01, above_m = true_m * (1 + 1e-5) + 0.01;

	/* Where doubles could have rounded a point to the other side there is nothing to compare.
	 */
	if (true_m > 1e-6 && side != (holds ? GEO_INSIDE : GEO_OUTSIDE))
		check_fail(__FILE__, __LINE__, "%s is %s", words_of(s, p), geo_side_name(side));
	if ((m > 0) != (side == GEO_OUTSIDE))
		check_fail(__FILE__, __LINE__, "%s: %g m", words_of(s, p), m);
	m = fabs(m);
	if (true_m < FAR_M && (m > true_m * (1 + 1e-6) + 0.001 || m < true_m * 0.999 - 1))
		check_fail(__FILE__, __LINE__, "%s: %.4f m, not %.4f", words_of(s, p), m, true_m);
	if (true_m > FAR_M || above_m > 1e6)
		return;
	if (below_m > 0 && geo_fence_side(s->fence, p, below_m) != side)
		check_fail(__FILE__, __LINE__, "%s: not %s with %.4f m", words_of(s, p),
			geo_side_name(side), below_m);
	if (geo_fence_side(s->fence, p, above_m) != GEO_UNCERTAIN)
		check_fail(__FILE__, __LINE__, "%s: certain with %.4f m", words_of(s, p), above_m);
}

static void run_places(size_t n_vertices, int n_points, int n_rounds, uint64_t seed)
{
	struct gen gen = {seed};

	for (int round = 0; round < n_rounds; round++)
		for (size_t place = 0; place < ARRAY_SIZE(places); place++) {
			struct subject s;

			if (!subject_make(&gen, place, n_vertices, &s))
				check_fail(__FILE__, __LINE__, "place %zu: no fence", place);
			else
				for (int i = 0; i < n_points; i++) {
					struct geo_point p = point_near(&gen, &s);

					check_point(&s, &p);
				}
			subject_done(&s);
		}
}

static void test_small(void)
{
	run_places(16, check_emulated() ? 5 : 60, 10, 1);
}

static void test_middle(void)
{
	run_places(100, check_emulated() ? 2 : 20, 4, 2);
}

static void test_large(void)
{
	run_places(3000, check_emulated() ? 1 : 2, 1, 3);
}

/* Sides alone, of all hard shapes with as many vertices as the index is promised for. */
static void test_ten_thousand(void)
{
	struct gen gen = {4};

	for (size_t place = 0; place < (check_emulated() ? 2 : 5); place++) {
		struct subject s;

		CHECK(subject_make(&gen, place, 10000, &s));
		for (int i = 0; i < 300; i++) {
			struct geo_point p = point_near(&gen, &s);
			bool holds = plain_holds(&s.shape, &p);

			if (geo_fence_side(s.fence, &p, 0) != (holds ? GEO_INSIDE : GEO_OUTSIDE) &&
				fabs(geo_fence_distance_m(s.fence, &p)) > 1e-6)
				check_fail(__FILE__, __LINE__, "%s", words_of(&s, &p));
		}
		subject_done(&s);
	}
}

/* Rings that go round a pole: what is nearer to it than the edge of that longitude is inside. */
static void test_round_pole(void)
{
	struct gen gen = {9};

	for (int turn = 0; turn < (check_emulated() ? 8 : 40); turn++) {
		double sign = turn % 2 ? -1 : 1, low = turn % 4 < 2 ? 40 : 89.9;
		struct geo_point points[38];
		struct geo_ring ring = {points, ARRAY_SIZE(points)};
		struct geo_shape shape = {GEO_POLYGON, .rings = &ring, .n_rings = 1};
		_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;
		double first = gen_real(&gen, -180, 180);

		for (int i = 0; i < 37; i++)
			points[i] = (struct geo_point){sign * gen_real(&gen, low, (low + 90) / 2),
				geo_gen_lon(first + (turn % 3 ? 1 : -1) * i * 360. / 37)};
		points[37] = points[0];
		CHECK_INT(geo_fence_new(&shape, 1, &fence, NULL), 0);
		for (int i = 0; i < 40; i++) {
			struct geo_point p = {sign * gen_real(&gen, low - (90 - low), 90),
				gen_real(&gen, -180, 180)};
			bool holds = plain_holds(&shape, &p) != (sign > 0);
			double true_m = plain_distance_m(&shape, &p);
			double m = geo_fence_distance_m(fence, &p);

			CHECK_INT(geo_fence_side(fence, &p, 0), holds ? GEO_INSIDE : GEO_OUTSIDE);
			CHECK((m > 0) == !holds);
			CHECK(true_m > FAR_M || fabs(m) <= true_m * (1 + 1e-6) + 0.001);
			CHECK(true_m > FAR_M || fabs(m) >= true_m * 0.999 - 1);
		}
	}
}

/* Every vertex and what lies exactly on an edge is inside; with any accuracy it is uncertain. */
static void test_boundary(void)
{
	struct gen gen = {5};

	for (int turn = 0; turn < 200; turn++) {
		struct geo_point points[41];
		struct geo_ring ring = {points, ARRAY_SIZE(points)};
		struct geo_shape shape = {GEO_POLYGON, .rings = &ring, .n_rings = 1};
		double lon0 = turn % 2 ? 0 : 180, lat0 = (double)gen_between(&gen, -60, 60);
		_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;

		/* Round a middle, on a grid on which middles of edges are exact. */
		for (int i = 0; i < 40; i++) {
			double angle = 2 * GEO_GEN_PI * i / 40, r = gen_real(&gen, 100, 1000);

			points[i].lat = lat0 + round(r * sin(angle)) / 1024;
			points[i].lon = geo_gen_lon(lon0 + round(r * cos(angle)) / 1024);
		}
		points[40] = points[0];
		CHECK_INT(geo_fence_new(&shape, 1, &fence, NULL), 0);
		for (int i = 0; i < 40; i++) {
			const struct geo_point *a = &points[i], *b = a + 1;
			double east = remainder(b->lon - a->lon, 360);

			for (int k = 0; k < 4; k++) {
				struct geo_point p = {a->lat + (b->lat - a->lat) * k / 4,
					geo_gen_lon(a->lon + east * k / 4)};

				CHECK_INT(geo_fence_side(fence, &p, 0), GEO_INSIDE);
				CHECK_INT(geo_fence_side(fence, &p, 0.01), GEO_UNCERTAIN);
				CHECK(geo_fence_distance_m(fence, &p) <= 0);
				CHECK(geo_fence_distance_m(fence, &p) > -0.01);
			}
		}
	}
}

/* More metres never make more certain, and what is certain of a part is certain of the union. */
static void test_monotone(void)
{
	static const double radii_m[] = {0, 0.5, 3, 20, 100, 700, 5000, 30000, 200000, 1000000};
	struct gen gen = {6};

	for (int round = 0; round < 60; round++) {
		struct geo_shape shapes[3];
		struct subject subjects[2];
		struct geo_fence *all = NULL, *circle = NULL;
		size_t place = gen_below(&gen, ARRAY_SIZE(places));

		CHECK(subject_make(&gen, place, 64, &subjects[0]));
		CHECK(subject_make(&gen, place, 32, &subjects[1]));
		shapes[0] = subjects[0].shape;
		shapes[1] = subjects[1].shape;
		shapes[2] = (struct geo_shape){.centre = point_near(&gen, &subjects[0]),
			.radius_m = gen_real(&gen, 10, 1e5)};
		CHECK_INT(geo_fence_new(shapes, 3, &all, NULL), 0);
		CHECK_INT(geo_fence_new(&shapes[2], 1, &circle, NULL), 0);
		for (int i = 0; i < 50; i++) {
			struct geo_point p = point_near(&gen, &subjects[0]);
			const struct geo_fence *parts[] = {
				subjects[0].fence, subjects[1].fence, circle};
			enum geo_side before = GEO_SIDE_MAX;

			for (size_t k = 0; k < ARRAY_SIZE(radii_m); k++) {
				enum geo_side side = geo_fence_side(all, &p, radii_m[k]);
				enum geo_side expected = GEO_OUTSIDE;

				for (int part = 0; part < 3; part++) {
					enum geo_side one =
						geo_fence_side(parts[part], &p, radii_m[k]);

					if (one == GEO_INSIDE || expected == GEO_OUTSIDE)
						expected = one;
				}
				CHECK_INT(side, expected);
				CHECK(radii_m[k] > 0 || side != GEO_UNCERTAIN);
				CHECK(before == GEO_SIDE_MAX || side == before ||
					side == GEO_UNCERTAIN);
				before = side;
			}
		}
		geo_fence_free(all);
		geo_fence_free(circle);
		subject_done(&subjects[0]);
		subject_done(&subjects[1]);
	}
}

/* One vertex moved across the ring: what the sweep says is what all pairs of edges say. */
static bool plain_simple(const struct geo_point *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++) {
			const double a[2] = {p[i].lon, p[i].lat},
				     b[2] = {p[i + 1].lon, p[i + 1].lat};
			const double c[2] = {p[j].lon, p[j].lat},
				     d[2] = {p[j + 1].lon, p[j + 1].lat};
			int abc = geo_orient(a, b, c), abd = geo_orient(a, b, d);
			int cda = geo_orient(c, d, a), cdb = geo_orient(c, d, b);
			bool overlap = fmax(a[0], b[0]) >= fmin(c[0], d[0]) &&
				       fmax(c[0], d[0]) >= fmin(a[0], b[0]) &&
				       fmax(a[1], b[1]) >= fmin(c[1], d[1]) &&
				       fmax(c[1], d[1]) >= fmin(a[1], b[1]);

			if (j == i + 1 || (i == 0 && j == n - 1)) {
				/* Neighbours: only back along each other. */
				const double *shared = j == i + 1 ? b : a;
				const double *one = j == i + 1 ? a : b, *two = j == i + 1 ? d : c;
				double dot = (one[0] - shared[0]) * (two[0] - shared[0]) +
					     (one[1] - shared[1]) * (two[1] - shared[1]);

				if (geo_orient(one, shared, two) == 0 && dot > 0)
					return false;
				continue;
			}
			if (overlap && abc * abd <= 0 && cda * cdb <= 0)
				return false;
		}
	return true;
}

static void test_crossings(void)
{
	struct gen gen = {8};
	int n_simple = 0, n_crossed = 0;

	for (int round = 0; round < 20000; round++) {
		/* Few places to be, so that vertices meet edges and each other. */
		size_t n = 4 + gen_below(&gen, 9);
		int64_t side = gen_between(&gen, 3, 12);
		struct geo_point points[14];
		struct geo_ring ring = {points, n + 1};
		struct geo_shape shape = {GEO_POLYGON, .rings = &ring, .n_rings = 1};
		struct geo_error error = {0};
		struct geo_fence *fence = NULL;
		bool is_fence, distinct = true;

		for (size_t i = 0; i < n; i++)
			points[i] = (struct geo_point){(double)gen_between(&gen, 0, side),
				(double)gen_between(&gen, 0, side)};
		points[n] = points[0];
		for (size_t i = 0; i < n; i++)
			distinct = distinct && (points[i].lat != points[i + 1].lat ||
						       points[i].lon != points[i + 1].lon);
		if (!distinct)
			continue;
		is_fence = geo_fence_new(&shape, 1, &fence, &error) == 0;
		geo_fence_free(fence);
		if (is_fence != plain_simple(points, n))
			check_fail(__FILE__, __LINE__, "round %d: %s", round,
				geo_fault_name(error.fault));
		CHECK(is_fence || error.fault == GEO_FAULT_CROSSING ||
			error.fault == GEO_FAULT_AREA);
		n_simple += is_fence;
		n_crossed += !is_fence;
	}
	CHECK(n_simple > 500 && n_crossed > 500);
}

static const struct check_test tests[] = {
	{"small", test_small},
	{"middle", test_middle},
	{"large", test_large},
	{"ten_thousand", test_ten_thousand},
	{"round_pole", test_round_pole},
	{"boundary", test_boundary},
	{"monotone", test_monotone},
	{"crossings", test_crossings},
};
CHECK_MAIN(tests)
