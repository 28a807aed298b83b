/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.h - one line of /proc/self/mountinfo (proc_pid_mountinfo(5)), and which file systems the
 * guard watches. Pure.
 */
#ifndef MDM_GUARD_MOUNTS_H
#define MDM_GUARD_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_MOUNT_PATH_BYTES 4096
#define GUARD_MOUNT_TYPE_BYTES 32
#define GUARD_MOUNT_LINE_BYTES 16384 /* a longer line is no mount that can be watched */

struct guard_mount {
	uint32_t id, parent;
	uint32_t major, minor; /* of the file system */
	char path[GUARD_MOUNT_PATH_BYTES];
	char type[GUARD_MOUNT_TYPE_BYTES];
};

enum guard_mount_kind {
	GUARD_MOUNT_WATCHED,
	GUARD_MOUNT_PSEUDO, /* holds no programs */
	/* Opening a file there waits for another process or machine, perhaps for ever. */
	GUARD_MOUNT_FAR,
	GUARD_MOUNT_KIND_MAX,
};

/* A line without its end. 0; -EBADMSG; -ENAMETOOLONG: the path or the type. */
int guard_mount_parse(const char *line, size_t n_bytes, struct guard_mount *ret_mount);
/* By the name of the type; what nobody knows is a disk. */
enum guard_mount_kind guard_mount_kind(const char *type);

/* Whether what lies there was written by the system that runs: in memory, or upon other mounts. */
bool guard_mount_is_made_here(const struct guard_mount *mount);

#endif
