/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_crypto_lock.c - the command "crypto-lock": every keyslot but that of the organisation's
 * recovery key is removed, then the phone restarts and asks for that key. Refused, with nothing
 * changed, where the organisation could not open the phone again. Begun once it is gone on with
 * after every restart (recovery.h). Enforcer.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/commands_private.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/places.h"
#include "agent/enforcer/recovery.h"
#include "agent/enforcer/wipe.h"

/* What came of it is told to the server before the restart, if that is quick. */
#define CRYPTO_LOCK_LAST_WORDS_S 10
#define CRYPTO_LOCK_RETRY_S 60

/* --- the restart -------------------------------------------------------------------------- */

static int crypto_lock_on_time(sd_event_source *source, uint64_t usec, void *userdata);

static int crypto_lock_restart_in(struct enforcer *e, int64_t seconds)
{
	e->effects.restart_timer = sd_event_source_unref(e->effects.restart_timer);
	return sd_event_add_time(e->event, &e->effects.restart_timer, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + seconds * USEC_PER_SEC), 10000,
		crypto_lock_on_time, e);
}

static void crypto_lock_on_restart(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;

	if (answer->result == SESSION_DONE)
		return;
	log_error("the phone is locked for good, but could not be restarted: %s; until it is, its "
		  "disks stay open; it is tried again in a minute",
		answer->detail);
	(void)crypto_lock_restart_in(e, CRYPTO_LOCK_RETRY_S);
}

static void crypto_lock_restart(struct enforcer *e)
{
	struct session_start start;
	int r;

	e->effects.restart_timer = sd_event_source_unref(e->effects.restart_timer);
	session_call_free(TAKE_PTR(e->effects.restart));
	effects_fill(e, &start, crypto_lock_on_restart);
	start.slot = &e->effects.restart;
	r = effects_ops(e)->reboot(&start);
	if (r < 0) {
		log_error("the phone could not be restarted: %s; it is tried again in a minute",
			strerror(-r));
		(void)crypto_lock_restart_in(e, CRYPTO_LOCK_RETRY_S);
	}
}

static int crypto_lock_on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;

	(void)source;
	(void)usec;
	e->effects.restart_timer = sd_event_source_unref(e->effects.restart_timer);
	if (recovery_is_locking(e))
		crypto_lock_go_on(e);
	else
		crypto_lock_restart(e);
	return 0;
}

/* Nothing is looked at before: it is about what was done. One that is under way is waited for. */
static void crypto_lock_tell(struct enforcer *e)
{
	if (!e->exchange && e->state.facts.enrolled)
		(void)checkin_last_words(e, CRYPTO_LOCK_LAST_WORDS_S);
}

static void crypto_lock_end(struct enforcer *e)
{
	e->effects.restart_seq = e->journal ? journal_last_seq(e->journal) : 0;
	if (crypto_lock_restart_in(e, CRYPTO_LOCK_LAST_WORDS_S) < 0) {
		crypto_lock_restart(e);
		return;
	}
	crypto_lock_tell(e);
}

void crypto_lock_exchanged(struct enforcer *e, bool answered)
{
	/* Zero: the words were said, or nobody has any. */
	if (!e->effects.restart_timer || !e->effects.restart_seq || !answered)
		return;
	if (e->state.facts.acked_seq < e->effects.restart_seq) {
		crypto_lock_tell(e);
		return;
	}
	e->effects.restart_seq = 0;
	crypto_lock_restart(e);
}

void crypto_lock_stop(struct enforcer *e)
{
	session_call_free(TAKE_PTR(e->effects.restart));
	e->effects.restart_timer = sd_event_source_unref(e->effects.restart_timer);
	e->effects.restart_seq = 0;
}

/* --- locking ------------------------------------------------------------------------------ */

/* The worst of the volumes. */
static const struct recovery_outcome *crypto_lock_worst(
	const struct recovery_outcome *outcomes, size_t n_outcomes)
{
	static const enum recovery_end order[] = {RECOVERY_FAILED, RECOVERY_BROKEN,
		RECOVERY_MISSING, RECOVERY_OTHER, RECOVERY_WAITING};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		for (size_t k = 0; k < n_outcomes; k++)
			if (outcomes[k].end == order[i])
				return &outcomes[k];
	return NULL;
}

static bool crypto_lock_any_locked(const struct recovery_outcome *outcomes, size_t n_outcomes)
{
	for (size_t i = 0; i < n_outcomes; i++)
		if (outcomes[i].end == RECOVERY_LOCKED)
			return true;
	return false;
}

static void crypto_lock_refused(
	struct enforcer *e, const struct recovery_outcome *worst, bool begun)
{
	char detail[LIMIT_TEXT_BYTES + 1];

