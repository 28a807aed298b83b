/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place_plan.h - when to look where the phone is, and how closely, so that places are noticed in
 * time and the battery lasts. Pure: all times are parameters, in CLOCK_BOOTTIME.
 *
 * - Nothing is asked for while no condition depends on a place.
 * - The next position is wanted when the fastest plausible movement could have reached the nearest
 *   boundary; closely only where what costs little could not tell the sides apart.
 * - While something would tell that the phone moves (the Wi-Fi it is in, a motion sensor; the cell,
 *   roughly), it is that which is waited for: a phone that lies somewhere looks every eight hours.
 *   The Wi-Fi of a train or a car moves along: ten minutes after the first look at a place there is
 *   another one, and what did not tell that the phone is elsewhere by then is not believed.
 * - What speaks against a state is asked again at once, what is pending at the end of its dwell.
 * - Where nothing tells of movement, looks become rarer while the phone is where it was.
 * - All of it is paid with tokens, so that no day at a boundary empties the battery.
 */
#ifndef MDM_POLICIES_PLACE_PLAN_H
#define MDM_POLICIES_PLACE_PLAN_H

#include "policies/place_track.h"

enum place_need {
	PLACE_NEED_NOTHING,
	PLACE_NEED_COARSE, /* whatever costs little */
	PLACE_NEED_FINE,   /* PLACE_FINE_M */
	PLACE_NEED_MAX,
};
const char *place_need_name(enum place_need need); /* "coarse" */
#define PLACE_FINE_M 50.0

/* What would tell that the phone moves, the best of them. */
enum place_watch {
	PLACE_WATCH_NONE,
	PLACE_WATCH_CELL,   /* another cell: some kilometres */
	PLACE_WATCH_WIFI,   /* it leaves the access point that it is in */
	PLACE_WATCH_MOTION, /* a sensor */
	PLACE_WATCH_MAX,
};

/* What is wanted next. */
struct place_wish {
	enum place_need need; /* NOTHING: no position, due_us says nothing */
	int64_t due_us;	      /* not after now: at once */
	int64_t scan_due_us;  /* a scan of Wi-Fi networks; INT64_MAX: none */
	/* Which events matter: call place_plan_moved() or place_plan_watch() for them. */
	bool watch_networks, watch_motion;
};

struct place_plan {
	enum place_watch watch;
	bool moved; /* something told so since the last position */
	int64_t moved_us;
	enum place_watch left; /* what the phone was known by until then */
	bool has_anchor;
	struct fix anchor;     /* where it was when it moved last */
	unsigned int n_still;  /* positions since that are the same place */
	int64_t still_us;      /* when the first of them was taken */
	bool carried;	       /* what would tell moves along: the Wi-Fi of a train or a car */
	unsigned int n_vain;   /* in a row that did not tell the sides of some place apart */
	unsigned int n_failed; /* in a row that did not come, or did not count */
	int64_t failed_us;
	double coarse_m; /* what a position that costs little is known to */
	int64_t scan_asked_us;
	double tokens;
	int64_t tokens_us;
};

void place_plan_init(struct place_plan *plan, int64_t now_us);

/* What would tell of movement from now on. That it is another one is a movement, too. */
void place_plan_watch(struct place_plan *plan, enum place_watch watch, int64_t now_us);
/* Something told that the phone moves, or that it may have: also after a suspend. */
void place_plan_moved(struct place_plan *plan, int64_t now_us);

/* What is wanted by the places of the track. To be asked after everything that happened. */
void place_plan_next(const struct place_plan *plan, const struct place_track *track, int64_t now_us,
	struct place_wish *ret_wish);

/* A position was asked for, or a scan: it is paid. */
void place_plan_asked(struct place_plan *plan, enum place_need need, int64_t now_us);
void place_plan_scanned(struct place_plan *plan, int64_t now_us);
/* A position came, and place_track_fix() said that of it. */
void place_plan_fix(struct place_plan *plan, const struct place_track *track,
	enum place_doubt doubt, int64_t now_us);
/* None came in time. */
void place_plan_missed(struct place_plan *plan, int64_t now_us);

#endif
