/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reminder.c - reminding people of their passcode, and of recovery keys; see reminder.h. Looked at
 * when a round ends, and rounds come with every check-in, so that it needs no clock of its own.
 * Enforcer.
 */
#include "agent/enforcer/reminder.h"

#include <stdio.h>

#include "agent/enforcer/effects.h"
#include "agent/enforcer/enforcer.h"

#define REMINDER_EVERY_S (24 * 3600)

/* What people can put right, the most urgent first. */
static const struct {
	enum compliance_reason reason;
	const char *text;
	enum area_id area;
} reminders[] = {
	{REASON_PASSWORD_EMPTY, "Your account has no passcode. Set one now", AREA_PASSWORD},
	{REASON_PASSWORD_TEMPORARY,
		"Your passcode was set by your organisation. Choose one of your own",
		AREA_PASSWORD},
	{REASON_PASSWORD_WEAK, "Your passcode does not keep the rules of your organisation",
		AREA_PASSWORD},
	{REASON_PASSWORD_OLD, "Your passcode is older than your organisation allows. Change it",
		AREA_PASSWORD},
	{REASON_PASSWORD_HASH,
		"Your passcode is stored in a way that is easy to break. Set it again",
		AREA_PASSWORD},
	{REASON_ESCROW_SEEN,
		"Somebody was told the recovery key of this phone's storage. Have a new one made",
		AREA_ENCRYPTION},
	{REASON_ESCROW_OTHER_KEY,
		"Your organisation has a new key for recovery keys. Have a new one made for this "
		"phone's storage",
		AREA_ENCRYPTION},
	{REASON_ESCROW_BROKEN,
		"The recovery key of this phone's storage does not open it any more. Have a new one "
		"made",
		AREA_ENCRYPTION},
	{REASON_ESCROW_MISSING,
		"Your organisation has no recovery key of this phone's storage. Have one made",
		AREA_ENCRYPTION},
	{REASON_ESCROW_OLD,
		"The recovery key of this phone's storage is older than your organisation allows. "
		"Have a new one made",
		AREA_ENCRYPTION},
};

static const struct {
	const char *title, *how;
} reminder_areas[AREA_MAX] = {
	[AREA_PASSWORD] = {"Change your passcode",
		": in the settings of the phone, or with passwd in a terminal."},
	[AREA_ENCRYPTION] = {"Have a recovery key made", ": with agentctl escrow --new, as root."},
};

/* "min_length: 6 characters, allow_numeric: no", of those that are broken for this reason. */
static void reminder_rules(const struct compliance *compliance, enum area_id area,
	enum compliance_reason reason, struct buf *out)
{
	for (int id = 0; id < SETTING_MAX; id++) {
		const struct compliance_result *result =
			compliance_result(compliance, (enum setting_id)id);
		const struct setting_row *row = setting_row((enum setting_id)id);

		if (row->area != area || !result->present || result->reason != reason ||
			result->state != COMPLIANCE_NONCOMPLIANT)
			continue;
		buf_printf(out, "%s%s: ", out->n_bytes ? ", " : "", row->name);
		value_format(row, &result->desired, out);
	}
}

bool reminder_text(const struct compliance *compliance, enum area_id *ret_area,
	char ret_text[LIMIT_COMMAND_TEXT_BYTES + 1])
{
	for (size_t i = 0; i < ARRAY_SIZE(reminders); i++) {
		_cleanup_buf_ struct buf rules = BUF_INIT;

		enum area_id area = reminders[i].area;

		reminder_rules(compliance, area, reminders[i].reason, &rules);
		if (rules.error || !rules.n_bytes)
			continue;
		if (reminders[i].reason == REASON_PASSWORD_WEAK)
			snprintf(ret_text, LIMIT_COMMAND_TEXT_BYTES + 1, "%s (%.300s). Change it%s",
				reminders[i].text, rules.data, reminder_areas[area].how);
		else
			snprintf(ret_text, LIMIT_COMMAND_TEXT_BYTES + 1, "%s%s", reminders[i].text,
				reminder_areas[area].how);
		*ret_area = area;
		return true;
	}
	return false;
}

bool reminder_is_due(int64_t told_s, int64_t now_s)
{
	return told_s == 0 || now_s - told_s >= REMINDER_EVERY_S;
}

static void reminder_on_done(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;

	/* Whoever is not there, or cannot be told, is told at the end of a later round. */
	if (answer->result != SESSION_DONE)
		return;
	e->state.facts.reminded_s = clock_realtime_s();
	enforcer_save(e);
}

void reminder_stop(struct enforcer *e)
{
	session_call_free(TAKE_PTR(e->reminder));
}

static bool reminder_is_settled(const struct compliance *compliance)
{
	enum compliance_state storage = compliance->area[AREA_ENCRYPTION];

	return compliance->area[AREA_PASSWORD] == COMPLIANCE_COMPLIANT &&
	       storage != COMPLIANCE_PENDING && storage != COMPLIANCE_UNKNOWN;
}

void reminder_update(struct enforcer *e)
{
	char text[LIMIT_COMMAND_TEXT_BYTES + 1];
	struct session_note note = {
		.application = effects_organisation(e),
		.text = text,
	};
	int64_t now_s = clock_realtime_s(), *told_s = &e->state.facts.reminded_s;
	enum area_id area;
	struct session_start start;

	if (!e->state.facts.enrolled || !e->reconcile.has_compliance || e->reminder)
		return;
	if (!reminder_text(&e->reconcile.compliance, &area, text)) {
		/* At once, should it begin anew; but not while it is only unknown again. */
		if (*told_s && reminder_is_settled(&e->reconcile.compliance)) {
			*told_s = 0;
			enforcer_save(e);
		}
		return;
	}
	/* The clock was put back: a day from now, at the latest. */
	if (*told_s > now_s)
		*told_s = now_s;
	if (!reminder_is_due(*told_s, now_s))
		return;
	note.title = reminder_areas[area].title;
	effects_fill(e, &start, reminder_on_done);
	start.slot = &e->reminder;
	(void)effects_ops(e)->notify(&start, &note);
}
