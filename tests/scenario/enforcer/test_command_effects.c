/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_command_effects.c - lock, message, reboot and diagnostics from the signed command to its
 * end, with sessions that answer what the test says. platform/session.h itself is tested by
 * tests/system/session.py.
 */
#include "tests/lib/commands_rig.h"

#include <fcntl.h>

#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/diagnostics.h"
#include "agent/enforcer/answers.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/redact.h"
#include "agent/enforcer/renewal.h"
#include "agent/json/json_read.h"
#include "agent/util/log.h"

/* What was asked of the phone, and what it answers. */
static struct {
	unsigned int n_locks, n_notes, n_reboots;
	enum session_result result;
	int error; /* instead of an answer */
	char application[LIMIT_TEXT_BYTES + 1], title[LIMIT_TEXT_BYTES + 1];
	char text[LIMIT_COMMAND_TEXT_BYTES + 1];
} said;

struct answering {
	struct session_call call;
	struct session_start start;
	sd_event_source *source;
};

static void answering_free(struct session_call *call)
{
	struct answering *a = (struct answering *)call;

	sd_event_source_unref(a->source);
	free(a);
}

static int answering_on_loop(sd_event_source *source, void *userdata)
{
	struct answering *a = userdata;
	struct session_start start = a->start;
	const struct session_answer answer = {.result = said.result, .detail = "as the test says"};

	(void)source;
	session_call_free(TAKE_PTR(*start.slot));
	start.done(&answer, start.userdata);
	return 0;
}

static int answer_later(const struct session_start *start)
{
	struct answering *a = calloc(1, sizeof(*a));

	signer_must(a != NULL);
	if (said.error < 0) {
		free(a);
		return said.error;
	}
	*a = (struct answering){.call.free = answering_free, .start = *start};
	signer_must(
		sd_event_add_defer(start->platform->event, &a->source, answering_on_loop, a) >= 0);
	*start->slot = &a->call;
	return 0;
}

static int said_lock(const struct session_start *start)
{
	said.n_locks++;
	return answer_later(start);
}

static int said_notify(const struct session_start *start, const struct session_note *note)
{
	said.n_notes++;
	snprintf(said.application, sizeof(said.application), "%s", note->application);
	snprintf(said.title, sizeof(said.title), "%s", note->title);
	snprintf(said.text, sizeof(said.text), "%s", note->text);
	return answer_later(start);
}

static int said_reboot(const struct session_start *start)
{
	said.n_reboots++;
	return answer_later(start);
}

static const struct session_ops said_ops = {said_lock, said_notify, said_reboot, NULL};

static void phone_prepare(struct rig *rig)
{
	char path[256];

	rig->e.effects.ops = &said_ops;
	rig->e.sysroot_fd = check_tmpdir(path);
	rig->e.platform.sysroot_fd = rig->e.sysroot_fd;
	signer_must(renewal_new(&rig->e, &rig->e.renewal) == 0);
	log_keep(&rig->e.log);
}

static void phone_init(struct rig *rig)
{
	memset(&said, 0, sizeof(said));
	rig_init(rig);
	phone_prepare(rig);
}

static void phone_stop(struct rig *rig)
{
	log_keep(NULL);
	renewal_free(rig->e.renewal);
	rig->e.renewal = NULL;
	rig->e.checkin_timer = sd_event_source_unref(rig->e.checkin_timer);
	if (rig->e.event)
		close(rig->e.sysroot_fd);
	rig_stop(rig);
}
#define _phone_ _cleanup_(phone_stop)

static void phone_restart(struct rig *rig)
{
	phone_stop(rig);
	rig_start(rig);
	phone_prepare(rig);
}

