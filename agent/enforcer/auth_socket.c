/* SPDX-License-Identifier: Apache-2.0 */
/* auth_socket.c - connections of pam_mdm.so; see auth_socket.h. Enforcer, root. */
#include "agent/enforcer/auth_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/ipc/channel.h"
#include "agent/util/clock.h"
#include "agent/util/mem.h"

/* Longer than anybody needs between connecting and asking, who is not stopped on purpose. */
#define GRACE_US (20 * 1000)
/*
 * In the kernel's queue they wait in the order in which they came, and may ask already. So many are
 * answered within the patience of pam_mdm.so on the slowest phone, whoever fills the queue.
 */
#define BACKLOG 128
/* Accepted in one turn of the loop; the rest of the agent has its turn in between. */
#define ACCEPT_AT_ONCE 16
#define WAKE_US (100 * 1000) /* those who wait are looked at again at the latest */

struct auth_connection {
	struct auth_socket *socket;
	int fd; /* -1: free place */
	sd_event_source *source;
	uid_t uid;
	pid_t pid;
	bool is_root;
	bool waits;	  /* a request lies in it that cannot be answered yet */
	int64_t heard_us; /* accepted, or answered last */
	int64_t since_us; /* waits: since then */
	/* waits: the smaller, the earlier; above, as many turns from the one when it came as its
	 * process had waiting already, and below, in which order they came */
	uint64_t turn;
	uint64_t round; /* when it was asked about last */
};

struct auth_socket {
	sd_event *event;
	auth_question_fn ask;
	void *userdata;
	int fd;
	sd_event_source *source;
	sd_event_source *timer; /* while there are connections */
	struct auth_connection places[AUTH_SOCKET_PLACES];
	uint64_t turn;	  /* of the one that was served last */
	uint32_t n_waits; /* that began */
	uint64_t rounds;
	bool paused;
	char path[108];
};

static void socket_set_timer(struct auth_socket *s);
static size_t socket_waiting(const struct auth_socket *s, uid_t uid, pid_t pid);

static void connection_drop(struct auth_connection *c)
{
	c->source = sd_event_source_unref(c->source);
	closep(&c->fd);
	c->fd = -1;
	c->waits = false;
}

/* An answer that cannot be left there at once is one that nobody waits for. */
static bool socket_answer(int fd, const struct msg_auth_answer *answer)
{
	return channel_discard(fd) == 0 &&
	       channel_send(fd, ROLE_ENFORCER, MESSAGE_AUTH_ANSWER, answer, NULL, 0) == 0;
}

enum served {
	SERVED_ANSWERED,
	SERVED_NOTHING, /* there is no request */
	SERVED_WAITS,
	SERVED_END, /* the connection is over, or another's */
};

/*
 * Serves the request that lies in a connection, if there is one. c->fd is -1 afterwards where the
 * handler has taken it.
 */
static enum served connection_serve(struct auth_connection *c)
{
	struct auth_socket *s = c->socket;
	struct msg_auth_answer answer = {0};
	struct auth_question question;
	struct message m;
	bool fds;
	int r = channel_peek(c->fd, ROLE_ENFORCER, ROLE_PAM, &m, &fds);

	if (r == -EAGAIN)
		return SERVED_NOTHING;
	if (r < 0)
		return SERVED_END;
	question = (struct auth_question){
		.type = m.type,
		.request = &m.body.as_24,
		.uid = c->uid,
		.is_root = c->is_root,
		.since_us = c->waits ? c->since_us : clock_boottime_us(),
	};
	switch (s->ask(&question, c->fd, &answer, s->userdata)) {
	case AUTH_NEXT_ANSWER:
		c->heard_us = clock_boottime_us();
		c->waits = false;
		return socket_answer(c->fd, &answer) ? SERVED_ANSWERED : SERVED_END;
	case AUTH_NEXT_WAIT:
		if (!c->waits) {
			/* Who asks once does not stand behind all that one process asks. */
			c->turn = ((s->turn >> 32) + socket_waiting(s, c->uid, c->pid)) << 32 |
				  s->n_waits++;
			c->waits = true;
			c->since_us = question.since_us;
		}
		return SERVED_WAITS;
	case AUTH_NEXT_END:
		return SERVED_END;
	case AUTH_NEXT_TAKEN:
		c->source = sd_event_source_unref(c->source);
		c->fd = -1;
		c->waits = false;
		break;
	}
	return SERVED_END;
}

/* One that waits is not polled: its request lies there already. */
static void connection_settle(struct auth_connection *c, enum served served)
{
	if (served == SERVED_END) {
		connection_drop(c);
		return;
	}
	if (c->source && sd_event_source_set_enabled(c->source,
				 served == SERVED_WAITS ? SD_EVENT_OFF : SD_EVENT_ON) < 0)
		connection_drop(c);
	if (served == SERVED_WAITS)
		socket_set_timer(c->socket);
}

