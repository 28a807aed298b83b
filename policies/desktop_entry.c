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

struct span {
	const char *at;
	size_t n;
};

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span trim(struct span text)
{
	while (text.n && is_space(text.at[0])) {
		text.at++;
		text.n--;
	}
	while (text.n && is_space(text.at[text.n - 1]))
		text.n--;
	return text;
}

static bool is_text(const struct span *text, const char *expected)
{
	return text->n == strlen(expected) && memcmp(text->at, expected, text->n) == 0;
}

/* How many bytes of text are one character; 0: it is none that can be shown. */
static size_t character_length(const char *text, size_t n_bytes)
{
	for (size_t n = 1; n <= 4 && n <= n_bytes; n++)
		if (text_is_valid(text, n))
			return n;
	return 0;
}

void text_clean(const char *text, size_t n_bytes, char *ret_text, size_t size_bytes)
{
	size_t n_ret = 0;

	while (n_bytes) {
		size_t n = character_length(text, n_bytes);

		if (n_ret + (n ? n : 1) >= size_bytes)
			break;
		if (n) {
			memmove(ret_text + n_ret, text, n);
		} else {
			ret_text[n_ret] = '?';
			n = 1;
		}
		n_ret += n;
		text += n;
		n_bytes -= n;
	}
	ret_text[n_ret] = 0;
}

/* A value of type string, its escapes undone; line ends become spaces. */
static void read_string(const struct span *value, char *ret_text, size_t size_bytes)
{
	char plain[2 * LIMIT_TEXT_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < value->n && n < sizeof(plain); i++) {
		char c = value->at[i];

		if (c == '\\' && i + 1 < value->n && value->at[i + 1] &&
			strchr("sntr\\", value->at[i + 1]))
			c = value->at[++i] == '\\' ? '\\' : ' ';
		plain[n++] = c;
	}
	text_clean(plain, n, ret_text, size_bytes);
}

/* The first word of a command line: as it is, or between quotes. */
static void read_program(const struct span *value, char *ret_text, size_t size_bytes)
{
	char line[LIMIT_TEXT_BYTES + 1];
	size_t n = 0, n_ret = 0;
	bool quoted;

	read_string(value, line, sizeof(line));
	quoted = line[0] == '"';
	if (quoted)
		n = 1;
	for (; line[n] && n_ret + 1 < size_bytes; n++) {
		if (quoted ? line[n] == '"' : is_space(line[n]))
			break;
		if (quoted && line[n] == '\\' && line[n + 1])
			n++;
		ret_text[n_ret++] = line[n];
	}
	ret_text[n_ret] = 0;
}

static bool read_boolean(const struct span *value)
{
	return is_text(value, "true") || is_text(value, "1");
}

static void read_key(const struct span *key, const struct span *value, struct desktop_entry *entry)
{
	if (is_text(key, "Type")) {
		entry->is_application = is_text(value, "Application");
	} else if (is_text(key, "Name")) {
		read_string(value, entry->name, sizeof(entry->name));
	} else if (is_text(key, "NoDisplay")) {
		entry->no_display = read_boolean(value);
	} else if (is_text(key, "Hidden")) {
		entry->hidden = read_boolean(value);
	} else if (is_text(key, "TryExec")) {
		read_string(value, entry->try_exec, sizeof(entry->try_exec));
	} else if (is_text(key, "Exec")) {
		read_program(value, entry->program, sizeof(entry->program));
	} else if (is_text(key, "X-Flatpak")) {
		read_string(value, entry->flatpak, sizeof(entry->flatpak));
	} else if (is_text(key, "OnlyShowIn")) {
		entry->only_show_in = value->at;
		entry->n_only_show_in = value->n;
	} else if (is_text(key, "NotShowIn")) {
		entry->not_show_in = value->at;
		entry->n_not_show_in = value->n;
	}
}

int desktop_entry_read(const char *text, size_t n_bytes, struct desktop_entry *ret_entry)
{
	struct desktop_entry entry = {0};
	const char *end = text + n_bytes;
	bool in_group = false, has_group = false, has_type = false;

	if (n_bytes > LIMIT_DESKTOP_BYTES)
		return -EFBIG;
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text)), *equals;
		struct span line, key, value;

		if (!eol)
			eol = end;
		line = trim((struct span){text, (size_t)(eol - text)});
		text = eol < end ? eol + 1 : end;
		if (!line.n || line.at[0] == '#')
			continue;
		if (line.at[0] == '[') {
			in_group = is_text(&line, "[Desktop Entry]");
			if (!in_group && !has_group)
				return -EBADMSG;
			has_group = true;
			continue;
		}
		equals = memchr(line.at, '=', line.n);
		if (!in_group || !equals)
			continue;
		key = trim((struct span){line.at, (size_t)(equals - line.at)});
		value.at = equals + 1;
		value.n = (size_t)(line.at + line.n - value.at);
		value = trim(value);
		has_type |= is_text(&key, "Type");
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
		element = trim(element);
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
		if (is_text(&element, name))
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
