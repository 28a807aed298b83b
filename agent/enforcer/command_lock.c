/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_lock.c - the command "lock"; see platform/session.h for what is done and believed.
 * Enforcer.
 */
#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/enforcer.h"

/*
 * Whether the only user interface of this phone is one that has no lock screen, as the backends
 * found out. It is asked to lock all the same: its user may have installed a locker.
 */
static bool lock_has_no_locker(const struct enforcer *e)
{
	bool none = false;

	for (size_t i = 0; i < e->reconcile.n_backends; i++) {
		const struct reconcile_backend *rb = &e->reconcile.backends[i];

		if (!rb->fact.present || !rb->backend->ops->serves[SETTING_SCREEN_LOCK_ENABLED])
			continue;
		if (rb->fact.reason != REASON_NO_LOCKER)
			return false;
		none = true;
	}
	return none;
}

static void lock_on_done(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;

	if (answer->result == SESSION_NO_ANSWER && lock_has_no_locker(e))
		effects_finish(e, COMMAND_REFUSED, compliance_reason_name(REASON_NO_LOCKER),
			"the user interface of this phone has no lock screen");
	else
		effects_finish(e, effects_state(answer->result),
			effects_state(answer->result) == COMMAND_DONE
				? ""
				: session_result_name(answer->result),
			answer->detail);
}

void command_lock(struct enforcer *e, const struct command *command)
{
	struct session_start start;
	int r;

	(void)command;
	effects_stop(e);
	effects_fill(e, &start, lock_on_done);
	r = effects_ops(e)->lock(&start);
	if (r < 0)
		effects_failed(e, r);
}
