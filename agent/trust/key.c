/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.c - public keys, their ids, verifying and signing; see key.h. Every role that handles
 * documents. The algorithm is the key's; nothing here reads a signature's header.
 */
#include "agent/trust/key.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <string.h>

#include "agent/trust/point.h"
#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/jsonw.h"

DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(EC_GROUP *, EC_GROUP_free)
DEFINE_CLEANUP(EC_POINT *, EC_POINT_free)
DEFINE_CLEANUP(BIGNUM *, BN_free)
DEFINE_CLEANUP(ECDSA_SIG *, ECDSA_SIG_free)

#define COORDINATE_LENGTH BASE64URL_LENGTH(32)
/* SEQUENCE of two INTEGERs of up to 33 bytes. */
#define ECDSA_DER_BYTES (2 + 2 * (2 + 33))

struct key_kind {
	const char *alg, *kty, *crv;
};

static const struct key_kind key_kinds[KEY_ALG_MAX] = {
	[KEY_ALG_EDDSA] = {"EdDSA", "OKP", "Ed25519"},
	[KEY_ALG_ES256] = {"ES256", "EC", "P-256"},
};

const char *key_alg_name(enum key_alg alg)
{
	return key_kinds[alg].alg;
}

/* RFC 7638, 3: the required members in alphabetical order, without white space. */
static int key_set_id(struct key *key)
{
	const struct key_kind *kind = &key_kinds[key->alg];
	char x[COORDINATE_LENGTH + 1], y[COORDINATE_LENGTH + 1], text[160];
	uint8_t digest[SHA256_BYTES];
	int n, r;

	base64url_encode(key->x, sizeof(key->x), x);
	base64url_encode(key->y, sizeof(key->y), y);
	if (key->alg == KEY_ALG_ES256)
		n = snprintf(text, sizeof(text),
			"{\"crv\":\"%s\",\"kty\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}", kind->crv,
			kind->kty, x, y);
	else
		n = snprintf(text, sizeof(text), "{\"crv\":\"%s\",\"kty\":\"%s\",\"x\":\"%s\"}",
			kind->crv, kind->kty, x);
	r = sha256(text, (size_t)n, digest);
	if (r < 0)
		return r;
	base64url_encode(digest, sizeof(digest), key->kid);
	return 0;
}

/* The coordinates as an EVP_PKEY, or NULL if libcrypto finds no point there. */
static EVP_PKEY *key_make_pkey(const struct key *key)
{
	_cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = NULL;
	uint8_t point[65] = {POINT_CONVERSION_UNCOMPRESSED};
	char group[] = SN_X9_62_prime256v1;
	EVP_PKEY *pkey = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};

	if (key->alg == KEY_ALG_EDDSA)
		return point_ed25519_is_valid(key->x)
			       ? EVP_PKEY_new_raw_public_key(
					 EVP_PKEY_ED25519, NULL, key->x, sizeof(key->x))
			       : NULL;
	memcpy(point + 1, key->x, 32);
	memcpy(point + 33, key->y, 32);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return NULL;
	return pkey;
}

static int key_get_coordinate(struct json_object *jwk, const char *path, const char *name,
	uint8_t ret_value[32], struct json_error *error)
{
	const char *text;
	size_t n;
	int r;

	r = json_required(json_get_string(jwk, path, name, COORDINATE_LENGTH, &text, error), path,
		name, error);
	if (r < 0)
		return r;
	if (base64url_decode(text, strlen(text), ret_value, 32, &n) < 0 || n != 32)
		return json_fail(error, path, "%s must be 32 bytes in base64url", name);
	return 0;
}

static int key_get_kind(
	struct json_object *jwk, const char *path, enum key_alg *ret_alg, struct json_error *error)
{
	const char *kty, *crv;
	int r;

