/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: trust */
/*
 * fuzz_document.c - verification. As a document, the input is accepted only if its payload is one
 * of those that the key holders of this file signed for the corpus. As a payload that the holders
 * sign now, it is accepted only if it says what this phone may take; and never once it is damaged.
 */
#include "tests/lib/document_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static const char *const signed_payloads[] = {
	POLICY(6),
	POLICY(7),
	ASSIGNMENT("\"device\":\"" DEVICE "\""),
	COMMAND("\"device\":\"" DEVICE "\",\"enrolment\":\"" ENROLMENT "\""),
};

static bool was_signed(const struct fixture *f, const struct document *doc)
{
	for (size_t i = 0; i < ARRAY_SIZE(signed_payloads); i++)
		if (strcmp(doc->jws.payload, signed_payloads[i]) == 0)
			return true;
	return strcmp(doc->jws.payload, f->payload3.data) == 0 ||
	       strcmp(doc->jws.payload, f->payload4.data) == 0;
}

static void check_accepted(const struct fixture *f, const struct document *doc)
{
	expect(doc->json && doc->n_signers >= 1 && doc->n_signers <= doc->jws.n_lines);
	expect(strcmp(doc->org, ORG) == 0 && doc->serial > 0);
	expect(doc->expires_s > doc->issued_s && doc->expires_s > doc->not_before_s);
	expect(doc->type == DOCUMENT_KEYSET || doc->expires_s >= NOW || doc->already_held);
	expect((doc->type == DOCUMENT_KEYSET) == (doc->keyset != NULL));
	if (doc->type == DOCUMENT_COMMAND)
		expect(document_satisfies(doc, f->keyset, TRUST_ROLE_COMMAND) ||
			document_satisfies(doc, f->keyset, TRUST_ROLE_DESTROY));
	else
		expect(document_satisfies(doc,
			doc->already_held && doc->keyset ? doc->keyset : f->keyset,
			document_type_role(doc->type)));
	if (doc->type == DOCUMENT_POLICY)
		expect(strcmp(doc->stream, "all") == 0 || strcmp(doc->stream, "staff") == 0);
}

static void check_document(struct fixture *f, const uint8_t *data, size_t n_bytes)
{
	_cleanup_(document_freep) struct document *doc = NULL;
	struct document_refusal refusal = {.reason = DOCUMENT_OK};
	int r = document_verify((const char *)data, n_bytes, &f->context, &doc, &refusal);

	if (r == 1) {
		expect(!doc && refusal.reason > DOCUMENT_OK &&
			refusal.reason < DOCUMENT_REASON_MAX && *refusal.detail);
		return;
	}
	expect(r == 0 && doc);
	check_accepted(f, doc);
	expect(was_signed(f, doc));
}

/* The first byte chooses type and signers, the rest is the payload. */
static void check_payload(struct fixture *f, const uint8_t *data, size_t n_bytes)
{
	static const char *const signers[] = {"01", "0", "2", "23", "4", "56", "5", "017"};
	_cleanup_(document_freep) struct document *doc = NULL, *damaged = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	enum document_type type = data[0] % DOCUMENT_TYPE_MAX;
	const char *who = signers[data[0] / DOCUMENT_TYPE_MAX % ARRAY_SIZE(signers)];
	enum document_reason reason;

	if (n_bytes - 1 > LIMIT_PAYLOAD_BYTES)
		return;
	for (; *who; who++)
		signer_sign(
			type, (const char *)data + 1, n_bytes - 1, &f->keys[*who - '0'].key, &text);
	if (verify(f, &text, &reason, &doc) != 0)
		return;
	expect(doc->type == type);
	check_accepted(f, doc);
	text.data[text.n_bytes / 2] ^= 1;
	expect(verify(f, &text, &reason, &damaged) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	static struct fixture f;

	if (!f.keyset)
		fixture_init(&f);
	check_document(&f, data, n_bytes);
	if (n_bytes > 1)
		check_payload(&f, data, n_bytes);
	return 0;
}
