/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_judge.h - whether a command that was verified for this phone may be carried out: what
 * depends on its verb, on the phone's nonce and on what it remembers. Pure: the table row, time and
 * randomness are parameters. For commands.c.
 */
#ifndef MDM_ENFORCER_COMMAND_JUDGE_H
#define MDM_ENFORCER_COMMAND_JUDGE_H

#include "agent/enforcer/commands_ledger.h"
#include "agent/trust/document.h"

#define NONCE_LIFE_US (INT64_C(3600) * 1000000)
#define NONCE_GRACE_US (INT64_C(15) * 60 * 1000000) /* for the one before it */

/* Kept in memory only: after a restart nothing that was signed before fits. */
struct command_nonces {
	char current[COMMAND_NONCE_LENGTH + 1], previous[COMMAND_NONCE_LENGTH + 1]; /* "": none */
	int64_t made_us; /* CLOCK_BOOTTIME when current was made and previous replaced */
};

/* Makes a new one of 16 random bytes. */
void command_nonce_make(struct command_nonces *nonces, const uint8_t random[16], int64_t now_us);
/* Whether the next report should carry a new one. */
bool command_nonce_is_old(const struct command_nonces *nonces, int64_t now_us);
bool command_nonce_is_good(const struct command_nonces *nonces, const char *nonce, int64_t now_us);

struct command_judge {
	const struct keyset *keyset;
	const struct ledger *ledger;
	const struct command_nonces *nonces;
	int64_t now_us; /* CLOCK_BOOTTIME */
};

/* verb: the row of command->verb. 0; 1: refused with *ret_refusal. */
int command_judge(const struct command_judge *judge, const struct document *document,
	const struct command *command, const struct command_verb *verb,
	struct document_refusal *ret_refusal);

#endif
