/* SPDX-License-Identifier: Apache-2.0 */
/* peek.c - lenient reading of an answer; see peek.h. Pure; agentctl. */
#include "agent/ctl/peek.h"

static struct json_object *peek_member(
	struct json_object *object, const char *name, enum json_type type)
{
	struct json_object *member;

	if (!object || !json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, name, &member) ||
		!json_object_is_type(member, type))
		return NULL;
	return member;
}

const char *peek_string(struct json_object *object, const char *name)
{
	struct json_object *member = peek_member(object, name, json_type_string);
	const char *text = member ? json_object_get_string(member) : NULL;

	return text && text[0] ? text : NULL;
}

const char *peek_text(struct json_object *object, const char *name, const char *otherwise)
{
	const char *text = peek_string(object, name);

	return text ? text : otherwise;
}

bool peek_int(struct json_object *object, const char *name, int64_t *ret_value)
{
	struct json_object *member = peek_member(object, name, json_type_int);

	if (!member)
		return false;
	*ret_value = json_object_get_int64(member);
	return true;
}

bool peek_true(struct json_object *object, const char *name)
{
	struct json_object *member = peek_member(object, name, json_type_boolean);

	return member && json_object_get_boolean(member);
}

struct json_object *peek_object(struct json_object *object, const char *name)
{
	return peek_member(object, name, json_type_object);
}

struct json_object *peek_array(struct json_object *object, const char *name)
{
	return peek_member(object, name, json_type_array);
}

size_t peek_length(struct json_object *array)
{
	return array ? json_object_array_length(array) : 0;
}

struct json_object *peek_at(struct json_object *array, size_t i)
{
	struct json_object *element = array ? json_object_array_get_idx(array, i) : NULL;

	return json_object_is_type(element, json_type_object) ? element : NULL;
}

const char *peek_string_at(struct json_object *array, size_t i)
{
	struct json_object *element = array ? json_object_array_get_idx(array, i) : NULL;

	return json_object_is_type(element, json_type_string) ? json_object_get_string(element)
							      : NULL;
}
