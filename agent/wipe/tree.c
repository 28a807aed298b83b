/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c - see tree.h. */
#include "agent/wipe/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/mem.h"

/* What lies deeper is moved up first: nobody is safe by many directories. */
#define DEPTH_MAX 32

struct emptying {
	int top_fd;
	int64_t mount_id;
	const struct tree_order *order;
	unsigned long n_moved;
	struct tree_result *result;
};

/*
 * The mount of what is open: a bind mount of the same file system is another one. By the number
 * that all kernels since 3.15 tell; statx(2) and openat2(2) would need newer ones.
 */
static int64_t mount_id_of(int fd)
{
	_cleanup_(fclosep) FILE *file = NULL;
	char path[64], line[128];
	int64_t id;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "mnt_id: %" SCNd64, &id) == 1)
			return id;
	return -1;
}

/* Takes back "immutable" and "append only", which keep even root from removing. */
static void clear_attributes(int fd)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
	ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static void note_error(struct emptying *e, int error)
{
	/* In use as a mount point, by a file. */
	if (error == -EBUSY)
		e->result->n_mounts++;
	else if (!e->result->error)
		e->result->error = error;
}

static bool remove_file(struct emptying *e, int dir_fd, const char *name)
{
	int r = unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;

	if (r == -EPERM) {
		_cleanup_close_ int fd =
			openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

		if (fd >= 0)
			clear_attributes(fd);
		r = unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
	}
	if (r == 0)
		e->result->n_removed++;
	else
		note_error(e, r);
	return r == 0;
}

static bool empty(struct emptying *e, int fd, unsigned int depth);

static bool move_up(struct emptying *e, int dir_fd, const char *name)
{
	char place[64];

	do {
		snprintf(place, sizeof(place), ".moved-%lu", e->n_moved++);
	} while (faccessat(e->top_fd, place, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	if (renameat(dir_fd, name, e->top_fd, place) == 0)
		return true;
	note_error(e, -errno);
	return false;
}

static bool is_kept(const struct emptying *e, const struct stat *st)
{
	for (size_t i = 0; i < e->order->n_kept; i++)
		if (e->order->kept[i].device == st->st_dev && e->order->kept[i].inode == st->st_ino)
			return true;
	return false;
}

static bool remove_directory(struct emptying *e, int dir_fd, const char *name, unsigned int depth)
{
	_cleanup_close_ int fd =
		openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		note_error(e, -errno);
		return false;
	}
	if (mount_id_of(fd) != e->mount_id) {
		e->result->n_mounts++;
		return false;
	}
	clear_attributes(fd);
	if (depth == DEPTH_MAX)
		return move_up(e, dir_fd, name);
	if (!empty(e, fd, depth + 1))
		return false;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0) {
		e->result->n_removed++;
		return true;
	}
	note_error(e, -errno);
	return false;
}

/* Whether nothing is left in it. A directory that changes while it is read is read again. */
static bool empty(struct emptying *e, int fd, unsigned int depth)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	bool any, progress;

	if (!dir) {
		note_error(e, copy < 0 ? -errno : -ENOMEM);
		closep(&copy);
		return false;
	}
	clear_attributes(fd);
	do {
		struct tree_result before = *e->result;
		struct dirent *entry;

		any = progress = false;
		while ((entry = readdir(dir))) {
			struct stat st;
			const char *name = entry->d_name;

			if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
				fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
				continue;
			if (clock_boottime_us() > e->order->deadline_us) {
				e->result->error = -ETIME;
				return false;
			}
			if (is_kept(e, &st)) {
				any = true;
				continue;
			}
			if (S_ISDIR(st.st_mode) ? remove_directory(e, fd, name, depth)
						: remove_file(e, fd, name))
				progress = true;
			else
				any = true;
		}
		if (progress) {
			/* What would not go is met, and counted, once more. */
			e->result->n_mounts = before.n_mounts;
			e->result->error = before.error;
			rewinddir(dir);
		}
	} while (progress);
	return !any;
}

int wipe_tree(int dir_fd, const struct tree_order *order, struct tree_result *ret_result)
{
	struct fstrim_range all = {.len = UINT64_MAX};
	struct emptying e = {.top_fd = dir_fd,
		.mount_id = mount_id_of(dir_fd),
		.order = order,
		.result = ret_result};

	*ret_result = (struct tree_result){0};
	if (e.mount_id < 0)
		return -ENOSYS;
	empty(&e, dir_fd, 0);
	if (!order->is_trimmed)
		return ret_result->error;
	if (syncfs(dir_fd) < 0)
		note_error(&e, -errno);
	ioctl(dir_fd, FITRIM, &all);
	return ret_result->error;
}
