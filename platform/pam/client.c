/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - questions of pam_mdm.so to the enforcer; see client.h. Inside PAM. */
#include "platform/pam/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "agent/ipc/channel.h"
#include "agent/util/codec.h"

#define USEC_PER_SEC INT64_C(1000000)
/* The first at once, all together within a second and a half. */
#define CLIENT_RETRIES_MAX 16
#define CLIENT_RETRY_PAUSE_MS 10

_Static_assert(LIMIT_PASSWORD_BYTES <= PIPE_BUF, "a password fits an empty pipe at once");

/* Of this process; what root's processes let pass is counted in a file. A fork takes it along. */
static atomic_uint client_n_missed;

/*
 * A phone that sleeps between question and answer has not waited: the agent slept as well. So this
 * is the one clock here that stands still meanwhile.
 */
static int64_t client_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

bool client_user_fits(const char *user)
{
	size_t n = strnlen(user, LIMIT_USER_BYTES + 1);

	return n > 0 && n <= LIMIT_USER_BYTES && text_is_valid(user, n);
}

/* The program around us may have closed 0, 1 or 2 and mean something else by them. */
static int client_lift(int fd)
{
	int high;

	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (high < 0)
		high = -errno;
	close(fd);
	return high;
}

static int client_connect(const char *path, int64_t deadline_us, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	struct ucred server;
	socklen_t n_server = sizeof(server);

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = client_lift(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return fd;
	/* Where many connect at once this waits for its turn in the kernel's queue. */
	for (;;) {
		int64_t left_us = deadline_us - client_now_us();
		struct timeval patience = {
			.tv_sec = (time_t)(left_us / USEC_PER_SEC),
			.tv_usec = (suseconds_t)(left_us % USEC_PER_SEC),
		};

		if (left_us <= 0)
			return -ETIMEDOUT;
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
			return -errno;
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			break;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
	/* Whose socket it is: root's, or that of whoever runs this program to try it out. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &server, &n_server) < 0)
		return -errno;
	if (server.uid != 0 && server.uid != geteuid())
		return -EPERM;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The reading end of a pipe that holds the password and nothing after it. */
static int client_pipe(const char *token, int *ret_fd)
{
	_cleanup_close_ int from = -1, to = -1;
	int ends[2];
	/* What is longer pam_unix cuts there, too. */
	size_t n_bytes = strnlen(token, LIMIT_PASSWORD_BYTES);
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from = client_lift(ends[0]);
	to = client_lift(ends[1]);
	if (from < 0 || to < 0)
		return from < 0 ? from : to;
	n = write(to, token, n_bytes);
	if (n < 0)
		return -errno;
	if ((size_t)n != n_bytes)
		return -EIO;
	*ret_fd = TAKE_FD(from);
	return 0;
}

static int client_receive(int fd, int64_t deadline_us, struct msg_auth_answer *ret_answer)
{
	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		int64_t left_us = deadline_us - client_now_us();
		struct message message;
		int r;

		r = poll(&wait, 1, left_us <= 0 ? 0 : (int)((left_us + 999) / 1000));
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0)
			continue;
		r = channel_receive(fd, ROLE_PAM, ROLE_ENFORCER, &message);
		if (r == -EAGAIN)
			continue;
		if (r < 0)
			return r;
		/* The only message of the table that goes from the one to the other. */
		memcpy(ret_answer, &message.body, sizeof(*ret_answer));
		message_done(&message);
		return ret_answer->verdict < AUTH_VERDICT_MAX ? 0 : -EPROTO;
	}
}

static int client_exchange(struct client *client, enum message_type type, const char *token,
	int64_t deadline_us, struct msg_auth_answer *ret_answer)
{
	struct msg_auth_request request = {.n_missed = atomic_load(&client_n_missed)};
	_cleanup_close_ int fd = -1, pipe_fd = -1;
	struct msg_auth_answer answer;
	int r;

	if (!client_user_fits(client->user))
		return -EINVAL;
	memcpy(request.user, client->user, strlen(client->user));
	request.is_remote = client->is_remote;
	if (client->service && text_is_valid(client->service, strlen(client->service)))
		memcpy(request.service, client->service,
			strnlen(client->service, LIMIT_SERVICE_BYTES));
	/* Cut in the middle of a character it would be no text any more. */
	if (!text_is_valid(request.service, strlen(request.service)))
		memset(request.service, 0, sizeof(request.service));
	/* First, so that nothing has to be done between connecting and asking. */
	if (token) {
		r = client_pipe(token, &pipe_fd);
		if (r < 0)
			return r;
	}
	r = client_connect(client->socket_path, deadline_us, &fd);
	if (r < 0)
		return r;
	r = channel_send(fd, ROLE_PAM, type, &request, &pipe_fd, token ? 1 : 0);
	if (r < 0)
		return r;
	r = client_receive(fd, deadline_us, &answer);
	if (r < 0)
		return r;
	atomic_fetch_sub(&client_n_missed, request.n_missed);
	*ret_answer = answer;
	return 0;
}

int client_ask(struct client *client, enum message_type type, const char *token,
	int64_t patience_us, struct msg_auth_answer *ret_answer)
{
	int64_t deadline_us = client_now_us() + patience_us;
	int saved = errno, r;

	/* Where many connect at once the enforcer may take the place back from a connection that
	 * has not asked yet. One that is gone does not let anybody connect; one that does not
	 * understand this module, after an upgrade say, would go on closing. */
	for (int i = 0;; i++) {
		r = client_exchange(client, type, token, deadline_us, ret_answer);
		if ((r != -EPIPE && r != -ECONNRESET) || i == CLIENT_RETRIES_MAX ||
			client_now_us() >= deadline_us)
			break;
		(void)poll(NULL, 0, i * CLIENT_RETRY_PAUSE_MS);
	}
	errno = saved;
	return r;
}

/* One byte for each, in a directory that only root writes to. */
static int client_count_in_file(const char *socket_path)
{
	const char *name = strrchr(socket_path, '/');
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;
	struct stat st;
	int n;

	if (geteuid() != 0 || !name)
		return -EPERM;
	n = snprintf(
		path, sizeof(path), "%.*s/auth-missed", (int)(name - socket_path), socket_path);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = client_lift(open(path,
		O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		0600));
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != 0)
		return -EPERM;
	if (st.st_size < CLIENT_MISSED_MAX && write(fd, "+", 1) != 1)
		return -EIO;
	return 0;
}

void client_missed(const char *socket_path)
{
	int saved = errno;

	if (client_count_in_file(socket_path) < 0)
		atomic_fetch_add(&client_n_missed, 1);
	errno = saved;
}
