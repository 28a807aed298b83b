/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_crypto_lock.c - the command "crypto-lock": every keyslot but that of the organisation's
 * recovery key is removed, then the phone restarts and asks for that key. Refused, with nothing
 * changed, where the organisation could not open the phone again. Begun once it is gone on with
 * after every restart (recovery.h). Enforcer.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/commands_private.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/recovery.h"

/* What came of it is told to the server first, if that is quick. */
#define CRYPTO_LOCK_LAST_WORDS_S 10

static void crypto_lock_on_restart(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;

	(void)e;
	if (answer->result != SESSION_DONE)
		log_error("the phone is locked for good, but could not be restarted: %s; until it "
			  "is, its disks stay open",
			answer->detail);
}

static int crypto_lock_restart(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;
	struct session_start start;
	int r;

	(void)source;
	(void)usec;
	e->effects.timer = sd_event_source_unref(e->effects.timer);
	effects_fill(e, &start, crypto_lock_on_restart);
	r = effects_ops(e)->reboot(&start);
	if (r < 0)
		log_error("the phone could not be restarted: %s", strerror(-r));
	return 0;
}

/* The worst of the volumes. */
static const struct recovery_outcome *crypto_lock_worst(
	const struct recovery_outcome *outcomes, size_t n_outcomes)
{
	static const enum recovery_end order[] = {
		RECOVERY_FAILED, RECOVERY_BROKEN, RECOVERY_MISSING, RECOVERY_WAITING};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		for (size_t k = 0; k < n_outcomes; k++)
			if (outcomes[k].end == order[i])
				return &outcomes[k];
	return NULL;
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
	default:
		snprintf(detail, sizeof(detail),
			"the organisation has no recovery key of %.100s; nothing was changed",
			worst->name);
		effects_finish(e, COMMAND_REFUSED, "no_escrow", detail);
		return;
	}
}

static void crypto_lock_on_done(
	struct enforcer *e, const struct recovery_outcome *outcomes, size_t n_outcomes)
{
	const struct recovery_outcome *worst = crypto_lock_worst(outcomes, n_outcomes);
	bool ordered = commands_running(e) == VERB_CRYPTO_LOCK;
	int r;

	reconcile_request(&e->reconcile, false);
	if (worst) {
		if (ordered)
			crypto_lock_refused(e, worst, recovery_is_locking(e));
		else
			log_error("not locked for good: %s: %s %s", worst->name,
				recovery_end_name(worst->end), worst->detail);
		return;
	}
	log_warning("every keyslot but those of the organisation is gone; the phone restarts");
	if (ordered)
		effects_finish(e, COMMAND_DONE, "",
			"nothing but the organisation's recovery key opens this phone any more");
	r = effects_after(e, CRYPTO_LOCK_LAST_WORDS_S, crypto_lock_restart);
	if (r < 0)
		(void)crypto_lock_restart(NULL, 0, e);
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

	if (r < 0)
		log_error("this phone is to be locked for good, which cannot go on: %s",
			strerror(-r));
}

void crypto_lock_by_policy(struct enforcer *e)
{
	int r = crypto_lock_begin(e);

	if (r < 0)
		log_error("the policy wants this phone locked for good, which cannot begin: %s",
			strerror(-r));
}
