/* SPDX-License-Identifier: Apache-2.0 */
/* render_compliance.c - setting by setting: wanted, seen, since when. Pure; agentctl. */
#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "policies/compliance.h"

#define RENDER_VALUE_BYTES 1024

static void compliance_items(struct page *p, struct json_object *items)
{
	for (size_t i = 0; i < peek_length(items); i++) {
		struct json_object *item = peek_at(items, i);
		struct render_words words =
			render_state(peek_string(item, "state"), peek_string(item, "reason"));
		char reason[64];

		render_spaced(peek_text(item, "reason", ""), reason, sizeof(reason));
		page_open(p, 4, 6);
		page_add(p, PAGE_PLAIN, "%s: ", peek_text(item, "name", "?"));
		page_add(p, words.style, "%s", words.text);
		if (reason[0] && strcmp(reason, "ok") != 0)
			page_add(p, PAGE_PLAIN, ", %s", reason);
		if (peek_string(item, "detail"))
			page_add(p, PAGE_PLAIN, " (%s)", peek_string(item, "detail"));
		page_close(p);
	}
}

/* What stands in the line of the first item need not stand above it as well. */
static bool compliance_repeats(const char *detail, struct json_object *items)
{
	struct json_object *first = peek_length(items) ? peek_at(items, 0) : NULL;
	const char *name = peek_text(first, "name", ""), *text = peek_text(first, "detail", "");
	size_t n = strlen(name);

	if (!first || !*text)
		return false;
	return strcmp(detail, text) == 0 ||
	       (strncmp(detail, name, n) == 0 && detail[n] == ':' &&
		       strcmp(detail + n + 1 + (detail[n + 1] == ' '), text) == 0);
}

static void compliance_one(struct page *p, struct json_object *setting, int64_t now_s)
{
	struct render_words words =
		render_state(peek_string(setting, "state"), peek_string(setting, "reason"));
	char desired[RENDER_VALUE_BYTES], observed[RENDER_VALUE_BYTES], text[AGO_TEXT], reason[64];
	struct json_object *value = NULL, *items = peek_array(setting, "items");
	bool is_met = strcmp(peek_text(setting, "state", ""), "compliant") == 0, is_untraceable;
	int64_t since;

	render_value(setting, "desired", "desired_text", desired, sizeof(desired));
	render_value(setting, "observed", "observed_text", observed, sizeof(observed));
	render_spaced(peek_text(setting, "reason", ""), reason, sizeof(reason));
	page_open(p, 0, 2);
	page_add(p, PAGE_BOLD, "%s.%s", peek_text(setting, "area", "?"),
		peek_text(setting, "setting", "?"));
	page_add(p, PAGE_PLAIN, ": ");
	page_add(p, words.style, "%s", words.text);
	if (reason[0] && strcmp(reason, "ok") != 0)
		page_add(p, PAGE_PLAIN, " (%s)", reason);
	page_close(p);

	page_open(p, 2, 4);
	page_add(p, PAGE_PLAIN, "Wanted %s", desired);
	if (!is_met && peek_length(items) && strcmp(desired, observed) == 0)
		; /* Of lists of apps the items say what is not so. */
	else if (peek_string(setting, "observed_text") ||
		 (json_object_object_get_ex(setting, "observed", &value) && value))
		page_add(p, PAGE_PLAIN, "; seen %s", observed);
	else
		page_add(p, PAGE_PLAIN, "; nothing seen");
	if (peek_int(setting, "since", &since) && since >= AGO_CLOCK_UNSET_BEFORE) {
		ago_format(now_s, since, text);
		page_add(p, PAGE_DIM, "; since %s", text);
	}
	page_add(p, PAGE_PLAIN, ".");
	page_close(p);
	is_untraceable = strcmp(peek_text(setting, "reason", ""),
				 compliance_reason_name(REASON_UNTRACEABLE)) == 0;
	/* The sentence behind it speaks of it. */
	if (peek_string(setting, "detail") &&
		(is_untraceable || !compliance_repeats(peek_string(setting, "detail"), items)))
		page_line(p, 2, PAGE_PLAIN, "%s", peek_string(setting, "detail"));
	if (is_untraceable)
		page_line(p, 2, PAGE_PLAIN,
			"The agent cannot see which disk lies below it. That is so for some layered "
			"and network file systems.");
	compliance_items(p, items);
}

void render_compliance(struct page *p, struct json_object *answer, int64_t now_s)
{
	struct json_object *settings = peek_array(answer, "settings");
	struct json_object *unsupported = peek_array(answer, "unsupported");
	const char *state = peek_string(answer, "state");
	struct render_words words = render_state(state, render_reason(settings, state));

	if (render_unmanaged(p, answer))
		return;
	page_open(p, 0, 0);
	page_add(p, PAGE_BOLD, "Taken together: ");
	page_add(p, words.style, "%s", words.text);
	page_add(p, PAGE_PLAIN, ".");
	page_close(p);
	if (peek_length(settings) == 0)
		page_line(p, 0, PAGE_PLAIN, "No policy asks for anything at the moment.");
	for (size_t i = 0; i < peek_length(settings); i++) {
		page_blank(p);
		compliance_one(p, peek_at(settings, i), now_s);
	}
	if (peek_length(unsupported) == 0)
		return;
	page_heading(p, "Asked for, but unknown to this agent");
	for (size_t i = 0; i < peek_length(unsupported); i++)
		page_line(p, 2, PAGE_PLAIN, "%s",
			peek_string_at(unsupported, i) ? peek_string_at(unsupported, i) : "?");
	page_line(p, 2, PAGE_PLAIN, "What to do: an update of the agent may know it.");
}
