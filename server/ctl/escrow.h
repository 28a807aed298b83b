/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escrow.h - the organisation's escrow key: a certificate that phones seal secrets to (escrow.pem,
 * self-signed, public) and its private key (escrow-key.pem, encrypted). The server never has it.
 */
#ifndef MDM_MDMCTL_ESCROW_H
#define MDM_MDMCTL_ESCROW_H

#include "agent/trust/escrow.h"
#include "agent/trust/hotp.h"
#include "server/ctl/ca.h"
#include "server/ctl/ctl.h"

#define ESCROW_CERT_FILE "escrow.pem"
#define ESCROW_KEY_FILE "escrow-key.pem"
#define ESCROW_KIND_UNLOCK "unlock"
#define ESCROW_KIND_DISK "disk"

/* Key and certificate, anew. */
int escrow_make(const char *org_id, const char *org_name, int64_t now_s, EVP_PKEY **ret_key,
	X509 **ret_x509, struct fault *fault);

/* FAULT_FAILURE with what to do if the organisation has none. */
int escrow_certificate_read(struct ctl *ctl, X509 **ret_x509,
	struct escrow_certificate *ret_certificate, struct fault *fault);
bool escrow_exists(const struct ctl *ctl);

/* The member "escrow" of a policy: an object with this certificate. */
int escrow_member(
	const struct escrow_certificate *certificate, struct buf *out, struct fault *fault);

/* A recovery key of a disk, as phones make it (agent/enforcer/recovery.h). */
#define ESCROW_KEY_DIGITS 48
#define ESCROW_KEY_GROUP 6

#define ESCROW_TEXT_BYTES 128 /* of a secret inside; a recovery key has 48 */

/* What a sealed secret says of itself. */
struct escrow_opened {
	char device[33], enrolment[33];
	int64_t generation;
	char volume[LIMIT_NAME_BYTES + 1]; /* of a disk: the UUID of its LUKS header; else "" */
	int64_t slot;			   /* of a disk: its keyslot; else -1 */
	char secret[ESCROW_TEXT_BYTES + 1];
};
/*
 * Opens CMS of that kind with the key. The server brings it: it is bounded, and what is in it is
 * compared by the caller. FAULT_KEY: it is not for this key, or altered. The caller wipes.
 */
int escrow_open(EVP_PKEY *key, X509 *x509, const char *kind, const void *cms, size_t n_cms,
	struct escrow_opened *ret_opened, struct fault *fault);
/* The secret of the kind "unlock" as bytes. FAULT_REFUSED. */
int escrow_unlock_secret(const struct escrow_opened *opened, uint8_t ret_secret[HOTP_SECRET_BYTES],
	struct fault *fault);
/* Whether a recovery key is one that phones make: 48 digits in groups that 11 divides. */
bool escrow_key_is_whole(const char *key);

#endif
