/* SPDX-License-Identifier: Apache-2.0 */
/* guard_host.c - the enforcer's side of the guard; see guard_host.h. Enforcer, root. */
#include "agent/enforcer/guard_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/enforcer/arguments.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/guard_host_private.h"
#include "agent/ipc/channel.h"
#include "agent/util/child.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"

#define MESSAGES_AT_ONCE 32
#define FALL_FORGOTTEN_US (600 * USEC_PER_SEC)
#define GUARD_TOO_DEEP                                                                             \
	"some programs of Flatpaks that may not run lie too deep to be known, and start"

/* --- how it stands ------------------------------------------------------------------------ */

static enum guard_stand host_stand(const struct guard_host *h)
{
	if (h->wish != WISH_GUARD)
		return GUARD_STANDS_OFF;
	if (h->is_absent)
		return GUARD_STANDS_ABSENT;
	if (h->fd >= 0 && h->in_force && h->in_force_mark == h->mark)
		return GUARD_STANDS;
	return h->trouble[0] || h->build_trouble[0] ? GUARD_STANDS_DOWN : GUARD_STANDS_STARTING;
}

/* What there is to say of a table in force; each part whole or not at all. */
static void host_detail(
	const struct guard_host *h, char ret_text[LIMIT_TEXT_BYTES + 1], bool enforces)
{
	const struct guard_counts *counts = &h->counts;
	const struct {
		bool holds;
		const char *text;
	} parts[] = {
		{counts->is_idle && enforces,
			"nothing is refused: the policy sets no apps.mode; set it to deny or allow"},
		{counts->is_idle && !enforces,
			"nothing would be refused: the policy sets no apps.mode"},
		{counts->is_denied_cut, GUARD_TOO_DEEP},
		{counts->is_cut, "some shared programs of Flatpaks that may run may be refused"},
		{counts->is_foreign_cut,
			"of so many sticks and images not all are known as foreign"},
	};
	size_t n = 0;

	ret_text[0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(parts) && h->in_force == h->generation; i++)
		if (parts[i].holds && n + strlen(parts[i].text) + 2 <= LIMIT_TEXT_BYTES)
			n += (size_t)snprintf(ret_text + n, LIMIT_TEXT_BYTES + 1 - n, "%s%s",
				n ? "; " : "", parts[i].text);
	if (h->state.n_unwatched && n + 40 < LIMIT_TEXT_BYTES)
		snprintf(ret_text + n, LIMIT_TEXT_BYTES + 1 - n, "%snot watched: %s", n ? "; " : "",
			h->state.unwatched);
}

static void host_get(struct guard_standing *ret_standing, void *userdata)
{
	struct guard_host *h = userdata;
	const struct guard_header *header = &h->in_force_settings;
	struct guard_standing standing = {.stand = host_stand(h)};

	/* Whoever looks wants to know how it is now; what comes of it is a round of its own. */
	guard_watch_ask(h);

	if (standing.stand == GUARD_STANDS) {
		standing.enforces = header->mode == GUARD_ENFORCE;
		standing.fails_closed = header->flags & GUARD_F_FAIL_CLOSED;
		standing.no_user_programs =
			header->flags & (GUARD_F_ALLOW_MODE | GUARD_F_NO_USER_PROGRAMS);
		host_detail(h, standing.detail, standing.enforces);
	} else if (standing.stand == GUARD_STANDS_ABSENT) {
		snprintf(standing.detail, sizeof(standing.detail), "%s", h->hello.note);
	} else if (standing.stand != GUARD_STANDS_OFF) {
		snprintf(standing.detail, sizeof(standing.detail), "%s",
			h->trouble[0] ? h->trouble : h->build_trouble);
	}
	*ret_standing = standing;
}

/* What is seen of the guard may have changed: the next round looks. */
void guard_host_tell(struct guard_host *h)
{
	struct enforcer *e = h->e;
	enum guard_stand stand = host_stand(h);

	if (stand == GUARD_STANDS_DOWN)
		enforcer_problem(e, PROBLEM_GUARD,
			"It is started again by itself. Programs start unjudged meanwhile, unless "
			"the policy says guard_failure: closed.",
			"the guard over programs is away: %.180s",
			h->trouble[0] ? h->trouble : h->build_trouble);
	else if (stand == GUARD_STANDS_ABSENT)
		enforcer_problem(e, PROBLEM_GUARD,
			"Its kernel needs CONFIG_FANOTIFY_ACCESS_PERMISSIONS. Apps are still "
			"removed and kept away by the package manager.",
			"the start of programs cannot be judged on this phone: %.150s",
			h->hello.note);
	else
		enforcer_problem(e, PROBLEM_GUARD, NULL, NULL);
	if (e->state.facts.enrolled && h->wish != WISH_UNKNOWN)
		reconcile_request(&e->reconcile, false);
}

