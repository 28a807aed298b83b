/* SPDX-License-Identifier: Apache-2.0 */
/* keyset_sign.c - signatures of the next keyset; see keyset_sign.h. Runs as the administrator. */
#include "server/ctl/keyset_sign.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/util/fs.h"
#include "server/ctl/keyset_words.h"
#include "server/ctl/rehearsal.h"

/* The key of a keyset that signed a line. */
static const struct keyset_key *tally_signer(
	const struct keyset *keyset, const struct jws_line *line)
{
	for (size_t i = 0; i < keyset->n_keys; i++)
		if (key_verify(&keyset->keys[i].key, line->signing, line->n_signing,
			    line->signature) == 1)
			return &keyset->keys[i];
	return NULL;
}

static void tally_count(struct keyset_tally *tally, const struct keyset *held,
	const struct keyset *next, const struct keyset_key *signer)
{
	const struct keyset_key *in_held = keyset_find(held, signer->key.kid);
	const struct keyset_key *in_next = keyset_find(next, signer->key.kid);

	tally->held += in_held && (in_held->roles & 1u << TRUST_ROLE_KEYSET);
	tally->next += in_next && (in_next->roles & 1u << TRUST_ROLE_KEYSET);
}

int keyset_tally(const struct keyset *held, const struct keyset *next, const struct buf *text,
	struct keyset_tally *ret_tally, struct fault *fault)
{
	struct keyset_tally tally = {
		.need_held = held->threshold[TRUST_ROLE_KEYSET],
		.need_next = next->threshold[TRUST_ROLE_KEYSET],
	};
	struct jws jws;
	int r = 0;

	if (text->n_bytes == 0) {
		*ret_tally = tally;
		return 0;
	}
	r = jws_split(text->data, text->n_bytes, &jws);
	if (r)
		return fault_set(fault, FAULT_FAILURE,
			r == JWS_E_SIZE ? "a document has at most %d signatures"
					: "not a signed document of at most %d lines",
			LIMIT_DOCUMENT_LINES);
	for (size_t i = 0; i < jws.n_lines && !r; i++) {
		const struct keyset_key *signer = tally_signer(held, &jws.lines[i]);

		if (!signer)
			signer = tally_signer(next, &jws.lines[i]);
		if (!signer) {
			r = fault_set(fault, FAULT_FAILURE,
				"signature %zu is by no key of this keyset or the one before: phones "
				"would refuse the whole document",
				i + 1);
		} else if (keyset_tally_has(&tally, signer->key.kid)) {
			r = fault_set(fault, FAULT_FAILURE,
				"key %s signed twice: phones would refuse the whole document",
				signer->name);
		} else {
			tally.signers[tally.n_signers++] = signer;
			tally_count(&tally, held, next, signer);
		}
	}
	jws_done(&jws);
	if (!r)
		*ret_tally = tally;
	return r;
}

bool keyset_tally_is_complete(const struct keyset_tally *tally)
{
	return tally->held >= tally->need_held && tally->next >= tally->need_next;
}

bool keyset_tally_has(const struct keyset_tally *tally, const char *kid)
{
	for (size_t i = 0; i < tally->n_signers; i++)
		if (strcmp(tally->signers[i]->key.kid, kid) == 0)
			return true;
	return false;
}

void keyset_tally_print(FILE *out, const struct keyset_tally *tally)
{
	fprintf(out, "signed by %s", tally->n_signers ? "" : "nobody yet");
	for (size_t i = 0; i < tally->n_signers; i++)
		fprintf(out, "%s%s (%.10s...)", i ? ", " : "", tally->signers[i]->name,
			tally->signers[i]->key.kid);
	fprintf(out, "\n");
}

static void missing_of(const struct keyset_tally *tally, const struct keyset *keyset, uint32_t n,
	const char *which, struct buf *out)
{
	size_t before;

	buf_printf(out, "%s%u signature%s by %s (", out->n_bytes ? ", and " : "still missing: ", n,
		n == 1 ? "" : "s", which);
	before = out->n_bytes;
	for (size_t i = 0; i < keyset->n_keys; i++)
		if ((keyset->keys[i].roles & 1u << TRUST_ROLE_KEYSET) &&
			!keyset_tally_has(tally, keyset->keys[i].key.kid))
			buf_printf(out, "%s%s", out->n_bytes > before ? ", " : "",
				keyset->keys[i].name);
	buf_puts(out, ")");
}

void keyset_tally_missing(const struct keyset_tally *tally, const struct keyset *held,
	const struct keyset *next, struct buf *out)
{
	if (tally->held < tally->need_held)
		missing_of(tally, held, tally->need_held - tally->held, "keys in force", out);
	if (tally->next < tally->need_next)
		missing_of(tally, next, tally->need_next - tally->next, "a key of the new keyset",
			out);
}

