/* SPDX-License-Identifier: Apache-2.0 */
/* test_channel.c - sending and receiving: sizes, directions, descriptors, hostile packets. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent/ipc/channel.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"
#include "tests/lib/packet.h"

static size_t count_fds(void)
{
	_cleanup_(closedirp) DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	return n;
}

static void make_pair(int ret_fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) < 0)
		abort();
}

struct raw {
	uint32_t type, body_bytes;
	union message_body body;
	char more[16];
};

/* A body that message_check() takes, for any type. */
static size_t make_raw(const struct message_row *row, struct raw *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->type = row->type;
	ret->body_bytes = (uint32_t)row->body_bytes;
	return 8 + row->body_bytes;
}

static size_t fds_of(const struct message_row *row)
{
	return row->n_fds < 0 ? 1 : (size_t)row->n_fds;
}

static void test_every_message(void)
{
	size_t before = count_fds();

	for (uint32_t type = 1; type < 100; type++) {
		const struct message_row *row = message_row(type);
		_cleanup_(message_done) struct message message = {.fds = {-1, -1, -1}};
		_cleanup_close_ int a = -1, b = -1;
		union message_body body = {0};
		int pair[2], pipes[2], fds[3];
		struct stat sent, received;

		if (!row)
			continue;
		make_pair(pair);
		a = pair[0];
		b = pair[1];
		CHECK_INT(pipe2(pipes, O_CLOEXEC), 0);
		fds[0] = fds[2] = pipes[0];
		fds[1] = pipes[1];
		((char *)&body)[0] = 'x';
		CHECK_INT(channel_send(a, row->from, row->type, &body, fds, fds_of(row)), 0);
		CHECK_INT(channel_receive(b, row->to, row->from, &message), 0);
		CHECK_INT(message.type, row->type);
		CHECK(memcmp(&message.body, &body, row->body_bytes) == 0);
		CHECK_INT(message.n_fds, fds_of(row));
		for (size_t i = 0; i < MESSAGE_FDS_MAX; i++) {
			CHECK_INT(message.fds[i] >= 0, i < message.n_fds);
			if (i >= message.n_fds)
				continue;
			CHECK(fcntl(message.fds[i], F_GETFD) & FD_CLOEXEC);
			CHECK(fstat(message.fds[i], &received) == 0 && fstat(fds[i], &sent) == 0);
			CHECK_INT(received.st_ino, sent.st_ino);
		}
		/* Nothing is left. */
		CHECK_INT(channel_receive(b, row->to, row->from, &message), -EAGAIN);
		CHECK_INT(message.type, row->type);
		close(pipes[0]);
		close(pipes[1]);
	}
	CHECK_INT(count_fds(), before);
}

static void test_sender_keeps_to_the_table(void)
{
	int pair[2], fds[4];
	union message_body body = {0};

	make_pair(pair);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = pair[0];
	CHECK_INT(channel_send(pair[0], ROLE_CTL, (enum message_type)0, &body, NULL, 0), -EINVAL);
	CHECK_INT(channel_send(pair[0], ROLE_CTL, (enum message_type)77, &body, NULL, 0), -EINVAL);
	for (uint32_t type = 1; type < 100; type++) {
		const struct message_row *row = message_row(type);

		if (!row)
			continue;
		for (int self = 0; self < ROLE_MAX; self++)
			for (size_t n = 0; n <= ARRAY_SIZE(fds); n++) {
				bool good = (int)row->from == self &&
					    (row->n_fds < 0 ? n <= 1 : n == (size_t)row->n_fds);

				if (good)
					continue;
				CHECK_INT(channel_send(pair[0], (enum role)self, row->type, &body,
						  fds, n),
					-EINVAL);
			}
	}
	/* Nothing of all that went out. */
	CHECK_INT(recv(pair[1], &body, sizeof(body), MSG_DONTWAIT), -1);
	CHECK_INT(errno, EAGAIN);
	close(pair[1]);
	CHECK_INT(channel_send(pair[0], ROLE_CTL, MESSAGE_CTL_STATUS, &body, NULL, 0), -EPIPE);
	close(pair[0]);
}