void auth_socket_wake(struct auth_socket *s)
{
	uint64_t round = ++s->rounds;

	for (;;) {
		struct auth_connection *next = NULL;
		enum served served;

		for (size_t i = 0; i < AUTH_SOCKET_PLACES; i++) {
			struct auth_connection *c = &s->places[i];

			if (c->fd >= 0 && c->waits && c->round != round &&
				(!next || c->turn < next->turn))
				next = c;
		}
		if (!next)
			return;
		next->round = round;
		served = connection_serve(next);
		if (served != SERVED_WAITS && next->turn > s->turn)
			s->turn = next->turn;
		connection_settle(next, served);
	}
}

static int socket_on_request(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct auth_connection *c = userdata;

	(void)source;
	(void)fd;
	(void)events;
	connection_settle(c, connection_serve(c));
	return 0;
}

/* --- places ------------------------------------------------------------------------------ */

static bool socket_is_empty(const struct auth_socket *s)
{
	for (size_t i = 0; i < AUTH_SOCKET_PLACES; i++)
		if (s->places[i].fd >= 0)
			return false;
	return true;
}

static void socket_pause(struct auth_socket *s, bool paused)
{
	if (s->paused == paused)
		return;
	s->paused = paused;
	(void)sd_event_source_set_enabled(s->source, paused ? SD_EVENT_OFF : SD_EVENT_ON);
}

static int socket_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct auth_socket *s = userdata;
	int64_t now_us = clock_boottime_us();

	(void)source;
	(void)usec;
	s->timer = sd_event_source_unref(s->timer);
	socket_pause(s, false);
	auth_socket_wake(s);
	for (size_t i = 0; i < AUTH_SOCKET_PLACES; i++) {
		struct auth_connection *c = &s->places[i];

		if (c->fd >= 0 && !c->waits &&
			now_us - c->heard_us >= AUTH_SOCKET_IDLE_S * USEC_PER_SEC)
			connection_drop(c);
	}
	socket_set_timer(s);
	return 0;
}

/* Only while somebody is there: a phone at rest is not woken up. */
static void socket_set_timer(struct auth_socket *s)
{
	bool waits = s->paused;

	for (size_t i = 0; i < AUTH_SOCKET_PLACES && !waits; i++)
		waits = s->places[i].fd >= 0 && s->places[i].waits;
	if (!waits && socket_is_empty(s)) {
		s->timer = sd_event_source_unref(s->timer);
		return;
	}
	if (s->timer) {
		uint64_t due_us = 0;

		if (!waits || (sd_event_source_get_time(s->timer, &due_us) >= 0 &&
				      due_us <= (uint64_t)clock_boottime_us() + WAKE_US))
			return;
		s->timer = sd_event_source_unref(s->timer);
	}
	(void)sd_event_add_time(s->event, &s->timer, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() +
			   (s->paused	   ? GRACE_US
				   : waits ? WAKE_US
					   : AUTH_SOCKET_IDLE_S * USEC_PER_SEC)),
		GRACE_US / 4, socket_on_timer, s);
}

static size_t socket_waiting(const struct auth_socket *s, uid_t uid, pid_t pid)
{
	size_t n = 0;

	for (size_t i = 0; i < AUTH_SOCKET_PLACES; i++) {
		const struct auth_connection *c = &s->places[i];

		n += c->fd >= 0 && c->waits && c->uid == uid && c->pid == pid;
	}
	return n;
}

/* Of those of a user that wait, the last one of the process that has the most. */
static struct auth_connection *socket_greediest(struct auth_socket *s, uid_t uid)
{
	struct auth_connection *found = NULL;
	size_t most = 0;

	for (size_t i = 0; i < AUTH_SOCKET_PLACES; i++) {
		struct auth_connection *c = &s->places[i];
		size_t n;

		if (c->fd < 0 || !c->waits || c->uid != uid)
			continue;
		n = socket_waiting(s, uid, c->pid);
		if (n > most || (n == most && c->turn > found->turn)) {
			found = c;
			most = n;
		}
	}
	return found;
}

/*
 * A place for a connection that has not asked anything yet, or has to wait. Who has as many as a
 * user may have gives back the one that was silent longest. NULL: there is none to give back,
 * because others have them all.
 */
static struct auth_connection *socket_place(struct auth_socket *s, uid_t uid, bool is_root)
{
	struct auth_connection *place = NULL, *oldest = NULL;
	size_t n_same = 0, n_others = 0;

