/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.c - entries of the vault; see vault.h. Enforcer only. Form of a file:
 *
 *	mdm-agent override 1
 *	path etc/dconf/profile/user
 *	file 644 0 0              | absent | link
 *	written 64 HEX DIGITS     (0 to 2 times)
 *	directory etc/dconf       (0 to LIMIT_OVERRIDE_DIRECTORIES times)
 *	bytes 17
 *	(the bytes)
 */
#include "platform/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"

#define VAULT_SUFFIX ".override"
#define VAULT_MAGIC "mdm-agent override 1"
/* The header is at most a path, two digests and the directories. */
#define VAULT_FILE_BYTES                                                                           \
	(LIMIT_PLATFORM_FILE_BYTES + (LIMIT_OVERRIDE_DIRECTORIES + 4) * (LIMIT_TEXT_BYTES + 16))

void vault_entry_done(struct vault_entry *entry)
{
	free(entry->data);
	*entry = (struct vault_entry){0};
}

static int vault_file_name(const char *name, char ret_name[LIMIT_NAME_BYTES + 16])
{
	if (!name_is_valid(name))
		return -EINVAL;
	snprintf(ret_name, LIMIT_NAME_BYTES + 16, "%.*s" VAULT_SUFFIX, LIMIT_NAME_BYTES, name);
	return 0;
}

/* A relative path without empty, "." and ".." components and without line ends. */
static bool path_is_valid(const char *path)
{
	if (!*path || strlen(path) > LIMIT_TEXT_BYTES || strpbrk(path, "\n\r"))
		return false;
	for (;;) {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n == 1 && path[0] == '.') || (n == 2 && memcmp(path, "..", 2) == 0))
			return false;
		if (!path[n])
			return true;
		path += n + 1;
	}
}

int vault_add_directory(struct vault_entry *entry, const char *path)
{
	if (!path_is_valid(path))
		return -ENAMETOOLONG;
	for (size_t i = 0; i < entry->n_directories; i++)
		if (strcmp(entry->directories[i], path) == 0)
			return 0;
	if (entry->n_directories == LIMIT_OVERRIDE_DIRECTORIES)
		return -E2BIG;
	memcpy(entry->directories[entry->n_directories++], path, strlen(path) + 1);
	return 0;
}

/* Cuts the next line off *text. NULL at the end. */
static char *next_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = 0;
	*text = end + 1;
	return line;
}

