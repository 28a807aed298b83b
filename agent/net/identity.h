/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - the device's key, its certificate and its trust anchors: three files in the
 * directory that the enforcer handed over, and nothing outside it. Net role.
 *
 * A new identity is written beside the old one as *.new and then renamed. The rename of
 * certificate.pem is the commit: before it the old identity is the valid one, after it the new one,
 * whose other files may still be called *.new. So every crash leaves one whole identity.
 */
#ifndef MDM_NET_IDENTITY_H
#define MDM_NET_IDENTITY_H

#include <openssl/evp.h>

#include "agent/net/certificates.h"
#include "agent/net/failure.h"

#define DEVICE_ID_BYTES 16 /* of the SHA-256 over the SubjectPublicKeyInfo */

struct identity {
	EVP_PKEY *key; /* P-256 */
	X509 *certificate;
	struct anchors anchors;
	char device_id[2 * DEVICE_ID_BYTES + 1];
	int64_t from_s, until_s; /* of the certificate */
};

void identity_done(struct identity *identity);

/* Makes a new key and its device id. 0 or NET_E_FAILED. */
int identity_generate(struct identity *ret_identity, struct failure *ret_failure);

/* PKCS #10 in DER with the subject CN=DEVICE-ID; ret_der is the caller's (OPENSSL_free()). */
int identity_request(const struct identity *identity, unsigned char **ret_der, size_t *ret_n_bytes,
	struct failure *ret_failure);

/* Takes the certificate over if it is for the key and has dates; otherwise -EBADMSG. */
int identity_set_certificate(struct identity *identity, X509 *certificate);

/* Loads a whole identity. 0 or NET_E_FAILED; nothing is written. */
int identity_load(int dir_fd, struct identity *ret_identity, struct failure *ret_failure);

/* Replaces the identity on disk. 0, or NET_E_FAILED with the old one untouched. */
int identity_store(int dir_fd, const struct identity *identity, struct failure *ret_failure);

#endif
