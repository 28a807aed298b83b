/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_status.c - the page a worried user reads: am I managed, by whom, is all well, what is
 * enforced, when was the last contact, what went wrong, what to do. Pure; agentctl.
 */
#include <inttypes.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/util/limits.h"

#define STATUS_CERTIFICATE_SOON_S (7 * 86400)

/* One thing that is not well, with what to do. advice may be NULL. */
static void status_worry(struct page *p, const char *what, const char *advice)
{
	page_open(p, 0, 2);
	page_add(p, PAGE_BAD, "!");
	page_add(p, PAGE_PLAIN, " %s", what);
	page_close(p);
	if (advice) {
		page_open(p, 2, 2);
		page_add(p, PAGE_BOLD, "What to do:");
		page_add(p, PAGE_PLAIN, " %s", advice);
		page_close(p);
	}
}

static const char *status_clock(struct json_object *status)
{
	return peek_text(peek_object(status, "clock"), "verdict", "plausible");
}

static size_t status_failures(struct json_object *status)
{
	int64_t failures = 0;

	peek_int(peek_object(status, "checkin"), "failures", &failures);
	return failures > 0 ? (size_t)failures : 0;
}

/* Documents that ran out, by name; they stay in force, but nothing newer comes. */
static size_t status_expired(struct page *p, struct json_object *status, bool show)
{
	struct json_object *policies = peek_array(status, "policies");
	size_t n = 0;

	if (peek_true(peek_object(status, "keyset"), "expired")) {
		n++;
		if (show)
			status_worry(p,
				"The organisation's key list has expired. What is in force stays "
				"in force, but this phone accepts nothing new.",
				"Tell your administrator: a new keyset has to be published.");
	}
	for (size_t i = 0; i < peek_length(policies); i++) {
		struct json_object *policy = peek_at(policies, i);
		char text[LIMIT_TEXT_BYTES];

		if (!peek_true(policy, "expired"))
			continue;
		n++;
		snprintf(text, sizeof(text), "The policy \"%.64s\" has expired; it stays in force.",
			peek_text(policy, "stream", "?"));
		if (show)
			status_worry(p, text, "Tell your administrator if no newer one arrives.");
	}
	return n;
}

static size_t status_problems(struct page *p, struct json_object *status, bool show)
{
	struct json_object *problems = peek_array(status, "problems"), *checkin;
	size_t n = peek_length(problems);
	const char *clock = status_clock(status);

	for (size_t i = 0; show && i < n; i++) {
		struct json_object *problem = peek_at(problems, i);

		status_worry(p, peek_text(problem, "what", "Something without a description."),
			peek_string(problem, "advice"));
	}
	checkin = peek_object(status, "checkin");
	if (peek_true(status, "enrolled") && status_failures(status) > 0) {
		char text[2 * LIMIT_TEXT_BYTES];

		n++;
		snprintf(text, sizeof(text),
			"The last %zu attempt%s to reach the server failed: %.300s",
			status_failures(status), status_failures(status) == 1 ? "" : "s",
			peek_text(checkin, "last_error", "no reason was kept."));
		if (show)
			status_worry(p, text,
				"Check the network. The agent tries again by itself; "
				"'agentctl sync' tries now. The rules stay in force meanwhile.");
	}
	if (strcmp(clock, "plausible") != 0) {
		n++;
		if (show)
			status_worry(p,
				strcmp(clock, "behind") == 0
					? "The clock of this phone is behind the true time."
				: strcmp(clock, "ahead") == 0
					? "The clock of this phone is ahead of the true time."
					: "The clock of this phone is not plausible.",
				"Set date and time, or switch on automatic time.");
	}
	return n + status_expired(p, status, show);
}

/* What this phone cannot do is no fault of it, and not in force. */
static bool status_all_possible(struct json_object *settings)
{
	for (size_t i = 0; i < peek_length(settings); i++)
		if (strcmp(peek_text(peek_at(settings, i), "state", ""), "unsupported") == 0)
			return false;
	return true;
}

