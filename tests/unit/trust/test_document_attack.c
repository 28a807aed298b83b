/* SPDX-License-Identifier: Apache-2.0 */
/* test_document_attack.c - damaged, spliced and laborious documents; no role, plain process. */
#include "agent/trust/document.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "tests/lib/check.h"
#include "tests/lib/document_fixture.h"

/* S -> n - S makes a second valid signature of the same key: still one key. */
static void test_es256_malleability(void)
{
	static const char order_text[] =
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	_cleanup_(document_freep) struct document *alone = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT, twin = BUF_INIT;
	uint8_t order[32], signature[64];
	struct document *doc = NULL;
	enum document_reason reason;
	BIGNUM *n, *s;
	size_t n_bytes;
	char encoded[BASE64URL_LENGTH(64) + 1];
	char *field;
	struct fixture f;

	fixture_init(&f);
	sign_with(&f, DOCUMENT_POLICY, POLICY(6), "3", &text);
	field = strrchr(text.data, '.') + 1;
	CHECK_INT(base64url_decode(field, 86, signature, 64, &n_bytes), 0);
	CHECK_INT(hex_decode(order_text, order, sizeof(order)), 0);
	n = BN_bin2bn(order, 32, NULL);
	s = BN_bin2bn(signature + 32, 32, NULL);
	CHECK(n && s && BN_sub(s, n, s) && BN_bn2binpad(s, signature + 32, 32) == 32);
	BN_free(n);
	BN_free(s);
	base64url_encode(signature, sizeof(signature), encoded);
	buf_append(&twin, text.data, (size_t)(field - text.data));
	buf_puts(&twin, encoded);
	verify(&f, &twin, &reason, &alone);
	CHECK_INT(reason, DOCUMENT_OK);
	buf_append(&text, twin.data, twin.n_bytes);
	verify(&f, &text, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_DUPLICATE_SIGNATURE);
	fixture_done(&f);
}

/* Signing input and signature of one document do not fit another header or payload. */
static void test_splicing(void)
{
	_cleanup_buf_ struct buf a = BUF_INIT, b = BUF_INIT, spliced = BUF_INIT;
	struct document *doc = NULL;
	enum document_reason reason;
	struct fixture f;

	fixture_init(&f);
	sign_with(&f, DOCUMENT_POLICY, POLICY(6), "2", &a);
	sign_with(&f, DOCUMENT_POLICY, POLICY(7), "2", &b);
	buf_append(&spliced, a.data, (size_t)(strrchr(a.data, '.') - a.data));
	buf_puts(&spliced, strrchr(b.data, '.'));
	verify(&f, &spliced, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_SIGNATURE);
	fixture_done(&f);
}

/* Whatever is cut off or changed: refused, or the same payload. */
static void test_damage(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT, one = BUF_INIT;
	enum document_reason reason;
	size_t n_accepted = 0;
	struct fixture f;

	fixture_init(&f);
	sign_with(&f, DOCUMENT_POLICY, POLICY(6), "23", &text);
	for (size_t n = 0; n < text.n_bytes; n++) {
		_cleanup_(document_freep) struct document *doc = NULL;
		struct buf cut = {.data = malloc(n + 1), .n_bytes = n};

		signer_must(cut.data);
		memcpy(cut.data, text.data, n);
		verify(&f, &cut, &reason, &doc);
		if (doc)
			n_accepted++;
		if (doc && strcmp(doc->jws.payload, POLICY(6)) != 0)
			check_fail(__FILE__, __LINE__, "cut at %zu", n);
		document_free(TAKE_PTR(doc));
		buf_done(&cut);
	}
	/* The first line with and without its LF; both lines without the last LF. */
	CHECK_INT(n_accepted, 3);
	sign_with(&f, DOCUMENT_POLICY, POLICY(6), "2", &one);
	for (size_t i = 0; i + 1 < one.n_bytes; i++) {
		static const uint8_t masks[] = {0x01, 0x02, 0x04, 0x20, 0x80};

		for (size_t k = 0; k < ARRAY_SIZE(masks); k++) {
			_cleanup_(document_freep) struct document *doc = NULL;

			one.data[i] ^= (char)masks[k];
			verify(&f, &one, &reason, &doc);
			one.data[i] ^= (char)masks[k];
			if (doc)
				check_fail(__FILE__, __LINE__, "byte %zu ^ %u", i, masks[k]);
		}
	}
	fixture_done(&f);
}

