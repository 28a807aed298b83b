/* SPDX-License-Identifier: Apache-2.0 */
/* places_since.c - since when profiles apply and places are what they are, by the wall clock, so
 * that reports say the same until something changes; see places_private.h. Enforcer. Pure. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/places_private.h"
#include "agent/util/codec.h"

/* All profiles of all streams of a phone; places are fewer. */
#define SINCE_MAX (LIMIT_PROFILES * LIMIT_ASSIGNMENT_GROUPS)

void since_done(struct since_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->rows[i].text);
	free(list->rows);
	*list = (struct since_list){0};
}

static int compare_rows(const void *a, const void *b)
{
	const struct places_since *x = a, *y = b;
	int order = strcmp(x->stream, y->stream);

	return order ? order : strcmp(x->name, y->name);
}

const struct places_since *places_since_of(
	const struct places_since *rows, size_t n_rows, const char *stream, const char *name)
{
	struct places_since key;

	if (n_rows == 0)
		return NULL;
	snprintf(key.stream, sizeof(key.stream), "%s", stream);
	snprintf(key.name, sizeof(key.name), "%s", name);
	return bsearch(&key, rows, n_rows, sizeof(key), compare_rows);
}

/* The row's text is taken. 0; -E2BIG; -ENOMEM. */
static int since_put(struct since_list *list, struct places_since row)
{
	struct places_since *rows;
	size_t i;

	since_drop(list, row.stream, row.name);
	rows = list->n < SINCE_MAX ? realloc(list->rows, (list->n + 1) * sizeof(*rows)) : NULL;
	if (!rows) {
		free(row.text);
		return list->n < SINCE_MAX ? -ENOMEM : -E2BIG;
	}
	list->rows = rows;
	for (i = list->n; i > 0 && compare_rows(&rows[i - 1], &row) > 0; i--)
		rows[i] = rows[i - 1];
	rows[i] = row;
	list->n++;
	return 0;
}

void since_set(struct since_list *list, const struct places_since *row)
{
	struct places_since copy = *row;

	copy.text = row->text && *row->text ? strdup(row->text) : NULL;
	(void)since_put(list, copy);
}

void since_drop(struct since_list *list, const char *stream, const char *name)
{
	const struct places_since *found = places_since_of(list->rows, list->n, stream, name);
	size_t i = found ? (size_t)(found - list->rows) : 0;

	if (!found)
		return;
	free(list->rows[i].text);
	list->n--;
	memmove(&list->rows[i], &list->rows[i + 1], (list->n - i) * sizeof(*list->rows));
}

/* --- what is kept -------------------------------------------------------------------------- */

void since_export(const struct since_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct places_since *row = &list->rows[i];
		/* A line is a line, whatever somebody's names hold. */
		bool has_text = row->text && !strpbrk(row->text, "\n\r");

		buf_printf(out, "@%s %s %" PRId64 " %s%s%s\n", row->stream, row->name, row->since_s,
			row->cause, has_text ? " " : "", has_text ? row->text : "");
	}
}

int since_import(struct since_list *list, char *line)
{
	struct places_since row = {.text = NULL};
	char *words[4], *rest = line;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		words[i] = rest ? strsep(&rest, " ") : NULL;
		if (!words[i])
			return -EBADMSG;
	}
	if (strlen(words[0]) > LIMIT_NAME_BYTES || strlen(words[1]) > LIMIT_NAME_BYTES ||
		strlen(words[3]) >= sizeof(row.cause) || !name_is_valid(words[0]) ||
		!name_is_valid(words[1]) || !name_is_valid(words[3]) ||
		parse_int64(words[2], 0, INT64_MAX, &row.since_s) < 0 ||
		(rest && (!*rest || strlen(rest) > LIMIT_TEXT_BYTES)) ||
		places_since_of(list->rows, list->n, words[0], words[1]))
		return -EBADMSG;
	memcpy(row.stream, words[0], strlen(words[0]) + 1);
	memcpy(row.name, words[1], strlen(words[1]) + 1);
	memcpy(row.cause, words[3], strlen(words[3]) + 1);
	if (rest) {
		row.text = strdup(rest);
		if (!row.text)
			return -ENOMEM;
	}
	return since_put(list, row) == -ENOMEM ? -ENOMEM : 0;
}
