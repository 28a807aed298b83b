/* SPDX-License-Identifier: Apache-2.0 */
/* render_journal_words.c - what records of the journal say, in sentences; see render_journal.h.
 * Pure; agentctl. */
#include "agent/ctl/render_journal.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"

#define WORDS_INDENT 2
#define WORDS_HANG 4
#define VALUE_DEPTH 3  /* what the agent writes is no deeper */
#define VALUE_ITEMS 12 /* of a list; the others are counted */

/* --- pieces ------------------------------------------------------------------------------- */

static void value_at(struct page *p, struct json_object *value, int depth);

static void value_list(struct page *p, struct json_object *list, int depth)
{
	size_t n = json_object_array_length(list);

	if (n == 0)
		page_add(p, PAGE_PLAIN, "none");
	for (size_t i = 0; i < n && i < VALUE_ITEMS; i++) {
		page_add(p, PAGE_PLAIN, "%s", i ? ", " : "");
		value_at(p, json_object_array_get_idx(list, i), depth + 1);
	}
	if (n > VALUE_ITEMS)
		page_add(p, PAGE_PLAIN, " and %zu more", n - VALUE_ITEMS);
}

static void value_members(struct page *p, struct json_object *object, int depth)
{
	const char *separator = "";

	json_object_object_foreach(object, name, member)
	{
		char label[64];

		render_spaced(name, label, sizeof(label));
		page_add(p, PAGE_PLAIN, "%s%s: ", separator, label);
		value_at(p, member, depth + 1);
		separator = ", ";
	}
}

static void value_at(struct page *p, struct json_object *value, int depth)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		page_add(p, PAGE_PLAIN, "none");
		return;
	case json_type_boolean:
		page_add(p, PAGE_PLAIN, "%s", json_object_get_boolean(value) ? "yes" : "no");
		return;
	case json_type_double:
	case json_type_int:
	case json_type_string:
		page_add(p, PAGE_PLAIN, "%s", json_object_get_string(value));
		return;
	case json_type_array:
	case json_type_object:
		break;
	}
	if (depth == VALUE_DEPTH)
		page_add(p, PAGE_PLAIN, "...");
	else if (json_object_is_type(value, json_type_array))
		value_list(p, value, depth);
	else
		value_members(p, value, depth);
}

void journal_value(struct page *p, struct json_object *value)
{
	value_at(p, value, 0);
}

void journal_reason(struct page *p, struct json_object *data)
{
	char reason[64];

	render_spaced(peek_text(data, "reason", ""), reason, sizeof(reason));
	if (reason[0] && strcmp(reason, "ok") != 0)
		page_add(p, PAGE_PLAIN, " (%s)", reason);
}

void journal_end(struct page *p, const char *detail)
{
	size_t n = detail ? strlen(detail) : 0;

	if (n > 0)
		page_add(p, PAGE_PLAIN, ": %s", detail);
	page_add(p, PAGE_PLAIN, "%s", n > 0 && strchr(".!?", detail[n - 1]) ? "" : ".");
}

int64_t journal_count(struct json_object *data, const char *name)
{
	int64_t n = 0;

	(void)peek_int(data, name, &n);
	return n;
}

const char *journal_s(int64_t n)
{
	return n == 1 ? "" : "s";
}

/* "2026-11-22 05:40" of a member; "at an unknown time" without it. */
static const char *words_date(struct json_object *data, const char *name, char ret_text[AGO_TEXT])
{
	int64_t time_s;

	snprintf(ret_text, AGO_TEXT, "an unknown date");
	if (peek_int(data, name, &time_s))
		date_format(time_s, ret_text);
	return ret_text;
}

/* --- the agent itself --------------------------------------------------------------------- */

static void journal_started(struct page *p, struct json_object *data)
{
	page_line(p, WORDS_INDENT, PAGE_PLAIN, "The agent started, version %s.",
		peek_text(data, "version", "unknown"));
}

static void journal_stopped(struct page *p, struct json_object *data)
{
	(void)data;
	page_line(p, WORDS_INDENT, PAGE_PLAIN,
		"The agent was stopped. What it had set stays in force.");
}

static void journal_enrolled(struct page *p, struct json_object *data)
{
	page_line(p, WORDS_INDENT, PAGE_PLAIN,
		"An organisation manages this phone from here on, by the server %s%s. There the phone "
		"is called %s.",
		peek_text(data, "server", "?"),
		peek_true(data, "zero_touch") ? "; the ticket came with the image of the system"
					      : "",
		peek_text(data, "device", "?"));
}

