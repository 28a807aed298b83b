/* SPDX-License-Identifier: Apache-2.0 */
/* place_plan.c - when to look where the phone is; see place_plan.h. Pure; enforcer and tools. */
#include "policies/place_plan.h"

#include <math.h>

#include "policies/place_motion.h"

#define S_US INT64_C(1000000)
#define AT_ONCE_US 0		       /* the boot */
#define HEARTBEAT_US (8 * 3600 * S_US) /* three a day of a phone that lies somewhere */
#define PROOF_US (600 * S_US)	       /* until a Wi-Fi is believed to stay where it is */
#define CARRIED_US (1800 * S_US)       /* until one is again that did not */
#define GAP_US (12 * S_US)	       /* between two positions; more than PLACE_ADD_MIN_US */
#define STILL_MAX_US (900 * S_US)
#define STILL_US (30 * S_US)
#define VAIN_US (20 * S_US)
#define FAILED_US (30 * S_US)
#define FAILED_MAX_US (1800 * S_US)
#define DWELL_EARLY_US (25 * S_US) /* so that the answer is there when the dwell ends */
#define CELL_M 5000.0		   /* how far a phone gets without leaving a cell */
#define STILL_M 50.0		   /* that far positions of one place lie apart */
#define STILL_FIXES 3		   /* of a phone that lies somewhere, until it is believed */
#define COARSE_FIRST_M 1000.0	   /* until one was seen */
#define SCAN_MISSED_US (15 * S_US)
#define SCAN_MOVING_US (120 * S_US)
#define SCAN_STILL_US (480 * S_US) /* before a network that was seen counts no more */

/* Receivers of satellites take half a minute of 0.3 W for a position. 40 of these an hour, which is
 * what the tokens come to at a boundary, are a twentieth of a phone's battery a day. */
#define TOKENS_MAX 120.0
#define TOKENS_HOUR 80.0
#define TOKENS_FINE 2.0
#define TOKENS_COARSE 1.0

const char *place_need_name(enum place_need need)
{
	static const char *const names[PLACE_NEED_MAX] = {
		[PLACE_NEED_NOTHING] = "nothing",
		[PLACE_NEED_COARSE] = "coarse",
		[PLACE_NEED_FINE] = "fine",
	};

	return need < PLACE_NEED_MAX ? names[need] : NULL;
}

void place_plan_init(struct place_plan *plan, int64_t now_us)
{
	*plan = (struct place_plan){
		.coarse_m = COARSE_FIRST_M,
		.scan_asked_us = INT64_MIN,
		.tokens = TOKENS_MAX,
		.tokens_us = now_us,
	};
}

/* --- what happened ------------------------------------------------------------------------- */

void place_plan_moved(struct place_plan *plan, int64_t now_us)
{
	plan->n_still = plan->n_vain = 0;
	plan->carried = false;
	/* Whoever moves may have come to where positions can be had. */
	if (plan->n_failed > 2)
		plan->n_failed = 2;
	if (plan->moved)
		return;
	plan->moved = true;
	plan->moved_us = now_us;
	plan->left = plan->watch;
}

void place_plan_watch(struct place_plan *plan, enum place_watch watch, int64_t now_us)
{
	if (watch == plan->watch)
		return;
	place_plan_moved(plan, now_us);
	plan->watch = watch;
}

static double tokens_now(const struct place_plan *plan, int64_t now_us)
{
	double hours = (double)(now_us - plan->tokens_us) / (3600.0 * S_US);

	return fmin(plan->tokens + fmax(hours, 0) * TOKENS_HOUR, TOKENS_MAX);
}

static double token_cost(enum place_need need)
{
	return need == PLACE_NEED_FINE ? TOKENS_FINE : TOKENS_COARSE;
}

void place_plan_asked(struct place_plan *plan, enum place_need need, int64_t now_us)
{
	plan->tokens = fmax(tokens_now(plan, now_us) - token_cost(need), 0);
	plan->tokens_us = now_us;
}

void place_plan_scanned(struct place_plan *plan, int64_t now_us)
{
	plan->scan_asked_us = now_us;
}

void place_plan_missed(struct place_plan *plan, int64_t now_us)
{
	plan->n_failed++;
	plan->failed_us = now_us;
}

