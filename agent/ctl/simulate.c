/* SPDX-License-Identifier: Apache-2.0 */
/* simulate.c - places and profiles on a way that was gone; see simulate.h. Pure; agentctl. */
#include "agent/ctl/simulate.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "agent/util/jsonw.h"

#define S_US INT64_C(1000000)
#define CROSSINGS_MAX 65536 /* of one way; a year of days with a hundred */

/* A coming or going as it really was, and when it was noticed. */
struct crossing {
	size_t place;
	bool inside;
	int64_t at_us, noticed_us; /* -1: never, before the next one */
};

struct watched {
	const struct policy *policy;
	const struct place *place;
	enum truth really; /* by the way itself; UNKNOWN before its first point */
	enum truth taken;
	int64_t since_us;
};

struct judged {
	const struct policy *policy;
	const struct profile *profile;
	enum truth truth;
};

/* One following; events go to one of the two outputs. */
struct run {
	const struct simulate *simulate;
	struct page *page;	    /* NULL: JSON */
	struct jsonw *w;	    /* NULL: page */
	struct watched *places;	    /* owned; the relevant ones */
	struct judged *profiles;    /* owned; those with a condition */
	struct crossing *crossings; /* owned */
	struct when_place *facts;   /* owned; n_places of them */
	size_t n_places, n_profiles, n_crossings;
	int64_t judge_us;	       /* when a condition changes by time alone */
	bool changed;		       /* a place did, since conditions were judged */
	bool first;		       /* nothing was judged yet */
	uint64_t n_doubted, n_changes; /* as they were told */
	int error;
};

static void run_done(struct run *run)
{
	free(run->places);
	free(run->profiles);
	free(run->crossings);
	free(run->facts);
}

/* "2:05:09", "3 d 02:05:09" behind the beginning. */
static void format_time(int64_t at_us, char ret_text[32])
{
	int64_t s = at_us / S_US, days = s / 86400;

	s %= 86400;
	if (days)
		snprintf(ret_text, 32, "%" PRId64 " d %02d:%02d:%02d", days, (int)(s / 3600),
			(int)(s / 60 % 60), (int)(s % 60));
	else
		snprintf(ret_text, 32, "%d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60),
			(int)(s % 60));
}

/* --- events ------------------------------------------------------------------------------ */

static void json_begin(struct run *run, const char *event, int64_t at_us)
{
	jsonw_object(run->w, NULL);
	jsonw_int(run->w, "time", at_us / S_US);
	jsonw_string(run->w, "event", event);
}

static void json_degrees(struct jsonw *w, const char *key, double degrees)
{
	int64_t millionths = (int64_t)(degrees * 1e6 + (degrees < 0 ? -0.5 : 0.5));
	char text[32];
	int n = snprintf(text, sizeof(text), "%s%" PRId64 ".%06" PRId64, millionths < 0 ? "-" : "",
		(millionths < 0 ? -millionths : millionths) / 1000000,
		(millionths < 0 ? -millionths : millionths) % 1000000);

	jsonw_raw(w, key, text, (size_t)n);
}

static void tell_fix(struct run *run, const struct place_sim_event *event)
{
	bool counts = event->doubt == PLACE_DOUBT_NONE;
	char when[32];

	run->n_doubted += !counts;
	if (run->w) {
		json_begin(run, "position", event->at_us);
		jsonw_string(run->w, "need", place_need_name(event->need));
		json_degrees(run->w, "latitude", event->fix->latitude);
		json_degrees(run->w, "longitude", event->fix->longitude);
		jsonw_int(run->w, "accuracy", (int64_t)(event->fix->accuracy_m + 0.5));
		if (!counts)
			jsonw_string(run->w, "doubt", place_doubt_name(event->doubt));
		jsonw_object_end(run->w);
		return;
	}
	format_time(event->at_us, when);
	page_open(run->page, 0, 2);
	page_add(run->page, PAGE_DIM, "%s  position, %s, known to %.0f m", when,
		place_need_name(event->need), event->fix->accuracy_m);
	if (!counts)
		page_add(run->page, PAGE_WARN, "; does not count: %s",
			place_doubt_name(event->doubt));
	page_close(run->page);
}

static void json_change(
	struct run *run, const struct place_sim_event *event, const struct place_state *s)
{
	struct jsonw *w = run->w;

	json_begin(run, "place", event->at_us);
	jsonw_string(w, "stream", s->stream);
	jsonw_string(w, "place", s->name);
	jsonw_string(w, "before", place_side_name(event->change->before));
	jsonw_string(w, "state", place_side_name(s->state));
	jsonw_string(w, "taken_for", place_side_name(s->taken));
	jsonw_string(w, "cause", place_cause_name(s->why.cause));
	if (s->why.cause == PLACE_CAUSE_POSITION) {
		jsonw_int(w, "positions", s->why.n_fixes);
		jsonw_int(w, "accuracy", s->why.accuracy_m);
		jsonw_string(w, "distance", place_distance_name(s->why.distance));
	}
	jsonw_int(w, "dwell", s->why.dwell_s);
	jsonw_object_end(w);
}

