/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_point.c - points and distances on the WGS-84 ellipsoid; see geo.h. Pure; enforcer and tools.
 */
#include <math.h>

#include "policies/geo_private.h"

/* Where the series of the chord ends to be as good as its promise. */
#define CHORD_MAX_M 2000000.0

bool geo_point_is_valid(const struct geo_point *point)
{
	/* Written so that what is no number fails. */
	return point->lat >= -90 && point->lat <= 90 && point->lon >= -180 && point->lon <= 180;
}

struct geo_space geo_space_of(double lat, double lon)
{
	double sin_lat, cos_lat, sin_lon, cos_lon, n_m;

	sincos(lat * GEO_RADIAN, &sin_lat, &cos_lat);
	sincos(lon * GEO_RADIAN, &sin_lon, &cos_lon);
	n_m = GEO_A_M / sqrt(1 - GEO_E2 * sin_lat * sin_lat);
	return (struct geo_space){
		.x = n_m * cos_lat * cos_lon,
		.y = n_m * cos_lat * sin_lon,
		.z = n_m * (1 - GEO_E2) * sin_lat,
	};
}

double geo_space_distance_m(const struct geo_space *a, const struct geo_space *b)
{
	double x = b->x - a->x, y = b->y - a->y, z = b->z - a->z;

	return sqrt(x * x + y * y + z * z);
}

/*
 * The arc of the circle that has the chord and the curvature of the ellipsoid in the middle, in
 * the chord's direction (normal curvature of the quadric; both follow from its two ends).
 */
static double arc_of_chord_m(const struct geo_space *a, const struct geo_space *b, double chord_m)
{
	double x = a->x + b->x, y = a->y + b->y, z = a->z + b->z, rise = (b->z - a->z) / chord_m;
	double plane = x * x + y * y, height = GEO_G * z * z;
	double direction = 1 + (GEO_G - 1) * rise * rise;
	double curvature2 = direction * direction * (plane + height) / (plane + GEO_G * height) /
			    (GEO_A_M * GEO_A_M);
	double s2 = curvature2 * chord_m * chord_m / 4;

	/* asin(s) / s */
	return chord_m * (1 + s2 * (1. / 6 + s2 * (3. / 40 + s2 * (15. / 336 + s2 * 105 / 3456))));
}

/*
 * W. D. Lambert's formula on reduced latitudes, which are (x / a, y / a, z / b) on a unit sphere.
 * A step on that sphere is between b and a times as long on the ellipsoid, and so are geodesics.
 */
static double arc_of_sphere_m(const struct geo_space *a, const struct geo_space *b)
{
	double ax = a->x / GEO_A_M, ay = a->y / GEO_A_M, az = a->z / GEO_B_M;
	double bx = b->x / GEO_A_M, by = b->y / GEO_A_M, bz = b->z / GEO_B_M;
	double apart2 = (bx - ax) * (bx - ax) + (by - ay) * (by - ay) + (bz - az) * (bz - az);
	double sum2 = (bx + ax) * (bx + ax) + (by + ay) * (by + ay) + (bz + az) * (bz + az);
	double sigma = 2 * atan2(sqrt(apart2), sqrt(sum2)), sine = sin(sigma), arc_m;

	arc_m = GEO_A_M * sigma;
	/* Not at antipodes, where it has no value. */
	if (sum2 > 1e-9)
		arc_m -= GEO_A_M * GEO_F / 2 *
			 ((sigma - sine) * (az + bz) * (az + bz) / sum2 +
				 (sigma + sine) * (bz - az) * (bz - az) / apart2);
	return fmin(fmax(arc_m, GEO_B_M * sigma), GEO_A_M * sigma);
}

double geo_arc_m(const struct geo_space *a, const struct geo_space *b)
{
	double chord_m = geo_space_distance_m(a, b);

	if (chord_m <= 0)
		return 0;
	return chord_m <= CHORD_MAX_M ? arc_of_chord_m(a, b, chord_m) : arc_of_sphere_m(a, b);
}

double geo_arc_least_m(double chord_m)
{
	return 2 * GEO_CURVE_MAX_M * asin(fmin(chord_m / (2 * GEO_CURVE_MAX_M), 1));
}

double geo_chord_most_m(double arc_m)
{
	return 2 * GEO_CURVE_MAX_M * sin(arc_m / (2 * GEO_CURVE_MAX_M));
}

double geo_distance_m(const struct geo_point *a, const struct geo_point *b)
{
	struct geo_space in_space[2];

	if (!geo_point_is_valid(a) || !geo_point_is_valid(b))
		return -1;
	in_space[0] = geo_space_of(a->lat, a->lon);
	in_space[1] = geo_space_of(b->lat, b->lon);
	return geo_arc_m(&in_space[0], &in_space[1]);
}
