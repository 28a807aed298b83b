/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place_track.c - from positions, networks and time to states of places; see place_track.h. Pure:
 * no system calls, no clock. Enforcer and tools.
 */
#include "policies/place_track.h"

#include <errno.h>
#include <math.h>

#include "policies/place_motion.h"

#define S_US INT64_C(1000000)
#define NEVER_US INT64_MIN

/* A position that lies so far on the other side does not prove it, but makes one doubt. */
#define LEAN_SIGMA 1.0
/* As much as each of PLACE_ADD_FIXES has to say that are certain together. */
#define AGREE_SIGMA (PLACE_CERTAIN_SIGMA / sqrt(PLACE_ADD_FIXES))
/* A jump is allowed what both discs may be wrong by: 4.5 standard deviations of each. */
#define JUMP_RADII 3.0
/* A speed is made of two positions not farther apart in time than this. */
#define PAIR_US (600 * S_US)
/* So many positions for so long, all of which agree and none of which is near the last one that
 * counted: it is that one which was wrong. */
#define RIVALS 5
#define RIVAL_US (600 * S_US)

void place_track_init(struct place_track *track)
{
	*track = (struct place_track){.speed_ms = -1};
}

void place_track_done(struct place_track *track)
{
	free(track->states);
	place_track_init(track);
}

/* --- one place ----------------------------------------------------------------------------- */

static enum truth taken_for(const struct place_state *s)
{
	return s->state == TRUTH_UNKNOWN && s->place ? s->place->unknown_is : s->state;
}

static void state_set(struct place_state *s, enum truth state, const struct place_why *why,
	int64_t now_us, const struct place_watcher *watcher)
{
	struct place_change change = {s, s->state, s->taken};

	s->state = state;
	s->since_us = now_us;
	s->why = *why;
	s->pending = TRUTH_UNKNOWN;
	if (state != TRUTH_UNKNOWN)
		s->known = state;
	s->taken = taken_for(s);
	if (s->taken != change.taken_before)
		s->taken_since_us = now_us;
	if (watcher && watcher->changed && s->state != change.before)
		watcher->changed(watcher->userdata, &change);
}

/* Nobody waits to know what was not known at all, or what is as it was before it was forgotten. */
static int64_t state_dwell_s(const struct place_state *s, enum truth side)
{
	if (s->state == TRUTH_UNKNOWN && (s->known == TRUTH_UNKNOWN || s->known == side) &&
		(s->taken == TRUTH_UNKNOWN || s->taken == side))
		return 0;
	return side == TRUTH_TRUE ? s->place->enter_dwell_s : s->place->leave_dwell_s;
}

/* A certain answer. What it begins is carried out by state_settle(). */
static void state_evidence(
	struct place_state *s, enum truth side, int64_t at_us, const struct place_why *why)
{
	int64_t since_us = at_us;

	if (s->known_us < at_us)
		s->known_us = at_us;
	if (side == s->state) {
		s->pending = TRUTH_UNKNOWN;
		return;
	}
	if (s->pending == side)
		return;
	/* However old the answer is: the dwell begins when the state did, at the soonest. */
	if (since_us < s->since_us)
		since_us = s->since_us;
	if (since_us < s->taken_since_us)
		since_us = s->taken_since_us;
	s->pending = side;
	s->pending_since_us = since_us;
	s->pending_why = *why;
	s->pending_why.dwell_s = state_dwell_s(s, side);
	s->pending_until_us = since_us + s->pending_why.dwell_s * S_US;
}

/* Whether one of its networks speaks for it now. */
static bool state_is_seen(const struct place_state *s, int64_t now_us)
{
	return s->seen && (s->bound || now_us - s->seen_us <= PLACE_SEEN_US);
}

/* Only such as the phone is in or not, which it is told of at once. */
static bool only_connected(const struct place *place)
{
	for (size_t i = 0; i < place->n_networks; i++)
		if (!place->networks[i].connected)
			return false;
	return place->n_networks > 0;
}

/* One more look at the networks that did not have any of its own. */
static void state_missed(struct place_state *s, int64_t now_us)
{
	static const struct place_why why = {.cause = PLACE_CAUSE_NO_NETWORK};

	s->bound = false;
	if (s->n_missed > 0 && now_us - s->missed_us < PLACE_MISS_US)
		return;
	s->missed_us = now_us;
	if (s->n_missed < PLACE_MISSES)
		s->n_missed++;
	if (s->n_missed < PLACE_MISSES)
		return;
	s->seen = false;
	if (!s->place->fence && !s->place->incomplete)
		state_evidence(s, TRUTH_FALSE, now_us, &why);
}