static bool is_relevant(const struct place_state *s)
{
	return s->place && s->place->relevant;
}

void place_plan_fix(struct place_plan *plan, const struct place_track *track,
	enum place_doubt doubt, int64_t now_us)
{
	const struct fix *fix = &track->fix;
	bool vain = false, same = false, moved = plan->moved;

	if (doubt != PLACE_DOUBT_NONE) {
		/* What was told already comes beside what was asked for. */
		if (doubt != PLACE_DOUBT_DUPLICATE && doubt != PLACE_DOUBT_BACKWARDS)
			place_plan_missed(plan, now_us);
		return;
	}
	plan->n_failed = 0;
	if (plan->moved && fix->taken_us >= plan->moved_us)
		plan->moved = false;
	if (fix->source != FIX_GNSS)
		plan->coarse_m = fix->accuracy_m;
	if (plan->has_anchor) {
		const struct geo_point from = {plan->anchor.latitude, plan->anchor.longitude},
				       to = {fix->latitude, fix->longitude};

		same = geo_distance_m(&from, &to) <=
		       fmax(STILL_M, 2 * (plan->anchor.accuracy_m + fix->accuracy_m));
	}
	/* Nothing told of that way. */
	if (!same && plan->has_anchor && !moved && plan->watch == PLACE_WATCH_WIFI)
		plan->carried = true;
	if (!same || moved)
		plan->still_us = fix->taken_us;
	plan->n_still = same ? plan->n_still + 1 : 0;
	if (fix->taken_us - plan->still_us >= CARRIED_US)
		plan->carried = false;
	if (!same || !plan->has_anchor || fix->accuracy_m < plan->anchor.accuracy_m)
		plan->anchor = *fix;
	plan->has_anchor = true;
	for (size_t i = 0; i < track->n_states; i++)
		if (is_relevant(&track->states[i]) && track->states[i].measured)
			vain |= track->states[i].certain_m < 0;
	plan->n_vain = vain && (same || plan->n_vain == 0) ? plan->n_vain + 1 : vain;
}

/* --- what is wanted ------------------------------------------------------------------------ */

static int64_t doubled(int64_t first_us, unsigned int n, int64_t max_us)
{
	int64_t us = first_us;

	while (n-- > 0 && us < max_us)
		us *= 2;
	return us < max_us ? us : max_us;
}

static int64_t later(int64_t us, int64_t by_us)
{
	return us > INT64_MAX - by_us ? INT64_MAX : us + by_us;
}

/* Whether something would have told if the phone had left where it was measured. */
static bool is_covered(const struct place_plan *plan)
{
	return !plan->moved && plan->watch != PLACE_WATCH_NONE && !plan->carried;
}

/* When a phone that lies somewhere looks again. A network has to be seen to stay, unless some looks
 * have shown already that the phone does. */
static int64_t due_covered(const struct place_plan *plan, const struct fix *last)
{
	bool proved = plan->watch != PLACE_WATCH_WIFI || plan->n_still >= STILL_FIXES ||
		      last->taken_us - plan->still_us >= PROOF_US - GAP_US;

	return later(last->taken_us, proved ? HEARTBEAT_US : PROOF_US);
}

/* A position that says nothing about the side, or too little: nearer, soon, then ever more rarely.
 */
static int64_t due_uncertain(const struct place_plan *plan, const struct fix *last)
{
	if (is_covered(plan) && plan->watch > PLACE_WATCH_CELL && plan->n_still >= 2)
		return due_covered(plan, last);
	return last->taken_us +
	       doubled(VAIN_US, plan->n_vain > 1 ? plan->n_vain - 1 : 0, STILL_MAX_US);
}

