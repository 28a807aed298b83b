/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effects.h - what the handlers of the verbs that do something to the phone or its users share:
 * one operation at a time, its answer as the result of a command. Only here does the enforcer see
 * platform/session.h. Enforcer only.
 */
#ifndef MDM_ENFORCER_EFFECTS_H
#define MDM_ENFORCER_EFFECTS_H

#include <systemd/sd-event.h>

#include "agent/enforcer/commands.h"
#include "platform/session.h"

/* Longer than what the operations take at most by themselves: a handler always ends first. */
#define EFFECTS_DEADLINE_S 60
#define EFFECTS_AWAKE_S 5	  /* shorter waits keep the phone awake */
#define EFFECTS_REBOOT_WAIT_S 300 /* from the order until it is clear that nothing comes of it */
#define EFFECTS_REBOOT_DEADLINE_S (3600 + EFFECTS_REBOOT_WAIT_S + EFFECTS_DEADLINE_S)
#define EFFECTS_DIAGNOSTICS_WAIT_S 3600 /* for the server to acknowledge a bundle */
#define EFFECTS_DIAGNOSTICS_DEADLINE_S (EFFECTS_DIAGNOSTICS_WAIT_S + EFFECTS_DEADLINE_S)

struct child;

struct effects {
	const struct session_ops *ops; /* NULL: the phone's own; tests have others */
	struct session_call *call;     /* of the running command */
	struct session_call *notice;   /* the warning before a reboot, which nobody waits for */
	sd_event_source *timer;
	bool diagnostics_wait;	/* a command ends when the server has the bundle */
	struct child *chpasswd; /* of the running command, with what it is to set */
	/* The restart that ends crypto-lock: no other command stops it. */
	struct session_call *restart;
	sd_event_source *restart_timer;
	uint64_t restart_seq; /* the last journal record that the server should have before */
	char passcode_user[LIMIT_USER_BYTES + 1], passcode_hash[LIMIT_HASH_BYTES + 1];
};

/* Whatever is under way is dropped without an answer: before a handler begins, and at the end of
 * the enrolment or the process. */
void effects_stop(struct enforcer *e);

const struct session_ops *effects_ops(const struct enforcer *e);
void effects_fill(struct enforcer *e, struct session_start *ret_start, session_done_fn done);
/* The name of the organisation, for people. */
const char *effects_organisation(const struct enforcer *e);
/* In so many seconds, at the earliest in the next turn of the loop. 0 or -errno. */
int effects_after(struct enforcer *e, int64_t seconds, sd_event_time_handler_t handler);

/* How a command ends that did nothing but run an operation. */
enum command_state effects_state(enum session_result result);
void effects_finish(
	struct enforcer *e, enum command_state state, const char *reason, const char *detail);
/* An operation that could not be begun. */
void effects_failed(struct enforcer *e, int error);

/* After a restart in the middle; see struct command_handler. */
void command_reboot_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result);
void command_passcode_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result);
void command_crypto_lock_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result);
/* At the start: what was begun before it and did not end. */
void crypto_lock_go_on(struct enforcer *e);
/* Ordered by a policy, without a command: what comes of it is in the log, and goes to
 * places_crypto_locked() after 0. -errno as recovery_start(): it was not begun. */
int crypto_lock_by_policy(struct enforcer *e);
void command_wipe_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result);
/* An exchange ended; the restart may have waited for it. */
void crypto_lock_exchanged(struct enforcer *e, bool answered);
/* The end of the enrolment or the process. */
void crypto_lock_stop(struct enforcer *e);
void command_diagnostics_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result);

#endif