static void journal_unenrolled(struct page *p, struct json_object *data)
{
	page_line(p, WORDS_INDENT, PAGE_PLAIN, "The management by %s ended. %s",
		peek_text(data, "server", "?"),
		peek_true(data, "everything_restored")
			? "Every setting is as it was before."
			: "Not every setting could be put back: see agentctl status.");
}

static void journal_clock(struct page *p, struct json_object *data)
{
	const char *verdict = peek_text(data, "verdict", "");
	char date[AGO_TEXT];

	words_date(data, "clock", date);
	if (strcmp(verdict, "plausible") == 0)
		page_line(p, WORDS_INDENT, PAGE_PLAIN, "The clock can be right again: it shows %s.",
			date);
	else
		page_line(p, WORDS_INDENT, PAGE_PLAIN,
			"The clock cannot be right, it is %s%s the true time: it shows %s.",
			verdict, strcmp(verdict, "ahead") == 0 ? " of" : "", date);
}

static void journal_clone(struct page *p, struct json_object *data)
{
	(void)data;
	page_line(p, WORDS_INDENT, PAGE_PLAIN,
		"The agent's files were made on another device: the server takes both for one phone. "
		"Unenrol this one and enrol it with a ticket of its own.");
}

/* What was found damaged; other names are files of the state directory. */
static void journal_recovered(struct page *p, struct json_object *data)
{
	const char *what = peek_text(data, "what", "?"), *kept = peek_text(data, "kept_as", "?");
	int64_t n = journal_count(data, "records");

	page_open(p, WORDS_INDENT, WORDS_HANG);
	if (strcmp(what, "torn_tail") == 0)
		page_add(p, PAGE_PLAIN,
			"The newest record had not been written to its end, as after a power failure: "
			"%" PRId64 " bytes of it were cut off.",
			journal_count(data, "bytes"));
	else if (strcmp(what, "chain_broken") == 0)
		page_add(p, PAGE_WARN,
			"The journal was damaged at byte %" PRId64
			". The damaged file is kept as %s; a new one goes on.",
			journal_count(data, "offset"), kept);
	else if (strcmp(what, "file_removed") == 0 || strcmp(what, "file_changed") == 0)
		page_add(p, PAGE_WARN,
			"Somebody %s the journal's file while the agent ran. What there is of it is kept "
			"as %s; a new one goes on.",
			strcmp(what, "file_removed") == 0 ? "removed" : "changed", kept);
	else if (strcmp(what, "lost") == 0)
		page_add(p, PAGE_WARN,
			"The records %" PRId64 " to %" PRId64 " were lost with the journal's file.",
			journal_count(data, "first"), journal_count(data, "last"));
	else if (strcmp(what, "dropped") == 0)
		page_add(p, PAGE_PLAIN,
			"%" PRId64 " old record%s made room, %" PRId64
			" of them about security; %" PRId64 " so far.",
			n, journal_s(n), journal_count(data, "security"),
			journal_count(data, "total"));
	else if (strcmp(what, "commands") == 0)
		page_add(p, PAGE_WARN,
			"The record of commands was damaged: no command signed before now is carried "
			"out.");
	else
		page_add(p, PAGE_WARN,
			"The file %s in the agent's directory was damaged, and begins anew.", what);
	page_close(p);
}

/* --- documents and rules ------------------------------------------------------------------ */

static void words_document(struct page *p, struct json_object *data)
{
	const char *type = peek_text(data, "type", "document");
	int64_t serial;

	page_add(p, PAGE_PLAIN, "%s", strcmp(type, "keyset") == 0 ? "key list" : type);
	if (peek_string(data, "stream"))
		page_add(p, PAGE_PLAIN, " \"%s\"", peek_string(data, "stream"));
	if (peek_string(data, "id"))
		page_add(p, PAGE_PLAIN, " %s", peek_string(data, "id"));
	if (peek_int(data, "serial", &serial))
		page_add(p, PAGE_PLAIN, ", number %" PRId64, serial);
}

static void journal_accepted(struct page *p, struct json_object *data)
{
	struct json_object *signers = peek_array(data, "signers");

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_PLAIN, "Accepted: the ");
	words_document(p, data);
	if (peek_length(signers)) {
		page_add(p, PAGE_PLAIN, "; signed with ");
		journal_value(p, signers);
	}
	page_add(p, PAGE_PLAIN, ".");
	page_close(p);
}

