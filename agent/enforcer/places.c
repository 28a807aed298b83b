/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.c - the places of the policies in force, what conditions see of them, and their life; see
 * places.h. Enforcer only.
 */
#include "agent/enforcer/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/places_private.h"
#include "agent/util/log.h"

#define PLACES_RETRY_US (60 * USEC_PER_SEC)
/* For the lock and the networks to be told at the start. At boot nobody may be there to tell. */
#define PLACES_SETTLE_US (2 * USEC_PER_SEC)

void places_policies(const struct places *p, struct places_policies *ret_policies)
{
	ret_policies->n = documents_policies(&p->e->documents, ret_policies->all);
}

void places_request(struct places *p)
{
	if (p->e->state.facts.enrolled && !checkin_is_leaving(p->e))
		reconcile_request(&p->e->reconcile, false);
}

/* --- which policies ------------------------------------------------------------------------ */

void places_settle_location(struct places *p)
{
	bool wanted = places_are_relevant(p) || p->ask_done;
	int r;

	if (wanted == (p->location != NULL))
		return;
	if (!wanted) {
		p->source->free(TAKE_PTR(p->location));
		p->asked = PLACE_NEED_NOTHING;
		p->scanning = false;
		p->watches = 0;
		(void)location_revert(&p->e->platform);
		return;
	}
	r = location_allow(&p->e->platform);
	if (r < 0)
		log_warning("GeoClue cannot be told to answer the agent: %s; others are asked",
			strerror(-r));
	r = p->source->new (&p->e->platform, places_on_event, p, &p->location);
	if (r < 0) {
		log_error("where the phone is cannot be looked at: %s", strerror(-r));
		return;
	}
	p->source->honour_switch(p->location, !p->overrides);
	place_plan_init(&p->plan, clock_boottime_us());
}

/* --- what else conditions depend on --------------------------------------------------------- */

static bool places_are_told(const struct places *p)
{
	return (!p->lock.joined || lock_watch_state(&p->e->platform) != TRUTH_UNKNOWN) &&
	       (!p->links || nm_links_get(p->links)->known);
}

static void places_settled(struct places *p)
{
	p->settle = sd_event_source_unref(p->settle);
	reconcile_release(&p->e->reconcile);
}

static int places_on_settle(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	places_settled(userdata);
	return 0;
}

/* Rules that are in force and depend on the lock do not lapse because the agent starts again. */
static void places_wait_to_be_told(struct places *p)
{
	if (!p->e->state.facts.enrolled || places_are_told(p))
		return;
	if (sd_event_add_time(p->e->event, &p->settle, CLOCK_BOOTTIME,
		    (uint64_t)(clock_boottime_us() + PLACES_SETTLE_US), 50 * 1000, places_on_settle,
		    p) >= 0)
		reconcile_hold(&p->e->reconcile);
}

static void places_on_told(struct places *p)
{
	places_request(p);
	if (p->settle && places_are_told(p))
		places_settled(p);
}

static void places_on_links(void *userdata)
{
	places_on_told(userdata);
}

static void places_on_lock(struct lock_listener *listener, bool locked)
{
	(void)locked;
	places_on_told(listener->userdata);
}

static unsigned int policy_needs(const struct policy *policy)
{
	unsigned int wanted = policy->long_poll ? when_needs(policy->long_poll) : 0;

	for (size_t i = 0; i < policy->n_profiles; i++)
		if (policy->profiles[i].when)
			wanted |= when_needs(policy->profiles[i].when);
	return wanted;
}

/* What else conditions depend on is watched while one does. */
static void places_settle_facts(struct places *p, const struct places_policies *policies)
{
	struct platform *platform = &p->e->platform;
	unsigned int wanted = 0;

	for (size_t i = 0; i < policies->n; i++)
		wanted |= policy_needs(policies->all[i]);
	if (!(wanted & WHEN_NEEDS_LOCKED)) {
		lock_watch_leave(platform, &p->lock);
	} else if (!p->lock.joined) {
		p->lock.changed = places_on_lock;
		p->lock.userdata = p;
		if (lock_watch_join(platform, &p->lock) < 0)
			log_error("whether the phone is locked cannot be watched: out of memory");
	}
	if (!(wanted & WHEN_NEEDS_LINKS))
		nm_links_free(TAKE_PTR(p->links));
	else if (!p->links && nm_links_new(platform, places_on_links, p, &p->links) < 0)
		log_error("connections cannot be watched: out of memory");
}

