/* SPDX-License-Identifier: Apache-2.0 */
/* rehearsal.c - plays a change of keysets through; see rehearsal.h. */
#include "server/ctl/rehearsal.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/trust/document.h"
#include "agent/util/clock.h"
#include "agent/util/jsonw.h"
#include "server/ctl/draft.h"
#include "server/ctl/keyfile.h"
#include "server/ctl/signing.h"

#define REHEARSAL_ID "00000000000000000000000000000000"
#define REHEARSAL_DOCUMENT_S 60

/* A real key and who plays it. */
struct part {
	const char *kid; /* borrowed from the real keysets */
	struct key key;
};

struct rehearsal {
	struct part parts[2 * LIMIT_KEYSET_KEYS];
	size_t n_parts;
	struct keyset *held, *next; /* with the keys of the players; owned */
	int64_t now_s;
	struct fault *fault;
};

static void rehearsal_done(struct rehearsal *s)
{
	for (size_t i = 0; i < s->n_parts; i++)
		key_done(&s->parts[i].key);
	keyset_free(s->held);
	keyset_free(s->next);
}

static int rehearsal_part(struct rehearsal *s, const struct key *key, const struct part **ret_part)
{
	struct part *part = &s->parts[s->n_parts];
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	int r;

	for (size_t i = 0; i < s->n_parts; i++) {
		if (strcmp(s->parts[i].kid, key->kid) != 0)
			continue;
		*ret_part = &s->parts[i];
		return 0;
	}
	r = keyfile_generate(key->alg == KEY_ALG_ES256 ? "P-256" : "ED25519", &pkey, s->fault);
	if (r)
		return r;
	if (key_from_pkey(pkey, &part->key) < 0)
		return fault_set(s->fault, FAULT_KEY, "cannot make a key");
	part->kid = key->kid;
	s->n_parts++;
	*ret_part = part;
	return 0;
}

/* The same keyset with the players' public keys; they keep their private halves. */
static int rehearsal_cast(
	struct rehearsal *s, const struct keyset *real, struct keyset **ret_keyset)
{
	_cleanup_(keyset_freep) struct keyset *cast = calloc(1, sizeof(*cast));
	const struct part *part = NULL;
	int r;

	if (!cast)
		return fault_errno(s->fault, ENOMEM, "rehearsal");
	*cast = *real;
	cast->n_keys = 0;
	for (size_t i = 0; i < real->n_keys; i++) {
		r = rehearsal_part(s, &real->keys[i].key, &part);
		if (r)
			return r;
		if (key_from_pkey(part->key.pkey, &cast->keys[i].key) < 0)
			return fault_errno(s->fault, ENOMEM, "rehearsal");
		cast->n_keys++;
	}
	*ret_keyset = TAKE_PTR(cast);
	return 0;
}

/* Signs with keys of a role until there are enough, those first that other has for it, too. */
static int rehearsal_sign_role(struct rehearsal *s, enum document_type type,
	const struct keyset *keyset, enum trust_role role, const struct keyset *other,
	const struct buf *payload, bool signed_already[], struct buf *out)
{
	uint32_t n = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < keyset->n_keys; i++) {
			const struct keyset_key *row = &keyset->keys[i], *twin;
			struct signing_key key = {.key = row->key, .row = row};
			size_t part = 0;
			bool shared;
			int r;

			if (!(row->roles & 1u << role) || n >= keyset->threshold[role])
				continue;
			twin = other ? keyset_find(other, row->key.kid) : NULL;
			shared = twin && twin->roles & 1u << role;
			while (strcmp(s->parts[part].key.kid, row->key.kid) != 0)
				part++;
			if (shared != (pass == 0))
				continue;
			n++;
			if (signed_already[part])
				continue;
			signed_already[part] = true;
			r = signing_line(
				type, payload->data, payload->n_bytes, &key, out, s->fault);
			if (r)
				return r;
		}
	}
	return 0;
}

/* What a phone that holds keyset (NULL: a fresh one, whose ticket pins the document) says. */
static int rehearsal_show(struct rehearsal *s, enum document_type type, const struct keyset *keyset,
	const struct buf *text, const uint8_t *pinned, const char *what)
{
	_cleanup_(document_freep) struct document *document = NULL;
	struct document_refusal refusal = {0};
	struct document_context context = {
		.keyset = keyset,
		.pinned_keyset = pinned,
		.device_id = "",
		.ticket_id = "",
		.enrolment_id = "",
		/* Of a keyset the version counts; the others are for nobody in particular. */
		.any_target = type != DOCUMENT_KEYSET,
		.now_s = s->now_s,
	};
	int r = document_verify(text->data, text->n_bytes, &context, &document, &refusal);

	if (r < 0)
		return fault_errno(s->fault, r, "rehearsal");
	if (r == 0)
		return 0;
	return fault_set(s->fault, FAULT_FAILURE,
		"this keyset would lock phones out: tried out, a phone refuses %s (%s: %s). "
		"Nothing was changed",
		what, document_reason_name(refusal.reason), refusal.detail);
}

