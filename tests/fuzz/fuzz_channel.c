/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: ipc */
/*
 * fuzz_channel.c - a packet of arbitrary bytes from any peer to any role. What is taken has a row
 * of the table for that direction, its exact size, its descriptors and clean text, and could be
 * sent again; what is refused leaves no descriptor behind.
 *
 * First byte: self, peer and the number of descriptors. Rest: the packet.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/ipc/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void send_packet(int fd, const uint8_t *data, size_t n_bytes, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
	} control = {0};
	struct iovec part = {(void *)(uintptr_t)data, n_bytes};
	struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};

	if (n_fds) {
		struct cmsghdr *cmsg;

		packet.msg_control = control.bytes;
		packet.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		cmsg = CMSG_FIRSTHDR(&packet);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		for (size_t i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fd, sizeof(int));
	}
	expect(sendmsg(fd, &packet, MSG_NOSIGNAL) == (ssize_t)n_bytes);
}

/* The lowest free descriptor: the same before and after unless one leaked. */
static int next_fd(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 3);

	if (fd >= 0)
		close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct message message;
	enum role self, peer;
	size_t n_fds;
	int pair[2], before, r;

	/* An empty packet is an end of file; larger ones than this are all the same. */
	if (n_bytes < 2 || n_bytes > 16384)
		return 0;
	self = (enum role)(data[0] & 3);
	peer = (enum role)(data[0] >> 2 & 3);
	n_fds = data[0] >> 4 & 7;
	expect(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	before = next_fd();
	send_packet(pair[0], data + 1, n_bytes - 1, n_fds);
	r = channel_receive(pair[1], self, peer, &message);
	expect(r == 0 || r == -EPROTO);
	if (r == 0) {
		const struct message_row *row = message_row(message.type);

		expect(row && row->to == self && row->from == peer);
		expect(n_bytes - 1 == 8 + row->body_bytes);
		expect(message.n_fds == n_fds);
		expect(row->n_fds < 0 ? n_fds <= 1 : n_fds == (size_t)row->n_fds);
		expect(message_check(message.type, &message.body) == 0);
		expect(memcmp(&message.body, data + 9, row->body_bytes) == 0);
		expect(channel_send(pair[1], peer, message.type, &message.body, message.fds,
			       message.n_fds) == 0);
		message_done(&message);
	}
	expect(next_fd() == before);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
