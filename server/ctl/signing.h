/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing.h - the organisation's signing keys in use: picking one, opening it, signing a payload,
 * checking a document as a phone would.
 */
#ifndef MDM_MDMCTL_SIGNING_H
#define MDM_MDMCTL_SIGNING_H

#include "server/ctl/ctl.h"

/* A key pair from the organisation's keyset, opened for signing. */
struct signing_key {
	struct key key;
	const struct keyset_key *row; /* borrowed from the keyset */
};
void signing_key_done(struct signing_key *key);
#define _cleanup_signing_key_ _cleanup_(signing_key_done)

/*
 * Opens a key by name, or by path of a key file when the name holds a '/'; NULL: the first key of
 * the role whose file is here. The key must have one of the roles (a bit each).
 */
int signing_key_open(struct ctl *ctl, const char *name, uint32_t roles, struct signing_key *ret_key,
	struct fault *fault);

/* One JWS line with LF appended to out. */
int signing_line(enum document_type type, const char *payload, size_t n_payload,
	const struct signing_key *key, struct buf *out, struct fault *fault);

/*
 * Verifies a document against the organisation's keyset, whatever its target and serial are, at
 * now_s (0: at the time it was issued). FAULT_FAILURE with reason, detail and advice. *ret_reason
 * (may be NULL) is set either way.
 */
int signing_verify(const struct org *org, const char *text, size_t n_bytes, int64_t now_s,
	struct document **ret_document, enum document_reason *ret_reason, struct fault *fault);

/*
 * The same against the newest keyset of the organisation directory whose keys signed it, as of the
 * time it was issued: what was signed before keys were replaced was good once.
 */
int signing_verify_past(const struct org *org, const char *text, size_t n_bytes,
	struct document **ret_document, enum document_reason *ret_reason, struct fault *fault);

/* How many signatures of keys with the role are missing until its threshold: as phones count them.
 */
uint32_t signing_missing(
	const struct document *document, const struct keyset *keyset, enum trust_role role);

/* Relative path of a signing key's file. */
void signing_key_path(const char *name, char *ret_path, size_t size);

#endif
