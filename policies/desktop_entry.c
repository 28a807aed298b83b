/* SPDX-License-Identifier: Apache-2.0 */
/*
 * desktop_entry.c - desktop entries; see desktop_entry.h. Pure: no system calls. Enforcer only.
 *
 * Where what GLib does and what the specification says differ, launchers do what GLib does. White
 * space at the end of a value is passed over, which GLib takes as part of it: an entry that GLib
 * refuses for that is taken for one that is shown.
 */
#include "policies/desktop_entry.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "policies/keyfile.h"

/* The first word of a command line: as it is, or between quotes. */
static void read_program(const struct span *value, char *ret_text, size_t size_bytes)
{
	char line[LIMIT_TEXT_BYTES + 1];
	size_t n = 0, n_ret = 0;
	bool quoted;

	span_read_string(value, line, sizeof(line));
	quoted = line[0] == '"';
	if (quoted)
		n = 1;
	for (; line[n] && n_ret + 1 < size_bytes; n++) {
		if (quoted ? line[n] == '"' : line[n] == ' ')
			break;
		if (quoted && line[n] == '\\' && line[n + 1])
			n++;
		ret_text[n_ret++] = line[n];
	}
	ret_text[n_ret] = 0;
}

static void read_key(const struct span *key, const struct span *value, struct desktop_entry *entry)
{
	if (span_equals(key, "Type")) {
		entry->is_application = span_equals(value, "Application");
	} else if (span_equals(key, "Name")) {
		span_read_string(value, entry->name, sizeof(entry->name));
	} else if (span_equals(key, "NoDisplay")) {
		entry->no_display = span_is_true(value);
	} else if (span_equals(key, "Hidden")) {
		entry->hidden = span_is_true(value);
	} else if (span_equals(key, "TryExec")) {
		span_read_string(value, entry->try_exec, sizeof(entry->try_exec));
	} else if (span_equals(key, "Exec")) {
		read_program(value, entry->program, sizeof(entry->program));
	} else if (span_equals(key, "X-Flatpak")) {
		span_read_string(value, entry->flatpak, sizeof(entry->flatpak));
	} else if (span_equals(key, "OnlyShowIn")) {
		entry->only_show_in = value->at;
		entry->n_only_show_in = value->n;
	} else if (span_equals(key, "NotShowIn")) {
		entry->not_show_in = value->at;
		entry->n_not_show_in = value->n;
	}
}

int desktop_entry_read(const char *text, size_t n_bytes, struct desktop_entry *ret_entry)
{
	struct desktop_entry entry = {0};
	bool has_type = false, has_first = false;
	struct span key, value;
	struct keyfile file;

	if (n_bytes > LIMIT_DESKTOP_BYTES)
		return -EFBIG;
	keyfile_begin(&file, text, n_bytes);
	while (keyfile_next(&file, &key, &value)) {
		if (!span_equals(&file.group, "Desktop Entry"))
			continue;
		has_first |= file.n_groups == 1;
		if (!has_first)
			return -EBADMSG;
		has_type |= span_equals(&key, "Type");
		read_key(&key, &value, &entry);
	}
	if (!has_type || !entry.name[0])
		return -EBADMSG;
	*ret_entry = entry;
	return 0;
}

/* The next element of a list; false: no more. */
static bool next_element(struct span *rest, const char *separators, struct span *ret_element)
{
	while (rest->n) {
		struct span element = {rest->at, 0};

		while (element.n < rest->n &&
			!(rest->at[element.n] && strchr(separators, rest->at[element.n])))
			element.n++;
		rest->at += element.n;
		rest->n -= element.n;
		if (rest->n) {
			rest->at++;
			rest->n--;
		}
		element = span_trim(element);
		if (!element.n)
			continue;
		*ret_element = element;
		return true;
	}
	return false;
}

void desktop_names_add(
	struct desktop_names *names, const char *list, size_t n_bytes, const char *separators)
{
	struct span rest = {list, n_bytes}, element;

	while (names->n_names < LIMIT_DESKTOP_NAMES && next_element(&rest, separators, &element)) {
		if (element.n > LIMIT_NAME_BYTES || !text_is_valid(element.at, element.n))
			continue;
		memcpy(names->names[names->n_names], element.at, element.n);
		names->names[names->n_names++][element.n] = 0;
	}
}

static bool list_has(const char *list, size_t n_bytes, const char *name)
{
	struct span rest = {list, n_bytes}, element;

	while (list && next_element(&rest, ";", &element))
		if (span_equals(&element, name))
			return true;
	return false;
}

bool desktop_entry_is_shown(const struct desktop_entry *entry, const struct desktop_names *desktop)
{
	if (!entry->is_application || entry->hidden || entry->no_display)
		return false;
	for (size_t i = 0; i < desktop->n_names; i++) {
		if (list_has(entry->only_show_in, entry->n_only_show_in, desktop->names[i]))
			return true;
		if (list_has(entry->not_show_in, entry->n_not_show_in, desktop->names[i]))
			return false;
	}
	return entry->only_show_in == NULL;
}

bool desktop_id(const char *path, char ret_id[LIMIT_TEXT_BYTES + 1])
{
	static const char suffix[] = ".desktop";
	size_t n = strlen(path), n_suffix = sizeof(suffix) - 1;

	if (n <= n_suffix || n > LIMIT_TEXT_BYTES || strcmp(path + n - n_suffix, suffix) != 0)
		return false;
	for (size_t i = 0; i <= n; i++)
		ret_id[i] = path[i] == '/' ? '-' : path[i];
	return true;
}
