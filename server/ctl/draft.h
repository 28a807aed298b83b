/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft.h - the next keyset while it is being made: what it shall hold (draft.json, the payload as
 * it will be signed) and the signatures collected so far (draft.jose, lines over exactly these
 * bytes). A change writes draft.json first; lines over other bytes are then worth nothing and are
 * left aside, so that an interruption between the two files does no harm.
 */
#ifndef MDM_MDMCTL_DRAFT_H
#define MDM_MDMCTL_DRAFT_H

#include "server/ctl/keyring.h"
#include "server/ctl/keyset_words.h"

struct draft {
	int lock_fd;	       /* held while the draft is open */
	bool is_new;	       /* nothing is on the disk yet */
	struct keyset *keyset; /* the next version; to be changed; owned */
	struct buf payload;    /* as on the disk */
	struct buf text;       /* the signed lines over it; empty: none */
};

#define DRAFT_INIT                                                                                 \
	(struct draft)                                                                             \
	{                                                                                          \
		.lock_fd = -1                                                                      \
	}

void draft_done(struct draft *draft);
#define _cleanup_draft_ _cleanup_(draft_done)

enum draft_start {
	DRAFT_MUST_EXIST,
	DRAFT_BEGIN,
	/* Even if the keyset in force is of a later day than now: the administrator was asked. */
	DRAFT_BEGIN_EARLIER,
};

/*
 * Opens the draft, locked against other programs. Without one a new one begins, where start says
 * so: a copy of the keyset in force with the next version, valid from now for as long as that one
 * was. FAULT_FAILURE otherwise.
 */
int draft_open(
	struct ctl *ctl, enum draft_start start, struct draft *ret_draft, struct fault *fault);
/* The keyset of a draft if there is a good one, for showing; NULL otherwise. keyset_free(). */
struct keyset *draft_peek(const struct org *org);

/*
 * Checks the changed keyset as phones will, rehearses it, writes it and drops the signatures, which
 * the change made worthless (said on ctl->err).
 */
int draft_save(struct ctl *ctl, struct draft *draft, struct fault *fault);

/* The CAs of this organisation directory, as pins; those that are not there are not set. */
void draft_pins(const struct org *org, struct keyset_pins *ret_pins);

/*
 * Phones that follow the pins of the next keyset must find a server: FAULT_FAILURE unless the CA of
 * the one that runs is among them, or if none is left. org has its keyset.
 */
int draft_check_pins(const struct org *org, const struct keyset *keyset, struct fault *fault);

/* Keeps the signatures in draft->text. */
int draft_save_lines(struct ctl *ctl, const struct draft *draft, struct fault *fault);
bool draft_exists(const struct org *org);

/* Removes the files of the draft; not the keys that were made for it. */
int draft_remove(const struct org *org, struct fault *fault);

/* The payload of a keyset, as envelope_keyset() writes it. */
int draft_payload(const struct keyset *keyset, struct buf *out, struct fault *fault);

#endif