/* Rows of places that are gone go, each that came has one. */
static void places_settle_since(struct places *p)
{
	for (size_t i = p->since_places.n; i-- > 0;) {
		const struct places_since row = p->since_places.rows[i];
		bool found = false;

		for (size_t k = 0; !found && k < p->track.n_states; k++)
			found = strcmp(p->track.states[k].stream, row.stream) == 0 &&
				strcmp(p->track.states[k].name, row.name) == 0;
		if (!found)
			since_drop(&p->since_places, row.stream, row.name);
	}
	for (size_t i = 0; i < p->track.n_states; i++) {
		const struct place_state *s = &p->track.states[i];
		struct places_since row = {.since_s = clock_realtime_s()};

		if (places_since_of(p->since_places.rows, p->since_places.n, s->stream, s->name))
			continue;
		memcpy(row.stream, s->stream, sizeof(row.stream));
		memcpy(row.name, s->name, sizeof(row.name));
		snprintf(row.cause, sizeof(row.cause), "%s", place_cause_name(s->why.cause));
		since_set(&p->since_places, &row);
	}
}

/* 0 or -ENOMEM: nothing is known of places, and none of them is borrowed from a policy. */
static int places_configure(struct places *p)
{
	const struct place_watcher watcher = places_watcher(p);
	int64_t now_us = clock_boottime_us();
	struct places_policies policies;
	struct when_place *facts;
	size_t n = 0;
	int r = -ENOMEM;

	places_policies(p, &policies);
	for (size_t i = 0; i < policies.n; i++)
		n += policies.all[i]->n_places;
	facts = calloc(n ? n : 1, sizeof(*facts));
	if (facts)
		r = place_track_configure(&p->track, policies.all, policies.n, now_us, &watcher);
	if (r < 0) {
		/* What they belong to may be gone; what is known is kept for the next try. */
		for (size_t i = 0; i < p->track.n_states; i++)
			p->track.states[i].place = NULL;
		free(facts);
		p->configured = false;
		return -ENOMEM;
	}
	free(p->facts);
	p->facts = facts;
	if (!p->booted && !p->same_boot)
		place_track_booted(&p->track, now_us);
	p->booted = p->configured = true;
	places_settle_since(p);
	places_settle_facts(p, &policies);
	places_settle_location(p);
	return 0;
}

void places_policies_changed(struct enforcer *e)
{
	struct places *p = e->places;

	if (!p)
		return;
	if (places_configure(p) == 0) {
		places_store(p);
		places_step(p);
	} else {
		log_error("the places of the policy are not known: out of memory; it is tried "
			  "again in a minute");
		places_arm(p, clock_boottime_us() + PLACES_RETRY_US, clock_boottime_us());
	}
}

void places_resumed(struct enforcer *e)
{
	struct places *p = e->places;

	if (!p || !p->location)
		return;
	place_plan_moved(&p->plan, clock_boottime_us());
	places_step(p);
}

/* --- for conditions ------------------------------------------------------------------------ */

void places_look(const struct reconcile *r, struct when_facts *facts, void *userdata)
{
	const struct enforcer *e = userdata;
	const struct places *p = e->places;

	(void)r;
	if (!p)
		return;
	if (p->configured) {
		place_track_facts(&p->track, clock_boottime_us(), p->facts);
		facts->places = p->facts;
		facts->n_places = p->track.n_states;
	}
	if (p->lock.joined)
		facts->locked = lock_watch_state(&e->platform);
	if (p->links)
		facts->links = *nm_links_get(p->links);
}

