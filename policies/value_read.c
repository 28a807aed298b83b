/* SPDX-License-Identifier: Apache-2.0 */
/* value_read.c - values of settings from JSON; see value_read.h. Pure; enforcer and tools. */
#include "policies/value_read.h"

#include <errno.h>

#include "agent/util/codec.h"
#include "agent/util/limits.h"
#include "policies/doc_path.h"

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool element_is_valid(struct json_object *element)
{
	const char *text;
	size_t n;

	if (!json_object_is_type(element, json_type_string))
		return false;
	text = json_object_get_string(element);
	n = (size_t)json_object_get_string_len(element);
	return n > 0 && n <= LIMIT_TEXT_BYTES && text_is_valid(text, n);
}

/* Of a text that is wrong so much is shown; never half a character. */
#define SHOWN_BYTES 40

static int form_check(const struct value_form *form, const char *text, const char *path, size_t i,
	struct json_error *error)
{
	size_t n = strlen(text), n_shown = n;
	const char *why;

	if (!form || form->is_valid(text, n, &why))
		return 0;
	if (n > SHOWN_BYTES)
		for (n_shown = SHOWN_BYTES; n_shown > 0 && (text[n_shown] & 0xc0) == 0x80;)
			n_shown--;
	return json_fail(error, path, "element %zu, \"%.*s%s\", %s", i, (int)n_shown, text,
		n_shown < n ? "..." : "", why);
}

static int set_read(const struct setting_row *row, struct json_object *array, const char *path,
	struct value *ret_value, struct json_error *error)
{
	struct value value = {.type = VALUE_SET};
	size_t n = json_object_array_length(array);
	int r = 0;

	if (n > LIMIT_STRING_SET)
		return json_fail(
			error, path, "must have at most %d elements, has %zu", LIMIT_STRING_SET, n);
	if (n > 0 && !(value.set.strings = calloc(n, sizeof(char *))))
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct json_object *element = json_object_array_get_idx(array, i);

		if (!element_is_valid(element)) {
			r = json_fail(error, path,
				"must hold texts of 1 to %d bytes, element %zu is none",
				LIMIT_TEXT_BYTES, i);
			break;
		}
		r = form_check(row->form, json_object_get_string(element), path, i, error);
		if (r < 0)
			break;
		value.set.strings[i] = strdup(json_object_get_string(element));
		if (value.set.strings[i])
			value.set.n_strings++;
		else
			r = -ENOMEM;
	}
	if (r == 0 && n > 0)
		qsort(value.set.strings, n, sizeof(char *), compare_strings);
	for (size_t i = 1; r == 0 && i < n; i++)
		if (strcmp(value.set.strings[i - 1], value.set.strings[i]) == 0)
			r = json_fail(error, path, "must hold every text once");
	if (r < 0) {
		value_done(&value);
		return r;
	}
	*ret_value = value;
	return 0;
}

/* One list: its texts in one string, which is the only element of the set. */
static int list_read(const struct setting_row *row, struct json_object *array, const char *path,
	struct value *ret_value, struct json_error *error)
{
	_cleanup_(value_done) struct value texts = {0};
	_cleanup_buf_ struct buf joined = BUF_INIT;
	struct value value = {.type = VALUE_LISTS};
	int r = set_read(row, array, path, &texts, error);

	if (r < 0)
		return r;
	buf_puts(&joined, "");
	for (size_t i = 0; i < texts.set.n_strings; i++)
		buf_printf(&joined, "%s%s", i ? "\n" : "", texts.set.strings[i]);
	if (joined.error)
		return joined.error;
	value.set.strings = calloc(1, sizeof(char *));
	if (!value.set.strings)
		return -ENOMEM;
	value.set.strings[0] = strdup(joined.data ? joined.data : "");
	value.set.n_strings = 1;
	if (!value.set.strings[0]) {
		value_done(&value);
		return -ENOMEM;
	}
	*ret_value = value;
	return 0;
}

static int choice_read(const struct setting_row *row, struct json_object *object, const char *path,
	int64_t *ret_place, struct json_error *error)
{
	_cleanup_buf_ struct buf words = BUF_INIT;
	const char *word;
	char member[DOC_PATH_BYTES];
	int r = json_get_string(object, path, row->name, LIMIT_NAME_BYTES, &word, error);

	if (r < 0)
		return r;
	for (int64_t i = 0; i <= row->max; i++)
		if (strcmp(row->choices[i], word) == 0) {
			*ret_place = i;
			return 0;
		}
	for (int64_t i = 0; i <= row->max; i++)
		buf_printf(&words, "%s%s", i ? ", " : "", row->choices[i]);
	if (words.error)
		return words.error;
	doc_path(member, "%s.%s", path, row->name);
	return json_fail(error, member, "must be one of %s", words.data);
}

int value_read(const struct setting_row *row, struct json_object *object, const char *path,
	struct value *ret_value, struct json_error *error)
{
	struct value value = {.type = row->type};
	struct json_object *array;
	char member[DOC_PATH_BYTES];
	bool flag;
	int r = -EINVAL;

	switch (row->type) {
	case VALUE_BOOL:
		r = json_get_bool(object, path, row->name, &flag, error);
		if (r == 0)
			value.number = flag;
		break;
	case VALUE_INT:
		r = json_get_int(object, path, row->name, row->min, row->max, &value.number, error);
		break;
	case VALUE_CHOICE:
		r = choice_read(row, object, path, &value.number, error);
		break;
	case VALUE_SET:
		r = json_get_array(object, path, row->name, &array, error);
		if (r < 0)
			return r;
		doc_path(member, "%s.%s", path, row->name);
		return set_read(row, array, member, ret_value, error);
	case VALUE_LISTS:
		r = json_get_array(object, path, row->name, &array, error);
		if (r < 0)
			return r;
		doc_path(member, "%s.%s", path, row->name);
		return list_read(row, array, member, ret_value, error);
	case VALUE_TYPE_MAX:
		break;
	}
	if (r < 0)
		return r;
	*ret_value = value;
	return 0;
}
