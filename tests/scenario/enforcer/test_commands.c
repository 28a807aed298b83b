/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_commands.c - commands from the bytes of the courier to their end: what is carried out, what
 * is not, and that nothing is carried out twice, whatever comes again, restarts, is lost or full.
 */
#include "agent/enforcer/renewal.h"
#include "tests/lib/commands_rig.h"

#include <signal.h>
#include <sys/resource.h>

static void test_accepted_running_done(void)
{
	_rig_ struct rig rig;
	struct documents_change change;

	rig_init(&rig);
	change = rig_order(&rig, &(struct rig_command){.number = 1});
	CHECK_INT(change.n_accepted, 1);
	CHECK_INT(rig_state(&rig, 1), COMMAND_ACCEPTED);
	CHECK_INT(rig_shared->n_locks, 0);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_DONE);
	CHECK_INT(rig_shared->n_locks, 1);
	CHECK_INT(rig_told(&rig, 1, "accepted"), 1);
	CHECK_INT(rig_told(&rig, 1, "running"), 1);
	CHECK_INT(rig_told(&rig, 1, "done"), 1);
	CHECK_INT(rig_told(&rig, 1, NULL), 3);
}

/* Whoever signed it waits: the end is told at once, also right after the check-in that brought it.
 */
static void test_the_end_is_told_at_once(void)
{
	_rig_ struct rig rig;
	struct pacing *p = &rig.e.pacing;
	int64_t now_us = clock_boottime_us();

	rig_init(&rig);
	pacing_init(p, "");
	pacing_start(p, now_us, 0, true);
	pacing_begin(p, now_us);
	pacing_succeed(p, now_us, 0, -1, false);
	CHECK(pacing_due_us(p, clock_boottime_us()) > 0);
	rig_order(&rig, &(struct rig_command){.number = 1});
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_DONE);
	CHECK_INT(pacing_due_us(p, clock_boottime_us()), 0);
}

static void test_one_after_the_other(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_rig_ struct rig rig;

	rig_init(&rig);
	for (unsigned int i = 1; i <= 5; i++)
		rig_write(&rig, &(struct rig_command){.number = i}, &text);
	CHECK_INT(rig_take(&rig, &text).n_accepted, 5);
	rig_run(&rig);
	for (unsigned int i = 1; i <= 5; i++)
		CHECK_INT(rig_state(&rig, i), COMMAND_DONE);
	CHECK_INT(rig_shared->n_locks, 5);
}

/* Again at once, after a restart, with the clock set back, after its time: nothing happens. */
static void test_the_same_again(void)
{
	static const int64_t clocks[] = {
		NOW, NOW - 30 * DAY, NOW + 10, NOW + DAY + 1, NOW + 400 * DAY};
	_cleanup_buf_ struct buf text = BUF_INIT;
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_write(&rig, &(struct rig_command){.number = 1}, &text);
	CHECK_INT(rig_take(&rig, &text).n_accepted, 1);
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		struct documents_change change;

		rig_run(&rig);
		rig_now_s = clocks[i];
		change = rig_take(&rig, &text);
		/* No news either: the courier must not make the phone talk by repeating. */
		CHECK_INT(change.n_accepted, 0);
		CHECK_INT(change.n_refused, 0);
		CHECK(!change.new_refusal);
		rig_restart(&rig);
	}
	rig_run(&rig);
	CHECK_INT(rig_shared->n_locks, 1);
	CHECK_INT(rig_told(&rig, 1, NULL), 3);
}

