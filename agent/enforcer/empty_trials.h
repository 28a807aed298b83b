/* SPDX-License-Identifier: Apache-2.0 */
/*
 * empty_trials.h - which sets of keyslots were tried with the empty passphrase, and how that ended:
 * state file "trials", lent to the backend "luks" (platform/luks_known.h). A trial costs what a
 * passphrase costs at each keyslot, and a restart is no reason for another. No secret is in it: a
 * digest of a header's keyslots, and yes or no. Goes with the enrolment. Enforcer only.
 */
#ifndef MDM_ENFORCER_EMPTY_TRIALS_H
#define MDM_ENFORCER_EMPTY_TRIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/buf.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"

struct enforcer;
struct empty_trials; /* e->trials; NULL: nothing outlives the agent */

/* An unreadable file is none: what was in it is tried again. 0 or -ENOMEM. */
int empty_trials_new(struct enforcer *e, struct empty_trials **ret_trials);
void empty_trials_free(struct empty_trials *trials); /* NULL is fine */
void empty_trials_forget(struct enforcer *e);

/* --- the text of the state file; pure ------------------------------------------------------- */

struct empty_trial {
	uint8_t slots_digest[SHA256_BYTES];
	bool opens; /* a keyslot, with the empty passphrase */
};

/* The latest is the last. */
struct empty_trials_record {
	struct empty_trial rows[LIMIT_EMPTY_TRIALS];
	size_t n_rows;
};

/* Becomes the latest; the first makes room. */
void empty_trials_note(
	struct empty_trials_record *record, const uint8_t slots_digest[SHA256_BYTES], bool opens);
/* 1: opens; 0: does not; -ENOENT. */
int empty_trials_find(
	const struct empty_trials_record *record, const uint8_t slots_digest[SHA256_BYTES]);

/* 0, -EBADMSG, -EIO. */
int empty_trials_parse(const char *text, size_t n_bytes, struct empty_trials_record *ret_record);
/* 0, -ENOMEM, -EIO. */
int empty_trials_write(const struct empty_trials_record *record, struct buf *out);

#endif
