/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers.h - the header of one HTTP answer, line by line: status, dates, the hints of the check-in
 * (docs/protocol.md, section 4). Net role; pure. A hint that is malformed, repeated or out of range
 * counts as absent: it is advice about pacing, nothing else.
 */
#ifndef MDM_NET_HEADERS_H
#define MDM_NET_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/limits.h"

struct http_headers {
	unsigned int status;	/* of the last status line; 0: none yet */
	char content_type[64];	/* media type in lower case, without parameters; "": none */
	int64_t date_s;		/* Date; 0: none */
	int64_t retry_after_s;	/* -1: none; a date counts from Date */
	int64_t next_checkin_s; /* MDM-Next-Checkin; -1: none */
	int64_t ack_seq;	/* MDM-Ack; -1: none */
	int64_t mark;		/* MDM-Mark; -1: none */
	char resend[LIMIT_TEXT_BYTES + 1]; /* MDM-Resend: names joined by ','; "": none */

	/* of the parser */
	size_t n_bytes; /* of all lines, interim answers too */
	int64_t retry_date_s;
	uint32_t seen;
	bool complete; /* the empty line of a final answer was there; trailers are ignored */
};

void http_headers_init(struct http_headers *ret_headers);

/*
 * Takes one line with its end. 0; -EFBIG above LIMIT_HTTP_HEADER_BYTES in all; -EBADMSG for a
 * status line that is not HTTP/1.x. The headers are not to be used after an error.
 */
int http_headers_line(struct http_headers *headers, const char *line, size_t n_bytes);

/* IMF-fixdate only (RFC 9110, section 5.6.7). 0, or -EINVAL with ret_time_s untouched. */
int http_date_parse(const char *text, size_t n_bytes, int64_t *ret_time_s);

#endif