static const struct refused_row {
	const char *what;
	struct rig_command command;
	enum document_reason reason;
	const char *state; /* what the server hears; NULL: nothing */
} refused_rows[] = {
	{"another device", {.number = 1, .device = ORG}, DOCUMENT_E_TARGET, "refused"},
	{"another enrolment", {.number = 2, .enrolment = ORG}, DOCUMENT_E_TARGET, "refused"},
	{"a policy signer", {.number = 3, .signers = "2"}, DOCUMENT_E_THRESHOLD, "refused"},
	{"one destroyer", {.number = 4, .signers = "5"}, DOCUMENT_E_THRESHOLD, "refused"},
	{"two destroyers, who do not command", {.number = 5, .signers = "56"}, DOCUMENT_E_THRESHOLD,
		"refused"},
	{"an outsider", {.number = 6, .signers = "8"}, DOCUMENT_E_SIGNATURE, NULL},
	{"too late", {.number = 7, .issued_s = NOW - 2 * DAY}, DOCUMENT_E_EXPIRED, "expired"},
	{"too early", {.number = 8, .not_before_s = NOW + HOUR}, DOCUMENT_E_NOT_YET, NULL},
	{"valid too long", {.number = 9, .valid_s = LIMIT_COMMAND_VALID_S + 1}, DOCUMENT_E_MEANING,
		"refused"},
	{"an unknown verb", {.number = 10, .verb = "teleport"}, DOCUMENT_E_MEANING, "refused"},
	{"no argument", {.number = 11, .verb = "message"}, DOCUMENT_E_MEANING, "refused"},
	{"a nonce of somebody else", {.number = 12, .nonce = "AAECAwQFBgcICQoLDA0ODw"},
		DOCUMENT_E_NONCE, "refused"},
};

static void test_refused(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(refused_rows); i++) {
		const struct refused_row *row = &refused_rows[i];
		unsigned int number = row->command.number;
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct documents_change change;

		rig_write(&rig, &row->command, &text);
		change = rig_take(&rig, &text);
		rig_run(&rig);
		if (change.n_accepted != 0 || change.n_refused != 1 ||
			rig.e.documents.refusals[0].why.reason != row->reason ||
			rig_told(&rig, number, NULL) != (row->state != NULL) ||
			(row->state && rig_told(&rig, number, row->state) != 1) ||
			rig_state(&rig, number) != COMMAND_STATE_MAX)
			check_fail(__FILE__, __LINE__, "%s: %s", row->what,
				document_reason_name(rig.e.documents.refusals[0].why.reason));
		/* It is told once. */
		change = rig_take(&rig, &text);
		if (change.new_refusal || rig_told(&rig, number, NULL) > 1)
			check_fail(__FILE__, __LINE__, "%s: told again", row->what);
	}
	CHECK_INT(rig_shared->n_locks, 0);
}

/* What came too early is taken when its time has come. */
static void test_too_early_comes_again(void)
{
	const struct rig_command c = {.number = 1, .issued_s = NOW, .not_before_s = NOW + HOUR};
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_INT(rig_order(&rig, &c).n_refused, 1);
	rig_now_s = NOW + HOUR;
	CHECK_INT(rig_order(&rig, &c).n_accepted, 1);
	rig_run(&rig);
	CHECK_INT(rig_shared->n_locks, 1);
}

static void test_unenrolled_and_enrolled_again(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_write(&rig, &(struct rig_command){.number = 1}, &text);
	rig_take(&rig, &text);
	rig_run(&rig);
	commands_forget(&rig.e);
	CHECK_INT(rig_state(&rig, 1), COMMAND_STATE_MAX);
	rig_enrol(&rig, OTHER_ORG);
	rig_restart(&rig);
	CHECK_INT(rig_take(&rig, &text).n_refused, 1);
	CHECK_INT(rig.e.documents.refusals[0].why.reason, DOCUMENT_E_TARGET);
	/* Even if the same enrolment came back, with its state directory, say. */
	rig_enrol(&rig, ENROLMENT);
	CHECK_INT(rig_take(&rig, &text).n_refused, 1);
	CHECK_INT(rig.e.documents.refusals[0].why.reason, DOCUMENT_E_REPLAY);
	rig_run(&rig);
	CHECK_INT(rig_shared->n_locks, 1);
	/* And what is signed now works, however short it is valid. */
	rig_now_s++;
	CHECK_INT(rig_order(&rig, &(struct rig_command){.number = 2, .valid_s = 60}).n_accepted, 1);
}

