/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: server */
/*
 * fuzz_server_query.c - heads of HTTP requests and their queries. What is accepted is text within
 * the input, with one length, and every parameter is one that is allowed, once.
 */
#include <stdlib.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"
#include "server/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void require_inside(const char *part, const char *text, size_t n_bytes)
{
	if (*part)
		require(part >= text && part + strlen(part) < text + n_bytes);
}

static void require_query(const char *text)
{
	static const char *const allowed[] = {
		"type", "stream", "device", "ticket", "serial", "groups", "after", "limit", NULL};
	struct http_query query;

	if (http_query_parse(text, allowed, &query) < 0)
		return;
	require(query.n <= BOUND_QUERY_PARAMS);
	for (size_t i = 0; i < query.n; i++) {
		size_t n_known = 0;

		for (const char *const *name = allowed; *name; name++)
			n_known += strcmp(*name, query.params[i].name) == 0;
		require(n_known == 1);
		require(text_is_valid(query.params[i].value, strlen(query.params[i].value)));
		/* The first of a name is the only one. */
		require(http_query_get(&query, query.params[i].name) == query.params[i].value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_free_ char *text = malloc(n_bytes + 1);
	struct http_head head;
	size_t n_head, n_seen = 0;

	memcpy(text, data, n_bytes);
	text[n_bytes] = 0;
	require_query(text);
	n_head = http_head_length(text, n_bytes, 0);
	/* Coming byte by byte, the end is found at the same place. */
	for (size_t n = 1; n_head && n < n_head; n++) {
		require(http_head_length(text, n, n_seen) == 0);
		n_seen = n > 3 ? n - 3 : 0;
	}
	if (!n_head)
		return 0;
	require(http_head_length(text, n_head, n_seen) == n_head);
	if (http_head_parse(text, n_head, &head) != 0)
		return 0;
	require(head.method < HTTP_METHOD_MAX && *head.path == '/');
	require_inside(head.path, text, n_head);
	require_inside(head.query, text, n_head);
	require_inside(head.content_type, text, n_head);
	require_inside(head.authorization, text, n_head);
	require(head.has_length || head.length == 0);
	require_query(head.query);
	return 0;
}
