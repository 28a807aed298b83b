/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_location.c - from events of location to the track, and what is asked of location next; see
 * places_private.h. One timer, for the next look and for what time alone changes. Enforcer only.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/enforcer/places_private.h"
#include "agent/util/log.h"

/* A source that costs little answers soon; satellites take their time under trees. */
#define PLACES_COARSE_US (60 * USEC_PER_SEC)
#define PLACES_FINE_US (120 * USEC_PER_SEC)
#define PLACES_SCAN_US (30 * USEC_PER_SEC)
/* What is due again and again is not done in a loop. */
#define PLACES_PAUSE_US (USEC_PER_SEC / 10)
#define PLACES_LATE_MAX_US (30 * USEC_PER_SEC)

const struct places_source places_location = {
	.new = location_new,
	.free = location_free,
	.honour_switch = location_honour_switch,
	.want = location_want,
	.watch = location_watch,
	.scan = location_scan,
	.facts = location_facts,
};

struct place_watcher places_watcher(struct places *p)
{
	return (struct place_watcher){places_on_place, p};
}

/* --- location ------------------------------------------------------------------------------ */

bool places_are_relevant(const struct places *p)
{
	for (size_t i = 0; p->configured && i < p->track.n_states; i++)
		if (p->track.states[i].place && p->track.states[i].place->relevant)
			return true;
	return false;
}

static enum place_watch places_teller(enum location_teller teller)
{
	switch (teller) {
	case LOCATION_TELLS_WIFI:
		return PLACE_WATCH_WIFI;
	case LOCATION_TELLS_CELL:
		return PLACE_WATCH_CELL;
	case LOCATION_TELLS_NOTHING:
	case LOCATION_TELLER_MAX:
		break;
	}
	return PLACE_WATCH_NONE;
}

/* Nobody will tell when the phone leaves a network any more. */
static void places_forget_networks(struct places *p, int64_t now_us)
{
	static const struct fix_networks unknown = {.taken_us = 0};
	const struct place_watcher watcher = places_watcher(p);

	if (p->configured)
		(void)place_track_networks(&p->track, &unknown, now_us, &watcher);
}

static void places_note_sources(struct places *p, int64_t now_us)
{
	struct location_facts facts;

	p->source->facts(p->location, &facts);
	place_plan_watch(&p->plan, places_teller(facts.teller), now_us);
	if (!facts.sources[LOCATION_WIFI].present ||
		(facts.honour_switch && facts.user_switch == TRUTH_FALSE))
		places_forget_networks(p, now_us);
}

/* A phone that has not scanned yet may be in a network all the same, and is in no other. */
static void places_on_networks(
	struct places *p, const struct fix_networks *networks, int64_t now_us)
{
	const struct place_watcher watcher = places_watcher(p);
	struct fix_networks connected = {.taken_us = 0};

	p->scanning = false;
	if (!p->configured)
		return;
	for (size_t i = 0; networks->taken_us == 0 && i < networks->n_networks; i++)
		if (networks->networks[i].connected) {
			connected.networks[connected.n_networks++] = networks->networks[i];
			connected.taken_us = now_us;
		}
	places_on_doubt(
		p, place_track_networks(&p->track, networks->taken_us == 0 ? &connected : networks,
			   now_us, &watcher));
}

/* Whether the location has nothing to answer any more. */
static void places_note_end(struct places *p)
{
	struct location_facts facts;

	p->source->facts(p->location, &facts);
	if (facts.need == LOCATION_OFF)
		p->asked = PLACE_NEED_NOTHING;
}

static bool places_is_enough(const struct places *p, const struct fix *fix)
{
	return fix->source == FIX_FIXED ||
	       fix->accuracy_m <=
		       (p->ask_need == PLACE_NEED_FINE ? LOCATION_FINE_M : LOCATION_COARSE_M);
}

static void places_answer(struct places *p, const struct fix *fix)
{
	places_fix_fn done = p->ask_done;

	p->ask_done = NULL;
	p->ask_need = PLACE_NEED_NOTHING;
	p->ask_timer = sd_event_source_unref(p->ask_timer);
	if (done)
		done(p->e, fix, p->ask_userdata);
}

