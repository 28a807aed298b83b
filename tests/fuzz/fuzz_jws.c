/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: trust */
/*
 * fuzz_jws.c - the envelope. A document that was taken apart can be put together again, byte for
 * byte: there is one text for each set of fields. The same for answers of several documents.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/trust/jws.h"
#include "agent/util/buf.h"
#include "agent/util/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void encode(struct buf *out, const void *data, size_t n_bytes)
{
	char *text = malloc(BASE64URL_LENGTH(n_bytes) + 1);

	expect(text);
	base64url_encode(data, n_bytes, text);
	buf_puts(out, text);
	free(text);
}

static void check_document(const char *text, size_t n_bytes)
{
	_cleanup_(jws_done) struct jws jws = {0};
	_cleanup_buf_ struct buf again = BUF_INIT;
	int r = jws_split(text, n_bytes, &jws);

	if (r != 0) {
		expect(r > 0 && r < JWS_E_MAX && !jws.payload);
		return;
	}
	expect(jws.n_lines >= 1 && jws.n_lines <= LIMIT_DOCUMENT_LINES);
	expect(jws.n_payload <= LIMIT_PAYLOAD_BYTES && jws.payload[jws.n_payload] == 0);
	for (size_t i = 0; i < jws.n_lines; i++) {
		char header[LIMIT_HEADER_BYTES + 1];
		size_t n;

		expect(jws_header(&jws.lines[i], header, &n) == 0);
		if (i)
			buf_puts(&again, "\n");
		encode(&again, header, n);
		buf_puts(&again, ".");
		encode(&again, jws.payload, jws.n_payload);
		expect(jws.lines[i].signing >= text);
		expect(jws.lines[i].n_signing <= again.n_bytes);
		expect(memcmp(jws.lines[i].signing,
			       again.data + again.n_bytes - jws.lines[i].n_signing,
			       jws.lines[i].n_signing) == 0);
		buf_puts(&again, ".");
		encode(&again, jws.lines[i].signature, sizeof(jws.lines[i].signature));
	}
	expect(again.error == 0);
	if (text[n_bytes - 1] == '\n')
		n_bytes--;
	expect(again.n_bytes == n_bytes && memcmp(again.data, text, n_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct jws_span spans[LIMIT_RESPONSE_DOCUMENTS];
	const char *text = (const char *)data;
	size_t n_spans, end = 0;

	check_document(text, n_bytes);
	if (jws_documents(text, n_bytes, spans, &n_spans) != 0)
		return 0;
	for (size_t i = 0; i < n_spans; i++) {
		expect(spans[i].offset == (i ? end + 2 : 0) && spans[i].length > 0);
		end = spans[i].offset + spans[i].length;
		expect(end <= n_bytes);
		check_document(text + spans[i].offset, spans[i].length);
	}
	expect(end == n_bytes || (end + 1 == n_bytes && text[end] == '\n'));
	return 0;
}
