/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_document_keyset.c - the first keyset, its successors, and what was accepted before; no role,
 * plain process.
 */
#include "agent/trust/document.h"

#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/document_fixture.h"

static void expect(const struct fixture *f, const char *what, const char *payload,
	const char *signers, enum document_reason expected)
{
	_cleanup_(document_freep) struct document *doc = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	enum document_reason reason;

	sign_with(f, DOCUMENT_KEYSET, payload, signers, &text);
	verify(f, &text, &reason, &doc);
	if (reason != expected)
		check_fail(__FILE__, __LINE__, "%s: %s, not %s", what, document_reason_name(reason),
			document_reason_name(expected));
	else if (reason == DOCUMENT_OK && (!doc->keyset || doc->serial != doc->keyset->version))
		check_fail(__FILE__, __LINE__, "%s: no keyset", what);
}

static void test_first_keyset(void)
{
	uint8_t pin[SHA256_BYTES];
	struct fixture f;

	fixture_init(&f);
	f.held_keyset = 0;
	f.context.keyset = NULL;
	sha256(f.payload3.data, f.payload3.n_bytes, pin);
	expect(&f, "no pin", f.payload3.data, "01", DOCUMENT_E_SIGNATURE);
	f.context.pinned_keyset = pin;
	expect(&f, "pinned", f.payload3.data, "01", DOCUMENT_OK);
	expect(&f, "pinned, other order", f.payload3.data, "10", DOCUMENT_OK);
	expect(&f, "pinned, below its own threshold", f.payload3.data, "0", DOCUMENT_E_THRESHOLD);
	expect(&f, "pinned, holders of other roles", f.payload3.data, "23", DOCUMENT_E_THRESHOLD);
	expect(&f, "pinned, one key twice", f.payload3.data, "00", DOCUMENT_E_DUPLICATE_SIGNATURE);
	expect(&f, "pinned, nobody known", f.payload3.data, "8", DOCUMENT_E_SIGNATURE);
	/* Lines of a predecessor's keys do not count and do not harm. */
	expect(&f, "pinned, with a retired key", f.payload3.data, "801", DOCUMENT_OK);
	expect(&f, "pinned, retired key instead", f.payload3.data, "80", DOCUMENT_E_THRESHOLD);
	expect(&f, "another keyset", f.payload4.data, "07", DOCUMENT_E_PIN);
	f.context.now_s = NOW + 100000000;
	expect(&f, "pinned, expired since", f.payload3.data, "01", DOCUMENT_OK);
	pin[31] ^= 1;
	expect(&f, "pin with one bit changed", f.payload3.data, "01", DOCUMENT_E_PIN);
	fixture_done(&f);
}

/* The pin vouches for a payload, not for what a header says about it. */
static void test_first_keyset_typ(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint8_t pin[SHA256_BYTES];
	struct document *doc = NULL;
	enum document_reason reason;
	struct fixture f;

	fixture_init(&f);
	f.context.keyset = NULL;
	f.context.pinned_keyset = pin;
	sha256(f.payload3.data, f.payload3.n_bytes, pin);
	sign_with(&f, DOCUMENT_POLICY, f.payload3.data, "01", &text);
	verify(&f, &text, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_TYPE);
	sha256(POLICY(6), strlen(POLICY(6)), pin);
	buf_reset(&text);
	sign_with(&f, DOCUMENT_POLICY, POLICY(6), "2", &text);
	verify(&f, &text, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_TYPE);
	fixture_done(&f);
}

/* Version 4 retires key 1 and brings key 7; both thresholds are 2. */
static void test_successor(void)
{
	struct fixture f;

	fixture_init(&f);
	expect(&f, "old and new", f.payload4.data, "017", DOCUMENT_OK);
	expect(&f, "old and new, other order", f.payload4.data, "710", DOCUMENT_OK);
	expect(&f, "old only", f.payload4.data, "01", DOCUMENT_E_THRESHOLD);
	expect(&f, "new only", f.payload4.data, "07", DOCUMENT_E_SIGNATURE);
	expect(&f, "new only, no common key", f.payload4.data, "7", DOCUMENT_E_SIGNATURE);
	expect(&f, "with an outsider", f.payload4.data, "0178", DOCUMENT_E_SIGNATURE);
	expect(&f, "new key twice", f.payload4.data, "0177", DOCUMENT_E_DUPLICATE_SIGNATURE);
	expect(&f, "old key twice", f.payload4.data, "0107", DOCUMENT_E_DUPLICATE_SIGNATURE);
	/* A bystander of the keyset held does not open the payload. */
	expect(&f, "holder of another role", f.payload4.data, "27", DOCUMENT_E_SIGNATURE);
	/* The one held, again: recognised by its digest, also if its old signers are unknown. */
	expect(&f, "held", f.payload3.data, "01", DOCUMENT_OK);
	expect(&f, "held, with a retired key", f.payload3.data, "801", DOCUMENT_OK);
	f.context.now_s = NOW + 100000000;
	expect(&f, "from an expired keyset", f.payload4.data, "017", DOCUMENT_OK);
	f.held_keyset = 0;
	f.context.now_s = NOW;
	expect(&f, "held, but its digest forgotten", f.payload3.data, "01",
		DOCUMENT_E_SERIAL_REUSED);
	fixture_done(&f);
}

