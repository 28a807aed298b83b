/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enforcer.c - the enforcer role: puts its parts together, in the order that keeps a phone safe.
 * First what was accepted earlier is enforced, then agentctl is answered, then the network is
 * used. Runs as root; reads no network byte and no JSON from anybody unauthenticated.
 */
#include "agent/enforcer/enforcer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <systemd/sd-daemon.h>

#include "agent/enforcer/arguments.h"
#include "agent/enforcer/apps_inventory.h"
#include "agent/enforcer/apps_rules.h"
#include "agent/enforcer/apps_work.h"
#include "agent/enforcer/auth.h"
#include "agent/enforcer/checkin.h"
#include "agent/enforcer/clone.h"
#include "agent/enforcer/empty_trials.h"
#include "agent/enforcer/guard_host.h"
#include "agent/enforcer/host_mounts.h"
#include "agent/enforcer/local.h"
#include "agent/enforcer/places.h"
#include "agent/enforcer/wake.h"
#include "agent/enforcer/recovery.h"
#include "agent/enforcer/wipe.h"
#include "agent/enforcer/reminder.h"
#include "agent/enforcer/renewal.h"
#include "agent/enforcer/unlock_code.h"
#include "agent/enforcer/zerotouch.h"
#include "agent/util/account.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"

/* Longer than a mechanism may take twice, shorter than service managers wait (90 s). */
#define READY_PATIENCE_S 60
#define LOCK_PATIENCE_MS 2000
#define LOCK_PAUSE_MS 50

void enforcer_problem(
	struct enforcer *e, enum problem problem, const char *advice, const char *what_format, ...)
{
	struct problem_text *text = &e->problems[problem];
	va_list args;

	if (!what_format) {
		text->what[0] = 0;
		return;
	}
	va_start(args, what_format);
	vsnprintf(text->what, sizeof(text->what), what_format, args);
	va_end(args);
	snprintf(text->advice, sizeof(text->advice), "%s", advice);
}

int enforcer_note_written(struct enforcer *e, int r)
{
	enforcer_problem(e, PROBLEM_STATE, NULL, NULL);
	if (r < 0)
		enforcer_problem(e, PROBLEM_STATE,
			"Free space or make it writable. The policy in force stays in force.",
			"%s cannot be written: %s", e->options.state_dir, strerror(-r));
	return r;
}

void enforcer_save(struct enforcer *e)
{
	(void)enforcer_note_written(e, state_save_facts(&e->state));
}

void enforcer_journal(struct enforcer *e, enum journal_type type, struct buf *payload)
{
	uint64_t seq;
	int r;

	buf_append(payload, "", 0);
	if (!e->journal || payload->error)
		return;
	r = journal_append(e->journal, type, payload->data, &seq);
	if (r == 0)
		enforcer_problem(e, PROBLEM_JOURNAL, NULL, NULL);
	else
		enforcer_problem(e, PROBLEM_JOURNAL,
			"Free space or make it writable; until then events are lost.",
			"the journal in %s cannot be written: %s", e->options.state_dir,
			strerror(-r));
}

void enforcer_checkin_rules(struct enforcer *e, struct checkin_rules *ret_rules)
{
	struct policy *policies[LIMIT_ASSIGNMENT_GROUPS];
	size_t n = documents_policies(&e->documents, policies);
	struct when_facts facts;

	reconcile_facts(&e->reconcile, &facts);
	checkin_merge(policies, n, &facts, ret_rules);
}

void enforcer_configure_pacing(struct enforcer *e)
{
	struct checkin_rules rules;
	uint64_t random = 0;

	enforcer_checkin_rules(e, &rules);
	e->wake_device = rules.wake_device;
	(void)random_bytes(&random, sizeof(random));
	pacing_configure(&e->pacing,
		reactions_is_expensive(e) ? rules.metered_interval_s : rules.interval_s,
		rules.jitter_s, clock_boottime_us(), random);
}

void enforcer_keep_report(struct enforcer *e, const char *report, size_t n_bytes)
{
	struct fs_owner owner = {geteuid(), getegid(), 0600};
	int r = fs_make_dirs(e->state.dir_fd, ENFORCER_REPORTS, 0700);

	if (r == 0)
		r = fs_replace(e->state.dir_fd, ENFORCER_LAST_REPORT, report, n_bytes, &owner);
	e->report.last_s = clock_realtime_s();
	if (r < 0)
		(void)enforcer_note_written(e, r);
}

int64_t enforcer_admin_gid(const struct enforcer *e)
{
	gid_t gid;

	return account_group(e->sysroot_fd, e->options.admin_group, &gid) == 0 ? (int64_t)gid : -1;
}

/* --- events ------------------------------------------------------------------------------ */