static const char *distance_words(enum place_distance distance)
{
	switch (distance) {
	case PLACE_AT_BOUNDARY:
		return ", less than 100 m from its boundary";
	case PLACE_NEAR:
		return ", less than 1 km from its boundary";
	case PLACE_AROUND:
		return ", less than 50 km from its boundary";
	case PLACE_FAR:
		return ", far from its boundary";
	case PLACE_DISTANCE_NONE:
	case PLACE_DISTANCE_MAX:
		break;
	}
	return "";
}

static void page_change(
	struct run *run, const struct place_sim_event *event, const struct place_state *s)
{
	struct page *p = run->page;
	char when[32];

	format_time(event->at_us, when);
	page_open(p, 0, 2);
	page_add(p, PAGE_PLAIN, "%s  ", when);
	page_add(p, PAGE_BOLD, "%s %s", place_side_name(s->state), s->name);
	if (s->why.cause == PLACE_CAUSE_POSITION)
		page_add(p, PAGE_PLAIN, " by %u position%s, the last known to %" PRId64 " m%s",
			s->why.n_fixes, s->why.n_fixes == 1 ? "" : "s", s->why.accuracy_m,
			distance_words(s->why.distance));
	else if (s->why.cause == PLACE_CAUSE_FORGOTTEN)
		page_add(p, PAGE_PLAIN, ": no certain answer for too long");
	if (s->why.dwell_s)
		page_add(p, PAGE_PLAIN, ", and that for %" PRId64 " s", s->why.dwell_s);
	if (s->state == TRUTH_UNKNOWN && s->taken != TRUTH_UNKNOWN)
		page_add(p, PAGE_PLAIN, "; conditions take it for %s", place_side_name(s->taken));
	page_close(p);
}

static bool is_told(const struct run *run, const char *place)
{
	return !run->simulate->place || strcmp(run->simulate->place, place) == 0;
}

static void on_event(void *userdata, const struct place_sim_event *event)
{
	struct run *run = userdata;
	const struct place_state *s;
	bool watched = false;

	if (event->kind == PLACE_SIM_FIX) {
		tell_fix(run, event);
		return;
	}
	s = event->change->place;
	for (size_t i = 0; i < run->n_places; i++) {
		struct watched *place = &run->places[i];

		if (strcmp(place->policy->stream, s->stream) != 0 ||
			strcmp(place->place->name, s->name) != 0)
			continue;
		watched = true;
		if (place->taken != s->taken) {
			place->taken = s->taken;
			place->since_us = event->at_us;
			run->changed = true;
		}
		/* The last crossing of this place is what was noticed, if it is of that side. */
		for (size_t j = run->n_crossings; j > 0; j--) {
			struct crossing *crossing = &run->crossings[j - 1];

			if (crossing->place != i)
				continue;
			if (crossing->noticed_us < 0 && s->state != TRUTH_UNKNOWN &&
				crossing->inside == (s->state == TRUTH_TRUE))
				crossing->noticed_us = event->at_us;
			break;
		}
	}
	/* Of places that no condition names a phone only knows by the way. */
	if (!watched || !is_told(run, s->name))
		return;
	run->n_changes++;
	if (run->w)
		json_change(run, event, s);
	else
		page_change(run, event, s);
}

/* --- profiles ---------------------------------------------------------------------------- */

static void tell_profile(struct run *run, const struct judged *judged, int64_t at_us)
{
	char when[32];

	if (run->w) {
		json_begin(run, "profile", at_us);
		jsonw_string(run->w, "stream", judged->policy->stream);
		jsonw_string(run->w, "profile", judged->profile->id);
		jsonw_string(run->w, "applies", truth_name(judged->truth));
		jsonw_object_end(run->w);
		return;
	}
	format_time(at_us, when);
	page_open(run->page, 0, 2);
	page_add(run->page, PAGE_PLAIN, "%s  profile %s ", when, judged->profile->id);
	if (judged->truth == TRUTH_TRUE)
		page_add(run->page, PAGE_GOOD, "applies");
	else if (judged->truth == TRUTH_FALSE)
		page_add(run->page, PAGE_PLAIN, "does not apply");
	else
		page_add(run->page, PAGE_WARN,
			"cannot be judged: not all of its condition is known");
	page_close(run->page);
}