static void host_journal(struct guard_host *h, const char *what, const char *detail)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	log_info("guard: %s%s%s", what, *detail ? ": " : "", detail);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", what);
	if (*detail)
		jsonw_string(&w, "detail", detail);
	jsonw_object_end(&w);
	enforcer_journal(h->e, JOURNAL_GUARD, &payload);
}

/* --- the connection ----------------------------------------------------------------------- */

static void host_disconnect(struct guard_host *h)
{
	guard_watch_stop(h);
	h->source = sd_event_source_unref(h->source);
	closep(&h->fd);
	h->fd = -1;
	h->said_hello = false;
	h->sent = h->in_force = h->in_force_mark = 0;
	memset(&h->state, 0, sizeof(h->state));
}

/* It is away, though it is wanted. */
void guard_host_fell(struct guard_host *h, const char *why)
{
	int64_t now_us = clock_boottime_us();

	host_disconnect(h);
	if (h->wish != WISH_GUARD || h->is_absent)
		return;
	if (now_us - h->fell_us > FALL_FORGOTTEN_US)
		h->n_falls = 0;
	h->fell_us = now_us;
	h->n_falls++;
	snprintf(h->trouble, sizeof(h->trouble), "%s", why);
	host_journal(h, "fell", why);
	guard_start_later(h, guard_pause_us(h->n_falls));
	guard_host_tell(h);
}

void guard_host_send_table(struct guard_host *h)
{
	const struct msg_none none = {0};
	int r;

	if (h->fd < 0 || !h->said_hello || h->table_fd < 0 || h->sent == h->generation ||
		h->in_force == h->generation)
		return;
	r = channel_send(h->fd, ROLE_ENFORCER, MESSAGE_GUARD_TABLE, &none, &h->table_fd, 1);
	if (r == 0)
		h->sent = h->generation;
	else if (r != -EAGAIN)
		guard_host_fell(h, "it does not take its table");
	if (r == 0 || r == -EAGAIN)
		guard_watch_ask(h);
}

static void host_end_guard(struct guard_host *h)
{
	const struct msg_none none = {0};

	if (h->fd >= 0)
		(void)channel_send(h->fd, ROLE_ENFORCER, MESSAGE_GUARD_END, &none, NULL, 0);
}

/* The table that the guard says it has. */
void guard_host_note_in_force(struct guard_host *h, uint64_t generation)
{
	bool stood = host_stand(h) == GUARD_STANDS;

	h->in_force = generation;
	if (generation && generation == h->generation) {
		h->in_force_mark = h->table_mark;
		h->in_force_settings = h->settings;
	}
	if (host_stand(h) != GUARD_STANDS || stood)
		return;
	h->trouble[0] = 0;
	if (h->counts.is_denied_cut && generation == h->generation)
		host_journal(h, "incomplete", GUARD_TOO_DEEP);
	host_journal(h, "in_force",
		h->settings.mode == GUARD_ENFORCE ? "programs are judged"
						  : "programs are watched, none is refused");
	guard_host_tell(h);
}

static void host_on_hello(struct guard_host *h, const struct msg_guard_hello *hello)
{
	/* From before an upgrade: with what that mends. Its end is seen, and another one started.
	 */
	if (hello->version && hello->version != guard_version()) {
		log_info("guard: it is of another version, and ends");
		host_end_guard(h);
		return;
	}
	h->said_hello = true;
	h->hello = *hello;
	h->arrival = sd_event_source_unref(h->arrival);
	h->retry = sd_event_source_unref(h->retry);
	if (!hello->has_permissions) {
		if (!h->is_absent && h->wish == WISH_GUARD)
			host_journal(h, "absent", hello->note);
		h->is_absent = true;
		guard_host_tell(h);
		return;
	}
	if (h->wish == WISH_NONE) {
		host_end_guard(h);
		guard_watch_until_gone(h);
		return;
	}
	guard_host_note_in_force(h, hello->generation);
	guard_host_send_table(h);
	guard_watch_ask(h);
}

