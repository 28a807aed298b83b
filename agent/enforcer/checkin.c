/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkin.c - the enforcer's side of a check-in; see checkin.h. Decides when the net role runs
 * (pacing.c) and what its answer means; the bytes it fetched go to documents.c.
 */
#include "agent/enforcer/checkin.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/enforcer/apps_inventory.h"
#include "agent/enforcer/apps_report.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/diagnostics.h"
#include "agent/enforcer/local.h"
#include "agent/enforcer/places.h"
#include "agent/enforcer/wake.h"
#include "agent/enforcer/recovery.h"
#include "agent/enforcer/renewal.h"
#include "agent/enforcer/report_lean.h"
#include "agent/enforcer/unlock_code.h"
#include "agent/util/account.h"
#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"

#define KEYSET_WARNING_S (60 * 24 * 3600) /* two months: time to bring key holders together */

uint64_t checkin_random(void)
{
	uint64_t random = 0;

	/* Spreading load is all this is for; without randomness the device's offset still spreads.
	 */
	(void)random_bytes(&random, sizeof(random));
	return random;
}

int checkin_identity_dir(struct enforcer *e)
{
	_cleanup_close_ int fd = -1, root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uid_t uid;
	gid_t gid;
	int r = fs_make_dirs(e->state.dir_fd, CHECKIN_IDENTITY_DIR, 0700);

	if (r < 0)
		return r;
	fd = fs_open_nofollow(e->state.dir_fd, CHECKIN_IDENTITY_DIR, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	if (geteuid() == 0) {
		r = account_user(root_fd, e->options.net_user, &uid, &gid);
		if (r < 0)
			return -ENOKEY;
		if (fchown(fd, uid, gid) < 0)
			return -errno;
	}
	return TAKE_FD(fd);
}

static int checkin_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;

	(void)source;
	(void)usec;
	e->checkin_timer = sd_event_source_unref(e->checkin_timer);
	checkin_begin(e);
	return 0;
}

static void checkin_arm(struct enforcer *e)
{
	int64_t now = clock_boottime_us(), due = pacing_due_us(&e->pacing, now);

	e->checkin_timer = sd_event_source_unref(e->checkin_timer);
	if (due < 0 || e->exchange || e->checkin_pending || !reactions_may_start(e))
		return;
	/* The kernel may be a quarter of the wait late (up to a minute): wake-ups share. */
	if (reactions_add_timer(e, now + due,
		    due / 4 > 60 * USEC_PER_SEC ? 60 * USEC_PER_SEC : due / 4 + 1, checkin_on_timer,
		    &e->checkin_timer) < 0)
		log_error("the next check-in could not be scheduled: out of memory; "
			  "`agentctl sync` or a restart of the agent tries again");
}

void checkin_schedule(struct enforcer *e)
{
	checkin_arm(e);
	wake_update(e);
}

/* --- what an answer means ---------------------------------------------------------------- */

void checkin_note_time(struct enforcer *e, int64_t date_s, int64_t until_s)
{
	if (date_s <= 0 ||
		!highwater_believes(&e->state.facts.highwater, date_s, clock_realtime_s()))
		return;
	(void)highwater_server(&e->state.facts.highwater, date_s, until_s);
	e->server_date_s = date_s;
	e->server_date_at_us = clock_boottime_us();
	enforcer_check_clock(e);
}

/* Once for each keyset and stage, until the agent is started again. */
static void checkin_journal_keyset(struct enforcer *e, bool expired)
{
	const struct keyset *keyset = e->documents.keyset;
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	if (e->keyset_told == keyset->version && e->keyset_told_expired == expired)
		return;
	e->keyset_told = keyset->version;
	e->keyset_told_expired = expired;
	jsonw_object(&w, NULL);
	jsonw_int(&w, "version", keyset->version);
	jsonw_int(&w, "expires", keyset->expires_s);
	jsonw_bool(&w, "expired", expired);
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_KEYSET_EXPIRING, &payload);
}