/* When a missing connection counts once more without anybody telling; INT64_MAX: not. */
static int64_t state_miss_due_us(const struct place_track *track, const struct place_state *s)
{
	if (!track->networks_known || s->bound || s->n_missed == 0 || s->n_missed >= PLACE_MISSES ||
		!only_connected(s->place))
		return INT64_MAX;
	return s->missed_us + PLACE_MISS_US;
}

static void state_settle(struct place_track *track, struct place_state *s, int64_t now_us,
	const struct place_watcher *watcher)
{
	static const struct place_why forgotten = {.cause = PLACE_CAUSE_FORGOTTEN};

	if (!s->place)
		return;
	if (s->seen && s->bound)
		s->known_us = now_us;
	if (now_us >= state_miss_due_us(track, s))
		state_missed(s, now_us);
	/* First, so that what somebody began to think before a long sleep does not come true. */
	if (s->known_us != NEVER_US && now_us - s->known_us > s->place->forget_after_s * S_US) {
		s->pending = TRUTH_UNKNOWN;
		if (s->state != TRUTH_UNKNOWN)
			state_set(s, TRUTH_UNKNOWN, &forgotten, now_us, watcher);
	}
	if (s->pending != TRUTH_UNKNOWN && now_us >= s->pending_until_us) {
		struct place_why why = s->pending_why;

		state_set(s, s->pending, &why, now_us, watcher);
	}
}

/* --- positions ----------------------------------------------------------------------------- */

static enum place_distance distance_class(double distance_m)
{
	double m = fabs(distance_m);

	return m < 100	   ? PLACE_AT_BOUNDARY
	       : m < 1000  ? PLACE_NEAR
	       : m < 50000 ? PLACE_AROUND
			   : PLACE_FAR;
}

/* Adds z standard deviations of one side to those before. Whether they are enough together. */
static bool sum_add(struct place_sum *sum, enum truth side, double z, int64_t at_us, bool is_new)
{
	if (sum->side != side || at_us - sum->last_us > PLACE_ADD_MAX_US) {
		*sum = (struct place_sum){side, 1, z, at_us};
		return z >= PLACE_CERTAIN_SIGMA;
	}
	/* The same error twice is no second opinion; what is certain alone needs none. */
	if (z < PLACE_CERTAIN_SIGMA && (!is_new || at_us - sum->last_us < PLACE_ADD_MIN_US))
		return false;
	if (sum->n == PLACE_ADD_FIXES)
		sum->sigmas -= sum->sigmas / sum->n;
	else
		sum->n++;
	sum->sigmas += z;
	sum->last_us = at_us;
	return z >= PLACE_CERTAIN_SIGMA || sum->sigmas >= PLACE_CERTAIN_SIGMA * sqrt(sum->n);
}

static void state_measure(struct place_state *s, const struct fix *fix, bool is_new, int64_t now_us)
{
	const struct geo_point point = {fix->latitude, fix->longitude};
	double accuracy_m = fmax(fix->accuracy_m, PLACE_ACCURACY_FLOOR_M), z;
	struct place_why why = {.cause = PLACE_CAUSE_POSITION, .source = fix->source};
	enum truth side;

	s->distance_m = geo_fence_distance_m(s->place->fence, &point);
	side = s->distance_m > 0 ? TRUTH_FALSE : TRUTH_TRUE;
	z = PLACE_SIGMA_PER_RADIUS * fabs(s->distance_m) / accuracy_m;
	s->certain_m =
		fabs(s->distance_m) - accuracy_m * PLACE_CERTAIN_SIGMA / PLACE_SIGMA_PER_RADIUS;
	s->measured = true;
	if (fix->accuracy_m > (double)s->place->max_accuracy_m) {
		s->certain_m = fmin(s->certain_m, -1);
		return;
	}
	/* Whoever turned back before the dwell was over has not come, or gone. */
	if (s->pending != TRUTH_UNKNOWN && side != s->pending && z >= LEAN_SIGMA)
		s->pending = TRUTH_UNKNOWN;
	/* What agrees with what is known keeps it known: only another side has to be proved. */
	if (side == s->state && z >= AGREE_SIGMA && fix->taken_us > s->known_us)
		s->known_us = fix->taken_us;
	if (!sum_add(&s->sum, side, z, fix->taken_us, is_new))
		return;
	if (side == TRUTH_FALSE && (s->place->incomplete || state_is_seen(s, now_us)))
		return;
	memcpy(why.provider, fix->provider, sizeof(why.provider));
	why.provider[sizeof(why.provider) - 1] = 0;
	why.n_fixes = z >= PLACE_CERTAIN_SIGMA ? 1 : s->sum.n;
	why.accuracy_m = llround(fix->accuracy_m);
	why.distance = distance_class(s->distance_m);
	state_evidence(s, side, fix->taken_us, &why);
}

