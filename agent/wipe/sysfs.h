/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sysfs.h - which block devices there are, and whether one belongs to the phone: what hangs on USB,
 * a network or a file is somebody else's, and so is a memory card that the phone does not run from.
 * Reads below the root directory that it is given.
 */
#ifndef MDM_WIPE_SYSFS_H
#define MDM_WIPE_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

struct sysfs_number {
	unsigned int major, minor;
};

/* Whether it has to be left alone, and why (a constant); NULL: it is the phone's own. */
const char *sysfs_foreign(int root_fd, unsigned int major, unsigned int minor, bool test);

/*
 * The same where the root is not mounted yet: home_fd is of a directory on the file system that the
 * phone starts from, which makes a card its own. -1: no card is.
 */
const char *sysfs_foreign_from(int root_fd, int home_fd, struct sysfs_number number, bool test);

/*
 * The block device that a loop device with that directory in sysfs reads from. 0; -ENOTBLK: it
 * reads from a file; -errno.
 */
int sysfs_loop_backing(int root_fd, const char *directory, struct sysfs_number *ret_number);

/* Opens its node in /dev, which must have that number. The descriptor or -errno. */
int sysfs_open_device(int root_fd, unsigned int major, unsigned int minor, int flags);

/* Numbers of all block devices. How many were stored, at most max; -errno. */
int sysfs_list_devices(int root_fd, struct sysfs_number *ret_numbers, size_t max);

/* "179:2", whole. */
bool sysfs_number_parse(const char *text, struct sysfs_number *ret_number);

#endif
