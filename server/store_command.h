/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_command.h - the mailbox of commands in the store of store.h: opaque documents for one phone
 * and one of its enrolments, and what is known of them. Answers and transactions as there.
 * mdm-server only.
 */
#ifndef MDM_SERVER_STORE_COMMAND_H
#define MDM_SERVER_STORE_COMMAND_H

#include "agent/util/command_state.h"
#include "server/store.h"

/* What the brake on destructive commands said of one. Stored as numbers: only ever added to. */
enum store_brake {
	STORE_BRAKE_NONE,     /* it destroys nothing */
	STORE_BRAKE_PASSED,   /* one of those that an hour has for one administrator alone */
	STORE_BRAKE_HELD,     /* waits for another administrator */
	STORE_BRAKE_APPROVED, /* one came */
};

#define STORE_ADMIN_BYTES 65 /* name or certificate of an administrator, with its NUL */

struct store_command {
	int64_t row;
	char id[STORE_ID_LENGTH + 1], device[STORE_ID_LENGTH + 1], enrolment[33];
	char verb[LIMIT_NAME_BYTES + 1];
	enum command_state state; /* as of the time it was read: see store_command_get() */
	char reason[LIMIT_NAME_BYTES + 1], detail[BOUND_DETAIL_BYTES + 1];
	int64_t created_s, expires_s, changed_s;
	enum store_brake brake;
	/* Who gave it, and his certificate; who approved it. "" for none, and for those of before.
	 */
	char given_by[STORE_ADMIN_BYTES], given_certificate[STORE_ADMIN_BYTES];
	char approved_by[STORE_ADMIN_BYTES];
};

/*
 * Queues one; row, state, reason, changed and approved_by are not looked at, and detail is said of
 * it from the beginning. One that is held is queued, and not handed out. STORE_E_EXISTS: the same
 * bytes for the same device are there under this id; STORE_E_STALE: other bytes are;
 * STORE_E_FULL: LIMIT_COMMANDS wait for this enrolment.
 */
int store_command_put(
	struct store *store, const struct store_command *command, struct span document);

/*
 * now_s: one that was never delivered and whose time is over is read as expired; nothing has to
 * happen for that.
 */
int store_command_get(
	struct store *store, const char *id, int64_t now_s, struct store_command *ret_command);
/* Appends its document. STORE_E_NOT_FOUND. */
int store_command_document(struct store *store, const char *id, struct buf *out);

/* Does it wait for another administrator, at the time it was read? */
bool store_command_is_held(const struct store_command *command);

typedef int (*store_command_fn)(const struct store_command *command, void *userdata);
/* device NULL: of all. In the order of rows, those above after. */
struct store_command_range {
	const char *device;
	int64_t after, limit, now_s;
};
int store_command_list(struct store *store, const struct store_command_range *range,
	store_command_fn fn, void *userdata);

/*
 * Queued and not held, or delivered without an echo, and not expired, the oldest first. Of the
 * argument device and enrolment count, and created_s as the present time.
 */
typedef int (*store_waiting_fn)(int64_t row, struct span document, void *userdata);
int store_command_waiting(struct store *store, const struct store_command *addressee_and_now,
	store_waiting_fn fn, void *userdata);

struct store_step {
	enum command_state state;
	const char *reason, *detail; /* "" for none */
	int64_t time_s;
};
/*
 * Moves a command by the one state machine. STORE_E_STALE: it has no such arrow from where the
 * command is; nothing was changed.
 */
int store_command_move(struct store *store, int64_t row, const struct store_step *step);
/* The same for what its phone says of it, whose records in between may be lost. */
int store_command_hear(struct store *store, int64_t row, const struct store_step *step);
/*
 * A held one is handed out from now on, and news for its phone. STORE_E_STALE: it is not held.
 * approved_by and detail as the step says them.
 */
int store_command_approve(
	struct store *store, int64_t row, const char *approved_by, const struct store_step *queued);
/* Cancels all of a device that were not delivered. */
int store_command_cancel_all(
	struct store *store, const char *device, const struct store_step *step);

typedef int (*store_step_fn)(const struct store_step *step, void *userdata);
/* What happened to it, the oldest first; an expiry that was only read is its last. */
int store_command_history(
	struct store *store, const struct store_command *command, store_step_fn fn, void *userdata);

/* How many passed the brake on destructive commands after since_s? */
int store_command_passed(struct store *store, int64_t since_s, int64_t *ret_n);

/*
 * The brake on all: when was the most-th youngest command put? 0: there are not that many.
 * STORE_E_* no.
 */
int store_command_rate(struct store *store, int64_t most, int64_t *ret_created_s);

#endif
