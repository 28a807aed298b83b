/* SPDX-License-Identifier: Apache-2.0 */
/* render_places.c - the places of the policies, where the phone is as far as they go, and who tells
 * it. Pure; agentctl. */
#include <inttypes.h>
#include <string.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/util/mem.h"

static const char *cause_words(const char *cause)
{
	static const struct {
		const char *cause, *words;
	} rows[] = {
		{"position", "by its position"},
		{"network", "as one of its networks is in sight"},
		{"no_network", "as none of its networks is in sight"},
		{"forgotten", "as there was no certain answer for too long"},
		{"policy", "as the policy means another place now"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].cause, cause) == 0)
			return rows[i].words;
	return NULL;
}

static enum page_style side_style(const char *side)
{
	return strcmp(side, "unknown") == 0 ? PAGE_WARN : PAGE_BOLD;
}

static const char *distance_words(const char *distance)
{
	return strcmp(distance, "at_boundary") == 0 ? "less than 100 m from its boundary"
	       : strcmp(distance, "near") == 0	    ? "less than 1 km from its boundary"
	       : strcmp(distance, "around") == 0    ? "less than 50 km from its boundary"
	       : strcmp(distance, "far") == 0	    ? "far from its boundary"
						    : NULL;
}

const char *render_location_source(const char *source)
{
	return strcmp(source, "file") == 0 ? "/etc/geolocation" : source;
}

static void place_why(struct page *p, struct json_object *why)
{
	const char *words = cause_words(peek_text(why, "cause", ""));
	const char *provider = peek_string(why, "provider");
	const char *distance = distance_words(peek_text(why, "distance", ""));
	int64_t n = 1, accuracy;

	if (words)
		page_add(p, PAGE_PLAIN, ", %s", words);
	peek_int(why, "positions", &n);
	/* What was decided before the agent started is kept without. */
	if (!provider || !peek_int(why, "accuracy", &accuracy))
		return;
	page_add(p, PAGE_DIM, " (");
	if (n > 1)
		page_add(p, PAGE_DIM, "%" PRId64 " positions, the last ", n);
	page_add(p, PAGE_DIM, "known to %" PRId64 " m, told by %s%s%s)", accuracy,
		render_location_source(provider), distance ? "; " : "", distance ? distance : "");
}

static void place_line(struct page *p, struct json_object *place, int64_t now_s)
{
	const char *state = peek_text(place, "state", "unknown");
	const char *taken = peek_text(place, "taken_for", state);
	char when[AGO_TEXT];
	int64_t t;

	page_open(p, 2, 4);
	page_add(p, PAGE_BOLD, "%s", peek_text(place, "place", "?"));
	page_add(p, PAGE_PLAIN, ": ");
	page_add(p, side_style(state), "%s", state);
	if (strcmp(taken, state) != 0)
		page_add(p, PAGE_PLAIN, ", which the policy takes for %s", taken);
	if (peek_int(place, "since", &t)) {
		ago_format(now_s, t, when);
		page_add(p, PAGE_PLAIN, ", since %s", when);
	}
	if (!peek_true(place, "used"))
		page_add(p, PAGE_DIM, "; no condition names it, so it is not looked for");
	page_close(p);
}

static void place_pending(struct page *p, struct json_object *place)
{
	struct json_object *pending = peek_object(place, "pending");
	int64_t left = 0;

	if (!pending)
		return;
	peek_int(pending, "left", &left);
	page_open(p, 4, 6);
	page_add(p, PAGE_PLAIN, "seems to be %s", peek_text(pending, "state", "?"));
	place_why(p, pending);
	page_add(p, PAGE_PLAIN, "; counts in %" PRId64 " s if that stays so", left);
	page_close(p);
}

static void places_switch(struct page *p, struct json_object *answer)
{
	const char *user_switch = peek_text(answer, "switch", "unknown");

	if (strcmp(user_switch, "unknown") == 0)
		return;
	page_field(p, "Switch");
	page_add(p, PAGE_PLAIN, "location is %s in the settings of this phone", user_switch);
	page_close(p);
}

static void places_sources(struct page *p, struct json_object *answer)
{
	struct json_object *sources = peek_array(answer, "sources");
	int64_t ago;

	for (size_t i = 0; i < peek_length(sources); i++) {
		struct json_object *source = peek_at(sources, i);
		const char *detail = peek_string(source, "detail");

		page_field(p, i ? "" : "Told by");
		page_add(p, peek_true(source, "present") ? PAGE_PLAIN : PAGE_DIM, "%s%s",
			render_location_source(peek_text(source, "source", "?")),
			!peek_true(source, "present") ? ", not here"
			: peek_true(source, "active") ? ", asked now"
						      : "");
		if (peek_int(source, "told_ago", &ago)) {
			char span[AGO_TEXT];

			span_format(ago, span);
			page_add(p, PAGE_PLAIN, ", told something %s ago", span);
		}
		if (detail)
			page_add(p, PAGE_DIM, ": %s", detail);
		page_close(p);
	}
}