static bool same_point(const struct fix *a, const struct fix *b)
{
	return a->latitude == b->latitude && a->longitude == b->longitude;
}

static double fix_distance_m(const struct fix *a, const struct fix *b)
{
	const struct geo_point from = {a->latitude, a->longitude}, to = {b->latitude, b->longitude};

	return geo_distance_m(&from, &to);
}

static bool can_follow(const struct fix *before, double speed_ms, const struct fix *after)
{
	double time_s = (double)(after->taken_us - before->taken_us) / S_US;

	return fix_distance_m(before, after) -
		       JUMP_RADII * (before->accuracy_m + after->accuracy_m) <=
	       place_reach_m(speed_ms, time_s);
}

/* Whether the position contradicts the last one; if others do in the same way, that one goes. */
static bool is_jump(struct place_track *track, const struct fix *fix)
{
	if (!track->has_fix || can_follow(&track->fix, track->speed_ms, fix)) {
		track->has_rival = false;
		return false;
	}
	if (!track->has_rival || !can_follow(&track->rival, -1, fix)) {
		track->rival_since_us = fix->taken_us;
		track->n_rivals = 0;
	}
	track->has_rival = true;
	track->rival = *fix;
	if (++track->n_rivals < RIVALS || fix->taken_us - track->rival_since_us < RIVAL_US)
		return true;
	track->has_rival = track->has_fix = false;
	for (size_t i = 0; i < track->n_states; i++)
		track->states[i].sum = (struct place_sum){.side = TRUTH_UNKNOWN};
	return false;
}

static enum place_doubt doubt_fix(struct place_track *track, const struct fix *fix, int64_t now_us)
{
	const struct geo_point point = {fix->latitude, fix->longitude};

	if (!geo_point_is_valid(&point) || !isfinite(fix->accuracy_m) || fix->accuracy_m <= 0 ||
		fix->accuracy_m > LIMIT_GEO_ACCURACY_M || fix->source <= FIX_NONE ||
		fix->source >= FIX_SOURCE_MAX || isnan(fix->speed_ms))
		return PLACE_DOUBT_MALFORMED;
	if (fix->mock)
		return PLACE_DOUBT_MOCK;
	if (fix->taken_us > now_us + PLACE_FUTURE_US)
		return PLACE_DOUBT_FUTURE;
	if (fix->taken_us < now_us - PLACE_STALE_US)
		return PLACE_DOUBT_STALE;
	if (track->has_fix && fix->taken_us < track->fix.taken_us)
		return PLACE_DOUBT_BACKWARDS;
	if (track->has_fix && fix->taken_us == track->fix.taken_us)
		return PLACE_DOUBT_DUPLICATE;
	return is_jump(track, fix) ? PLACE_DOUBT_JUMP : PLACE_DOUBT_NONE;
}

static double speed_of(const struct place_track *track, const struct fix *fix)
{
	double told_ms = fix->speed_ms >= 0 ? fmin(fix->speed_ms, PLACE_SPEED_MAX_MS) : -1;
	int64_t time_us = track->has_fix ? fix->taken_us - track->fix.taken_us : 0;
	double way_m;

	if (time_us < S_US || time_us > PAIR_US)
		return told_ms;
	way_m = fix_distance_m(&track->fix, fix) - track->fix.accuracy_m - fix->accuracy_m;
	return fmax(told_ms, fmax(way_m, 0) * S_US / (double)time_us);
}

static enum place_doubt note_doubt(
	struct place_track *track, enum place_doubt doubt, int64_t now_us)
{
	track->n_doubts[doubt]++;
	if (doubt != PLACE_DOUBT_NONE) {
		track->doubt = doubt;
		track->doubt_us = now_us;
	}
	return doubt;
}

