/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lower.h - everything that a file system lies on: its device, what that is made of, and the disks
 * of partitions. Reads below the root directory that it is given.
 */
#ifndef MDM_WIPE_LOWER_H
#define MDM_WIPE_LOWER_H

#include "agent/util/limits.h"
#include "agent/wipe/sysfs.h"

struct lower {
	struct sysfs_number numbers[LIMIT_BLOCK_NODES];
	size_t n; /* 0: it is on no device that could be found */
};

/*
 * Of the file system that fd is on. One without a device number (btrfs) is looked up by what
 * mountinfo says it is mounted from; one made of other file systems (overlay) is on none.
 */
void lower_of_directory(int root_fd, int fd, struct lower *ret_lower);

/* Of a block device, which is in it, too. */
void lower_of_device(int root_fd, struct sysfs_number number, struct lower *ret_lower);

/* Whether they have something in common: a disk, or a part of one. */
bool lower_meet(const struct lower *a, const struct lower *b);

bool lower_has(const struct lower *lower, struct sysfs_number number);

/* The device of that file system. 0 or -ENODEV. */
int lower_device_of(int root_fd, int fd, struct sysfs_number *ret_number);

#endif