/* A signed command with these members of "arguments". */
static void order(struct rig *rig, unsigned int number, const char *verb, const char *arguments)
{
	_cleanup_buf_ struct buf payload = BUF_INIT, text = BUF_INIT;

	buf_printf(&payload,
		"{\"type\":\"command\",\"org\":\"" ORG "\",\"serial\":1,\"issued\":%lld,"
		"\"expires\":%lld,\"target\":{\"device\":\"" DEVICE "\",\"enrolment\":\"" ENROLMENT
		"\"},\"id\":\"%032x\",\"verb\":\"%s\"%s%s%s}",
		(long long)rig_now_s, (long long)(rig_now_s + DAY), number, verb,
		*arguments ? ",\"arguments\":{" : "", arguments, *arguments ? "}" : "");
	sign_with(&rig->fixture, DOCUMENT_COMMAND, payload.data, "4", &text);
	signer_must(rig_take(rig, &text).n_accepted == 1);
}

static const struct ledger_entry *entry_of(const struct rig *rig, unsigned int number)
{
	char id[33];

	rig_id(number, id);
	return ledger_find(&rig->e.commands->ledger, id);
}

/* --- how an answer becomes an end ------------------------------------------------------------ */

static const struct end_row {
	enum session_result result;
	enum command_state state;
	const char *reason;
} end_rows[] = {
	{SESSION_DONE, COMMAND_DONE, ""},
	{SESSION_NOBODY, COMMAND_DONE, ""},
	{SESSION_NO_LOGIND, COMMAND_REFUSED, "no_logind"},
	{SESSION_NO_ANSWER, COMMAND_FAILED, "no_answer"},
	{SESSION_TOO_MANY, COMMAND_FAILED, "too_many_sessions"},
	{SESSION_NO_SESSION, COMMAND_FAILED, "no_session"},
	{SESSION_NO_NOTIFICATIONS, COMMAND_FAILED, "no_notifications"},
	{SESSION_DENIED, COMMAND_FAILED, "denied"},
	{SESSION_TROUBLE, COMMAND_FAILED, "trouble"},
};

static void test_ends(void)
{
	static const struct {
		const char *verb, *arguments;
	} verbs_here[] = {{"lock", ""}, {"message", "\"text\":\"x\""}};
	_phone_ struct rig rig;
	unsigned int number = 0;

	phone_init(&rig);
	CHECK_INT(ARRAY_SIZE(end_rows), SESSION_RESULT_MAX);
	for (size_t v = 0; v < ARRAY_SIZE(verbs_here); v++)
		for (size_t i = 0; i < ARRAY_SIZE(end_rows); i++) {
			said.result = end_rows[i].result;
			order(&rig, ++number, verbs_here[v].verb, verbs_here[v].arguments);
			rig_run(&rig);
			CHECK_INT(entry_of(&rig, number)->state, end_rows[i].state);
			CHECK_STR(entry_of(&rig, number)->reason, end_rows[i].reason);
			CHECK_STR(entry_of(&rig, number)->detail, "as the test says");
		}
	said.error = -ENOMEM;
	order(&rig, ++number, "lock", "");
	rig_run(&rig);
	CHECK_INT(entry_of(&rig, number)->state, COMMAND_FAILED);
	CHECK_STR(entry_of(&rig, number)->reason, "trouble");
	CHECK_INT(said.n_locks, SESSION_RESULT_MAX + 1);
	CHECK_INT(said.n_notes, SESSION_RESULT_MAX);
}

static void test_names(void)
{
	for (int i = 0; i < SESSION_RESULT_MAX; i++)
		CHECK(session_result_name((enum session_result)i));
	CHECK(!session_result_name(SESSION_RESULT_MAX));
}

