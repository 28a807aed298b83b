/* SPDX-License-Identifier: Apache-2.0 */
/* headers.c - the header of one HTTP answer; see headers.h. Net role; pure. */
#include "agent/net/headers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/mem.h"

#define IMF_FIXDATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */
#define SECONDS_PER_DAY 86400
/* MDM-Next-Checkin and Retry-After: what the enforcer clamps, but never a number to overflow on. */
#define HINT_MAX_S INT32_MAX

void http_headers_init(struct http_headers *ret_headers)
{
	*ret_headers = (struct http_headers){
		.retry_after_s = -1,
		.next_checkin_s = -1,
		.ack_seq = -1,
		.mark = -1,
	};
}

static int index_of(const char *table, const char *word)
{
	for (int i = 0; table[3 * i]; i++)
		if (memcmp(table + (ptrdiff_t)3 * i, word, 3) == 0)
			return i;
	return -1;
}

int http_date_parse(const char *text, size_t n_bytes, int64_t *ret_time_s)
{
	static const char days[] = "ThuFriSatSunMonTueWed"; /* 1 January 1970 was a Thursday */
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char iso[32];
	int day, month;
	int64_t t;

	if (n_bytes != IMF_FIXDATE_BYTES || memcmp(text + 3, ", ", 2) != 0 || text[7] != ' ' ||
		text[11] != ' ' || text[16] != ' ' || memcmp(text + 25, " GMT", 4) != 0)
		return -EINVAL;
	day = index_of(days, text);
	month = index_of(months, text + 8);
	if (day < 0 || month < 0)
		return -EINVAL;
	/* The digits, colons and ranges are the business of the strict parser of the other form. */
	snprintf(iso, sizeof(iso), "%.4s-%02d-%.2sT%.8sZ", text + 12, month + 1, text + 5,
		text + 17);
	if (clock_parse(iso, &t) < 0 || t < 0 || t / SECONDS_PER_DAY % 7 != day)
		return -EINVAL;
	*ret_time_s = t;
	return 0;
}

