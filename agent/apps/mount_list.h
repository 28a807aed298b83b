/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount_list.h - the kernel's list of mounts as far as starting programs goes: which of them are
 * places where people can write, and whether programs start from there. Pure; mdm-agent-apps, which
 * changes it, and the enforcer, which looks, read it in the same way. Mount points and types may
 * have been chosen by users.
 */
#ifndef MDM_APPS_MOUNT_LIST_H
#define MDM_APPS_MOUNT_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/limits.h"

/* Nobody keeps places open by filling the list. */
#define MOUNT_LIST_BYTES LIMIT_MOUNTINFO_BYTES /* of the text */
#define MOUNT_LIST_MAX LIMIT_MOUNTS	       /* of those that are kept, see below */

struct mount_entry {
	unsigned int id, parent;
	unsigned int major, minor; /* of the file system */
	char *point;		   /* escapes undone */
	char *type;
	char *flags; /* of the mount: "rw,nosuid,relatime" */
	char *super; /* of the file system: "rw,user_id=1000" */
	bool is_noexec;
};

struct mount_list {
	struct mount_entry *entries; /* owned; in the order of the kernel: of two at one point the
				      * later is seen */
	size_t n;
	bool is_cut; /* there are more: of those that people make the last are missing */
};

/* /proc/self/mountinfo (proc(5)). Of more than MOUNT_LIST_MAX the system's are kept before those
 * that people make. 0; -EBADMSG; -E2BIG: the system's alone are more; -ENOMEM. */
int mount_list_parse(const char *text, size_t n_bytes, struct mount_list *ret_list);
void mount_list_done(struct mount_list *list);

/* Directories that are closed even where nothing is mounted at them; the last is NULL. */
extern const char *const mount_places[];

/* Whether a mount is a place where people can write: below those directories, where sticks and
 * cards are mounted, or a user's own user-space file system. */
bool mount_is_peoples(const struct mount_entry *entry);

/* The mount that holds a path; NULL: none does. */
const struct mount_entry *mount_list_covering(const struct mount_list *list, const char *path);

/* Whether a mount lies on another one, or on one that does, and so goes where that goes. */
bool mount_list_is_upon(
	const struct mount_list *list, const struct mount_entry *entry, unsigned int id);

/* The mount that is seen at a path; NULL: nothing is mounted there. */
const struct mount_entry *mount_list_at(const struct mount_list *list, const char *path);

/* Value of vm.memfd_noexec to want of a kernel of that release ("6.6.2-lts"): its first versions
 * refuse all memory files where the strictest is set, and most programs make some. */
int mount_list_memfd(const char *kernel_release);
/* Whether a kernel of that release lets nobody lower it again before the phone restarts. */
bool mount_list_memfd_stays(const char *kernel_release);

#endif
