/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: policies */
/*
 * geo_bench.c - fences asked for the side of points and discs, beside Karney's geodesic (as PROJ
 * has it) for the distance alone and prepared polygons of GEOS, on the same points in turns.
 * Processor time for one question, medians. A peer that is not installed is left out and said on
 * standard error. Prints "NAME VALUE" lines. Benchmarks only.
 */
#include <dlfcn.h>

#include "agent/util/mem.h"
#include "bench/sample.h"
#include "tests/lib/geo_gen.h"

#define ROUNDS 15
#define POINTS 2048
#define VERTICES 10000
#define ACCURACY_M 20
#define RADIUS_M 200

/* What is used of the two libraries, which are found when this runs. */
struct peers {
	void (*geod_init)(void *geod, double a, double f);
	void (*geod_inverse)(const void *geod, double lat1, double lon1, double lat2, double lon2,
		double *ret_m, double *ret_azimuth1, double *ret_azimuth2);
	void *(*init)(void);
	void *(*ring_points)(void *geos, unsigned int n, unsigned int dimensions);
	int (*set_xy)(void *geos, void *points, unsigned int i, double x, double y);
	void *(*ring)(void *geos, void *points);
	void *(*polygon)(void *geos, void *shell, void **holes, unsigned int n_holes);
	void *(*point)(void *geos, double x, double y);
	const void *(*prepare)(void *geos, const void *geometry);
	char (*intersects)(void *geos, const void *prepared, const void *geometry);
	/* Nothing of GEOS is given back: this process ends soon. */
	void *geos;
	double geodesic[64]; /* struct geod_geodesic is smaller */
};

struct subject {
	struct geo_fence *fence;
	const void *prepared; /* the same polygon in GEOS */
	struct geo_point points[POINTS];
	void *geos_points[POINTS];
	double accuracy_m;
	double ns[ROUNDS];
};

static long n_inside; /* so that answers are needed */

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "geo_bench: %s failed\n", what);
	exit(1);
}

static void *library_open(const char *const names[], const char *what)
{
	for (; *names; names++) {
		void *library = dlopen(*names, RTLD_NOW | RTLD_LOCAL);

		if (library)
			return library;
	}
	fprintf(stderr, "geo_bench: %s is not installed and left out\n", what);
	return NULL;
}

/* POSIX has functions come as pointers to objects. */
#define FIND(library, field, name) (*(void **)&(field) = dlsym(library, name))

static void peers_open(struct peers *p)
{
	static const char *const proj[] = {"libproj.so", "libproj.so.25", NULL};
	static const char *const geos[] = {"libgeos_c.so.1", "libgeos_c.so", NULL};
	void *library = library_open(proj, "Karney's geodesic (PROJ)");

	if (library) {
		FIND(library, p->geod_init, "geod_init");
		FIND(library, p->geod_inverse, "geod_inverse");
		must(p->geod_init && p->geod_inverse, "finding the geodesic in PROJ");
		p->geod_init(p->geodesic, 6378137, 1 / 298.257223563);
	}
	library = library_open(geos, "GEOS");
	if (!library)
		return;
	FIND(library, p->init, "GEOS_init_r");
	FIND(library, p->ring_points, "GEOSCoordSeq_create_r");
	FIND(library, p->set_xy, "GEOSCoordSeq_setXY_r");
	FIND(library, p->ring, "GEOSGeom_createLinearRing_r");
	FIND(library, p->polygon, "GEOSGeom_createPolygon_r");
	FIND(library, p->point, "GEOSGeom_createPointFromXY_r");
	FIND(library, p->prepare, "GEOSPrepare_r");
	FIND(library, p->intersects, "GEOSPreparedIntersects_r");
	must(p->init && p->ring_points && p->set_xy && p->ring && p->polygon && p->point &&
			p->prepare && p->intersects,
		"finding the functions of GEOS");
	p->geos = p->init();
	must(p->geos != NULL, "starting GEOS");
}

/* --- one question for all points -------------------------------------------------------------- */

static double now_ns(void)
{
	return sample_clock_us(CLOCK_PROCESS_CPUTIME_ID) * 1e3;
}

static void run_fence(struct subject *s, int round)
{
	double start_ns = now_ns();

	for (int i = 0; i < POINTS; i++)
		n_inside += geo_fence_side(s->fence, &s->points[i], s->accuracy_m) == GEO_INSIDE;
	s->ns[round] = (now_ns() - start_ns) / POINTS;
}

static double run_geodesic(const struct peers *p, const struct subject *s)
{
	double start_ns = now_ns();

	for (int i = 0; i < POINTS; i++) {
		double m;

		p->geod_inverse(p->geodesic, 52.5, 13.4, s->points[i].lat, s->points[i].lon, &m,
			NULL, NULL);
		n_inside += m <= RADIUS_M;
	}
	return (now_ns() - start_ns) / POINTS;
}

static double run_geos(const struct peers *p, const struct subject *s)
{
	double start_ns = now_ns();

	for (int i = 0; i < POINTS; i++)
		n_inside += p->intersects(p->geos, s->prepared, s->geos_points[i]) == 1;
	return (now_ns() - start_ns) / POINTS;
}

/* --- circles ---------------------------------------------------------------------------------- */

