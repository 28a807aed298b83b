/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents.h - the documents this phone obeys: keyset, assignment, one policy per stream. Takes
 * untrusted bytes, lets agent/trust judge them, keeps what was accepted. Enforcer only.
 */
#ifndef MDM_ENFORCER_DOCUMENTS_H
#define MDM_ENFORCER_DOCUMENTS_H

#include "agent/enforcer/journal.h"
#include "agent/enforcer/state.h"
#include "agent/trust/assignment.h"
#include "agent/trust/document.h"
#include "policies/policy.h"

#define DOCUMENTS_REFUSALS_HOURLY 16 /* in the journal; a courier must not be able to flush it */
/* Administrators' clocks are wrong by hours, not by days. */
#define DOCUMENTS_AHEAD_S (2 * 24 * 3600)
#define DOCUMENTS_REFUSALS 8 /* remembered for the status page and to recognise a re-sent one */

struct held_policy {
	struct policy *policy;
	int64_t issued_s, expires_s;
};

struct refusal {
	int64_t time_s;
	uint8_t sha256[SHA256_BYTES]; /* of the refused bytes */
	struct document_refusal why;
};

/* Whoever executes commands; how is not the documents' business. */
struct documents_commands {
	/* A verified command for this phone and enrolment. 0 accepted; DOCUMENTS_COMMAND_KNOWN;
	 * 1 refused with *ret_refusal; -errno: not now, it may come again. */
	int (*take)(void *userdata, const struct document *document,
		struct document_refusal *ret_refusal);
	/* Whether an id was accepted before, so that its repetition is no news. */
	bool (*known)(void *userdata, const char *id);
	/* A refusal that is new and in the journal; why->command_id is set. */
	void (*refused)(void *userdata, const struct document_refusal *why);
	void *userdata;
};
#define DOCUMENTS_COMMAND_KNOWN 2

struct documents {
	struct state *state;		    /* borrowed */
	struct journal *journal;	    /* borrowed; may be NULL */
	struct documents_commands commands; /* take NULL: commands are refused */
	struct keyset *keyset;
	bool has_assignment;
	struct assignment assignment;
	struct held_policy policies[LIMIT_ASSIGNMENT_GROUPS];
	size_t n_policies;
	struct refusal refusals[DOCUMENTS_REFUSALS]; /* the newest first */
	size_t n_refusals;
	int64_t hour_us;	 /* CLOCK_BOOTTIME when the hour of the next two began */
	size_t n_journalled;	 /* refusals in the journal in that hour */
	size_t n_not_journalled; /* and those left out of it */
	int64_t issued_until_s;	 /* no floor rises above this; 0: none rises */
	int64_t server_date_s;	 /* what the server that sends documents said; 0: nothing */
	char damaged[LIMIT_TEXT_BYTES + 1]; /* a stored document that could not be used; "" */
};

/* What documents_take() did. */
struct documents_change {
	size_t n_accepted, n_refused;
	bool new_refusal; /* one that was not known before: worth telling soon */
	bool policy;	  /* the set of policies in force changed */
	int error; /* storing failed: -errno; what was accepted is in force until the restart */
};

/* state and journal are borrowed and outlive the documents. */
void documents_init(struct documents *d, struct state *state, struct journal *journal);
void documents_done(struct documents *d);

/*
 * Loads what was accepted earlier. Stored bytes are authenticated by the digest that was recorded
 * when their signatures were verified, so that a policy stays in force when its signing key has
 * left the keyset since. Damaged ones are left out, named in d->damaged, and asked for again.
 */
int documents_load(struct documents *d);

/*
 * The name of the organisation, from the keyset held, for somebody who only looks: nothing is made
 * good or stored. -ENOENT, -EBADMSG: not known.
 */
int documents_organisation(struct documents *d, char ret_name[LIMIT_TEXT_BYTES + 1]);

/*
 * Takes the body of a check-in answer: documents separated by empty lines. Each is verified on its
 * own, accepted or refused; refusals are journalled once and remembered. Commands are handed to
 * d->commands and count like the others. clock_s: local time.
 * 0 or -ENOMEM.
 */
int documents_take(struct documents *d, const char *body, size_t n_bytes, int64_t clock_s,
	struct documents_change *ret_change);

/* Drops everything held in memory (unenrolment). */
void documents_forget(struct documents *d);

/* The policies as the array that policies/effective.h wants. Borrowed pointers. */
size_t documents_policies(const struct documents *d, struct policy *ret[LIMIT_ASSIGNMENT_GROUPS]);

#endif
