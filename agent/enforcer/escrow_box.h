/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escrow_box.h - a secret sealed for the organisation, as state files and reports have it: to whom
 * the policies in force want it sealed, sealing, lines of text, an entry of the report's section
 * "escrow". What makes the secrets: unlock_code.h, recovery.h. Enforcer only.
 */
#ifndef MDM_ENFORCER_ESCROW_BOX_H
#define MDM_ENFORCER_ESCROW_BOX_H

#include <stdbool.h>

#include "agent/trust/escrow.h"

/* What a box is about, in reports and inside. */
#define ESCROW_KIND_UNLOCK "unlock"
#define ESCROW_KIND_DISK "disk"

struct enforcer;
struct jsonw;

/* The certificates of all policies in force: distinct, in ascending order of their digests, so that
 * the order of policies is no change; the first ESCROW_CERTIFICATES_MAX. */
struct escrow_wanted {
	struct escrow_certificate certificates[ESCROW_CERTIFICATES_MAX];
	uint8_t digests[ESCROW_CERTIFICATES_MAX][SHA256_BYTES];
	size_t n;
};
void escrow_wanted_look(struct enforcer *e, struct escrow_wanted *ret_wanted);

struct escrow_box {
	uint8_t certificates[ESCROW_CERTIFICATES_MAX][SHA256_BYTES]; /* it is sealed to these */
	size_t n_certificates;					     /* 0: nothing is in it */
	uint8_t cms[ESCROW_BLOB_BYTES];
	size_t n_cms;
};
/* Whether it is sealed to exactly those. */
bool escrow_box_fits(const struct escrow_box *box, const struct escrow_wanted *wanted);

/* What the organisation finds in it, beside this phone and its enrolment. */
struct escrow_inside {
	const char *kind; /* "unlock", "disk" */
	int64_t generation;
	const char *volume; /* of a disk: the UUID of its LUKS header; else NULL */
	int slot;	    /* of a disk: its keyslot; else -1 */
	const char *secret; /* text */
};
/* 0; -EINVAL where wanted is empty; -EFBIG, -EIO, -ENOMEM. The caller wipes the secret. */
int escrow_box_seal(struct enforcer *e, const struct escrow_inside *inside,
	const struct escrow_wanted *wanted, struct escrow_box *ret_box);

/* Lines "PLACE certificate HEX" and "PLACE cms HEX" of a state file. */
void escrow_box_write(const struct escrow_box *box, const char *place, struct buf *out);
/* One of them, without its place. 0; 1: not one of a box; -EBADMSG. */
int escrow_box_take(struct escrow_box *box, const char *name, const char *value);

/* {"kind","generation",["counter"],"certificates":[…],"cms"}; counter -1: none. */
void escrow_box_report(const struct escrow_box *box, const char *kind, int64_t generation,
	int64_t counter, struct jsonw *w);

/* Memory for a text with secrets in it: it does not move while it grows, and leaves no parts of
 * itself behind. escrow_text_done() wipes all of it. */
void escrow_text_reserve(struct buf *out, size_t n_bytes);
void escrow_text_done(struct buf *out);

#endif
