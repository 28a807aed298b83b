/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificates.h - the CA certificates of an enrolment: those with a pinned key, which alone are
 * trusted, and the others, which may only complete a chain. Kept as marked PEM in anchors.pem.
 * Net role; pure.
 */
#ifndef MDM_NET_CERTIFICATES_H
#define MDM_NET_CERTIFICATES_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "agent/util/buf.h"
#include "agent/util/digest.h"

struct anchors {
	STACK_OF(X509) * pinned;	/* at least one, but after anchors_keep_pinned() */
	STACK_OF(X509) * intermediates; /* may be empty */
};

void anchors_done(struct anchors *anchors);

/* The file: each certificate below a line "pinned" or "intermediate", pinned ones first. */
void anchors_write(const struct anchors *anchors, struct buf *out);

/* 0 with ret_anchors the caller's; -EBADMSG: not such a file, too many, none pinned; -ENOMEM. */
int anchors_parse(const char *text, size_t n_bytes, struct anchors *ret_anchors);

/* SHA-256 of the SubjectPublicKeyInfo (RFC 7469, section 2.4). 0 or -EIO. */
int certificate_pin(X509 *certificate, uint8_t ret_pin[SHA256_BYTES]);

/* Whether its key is one of these. */
bool certificate_is_pinned(X509 *certificate, const uint8_t (*pins)[SHA256_BYTES], size_t n_pins);

/* Drops what is marked as pinned and is not, whoever marked it; none may be left. */
void anchors_keep_pinned(
	struct anchors *anchors, const uint8_t (*pins)[SHA256_BYTES], size_t n_pins);

/* Validity in Unix seconds, 0 <= from < until. 0, or -EBADMSG for dates that are none. */
int certificate_validity(X509 *certificate, int64_t *ret_from_s, int64_t *ret_until_s);

void certificates_free(STACK_OF(X509) * certificates);
void certificates_freep(STACK_OF(X509) * *certificates);
void certificate_freep(X509 **certificate);

#endif
