/* SPDX-License-Identifier: Apache-2.0 */
/* member.c - members that payloads share; see member.h. Every role that reads documents; pure. */
#include "agent/trust/member.h"

#include <string.h>

#include "agent/util/codec.h"

int member_serial(
	struct json_object *object, const char *name, int64_t *ret_serial, struct json_error *error)
{
	return json_required(
		json_get_int(object, "", name, 1, MEMBER_MAX_SERIAL, ret_serial, error), "", name,
		error);
}

int member_time(struct json_object *object, const char *name, int64_t *ret_realtime_s,
	struct json_error *error)
{
	return json_required(
		json_get_int(object, "", name, 1, MEMBER_MAX_TIME, ret_realtime_s, error), "", name,
		error);
}

int member_id(struct json_object *object, const char *path, const char *name, char ret_id[33],
	struct json_error *error)
{
	const char *text;
	int r;

	r = json_required(json_get_string(object, path, name, 32, &text, error), path, name, error);
	if (r < 0)
		return r;
	if (!hex_is_valid(text, 16))
		return json_fail(error, path, "%s must be 32 lower-case hexadecimal digits", name);
	memcpy(ret_id, text, 33);
	return 0;
}

int member_name(struct json_object *object, const char *path, const char *name,
	char ret_name[LIMIT_NAME_BYTES + 1], struct json_error *error)
{
	const char *text;
	int r;

	r = json_required(json_get_string(object, path, name, LIMIT_NAME_BYTES, &text, error), path,
		name, error);
	if (r < 0)
		return r;
	if (!name_is_valid(text))
		return json_fail(error, path, "%s must be a name of letters, digits, . _ -", name);
	memcpy(ret_name, text, strlen(text) + 1);
	return 0;
}

int member_element(struct json_object *array, const char *path, size_t index,
	char ret_name[LIMIT_NAME_BYTES + 1], struct json_error *error)
{
	struct json_object *element = json_object_array_get_idx(array, index);
	const char *text = NULL;

	if (json_object_is_type(element, json_type_string))
		text = json_object_get_string(element);
	/* A text with a NUL inside is longer than what name_is_valid() sees. */
	if (!text || !name_is_valid(text) ||
		strlen(text) != (size_t)json_object_get_string_len(element))
		return json_fail(error, path, "element %zu must be a name", index);
	memcpy(ret_name, text, strlen(text) + 1);
	return 0;
}
