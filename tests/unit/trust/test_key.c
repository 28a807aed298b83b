/* SPDX-License-Identifier: Apache-2.0 */
/* test_key.c - known answers, hostile keys and signatures; no role, plain process. */
#include "agent/trust/key.h"

#include <errno.h>
#include <string.h>

#include "agent/trust/point.h"
#include "agent/util/codec.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

/* RFC 8037, appendix A.2 to A.4. */
#define RFC8037_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define RFC8037_D "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define RFC8037_KID "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
#define RFC8037_INPUT "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
#define RFC8037_SIGNATURE                                                                          \
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

/* RFC 7515, appendix A.3. */
#define RFC7515_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC7515_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define RFC7515_INPUT                                                                              \
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"    \
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RFC7515_SIGNATURE                                                                          \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

#define OKP(x) "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" x "\"}"
#define EC(x, y) "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" x "\",\"y\":\"" y "\"}"

static int from_text(const char *text, struct key *ret_key, struct json_error *error)
{
	_cleanup_json_ struct json_object *jwk = NULL;
	int r = json_parse(text, strlen(text), &jwk, error);

	return r < 0 ? r : key_from_jwk(jwk, "jwk", ret_key, error);
}

static void decode_signature(const char *text, uint8_t ret_signature[64])
{
	size_t n;

	signer_must(base64url_decode(text, strlen(text), ret_signature, 64, &n) == 0 && n == 64);
}

static void test_rfc8037(void)
{
	_cleanup_(key_done) struct key key = {0}, private = {0};
	uint8_t signature[64], again[64], seed[32];
	struct json_error error;
	EVP_PKEY *pkey;
	size_t n;

	CHECK_INT(from_text(OKP(RFC8037_X), &key, &error), 0);
	CHECK_INT(key.alg, KEY_ALG_EDDSA);
	CHECK_STR(key.kid, RFC8037_KID);
	decode_signature(RFC8037_SIGNATURE, signature);
	CHECK_INT(key_verify(&key, RFC8037_INPUT, strlen(RFC8037_INPUT), signature), 1);
	CHECK_INT(key_verify(&key, RFC8037_INPUT, strlen(RFC8037_INPUT) - 1, signature), 0);

	CHECK_INT(base64url_decode(RFC8037_D, strlen(RFC8037_D), seed, sizeof(seed), &n), 0);
	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, n);
	CHECK(pkey);
	CHECK_INT(key_from_pkey(pkey, &private), 0);
	EVP_PKEY_free(pkey);
	CHECK_STR(private.kid, RFC8037_KID);
	/* Ed25519 is deterministic, so the signature is the published one. */
	CHECK_INT(key_sign(&private, RFC8037_INPUT, strlen(RFC8037_INPUT), again), 0);
	CHECK(memcmp(signature, again, sizeof(signature)) == 0);
	/* A public key cannot sign. */
	CHECK_INT(key_sign(&key, RFC8037_INPUT, strlen(RFC8037_INPUT), again), -EIO);
}

static void test_rfc7515(void)
{
	_cleanup_(key_done) struct key key = {0};
	uint8_t signature[64];
	struct json_error error;

	CHECK_INT(from_text(EC(RFC7515_X, RFC7515_Y), &key, &error), 0);
	CHECK_INT(key.alg, KEY_ALG_ES256);
	decode_signature(RFC7515_SIGNATURE, signature);
	CHECK_INT(key_verify(&key, RFC7515_INPUT, strlen(RFC7515_INPUT), signature), 1);
	CHECK_INT(key_verify(&key, RFC7515_INPUT, strlen(RFC7515_INPUT) - 1, signature), 0);
}

static void test_names(void)
{
	CHECK_STR(key_alg_name(KEY_ALG_EDDSA), "EdDSA");
	CHECK_STR(key_alg_name(KEY_ALG_ES256), "ES256");
	for (enum key_alg alg = 0; alg < KEY_ALG_MAX; alg++)
		CHECK(key_alg_name(alg));
}