enum place_doubt place_track_fix(struct place_track *track, const struct fix *fix, int64_t now_us,
	const struct place_watcher *watcher)
{
	enum place_doubt doubt = doubt_fix(track, fix, now_us);
	bool is_new;

	if (doubt != PLACE_DOUBT_NONE) {
		place_track_tick(track, now_us, watcher);
		return note_doubt(track, doubt, now_us);
	}
	is_new = !track->has_fix || !same_point(&track->fix, fix);
	track->speed_ms = speed_of(track, fix);
	track->fix = *fix;
	track->has_fix = true;
	for (size_t i = 0; i < track->n_states; i++)
		if (track->states[i].place && track->states[i].place->fence)
			state_measure(&track->states[i], fix, is_new, now_us);
	place_track_tick(track, now_us, watcher);
	return note_doubt(track, PLACE_DOUBT_NONE, now_us);
}

/* --- networks ------------------------------------------------------------------------------ */

/* Whether one of its networks is among them; *ret_bound: and the phone is in it. */
static bool place_sees(
	const struct place *place, const struct fix_networks *networks, bool *ret_bound)
{
	bool sees = false;

	*ret_bound = false;
	for (size_t i = 0; i < networks->n_networks; i++)
		for (size_t k = 0; k < place->n_networks; k++) {
			if (!place_network_fits(&place->networks[k], &networks->networks[i]))
				continue;
			sees = true;
			*ret_bound |= networks->networks[i].connected;
		}
	return sees;
}

static void state_look(struct place_state *s, const struct fix_networks *networks, int64_t now_us)
{
	static const struct place_why why = {.cause = PLACE_CAUSE_NETWORK};
	/* Lists are told when something in them changes, too: then it is not a look of its own, and
	 * what is in sight in it was so when it was made. */
	bool is_new = networks->taken_us > s->looked_us, bound;

	if (!place_sees(s->place, networks, &bound)) {
		s->bound = false;
		if (!is_new && !only_connected(s->place))
			return;
		s->looked_us = networks->taken_us;
		state_missed(s, now_us);
		return;
	}
	s->looked_us = is_new ? networks->taken_us : s->looked_us;
	s->bound = bound;
	if (!bound && now_us - networks->taken_us > PLACE_SEEN_US)
		return;
	s->seen = true;
	s->n_missed = 0;
	/* A connection is true now, whenever the last scan was. */
	s->seen_us = bound ? now_us : networks->taken_us;
	state_evidence(s, TRUTH_TRUE, s->seen_us, &why);
}

enum place_doubt place_track_networks(struct place_track *track,
	const struct fix_networks *networks, int64_t now_us, const struct place_watcher *watcher)
{
	enum place_doubt doubt = PLACE_DOUBT_NONE;

	if (networks->taken_us == 0) {
		track->networks_known = false;
		for (size_t i = 0; i < track->n_states; i++)
			track->states[i].seen = track->states[i].bound = false;
	} else if (networks->n_networks > FIX_NETWORKS_MAX) {
		doubt = PLACE_DOUBT_MALFORMED;
	} else if (networks->taken_us > now_us + PLACE_FUTURE_US) {
		doubt = PLACE_DOUBT_FUTURE;
	} else if (networks->taken_us < track->scan_us) {
		doubt = PLACE_DOUBT_BACKWARDS;
	} else {
		track->networks_known = true;
		track->scan_us = networks->taken_us;
		for (size_t i = 0; i < track->n_states; i++)
			if (track->states[i].place && track->states[i].place->n_networks > 0)
				state_look(&track->states[i], networks, now_us);
	}
	place_track_tick(track, now_us, watcher);
	return note_doubt(track, doubt, now_us);
}

/* --- time ---------------------------------------------------------------------------------- */

void place_track_tick(
	struct place_track *track, int64_t now_us, const struct place_watcher *watcher)
{
	for (size_t i = 0; i < track->n_states; i++)
		state_settle(track, &track->states[i], now_us, watcher);
}

int64_t place_track_next_us(const struct place_track *track)
{
	int64_t next_us = INT64_MAX;

	for (size_t i = 0; i < track->n_states; i++) {
		const struct place_state *s = &track->states[i];
		int64_t due_us;

		if (!s->place)
			continue;
		if (s->pending != TRUTH_UNKNOWN && s->pending_until_us < next_us)
			next_us = s->pending_until_us;
		due_us = state_miss_due_us(track, s);
		next_us = due_us < next_us ? due_us : next_us;
		if ((s->state == TRUTH_UNKNOWN && s->pending == TRUTH_UNKNOWN) ||
			(s->seen && s->bound) || s->known_us == NEVER_US)
			continue;
		due_us = s->known_us + s->place->forget_after_s * S_US + 1;
		next_us = due_us < next_us ? due_us : next_us;
	}
	return next_us;
}