static void journal_refused(struct page *p, struct json_object *data)
{
	int64_t before = journal_count(data, "not_journalled_before");

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_WARN, "Refused: a ");
	words_document(p, data);
	journal_reason(p, data);
	journal_end(p, peek_string(data, "detail"));
	page_add(p, PAGE_PLAIN, " Nothing was changed by it.");
	if (before > 0)
		page_add(p, PAGE_PLAIN, " %" PRId64 " more refusals before it have no record.",
			before);
	page_close(p);
}

/* "; wanted 120, seen 300", where they differ. */
static void words_values(struct page *p, struct json_object *data)
{
	struct json_object *desired = NULL, *observed = NULL;

	if (json_object_object_get_ex(data, "desired", &desired) && desired) {
		page_add(p, PAGE_PLAIN, "; wanted ");
		journal_value(p, desired);
	}
	/* Of lists the rows of agentctl compliance say what is not so. */
	if (json_object_object_get_ex(data, "observed", &observed) && observed &&
		!json_object_equal(desired, observed)) {
		page_add(p, PAGE_PLAIN, ", seen ");
		journal_value(p, observed);
	}
}

static void words_setting(struct page *p, struct json_object *data, bool with_values)
{
	const char *state = peek_string(data, "state");
	struct render_words words = render_state(state, peek_string(data, "reason"));

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_PLAIN, "%s.%s: ", peek_text(data, "area", "?"),
		peek_text(data, "setting", "?"));
	page_add(p, words.style, "%s", words.text);
	journal_reason(p, data);
	if (with_values)
		words_values(p, data);
	page_add(p, PAGE_PLAIN, ".");
	page_close(p);
}

static void journal_compliance(struct page *p, struct json_object *data)
{
	struct json_object *settings = peek_array(data, "settings");
	const char *state = peek_string(data, "state");
	struct render_words words = render_state(state, render_reason(settings, state));

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_PLAIN, "Taken together ");
	page_add(p, words.style, "%s", words.sentence);
	page_add(p, PAGE_PLAIN, "%s", peek_length(settings) ? ". What changed:" : ".");
	page_close(p);
	for (size_t i = 0; i < peek_length(settings); i++)
		words_setting(p, peek_at(settings, i), true);
	if (journal_count(data, "more") > 0)
		page_line(p, WORDS_INDENT, PAGE_PLAIN, "And %" PRId64 " more: agentctl compliance.",
			journal_count(data, "more"));
}

static void journal_drift(struct page *p, struct json_object *data)
{
	page_line(p, WORDS_INDENT, PAGE_WARN,
		"Somebody or something on the phone changed what a rule had set.");
	words_setting(p, data, true);
}

static void journal_repaired(struct page *p, struct json_object *data)
{
	if (peek_string(data, "backend")) {
		page_line(p, WORDS_INDENT, PAGE_PLAIN,
			"What %s had set was changed by somebody or something else, and was put back.",
			peek_string(data, "backend"));
		return;
	}
	page_line(p, WORDS_INDENT, PAGE_PLAIN,
		"What had been changed is as the rule wants it again.");
	words_setting(p, data, false);
}

static void journal_applied(struct page *p, struct json_object *data)
{
	page_line(p, WORDS_INDENT, PAGE_PLAIN, "Rules were put in force by the mechanism %s.",
		peek_text(data, "backend", "?"));
}

static void journal_apply_failed(struct page *p, struct json_object *data)
{
	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_BAD, "Rules could not be put in force by the mechanism %s",
		peek_text(data, "backend", "?"));
	journal_end(p, peek_string(data, "message"));
	page_close(p);
}

/* --- the server --------------------------------------------------------------------------- */

static void journal_checkin_failed(struct page *p, struct json_object *data)
{
	const char *stage = peek_string(data, "stage");

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_PLAIN, "Talking to the server failed%s%s%s", stage ? " (" : "",
		stage ? stage : "", stage ? ")" : "");
	journal_end(p, peek_string(data, "message"));
	page_add(p, PAGE_PLAIN, " The agent tries again by itself; the rules stay in force.");
	page_close(p);
}

static void journal_checkin_restored(struct page *p, struct json_object *data)
{
	int64_t n = journal_count(data, "failures");

	page_line(p, WORDS_INDENT, PAGE_PLAIN,
		"The server is reached again, after %" PRId64 " attempt%s that failed.", n,
		journal_s(n));
}