static void host_on_state(struct guard_host *h, const struct msg_guard_state *state)
{
	struct msg_guard_state before = h->state;

	h->state = *state;
	if (state->n_restarts > before.n_restarts)
		host_journal(h, "restarted",
			"the process that answers fell or hung and was started anew");
	if (state->refused_table && !before.refused_table) {
		snprintf(h->build_trouble, sizeof(h->build_trouble),
			"it refused its table as damaged");
		host_journal(h, "refused_table", "");
		guard_host_tell(h);
	}
	if (state->n_unwatched && strcmp(state->unwatched, before.unwatched) != 0) {
		host_journal(h, "unwatched", state->unwatched);
		guard_host_tell(h);
	}
	guard_host_note_in_force(h, state->generation);
	/* A table that could not be sent at once; the guard has read since. */
	guard_host_send_table(h);
}

static int host_take(struct guard_host *h, const struct message *m)
{
	const struct msg_guard_denied *denied = (const struct msg_guard_denied *)&m->body;

	if (!h->said_hello && m->type != MESSAGE_GUARD_HELLO)
		return -EPROTO;
	if (m->type == MESSAGE_GUARD_HELLO)
		host_on_hello(h, (const struct msg_guard_hello *)&m->body);
	else if (m->type == MESSAGE_GUARD_STATE)
		host_on_state(h, (const struct msg_guard_state *)&m->body);
	else if (m->type == MESSAGE_GUARD_DENIED)
		guard_news_take(h->news, denied,
			h->sources ? guard_sources_title(h->sources, denied->owner) : "");
	else if (m->type == MESSAGE_GUARD_PONG)
		guard_watch_answered(h);
	else
		return -EPROTO;
	return 0;
}

static int host_on_message(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct guard_host *h = userdata;

	(void)source;
	(void)events;
	for (int i = 0; i < MESSAGES_AT_ONCE && h->fd == fd; i++) {
		struct message m;
		int r = channel_receive(fd, ROLE_ENFORCER, ROLE_GUARD, &m);

		if (r == -EAGAIN)
			return 0;
		if (r == 0) {
			r = host_take(h, &m);
			message_done(&m);
		}
		if (r < 0) {
			/* Who speaks another language would come again and again; that word all
			 * know. */
			if (r != -ECONNRESET)
				host_end_guard(h);
			guard_host_fell(
				h, r == -ECONNRESET ? "it ended" : "it said what no guard says");
			return 0;
		}
	}
	return 0;
}

static int host_on_connect(sd_event_source *source, int listen_fd, uint32_t events, void *userdata)
{
	struct guard_host *h = userdata;
	_cleanup_close_ int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t n = sizeof(peer);

	(void)source;
	(void)events;
	/* Whoever runs the agent is root on a phone, and the tester in a test. */
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 ||
		(peer.uid != 0 && peer.uid != geteuid()))
		return 0;
	/* A newer one replaces the one before, which would come again if it were only let go of. */
	host_end_guard(h);
	host_disconnect(h);
	if (sd_event_add_io(h->e->event, &h->source, fd, EPOLLIN, host_on_message, h) < 0)
		return 0;
	h->fd = TAKE_FD(fd);
	guard_watch_begin(h);
	return 0;
}

/* --- what is wanted ----------------------------------------------------------------------- */

static void host_on_sources(void *userdata)
{
	struct guard_host *h = userdata;

	if (h->wish == WISH_GUARD)
		guard_make_later(h, GUARD_SETTLE_MS);
}

/* No policy wants one. */
static void host_nobody(struct guard_host *h)
{
	h->wish = WISH_NONE;
	h->mark = 0;
	h->n_falls = 0;
	h->trouble[0] = h->build_trouble[0] = 0;
	guard_make_stop(h);
	h->retry = sd_event_source_unref(h->retry);
	h->arrival = sd_event_source_unref(h->arrival);
	session_call_free(TAKE_PTR(h->service));
	guard_sources_free(TAKE_PTR(h->sources));
	closep(&h->table_fd);
	h->table_fd = -1;
	h->generation = h->table_mark = 0;
	enforcer_problem(h->e, PROBLEM_GUARD, NULL, NULL);
	host_end_guard(h);
}