static int64_t due_certain(
	const struct place_plan *plan, const struct place_track *track, const struct place_state *s)
{
	const struct fix *last = &track->fix;
	double free_m = s->certain_m;
	int64_t from_us = last->taken_us, us;

	/* The Wi-Fi of a house tells before the phone is far; a cell only far from the boundary. */
	if (is_covered(plan) && (plan->watch > PLACE_WATCH_CELL || free_m > CELL_M))
		return due_covered(plan, last);
	/* Until it moved it was where the position said, as far as that was watched. */
	if (plan->moved && plan->left != PLACE_WATCH_NONE &&
		(plan->left > PLACE_WATCH_CELL || free_m > CELL_M)) {
		from_us = plan->moved_us > from_us ? plan->moved_us : from_us;
		free_m -= plan->left == PLACE_WATCH_CELL ? CELL_M : 0;
	}
	us = (int64_t)(fmin(place_time_s(track->speed_ms, free_m), 8 * 3600) * S_US);
	/* Without anything that watches: where it was a while it will be a while. */
	if (!plan->moved && plan->n_still > 1 &&
		us < doubled(STILL_US, plan->n_still, STILL_MAX_US))
		us = doubled(STILL_US, plan->n_still, STILL_MAX_US);
	return later(from_us, us);
}

/* Whether positions so far are on the way to another state, and some more may prove it. One that
 * lies still and could not prove it in some never will. */
static bool is_to_confirm(
	const struct place_plan *plan, const struct place_state *s, const struct fix *last)
{
	if (is_covered(plan) && plan->watch > PLACE_WATCH_CELL && plan->n_still >= STILL_FIXES)
		return false;
	/* However far away it is: it may be in what this agent does not know of the place. */
	if (s->place->incomplete && s->sum.side == TRUTH_FALSE)
		return false;
	return s->sum.side != TRUTH_UNKNOWN && s->sum.side != s->state &&
	       s->sum.side != s->pending && s->sum.n > 0 &&
	       s->sum.last_us >= last->taken_us - PLACE_ADD_MAX_US &&
	       s->sum.sigmas / s->sum.n >= PLACE_CERTAIN_SIGMA / sqrt(PLACE_ADD_FIXES);
}

/* At the end of a dwell, so that it is what is true then that counts; INT64_MAX: nothing waits. */
static int64_t due_pending(const struct place_state *s, const struct fix *last)
{
	int64_t due_us = s->pending_until_us - DWELL_EARLY_US;

	return s->pending != TRUTH_UNKNOWN && last->taken_us < due_us ? due_us : INT64_MAX;
}

/* When the next position of use for one place is wanted, and how close. */
static int64_t state_due(const struct place_plan *plan, const struct place_track *track,
	const struct place_state *s, enum place_need *ret_need)
{
	const struct fix *last = &track->fix;
	double coarse_m = fmin(plan->coarse_m, (double)s->place->max_accuracy_m);
	int64_t due_us, forget_us, pending_us;

	*ret_need = PLACE_NEED_FINE;
	if (!s->measured)
		return AT_ONCE_US;
	pending_us = due_pending(s, last);
	if (is_to_confirm(plan, s, last))
		return last->taken_us + GAP_US;
	/* A rough one that did not even agree with what is known: a close one may. */
	if (s->certain_m < 0 && (s->state == TRUTH_UNKNOWN || s->known_us < last->taken_us) &&
		last->accuracy_m > PLACE_FINE_M && plan->n_vain < 2)
		return last->taken_us + GAP_US;
	due_us = s->certain_m < 0 ? due_uncertain(plan, last) : due_certain(plan, track, s);
	due_us = pending_us < due_us ? pending_us : due_us;
	forget_us = later(last->taken_us, s->place->forget_after_s * S_US / 10 * 8);
	due_us = forget_us < due_us ? forget_us : due_us;
	if (s->certain_m >= 0 &&
		fabs(s->distance_m) > 1.5 * coarse_m * PLACE_CERTAIN_SIGMA / PLACE_SIGMA_PER_RADIUS)
		*ret_need = PLACE_NEED_COARSE;
	return due_us;
}

/* A network of the place says that the phone is there: no position says it better. */
static bool is_there_by_network(const struct place_state *s, int64_t now_us)
{
	return s->seen && s->state == TRUTH_TRUE &&
	       (s->bound || now_us - s->seen_us <= PLACE_SEEN_US);
}

