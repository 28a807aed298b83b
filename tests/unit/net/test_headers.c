/* SPDX-License-Identifier: Apache-2.0 */
/* test_headers.c - the header of an answer: hints taken, doubtful ones dropped, limits kept. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/net/headers.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

/* Feeds a header line by line; the first error, or 0. */
static int feed(struct http_headers *headers, const char *text)
{
	http_headers_init(headers);
	while (*text) {
		size_t n = strcspn(text, "\n");
		int r;

		n += text[n] == '\n';
		r = http_headers_line(headers, text, n);
		if (r < 0)
			return r;
		text += n;
	}
	return 0;
}

#define OK "HTTP/1.1 200 OK\r\n"

static void test_hints(void)
{
	struct http_headers h;

	CHECK_INT(
		feed(&h, OK "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			    "content-TYPE:\t Application/JOSE; charset=utf-8 \r\n"
			    "MDM-Ack: 9007199254740992\r\nMDM-Next-Checkin:60\r\n"
			    "MDM-Mark: 9007199254740992\r\n"
			    "MDM-Resend: compliance , inventory,\tagent\r\nRetry-After: 0\r\n\r\n"),
		0);
	CHECK_INT(h.status, 200);
	CHECK_INT(h.date_s, 784111777);
	CHECK_STR(h.content_type, "application/jose");
	CHECK_INT(h.ack_seq, INT64_C(9007199254740992));
	CHECK_INT(h.mark, INT64_C(9007199254740992));
	CHECK_INT(h.next_checkin_s, 60);
	CHECK_STR(h.resend, "compliance,inventory,agent");
	CHECK_INT(h.retry_after_s, 0);
	CHECK(h.complete);
}

static void test_absent(void)
{
	struct http_headers h;

	CHECK_INT(feed(&h, "HTTP/1.0 204\r\nServer: x\r\nno colon here\r\n: empty\r\n\r\n"), 0);
	CHECK_INT(h.status, 204);
	CHECK_INT(h.date_s, 0);
	CHECK_INT(h.ack_seq, -1);
	CHECK_INT(h.mark, -1);
	CHECK_INT(h.next_checkin_s, -1);
	CHECK_INT(h.retry_after_s, -1);
	CHECK_STR(h.resend, "");
	CHECK_STR(h.content_type, "");
}

/* Each line alone leaves everything absent. */
static void test_doubtful(void)
{
	static const char *const rows[] = {
		"MDM-Ack: -1",
		"MDM-Ack: 1 2",
		"MDM-Ack: 0x10",
		"MDM-Ack:",
		"MDM-Ack: 9007199254740993",
		"MDM-Ack: 99999999999999999999",
		"MDM-Mark: -1",
		"MDM-Mark: 9007199254740993",
		"MDM-Mark: 1,2",
		"MDM-Mark: 0x1",
		"MDM-Mark:",
		"MDM-Next-Checkin: 60s",
		"MDM-Next-Checkin: 2147483648",
		"MDM-Next-Checkin: +60",
		"MDM-Resend: a;b",
		"MDM-Resend: ,a",
		"MDM-Resend: a,",
		"MDM-Resend: a,,b",
		"MDM-Resend: a b",
		"MDM-Resend: .a",
		"MDM-Resend: ../../etc",
		"Retry-After: later",
		"Retry-After: -1",
		"Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", /* no Date to count from */
		"Date: yesterday",
		"XMDM-Ack: 1",
		"MDM-Ack : 1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_headers h;
		char text[256];

		snprintf(text, sizeof(text), OK "%s\r\n\r\n", rows[i]);
		CHECK_INT(feed(&h, text), 0);
		if (h.ack_seq != -1 || h.mark != -1 || h.next_checkin_s != -1 ||
			h.retry_after_s != -1 || h.date_s || h.resend[0])
			check_fail(__FILE__, __LINE__, "took \"%s\"", rows[i]);
	}
}

static void test_repeated(void)
{
	struct http_headers h;

	CHECK_INT(feed(&h, OK "MDM-Ack: 1\r\nmdm-ack: 1\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			      "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: "
			      "Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			      "Content-Type: application/jose\r\nContent-Type: text/html\r\n"
			      "MDM-Resend: a\r\nMDM-Resend: b\r\n"
			      "MDM-Mark: 5\r\nMDM-Mark: 6\r\n\r\n"),
		0);
	CHECK_INT(h.ack_seq, -1);
	CHECK_INT(h.mark, -1);
	CHECK_INT(h.date_s, 0);
	CHECK_STR(h.content_type, "");
	CHECK_STR(h.resend, "");
}