/* What the service manager waits for before anybody is let in: the rules were looked at. */
static void enforcer_is_ready(struct enforcer *e)
{
	if (e->ready)
		return;
	e->ready = true;
	e->ready_timer = sd_event_source_unref(e->ready_timer);
	(void)sd_notify(0, "READY=1");
}

/* A mechanism that hangs must not keep the user out of the phone, nor the agent from running. */
static int enforcer_on_ready_late(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	log_warning("the first look at the phone takes longer than %d s; the start goes on without",
		READY_PATIENCE_S);
	enforcer_is_ready(userdata);
	return 0;
}

static void enforcer_on_round(struct reconcile *r, bool changed, void *userdata)
{
	struct enforcer *e = userdata;

	if (changed)
		log_info("compliance: %s",
			compliance_state_name(
				r->has_compliance ? r->compliance.overall : COMPLIANCE_UNKNOWN));
	enforcer_is_ready(e);
	apps_rules_update(e);
	recovery_update(e);
	reminder_update(e);
	checkin_after_round(e, changed);
	local_settled(e->local);
}

/* Passwords are judged by the rules of now, and what is known of them is fresh. */
static void enforcer_before_round(struct reconcile *r, void *userdata)
{
	(void)r;
	auth_refresh(userdata);
}

static int enforcer_take_command(
	void *userdata, const struct document *document, struct document_refusal *ret_refusal)
{
	return commands_take(userdata, document, ret_refusal);
}

static bool enforcer_knows_command(void *userdata, const char *id)
{
	return commands_knows(userdata, id);
}

static void enforcer_refused_command(void *userdata, const struct document_refusal *why)
{
	commands_refused(userdata, why);
}

static void enforcer_on_reverted(struct reconcile *r, bool failed, void *userdata)
{
	(void)r;
	enforcer_is_ready(userdata);
	apps_rules_forget(userdata);
	checkin_reverted(userdata, failed);
}

static int enforcer_on_signal(
	sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct enforcer *e = userdata;

	(void)source;
	(void)info;
	return sd_event_exit(e->event, 0);
}

/* --- start and end ----------------------------------------------------------------------- */

static void enforcer_journal_start(struct enforcer *e, const struct journal_recovery *recovery)
{
	_cleanup_buf_ struct buf started = BUF_INIT;
	struct jsonw w = JSONW_INIT(&started);

	journal_acknowledge(e->journal, e->state.facts.acked_seq);
	journal_continue(e->journal, e->state.facts.acked_seq);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "version", MDM_VERSION);
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_STARTED, &started);
	/* The journal has recorded by itself what it found; people should see it as well. */
	if (recovery->broken)
		enforcer_problem(e, PROBLEM_JOURNAL_DAMAGED,
			"The damaged file is kept as journal.broken-N for whoever investigates.",
			"the journal was damaged and has been started anew");
}

/*
 * One agent for one state directory: a second one would write into the journal of the first. Held
 * until the process ends; the directory may have to be made first, by state_open(). A little
 * patience: a program that an agent was just starting when it was killed holds what it inherited
 * until it is killed, too.
 */
