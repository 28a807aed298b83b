/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_parse.h - the head of an HTTP/1.1 request (RFC 9112) and the query of its target, both
 * strict: what two programs could read differently is refused. Pure; mdm-server only.
 */
#ifndef MDM_SERVER_HTTP_PARSE_H
#define MDM_SERVER_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/bounds.h"

enum http_method {
	HTTP_GET,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_METHOD_MAX,
};
const char *http_method_name(enum http_method method);

/* The parts point into the text that was parsed. */
struct http_head {
	enum http_method method;
	const char *path;			  /* without the query */
	const char *query;			  /* behind the '?'; "" if there is none */
	const char *content_type, *authorization; /* "" if not there */
	bool has_length;
	uint64_t length; /* of the body */
	bool close, expects_continue;
};

/*
 * Is the head complete? Returns its length with the empty line; 0: more bytes are needed. Starts
 * looking at offset from (what was looked at before, less three).
 */
size_t http_head_length(const char *text, size_t n_bytes, size_t from);

/*
 * Parses a complete head, writing NULs into the text. 0, or the HTTP status that refuses it: 400,
 * 411 (chunked: our clients know their length), 414, 417, 431, 501, 505.
 */
int http_head_parse(char *text, size_t n_bytes, struct http_head *ret_head);

/* --- query ------------------------------------------------------------------------------- */

struct http_query {
	struct {
		const char *name, *value;
	} params[BOUND_QUERY_PARAMS];
	size_t n;
	char text[BOUND_TARGET_BYTES];
};

/*
 * "a=1&b=2", names [a-z_], values percent-decoded to text without control characters. Only the
 * names in allowed (NULL-terminated) may stand there, each once. 0 or -EBADMSG.
 */
int http_query_parse(const char *query, const char *const *allowed, struct http_query *ret_query);

/* The value, or NULL. */
const char *http_query_get(const struct http_query *query, const char *name);

#endif
