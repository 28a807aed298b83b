/* SPDX-License-Identifier: Apache-2.0 */
/*
 * homes.h - the homes of people, and files in them opened without their doing anything. Reads only.
 * Enforcer only.
 *
 * A home is a stranger's: a link may lead anywhere, and a file system mounted there may be a
 * program of its owner's, which answers when it likes. So no link is followed, no mount entered,
 * and a home is used only if it is its account's own directory on a file system of the phone's.
 */
#ifndef MDM_PLATFORM_HOMES_H
#define MDM_PLATFORM_HOMES_H

#include <stddef.h>
#include <sys/types.h>

#include "agent/util/limits.h"

struct home {
	char user[LIMIT_USER_BYTES + 1];
	uid_t uid;
	char path[LIMIT_TEXT_BYTES + 1]; /* "/home/user", without a slash behind */
	int fd;				 /* O_PATH; owned */
};

struct homes {
	struct home homes[LIMIT_ACCOUNTS];
	size_t n_homes;
	size_t n_skipped; /* there, but not to be looked into; 1 if nobody knows who has one */
};

/* What cannot be opened is skipped or not there; never fails. */
void homes_open(int root_fd, struct homes *ret_homes);
void homes_done(struct homes *homes);

/*
 * Opens a file or directory below dir_fd, which is in a home: -ELOOP for any link, -EXDEV for
 * anything on another mount. Never waits: flags are added to O_NONBLOCK | O_NOCTTY | O_CLOEXEC. The
 * descriptor or -errno.
 */
int home_open_at(int dir_fd, const char *path, int flags);

/* A regular file below dir_fd, whole, NUL-terminated behind its bytes. As fs_read(). */
int home_read_at(
	int dir_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_n_bytes);

#endif
