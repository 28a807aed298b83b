/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_gen.h - rings for tests and benchmarks of geometry: random ones, and those that are made to
 * be hard. Drawn in a square of -1 to 1, then turned, scaled and put somewhere. Header only.
 */
#ifndef MDM_TESTS_GEO_GEN_H
#define MDM_TESTS_GEO_GEN_H

#include <math.h>

#include "policies/geo.h"
#include "tests/lib/policy_gen.h"

#define GEO_GEN_PI 3.14159265358979323846

static inline double gen_real(struct gen *gen, double min, double max)
{
	return min + (max - min) * (double)(gen_next(gen) >> 11) * 0x1p-53;
}

/* Where a ring is put: its middle, how many degrees its square reaches, how it is turned. */
struct geo_gen_place {
	double lat, lon, reach, turned;
};

static inline double geo_gen_lon(double lon)
{
	lon = remainder(lon, 360);
	return lon;
}

static inline struct geo_point geo_gen_put(const struct geo_gen_place *place, double x, double y)
{
	double c = cos(place->turned), s = sin(place->turned);

	return (struct geo_point){
		.lat = place->lat + place->reach * (x * s + y * c),
		.lon = geo_gen_lon(place->lon + place->reach * (x * c - y * s)),
	};
}

enum geo_gen_kind {
	GEO_GEN_STAR,	 /* round a middle, at random distances */
	GEO_GEN_CIRCLE,	 /* all vertices as far */
	GEO_GEN_NEEDLES, /* edges that all go by the middle */
	GEO_GEN_COMB,	 /* long parallel teeth */
	GEO_GEN_SPIRAL,	 /* a band that winds */
	GEO_GEN_MAX,
};
static const char *const geo_gen_names[GEO_GEN_MAX] = {
	"star", "circle", "needles", "comb", "spiral"};

static inline void geo_gen_vertex(
	struct gen *gen, enum geo_gen_kind kind, size_t i, size_t n, double ret_xy[2])
{
	double angle = 2 * GEO_GEN_PI * (double)i / (double)n, r = 1;
	size_t half = n / 2, k = i < half ? i : n - 1 - i;

	switch (kind) {
	case GEO_GEN_STAR:
		r = gen_real(gen, 0.4, 1);
		break;
	case GEO_GEN_CIRCLE:
	case GEO_GEN_MAX:
		break;
	case GEO_GEN_NEEDLES:
		r = i % 2 ? 1 : 1e-3;
		break;
	case GEO_GEN_COMB:
		/* Teeth to the east from a back in the west; the last two vertices are the back. */
		ret_xy[1] = -0.7 + 1.4 * (double)(i < n - 2 ? i : n - 3) / (double)n;
		ret_xy[0] = i % 2 ? 0.7 : -0.6 - gen_real(gen, 0, 0.001);
		if (i >= n - 2) {
			ret_xy[0] = -0.7;
			ret_xy[1] = i == n - 1 ? -0.7 : ret_xy[1] + 1e-9;
		}
		return;
	case GEO_GEN_SPIRAL:
		/* Out along one side of the band and back along the other. */
		angle = 0.7 * sqrt((double)n) * GEO_GEN_PI * (double)k / (double)half / 2;
		r = 0.1 + 0.85 * (double)k / (double)half;
		if (i >= half)
			r += 0.85 / (0.7 * sqrt((double)n) / 4) / 2;
		r *= 0.6;
		break;
	}
	ret_xy[0] = r * cos(angle);
	ret_xy[1] = r * sin(angle);
}

/* n vertices and the first once more; points is free()d by the caller. n is even and at least 16.
 */
static inline struct geo_ring geo_gen_ring(
	struct gen *gen, enum geo_gen_kind kind, size_t n, const struct geo_gen_place *place)
{
	struct geo_ring ring = {calloc(n + 1, sizeof(struct geo_point)), n + 1};

	if (!ring.points)
		abort();
	for (size_t i = 0; i < n; i++) {
		double xy[2];

		geo_gen_vertex(gen, kind, i, n, xy);
		ring.points[i] = geo_gen_put(place, xy[0], xy[1]);
	}
	ring.points[n] = ring.points[0];
	return ring;
}

#endif
