/* SPDX-License-Identifier: Apache-2.0 */
/* response_escrow.c - reads what mdm-server tells of sealed secrets; see response_escrow.h. Pure.
 */
#include "server/ctl/response_escrow.h"

#include <errno.h>

#include "agent/util/codec.h"
#include "server/ctl/reader.h"

#define ESCROW_BASE64_BYTES (LIMIT_ESCROW_BYTES / 3 * 4 + 8)

void response_escrow_done(struct response_escrow *escrow)
{
	free(escrow->rows);
	*escrow = (struct response_escrow){0};
}

bool response_sealed_to(const struct response_sealed *sealed, const char *sha256)
{
	for (size_t i = 0; i < sealed->n_certificates; i++)
		if (strcmp(sealed->certificates[i], sha256) == 0)
			return true;
	return false;
}

static void read_certificates(
	struct reader *reader, struct json_object *object, struct response_sealed *row)
{
	struct json_object *array = reader_array(reader, object, "certificates");
	size_t n = array ? json_object_array_length(array) : 0;

	for (size_t i = 0; i < n && !reader->bad; i++) {
		struct json_object *element = json_object_array_get_idx(array, i);
		const char *text = json_object_is_type(element, json_type_string)
					   ? json_object_get_string(element)
					   : "";

		if (i == LIMIT_ESCROW_CERTIFICATES || !hex_is_valid(text, SHA256_BYTES)) {
			json_fail(&reader->error, "certificates",
				"must be at most %d texts of 64 hexadecimal digits",
				LIMIT_ESCROW_CERTIFICATES);
			reader->bad = true;
			return;
		}
		memcpy(row->certificates[row->n_certificates++], text, 2 * SHA256_BYTES + 1);
	}
}

static void read_cms(struct reader *reader, struct json_object *object, struct response_sealed *row)
{
	char text[ESCROW_BASE64_BYTES + 1];

	reader_text(reader, object, "cms", text, sizeof(text));
	if (reader->bad)
		return;
	if (base64_decode(text, strlen(text), row->cms, sizeof(row->cms), &row->n_cms) == 0 &&
		row->n_cms > 0)
		return;
	json_fail(&reader->error, "cms", "must be at most %d bytes in base64", LIMIT_ESCROW_BYTES);
	reader->bad = true;
}

static void read_sealed(
	struct reader *reader, struct json_object *object, struct response_sealed *row)
{
	row->row = reader_int(reader, object, "row");
	row->generation = reader_int(reader, object, "generation");
	row->received_s = reader_int(reader, object, "received");
	reader_hex(reader, object, "device", row->device);
	reader_hex(reader, object, "enrolment", row->enrolment);
	reader_text(reader, object, "kind", row->kind, sizeof(row->kind));
	read_certificates(reader, object, row);
}

static int read_escrow(const char *text, size_t n_bytes, bool one,
	struct response_escrow *ret_escrow, struct fault *fault)
{
	_cleanup_(response_escrow_done) struct response_escrow escrow = {0};
	_cleanup_json_ struct json_object *json = NULL;
	struct reader reader = {.path = ""};
	struct json_object *array = NULL;
	int r = reader_parse(&reader, text, n_bytes, &json, fault);

	if (!r && !one)
		r = reader_rows(&reader, json, "escrow", &array, &escrow.n_rows, fault);
	if (r)
		return r;
	if (one)
		escrow.n_rows = 1;
	else
		escrow.next = reader_int(&reader, json, "next");
	escrow.rows = calloc(escrow.n_rows + 1, sizeof(escrow.rows[0]));
	if (!escrow.rows)
		return fault_errno(fault, ENOMEM, "answer of the server");
	for (size_t i = 0; i < escrow.n_rows; i++)
		read_sealed(
			&reader, one ? json : json_object_array_get_idx(array, i), &escrow.rows[i]);
	if (one)
		read_cms(&reader, json, &escrow.rows[0]);
	if (reader.bad)
		return reader_fault(&reader, fault);
	*ret_escrow = escrow;
	escrow = (struct response_escrow){0};
	return 0;
}

int response_escrow(
	const char *text, size_t n_bytes, struct response_escrow *ret_escrow, struct fault *fault)
{
	return read_escrow(text, n_bytes, false, ret_escrow, fault);
}

int response_escrow_one(
	const char *text, size_t n_bytes, struct response_escrow *ret_escrow, struct fault *fault)
{
	return read_escrow(text, n_bytes, true, ret_escrow, fault);
}

int response_unlock_counter(const struct response_device *device, int64_t generation,
	int64_t *ret_counter, struct fault *fault)
{
	struct reader reader = {.path = ""};
	struct json_object *sections = reader_object(&reader, device->json, "sections");
	struct json_object *section = sections ? reader_object(&reader, sections, "escrow") : NULL;
	struct json_object *body = section ? reader_object(&reader, section, "body") : NULL;
	struct json_object *array = NULL;
	int64_t counter = 0;
	size_t n = 0;
	int r;

	if (body && !reader.bad) {
		r = reader_rows(&reader, body, "entries", &array, &n, fault);
		if (r)
			return r;
	}
	for (size_t i = 0; i < n; i++) {
		struct json_object *entry = json_object_array_get_idx(array, i);
		char kind[LIMIT_NAME_BYTES + 1];

		reader_text(&reader, entry, "kind", kind, sizeof(kind));
		if (strcmp(kind, "unlock") == 0 &&
			reader_int(&reader, entry, "generation") == generation)
			counter = reader_int(&reader, entry, "counter");
	}
	if (reader.bad)
		return reader_fault(&reader, fault);
	*ret_counter = counter;
	return 0;
}
