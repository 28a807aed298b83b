/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyset_sign.h - signatures on the next keyset: who has signed, who is missing, and taking the
 * result into the organisation directory as a phone would take it.
 */
#ifndef MDM_MDMCTL_KEYSET_SIGN_H
#define MDM_MDMCTL_KEYSET_SIGN_H

#include "server/ctl/draft.h"

struct keyset_tally {
	const struct keyset_key *signers[LIMIT_DOCUMENT_LINES]; /* borrowed from the keysets */
	size_t n_signers;
	uint32_t held, next; /* signers with the role keyset in either keyset */
	uint32_t need_held, need_next;
};

/*
 * Who signed text, which may be empty. FAULT_FAILURE if a line is by no key of either keyset, or by
 * one that signed another.
 */
int keyset_tally(const struct keyset *held, const struct keyset *next, const struct buf *text,
	struct keyset_tally *ret_tally, struct fault *fault);
bool keyset_tally_is_complete(const struct keyset_tally *tally);
bool keyset_tally_has(const struct keyset_tally *tally, const char *kid);
/* "signed by admin, second" on a line of its own. */
void keyset_tally_print(FILE *out, const struct keyset_tally *tally);
/* What is missing, in words; nothing when it is complete. */
void keyset_tally_missing(const struct keyset_tally *tally, const struct keyset *held,
	const struct keyset *next, struct buf *out);

/*
 * What a phone that holds the newest keyset, and a fresh one with a ticket of this one, say; and it
 * must not come from the future.
 */
int keyset_accept(const struct keyset *held, const char *text, size_t n_bytes, int64_t now_s,
	struct fault *fault);

/*
 * Keeps an accepted keyset as the newest one, gives key files their places and removes the draft
 * that it was, as of now_s. ctl->org has it afterwards. Nothing happens for one that is kept
 * already.
 */
int keyset_adopt(
	struct ctl *ctl, const char *text, size_t n_bytes, int64_t now_s, struct fault *fault);

/* keyset_words_difference() of the keyset in force and the next, with the CAs known here. */
size_t keyset_tell_difference(struct ctl *ctl, FILE *out, const struct keyset *next);

/* What the draft changes and what comes next, on ctl->err. */
void keyset_tell_draft(struct ctl *ctl, const struct keyset *draft);

#endif
