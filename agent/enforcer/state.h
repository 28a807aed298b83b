/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - what the enforcer must not forget, in the state directory; every file is replaced
 * atomically. Documents are kept as the bytes that were verified and are verified again at load.
 */
#ifndef MDM_ENFORCER_STATE_H
#define MDM_ENFORCER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/enforcer/highwater.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"
#include "agent/util/mem.h"
#include "policies/settings.h"

#define STATE_VAULT "vault" /* in it: originals of overridden files; platform/vault.h */

/* Small facts, one file "facts": "name value" lines behind a version line, closed by a SHA-256
 * line. */
struct state_facts {
	bool enrolled;
	char server[LIMIT_URL_BYTES + 1];
	char est[LIMIT_URL_BYTES + 1];			  /* of the ticket; "": the server's own */
	uint8_t ca_pins[LIMIT_TICKET_PINS][SHA256_BYTES]; /* of the ticket; zeros: none */
	char key_uri[LIMIT_URL_BYTES + 1]; /* of the device key, if it is in hardware; "": a file */
	char device_id[33];
	char enrolment_id[33];
	char ticket_id[33];
	uint8_t pinned_keyset[SHA256_BYTES]; /* newest keyset accepted; at first the ticket's */
	/* Digest of the zero-touch file that was there when this phone enrolled last, with it or by
	 * hand. It survives unenrolment: who leaves is not taken back by the same file. */
	uint8_t zero_touch[SHA256_BYTES];
	int64_t enrolled_s;
	int64_t certificate_from_s, certificate_until_s; /* of the certificate in use; 0: unknown */
	int64_t candidate_from_s, candidate_until_s;	 /* of a renewed one, not proven; 0: none */
	int64_t renewal_failing_s;	    /* since when renewal fails; 0: it does not */
	int64_t n_anchors;		    /* CA certificates held; 0: unknown */
	uint8_t anchors_pins[SHA256_BYTES]; /* digest of the pins that they follow */
	uint8_t fingerprint[SHA256_BYTES];  /* of this device; platform/hardware.h */
	struct highwater highwater;
	uint64_t acked_seq;		  /* journal records the server has */
	int64_t report_seq;		  /* counts reports */
	int64_t reminded_s;		  /* of the passcode, last; 0: never, or it was put right */
	int64_t noncompliant_s[AREA_MAX]; /* accumulated; -1: compliant */
};

struct state_serial {
	char org[33];			      /* organisation id */
	char name[LIMIT_NAME_BYTES + 16 + 1]; /* "keyset", "assignment", "policy.staff" */
	int64_t serial;
	uint8_t payload_sha256[SHA256_BYTES];
};

struct state {
	int dir_fd; /* state directory; owned */
	struct state_facts facts;
	struct state_serial *serials; /* owned */
	size_t n_serials;
};

/*
 * Opens the directory (made if only the last component is missing; always 0700 and our own),
 * removes what a killed process left half done, and reads "facts" and "serials". A missing file
 * gives the facts of a phone that was never enrolled: zeros, no serials, every area compliant (-1).
 * 0; -EBADMSG: one of them was damaged (kept as facts.broken, serials.broken) and starts from
 * nothing. Either way state is usable; with another -errno it is untouched (-EPERM: somebody else's
 * directory).
 */
int state_open(const char *path, struct state *ret_state);
/*
 * The same for somebody who only looks, beside an agent that runs: the facts alone, nothing made,
 * removed or put aside. -ENOENT: there is no such directory; -EPERM: somebody else's; -EBADMSG:
 * damaged. state is usable after 0 only.
 */
int state_peek(const char *path, struct state *ret_state);
/* Whether forgetting an enrolment was begun and not finished. */
bool state_is_forgetting(const struct state *state);
void state_done(struct state *state);
/* 0 or -errno; -EBUSY: enrolled, but what state_forget_enrolment() could not remove is still there.
 */
int state_save_facts(struct state *state);

/* Replaces a small file of another part of the enforcer ("commands") atomically. 0 or -errno. */
int state_write(struct state *state, const char *path, const void *data, size_t n_bytes);
/* Puts a damaged file aside as kept, for whoever wants to know why. */
void state_keep_broken(struct state *state, const char *name, const char *kept);

/* Documents: "documents/keyset", "documents/assignment", "documents/policy.STREAM"; any other name
 * is -EINVAL.
 * Serials are remembered apart ("serials": highest serial and payload digest per type and stream,
 * kept over unenrolment and re-installation) so that removing a document does not allow a rollback.
 */
int state_store_document(struct state *state, const char *name, const char *text, size_t n_bytes);
int state_load_document(
	struct state *state, const char *name, char **ret_text, size_t *ret_n_bytes);
int state_remove_document(struct state *state, const char *name);
/* Names in documents/, sorted, one visit each; a non-zero return ends the walk. A visit may store
 * and remove. */
int state_each_document(
	struct state *state, int (*visit)(const char *name, void *userdata), void *userdata);

/* Highest accepted serial of that name in that organisation; 0 if none. */
int64_t state_serial(const struct state *state, const char *org, const char *name,
	uint8_t ret_payload_sha256[SHA256_BYTES]);
/* Records it durably. Lower than what is held, or the same with other bytes: -EINVAL. */
int state_set_serial(struct state *state, const char *org, const char *name, int64_t serial,
	const uint8_t payload_sha256[SHA256_BYTES]);

/*
 * Removes every trace of policy: the facts of the enrolment and the directories documents/, net/
 * and reports/, where everything of an enrolment has to live. Keeps serials (but of the
 * assignment, which is for one enrolment), high water, journal and its counters. Finished at the
 * next state_open() if the process dies in between. 0 or -errno.
 */
int state_forget_enrolment(struct state *state);

#endif