	for (size_t i = 0; i < AUTH_SOCKET_PLACES; i++) {
		struct auth_connection *c = &s->places[i];

		if (c->fd < 0) {
			place = c;
			continue;
		}
		n_others += !c->is_root;
		if (c->uid != uid)
			continue;
		n_same++;
		if (!c->waits && (!oldest || c->heard_us < oldest->heard_us))
			oldest = c;
	}
	if (place && (is_root || (n_same < AUTH_SOCKET_USER_PLACES &&
					 n_others < AUTH_SOCKET_PLACES - AUTH_SOCKET_ROOT_PLACES)))
		return place;
	if (!oldest) {
		/* All wait for verifications. One of them is told to come back. */
		const struct msg_auth_answer busy = {.verdict = AUTH_WAIT};

		oldest = socket_greediest(s, uid);
		if (oldest)
			(void)socket_answer(oldest->fd, &busy);
	}
	if (oldest)
		connection_drop(oldest);
	return oldest;
}

/* Whether a silent one of that user is so new that it may just not have come to asking. */
static bool socket_is_young(const struct auth_socket *s, uid_t uid)
{
	int64_t now_us = clock_boottime_us();
	size_t n_silent = 0, n_young = 0;

	for (size_t i = 0; i < AUTH_SOCKET_PLACES; i++) {
		const struct auth_connection *c = &s->places[i];

		if (c->fd < 0 || c->uid != uid || c->waits)
			continue;
		n_silent++;
		n_young += now_us - c->heard_us < GRACE_US;
	}
	return n_silent >= AUTH_SOCKET_USER_PLACES / 2 && n_young == n_silent;
}

static void socket_seat(struct auth_socket *s, struct auth_connection *fresh)
{
	enum served served = connection_serve(fresh);
	struct auth_connection *c;

	if (served == SERVED_END) {
		closep(&fresh->fd);
		return;
	}
	c = socket_place(s, fresh->uid, fresh->is_root);
	if (!c) {
		const struct msg_auth_answer busy = {.verdict = AUTH_WAIT};

		if (served == SERVED_WAITS)
			(void)socket_answer(fresh->fd, &busy);
		closep(&fresh->fd);
		return;
	}
	*c = *fresh;
	if (sd_event_add_io(s->event, &c->source, c->fd, EPOLLIN, socket_on_request, c) < 0) {
		connection_drop(c);
		return;
	}
	connection_settle(c, served);
	socket_set_timer(s);
	if (socket_is_young(s, fresh->uid)) {
		/* Somebody floods. The queue in the kernel is served in order, a little later. */
		socket_pause(s, true);
		s->timer = sd_event_source_unref(s->timer);
		socket_set_timer(s);
	}
}

static int socket_on_connect(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct auth_socket *s = userdata;

	(void)source;
	(void)events;
	for (int i = 0; i < ACCEPT_AT_ONCE && !s->paused; i++) {
		struct auth_connection fresh = {.socket = s};
		struct ucred peer;
		socklen_t n = sizeof(peer);

		fresh.fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fresh.fd < 0)
			return 0;
		if (getsockopt(fresh.fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0) {
			closep(&fresh.fd);
			continue;
		}
		fresh.uid = peer.uid;
		fresh.pid = peer.pid;
		/* Whoever runs the agent is root on a phone, and the tester in a test. */
		fresh.is_root = peer.uid == 0 || peer.uid == geteuid();
		fresh.heard_us = clock_boottime_us();
		socket_seat(s, &fresh);
	}
	return 0;
}

/* --- life -------------------------------------------------------------------------------- */

void auth_socket_free(struct auth_socket *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < AUTH_SOCKET_PLACES; i++)
		connection_drop(&s->places[i]);
	sd_event_source_unref(s->source);
	sd_event_source_unref(s->timer);
	if (s->fd >= 0)
		unlink(s->path);
	closep(&s->fd);
	free(s);
}
DEFINE_CLEANUP(struct auth_socket *, auth_socket_free)

/* Something listens behind the path: another agent is running. */
static bool socket_is_served(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
				  errno == EAGAIN);
}

int auth_socket_new(sd_event *event, const char *path, auth_question_fn ask, void *userdata,
	struct auth_socket **ret_socket)
{
	_cleanup_(auth_socket_freep) struct auth_socket *s = calloc(1, sizeof(*s));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, r;

	if (!s)
		return -ENOMEM;
	s->fd = -1;
	s->event = event;
	s->ask = ask;
	s->userdata = userdata;
	for (size_t i = 0; i < AUTH_SOCKET_PLACES; i++)
		s->places[i] = (struct auth_connection){.socket = s, .fd = -1};
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(s->path, path, strlen(path) + 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (socket_is_served(&address))
		return -EADDRINUSE;
	unlink(path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	s->fd = fd;
	if (chmod(path, 0666) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	r = sd_event_add_io(event, &s->source, fd, EPOLLIN, socket_on_connect, s);
	if (r < 0)
		return r;
	*ret_socket = TAKE_PTR(s);
	return 0;
}