/* As many lines and keys as there may be, none of which fit: bounded work, a plain refusal. */
static void test_most_work(void)
{
	static struct signer_key keys[LIMIT_KEYSET_KEYS];
	struct signer_keyset large = {
		.org = ORG,
		.version = 1,
		.issued_s = 1,
		.expires_s = NOW * 2LL,
		.keys = keys,
		.n_keys = LIMIT_KEYSET_KEYS,
		.threshold = {1, LIMIT_THRESHOLD, 1, 1},
	};
	_cleanup_(keyset_freep) struct keyset *keyset = NULL;
	_cleanup_(document_freep) struct document *full = NULL;
	_cleanup_buf_ struct buf payload = BUF_INIT, text = BUF_INIT, good = BUF_INIT;
	struct document *doc = NULL;
	enum document_reason reason;
	struct fixture f;

	fixture_init(&f);
	for (size_t i = 0; i < LIMIT_KEYSET_KEYS; i++) {
		signer_ed25519((uint8_t)(100 + i), &keys[i].key);
		keys[i].name = "holder";
		keys[i].roles = 15;
	}
	signer_write_keyset(&large, &payload);
	CHECK_INT(keyset_parse(payload.data, payload.n_bytes, &keyset, NULL), 0);
	f.context.keyset = keyset;
	for (size_t i = 0; i < LIMIT_DOCUMENT_LINES; i++) {
		sign_with(&f, DOCUMENT_POLICY, POLICY(6), "8", &text);
		signer_sign(DOCUMENT_POLICY, POLICY(6), strlen(POLICY(6)),
			&keys[LIMIT_KEYSET_KEYS - 1 - i].key, &good);
	}
	verify(&f, &text, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_SIGNATURE);
	verify(&f, &good, &reason, &full);
	CHECK(full && full->n_signers == LIMIT_DOCUMENT_LINES);
	for (size_t i = 0; i < LIMIT_KEYSET_KEYS; i++)
		key_done(&keys[i].key);
	fixture_done(&f);
}

static void test_sign_limits(void)
{
	_cleanup_free_ char *payload = calloc(1, LIMIT_PAYLOAD_BYTES + 1), *line = NULL;
	struct fixture f;

	fixture_init(&f);
	CHECK(payload);
	CHECK_INT(document_sign(
			  DOCUMENT_POLICY, payload, LIMIT_PAYLOAD_BYTES + 1, &f.keys[2].key, &line),
		-EFBIG);
	CHECK_INT(document_sign(DOCUMENT_POLICY, payload, 0, &f.keys[2].key, &line), -EFBIG);
	CHECK_INT(document_sign(DOCUMENT_POLICY, "{}", 2, &f.keyset->keys[K_POLICY_ED].key, &line),
		-EIO);
	CHECK(!line);
	CHECK_INT(
		document_sign(DOCUMENT_POLICY, payload, LIMIT_PAYLOAD_BYTES, &f.keys[2].key, &line),
		0);
	CHECK(line && !strchr(line, '\n'));
	fixture_done(&f);
}

static const struct check_test tests[] = {
	{"es256_malleability", test_es256_malleability},
	{"splicing", test_splicing},
	{"damage", test_damage},
	{"most_work", test_most_work},
	{"sign_limits", test_sign_limits},
};
CHECK_MAIN(tests)