static void test_retry_dates(void)
{
	static const struct {
		const char *text;
		int64_t retry_after_s;
	} rows[] = {
		{OK "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		    "Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n\r\n",
			60},
		{OK "Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n"
		    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
			60},
		{OK "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		    "Retry-After: Sun, 06 Nov 1994 08:49:36 GMT\r\n\r\n",
			0},
		{OK "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		    "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n\r\n",
			INT32_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_headers h;

		CHECK_INT(feed(&h, rows[i].text), 0);
		CHECK_INT(h.retry_after_s, rows[i].retry_after_s);
	}
}

static void test_interim_and_trailers(void)
{
	struct http_headers h;

	CHECK_INT(feed(&h, "HTTP/1.1 103 Early Hints\r\nMDM-Ack: 7\r\n\r\n" OK
			   "MDM-Next-Checkin: 61\r\n\r\nMDM-Ack: 8\r\nHTTP/1.1 500 No\r\n"),
		0);
	CHECK_INT(h.status, 200);
	CHECK_INT(h.ack_seq, -1);
	CHECK_INT(h.next_checkin_s, 61);
}

static void test_status_lines(void)
{
	static const char *const rows[] = {
		"\r\n",
		"HTTP/2 200\r\n",
		"HTTP/1.2 200 OK\r\n",
		"HTTP/1.1 20\r\n",
		"HTTP/1.1 2000\r\n",
		"HTTP/1.1 099 Low\r\n",
		"HTTP/1.1  200 OK\r\n",
		"http/1.1 200 OK\r\n",
		"MDM-Ack: 1\r\n",
		"SSH-2.0-OpenSSH\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_headers h;

		if (feed(&h, rows[i]) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "accepted \"%s\"", rows[i]);
	}
}

static void test_limit(void)
{
	char line[1024];
	struct http_headers h;
	size_t n_bytes = strlen(OK);

	http_headers_init(&h);
	CHECK_INT(http_headers_line(&h, OK, n_bytes), 0);
	memset(line, 'x', sizeof(line));
	for (; n_bytes + sizeof(line) <= LIMIT_HTTP_HEADER_BYTES; n_bytes += sizeof(line))
		CHECK_INT(http_headers_line(&h, line, sizeof(line)), 0);
	CHECK_INT(http_headers_line(&h, line, LIMIT_HTTP_HEADER_BYTES - n_bytes), 0);
	CHECK_INT(http_headers_line(&h, line, 1), -EFBIG);
	/* Interim answers count, so that a server cannot send them for ever. */
	http_headers_init(&h);
	for (n_bytes = 0; n_bytes + 25 <= LIMIT_HTTP_HEADER_BYTES; n_bytes += 25)
		CHECK_INT(http_headers_line(&h, "HTTP/1.1 100 Continue\r\n\r\n", 25), 0);
	CHECK_INT(http_headers_line(&h, "HTTP/1.1 100 Continue\r\n\r\n", 25), -EFBIG);
}

static void test_resend_limit(void)
{
	char text[600], names[300] = "";
	struct http_headers h;

	/* 128 names of one character fill 255 bytes; one more does not fit. */
	for (int i = 0; i < 128; i++)
		strcat(names, i ? ",a" : "a");
	snprintf(text, sizeof(text), OK "MDM-Resend: %s\r\n\r\n", names);
	CHECK_INT(feed(&h, text), 0);
	CHECK_STR(h.resend, names);
	strcat(names, ",a");
	snprintf(text, sizeof(text), OK "MDM-Resend: %s\r\n\r\n", names);
	CHECK_INT(feed(&h, text), 0);
	CHECK_STR(h.resend, "");
}

static const struct check_test tests[] = {
	{"hints", test_hints},
	{"absent", test_absent},
	{"doubtful", test_doubtful},
	{"repeated", test_repeated},
	{"retry dates", test_retry_dates},
	{"interim and trailers", test_interim_and_trailers},
	{"status lines", test_status_lines},
	{"limit", test_limit},
	{"resend limit", test_resend_limit},
};

CHECK_MAIN(tests)