/* The end of the enrolment could be recorded, that of its commands could not: what had been
 * accepted is not carried out in the next one. */
static void test_left_over_from_another_enrolment(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_INT(rig_order(&rig, &(struct rig_command){.number = 1}).n_accepted, 1);
	rig_enrol(&rig, OTHER_ORG);
	rig_restart(&rig);
	rig_run(&rig);
	CHECK_INT(rig_shared->n_locks, 0);
	CHECK_INT(rig_state(&rig, 1), COMMAND_STATE_MAX);
	CHECK_INT(rig_told(&rig, 1, "interrupted"), 1);
}

/* The ledger is full; ended ones are forgotten when their time is over; what was forgotten stays a
 * replay when the clock is set back. */
static void test_full_and_forgotten(void)
{
	_cleanup_buf_ struct buf first = BUF_INIT;
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_write(&rig, &(struct rig_command){.number = 1, .valid_s = HOUR}, &first);
	CHECK_INT(rig_take(&rig, &first).n_accepted, 1);
	for (unsigned int i = 2; i <= LIMIT_COMMANDS; i++) {
		CHECK_INT(rig_order(&rig, &(struct rig_command){.number = i}).n_accepted, 1);
		rig_run(&rig);
	}
	CHECK_INT(rig_shared->n_locks, LIMIT_COMMANDS);
	CHECK_INT(rig_order(&rig, &(struct rig_command){.number = 100}).n_refused, 1);
	CHECK_INT(rig.e.documents.refusals[0].why.reason, DOCUMENT_E_BUSY);
	CHECK_INT(rig_told(&rig, 100, "refused"), 1);
	rig_now_s = NOW + HOUR + 1;
	CHECK_INT(rig_order(&rig, &(struct rig_command){.number = 101}).n_accepted, 1);
	CHECK_INT(rig_state(&rig, 1), COMMAND_STATE_MAX);
	rig_now_s = NOW;
	rig_restart(&rig);
	CHECK_INT(rig_take(&rig, &first).n_accepted, 0);
	rig_run(&rig);
	CHECK_INT(rig_shared->n_locks, LIMIT_COMMANDS + 1);
}

static void test_nonce(void)
{
	_rig_ struct rig rig;
	char first[COMMAND_NONCE_LENGTH + 1], second[COMMAND_NONCE_LENGTH + 1];

	rig_init(&rig);
	snprintf(first, sizeof(first), "%s", commands_nonce(&rig.e));
	CHECK_INT(strlen(first), COMMAND_NONCE_LENGTH);
	CHECK_STR(commands_nonce(&rig.e), first);
	CHECK_INT(
		rig_order(&rig, &(struct rig_command){.number = 1, .nonce = first}).n_accepted, 1);
	snprintf(second, sizeof(second), "%s", commands_nonce(&rig.e));
	CHECK(strcmp(first, second) != 0);
	/* An hour after it was made the next report has another one. */
	rig.e.commands->nonces.made_us -= NONCE_LIFE_US;
	CHECK(strcmp(commands_nonce(&rig.e), second) != 0);
	CHECK_INT(
		rig_order(&rig, &(struct rig_command){.number = 2, .nonce = second}).n_accepted, 1);
	CHECK_INT(rig_order(&rig, &(struct rig_command){.number = 3, .nonce = first}).n_refused, 1);
	/* In memory only. */
	snprintf(second, sizeof(second), "%s", commands_nonce(&rig.e));
	rig_restart(&rig);
	CHECK_INT(
		rig_order(&rig, &(struct rig_command){.number = 4, .nonce = second}).n_refused, 1);
	CHECK_INT(rig.e.documents.refusals[0].why.reason, DOCUMENT_E_NONCE);
}

/* --- restarts ---------------------------------------------------------------------------- */

