/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jws.c - takes documents apart; see jws.h. Root's first contact with bytes of the network: it
 * compares and decodes base64url, and looks inside nothing.
 */
#include "agent/trust/jws.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"

#define SIGNATURE_LENGTH BASE64URL_LENGTH(LIMIT_SIGNATURE_BYTES)
#define MAX_HEADER_LENGTH BASE64URL_LENGTH(LIMIT_HEADER_BYTES)
#define MAX_PAYLOAD_LENGTH BASE64URL_LENGTH(LIMIT_PAYLOAD_BYTES)

/* The payload field is what follows the header's point in the signing input. */
static const char *jws_payload_field(const struct jws_line *line, size_t *ret_n_payload)
{
	*ret_n_payload = line->n_signing - line->n_header - 1;
	return line->header + line->n_header + 1;
}

/* The length of the field that ends at the next point before end, or SIZE_MAX without one. */
static size_t jws_field(const char *at, const char *end)
{
	const char *point = memchr(at, '.', (size_t)(end - at));

	return point ? (size_t)(point - at) : SIZE_MAX;
}

/* One line without its LF. */
static int jws_split_line(const char *at, const char *end, struct jws_line *line)
{
	char scratch[LIMIT_HEADER_BYTES + 1];
	const char *payload, *signature;
	size_t n_payload, n;

	line->header = line->signing = at;
	line->n_header = jws_field(at, end);
	if (line->n_header == SIZE_MAX || line->n_header == 0)
		return JWS_E_FORM;
	if (line->n_header > MAX_HEADER_LENGTH)
		return JWS_E_SIZE;
	payload = at + line->n_header + 1;
	n_payload = jws_field(payload, end);
	if (n_payload == SIZE_MAX || n_payload == 0)
		return JWS_E_FORM;
	if (n_payload > MAX_PAYLOAD_LENGTH)
		return JWS_E_SIZE;
	line->n_signing = line->n_header + 1 + n_payload;
	signature = payload + n_payload + 1;
	if ((size_t)(end - signature) != SIGNATURE_LENGTH ||
		base64url_decode(signature, SIGNATURE_LENGTH, line->signature,
			sizeof(line->signature), &n) < 0)
		return JWS_E_FORM;
	return jws_header(line, scratch, &n);
}

/* All lines have the same payload field; decodes it once. */
static int jws_take_payload(struct jws *jws)
{
	_cleanup_free_ char *payload = NULL;
	size_t n_field, n_other;
	const char *field = jws_payload_field(&jws->lines[0], &n_field), *other;

	for (size_t i = 1; i < jws->n_lines; i++) {
		other = jws_payload_field(&jws->lines[i], &n_other);
		if (n_other != n_field || memcmp(other, field, n_field) != 0)
			return JWS_E_PAYLOAD;
	}
	payload = malloc(n_field);
	if (!payload)
		return -ENOMEM;
	/* Four characters become three bytes, so the NUL always fits. */
	if (base64url_decode(field, n_field, payload, n_field - 1, &jws->n_payload) < 0)
		return JWS_E_FORM;
	payload[jws->n_payload] = 0;
	jws->payload = TAKE_PTR(payload);
	return 0;
}

int jws_split(const char *text, size_t n_bytes, struct jws *ret_jws)
{
	struct jws jws = {0};
	const char *at = text, *end = text + n_bytes;
	int r;

	if (n_bytes == 0 || n_bytes > LIMIT_DOCUMENT_BYTES)
		return JWS_E_SIZE;
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));

		if (jws.n_lines == LIMIT_DOCUMENT_LINES)
			return JWS_E_SIZE;
		if (!line_end)
			line_end = end;
		r = jws_split_line(at, line_end, &jws.lines[jws.n_lines]);
		if (r != 0)
			return r;
		jws.n_lines++;
		at = line_end + 1;
	}
	r = jws_take_payload(&jws);
	if (r != 0)
		return r;
	*ret_jws = jws;
	return 0;
}

void jws_done(struct jws *jws)
{
	free(jws->payload);
	*jws = (struct jws){0};
}

int jws_header(const struct jws_line *line, char *ret_text, size_t *ret_n_bytes)
{
	size_t n;
	int r;

	r = base64url_decode(line->header, line->n_header, ret_text, LIMIT_HEADER_BYTES, &n);
	if (r < 0)
		return r == -EFBIG ? JWS_E_SIZE : JWS_E_FORM;
	ret_text[n] = 0;
	*ret_n_bytes = n;
	return 0;
}

int jws_documents(const char *body, size_t n_bytes,
	struct jws_span ret_spans[LIMIT_RESPONSE_DOCUMENTS], size_t *ret_n_spans)
{
	struct jws_span spans[LIMIT_RESPONSE_DOCUMENTS];
	size_t n_spans = 0, start = 0;

	if (n_bytes > LIMIT_RESPONSE_BYTES)
		return JWS_E_SIZE;
	for (size_t i = 0; i < n_bytes; i++)
		if (body[i] != '\n' && (body[i] < 0x20 || body[i] > 0x7e))
			return JWS_E_FORM;
	while (start < n_bytes) {
		const char *gap = memmem(body + start, n_bytes - start, "\n\n", 2);
		size_t end = gap ? (size_t)(gap - body) : n_bytes;

		if (n_spans == LIMIT_RESPONSE_DOCUMENTS)
			return JWS_E_SIZE;
		if (!gap && body[end - 1] == '\n')
			end--;
		/* An empty line where no document precedes it, or none follows. */
		if (body[start] == '\n' || (gap && end + 2 == n_bytes))
			return JWS_E_FORM;
		spans[n_spans++] = (struct jws_span){start, end - start};
		start = gap ? end + 2 : n_bytes;
	}
	if (n_spans)
		memcpy(ret_spans, spans, n_spans * sizeof(*spans));
	*ret_n_spans = n_spans;
	return 0;
}
