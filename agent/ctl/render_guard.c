/* SPDX-License-Identifier: Apache-2.0 */
/* render_guard.c - which programs may start, on the status page; see render.h. Pure. */
#include <inttypes.h>
#include <string.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"

static void guard_state(struct page *p, struct json_object *guard, const char *state)
{
	const char *detail = peek_string(guard, "detail");
	int64_t n = 0;

	page_field(p, "Programs");
	if (strcmp(state, "in_force") == 0 &&
		strcmp(peek_text(guard, "mode", ""), "enforce") == 0) {
		(void)peek_int(guard, "programs_denied", &n);
		page_add(p, PAGE_GOOD, "judged before they start");
		page_add(p, PAGE_PLAIN, "; %" PRId64 " of those installed may not", n);
	} else if (strcmp(state, "in_force") == 0) {
		page_add(p, PAGE_PLAIN, "watched when they start; none is refused");
	} else if (strcmp(state, "starting") == 0) {
		page_add(p, PAGE_PLAIN, "about to be judged");
	} else {
		page_add(p, PAGE_BAD, "start unjudged");
	}
	if (detail)
		page_add(p, PAGE_WARN, "; %s", detail);
	page_close(p);
}

/* In words for whoever wanted to start it. */
const char *render_guard_reason(const char *reason)
{
	static const struct {
		const char *name, *words;
	} rows[] = {
		{"blocked", "is blocked by the organisation"},
		{"not_allowed", "is not in the organisation's list of what may run"},
		{"user_program", "lies where users can write"},
		{"foreign_file_system", "lies on a stick, a card or a network"},
		{"undecided", "could not be judged in time"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].name, reason) == 0)
			return rows[i].words;
	return reason;
}

static void guard_denial(struct page *p, struct json_object *denial, int64_t now_s)
{
	int64_t time_s = 0, count = 0;
	char ago[AGO_TEXT];

	(void)peek_int(denial, "time", &time_s);
	(void)peek_int(denial, "count", &count);
	ago_format(now_s, time_s, ago);
	page_field(p, peek_true(denial, "audit") ? "Would stop" : "Stopped");
	page_add(p, PAGE_PLAIN, "%s (%s), which %s", peek_text(denial, "program", "?"),
		peek_text(denial, "path", "?"),
		render_guard_reason(peek_text(denial, "reason", "?")));
	if (count > 1)
		page_add(p, PAGE_PLAIN, ", %" PRId64 " times", count);
	page_add(p, PAGE_DIM, ", %s", ago);
	page_close(p);
}

void render_guard_status(struct page *p, struct json_object *status, int64_t now_s)
{
	struct json_object *guard = peek_object(status, "guard");
	struct json_object *last = peek_array(guard, "last");
	const char *state = peek_text(guard, "state", "off");

	if (strcmp(state, "off") == 0)
		return;
	guard_state(p, guard, state);
	for (size_t i = 0; i < peek_length(last); i++)
		guard_denial(p, peek_at(last, i), now_s);
}
