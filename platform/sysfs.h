/* SPDX-License-Identifier: Apache-2.0 */
/* sysfs.h - block devices in sysfs: by number, by name, by path below /dev. */
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
 * Names in a directory, sorted, so that the same machine is described in the same words every time.
 * The caller frees them. 0; -errno; -E2BIG for more than LIMIT_BLOCK_NODES, which are not followed
 * in any case, or a name that no device has.
 */
int sysfs_list_names(
	int dir_fd, const char *path, struct sysfs_name **ret_names, size_t *ret_n_names);

#endif
