/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rehearsal.h - a keyset tried out before anybody signs it: would a phone that holds the one before
 * take it, and could it be given anything afterwards? The phone's own code answers.
 *
 * The keys' owners are elsewhere, so every key is played by a fresh one of the same kind; names,
 * roles, thresholds, dates and sizes are the real ones. Pure: makes keys in memory only.
 */
#ifndef MDM_MDMCTL_REHEARSAL_H
#define MDM_MDMCTL_REHEARSAL_H

#include "agent/trust/keyset.h"
#include "server/ctl/fault.h"

/* How far the clocks of two honest signers may be apart; beyond it phones do not believe a date. */
#define REHEARSAL_AHEAD_S (2 * 24 * 3600)

/* Whether something issued then comes from the future. */
bool rehearsal_is_ahead(int64_t issued_s, int64_t now_s);

/*
 * FAULT_FAILURE where a keyset says that it is made on a day that is still to come. Phones take the
 * date of a signed keyset for a moment that has passed: whoever drafts one with a date of years
 * ahead and has it signed would have them refuse what expires before that.
 */
int rehearsal_check_issued(const struct keyset *next, int64_t now_s, struct fault *fault);

/* 0, or FAULT_FAILURE with what the phone refused, or because it comes from the future. */
int rehearsal_run(
	const struct keyset *held, const struct keyset *next, int64_t now_s, struct fault *fault);

#endif
