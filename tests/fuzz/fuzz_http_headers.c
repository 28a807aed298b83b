/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: net */
/* fuzz_http_headers.c - any header of a server: what is taken from it is within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/net/headers.h"
#include "agent/util/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_resend(const char *resend)
{
	char name[LIMIT_NAME_BYTES + 1];

	while (*resend) {
		size_t n = strcspn(resend, ",");

		if (n == 0 || n >= sizeof(name))
			abort();
		memcpy(name, resend, n);
		name[n] = 0;
		if (!name_is_valid(name))
			abort();
		resend += n;
		if (*resend && !*++resend)
			abort();
	}
}

static void check(const struct http_headers *h)
{
	if (h->n_bytes > LIMIT_HTTP_HEADER_BYTES || (h->status && h->status < 100) ||
		h->status > 999)
		abort();
	if (h->date_s < 0 || h->retry_after_s < -1 || h->retry_after_s > INT32_MAX ||
		h->next_checkin_s < -1 || h->next_checkin_s > INT32_MAX || h->ack_seq < -1 ||
		h->ack_seq > INT64_C(1) << 53 || h->mark < -1 || h->mark > INT64_C(1) << 53)
		abort();
	if (!memchr(h->resend, 0, sizeof(h->resend)) ||
		!memchr(h->content_type, 0, sizeof(h->content_type)))
		abort();
	check_resend(h->resend);
	for (const char *p = h->content_type; *p; p++)
		if ((*p >= 'A' && *p <= 'Z') || *p == ';' || *p == ' ')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = text + size;
	struct http_headers headers, done;
	bool complete = false;

	http_headers_init(&headers);
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = newline ? (size_t)(newline - text) + 1 : (size_t)(end - text);

		if (http_headers_line(&headers, text, n) < 0)
			return 0;
		check(&headers);
		/* Nothing behind the empty line changes what is known. */
		if (complete) {
			done.n_bytes = headers.n_bytes;
			if (memcmp(&done, &headers, sizeof(done)) != 0)
				abort();
		} else if (headers.complete) {
			complete = true;
			memcpy(&done, &headers, sizeof(done));
		}
		text += n;
	}
	return 0;
}
