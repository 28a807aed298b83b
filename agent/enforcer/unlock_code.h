/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unlock_code.h - the codes that give a locked out phone its attempts back without a network. The
 * phone makes a secret as soon as a policy names escrow certificates, seals it to them
 * (agent/trust/escrow.h), reports it until the server has it, and takes codes (agent/trust/hotp.h)
 * of the next few counters. State file "unlock"; goes with the enrolment. Enforcer only.
 */
#ifndef MDM_ENFORCER_UNLOCK_CODE_H
#define MDM_ENFORCER_UNLOCK_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/limits.h"

struct enforcer;
struct unlock_code; /* e->unlock_code; NULL where it could not be made */

int unlock_code_new(struct enforcer *e, struct unlock_code **ret_unlock_code);
void unlock_code_free(struct unlock_code *unlock_code); /* wipes; NULL is fine */

/* The policies in force are others: a secret is made, or sealed anew to other certificates. */
void unlock_code_refresh(struct enforcer *e);

/*
 * The codes that are right now, the next counter first. Returns how many: 0 where there is no
 * secret that the server has acknowledged. The caller wipes them.
 */
size_t unlock_code_valid(
	struct enforcer *e, char ret_codes[LIMIT_UNLOCK_CODES][UNLOCK_CODE_DIGITS + 1]);
/* That one was used, which makes it and those before it invalid: durable when it returns 0. Only
 * then may it have an effect. */
int unlock_code_use(struct enforcer *e, size_t index);

void unlock_code_forget(struct enforcer *e);

struct jsonw;
/* Its entries of the section "escrow" of the report; nothing where there is nothing to tell. */
bool unlock_code_reports(const struct enforcer *e);
void unlock_code_write_entries(const struct enforcer *e, struct jsonw *w);
/* The server has the section in its present form. */
void unlock_code_acknowledged(struct enforcer *e);
/* For CTL_STATUS: the counter, and whether codes work yet. */
void unlock_code_write_status(const struct enforcer *e, struct jsonw *w, const char *key);

#endif