static void take_content_type(struct http_headers *h, const char *value)
{
	size_t n = strcspn(value, "; \t");

	if (n >= sizeof(h->content_type))
		return;
	for (size_t i = 0; i < n; i++) {
		char c = value[i];

		h->content_type[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	h->content_type[n] = 0;
}

static void drop_content_type(struct http_headers *h)
{
	h->content_type[0] = 0;
}

static void take_date(struct http_headers *h, const char *value)
{
	http_date_parse(value, strlen(value), &h->date_s);
}

static void drop_date(struct http_headers *h)
{
	h->date_s = 0;
}

static void take_retry_after(struct http_headers *h, const char *value)
{
	if (parse_int64(value, 0, HINT_MAX_S, &h->retry_after_s) < 0)
		http_date_parse(value, strlen(value), &h->retry_date_s);
}

static void drop_retry_after(struct http_headers *h)
{
	h->retry_after_s = -1;
	h->retry_date_s = 0;
}

static void take_next_checkin(struct http_headers *h, const char *value)
{
	parse_int64(value, 0, HINT_MAX_S, &h->next_checkin_s);
}

static void drop_next_checkin(struct http_headers *h)
{
	h->next_checkin_s = -1;
}

static void take_ack(struct http_headers *h, const char *value)
{
	parse_int64(value, 0, INT64_C(1) << 53, &h->ack_seq);
}

static void drop_ack(struct http_headers *h)
{
	h->ack_seq = -1;
}

static void take_mark(struct http_headers *h, const char *value)
{
	parse_int64(value, 0, INT64_C(1) << 53, &h->mark);
}

static void drop_mark(struct http_headers *h)
{
	h->mark = -1;
}

static void take_resend(struct http_headers *h, const char *value)
{
	char joined[sizeof(h->resend)] = "";
	size_t n_joined = 0;

	while (*value) {
		char name[LIMIT_NAME_BYTES + 1];
		size_t n = strcspn(value, ", \t");

		if (n == 0 || n >= sizeof(name))
			return;
		memcpy(name, value, n);
		name[n] = 0;
		if (!name_is_valid(name) || n_joined + n + 2 > sizeof(joined))
			return;
		n_joined += (size_t)snprintf(joined + n_joined, sizeof(joined) - n_joined, "%s%s",
			n_joined ? "," : "", name);
		value += n;
		value += strspn(value, " \t");
		if (!*value)
			break;
		if (*value++ != ',')
			return;
		value += strspn(value, " \t");
		if (!*value)
			return;
	}
	memcpy(h->resend, joined, sizeof(joined));
}

static void drop_resend(struct http_headers *h)
{
	h->resend[0] = 0;
}

static const struct header_row {
	const char *name;
	void (*take)(struct http_headers *h, const char *value);
	void (*drop)(struct http_headers *h); /* back to absent: it came twice */
} header_rows[] = {
	{"Content-Type", take_content_type, drop_content_type},
	{"Date", take_date, drop_date},
	{"Retry-After", take_retry_after, drop_retry_after},
	{"MDM-Next-Checkin", take_next_checkin, drop_next_checkin},
	{"MDM-Ack", take_ack, drop_ack},
	{"MDM-Resend", take_resend, drop_resend},
	{"MDM-Mark", take_mark, drop_mark},
};

static void take_field(struct http_headers *h, const char *line, size_t n)
{
	char value[2 * LIMIT_TEXT_BYTES];
	const char *colon = memchr(line, ':', n);
	size_t n_name, n_value;

	if (!colon)
		return;
	n_name = (size_t)(colon - line);
	colon++;
	n_value = n - n_name - 1;
	while (n_value && (*colon == ' ' || *colon == '\t'))
		colon++, n_value--;
	while (n_value && (colon[n_value - 1] == ' ' || colon[n_value - 1] == '\t'))
		n_value--;
	for (size_t i = 0; i < ARRAY_SIZE(header_rows); i++) {
		const struct header_row *row = &header_rows[i];

		if (strlen(row->name) != n_name || strncasecmp(row->name, line, n_name) != 0)
			continue;
		if (h->seen & (1u << i)) {
			row->drop(h);
			return;
		}
		h->seen |= 1u << i;
		if (n_value >= sizeof(value) || memchr(colon, 0, n_value))
			return;
		memcpy(value, colon, n_value);
		value[n_value] = 0;
		row->take(h, value);
		return;
	}
}

/* "HTTP/1.1 204 No Content"; an interim answer (1xx) is followed by another one. */
static int take_status(struct http_headers *h, const char *line, size_t n)
{
	size_t n_bytes = h->n_bytes;
	unsigned int status = 0;

	if (n < 12 || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') ||
		line[8] != ' ' || (n > 12 && line[12] != ' '))
		return -EBADMSG;
	for (size_t i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return -EBADMSG;
		status = status * 10 + (unsigned int)(line[i] - '0');
	}
	if (status < 100)
		return -EBADMSG;
	http_headers_init(h);
	h->n_bytes = n_bytes;
	h->status = status;
	return 0;
}

static void finish(struct http_headers *h)
{
	h->complete = h->status >= 200;
	if (h->retry_date_s && h->date_s)
		h->retry_after_s = h->retry_date_s <= h->date_s ? 0 : h->retry_date_s - h->date_s;
	if (h->retry_after_s > HINT_MAX_S)
		h->retry_after_s = HINT_MAX_S;
}

int http_headers_line(struct http_headers *headers, const char *line, size_t n_bytes)
{
	if (n_bytes > LIMIT_HTTP_HEADER_BYTES - headers->n_bytes)
		return -EFBIG;
	headers->n_bytes += n_bytes;
	if (headers->complete)
		return 0;
	while (n_bytes && (line[n_bytes - 1] == '\n' || line[n_bytes - 1] == '\r'))
		n_bytes--;
	if (headers->status == 0 || (n_bytes >= 5 && memcmp(line, "HTTP/", 5) == 0))
		return take_status(headers, line, n_bytes);
	if (n_bytes == 0)
		finish(headers);
	else
		take_field(headers, line, n_bytes);
	return 0;
}
