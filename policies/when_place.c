/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when_place.c - the condition "place": the phone is inside or outside of a place of its policy, at
 * once or for a time. What is known of places is in the facts; nothing is measured here. Pure;
 * enforcer and tools.
 */
#include <errno.h>

#include "agent/util/codec.h"
#include "agent/util/limits.h"
#include "policies/doc_path.h"
#include "policies/when_leaf.h"

struct at_place {
	char stream[LIMIT_NAME_BYTES + 1]; /* whose place it is; see when_bind() */
	char name[LIMIT_NAME_BYTES + 1];
	bool inside;
	int64_t for_s;
};

static int at_place_parse(
	struct json_object *arguments, const char *path, void **ret_data, struct json_error *error)
{
	static const char *const members[] = {"inside", "outside", "for", NULL};
	_cleanup_free_ struct at_place *at = calloc(1, sizeof(*at));
	const char *names[2];
	char name_path[DOC_PATH_BYTES];
	bool has[2] = {false, false};
	int r;

	if (!at)
		return -ENOMEM;
	r = json_only(arguments, path, members, error);
	for (size_t i = 0; i < 2 && r == 0; i++) {
		r = json_get_string(
			arguments, path, members[i], LIMIT_NAME_BYTES, &names[i], error);
		has[i] = r == 0;
		r = r == -ENOENT ? 0 : r;
	}
	if (r < 0)
		return r;
	if (has[0] == has[1])
		return json_fail(error, path, "must have either inside or outside");
	at->inside = has[0];
	if (!name_is_valid(names[!has[0]])) {
		doc_path(name_path, "%s.%s", path, members[!has[0]]);
		return json_fail(error, name_path, "must be the name of a place");
	}
	memcpy(at->name, names[!has[0]], strlen(names[!has[0]]) + 1);
	r = json_get_int(arguments, path, "for", 0, WHEN_FOR_MAX_S, &at->for_s, error);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_data = TAKE_PTR(at);
	return 0;
}

static const struct when_place *at_place_fact(
	const struct at_place *at, const struct when_facts *facts)
{
	for (size_t i = 0; i < facts->n_places; i++)
		if (strcmp(facts->places[i].name, at->name) == 0 &&
			strcmp(facts->places[i].stream, at->stream) == 0)
			return &facts->places[i];
	return NULL;
}

static enum truth at_place_evaluate(const void *data, const struct when_facts *facts)
{
	const struct at_place *at = data;
	const struct when_place *fact = at_place_fact(at, facts);

	if (!fact || fact->inside == TRUTH_UNKNOWN)
		return TRUTH_UNKNOWN;
	if ((fact->inside == TRUTH_TRUE) != at->inside)
		return TRUTH_FALSE;
	return fact->held_s >= at->for_s ? TRUTH_TRUE : TRUTH_FALSE;
}

static int64_t at_place_next(const void *data, const struct when_facts *facts)
{
	const struct at_place *at = data;
	const struct when_place *fact = at_place_fact(at, facts);

	if (!fact || fact->inside == TRUTH_UNKNOWN || (fact->inside == TRUTH_TRUE) != at->inside ||
		fact->held_s >= at->for_s)
		return INT64_MAX;
	return at->for_s - fact->held_s;
}

static void at_place_format(const void *data, struct buf *out)
{
	const struct at_place *at = data;

	buf_printf(out, "%s %s", at->inside ? "inside" : "outside", at->name);
	when_format_for(at->for_s, out);
}

static const char *at_place_name(const void *data)
{
	return ((const struct at_place *)data)->name;
}

static void at_place_bind(void *data, const char *stream)
{
	struct at_place *at = data;

	snprintf(at->stream, sizeof(at->stream), "%s", stream);
}

static void at_place_schema(struct jsonw *w, const char *key)
{
	static const char *const sides[] = {"inside", "outside"};

	jsonw_object(w, key);
	jsonw_string(w, "type", "object");
	jsonw_bool(w, "additionalProperties", false);
	jsonw_array(w, "oneOf");
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++) {
		jsonw_object(w, NULL);
		jsonw_array(w, "required");
		jsonw_string(w, NULL, sides[i]);
		jsonw_array_end(w);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object(w, "properties");
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++) {
		jsonw_object(w, sides[i]);
		jsonw_string(w, "$ref", "#/$defs/name");
		jsonw_object_end(w);
	}
	when_schema_for(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

const struct when_leaf_row when_leaf_place = {
	.name = "place",
	.help = "True while the phone is `inside` or `outside` (one of them) of the place of that "
		"name in `places` of the same policy; with `for` (0 to 31536000) only once it has "
		"been there for so many seconds, counted over suspend and restarts. Unknown while "
		"the phone does not know, unless the place says what that counts as.",
	.example = "{\"place\":{\"outside\":\"office\",\"for\":600}}",
	.parse = at_place_parse,
	.evaluate = at_place_evaluate,
	.next = at_place_next,
	.format = at_place_format,
	.free = free,
	.schema = at_place_schema,
	.place = at_place_name,
	.bind = at_place_bind,
};