static void test_restart_while_running(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_rig_ struct rig rig;

	rig_init(&rig);
	rig.answer = RIG_IS_SILENT;
	rig_write(&rig, &(struct rig_command){.number = 1}, &text);
	rig_take(&rig, &text);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_RUNNING);
	for (int i = 0; i < 3; i++) {
		rig_restart(&rig);
		rig_take(&rig, &text);
		rig_run(&rig);
		CHECK_INT(rig_state(&rig, 1), COMMAND_INTERRUPTED);
	}
	CHECK_INT(rig_shared->n_locks, 1);
	CHECK_INT(rig_told(&rig, 1, "interrupted"), 1);
}

static void test_restart_before_it_ran(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_order(&rig, &(struct rig_command){.number = 1});
	rig_order(&rig, &(struct rig_command){.number = 2, .valid_s = HOUR});
	CHECK_INT(rig_shared->n_locks, 0);
	rig_now_s = NOW + HOUR + 1;
	rig_restart(&rig);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_DONE);
	CHECK_INT(rig_state(&rig, 2), COMMAND_EXPIRED);
	CHECK_INT(rig_shared->n_locks, 1);
	CHECK_INT(rig_told(&rig, 2, "expired"), 1);
}

/* A handler that never ends; its late word is not taken for that of the next command. */
static void test_deadline(void)
{
	_rig_ struct rig rig;
	const struct session_answer late = {.result = SESSION_TROUBLE, .detail = "late"};

	rig_init(&rig);
	rig.answer = RIG_IS_SILENT;
	rig_order(&rig, &(struct rig_command){.number = 1});
	rig_order(&rig, &(struct rig_command){.number = 2});
	rig_run(&rig);
	CHECK_INT(rig_shared->n_locks, 1);
	CHECK(rig.e.commands->deadline);
	CHECK(sd_event_source_set_time(rig.e.commands->deadline, 1) >= 0);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_FAILED);
	CHECK_INT(rig_state(&rig, 2), COMMAND_ACCEPTED);
	CHECK_INT(rig_told(&rig, 1, "failed"), 1);
	rig.answer = RIG_ANSWERS;
	rig.done(&late, rig.userdata);
	CHECK_INT(rig_state(&rig, 2), COMMAND_ACCEPTED);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_FAILED);
	CHECK_INT(rig_state(&rig, 2), COMMAND_DONE);
}

/* Whose word never comes does not keep the others waiting for ever. */
static void test_deadline_of_the_late_word(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig.answer = RIG_IS_SILENT;
	rig_order(&rig, &(struct rig_command){.number = 1});
	rig_order(&rig, &(struct rig_command){.number = 2});
	for (int i = 0; i < 2; i++) {
		rig_run(&rig);
		CHECK(rig.e.commands->deadline);
		rig.answer = RIG_ANSWERS;
		CHECK(sd_event_source_set_time(rig.e.commands->deadline, 1) >= 0);
	}
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 2), COMMAND_DONE);
	CHECK_INT(rig_shared->n_locks, 2);
}

/* --- trouble with the disk --------------------------------------------------------------- */

