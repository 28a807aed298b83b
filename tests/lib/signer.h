/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.h - key holders for tests: keys made of a number, keysets and documents signed with them.
 * For tests and fuzz targets only, which link the trust layer. Any failure aborts.
 */
#ifndef MDM_TESTS_SIGNER_H
#define MDM_TESTS_SIGNER_H

#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "agent/trust/document.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"

#define SIGNER_ROLE(role) (1u << TRUST_ROLE_##role)

struct signer_key {
	struct key key; /* with its private half */
	uint32_t roles;
	const char *name;
};

struct signer_keyset {
	const char *org;
	int64_t version, issued_s, expires_s;
	const struct signer_key *keys;
	size_t n_keys;
	uint32_t threshold[TRUST_ROLE_MAX];
	const uint8_t (*ca_pins)[SHA256_BYTES];
	size_t n_ca_pins; /* 0: no such member */
};

static inline void signer_must(bool done)
{
	if (!done)
		abort();
}

/* An Ed25519 key whose seed is 32 times the same byte. */
static inline void signer_ed25519(uint8_t number, struct key *ret_key)
{
	uint8_t seed[32];
	EVP_PKEY *pkey;

	memset(seed, number, sizeof(seed));
	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	signer_must(pkey && key_from_pkey(pkey, ret_key) == 0);
	EVP_PKEY_free(pkey);
}

/* A P-256 key whose private number is 32 times the same byte (1..254). */
static inline void signer_es256(uint8_t number, struct key *ret_key)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point = EC_POINT_new(group);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	char name[] = SN_X9_62_prime256v1;
	uint8_t scalar[32], native[32], public[65];
	EVP_PKEY *pkey = NULL;
	BIGNUM *private;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public, sizeof(public)),
		OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof(native)),
		OSSL_PARAM_construct_end(),
	};

	memset(scalar, number, sizeof(scalar));
	private = BN_bin2bn(scalar, sizeof(scalar), NULL);
	signer_must(private && BN_bn2nativepad(private, native, sizeof(native)) > 0);
	signer_must(EC_POINT_mul(group, point, private, NULL, NULL, NULL) == 1);
	signer_must(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, public,
			    sizeof(public), NULL) == sizeof(public));
	signer_must(ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
		    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) == 1);
	signer_must(key_from_pkey(pkey, ret_key) == 0);
	EVP_PKEY_free(pkey);
	EVP_PKEY_CTX_free(ctx);
	BN_free(private);
	EC_POINT_free(point);
	EC_GROUP_free(group);
}

static inline void signer_write_key(const struct signer_key *k, struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "kid", k->key.kid);
	jsonw_string(w, "name", k->name);
	jsonw_string(w, "alg", key_alg_name(k->key.alg));
	key_write_jwk(&k->key, w, "jwk");
	jsonw_array(w, "roles");
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++)
		if (k->roles >> role & 1)
			jsonw_string(w, NULL, trust_role_name(role));
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static inline void signer_write_pins(const struct signer_keyset *keyset, struct jsonw *w)
{
	char text[BASE64URL_LENGTH(SHA256_BYTES) + 1];

	if (keyset->n_ca_pins == 0)
		return;
	jsonw_array(w, "ca_pins");
	for (size_t i = 0; i < keyset->n_ca_pins; i++) {
		base64url_encode(keyset->ca_pins[i], SHA256_BYTES, text);
		jsonw_string(w, NULL, text);
	}
	jsonw_array_end(w);
}

/* The payload of a keyset document. */
static inline void signer_write_keyset(const struct signer_keyset *keyset, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "keyset");
	jsonw_string(&w, "org", keyset->org);
	jsonw_string(&w, "org_name", "Example Organisation");
	jsonw_int(&w, "serial", keyset->version);
	jsonw_int(&w, "issued", keyset->issued_s);
	jsonw_int(&w, "expires", keyset->expires_s);
	jsonw_array(&w, "keys");
	for (size_t i = 0; i < keyset->n_keys; i++)
		signer_write_key(&keyset->keys[i], &w);
	jsonw_array_end(&w);
	jsonw_object(&w, "thresholds");
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++)
		jsonw_int(&w, trust_role_name(role), keyset->threshold[role]);
	jsonw_object_end(&w);
	signer_write_pins(keyset, &w);
	jsonw_object_end(&w);
	signer_must(out->error == 0);
}

/* Appends one line with its LF. */
static inline void signer_sign(enum document_type type, const char *payload, size_t n_payload,
	const struct key *key, struct buf *out)
{
	char *line;

	signer_must(document_sign(type, payload, n_payload, key, &line) == 0);
	buf_puts(out, line);
	buf_puts(out, "\n");
	signer_must(out->error == 0);
	free(line);
}

/* Appends a line with any header over any payload, as no tool of this project would write it. */
static inline void signer_sign_raw(const char *header, const char *payload, size_t n_payload,
	const struct key *key, struct buf *out)
{
	uint8_t signature[LIMIT_SIGNATURE_BYTES];
	size_t n_header = strlen(header), start = out->n_bytes;
	char *text = malloc(BASE64URL_LENGTH(n_header + n_payload + sizeof(signature)) + 8);

	signer_must(text != NULL);
	base64url_encode(header, n_header, text);
	buf_puts(out, text);
	buf_puts(out, ".");
	base64url_encode(payload, n_payload, text);
	buf_puts(out, text);
	signer_must(out->error == 0);
	signer_must(key_sign(key, out->data + start, out->n_bytes - start, signature) == 0);
	base64url_encode(signature, sizeof(signature), text);
	buf_puts(out, ".");
	buf_puts(out, text);
	buf_puts(out, "\n");
	signer_must(out->error == 0);
	free(text);
}

#endif
