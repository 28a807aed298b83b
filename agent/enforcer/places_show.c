/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_show.c - what agentctl gets to see of places; see answers.h. Everybody on the phone may
 * ask, so there is no position in it. Enforcer: writes JSON, reads none.
 */
#include "agent/enforcer/answers.h"
#include "agent/enforcer/location_sources.h"
#include "agent/enforcer/places.h"
#include "agent/util/jsonw.h"

static void write_why(struct jsonw *w, const struct place_why *why)
{
	jsonw_string(w, "cause", place_cause_name(why->cause));
	if (why->cause == PLACE_CAUSE_POSITION) {
		jsonw_string(w, "source", fix_source_name(why->source));
		jsonw_string(w, "provider", why->provider);
		jsonw_int(w, "positions", why->n_fixes);
		jsonw_int(w, "accuracy", why->accuracy_m);
		jsonw_string(w, "distance", place_distance_name(why->distance));
	}
	jsonw_int(w, "dwell", why->dwell_s);
}

static void write_pending(struct jsonw *w, const struct place_state *s, int64_t now_us)
{
	if (s->pending == TRUTH_UNKNOWN) {
		jsonw_null(w, "pending");
		return;
	}
	jsonw_object(w, "pending");
	jsonw_string(w, "state", place_side_name(s->pending));
	jsonw_int(w, "for", (now_us - s->pending_since_us) / USEC_PER_SEC);
	jsonw_int(w, "left",
		s->pending_until_us > now_us ? (s->pending_until_us - now_us) / USEC_PER_SEC : 0);
	write_why(w, &s->pending_why);
	jsonw_object_end(w);
}

static void write_place(struct jsonw *w, const struct places_view *view,
	const struct place_state *s, int64_t now_us)
{
	const struct places_since *since =
		places_since_of(view->places, view->n_places, s->stream, s->name);

	jsonw_object(w, NULL);
	jsonw_string(w, "stream", s->stream);
	jsonw_string(w, "place", s->name);
	jsonw_string(w, "state", place_side_name(s->state));
	jsonw_string(w, "taken_for", place_side_name(s->taken));
	if (since && since->since_s)
		jsonw_int(w, "since", since->since_s);
	write_why(w, &s->why);
	write_pending(w, s, now_us);
	if (s->known_us != INT64_MIN)
		jsonw_int(w, "certain_ago", (now_us - s->known_us) / USEC_PER_SEC);
	if (s->place) {
		jsonw_bool(w, "used", s->place->relevant);
		jsonw_bool(w, "shape", s->place->fence != NULL);
		jsonw_int(w, "networks", (int64_t)s->place->n_networks);
		jsonw_int(w, "enter_dwell", s->place->enter_dwell_s);
		jsonw_int(w, "leave_dwell", s->place->leave_dwell_s);
	}
	jsonw_object_end(w);
}

static void write_profiles(struct jsonw *w, const struct places_view *view)
{
	jsonw_array(w, "profiles");
	for (size_t i = 0; i < view->activations->n_entries; i++) {
		const struct activation_entry *entry = &view->activations->entries[i];
		const struct places_since *since =
			places_since_of(view->profiles, view->n_profiles, entry->stream, entry->id);

		jsonw_object(w, NULL);
		jsonw_string(w, "stream", entry->stream);
		jsonw_string(w, "profile", entry->id);
		jsonw_string(w, "applies", truth_name(entry->truth));
		if (since && entry->truth == TRUTH_TRUE) {
			if (since->since_s)
				jsonw_int(w, "since", since->since_s);
			jsonw_string(w, "cause", since->cause);
			jsonw_string(w, "text", since->text ? since->text : "");
		}
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void write_looking(struct jsonw *w, const struct places_view *view, int64_t now_us)
{
	const struct place_wish *wish = &view->wish;

	jsonw_bool(w, "looking", view->is_looking);
	jsonw_string(w, "asked", place_need_name(view->asked));
	jsonw_string(w, "next", place_need_name(wish->need));
	if (wish->need != PLACE_NEED_NOTHING)
		jsonw_int(w, "next_in",
			wish->due_us > now_us ? (wish->due_us - now_us) / USEC_PER_SEC : 0);
	if (view->track->has_fix)
		jsonw_int(w, "position_ago", (now_us - view->track->fix.taken_us) / USEC_PER_SEC);
	jsonw_object(w, "doubts");
	for (int i = PLACE_DOUBT_NONE + 1; i < PLACE_DOUBT_MAX; i++)
		if (view->track->n_doubts[i])
			jsonw_int(w, place_doubt_name((enum place_doubt)i),
				(int64_t)view->track->n_doubts[i]);
	jsonw_object_end(w);
}

void answer_places(struct enforcer *e, struct buf *out)
{
	int64_t now_us = clock_boottime_us();
	struct jsonw w = JSONW_INIT(out);
	struct places_view view;
	bool known = places_view(e, &view);

	jsonw_object(&w, NULL);
	answer_unmanaged(e, &w);
	jsonw_array(&w, "places");
	for (size_t i = 0; known && i < view.track->n_states; i++)
		write_place(&w, &view, &view.track->states[i], now_us);
	jsonw_array_end(&w);
	if (known) {
		write_profiles(&w, &view);
		write_looking(&w, &view, now_us);
	}
	jsonw_string(&w, "switch", location_sources_switch(e));
	location_sources_write(e, &w, "sources");
	jsonw_object_end(&w);
}
