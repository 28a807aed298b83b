/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents_load.c - reading back at start what was accepted earlier; see documents.h. Runs as root
 * in the enforcer; parses JSON only behind a digest that was recorded when the signatures were
 * verified, or behind the signatures themselves.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/documents_private.h"

/* Reads a stored document whose payload must have this digest; it points into *ret_text. */
static int documents_read(struct documents *d, const char *name,
	const uint8_t accepted[SHA256_BYTES], char **ret_text, struct document **ret_document)
{
	_cleanup_(document_freep) struct document *document = NULL;
	struct document_context context = documents_context(d, 0);
	struct document_refusal why;
	size_t n;
	int r = state_load_document(d->state, name, ret_text, &n);

	if (r < 0)
		return r;
	context.accepted_payload = accepted;
	r = document_verify(*ret_text, n, &context, &document, &why);
	if (r != 0)
		return r > 0 ? -EBADMSG : r;
	/* Another document with good signatures is not the one that was accepted: an older one,
	 * say. */
	if (memcmp(document->payload_sha256, accepted, SHA256_BYTES) != 0)
		return -EBADMSG;
	*ret_document = TAKE_PTR(document);
	return 0;
}

/* The same with the digest that was recorded when the signatures were verified. */
static int documents_read_recorded(
	struct documents *d, const char *name, char **ret_text, struct document **ret_document)
{
	uint8_t recorded[SHA256_BYTES];

	if (state_serial(d->state, d->keyset->org, name, recorded) == 0)
		return -ENOENT;
	return documents_read(d, name, recorded, ret_text, ret_document);
}

static void documents_note_damage(struct documents *d, const char *name)
{
	snprintf(d->damaged, sizeof(d->damaged), "%s", name);
}

/*
 * A power cut may have come between the bytes of a document and its serial. They are judged once
 * more then, by their signatures, as if they came now: the rules must not lapse for as long as
 * there is no network.
 */
static int documents_finish(struct documents *d, const char *name)
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_free_ char *text = NULL;
	struct document_context context = documents_context(
		d, highwater_document_now(&d->state->facts.highwater, clock_realtime_s()));
	struct documents_change change = {0};
	struct document_refusal why;
	char own_name[LIMIT_NAME_BYTES + 17];
	size_t n;
	int r = state_load_document(d->state, name, &text, &n);

	if (r < 0)
		return r;
	context.held = documents_held;
	context.held_userdata = d;
	r = document_verify(text, n, &context, &document, &why);
	if (r == 0) {
		documents_name(document->type, document->stream, own_name);
		r = strcmp(own_name, name) == 0
			    ? documents_accept(d, text, n, document, &why, &change)
			    : -EBADMSG;
	}
	return r > 0 ? -EBADMSG : r;
}

/* The same for a keyset, whose serial is recorded before its bytes and whose pin comes last. */
static int documents_finish_keyset(struct documents *d)
{
	for (size_t i = 0; i < d->state->n_serials; i++) {
		_cleanup_(document_freep) struct document *document = NULL;
		_cleanup_free_ char *text = NULL;
		const struct state_serial *recorded = &d->state->serials[i];
		int r;

		if (strcmp(recorded->name, "keyset") != 0)
			continue;
		r = documents_read(d, "keyset", recorded->payload_sha256, &text, &document);
		if (r == -EBADMSG || (r == 0 && strcmp(document->org, recorded->org) != 0))
			continue;
		if (r < 0)
			return r;
		d->keyset = TAKE_PTR(document->keyset);
		memcpy(d->state->facts.pinned_keyset, document->payload_sha256, SHA256_BYTES);
		/* Unsaved, it is found in the same way at the next start. */
		(void)state_save_facts(d->state);
		return 0;
	}
	return -EBADMSG;
}

static int documents_load_keyset(struct documents *d)
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_free_ char *text = NULL;
	int r = documents_read(d, "keyset", d->state->facts.pinned_keyset, &text, &document);

	if (r == -EBADMSG)
		return documents_finish_keyset(d);
	if (r < 0)
		return r;
	d->keyset = TAKE_PTR(document->keyset);
	return 0;
}

static int documents_load_assignment(struct documents *d)
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_free_ char *text = NULL;
	int r = documents_read_recorded(d, "assignment", &text, &document);

	if (r == -EBADMSG || r == -ENOENT)
		return documents_finish(d, "assignment");
	if (r == 0)
		r = assignment_parse(document->json, &d->assignment, NULL);
	if (r < 0)
		return r;
	d->has_assignment = true;
	return 0;
}

static int documents_load_policy(struct documents *d, const char *stream)
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_free_ char *text = NULL;
	char name[LIMIT_NAME_BYTES + 17];
	struct held_policy held = {0};
	int r;

	documents_name(DOCUMENT_POLICY, stream, name);
	r = documents_read_recorded(d, name, &text, &document);
	if (r == -EBADMSG || r == -ENOENT)
		return documents_finish(d, name);
	if (r == 0)
		r = policy_parse(document->json, &held.policy, NULL);
	if (r < 0)
		return r;
	documents_disarm(d, document, held.policy);
	held.issued_s = document->issued_s;
	held.expires_s = document->expires_s;
	documents_put_policy(d, held);
	return 0;
}

int documents_load(struct documents *d)
{
	int r;

	if (!d->state->facts.enrolled)
		return 0;
	r = documents_load_keyset(d);
	if (r < 0) {
		if (r != -ENOENT)
			documents_note_damage(d, "keyset");
		return r == -ENOMEM ? r : 0;
	}
	r = documents_load_assignment(d);
	if (r < 0) {
		if (r != -ENOENT)
			documents_note_damage(d, "assignment");
		return r == -ENOMEM ? r : 0;
	}
	for (size_t i = 0; i < d->assignment.n_groups; i++) {
		r = documents_load_policy(d, d->assignment.groups[i]);
		if (r == -ENOMEM)
			return r;
		if (r < 0 && r != -ENOENT)
			documents_note_damage(d, d->assignment.groups[i]);
	}
	return 0;
}

int documents_organisation(struct documents *d, char ret_name[LIMIT_TEXT_BYTES + 1])
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_free_ char *text = NULL;
	int r = documents_read(d, "keyset", d->state->facts.pinned_keyset, &text, &document);

	if (r < 0)
		return r;
	memcpy(ret_name, document->keyset->org_name, LIMIT_TEXT_BYTES + 1);
	return 0;
}
