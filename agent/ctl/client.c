/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - one request to the enforcer; see client.h. Any user; agentctl. */
#include "agent/ctl/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/ipc/channel.h"
#include "agent/util/clock.h"
#include "agent/util/fs.h"

#define CLIENT_RETRY_MS 50 /* between attempts while the queue of connections is full */

static const char *const client_errors[CLIENT_E_MAX] = {
	[CLIENT_E_NOT_RUNNING] = "The agent is not running",
	[CLIENT_E_DENIED] = "The socket of the agent may not be opened",
	[CLIENT_E_STRANGER] =
		"Another user's program listens where the agent should; nothing was sent",
	[CLIENT_E_TIMEOUT] = "The agent does not answer",
	[CLIENT_E_CLOSED] = "The agent closed the connection without an answer",
	[CLIENT_E_NONSENSE] = "The agent's answer does not follow the protocol and was not used",
	[CLIENT_E_INTERRUPTED] = "Interrupted",
};

const char *client_error_text(enum client_error error)
{
	return client_errors[error];
}

void client_answer_done(struct client_answer *answer)
{
	free(answer->json);
	json_object_put(answer->object);
	*answer = CLIENT_ANSWER_INIT;
}

/* One conversation: the socket, the signals, the deadline. */
struct client {
	int fd, signal_fd;
	int64_t deadline_us;
};

/*
 * Waits for events on the socket (events 0: just waits wait_ms). 0, CLIENT_E_TIMEOUT,
 * CLIENT_E_INTERRUPTED or -errno.
 */
static int client_wait(const struct client *c, short events, int wait_ms)
{
	struct pollfd fds[] = {
		{.fd = c->signal_fd, .events = POLLIN},
		{.fd = c->fd, .events = events},
	};

	for (;;) {
		int64_t left_ms = (c->deadline_us - clock_boottime_us() + 999) / 1000;
		bool last = wait_ms < 0 || left_ms <= wait_ms;
		int r;

		if (left_ms <= 0)
			return CLIENT_E_TIMEOUT;
		r = poll(fds, events ? 2 : 1, last ? (int)left_ms : wait_ms);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0)
			return fds[0].revents ? CLIENT_E_INTERRUPTED : 0;
		if (r == 0)
			return last ? CLIENT_E_TIMEOUT : 0;
	}
}

static int client_connect(const struct client *c, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n_path = strlen(path);

	if (n_path == 0 || n_path >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, n_path + 1);
	for (;;) {
		int r;

		if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return 0;
		switch (errno) {
		case EAGAIN:
			r = client_wait(c, 0, CLIENT_RETRY_MS);
			if (r != 0)
				return r;
			break;
		case EINTR:
			break;
		case ENOENT:
		case ENOTDIR:
		case ECONNREFUSED:
			return CLIENT_E_NOT_RUNNING;
		case EACCES:
		case EPERM:
			return CLIENT_E_DENIED;
		default:
			return -errno;
		}
	}
}

/* Root, or whoever asks (tests, a private instance): nobody else may collect tickets here. */
static int client_check_peer(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	return peer.uid == 0 || peer.uid == geteuid() ? 0 : CLIENT_E_STRANGER;
}

static int client_send(const struct client *c, const struct client_request *request)
{
	int r;

	while ((r = channel_send(c->fd, ROLE_CTL, request->type, request->body, NULL, 0)) ==
		-EAGAIN) {
		r = client_wait(c, POLLOUT, -1);
		if (r != 0)
			return r;
	}
	return r == -EPIPE || r == -ECONNRESET ? CLIENT_E_CLOSED : r;
}

/*
 * What json-c lets pass in its strict mode and JSON does not: other quotes, NaN and the like, raw
 * control characters in strings.
 */