static void test_bad_jwk(void)
{
	static const char *const rows[] = {
		"{}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}",
		"{\"kty\":\"OKP\",\"x\":\"" RFC8037_X "\"}",
		"{\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":7}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" RFC8037_X "\"}",
		"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" RFC8037_X "\"}",
		"{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\"}",
		"{\"kty\":\"oct\",\"k\":\"" RFC8037_X "\"}",
		/* a private key in the wrong place */
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\",\"d\":\"" RFC8037_D
		"\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\",\"use\":\"sig\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\",\"y\":\"" RFC7515_Y
		"\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_X "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" RFC7515_X "\",\"y\":\"" RFC7515_Y
		"\"}",
		/* length and form of coordinates; trailing bits of "o" replaced by those of "p" */
		OKP(""),
		OKP("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR"),
		OKP("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURoA"),
		OKP("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp"),
		OKP("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
		/* small order: one signature would fit every message */
		OKP("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		OKP("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		/* x and y exchanged, zero, and the field prime: not points */
		EC(RFC7515_Y, RFC7515_X),
		EC("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		EC("_____wAAAAEAAAAAAAAAAAAAAAD_______________8", RFC7515_Y),
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct key key = {0};
		struct json_error error = {0};

		if (from_text(rows[i], &key, &error) != -EBADMSG || key.pkey)
			check_fail(__FILE__, __LINE__, "row %zu accepted", i);
		else if (strncmp(error.path, "jwk", 3) != 0 || !*error.message)
			check_fail(__FILE__, __LINE__, "row %zu: \"%s\"", i, error.path);
	}
}

/* Encodings of points that one signature would fit to every message, or that have two texts. */
static void test_bad_ed25519_points(void)
{
	static const char *const rows[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		/* p, p + 1, p + 3, 2^255 - 1: not canonical */
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		/* y = 2: no x belongs to it */
		"0200000000000000000000000000000000000000000000000000000000000000",
	};
	uint8_t point[32];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_INT(hex_decode(rows[i], point, sizeof(point)), 0);
		if (point_ed25519_is_valid(point))
			check_fail(__FILE__, __LINE__, "row %zu", i);
	}
	/* y = 3 and the base point y = 4/5 are on the curve, with either sign. */
	CHECK_INT(hex_decode("0300000000000000000000000000000000000000000000000000000000000000",
			  point, sizeof(point)),
		0);
	CHECK(point_ed25519_is_valid(point));
	CHECK_INT(hex_decode("5866666666666666666666666666666666666666666666666666666666666666",
			  point, sizeof(point)),
		0);
	CHECK(point_ed25519_is_valid(point));
	point[31] |= 0x80;
	CHECK(point_ed25519_is_valid(point));
}

/* Every key that libcrypto makes is a valid point: the check refuses no honest key. */
static void test_honest_points(void)
{
	for (int i = 0; i < 256; i++) {
		_cleanup_(key_done) struct key key = {0};

		signer_ed25519((uint8_t)i, &key);
		CHECK(point_ed25519_is_valid(key.x));
	}
}

static void check_round_trip(const struct key *key)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct jsonw w = JSONW_INIT(&text);
	_cleanup_json_ struct json_object *outer = NULL;
	_cleanup_(key_done) struct key again = {0};
	struct json_object *jwk;
	uint8_t signature[64];

	jsonw_object(&w, NULL);
	key_write_jwk(key, &w, "jwk");
	jsonw_object_end(&w);
	CHECK_INT(json_parse(text.data, text.n_bytes, &outer, NULL), 0);
	CHECK_INT(json_get_object(outer, "", "jwk", &jwk, NULL), 0);
	CHECK_INT(key_from_jwk(jwk, "", &again, NULL), 0);
	CHECK_STR(again.kid, key->kid);
	CHECK_INT(strlen(again.kid), KEY_ID_LENGTH);
	CHECK_INT(key_sign(key, "message", 7, signature), 0);
	CHECK_INT(key_verify(&again, "message", 7, signature), 1);
	CHECK_INT(key_verify(&again, "massage", 7, signature), 0);
	CHECK_INT(key_verify(&again, "", 0, signature), 0);
	for (size_t i = 0; i < 64 * 8; i++) {
		signature[i / 8] ^= (uint8_t)(1u << i % 8);
		CHECK_INT(key_verify(&again, "message", 7, signature), 0);
		signature[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

static void test_round_trip(void)
{
	_cleanup_(key_done) struct key ed = {0}, es = {0};

	signer_ed25519(1, &ed);
	signer_es256(1, &es);
	check_round_trip(&ed);
	check_round_trip(&es);
	CHECK(strcmp(ed.kid, es.kid) != 0);
}

/* R and S of zero, of the group order and above are no signatures (FIPS 186-4, 6.4). */
static void test_es256_range(void)
{
	static const char order[] =
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	_cleanup_(key_done) struct key key = {0};
	uint8_t honest[64], bad[32], signature[64];

	signer_es256(7, &key);
	CHECK_INT(key_sign(&key, "m", 1, honest), 0);
	for (int kind = 0; kind < 3; kind++) {
		CHECK_INT(hex_decode(order, bad, sizeof(bad)), 0);
		if (kind != 1)
			memset(bad, kind == 0 ? 0x00 : 0xff, sizeof(bad));
		for (size_t half = 0; half < 64; half += 32) {
			memcpy(signature, honest, 64);
			memcpy(signature + half, bad, 32);
			CHECK_INT(key_verify(&key, "m", 1, signature), 0);
		}
	}
	memset(signature, 0, sizeof(signature));
	CHECK_INT(key_verify(&key, "m", 1, signature), 0);
}

/* Numbers that start with zero bytes keep their length: about every 128th signature has one. */
static void test_es256_padding(void)
{
	_cleanup_(key_done) struct key key = {0};
	uint8_t signature[64];
	int n_short = 0;

	signer_es256(9, &key);
	for (int i = 0; i < 2000 && n_short < 3; i++) {
		CHECK_INT(key_sign(&key, &i, sizeof(i), signature), 0);
		if (signature[0] != 0 && signature[32] != 0)
			continue;
		n_short++;
		CHECK_INT(key_verify(&key, &i, sizeof(i), signature), 1);
	}
	CHECK(n_short > 0);
}

static void test_other_pkeys(void)
{
	static const int kinds[] = {EVP_PKEY_X25519, EVP_PKEY_ED448};
	uint8_t seed[57] = {1};
	struct key key = {0};
	EVP_PKEY *pkey;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		pkey = EVP_PKEY_new_raw_private_key(
			kinds[i], NULL, seed, kinds[i] == EVP_PKEY_ED448 ? 57 : 32);
		CHECK(pkey);
		CHECK_INT(key_from_pkey(pkey, &key), -EINVAL);
		EVP_PKEY_free(pkey);
	}
	pkey = EVP_EC_gen("P-384");
	CHECK(pkey);
	CHECK_INT(key_from_pkey(pkey, &key), -EINVAL);
	EVP_PKEY_free(pkey);
	CHECK(!key.pkey);
}

static const struct check_test tests[] = {
	{"rfc8037", test_rfc8037},
	{"rfc7515", test_rfc7515},
	{"names", test_names},
	{"bad_jwk", test_bad_jwk},
	{"bad_ed25519_points", test_bad_ed25519_points},
	{"honest_points", test_honest_points},
	{"round_trip", test_round_trip},
	{"es256_range", test_es256_range},
	{"es256_padding", test_es256_padding},
	{"other_pkeys", test_other_pkeys},
};
CHECK_MAIN(tests)
