/* SPDX-License-Identifier: Apache-2.0 */
/* wipe.c - see wipe.h. Enforcer only. */
#include "agent/enforcer/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/commands_private.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/recovery.h"
#include "agent/enforcer/wipe_find.h"
#include "agent/enforcer/wipe_words.h"
#include "agent/util/child.h"
#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"
#include "agent/wipe/intent.h"
#include "platform/service.h"

#define WIPE_SERVICE "mdm-agent-wipe.service"
#define WIPE_CHECK_PLAN "wipe.check" /* in the state directory */
#define WIPE_CHECK_SECONDS 10
#define WIPE_LAST_WORDS_S 3
#define WIPE_LINGER_S 3 /* in which the server hears that the keys are gone */
#define WIPE_SILENCE_S 60
#define WIPE_LOOK_US (100 * USEC_PER_SEC / 1000)

/* pam_nologin(8), login(1) and getty's refuse everybody but root while it is there. */
#define WIPE_NOLOGIN "etc/nologin"
#define WIPE_NOLOGIN_TEXT "This device is being erased.\n"

enum wipe_stage {
	WIPE_LOOKING,
	WIPE_LAST_WORDS,
	WIPE_STARTING,
	WIPE_RUNNING,
	WIPE_OVER, /* told; the system ends any moment */
};

struct wipe {
	struct wipe_findings findings;
	enum wipe_stage stage;
	char lost[LIMIT_TEXT_BYTES + 1]; /* what cannot be destroyed, and why */
	uint64_t told_seq;		 /* the record of the point of no return */
	int64_t ordered_us, silent_until_us;
	struct child *child;
	struct session_call *sessions, *service;
	sd_event_source *timer;
};

static void wipe_start(struct enforcer *e);

/* --- logins ------------------------------------------------------------------------------ */

static bool nologin_is_ours(struct enforcer *e)
{
	_cleanup_free_ char *text = NULL;

	return fs_read(e->sysroot_fd, WIPE_NOLOGIN, LIMIT_TEXT_BYTES, &text, NULL) == 0 &&
	       strcmp(text, WIPE_NOLOGIN_TEXT) == 0;
}

static void nologin_set(struct enforcer *e)
{
	const struct fs_owner owner = {.mode = 0644};
	_cleanup_close_ int fd = fs_open_in_root(e->sysroot_fd, WIPE_NOLOGIN, O_PATH);
	int r;

	/* Somebody else's does the same. */
	if (fd >= 0)
		return;
	r = fs_replace(
		e->sysroot_fd, WIPE_NOLOGIN, WIPE_NOLOGIN_TEXT, strlen(WIPE_NOLOGIN_TEXT), &owner);
	if (r < 0)
		log_warning("logins are not refused while the phone is erased: /%s: %s",
			WIPE_NOLOGIN, strerror(-r));
}

static void nologin_lift(struct enforcer *e)
{
	if (nologin_is_ours(e))
		(void)fs_remove(e->sysroot_fd, WIPE_NOLOGIN);
}

static void wipe_on_sessions_ended(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;

	(void)e;
	if (answer->result != SESSION_DONE && answer->result != SESSION_NOBODY)
		log_warning("sessions go on while the phone is erased: %s", answer->detail);
}

static void wipe_end_sessions(struct enforcer *e)
{
	struct session_start start;

	effects_fill(e, &start, wipe_on_sessions_ended);
	start.slot = &e->wipe->sessions;
	if (effects_ops(e)->end(&start) < 0)
		log_warning("sessions could not be ended");
}

/* --- the end ----------------------------------------------------------------------------- */

void wipe_free(struct enforcer *e)
{
	struct wipe *w = e->wipe;

	if (!w)
		return;
	e->wipe = NULL;
	child_free(w->child);
	session_call_free(w->sessions);
	session_call_free(w->service);
	sd_event_source_unref(w->timer);
	free(w);
}

/* What no command ordered has records of its own. */
static void wipe_journal(struct enforcer *e, const char *what, const char *detail)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	log_warning("wipe by policy: %s: %s", what, detail);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", what);
	jsonw_string(&w, "detail", detail);
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_WIPE, &payload);
}

