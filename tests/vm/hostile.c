/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile.c - a process of the phone's user that wants to harm the counting of passwords:
 * hostile SECONDS. Linked statically, so that a guest can run it. Knows the protocol only as far as
 * the socket shows it to everybody.
 *
 * Of its children one floods the socket with questions, one with bytes that mean nothing, one holds
 * connections, and attempts whose pipes stay open and empty, and one guesses at root. Prints how
 * often each got through to the agent, and "spoofed N": how often it was told more about root than
 * that nothing is counted for it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/ipc/message.h"

#define N_HELD 40

struct request {
	uint32_t type, n_bytes;
	struct msg_auth_request body;
};
struct answer {
	uint32_t type, n_bytes;
	struct msg_auth_answer body;
};

/* -1: no room in the queue, or no agent. */
static int socket_connect(void)
{
	struct sockaddr_un address = {AF_UNIX, "/run/mdm-agent/auth.sock"};
	struct timeval patience = {.tv_sec = 2};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* pipe_fd: the end that goes along, or -1. */
static bool request_send(int fd, enum message_type type, const char *user, int pipe_fd)
{
	struct request request = {type, sizeof(request.body), {.n_missed = UINT32_MAX}};
	struct iovec bytes = {&request, sizeof(request)};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

	strncpy(request.body.user, user, sizeof(request.body.user) - 1);
	strncpy(request.body.service, "hostile", sizeof(request.body.service) - 1);
	if (pipe_fd >= 0) {
		struct cmsghdr *header;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &pipe_fd, sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(request);
}

static bool flood_once(const char *owner)
{
	int fd = socket_connect();
	bool sent = fd >= 0 && request_send(fd, MESSAGE_AUTH_CHECK, owner, -1);

	close(fd);
	return sent;
}

static bool garbage_once(const char *owner)
{
	char bytes[200];
	int fd = socket_connect();
	bool sent;

	(void)owner;
	if (getrandom(bytes, sizeof(bytes), 0) < 0)
		return false;
	sent = fd >= 0 && send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0;
	close(fd);
	return sent;
}

static bool hold_once(const char *owner)
{
	static int held[N_HELD][2];
	static size_t at;
	int ends[2], fd = socket_connect();
	bool sent = fd >= 0;

	/* The oldest of them: nothing was ever written, so that it is no guess. */
	for (int i = 0; i < 2; i++)
		if (held[at][i])
			close(held[at][i]);
	held[at][0] = held[at][1] = 0;
	if (sent && at % 2 == 0 && pipe(ends) == 0) {
		sent = request_send(fd, MESSAGE_AUTH_ATTEMPT, owner, ends[0]);
		close(ends[0]);
		held[at][0] = ends[1];
	}
	if (fd >= 0)
		held[at][1] = fd;
	at = (at + 1) % N_HELD;
	return sent;
}

/* The answer to anything about root; true where it was more than "not counted". */
static bool spoof_once(const char *owner)
{
	struct answer answer;
	int ends[2], fd = socket_connect();
	bool told = false;

	(void)owner;
	if (fd >= 0 && pipe(ends) == 0) {
		if (write(ends[1], "guess", 5) == 5) {
			close(ends[1]);
			told = request_send(fd, MESSAGE_AUTH_ATTEMPT, "root", ends[0]) &&
			       recv(fd, &answer, sizeof(answer), 0) == (ssize_t)sizeof(answer) &&
			       answer.body.verdict != AUTH_UNCOUNTED;
		}
		close(ends[0]);
	}
	close(fd);
	return told;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool (*once)(const char *owner);
		unsigned pause_us;
	} attacks[] = {
		{"flooded", flood_once, 0},
		{"garbage", garbage_once, 0},
		{"held", hold_once, 10000},
		{"spoofed", spoof_once, 10000},
	};
	time_t end = time(NULL) + (argc == 2 ? atoi(argv[1]) : 0);

	if (argc != 2)
		return 2;
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		size_t n = 0;

		if (fork() != 0)
			continue;
		while (time(NULL) < end) {
			n += attacks[i].once("phone");
			usleep(attacks[i].pause_us);
		}
		printf("%s %zu\n", attacks[i].name, n);
		exit(0);
	}
	while (wait(NULL) > 0)
		;
	return 0;
}
