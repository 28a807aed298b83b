/* SPDX-License-Identifier: Apache-2.0 */
/* place.c - one guard at one socket; see place.h. Keeper and enforcer. */
#include "agent/guard/place.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/util/limits.h"
#include "agent/util/mem.h"

#define TRY_MS 20

static int open_place(const char *socket_path, int flags)
{
	char path[LIMIT_SOCKET_BYTES + sizeof(".lock")];
	int fd;

	if (snprintf(path, sizeof(path), "%s.lock", socket_path) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	return fd < 0 ? -errno : fd;
}

int guard_place_take(const char *socket_path, int64_t patience_ms)
{
	_cleanup_close_ int fd = open_place(socket_path, O_RDWR | O_CREAT);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fd < 0)
		return fd;
	for (;; patience_ms -= TRY_MS) {
		if (fcntl(fd, F_SETLK, &lock) == 0)
			return TAKE_FD(fd);
		if (errno != EACCES && errno != EAGAIN)
			return -errno;
		if (patience_ms <= 0)
			return -EBUSY;
		(void)poll(NULL, 0, TRY_MS);
	}
}

int guard_place_holder(const char *socket_path, pid_t *ret_pid)
{
	_cleanup_close_ int fd = open_place(socket_path, O_RDONLY);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	if (fcntl(fd, F_GETLK, &lock) < 0)
		return -errno;
	/* 0: it is in another PID namespace, and none of ours to end. */
	if (lock.l_type == F_UNLCK || lock.l_pid <= 1)
		return -ESRCH;
	*ret_pid = lock.l_pid;
	return 0;
}