	r = json_required(json_get_string(jwk, path, "kty", 16, &kty, error), path, "kty", error);
	if (r < 0)
		return r;
	r = json_required(json_get_string(jwk, path, "crv", 16, &crv, error), path, "crv", error);
	if (r < 0)
		return r;
	for (enum key_alg alg = 0; alg < KEY_ALG_MAX; alg++) {
		if (strcmp(key_kinds[alg].kty, kty) == 0 && strcmp(key_kinds[alg].crv, crv) == 0) {
			*ret_alg = alg;
			return 0;
		}
	}
	return json_fail(error, path, "must be an Ed25519 (OKP) or P-256 (EC) key");
}

int key_from_jwk(
	struct json_object *jwk, const char *path, struct key *ret_key, struct json_error *error)
{
	static const char *const members[KEY_ALG_MAX][5] = {
		[KEY_ALG_EDDSA] = {"kty", "crv", "x", NULL},
		[KEY_ALG_ES256] = {"kty", "crv", "x", "y", NULL},
	};
	struct key key = {0};
	int r;

	r = key_get_kind(jwk, path, &key.alg, error);
	if (r < 0)
		return r;
	/* A private half ("d") in a keyset is a mistake that must not go unnoticed. */
	r = json_only(jwk, path, members[key.alg], error);
	if (r < 0)
		return r;
	r = key_get_coordinate(jwk, path, "x", key.x, error);
	if (r == 0 && key.alg == KEY_ALG_ES256)
		r = key_get_coordinate(jwk, path, "y", key.y, error);
	if (r < 0)
		return r;
	r = key_set_id(&key);
	if (r < 0)
		return r;
	key.pkey = key_make_pkey(&key);
	if (!key.pkey) {
		ERR_clear_error();
		return json_fail(error, path, "is not a usable public key");
	}
	*ret_key = key;
	return 0;
}

/* Hardware tokens hand out points in any of the forms of SEC 1, so the point is decoded here. */
static int key_get_p256(EVP_PKEY *pkey, struct key *key)
{
	_cleanup_(EC_GROUP_freep) EC_GROUP *group =
		EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	_cleanup_(EC_POINT_freep) EC_POINT *point = group ? EC_POINT_new(group) : NULL;
	_cleanup_(BN_freep) BIGNUM *x = BN_new(), *y = BN_new();
	char name[80];
	uint8_t octets[65];
	size_t n;

	if (!point || !x || !y)
		return -ENOMEM;
	if (EVP_PKEY_get_group_name(pkey, name, sizeof(name), &n) != 1 ||
		(strcmp(name, SN_X9_62_prime256v1) != 0 && strcmp(name, "P-256") != 0))
		return -EINVAL;
	if (EVP_PKEY_get_octet_string_param(
		    pkey, OSSL_PKEY_PARAM_PUB_KEY, octets, sizeof(octets), &n) != 1 ||
		EC_POINT_oct2point(group, point, octets, n, NULL) != 1 ||
		EC_POINT_get_affine_coordinates(group, point, x, y, NULL) != 1 ||
		BN_bn2binpad(x, key->x, 32) != 32 || BN_bn2binpad(y, key->y, 32) != 32)
		return -EINVAL;
	return 0;
}

int key_from_pkey(EVP_PKEY *pkey, struct key *ret_key)
{
	struct key key = {0};
	size_t n = sizeof(key.x);
	int r = 0;

	if (EVP_PKEY_is_a(pkey, "ED25519")) {
		key.alg = KEY_ALG_EDDSA;
		if (EVP_PKEY_get_raw_public_key(pkey, key.x, &n) != 1 || n != sizeof(key.x) ||
			!point_ed25519_is_valid(key.x))
			r = -EINVAL;
	} else if (EVP_PKEY_is_a(pkey, "EC")) {
		key.alg = KEY_ALG_ES256;
		r = key_get_p256(pkey, &key);
	} else {
		r = -EINVAL;
	}
	if (r == 0)
		r = key_set_id(&key);
	if (r == 0 && EVP_PKEY_up_ref(pkey) != 1)
		r = -EINVAL;
	if (r < 0) {
		ERR_clear_error();
		return r;
	}
	key.pkey = pkey;
	*ret_key = key;
	return 0;
}

