/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h - executing signed commands at most once. The ledger (state file "commands") has every
 * id that was ever accepted and may not have expired yet; it is durable before anything is run.
 * Enforcer only.
 */
#ifndef MDM_ENFORCER_COMMANDS_H
#define MDM_ENFORCER_COMMANDS_H

#include "agent/trust/command.h"
#include "agent/trust/document.h"

struct enforcer;
struct commands; /* e->commands */

/* How a handler ended. reason: one word, stable ("no_locker"); detail: a sentence for people. */
struct command_result {
	enum command_state state; /* DONE, FAILED, REFUSED (cannot here), INTERRUPTED */
	const char *reason, *detail;
};
typedef void (*command_done_fn)(struct enforcer *e, const struct command_result *result);

/*
 * A handler starts the work and returns; it calls commands_finish() exactly once, then or later
 * (never from a signal). One command runs at a time; a deadline of its own ends it as failed.
 */
typedef void (*command_handler_fn)(struct enforcer *e, const struct command *command);

struct command_handler {
	command_handler_fn run;
	/* After a restart found it running: what became of it, as far as can be seen (a reboot is
	 * done when the boot id changed). RUNNING: it goes on, and ends like any other. NULL:
	 * interrupted. */
	void (*resume)(struct enforcer *e, const struct command *command, bool same_boot,
		struct command_result *ret_result);
	int64_t deadline_s; /* 0: it ends by itself, always */
};
extern const struct command_handler command_handlers[VERB_MAX]; /* command_verbs.c */

/*
 * Reads the ledger; what was running is interrupted or resumed, what was accepted and has not
 * expired is run from the loop. *ret_commands (e->commands) is set before anything is resumed. A
 * ledger that is damaged or missing is replaced by a floor: nothing issued before is taken.
 * 0 or -errno.
 */
int commands_new(struct enforcer *e, struct commands **ret_commands);
void commands_free(struct commands *commands);

/*
 * A verified document of type command, for this device and enrolment: looked up, judged, recorded,
 * queued. 0: accepted. DOCUMENTS_COMMAND_KNOWN: accepted before; nothing happens again, and the
 * courier, who can repeat it as often as he likes, causes no check-in by it. 1: refused with
 * *ret_refusal (role threshold of the verb, nonce, replay behind the ledger, ledger full, meaning).
 * -errno: the ledger could not be written; nothing will run and it may come again.
 */
int commands_take(
	struct enforcer *e, const struct document *document, struct document_refusal *ret_refusal);

/* Whether an id was accepted and is remembered. */
bool commands_knows(const struct enforcer *e, const char *id);

/* A command was refused that keys of the organisation signed: whoever sent it hears of it. */
void commands_refused(struct enforcer *e, const struct document_refusal *why);

/* The running command has ended. */
void commands_finish(struct enforcer *e, const struct command_result *result);

/* The nonce of the next report: 22 characters; made anew at start, after use and every hour.
 * "": there is no randomness. */
const char *commands_nonce(struct enforcer *e);

/* A check-in ended, in either way. */
void commands_exchanged(struct enforcer *e, bool answered);

/* Enrolment ended: forgets everything but the floor below which nothing is taken. */
void commands_forget(struct enforcer *e);

/* Between the first setting that an unenroll command gives back and the end of the enrolment. */
bool commands_is_leaving(const struct enforcer *e);
/* Everything was given back. True: the server is told first; checkin_left() will be called. */
bool commands_reverted(struct enforcer *e, bool failed);

/* JSON for CTL_COMMANDS: one object. */
struct jsonw;
void commands_write(const struct enforcer *e, struct jsonw *w, const char *key);
/* For CTL_STATUS: what runs, and what ended badly within a day. */
void commands_write_status(const struct enforcer *e, struct jsonw *w, const char *key);

#endif