static int enforcer_lock_state(struct enforcer *e)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000 * 1000};

	if (e->lock_fd >= 0)
		return 0;
	e->lock_fd = open(e->options.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->lock_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; flock(e->lock_fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i >= LOCK_PATIENCE_MS / LOCK_PAUSE_MS)
			return -errno;
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

static int enforcer_open_state(struct enforcer *e)
{
	struct journal_recovery recovery = {0};
	struct stat st;
	int r = enforcer_lock_state(e);

	if (r == 0) {
		r = state_open(e->options.state_dir, &e->state);
		if (r == 0)
			r = enforcer_lock_state(e);
	}
	if (r == -EWOULDBLOCK) {
		log_error("another mdm-agentd uses %s; stop that one first", e->options.state_dir);
		return r;
	}

	if (r == -EBADMSG) {
		enforcer_problem(e, PROBLEM_FACTS,
			e->state.facts.enrolled
				? "Documents older than those held may be accepted once more; the "
				  "damaged file is kept beside it."
				: "Enrol the phone again; the damaged file is kept beside it.",
			"%s in %s was damaged",
			e->state.facts.enrolled ? "the list of serials" : "the enrolment",
			e->options.state_dir);
	} else if (r < 0) {
		log_error("the state directory %s cannot be used: %s; %s, or name another one with "
			  "--state-dir",
			e->options.state_dir, strerror(-r),
			geteuid() != 0 ? "start as root"
				       : "it and what it lies in must belong to root and be "
					 "writable, and by root alone");
		return r;
	}
	/* A newer build is a later floor; what the state remembers may be later still. */
	(void)highwater_signed(&e->state.facts.highwater, MDM_BUILD_TIME);
	r = journal_open(e->state.dir_fd, 0, &e->journal, &recovery);
	if (r < 0) {
		e->journal = NULL;
		enforcer_problem(e, PROBLEM_JOURNAL,
			"Free space or make it writable and restart the agent; until then events "
			"are lost.",
			"the journal in %s cannot be opened: %s", e->options.state_dir,
			strerror(-r));
		log_error("%s", e->problems[PROBLEM_JOURNAL].what);
	} else {
		enforcer_journal_start(e, &recovery);
	}
	if (fstatat(e->state.dir_fd, ENFORCER_LAST_REPORT, &st, AT_SYMLINK_NOFOLLOW) == 0)
		e->report.last_s = (int64_t)st.st_mtime;
	return 0;
}

static int enforcer_open_platform(struct enforcer *e)
{
	int r;

	e->sysroot_fd = open(e->options.sysroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->sysroot_fd < 0) {
		log_error("%s cannot be opened: %s", e->options.sysroot, strerror(errno));
		return -errno;
	}
	r = fs_make_dirs(e->state.dir_fd, STATE_VAULT, 0700);
	e->vault_fd = fs_open_nofollow(e->state.dir_fd, STATE_VAULT, O_RDONLY | O_DIRECTORY, 0);
	if (e->vault_fd < 0 && (r == -EROFS || r == -ENOSPC))
		enforcer_problem(e, PROBLEM_STATE,
			"Make it writable; until then settings are observed but not changed.",
			"%s cannot be written: %s", e->options.state_dir, strerror(-r));
	else if (e->vault_fd < 0)
		return e->vault_fd;
	e->platform = (struct platform){
		.event = e->event,
		.sysroot_fd = e->sysroot_fd,
		.sysroot_is_root = strcmp(e->options.sysroot, "/") == 0,
		.vault_fd = e->vault_fd,
		.host_mounts_fd = host_mounts_take(),
		.state_fd = e->state.dir_fd,
		.pam_check_program = e->options.pam_check_program,
		.cryptsetup_program = e->options.cryptsetup_program,
	};
	return 0;
}

static int enforcer_start(struct enforcer *e)
{
	uint64_t random = 0;
	int r;

	documents_init(&e->documents, &e->state, e->journal);
	e->documents.commands = (struct documents_commands){
		.take = enforcer_take_command,
		.known = enforcer_knows_command,
		.refused = enforcer_refused_command,
		.userdata = e,
	};
	r = documents_load(&e->documents);
	if (r < 0)
		return r;
	if (e->documents.damaged[0])
		enforcer_problem(e, PROBLEM_DOCUMENT,
			"It is asked for again at the next check-in; `agentctl sync` does so now.",
			"the stored document \"%s\" was damaged and is not in force",
			e->documents.damaged);
	(void)guard_host_new(e, &e->guard);
	r = apps_work_new(e, &e->apps_work);
	if (r < 0)
		log_error("jobs cannot be left where --socket is: %s; nothing is installed or "
			  "removed",
			strerror(-r));
	r = reconcile_init(&e->reconcile, e->event, &e->platform, &e->documents, platform_backends,
		platform_n_backends);
	if (r < 0)
		return r;
	e->reconcile.begin = enforcer_before_round;
	e->reconcile.done = enforcer_on_round;
	e->reconcile.reverted = enforcer_on_reverted;
	e->reconcile.look = places_look;
	e->reconcile.judged = places_judged;
	e->reconcile.userdata = e;
	/* Before the first round: a phone that was outside is restricted from then on. */
	r = places_new(e, &places_location, &e->places);
	if (r < 0)
		return r;
	(void)empty_trials_new(e, &e->trials);
	(void)apps_inventory_new(e, &e->apps);
	/* Before anybody can log in. Without it they can, and nobody counts. */
	(void)auth_new(e, e->auth_socket_path, &e->auth);
	if (e->state.facts.enrolled)
		reconcile_request(&e->reconcile, true);
	r = local_new(e, e->options.socket_path, &e->local);
	if (r < 0) {
		log_error("%s cannot be listened on: %s; %s", e->options.socket_path, strerror(-r),
			r == -EADDRINUSE ? "another mdm-agentd is running"
					 : "start as root, or name another one with --socket");
		return r;
	}
	r = renewal_new(e, &e->renewal);
	if (r < 0)
		return r;
	r = unlock_code_new(e, &e->unlock_code);
	if (r < 0)
		log_error("the record of unlock codes cannot be read: %s; until a restart there "
			  "are none",
			strerror(-r));
	unlock_code_refresh(e);
	r = recovery_new(e, &e->recovery);
	if (r < 0)
		log_error("recovery keys cannot be read: %s; none are made", strerror(-r));
	(void)wipe_go_on(e);
	clone_check(e);
	pacing_init(&e->pacing, e->state.facts.device_id);
	r = reactions_new(e, device_new, &e->reactions);
	if (r < 0)
		return r;
	enforcer_configure_pacing(e);
	if (e->state.facts.enrolled) {
		(void)random_bytes(&random, sizeof(random));
		pacing_start(&e->pacing, clock_boottime_us(), random, false);
	}
	r = wake_new(e, &e->wake);
	if (r < 0)
		return r;
	/* Last: what a restart interrupted may go on, or end, from here. */
	r = commands_new(e, &e->commands);
	if (r < 0)
		return r;
	crypto_lock_go_on(e);
	recovery_tidy(e);
	checkin_schedule(e);
	return zerotouch_new(e, &e->zerotouch);
}

static int enforcer_setup_loop(struct enforcer *e)
{
	sigset_t mask;
	int r;

	/* A peer that closed must be an error of write(2), not the end of the enforcer. */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	r = sd_event_default(&e->event);
	if (r >= 0)
		r = sd_event_add_signal(e->event, NULL, SIGTERM, enforcer_on_signal, e);
	if (r >= 0)
		r = sd_event_add_signal(e->event, NULL, SIGINT, enforcer_on_signal, e);
	if (r >= 0)
		r = sd_event_set_watchdog(e->event, true);
	return r < 0 ? r : 0;
}

static void enforcer_stop(struct enforcer *e)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;

	local_free(e->local);
	auth_free(e->auth);
	places_free(TAKE_PTR(e->places));
	zerotouch_free(e->zerotouch);
	effects_stop(e);
	crypto_lock_stop(e);
	reminder_stop(e);
	wake_free(e->wake);
	exchange_free(e->exchange);
	renewal_free(e->renewal);
	unlock_code_free(e->unlock_code);
	wipe_free(e);
	recovery_free(e->recovery);
	empty_trials_free(e->trials);
	apps_inventory_free(e->apps);
	if (e->state.facts.enrolled) {
		reconcile_export_timers(&e->reconcile);
		enforcer_save(e);
	}
	buf_puts(&payload, "{}");
	enforcer_journal(e, JOURNAL_STOPPED, &payload);
	reactions_free(e->reactions);
	reconcile_done(&e->reconcile);
	guard_host_free(e->guard);
	apps_work_free(e->apps_work);
	documents_done(&e->documents);
	commands_free(e->commands);
	sd_event_source_unref(e->checkin_timer);
	sd_event_source_unref(e->ready_timer);
	journal_free(e->journal);
	state_done(&e->state);
	closep(&e->sysroot_fd);
	closep(&e->vault_fd);
	closep(&e->lock_fd);
	sd_event_unref(e->event);
}

