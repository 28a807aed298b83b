/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_rotate.c - the command "rotate-recovery-key": somebody has seen recovery keys of this
 * phone. They count as seen from now on, until new ones take their place: at once where the agent
 * keeps a key of its own, otherwise when the user has them made, who is reminded. Enforcer.
 */
#include <errno.h>

#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/recovery.h"

void command_rotate_recovery_key(struct enforcer *e, const struct command *command)
{
	const struct command_value *generation = command_argument(command, "generation");
	size_t n_seen = 0;
	int r = recovery_seen(
		e, generation && generation->has ? generation->number : INT64_MAX, &n_seen);

	if (r == -ENOKEY) {
		effects_finish(e, COMMAND_REFUSED, "no_escrow", "this phone has no recovery key");
		return;
	}
	if (r < 0) {
		effects_failed(e, r);
		return;
	}
	effects_finish(e, COMMAND_DONE, "",
		n_seen == 0 ? "newer recovery keys are in their place already"
			    : "the recovery keys count as seen until new ones are in their place");
	/* Compliance says so, and what follows from it is done after the round. */
	reconcile_request(&e->reconcile, false);
}
