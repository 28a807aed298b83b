/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_hardware.c - "mdmctl hardware": which phones may enrol by themselves, by serial number or
 * IMEI. Runs as the administrator. */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "server/ctl/api.h"
#include "server/ctl/commands.h"
#include "server/ctl/paging.h"
#include "server/ctl/reader.h"
#include "server/ctl/text.h"

#define HARDWARE_PAGE 200
#define HARDWARE_CHUNK 200 /* entries in one request */
#define HARDWARE_FILE_BYTES (1024 * 1024)

/* --- adding ------------------------------------------------------------------------------ */

/* The lines of the file that are not sent yet. */
struct hardware_lines {
	const char *path;
	const char *at;
	size_t line;
	int64_t added;
};

/* The next entry without comment and white space; false at the end. */
static bool hardware_next(struct hardware_lines *lines, const char **ret_text, size_t *ret_n)
{
	while (*lines->at) {
		const char *begin = lines->at + strspn(lines->at, " \t\r");
		size_t n_line = strcspn(begin, "\n"), n = strcspn(begin, "#\n");

		lines->at = begin + n_line + (begin[n_line] == '\n');
		lines->line++;
		while (n && strchr(" \t\r", begin[n - 1]))
			n--;
		if (!n)
			continue;
		*ret_text = begin;
		*ret_n = n;
		return true;
	}
	return false;
}

static bool hardware_is_imei(const char *text, size_t n)
{
	return n == 15 && strspn(text, "0123456789") >= 15;
}

static int hardware_write_entry(const struct hardware_lines *lines, const char *text, size_t n,
	struct jsonw *w, struct fault *fault)
{
	char value[LIMIT_HARDWARE_BYTES + 1];
	bool imei = hardware_is_imei(text, n);

	if (n > 5 && strncmp(text, "imei:", 5) == 0) {
		imei = true;
		text += 5;
		n -= 5;
	} else if (n > 7 && strncmp(text, "serial:", 7) == 0) {
		imei = false;
		text += 7;
		n -= 7;
	}
	if (n >= sizeof(value) || !text_is_valid(text, n))
		return fault_set(fault, FAULT_USAGE,
			"%s, line %zu: a number has at most %d printable characters", lines->path,
			lines->line, LIMIT_HARDWARE_BYTES);
	memcpy(value, text, n);
	value[n] = 0;
	jsonw_object(w, NULL);
	jsonw_string(w, imei ? "imei" : "serial", value);
	jsonw_object_end(w);
	return 0;
}

/* Sends the next chunk. *ret_more: whether there was one. */
static int hardware_send(struct api *api, const char *ticket, struct hardware_lines *lines,
	bool *ret_more, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	_cleanup_json_ struct json_object *json = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	struct reader reader = {.path = ""};
	struct api_request request = {
		.method = "POST",
		.path = "/v1/admin/hardware",
		.content_type = "application/json",
	};
	const char *text;
	size_t n, n_entries = 0;
	int r = 0;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "ticket", ticket);
	jsonw_array(&w, "entries");
	while (n_entries < HARDWARE_CHUNK && !r && hardware_next(lines, &text, &n)) {
		r = hardware_write_entry(lines, text, n, &w, fault);
		n_entries++;
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	*ret_more = n_entries > 0;
	if (r || !n_entries)
		return r;
	if (body.error)
		return fault_errno(fault, body.error, "hardware list");
	request.body = body.data;
	request.n_body = body.n_bytes;
	r = api_call(api, &request, &answer, fault);
	if (!r)
		r = reader_parse(&reader, answer.body, answer.n_body, &json, fault);
	if (r)
		return r;
	lines->added += reader_int(&reader, json, "added");
	return reader.bad ? reader_fault(&reader, fault) : 0;
}

int cmd_hardware_add(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_free_ char *text = NULL;
	const char *ticket = args->operands[0];
	struct hardware_lines lines = {.path = args->operands[1]};
	size_t n_bytes = 0;
	bool more = true;
	int r;

	if (!hex_is_valid(ticket, 16))
		return fault_set(fault, FAULT_USAGE,
			"\"%.40s\" is not the id of a ticket (32 characters of 0-9, a-f)", ticket);
	r = ctl_read_file(lines.path, HARDWARE_FILE_BYTES, &text, &n_bytes, fault);
	if (!r && strlen(text) != n_bytes)
		r = fault_set(fault, FAULT_USAGE, "%s is not a text file", lines.path);
	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = api_open(ctl, &api, fault);
	lines.at = text;
	while (!r && more)
		r = hardware_send(api, ticket, &lines, &more, fault);
	if (r)
		return r;
	if (ctl->json)
		fprintf(ctl->out, "{\"added\":%" PRId64 "}\n", lines.added);
	else
		fprintf(ctl->out, "%" PRId64 " phone%s may enrol with ticket %.12s.\n", lines.added,
			lines.added == 1 ? "" : "s", ticket);
	return ctl_flush(ctl, fault);
}

