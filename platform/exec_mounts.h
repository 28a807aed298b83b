/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_mounts.h - file systems as far as programs on them go: which are no part of the system.
 * Reads /proc and asks local file systems for their numbers; never touches a network or user-space
 * file system, which need not answer. Enforcer only.
 */
#ifndef MDM_PLATFORM_EXEC_MOUNTS_H
#define MDM_PLATFORM_EXEC_MOUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "platform/mountinfo.h"
#include "platform/mounts_watch.h"

/*
 * Devices, as stat(2) has them, of the file systems that are mounted nowhere but where people mount
 * theirs: sticks, cards, images, other machines' storage. Those in memory are not among them.
 * Sorted, each once. 0 or -errno; -E2BIG: more than LIMIT_GUARD_DEVICES, or than the list of
 * mounts tells, of which so many are given.
 */
int exec_foreign_devices(
	int root_fd, uint64_t ret_devices[LIMIT_GUARD_DEVICES], size_t *ret_n_devices);

/* Calls changed when something was mounted or unmounted. 0 or -errno; -ENOENT. */
int exec_mounts_watch(sd_event *event, int root_fd, mounts_changed_fn changed, void *userdata,
	struct mounts_watch **ret_watch);

#endif
