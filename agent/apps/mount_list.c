/* SPDX-License-Identifier: Apache-2.0 */
/* mount_list.c - the kernel's list of mounts; see mount_list.h. Pure. */
#include "agent/apps/mount_list.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/mem.h"
#include "agent/util/mount_line.h"

const char *const mount_places[] = {
	"/home", "/var/home", "/tmp", "/var/tmp", "/dev/shm", "/run/user", NULL};

/* Where sticks, cards and images are mounted. */
static const char *const media[] = {"/run/media", "/media", "/mnt"};

static bool is_below(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	return strncmp(path, directory, n) == 0 && (path[n] == '/' || !path[n]);
}

static void entry_done(struct mount_entry *entry)
{
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

static int parse_line(const char *line, size_t n_bytes, struct mount_entry *ret_entry)
{
	struct mount_line split;
	struct mount_entry entry;
	int r = mount_line_split(line, n_bytes, &split);

	if (r < 0)
		return r;
	entry = (struct mount_entry){
		.id = split.id,
		.parent = split.parent,
		.major = split.major,
		.minor = split.minor,
		.point = mount_text_dup(&split.point),
		.type = mount_text_dup(&split.type),
		.flags = mount_text_dup(&split.flags),
		.super = mount_text_dup(&split.super),
		.is_noexec = mount_text_has(&split.flags, "noexec") ||
			     mount_text_has(&split.super, "noexec"),
	};
	if (!entry.point || !entry.type || !entry.flags || !entry.super) {
		entry_done(&entry);
		return -ENOMEM;
	}
	*ret_entry = entry;
	return 0;
}

static bool is_place(const char *point)
{
	for (size_t i = 0; mount_places[i]; i++)
		if (strcmp(point, mount_places[i]) == 0)
			return true;
	return false;
}

/* The last one that people made gives way. 0; -E2BIG: there is none. */
static int make_room(struct mount_list *list)
{
	size_t i = list->n;

	list->is_cut = true;
	while (i > 0 &&
		(!mount_is_peoples(&list->entries[i - 1]) || is_place(list->entries[i - 1].point)))
		i--;
	if (i == 0)
		return -E2BIG;
	entry_done(&list->entries[i - 1]);
	memmove(&list->entries[i - 1], &list->entries[i], (list->n - i) * sizeof(*list->entries));
	list->n--;
	return 0;
}

/* With room for it; one that people made is dropped where there is none. */
static int add_line(struct mount_list *list, const char *text, size_t n)
{
	struct mount_entry entry, *more;
	int r = parse_line(text, n, &entry);

	if (r < 0)
		return r;
	if (list->n == MOUNT_LIST_MAX)
		r = make_room(list);
	if (r == 0 && list->n % 64 == 0) {
		more = reallocarray(list->entries, list->n + 64, sizeof(*more));
		r = more ? 0 : -ENOMEM;
		list->entries = more ? more : list->entries;
	}
	if (r < 0)
		entry_done(&entry);
	else
		list->entries[list->n++] = entry;
	return r;
}

int mount_list_parse(const char *text, size_t n_bytes, struct mount_list *ret_list)
{
	_cleanup_(mount_list_done) struct mount_list list = {0};
	const char *end;

	if (n_bytes > MOUNT_LIST_BYTES)
		return -E2BIG;
	for (; n_bytes; n_bytes -= (size_t)(end - text), text = end) {
		size_t n;
		int r;

		end = memchr(text, '\n', n_bytes);
		n = end ? (size_t)(end - text) : n_bytes;
		end = text + n + (end != NULL);
		if (n == 0)
			continue;
		r = add_line(&list, text, n);
		if (r < 0)
			return r;
	}
	*ret_list = list;
	list = (struct mount_list){0};
	return 0;
}

/* FUSE says whose it is: "user_id=1000". */
static bool is_users_fuse(const struct mount_entry *entry)
{
	struct mount_text super = {entry->super, strlen(entry->super)};

	return strncmp(entry->type, "fuse", 4) == 0 && !mount_text_has(&super, "user_id=0");
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

/* The decimal number that a text begins with, 0 if with none; no version has more than 4 digits. */
static unsigned int leading_number(const char *text)
{
	unsigned int number = 0;

	for (size_t i = 0; i < 4 && text[i] >= '0' && text[i] <= '9'; i++)
		number = number * 10 + (unsigned int)(text[i] - '0');
	return number;
}

/* Of 6.5 and 7.0 60005 and 70000. */
static unsigned int version_of(const char *kernel_release)
{
	const char *dot = strchr(kernel_release, '.');

	return leading_number(kernel_release) * 10000 + (dot ? leading_number(dot + 1) : 0);
}

int mount_list_memfd(const char *kernel_release)
{
	return version_of(kernel_release) >= 60006 ? 2 : 1;
}

bool mount_list_memfd_stays(const char *kernel_release)
{
	unsigned int version = version_of(kernel_release);

	return version >= 60003 && version < 60006;
}
