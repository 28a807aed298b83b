/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.c - the lattice of the values of settings; see settings.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer and by the tools.
 */
#include "policies/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/jsonw.h"
#include "agent/util/mem.h"

const char *merge_kind_name(enum merge_kind kind)
{
	static const char *const names[MERGE_KIND_MAX] = {
		[MERGE_MIN] = "min",
		[MERGE_MAX] = "max",
		[MERGE_OR] = "or",
		[MERGE_AND] = "and",
		[MERGE_UNION] = "union",
		[MERGE_INTERSECTION] = "intersection",
		[MERGE_JOIN] = "join",
	};

	return names[kind];
}

bool string_set_has(const struct string_set *set, const char *text)
{
	for (size_t i = 0; set && i < set->n_strings; i++)
		if (strcmp(set->strings[i], text) == 0)
			return true;
	return false;
}

static void string_set_done(struct string_set *set)
{
	for (size_t i = 0; i < set->n_strings; i++)
		free(set->strings[i]);
	free(set->strings);
	*set = (struct string_set){0};
}

/* Room for n strings; no allocation for none. 0 or -ENOMEM. */
static int string_set_reserve(struct string_set *set, size_t n)
{
	*set = (struct string_set){0};
	if (n == 0)
		return 0;
	set->strings = calloc(n, sizeof(*set->strings));
	return set->strings ? 0 : -ENOMEM;
}

static int string_set_add(struct string_set *set, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	set->strings[set->n_strings++] = copy;
	return 0;
}

void value_done(struct value *value)
{
	string_set_done(&value->set);
	*value = (struct value){0};
}

int value_copy(const struct value *value, struct value *ret_copy)
{
	struct value copy = {.type = value->type, .number = value->number};
	int r = string_set_reserve(&copy.set, value->set.n_strings);

	for (size_t i = 0; r == 0 && i < value->set.n_strings; i++)
		r = string_set_add(&copy.set, value->set.strings[i]);
	if (r < 0) {
		value_done(&copy);
		return r;
	}
	*ret_copy = copy;
	return 0;
}

static bool value_is_set(enum value_type type)
{
	return type == VALUE_SET || type == VALUE_LISTS;
}

bool value_equal(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	if (!value_is_set(a->type))
		return a->number == b->number;
	if (a->set.n_strings != b->set.n_strings)
		return false;
	for (size_t i = 0; i < a->set.n_strings; i++)
		if (strcmp(a->set.strings[i], b->set.strings[i]) != 0)
			return false;
	return true;
}

/* One walk along two sorted sets: the union, or with common_only the intersection. */
static int string_set_merge(const struct string_set *a, const struct string_set *b,
	bool common_only, struct string_set *ret_merged)
{
	struct string_set merged;
	size_t i = 0, k = 0;
	int r = string_set_reserve(&merged, a->n_strings + b->n_strings);

	while (r == 0 && (i < a->n_strings || k < b->n_strings)) {
		int order;

		if (i == a->n_strings)
			order = 1;
		else if (k == b->n_strings)
			order = -1;
		else
			order = strcmp(a->strings[i], b->strings[k]);
		if (order == 0 || !common_only)
			r = string_set_add(&merged, order > 0 ? b->strings[k] : a->strings[i]);
		i += order <= 0;
		k += order >= 0;
	}
	if (r < 0) {
		string_set_done(&merged);
		return r;
	}
	*ret_merged = merged;
	return 0;
}

static bool string_set_contains_all(const struct string_set *set, const struct string_set *subset)
{
	size_t i = 0;

	for (size_t k = 0; k < subset->n_strings; k++) {
		while (i < set->n_strings && strcmp(set->strings[i], subset->strings[k]) < 0)
			i++;
		if (i == set->n_strings || strcmp(set->strings[i], subset->strings[k]) != 0)
			return false;
	}
	return true;
}

bool value_list_next(const char **list, const char **ret_text, size_t *ret_n_bytes)
{
	size_t n = strcspn(*list, "\n");

	if (n == 0)
		return false;
	*ret_text = *list;
	*ret_n_bytes = n;
	*list += n + ((*list)[n] == '\n');
	return true;
}