	switch (worst->end) {
	case RECOVERY_FAILED:
		snprintf(detail, sizeof(detail), "%.100s: %.140s", worst->name, worst->detail);
		effects_finish(e, COMMAND_FAILED, "trouble", detail);
		return;
	case RECOVERY_BROKEN:
		snprintf(detail, sizeof(detail),
			"the organisation's key does not open %.100s any more%s", worst->name,
			begun ? "; other disks are locked" : "; nothing was changed");
		effects_finish(e, COMMAND_REFUSED, "escrow_broken", detail);
		return;
	case RECOVERY_OTHER:
		snprintf(detail, sizeof(detail),
			"the recovery key of %.100s is sealed to another escrow certificate than "
			"the policy names; nothing was changed",
			worst->name);
		effects_finish(e, COMMAND_REFUSED, "no_escrow", detail);
		return;
	default:
		snprintf(detail, sizeof(detail),
			"the organisation has no recovery key of %.90s%s%.70s; nothing was changed",
			worst->name, worst->detail[0] ? ": " : "", worst->detail);
		effects_finish(e, COMMAND_REFUSED, "no_escrow", detail);
		return;
	}
}

static void crypto_lock_done(struct enforcer *e)
{
	char places[LIMIT_TEXT_BYTES + 1], detail[LIMIT_TEXT_BYTES + 1];

	recovery_open_places(e, places);
	if (places[0])
		snprintf(detail, sizeof(detail),
			"nothing but the organisation's recovery key opens this phone's encrypted "
			"disks any more; not encrypted, and still to be read: %.60s",
			places);
	else
		snprintf(detail, sizeof(detail),
			"nothing but the organisation's recovery key opens this phone any more");
	effects_finish(e, COMMAND_DONE, "", detail);
}

/* No command hears of it. */
static void crypto_lock_refused_policy(struct enforcer *e, const struct recovery_outcome *worst)
{
	char detail[LIMIT_TEXT_BYTES + 1];

	log_error("not locked for good: %s: %s %s", worst->name, recovery_end_name(worst->end),
		worst->detail);
	snprintf(detail, sizeof(detail), "%.100s: the recovery key is %s%s%.100s", worst->name,
		recovery_end_name(worst->end), worst->detail[0] ? ": " : "", worst->detail);
	places_crypto_locked(e, detail);
}

static void crypto_lock_on_done(
	struct enforcer *e, const struct recovery_outcome *outcomes, size_t n_outcomes)
{
	const struct recovery_outcome *worst = crypto_lock_worst(outcomes, n_outcomes);
	bool ordered = commands_running(e) == VERB_CRYPTO_LOCK;

	reconcile_request(&e->reconcile, false);
	if (worst) {
		if (ordered)
			crypto_lock_refused(e, worst, crypto_lock_any_locked(outcomes, n_outcomes));
		else
			crypto_lock_refused_policy(e, worst);
		/* Something was in the way of what was begun. */
		if (recovery_is_locking(e))
			(void)crypto_lock_restart_in(e, CRYPTO_LOCK_RETRY_S);
		return;
	}
	log_warning("every keyslot but those of the organisation is gone; the phone restarts");
	if (ordered)
		crypto_lock_done(e);
	else
		places_crypto_locked(e, NULL);
	crypto_lock_end(e);
}

static int crypto_lock_begin(struct enforcer *e)
{
	const struct recovery_request request = {.lock = true};

	return recovery_start(e, &request, crypto_lock_on_done);
}

void command_crypto_lock(struct enforcer *e, const struct command *command)
{
	int r;

	(void)command;
	effects_stop(e);
	if (wipe_is_underway(e)) {
		effects_finish(
			e, COMMAND_REFUSED, "under_way", "this phone is being erased already");
		return;
	}
	r = crypto_lock_begin(e);
	if (r == -ENODEV)
		effects_finish(
			e, COMMAND_REFUSED, "not_encrypted", "nothing of this phone lies on LUKS");
	else if (r == -ENOENT)
		effects_finish(
			e, COMMAND_REFUSED, "no_program", "there is no cryptsetup on this phone");
	else if (r < 0)
		effects_failed(e, r);
}

void command_crypto_lock_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result)
{
	(void)command;
	(void)same_boot;
	*ret_result = recovery_is_locking(e)
			      ? (struct command_result){COMMAND_INTERRUPTED, "goes_on",
					"the agent was started again in the middle and goes on by "
					"itself"}
			      : (struct command_result){COMMAND_INTERRUPTED, "restarted",
					"the agent was started again before a keyslot was removed"};
}

void crypto_lock_go_on(struct enforcer *e)
{
	int r = recovery_is_locking(e) ? crypto_lock_begin(e) : 0;

	if (r < 0) {
		log_error("this phone is to be locked for good, which cannot go on: %s; it is "
			  "tried again in a minute",
			strerror(-r));
		(void)crypto_lock_restart_in(e, CRYPTO_LOCK_RETRY_S);
	}
	if (recovery_wants_restart(e))
		crypto_lock_end(e);
}

int crypto_lock_by_policy(struct enforcer *e)
{
	int r = crypto_lock_begin(e);

	if (r < 0)
		log_error("the policy wants this phone locked for good, which cannot begin: %s",
			strerror(-r));
	return r;
}
