/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.h - system users and groups, read from /etc/passwd and /etc/group themselves: the
 * privileged processes load no name service modules, and system accounts live in these files.
 */
#ifndef MDM_UTIL_ACCOUNT_H
#define MDM_UTIL_ACCOUNT_H

#include <sys/types.h>

/* 0 with the numbers; -ENOENT: no such name; -EBADMSG: a malformed line; other -errno. */
int account_user(int root_fd, const char *name, uid_t *ret_uid, gid_t *ret_gid);
int account_group(int root_fd, const char *name, gid_t *ret_gid);

#endif