static void want_position(const struct place_plan *plan, const struct place_track *track,
	int64_t now_us, struct place_wish *wish)
{
	int64_t paid_us, pending_us = INT64_MAX;
	double missing;

	for (size_t i = 0; i < track->n_states; i++) {
		const struct place_state *s = &track->states[i];
		enum place_need need = PLACE_NEED_COARSE;
		int64_t due_us = AT_ONCE_US;

		if (!is_relevant(s) || !s->place->fence)
			continue;
		wish->watch_motion = true;
		if (is_there_by_network(s, now_us))
			continue;
		if (track->has_fix) {
			due_us = state_due(plan, track, s, &need);
			if (due_pending(s, &track->fix) < pending_us)
				pending_us = due_pending(s, &track->fix);
		}
		/* Who looks closely anyway need not look again for another place soon after. */
		if (due_us < wish->due_us - GAP_US)
			wish->need = need;
		else if (due_us < later(wish->due_us, GAP_US) && need > wish->need)
			wish->need = need;
		wish->due_us = due_us < wish->due_us ? due_us : wish->due_us;
	}
	if (wish->need == PLACE_NEED_NOTHING)
		return;
	if (track->has_fix && wish->due_us < track->fix.taken_us + GAP_US)
		wish->due_us = track->fix.taken_us + GAP_US;
	if (plan->n_failed > 0) {
		int64_t again_us =
			plan->failed_us + doubled(FAILED_US, plan->n_failed - 1, FAILED_MAX_US);

		wish->due_us = wish->due_us > again_us ? wish->due_us : again_us;
	}
	missing = token_cost(wish->need) - tokens_now(plan, now_us);
	if (missing > 0) {
		paid_us = now_us + (int64_t)(missing / TOKENS_HOUR * 3600.0 * S_US);
		wish->due_us = wish->due_us > paid_us ? wish->due_us : paid_us;
		/* What decides is had in any case; there is one for each dwell. */
		wish->due_us = wish->due_us < pending_us ? wish->due_us : pending_us;
	}
}

/* Places whose networks have to be looked for; those that the phone is in tell themselves. */
static int64_t state_scan_due(
	const struct place_plan *plan, const struct place_track *track, const struct place_state *s)
{
	bool still = is_covered(plan) && plan->watch > PLACE_WATCH_CELL;

	if (s->seen && s->bound)
		return INT64_MAX;
	/* Where Wi-Fi is switched off it need not be tried all the time. */
	if (!track->networks_known || track->scan_us == 0)
		return plan->scan_asked_us == INT64_MIN ? AT_ONCE_US
							: plan->scan_asked_us + SCAN_STILL_US;
	if (s->n_missed > 0 && s->n_missed < PLACE_MISSES)
		return track->scan_us + SCAN_MISSED_US;
	if (still && track->scan_us > plan->moved_us)
		return s->seen ? later(track->scan_us, s->place->forget_after_s * S_US / 10 * 8)
			       : INT64_MAX;
	return track->scan_us + (plan->moved ? SCAN_MOVING_US : SCAN_STILL_US);
}

static void want_scan(
	const struct place_plan *plan, const struct place_track *track, struct place_wish *wish)
{
	for (size_t i = 0; i < track->n_states; i++) {
		const struct place_state *s = &track->states[i];
		bool scans = false;
		int64_t due_us;

		if (!is_relevant(s) || s->place->n_networks == 0)
			continue;
		wish->watch_networks = true;
		for (size_t k = 0; k < s->place->n_networks; k++)
			scans |= !s->place->networks[k].connected;
		if (!scans)
			continue;
		due_us = state_scan_due(plan, track, s);
		wish->scan_due_us = due_us < wish->scan_due_us ? due_us : wish->scan_due_us;
	}
	if (wish->scan_due_us != INT64_MAX && plan->scan_asked_us != INT64_MIN &&
		wish->scan_due_us < plan->scan_asked_us + SCAN_MISSED_US)
		wish->scan_due_us = plan->scan_asked_us + SCAN_MISSED_US;
}

void place_plan_next(const struct place_plan *plan, const struct place_track *track, int64_t now_us,
	struct place_wish *ret_wish)
{
	struct place_wish wish = {
		.need = PLACE_NEED_NOTHING, .due_us = INT64_MAX, .scan_due_us = INT64_MAX};

	want_position(plan, track, now_us, &wish);
	want_scan(plan, track, &wish);
	*ret_wish = wish;
}
