/* SPDX-License-Identifier: Apache-2.0 */
/* http_write.c - the bytes of HTTP answers; see http_write.h. mdm-server only. */
#include "server/http_write.h"

#include <time.h>

#include "agent/util/jsonw.h"

static const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = {
		{200, "OK"},
		{201, "Created"},
		{204, "No Content"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{411, "Length Required"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{417, "Expectation Failed"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].status == status)
			return rows[i].reason;
	return "Error";
}

/* RFC 9110, 5.6.7. No strftime(): its names would follow a locale. */
static void http_date(char ret_date[32])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	snprintf(ret_date, 32, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * tm.tm_wday,
		(unsigned int)tm.tm_mday % 100, months + 3 * tm.tm_mon,
		(unsigned int)(tm.tm_year + 1900) % 10000, (unsigned int)tm.tm_hour % 100,
		(unsigned int)tm.tm_min % 100, (unsigned int)tm.tm_sec % 100);
}

void http_write_answer(const struct http_answer *answer, bool close, struct buf *out)
{
	char date[32];

	http_date(date);
	buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", answer->status,
		http_reason(answer->status), date);
	if (answer->content_type)
		buf_printf(out, "Content-Type: %s\r\n", answer->content_type);
	/* 204 has no length (RFC 9110, 8.6). */
	if (answer->status != 204)
		buf_printf(out, "Content-Length: %zu\r\n", answer->n_body);
	buf_printf(out, "%s%s\r\n", answer->headers ? answer->headers : "",
		close ? "Connection: close\r\n" : "");
	if (answer->n_body)
		buf_append(out, answer->body, answer->n_body);
}

void http_write_refusal(const char *code, const char *message, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	if (!code) {
		buf_printf(out, "%s\n", message);
		return;
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "error", code);
	jsonw_string(&w, "message", message);
	jsonw_object_end(&w);
}

const char *http_status_message(int status)
{
	switch (status) {
	case 411:
		return "a Content-Length is needed, chunked bodies are not read";
	case 414:
		return "the address is too long";
	case 417:
		return "this expectation cannot be met";
	case 431:
		return "there are too many header lines";
	case 501:
		return "this method is not known";
	case 505:
		return "HTTP/1.1 is needed";
	default:
		return "this is not a well-formed HTTP/1.1 request";
	}
}
