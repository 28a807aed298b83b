/* SPDX-License-Identifier: Apache-2.0 */
/* when_wish.c - wishes for facts that are true, false or unknown; see when_wish.h. Pure; enforcer
 * and tools. */
#include "policies/when_wish.h"

#include <errno.h>

int wishes_parse(const struct wish *rows, struct json_object *arguments, const char *path,
	struct wishes *ret_wishes, struct json_error *error)
{
	struct wishes wishes = {.rows = rows};

	for (size_t i = 0; rows[i].name; i++) {
		int r = json_get_bool(arguments, path, rows[i].name, &wishes.wanted[i], error);

		if (r < 0 && r != -ENOENT)
			return r;
		wishes.has[i] = r == 0;
	}
	*ret_wishes = wishes;
	return 0;
}

size_t wishes_count(const struct wishes *wishes)
{
	size_t n = 0;

	for (size_t i = 0; i < WISHES_MAX; i++)
		n += wishes->has[i];
	return n;
}

static enum truth wish_truth(enum truth fact, bool wanted)
{
	if (fact == TRUTH_UNKNOWN)
		return TRUTH_UNKNOWN;
	return (fact == TRUTH_TRUE) == wanted ? TRUTH_TRUE : TRUTH_FALSE;
}

enum truth wishes_evaluate(const struct wishes *wishes, const struct when_facts *facts)
{
	enum truth result = TRUTH_TRUE;

	for (size_t i = 0; wishes->rows[i].name; i++) {
		enum truth truth;

		if (!wishes->has[i])
			continue;
		truth = wish_truth(wishes->rows[i].fact(facts), wishes->wanted[i]);
		if (truth == TRUTH_FALSE)
			return TRUTH_FALSE;
		if (truth == TRUTH_UNKNOWN)
			result = TRUTH_UNKNOWN;
	}
	return result;
}

void wishes_format(const struct wishes *wishes, const char **separator, struct buf *out)
{
	for (size_t i = 0; wishes->rows[i].name; i++) {
		if (!wishes->has[i])
			continue;
		buf_printf(out, "%s%s", *separator,
			wishes->wanted[i] ? wishes->rows[i].yes : wishes->rows[i].no);
		*separator = " and ";
	}
}

void wishes_schema(const struct wish *rows, struct jsonw *w)
{
	for (size_t i = 0; rows[i].name; i++) {
		jsonw_object(w, rows[i].name);
		jsonw_string(w, "type", "boolean");
		jsonw_object_end(w);
	}
}

int64_t wish_next_never(const void *data, const struct when_facts *facts)
{
	(void)data;
	(void)facts;
	return INT64_MAX;
}
