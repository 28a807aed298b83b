/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mountinfo.h - /proc/self/mountinfo and /proc/swaps (proc(5)) as structs. Pure. Mount points,
 * sources and options may have been chosen by users.
 */
#ifndef MDM_PLATFORM_MOUNTINFO_H
#define MDM_PLATFORM_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/limits.h"
#include "agent/util/mount_line.h" /* mount_point_is_system() */

/* What a type of file system means for data at rest. */
enum mount_class {
	MOUNT_DEVICE,  /* blocks on a device, a file or several devices */
	MOUNT_STACKED, /* overlay: directories of other mounts */
	MOUNT_MEMORY,  /* tmpfs, ramfs */
	MOUNT_REMOTE,  /* another machine's storage */
	MOUNT_PSEUDO,  /* no storage at all, or a view of other mounts */
	MOUNT_UNKNOWN, /* a user-space file system that may keep data anywhere */
	MOUNT_CLASS_MAX,
};

struct mount {
	unsigned int major, minor;
	enum mount_class class;
	/* All owned, escapes undone. */
	char *root; /* the directory of the file system that is seen there: "/", "/@home" */
	char *point;
	char *type;
	char *source;
	char *options; /* of the file system ("super options") */
};

struct mount_table {
	struct mount
		*mounts; /* in the order of the kernel: of two at one point the later is seen */
	size_t n_mounts;
	bool is_cut; /* there are more: of those where people mount theirs the last are missing */
};

/*
 * Parses mountinfo. Pseudo file systems are left out. Of more than LIMIT_MOUNTS those of the system
 * are kept before those that users can make. 0; -EBADMSG for a line that the kernel would not
 * write; -E2BIG: those of the system alone are more; -ENOMEM.
 */
int mountinfo_parse(const char *text, size_t n_bytes, struct mount_table *ret_table);
void mount_table_done(struct mount_table *table);

/* The mount that holds an absolute path: the longest mount point above it. NULL if there is none.
 */
const struct mount *mount_table_find(const struct mount_table *table, const char *path);

struct swap {
	char path[LIMIT_TEXT_BYTES + 1];
	bool is_file;
};

#define SWAPS_MAX 32 /* the kernel's own limit is 29 */

/* Parses /proc/swaps. 0, -EBADMSG, -E2BIG. */
int swaps_parse(
	const char *text, size_t n_bytes, struct swap ret_swaps[SWAPS_MAX], size_t *ret_n_swaps);

#endif
