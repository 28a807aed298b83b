/* SPDX-License-Identifier: Apache-2.0 */
/* sysfs.c - names, numbers, links and attributes of devices; see sysfs.h. Enforcer, media. */
#include "platform/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/limits.h"

static bool parse_device(char *text, unsigned int *ret_major, unsigned int *ret_minor)
{
	char *colon = strchr(text, ':');
	int64_t major, minor;

	if (!colon)
		return false;
	*colon = 0;
	if (parse_int64(text, 0, UINT32_MAX, &major) < 0 ||
		parse_int64(colon + 1, 0, UINT32_MAX, &minor) < 0)
		return false;
	*ret_major = (unsigned int)major;
	*ret_minor = (unsigned int)minor;
	return true;
}

/* Reads "8:1" from the file "dev" in a directory below dir_fd. */
bool sysfs_read_device(
	int dir_fd, const char *path, unsigned int *ret_major, unsigned int *ret_minor)
{
	char text[32];

	return fs_read_line(dir_fd, path, text, sizeof(text)) == 0 &&
	       parse_device(text, ret_major, ret_minor);
}

int sysfs_open_directory(int dir_fd, const char *path, DIR **ret_dir)
{
	int fd = fs_open_in_root(dir_fd, path, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return fd;
	*ret_dir = fdopendir(fd);
	if (!*ret_dir) {
		close(fd);
		return -ENOMEM;
	}
	return 0;
}

const struct dirent *sysfs_next_entry(DIR *dir)
{
	const struct dirent *entry;

	while ((entry = readdir(dir)) && entry->d_name[0] == '.')
		;
	return entry;
}

int sysfs_resolve(
	int root_fd, const char *directory, const char *name, char ret_path[SYSFS_PATH_BYTES])
{
	char link[SYSFS_PATH_BYTES], target[SYSFS_PATH_BYTES], path[SYSFS_PATH_BYTES];
	const char *at;
	int r;

	if (snprintf(link, sizeof(link), "%s/%s", directory, name) >= (int)sizeof(link))
		return -ENAMETOOLONG;
	r = fs_read_link(root_fd, link, target, sizeof(target));
	if (r < 0)
		return r;
	at = strstr(target, "devices/");
	if (!at || strstr(at, ".."))
		return -ENODEV;
	if (snprintf(path, sizeof(path), "sys/%s", at) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	memcpy(ret_path, path, sizeof(path));
	return 0;
}

int sysfs_write(int root_fd, const char *directory, const char *file, const char *text)
{
	char path[SYSFS_PATH_BYTES + 64];
	_cleanup_close_ int fd = -1;

	if (snprintf(path, sizeof(path), "%s/%s", directory, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = fs_open_nofollow(root_fd, path, O_WRONLY | O_TRUNC, 0);
	return fd < 0 ? fd : fs_write_all(fd, text, strlen(text));
}

bool sysfs_read(
	int root_fd, const char *directory, const char *file, char *ret_text, size_t size_bytes)
{
	char path[SYSFS_PATH_BYTES + 64];

	ret_text[0] = 0;
	return snprintf(path, sizeof(path), "%s/%s", directory, file) < (int)sizeof(path) &&
	       fs_read_line(root_fd, path, ret_text, size_bytes) == 0;
}

/* A device mapper device by its name. */
static bool find_mapped(
	int root_fd, const char *name, unsigned int *ret_major, unsigned int *ret_minor)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;

	if (sysfs_open_directory(root_fd, "sys/class/block", &dir) < 0)
		return false;
	while ((entry = sysfs_next_entry(dir))) {
		char path[SYSFS_PATH_BYTES], found[256];

		if (strncmp(entry->d_name, "dm-", 3) != 0)
			continue;
		snprintf(path, sizeof(path), "sys/class/block/%s/dm/name", entry->d_name);
		if (fs_read_line(root_fd, path, found, sizeof(found)) < 0 ||
			strcmp(found, name) != 0)
			continue;
		snprintf(path, sizeof(path), "sys/class/block/%s/dev", entry->d_name);
		return sysfs_read_device(root_fd, path, ret_major, ret_minor);
	}
	return false;
}

/* A device by its path below /dev: what the node says, else what sysfs has of that name. */
bool sysfs_find_device(
	int root_fd, const char *path, unsigned int *ret_major, unsigned int *ret_minor)
{
	_cleanup_close_ int fd = fs_open_in_root(root_fd, path, O_PATH);
	char text[SYSFS_PATH_BYTES];
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISBLK(st.st_mode)) {
		*ret_major = major(st.st_rdev);
		*ret_minor = minor(st.st_rdev);
		return true;
	}
	if (strncmp(path, "/dev/mapper/", 12) == 0)
		return find_mapped(root_fd, path + 12, ret_major, ret_minor);
	if (strncmp(path, "/dev/", 5) != 0 || strchr(path + 5, '/') ||
		strlen(path) > LIMIT_TEXT_BYTES)
		return false;
	snprintf(text, sizeof(text), "sys/class/block/%s/dev", path + 5);
	return sysfs_read_device(root_fd, text, ret_major, ret_minor);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

int sysfs_list_names(
	int dir_fd, const char *path, struct sysfs_name **ret_names, size_t *ret_n_names)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	_cleanup_free_ struct sysfs_name *names = NULL;
	const struct dirent *entry;
	size_t n = 0;
	int r = sysfs_open_directory(dir_fd, path, &dir);

	if (r < 0)
		return r;
	names = calloc(LIMIT_BLOCK_NODES, sizeof(*names));
	if (!names)
		return -ENOMEM;
	while ((entry = sysfs_next_entry(dir))) {
		if (n == LIMIT_BLOCK_NODES || strlen(entry->d_name) >= sizeof(*names))
			return -E2BIG;
		memcpy(names[n++].text, entry->d_name, strlen(entry->d_name) + 1);
	}
	qsort(names, n, sizeof(*names), compare_names);
	*ret_names = TAKE_PTR(names);
	*ret_n_names = n;
	return 0;
}