static void places_on_fix(struct places *p, const struct fix *fix, int64_t now_us)
{
	const struct place_watcher watcher = places_watcher(p);
	enum place_doubt doubt;

	if (!p->configured)
		return;
	doubt = place_track_fix(&p->track, fix, now_us, &watcher);
	place_plan_fix(&p->plan, &p->track, doubt, now_us);
	places_on_doubt(p, doubt);
	p->answered |= doubt != PLACE_DOUBT_DUPLICATE && doubt != PLACE_DOUBT_BACKWARDS;
	places_note_end(p);
	if (p->ask_done && doubt == PLACE_DOUBT_NONE && places_is_enough(p, fix))
		places_answer(p, fix);
}

static void places_on_missed(struct places *p, int64_t now_us)
{
	if (p->asked != PLACE_NEED_NOTHING && !p->answered)
		place_plan_missed(&p->plan, now_us);
	p->asked = PLACE_NEED_NOTHING;
	if (p->ask_done)
		places_answer(p, p->track.has_fix && p->track.fix.taken_us >= p->ask_since_us
					 ? &p->track.fix
					 : NULL);
}

void places_on_event(const struct location_event *event, void *userdata)
{
	struct places *p = userdata;
	int64_t now_us = clock_boottime_us();

	switch (event->kind) {
	case LOCATION_FIX:
		places_on_fix(p, event->fix, now_us);
		break;
	case LOCATION_NETWORKS:
		places_on_networks(p, event->networks, now_us);
		break;
	case LOCATION_CONNECTED:
	case LOCATION_SOURCES:
		places_note_sources(p, now_us);
		break;
	case LOCATION_MOVED:
		place_plan_moved(&p->plan, now_us);
		break;
	case LOCATION_SWITCHED:
		/* Off, nobody tells; on, it is worth another look. */
		places_note_sources(p, now_us);
		place_plan_moved(&p->plan, now_us);
		break;
	case LOCATION_MISSED:
		places_on_missed(p, now_us);
		break;
	case LOCATION_NO_SCAN:
		p->scanning = false;
		break;
	case LOCATION_EVENT_MAX:
		break;
	}
	places_step(p);
	/* Somebody else's answer may have been all that it was for. */
	places_settle_location(p);
}

/* --- what is wanted ------------------------------------------------------------------------ */

static const enum location_need needs[PLACE_NEED_MAX] = {
	[PLACE_NEED_NOTHING] = LOCATION_OFF,
	[PLACE_NEED_COARSE] = LOCATION_COARSE,
	[PLACE_NEED_FINE] = LOCATION_FINE,
};

/* Of the plan and of somebody else together. */
static int places_want(struct places *p, enum place_need need, int64_t now_us)
{
	int64_t deadline_us =
		now_us + (need == PLACE_NEED_FINE ? PLACES_FINE_US : PLACES_COARSE_US);

	if (need == PLACE_NEED_NOTHING)
		deadline_us = 0;
	if (p->ask_done) {
		need = p->ask_need > need ? p->ask_need : need;
		deadline_us = p->ask_deadline_us > deadline_us ? p->ask_deadline_us : deadline_us;
	}
	return p->source->want(p->location, needs[need], deadline_us);
}

static void places_ask_location(struct places *p, const struct place_wish *wish, int64_t now_us)
{
	if (wish->need == PLACE_NEED_NOTHING) {
		if (p->asked != PLACE_NEED_NOTHING) {
			p->asked = PLACE_NEED_NOTHING;
			(void)places_want(p, p->asked, now_us);
		}
		return;
	}
	if (wish->due_us > now_us || p->asked >= wish->need)
		return;
	place_plan_asked(&p->plan, wish->need, now_us);
	p->answered = false;
	if (places_want(p, wish->need, now_us) < 0)
		place_plan_missed(&p->plan, now_us);
	else
		p->asked = wish->need;
}

static void places_ask_scan(struct places *p, const struct place_wish *wish, int64_t now_us)
{
	if (wish->scan_due_us > now_us || p->scanning)
		return;
	place_plan_scanned(&p->plan, now_us);
	p->scanning = p->source->scan(p->location, now_us + PLACES_SCAN_US) == 0;
}

static void places_watch(struct places *p, const struct place_wish *wish)
{
	unsigned int watches = (wish->watch_networks ? LOCATION_WATCH_NETWORKS : 0) |
			       (wish->watch_motion ? LOCATION_WATCH_MOTION : 0);

	if (watches == p->watches)
		return;
	p->watches = watches;
	p->source->watch(p->location, watches);
	places_note_sources(p, clock_boottime_us());
}