static void status_verdict(struct page *p, struct json_object *status, struct json_object *settings)
{
	struct json_object *compliance = peek_object(status, "compliance");
	bool held = peek_length(peek_array(status, "policies")) > 0;
	const char *state = peek_string(compliance, "state");
	struct render_words words = render_state(state, render_reason(settings, state));
	size_t n = status_problems(p, status, false);

	page_open(p, 0, 0);
	if (n == 0 && held && render_is_compliant(compliance))
		page_add(p, PAGE_GOOD,
			status_all_possible(settings)
				? "All is well: everything the organisation asks for is in force."
				: "All is well: what the organisation asks for is in force, but for "
				  "what is not possible on this phone.");
	else if (n == 0 && !held)
		page_add(p, PAGE_WARN, "No policy has arrived yet: nothing is enforced so far.");
	else if (held && !render_is_compliant(compliance))
		page_add(p, words.style, "Needs attention: %s.", words.sentence);
	else
		page_add(p, PAGE_WARN, "Needs attention: see below.");
	if (peek_length(peek_array(status, "refusals")) > 0)
		page_add(p, PAGE_WARN, " Something the server sent was refused; see below.");
	page_close(p);
	if (held && !render_is_compliant(compliance))
		page_line(p, 0, PAGE_PLAIN, "Setting by setting: agentctl compliance");
}

static void status_organisation(struct page *p, struct json_object *status)
{
	const char *ownership = peek_string(status, "ownership"),
		   *user = peek_string(status, "user");
	struct json_object *groups = peek_array(status, "groups");

	page_field(p, "Managed by");
	page_add(p, PAGE_PLAIN, "%s",
		peek_text(peek_object(status, "organisation"), "name",
			"an organisation without a name"));
	page_close(p);
	page_field(p, "Server");
	page_add(p, PAGE_PLAIN, "%s", peek_text(status, "server", "unknown"));
	page_close(p);
	if (ownership) {
		page_field(p, "Phone");
		page_add(p, PAGE_PLAIN, "%s%s%s",
			strcmp(ownership, "company") == 0    ? "belongs to the organisation"
			: strcmp(ownership, "personal") == 0 ? "is your own"
							     : ownership,
			user ? ", used by " : "", user ? user : "");
		page_close(p);
	}
	if (peek_length(groups) > 0) {
		page_field(p, "Groups");
		for (size_t i = 0; i < peek_length(groups); i++)
			page_add(p, PAGE_PLAIN, "%s%s", i ? ", " : "",
				peek_string_at(groups, i) ? peek_string_at(groups, i) : "?");
		page_close(p);
	}
}

static void status_contact(struct page *p, struct json_object *status, int64_t now_s)
{
	struct json_object *checkin = peek_object(status, "checkin");
	const char *state = peek_text(checkin, "state", "");
	int64_t last = 0, next = 0;
	char text[AGO_TEXT];

	page_field(p, "Last contact");
	if (peek_int(checkin, "last_success", &last)) {
		ago_format(now_s, last, text);
		page_add(p, PAGE_PLAIN, "%s", text);
	} else {
		page_add(p, PAGE_WARN, "never so far");
	}
	if (strcmp(state, "running") == 0) {
		page_add(p, PAGE_PLAIN, "; talking to the server right now");
	} else if (peek_int(checkin, "next_in_s", &next)) {
		span_format(next, text);
		page_add(p, PAGE_PLAIN, "; next in %s", text);
	}
	page_close(p);
}

