/* SPDX-License-Identifier: Apache-2.0 */
/* render_journal_places.c - records about places, profiles with a condition, what they did once,
 * and positions, in sentences; see render_journal.h. Pure; agentctl. */
#include <inttypes.h>
#include <string.h>

#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/ctl/render_journal.h"
#include "agent/util/mem.h"

#define WORDS_INDENT 2
#define WORDS_HANG 4

const char *render_place_cause(const char *cause)
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

void journal_place(struct page *p, struct json_object *data)
{
	const char *state = peek_text(data, "state", "?");
	const char *words = render_place_cause(peek_text(data, "cause", ""));
	int64_t accuracy;

	page_open(p, WORDS_INDENT, WORDS_HANG);
	if (strcmp(state, "unknown") == 0)
		page_add(p, PAGE_PLAIN, "Whether the phone is inside %s is not known any more",
			peek_text(data, "place", "?"));
	else
		page_add(p, PAGE_PLAIN, "The phone is %s %s", state, peek_text(data, "place", "?"));
	if (words)
		page_add(p, PAGE_PLAIN, ", %s", words);
	if (peek_int(data, "accuracy", &accuracy))
		page_add(p, PAGE_DIM, " (known to %" PRId64 " m, told by %s)", accuracy,
			peek_text(data, "provider", "?"));
	page_add(p, PAGE_PLAIN, ".");
	page_close(p);
}

void journal_profile(struct page *p, struct json_object *data)
{
	const char *cause = peek_text(data, "cause", ""), *text = peek_string(data, "text");

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_PLAIN, "Profile %s of policy %s %s", peek_text(data, "profile", "?"),
		peek_text(data, "stream", "?"),
		peek_true(data, "applies") ? "applies now"
		: peek_true(data, "unknown")
			? "does not apply any more, as its condition cannot be "
			  "judged"
			: "does not apply any more");
	if (text)
		page_add(p, PAGE_PLAIN, ": %s", text);
	else if (strcmp(cause, "policy") == 0)
		page_add(p, PAGE_PLAIN, ", as the policy has changed");
	else if (strcmp(cause, "start") == 0)
		page_add(p, PAGE_PLAIN, ", which changed while the agent was not running");
	page_add(p, PAGE_PLAIN, ".");
	page_close(p);
}

void journal_position(struct page *p, struct json_object *data)
{
	static const struct {
		const char *doubt, *words;
	} rows[] = {
		{"malformed", "made no sense"},
		{"mock", "was made up, as its source says"},
		{"stale", "was too old"},
		{"future", "was from a time that has not come"},
		{"jump", "was farther from the one before than anybody gets"},
	};
	const char *doubt = peek_text(data, "doubt", "?"), *words = NULL;
	int64_t n = journal_count(data, "count");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].doubt, doubt) == 0)
			words = rows[i].words;
	page_line(p, WORDS_INDENT, PAGE_WARN, "A position %s, and does not count%s.",
		words ? words : doubt, n > 1 ? "; it was not the only one" : "");
}

void journal_action(struct page *p, struct json_object *data)
{
	const char *state = peek_text(data, "state", "?");
	char action[64];

	render_spaced(peek_text(data, "action", "?"), action, sizeof(action));
	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, strcmp(state, "failed") == 0 ? PAGE_WARN : PAGE_PLAIN,
		"Profile %s of policy %s orders \"%s\": %s", peek_text(data, "profile", "?"),
		peek_text(data, "stream", "?"), action, state);
	journal_reason(p, data);
	journal_end(p, peek_string(data, "detail"));
	page_close(p);
}

void journal_location(struct page *p, struct json_object *data)
{
	const char *what = peek_text(data, "what", "?");
	int64_t radius;

	if (strcmp(what, "lost") == 0)
		page_line(
			p, WORDS_INDENT, PAGE_WARN, "The organisation counts this phone as lost.");
	else if (strcmp(what, "found") == 0)
		page_line(p, WORDS_INDENT, PAGE_PLAIN,
			"The organisation does not count this phone as lost any more.");
	else if (peek_int(data, "radius", &radius))
		page_line(p, WORDS_INDENT, PAGE_PLAIN,
			"The organisation was told where the phone is, to within %" PRId64
			" m%s; agentctl privacy shows what it was told.",
			radius,
			strcmp(peek_text(data, "why", ""), "lost") == 0 ? ", as it counts as lost"
									: "");
	else
		page_line(p, WORDS_INDENT, PAGE_PLAIN,
			"The organisation was told where the phone is.");
}