static void limit_files(rlim_t n_bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	signer_must(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = n_bytes;
	signer_must(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* What cannot be recorded is not done, and not lost: it comes again. */
/* A sync that gave up is over: the check-in that comes at last ends nothing else. */
static void test_late_sync_ends_nothing_else(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_INT(renewal_new(&rig.e, &rig.e.renewal), 0);
	rig.answer = RIG_IS_SILENT;
	rig_order(&rig, &(struct rig_command){.number = 1, .verb = "sync"});
	rig_order(&rig, &(struct rig_command){.number = 2, .verb = "lock"});
	rig_run(&rig);
	for (int i = 0; i < 2; i++) {
		CHECK(sd_event_source_set_time(rig.e.commands->deadline, 1) >= 0);
		CHECK(sd_event_source_set_time_accuracy(rig.e.commands->deadline, 1) >= 0);
		rig_run(&rig);
	}
	CHECK_INT(rig_state(&rig, 1), COMMAND_FAILED);
	CHECK_INT(rig_state(&rig, 2), COMMAND_RUNNING);
	rig.e.report.complete = true;
	commands_exchanged(&rig.e, true);
	CHECK_INT(rig_state(&rig, 2), COMMAND_RUNNING);
	CHECK_INT(rig_told(&rig, 2, "done"), 0);
	renewal_free(rig.e.renewal);
	rig.e.renewal = NULL;
}

static void test_full_disk(void)
{
	const struct rig_command c = {.number = 1};
	_rig_ struct rig rig;
	struct documents_change change;

	rig_init(&rig);
	limit_files(0);
	change = rig_order(&rig, &c);
	rig_run(&rig);
	limit_files(RLIM_INFINITY);
	CHECK_INT(change.n_accepted, 0);
	CHECK_INT(change.n_refused, 0);
	CHECK_INT(rig_state(&rig, 1), COMMAND_STATE_MAX);
	CHECK_INT(rig_shared->n_locks, 0);
	CHECK(rig.e.problems[PROBLEM_COMMANDS].what[0] || rig.e.problems[PROBLEM_STATE].what[0]);
	CHECK_INT(rig_order(&rig, &c).n_accepted, 1);
	rig_run(&rig);
	CHECK_INT(rig_shared->n_locks, 1);
	CHECK(!rig.e.problems[PROBLEM_COMMANDS].what[0]);
}

/* Accepted, but that it runs cannot be recorded: it waits. */
static void test_disk_fills_up_before_it_runs(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_INT(rig_order(&rig, &(struct rig_command){.number = 1}).n_accepted, 1);
	limit_files(0);
	rig_run(&rig);
	commands_exchanged(&rig.e, false);
	rig_run(&rig);
	limit_files(RLIM_INFINITY);
	CHECK_INT(rig_state(&rig, 1), COMMAND_ACCEPTED);
	CHECK_INT(rig_shared->n_locks, 0);
	CHECK(rig.e.problems[PROBLEM_COMMANDS].what[0]);
	commands_exchanged(&rig.e, true);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_DONE);
	CHECK_INT(rig_shared->n_locks, 1);
}

/* The end cannot be recorded: it has happened all the same, and is not done again. */
static void test_disk_fills_up_while_it_runs(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_rig_ struct rig rig;
	const struct session_answer answer = {.result = SESSION_DONE, .detail = "locked"};

	rig_init(&rig);
	rig.answer = RIG_IS_SILENT;
	rig_write(&rig, &(struct rig_command){.number = 1}, &text);
	rig_take(&rig, &text);
	rig_run(&rig);
	limit_files(0);
	rig.done(&answer, rig.userdata);
	limit_files(RLIM_INFINITY);
	CHECK_INT(rig_state(&rig, 1), COMMAND_DONE);
	rig_restart(&rig);
	rig_take(&rig, &text);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_INTERRUPTED);
	CHECK_INT(rig_shared->n_locks, 1);
}

/* A ledger that is damaged or gone: nothing that was signed before is carried out, what is signed
 * afterwards is. */
static void check_lost_ledger(bool damaged)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_free_ char *ledger = NULL;
	_rig_ struct rig rig;
	size_t n;

	rig_init(&rig);
	rig_write(&rig, &(struct rig_command){.number = 1}, &text);
	rig_take(&rig, &text);
	rig_run(&rig);
	CHECK_INT(rig_shared->n_locks, 1);
	if (damaged) {
		CHECK_INT(
			fs_read(rig.e.state.dir_fd, COMMANDS_FILE, LIMIT_STATE_BYTES, &ledger, &n),
			0);
		ledger[n / 2] ^= 1;
		CHECK_INT(state_write(&rig.e.state, COMMANDS_FILE, ledger, n), 0);
	} else {
		CHECK_INT(fs_remove(rig.e.state.dir_fd, COMMANDS_FILE), 0);
	}
	/* However wrong the clock is. */
	rig_now_s = NOW - 300 * DAY;
	for (int i = 0; i < 2; i++) {
		rig_restart(&rig);
		CHECK_INT(rig_take(&rig, &text).n_refused, 1);
		CHECK_INT(rig.e.documents.refusals[0].why.reason, DOCUMENT_E_REPLAY);
		rig_run(&rig);
		CHECK(!!rig.e.problems[PROBLEM_COMMANDS_DAMAGED].what[0] == (damaged && i == 0));
	}
	CHECK_INT(rig_shared->n_locks, 1);
	CHECK(faccessat(rig.e.state.dir_fd, COMMANDS_FILE ".broken", F_OK, 0) ==
		(damaged ? 0 : -1));
	rig_now_s = NOW + 1;
	CHECK_INT(rig_order(&rig, &(struct rig_command){.number = 2}).n_accepted, 1);
	rig_run(&rig);
	CHECK_INT(rig_shared->n_locks, 2);
}

