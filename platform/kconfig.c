/* SPDX-License-Identifier: Apache-2.0 */
/* kconfig.c - KDE's configuration files; see kconfig.h. Pure. Enforcer only. */
#include "platform/kconfig.h"

#include <string.h>
#include <strings.h>

#include "platform/block.h"

struct span {
	const char *text;
	size_t n;
};

/* White space as QByteArray::trimmed() has it. */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span trim(struct span s)
{
	while (s.n && is_space(*s.text)) {
		s.text++;
		s.n--;
	}
	while (s.n && is_space(s.text[s.n - 1]))
		s.n--;
	return s;
}

static bool equals(struct span s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.text, text, s.n) == 0;
}

/* Cuts the next line off *rest. False at the end. */
static bool next_line(struct span *rest, struct span *ret_line)
{
	const char *end;

	if (!rest->n)
		return false;
	end = memchr(rest->text, '\n', rest->n);
	*ret_line = (struct span){rest->text, end ? (size_t)(end - rest->text) : rest->n};
	rest->n -= ret_line->n + (end ? 1 : 0);
	rest->text += ret_line->n + (end ? 1 : 0);
	return true;
}

struct reader {
	const char *group;
	const char *key;
	bool in_group;
	bool group_immutable; /* the header that the reader is below */
	bool file_immutable;
	struct kconfig_entry entry;
	bool entry_fixed; /* an immutable entry is not replaced any more */
	bool any_group_immutable;
};

/* "[A]", "[A][$i]", "[$i]"; "[A][B]" is a group inside A. */
static void read_header(struct reader *reader, struct span line)
{
	size_t at = 1, n_names = 0;
	bool matches = false, immutable = reader->file_immutable;

	for (;;) {
		const char *end = memchr(line.text + at, ']', line.n - at);
		struct span part;

		if (!end)
			return; /* not a header: the group before goes on */
		part = (struct span){line.text + at, (size_t)(end - line.text) - at};
		at += part.n + 1;
		if (equals(part, "$i") && at == line.n) {
			if (n_names == 0)
				reader->file_immutable = true;
			else
				immutable = true;
		} else {
			matches = n_names++ == 0 && equals(part, reader->group);
		}
		if (at >= line.n || line.text[at] != '[')
			break;
		at++;
	}
	reader->in_group = matches;
	reader->group_immutable = immutable;
	if (matches && immutable)
		reader->any_group_immutable = true;
}

/* Takes "[...]" off the end of a key. False: not for us (another language, or malformed). */
static bool read_options(struct span *key, bool *ret_immutable, bool *ret_deleted)
{
	*ret_immutable = *ret_deleted = false;
	for (;;) {
		const char *open = memrchr(key->text, '[', key->n), *close;
		size_t n;

		if (!open)
			return true;
		n = key->n - (size_t)(open - key->text);
		close = memchr(open, ']', n);
		if (!close || close == open + 1 || open[1] != '$')
			return false;
		*ret_immutable |= memchr(open, 'i', (size_t)(close - open)) != NULL;
		*ret_deleted |= memchr(open, 'd', (size_t)(close - open)) != NULL;
		key->n = (size_t)(open - key->text);
	}
}

static void read_entry(struct reader *reader, struct span line)
{
	const char *equal = memchr(line.text, '=', line.n);
	struct span key = {line.text, equal ? (size_t)(equal - line.text) : line.n}, value;
	bool immutable, deleted;

	key = trim(key);
	if (!read_options(&key, &immutable, &deleted) || !equals(key, reader->key))
		return;
	if (!equal && !deleted)
		return;
	if (reader->entry_fixed)
		return;
	immutable |= reader->group_immutable;
	reader->entry = (struct kconfig_entry){.present = !deleted, .key_immutable = immutable};
	reader->entry_fixed = immutable;
	if (deleted)
		return;
	value = trim((struct span){equal + 1, line.n - (size_t)(equal + 1 - line.text)});
	if (value.n >= sizeof(reader->entry.value))
		value.n = sizeof(reader->entry.value) - 1;
	memcpy(reader->entry.value, value.text, value.n);
	reader->entry.value[value.n] = 0;
}

void kconfig_read(const char *text, size_t n_bytes, const char *group, const char *key,
	struct kconfig_entry *ret_entry, struct kconfig_group *ret_group)
{
	struct reader reader = {.group = group, .key = key};
	struct span rest = {text, n_bytes}, line;

	while (next_line(&rest, &line)) {
		line = trim(line);
		if (!line.n || line.text[0] == '#')
			continue;
		if (line.text[0] == '[')
			read_header(&reader, line);
		else if (reader.in_group)
			read_entry(&reader, line);
	}
	*ret_entry = reader.entry;
	ret_group->immutable = reader.any_group_immutable || reader.file_immutable;
}

bool kconfig_bool(const char *value)
{
	return strcasecmp(value, "false") != 0 && strcasecmp(value, "no") != 0 &&
	       strcasecmp(value, "off") != 0 && strcmp(value, "0") != 0;
}

int kconfig_derive(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	struct span rest = {original, n_bytes}, line;
	size_t offset = n_bytes;

	/* What stands before the first group belongs to none and must stay there. */
	while (original && next_line(&rest, &line)) {
		struct span trimmed = trim(line);

		if (trimmed.n && trimmed.text[0] == '[') {
			offset = (size_t)(line.text - original);
			break;
		}
	}
	block_insert(original, n_bytes, offset, userdata, out);
	return out->error;
}

int kconfig_strip(const char *current, size_t n_bytes, struct buf *out, bool *ret_present)
{
	size_t n_before = out->n_bytes;
	struct block_found found;

	block_strip(current, n_bytes, out, &found);
	*ret_present = !found.new_file || out->n_bytes > n_before;
	return out->error;
}
