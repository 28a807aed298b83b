/* SPDX-License-Identifier: Apache-2.0 */
/* link.c - the guard's connection to the enforcer; see link.h. */
#include "agent/guard/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/util/mem.h"

/* Between bind(2) and listen(2) a socket is there and refuses; nothing more appears then. */
#define TRIES_MAX 8
#define TRY_MS 50

void guard_link_init(struct guard_link *link, const char *path)
{
	*link = (struct guard_link){.path = path, .fd = -1, .watch_fd = -1, .retry_ms = -1};
}

void guard_link_done(struct guard_link *link)
{
	closep(&link->fd);
	closep(&link->watch_fd);
	link->fd = link->watch_fd = -1;
}

static int open_link(const char *path)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* Whoever can make a socket there is root; whoever listens at it should be, too. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return -errno;
	if (peer.uid != 0)
		return -EPERM;
	return TAKE_FD(fd);
}

/* The nearest directory above that is there. */
static void wait_for(struct guard_link *link)
{
	char directory[LIMIT_SOCKET_BYTES + 1];
	char *slash;

	if (link->watch_fd < 0)
		link->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (link->watch_fd < 0)
		return;
	snprintf(directory, sizeof(directory), "%s", link->path);
	while ((slash = strrchr(directory, '/'))) {
		slash[slash == directory] = 0;
		if (inotify_add_watch(link->watch_fd, directory,
			    IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_ONLYDIR) >=
				0 ||
			slash == directory)
			return;
	}
}

int guard_link_connect(struct guard_link *link, int64_t now_ms)
{
	int fd = open_link(link->path);

	if (fd < 0) {
		/* First the watch: what appears in between is found by the second attempt. */
		wait_for(link);
		fd = open_link(link->path);
	}
	if (fd < 0) {
		bool is_about_to = (fd == -ECONNREFUSED || fd == -EAGAIN || fd == -EPERM) &&
				   link->n_tries < TRIES_MAX;

		link->retry_ms = is_about_to ? now_ms + (TRY_MS << link->n_tries++) : -1;
		return fd;
	}
	closep(&link->watch_fd);
	*link = (struct guard_link){.path = link->path, .fd = fd, .watch_fd = -1, .retry_ms = -1};
	return 0;
}

void guard_link_drop(struct guard_link *link, int64_t now_ms)
{
	closep(&link->fd);
	link->fd = -1;
	link->n_tries = 0;
	link->retry_ms = now_ms + TRY_MS;
}

int guard_link_again(struct guard_link *link, int64_t now_ms)
{
	char events[1024];
	bool has_news = false;

	while (link->watch_fd >= 0 && read(link->watch_fd, events, sizeof(events)) > 0)
		has_news = true;
	if (has_news)
		link->n_tries = 0;
	return guard_link_connect(link, now_ms);
}
