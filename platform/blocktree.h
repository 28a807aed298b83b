/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocktree.h - where the bytes of a file system or swap end up: followed in sysfs from the mount
 * through partitions, device mapper, loop files, RAID and btrfs down to every leaf. Reads sysfs
 * only, no device is opened.
 */
#ifndef MDM_PLATFORM_BLOCKTREE_H
#define MDM_PLATFORM_BLOCKTREE_H

#include "platform/mountinfo.h"
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

/* One verdict: state, reason and detail of item; its name is left alone. */
void block_trace_judge(
	const struct block_trace *trace, bool may_be_plain, struct observed_item *item);

#endif
