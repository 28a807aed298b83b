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
#include "tests/lib/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
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
	packet_send_copies(pair[0], data + 1, n_bytes - 1, pair[0], n_fds);
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
