/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c - members of the server's answers, typed and bounded; see reader.h. Pure. */
#include "server/ctl/reader.h"

#include <errno.h>

#include "agent/util/codec.h"
#include "agent/util/limits.h"

#define READER_MAX_ROWS LIMIT_SERVER_PAGE

int reader_fault(const struct reader *reader, struct fault *fault)
{
	return fault_set(fault, FAULT_FAILURE,
		"the server's answer makes no sense (%s%s%s); "
		"are mdm-server and mdmctl of the same version?",
		reader->error.path, *reader->error.path ? ": " : "", reader->error.message);
}

/* Whether there is something to read: not missing, not null. */
bool reader_has(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) && value;
}

void reader_text(struct reader *reader, struct json_object *object, const char *name,
	char *ret_text, size_t size)
{
	const char *text = "";

	*ret_text = 0;
	if (reader->bad || !reader_has(object, name))
		return;
	if (json_get_string(object, reader->path, name, size - 1, &text, &reader->error) < 0)
		reader->bad = true;
	else
		memcpy(ret_text, text, strlen(text) + 1);
}

void reader_hex(
	struct reader *reader, struct json_object *object, const char *name, char ret_hex[33])
{
	reader_text(reader, object, name, ret_hex, 33);
	if (!reader->bad && *ret_hex && !hex_is_valid(ret_hex, 16)) {
		*ret_hex = 0;
		json_fail(&reader->error, name, "must be 32 hexadecimal digits");
		reader->bad = true;
	}
}

bool reader_bool(struct reader *reader, struct json_object *object, const char *name)
{
	bool value = false;

	if (reader->bad || !reader_has(object, name))
		return false;
	if (json_get_bool(object, reader->path, name, &value, &reader->error) < 0)
		reader->bad = true;
	return value;
}

int64_t reader_int(struct reader *reader, struct json_object *object, const char *name)
{
	int64_t value = 0;

	if (reader->bad || !reader_has(object, name))
		return 0;
	if (json_get_int(object, reader->path, name, 0, INT64_MAX, &value, &reader->error) < 0)
		reader->bad = true;
	return value;
}

struct json_object *reader_array(
	struct reader *reader, struct json_object *object, const char *name)
{
	struct json_object *array = NULL;

	if (reader->bad || !reader_has(object, name))
		return NULL;
	if (json_get_array(object, reader->path, name, &array, &reader->error) < 0)
		reader->bad = true;
	return array;
}

struct json_object *reader_object(
	struct reader *reader, struct json_object *object, const char *name)
{
	struct json_object *member = NULL;

	if (reader->bad || !reader_has(object, name))
		return NULL;
	if (json_get_object(object, reader->path, name, &member, &reader->error) < 0)
		reader->bad = true;
	return member;
}

int reader_parse(struct reader *reader, const char *text, size_t n_bytes,
	struct json_object **ret_json, struct fault *fault)
{
	int r = json_parse_listing(text, n_bytes, ret_json, &reader->error);

	if (r == -EBADMSG)
		return reader_fault(reader, fault);
	return r < 0 ? fault_errno(fault, r, "answer of the server") : 0;
}

int reader_rows(struct reader *reader, struct json_object *json, const char *name,
	struct json_object **ret_array, size_t *ret_n_rows, struct fault *fault)
{
	struct json_object *array = reader_array(reader, json, name);
	size_t n = array ? json_object_array_length(array) : 0;

	if (!reader->bad && n > READER_MAX_ROWS) {
		json_fail(&reader->error, name, "must have at most %d rows", READER_MAX_ROWS);
		reader->bad = true;
	}
	for (size_t i = 0; i < n && !reader->bad; i++) {
		if (json_object_is_type(json_object_array_get_idx(array, i), json_type_object))
			continue;
		json_fail(&reader->error, name, "must have objects as rows");
		reader->bad = true;
	}
	if (reader->bad)
		return reader_fault(reader, fault);
	*ret_array = array;
	*ret_n_rows = n;
	return 0;
}
