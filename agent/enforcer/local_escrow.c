/* SPDX-License-Identifier: Apache-2.0 */
/* local_escrow.c - what agentctl asks about recovery keys and passphrases; see local.h. Enforcer.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/answers.h"
#include "agent/enforcer/checkin.h"
#include "agent/enforcer/local_private.h"
#include "agent/enforcer/recovery.h"

static void local_escrow_done(
	struct enforcer *e, const struct recovery_outcome *outcomes, size_t n_outcomes)
{
	_cleanup_buf_ struct buf json = {.max_bytes = LIMIT_LOCAL_ANSWER_BYTES};

	answer_escrow(outcomes, n_outcomes, &json);
	local_answer_all(e->local, MESSAGE_CTL_ESCROW, json.error ? CTL_E_INTERNAL : CTL_OK,
		json.error ? "out of memory" : "", json.error ? NULL : &json);
	reconcile_request(&e->reconcile, false);
	/* What was made counts when the server has it. */
	if (e->state.facts.enrolled && !checkin_is_leaving(e)) {
		pacing_request(&e->pacing, clock_boottime_us(), 0, true);
		checkin_begin(e);
	}
}

/* Looking is for everybody; who has a key made says a passphrase, and root could read it all. */
void local_escrow(struct local_client *c, const struct msg_ctl_escrow *request)
{
	struct enforcer *e = c->local->e;
	const struct recovery_request wanted = {
		.passphrase = request->wish == ESCROW_LOOK ? NULL : request->passphrase,
		.n_passphrase = request->n_passphrase,
		.anew = request->wish == ESCROW_RENEW,
		.keep = request->wish == ESCROW_KEEP,
		.given = request->wish == ESCROW_RESTORE ? request->given : NULL,
		.n_given = request->n_given,
	};
	char message[LIMIT_TEXT_BYTES + 1];
	enum ctl_code code = CTL_E_STATE;
	int r = -EINVAL;

	if (!c->may_act) {
		snprintf(message, sizeof(message), "this needs root or membership in the group %s",
			e->options.admin_group);
		local_answer(c, CTL_E_DENIED, message, NULL);
		return;
	}
	if (request->wish < ESCROW_WISH_MAX)
		r = e->state.facts.enrolled ? recovery_start(e, &wanted, local_escrow_done)
					    : -EHOSTUNREACH;
	switch (r) {
	case 0:
		c->waits_for = MESSAGE_CTL_ESCROW;
		return;
	case -EHOSTUNREACH:
		snprintf(message, sizeof(message), "this phone is not enrolled");
		break;
	case -EBUSY:
		code = CTL_E_BUSY;
		snprintf(message, sizeof(message),
			"recovery keys are being made or looked at; try again in a minute");
		break;
	case -ENOKEY:
		snprintf(message, sizeof(message),
			"no policy of this phone names somebody who could read a recovery key; the "
			"organisation signs one with its escrow certificate");
		break;
	case -EXDEV:
		snprintf(message, sizeof(message),
			"the agent's files (%s) do not lie on an encrypted disk, so that its key would "
			"lie open",
			e->options.state_dir);
		break;
	case -ENODEV:
		snprintf(message, sizeof(message), "nothing of this phone lies on LUKS");
		break;
	case -ENOENT:
		snprintf(message, sizeof(message), "there is no cryptsetup on this phone");
		break;
	case -EINVAL:
		code = CTL_E_INPUT;
		snprintf(message, sizeof(message), "a passphrase has 1 to %d bytes",
			LIMIT_PASSWORD_BYTES);
		break;
	default:
		code = CTL_E_INTERNAL;
		snprintf(message, sizeof(message), "the encrypted disks cannot be found: %s",
			strerror(-r));
		break;
	}
	local_answer(c, code, message, NULL);
}
