/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document_signatures.c - finds out which keys vouch for a document; see verify.h. The enforcer and
 * administrators' tools. It trusts keys and digests that the caller holds, and looks into header
 * and payload only after one of them was found to fit.
 *
 * A keyset is special twice: it may be vouched for by its digest (the ticket's pin, or the one that
 * is held), and its own new keys, which are inside it, may sign it together with the keys held.
 */
#include "agent/trust/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool has_signed(const struct verify *v, const struct key *key)
{
	for (size_t i = 0; i < v->doc->jws.n_lines; i++)
		if (v->signer[i] && strcmp(v->signer[i]->kid, key->kid) == 0)
			return true;
	return false;
}

/*
 * Tries keys on one line: those that have not signed another line (again: false), or those that
 * have, which tells a doubled signature from a foreign one. 1 if one fits, 0 if none, -errno.
 */
static int try_line(struct verify *v, size_t line, const struct keyset *keyset, bool again)
{
	const struct jws_line *l = &v->doc->jws.lines[line];

	for (size_t i = 0; i < keyset->n_keys; i++) {
		const struct key *key = &keyset->keys[i].key;
		int r;

		if (has_signed(v, key) != again)
			continue;
		r = key_verify(key, l->signing, l->n_signing, l->signature);
		if (r < 0)
			return r;
		if (r > 0) {
			if (!again)
				v->signer[line] = key;
			return 1;
		}
	}
	return 0;
}

/* Finds the signers among the keys of a keyset, for lines that have none yet. */
static int try_lines(struct verify *v, const struct keyset *keyset, size_t *ret_n_unknown)
{
	size_t n_unknown = 0;
	int r;

	for (size_t i = 0; i < v->doc->jws.n_lines; i++) {
		if (v->signer[i])
			continue;
		r = try_line(v, i, keyset, false);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		r = try_line(v, i, keyset, true);
		if (r < 0)
			return r;
		if (r > 0)
			return refuse(v, DOCUMENT_E_DUPLICATE_SIGNATURE,
				"line %zu is signed by a key that signed another line", i + 1);
		n_unknown++;
	}
	*ret_n_unknown = n_unknown;
	return 0;
}

/* typ of one header; the header is parsed only because its signature was valid. */
static int check_header(struct verify *v, size_t line, enum document_type *ret_type)
{
	static const char *const members[] = {"alg", "kid", "typ", NULL};
	_cleanup_json_ struct json_object *json = NULL;
	const struct key *key = v->signer[line];
	char text[LIMIT_HEADER_BYTES + 1];
	const char *alg, *kid, *typ;
	size_t n;
	int r;

	if (jws_header(&v->doc->jws.lines[line], text, &n) != 0)
		return refuse(v, DOCUMENT_E_FORM, "the header of line %zu", line + 1);
	r = json_parse(text, n, &json, &v->error);
	if (r < 0)
		return refuse_json(v, DOCUMENT_E_HEADER, r);
	if (json_only(json, "", members, NULL) < 0 ||
		json_get_string(json, "", "alg", LIMIT_NAME_BYTES, &alg, NULL) < 0 ||
		json_get_string(json, "", "kid", LIMIT_NAME_BYTES, &kid, NULL) < 0 ||
		json_get_string(json, "", "typ", LIMIT_NAME_BYTES, &typ, NULL) < 0)
		return refuse(v, DOCUMENT_E_HEADER,
			"the header of line %zu is not exactly alg, kid and typ", line + 1);
	if (strcmp(alg, key_alg_name(key->alg)) != 0 || strcmp(kid, key->kid) != 0)
		return refuse(v, DOCUMENT_E_HEADER,
			"the header of line %zu names another key or algorithm than its signature",
			line + 1);
	for (enum document_type type = 0; type < DOCUMENT_TYPE_MAX; type++) {
		if (strcmp(typ, document_type_typ(type)) == 0) {
			*ret_type = type;
			return 0;
		}
	}
	return refuse(v, DOCUMENT_E_TYPE, "the typ of line %zu is unknown", line + 1);
}

int verify_headers(struct verify *v)
{
	struct document *doc = v->doc;
	bool known = v->by_digest;
	enum document_type type;
	int r;

	doc->n_signers = 0;
	for (size_t i = 0; i < doc->jws.n_lines; i++) {
		if (!v->signer[i])
			continue;
		r = check_header(v, i, &type);
		if (r != 0)
			return r;
		if (known && type != doc->type)
			return refuse(
				v, DOCUMENT_E_TYPE, "line %zu was signed as another type", i + 1);
		known = true;
		verify_set_type(v, type);
		memcpy(doc->signers[doc->n_signers++], v->signer[i]->kid, KEY_ID_LENGTH + 1);
	}
	return 0;
}

