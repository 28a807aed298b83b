/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removable_device.h - memory sticks and memory cards as sysfs shows them: which devices are meant
 * by the setting encryption.removable, and who uses them. Reads sysfs and /proc only.
 *
 * Meant are block devices behind a USB interface and cards in a slot. Never meant is a chip that is
 * soldered in, and never touched a disk that the running system lies on, which on phones may be a
 * card.
 */
#ifndef MDM_PLATFORM_REMOVABLE_DEVICE_H
#define MDM_PLATFORM_REMOVABLE_DEVICE_H

#include "platform/mountinfo.h"
#include "platform/sysfs.h"

enum removable_kind {
	REMOVABLE_NONE,
	REMOVABLE_INTERFACE, /* a USB interface that is storage */
	REMOVABLE_CARD,	     /* a memory card as a device of its slot, not its blocks */
	REMOVABLE_DISK,
	REMOVABLE_PARTITION,
	REMOVABLE_KIND_MAX,
};

struct removable_device {
	enum removable_kind kind;
	char path[SYSFS_PATH_BYTES];   /* "sys/devices/…", without links */
	char name[SYSFS_NAME_BYTES];   /* "sda1", "1-1:1.0" */
	char parent[SYSFS_PATH_BYTES]; /* of blocks: the interface or card that they come from */
	unsigned int major, minor;     /* of blocks */
	bool is_card;		       /* it, or where it comes from, is a card, not USB */
	bool shut;		       /* interface, card: without authorization, without driver */
	bool read_only;		       /* blocks */
	bool offline;		       /* disk: the kernel refuses all of it */
};

/*
 * Looks at a device by its path below the root, "sys/devices/…". False: it is gone, or none that is
 * meant; *ret_device is all zero then.
 */
bool removable_look(int root_fd, const char *path, struct removable_device *ret_device);

/* The path of the disk that a partition is on, or of the disk itself. */
void removable_disk_path(const struct removable_device *device, char ret_path[SYSFS_PATH_BYTES]);

enum removable_use {
	REMOVABLE_IDLE,
	REMOVABLE_IN_USE, /* mounted, swapped to, or something is built on it */
	REMOVABLE_SYSTEM, /* the running system lies on it */
	REMOVABLE_USE_MAX,
};

/* What is mounted and swapped to, as far as devices go. */
struct removable_users {
	struct mount_table mounts;
	struct swap *swaps;
	size_t n_swaps;
};

/* 0 or -errno. removable_users_done() after success. */
int removable_users_read(int root_fd, struct removable_users *ret_users);
void removable_users_done(struct removable_users *users);

/*
 * Who uses a device or anything on it. A partition of a disk that the system lies on is the
 * system's. What cannot be followed is in use.
 */
enum removable_use removable_used(
	int root_fd, const struct removable_users *users, const struct removable_device *device);

#define REMOVABLE_DEVICES_MAX 64

/*
 * All that are there, parents before what is on them. 0; -E2BIG for more than
 * REMOVABLE_DEVICES_MAX, of which the first are given; -errno.
 */
int removable_list(int root_fd, struct removable_device ret_devices[REMOVABLE_DEVICES_MAX],
	size_t *ret_n_devices);

/* What the maker calls it: "SanDisk Ultra"; "" where nothing is known. Other people's text. */
void removable_title(
	int root_fd, const struct removable_device *device, char *ret_text, size_t size_bytes);

#endif
