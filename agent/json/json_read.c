/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_read.c - strict reading of JSON; see json_read.h. Every role but net and guard; only bytes
 * whose origin was checked before (a verified document, a file of root, an own answer).
 */
#include "agent/json/json_read.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "agent/json/json_scan.h"
#include "agent/util/codec.h"
#include "agent/util/limits.h"

DEFINE_CLEANUP(json_tokener *, json_tokener_free)

int json_fail(struct json_error *error, const char *path, const char *format, ...)
{
	va_list args;

	if (!error)
		return -EBADMSG;
	snprintf(error->path, sizeof(error->path), "%s", path);
	va_start(args, format);
	vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	return -EBADMSG;
}

/* A failure at a member of the object at path. */
static int json_fail_member(
	struct json_error *error, const char *path, const char *name, const char *message)
{
	char full[sizeof(error->path)];

	snprintf(full, sizeof(full), "%s%s%s", path, *path ? "." : "", name);
	return json_fail(error, full, "%s", message);
}

static int json_parse_within(const char *text, size_t n_bytes, size_t max_members,
	struct json_object **ret_object, struct json_error *error)
{
	_cleanup_(json_tokener_freep) json_tokener *tokener = NULL;
	_cleanup_json_ struct json_object *object = NULL;
	size_t n_value;
	int r;

	if (n_bytes > INT_MAX)
		return json_fail(error, "", "too large");
	r = json_scan(text, n_bytes, max_members, &n_value, error);
	if (r < 0)
		return r;
	/* json-c counts the values inside the innermost level as a level. */
	tokener = json_tokener_new_ex(LIMIT_JSON_DEPTH + 1);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)n_value);
	if (!object || json_tokener_get_parse_end(tokener) != n_value ||
		!json_object_is_type(object, json_type_object))
		return json_fail(error, "", "not understood by the JSON library");
	*ret_object = TAKE_PTR(object);
	return 0;
}

int json_parse(
	const char *text, size_t n_bytes, struct json_object **ret_object, struct json_error *error)
{
	return json_parse_within(text, n_bytes, LIMIT_JSON_MEMBERS, ret_object, error);
}

int json_parse_listing(
	const char *text, size_t n_bytes, struct json_object **ret_object, struct json_error *error)
{
	return json_parse_within(text, n_bytes, LIMIT_JSON_LISTING, ret_object, error);
}

int json_parse_geometry(
	const char *text, size_t n_bytes, struct json_object **ret_object, struct json_error *error)
{
	return json_parse_within(text, n_bytes, LIMIT_JSON_GEOMETRY, ret_object, error);
}

/* The member if it is there and of this type; -ENOENT or -EBADMSG otherwise. */
static int json_get_typed(struct json_object *object, const char *path, const char *name,
	enum json_type type, struct json_object **ret_value, struct json_error *error)
{
	static const char *const expected[] = {
		[json_type_null] = "must be null",
		[json_type_boolean] = "must be true or false",
		[json_type_double] = "must be a number",
		[json_type_int] = "must be an integer without point and exponent",
		[json_type_object] = "must be an object",
		[json_type_array] = "must be an array",
		[json_type_string] = "must be text",
	};
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value))
		return -ENOENT;
	if (!json_object_is_type(value, type))
		return json_fail_member(error, path, name, expected[type]);
	*ret_value = value;
	return 0;
}

int json_get_int(struct json_object *object, const char *path, const char *name, int64_t min,
	int64_t max, int64_t *ret_value, struct json_error *error)
{
	struct json_object *value;
	char message[96];
	int64_t number;
	int r;

	r = json_get_typed(object, path, name, json_type_int, &value, error);
	if (r < 0)
		return r;
	number = json_object_get_int64(value);
	if (number < min || number > max) {
		snprintf(message, sizeof(message),
			"must be an integer from %" PRId64 " to %" PRId64, min, max);
		return json_fail_member(error, path, name, message);
	}
	*ret_value = number;
	return 0;
}

int json_get_bool(struct json_object *object, const char *path, const char *name, bool *ret_value,
	struct json_error *error)
{
	struct json_object *value;
	int r;

	r = json_get_typed(object, path, name, json_type_boolean, &value, error);
	if (r < 0)
		return r;
	*ret_value = json_object_get_boolean(value);
	return 0;
}

int json_get_string(struct json_object *object, const char *path, const char *name,
	size_t max_bytes, const char **ret_text, struct json_error *error)
{
	struct json_object *value;
	const char *text;
	char message[96];
	size_t n_bytes;
	int r;

	r = json_get_typed(object, path, name, json_type_string, &value, error);
	if (r < 0)
		return r;
	text = json_object_get_string(value);
	n_bytes = (size_t)json_object_get_string_len(value);
	if (n_bytes > max_bytes) {
		snprintf(message, sizeof(message), "must be text of at most %zu bytes", max_bytes);
		return json_fail_member(error, path, name, message);
	}
	/* NUL is a control character as well. */
	if (!text_is_valid(text, n_bytes))
		return json_fail_member(error, path, name, "must not hold control characters");
	*ret_text = text;
	return 0;
}

int json_get_object(struct json_object *object, const char *path, const char *name,
	struct json_object **ret_borrowed, struct json_error *error)
{
	return json_get_typed(object, path, name, json_type_object, ret_borrowed, error);
}

int json_get_array(struct json_object *object, const char *path, const char *name,
	struct json_object **ret_borrowed, struct json_error *error)
{
	return json_get_typed(object, path, name, json_type_array, ret_borrowed, error);
}

int json_required(int r, const char *path, const char *name, struct json_error *error)
{
	return r == -ENOENT ? json_fail_member(error, path, name, "is missing") : r;
}

static bool json_name_in(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

int json_only(struct json_object *object, const char *path, const char *const *names,
	struct json_error *error)
{
	json_object_object_foreach(object, name, value)
	{
		size_t n = strlen(name);

		(void)value;
		if (json_name_in(name, names))
			continue;
		if (n > LIMIT_NAME_BYTES || !text_is_valid(name, n))
			return json_fail(error, path, "has an unknown member");
		return json_fail(error, path, "has the unknown member \"%s\"", name);
	}
	return 0;
}
