/* SPDX-License-Identifier: Apache-2.0 */
/* render_location.c - whether the organisation hears where the phone is, and what it was told.
 * Pure; agentctl. */
#include <inttypes.h>
#include <string.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"

#define TOLD_SHOWN 10

bool render_location_is_told(struct json_object *answer)
{
	const char *report = peek_text(peek_object(answer, "location"), "report", "never");

	return strcmp(report, "never") != 0;
}

static void say_when(struct page *p, struct json_object *location)
{
	const char *report = peek_text(location, "report", "never");
	int64_t precision = 0;

	peek_int(location, "precision", &precision);
	if (strcmp(report, "always") == 0)
		page_add(p, PAGE_WARN, "told to the organisation with every report");
	else if (strcmp(report, "lost") == 0)
		page_add(p, PAGE_BAD, "told to the organisation, as it counts this phone as lost");
	else if (strcmp(report, "when_lost") == 0)
		page_add(p, PAGE_PLAIN,
			"not told, unless the organisation counts this phone as lost");
	else
		page_add(p, PAGE_PLAIN, "not told to anybody");
	if (strcmp(report, "never") != 0)
		page_add(p, PAGE_PLAIN, "; rounded to %" PRId64 " m", precision);
}

/* A field of the status page, a line of the other one. */
static void say_open(struct page *p, const char *field)
{
	if (field)
		page_field(p, field);
	else
		page_open(p, 2, 4);
}

static void say_lost(struct page *p, struct json_object *location, const char *field, int64_t now_s)
{
	char when[AGO_TEXT];
	int64_t t;

	if (!peek_true(location, "lost"))
		return;
	say_open(p, field);
	page_add(p, PAGE_BAD, "the organisation counts this phone as lost");
	if (peek_int(location, "lost_since", &t)) {
		ago_format(now_s, t, when);
		page_add(p, PAGE_PLAIN, ", since %s", when);
	}
	page_close(p);
}

static void say_switch(struct page *p, struct json_object *location, const char *field)
{
	if (!peek_true(location, "override_switch"))
		return;
	say_open(p, field);
	page_add(p, PAGE_WARN,
		"the organisation's policy looks where the phone is even while location is "
		"switched off in its settings");
	if (strcmp(peek_text(location, "switch", "unknown"), "off") == 0)
		page_add(p, PAGE_BAD, ", as it is now");
	page_close(p);
}

void render_location_status(struct page *p, struct json_object *status, int64_t now_s)
{
	struct json_object *location = peek_object(status, "location");
	char when[AGO_TEXT];
	int64_t t;

	if (!location)
		return;
	say_lost(p, location, "Lost", now_s);
	if (render_location_is_told(status)) {
		page_field(p, "Location");
		say_when(p, location);
		if (peek_int(location, "last_told", &t)) {
			ago_format(now_s, t, when);
			page_add(p, PAGE_PLAIN, "; last %s", when);
		}
		page_close(p);
	}
	say_switch(p, location, "Switch");
}

static void say_told(struct page *p, struct json_object *told, int64_t now_s)
{
	char when[AGO_TEXT] = "at an unknown time";
	struct json_object *lat = NULL, *lon = NULL;
	int64_t t, radius = 0;

	if (peek_int(told, "sent", &t))
		ago_format(now_s, t, when);
	peek_int(told, "radius", &radius);
	json_object_object_get_ex(told, "latitude", &lat);
	json_object_object_get_ex(told, "longitude", &lon);
	page_open(p, 2, 4);
	page_add(p, PAGE_PLAIN, "- %s: ", when);
	if (lat && lon)
		page_add(p, PAGE_PLAIN, "latitude %s, longitude %s, within %" PRId64 " m",
			json_object_to_json_string(lat), json_object_to_json_string(lon), radius);
	else
		page_add(p, PAGE_PLAIN, "where, is shown to the people who use this phone");
	if (strcmp(peek_text(told, "why", ""), "lost") == 0)
		page_add(p, PAGE_PLAIN, "; it counted as lost");
	page_close(p);
}

void render_location_privacy(struct page *p, struct json_object *answer, int64_t now_s)
{
	struct json_object *location = peek_object(answer, "location");
	struct json_object *told = peek_array(location, "told");
	size_t n = peek_length(told);
	int64_t n_all = 0;

	if (!location)
		return;
	page_heading(p, "Where this phone is");
	page_open(p, 2, 4);
	say_when(p, location);
	page_close(p);
	say_lost(p, location, NULL, now_s);
	say_switch(p, location, NULL);
	peek_int(location, "n_told", &n_all);
	if (n == 0)
		return;
	page_line(p, 2, PAGE_PLAIN,
		"What it was told, %" PRId64 " time%s so far, the newest first:", n_all,
		n_all == 1 ? "" : "s");
	for (size_t i = 0; i < n && i < TOLD_SHOWN; i++)
		say_told(p, peek_at(told, i), now_s);
	page_line(p, 2, PAGE_PLAIN,
		"The server keeps the last one, and forgets it when no more is "
		"told.");
}
