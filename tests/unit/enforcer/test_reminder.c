/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reminder.c - of what people are reminded, in which words, how often; with a session that
 * answers what the test says. Enforcer, without its loop.
 */
#include "agent/enforcer/reminder.h"

#include <string.h>
#include <unistd.h>

#include "agent/enforcer/enforcer.h"
#include "agent/util/clock.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

#define DAY (24 * 3600)

static struct {
	unsigned int n_notes;
	enum session_result result;
	char text[LIMIT_COMMAND_TEXT_BYTES + 1];
} said;

static int notify_at_once(const struct session_start *start, const struct session_note *note)
{
	const struct session_answer answer = {.result = said.result};

	said.n_notes++;
	snprintf(said.text, sizeof(said.text), "%s", note->text);
	start->done(&answer, start->userdata);
	return 0;
}
static const struct session_ops ops = {.notify = notify_at_once};

static struct enforcer *rig(void)
{
	static struct enforcer e;
	char path[256];

	memset(&e, 0, sizeof(e));
	memset(&said, 0, sizeof(said));
	close(check_tmpdir(path));
	signer_must(state_open(path, &e.state) == 0);
	e.state.facts.enrolled = true;
	e.reconcile.has_compliance = true;
	e.effects.ops = &ops;
	return &e;
}

static void found(struct enforcer *e, enum setting_id id, enum compliance_state state,
	enum compliance_reason reason, int64_t number)
{
	static struct compliance_result results[SETTING_MAX];

	e->reconcile.compliance.results[id] = &results[id];
	results[id] = (struct compliance_result){.present = true,
		.state = state,
		.reason = reason,
		.desired = {.type = setting_row(id)->type, .number = number}};
	e->reconcile.compliance.area[AREA_PASSWORD] = state;
}

static void weak(struct enforcer *e)
{
	found(e, SETTING_PASSWORD_MIN_LENGTH, COMPLIANCE_NONCOMPLIANT, REASON_PASSWORD_WEAK, 6);
}

static void test_words(void)
{
	struct enforcer *e = rig();
	struct compliance *c = &e->reconcile.compliance;
	char text[LIMIT_COMMAND_TEXT_BYTES + 1] = "";
	enum area_id area;

	CHECK(!reminder_text(c, &area, text));
	/* Not known yet, and what nobody in front of the screen can put right. */
	found(e, SETTING_PASSWORD_MIN_LENGTH, COMPLIANCE_PENDING, REASON_PASSWORD_UNSEEN, 6);
	found(e, SETTING_PASSWORD_HISTORY, COMPLIANCE_NONCOMPLIANT, REASON_STACK_INVALID, 3);
	found(e, SETTING_SCREEN_LOCK_ENABLED, COMPLIANCE_NONCOMPLIANT, REASON_PASSWORD_WEAK, 1);
	CHECK(!reminder_text(c, &area, text));
	weak(e);
	found(e, SETTING_PASSWORD_ALLOW_NUMERIC, COMPLIANCE_NONCOMPLIANT, REASON_PASSWORD_WEAK, 0);
	CHECK(reminder_text(c, &area, text));
	CHECK(strstr(text, "min_length: 6 characters") && strstr(text, "allow_numeric: no"));
	CHECK(strstr(text, "passwd"));
	found(e, SETTING_PASSWORD_FORBID_EMPTY, COMPLIANCE_NONCOMPLIANT, REASON_PASSWORD_EMPTY, 1);
	CHECK(reminder_text(c, &area, text) && strstr(text, "no passcode"));
}