static bool client_json_is_plain(const char *text, size_t n_bytes)
{
	static const char outside[] = "{}[],: \t\r\n0123456789+-.eEtrufalsn";
	bool in_string = false;

	for (size_t i = 0; i < n_bytes; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"')
			in_string = !in_string;
		else if (in_string && c < 0x20)
			return false;
		else if (in_string && c == '\\')
			i++;
		else if (!in_string && (c == 0 || !strchr(outside, c)))
			return false;
	}
	return true;
}

int client_read_answer(int fd, size_t n_bytes, struct client_answer *ret_answer)
{
	_cleanup_free_ char *text = NULL;
	struct json_tokener *tokener;
	struct json_object *object;
	enum json_tokener_error error;
	size_t n_text, n_used;
	int seals, r;

	if (n_bytes == 0 || n_bytes > LIMIT_LOCAL_ANSWER_BYTES)
		return CLIENT_E_NONSENSE;
	/* Unsealed, the bytes could change or vanish while they are looked at. */
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_WRITE)) != (F_SEAL_SHRINK | F_SEAL_WRITE))
		return CLIENT_E_NONSENSE;
	r = fs_read_fd(fd, n_bytes, &text, &n_text);
	if (r < 0)
		return r == -ENOMEM ? r : CLIENT_E_NONSENSE;
	if (n_text != n_bytes || !client_json_is_plain(text, n_text))
		return CLIENT_E_NONSENSE;

	tokener = json_tokener_new_ex(CLIENT_JSON_DEPTH);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)n_text);
	error = json_tokener_get_error(tokener);
	n_used = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	if (error != json_tokener_success || n_used != n_text ||
		!json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		return CLIENT_E_NONSENSE;
	}
	ret_answer->json = TAKE_PTR(text);
	ret_answer->n_json = n_text;
	ret_answer->object = object;
	return 0;
}

static int client_receive(const struct client *c, struct client_answer *ret_answer)
{
	_cleanup_(message_done) struct message message = {.fds = {-1, -1, -1}};
	struct client_answer answer = CLIENT_ANSWER_INIT;
	const struct msg_ctl_answer *body;
	int r;

	do {
		r = client_wait(c, POLLIN, -1);
		if (r != 0)
			return r;
		r = channel_receive(c->fd, ROLE_CTL, ROLE_ENFORCER, &message);
	} while (r == -EAGAIN);
	if (r == -ECONNRESET)
		return CLIENT_E_CLOSED;
	if (r == -EPROTO)
		return CLIENT_E_NONSENSE;
	if (r < 0)
		return r;
	body = &message.body.as_63;
	if (message.type != MESSAGE_CTL_ANSWER || (body->answer_bytes > 0) != (message.n_fds == 1))
		return CLIENT_E_NONSENSE;
	if (body->answer_bytes > 0) {
		r = client_read_answer(message.fds[0], body->answer_bytes, &answer);
		if (r != 0)
			return r;
	}
	answer.code = body->code;
	memcpy(answer.message, body->message, sizeof(answer.message));
	*ret_answer = answer;
	return 0;
}

int client_ask(const struct client_request *request, struct client_answer *ret_answer)
{
	_cleanup_close_ int fd = -1, signal_fd = -1;
	struct client c;
	sigset_t caught, before;
	int r;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	sigemptyset(&caught);
	sigaddset(&caught, SIGINT);
	sigaddset(&caught, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &caught, &before) < 0)
		return -errno;
	signal_fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	c = (struct client){
		.fd = fd,
		.signal_fd = signal_fd,
		.deadline_us = clock_boottime_us() + (int64_t)request->timeout_s * USEC_PER_SEC,
	};
	r = signal_fd < 0 ? -errno : client_connect(&c, request->socket_path);
	if (r == 0)
		r = client_check_peer(fd);
	if (r == 0)
		r = client_send(&c, request);
	if (r == 0)
		r = client_receive(&c, ret_answer);
	if (r == CLIENT_E_INTERRUPTED) {
		struct signalfd_siginfo info;

		/* Taken off the queue: it shall not kill the program before its last words. */
		while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			;
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