static const char *after(const char *line, const char *word)
{
	size_t n = strlen(word);

	return strncmp(line, word, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

static bool parse_owner(const char *text, struct fs_owner *owner)
{
	unsigned int mode, uid, gid;
	char end;

	if (sscanf(text, "%o %u %u%c", &mode, &uid, &gid, &end) != 3 || mode > 07777)
		return false;
	*owner = (struct fs_owner){.uid = uid, .gid = gid, .mode = mode};
	return true;
}

/* Lines between the path and the bytes. False: not understood. */
static bool parse_line(const char *line, struct vault_entry *entry)
{
	const char *rest;

	if ((rest = after(line, "file"))) {
		entry->kind = VAULT_FILE;
		return parse_owner(rest, &entry->owner);
	}
	if (strcmp(line, "absent") == 0) {
		entry->kind = VAULT_ABSENT;
		return true;
	}
	if (strcmp(line, "link") == 0) {
		entry->kind = VAULT_LINK;
		return true;
	}
	if ((rest = after(line, "written")))
		return entry->n_written < ARRAY_SIZE(entry->written) &&
		       hex_decode(rest, entry->written[entry->n_written++], SHA256_BYTES) == 0;
	if ((rest = after(line, "directory")))
		return vault_add_directory(entry, rest) == 0;
	return false;
}

static int vault_parse(char *text, size_t n_bytes, struct vault_entry *entry)
{
	char *rest = text, *line = next_line(&rest);
	const char *value;
	int64_t n_data;

	if (!line || strcmp(line, VAULT_MAGIC) != 0)
		return -EBADMSG;
	line = next_line(&rest);
	value = line ? after(line, "path") : NULL;
	if (!value || !path_is_valid(value))
		return -EBADMSG;
	memcpy(entry->path, value, strlen(value) + 1);
	while ((line = next_line(&rest))) {
		value = after(line, "bytes");
		if (value)
			break;
		if (!parse_line(line, entry))
			return -EBADMSG;
	}
	if (!line || parse_int64(value, 0, LIMIT_PLATFORM_FILE_BYTES, &n_data) < 0)
		return -EBADMSG;
	if ((size_t)(rest - text) + (size_t)n_data != n_bytes)
		return -EBADMSG;
	entry->data = malloc((size_t)n_data + 1);
	if (!entry->data)
		return -ENOMEM;
	memcpy(entry->data, rest, (size_t)n_data);
	entry->data[n_data] = 0;
	entry->n_data = (size_t)n_data;
	return 0;
}

int vault_load(int vault_fd, const char *name, struct vault_entry *ret_entry)
{
	_cleanup_(vault_entry_done) struct vault_entry entry = {0};
	char file_name[LIMIT_NAME_BYTES + 16];
	_cleanup_free_ char *text = NULL;
	size_t n_bytes;
	int r = vault_file_name(name, file_name);

	if (r < 0)
		return r;
	if (vault_fd < 0)
		return -ENOENT;
	r = fs_read(vault_fd, file_name, VAULT_FILE_BYTES, &text, &n_bytes);
	if (r < 0)
		return r == -EFBIG ? -EBADMSG : r;
	r = vault_parse(text, n_bytes, &entry);
	if (r < 0)
		return r;
	*ret_entry = entry;
	entry = (struct vault_entry){0};
	return 0;
}

static void vault_write(const struct vault_entry *entry, struct buf *out)
{
	buf_printf(out, "%s\npath %s\n", VAULT_MAGIC, entry->path);
	switch (entry->kind) {
	case VAULT_FILE:
		buf_printf(out, "file %o %u %u\n", (unsigned int)entry->owner.mode,
			(unsigned int)entry->owner.uid, (unsigned int)entry->owner.gid);
		break;
	case VAULT_LINK:
		buf_puts(out, "link\n");
		break;
	case VAULT_ABSENT:
	case VAULT_KIND_MAX:
		buf_puts(out, "absent\n");
		break;
	}
	for (size_t i = 0; i < entry->n_written; i++) {
		char digits[2 * SHA256_BYTES + 1];

		hex_encode(entry->written[i], SHA256_BYTES, digits);
		buf_printf(out, "written %s\n", digits);
	}
	for (size_t i = 0; i < entry->n_directories; i++)
		buf_printf(out, "directory %s\n", entry->directories[i]);
	buf_printf(out, "bytes %zu\n", entry->n_data);
	buf_append(out, entry->data, entry->n_data);
}

int vault_store(int vault_fd, const char *name, const struct vault_entry *entry)
{
	const struct fs_owner owner = {.uid = geteuid(), .gid = getegid(), .mode = 0600};
	char file_name[LIMIT_NAME_BYTES + 16];
	_cleanup_free_ char *before = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	size_t n_before;
	int r = vault_file_name(name, file_name);

	if (r < 0)
		return r;
	if (!path_is_valid(entry->path))
		return -EINVAL;
	vault_write(entry, &out);
	if (out.error)
		return out.error;
	r = fs_read(vault_fd, file_name, VAULT_FILE_BYTES, &before, &n_before);
	if (r == 0 && n_before == out.n_bytes && memcmp(before, out.data, n_before) == 0)
		return 0;
	return fs_replace(vault_fd, file_name, out.data, out.n_bytes, &owner);
}

int vault_remove(int vault_fd, const char *name)
{
	char file_name[LIMIT_NAME_BYTES + 16];
	int r = vault_file_name(name, file_name);

	if (r < 0 || vault_fd < 0)
		return r < 0 ? r : 0;
	return fs_remove(vault_fd, file_name);
}

static bool is_above(const char *directory, const char *path)
{
	size_t n = strlen(directory);

	return strncmp(directory, path, n) == 0 && path[n] == '/';
}

/* 0 or -errno; no directory and *ret_dir NULL where there is no vault. */
static int vault_open_dir(int vault_fd, DIR **ret_dir)
{
	int fd;

	if (vault_fd < 0)
		return 0;
	fd = openat(vault_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_dir = fdopendir(fd);
	if (!*ret_dir) {
		close(fd);
		return -ENOMEM;
	}
	return 0;
}

/* The name of the entry that a file holds. False: it holds none. */
static bool vault_entry_name(const char *file_name, char ret_name[LIMIT_NAME_BYTES + 1])
{
	size_t n = strlen(file_name), n_suffix = strlen(VAULT_SUFFIX);

	if (n <= n_suffix || n - n_suffix > LIMIT_NAME_BYTES ||
		strcmp(file_name + n - n_suffix, VAULT_SUFFIX) != 0)
		return false;
	memcpy(ret_name, file_name, n - n_suffix);
	ret_name[n - n_suffix] = 0;
	return true;
}

int vault_first(int vault_fd, char ret_name[LIMIT_NAME_BYTES + 16])
{
	_cleanup_(closedirp) DIR *dir = NULL;
	char name[LIMIT_NAME_BYTES + 1];
	struct dirent *file;
	int r = vault_open_dir(vault_fd, &dir);

	if (r < 0)
		return r;
	while (dir && (file = readdir(dir)))
		if (vault_entry_name(file->d_name, name))
			return vault_file_name(name, ret_name);
	return -ENOENT;
}

int vault_inherit_directories(int vault_fd, struct vault_entry *entry)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	struct dirent *file;
	int r = vault_open_dir(vault_fd, &dir);

	if (r < 0)
		return r;
	while (dir && (file = readdir(dir))) {
		_cleanup_(vault_entry_done) struct vault_entry other = {0};
		char name[LIMIT_NAME_BYTES + 1];

		if (!vault_entry_name(file->d_name, name) || vault_load(vault_fd, name, &other) < 0)
			continue;
		for (size_t i = 0; i < other.n_directories; i++) {
			r = is_above(other.directories[i], entry->path)
				    ? vault_add_directory(entry, other.directories[i])
				    : 0;
			if (r < 0)
				return r;
		}
	}
	return 0;
}