/* A new key that a keyset brings may not sign anything but that keyset. */
static void test_successor_lends_no_key(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT, smuggled = BUF_INIT;
	struct document *doc = NULL;
	enum document_reason reason;
	struct fixture f;

	fixture_init(&f);
	sign_with(&f, DOCUMENT_POLICY, f.payload4.data, "017", &text);
	verify(&f, &text, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_SIGNATURE);
	/* The holders signed a keyset; the new key says that the same bytes are a policy. */
	sign_with(&f, DOCUMENT_KEYSET, f.payload4.data, "01", &smuggled);
	sign_with(&f, DOCUMENT_POLICY, f.payload4.data, "7", &smuggled);
	verify(&f, &smuggled, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_TYPE);
	fixture_done(&f);
}

static void test_successor_meaning(void)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct signer_keyset broken = {
		.org = ORG,
		.version = 4,
		.issued_s = NOW - 10,
		.expires_s = NOW + 1000000,
		.n_keys = 2,
		.threshold = {2, 1, 1, 1},
	};
	struct fixture f;

	fixture_init(&f);
	broken.keys = f.keys;
	signer_write_keyset(&broken, &payload);
	expect(&f, "roles that nobody has", payload.data, "01", DOCUMENT_E_MEANING);
	buf_reset(&payload);
	broken.org = OTHER_ORG;
	signer_write_keyset(&broken, &payload);
	expect(&f, "another organisation's successor", payload.data, "01", DOCUMENT_E_ORG);
	fixture_done(&f);
}

/* Read back from the own state: the payload counts, whoever may sign today. */
static void test_accepted_payload(void)
{
	_cleanup_(document_freep) struct document *doc = NULL, *keyset = NULL, *none = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT, other = BUF_INIT, keyset_text = BUF_INIT;
	uint8_t digest[SHA256_BYTES];
	enum document_reason reason;
	struct fixture f;

	fixture_init(&f);
	sha256(POLICY(5), strlen(POLICY(5)), digest);
	sign_with(&f, DOCUMENT_POLICY, POLICY(5), "8", &text);
	verify(&f, &text, &reason, &none);
	CHECK_INT(reason, DOCUMENT_E_SIGNATURE);
	f.context.accepted_payload = digest;
	f.context.now_s = NOW + 100000000;
	verify(&f, &text, &reason, &doc);
	CHECK(doc && doc->type == DOCUMENT_POLICY && doc->already_held);
	CHECK_INT(doc->n_signers, 0);
	CHECK(!document_satisfies(doc, f.keyset, TRUST_ROLE_POLICY));
	/* It vouches for nothing else. */
	sign_with(&f, DOCUMENT_POLICY, POLICY(6), "8", &other);
	verify(&f, &other, &reason, &none);
	CHECK_INT(reason, DOCUMENT_E_SIGNATURE);
	/* Groups may have changed since. */
	f.context.n_streams = 1;
	verify(&f, &text, &reason, &none);
	CHECK_INT(reason, DOCUMENT_E_TARGET);
	f.context.keyset = NULL;
	verify(&f, &text, &reason, &none);
	CHECK_INT(reason, DOCUMENT_E_SIGNATURE);
	sha256(f.payload3.data, f.payload3.n_bytes, digest);
	sign_with(&f, DOCUMENT_KEYSET, f.payload3.data, "80", &keyset_text);
	verify(&f, &keyset_text, &reason, &none);
	CHECK_INT(reason, DOCUMENT_E_THRESHOLD);
	sign_with(&f, DOCUMENT_KEYSET, f.payload3.data, "1", &keyset_text);
	verify(&f, &keyset_text, &reason, &keyset);
	CHECK(keyset && keyset->keyset && keyset->already_held);
	fixture_done(&f);
}

static const struct check_test tests[] = {
	{"first_keyset", test_first_keyset},
	{"first_keyset_typ", test_first_keyset_typ},
	{"successor", test_successor},
	{"successor_lends_no_key", test_successor_lends_no_key},
	{"successor_meaning", test_successor_meaning},
	{"accepted_payload", test_accepted_payload},
};
CHECK_MAIN(tests)