static void wipe_tell(
	struct enforcer *e, enum command_state state, const char *reason, const char *detail)
{
	if (commands_running(e) == VERB_WIPE)
		effects_finish(e, state, reason, detail);
	else
		wipe_journal(e, *reason ? reason : command_state_name(state), detail);
}

/* Nothing was destroyed, and nothing will be. */
static void wipe_give_up(
	struct enforcer *e, enum command_state state, const char *reason, const char *detail)
{
	_cleanup_(wipe_places_done) struct wipe_places places;
	char text[LIMIT_TEXT_BYTES + 1];

	/* It is the caller's, which may go. */
	snprintf(text, sizeof(text), "%s", detail);
	wipe_places_open(e->sysroot_fd, NULL, &places);
	(void)wipe_intent_remove(&places);
	(void)fs_remove(e->state.dir_fd, WIPE_CHECK_PLAN);
	nologin_lift(e);
	wipe_free(e);
	wipe_tell(e, state, reason, text);
}

static void wipe_trouble(struct enforcer *e, const char *what, int error)
{
	char detail[LIMIT_TEXT_BYTES + 1];

	snprintf(detail, sizeof(detail), "%s: %s; nothing was destroyed", what, strerror(-error));
	wipe_give_up(e, COMMAND_FAILED, "trouble", detail);
}

static int wipe_after(struct enforcer *e, int64_t us, sd_event_time_handler_t handler)
{
	struct wipe *w = e->wipe;

	w->timer = sd_event_source_unref(w->timer);
	return sd_event_add_time(e->event, &w->timer, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + us), 10000, handler, e);
}

/* Tells the server at once, without a look at the phone before. */
static void wipe_talk(struct enforcer *e)
{
	if (!e->state.facts.enrolled)
		return;
	/* What is under way says nothing of it, and must not keep this waiting. */
	if (e->exchange) {
		exchange_free(e->exchange);
		reactions_release(e, REACTIONS_EXCHANGE);
	}
	(void)checkin_last_words(e, WIPE_LAST_WORDS_S);
}

/* --- what it says ------------------------------------------------------------------------ */

static void wipe_over(struct enforcer *e, enum wipe_word word, const char *detail)
{
	struct wipe *w = e->wipe;
	int64_t ms = (clock_boottime_us() - w->ordered_us) / 1000;
	char text[LIMIT_TEXT_BYTES + 1];

	w->stage = WIPE_OVER;
	if (word == WIPE_WORD_LEFT) {
		snprintf(text, sizeof(text),
			"not everything could be destroyed: %.160s; it is tried again at the next "
			"start",
			detail);
		wipe_tell(e, COMMAND_FAILED, "keys_left", text);
	} else if (w->findings.n_luks == 0) {
		wipe_tell(e, COMMAND_DONE, "not_encrypted",
			"nothing was encrypted; data are being overwritten and removed, flash may "
			"keep old copies");
	} else {
		snprintf(text, sizeof(text),
			"the keys of %zu encrypted volume%s are destroyed, %" PRId64
			".%03d s after the order%s%.120s",
			w->findings.n_luks, w->findings.n_luks == 1 ? "" : "s", ms / 1000,
			(int)(ms % 1000), w->lost[0] ? "; left: " : "", w->lost);
		wipe_tell(e, COMMAND_DONE, w->lost[0] ? "partly" : "", text);
	}
	wipe_talk(e);
}