static void journal_keyset(struct page *p, struct json_object *data)
{
	bool expired = peek_true(data, "expired");
	char date[AGO_TEXT];

	page_line(p, WORDS_INDENT, PAGE_WARN,
		"The organisation's key list, version %" PRId64 ", %s on %s: %s",
		journal_count(data, "version"), expired ? "expired" : "expires",
		words_date(data, "expires", date),
		expired ? "nothing new is accepted until a newer one comes."
			: "a newer one has to come before that.");
}

static void journal_certificate(struct page *p, struct json_object *data)
{
	static const struct {
		const char *what, *words;
	} rows[] = {
		{"renewed", "A new certificate for talking to the server is here; the next contact "
			    "shows whether it works. It is valid until"},
		{"proven",
			"The new certificate for talking to the server works and has replaced the "
			"old one. It is valid until"},
		{"candidate_refused",
			"The server does not take the new certificate, and the old one "
			"stays in use. The new one was valid until"},
		{"expiring",
			"The certificate for talking to the server could not be renewed so far. "
			"It expires on"},
		{"expired", "The certificate for talking to the server has expired, on"},
	};
	const char *what = peek_text(data, "what", "?"), *words = NULL;
	char date[AGO_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(what, rows[i].what) == 0)
			words = rows[i].words;
	page_open(p, WORDS_INDENT, WORDS_HANG);
	if (!words)
		page_add(p, PAGE_PLAIN, "The certificate for talking to the server: %s, until",
			what);
	page_add(p, PAGE_PLAIN, "%s %s", words ? words : "", words_date(data, "until", date));
	if (peek_string(data, "reason"))
		page_add(p, PAGE_PLAIN, " (%s)", peek_string(data, "reason"));
	page_add(p, PAGE_PLAIN, ".");
	page_close(p);
}

static void journal_command(struct page *p, struct json_object *data)
{
	struct render_words words = render_command_state(peek_string(data, "state"));

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_PLAIN, "The command %s %s: ", peek_text(data, "verb", "?"),
		peek_text(data, "id", ""));
	page_add(p, words.style, "%s", words.text);
	journal_reason(p, data);
	journal_end(p, peek_string(data, "detail"));
	page_close(p);
}

/* --- by type ------------------------------------------------------------------------------ */

static const struct {
	const char *type;
	journal_words_fn *words;
} journal_rows[] = {
	{"started", journal_started},
	{"stopped", journal_stopped},
	{"enrolled", journal_enrolled},
	{"unenrolled", journal_unenrolled},
	{"document_accepted", journal_accepted},
	{"document_refused", journal_refused},
	{"compliance_changed", journal_compliance},
	{"drift_detected", journal_drift},
	{"drift_repaired", journal_repaired},
	{"applied", journal_applied},
	{"apply_failed", journal_apply_failed},
	{"checkin_failed", journal_checkin_failed},
	{"checkin_restored", journal_checkin_restored},
	{"clock", journal_clock},
	{"keyset_expiring", journal_keyset},
	{"recovered", journal_recovered},
	{"command", journal_command},
	{"certificate", journal_certificate},
	{"clone", journal_clone},
	{"auth_failed", journal_auth_failed},
	{"auth_locked_out", journal_auth_locked_out},
	{"auth_unlocked", journal_auth_unlocked},
	{"auth_missed", journal_auth_missed},
	{"password_changed", journal_password_changed},
	{"recovery_key", journal_recovery_key},
	{"crypto_lock", journal_crypto_lock},
	{"wipe", journal_wipe},
	{"app", journal_app},
	{"app_found", journal_app_found},
	{"exec_denied", journal_exec_denied},
	{"guard", journal_guard},
	{"profile", journal_profile},
	{"place", journal_place},
	{"position", journal_position},
	{"action", journal_action},
};

static journal_words_fn *journal_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(journal_rows); i++)
		if (strcmp(journal_rows[i].type, type) == 0)
			return journal_rows[i].words;
	return NULL;
}

bool render_journal_has_words(const char *type)
{
	return journal_find(type) != NULL;
}

void render_journal_words(struct page *p, const char *type, struct json_object *data)
{
	journal_words_fn *words = journal_find(type);

	if (words) {
		words(p, data);
		return;
	}
	/* Of a newer agent. */
	if (!data || json_object_object_length(data) == 0)
		return;
	page_open(p, WORDS_INDENT, WORDS_HANG);
	journal_value(p, data);
	page_close(p);
}
