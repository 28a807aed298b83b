/* SPDX-License-Identifier: Apache-2.0 */
/* wipe.c - up to the point of no return, and after a restart; see wipe.h. Enforcer only. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/commands_private.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/recovery.h"
#include "agent/enforcer/wipe_private.h"
#include "agent/enforcer/wipe_words.h"
#include "agent/util/codec.h"
#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"
#include "agent/util/random.h"
#include "agent/wipe/intent.h"

#define WIPE_CHECK_PLAN "wipe.check" /* in the state directory */
#define WIPE_CHECK_SECONDS 10
#define WIPE_LAST_WORDS_S 2
#define WIPE_LINGER_S 3 /* in which the server hears that the keys are gone */

/* pam_nologin(8), login(1) and getty's refuse everybody but root while it is there. */
#define WIPE_NOLOGIN "etc/nologin"
#define WIPE_NOLOGIN_TEXT "This device is being erased.\n"

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

void wipe_tell(struct enforcer *e, bool is_commands, enum command_state state, const char *reason,
	const char *detail)
{
	if (is_commands)
		effects_finish(e, state, reason, detail);
	else
		wipe_journal(e, *reason ? reason : command_state_name(state), detail);
}

static void wipe_note(struct enforcer *e, const char *what, const char *detail)
{
	if (e->wipe->is_commands)
		commands_note(e, what, detail);
	else
		wipe_journal(e, what, detail);
}

/* Nothing was destroyed, and nothing will be. */
void wipe_give_up(
	struct enforcer *e, enum command_state state, const char *reason, const char *detail)
{
	_cleanup_(wipe_places_done) struct wipe_places places;
	bool is_commands = e->wipe->is_commands;
	char text[LIMIT_TEXT_BYTES + 1];

	/* It is the caller's, which may go. */
	snprintf(text, sizeof(text), "%s", detail);
	wipe_places_open(e->sysroot_fd, NULL, &places);
	(void)wipe_intent_remove(&places);
	(void)fs_remove(e->state.dir_fd, WIPE_CHECK_PLAN);
	nologin_lift(e);
	wipe_free(e);
	wipe_tell(e, is_commands, state, reason, text);
	/* What the wipe put an end to. */
	crypto_lock_go_on(e);
}

void wipe_trouble(struct enforcer *e, const char *what, int error)
{
	char detail[LIMIT_TEXT_BYTES + 1];

	snprintf(detail, sizeof(detail), "%s: %s; nothing was destroyed", what, strerror(-error));
	wipe_give_up(e, COMMAND_FAILED, "trouble", detail);
}

int wipe_after(struct enforcer *e, int64_t us, sd_event_time_handler_t handler)
{
	struct wipe *w = e->wipe;

	w->timer = sd_event_source_unref(w->timer);
	return sd_event_add_time(e->event, &w->timer, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + us), 10000, handler, e);
}

/* Tells the server at once, without a look at the phone before. */
void wipe_talk(struct enforcer *e)
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

