/* SPDX-License-Identifier: Apache-2.0 */
/* fs.c - reading and replacing files below a directory descriptor; see fs.h. Any role. */
#include "agent/util/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "agent/util/random.h"

#define FS_MAX_LINKS 40 /* as the kernel's MAXSYMLINKS */
#define FS_RETRIES 8	/* openat2() answers EAGAIN while somebody renames */

static const char *fs_relative(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

static int fs_openat2(int dir_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)flags,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = resolve,
	};
	long fd = -1;

	for (int i = 0; i < FS_RETRIES; i++) {
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

/* A link that O_DIRECTORY | O_NOFOLLOW met is ENOTDIR; openat2() says ELOOP. */
static int fs_walk_error(int at, const char *name, int error)
{
	struct stat st;

	if (error == ENOTDIR && fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISLNK(st.st_mode))
		return -ELOOP;
	return -error;
}

/* Kernels without openat2(2): component by component, each opened with O_NOFOLLOW. */
static int fs_walk_nofollow(int dir_fd, const char *path, int flags, mode_t mode)
{
	_cleanup_close_ int held = -1;
	int at = dir_fd;
	char name[NAME_MAX + 1];

	for (;;) {
		size_t n = strcspn(path, "/");
		const char *rest = path + n + strspn(path + n, "/");
		int fd;

		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, path, n);
		name[n] = 0;
		if (strcmp(name, "..") == 0)
			return -EXDEV;
		if (!*rest) {
			fd = openat(at, name, flags | O_NOFOLLOW, mode);
			return fd < 0 ? fs_walk_error(at, name, errno) : fd;
		}
		fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return fs_walk_error(at, name, errno);
		closep(&held);
		at = held = fd;
		path = rest;
	}
}

/*
 * Kernels without openat2(2): resolves links by text with the root as their root. Somebody who can
 * rename directories below the root at the same time could lead this astray; such kernels give no
 * way to prevent that, and only reading uses it.
 */