/* By what the server can reach the phone between two check-ins; nothing if by nothing. */
static void status_wake(struct page *p, struct json_object *status)
{
	struct json_object *wake = peek_object(status, "wake"), *push = peek_object(wake, "push");
	const char *state = peek_text(wake, "state", "off");
	const char *service = peek_text(push, "service", "");

	if (strcmp(state, "off") == 0 && !push)
		return;
	page_field(p, "News");
	if (strcmp(state, "waiting") == 0)
		page_add(p, PAGE_PLAIN, "at once: the phone waits at the server");
	else if (strcmp(state, "news") == 0)
		page_add(p, PAGE_PLAIN, "the server has some; the next contact fetches them");
	else if (strcmp(state, "refused") == 0)
		page_add(p, PAGE_PLAIN, "with each contact: the server knows no waiting");
	else if (strcmp(state, "pausing") == 0)
		page_add(p, PAGE_PLAIN, "with each contact: waiting at the server pauses");
	if (*service)
		page_add(p, PAGE_PLAIN, "%spush by %s, which learns when there is something",
			strcmp(state, "off") == 0 ? "" : "; ", service);
	else if (push && strcmp(state, "off") == 0)
		page_add(p, PAGE_PLAIN, "with each contact: no push service (%s)",
			peek_text(push, "state", "unknown"));
	page_close(p);
}

/* Area by area, where the agent did not tell the settings. */
static void status_areas(struct page *p, struct json_object *areas)
{
	if (!areas)
		return;
	json_object_object_foreach(areas, name, state)
	{
		struct render_words words = render_state(
			json_object_is_type(state, json_type_string) ? json_object_get_string(state)
								     : NULL,
			NULL);
		char label[64];

		render_spaced(name, label, sizeof(label));
		page_open(p, 2, 4);
		page_add(p, PAGE_PLAIN, "%s: ", label);
		page_add(p, words.style, "%s", words.text);
		page_close(p);
	}
}

static void status_settings(struct page *p, struct json_object *settings)
{
	for (size_t i = 0; i < peek_length(settings); i++) {
		struct json_object *setting = peek_at(settings, i);
		struct render_words words =
			render_state(peek_string(setting, "state"), peek_string(setting, "reason"));
		char value[LIMIT_TEXT_BYTES];

		render_value(setting, "desired", "desired_text", value, sizeof(value));
		page_open(p, 2, 4);
		page_add(p, PAGE_PLAIN, "%s.%s %s: ", peek_text(setting, "area", "?"),
			peek_text(setting, "setting", "?"), value);
		page_add(p, words.style, "%s", words.text);
		page_close(p);
	}
	if (peek_length(settings) == 0)
		page_line(p, 2, PAGE_PLAIN, "Nothing at the moment.");
}

static void status_enforced(
	struct page *p, struct json_object *status, struct json_object *compliance)
{
	struct json_object *policies = peek_array(status, "policies");

	page_heading(p, "Enforced");
	if (compliance)
		status_settings(p, peek_array(compliance, "settings"));
	else
		status_areas(p, peek_object(peek_object(status, "compliance"), "areas"));
	for (size_t i = 0; i < peek_length(policies); i++) {
		struct json_object *policy = peek_at(policies, i);
		int64_t serial = 0, issued = 0;
		char date[AGO_TEXT] = "an unknown date";

		peek_int(policy, "serial", &serial);
		if (peek_int(policy, "issued", &issued))
			date_format(issued, date);
		page_open(p, 2, 4);
		page_add(p, PAGE_DIM, "by policy %s, number %" PRId64 " of %s",
			peek_text(policy, "stream", "?"), serial, date);
		page_close(p);
	}
}

static void status_refusals(struct page *p, struct json_object *status, int64_t now_s)
{
	struct json_object *refusals = peek_array(status, "refusals");

	if (peek_length(refusals) == 0)
		return;
	page_heading(p, "Refused (nothing was changed by these)");
	for (size_t i = 0; i < peek_length(refusals); i++) {
		struct json_object *refusal = peek_at(refusals, i);
		char when[AGO_TEXT] = "some time ago", reason[64];
		int64_t t;

		if (peek_int(refusal, "time", &t))
			ago_format(now_s, t, when);
		render_spaced(peek_text(refusal, "reason", "no reason"), reason, sizeof(reason));
		page_open(p, 2, 4);
		page_add(p, PAGE_WARN, "%s, %s: %s.", peek_text(refusal, "type", "document"), when,
			reason);
		page_add(p, PAGE_PLAIN, " %s", peek_text(refusal, "detail", ""));
		page_close(p);
		if (peek_string(refusal, "advice"))
			page_line(
				p, 4, PAGE_PLAIN, "What to do: %s", peek_string(refusal, "advice"));
	}
}