/* Sxmo alone has no lock screen; beside another user interface that one may have locked. */
static void test_no_locker(void)
{
	static const struct backend_ops ops = {
		.name = "ui", .serves = {[SETTING_SCREEN_LOCK_ENABLED] = true}};
	static const struct backend_ops other = {
		.name = "storage", .serves = {[SETTING_ENCRYPTION_STORAGE] = true}};
	static const struct {
		bool first_present, second_present;
		enum compliance_reason second;
		const char *reason;
	} rows[] = {
		{true, false, REASON_NO_MECHANISM, "no_locker"},
		{true, true, REASON_NO_LOCKER, "no_locker"},
		{true, true, REASON_NONE, "no_answer"},
		{false, false, REASON_NO_MECHANISM, "no_answer"},
	};
	struct backend first = {.ops = &ops}, second = {.ops = &ops}, third = {.ops = &other};
	_phone_ struct rig rig;

	phone_init(&rig);
	said.result = SESSION_NO_ANSWER;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		rig.e.reconcile.backends[0] = (struct reconcile_backend){.backend = &first,
			.fact = {.present = rows[i].first_present, .reason = REASON_NO_LOCKER}};
		rig.e.reconcile.backends[1] = (struct reconcile_backend){.backend = &second,
			.fact = {.present = rows[i].second_present, .reason = rows[i].second}};
		rig.e.reconcile.backends[2] =
			(struct reconcile_backend){.backend = &third, .fact = {.present = true}};
		rig.e.reconcile.n_backends = 3;
		order(&rig, i + 1, "lock", "");
		rig_run(&rig);
		CHECK_STR(entry_of(&rig, i + 1)->reason, rows[i].reason);
	}
	/* It was tried each time, and a locker that was there after all counts. */
	CHECK_INT(said.n_locks, ARRAY_SIZE(rows));
	said.result = SESSION_DONE;
	order(&rig, 9, "lock", "");
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 9), COMMAND_DONE);
	rig.e.reconcile.n_backends = 0;
}

static void test_message(void)
{
	_phone_ struct rig rig;
	const char *name;

	phone_init(&rig);
	name = rig.e.documents.keyset->org_name;
	order(&rig, 1, "message", "\"text\":\"Please <b>call</b>\",\"title\":\"Hello\"");
	rig_run(&rig);
	CHECK_STR(said.application, name);
	CHECK_STR(said.title, "Hello");
	CHECK_STR(said.text, "Please <b>call</b>");
	order(&rig, 2, "message", "\"text\":\"again\"");
	rig_run(&rig);
	CHECK_STR(said.title, name);
	CHECK_INT(said.n_notes, 2);
}

/* --- reboot ---------------------------------------------------------------------------------- */

static void test_reboot(void)
{
	struct ledger_entry *entry;
	_phone_ struct rig rig;

	phone_init(&rig);
	order(&rig, 1, "reboot", "");
	rig_run(&rig);
	CHECK_INT(said.n_reboots, 1);
	CHECK_INT(said.n_notes, 0);
	/* Nothing is done yet. */
	CHECK_INT(rig_state(&rig, 1), COMMAND_RUNNING);
	CHECK_INT(rig_told(&rig, 1, "running"), 1);
	entry = ledger_find(&rig.e.commands->ledger, entry_of(&rig, 1)->id);
	memset(entry->boot, '0', 32);
	CHECK_INT(commands_save(&rig.e), 0);
	phone_restart(&rig);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_DONE);
	CHECK_INT(said.n_reboots, 1);
}

static void test_reboot_in_the_same_boot(void)
{
	_phone_ struct rig rig;

	phone_init(&rig);
	order(&rig, 1, "reboot", "");
	rig_run(&rig);
	phone_restart(&rig);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_INTERRUPTED);
	CHECK_STR(entry_of(&rig, 1)->reason, "same_boot");
	CHECK_INT(said.n_reboots, 1);
}

static void test_reboot_refused(void)
{
	_phone_ struct rig rig;

	phone_init(&rig);
	said.result = SESSION_DENIED;
	order(&rig, 1, "reboot", "");
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_FAILED);
	said.result = SESSION_NO_LOGIND;
	order(&rig, 2, "reboot", "");
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 2), COMMAND_REFUSED);
	CHECK_STR(entry_of(&rig, 2)->reason, "no_logind");
}

/* The order was taken, and nothing came of it. */
static void test_reboot_without_effect(void)
{
	_phone_ struct rig rig;
	uint64_t at_us;

	phone_init(&rig);
	order(&rig, 1, "reboot", "");
	rig_run(&rig);
	CHECK(rig.e.effects.timer);
	CHECK(sd_event_source_get_time(rig.e.effects.timer, &at_us) >= 0);
	CHECK(at_us > (uint64_t)clock_boottime_us() +
			      (EFFECTS_REBOOT_WAIT_S - 60) * (uint64_t)USEC_PER_SEC);
	CHECK(sd_event_source_set_time(rig.e.effects.timer, 1) >= 0);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_FAILED);
	CHECK_STR(entry_of(&rig, 1)->reason, "no_reboot");
}