static void test_full_socket(void)
{
	union message_body body = {0};
	int pair[2], r, n = 0;

	make_pair(pair);
	while ((r = channel_send(pair[0], ROLE_CTL, MESSAGE_CTL_STATUS, &body, NULL, 0)) == 0 &&
		n < 100000)
		n++;
	CHECK_INT(r, -EAGAIN);
	CHECK(n > 0);
	for (int i = 0; i < n; i++) {
		struct message message;

		CHECK_INT(channel_receive(pair[1], ROLE_ENFORCER, ROLE_CTL, &message), 0);
		message_done(&message);
	}
	close(pair[0]);
	close(pair[1]);
}

static void test_end(void)
{
	struct message message = {.n_fds = 42};
	int pair[2];

	make_pair(pair);
	CHECK_INT(channel_receive(pair[1], ROLE_ENFORCER, ROLE_CTL, &message), -EAGAIN);
	close(pair[0]);
	CHECK_INT(channel_receive(pair[1], ROLE_ENFORCER, ROLE_CTL, &message), -ECONNRESET);
	CHECK_INT(message.n_fds, 42);
	close(pair[1]);
	CHECK_INT(channel_receive(-1, ROLE_ENFORCER, ROLE_CTL, &message), -EBADF);
}

/* Receives one raw packet as the right pair of roles; checks that nothing leaks. */
static void check_refused(const struct message_row *row, const struct raw *raw, size_t n_bytes,
	size_t n_fds, int expected)
{
	struct message message = {.n_fds = 42};
	int pair[2], fds[PACKET_FDS_MAX], r;
	size_t before;

	make_pair(pair);
	for (size_t i = 0; i < PACKET_FDS_MAX; i++)
		fds[i] = pair[0];
	before = count_fds();
	packet_send(pair[0], raw, n_bytes, fds, n_fds);
	r = channel_receive(pair[1], row->to, row->from, &message);
	if (r == 0)
		message_done(&message);
	else
		CHECK_INT(message.n_fds, 42);
	if (r != expected)
		check_fail(__FILE__, __LINE__, "%s, %zu bytes, %zu descriptors: %d", row->name,
			n_bytes, n_fds, r);
	CHECK_INT(count_fds(), before);
	close(pair[0]);
	close(pair[1]);
}

static void test_sizes(void)
{
	for (uint32_t type = 1; type < 100; type++) {
		const struct message_row *row = message_row(type);
		struct raw raw;
		size_t n, most;

		if (!row)
			continue;
		n = make_raw(row, &raw);
		most = n + sizeof(raw.more) < sizeof(raw) ? n + sizeof(raw.more) : sizeof(raw);
		check_refused(row, &raw, n, fds_of(row), 0);
		/* Every shorter packet, and left-over bytes. */
		for (size_t i = 1; i<n; i += i> 16 && i + 8 < n ? 7 : 1)
			check_refused(row, &raw, i, fds_of(row), -EPROTO);
		for (size_t i = n + 1; i <= most; i++)
			check_refused(row, &raw, i, fds_of(row), -EPROTO);
		check_refused(row, &raw, sizeof(raw), fds_of(row), -EPROTO);
		/* The packet has the size that it says, but not that of the table. */
		raw.body_bytes--;
		check_refused(row, &raw, n, fds_of(row), -EPROTO);
		check_refused(row, &raw, n - 1, fds_of(row), -EPROTO);
		raw.body_bytes += 2;
		check_refused(row, &raw, n + 1, fds_of(row), -EPROTO);
		raw.body_bytes = UINT32_MAX;
		check_refused(row, &raw, n, fds_of(row), -EPROTO);
	}
}

