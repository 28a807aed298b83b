/* SPDX-License-Identifier: Apache-2.0 */
/* place_motion.c - distances and times of phones that move; see place_motion.h. Pure; enforcer and
 * tools. */
#include "policies/place_motion.h"

#include <math.h>

#define HARDEST_MS2 4.0	     /* aeroplanes take off with 3 */
#define SPEED_MARGIN_MS 10.0 /* what a stated speed may be wrong by */

#define CAR_MS 45.0 /* 160 km/h; what is faster for long has been seen to be */
#define CAR_MS2 2.0
#define TRAIN_MS 90.0
#define AIR_MS 280.0
#define BOARDING_S 300.0 /* from the gate, where a Wi-Fi is left, into the air */
#define FAST_MS 20.0	 /* no longer on a street in a town */
#define FLYING_MS 75.0

/* The way from one speed on with that acceleration, up to a limit. */
static double way_m(double speed_ms, double time_s, double acceleration_ms2, double limit_ms)
{
	double until_s;

	if (speed_ms >= limit_ms)
		return limit_ms * time_s;
	until_s = (limit_ms - speed_ms) / acceleration_ms2;
	if (time_s <= until_s)
		return speed_ms * time_s + acceleration_ms2 * time_s * time_s / 2;
	return speed_ms * until_s + acceleration_ms2 * until_s * until_s / 2 +
	       limit_ms * (time_s - until_s);
}

/* The time for a way: the other direction of way_m(). */
static double way_time_s(
	double speed_ms, double distance_m, double acceleration_ms2, double limit_ms)
{
	double until_s, until_m;

	if (speed_ms >= limit_ms)
		return distance_m / speed_ms;
	until_s = (limit_ms - speed_ms) / acceleration_ms2;
	until_m = speed_ms * until_s + acceleration_ms2 * until_s * until_s / 2;
	if (distance_m > until_m)
		return until_s + (distance_m - until_m) / limit_ms;
	return (sqrt(speed_ms * speed_ms + 2 * acceleration_ms2 * distance_m) - speed_ms) /
	       acceleration_ms2;
}

double place_reach_m(double speed_ms, double time_s)
{
	if (time_s <= 0)
		return 0;
	if (speed_ms < 0)
		return PLACE_SPEED_MAX_MS * time_s;
	return way_m(speed_ms + SPEED_MARGIN_MS, time_s, HARDEST_MS2, PLACE_SPEED_MAX_MS);
}

double place_time_s(double speed_ms, double distance_m)
{
	double ground_s;

	if (!(distance_m > 0))
		return 0;
	if (speed_ms >= FLYING_MS)
		return way_time_s(speed_ms, distance_m, CAR_MS2, AIR_MS);
	ground_s = way_time_s(
		fmax(speed_ms, 0), distance_m, CAR_MS2, speed_ms >= FAST_MS ? TRAIN_MS : CAR_MS);
	return fmin(ground_s, BOARDING_S + distance_m / AIR_MS);
}
