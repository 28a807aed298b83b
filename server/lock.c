/* SPDX-License-Identifier: Apache-2.0 */
/* lock.c - the lock of a state directory; see lock.h. mdm-server only. */
#include "server/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "agent/util/fs.h"

static void lock_describe(const char *directory, int fd, char ret_problem[512])
{
	char holder[16] = "";
	ssize_t n = pread(fd, holder, sizeof(holder) - 1, 0);

	holder[n > 0 ? strspn(holder, "0123456789") : 0] = 0;
	snprintf(ret_problem, 512,
		"the state directory %.300s is in use by another mdm-server%s%s; stop that one, or use another directory",
		directory, *holder ? ", process " : "", holder);
}

int lock_take(const char *directory, char ret_problem[512])
{
	_cleanup_close_ int fd = -1;
	char path[4096], id[16];
	int n = snprintf(path, sizeof(path), "%s/" LOCK_FILE, directory), r;

	if (n < 0 || (size_t)n >= sizeof(path)) {
		snprintf(ret_problem, 512, "the path of the state directory is too long");
		return -ENAMETOOLONG;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = -errno;
		if (r == -EWOULDBLOCK) {
			lock_describe(directory, fd, ret_problem);
			return -EBUSY;
		}
		snprintf(ret_problem, 512,
			"cannot lock %.300s: %s; the directory must be there and writable for the user that runs mdm-server",
			path, strerror(-r));
		return r;
	}
	/* For people; who holds it, the kernel knows. A full disk does not keep us from running. */
	n = snprintf(id, sizeof(id), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, id, (size_t)n, 0) < 0)
		errno = 0;
	return TAKE_FD(fd);
}
