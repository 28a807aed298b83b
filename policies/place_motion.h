/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place_motion.h - how far a phone can have come in a time, and how soon it can be somewhere: what
 * tells impossible positions from possible ones, and when to look again. Pure; enforcer and tools.
 */
#ifndef MDM_POLICIES_PLACE_MOTION_H
#define MDM_POLICIES_PLACE_MOTION_H

/* Faster than an airliner with the wind behind it over ground. */
#define PLACE_SPEED_MAX_MS 350.0

/*
 * What nobody gets beyond: metres in that time, from speed_ms on (negative: unknown, it may be the
 * greatest), speeding up harder than any train or aeroplane does.
 */
double place_reach_m(double speed_ms, double time_s);

/*
 * How soon the fastest plausible movement covers a distance, seconds: on foot and in cars from
 * rest, in trains where it is fast already, by air where it is very fast, or after the time that
 * getting into one takes. speed_ms negative: unknown. 0 for distances of 0 and less.
 */
double place_time_s(double speed_ms, double distance_m);

#endif