static int wipe_on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;
	struct wipe *w = e->wipe;
	_cleanup_(wipe_places_done) struct wipe_places places;
	_cleanup_free_ char *text = NULL;
	char detail[LIMIT_TEXT_BYTES + 1] = "";
	enum wipe_word word = WIPE_WORD_SILENCE;

	(void)source;
	(void)usec;
	wipe_places_open(e->sysroot_fd, NULL, &places);
	if (places.n > 0 && fs_read(places.place[0].fd, WIPE_STATE_PROGRESS, LIMIT_STATE_BYTES,
				    &text, NULL) == 0)
		word = wipe_words_progress(text, &w->findings.plan, detail);
	if (word == WIPE_WORD_REFUSED) {
		wipe_give_up(e, COMMAND_REFUSED, "refused", detail);
		return 0;
	}
	if (word == WIPE_WORD_GONE || word == WIPE_WORD_LEFT) {
		wipe_over(e, word, detail);
		return 0;
	}
	if (clock_boottime_us() > w->silent_until_us) {
		w->stage = WIPE_OVER;
		wipe_tell(e, COMMAND_FAILED, "no_answer",
			word == WIPE_WORD_STARTED
				? "it was begun and does not end; it goes on at the next start"
				: "what destroys was started and says nothing; it goes on at the "
				  "next start");
		return 0;
	}
	if (wipe_after(e, WIPE_LOOK_US, wipe_on_look) < 0)
		log_error("what becomes of the wipe cannot be watched");
	return 0;
}

/* --- starting ---------------------------------------------------------------------------- */

static void wipe_watch(struct enforcer *e)
{
	struct wipe *w = e->wipe;

	w->stage = WIPE_RUNNING;
	w->silent_until_us = clock_boottime_us() + WIPE_SILENCE_S * USEC_PER_SEC;
	if (wipe_after(e, WIPE_LOOK_US, wipe_on_look) < 0)
		log_error("what becomes of the wipe cannot be watched");
}

static void wipe_on_program(const struct child_result *result, void *userdata)
{
	struct enforcer *e = userdata;
	char detail[LIMIT_TEXT_BYTES + 1];

	/* It has left for a session of its own, and a real one ends the system. */
	if (result->end == CHILD_EXITED && result->code == 0) {
		wipe_watch(e);
		return;
	}
	snprintf(detail, sizeof(detail), "%.120s could not begin (%s %d); nothing was destroyed",
		e->options.wipe_program, result->end == CHILD_EXITED ? "status" : "signal",
		result->code);
	wipe_give_up(e, COMMAND_FAILED, "not_started", detail);
}

static int wipe_spawn(struct enforcer *e, const char *const *argv, child_done_fn done)
{
	const struct child_spec spec = {
		.argv = argv,
		.root_fd = -1,
		.deadline_s = WIPE_CHECK_SECONDS,
	};

	return child_start(e->event, &spec, done, e, &e->wipe->child);
}

/* Where nobody else starts services: in a session and a control group of its own. */
static void wipe_start_program(struct enforcer *e)
{
	const char *argv[] = {e->options.wipe_program, "--root", e->options.sysroot, "--detach",
		"--resume", NULL};
	int r = wipe_spawn(e, argv, wipe_on_program);

	if (r < 0)
		wipe_trouble(e, e->options.wipe_program, r);
}

static void wipe_on_service(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;

	if (answer->result == SESSION_DONE) {
		wipe_watch(e);
		return;
	}
	log_warning(
		"%s could not be started (%s); starting the program", WIPE_SERVICE, answer->detail);
	wipe_start_program(e);
}

static void wipe_start(struct enforcer *e)
{
	struct session_start start;
	int r;

	e->wipe->stage = WIPE_STARTING;
	effects_fill(e, &start, wipe_on_service);
	start.slot = &e->wipe->service;
	r = service_start(&start, WIPE_SERVICE);
	if (r < 0)
		wipe_start_program(e);
}

/* The point of no return: from here a power cut changes nothing. */
static void wipe_commit(struct enforcer *e)
{
	_cleanup_(wipe_places_done) struct wipe_places places;
	int r;

	wipe_places_open(e->sysroot_fd, NULL, &places);
	for (size_t i = 0; i < places.n; i++)
		(void)fs_remove(places.place[i].fd,
			places.place[i].is_boot ? WIPE_BOOT_PROGRESS : WIPE_STATE_PROGRESS);
	r = wipe_intent_write(e->sysroot_fd, &e->wipe->findings.plan);
	if (r < 0)
		wipe_trouble(e, "the plan of the wipe cannot be stored", r);
	else
		wipe_start(e);
}

