/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.h - fanotify(7) as the guard uses it: one group that asks about executions, marks on whole
 * file systems, and answers that are remembered by inode. No state. Keeper and verdict.
 */
#ifndef MDM_GUARD_GROUP_H
#define MDM_GUARD_GROUP_H

#include <stdbool.h>

struct guard_group_facts {
	bool has_permissions; /* the kernel asks about the start of programs */
	bool has_evictable;   /* remembered answers keep no inode in memory (Linux 5.19) */
};

/* Tries it on the program's own file; nobody is ever asked by it. 0, also where the kernel has no
 * fanotify at all; -EPERM: only root can; other -errno. */
int guard_group_probe(struct guard_group_facts *ret_facts);

/* A group, non-blocking. Descriptor or -errno. */
int guard_group_new(void);

/* From now on every execution from the file system of path asks. Links are not followed by name:
 * path is "/proc/self/fd/N" of the mount. 0 or -errno. */
int guard_group_watch(int group_fd, const char *path);
/* Nothing asks any more; nothing is remembered. 0 or -errno. */
int guard_group_release(int group_fd);

/* The file behind fd may run until somebody writes to it. */
int guard_group_remember(int group_fd, int fd, bool evictable);
/* It may run whatever happens to it: the agent's own. */
int guard_group_exempt(int group_fd, const char *path);
int guard_group_forget_all(int group_fd);

/* 0; -ENOENT: nobody waits for that answer any more; other -errno. */
int guard_group_answer(int group_fd, int event_fd, bool allow);

#endif
