/* SPDX-License-Identifier: Apache-2.0 */
/* fix_stream.c - one stream of several sources; see fix_stream.h. Pure: no system calls. */
#include "policies/fix_stream.h"

#include <math.h>
#include <stdlib.h>

#define SECOND_US INT64_C(1000000)
/* How far a phone of unknown speed can have moved: a car in a town. */
#define DRIFT_MS 15.0
/* Two that are closer in time are the same moment: sources round to seconds. */
#define SAME_US SECOND_US
#define MOCK_YIELDS_US (60 * SECOND_US)
/* A source whose clock was set anew looks late for ever; what comes in the same rhythm as it was
 * taken is not late. */
#define RESET_US (30 * SECOND_US)

bool fix_is_sound(const struct fix *fix)
{
	/* Comparisons with a NaN are false. */
	return fix->latitude >= -90 && fix->latitude <= 90 && fix->longitude >= -180 &&
	       fix->longitude <= 180 && fix->accuracy_m > 0 &&
	       fix->accuracy_m <= FIX_ACCURACY_MAX_M && isfinite(fix->speed_ms) &&
	       fix->source > FIX_NONE && fix->source < FIX_SOURCE_MAX && fix->taken_us > 0;
}

static bool is_same(const struct fix *a, const struct fix *b)
{
	return llabs(a->taken_us - b->taken_us) <= SAME_US && a->mock == b->mock &&
	       fabs(a->latitude - b->latitude) < 1e-6 && fabs(a->longitude - b->longitude) < 1e-6 &&
	       b->accuracy_m >= a->accuracy_m * 0.9;
}

/* The disc that holds the phone some time later. */
static double grown_m(const struct fix *fix, const struct fix *other)
{
	double age_s = (double)llabs(fix->taken_us - other->taken_us) / SECOND_US;
	double speed_ms = DRIFT_MS;

	if (fix->speed_ms >= 0 && other->speed_ms >= 0)
		speed_ms = fmax(fix->speed_ms, other->speed_ms) + 1;
	return fix->accuracy_m + speed_ms * age_s;
}

bool fix_is_news(const struct fix *have, const struct fix *fix)
{
	if (have->source == FIX_NONE)
		return true;
	if (is_same(have, fix))
		return false;
	if (have->mock != fix->mock)
		return have->mock || fix->taken_us - have->taken_us > MOCK_YIELDS_US;
	if (fix->taken_us < have->taken_us)
		return grown_m(fix, have) < have->accuracy_m;
	return fix->accuracy_m <= grown_m(have, fix);
}

int64_t fix_clock_taken(struct fix_clock *clock, int64_t source_us, int64_t arrived_us)
{
	int64_t apart_us = arrived_us - source_us;

	if (clock->known && apart_us - clock->apart_us > RESET_US) {
		int64_t taken_step_us = source_us - clock->source_us;
		int64_t arrived_step_us = arrived_us - clock->arrived_us;

		if (taken_step_us >= SECOND_US / 2 &&
			llabs(arrived_step_us - taken_step_us) <= taken_step_us / 2)
			clock->known = false;
	}
	if (!clock->known || apart_us < clock->apart_us)
		clock->apart_us = apart_us;
	clock->known = true;
	clock->source_us = source_us;
	clock->arrived_us = arrived_us;
	return source_us + clock->apart_us;
}

int64_t fix_realtime_taken(int64_t source_realtime_us, int64_t realtime_us, int64_t arrived_us)
{
	int64_t age_us = realtime_us - source_realtime_us;

	return age_us <= 0 ? arrived_us : arrived_us - age_us;
}
