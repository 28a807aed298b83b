/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - the device's key, its certificate and its trust anchors: three files in the
 * directory that the enforcer handed over, and nothing outside it. Net role.
 *
 * A new identity is written beside the old one as *.new and then renamed. The rename of
 * certificate.pem is the commit: before it the old identity is the valid one, after it the new one,
 * whose other files may still be called *.new. So every crash leaves one whole identity.
 *
 * A renewed certificate is for the same key and stands beside the old one as certificate-new.pem
 * until the enforcer, which saw it work, renames it; the old one is valid as long as it is there.
 *
 * A key in hardware has no key.pem; where it is the enforcer says with each order. Nothing in the
 * directory says so, and no mark in it makes a CA trusted: whoever took an earlier role over may
 * have written there.
 */
#ifndef MDM_NET_IDENTITY_H
#define MDM_NET_IDENTITY_H

#include <openssl/evp.h>

#include "agent/net/certificates.h"
#include "agent/net/failure.h"

#define DEVICE_ID_BYTES 16 /* of the SHA-256 over the SubjectPublicKeyInfo */

struct identity {
	EVP_PKEY *key; /* P-256 */
	bool hardware; /* it is there and not in key.pem */
	X509 *certificate;
	struct anchors anchors;
	char device_id[2 * DEVICE_ID_BYTES + 1];
	int64_t from_s, until_s; /* of the certificate */
};

void identity_done(struct identity *identity);

/* Makes a new key and its device id. 0 or NET_E_FAILED. */
int identity_generate(struct identity *ret_identity, struct failure *ret_failure);

/* Takes a key that was opened in hardware in place of a new one. 0 or NET_E_FAILED. */
int identity_adopt(struct identity *ret_identity, EVP_PKEY *key, struct failure *ret_failure);

/* Numbers of the hardware that zero-touch enrolment tells; "" or NULL: none. */
struct identity_numbers {
	const char *serial, *imei;
};

/*
 * PKCS #10 in DER with the subject CN=DEVICE-ID, and serialNumber=SERIAL and serialNumber=imei:IMEI
 * of numbers (NULL: none); ret_der is the caller's (OPENSSL_free()).
 */
int identity_request(const struct identity *identity, const struct identity_numbers *numbers,
	unsigned char **ret_der, size_t *ret_n_bytes, struct failure *ret_failure);

/* Takes the certificate over if it is for the key and has dates; otherwise -EBADMSG. */
int identity_set_certificate(struct identity *identity, X509 *certificate);

/* What is loaded from where. */
struct identity_source {
	int dir_fd;
	bool candidate;	    /* the renewed certificate in place of the one in use */
	EVP_PKEY *hardware; /* the key, opened before the sandbox was closed; NULL: in key.pem */
	const uint8_t (*pins)[SHA256_BYTES]; /* of the order: no other CA counts */
	size_t n_pins;			     /* 0: none are known, the marks in the file count */
};

/* Loads a whole identity, with as many anchors as are pinned: perhaps none. 0 or NET_E_FAILED;
 * nothing is written. */
int identity_load(const struct identity_source *source, struct identity *ret_identity,
	struct failure *ret_failure);

/* Replaces the identity on disk. 0, or NET_E_FAILED with the old one untouched. */
int identity_store(int dir_fd, const struct identity *identity, struct failure *ret_failure);

/*
 * Stores what a renewal brought: the anchors, which replace the old ones, then the certificate as
 * the candidate. NULL for certificate: the anchors only. Any crash leaves the old certificate with
 * the old or the new anchors. 0 or NET_E_FAILED.
 */
int identity_store_renewed(const struct identity_source *source, const struct anchors *anchors,
	X509 *certificate, struct failure *ret_failure);

#endif