static int host_want(const struct effective *desired, void *userdata)
{
	struct guard_host *h = userdata;
	enum guard_wish before = h->wish;
	uint64_t mark;
	int r;

	if (!desired || !guard_is_wanted(desired)) {
		host_nobody(h);
		if (before != WISH_NONE)
			guard_watch_until_gone(h);
		return before == WISH_GUARD;
	}
	r = guard_policy_mark(desired, &mark);
	if (r == 0 && !h->sources)
		r = guard_sources_new(h->e, host_on_sources, h, &h->sources);
	if (r < 0)
		return r;
	if (before == WISH_GUARD && mark == h->mark)
		return 0;
	h->wish = WISH_GUARD;
	h->mark = mark;
	/* The policy in force is read when the table is begun, in a turn of its own. */
	guard_make_stop(h);
	guard_make_later(h, 0);
	return 1;
}

/* --- life --------------------------------------------------------------------------------- */

static int host_listen(struct guard_host *h)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;

	memcpy(address.sun_path, h->path, strlen(h->path) + 1);
	/* The lock on the state directory says that no other agent is there. */
	unlink(h->path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		chmod(h->path, 0600) < 0 || listen(fd, 4) < 0)
		return -errno;
	h->listen_fd = TAKE_FD(fd);
	h->listening_us = clock_boottime_us();
	return sd_event_add_io(
		h->e->event, &h->listener, h->listen_fd, EPOLLIN, host_on_connect, h);
}

int guard_host_new(struct enforcer *e, struct guard_host **ret_host)
{
	struct guard_host *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->e = e;
	h->listen_fd = h->fd = h->table_fd = -1;
	h->wish = e->state.facts.enrolled ? WISH_UNKNOWN : WISH_NONE;
	h->known = (struct guard_known){.get = host_get, .want = host_want, .userdata = h};
	r = guard_news_new(e, &h->news);
	if (r == 0)
		r = arguments_socket(&e->options, e->options.guard_socket, "guard.sock", h->path);
	if (r == 0)
		r = host_listen(h);
	if (r < 0) {
		log_error(
			"%s cannot be listened on: %s; no guard is started", h->path, strerror(-r));
		enforcer_problem(e, PROBLEM_GUARD, "Start as root, or name another --guard-socket.",
			"the guard's socket %.150s cannot be listened on: %s", h->path,
			strerror(-r));
		guard_host_free(h);
		return r;
	}
	/* One that is left over from before comes, and is told to end, unless it does not listen.
	 */
	if (h->wish == WISH_NONE)
		guard_watch_until_gone(h);
	e->platform.guard = &h->known;
	*ret_host = h;
	return 0;
}

void guard_host_free(struct guard_host *h)
{
	if (!h)
		return;
	h->e->platform.guard = NULL;
	guard_make_stop(h);
	host_disconnect(h);
	session_call_free(h->service);
	child_free(h->child);
	sd_event_source_unref(h->retry);
	sd_event_source_unref(h->arrival);
	guard_sources_free(h->sources);
	guard_news_free(h->news);
	closep(&h->table_fd);
	sd_event_source_unref(h->listener);
	if (h->listen_fd >= 0)
		unlink(h->path);
	closep(&h->listen_fd);
	free(h);
}

void guard_host_write(const struct enforcer *e, struct jsonw *w, const char *key)
{
	const struct guard_host *h = e->guard;
	struct guard_standing standing;

	if (!h) {
		jsonw_null(w, key);
		return;
	}
	host_get(&standing, e->guard);
	jsonw_object(w, key);
	jsonw_string(w, "state", guard_stand_name(standing.stand));
	jsonw_string(w, "mode",
		standing.stand != GUARD_STANDS ? NULL
		: standing.enforces	       ? "enforce"
					       : "audit");
	jsonw_string(w, "detail", standing.detail);
	jsonw_int(w, "filesystems", h->state.n_filesystems);
	jsonw_int(w, "unwatched", h->state.n_unwatched);
	jsonw_int(w, "restarts", h->state.n_restarts);
	jsonw_int(w, "programs_denied", (int64_t)h->counts.n_denied);
	guard_news_write(h->news, w);
	jsonw_object_end(w);
}