/* What will not work later and can be put right now. */
static void enforcer_warn(struct enforcer *e)
{
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0)
		log_warning("not started as root: nothing of the system can be enforced");
	else if (account_user(e->sysroot_fd, e->options.net_user, &uid, &gid) < 0)
		log_warning("there is no user %s, so that the server cannot be talked to; make it "
			    "(useradd --system %s)",
			e->options.net_user, e->options.net_user);
}

static void enforcer_freep(struct enforcer **e)
{
	log_keep(NULL);
	free(*e);
}

int enforcer_run(const struct enforcer_options *options)
{
	_cleanup_(enforcer_freep) struct enforcer *e = calloc(1, sizeof(*e));
	int r;

	if (!e) {
		log_error("out of memory");
		return 1;
	}
	log_keep(&e->log);
	e->options = *options;
	e->exchange_options = (struct exchange_options){
		.program = options->net_program,
		.user = options->net_user,
		.verbose = options->verbose,
	};
	e->sysroot_fd = e->vault_fd = e->lock_fd = -1;
	if (arguments_socket(options, options->auth_socket_path, "auth.sock", e->auth_socket_path) <
		0) {
		log_error("the path of a socket is too long: %s", e->options.socket_path);
		return 1;
	}
	r = enforcer_setup_loop(e);
	if (r < 0) {
		log_error("the event loop could not be made: %s", strerror(-r));
		return 1;
	}
	r = enforcer_open_state(e);
	if (r < 0)
		return 1;
	r = enforcer_open_platform(e);
	if (r >= 0)
		r = enforcer_start(e);
	if (r < 0) {
		log_error("the agent could not start: %s", strerror(-r));
		return 1;
	}
	enforcer_warn(e);
	if (!e->state.facts.enrolled ||
		sd_event_add_time(e->event, &e->ready_timer, CLOCK_BOOTTIME,
			(uint64_t)clock_boottime_us() + READY_PATIENCE_S * USEC_PER_SEC, 0,
			enforcer_on_ready_late, e) < 0)
		enforcer_is_ready(e);
	log_info("%s, %s", MDM_VERSION,
		e->state.facts.enrolled ? e->state.facts.server : "not enrolled");
	r = sd_event_loop(e->event);
	enforcer_stop(e);
	return r < 0 ? 1 : 0;
}
