/* SPDX-License-Identifier: Apache-2.0 */
/* render_privacy.c - what is collected, what never is, the last report. Pure; agentctl. */
#include <string.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"

/* What no part of this agent reads or sends. A change here is a change of the agent's promise. */
static const char *const privacy_never[] = {
	"messages, mail, calls, contacts, calendars",
	"photos, recordings, documents and their names",
	"what you type, see on the screen or browse",
	"your passwords and PINs",
	"where you are", /* unless a policy says openly that it is told */
	"which apps you use and when",
};

/* JSON as it went to the server. */
static void privacy_verbatim(struct page *p, struct json_object *sent)
{
	const char *json = json_object_to_json_string_ext(sent,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

	page_verbatim(p, json, strlen(json));
}

/* Only where the organisation has ordered them. */
static void privacy_diagnostics(struct page *p, struct json_object *answer, int64_t now_s)
{
	struct json_object *bundle = peek_object(answer, "last_diagnostics");
	char when[AGO_TEXT];
	int64_t t;

	if (!bundle)
		return;
	page_heading(p, "The last diagnostics that the organisation ordered");
	if (peek_int(answer, "last_diagnostics_time", &t)) {
		ago_format(now_s, t, when);
		page_line(p, 2, PAGE_PLAIN, "Sent %s:", when);
	} else {
		page_line(p, 2, PAGE_PLAIN, "They go out with the next report:");
	}
	privacy_verbatim(p, bundle);
}

void render_privacy(struct page *p, struct json_object *answer, int64_t now_s)
{
	struct json_object *collected = peek_array(answer, "collected");
	struct json_object *report = peek_object(answer, "last_report");
	char when[AGO_TEXT] = "at an unknown time";
	int64_t t;

	page_line(p, 0, PAGE_BOLD, "Collected, and why");
	if (peek_length(collected) == 0)
		page_line(p, 2, PAGE_PLAIN, "Nothing.");
	for (size_t i = 0; i < peek_length(collected); i++) {
		struct json_object *row = peek_at(collected, i);

		page_open(p, 2, 4);
		page_add(p, PAGE_BOLD, "%s", peek_text(row, "what", "?"));
		page_add(p, PAGE_PLAIN, " - %s", peek_text(row, "why", "no reason is given"));
		page_close(p);
	}
	render_location_privacy(p, answer, now_s);
	page_heading(p, "Never collected");
	for (size_t i = 0; i < ARRAY_SIZE(privacy_never); i++) {
		if (strcmp(privacy_never[i], "where you are") == 0 &&
			render_location_is_told(answer))
			continue;
		page_open(p, 2, 4);
		page_add(p, PAGE_PLAIN, "- %s", privacy_never[i]);
		page_close(p);
	}
	page_line(p, 2, PAGE_PLAIN,
		"The network address of the phone is visible to the server as to every server.");

	page_heading(p, "The last report, as it was sent");
	if (!report) {
		page_line(p, 2, PAGE_PLAIN, "None was sent so far.");
		privacy_diagnostics(p, answer, now_s);
		return;
	}
	if (peek_int(answer, "last_report_time", &t))
		ago_format(now_s, t, when);
	page_line(p, 2, PAGE_PLAIN, "Sent %s:", when);
	privacy_verbatim(p, report);
	privacy_diagnostics(p, answer, now_s);
}