static int rehearsal_step(struct rehearsal *s, const struct keyset *from, const struct keyset *to,
	const char *what, const char *what_fresh)
{
	bool signed_already[2 * LIMIT_KEYSET_KEYS] = {false};
	_cleanup_buf_ struct buf payload = BUF_INIT, text = BUF_INIT;
	uint8_t digest[SHA256_BYTES];
	int r = draft_payload(to, &payload, s->fault);

	if (!r)
		r = rehearsal_sign_role(s, DOCUMENT_KEYSET, from, TRUST_ROLE_KEYSET, to, &payload,
			signed_already, &text);
	if (!r)
		r = rehearsal_sign_role(s, DOCUMENT_KEYSET, to, TRUST_ROLE_KEYSET, from, &payload,
			signed_already, &text);
	if (!r)
		r = rehearsal_show(s, DOCUMENT_KEYSET, from, &text, NULL, what);
	if (!r && sha256(payload.data, payload.n_bytes, digest) < 0)
		r = fault_errno(s->fault, EIO, "rehearsal");
	return r ? r : rehearsal_show(s, DOCUMENT_KEYSET, NULL, &text, digest, what_fresh);
}

/* Something of each kind that the new keyset's roles are for. */
static int rehearsal_document(
	struct rehearsal *s, enum document_type type, enum trust_role role, const char *what)
{
	bool signed_already[2 * LIMIT_KEYSET_KEYS] = {false};
	_cleanup_buf_ struct buf payload = BUF_INIT, text = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	int r;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", document_type_name(type));
	jsonw_string(&w, "org", s->next->org);
	jsonw_int(&w, "serial", 1);
	jsonw_int(&w, "issued", s->now_s);
	jsonw_int(&w, "expires", s->now_s + REHEARSAL_DOCUMENT_S);
	jsonw_object(&w, "target");
	if (type == DOCUMENT_POLICY)
		jsonw_string(&w, "stream", "rehearsal");
	else
		jsonw_string(&w, "device", REHEARSAL_ID);
	if (type == DOCUMENT_COMMAND)
		jsonw_string(&w, "enrolment", REHEARSAL_ID);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	if (payload.error)
		return fault_errno(s->fault, payload.error, "rehearsal");
	r = rehearsal_sign_role(s, type, s->next, role, NULL, &payload, signed_already, &text);
	return r ? r : rehearsal_show(s, type, s->next, &text, NULL, what);
}

static int rehearsal_play(struct rehearsal *s, const struct keyset *next)
{
	_cleanup_(keyset_freep) struct keyset *after = NULL;
	int r = rehearsal_step(s, s->held, s->next, "the keyset after the one in force",
		"the keyset that its ticket names");

	if (!r)
		r = rehearsal_document(
			s, DOCUMENT_POLICY, TRUST_ROLE_POLICY, "every policy afterwards");
	if (!r)
		r = rehearsal_document(
			s, DOCUMENT_COMMAND, TRUST_ROLE_COMMAND, "every command afterwards");
	if (!r)
		r = rehearsal_document(s, DOCUMENT_COMMAND, TRUST_ROLE_DESTROY,
			"every destructive command afterwards");
	if (!r)
		r = rehearsal_cast(s, next, &after);
	if (r)
		return r;
	after->version++;
	return rehearsal_step(s, s->next, after, "every keyset afterwards",
		"every later keyset that a ticket names");
}

bool rehearsal_is_ahead(int64_t issued_s, int64_t now_s)
{
	return issued_s > now_s + REHEARSAL_AHEAD_S;
}

int rehearsal_check_issued(const struct keyset *next, int64_t now_s, struct fault *fault)
{
	char issued[24], now[24];

	if (!rehearsal_is_ahead(next->issued_s, now_s))
		return 0;
	clock_format(next->issued_s, issued);
	clock_format(now_s, now);
	return fault_set(fault, FAULT_FAILURE,
		"keyset %" PRId64
		" says that it is made on %s, but it is %s here: phones could take "
		"the one for today's date. If this clock is right, do not sign it, and ask whoever "
		"drafted it to set the clock and to draft it again. Nothing was changed",
		next->version, issued, now);
}

int rehearsal_run(
	const struct keyset *held, const struct keyset *next, int64_t now_s, struct fault *fault)
{
	_cleanup_(rehearsal_done) struct rehearsal s = {.now_s = now_s, .fault = fault};
	int r = rehearsal_check_issued(next, now_s, fault);

	if (!r)
		r = rehearsal_cast(&s, held, &s.held);
	if (!r)
		r = rehearsal_cast(&s, next, &s.next);
	return r ? r : rehearsal_play(&s, next);
}