static void test_damaged_ledger(void)
{
	check_lost_ledger(true);
}

static void test_missing_ledger(void)
{
	check_lost_ledger(false);
}

static void test_show(void)
{
	_cleanup_buf_ struct buf list = BUF_INIT, status = BUF_INIT;
	struct jsonw w = JSONW_INIT(&list), s = JSONW_INIT(&status);
	_rig_ struct rig rig;
	const char *first, *second;

	rig_init(&rig);
	rig_order(&rig, &(struct rig_command){.number = 0xaa});
	rig_run(&rig);
	rig.answer = RIG_IS_SILENT;
	rig_order(&rig, &(struct rig_command){.number = 0xbb});
	rig_run(&rig);
	commands_write(&rig.e, &w, NULL);
	commands_write_status(&rig.e, &s, NULL);
	first = strstr(list.data, "00bb\"");
	second = strstr(list.data, "00aa\"");
	CHECK(first && second && first < second);
	CHECK(strstr(list.data, "\"state\":\"running\""));
	CHECK(strstr(list.data, "\"nonce_age_s\":0"));
	CHECK(strstr(status.data, "\"running\":{") && strstr(status.data, "\"failed\":null"));
	rig_restart(&rig);
	buf_reset(&status);
	s = JSONW_INIT(&status);
	commands_write_status(&rig.e, &s, NULL);
	CHECK(strstr(status.data, "\"running\":null") && strstr(status.data, "interrupted"));
	/* Lately is a day. */
	rig_now_s = NOW + DAY;
	buf_reset(&status);
	s = JSONW_INIT(&status);
	commands_write_status(&rig.e, &s, NULL);
	CHECK(strstr(status.data, "\"failed\":null"));
}

static const struct check_test tests[] = {
	{"accepted_running_done", test_accepted_running_done},
	{"the_end_is_told_at_once", test_the_end_is_told_at_once},
	{"one_after_the_other", test_one_after_the_other},
	{"the_same_again", test_the_same_again},
	{"refused", test_refused},
	{"too_early_comes_again", test_too_early_comes_again},
	{"unenrolled_and_enrolled_again", test_unenrolled_and_enrolled_again},
	{"left_over_from_another_enrolment", test_left_over_from_another_enrolment},
	{"full_and_forgotten", test_full_and_forgotten},
	{"nonce", test_nonce},
	{"restart_while_running", test_restart_while_running},
	{"restart_before_it_ran", test_restart_before_it_ran},
	{"deadline", test_deadline},
	{"deadline_of_the_late_word", test_deadline_of_the_late_word},
	{"late_sync_ends_nothing_else", test_late_sync_ends_nothing_else},
	{"full_disk", test_full_disk},
	{"disk_fills_up_before_it_runs", test_disk_fills_up_before_it_runs},
	{"disk_fills_up_while_it_runs", test_disk_fills_up_while_it_runs},
	{"damaged_ledger", test_damaged_ledger},
	{"missing_ledger", test_missing_ledger},
	{"show", test_show},
};
CHECK_MAIN(tests)
