/* SPDX-License-Identifier: Apache-2.0 */
/* when_enrolled.c - the condition "enrolled": for how long the phone has belonged to the
 * organisation. Pure; enforcer and tools. */
#include <errno.h>

#include "policies/when_leaf.h"

struct enrolled {
	int64_t for_s;
};

static int enrolled_parse(
	struct json_object *arguments, const char *path, void **ret_data, struct json_error *error)
{
	static const char *const members[] = {"for", NULL};
	_cleanup_free_ struct enrolled *enrolled = calloc(1, sizeof(*enrolled));
	int r;

	if (!enrolled)
		return -ENOMEM;
	r = json_only(arguments, path, members, error);
	if (r == 0)
		r = json_required(json_get_int(arguments, path, "for", 0, WHEN_FOR_MAX_S,
					  &enrolled->for_s, error),
			path, "for", error);
	if (r < 0)
		return r;
	*ret_data = TAKE_PTR(enrolled);
	return 0;
}

static enum truth enrolled_evaluate(const void *data, const struct when_facts *facts)
{
	const struct enrolled *enrolled = data;

	if (facts->enrolled_s < 0)
		return TRUTH_UNKNOWN;
	return facts->enrolled_s >= enrolled->for_s ? TRUTH_TRUE : TRUTH_FALSE;
}

static int64_t enrolled_next(const void *data, const struct when_facts *facts)
{
	const struct enrolled *enrolled = data;

	if (facts->enrolled_s < 0 || facts->enrolled_s >= enrolled->for_s)
		return INT64_MAX;
	return enrolled->for_s - facts->enrolled_s;
}

static void enrolled_format(const void *data, struct buf *out)
{
	const struct enrolled *enrolled = data;

	buf_puts(out, "enrolled");
	when_format_for(enrolled->for_s, out);
}

static void enrolled_schema(struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	jsonw_string(w, "type", "object");
	jsonw_bool(w, "additionalProperties", false);
	jsonw_array(w, "required");
	jsonw_string(w, NULL, "for");
	jsonw_array_end(w);
	jsonw_object(w, "properties");
	when_schema_for(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

const struct when_leaf_row when_leaf_enrolled = {
	.name = "enrolled",
	.help = "True when the phone has been enrolled for at least `for` seconds (0 to "
		"31536000). Unknown while the phone's clock is known to be wrong.",
	.example = "{\"enrolled\":{\"for\":86400}}",
	.parse = enrolled_parse,
	.evaluate = enrolled_evaluate,
	.next = enrolled_next,
	.format = enrolled_format,
	.free = free,
	.schema = enrolled_schema,
};
