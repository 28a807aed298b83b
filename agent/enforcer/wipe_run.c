/* SPDX-License-Identifier: Apache-2.0 */
/* wipe_run.c - from the point of no return on: starting what destroys, and what it says; see
 * wipe.h. Enforcer only. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/enforcer/effects.h"
#include "agent/enforcer/wipe_private.h"
#include "agent/enforcer/wipe_words.h"
#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "agent/wipe/intent.h"
#include "platform/service.h"

#define WIPE_SERVICE "mdm-agent-wipe.service"
#define WIPE_SILENCE_S 60
#define WIPE_LOOK_US (100 * USEC_PER_SEC / 1000)

/* --- what it says ------------------------------------------------------------------------ */

/* What stays, of what was found and of what could not be destroyed. */
static const char *wipe_left(const struct wipe *w)
{
	return w->lost[0] ? w->lost : w->findings.left;
}

static void wipe_over(struct enforcer *e, enum wipe_word word, const char *detail)
{
	struct wipe *w = e->wipe;
	int64_t ms = (clock_boottime_us() - w->ordered_us) / 1000;
	const char *left = wipe_left(w);
	char text[LIMIT_TEXT_BYTES + 1];

	w->stage = WIPE_OVER;
	if (word == WIPE_WORD_LEFT || (word == WIPE_WORD_FINISHED && *detail)) {
		snprintf(text, sizeof(text),
			"not everything could be destroyed: %.160s; it is tried again at the next "
			"start",
			detail);
		wipe_tell(e, w->is_commands, COMMAND_FAILED,
			word == WIPE_WORD_LEFT ? "keys_left" : "data_left", text);
	} else if (w->findings.n_luks == 0) {
		snprintf(text, sizeof(text),
			"nothing was encrypted; data were overwritten and removed, flash may keep "
			"old copies%s%.120s",
			*left ? "; stays: " : "", left);
		wipe_tell(e, w->is_commands, COMMAND_DONE, "not_encrypted", text);
	} else {
		bool is_mixed = w->findings.n_luks < w->findings.plan.n_devices;

		snprintf(text, sizeof(text),
			"the keys of %zu encrypted volume%s are destroyed, %" PRId64
			".%03d s after the order%s%s%.80s",
			w->findings.n_luks, w->findings.n_luks == 1 ? "" : "s", ms / 1000,
			(int)(ms % 1000),
			is_mixed ? "; what is not encrypted is being overwritten" : "",
			*left ? "; stays: " : "", left);
		wipe_tell(e, w->is_commands, COMMAND_DONE, *left ? "partly" : "", text);
	}
	wipe_talk(e);
}

/* Of what has no keys the end counts. */
static bool wipe_is_told(const struct wipe *w, enum wipe_word word)
{
	return word == WIPE_WORD_FINISHED ||
	       (w->findings.n_luks > 0 && (word == WIPE_WORD_GONE || word == WIPE_WORD_LEFT));
}

static void wipe_silent(struct enforcer *e, enum wipe_word word)
{
	struct wipe *w = e->wipe;

	w->stage = WIPE_OVER;
	wipe_tell(e, w->is_commands, COMMAND_FAILED, "no_answer",
		word == WIPE_WORD_SILENCE
			? "what destroys was started and says nothing; it goes on at the next start"
			: "it was begun and does not end; it goes on at the next start");
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
	if (wipe_is_told(w, word)) {
		wipe_over(e, word, detail);
		return 0;
	}
	/* To overwrite takes its time; the system ends behind it. */
	if (clock_boottime_us() > w->silent_until_us && word != WIPE_WORD_GONE) {
		wipe_silent(e, word);
		return 0;
	}
	if (wipe_after(e, WIPE_LOOK_US, wipe_on_look) < 0)
		log_error("what becomes of the wipe cannot be watched");
	return 0;
}

/* --- starting ---------------------------------------------------------------------------- */

void wipe_watch(struct enforcer *e)
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

/* Where nobody else starts services: in a session and a control group of its own. */
static void wipe_start_program(struct enforcer *e)
{
	const char *argv[] = {e->options.wipe_program, "--root", e->options.sysroot, "--detach",
		"--resume", NULL};
	int r = wipe_spawn(e, argv, wipe_on_program);

	if (r < 0)
		wipe_trouble(e, e->options.wipe_program, r);
}

static void wipe_on_restart(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;

	if (answer->result == SESSION_DONE)
		wipe_watch(e);
	else
		wipe_give_up(e, COMMAND_FAILED, "not_started", answer->detail);
}

/*
 * The agent may not do in its sandbox what has to be done now. The same service goes on with a plan
 * at the next start.
 */
static void wipe_on_service(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;
	struct session_start start;

	if (answer->result == SESSION_DONE) {
		wipe_watch(e);
		return;
	}
	log_warning("%s could not be started (%s); restarting the phone for it", WIPE_SERVICE,
		answer->detail);
	effects_fill(e, &start, wipe_on_restart);
	start.slot = &e->wipe->service;
	if (effects_ops(e)->reboot(&start) < 0)
		wipe_give_up(e, COMMAND_FAILED, "not_started", answer->detail);
}

void wipe_start(struct enforcer *e)
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
