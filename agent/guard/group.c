/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - fanotify(7) as the guard uses it; see group.h. */
#include "agent/guard/group.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "agent/util/mem.h"

/* Linux 5.0 and 5.19; not in every C library's header. */
#ifndef FAN_OPEN_EXEC_PERM
#define FAN_OPEN_EXEC_PERM 0x00040000
#endif
#ifndef FAN_MARK_FILESYSTEM
#define FAN_MARK_FILESYSTEM 0x00000100
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif

/*
 * FAN_CLASS_PRE_CONTENT would take something away: for such listeners the kernel lets a file be
 * written while it is executed.
 *
 * O_NONBLOCK is of the files that come with the events: the kernel opens them for us inside
 * read(2), and whoever owns one may hold a lease on it (fcntl(2)), which would keep us, and with us
 * everybody, waiting for up to lease-break-time. As it is the kernel refuses that one start.
 */
int guard_group_new(void)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK |
				       FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
		O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static int mark(int group_fd, unsigned int flags, int dir_fd, const char *path)
{
	return fanotify_mark(group_fd, flags, FAN_OPEN_EXEC_PERM, dir_fd, path) < 0 ? -errno : 0;
}

int guard_group_probe(struct guard_group_facts *ret_facts)
{
	_cleanup_close_ int group_fd = guard_group_new();
	struct guard_group_facts facts = {0};
	int r;

	if (group_fd < 0 && group_fd != -ENOSYS && group_fd != -EINVAL)
		return group_fd;
	if (group_fd < 0) {
		*ret_facts = facts;
		return 0;
	}
	/* An ignored event asks nobody. */
	r = mark(group_fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, AT_FDCWD, "/proc/self/exe");
	if (r < 0 && r != -EINVAL)
		return r;
	facts.has_permissions = r == 0;
	if (r == 0) {
		(void)guard_group_forget_all(group_fd);
		facts.has_evictable =
			mark(group_fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_EVICTABLE,
				AT_FDCWD, "/proc/self/exe") == 0;
	}
	*ret_facts = facts;
	return 0;
}

int guard_group_watch(int group_fd, const char *path)
{
	return mark(group_fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, AT_FDCWD, path);
}

int guard_group_release(int group_fd)
{
	if (fanotify_mark(group_fd, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, NULL) < 0)
		return -errno;
	return guard_group_forget_all(group_fd);
}

int guard_group_remember(int group_fd, int fd, bool evictable)
{
	return mark(group_fd,
		FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | (evictable ? FAN_MARK_EVICTABLE : 0), fd,
		NULL);
}

int guard_group_exempt(int group_fd, const char *path)
{
	return mark(group_fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY,
		AT_FDCWD, path);
}

int guard_group_forget_all(int group_fd)
{
	return fanotify_mark(group_fd, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL) < 0 ? -errno : 0;
}

int guard_group_answer(int group_fd, int event_fd, bool allow)
{
	struct fanotify_response response = {
		.fd = event_fd, .response = allow ? FAN_ALLOW : FAN_DENY};

	return write(group_fd, &response, sizeof(response)) < 0 ? -errno : 0;
}
