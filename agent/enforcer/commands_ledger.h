/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands_ledger.h - what this phone knows of the commands it accepted, and the text of it (state
 * file "commands"). Pure: no files, no clock. For commands.c.
 *
 * An id that was accepted stays until its time is over, so that it is known when it comes again.
 * What is forgotten leaves a floor behind. Usually that is the end of the command: whatever ends no
 * later may be a forgotten one. Where ids are lost that have not ended (unenrolment, a damaged
 * file) it is the moment of issue: whatever was issued no later may be a lost one.
 */
#ifndef MDM_ENFORCER_COMMANDS_LEDGER_H
#define MDM_ENFORCER_COMMANDS_LEDGER_H

#include "agent/trust/command.h"
#include "agent/util/buf.h"

struct ledger_entry {
	char id[COMMAND_ID_LENGTH + 1];
	char verb[LIMIT_NAME_BYTES + 1]; /* by name: an older agent may not know it */
	enum command_state state;
	char reason[LIMIT_NAME_BYTES + 1]; /* "" or one word */
	char detail[LIMIT_TEXT_BYTES + 1];
	int64_t issued_s, expires_s;
	int64_t accepted_s, changed_s; /* wall clock, for people */
	char boot[33];		       /* the boot in which it was started; "" before */
	int64_t seq; /* the number that the journal's record of this state was to get; 0: none */
	struct command *command; /* what running it takes; owned; NULL once it is final */
};

struct ledger {
	int64_t ended_floor_s;	/* nothing that expires at or before this is taken */
	int64_t issued_floor_s; /* nothing that was issued at or before this is taken */
	char enrolment[33];	/* the one that the entries are of; "" while there are none */
	char leaving[33];	/* the enrolment that an unenroll command has begun to end; or "" */
	struct ledger_entry *entries; /* owned, the oldest first */
	size_t n_entries;
};

void ledger_done(struct ledger *ledger);

/* 0, -EBADMSG (damaged), -ENOMEM, -EIO (no SHA-256). ledger_done() by the caller. */
int ledger_parse(const char *text, size_t n_bytes, struct ledger *ret_ledger);
int ledger_write(const struct ledger *ledger, struct buf *out);

/* Borrowed; NULL: not known. */
struct ledger_entry *ledger_find(const struct ledger *ledger, const char *id);

/* Whether it may be one that was forgotten. */
bool ledger_is_replay(const struct ledger *ledger, const struct command *command);

/*
 * Adds an accepted command. When LIMIT_COMMANDS are remembered, the final one that ended first is
 * forgotten if its time was over before now_s. 0 with the entry (borrowed until the next call);
 * -EBUSY: none may be forgotten; -ENOMEM.
 */
int ledger_add(struct ledger *ledger, const struct command *command, int64_t now_s,
	struct ledger_entry **ret_entry);
/* Takes back the newest entry, when it could not be recorded. */
void ledger_drop_newest(struct ledger *ledger);

/* Forgets all entries; the floors rise above them. */
void ledger_forget(struct ledger *ledger);

/* reason: a name, or it is left out. detail is cut to what fits; control characters become spaces.
 */
void ledger_set(struct ledger_entry *entry, enum command_state state, const char *reason,
	const char *detail);

#endif