static int fs_walk_in_root(int root_fd, const char *path, int flags)
{
	char done[PATH_MAX] = "", next[PATH_MAX], link[PATH_MAX], rests[2][PATH_MAX];
	const char *rest = path;
	int n_links = 0, fd;

	while (*rest) {
		size_t n = strcspn(rest, "/");
		const char *after = rest + n + strspn(rest + n, "/");
		ssize_t n_link = -1;

		if (n == 2 && memcmp(rest, "..", 2) == 0) {
			char *slash = strrchr(done, '/');

			*(slash ? slash : done) = 0;
		} else if (n > 0 && !(n == 1 && *rest == '.')) {
			if (snprintf(next, sizeof(next), "%s%s%.*s", done, *done ? "/" : "", (int)n,
				    rest) >= (int)sizeof(next))
				return -ENAMETOOLONG;
			if (*after || !(flags & O_NOFOLLOW))
				n_link = readlinkat(root_fd, next, link, sizeof(link) - 1);
			if (n_link < 0)
				memcpy(done, next, sizeof(done));
		}
		if (n_link >= 0) {
			char *joined = rests[n_links % 2];

			link[n_link] = 0;
			if (++n_links > FS_MAX_LINKS)
				return -ELOOP;
			if (link[0] == '/')
				done[0] = 0;
			if (snprintf(joined, PATH_MAX, "%s/%s", fs_relative(link), after) >=
				PATH_MAX)
				return -ENAMETOOLONG;
			after = joined;
		}
		rest = after;
	}
	fd = openat(root_fd, *done ? done : ".", flags | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* openat2(2) refuses any further flag beside O_PATH. */
static int fs_flags(int flags)
{
	return flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY);
}

int fs_open_in_root(int root_fd, const char *path, int flags)
{
	int fd;

	flags = fs_flags(flags);
	path = fs_relative(path);
	fd = fs_openat2(root_fd, path, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	return fd == -ENOSYS ? fs_walk_in_root(root_fd, path, flags) : fd;
}

int fs_open_nofollow(int dir_fd, const char *path, int flags, mode_t mode)
{
	int fd;

	flags = fs_flags(flags);
	path = fs_relative(path);
	fd = fs_openat2(dir_fd, path, flags, mode,
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	return fd == -ENOSYS ? fs_walk_nofollow(dir_fd, path, flags, mode) : fd;
}

int fs_read_fd(int fd, size_t max_bytes, char **ret_data, size_t *ret_n_bytes)
{
	_cleanup_buf_ struct buf b = {.max_bytes = max_bytes};
	char chunk[4096];
	size_t n_bytes;
	int r;

	for (;;) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), (off_t)b.n_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		buf_append(&b, chunk, (size_t)n);
		if (b.error)
			return b.error;
	}
	n_bytes = b.n_bytes;
	r = buf_take(&b, ret_data, NULL);
	if (r < 0)
		return r;
	if (ret_n_bytes)
		*ret_n_bytes = n_bytes;
	return 0;
}

int fs_read(int root_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_n_bytes)
{
	/* A FIFO must not block the loop; regular files do not care about O_NONBLOCK. */
	_cleanup_close_ int fd = fs_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	return fs_read_fd(fd, max_bytes, ret_data, ret_n_bytes);
}

int fs_read_line(int root_fd, const char *path, char *ret_text, size_t size_bytes)
{
	_cleanup_free_ char *data = NULL;
	size_t n;
	int r = fs_read(root_fd, path, 64 * 1024, &data, &n);

	if (r < 0)
		return r;
	n = strcspn(data, "\n");
	if (n >= size_bytes)
		return -EFBIG;
	memcpy(ret_text, data, n);
	ret_text[n] = 0;
	return 0;
}

/* Opens the directory that holds path; *ret_name is the last component, inside path. */
static int fs_open_parent(int dir_fd, const char *path, bool follow, const char **ret_name)
{
	char parent[PATH_MAX];
	const char *slash;
	int fd;

	path = fs_relative(path);
	slash = strrchr(path, '/');
	if (!slash) {
		fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		*ret_name = path;
		return fd;
	}
	if ((size_t)(slash - path) >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = 0;
	fd = follow ? fs_open_in_root(dir_fd, parent, O_RDONLY | O_DIRECTORY)
		    : fs_open_nofollow(dir_fd, parent, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0)
		*ret_name = slash + 1;
	return fd;
}

int fs_read_link(int root_fd, const char *path, char *ret_text, size_t size_bytes)
{
	char target[PATH_MAX];
	const char *name;
	_cleanup_close_ int fd = fs_open_parent(root_fd, path, true, &name);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = readlinkat(fd, name, target, sizeof(target));
	if (n < 0)
		return -errno;
	if ((size_t)n >= size_bytes || n == sizeof(target))
		return -EFBIG;
	memcpy(ret_text, target, (size_t)n);
	ret_text[n] = 0;
	return 0;
}

int fs_write_all(int fd, const void *data, size_t n_bytes)
{
	const char *p = data;

	while (n_bytes) {
		ssize_t n = write(fd, p, n_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		n_bytes -= (size_t)n;
	}
	return 0;
}

static int fs_fill(int fd, const void *data, size_t n_bytes, const struct fs_owner *owner)
{
	struct stat st;
	int r = fs_write_all(fd, data, n_bytes);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != owner->uid || st.st_gid != owner->gid) &&
		fchown(fd, owner->uid, owner->gid) < 0)
		return -errno;
	/* After fchown(), which clears set-id bits; also puts right what the umask took. */
	if (fchmod(fd, owner->mode) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

/* Starts with a dot and has no suffix that a *.conf or *.d reader would pick up. */
#define FS_TEMPORARY ".mdm-"
#define FS_TEMPORARY_DIGITS 16

int fs_replace(int dir_fd, const char *path, const void *data, size_t n_bytes,
	const struct fs_owner *owner)
{
	char temporary[NAME_MAX + 1];
	const char *name;
	uint8_t random[FS_TEMPORARY_DIGITS / 2];
	char digits[FS_TEMPORARY_DIGITS + 1];
	_cleanup_close_ int parent = fs_open_parent(dir_fd, path, false, &name), fd = -1;
	int r;

	if (parent < 0)
		return parent;
	r = random_bytes(random, sizeof(random));
	if (r < 0)
		return r;
	hex_encode(random, sizeof(random), digits);
	snprintf(temporary, sizeof(temporary), FS_TEMPORARY "%s", digits);
	fd = openat(parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fs_fill(fd, data, n_bytes, owner);
	if (r == 0 && renameat(parent, temporary, parent, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(parent, temporary, 0);
		return r;
	}
	return fsync(parent) < 0 ? -errno : 0;
}

static bool is_temporary(const char *name)
{
	size_t n = strlen(FS_TEMPORARY);

	return strncmp(name, FS_TEMPORARY, n) == 0 &&
	       strspn(name + n, "0123456789abcdef") == FS_TEMPORARY_DIGITS &&
	       strlen(name + n) == FS_TEMPORARY_DIGITS;
}

int fs_sweep(int dir_fd, const char *path)
{
	const char *name;
	int parent = fs_open_parent(dir_fd, path, false, &name);
	_cleanup_(closedirp) DIR *dir = NULL;
	struct dirent *entry;

	/* Where there is no directory of ours, nothing of ours lies. */
	if (parent < 0)
		return parent == -ENOENT || parent == -ENOTDIR || parent == -ELOOP ? 0 : parent;
	dir = fdopendir(parent);
	if (!dir) {
		close(parent);
		return -ENOMEM;
	}
	while ((entry = readdir(dir)))
		if (is_temporary(entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) < 0 &&
			errno != ENOENT)
			return -errno;
	return 0;
}

static int fs_unlink(int dir_fd, const char *path, int flags)
{
	const char *name;
	_cleanup_close_ int parent = fs_open_parent(dir_fd, path, false, &name);

	if (parent < 0)
		return parent == -ENOENT ? 0 : parent;
	if (unlinkat(parent, name, flags) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(parent) < 0 ? -errno : 0;
}

int fs_remove(int dir_fd, const char *path)
{
	return fs_unlink(dir_fd, path, 0);
}

int fs_remove_dir(int dir_fd, const char *path)
{
	return fs_unlink(dir_fd, path, AT_REMOVEDIR);
}

/* Empties an open directory. depth bounds the recursion, device keeps it on one file system. */
static int fs_empty(int fd, dev_t device, unsigned int depth)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	struct dirent *entry;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return -errno;
	dir = fdopendir(copy);
	if (!dir) {
		close(copy);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		_cleanup_close_ int child = -1;
		struct stat st;
		int r;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return -errno;
		child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0 || fstat(child, &st) < 0)
			return -errno;
		if (st.st_dev != device)
			return -EXDEV;
		if (depth == 0)
			return -ELOOP;
		r = fs_empty(child, device, depth - 1);
		if (r < 0)
			return r;
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0)
			return -errno;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int fs_remove_tree(int dir_fd, const char *path)
{
	_cleanup_close_ int fd = fs_open_nofollow(dir_fd, path, O_RDONLY | O_DIRECTORY, 0);
	struct stat st;
	int r;

	if (fd == -ENOENT)
		return 0;
	if (fd == -ENOTDIR || fd == -ELOOP)
		return fs_remove(dir_fd, path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	r = fs_empty(fd, st.st_dev, 32);
	if (r < 0)
		return r;
	return fs_remove_dir(dir_fd, path);
}

int fs_make_dirs(int dir_fd, const char *path, mode_t mode)
{
	char part[PATH_MAX];
	const char *p = fs_relative(path);
	size_t n = 0;

	if (strlen(p) >= sizeof(part))
		return -ENAMETOOLONG;
	while (p[n]) {
		const char *name;
		_cleanup_close_ int parent = -1, made = -1;

		n += strcspn(p + n, "/");
		memcpy(part, p, n);
		part[n] = 0;
		n += strspn(p + n, "/");
		parent = fs_open_parent(dir_fd, part, false, &name);
		if (parent < 0)
			return parent;
		if (mkdirat(parent, name, mode) < 0) {
			struct stat st;

			if (errno != EEXIST || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
				return -errno;
			if (!S_ISDIR(st.st_mode))
				return S_ISLNK(st.st_mode) ? -ELOOP : -ENOTDIR;
			continue;
		}
		/* The umask must not decide who can read what we make. */
		made = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (made < 0 || fchmod(made, mode) < 0 || fsync(parent) < 0)
			return -errno;
	}
	return 0;
}

int fs_memfd(const char *name, const void *data, size_t n_bytes)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = fs_write_all(fd, data, n_bytes);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return TAKE_FD(fd);
}
