/* SPDX-License-Identifier: Apache-2.0 */
/* render_journal_places.c - records about places, and about profiles that begin and cease to apply,
 * in sentences; see render_journal.h. Pure; agentctl. */
#include <inttypes.h>
#include <string.h>

#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/ctl/render_journal.h"
#include "agent/util/mem.h"

#define WORDS_INDENT 2
#define WORDS_HANG 4

struct word {
	const char *name, *words;
};

static const char *find(const struct word *words, size_t n, const char *name, const char *otherwise)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i].name, name) == 0)
			return words[i].words;
	return otherwise;
}

void journal_profile(struct page *p, struct json_object *data)
{
	static const struct word causes[] = {
		{"policy", "the policy is another one"},
		{"start", "it changed while the agent was not running"},
	};
	const char *cause = peek_text(data, "cause", ""), *text = peek_string(data, "text");

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_PLAIN, "The rules of %s/%s %s", peek_text(data, "stream", "?"),
		peek_text(data, "profile", "?"),
		peek_true(data, "applies")   ? "apply from now on"
		: peek_true(data, "unknown") ? "do not apply: it is not known whether they should"
					     : "do not apply any more");
	journal_end(p, text && *text ? text : find(causes, ARRAY_SIZE(causes), cause, NULL));
	page_close(p);
}

void journal_place(struct page *p, struct json_object *data)
{
	static const struct word states[] = {
		{"inside", "The phone is at"},
		{"outside", "The phone is not at"},
		{"unknown", "It is not known whether the phone is at"},
	};
	static const struct word causes[] = {
		{"position", "by its position"},
		{"network", "one of the place's networks is there"},
		{"no_network", "none of the place's networks is there"},
		{"forgotten", "nothing has told for too long"},
		{"policy", "the policy describes it in another way"},
	};
	int64_t dwell_s = journal_count(data, "dwell"),
		accuracy_m = journal_count(data, "accuracy");
	const char *provider = peek_string(data, "provider");

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_PLAIN, "%s %s/%s: %s",
		find(states, ARRAY_SIZE(states), peek_text(data, "state", ""), "Something of"),
		peek_text(data, "stream", "?"), peek_text(data, "place", "?"),
		find(causes, ARRAY_SIZE(causes), peek_text(data, "cause", ""),
			"for another reason"));
	if (provider)
		page_add(p, PAGE_PLAIN, " from %s", provider);
	if (accuracy_m > 0)
		page_add(p, PAGE_PLAIN, ", within %" PRId64 " m", accuracy_m);
	if (dwell_s > 0)
		page_add(p, PAGE_PLAIN, ", after %" PRId64 " s", dwell_s);
	page_add(p, PAGE_PLAIN, ".");
	page_close(p);
}

void journal_position(struct page *p, struct json_object *data)
{
	static const struct word doubts[] = {
		{"malformed", "no place on Earth"},
		{"mock", "made up, as the source says itself"},
		{"stale", "too old"},
		{"future", "from a time that has not been"},
		{"jump", "too far from the one before to get there so soon"},
	};
	int64_t n = journal_count(data, "count");

	page_line(p, WORDS_INDENT, PAGE_PLAIN,
		"%" PRId64 " position%s or look%s around not believed: %s.", n, journal_s(n),
		journal_s(n),
		find(doubts, ARRAY_SIZE(doubts), peek_text(data, "doubt", ""),
			"for another reason"));
}

void journal_action(struct page *p, struct json_object *data)
{
	static const struct word actions[] = {
		{"lock", "lock the phone"},
		{"notify", "show a notification"},
		{"report", "report to the organisation at once"},
		{"crypto_lock", "lock the storage for good"},
		{"wipe", "leave the organisation and remove what it brought"},
	};
	const char *state = peek_text(data, "state", "");
	const char *detail = peek_string(data, "detail");

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_PLAIN, "The rules of %s/%s said to %s: ", peek_text(data, "stream", "?"),
		peek_text(data, "profile", "?"),
		find(actions, ARRAY_SIZE(actions), peek_text(data, "action", ""),
			"do something that this version does not know"));
	if (strcmp(state, "failed") == 0)
		page_add(p, PAGE_BAD, "failed");
	else
		page_add(p, PAGE_PLAIN, "%s", strcmp(state, "begun") == 0 ? "begun" : "done");
	journal_reason(p, data);
	journal_end(p, detail && *detail ? detail : NULL);
	page_close(p);
}
