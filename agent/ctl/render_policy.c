/* SPDX-License-Identifier: Apache-2.0 */
/* render_policy.c - policies held, what they ask for together, and why. Pure; agentctl. */
#include <inttypes.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"

#define RENDER_VALUE_BYTES 1024

static const char *policy_area(struct json_object *setting)
{
	return peek_text(setting, "area", "?");
}

static const char *policy_setting(struct json_object *setting)
{
	return peek_text(setting, "setting", "?");
}

static void policy_one(struct page *p, struct json_object *policy, int64_t now_s)
{
	struct json_object *payload = peek_object(policy, "payload");
	struct json_object *profiles = peek_array(payload, "profiles");
	int64_t serial = 0, t;
	char text[AGO_TEXT];

	peek_int(policy, "serial", &serial);
	page_open(p, 2, 4);
	page_add(p, PAGE_BOLD, "%s", peek_text(policy, "stream", "?"));
	page_add(p, PAGE_PLAIN, ", number %" PRId64, serial);
	if (peek_int(payload, "issued", &t)) {
		ago_format(now_s, t, text);
		page_add(p, PAGE_PLAIN, ", signed %s", text);
	}
	if (peek_int(payload, "expires", &t)) {
		ago_format(now_s, t, text);
		page_add(p, PAGE_PLAIN, ", %s %s", t < now_s ? "expired" : "expires", text);
	}
	page_close(p);
	if (peek_string(payload, "comment"))
		page_line(p, 4, PAGE_PLAIN, "\"%s\"", peek_string(payload, "comment"));
	page_open(p, 4, 4);
	page_add(p, PAGE_PLAIN, "%s: ", peek_length(profiles) == 1 ? "Profile" : "Profiles");
	for (size_t i = 0; i < peek_length(profiles); i++) {
		struct json_object *profile = peek_at(profiles, i);

		page_add(p, PAGE_PLAIN, "%s%s%s", i ? ", " : "", peek_text(profile, "id", "?"),
			json_object_object_get_ex(profile, "when", NULL) ? " (at times)" : "");
	}
	if (peek_length(profiles) == 0)
		page_add(p, PAGE_PLAIN, "none");
	page_close(p);
}

void render_policy_show(struct page *p, struct json_object *answer, int64_t now_s)
{
	struct json_object *policies = peek_array(answer, "policies");
	struct json_object *effective = peek_array(answer, "effective");

	if (render_unmanaged(p, answer))
		return;
	page_line(p, 0, PAGE_BOLD, "Asked for now");
	if (peek_length(effective) == 0)
		page_line(p, 2, PAGE_PLAIN,
			"Nothing: no profile applies to this phone at the moment.");
	for (size_t i = 0; i < peek_length(effective); i++) {
		struct json_object *setting = peek_at(effective, i);
		char value[RENDER_VALUE_BYTES];

		render_value(setting, "value", "text", value, sizeof(value));
		page_open(p, 2, 4);
		page_add(p, PAGE_PLAIN, "%s.%s: ", policy_area(setting), policy_setting(setting));
		page_add(p, PAGE_BOLD, "%s", value);
		page_close(p);
	}
	page_heading(p, "Policies held");
	if (peek_length(policies) == 0)
		page_line(p, 2, PAGE_PLAIN, "None.");
	for (size_t i = 0; i < peek_length(policies); i++)
		policy_one(p, peek_at(policies, i), now_s);
	page_blank(p);
	page_line(p, 0, PAGE_DIM,
		"Why: agentctl policy explain. Word for word: agentctl policy show --json.");
}

static void explain_contributor(struct page *p, struct json_object *contributor)
{
	const char *active = peek_text(contributor, "active", "unknown");
	const char *when = peek_string(contributor, "when");
	char value[RENDER_VALUE_BYTES];

	render_value(contributor, "value", "text", value, sizeof(value));
	page_open(p, 4, 6);
	page_add(p, PAGE_PLAIN, "- %s / %s asks for %s", peek_text(contributor, "stream", "?"),
		peek_text(contributor, "profile", "?"), value);
	if (when)
		page_add(p, PAGE_PLAIN, " when %s", when);
	if (strcmp(active, "true") == 0)
		page_add(p, PAGE_GOOD, " - applies now");
	else if (strcmp(active, "false") == 0)
		page_add(p, PAGE_DIM, " - does not apply now");
	else
		page_add(p, PAGE_WARN,
			" - this agent cannot tell whether it applies, so it does not");
	page_close(p);
}

static void explain_one(struct page *p, struct json_object *setting)
{
	struct json_object *contributors = peek_array(setting, "contributors"), *value = NULL;
	bool set = json_object_object_get_ex(setting, "value", &value) && value;
	char text[RENDER_VALUE_BYTES];

	render_value(setting, "value", "text", text, sizeof(text));
	page_open(p, 0, 2);
	page_add(p, PAGE_BOLD, "%s.%s", policy_area(setting), policy_setting(setting));
	page_add(p, PAGE_PLAIN, ": ");
	if (set)
		page_add(p, PAGE_BOLD, "%s", text);
	else
		page_add(p, PAGE_PLAIN, "not asked for now");
	page_close(p);
	if (peek_string(setting, "help"))
		page_line(p, 2, PAGE_DIM, "%s", peek_string(setting, "help"));
	if (peek_string(setting, "why"))
		page_line(p, 2, PAGE_DIM, "%s", peek_string(setting, "why"));
	if (set && json_object_is_type(value, json_type_array) && peek_length(contributors) > 1)
		page_line(p, 2, PAGE_PLAIN, "Made of the lists of all profiles that apply now:");
	else if (set && peek_string(setting, "profile"))
		page_line(p, 2, PAGE_PLAIN, "Decided by profile %s of policy %s%s",
			peek_string(setting, "profile"), peek_text(setting, "stream", "?"),
			peek_length(contributors) > 1 ? "; the strictest wins." : ".");
	for (size_t i = 0; i < peek_length(contributors); i++)
		explain_contributor(p, peek_at(contributors, i));
}

size_t render_policy_explain(
	struct page *p, struct json_object *answer, const char *area, const char *setting)
{
	struct json_object *settings = peek_array(answer, "settings");
	size_t n_shown = 0, n_unset = 0;

	if (render_unmanaged(p, answer))
		return 1;
	for (size_t i = 0; i < peek_length(settings); i++) {
		struct json_object *one = peek_at(settings, i), *value = NULL;

		if ((area && strcmp(policy_area(one), area) != 0) ||
			(setting && strcmp(policy_setting(one), setting) != 0))
			continue;
		/* Unless asked for by name, what nobody sets is only counted. */
		json_object_object_get_ex(one, "value", &value);
		if (!setting && !value && peek_length(peek_array(one, "contributors")) == 0) {
			n_unset++;
			continue;
		}
		if (n_shown++ > 0)
			page_blank(p);
		explain_one(p, one);
	}
	if (n_shown == 0 && n_unset > 0)
		page_line(p, 0, PAGE_PLAIN, "No profile sets anything here.");
	else if (n_unset > 0) {
		page_blank(p);
		page_line(p, 0, PAGE_DIM, "%zu more setting%s no profile sets.", n_unset,
			n_unset == 1 ? " that" : "s that");
	}
	return n_shown + n_unset;
}
