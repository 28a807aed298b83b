/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs.h - files relative to a directory descriptor.
 *
 * Reading follows symbolic links, but the directory descriptor is their root: "/" and ".." never
 * lead out of it (RESOLVE_IN_ROOT), so that a fixture tree behaves like a root file system.
 * Writing never follows a symbolic link anywhere in the path (RESOLVE_NO_SYMLINKS,
 * RESOLVE_BENEATH). Kernels without openat2(2) get the same rules by walking the path.
 * Paths are relative; leading slashes are ignored.
 */
#ifndef MDM_UTIL_FS_H
#define MDM_UTIL_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "agent/util/mem.h"

/*
 * Opens for reading with root_fd as the root for links. flags are added to O_CLOEXEC | O_NOCTTY
 * (O_PATH, O_DIRECTORY and O_NONBLOCK are useful). Returns the descriptor or -errno.
 */
int fs_open_in_root(int root_fd, const char *path, int flags);

/* Opens with any flags (O_CREAT too), refusing every symbolic link with -ELOOP. fd or -errno. */
int fs_open_nofollow(int dir_fd, const char *path, int flags, mode_t mode);

/*
 * Reads a whole regular file. A file above max_bytes is -EFBIG; something that is not a regular
 * file is -EBADF. On success *ret_data is the caller's, NUL-terminated behind its n bytes.
 * ret_n_bytes may be NULL.
 */
int fs_read(int root_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_n_bytes);

/* The same for an open descriptor, from offset 0 by pread(2); /proc and sysfs files work too. */
int fs_read_fd(int fd, size_t max_bytes, char **ret_data, size_t *ret_n_bytes);

/* Reads a one-line file (sysfs) without its newline into ret_text. 0, -errno, -EFBIG. */
int fs_read_line(int root_fd, const char *path, char *ret_text, size_t size_bytes);

/* Target of a symbolic link, with the rules of reading for all but the last component. */
int fs_read_link(int root_fd, const char *path, char *ret_text, size_t size_bytes);

struct fs_owner {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/*
 * Replaces path with the given bytes: temporary file in the same directory, fsync, rename, fsync
 * of the directory. After a power cut either the old or the new bytes are there, whole.
 * owner->uid and gid are applied where they differ from the process's own. Returns 0 or -errno;
 * on failure the old file is untouched and no temporary file stays.
 */
int fs_replace(int dir_fd, const char *path, const void *data, size_t n_bytes,
	const struct fs_owner *owner);

/*
 * Removes what fs_replace() left beside path when power failed in the middle of it. Only where
 * nobody else replaces files at the same time. 0 or -errno.
 */
int fs_sweep(int dir_fd, const char *path);

/* Removes a file and syncs the directory. A file that is not there is a success. */
int fs_remove(int dir_fd, const char *path);

/* Removes an empty directory; -ENOTEMPTY if it is not, 0 if it is not there. */
int fs_remove_dir(int dir_fd, const char *path);

/* Removes everything below path, which is not followed if it is a link, then path itself. Crosses
 * no file system. */
int fs_remove_tree(int dir_fd, const char *path);

/* Creates missing directories with mode; existing ones are left alone. */
int fs_make_dirs(int dir_fd, const char *path, mode_t mode);

int fs_write_all(int fd, const void *data, size_t n_bytes);

/* An anonymous file that holds the bytes and is sealed against every change. fd or -errno. */
int fs_memfd(const char *name, const void *data, size_t n_bytes);

#endif
