/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet.h - packets of whatever bytes and descriptors on a socket, as a peer sends them that does
 * not keep to the table of messages. For tests and fuzz targets only.
 */
#ifndef MDM_TESTS_PACKET_H
#define MDM_TESTS_PACKET_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PACKET_FDS_MAX 8

/* Sends n_fds descriptors, at most PACKET_FDS_MAX; aborts if that cannot be done. */
static inline void packet_send(
	int fd, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * PACKET_FDS_MAX)];
	} control = {0};
	struct iovec part = {(void *)(uintptr_t)bytes, n_bytes};
	struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};

	if (n_fds > PACKET_FDS_MAX)
		abort();
	if (n_fds) {
		struct cmsghdr *cmsg;

		packet.msg_control = control.bytes;
		packet.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		cmsg = CMSG_FIRSTHDR(&packet);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
	}
	if (sendmsg(fd, &packet, MSG_NOSIGNAL) != (ssize_t)n_bytes)
		abort();
}

/* The same with one descriptor n_fds times. */
static inline void packet_send_copies(
	int fd, const void *bytes, size_t n_bytes, int some_fd, size_t n_fds)
{
	int fds[PACKET_FDS_MAX];

	for (size_t i = 0; i < PACKET_FDS_MAX; i++)
		fds[i] = some_fd;
	packet_send(fd, bytes, n_bytes, fds, n_fds);
}

#endif
