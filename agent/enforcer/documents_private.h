/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents_private.h - what loading (documents_load.c) and taking (documents.c) of documents
 * share. Enforcer only.
 */
#ifndef MDM_ENFORCER_DOCUMENTS_PRIVATE_H
#define MDM_ENFORCER_DOCUMENTS_PRIVATE_H

#include "agent/enforcer/documents.h"

/* "policy.staff", "assignment": as the state calls it. */
void documents_name(
	enum document_type type, const char *stream, char ret_name[LIMIT_NAME_BYTES + 17]);

/* What agent/trust has to know of this phone; pointers are borrowed from d. */
struct document_context documents_context(const struct documents *d, int64_t now_s);

/* What is recorded of a stream, for document_context.held. */
int64_t documents_held(void *userdata, enum document_type type, const char *stream,
	uint8_t ret_payload_sha256[SHA256_BYTES]);

/* Takes the policy over, in place of the one of the same stream. */
void documents_put_policy(struct documents *d, struct held_policy held);

/* documents_destroy.c: the payload had the signatures of what destroys when it came. 0 or -errno.
 */
int documents_note_destroyer(
	struct documents *d, const char *stream, const uint8_t payload_sha256[SHA256_BYTES]);
/* Takes the actions that destroy out of a policy that was read back, unless it had, or has, them.
 */
void documents_disarm(
	const struct documents *d, const struct document *document, struct policy *policy);

/* Puts a verified document in force and stores it. 0; 1 with *why for a refusal by meaning;
 * -ENOMEM. */
int documents_accept(struct documents *d, const char *text, size_t n_bytes,
	struct document *document, struct document_refusal *why, struct documents_change *change);

#endif