static void places_next(struct page *p, struct json_object *answer)
{
	const char *asked = peek_text(answer, "asked", "nothing");
	const char *next = peek_text(answer, "next", "nothing");
	int64_t seconds = 0;
	char span[AGO_TEXT];

	if (!peek_true(answer, "looking"))
		return;
	page_field(p, "Next look");
	if (strcmp(asked, "nothing") != 0) {
		page_add(p, PAGE_PLAIN, "under way, a %s one", asked);
	} else if (strcmp(next, "nothing") == 0) {
		page_add(p, PAGE_PLAIN, "when something tells that the phone moves");
	} else {
		peek_int(answer, "next_in", &seconds);
		span_format(seconds, span);
		page_add(p, PAGE_PLAIN, "in %s, a %s one, or when the phone moves", span, next);
	}
	page_close(p);
}

void render_places(struct page *p, struct json_object *answer, int64_t now_s)
{
	struct json_object *places = peek_array(answer, "places");

	if (render_unmanaged(p, answer))
		return;
	if (peek_length(places) == 0) {
		page_line(p, 0, PAGE_BOLD,
			"No policy of this phone has places: nobody looks where it is for them.");
		return;
	}
	page_line(p, 0, PAGE_BOLD, "Places of the policies");
	for (size_t i = 0; i < peek_length(places); i++) {
		place_line(p, peek_at(places, i), now_s);
		place_pending(p, peek_at(places, i));
	}
	page_blank(p);
	places_switch(p, answer);
	places_next(p, answer);
	page_blank(p);
	page_line(p, 0, PAGE_DIM,
		"Places are decided on this phone. More of one: agentctl place show NAME.");
}

static void place_profiles(struct page *p, struct json_object *answer, int64_t now_s)
{
	struct json_object *profiles = peek_array(answer, "profiles");

	page_heading(p, "Profiles with a condition");
	for (size_t i = 0; i < peek_length(profiles); i++) {
		struct json_object *profile = peek_at(profiles, i);
		const char *applies = peek_text(profile, "applies", "unknown");
		const char *text = peek_string(profile, "text");
		char when[AGO_TEXT];
		int64_t t;

		page_open(p, 2, 4);
		page_add(p, PAGE_PLAIN, "%s of %s: ", peek_text(profile, "profile", "?"),
			peek_text(profile, "stream", "?"));
		page_add(p, strcmp(applies, "true") == 0 ? PAGE_GOOD : PAGE_PLAIN, "%s",
			strcmp(applies, "true") == 0	? "applies"
			: strcmp(applies, "false") == 0 ? "does not apply"
							: "cannot be judged, so it does not apply");
		if (peek_int(profile, "since", &t)) {
			ago_format(now_s, t, when);
			page_add(p, PAGE_PLAIN, ", since %s", when);
		}
		if (text)
			page_add(p, PAGE_PLAIN, ": %s", text);
		page_close(p);
	}
	if (peek_length(profiles) == 0)
		page_line(p, 2, PAGE_PLAIN, "None.");
}

static void place_definition(struct page *p, struct json_object *place)
{
	int64_t networks = 0, enter = 0, leave = 0, ago;
	char span[AGO_TEXT];

	peek_int(place, "networks", &networks);
	peek_int(place, "enter_dwell", &enter);
	peek_int(place, "leave_dwell", &leave);
	page_field(p, "Policy");
	page_add(p, PAGE_PLAIN, "%s", peek_text(place, "stream", "?"));
	page_close(p);
	page_field(p, "Known by");
	page_add(p, PAGE_PLAIN, "%s%s", peek_true(place, "shape") ? "a shape on the map" : "",
		peek_true(place, "shape") && networks ? " or " : "");
	if (networks)
		page_add(p, PAGE_PLAIN, "%" PRId64 " Wi-Fi network%s", networks,
			networks == 1 ? "" : "s");
	page_close(p);
	page_field(p, "Dwell");
	page_add(p, PAGE_PLAIN, "coming counts after %" PRId64 " s, leaving after %" PRId64 " s",
		enter, leave);
	page_close(p);
	if (peek_int(place, "certain_ago", &ago)) {
		span_format(ago, span);
		page_field(p, "Certain");
		page_add(p, PAGE_PLAIN, "last %s ago", span);
		page_close(p);
	}
}

size_t render_place(struct page *p, struct json_object *answer, const char *name, int64_t now_s)
{
	struct json_object *places = peek_array(answer, "places");
	size_t n = 0;

	for (size_t i = 0; i < peek_length(places); i++) {
		struct json_object *place = peek_at(places, i);

		if (strcmp(peek_text(place, "place", ""), name) != 0)
			continue;
		if (n++)
			page_blank(p);
		place_line(p, place, now_s);
		page_open(p, 4, 6);
		page_add(p, PAGE_PLAIN, "decided%s",
			cause_words(peek_text(place, "cause", "")) ? "" : ": not yet");
		place_why(p, place);
		page_close(p);
		place_pending(p, place);
		place_definition(p, place);
	}
	if (n == 0)
		return 0;
	place_profiles(p, answer, now_s);
	page_heading(p, "Who tells where it is");
	places_switch(p, answer);
	places_sources(p, answer);
	places_next(p, answer);
	return n;
}
