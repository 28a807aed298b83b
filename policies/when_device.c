/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when_device.c - the conditions "charging" and "locked": what the phone as a device is doing, as
 * far as somebody on the phone says so. Pure; enforcer and tools.
 */
#include <errno.h>

#include "policies/when_wish.h"

static enum truth fact_charging(const struct when_facts *facts)
{
	return facts->charging;
}

static enum truth fact_locked(const struct when_facts *facts)
{
	return facts->locked;
}

static const struct wish charging_wishes[] = {
	{"is", "charging", "not charging", fact_charging},
	{0},
};
static const struct wish locked_wishes[] = {
	{"is", "locked", "unlocked", fact_locked},
	{0},
};

/* One fact, which has to be named. */
static int single_parse(const struct wish *rows, struct json_object *arguments, const char *path,
	void **ret_data, struct json_error *error)
{
	const char *const members[] = {rows[0].name, NULL};
	_cleanup_free_ struct wishes *wishes = malloc(sizeof(*wishes));
	int r;

	if (!wishes)
		return -ENOMEM;
	r = json_only(arguments, path, members, error);
	if (r == 0)
		r = wishes_parse(rows, arguments, path, wishes, error);
	if (r < 0)
		return r;
	if (!wishes->has[0])
		return json_required(-ENOENT, path, rows[0].name, error);
	*ret_data = TAKE_PTR(wishes);
	return 0;
}

static int charging_parse(
	struct json_object *arguments, const char *path, void **ret_data, struct json_error *error)
{
	return single_parse(charging_wishes, arguments, path, ret_data, error);
}

static int locked_parse(
	struct json_object *arguments, const char *path, void **ret_data, struct json_error *error)
{
	return single_parse(locked_wishes, arguments, path, ret_data, error);
}

static enum truth single_evaluate(const void *data, const struct when_facts *facts)
{
	return wishes_evaluate(data, facts);
}

static void single_format(const void *data, struct buf *out)
{
	const char *separator = "";

	wishes_format(data, &separator, out);
}

static void single_schema(const struct wish *rows, struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	jsonw_string(w, "type", "object");
	jsonw_int(w, "minProperties", 1);
	jsonw_bool(w, "additionalProperties", false);
	jsonw_object(w, "properties");
	wishes_schema(rows, w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void charging_schema(struct jsonw *w, const char *key)
{
	single_schema(charging_wishes, w, key);
}

static void locked_schema(struct jsonw *w, const char *key)
{
	single_schema(locked_wishes, w, key);
}

const struct when_leaf_row when_leaf_charging = {
	.name = "charging",
	.help = "True while the phone is on external power (`is` true), or while it is not (`is` "
		"false). Unknown on a phone that shows no power supply.",
	.example = "{\"charging\":{\"is\":true}}",
	.parse = charging_parse,
	.evaluate = single_evaluate,
	.next = wish_next_never,
	.format = single_format,
	.free = free,
	.schema = charging_schema,
};

static unsigned int locked_needs(const void *data)
{
	(void)data;
	return WHEN_NEEDS_LOCKED;
}

const struct when_leaf_row when_leaf_locked = {
	.name = "locked",
	.help = "True while every session at the screen says that it is locked (`is` true), or "
		"while one is not (`is` false). Nobody logged in counts as locked. Unknown where "
		"nobody on the phone tells.",
	.example = "{\"locked\":{\"is\":true}}",
	.parse = locked_parse,
	.evaluate = single_evaluate,
	.next = wish_next_never,
	.format = single_format,
	.free = free,
	.schema = locked_schema,
	.needs = locked_needs,
};
