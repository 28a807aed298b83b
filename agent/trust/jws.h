/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jws.h - documents as lines of compact JWS (RFC 7515), taken apart without a JSON parser.
 *
 * A document is 1..LIMIT_DOCUMENT_LINES lines "header.payload.signature", all with the same
 * payload field byte for byte; lines end with LF, the last LF may be missing. Nothing is decoded
 * that has not been measured; nothing here looks inside header or payload.
 */
#ifndef MDM_TRUST_JWS_H
#define MDM_TRUST_JWS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/limits.h"
#include "agent/util/mem.h"

struct jws_line {
	const char *header; /* base64url text, borrowed from the document */
	size_t n_header;
	const char *signing; /* signing input: header "." payload */
	size_t n_signing;
	uint8_t signature[LIMIT_SIGNATURE_BYTES];
};

struct jws {
	struct jws_line lines[LIMIT_DOCUMENT_LINES];
	size_t n_lines;
	char *payload; /* decoded, NUL-terminated; owned */
	size_t n_payload;
};

/* Positive answers of jws_split(). */
enum jws_error {
	JWS_E_SIZE = 1, /* a limit is exceeded, or the document is empty */
	JWS_E_FORM,	/* not three base64url fields, trailing bits, stray characters */
	JWS_E_PAYLOAD,	/* the lines carry different payloads */
	JWS_E_MAX,
};

/* Splits n_bytes of text, which must outlive ret_jws. 0, JWS_E_*, or -ENOMEM. jws_done() after
 * success. */
int jws_split(const char *text, size_t n_bytes, struct jws *ret_jws);
void jws_done(struct jws *jws);

/* Decodes a header into ret_text (LIMIT_HEADER_BYTES + 1). 0 or JWS_E_*. */
int jws_header(const struct jws_line *line, char *ret_text, size_t *ret_n_bytes);

/*
 * Splits the body of a check-in answer into documents: separated by one empty line each.
 * Calls nothing, copies nothing: the n-th document is body[offset[n]..+length[n]].
 * 0, JWS_E_SIZE (bytes or number of documents), JWS_E_FORM (a character outside printable ASCII and
 * LF).
 */
struct jws_span {
	size_t offset, length;
};
int jws_documents(const char *body, size_t n_bytes,
	struct jws_span ret_spans[LIMIT_RESPONSE_DOCUMENTS], size_t *ret_n_spans);

#endif
