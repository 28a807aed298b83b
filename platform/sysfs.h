/* SPDX-License-Identifier: Apache-2.0 */
/* sysfs.h - devices in sysfs: by number, by name, by path below /dev; their attributes. */
#ifndef MDM_PLATFORM_SYSFS_H
#define MDM_PLATFORM_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/mem.h"

#define SYSFS_NAME_BYTES 64
#define SYSFS_PATH_BYTES 512

struct sysfs_name {
	char text[SYSFS_NAME_BYTES];
};

/* Reads "8:1" from a file "dev". False: no such file, or not a number. */
bool sysfs_read_device(
	int dir_fd, const char *path, unsigned int *ret_major, unsigned int *ret_minor);

/* A device by its path below /dev: what the node says, else what sysfs has of that name. */
bool sysfs_find_device(
	int root_fd, const char *path, unsigned int *ret_major, unsigned int *ret_minor);

/* The caller closes the directory. 0 or -errno. */
int sysfs_open_directory(int dir_fd, const char *path, DIR **ret_dir);

/* The next name without a dot in front; NULL at the end. */
const struct dirent *sysfs_next_entry(DIR *dir);

/*
 * Where a name of a class or bus leads: "sys/class/video4linux" and "video0" to
 * "sys/devices/…/video0", without links. 0; -errno; -ENAMETOOLONG; -ENODEV: it leads elsewhere.
 */
int sysfs_resolve(
	int root_fd, const char *directory, const char *name, char ret_path[SYSFS_PATH_BYTES]);

/* Writes an attribute of a device in one piece. No link is followed. 0 or -errno. */
int sysfs_write(int root_fd, const char *directory, const char *file, const char *text);

/* The first line of an attribute; false and "" where it cannot be read. */
bool sysfs_read(
	int root_fd, const char *directory, const char *file, char *ret_text, size_t size_bytes);

/*
 * Names in a directory, sorted, so that the same machine is described in the same words every time.
 * The caller frees them. 0; -errno; -E2BIG for more than LIMIT_BLOCK_NODES, which are not followed
 * in any case, or a name that no device has.
 */
int sysfs_list_names(
	int dir_fd, const char *path, struct sysfs_name **ret_names, size_t *ret_n_names);

#endif