/* What decides how often it checks in; what nobody on the phone tells is left out. */
static void status_device(struct page *p, struct json_object *status)
{
	static const struct {
		const char *member, *yes, *no;
	} words[] = {
		{"charging", "on external power", "on battery"},
		{"online", "online", "offline"},
		{"metered", "metered link", "link not metered"},
		{"roaming", "roaming", "not roaming"},
	};
	struct json_object *facts = peek_object(status, "device_facts");
	const char *separator = "Right now: ";
	bool any = false;

	if (!facts)
		return;
	page_open(p, 2, 4);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *truth = peek_text(facts, words[i].member, "unknown");

		if (strcmp(truth, "true") != 0 && strcmp(truth, "false") != 0)
			continue;
		page_add(p, PAGE_PLAIN, "%s%s", separator,
			strcmp(truth, "true") == 0 ? words[i].yes : words[i].no);
		separator = ", ";
		any = true;
	}
	if (!any)
		page_add(p, PAGE_PLAIN, "Power and network are not known");
	page_add(p, PAGE_PLAIN, ".");
	if (*peek_text(facts, "detail", ""))
		page_add(p, PAGE_PLAIN, " (%s)", peek_text(facts, "detail", ""));
	page_close(p);
}

static void status_machinery(struct page *p, struct json_object *status)
{
	struct json_object *backends = peek_array(status, "backends");
	struct json_object *sandbox = peek_object(status, "sandbox");
	struct json_object *journal = peek_object(status, "journal");
	int64_t last = 0, acked = 0, dropped = 0;

	page_heading(p, "What this phone can do");
	for (size_t i = 0; i < peek_length(backends); i++) {
		struct json_object *backend = peek_at(backends, i);
		bool present = peek_true(backend, "present");

		page_open(p, 2, 4);
		page_add(p, present ? PAGE_GOOD : PAGE_WARN, "%s: %s",
			peek_text(backend, "name", "?"), present ? "yes" : "no");
		page_add(p, PAGE_PLAIN, ". %s", peek_text(backend, "help", ""));
		if (peek_string(backend, "detail"))
			page_add(p, PAGE_PLAIN, " (%s)", peek_string(backend, "detail"));
		page_close(p);
	}
	if (sandbox) {
		page_open(p, 2, 4);
		page_add(p, PAGE_PLAIN, "Network part confined: system calls %s, files %s.",
			peek_true(sandbox, "seccomp") ? "filtered" : "NOT filtered",
			peek_int(sandbox, "landlock_abi", &last) && last > 0 ? "filtered"
									     : "not filtered");
		page_add(p, PAGE_PLAIN, " %s", peek_text(sandbox, "note", ""));
		page_close(p);
	}
	status_device(p, status);
	last = 0;
	if (peek_int(journal, "last_seq", &last)) {
		peek_int(journal, "acked_seq", &acked);
		peek_int(journal, "dropped", &dropped);
		page_open(p, 2, 4);
		page_add(p, PAGE_PLAIN,
			"Journal: %" PRId64 " is the newest record; reported to the server up to "
			"%" PRId64,
			last, acked);
		if (dropped > 0)
			page_add(p, PAGE_WARN, ", %" PRId64 " old ones dropped", dropped);
		page_add(p, PAGE_PLAIN, ".");
		page_close(p);
	}
}

