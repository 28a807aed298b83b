/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escrow.h - secrets of the phone for its organisation alone: CMS AuthEnvelopedData (RFC 5652,
 * 5083) with AES-256-GCM to the escrow certificates of the signed policy. `openssl cms -decrypt`
 * reads it. The server that carries it has no key. Pure.
 */
#ifndef MDM_TRUST_ESCROW_H
#define MDM_TRUST_ESCROW_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/buf.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"

#define ESCROW_CERTIFICATES_MAX LIMIT_ESCROW_CERTIFICATES
#define ESCROW_CERTIFICATE_BYTES 2048 /* DER */
#define ESCROW_SECRET_BYTES 512
#define ESCROW_BLOB_BYTES LIMIT_ESCROW_BYTES /* DER of the CMS */

/*
 * CMS finds algorithms by their numbers, in lists that libcrypto fills unless it is told not to. A
 * program that tells it so calls this before it uses libcrypto for anything else: what was fetched
 * before would have no number. 0 or -EIO.
 */
int escrow_prepare(void);

struct escrow_certificate {
	uint8_t der[ESCROW_CERTIFICATE_BYTES];
	size_t n_der;
};

/* Whether it can be used for this: EC P-256, P-384 or RSA of 2048 bits or more. 0 or -EBADMSG with
 * a sentence. Dates are not judged: an escrow certificate is a key, pinned by the policy. */
int escrow_certificate_check(
	const struct escrow_certificate *certificate, char ret_why[LIMIT_TEXT_BYTES + 1]);
/* SHA-256 of the DER bytes, which names it. */
int escrow_certificate_digest(
	const struct escrow_certificate *certificate, uint8_t ret_digest[SHA256_BYTES]);

/* To all of them at once. 0 with DER appended to out; -EINVAL, -EFBIG, -EIO. */
int escrow_seal(const struct escrow_certificate *certificates, size_t n_certificates,
	const void *secret, size_t n_bytes, struct buf *out);

#endif