static int places_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;
	struct places *p = e->places;

	(void)source;
	(void)usec;
	p->timer = sd_event_source_unref(p->timer);
	if (!p->configured)
		places_policies_changed(e);
	else
		places_step(p);
	return 0;
}

/* It wakes a sleeping phone only where check-ins do. */
void places_arm(struct places *p, int64_t at_us, int64_t now_us)
{
	int64_t late_us = (at_us - now_us) / 16;

	p->timer = sd_event_source_unref(p->timer);
	if (at_us == INT64_MAX)
		return;
	at_us = at_us < now_us + PLACES_PAUSE_US ? now_us + PLACES_PAUSE_US : at_us;
	late_us = late_us < PLACES_PAUSE_US ? PLACES_PAUSE_US : late_us;
	late_us = late_us > PLACES_LATE_MAX_US ? PLACES_LATE_MAX_US : late_us;
	if (reactions_add_timer(p->e, at_us, late_us, places_on_timer, &p->timer) < 0)
		log_error("where the phone is cannot be looked at in time: out of memory");
}

/* What waits for its dwell waits over restarts, too. */
static bool places_wait_anew(struct places *p)
{
	uint64_t print = 0;

	for (size_t i = 0; i < p->track.n_states; i++) {
		const struct place_state *s = &p->track.states[i];

		if (s->pending != TRUTH_UNKNOWN)
			print = print * 31 + i * 3 + s->pending + (uint64_t)s->pending_since_us;
	}
	if (print == p->waits)
		return false;
	p->waits = print;
	return true;
}

void places_step(struct places *p)
{
	int64_t now_us = clock_boottime_us(), at_us;
	const struct place_watcher watcher = places_watcher(p);
	struct place_wish wish;

	if (!p->configured)
		return;
	place_track_tick(&p->track, now_us, &watcher);
	at_us = place_track_next_us(&p->track);
	if (p->location && places_are_relevant(p)) {
		place_plan_next(&p->plan, &p->track, now_us, &wish);
		places_watch(p, &wish);
		/* A watch that begins may say more of what tells of movement. */
		place_plan_next(&p->plan, &p->track, now_us, &wish);
		places_ask_location(p, &wish, now_us);
		places_ask_scan(p, &wish, now_us);
		place_plan_next(&p->plan, &p->track, now_us, &wish);
		if (wish.need != PLACE_NEED_NOTHING && p->asked < wish.need && wish.due_us < at_us)
			at_us = wish.due_us;
		if (!p->scanning && wish.scan_due_us < at_us)
			at_us = wish.scan_due_us;
	}
	places_arm(p, at_us, now_us);
	if (places_wait_anew(p) || p->moved)
		places_store(p);
	if (p->moved) {
		p->moved = false;
		places_request(p);
	}
}

/* --- for somebody else ----------------------------------------------------------------------- */

static int places_on_ask_late(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct places *p = userdata;

	(void)source;
	(void)usec;
	places_answer(p, p->track.has_fix && p->track.fix.taken_us >= p->ask_since_us
				 ? &p->track.fix
				 : NULL);
	places_settle_location(p);
	return 0;
}

int places_ask(struct enforcer *e, enum place_need need, int64_t deadline_us, places_fix_fn done,
	void *userdata)
{
	struct places *p = e->places;
	int r;

	if (!p || !p->configured)
		return -ENOENT;
	p->ask_timer = sd_event_source_unref(p->ask_timer);
	/* A second later than location gives up, which says so first. */
	r = sd_event_add_time(e->event, &p->ask_timer, CLOCK_BOOTTIME,
		(uint64_t)(deadline_us + USEC_PER_SEC), USEC_PER_SEC, places_on_ask_late, p);
	if (r < 0)
		return r;
	p->ask_done = done;
	p->ask_userdata = userdata;
	p->ask_need = need;
	p->ask_deadline_us = deadline_us;
	p->ask_since_us = clock_boottime_us();
	places_settle_location(p);
	r = p->location ? places_want(p, p->asked, p->ask_since_us) : -ENOMEM;
	if (r < 0) {
		p->ask_done = NULL;
		p->ask_timer = sd_event_source_unref(p->ask_timer);
		places_settle_location(p);
	}
	return r;
}

const struct fix *places_last_fix(const struct enforcer *e)
{
	return e->places && e->places->track.has_fix ? &e->places->track.fix : NULL;
}
