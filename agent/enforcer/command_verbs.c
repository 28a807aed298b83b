/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_verbs.c - the table of handlers, made of the same rows as the table of verbs
 * (agent/trust/verb.h), and the verb "sync". Enforcer only.
 */
#include "agent/enforcer/command_verbs.h"

#include <string.h>

#include "agent/enforcer/apps_work.h"
#include "agent/enforcer/checkin.h"
#include "agent/enforcer/commands_private.h"
#include "agent/enforcer/effects.h"

/* What the row of a verb does not say: how long it may take, and what a restart means to it. */
enum {
	/* A check-in that fails is tried again with back-off; a few of them fit. */
	DEADLINE_SYNC = 15 * 60,
	DEADLINE_LOCK = EFFECTS_DEADLINE_S,
	DEADLINE_MESSAGE = EFFECTS_DEADLINE_S,
	DEADLINE_REBOOT = EFFECTS_REBOOT_DEADLINE_S,
	/* Each of its steps has one. Nothing may stop it in the middle. */
	DEADLINE_UNENROLL = 0,
	DEADLINE_DIAGNOSTICS = EFFECTS_DIAGNOSTICS_DEADLINE_S,
	DEADLINE_UNLOCK_ATTEMPTS = EFFECTS_DEADLINE_S,
	DEADLINE_SET_PASSCODE = EFFECTS_DEADLINE_S,
	DEADLINE_ROTATE_RECOVERY_KEY = EFFECTS_DEADLINE_S,
	/* Each question to cryptsetup has one. Nothing may stop it in the middle. */
	DEADLINE_CRYPTO_LOCK = 0,
	/* Each of its steps has one. */
	DEADLINE_WIPE = 0,
	/* Each job has one, and ends. */
	DEADLINE_INSTALL = 0,
	DEADLINE_REMOVE = 0,
	DEADLINE_UPDATE = 0,
	DEADLINE_LOST = EFFECTS_DEADLINE_S,
};
#define RESUME_SYNC NULL
#define RESUME_LOCK NULL
#define RESUME_MESSAGE NULL
#define RESUME_REBOOT command_reboot_resume
#define RESUME_UNENROLL NULL
#define RESUME_DIAGNOSTICS command_diagnostics_resume
#define RESUME_UNLOCK_ATTEMPTS NULL
#define RESUME_SET_PASSCODE command_passcode_resume
#define RESUME_ROTATE_RECOVERY_KEY NULL
#define RESUME_CRYPTO_LOCK command_crypto_lock_resume
#define RESUME_WIPE command_wipe_resume
#define RESUME_INSTALL command_apps_resume
#define RESUME_REMOVE command_apps_resume
#define RESUME_UPDATE command_apps_resume
#define RESUME_LOST NULL

const struct command_handler command_handlers[VERB_MAX] = {
#define X(id, name, role, valid_s, arguments, handler, help)                                       \
	[VERB_##id] = {.run = handler, .resume = RESUME_##id, .deadline_s = DEADLINE_##id},
	VERB_TABLE(X)
#undef X
};

/* --- sync -------------------------------------------------------------------------------- */

static void sync_begin(struct enforcer *e)
{
	/* The next report carries every section again. */
	memset(e->report.acked, 0, sizeof(e->report.acked));
	/* Whoever signed it is a person: as if asked for on the phone. */
	pacing_request(&e->pacing, clock_boottime_us(), 0, true);
	checkin_begin(e);
}

void command_sync(struct enforcer *e, const struct command *command)
{
	(void)command;
	/* The check-in keeps the phone awake by itself; until there is a network it may sleep. */
	reactions_release(e, REACTIONS_COMMAND);
	sync_begin(e);
}

void command_sync_exchanged(struct enforcer *e, bool answered)
{
	const struct command_result done = {
		COMMAND_DONE, "", "the server has everything that the phone reports"};

	/* After a failure pacing tries again; the deadline ends that. */
	if (!answered || commands_running(e) != VERB_SYNC)
		return;
	/* That report had been written before. */
	if (!e->report.complete) {
		sync_begin(e);
		return;
	}
	commands_finish(e, &done);
}