static bool places_override_is_wanted(const struct reconcile *r)
{
	const struct effective_setting *setting =
		&r->effective.settings[SETTING_LOCATION_OVERRIDE_SWITCH];

	return r->has_effective && setting->present && setting->value.number;
}

void places_judged(struct reconcile *r, const struct when_facts *facts, void *userdata)
{
	struct enforcer *e = userdata;
	struct places *p = e->places;
	bool overrides = places_override_is_wanted(r);

	if (!p || !e->state.facts.enrolled)
		return;
	if (overrides != p->overrides) {
		p->overrides = overrides;
		if (p->location)
			p->source->honour_switch(p->location, !overrides);
	}
	places_activate(p, facts);
}

/* --- for those who show it ------------------------------------------------------------------ */

bool places_sources(const struct enforcer *e, struct location_facts *ret_facts)
{
	const struct places *p = e->places;

	if (!p || !p->location)
		return false;
	p->source->facts(p->location, ret_facts);
	return true;
}

bool places_view(const struct enforcer *e, struct places_view *ret_view)
{
	const struct places *p = e->places;

	if (!p || !p->configured)
		return false;
	*ret_view = (struct places_view){
		.track = &p->track,
		.plan = &p->plan,
		.activations = &p->activation,
		.profiles = p->since_profiles.rows,
		.n_profiles = p->since_profiles.n,
		.places = p->since_places.rows,
		.n_places = p->since_places.n,
		.is_looking = p->location,
		.asked = p->asked,
		.locked = p->lock.joined ? lock_watch_state(&e->platform) : TRUTH_UNKNOWN,
	};
	if (p->ask_done && p->ask_need > ret_view->asked)
		ret_view->asked = p->ask_need;
	place_plan_next(&p->plan, &p->track, clock_boottime_us(), &ret_view->wish);
	if (p->links)
		ret_view->links = *nm_links_get(p->links);
	return true;
}

/* --- life ---------------------------------------------------------------------------------- */

int places_new(struct enforcer *e, const struct places_source *source, struct places **ret_places)
{
	struct places *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->e = e;
	p->source = source;
	place_track_init(&p->track);
	place_plan_init(&p->plan, clock_boottime_us());
	*ret_places = p;
	r = places_load(p);
	if (r < 0) {
		places_free(p);
		*ret_places = NULL;
		return r;
	}
	places_policies_changed(e);
	places_wait_to_be_told(p);
	/* Leaving was begun before the agent stopped. */
	places_act_soon(p);
	return 0;
}

static void places_done(struct places *p)
{
	places_settled(p);
	places_act_stop(p);
	p->ask_done = NULL;
	p->ask_timer = sd_event_source_unref(p->ask_timer);
	p->timer = sd_event_source_unref(p->timer);
	if (p->location)
		p->source->free(TAKE_PTR(p->location));
	lock_watch_leave(&p->e->platform, &p->lock);
	nm_links_free(TAKE_PTR(p->links));
	place_track_done(&p->track);
	activation_done(&p->activation);
	since_done(&p->since_places);
	since_done(&p->since_profiles);
	free(p->facts);
}

void places_free(struct places *places)
{
	if (!places)
		return;
	places_store(places);
	places_done(places);
	free(places);
}

void places_save(struct enforcer *e)
{
	if (e->places && e->places->configured)
		places_store(e->places);
}

void places_enrolled(struct enforcer *e)
{
	struct places *p = e->places;

	if (!p)
		return;
	/* That there is a file says that what it does not hold was not done. */
	p->adopts = false;
	(void)activations_store(p);
}

void places_forget(struct enforcer *e)
{
	if (!e->places)
		return;
	places_release(e);
	places_remove_files(e);
}

void places_release(struct enforcer *e)
{
	struct places *p = e->places;
	const struct places_source *source;

	if (!p)
		return;
	source = p->source;
	places_done(p);
	*p = (struct places){.e = e, .source = source, .booted = true, .configured = true};
	place_track_init(&p->track);
	place_plan_init(&p->plan, clock_boottime_us());
	(void)location_revert(&e->platform);
}
