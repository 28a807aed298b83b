/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount_line.h - one line of /proc/PID/mountinfo (proc_pid_mountinfo(5)), taken apart where it
 * lies: for everybody who asks what is mounted, the guard included, which may not allocate. Pure.
 * Mount points, types, sources and options may have been chosen by users.
 */
#ifndef MDM_UTIL_MOUNT_LINE_H
#define MDM_UTIL_MOUNT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mount_text {
	const char *at; /* into the line, escapes as they are, not ended by NUL */
	size_t n;
};

struct mount_line {
	uint32_t id, parent;
	uint32_t major, minor; /* of the file system */
	struct mount_text root, point, flags, type;
	struct mount_text source; /* may be empty */
	struct mount_text super;  /* options of the file system */
};

/* line: without its end. 0; -EBADMSG: the kernel writes no such line. */
int mount_line_split(const char *line, size_t n_bytes, struct mount_line *ret_line);

/*
 * Copies with escapes undone ("\040" is a space). A NUL becomes '?': no name has one, and nothing
 * is cut short by it. ret_text may be where the text lies. 0; -ENAMETOOLONG: it does not fit with
 * its end.
 */
int mount_text_copy(const struct mount_text *text, char *ret_text, size_t size_bytes);

/* Likewise into memory of its own. NULL: out of memory. */
char *mount_text_dup(const struct mount_text *text);

/* Whether one of the words between commas is that: mount_text_has(&line.flags, "noexec"). */
bool mount_text_has(const struct mount_text *text, const char *word);

/*
 * Whether a mount point is one of those where only root mounts, and what a system is made of, that
 * of an Android below it included: never below /media, /mnt or /run.
 */
bool mount_point_is_system(const char *point);

#endif