static void test_reboot_after_a_warning(void)
{
	_phone_ struct rig rig;

	phone_init(&rig);
	/* Nobody could be warned, which does not stop it. */
	said.result = SESSION_NO_SESSION;
	order(&rig, 1, "reboot", "\"delay\":3600");
	rig_run(&rig);
	CHECK_INT(said.n_notes, 1);
	CHECK(strstr(said.text, "60 minutes"));
	CHECK_INT(said.n_reboots, 0);
	CHECK_INT(rig_state(&rig, 1), COMMAND_RUNNING);
	said.result = SESSION_DONE;
	CHECK(sd_event_source_set_time(rig.e.effects.timer, 1) >= 0);
	rig_run(&rig);
	CHECK_INT(said.n_reboots, 1);
	CHECK_INT(rig_state(&rig, 1), COMMAND_RUNNING);
}

/* Whoever ends the enrolment, or the agent, during the delay ends the plan as well. */
static void test_reboot_called_off(void)
{
	_phone_ struct rig rig;

	phone_init(&rig);
	order(&rig, 1, "reboot", "\"delay\":60");
	rig_run(&rig);
	CHECK(strstr(said.text, "60 seconds"));
	effects_stop(&rig.e);
	CHECK(!rig.e.effects.timer);
	phone_restart(&rig);
	rig_run(&rig);
	CHECK_INT(said.n_reboots, 0);
	CHECK_INT(rig_state(&rig, 1), COMMAND_INTERRUPTED);
}

/* --- diagnostics ----------------------------------------------------------------------------- */

static bool exists(struct rig *rig, const char *path)
{
	return faccessat(rig->e.state.dir_fd, path, F_OK, 0) == 0;
}

/* Writes a report; whether it carries the bundle. */
static bool report_of(struct rig *rig, bool lean)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	signer_must(report_write(&rig->e, lean, &text) == 0);
	return strstr(text.data, "\"diagnostics\":{\"digest\":\"") &&
	       strstr(text.data, "\"command\":");
}

static bool report_has_bundle(struct rig *rig)
{
	return report_of(rig, false);
}

static void test_diagnostics(void)
{
	_phone_ struct rig rig;

	phone_init(&rig);
	CHECK(!report_has_bundle(&rig));
	order(&rig, 1, "diagnostics", "");
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_RUNNING);
	CHECK(exists(&rig, DIAGNOSTICS_PENDING));
	/* Until the server has it, whatever it says meanwhile. */
	CHECK(report_has_bundle(&rig));
	CHECK(!report_acknowledge(&rig.e.report, "diagnostics"));
	CHECK(report_has_bundle(&rig));
	/* Also where the link costs money. */
	CHECK(report_of(&rig, true));
	CHECK(report_acknowledge(&rig.e.report, ""));
	diagnostics_acknowledged(&rig.e);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_DONE);
	CHECK(!exists(&rig, DIAGNOSTICS_PENDING) && exists(&rig, DIAGNOSTICS_SENT));
	CHECK(!report_has_bundle(&rig));
	CHECK(!report_acknowledge(&rig.e.report, ""));
}

static void test_diagnostics_not_taken(void)
{
	_phone_ struct rig rig;

	phone_init(&rig);
	order(&rig, 1, "diagnostics", "");
	rig_run(&rig);
	CHECK(sd_event_source_set_time(rig.e.effects.timer, 1) >= 0);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_FAILED);
	CHECK_STR(entry_of(&rig, 1)->reason, "not_acknowledged");
	CHECK(!exists(&rig, DIAGNOSTICS_PENDING));
	CHECK(!report_has_bundle(&rig));
}

