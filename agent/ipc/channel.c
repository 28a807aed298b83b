/* SPDX-License-Identifier: Apache-2.0 */
/* channel.c - messages over SOCK_SEQPACKET with descriptors; see channel.h. Every role. */
#include "agent/ipc/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct channel_header {
	uint32_t type;
	uint32_t body_bytes;
};

/* One descriptor more than any row carries, so that a surplus one is seen and not cut off. */
#define CHANNEL_CONTROL_BYTES CMSG_SPACE(sizeof(int) * (MESSAGE_FDS_MAX + 1))

static bool channel_fds_allowed(const struct message_row *row, size_t n_fds)
{
	return row->n_fds < 0 ? n_fds <= 1 : n_fds == (size_t)row->n_fds;
}

void message_done(struct message *message)
{
	for (size_t i = 0; i < ARRAY_SIZE(message->fds); i++) {
		closep(&message->fds[i]);
		message->fds[i] = -1;
	}
	message->n_fds = 0;
	/* A ticket's secret may have been inside. */
	explicit_bzero(&message->body, sizeof(message->body));
}

int channel_send(int fd, enum role self, enum message_type type, const void *body, const int *fds,
	size_t n_fds)
{
	const struct message_row *row = message_row(type);
	struct channel_header header;
	union {
		struct cmsghdr align;
		char bytes[CHANNEL_CONTROL_BYTES];
	} control = {0};
	struct iovec parts[2];
	struct msghdr packet = {.msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts)};
	ssize_t n;

	if (!row || row->from != self || !channel_fds_allowed(row, n_fds))
		return -EINVAL;
	header = (struct channel_header){.type = type, .body_bytes = (uint32_t)row->body_bytes};
	parts[0] = (struct iovec){&header, sizeof(header)};
	parts[1] = (struct iovec){(void *)(uintptr_t)body, row->body_bytes};
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
	do
		n = sendmsg(fd, &packet, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(header) + row->body_bytes ? 0 : -EIO;
}

/* Takes every descriptor out of the control data, so that none leaks whatever the packet is. */
static size_t channel_take_fds(struct msghdr *packet, int fds[MESSAGE_FDS_MAX + 1])
{
	size_t n_fds = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(packet); cmsg; cmsg = CMSG_NXTHDR(packet, cmsg)) {
		size_t n;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (n_fds <= MESSAGE_FDS_MAX)
				fds[n_fds++] = fd;
			else
				close(fd);
		}
	}
	return n_fds;
}

static int channel_accept(const struct channel_header *header, ssize_t n, enum role self,
	enum role peer, const struct message_row **ret_row)
{
	const struct message_row *row;

	if (n < (ssize_t)sizeof(*header))
		return -EPROTO;
	row = message_row(header->type);
	if (!row || row->to != self || row->from != peer || header->body_bytes != row->body_bytes ||
		(size_t)n != sizeof(*header) + row->body_bytes)
		return -EPROTO;
	*ret_row = row;
	return 0;
}

int channel_receive(int fd, enum role self, enum role peer, struct message *ret_message)
{
	struct channel_header header = {0};
	union {
		struct cmsghdr align;
		char bytes[CHANNEL_CONTROL_BYTES];
	} control;
	struct message message;
	struct iovec parts[2] = {
		{&header, sizeof(header)},
		{&message.body, sizeof(message.body)},
	};
	struct msghdr packet = {
		.msg_iov = parts,
		.msg_iovlen = ARRAY_SIZE(parts),
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	const struct message_row *row;
	int fds[MESSAGE_FDS_MAX + 1];
	size_t n_fds;
	ssize_t n;

	memset(&message, 0, sizeof(message));
	do
		n = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	n_fds = channel_take_fds(&packet, fds);
	if (n == 0 && n_fds == 0)
		return -ECONNRESET;
	if (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
		channel_accept(&header, n, self, peer, &row) < 0 ||
		!channel_fds_allowed(row, n_fds) || message_check(row->type, &message.body) < 0) {
		for (size_t i = 0; i < n_fds; i++)
			close(fds[i]);
		explicit_bzero(&message.body, sizeof(message.body));
		return -EPROTO;
	}
	message.type = row->type;
	message.n_fds = n_fds;
	for (size_t i = 0; i < ARRAY_SIZE(message.fds); i++)
		message.fds[i] = i < n_fds ? fds[i] : -1;
	*ret_message = message;
	return 0;
}

int channel_peek(int fd, enum role self, enum role peer, struct message *ret_message, bool *ret_fds)
{
	struct channel_header header = {0};
	struct message message;
	struct iovec parts[2] = {
		{&header, sizeof(header)},
		{&message.body, sizeof(message.body)},
	};
	/* No room for control data: the kernel lets go of its copies of the descriptors. */
	struct msghdr packet = {.msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts)};
	const struct message_row *row;
	bool fds;
	ssize_t n;

	memset(&message, 0, sizeof(message));
	do
		n = recvmsg(fd, &packet, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	fds = packet.msg_flags & MSG_CTRUNC;
	if (n == 0 && !fds)
		return -ECONNRESET;
	if (packet.msg_flags & MSG_TRUNC || channel_accept(&header, n, self, peer, &row) < 0 ||
		(row->n_fds >= 0 && fds != (row->n_fds > 0)) ||
		message_check(row->type, &message.body) < 0)
		return -EPROTO;
	message.type = row->type;
	for (size_t i = 0; i < ARRAY_SIZE(message.fds); i++)
		message.fds[i] = -1;
	*ret_message = message;
	*ret_fds = fds;
	return 0;
}

int channel_discard(int fd)
{
	char byte;
	struct iovec part = {&byte, sizeof(byte)};
	struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	do
		n = recvmsg(fd, &packet, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

bool channel_is_there(int fd)
{
	int type;
	socklen_t n = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET;
}