/* --- last words -------------------------------------------------------------------------- */

static int wipe_on_last_words(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	wipe_commit(userdata);
	return 0;
}

void wipe_exchanged(struct enforcer *e, bool answered)
{
	if (!e->wipe || e->wipe->stage != WIPE_LAST_WORDS || !answered)
		return;
	/* What there was to tell did not all fit. */
	if (e->report.sent_seq < e->wipe->told_seq)
		(void)checkin_last_words(e, WIPE_LAST_WORDS_S);
	else if (wipe_after(e, 0, wipe_on_last_words) < 0)
		wipe_commit(e);
}

static void wipe_say_last_words(struct enforcer *e)
{
	struct wipe *w = e->wipe;
	char detail[LIMIT_TEXT_BYTES + 1];

	w->stage = WIPE_LAST_WORDS;
	wipe_describe(&w->findings, detail);
	log_warning("this phone is erased: %s", detail);
	if (commands_running(e) == VERB_WIPE)
		commands_note(e, "point_of_no_return", detail);
	else
		wipe_journal(e, "point_of_no_return", detail);
	w->told_seq = e->journal ? journal_last_seq(e->journal) : 0;
	nologin_set(e);
	wipe_end_sessions(e);
	recovery_stop(e);
	crypto_lock_stop(e);
	if (wipe_after(e, WIPE_LAST_WORDS_S * USEC_PER_SEC, wipe_on_last_words) < 0) {
		wipe_commit(e);
		return;
	}
	wipe_talk(e);
}

/* --- looking ----------------------------------------------------------------------------- */

static void wipe_on_checked(const struct child_result *result, void *userdata)
{
	struct enforcer *e = userdata;
	struct wipe *w = e->wipe;
	char detail[LIMIT_TEXT_BYTES + 1];

	(void)fs_remove(e->state.dir_fd, WIPE_CHECK_PLAN);
	if (result->end != CHILD_EXITED ||
		!wipe_words_check(result->output, &w->findings.plan, w->lost)) {
		snprintf(detail, sizeof(detail),
			"%.120s did not say what can be destroyed; nothing was",
			e->options.wipe_program);
		wipe_give_up(e, COMMAND_FAILED, "trouble", detail);
		return;
	}
	if (w->findings.plan.n_devices == 0) {
		snprintf(detail, sizeof(detail), "nothing can be destroyed: %.220s", w->lost);
		wipe_give_up(e, COMMAND_REFUSED, "nothing_to_destroy", detail);
		return;
	}
	w->findings.n_luks = 0;
	for (size_t i = 0; i < w->findings.plan.n_devices; i++)
		w->findings.n_luks += w->findings.plan.devices[i].kind == WIPE_KIND_LUKS;
	wipe_say_last_words(e);
}

static int wipe_check(struct enforcer *e)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char path[PATH_MAX];
	const char *argv[] = {
		e->options.wipe_program, "--root", e->options.sysroot, "--check", path, NULL};
	int r;

	wipe_plan_write(&e->wipe->findings.plan, &text);
	if (text.error)
		return text.error;
	r = state_write(&e->state, WIPE_CHECK_PLAN, text.data, text.n_bytes);
	if (r < 0)
		return r;
	if (snprintf(path, sizeof(path), "%s/" WIPE_CHECK_PLAN, e->options.state_dir) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	return wipe_spawn(e, argv, wipe_on_checked);
}

bool wipe_is_allowed(const struct enforcer *e)
{
	const struct documents *d = &e->documents;

	return d->has_assignment && d->assignment.ownership == OWNERSHIP_COMPANY;
}

