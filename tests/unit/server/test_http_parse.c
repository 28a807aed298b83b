/* SPDX-License-Identifier: Apache-2.0 */
/* test_http_parse.c - heads and queries, mostly those that must be refused. */
#include "server/http_parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/check.h"

/* A copy of exactly the bytes, so that a sanitizer sees reading past them. */
static int parse(const char *text, struct http_head *ret_head, char **ret_copy)
{
	size_t n = strlen(text);

	*ret_copy = malloc(n);
	memcpy(*ret_copy, text, n);
	return http_head_parse(*ret_copy, n, ret_head);
}

static void test_head(void)
{
	struct http_head head;
	char *copy;

	CHECK_INT(parse("PUT /v1/admin/documents?type=a&b=c HTTP/1.1\r\nhost: x\r\n"
			"CONTENT-LENGTH:  12 \r\nConnection: keep-alive, Close\r\n"
			"expect: 100-Continue\r\nAuthorization: Basic eA==\r\nContent-Type: a/b\r\n"
			"Empty:\r\n\r\n",
			  &head, &copy),
		0);
	CHECK_INT(head.method, HTTP_PUT);
	CHECK_STR(head.path, "/v1/admin/documents");
	CHECK_STR(head.query, "type=a&b=c");
	CHECK_STR(head.content_type, "a/b");
	CHECK_STR(head.authorization, "Basic eA==");
	CHECK(head.has_length && head.length == 12 && head.close && head.expects_continue);
	free(copy);
	CHECK_INT(parse("GET / HTTP/1.1\r\nHost: x\r\n\r\n", &head, &copy), 0);
	CHECK_STR(head.query, "");
	CHECK_STR(head.authorization, "");
	CHECK(!head.has_length && !head.close && !head.expects_continue);
	free(copy);
}

static void test_refused_heads(void)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 505},
		{"GET /\r\nHost: a\r\n\r\n", 400},
		{"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
		{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
		{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /?a\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /?a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /?\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /?a=\"b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /?a=\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET //a@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\n x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nx\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nx : y\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\nx: y\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
			400},
		{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 411},
		{"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Type: x\r\nContent-Type: x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nAuthorization: x\r\n\r\n", 400},
		{"\r\n\r\n", 400},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct http_head head = {.length = 7};
		char *copy;
		int status = parse(rows[i].text, &head, &copy);

		if (status != rows[i].status || head.length != 7)
			check_fail(__FILE__, __LINE__, "%d, not %d: %s", status, rows[i].status,
				rows[i].text);
		free(copy);
	}
}

static void test_nul_is_refused(void)
{
	char text[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
	struct http_head head;

	CHECK_INT(http_head_parse(text, sizeof(text) - 1, &head), 400);
}

static void test_line_limit(void)
{
	struct http_head head;
	char text[4096];

	for (int extra = 0; extra < 2; extra++) {
		/* The request line and Host are lines as well. */
		size_t n = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");

		for (int i = 2; i < BOUND_HEAD_LINES + extra; i++)
			n += (size_t)sprintf(text + n, "A: b\r\n");
		n += (size_t)sprintf(text + n, "\r\n");
		CHECK_INT(http_head_parse(text, n, &head), extra ? 431 : 0);
	}
}

static void test_target_limit(void)
{
	struct http_head head;
	char text[4096];

	for (int extra = 0; extra < 2; extra++) {
		int n = sprintf(text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n",
			BOUND_TARGET_BYTES - 1 + extra, 0);

		CHECK_INT(http_head_parse(text, (size_t)n, &head), extra ? 414 : 0);
	}
}

static void test_head_length(void)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
	size_t n_head = strlen(text) - 4;

	for (size_t n = 0; n < n_head; n++)
		CHECK_INT(http_head_length(text, n, 0), 0);
	CHECK_INT(http_head_length(text, n_head, 0), n_head);
	CHECK_INT(http_head_length(text, strlen(text), n_head - 4), n_head);
	CHECK_INT(http_head_length(text, 4, 9), 0);
}

static void test_query(void)
{
	static const char *const allowed[] = {"a", "b", "name", NULL};
	static const char *const bad[] = {"a", "=1", "a=1&", "&a=1", "a=1&&b=2", "a=1&a=2", "c=1",
		"A=1", "a=%", "a=%1", "a=%zz", "a=%00", "a=%0a", "a=%ff", "a=+", "a=#", "%61=1",
		"a&b=1", "a=1;b=2&x"};
	struct http_query query;

	CHECK_INT(http_query_parse("", allowed, &query), 0);
	CHECK(!http_query_get(&query, "a"));
	CHECK_INT(http_query_parse("a=1&b=&name=x%2Cy%c3%a9=", allowed, &query), 0);
	CHECK_STR(http_query_get(&query, "a"), "1");
	CHECK_STR(http_query_get(&query, "b"), "");
	CHECK_STR(http_query_get(&query, "name"), "x,y\xc3\xa9=");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (http_query_parse(bad[i], allowed, &query) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
}

static void test_query_limits(void)
{
	static const char *const allowed[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", NULL};
	struct http_query query;
	char text[BOUND_TARGET_BYTES + 2];

	CHECK_INT(http_query_parse("a=&b=&c=&d=&e=&f=&g=&h=", allowed, &query), 0);
	CHECK_INT(http_query_parse("a=&b=&c=&d=&e=&f=&g=&h=&i=", allowed, &query), -EBADMSG);
	memset(text, 'x', sizeof(text));
	memcpy(text, "a=", 2);
	text[BOUND_TARGET_BYTES - 1] = 0;
	CHECK_INT(http_query_parse(text, allowed, &query), 0);
	text[BOUND_TARGET_BYTES - 1] = 'x';
	text[BOUND_TARGET_BYTES] = 0;
	CHECK_INT(http_query_parse(text, allowed, &query), -EBADMSG);
}

static void test_methods_have_names(void)
{
	for (int i = 0; i < HTTP_METHOD_MAX; i++)
		CHECK(http_method_name((enum http_method)i));
}

static const struct check_test tests[] = {
	{"head", test_head},
	{"refused_heads", test_refused_heads},
	{"nul_is_refused", test_nul_is_refused},
	{"line_limit", test_line_limit},
	{"target_limit", test_target_limit},
	{"head_length", test_head_length},
	{"query", test_query},
	{"query_limits", test_query_limits},
	{"methods_have_names", test_methods_have_names},
};
CHECK_MAIN(tests)