static void status_renewal(struct page *p, struct json_object *renewal, int64_t now_s)
{
	const char *state = peek_text(renewal, "state", "");
	char since[AGO_TEXT], next[AGO_TEXT] = "";
	int64_t t;

	if (!*state)
		return;
	if (peek_int(renewal, "next_in_s", &t))
		ago_format(now_s, now_s + t, next);
	page_field(p, "Renewal");
	if (peek_int(renewal, "failing_since", &t)) {
		ago_format(now_s, t, since);
		page_add(p, PAGE_WARN, "fails, first %s", since);
		if (peek_string(renewal, "reason"))
			page_add(p, PAGE_PLAIN, ": %s", peek_text(renewal, "reason", ""));
		page_add(p, PAGE_PLAIN, "%s%s", *next ? "; again " : "", next);
	} else if (strcmp(state, "proving") == 0) {
		page_add(p, PAGE_PLAIN, "a new certificate is here; the next check-in proves it");
	} else if (strcmp(state, "running") == 0) {
		page_add(p, PAGE_PLAIN, "under way");
	} else {
		page_add(p, PAGE_PLAIN, "%s", *next ? next : "not known yet");
	}
	page_close(p);
}

static void status_identity(struct page *p, struct json_object *status, int64_t now_s)
{
	struct json_object *certificate = peek_object(status, "certificate");
	struct json_object *keyset = peek_object(status, "keyset");
	int64_t t, version = 0;
	char text[AGO_TEXT];

	page_heading(p, "Identity");
	page_field(p, "Device");
	page_add(p, PAGE_PLAIN, "%s", peek_text(status, "device", "unknown"));
	page_close(p);
	if (peek_int(certificate, "until", &t)) {
		bool soon = t < now_s || t - now_s < STATUS_CERTIFICATE_SOON_S;

		ago_format(now_s, t, text);
		page_field(p, "Certificate");
		page_add(p, soon ? PAGE_WARN : PAGE_PLAIN, "%s %s",
			t < now_s ? "expired" : "expires", text);
		page_close(p);
		status_renewal(p, peek_object(status, "renewal"), now_s);
	}
	if (peek_int(keyset, "version", &version)) {
		page_field(p, "Key list");
		page_add(p, PAGE_PLAIN, "version %" PRId64, version);
		if (peek_int(keyset, "expires", &t)) {
			ago_format(now_s, t, text);
			page_add(p, PAGE_PLAIN, ", %s %s",
				peek_true(keyset, "expired") ? "expired" : "expires", text);
		}
		page_close(p);
	}
	page_field(p, "Agent");
	page_add(p, PAGE_PLAIN, "version %s", peek_text(status, "version", "unknown"));
	page_close(p);
}

void render_status(
	struct page *p, struct json_object *answer, struct json_object *compliance, int64_t now_s)
{
	const char *name = peek_string(peek_object(answer, "organisation"), "name");
	bool enrolled = peek_true(answer, "enrolled");

	if (enrolled) {
		page_line(p, 0, PAGE_BOLD, "This phone is managed by %s.",
			name ? name : "an organisation");
		status_verdict(p, answer, peek_array(compliance, "settings"));
	} else {
		page_line(p, 0, PAGE_BOLD, "This phone is not managed.");
		page_line(p, 0, PAGE_PLAIN,
			"Nothing is enforced and nothing is reported. To put it under management: "
			"agentctl enroll FILE (with a ticket from the organisation).");
	}
	if (status_problems(p, answer, false) > 0) {
		page_blank(p);
		status_problems(p, answer, true);
	}
	if (enrolled) {
		page_blank(p);
		status_organisation(p, answer);
		status_contact(p, answer, now_s);
		status_wake(p, answer);
		render_apps_status(p, answer, now_s);
		render_commands_status(p, answer, now_s);
		render_passwords_status(p, answer);
		render_guard_status(p, answer, now_s);
		render_location_status(p, answer, now_s);
		status_enforced(p, answer, compliance);
	}
	status_refusals(p, answer, now_s);
	status_machinery(p, answer);
	if (enrolled)
		status_identity(p, answer, now_s);
	page_blank(p);
	page_line(p, 0, PAGE_DIM,
		"More: agentctl compliance, policy explain, place list, journal show, privacy.");
}
