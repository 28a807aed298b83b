/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_device_places.c - which profiles with a condition apply on a phone and where it is as far as
 * the policy's places are concerned, of its section "places"; see cmd_device_places.h. mdmctl.
 */
#include "server/ctl/cmd_device_places.h"

#include <string.h>

#include "server/ctl/reader.h"
#include "server/ctl/span.h"
#include "server/ctl/text.h"

/* A phone may say anything; on the screen it is one line. */
static void print_plain(struct ctl *ctl, const char *value)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;

	text_plain(&plain, value);
	fputs(plain.data && !plain.error ? plain.data : "?", ctl->out);
}

/* "places        office: inside since 2 h ago (position)" */
static void print_row(
	struct ctl *ctl, struct reader *reader, struct json_object *row, const char *member)
{
	char stream[LIMIT_NAME_BYTES + 1], name[LIMIT_NAME_BYTES + 1], state[LIMIT_NAME_BYTES + 1];
	char cause[LIMIT_NAME_BYTES + 1], text[LIMIT_TEXT_BYTES + 1], relative[32];
	int64_t since_s;

	reader_text(reader, row, "stream", stream, sizeof(stream));
	reader_text(reader, row, member, name, sizeof(name));
	reader_text(reader, row, "state", state, sizeof(state));
	reader_text(reader, row, "cause", cause, sizeof(cause));
	reader_text(reader, row, "text", text, sizeof(text));
	since_s = reader_int(reader, row, "since");
	if (reader->bad)
		return;
	fprintf(ctl->out, "%-13s ", member);
	print_plain(ctl, stream);
	fputc('/', ctl->out);
	print_plain(ctl, name);
	fputs(": ", ctl->out);
	print_plain(ctl, state);
	if (since_s > 0) {
		span_format_relative(since_s, ctl->now_s, relative);
		fprintf(ctl->out, ", since %s", relative);
	}
	if (*text || (*cause && strcmp(cause, "none") != 0)) {
		fputs(" (", ctl->out);
		print_plain(ctl, *text ? text : cause);
		fputc(')', ctl->out);
	}
	fputc('\n', ctl->out);
}

static void print_rows(struct ctl *ctl, struct reader *reader, struct json_object *body,
	const char *list, const char *member)
{
	struct json_object *rows = reader_array(reader, body, list);
	size_t n = rows ? json_object_array_length(rows) : 0;

	for (size_t i = 0; i < n && !reader->bad; i++)
		print_row(ctl, reader, json_object_array_get_idx(rows, i), member);
}

void device_print_places(struct ctl *ctl, const struct response_device *device)
{
	struct reader reader = {.path = ""};
	struct json_object *at = reader_object(&reader, device->json, "sections");

	at = at ? reader_object(&reader, at, "places") : NULL;
	at = at ? reader_object(&reader, at, "body") : NULL;
	if (!at)
		return;
	print_rows(ctl, &reader, at, "profiles", "profile");
	print_rows(ctl, &reader, at, "places", "place");
}
