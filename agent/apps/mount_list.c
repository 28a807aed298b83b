/* SPDX-License-Identifier: Apache-2.0 */
/* mount_list.c - the kernel's list of mounts; see mount_list.h. Pure. */
#include "agent/apps/mount_list.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"

#define FIELDS 9

const char *const mount_places[] = {
	"/home", "/var/home", "/tmp", "/var/tmp", "/dev/shm", "/run/user", NULL};

/* Where sticks, cards and images are mounted. */
static const char *const media[] = {"/run/media", "/media", "/mnt"};

static bool is_below(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	return strncmp(path, directory, n) == 0 && (path[n] == '/' || !path[n]);
}

void mount_unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
			from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			char c = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
					(from[3] - '0'));

			*to++ = c ? c : '?';
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = 0;
}

/* Whether one of the words between commas is that. */
static bool has_option(const char *options, const char *wanted)
{
	size_t n = strlen(wanted);

	for (const char *at = options; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (strncmp(at, wanted, n) == 0 && (!at[n] || at[n] == ','))
			return true;
	return false;
}

static void entry_done(struct mount_entry *entry)
{
	free(entry->device);
	free(entry->point);
	free(entry->type);
	free(entry->flags);
	free(entry->super);
}

void mount_list_done(struct mount_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		entry_done(&list->entries[i]);
	free(list->entries);
	*list = (struct mount_list){0};
}

/* id parent major:minor root point flags [optional...] - type source super */
static int parse_line(char *line, struct mount_entry *ret_entry)
{
	char *fields[FIELDS] = {NULL}, *word, *rest = line;
	struct mount_entry entry = {0};
	int64_t id, parent;
	size_t n = 0;

	while (n < 6 && (word = strsep(&rest, " ")))
		fields[n++] = word;
	while ((word = strsep(&rest, " ")) && strcmp(word, "-") != 0)
		;
	while (n >= 6 && n < FIELDS && word && (word = strsep(&rest, " ")))
		fields[n++] = word;
	/* A source may be empty; strsep() sees that as a word. */
	if (n != FIELDS || parse_int64(fields[0], 0, INT32_MAX, &id) < 0 ||
		parse_int64(fields[1], 0, INT32_MAX, &parent) < 0 || fields[4][0] != '/')
		return -EBADMSG;
	entry = (struct mount_entry){
		.id = (unsigned int)id,
		.parent = (unsigned int)parent,
		.device = strdup(fields[2]),
		.point = strdup(fields[4]),
		.type = strdup(fields[6]),
		.flags = strdup(fields[5]),
		.super = strdup(fields[8]),
		.is_noexec = has_option(fields[5], "noexec") || has_option(fields[8], "noexec"),
	};
	if (!entry.device || !entry.point || !entry.type || !entry.flags || !entry.super) {
		entry_done(&entry);
		return -ENOMEM;
	}
	mount_unescape(entry.point);
	mount_unescape(entry.type);
	*ret_entry = entry;
	return 0;
}

int mount_list_parse(const char *text, size_t n_bytes, struct mount_list *ret_list)
{
	_cleanup_(mount_list_done) struct mount_list list = {0};
	_cleanup_free_ char *copy = NULL;
	char *rest, *line;

	if (n_bytes > MOUNT_LIST_BYTES)
		return -E2BIG;
	copy = strndup(text, n_bytes);
	if (!copy)
		return -ENOMEM;
	for (rest = copy; (line = strsep(&rest, "\n"));) {
		struct mount_entry *more;
		int r;

		if (!*line)
			continue;
		if (list.n == MOUNT_LIST_MAX)
			return -E2BIG;
		if (list.n % 64 == 0) {
			more = reallocarray(list.entries, list.n + 64, sizeof(*more));
			if (!more)
				return -ENOMEM;
			list.entries = more;
		}
		r = parse_line(line, &list.entries[list.n]);
		if (r < 0)
			return r;
		list.n++;
	}
	*ret_list = list;
	list = (struct mount_list){0};
	return 0;
}

/* FUSE says whose it is: "user_id=1000". */
static bool is_users_fuse(const struct mount_entry *entry)
{
	return strncmp(entry->type, "fuse", 4) == 0 && !has_option(entry->super, "user_id=0");
}

bool mount_is_peoples(const struct mount_entry *entry)
{
	for (size_t i = 0; mount_places[i]; i++)
		if (is_below(entry->point, mount_places[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(media); i++)
		if (is_below(entry->point, media[i]))
			return true;
	/* "fusectl" belongs to the kernel. */
	return strcmp(entry->type, "fusectl") != 0 && is_users_fuse(entry);
}

const struct mount_entry *mount_list_covering(const struct mount_list *list, const char *path)
{
	const struct mount_entry *found = NULL;

	for (size_t i = 0; i < list->n; i++) {
		const struct mount_entry *entry = &list->entries[i];
		bool holds = strcmp(entry->point, "/") == 0 || is_below(path, entry->point);

		if (holds && (!found || strlen(entry->point) >= strlen(found->point)))
			found = entry;
	}
	return found;
}

bool mount_list_is_upon(
	const struct mount_list *list, const struct mount_entry *entry, unsigned int id)
{
	/* A list that was read while it changed may lead round and round. */
	for (size_t depth = 0; entry && depth < list->n; depth++) {
		const struct mount_entry *below = NULL;

		if (entry->parent == id)
			return true;
		for (size_t i = 0; i < list->n && !below; i++)
			if (list->entries[i].id == entry->parent && &list->entries[i] != entry)
				below = &list->entries[i];
		entry = below;
	}
	return false;
}

const struct mount_entry *mount_list_at(const struct mount_list *list, const char *path)
{
	const struct mount_entry *found = NULL;

	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->entries[i].point, path) == 0)
			found = &list->entries[i];
	return found;
}

int mount_list_memfd(const char *kernel_release)
{
	unsigned long major, minor = 0;
	char *end;

	major = strtoul(kernel_release, &end, 10);
	if (*end == '.')
		minor = strtoul(end + 1, NULL, 10);
	return major > 6 || (major == 6 && minor >= 6) ? 2 : 1;
}