static void circle_make(struct gen *gen, bool is_near, struct subject *s)
{
	const struct geo_shape shape = {
		.kind = GEO_CIRCLE, .centre = {52.5, 13.4}, .radius_m = RADIUS_M};

	must(geo_fence_new(&shape, 1, &s->fence, NULL) == 0, "a circle");
	s->accuracy_m = ACCURACY_M;
	for (int i = 0; i < POINTS; i++) {
		double angle = gen_real(gen, 0, 2 * GEO_GEN_PI);
		double m = is_near ? gen_real(gen, RADIUS_M - 30, RADIUS_M + 30)
				   : gen_real(gen, 2 * RADIUS_M, 100 * RADIUS_M);

		s->points[i].lat = 52.5 + m * cos(angle) / 111270;
		s->points[i].lon = 13.4 + m * sin(angle) / 67900;
	}
}

static void measure_circles(struct gen *gen, const struct peers *p)
{
	static struct subject clear, near;
	double geodesic_ns[ROUNDS];

	circle_make(gen, false, &clear);
	circle_make(gen, true, &near);
	for (int round = 0; round < ROUNDS; round++) {
		run_fence(&clear, round);
		run_fence(&near, round);
		if (p->geod_inverse)
			geodesic_ns[round] = run_geodesic(p, &near);
	}
	printf("geo.point_ns %.1f\n", sample_median(clear.ns, ROUNDS));
	printf("geo.point_near_ns %.1f\n", sample_median(near.ns, ROUNDS));
	if (p->geod_inverse)
		printf("geo.geodesic_ns %.1f\n", sample_median(geodesic_ns, ROUNDS));
	geo_fence_free(clear.fence);
	geo_fence_free(near.fence);
}

/* --- polygons --------------------------------------------------------------------------------- */

static const void *geos_polygon(const struct peers *p, const struct geo_ring *ring)
{
	void *points = p->ring_points(p->geos, (unsigned int)ring->n_points, 2);
	void *polygon;

	for (size_t i = 0; i < ring->n_points; i++)
		p->set_xy(
			p->geos, points, (unsigned int)i, ring->points[i].lon, ring->points[i].lat);
	polygon = p->polygon(p->geos, p->ring(p->geos, points), NULL, 0);
	must(polygon != NULL, "a polygon of GEOS");
	return p->prepare(p->geos, polygon);
}

/* About 14 km across, asked in the square round it. */
static double polygon_make(
	struct gen *gen, const struct peers *p, enum geo_gen_kind kind, struct subject *s)
{
	const struct geo_gen_place place = {52.5, 13.4, 0.1, 0.6};
	struct geo_ring ring = geo_gen_ring(gen, kind, VERTICES, &place);
	const struct geo_shape shape = {GEO_POLYGON, .rings = &ring, .n_rings = 1};
	double start_ns = now_ns(), made_ns;

	must(geo_fence_new(&shape, 1, &s->fence, NULL) == 0, "a polygon");
	made_ns = now_ns() - start_ns;
	for (int i = 0; i < POINTS; i++) {
		s->points[i] = geo_gen_put(&place, gen_real(gen, -1, 1), gen_real(gen, -1, 1));
		if (p->geos)
			s->geos_points[i] = p->point(p->geos, s->points[i].lon, s->points[i].lat);
	}
	if (p->geos)
		s->prepared = geos_polygon(p, &ring);
	free(ring.points);
	return made_ns;
}

struct summary {
	double sum, worst;
};

static void summary_add(struct summary *summary, double value)
{
	summary->sum += value;
	summary->worst = fmax(summary->worst, value);
}

static void measure_polygons(struct gen *gen, const struct peers *p)
{
	struct summary point = {0}, disc = {0}, geos = {0}, made = {0}, kib = {0};

	for (int kind = 0; kind < GEO_GEN_MAX; kind++) {
		static struct subject s, discs;
		double geos_ns[ROUNDS];

		summary_add(&made, polygon_make(gen, p, (enum geo_gen_kind)kind, &s) / 1e6);
		summary_add(&kib, (double)geo_fence_bytes(s.fence) / 1024);
		discs = s;
		discs.accuracy_m = ACCURACY_M;
		/* Indexes that a library makes at the first question are made. */
		if (p->geos)
			(void)run_geos(p, &s);
		for (int round = 0; round < ROUNDS; round++) {
			run_fence(&s, round);
			run_fence(&discs, round);
			if (p->geos)
				geos_ns[round] = run_geos(p, &s);
		}
		summary_add(&point, sample_median(s.ns, ROUNDS));
		summary_add(&disc, sample_median(discs.ns, ROUNDS));
		if (p->geos)
			summary_add(&geos, sample_median(geos_ns, ROUNDS));
		/* As a place is, rather than as somebody would make one that takes long. */
		if (kind == GEO_GEN_CIRCLE) {
			printf("geo.round_ns %.1f\n", sample_median(s.ns, ROUNDS));
			if (p->geos)
				printf("geo.geos_round_ns %.1f\n", sample_median(geos_ns, ROUNDS));
		}
		geo_fence_free(s.fence);
	}
	printf("geo.polygon_ns %.1f\ngeo.polygon_worst_ns %.1f\n", point.sum / GEO_GEN_MAX,
		point.worst);
	printf("geo.disc_ns %.1f\ngeo.disc_worst_ns %.1f\n", disc.sum / GEO_GEN_MAX, disc.worst);
	printf("geo.prepare_worst_ms %.1f\ngeo.worst_kib %.0f\n", made.worst, kib.worst);
	if (p->geos)
		printf("geo.geos_ns %.1f\ngeo.geos_worst_ns %.1f\n", geos.sum / GEO_GEN_MAX,
			geos.worst);
}

int main(void)
{
	struct gen gen = {20261123};
	struct peers peers = {0};

	peers_open(&peers);
	measure_circles(&gen, &peers);
	measure_polygons(&gen, &peers);
	return n_inside == 0;
}