void place_track_facts(
	const struct place_track *track, int64_t now_us, struct when_place *ret_places)
{
	for (size_t i = 0; i < track->n_states; i++) {
		const struct place_state *s = &track->states[i];
		int64_t held_us = now_us - s->taken_since_us;

		ret_places[i] = (struct when_place){
			.stream = s->stream,
			.name = s->name,
			.inside = s->taken,
			.held_s = held_us > 0 ? held_us / S_US : 0,
		};
	}
}

/* --- which places -------------------------------------------------------------------------- */

static int compare_states(const void *a, const void *b)
{
	const struct place_state *x = a, *y = b;
	int order = strcmp(x->stream, y->stream);

	return order ? order : strcmp(x->name, y->name);
}

static void state_begin(struct place_state *s, const struct policy *policy,
	const struct place *place, int64_t now_us)
{
	*s = (struct place_state){
		.place = place,
		.print = place->print,
		.state = TRUTH_UNKNOWN,
		.since_us = now_us,
		.taken = place->unknown_is,
		.taken_since_us = now_us,
		.known = TRUTH_UNKNOWN,
		.known_us = NEVER_US,
		.pending = TRUTH_UNKNOWN,
		.sum = {.side = TRUTH_UNKNOWN},
	};
	memcpy(s->stream, policy->stream, sizeof(s->stream));
	memcpy(s->name, place->name, sizeof(s->name));
}

/* Goes on with what was known of a place of the same name. */
static void state_follow(struct place_state *s, const struct place_state *before, int64_t now_us,
	const struct place_watcher *watcher)
{
	static const struct place_why policy = {.cause = PLACE_CAUSE_POLICY};
	const struct place *place = s->place;
	struct place_change change = {s, before->state, before->taken};

	if (before->print == s->print) {
		*s = *before;
		s->place = place;
		s->taken = taken_for(s);
		if (s->taken != before->taken)
			s->taken_since_us = now_us;
		/* An imported one has only the beginning of what it waits for, and any other may
		 * have to wait for another time now. */
		if (s->pending != TRUTH_UNKNOWN) {
			s->pending_why.dwell_s = state_dwell_s(s, s->pending);
			s->pending_until_us = s->pending_since_us + s->pending_why.dwell_s * S_US;
		}
		return;
	}
	s->why = policy;
	if (s->taken == before->taken)
		s->taken_since_us = before->taken_since_us;
	if (watcher && watcher->changed && before->state != TRUTH_UNKNOWN)
		watcher->changed(watcher->userdata, &change);
}

int place_track_configure(struct place_track *track, struct policy *const *policies,
	size_t n_policies, int64_t now_us, const struct place_watcher *watcher)
{
	struct place_state *states;
	size_t n = 0;

	for (size_t i = 0; i < n_policies; i++)
		n += policies[i]->n_places;
	states = calloc(n ? n : 1, sizeof(*states));
	if (!states)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < n_policies; i++)
		for (size_t k = 0; k < policies[i]->n_places; k++)
			state_begin(&states[n++], policies[i], &policies[i]->places[k], now_us);
	qsort(states, n, sizeof(*states), compare_states);
	for (size_t i = 0; i < n && track->n_states > 0; i++) {
		const struct place_state *before = bsearch(&states[i], track->states,
			track->n_states, sizeof(*states), compare_states);

		if (before)
			state_follow(&states[i], before, now_us, watcher);
	}
	free(track->states);
	track->states = states;
	track->n_states = n;
	place_track_tick(track, now_us, watcher);
	return 0;
}

void place_track_booted(struct place_track *track, int64_t now_us)
{
	for (size_t i = 0; i < track->n_states; i++) {
		struct place_state *s = &track->states[i];
		int64_t trust_s, trusted_us;

		if (s->state == TRUTH_UNKNOWN || s->place->unknown_is == TRUTH_UNKNOWN ||
			s->place->unknown_is == s->state)
			continue;
		trust_s = s->place->forget_after_s / 2 < PLACE_BOOT_TRUST_S
				  ? s->place->forget_after_s / 2
				  : PLACE_BOOT_TRUST_S;
		trusted_us = now_us - (s->place->forget_after_s - trust_s) * S_US;
		/* It was trusted after a boot before, and has not been certain since: whoever
		 * switches off and on again and again does not keep it so. */
		if (s->known_us <= trusted_us)
			trusted_us = now_us - s->place->forget_after_s * S_US - 1;
		s->known_us = s->known_us < trusted_us ? s->known_us : trusted_us;
	}
}