/* All that a track does not tell is unknown: time of the week, charging, networks. */
static void judge(struct run *run, int64_t at_us)
{
	struct when_facts facts = {.charging = TRUTH_UNKNOWN,
		.online = TRUTH_UNKNOWN,
		.metered = TRUTH_UNKNOWN,
		.roaming = TRUTH_UNKNOWN,
		.locked = TRUTH_UNKNOWN,
		.enrolled_s = -1,
		.places = run->facts,
		.n_places = run->n_places};
	int64_t next_s = INT64_MAX;

	for (int i = 0; i < AREA_MAX; i++)
		facts.noncompliant_s[i] = -1;
	for (size_t i = 0; i < run->n_places; i++)
		run->facts[i] = (struct when_place){run->places[i].policy->stream,
			run->places[i].place->name, run->places[i].taken,
			(at_us - run->places[i].since_us) / S_US};
	for (size_t i = 0; i < run->n_profiles; i++) {
		struct judged *judged = &run->profiles[i];
		enum truth truth = when_evaluate(judged->profile->when, &facts, &next_s);

		if (truth == judged->truth && !run->first)
			continue;
		judged->truth = truth;
		tell_profile(run, judged, at_us);
	}
	run->first = run->changed = false;
	run->judge_us = next_s > (INT64_MAX - at_us) / S_US ? INT64_MAX : at_us + next_s * S_US;
}

/* --- what was really ---------------------------------------------------------------------- */

static void add_crossing(struct run *run, size_t place, bool inside, int64_t at_us)
{
	struct crossing *crossings;

	if (run->n_crossings == CROSSINGS_MAX) {
		run->error = -E2BIG;
		return;
	}
	if ((run->n_crossings & (run->n_crossings - 1)) == 0) {
		size_t room = run->n_crossings ? 2 * run->n_crossings : 1;

		crossings = reallocarray(run->crossings, room, sizeof(*crossings));
		if (!crossings) {
			run->error = -ENOMEM;
			return;
		}
		run->crossings = crossings;
	}
	run->crossings[run->n_crossings++] = (struct crossing){place, inside, at_us, -1};
}

static void on_step(void *userdata, int64_t at_us, const struct geo_point *at)
{
	struct run *run = userdata;

	for (size_t i = 0; i < run->n_places && !run->error; i++) {
		struct watched *place = &run->places[i];
		enum truth really;

		if (!place->place->fence || place->place->n_networks ||
			!is_told(run, place->place->name))
			continue;
		really = geo_fence_side(place->place->fence, at, 0) == GEO_INSIDE ? TRUTH_TRUE
										  : TRUTH_FALSE;
		if (really == place->really)
			continue;
		add_crossing(run, i, really == TRUTH_TRUE, at_us);
		place->really = really;
	}
	if (run->changed || run->first || at_us >= run->judge_us)
		judge(run, at_us);
}

/* --- the whole ---------------------------------------------------------------------------- */

static int run_prepare(struct run *run)
{
	const struct simulate *s = run->simulate;
	size_t n_places = 0, n_profiles = 0;

	for (size_t i = 0; i < s->n_policies; i++) {
		n_places += s->policies[i]->n_places;
		n_profiles += s->policies[i]->n_profiles;
	}
	run->places = calloc(n_places + 1, sizeof(*run->places));
	run->facts = calloc(n_places + 1, sizeof(*run->facts));
	run->profiles = calloc(n_profiles + 1, sizeof(*run->profiles));
	if (!run->places || !run->facts || !run->profiles)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_policies; i++) {
		const struct policy *policy = s->policies[i];

		for (size_t j = 0; j < policy->n_places; j++)
			if (policy->places[j].relevant)
				run->places[run->n_places++] =
					(struct watched){policy, &policy->places[j], TRUTH_UNKNOWN,
						policy->places[j].unknown_is, 0};
		for (size_t j = 0; j < policy->n_profiles; j++)
			if (policy->profiles[j].when)
				run->profiles[run->n_profiles++] = (struct judged){
					policy, &policy->profiles[j], TRUTH_UNKNOWN};
	}
	run->first = true;
	run->judge_us = INT64_MAX;
	return 0;
}

static int run_follow(struct run *run, struct place_sim_watcher *watcher)
{
	const struct place_sim_options options = PLACE_SIM_DEFAULT;
	int r = run_prepare(run);

	*watcher =
		(struct place_sim_watcher){.visit = on_event, .stepped = on_step, .userdata = run};
	if (r == 0)
		r = place_sim_run(run->simulate->policies, run->simulate->n_policies,
			&run->simulate->way, &options, watcher);
	return r < 0 ? r : run->error;
}