static int accept_by(const struct keyset *held, const uint8_t *pinned, const char *text,
	size_t n_bytes, int64_t now_s, struct fault *fault)
{
	_cleanup_(document_freep) struct document *document = NULL;
	struct document_refusal refusal = {0};
	struct document_context context = {
		.keyset = held,
		.pinned_keyset = pinned,
		.device_id = "",
		.ticket_id = "",
		.enrolment_id = "",
		.now_s = now_s,
	};
	int r = document_verify(text, n_bytes, &context, &document, &refusal);

	if (r < 0)
		return fault_errno(fault, r, "keyset");
	if (r > 0)
		return fault_set(fault, FAULT_FAILURE,
			"phones %s would refuse this keyset (%s): %s. %s",
			held ? "that hold the one before" : "that enrol",
			document_reason_name(refusal.reason), refusal.detail,
			document_reason_advice(refusal.reason));
	if (document->type != DOCUMENT_KEYSET)
		return fault_set(fault, FAULT_FAILURE, "this is a %s, not a keyset",
			document_type_name(document->type));
	if (document->expires_s <= now_s)
		return fault_set(fault, FAULT_FAILURE,
			"this keyset has expired: with it, phones would take nothing any more");
	return rehearsal_check_issued(document->keyset, now_s, fault);
}

int keyset_accept(const struct keyset *held, const char *text, size_t n_bytes, int64_t now_s,
	struct fault *fault)
{
	uint8_t digest[SHA256_BYTES];
	struct jws jws;
	int r = accept_by(held, NULL, text, n_bytes, now_s, fault);

	if (r)
		return r;
	if (jws_split(text, n_bytes, &jws) != 0)
		return fault_set(fault, FAULT_FAILURE, "not a signed document");
	r = sha256(jws.payload, jws.n_payload, digest);
	jws_done(&jws);
	if (r < 0)
		return fault_errno(fault, r, "keyset");
	return accept_by(NULL, digest, text, n_bytes, now_s, fault);
}

/* The draft whose payload has come into force, but no other. */
static int adopt_end_draft(struct ctl *ctl, const char *text, size_t n_bytes, struct fault *fault)
{
	_cleanup_free_ char *payload = NULL;
	struct jws jws;
	size_t n_payload;
	bool same;
	int r = fs_read(ctl->org.fd, ORG_DRAFT, LIMIT_DOCUMENT_BYTES, &payload, &n_payload);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fault_errno(fault, r, "cannot read %s", ORG_DRAFT);
	if (jws_split(text, n_bytes, &jws) != 0)
		return 0;
	same = jws.n_payload == n_payload && memcmp(jws.payload, payload, n_payload) == 0;
	jws_done(&jws);
	return same ? draft_remove(&ctl->org, fault) : 0;
}

/* What was signed elsewhere may pin other CAs than those whose server runs. */
static int adopt_check_pins(
	const struct org *org, const char *text, size_t n_bytes, struct fault *fault)
{
	_cleanup_(keyset_freep) struct keyset *keyset = NULL;
	struct jws jws;
	int r;

	if (jws_split(text, n_bytes, &jws) != 0)
		return fault_set(fault, FAULT_FAILURE, "not a signed document");
	r = keyset_parse(jws.payload, jws.n_payload, &keyset, NULL);
	jws_done(&jws);
	return r < 0 ? fault_errno(fault, r, "keyset") : draft_check_pins(org, keyset, fault);
}

int keyset_adopt(
	struct ctl *ctl, const char *text, size_t n_bytes, int64_t now_s, struct fault *fault)
{
	_cleanup_close_ int lock_fd = -1;
	char name[64];
	int r = org_lock(ctl->org.fd, &lock_fd, fault);

	if (r)
		return r;
	/* Another mdmctl may have been quicker. */
	org_forget_keyset(&ctl->org);
	r = org_keyset(&ctl->org, fault);
	if (!r && (ctl->org.n_keyset_text != n_bytes ||
			  memcmp(ctl->org.keyset_text, text, n_bytes) != 0)) {
		r = keyset_accept(ctl->org.keyset, text, n_bytes, now_s, fault);
		if (!r)
			r = adopt_check_pins(&ctl->org, text, n_bytes, fault);
		if (r)
			return r;
		snprintf(name, sizeof(name), "%s/%" PRId64 ".jose", ORG_KEYSETS,
			ctl->org.keyset->version + 1);
		/* From here on it is in force; what follows can be done again at any time. */
		r = org_write(ctl->org.fd, name, text, n_bytes, fault);
		org_forget_keyset(&ctl->org);
		if (!r)
			r = org_keyset(&ctl->org, fault);
	}
	if (!r)
		r = keyring_settle(&ctl->org, fault);
	return r ? r : adopt_end_draft(ctl, text, n_bytes, fault);
}

size_t keyset_tell_difference(struct ctl *ctl, FILE *out, const struct keyset *next)
{
	struct keyset_pins pins;

	draft_pins(&ctl->org, &pins);
	return keyset_words_difference(out, ctl->org.keyset, next, &pins, ctl->now_s);
}

void keyset_tell_draft(struct ctl *ctl, const struct keyset *draft)
{
	fprintf(ctl->err, "mdmctl: the draft of keyset %" PRId64 " changes:\n", draft->version);
	if (keyset_tell_difference(ctl, ctl->err, draft) == 0)
		fprintf(ctl->err, "  nothing but its version and its day\n");
	fprintf(ctl->err, "mdmctl: nothing of it is in force yet; when all changes are made: "
			  "'mdmctl keyset sign'\n");
}