void wipe_order(struct enforcer *e, const char *id, enum wipe_finish finish)
{
	struct wipe *w;
	int r;

	if (!wipe_is_allowed(e)) {
		wipe_tell(e, COMMAND_REFUSED, "personal_phone",
			e->documents.has_assignment
				? "it is its user's own phone, and nobody else's to erase"
				: "no assignment says that it is the organisation's phone");
		return;
	}
	if (e->wipe) {
		wipe_tell(e, COMMAND_REFUSED, "under_way", "it is being erased already");
		return;
	}
	w = e->wipe = calloc(1, sizeof(*w));
	if (!w) {
		wipe_tell(e, COMMAND_FAILED, "trouble", "out of memory; nothing was destroyed");
		return;
	}
	w->ordered_us = clock_boottime_us();
	r = wipe_find(e->sysroot_fd, e->platform.sysroot_is_root, &w->findings);
	snprintf(w->findings.plan.id, sizeof(w->findings.plan.id), "%s", id);
	w->findings.plan.finish = w->findings.plan.test ? WIPE_FINISH_NONE : finish;
	w->findings.plan.linger_s = e->state.facts.enrolled ? WIPE_LINGER_S : 0;
	if (r == 0 && w->findings.plan.n_devices == 0) {
		wipe_give_up(e, COMMAND_REFUSED, "nothing_to_destroy",
			"nothing was found on this phone that is its own to destroy");
		return;
	}
	if (r == 0)
		r = wipe_check(e);
	if (r < 0)
		wipe_trouble(e, "it could not be seen what there is to destroy", r);
}

bool wipe_is_underway(const struct enforcer *e)
{
	return e->wipe && e->wipe->stage > WIPE_LOOKING;
}

/* --- after a restart --------------------------------------------------------------------- */

bool wipe_is_of(const struct enforcer *e, const char *id)
{
	return e->wipe && strcmp(e->wipe->findings.plan.id, id) == 0;
}

static int wipe_on_go_on(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;
	_cleanup_(wipe_places_done) struct wipe_places places;

	(void)source;
	(void)usec;
	wipe_places_open(e->sysroot_fd, NULL, &places);
	/* One that was started is out of what ended with the agent. */
	if (wipe_intent_was_started(&places, e->wipe->findings.plan.id))
		wipe_watch(e);
	else
		wipe_start(e);
	return 0;
}

bool wipe_go_on(struct enforcer *e)
{
	_cleanup_(wipe_places_done) struct wipe_places places;
	struct wipe_plan plan;
	const char *reason;
	struct wipe *w;
	int r;

	wipe_places_open(e->sysroot_fd, NULL, &places);
	r = wipe_intent_read(&places, &plan, &reason);
	if (r < 0) {
		if (r != -ENOENT)
			log_error("the plan of a wipe is stored and cannot be read: %s",
				r == -EBADMSG ? reason : strerror(-r));
		nologin_lift(e);
		return false;
	}
	w = e->wipe = calloc(1, sizeof(*w));
	if (!w)
		return false;
	w->findings.plan = plan;
	for (size_t i = 0; i < plan.n_devices; i++)
		w->findings.n_luks += plan.devices[i].kind == WIPE_KIND_LUKS;
	w->ordered_us = clock_boottime_us();
	nologin_set(e);
	w->stage = WIPE_STARTING;
	/* From the loop: whoever hears of its end is not there yet. */
	r = wipe_after(e, 0, wipe_on_go_on);
	if (r < 0)
		log_error("the wipe that is stored cannot go on: %s", strerror(-r));
	return true;
}

bool wipe_look_back(struct enforcer *e, const char *id, struct command_result *ret_result)
{
	static const struct wipe_plan nothing;
	_cleanup_(wipe_places_done) struct wipe_places places;
	_cleanup_free_ char *text = NULL;
	char detail[LIMIT_TEXT_BYTES + 1];

	wipe_places_open(e->sysroot_fd, NULL, &places);
	if (!wipe_intent_was_started(&places, id) ||
		fs_read(places.place[0].fd, WIPE_STATE_PROGRESS, LIMIT_STATE_BYTES, &text, NULL) <
			0 ||
		wipe_words_progress(text, &nothing, detail) != WIPE_WORD_GONE)
		return false;
	*ret_result = (struct command_result){COMMAND_DONE, "after_restart",
		"it was finished before the agent was started again; what is not encrypted was "
		"overwritten or removed, flash may keep old copies"};
	return true;
}
