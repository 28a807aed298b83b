/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fix_stream.h - of what several sources say about where the phone is: what makes sense, when it
 * was true, and whether it says anything new. Pure; used by platform/location.c.
 */
#ifndef MDM_POLICIES_FIX_STREAM_H
#define MDM_POLICIES_FIX_STREAM_H

#include "policies/fix.h"

/* Discs larger than this say nothing about where on earth the phone is. */
#define FIX_ACCURACY_MAX_M 1000000.0
/* Faster than any aircraft: not believed, the speed is unknown then. */
#define FIX_SPEED_MAX_MS 350.0

/* Whether a fix can be one at all: on earth, finite, with an accuracy and a source. */
bool fix_is_sound(const struct fix *fix);

/*
 * Whether a sound fix tells anything that have (source FIX_NONE: nothing yet) does not. The newer
 * one wins unless it is so much coarser that the older one, grown by what the phone can have moved
 * since, still says more; an older one wins only where it is finer even so. The same fix by another
 * way is no news. What is made up wins over something measured only when that is a minute old.
 */
bool fix_is_news(const struct fix *have, const struct fix *fix);

/*
 * The clock of a source that says when its fixes were taken, on a time scale of its own, and the
 * clock of the phone. What comes late, because the phone slept while it was on its way, is dated by
 * what came at once: the shortest way seen so far is how far the clocks are apart. Zeroed it is
 * new.
 */
struct fix_clock {
	bool known;
	int64_t apart_us;	       /* CLOCK_BOOTTIME minus the source's clock, the least seen */
	int64_t source_us, arrived_us; /* of the one before */
};

/* When that was, by CLOCK_BOOTTIME; never later than it arrived. */
int64_t fix_clock_taken(struct fix_clock *clock, int64_t source_us, int64_t arrived_us);

/*
 * The same where the source dates by CLOCK_REALTIME, which is the phone's own. A date that lies
 * ahead of it was made by another clock: it says nothing, so that the answer is when it arrived.
 */
int64_t fix_realtime_taken(int64_t source_realtime_us, int64_t realtime_us, int64_t arrived_us);

#endif