static void test_diagnostics_interrupted(void)
{
	_phone_ struct rig rig;

	phone_init(&rig);
	order(&rig, 1, "diagnostics", "");
	rig_run(&rig);
	phone_restart(&rig);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_INTERRUPTED);
	CHECK(!exists(&rig, DIAGNOSTICS_PENDING));
	/* The server had it, and the agent ended before it could be written down. */
	order(&rig, 2, "diagnostics", "");
	rig_run(&rig);
	CHECK(report_has_bundle(&rig));
	CHECK(report_acknowledge(&rig.e.report, ""));
	diagnostics_acknowledged(&rig.e);
	phone_restart(&rig);
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 2), COMMAND_DONE);
}

static void test_diagnostics_not_stored(void)
{
	_phone_ struct rig rig;
	int fd;

	phone_init(&rig);
	/* A file where the directory belongs. */
	fd = openat(rig.e.state.dir_fd, "reports", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	close(fd);
	order(&rig, 1, "diagnostics", "");
	rig_run(&rig);
	CHECK_INT(rig_state(&rig, 1), COMMAND_FAILED);
	CHECK_STR(entry_of(&rig, 1)->reason, "trouble");
}

/* None of these may be in a bundle. The first ones are known to the agent as what they are, and
 * may stand anywhere; the others are found by where they stand. */
static const char *const secrets[] = {"Erika", "Mustermann", "gEhEiM42ticketSecret", "kontonutzer",
	"AAECAwQFBgcICQoLDA0ODw", "erika@example.org", "Liebesbrief", "push.example",
	"WohnungHeim24"};
#define SECRETS_ANYWHERE 6

static void plant(struct rig *rig)
{
	struct enforcer *e = &rig->e;
	static const char record[] =
		"{\"message\":\"Erika at https://push.example/x said AAECAwQFBgcICQoLDA0ODw, see "
		"/home/kontonutzer/Liebesbrief an Mustermann.txt\",\"ssid\":\"WohnungHeim24\","
		"\"signers\":[\"erika@example.org\"],\"what\":\"kept\"}";
	struct fs_owner owner = {geteuid(), getegid(), 0644};
	static const char passwd[] = "root:x:0:0::/root:/bin/sh\n"
				     "kontonutzer:x:1000:1000::/home/kontonutzer:/bin/sh\n";

	e->documents.has_assignment = true;
	snprintf(e->documents.assignment.user, sizeof(e->documents.assignment.user),
		"Erika Mustermann <erika@example.org>");
	snprintf(e->ticket.secret, sizeof(e->ticket.secret), "gEhEiM42ticketSecret");
	signer_must(fs_make_dirs(e->sysroot_fd, "etc", 0755) == 0);
	signer_must(fs_replace(e->sysroot_fd, "etc/passwd", passwd, strlen(passwd), &owner) == 0);
	snprintf(e->last_error, sizeof(e->last_error),
		"ERIKA: https://push.example/AAECAwQFBgcICQoLDA0ODw cannot be reached");
	enforcer_problem(e, PROBLEM_STATE, "Ask kontonutzer.", "%s of Mustermann is full",
		"/home/kontonutzer/Liebesbrief");
	for (size_t i = 0; i < SECRETS_ANYWHERE; i++)
		log_warning("the secret %s in the middle of a line", secrets[i]);
	log_warning("kept: /run/user/1000/Liebesbrief");
	signer_must(journal_append(e->journal, JOURNAL_APPLY_FAILED, record, NULL) == 0);
	e->documents.refusals[0] = (struct refusal){.time_s = 1};
	snprintf(e->documents.refusals[0].why.detail, LIMIT_TEXT_BYTES, "gEhEiM42ticketSecret");
	snprintf(e->documents.refusals[0].why.type, 16, "policy");
	e->documents.n_refusals = 1;
}

/* Wherever they stand, none of them is in it; and what is no secret is. */
static void test_no_secrets(void)
{
	_cleanup_json_ struct json_object *json = NULL;
	_cleanup_buf_ struct buf bundle = BUF_INIT, status = BUF_INIT;
	_phone_ struct rig rig;

	phone_init(&rig);
	plant(&rig);
	/* They are there to be found: what people see on the phone itself has them. */
	answer_status(&rig.e, &status);
	CHECK(strstr(status.data, "Erika") && strstr(status.data, "gEhEiM42ticketSecret"));
	CHECK_INT(diagnostics_write(&rig.e, "0123456789abcdef0123456789abcdef", &bundle), 0);
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		if (strcasestr(bundle.data, secrets[i]))
			check_fail(__FILE__, __LINE__, "%s is in %s", secrets[i], bundle.data);
	CHECK(!strstr(bundle.data, "https://127.0.0.1"));
	CHECK(!strstr(bundle.data, DEVICE) && !strstr(bundle.data, ENROLMENT));
	CHECK(!strstr(bundle.data, commands_nonce(&rig.e)));
	CHECK(strstr(bundle.data, "in the middle of a line"));
	CHECK(strstr(bundle.data, "warning: kept: " REDACT_MARK));
	CHECK(strstr(bundle.data, "\"what\":\"kept\""));
	CHECK(strstr(bundle.data, "\"type\":\"apply_failed\""));
	/* A strict reader takes it, with room for what stands around it. */
	CHECK_INT(json_parse(bundle.data, bundle.n_bytes, &json, NULL), 0);
	rig.e.documents.has_assignment = false;
	rig.e.documents.n_refusals = 0;
}

static void test_bounded(void)
{
	_cleanup_json_ struct json_object *json = NULL;
	_cleanup_buf_ struct buf bundle = BUF_INIT, payload = BUF_INIT;
	_phone_ struct rig rig;
	struct json_object *records;
	uint64_t last = 0;
	size_t n;

	phone_init(&rig);
	buf_puts(&payload, "{\"message\":\"");
	while (payload.n_bytes < LIMIT_JOURNAL_RECORD_BYTES - 10)
		buf_puts(&payload, "ab ");
	buf_puts(&payload, "\"}");
	for (int i = 0; i < 150; i++)
		CHECK_INT(journal_append(rig.e.journal, JOURNAL_APPLY_FAILED, payload.data, &last),
			0);
	for (int i = 0; i < 3 * LIMIT_LOG_LINES; i++)
		log_warning("line %d %0500d", i, 0);
	CHECK_INT(diagnostics_write(&rig.e, "0123456789abcdef0123456789abcdef", &bundle), 0);
	CHECK(bundle.n_bytes <= LIMIT_DIAGNOSTICS_BYTES);
	CHECK_INT(json_parse(bundle.data, bundle.n_bytes, &json, NULL), 0);
	CHECK(json_object_object_get_ex(json, "journal", &records));
	n = json_object_array_length(records);
	CHECK(n > 10);
	/* The newest ones. */
	records = json_object_array_get_idx(records, n - 1);
	CHECK(json_object_object_get_ex(records, "seq", &records));
	CHECK_INT(json_object_get_int64(records), (int64_t)last);
	CHECK(json_object_object_get_ex(json, "log", &records));
	CHECK_INT(json_object_array_length(records), LIMIT_LOG_LINES);
	CHECK(strstr(bundle.data, "line 191 ") && !strstr(bundle.data, "line 127 "));
}

static const struct check_test tests[] = {
	{"ends", test_ends},
	{"names", test_names},
	{"no_locker", test_no_locker},
	{"message", test_message},
	{"reboot", test_reboot},
	{"reboot_in_the_same_boot", test_reboot_in_the_same_boot},
	{"reboot_refused", test_reboot_refused},
	{"reboot_without_effect", test_reboot_without_effect},
	{"reboot_after_a_warning", test_reboot_after_a_warning},
	{"reboot_called_off", test_reboot_called_off},
	{"diagnostics", test_diagnostics},
	{"diagnostics_not_taken", test_diagnostics_not_taken},
	{"diagnostics_interrupted", test_diagnostics_interrupted},
	{"diagnostics_not_stored", test_diagnostics_not_stored},
	{"no_secrets", test_no_secrets},
	{"bounded", test_bounded},
};
CHECK_MAIN(tests)