/* Each reason that people can do something about has words, whatever setting it comes with. */
/* What is wrong with the storage comes behind the passcode, and has words of its own. */
static void test_recovery_keys(void)
{
	static const enum compliance_reason reasons[] = {REASON_ESCROW_SEEN, REASON_ESCROW_BROKEN,
		REASON_ESCROW_MISSING, REASON_ESCROW_OLD, REASON_ESCROW_OTHER_KEY};
	char text[LIMIT_COMMAND_TEXT_BYTES + 1];
	enum area_id area = AREA_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		struct enforcer *e = rig();
		struct compliance *c = &e->reconcile.compliance;

		found(e, SETTING_ENCRYPTION_ESCROW, COMPLIANCE_NONCOMPLIANT, reasons[i], 1);
		CHECK(reminder_text(c, &area, text));
		CHECK_INT(area, AREA_ENCRYPTION);
		CHECK(strstr(text, "agentctl escrow") && !strstr(text, "passcode"));
		weak(e);
		CHECK(reminder_text(c, &area, text));
		CHECK_INT(area, AREA_PASSWORD);
		/* The server does not have it yet: nothing that a person could do. */
		found(e, SETTING_PASSWORD_MIN_LENGTH, COMPLIANCE_COMPLIANT, REASON_NONE, 6);
		found(e, SETTING_ENCRYPTION_ESCROW, COMPLIANCE_PENDING, REASON_ESCROW_UNTOLD, 1);
		CHECK(!reminder_text(c, &area, text));
	}
}

static void test_every_reason(void)
{
	enum area_id area;
	static const enum compliance_reason reasons[] = {REASON_PASSWORD_WEAK,
		REASON_PASSWORD_EMPTY, REASON_PASSWORD_OLD, REASON_PASSWORD_TEMPORARY,
		REASON_PASSWORD_HASH};
	char text[LIMIT_COMMAND_TEXT_BYTES + 1];

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		struct enforcer *e = rig();

		found(e, SETTING_PASSWORD_MAX_AGE, COMPLIANCE_NONCOMPLIANT, reasons[i], 90);
		CHECK(reminder_text(&e->reconcile.compliance, &area, text));
	}
}

static void test_once_a_day(void)
{
	struct enforcer *e = rig();
	int64_t now = clock_realtime_s();

	weak(e);
	reminder_update(e);
	CHECK_INT(said.n_notes, 1);
	CHECK(e->state.facts.reminded_s >= now);
	for (int i = 0; i < 5; i++)
		reminder_update(e);
	CHECK_INT(said.n_notes, 1);
	e->state.facts.reminded_s = now - DAY;
	reminder_update(e);
	CHECK_INT(said.n_notes, 2);
	/* The clock was put back. */
	e->state.facts.reminded_s = now + 400 * DAY;
	reminder_update(e);
	CHECK_INT(said.n_notes, 2);
	CHECK(e->state.facts.reminded_s <= clock_realtime_s());
	CHECK(!reminder_is_due(now, now + DAY - 1) && reminder_is_due(now, now + DAY));
}

/* Put right and broken again is told at once; unknown in between is not. */
static void test_begins_anew(void)
{
	struct enforcer *e = rig();

	weak(e);
	reminder_update(e);
	found(e, SETTING_PASSWORD_MIN_LENGTH, COMPLIANCE_PENDING, REASON_PASSWORD_UNSEEN, 6);
	reminder_update(e);
	weak(e);
	reminder_update(e);
	CHECK_INT(said.n_notes, 1);
	found(e, SETTING_PASSWORD_MIN_LENGTH, COMPLIANCE_COMPLIANT, REASON_NONE, 6);
	reminder_update(e);
	CHECK_INT(e->state.facts.reminded_s, 0);
	weak(e);
	reminder_update(e);
	CHECK_INT(said.n_notes, 2);
}

static void test_nobody_there(void)
{
	struct enforcer *e = rig();

	weak(e);
	said.result = SESSION_NO_SESSION;
	reminder_update(e);
	reminder_update(e);
	CHECK_INT(said.n_notes, 2);
	CHECK_INT(e->state.facts.reminded_s, 0);
	said.result = SESSION_DONE;
	reminder_update(e);
	reminder_update(e);
	CHECK_INT(said.n_notes, 3);
	e->state.facts.enrolled = false;
	e->state.facts.reminded_s = 0;
	reminder_update(e);
	CHECK_INT(said.n_notes, 3);
}

static const struct check_test tests[] = {
	{"of what, in which words", test_words},
	{"every reason", test_every_reason},
	{"recovery keys", test_recovery_keys},
	{"once a day", test_once_a_day},
	{"at once when it begins anew", test_begins_anew},
	{"nobody is there", test_nobody_there},
};
CHECK_MAIN(tests)