/* Both are sorted, so one walk is enough. */
static bool list_contains_all(const char *list, const char *subset)
{
	const char *text, *wanted;
	size_t n_text, n_wanted;

	while (value_list_next(&subset, &wanted, &n_wanted)) {
		do {
			if (!value_list_next(&list, &text, &n_text))
				return false;
		} while (n_text != n_wanted || memcmp(text, wanted, n_text) != 0);
	}
	return true;
}

/* Whether what fits all the lists fits this one, because it is in one of them or around it. */
static bool lists_imply(const struct string_set *lists, const char *list)
{
	for (size_t i = 0; i < lists->n_strings; i++)
		if (list_contains_all(list, lists->strings[i]))
			return true;
	return false;
}

/*
 * What fits every list of both fits both. A list around another one asks for nothing more and goes,
 * so that of equal demands one is left, and the profile that made it is the one that decides.
 */
static int lists_merge(
	const struct string_set *a, const struct string_set *b, struct string_set *ret_merged)
{
	struct string_set all;
	size_t n = 0;
	int r = string_set_merge(a, b, false, &all);

	if (r < 0)
		return r;
	for (size_t i = 0; i < all.n_strings; i++) {
		char *list = all.strings[i];
		bool is_around = false;

		for (size_t k = 0; k < all.n_strings && !is_around; k++)
			is_around =
				k != i && all.strings[k] && list_contains_all(list, all.strings[k]);
		if (!is_around)
			continue;
		free(list);
		all.strings[i] = NULL;
	}
	for (size_t i = 0; i < all.n_strings; i++)
		if (all.strings[i])
			all.strings[n++] = all.strings[i];
	all.n_strings = n;
	*ret_merged = all;
	return 0;
}

static bool lists_satisfy(const struct string_set *observed, const struct string_set *desired)
{
	for (size_t i = 0; i < desired->n_strings; i++)
		if (!lists_imply(observed, desired->strings[i]))
			return false;
	return true;
}

/* The bits of both; the last place is above all of them. */
static int64_t value_join(const struct setting_row *row, int64_t a, int64_t b)
{
	return (a | b) < row->max ? a | b : row->max;
}

int value_merge(const struct setting_row *row, const struct value *a, const struct value *b,
	struct value *ret_merged)
{
	struct value merged = {.type = row->type};
	int r = 0;

	switch (row->merge) {
	case MERGE_MIN:
	case MERGE_AND:
		merged.number = a->number < b->number ? a->number : b->number;
		break;
	case MERGE_MAX:
	case MERGE_OR:
		merged.number = a->number > b->number ? a->number : b->number;
		break;
	case MERGE_UNION:
		r = string_set_merge(&a->set, &b->set, false, &merged.set);
		break;
	case MERGE_INTERSECTION:
		r = row->type == VALUE_LISTS
			    ? lists_merge(&a->set, &b->set, &merged.set)
			    : string_set_merge(&a->set, &b->set, true, &merged.set);
		break;
	case MERGE_JOIN:
		merged.number = value_join(row, a->number, b->number);
		break;
	case MERGE_KIND_MAX:
		r = -EINVAL;
		break;
	}
	if (r < 0)
		return r;
	*ret_merged = merged;
	return 0;
}

bool value_satisfies(
	const struct setting_row *row, const struct value *observed, const struct value *desired)
{
	switch (row->merge) {
	case MERGE_MIN:
	case MERGE_AND:
		return observed->number <= desired->number;
	case MERGE_MAX:
	case MERGE_OR:
		return observed->number >= desired->number;
	case MERGE_UNION:
		return string_set_contains_all(&observed->set, &desired->set);
	case MERGE_INTERSECTION:
		return row->type == VALUE_LISTS
			       ? lists_satisfy(&observed->set, &desired->set)
			       : string_set_contains_all(&desired->set, &observed->set);
	case MERGE_JOIN:
		return value_join(row, observed->number, desired->number) == observed->number;
	case MERGE_KIND_MAX:
		break;
	}
	return false;
}

