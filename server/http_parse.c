/* SPDX-License-Identifier: Apache-2.0 */
/* http_parse.c - heads of requests and queries; see http_parse.h. Pure; mdm-server only. */
#include "server/http_parse.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"

const char *http_method_name(enum http_method method)
{
	static const char *const names[HTTP_METHOD_MAX] = {
		[HTTP_GET] = "GET",
		[HTTP_POST] = "POST",
		[HTTP_PUT] = "PUT",
		[HTTP_DELETE] = "DELETE",
	};

	return names[method];
}

size_t http_head_length(const char *text, size_t n_bytes, size_t from)
{
	const char *end;

	if (from >= n_bytes)
		return 0;
	end = memmem(text + from, n_bytes - from, "\r\n\r\n", 4);
	return end ? (size_t)(end - text) + 4 : 0;
}

/* RFC 9110, 5.6.2. */
static bool http_is_token(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++) {
		bool alnum = (*text >= '0' && *text <= '9') || (*text >= 'A' && *text <= 'Z') ||
			     (*text >= 'a' && *text <= 'z');

		if (!alnum && !strchr("!#$%&'*+-.^_`|~", *text))
			return false;
	}
	return true;
}

static int http_target(char *target, struct http_head *head)
{
	char *query;

	if (*target != '/')
		return 400;
	if (strlen(target) > BOUND_TARGET_BYTES)
		return 414;
	query = strchr(target, '?');
	if (query)
		*query++ = 0;
	/* Our paths need no escapes; refusing them leaves one spelling for each. */
	if (target[strspn(target, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				  "/._-")])
		return 400;
	/* What no URL has (RFC 3986, 3.4) and would be written threefold into log and audit. */
	for (const char *c = query; c && *c; c++)
		if (*c <= 0x20 || *c >= 0x7f || *c == '"' || *c == '\\')
			return 400;
	head->path = target;
	head->query = query ? query : "";
	return 0;
}

static int http_request_line(char *line, struct http_head *head)
{
	char *target = strchr(line, ' '), *version;

	if (!target)
		return 400;
	*target++ = 0;
	version = strchr(target, ' ');
	if (!version)
		return 400;
	*version++ = 0;
	if (!http_is_token(line) || strncmp(version, "HTTP/", 5) != 0)
		return 400;
	if (strcmp(version, "HTTP/1.1") != 0)
		return 505;
	head->method = HTTP_METHOD_MAX;
	for (int i = 0; i < HTTP_METHOD_MAX; i++)
		if (strcmp(line, http_method_name((enum http_method)i)) == 0)
			head->method = (enum http_method)i;
	if (head->method == HTTP_METHOD_MAX)
		return 501;
	return http_target(target, head);
}

static int http_length(const char *value, struct http_head *head)
{
	int64_t length;

	/* Even the same length twice is how requests are smuggled (RFC 9112, 11.2). */
	if (head->has_length || parse_int64(value, 0, INT64_MAX, &length) < 0)
		return 400;
	head->has_length = true;
	head->length = (uint64_t)length;
	return 0;
}

/* A list of tokens ("keep-alive, close"). */
static bool http_list_has(const char *list, const char *token)
{
	size_t n_token = strlen(token);

	while (*list) {
		size_t n;

		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if (n == n_token && strncasecmp(list, token, n) == 0)
			return true;
		list += n;
	}
	return false;
}

static int http_field(const char *name, const char *value, struct http_head *head, bool *has_host)
{
	if (strcasecmp(name, "Host") == 0) {
		if (*has_host || !*value)
			return 400;
		*has_host = true;
	} else if (strcasecmp(name, "Content-Length") == 0) {
		return http_length(value, head);
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		return 411;
	} else if (strcasecmp(name, "Connection") == 0) {
		head->close = head->close || http_list_has(value, "close");
	} else if (strcasecmp(name, "Expect") == 0) {
		if (strcasecmp(value, "100-continue") != 0)
			return 417;
		head->expects_continue = true;
	} else if (strcasecmp(name, "Content-Type") == 0) {
		if (*head->content_type)
			return 400;
		head->content_type = value;
	} else if (strcasecmp(name, "Authorization") == 0) {
		if (*head->authorization)
			return 400;
		head->authorization = value;
	}
	return 0;
}

static int http_header_line(char *line, struct http_head *head, bool *has_host)
{
	char *colon = strchr(line, ':'), *value, *end;

	if (!colon)
		return 400;
	*colon = 0;
	/* No space before the colon and no folded lines: both are ways to hide a header. */
	if (!http_is_token(line))
		return 400;
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = 0;
	for (const char *c = value; *c; c++)
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
			return 400;
	return http_field(line, value, head, has_host);
}

int http_head_parse(char *text, size_t n_bytes, struct http_head *ret_head)
{
	struct http_head head = {.content_type = "", .authorization = ""};
	char *line = text, *end = text + n_bytes - 2; /* at the empty line */
	bool has_host = false;
	int n_lines = 0, status;

	if (memchr(text, 0, n_bytes))
		return 400;
	while (line < end) {
		char *next = memmem(line, (size_t)(end - line), "\r\n", 2);

		if (!next)
			return 400;
		*next = 0;
		if (strpbrk(line, "\r\n"))
			return 400;
		if (n_lines == BOUND_HEAD_LINES)
			return 431;
		status = n_lines == 0 ? http_request_line(line, &head)
				      : http_header_line(line, &head, &has_host);
		if (status)
			return status;
		n_lines++;
		line = next + 2;
	}
	if (n_lines == 0 || !has_host)
		return 400;
	*ret_head = head;
	return 0;
}

/* --- query ------------------------------------------------------------------------------- */

static int http_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* In place. */
static int http_percent_decode(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (*text == '%') {
			int high = http_hex_digit(text[1]), low;

			low = high < 0 ? -1 : http_hex_digit(text[2]);
			if (low < 0 || (high | low) == 0)
				return -EBADMSG;
			*out++ = (char)(high << 4 | low);
			text += 2;
		} else if (*text == '+' || *text == '#') {
			return -EBADMSG; /* some read a space here, some a plus */
		} else {
			*out++ = *text;
		}
	}
	*out = 0;
	return 0;
}

static bool http_is_listed(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(name, *list) == 0)
			return true;
	return false;
}

int http_query_parse(const char *query, const char *const *allowed, struct http_query *ret_query)
{
	size_t n = strlen(query);
	char *at = ret_query->text, *next;

	ret_query->n = 0;
	if (n >= sizeof(ret_query->text))
		return -EBADMSG;
	memcpy(ret_query->text, query, n + 1);
	for (; n && at; at = next) {
		char *value = strchr(at, '=');

		next = strchr(at, '&');
		if (next)
			*next++ = 0;
		if (!value || (next && value > next) || ret_query->n == BOUND_QUERY_PARAMS)
			return -EBADMSG;
		*value++ = 0;
		if (!http_is_listed(at, allowed) || http_query_get(ret_query, at) ||
			http_percent_decode(value) < 0 || !text_is_valid(value, strlen(value)))
			return -EBADMSG;
		ret_query->params[ret_query->n].name = at;
		ret_query->params[ret_query->n].value = value;
		ret_query->n++;
	}
	return 0;
}

const char *http_query_get(const struct http_query *query, const char *name)
{
	for (size_t i = 0; i < query->n; i++)
		if (strcmp(query->params[i].name, name) == 0)
			return query->params[i].value;
	return NULL;
}