/* The point of no return: from here a power cut changes nothing. */
static void wipe_commit(struct enforcer *e)
{
	_cleanup_(wipe_places_done) struct wipe_places places;
	char detail[LIMIT_TEXT_BYTES + 1];
	int r;

	wipe_places_open(e->sysroot_fd, NULL, &places);
	for (size_t i = 0; i < places.n; i++)
		(void)fs_remove(places.place[i].fd,
			places.place[i].is_boot ? WIPE_BOOT_PROGRESS : WIPE_STATE_PROGRESS);
	r = wipe_intent_write(e->sysroot_fd, &e->wipe->findings.plan);
	if (r < 0) {
		wipe_trouble(e, "the plan of the wipe cannot be stored", r);
		return;
	}
	wipe_describe(&e->wipe->findings, detail);
	wipe_note(e, "point_of_no_return", detail);
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
	wipe_note(e, "begins", detail);
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

int wipe_spawn(struct enforcer *e, const char *const *argv, child_done_fn done)
{
	const struct child_spec spec = {
		.argv = argv,
		.root_fd = -1,
		.deadline_s = WIPE_CHECK_SECONDS,
	};

	return child_start(e->event, &spec, done, e, &e->wipe->child);
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

static void wipe_begin(struct enforcer *e, const char *id, enum wipe_finish finish)
{
	struct wipe *w = e->wipe;
	struct wipe_plan *plan = &w->findings.plan;
	int r;

	w->ordered_us = clock_boottime_us();
	r = wipe_find(e->sysroot_fd, e->platform.sysroot_is_root, &w->findings);
	snprintf(plan->id, sizeof(plan->id), "%s", id);
	plan->finish = plan->test ? WIPE_FINISH_NONE : finish;
	plan->linger_s = e->state.facts.enrolled ? WIPE_LINGER_S : 0;
	if (r == 0 && plan->n_devices == 0) {
		wipe_give_up(e, COMMAND_REFUSED, "nothing_to_destroy",
			w->findings.left[0]
				? w->findings.left
				: "nothing was found on this phone that is its own to destroy");
		return;
	}
	if (r == 0)
		r = wipe_check(e);
	if (r < 0)
		wipe_trouble(e, "it could not be seen what there is to destroy", r);
}

static void wipe_order(
	struct enforcer *e, bool is_commands, const char *id, enum wipe_finish finish)
{
	if (!wipe_is_allowed(e)) {
		wipe_tell(e, is_commands, COMMAND_REFUSED, "personal_phone",
			e->documents.has_assignment
				? "it is its user's own phone, and nobody else's to erase"
				: "no assignment says that it is the organisation's phone");
		return;
	}
	if (e->wipe) {
		wipe_tell(
			e, is_commands, COMMAND_REFUSED, "under_way", "it is being erased already");
		return;
	}
	e->wipe = calloc(1, sizeof(*e->wipe));
	if (!e->wipe) {
		wipe_tell(e, is_commands, COMMAND_FAILED, "trouble",
			"out of memory; nothing was destroyed");
		return;
	}
	e->wipe->is_commands = is_commands;
	wipe_begin(e, id, finish);
}

void wipe_by_command(struct enforcer *e, const char *id, enum wipe_finish finish)
{
	wipe_order(e, true, id, finish);
}

void wipe_by_policy(struct enforcer *e)
{
	uint8_t random[8];
	char id[LIMIT_NAME_BYTES + 1] = "policy-";

	/* Another one each time: what an earlier one left must not be taken for this one's. */
	if (random_bytes(random, sizeof(random)) == 0)
		hex_encode(random, sizeof(random), id + strlen(id));
	wipe_order(e, false, id, WIPE_FINISH_POWEROFF);
}

bool wipe_is_underway(const struct enforcer *e)
{
	return e->wipe && e->wipe->stage > WIPE_LOOKING;
}

/* --- after a restart --------------------------------------------------------------------- */

bool wipe_is_of(struct enforcer *e, const char *id)
{
	if (!e->wipe || strcmp(e->wipe->findings.plan.id, id) != 0)
		return false;
	e->wipe->is_commands = true;
	return true;
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
	/* What it named went with the plan; how many there were does not matter. */
	static const struct wipe_plan any = {.n_devices = LIMIT_WIPE_DEVICES};
	_cleanup_(wipe_places_done) struct wipe_places places;
	_cleanup_free_ char *text = NULL;
	char detail[LIMIT_TEXT_BYTES + 1];
	enum wipe_word word;

	wipe_places_open(e->sysroot_fd, NULL, &places);
	if (!wipe_intent_was_started(&places, id) ||
		fs_read(places.place[0].fd, WIPE_STATE_PROGRESS, LIMIT_STATE_BYTES, &text, NULL) <
			0)
		return false;
	word = wipe_words_progress(text, &any, detail);
	if (word < WIPE_WORD_GONE)
		return false;
	if (word == WIPE_WORD_LEFT || *detail)
		*ret_result = (struct command_result){COMMAND_FAILED, "data_left",
			"it was given up before the agent was started again: not everything could "
			"be destroyed"};
	else
		*ret_result = (struct command_result){COMMAND_DONE, "after_restart",
			"it was finished before the agent was started again; what is not encrypted "
			"was overwritten or removed, flash may keep old copies"};
	return true;
}
