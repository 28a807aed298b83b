/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.h - public keys that sign documents: Ed25519 (RFC 8037, alg "EdDSA") and P-256 (alg "ES256").
 *
 * A key id is the JWK thumbprint (RFC 7638, SHA-256, base64url: 43 characters), so that two names
 * for one key cannot exist and a threshold counts keys, not names.
 */
#ifndef MDM_TRUST_KEY_H
#define MDM_TRUST_KEY_H

#include <openssl/evp.h>
#include <stdint.h>

#include "agent/json/json_read.h"
#include "agent/util/limits.h"

#define KEY_ID_LENGTH 43

enum key_alg {
	KEY_ALG_EDDSA,
	KEY_ALG_ES256,
	KEY_ALG_MAX,
};
const char *key_alg_name(enum key_alg alg); /* "EdDSA", "ES256" */

struct key {
	enum key_alg alg;
	char kid[KEY_ID_LENGTH + 1];
	uint8_t x[32], y[32]; /* y only for ES256 */
	EVP_PKEY *pkey;	      /* owned */
};

/* From a JWK: exactly kty, crv, x (and y). 0; -EBADMSG with error; -ENOMEM. key_done() after
 * success. */
int key_from_jwk(
	struct json_object *jwk, const char *path, struct key *ret_key, struct json_error *error);
/* From a private or public EVP_PKEY (Ed25519 or P-256); the pkey's reference count is raised. */
int key_from_pkey(EVP_PKEY *pkey, struct key *ret_key);
void key_done(struct key *key);

/* Writes {"kty":…,"crv":…,"x":…[,"y":…]} as an object member of the writer. */
struct jsonw;
void key_write_jwk(const struct key *key, struct jsonw *w, const char *name);

/* 1 if the signature (raw; R || S for ES256, as in RFC 7518, 3.4) is valid, 0 if not, -errno on
 * trouble. */
int key_verify(const struct key *key, const void *data, size_t n_bytes,
	const uint8_t signature[LIMIT_SIGNATURE_BYTES]);

/* Signs with the private half in pkey. 0 or -EIO. */
int key_sign(const struct key *key, const void *data, size_t n_bytes,
	uint8_t ret_signature[LIMIT_SIGNATURE_BYTES]);

#endif