/* --- listing and removing ---------------------------------------------------------------- */

struct hardware_row {
	int64_t row, used_s;
	char serial[LIMIT_HARDWARE_BYTES + 1], imei[LIMIT_HARDWARE_BYTES + 1];
	char ticket[33], device[33];
};

static void hardware_read(
	struct reader *reader, struct json_object *object, struct hardware_row *row)
{
	row->row = reader_int(reader, object, "row");
	row->used_s = reader_int(reader, object, "used");
	reader_text(reader, object, "serial", row->serial, sizeof(row->serial));
	reader_text(reader, object, "imei", row->imei, sizeof(row->imei));
	reader_hex(reader, object, "ticket", row->ticket);
	reader_hex(reader, object, "device", row->device);
}

static void hardware_add_row(struct ctl *ctl, const struct hardware_row *row,
	struct json_object *object, struct table *table)
{
	if (ctl->json) {
		fprintf(ctl->out, "%s\n",
			json_object_to_json_string_ext(
				object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		return;
	}
	table_printf(table, "%" PRId64, row->row);
	table_add(table, row->used_s ? "used" : "open");
	table_printf(
		table, "%s%s", *row->imei ? "imei:" : "", *row->imei ? row->imei : row->serial);
	table_printf(table, "%.12s", row->ticket);
	table_printf(table, "%.12s", row->device);
}

/* One page; paging moves on. *ret_more: whether there may be another. */
static int hardware_list_page(struct ctl *ctl, struct api *api, struct paging *paging,
	struct table *table, bool *ret_more, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	_cleanup_json_ struct json_object *json = NULL;
	struct json_object *array = NULL;
	struct reader reader = {.path = ""};
	char path[128];
	struct api_request request = {.method = "GET", .path = path};
	int64_t next, after = paging->row;
	size_t n = 0;
	int r;

	snprintf(path, sizeof(path), "/v1/admin/hardware?after=%" PRId64 "&limit=%d", after,
		HARDWARE_PAGE);
	r = api_call(api, &request, &answer, fault);
	if (!r)
		r = paging_page(paging, answer.n_body, fault);
	if (!r)
		r = reader_parse(&reader, answer.body, answer.n_body, &json, fault);
	if (!r)
		r = reader_rows(&reader, json, "entries", &array, &n, fault);
	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		struct json_object *object = json_object_array_get_idx(array, i);
		struct hardware_row row;

		hardware_read(&reader, object, &row);
		if (reader.bad)
			return reader_fault(&reader, fault);
		r = paging_row(paging, row.row, fault);
		if (r)
			return r;
		hardware_add_row(ctl, &row, object, table);
	}
	next = reader_int(&reader, json, "next");
	if (reader.bad)
		return reader_fault(&reader, fault);
	*ret_more = n && next > after;
	return 0;
}

int cmd_hardware_list(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_table_ struct table table = {
		.headings = {"ROW", "STATE", "NUMBER", "TICKET", "DEVICE"},
		.n_columns = 5,
		.flexible = 2,
		.state = 5,
	};
	struct paging paging = {0};
	bool more = true;
	int r = ctl_open(ctl, fault);

	(void)args;
	if (!r)
		r = api_open(ctl, &api, fault);
	while (!r && more)
		r = hardware_list_page(ctl, api, &paging, &table, &more, fault);
	if (r)
		return r;
	if (!ctl->json && !table.n_cells && !table.error)
		fprintf(ctl->out,
			"No phone is on the list; 'mdmctl hardware add' puts them there.\n");
	else if (!ctl->json && table_print(&table, ctl->out, ctl->colour) < 0)
		return fault_errno(fault, ENOMEM, "output");
	return ctl_flush(ctl, fault);
}

int cmd_hardware_remove(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_answer_ struct api_answer answer = {0};
	char path[128];
	struct api_request request = {.method = "DELETE", .path = path};
	int64_t row;
	int r;

	if (parse_int64(args->operands[0], 1, INT64_MAX, &row) < 0)
		return fault_set(fault, FAULT_USAGE,
			"\"%.40s\" is not a row; 'mdmctl hardware list' has them in its first column",
			args->operands[0]);
	r = ctl_open(ctl, fault);
	if (!r)
		r = api_open(ctl, &api, fault);
	if (r)
		return r;
	snprintf(path, sizeof(path), "/v1/admin/hardware/%" PRId64, row);
	r = api_call(api, &request, &answer, fault);
	if (r)
		return r;
	if (ctl->json)
		fprintf(ctl->out, "{\"row\":%" PRId64 "}\n", row);
	else
		fprintf(ctl->out,
			"Row %" PRId64 " is off the list, or free again if it was used.\n", row);
	return ctl_flush(ctl, fault);
}