/*
 * A keyset whose digest is trusted. Lines of keys that it does not list are left aside: they are
 * those of a predecessor's keys and vouch for nothing here.
 */
static int verify_by_digest(struct verify *v)
{
	size_t n_unknown;
	int r;

	v->by_digest = true;
	verify_set_type(v, DOCUMENT_KEYSET);
	r = verify_load_keyset(v);
	if (r != 0)
		return r;
	r = try_lines(v, v->doc->keyset, &n_unknown);
	if (r != 0)
		return r;
	if (n_unknown == v->doc->jws.n_lines)
		return refuse(
			v, DOCUMENT_E_SIGNATURE, "no line is signed by a key of the keyset itself");
	return 0;
}

/*
 * What the caller accepted before, read back from its own state. The keys that signed it may be
 * gone since, so lines without a known key are left aside and may be all there are.
 */
static int verify_accepted(struct verify *v)
{
	const char *name = "";
	enum document_type type = 0;
	size_t n_unknown;
	int r;

	r = json_parse(v->doc->jws.payload, v->doc->jws.n_payload, &v->doc->json, &v->error);
	if (r < 0)
		return refuse_json(v, DOCUMENT_E_SYNTAX, r);
	json_get_string(v->doc->json, "", "type", LIMIT_NAME_BYTES, &name, NULL);
	while (type < DOCUMENT_TYPE_MAX && strcmp(name, document_type_name(type)) != 0)
		type++;
	if (type == DOCUMENT_TYPE_MAX)
		return refuse(v, DOCUMENT_E_TYPE, "the type of the payload is unknown");
	if (type == DOCUMENT_KEYSET)
		return verify_by_digest(v);
	if (!v->context->keyset)
		return refuse(v, DOCUMENT_E_SIGNATURE, "there is no keyset");
	verify_set_type(v, type);
	v->by_digest = v->accepted = true;
	return try_lines(v, v->context->keyset, &n_unknown);
}

static int refuse_unknown(struct verify *v, size_t n_unknown)
{
	return refuse(v, DOCUMENT_E_SIGNATURE,
		"%zu of %zu lines are not signed by a key of keyset %" PRId64, n_unknown,
		v->doc->jws.n_lines, v->context->keyset->version);
}

/* Lines that the keys held did not sign: allowed for the keys that a new keyset brings with it. */
static int verify_by_successor(struct verify *v, size_t n_unknown)
{
	const struct keyset *held = v->context->keyset;
	int r;

	if (n_unknown == v->doc->jws.n_lines)
		return refuse_unknown(v, n_unknown);
	r = verify_headers(v);
	if (r < 0)
		return r;
	/* Only behind the threshold of the keys held is the new keyset looked at. */
	if (r > 0 || v->doc->type != DOCUMENT_KEYSET ||
		!document_satisfies(v->doc, held, TRUST_ROLE_KEYSET))
		return refuse_unknown(v, n_unknown);
	r = verify_load_keyset(v);
	if (r != 0)
		return r;
	r = try_lines(v, v->doc->keyset, &n_unknown);
	if (r != 0)
		return r;
	return n_unknown ? refuse_unknown(v, n_unknown) : 0;
}

int verify_signatures(struct verify *v)
{
	const struct document_context *context = v->context;
	const uint8_t *trusted = context->keyset ? NULL : context->pinned_keyset;
	const uint8_t *accepted = context->accepted_payload;
	uint8_t held[SHA256_BYTES];
	size_t n_unknown;
	int r;

	if (accepted && memcmp(v->doc->payload_sha256, accepted, SHA256_BYTES) == 0)
		return verify_accepted(v);
	if (context->keyset && context->held &&
		context->held(context->held_userdata, DOCUMENT_KEYSET, "", held) > 0)
		trusted = held;
	if (trusted && memcmp(v->doc->payload_sha256, trusted, SHA256_BYTES) == 0)
		return verify_by_digest(v);
	if (!context->keyset && trusted)
		return refuse(v, DOCUMENT_E_PIN, "not the keyset that was pinned at enrolment");
	if (!context->keyset)
		return refuse(
			v, DOCUMENT_E_SIGNATURE, "there is no keyset yet to check signatures with");
	r = try_lines(v, context->keyset, &n_unknown);
	if (r != 0)
		return r;
	return n_unknown ? verify_by_successor(v, n_unknown) : 0;
}
