/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.h - one document on its way through the checks. Private to agent/trust: document_verify.c
 * has the order and the checks of the payload, document_signatures.c finds out who vouches for it.
 */
#ifndef MDM_TRUST_VERIFY_H
#define MDM_TRUST_VERIFY_H

#include "agent/trust/document.h"

struct verify {
	const char *text;
	size_t n_bytes;
	const struct document_context *context;
	struct document *doc;
	struct document_refusal *refusal;
	const struct key *signer[LIMIT_DOCUMENT_LINES]; /* NULL: no known key signed the line */
	bool by_digest; /* the payload's digest was trusted; the type is known from the payload */
	bool accepted;	/* it is the caller's own accepted_payload */
	struct json_error error;
};

/* All of these, like every check: 0 go on; 1 refused, v->refusal is filled; -errno. */

int refuse(struct verify *v, enum document_reason reason, const char *format, ...) _printf_(3, 4);
/* For a negative answer of the JSON layer: refused with the words of v->error. */
int refuse_json(struct verify *v, enum document_reason reason, int r);
void verify_set_type(struct verify *v, enum document_type type);

/* Payload -> v->doc->json, of the type that the headers state; does nothing the second time. */
int verify_load_payload(struct verify *v);
int verify_load_keyset(struct verify *v);

/* Who vouches for the payload: v->signer for every line, v->doc->type, v->doc->signers. */
int verify_signatures(struct verify *v);
/* Every line with a signer states that key, its algorithm and one type for all. */
int verify_headers(struct verify *v);

#endif
