/* SPDX-License-Identifier: Apache-2.0 */
/* location_lines.c - lines from a socket; see location_lines.h. Enforcer only. */
#include "platform/location_lines.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "agent/util/mem.h"

struct location_lines {
	int fd;
	sd_event_source *source;
	const struct location_lines_ops *ops;
	void *userdata;
	bool connected;
	bool passing; /* the rest of a line that is too long */
	size_t n, max_bytes;
	char data[];
};

static void lines_end(struct location_lines *lines, int r)
{
	/* Nothing more is heard of it, even if nobody frees it. */
	lines->source = sd_event_source_unref(lines->source);
	lines->ops->ended(r, lines->userdata);
}

static int lines_connect(struct location_lines *lines)
{
	socklen_t n = sizeof(int);
	int error = 0, r;

	if (getsockopt(lines->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		return -errno;
	if (error)
		return -error;
	r = lines->ops->connected(lines->fd, lines->userdata);
	if (r < 0)
		return r;
	lines->connected = true;
	return sd_event_source_set_io_events(lines->source, EPOLLIN);
}

/* Hands over the whole lines and keeps the rest. */
static void lines_split(struct location_lines *lines)
{
	size_t start = 0;
	char *end;

	while ((end = memchr(lines->data + start, '\n', lines->n - start))) {
		size_t n = (size_t)(end - lines->data) - start;

		if (!lines->passing)
			lines->ops->line(lines->data + start, n, lines->userdata);
		lines->passing = false;
		start += n + 1;
	}
	lines->n -= start;
	memmove(lines->data, lines->data + start, lines->n);
	if (lines->n == lines->max_bytes) {
		lines->passing = true;
		lines->n = 0;
	}
}

static int lines_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct location_lines *lines = userdata;
	ssize_t n;
	int r;

	(void)source;
	(void)revents;
	if (!lines->connected) {
		r = lines_connect(lines);
		if (r < 0)
			lines_end(lines, r);
		return 0;
	}
	n = recv(fd, lines->data + lines->n, lines->max_bytes - lines->n, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		lines_end(lines, n < 0 ? -errno : 0);
		return 0;
	}
	lines->n += (size_t)n;
	lines_split(lines);
	return 0;
}

int location_lines_new(sd_event *event, int fd, size_t max_bytes,
	const struct location_lines_ops *ops, void *userdata, struct location_lines **ret_lines)
{
	struct location_lines *lines = calloc(1, sizeof(*lines) + max_bytes);
	int r;

	if (!lines) {
		close(fd);
		return -ENOMEM;
	}
	*lines = (struct location_lines){
		.fd = fd,
		.ops = ops,
		.userdata = userdata,
		.max_bytes = max_bytes,
	};
	r = sd_event_add_io(event, &lines->source, fd, EPOLLOUT, lines_on_io, lines);
	if (r < 0) {
		location_lines_free(lines);
		return r;
	}
	*ret_lines = lines;
	return 0;
}

void location_lines_free(struct location_lines *lines)
{
	if (!lines)
		return;
	sd_event_source_unref(lines->source);
	close(lines->fd);
	free(lines);
}
