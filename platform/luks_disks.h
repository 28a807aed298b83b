/* SPDX-License-Identifier: Apache-2.0 */
/*
 * luks_disks.h - the LUKS volumes that the phone lives on, and how cryptsetup is asked about one:
 * for the backend "luks" and for recovery keys. Enforcer only.
 */
#ifndef MDM_PLATFORM_LUKS_DISKS_H
#define MDM_PLATFORM_LUKS_DISKS_H

#include <limits.h>

#include "platform/blocktree.h"
#include "platform/cryptsetup.h"
#include "platform/platform.h"

#define LUKS_DEVICE_BYTES (SYSFS_NAME_BYTES + 8) /* "/dev/mmcblk0p2" */

/* Every dm-crypt device below what is mounted or swapped to. 0 or -errno. */
int luks_disks_find(int root_fd, struct block_crypts *ret_crypts);

/*
 * Whether what an absolute path names lies on dm-crypt, with every byte: 1; 0: it does not, or
 * nobody can tell; -errno.
 */
int luks_disks_hold(int root_fd, const char *path);

/* Its path below /dev. */
void luks_disk_device(const struct block_crypt *crypt, char ret_device[LUKS_DEVICE_BYTES]);

/* Whether that path is the device that sysfs speaks of. 0; -ENODEV; -errno. */
int luks_disk_check(const struct platform *platform, const struct block_crypt *crypt);

/*
 * Program, root and device of a request. path is where the device is named, and has to live until
 * the request was started. 0; -ENOENT: there is no cryptsetup; -errno.
 */
int luks_disk_request(const struct platform *platform, const char *device, char path[PATH_MAX],
	struct cryptsetup_request *request);

#endif
