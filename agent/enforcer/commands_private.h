/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands_private.h - what commands.c, commands_show.c and the handlers of command_verbs.c and
 * command_unenroll.c share. Enforcer only.
 */
#ifndef MDM_ENFORCER_COMMANDS_PRIVATE_H
#define MDM_ENFORCER_COMMANDS_PRIVATE_H

#include "agent/enforcer/command_judge.h"
#include "agent/enforcer/commands.h"
#include "agent/enforcer/enforcer.h"

/* How far leaving the organisation by a command has come. */
enum unenroll_stage {
	UNENROLL_NONE,
	UNENROLL_REPORTING,  /* the server is told that it runs */
	UNENROLL_REVERTING,  /* the backends give back what was there */
	UNENROLL_LAST_WORDS, /* the server is told how it ended */
	UNENROLL_STAGE_MAX,
};

struct commands {
	struct ledger ledger;
	struct command_nonces nonces;
	char running[COMMAND_ID_LENGTH + 1]; /* its handler was called in this process; "" */
	/* Likewise, of a verb that takes long and that others do not wait for; "" */
	char beside[COMMAND_ID_LENGTH + 1];
	bool overdue; /* its deadline passed; the handler has not said its last word yet */
	sd_event_source *defer, *deadline;

	enum unenroll_stage unenroll;
	uint64_t unenroll_seq; /* journal record that tells of the running command */
	bool unenroll_failed;  /* not everything could be restored */
	sd_event_source *unenroll_timer;
};

#define COMMANDS_FILE "commands" /* in the state directory */

/* commands.c */
/* Makes the ledger durable, or notes PROBLEM_COMMANDS. 0 or -errno. */
int commands_save(struct enforcer *e);
void commands_journal(struct enforcer *e, const struct ledger_entry *entry);
/* Ends one that has not ended; no other arrow is asked for. */
void commands_end(struct enforcer *e, struct ledger_entry *entry, enum command_state state,
	const char *reason, const char *detail);
/* How far the running command is, as a record that the server gets; it goes on running. */
void commands_note(struct enforcer *e, const char *reason, const char *detail);
/* The verb of the one that is running; VERB_MAX: none is. */
enum verb_id commands_running(const struct enforcer *e);
/* Verbs that others need not wait for: one of them at a time, beside one of the others. */
bool commands_is_beside(enum verb_id verb);
/* The one beside has ended. */
void commands_finish_beside(struct enforcer *e, const struct command_result *result);
/* Starts the next one from the loop, if none is running. */
void commands_schedule(struct enforcer *e);
void commands_make_nonce(struct commands *c);
/* What has not ended will not any more. */
void commands_interrupt(struct enforcer *e);

/* command_verbs.c: an exchange ended; sync may be waiting for it. */
void command_sync_exchanged(struct enforcer *e, bool answered);

/* command_wipe.c: whether it is about what is the organisation's alone. */
bool command_wipe_is_corporate(const struct command *command);

/* command_unenroll.c: whether the phone leaves by it; goes on leaving after a restart. */
bool command_leaves(const struct command *command);
/* command_verbs.h has command_unenroll(), which a policy may order, too: command NULL. */
void command_unenroll_resume(struct enforcer *e);
void command_unenroll_exchanged(struct enforcer *e, bool answered);

#endif
