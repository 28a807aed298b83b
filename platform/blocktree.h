/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocktree.h - where the bytes of a file system or swap end up: followed in sysfs from the mount
 * through partitions, device mapper, loop files, RAID and btrfs down to every leaf. Reads sysfs
 * only, no device is opened.
 */
#ifndef MDM_PLATFORM_BLOCKTREE_H
#define MDM_PLATFORM_BLOCKTREE_H

#include "platform/mountinfo.h"
#include "platform/sysfs.h"
#include "policies/compliance.h"

struct block_trace {
	size_t n_plain, n_encrypted, n_verified, n_memory, n_remote, n_untraceable; /* leaves */
	char plain[LIMIT_TEXT_BYTES + 1];	/* the plain leaves: "mmcblk0p3, sda1" */
	char encrypted[LIMIT_TEXT_BYTES + 1];	/* the first one: "LUKS2: dm-0 on mmcblk0p2" */
	char untraceable[LIMIT_TEXT_BYTES + 1]; /* the first one: what could not be followed */
};

/* table: all mounts, for files that hold devices and swap. */
void block_trace_mount(int root_fd, const struct mount_table *table, const struct mount *mount,
	struct block_trace *ret_trace);
void block_trace_swap(int root_fd, const struct mount_table *table, const struct swap *swap,
	struct block_trace *ret_trace);

/* A dm-crypt device that a file system or swap lies on, and the device below that it decrypts. */
struct block_crypt {
	char kind[12];			/* "LUKS1", "LUKS2", "dm-crypt" (plain: no header) */
	char mapping[SYSFS_NAME_BYTES]; /* "root": the name it was opened with */
	unsigned int mapping_major, mapping_minor;
	char device[SYSFS_NAME_BYTES]; /* "mmcblk0p2", the kernel's name; "": not to be found */
	unsigned int major, minor;
};

struct block_crypts {
	struct block_crypt crypts[LIMIT_BLOCK_CRYPTS];
	size_t n_crypts;
	bool more; /* than are here */
};

/* The same below one mount alone, added to those that are there. */
void block_add_crypts(int root_fd, const struct mount_table *table, const struct mount *mount,
	struct block_crypts *crypts);

/* Every dm-crypt device below all mounts and swaps, each once, in the order of the tables. */
void block_find_crypts(int root_fd, const struct mount_table *table, const struct swap *swaps,
	size_t n_swaps, struct block_crypts *ret_crypts);

/* One verdict: state, reason and detail of item; its name is left alone. */
void block_trace_judge(
	const struct block_trace *trace, bool may_be_plain, struct observed_item *item);

#endif