void key_done(struct key *key)
{
	EVP_PKEY_free(key->pkey);
	*key = (struct key){0};
}

void key_write_jwk(const struct key *key, struct jsonw *w, const char *name)
{
	const struct key_kind *kind = &key_kinds[key->alg];
	char text[COORDINATE_LENGTH + 1];

	jsonw_object(w, name);
	jsonw_string(w, "kty", kind->kty);
	jsonw_string(w, "crv", kind->crv);
	base64url_encode(key->x, sizeof(key->x), text);
	jsonw_string(w, "x", text);
	if (key->alg == KEY_ALG_ES256) {
		base64url_encode(key->y, sizeof(key->y), text);
		jsonw_string(w, "y", text);
	}
	jsonw_object_end(w);
}

/* R || S (RFC 7518, 3.4) as the DER that libcrypto wants. Its length, 0 on failure. */
static size_t key_signature_to_der(const uint8_t raw[64], uint8_t ret_der[ECDSA_DER_BYTES])
{
	_cleanup_(ECDSA_SIG_freep) ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, 32, NULL), *s = BN_bin2bn(raw + 32, 32, NULL);
	int n;

	if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return 0;
	}
	n = i2d_ECDSA_SIG(pair, NULL);
	if (n <= 0 || n > ECDSA_DER_BYTES)
		return 0;
	return i2d_ECDSA_SIG(pair, &ret_der) == n ? (size_t)n : 0;
}

static int key_signature_from_der(const uint8_t *der, size_t n_der, uint8_t ret_raw[64])
{
	_cleanup_(ECDSA_SIG_freep) ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)n_der);
	uint8_t raw[64];

	if (!pair || BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32) != 32 ||
		BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32) != 32)
		return -EIO;
	memcpy(ret_raw, raw, sizeof(raw));
	return 0;
}

static const EVP_MD *key_digest(const struct key *key)
{
	return key->alg == KEY_ALG_ES256 ? EVP_sha256() : NULL;
}

int key_verify(const struct key *key, const void *data, size_t n_bytes,
	const uint8_t signature[LIMIT_SIGNATURE_BYTES])
{
	_cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[ECDSA_DER_BYTES];
	size_t n_signature = LIMIT_SIGNATURE_BYTES;
	int r;

	if (!ctx)
		return -ENOMEM;
	if (EVP_DigestVerifyInit(ctx, NULL, key_digest(key), NULL, key->pkey) != 1) {
		ERR_clear_error();
		return -EIO;
	}
	if (key->alg == KEY_ALG_ES256) {
		n_signature = key_signature_to_der(signature, der);
		if (n_signature == 0)
			return -ENOMEM;
		signature = der;
	}
	r = EVP_DigestVerify(ctx, signature, n_signature, data, n_bytes);
	if (r != 1)
		ERR_clear_error();
	return r == 1;
}

int key_sign(const struct key *key, const void *data, size_t n_bytes,
	uint8_t ret_signature[LIMIT_SIGNATURE_BYTES])
{
	_cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t out[ECDSA_DER_BYTES];
	size_t n = sizeof(out);

	if (!ctx || EVP_DigestSignInit(ctx, NULL, key_digest(key), NULL, key->pkey) != 1 ||
		EVP_DigestSign(ctx, out, &n, data, n_bytes) != 1) {
		ERR_clear_error();
		return -EIO;
	}
	if (key->alg == KEY_ALG_ES256)
		return key_signature_from_der(out, n, ret_signature);
	if (n != LIMIT_SIGNATURE_BYTES)
		return -EIO;
	memcpy(ret_signature, out, n);
	return 0;
}