static void checkin_note_keyset(struct enforcer *e)
{
	const struct keyset *keyset = e->documents.keyset;
	int64_t left;
	char date[24];

	enforcer_problem(e, PROBLEM_KEYSET, NULL, NULL);
	if (!keyset)
		return;
	left = keyset->expires_s -
	       highwater_document_now(&e->state.facts.highwater, clock_realtime_s());
	clock_format(keyset->expires_s, date);
	if (left < KEYSET_WARNING_S)
		checkin_journal_keyset(e, left <= 0);
	if (left <= 0)
		enforcer_problem(e, PROBLEM_KEYSET,
			"The policy stays in force; the organisation has to sign a new keyset.",
			"the organisation's keyset expired on %s: new documents are refused", date);
	else if (left < KEYSET_WARNING_S)
		enforcer_problem(e, PROBLEM_KEYSET,
			"The organisation should sign a new keyset before that day.",
			"the organisation's keyset expires on %s", date);
}

enum ctl_code checkin_failure_code(const struct msg_net_failed *failed)
{
	switch ((enum net_stage)failed->stage) {
	case NET_STAGE_TLS:
	case NET_STAGE_EST:
		return CTL_E_REFUSED;
	case NET_STAGE_HTTP:
		return failed->http_status >= 400 && failed->http_status < 500 ? CTL_E_REFUSED
									       : CTL_E_UNREACHABLE;
	case NET_STAGE_RESOLVE:
	case NET_STAGE_CONNECT:
	case NET_STAGE_RESPONSE:
		return CTL_E_UNREACHABLE;
	case NET_STAGE_SANDBOX:
	case NET_STAGE_IDENTITY:
	case NET_STAGE_MAX:
		break;
	}
	return CTL_E_INTERNAL;
}

static void checkin_failed(struct enforcer *e, const struct msg_net_failed *failed)
{
	bool first = e->pacing.failures == 0;

	pacing_fail(&e->pacing, clock_boottime_us(), checkin_random(), failed->retry_after_s);
	snprintf(e->last_error, sizeof(e->last_error), "%s", failed->message);
	e->last_error_code = checkin_failure_code(failed);
	enforcer_problem(e, PROBLEM_CHECKIN,
		"The policy stays in force; the agent tries again by itself, `agentctl sync` at once.",
		"the last check-in failed (%s): %s", net_stage_name((enum net_stage)failed->stage),
		failed->message);
	log_warning("check-in failed (%s): %s", net_stage_name((enum net_stage)failed->stage),
		failed->message);
	if (first) {
		_cleanup_buf_ struct buf payload = BUF_INIT;
		struct jsonw w = JSONW_INIT(&payload);

		jsonw_object(&w, NULL);
		jsonw_string(&w, "stage", net_stage_name((enum net_stage)failed->stage));
		jsonw_string(&w, "message", failed->message);
		jsonw_object_end(&w);
		enforcer_journal(e, JOURNAL_CHECKIN_FAILED, &payload);
	}
}

static void checkin_restored(struct enforcer *e)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	if (e->pacing.failures == 0)
		return;
	jsonw_object(&w, NULL);
	jsonw_int(&w, "failures", e->pacing.failures);
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_CHECKIN_RESTORED, &payload);
}