static void test_types(void)
{
	const struct message_row *row = message_row(MESSAGE_CTL_STATUS);
	struct raw raw;
	size_t n = make_raw(row, &raw);

	for (uint32_t type = 0; type < 300; type++) {
		const struct message_row *other = message_row(type);

		/* Another one of the same shape and direction is right. */
		if (other && other->from == row->from && other->to == row->to &&
			other->body_bytes == row->body_bytes)
			continue;
		raw.type = type;
		check_refused(row, &raw, n, 0, -EPROTO);
	}
	raw.type = UINT32_MAX;
	check_refused(row, &raw, n, 0, -EPROTO);
	raw.type = MESSAGE_CTL_STATUS | 0x100;
	check_refused(row, &raw, n, 0, -EPROTO);
}

static void test_directions(void)
{
	for (uint32_t type = 1; type < 100; type++) {
		const struct message_row *row = message_row(type);
		struct raw raw;
		size_t n;

		if (!row)
			continue;
		n = make_raw(row, &raw);
		for (int self = 0; self < ROLE_MAX; self++)
			for (int peer = 0; peer < ROLE_MAX; peer++) {
				struct message_row as = *row;
				bool good = (int)row->to == self && (int)row->from == peer;

				as.to = (enum role)self;
				as.from = (enum role)peer;
				check_refused(&as, &raw, n, fds_of(row), good ? 0 : -EPROTO);
			}
	}
}

static void test_descriptors(void)
{
	if (check_emulated()) {
		check_skip("the emulation leaks descriptors of packets that are too small");
		return;
	}
	for (uint32_t type = 1; type < 100; type++) {
		const struct message_row *row = message_row(type);
		struct raw raw;
		size_t n;

		if (!row)
			continue;
		n = make_raw(row, &raw);
		for (size_t n_fds = 0; n_fds <= PACKET_FDS_MAX; n_fds++) {
			bool good = row->n_fds < 0 ? n_fds <= 1 : n_fds == (size_t)row->n_fds;

			check_refused(row, &raw, n, n_fds, good ? 0 : -EPROTO);
		}
	}
}

static void test_text(void)
{
	const struct message_row *row = message_row(MESSAGE_CTL_ENROL);
	struct raw raw;
	size_t n = make_raw(row, &raw);

	memset(&raw.body, 'a', row->body_bytes);
	check_refused(row, &raw, n, 0, -EPROTO);
	((char *)&raw.body)[row->body_bytes - 1] = 0;
	check_refused(row, &raw, n, 0, 0);
	((char *)&raw.body)[5] = '\x1b';
	check_refused(row, &raw, n, 0, -EPROTO);
}

static void test_secrets_are_wiped(void)
{
	struct message message = {.type = MESSAGE_CTL_ENROL, .fds = {-1, -1, -1}};
	const char *bytes = (const char *)&message.body;

	memset(&message.body, 's', sizeof(message.body));
	message_done(&message);
	for (size_t i = 0; i < sizeof(message.body); i++)
		CHECK_INT(bytes[i], 0);
	message_done(&message);
}

/* After a packet that is refused the next one is read from its start. */
static void test_packets_do_not_mix(void)
{
	const struct message_row *row = message_row(MESSAGE_CTL_STATUS);
	struct message message;
	struct raw raw;
	size_t n = make_raw(row, &raw);
	int pair[2];

	make_pair(pair);
	packet_send(pair[0], &raw, sizeof(raw), NULL, 0);
	packet_send(pair[0], &raw, n, NULL, 0);
	CHECK_INT(channel_receive(pair[1], row->to, row->from, &message), -EPROTO);
	CHECK_INT(channel_receive(pair[1], row->to, row->from, &message), 0);
	message_done(&message);
	close(pair[0]);
	close(pair[1]);
}

static const struct check_test tests[] = {
	{"every_message", test_every_message},
	{"sender_keeps_to_the_table", test_sender_keeps_to_the_table},
	{"full_socket", test_full_socket},
	{"end", test_end},
	{"sizes", test_sizes},
	{"types", test_types},
	{"directions", test_directions},
	{"descriptors", test_descriptors},
	{"text", test_text},
	{"secrets_are_wiped", test_secrets_are_wiped},
	{"packets_do_not_mix", test_packets_do_not_mix},
};
CHECK_MAIN(tests)
