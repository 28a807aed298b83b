/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_tell.c - what journal and report say of places, profiles and what they did; see
 * places_private.h. Never a position, nor the name of a network. Enforcer.
 */
#include <string.h>

#include "agent/enforcer/places_private.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"

/* One record of each kind of doubt in that time; a source that lies does so all day. */
#define DOUBT_PAUSE_US (3600 * USEC_PER_SEC)

/* --- journal ------------------------------------------------------------------------------- */

static void write_why(struct jsonw *w, const struct place_why *why)
{
	jsonw_string(w, "cause", place_cause_name(why->cause));
	if (why->cause != PLACE_CAUSE_POSITION)
		return;
	jsonw_string(w, "source", fix_source_name(why->source));
	if (why->provider[0])
		jsonw_string(w, "provider", why->provider);
	if (why->accuracy_m > 0)
		jsonw_int(w, "accuracy", why->accuracy_m);
	if (why->n_fixes > 1)
		jsonw_int(w, "positions", why->n_fixes);
	if (why->distance != PLACE_DISTANCE_NONE)
		jsonw_string(w, "distance", place_distance_name(why->distance));
}

void places_on_place(void *userdata, const struct place_change *change)
{
	const struct place_state *s = change->place;
	struct places *p = userdata;
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	struct places_since row = {.since_s = clock_realtime_s()};

	p->moved = true;
	/* What conditions take it for follows from that, or from nothing known. */
	if (s->state == change->before)
		return;
	memcpy(row.stream, s->stream, sizeof(row.stream));
	memcpy(row.name, s->name, sizeof(row.name));
	snprintf(row.cause, sizeof(row.cause), "%s", place_cause_name(s->why.cause));
	since_set(&p->since_places, &row);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "stream", s->stream);
	jsonw_string(&w, "place", s->name);
	jsonw_string(&w, "state", place_side_name(s->state));
	jsonw_string(&w, "before", place_side_name(change->before));
	write_why(&w, &s->why);
	if (s->why.dwell_s > 0)
		jsonw_int(&w, "dwell", s->why.dwell_s);
	jsonw_object_end(&w);
	enforcer_journal(p->e, JOURNAL_PLACE, &payload);
	log_info("place %s/%s: %s, was %s (%s)", s->stream, s->name, place_side_name(s->state),
		place_side_name(change->before), place_cause_name(s->why.cause));
}

void places_on_activation(void *userdata, const struct activation_change *change)
{
	struct places *p = userdata;
	bool applies = change->after == TRUTH_TRUE;
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "stream", change->stream);
	jsonw_string(&w, "profile", change->id);
	jsonw_bool(&w, "applies", applies);
	/* No longer true is not false. */
	if (change->after == TRUTH_UNKNOWN)
		jsonw_bool(&w, "unknown", true);
	jsonw_string(&w, "cause", activation_cause_name(change->cause));
	if (*change->kind)
		jsonw_string(&w, "kind", change->kind);
	if (*change->text)
		jsonw_string(&w, "text", change->text);
	jsonw_object_end(&w);
	enforcer_journal(p->e, JOURNAL_PROFILE, &payload);
	log_info("profile %s/%s %s (%s)%s%s", change->stream, change->id,
		applies ? "applies" : "does not apply any more",
		activation_cause_name(change->cause), *change->text ? ": " : "", change->text);
	if (applies) {
		struct places_since row = {.since_s = clock_realtime_s()};
		_cleanup_free_ char *text = strdup(change->text);

		snprintf(row.stream, sizeof(row.stream), "%s", change->stream);
		snprintf(row.name, sizeof(row.name), "%s", change->id);
		snprintf(row.cause, sizeof(row.cause), "%s", activation_cause_name(change->cause));
		row.text = text;
		since_set(&p->since_profiles, &row);
	} else {
		since_drop(&p->since_profiles, change->stream, change->id);
	}
}

void places_on_doubt(struct places *p, enum place_doubt doubt)
{
	struct places_doubts *doubts = &p->doubts;
	int64_t now_us = clock_boottime_us();
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	uint64_t n;

	/* What sources repeat says nothing of anybody. */
	if (doubt == PLACE_DOUBT_NONE || doubt == PLACE_DOUBT_DUPLICATE ||
		doubt == PLACE_DOUBT_BACKWARDS)
		return;
	if (doubts->told_us[doubt] && now_us - doubts->told_us[doubt] < DOUBT_PAUSE_US)
		return;
	n = p->track.n_doubts[doubt] - doubts->told[doubt];
	doubts->told[doubt] = p->track.n_doubts[doubt];
	doubts->told_us[doubt] = now_us;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "doubt", place_doubt_name(doubt));
	jsonw_int(&w, "count", (int64_t)n);
	jsonw_object_end(&w);
	enforcer_journal(p->e, JOURNAL_POSITION, &payload);
}

void places_tell_action(struct places *p, const char *state, const char *reason, const char *detail)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	const char *name = action_row(p->due_kind)->name;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "stream", p->due_stream);
	jsonw_string(&w, "profile", p->due_id);
	jsonw_string(&w, "action", name);
	jsonw_string(&w, "state", state);
	if (*reason)
		jsonw_string(&w, "reason", reason);
	if (*detail)
		jsonw_string(&w, "detail", detail);
	jsonw_object_end(&w);
	enforcer_journal(p->e, JOURNAL_ACTION, &payload);
	log_info("profile %s/%s: action %s %s%s%s", p->due_stream, p->due_id, name, state,
		*detail ? ": " : "", detail);
}

/* --- report -------------------------------------------------------------------------------- */

static void write_since(struct jsonw *w, const struct places_since *row)
{
	if (!row)
		return;
	jsonw_int(w, "since", row->since_s);
	jsonw_string(w, "cause", row->cause);
	if (row->text && *row->text)
		jsonw_string(w, "text", row->text);
}

void places_write_report(struct enforcer *e, struct jsonw *w)
{
	struct places_view view;

	if (!places_view(e, &view) ||
		(view.activations->n_entries == 0 && view.track->n_states == 0))
		return;
	jsonw_object(w, NULL);
	jsonw_array(w, "profiles");
	for (size_t i = 0; i < view.activations->n_entries; i++) {
		const struct activation_entry *entry = &view.activations->entries[i];

		/* What does not apply is not told, for it is the same for all phones. */
		if (entry->truth == TRUTH_FALSE)
			continue;
		jsonw_object(w, NULL);
		jsonw_string(w, "stream", entry->stream);
		jsonw_string(w, "profile", entry->id);
		jsonw_string(w, "state", entry->truth == TRUTH_TRUE ? "applies" : "unknown");
		write_since(w,
			places_since_of(view.profiles, view.n_profiles, entry->stream, entry->id));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_array(w, "places");
	for (size_t i = 0; i < view.track->n_states; i++) {
		const struct place_state *s = &view.track->states[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "stream", s->stream);
		jsonw_string(w, "place", s->name);
		jsonw_string(w, "state", place_side_name(s->state));
		write_since(w, places_since_of(view.places, view.n_places, s->stream, s->name));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}