/* A crossing that ended before its dwell was over is no miss: it was to be passed over. */
static bool is_passed_over(const struct run *run, size_t i, int64_t lasted_us)
{
	const struct crossing *crossing = &run->crossings[i];
	const struct place *place = run->places[crossing->place].place;
	int64_t dwell_s = crossing->inside ? place->enter_dwell_s : place->leave_dwell_s;
	int64_t until_us = lasted_us;

	for (size_t j = i + 1; j < run->n_crossings; j++)
		if (run->crossings[j].place == crossing->place) {
			until_us = run->crossings[j].at_us;
			break;
		}
	return until_us - crossing->at_us < dwell_s * S_US;
}

static void page_crossings(struct run *run, int64_t lasted_us)
{
	char when[32];

	page_heading(run->page, "Comings and goings, and when they were noticed");
	for (size_t i = 0; i < run->n_crossings; i++) {
		const struct crossing *c = &run->crossings[i];
		const struct place *place = run->places[c->place].place;

		if (!is_told(run, place->name))
			continue;
		format_time(c->at_us, when);
		page_open(run->page, 2, 4);
		page_add(run->page, PAGE_PLAIN, "%s  %s %s: ", when,
			c->inside ? "inside" : "outside", place->name);
		if (c->noticed_us >= 0)
			page_add(run->page, PAGE_PLAIN, "after %" PRId64 " s",
				(c->noticed_us - c->at_us) / S_US);
		else if (is_passed_over(run, i, lasted_us))
			page_add(run->page, PAGE_PLAIN, "not noticed; shorter than its dwell");
		else
			page_add(run->page, PAGE_WARN, "not noticed");
		page_close(run->page);
	}
	if (run->n_crossings == 0)
		page_line(run->page, 2, PAGE_PLAIN,
			"None that a track shows: no condition names a place with nothing but a shape.");
}

int simulate_render(const struct simulate *simulate, struct page *p)
{
	_cleanup_(run_done) struct run run = {.simulate = simulate, .page = p};
	struct place_sim_watcher watcher;
	char lasted[32];
	int r = run_follow(&run, &watcher);

	if (r < 0)
		return r;
	page_crossings(&run, watcher.lasted_us);
	page_blank(p);
	format_time(watcher.lasted_us, lasted);
	page_line(p, 0, PAGE_PLAIN,
		"In %s, %" PRIu64 " positions were asked for, %" PRIu64
		" of them fine ones, and %" PRIu64 " changes decided.",
		lasted, watcher.n_coarse + watcher.n_fine, watcher.n_fine, run.n_changes);
	if (run.n_places == 0)
		page_line(p, 0, PAGE_WARN,
			"No condition of the policy names a place, so a phone never looks where it is.");
	page_line(p, 0, PAGE_DIM,
		"Positions are taken for as good as their accuracy says; networks in sight, the time "
		"of the week and whether the phone charges are not in a track, and unknown here.");
	return p->out->error;
}

static void json_crossings(struct run *run, int64_t lasted_us)
{
	struct jsonw *w = run->w;

	jsonw_array(w, "crossings");
	for (size_t i = 0; i < run->n_crossings; i++) {
		const struct crossing *c = &run->crossings[i];
		const struct watched *place = &run->places[c->place];

		if (!is_told(run, place->place->name))
			continue;
		jsonw_object(w, NULL);
		jsonw_string(w, "stream", place->policy->stream);
		jsonw_string(w, "place", place->place->name);
		jsonw_string(w, "side", c->inside ? "inside" : "outside");
		jsonw_int(w, "time", c->at_us / S_US);
		if (c->noticed_us >= 0)
			jsonw_int(w, "noticed", c->noticed_us / S_US);
		else
			jsonw_null(w, "noticed");
		jsonw_bool(w, "missed", c->noticed_us < 0 && !is_passed_over(run, i, lasted_us));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

int simulate_write_json(const struct simulate *simulate, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);
	_cleanup_(run_done) struct run run = {.simulate = simulate, .w = &w};
	struct place_sim_watcher watcher;
	int r;

	jsonw_object(&w, NULL);
	jsonw_array(&w, "events");
	r = run_follow(&run, &watcher);
	if (r < 0)
		return r;
	jsonw_array_end(&w);
	json_crossings(&run, watcher.lasted_us);
	jsonw_int(&w, "lasted", watcher.lasted_us / S_US);
	jsonw_object(&w, "positions");
	jsonw_int(&w, "coarse", (int64_t)watcher.n_coarse);
	jsonw_int(&w, "fine", (int64_t)watcher.n_fine);
	jsonw_int(&w, "doubted", (int64_t)run.n_doubted);
	jsonw_object_end(&w);
	jsonw_int(&w, "changes", (int64_t)run.n_changes);
	jsonw_object_end(&w);
	return out->error;
}