bool value_demands_nothing(const struct setting_row *row, const struct value *value)
{
	switch (row->merge) {
	case MERGE_OR:
	case MERGE_JOIN:
		return value->number == 0;
	case MERGE_AND:
		return value->number != 0;
	case MERGE_UNION:
		return value->set.n_strings == 0;
	case MERGE_INTERSECTION:
		/* No list at all; an empty one lets nothing through. */
		return row->type == VALUE_LISTS && value->set.n_strings == 0;
	case MERGE_MIN:
	case MERGE_MAX:
	case MERGE_KIND_MAX:
		break;
	}
	return false;
}

static void list_format(const char *list, struct buf *out)
{
	const char *text;
	size_t n;

	if (!*list)
		buf_puts(out, "none");
	for (bool is_first = true; value_list_next(&list, &text, &n); is_first = false) {
		if (!is_first)
			buf_puts(out, ", ");
		buf_append(out, text, n);
	}
}

void value_format(const struct setting_row *row, const struct value *value, struct buf *out)
{
	switch (value->type) {
	case VALUE_BOOL:
		buf_puts(out, value->number ? "yes" : "no");
		break;
	case VALUE_INT:
		buf_printf(out, "%" PRId64, value->number);
		/* "1 day"; seconds are "s" */
		if (*row->unit)
			buf_printf(out, " %.*s",
				(int)strlen(row->unit) -
					(value->number == 1 && strlen(row->unit) > 3 &&
						row->unit[strlen(row->unit) - 1] == 's'),
				row->unit);
		break;
	case VALUE_CHOICE:
		buf_puts(out, row->choices[value->number]);
		break;
	case VALUE_SET:
		if (value->set.n_strings == 0)
			buf_puts(out, "none");
		for (size_t i = 0; i < value->set.n_strings; i++)
			buf_printf(out, "%s%s", i ? ", " : "", value->set.strings[i]);
		break;
	case VALUE_LISTS:
		if (value->set.n_strings == 0)
			buf_puts(out, "any");
		for (size_t i = 0; i < value->set.n_strings; i++) {
			if (i)
				buf_puts(out, "; and one of ");
			list_format(value->set.strings[i], out);
		}
		break;
	case VALUE_TYPE_MAX:
		break;
	}
}

/* An array of the texts of one list. */
static void list_write(const char *list, struct jsonw *w)
{
	const char *text;
	size_t n;

	jsonw_array(w, NULL);
	while (value_list_next(&list, &text, &n))
		jsonw_text(w, NULL, text, n);
	jsonw_array_end(w);
}

void value_write(
	const struct setting_row *row, const struct value *value, struct jsonw *w, const char *key)
{
	if (!value) {
		jsonw_null(w, key);
		return;
	}
	switch (value->type) {
	case VALUE_BOOL:
		jsonw_bool(w, key, value->number != 0);
		break;
	case VALUE_INT:
		jsonw_int(w, key, value->number);
		break;
	case VALUE_CHOICE:
		jsonw_string(w, key, row->choices[value->number]);
		break;
	case VALUE_SET:
		jsonw_array(w, key);
		for (size_t i = 0; i < value->set.n_strings; i++)
			jsonw_string(w, NULL, value->set.strings[i]);
		jsonw_array_end(w);
		break;
	case VALUE_LISTS:
		jsonw_array(w, key);
		for (size_t i = 0; i < value->set.n_strings; i++)
			list_write(value->set.strings[i], w);
		jsonw_array_end(w);
		break;
	case VALUE_TYPE_MAX:
		break;
	}
}

void value_write_text(
	const struct setting_row *row, const struct value *value, struct jsonw *w, const char *key)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (!value) {
		jsonw_null(w, key);
		return;
	}
	value_format(row, value, &text);
	if (text.error && !w->out->error)
		w->out->error = text.error;
	jsonw_text(w, key, text.data ? text.data : "", text.n_bytes);
}
