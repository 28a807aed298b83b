/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when_noncompliant.c - the condition "noncompliant": an area has been non-compliant for a time.
 * This is how escalation is written. Pure; enforcer and tools.
 */
#include <errno.h>

#include "agent/util/codec.h"
#include "agent/util/limits.h"
#include "policies/doc_path.h"
#include "policies/when_leaf.h"

struct overdue {
	enum area_id area; /* AREA_MAX: an area this agent does not know */
	int64_t for_s;
	char area_name[LIMIT_NAME_BYTES + 1];
};

static int overdue_parse(
	struct json_object *arguments, const char *path, void **ret_data, struct json_error *error)
{
	static const char *const members[] = {"area", "for", NULL};
	_cleanup_free_ struct overdue *overdue = calloc(1, sizeof(*overdue));
	const struct area_row *area;
	char area_path[DOC_PATH_BYTES];
	const char *name;
	int r;

	if (!overdue)
		return -ENOMEM;
	r = json_only(arguments, path, members, error);
	if (r < 0)
		return r;
	r = json_required(json_get_string(arguments, path, "area", LIMIT_NAME_BYTES, &name, error),
		path, "area", error);
	if (r < 0)
		return r;
	if (!name_is_valid(name)) {
		doc_path(area_path, "%s.area", path);
		return json_fail(error, area_path, "must be the name of an area");
	}
	r = json_required(
		json_get_int(arguments, path, "for", 0, WHEN_FOR_MAX_S, &overdue->for_s, error),
		path, "for", error);
	if (r < 0)
		return r;
	area = area_find(name);
	overdue->area = area ? area->id : AREA_MAX;
	snprintf(overdue->area_name, sizeof(overdue->area_name), "%s", name);
	*ret_data = TAKE_PTR(overdue);
	return 0;
}

static enum truth overdue_evaluate(const void *data, const struct when_facts *facts)
{
	const struct overdue *overdue = data;
	int64_t since_s;

	if (overdue->area == AREA_MAX)
		return TRUTH_UNKNOWN;
	since_s = facts->noncompliant_s[overdue->area];
	return since_s >= 0 && since_s >= overdue->for_s ? TRUTH_TRUE : TRUTH_FALSE;
}

static int64_t overdue_next(const void *data, const struct when_facts *facts)
{
	const struct overdue *overdue = data;
	int64_t since_s = overdue->area == AREA_MAX ? -1 : facts->noncompliant_s[overdue->area];

	return since_s >= 0 && since_s < overdue->for_s ? overdue->for_s - since_s : INT64_MAX;
}

static void overdue_each_unknown(
	const void *data, void (*visit)(void *userdata, const char *kind), void *userdata)
{
	const struct overdue *overdue = data;
	char kind[LIMIT_NAME_BYTES + 16];

	if (overdue->area != AREA_MAX)
		return;
	snprintf(kind, sizeof(kind), "noncompliant.%s", overdue->area_name);
	visit(userdata, kind);
}

static void overdue_format(const void *data, struct buf *out)
{
	const struct overdue *overdue = data;

	buf_printf(out, "%s noncompliant", overdue->area_name);
	when_format_for(overdue->for_s, out);
}

static void overdue_schema(struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	jsonw_string(w, "type", "object");
	jsonw_bool(w, "additionalProperties", false);
	jsonw_array(w, "required");
	jsonw_string(w, NULL, "area");
	jsonw_string(w, NULL, "for");
	jsonw_array_end(w);
	jsonw_object(w, "properties");
	jsonw_object(w, "area");
	jsonw_string(w, "$ref", "#/$defs/name");
	jsonw_object_end(w);
	when_schema_for(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

const struct when_leaf_row when_leaf_noncompliant = {
	.name = "noncompliant",
	.help = "True when an area has been non-compliant for at least `for` seconds (0 to "
		"31536000), counted over suspend and restarts. `area`: the name of an area. "
		"Unknown for an area that the agent does not know.",
	.example = "{\"noncompliant\":{\"area\":\"encryption\",\"for\":604800}}",
	.parse = overdue_parse,
	.evaluate = overdue_evaluate,
	.next = overdue_next,
	.each_unknown = overdue_each_unknown,
	.format = overdue_format,
	.free = free,
	.schema = overdue_schema,
};
