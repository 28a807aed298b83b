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

/* What a sealed secret of the kind "unlock" says of itself. */
struct escrow_unlock {
	char device[33], enrolment[33];
	int64_t generation;
	uint8_t secret[HOTP_SECRET_BYTES];
};
/*
 * Opens CMS with the key. The server brings it: it is bounded, and what is in it is compared by the
 * caller. FAULT_KEY: it is not for this key, or altered. The caller wipes.
 */
int escrow_open_unlock(EVP_PKEY *key, X509 *x509, const void *cms, size_t n_cms,
	struct escrow_unlock *ret_unlock, struct fault *fault);

#endif