static void checkin_answered(struct enforcer *e, const struct exchange_result *result)
{
	const struct msg_net_exchanged *x = &result->exchanged;
	struct documents_change change = {0};
	struct state_facts *facts = &e->state.facts;
	uint64_t acked_seq;
	int r;

	checkin_restored(e);
	e->last_success_s = clock_realtime_s();
	e->last_error[0] = 0;
	enforcer_problem(e, PROBLEM_CHECKIN, NULL, NULL);
	e->last_bytes_up = x->bytes_up;
	e->last_bytes_down = x->bytes_down;
	renewal_note_certificate(e, x->certificate_from_s, x->certificate_until_s);
	if (report_acknowledge(&e->report, x->resend))
		diagnostics_acknowledged(e);
	if (report_has_escrow(&e->report)) {
		unlock_code_acknowledged(e);
		recovery_acknowledged(e);
	}
	recovery_tidy_daily(e);
	if (!e->report.lean)
		report_lean_end(e);
	acked_seq = report_acknowledge_events(&e->report, x->ack_seq);
	if (acked_seq > facts->acked_seq) {
		facts->acked_seq = acked_seq;
		if (e->journal)
			journal_acknowledge(e->journal, facts->acked_seq);
	}
	checkin_note_time(e, x->server_date_s, x->server_cert_until_s);

	/* Last words are not the beginning of a conversation. */
	if (checkin_is_leaving(e))
		return;
	e->documents.server_date_s = x->server_date_s;
	r = documents_take(
		&e->documents, result->body, result->n_body, clock_realtime_s(), &change);
	if (r < 0)
		log_error("the documents of the server could not be looked at: %s", strerror(-r));
	/* Whatever came of it: before anybody looks at places of policies that are gone. */
	if (r < 0 || change.policy)
		places_policies_changed(e);
	if (change.error < 0)
		enforcer_problem(e, PROBLEM_STATE,
			"Free space or make it writable; until then a restart falls back to the "
			"documents stored before.",
			"new documents are in force but could not be stored in %s: %s",
			e->options.state_dir, strerror(-change.error));
	if (change.n_accepted)
		log_info("%zu document(s) accepted", change.n_accepted);
	if (change.n_refused)
		log_warning(
			"%zu document(s) refused; `agentctl status` says why", change.n_refused);
	checkin_note_keyset(e);
	pacing_succeed(&e->pacing, clock_boottime_us(), checkin_random(), x->next_checkin_s,
		e->report.more_events);
	wake_checked_in(e, x->mark);
	reconcile_export_timers(&e->reconcile);
	places_save(e);
	if (change.error == 0)
		enforcer_save(e);
	if (change.n_accepted) {
		/* What it leads to is reported as soon as it is known. */
		e->checkin_after_round = true;
		enforcer_configure_pacing(e);
		unlock_code_refresh(e);
		reconcile_request(&e->reconcile, change.policy);
		if (change.policy)
			apps_inventory_policy_changed(e);
	} else if (change.new_refusal) {
		/* Rate-limited: the courier must not make the phone talk without end. */
		checkin_after_round(e, true);
	}
}

void checkin_note_facts(struct enforcer *e, const struct exchange_result *result)
{
	if (!result->has_facts)
		return;
	e->net_facts = result->facts;
	e->has_net_facts = true;
	if (result->facts.note[0])
		enforcer_problem(e, PROBLEM_SANDBOX,
			"A kernel with Landlock and seccomp protects the phone better.",
			"the sandbox of mdm-agent-net is weaker here: %s", result->facts.note);
	else
		enforcer_problem(e, PROBLEM_SANDBOX, NULL, NULL);
}

static void checkin_done(const struct exchange_result *result, void *userdata)
{
	struct enforcer *e = userdata;

	checkin_note_facts(e, result);
	if (result->end == EXCHANGE_ANSWERED)
		checkin_answered(e, result);
	else
		checkin_failed(e, &result->failed);
	apps_report_settle(e);
	renewal_checkin_ended(
		e, e->checkin_candidate, result->end == EXCHANGE_ANSWERED ? NULL : &result->failed);
	checkin_schedule(e);
	local_synced(e->local, result->end == EXCHANGE_ANSWERED);
	renewal_update(e);
	commands_exchanged(e, result->end == EXCHANGE_ANSWERED);
	if (!e->exchange)
		reactions_release(e, REACTIONS_EXCHANGE);
}

/* --- starting ---------------------------------------------------------------------------- */

