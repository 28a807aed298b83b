/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: net */
/*
 * fuzz_net_messages.c - any packet on the role's channel, with 0 to 4 descriptors (the first byte):
 * what is accepted is of the table and, as a request, within every limit.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/ipc/channel.h"
#include "agent/net/exchange.h"
#include "tests/lib/packet.h"

#define FDS_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_exchange(const struct exchange *exchange)
{
	if (!exchange->server.port || !exchange->server.host[0] || exchange->server.has_path ||
		exchange->time_s <= 0)
		abort();
}

static void check_message(const struct message *message)
{
	struct exchange exchange;

	switch (message->type) {
	case MESSAGE_NET_ENROL:
		if (message->n_fds != 1)
			abort();
		if (exchange_of_enrol(&message->body.as_1, &exchange) < 0)
			return;
		check_exchange(&exchange);
		if (!exchange.est.port || strlen(exchange.est_base) < strlen("https://h") ||
			message->body.as_1.n_ca_pins > LIMIT_TICKET_PINS)
			abort();
		return;
	case MESSAGE_NET_CHECKIN:
		if (message->n_fds != 3)
			abort();
		if (exchange_of_checkin(&message->body.as_2, &exchange) < 0)
			return;
		check_exchange(&exchange);
		if (message->body.as_2.report_bytes > LIMIT_REPORT_BYTES ||
			message->body.as_2.response_max > LIMIT_RESPONSE_BYTES)
			abort();
		return;
	default:
		abort(); /* nothing else is for this role */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int pair[2] = {-1, -1}, some_fd = -1;
	static int lowest;
	struct message message;
	int next;

	/* Larger packets do not fit the socket; an empty one is the end of the file. */
	if (size < 2 || size > 64 * 1024)
		return 0;
	if (some_fd < 0) {
		some_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (some_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
			abort();
		lowest = dup(some_fd);
		close(lowest);
	}
	packet_send_copies(pair[0], data + 1, size - 1, some_fd, data[0] % (FDS_MAX + 1));
	if (channel_receive(pair[1], ROLE_NET, ROLE_ENFORCER, &message) == 0) {
		check_message(&message);
		message_done(&message);
	}
	/* No descriptor leaks, whatever was refused. */
	next = dup(some_fd);
	if (next != lowest)
		abort();
	close(next);
	return 0;
}