static void checkin_could_not_start(struct enforcer *e, int error)
{
	struct msg_net_failed failed = {.stage = NET_STAGE_IDENTITY, .retry_after_s = -1};

	if (error == -ENOKEY)
		snprintf(failed.message, sizeof(failed.message),
			"there is no user %s on this system; reinstall the package or add it",
			e->options.net_user);
	else
		snprintf(failed.message, sizeof(failed.message),
			"the exchange could not be started in %s: %s", e->options.state_dir,
			strerror(-error));
	checkin_failed(e, &failed);
	checkin_schedule(e);
	local_synced(e->local, false);
	commands_exchanged(e, false);
}

/* 0 or -errno. */
static int checkin_exchange(struct enforcer *e, uint32_t timeout_s)
{
	_cleanup_buf_ struct buf report = BUF_INIT;
	_cleanup_close_ int identity_fd = -1;
	struct exchange_start start;
	struct msg_net_checkin order = {
		.timeout_s = timeout_s,
		.response_max = LIMIT_RESPONSE_BYTES,
	};
	int r;

	e->checkin_timer = sd_event_source_unref(e->checkin_timer);
	pacing_begin(&e->pacing, clock_boottime_us());
	r = identity_fd = checkin_identity_dir(e);
	if (r >= 0)
		r = report_write(e, report_lean_begin(e), &report);
	if (r < 0)
		return r;
	snprintf(order.server, sizeof(order.server), "%s", e->state.facts.server);
	renewal_identity(e, &order.identity);
	order.floor_s = highwater_tls_now(&e->state.facts.highwater, 0);
	e->checkin_candidate = renewal_wants_candidate(e);
	order.candidate = e->checkin_candidate;
	order.report_bytes = (uint32_t)report.n_bytes;
	start = (struct exchange_start){
		.event = e->event,
		.options = &e->exchange_options,
		.identity_fd = identity_fd,
		.done = checkin_done,
		.userdata = e,
		.slot = &e->exchange,
	};
	r = exchange_checkin(&start, &order, report.data, report.n_bytes);
	if (r < 0)
		return r;
	reactions_hold(e, REACTIONS_EXCHANGE);
	enforcer_keep_report(e, report.data, report.n_bytes);
	return 0;
}

static void checkin_start(struct enforcer *e)
{
	int r;

	if (e->exchange || !e->state.facts.enrolled)
		return;
	r = checkin_exchange(e, LIMIT_EXCHANGE_SECONDS);
	if (r < 0)
		checkin_could_not_start(e, r);
}

int checkin_last_words(struct enforcer *e, uint32_t timeout_s)
{
	return checkin_exchange(e, timeout_s);
}

bool checkin_is_leaving(const struct enforcer *e)
{
	return e->reconcile.revert_wanted || e->reconcile.current == RECONCILE_REVERTING ||
	       commands_is_leaving(e);
}

void checkin_begin(struct enforcer *e)
{
	if (e->exchange || e->checkin_pending || !e->state.facts.enrolled || checkin_is_leaving(e))
		return;
	e->checkin_timer = sd_event_source_unref(e->checkin_timer);
	e->checkin_pending = true;
	wake_update(e); /* nobody waits while the phone talks */
	apps_inventory_refresh(e);
	reconcile_request(&e->reconcile, false);
}

void checkin_after_round(struct enforcer *e, bool compliance_changed)
{
	bool at_once = e->checkin_after_round;

	if (e->checkin_pending) {
		e->checkin_pending = false;
		/* Put off to the resume if the phone is about to sleep: it stays due. */
		if (reactions_is_awake(e))
			checkin_start(e);
		return;
	}

	if (!e->state.facts.enrolled || checkin_is_leaving(e))
		return;
	if (at_once || compliance_changed)
		pacing_request(&e->pacing, clock_boottime_us(), checkin_random(), at_once);
	e->checkin_after_round = false;
	checkin_schedule(e);
}
