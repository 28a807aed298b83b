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
#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/guard_news.h"
#include "agent/ipc/channel.h"
#include "agent/util/child.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"
#include "platform/guard_known.h"
#include "platform/service.h"

#define START_DEADLINE_S 20
#define MESSAGES_AT_ONCE 32
#define FALL_FORGOTTEN_US (600 * USEC_PER_SEC)
#define GUARD_EXIT_ABSENT 3

enum guard_wish {
	WISH_UNKNOWN, /* the rules were not looked at yet */
	WISH_NONE,
	WISH_GUARD,
};

struct guard_host {
	struct enforcer *e;
	char path[LIMIT_SOCKET_BYTES + 1];
	int listen_fd;
	sd_event_source *listener;
	struct guard_known known; /* lent to the backend */
	struct guard_sources *sources;
	struct guard_news *news;
	/* What is wanted, and what was made of it. */
	enum guard_wish wish;
	uint64_t mark; /* of the policy */
	struct guard_build *build;
	uint64_t build_mark;
	bool again; /* something changed while it was made */
	sd_event_source *step, *settle;
	int table_fd; /* -1: none yet */
	uint64_t generation, table_mark;
	struct guard_header settings;
	struct guard_counts counts;
	char build_trouble[LIMIT_TEXT_BYTES + 1];
	/* The guard that is connected. */
	int fd;
	sd_event_source *source;
	bool said_hello;
	uint64_t sent, in_force; /* generations */
	uint64_t in_force_mark;	 /* policy that the table in force was made of; 0: not known */
	struct guard_header in_force_settings;
	struct msg_guard_hello hello;
	struct msg_guard_state state;
	/* Starting it. */
	bool is_absent; /* the kernel; until this process ends */
	unsigned int n_falls;
	int64_t fell_us;
	struct session_call *service;
	struct child *child;
	sd_event_source *retry, *arrival;
	char trouble[LIMIT_TEXT_BYTES + 1]; /* why it is not there */
};

static void host_start(struct guard_host *h);
static void host_start_later(struct guard_host *h, int64_t pause_us);
static void host_build(struct guard_host *h);

static const char *const stand_names[GUARD_STAND_MAX] = {
	[GUARD_STANDS_OFF] = "off",
	[GUARD_STANDS_STARTING] = "starting",
	[GUARD_STANDS] = "in_force",
	[GUARD_STANDS_DOWN] = "down",
	[GUARD_STANDS_ABSENT] = "absent",
};

const char *guard_stand_name(enum guard_stand stand)
{
	return stand < GUARD_STAND_MAX ? stand_names[stand] : "unknown";
}

int64_t guard_pause_us(unsigned int n_falls)
{
	int64_t s = 1;

	if (n_falls <= 1)
		return 0;
	for (unsigned int i = 2; i < n_falls && s < GUARD_PAUSE_MAX_S; i++)
		s *= 2;
	return (s < GUARD_PAUSE_MAX_S ? s : GUARD_PAUSE_MAX_S) * USEC_PER_SEC;
}

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

static void host_get(struct guard_standing *ret_standing, void *userdata)
{
	const struct guard_host *h = userdata;
	const struct guard_header *header = &h->in_force_settings;
	struct guard_standing standing = {.stand = host_stand(h)};

	if (standing.stand == GUARD_STANDS) {
		standing.enforces = header->mode == GUARD_ENFORCE;
		standing.fails_closed = header->flags & GUARD_F_FAIL_CLOSED;
		standing.no_user_programs =
			header->flags & (GUARD_F_ALLOW_MODE | GUARD_F_NO_USER_PROGRAMS);
		if (h->state.n_unwatched)
			snprintf(standing.detail, sizeof(standing.detail), "not watched: %.230s",
				h->state.unwatched);
	} else if (standing.stand == GUARD_STANDS_ABSENT) {
		snprintf(standing.detail, sizeof(standing.detail), "%s", h->hello.note);
	} else if (standing.stand != GUARD_STANDS_OFF) {
		snprintf(standing.detail, sizeof(standing.detail), "%s",
			h->trouble[0] ? h->trouble : h->build_trouble);
	}
	*ret_standing = standing;
}

/* What is seen of the guard may have changed: the next round looks. */
static void host_tell(struct guard_host *h)
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
	h->source = sd_event_source_unref(h->source);
	closep(&h->fd);
	h->fd = -1;
	h->said_hello = false;
	h->sent = h->in_force = h->in_force_mark = 0;
	memset(&h->state, 0, sizeof(h->state));
}

/* It is away, though it is wanted. */
static void host_fell(struct guard_host *h, const char *why)
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
	host_start_later(h, guard_pause_us(h->n_falls));
	host_tell(h);
}

static void host_send_table(struct guard_host *h)
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
		host_fell(h, "it does not take its table");
}

static void host_end_guard(struct guard_host *h)
{
	const struct msg_none none = {0};

	if (h->fd >= 0)
		(void)channel_send(h->fd, ROLE_ENFORCER, MESSAGE_GUARD_END, &none, NULL, 0);
}

/* The table that the guard says it has. */
static void host_note_in_force(struct guard_host *h, uint64_t generation)
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
	host_journal(h, "in_force",
		h->settings.mode == GUARD_ENFORCE ? "programs are judged"
						  : "programs are watched, none is refused");
	host_tell(h);
}

static void host_on_hello(struct guard_host *h, const struct msg_guard_hello *hello)
{
	h->said_hello = true;
	h->hello = *hello;
	h->arrival = sd_event_source_unref(h->arrival);
	h->retry = sd_event_source_unref(h->retry);
	if (!hello->has_permissions) {
		if (!h->is_absent && h->wish == WISH_GUARD)
			host_journal(h, "absent", hello->note);
		h->is_absent = true;
		host_tell(h);
		return;
	}
	if (h->wish == WISH_NONE) {
		host_end_guard(h);
		return;
	}
	host_note_in_force(h, hello->generation);
	host_send_table(h);
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
		host_tell(h);
	}
	if (state->n_unwatched && strcmp(state->unwatched, before.unwatched) != 0) {
		host_journal(h, "unwatched", state->unwatched);
		host_tell(h);
	}
	host_note_in_force(h, state->generation);
	/* A table that could not be sent at once; the guard has read since. */
	host_send_table(h);
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
			host_fell(h, r == -ECONNRESET ? "it ended" : "it said what no guard says");
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
	/* A newer one replaces the one before. */
	host_disconnect(h);
	if (sd_event_add_io(h->e->event, &h->source, fd, EPOLLIN, host_on_message, h) < 0)
		return 0;
	h->fd = TAKE_FD(fd);
	return 0;
}

/* --- starting it -------------------------------------------------------------------------- */

static void host_not_started(struct guard_host *h, const char *why)
{
	h->arrival = sd_event_source_unref(h->arrival);
	if (h->fd < 0)
		host_fell(h, why);
}

static int host_on_arrival(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct guard_host *h = userdata;

	(void)source;
	(void)usec;
	h->arrival = sd_event_source_unref(h->arrival);
	if (!h->said_hello)
		host_fell(h, "it was started and does not come");
	return 0;
}

static void host_on_service(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;

	if (answer->result != SESSION_DONE)
		host_not_started(e->guard, answer->detail);
}

static void host_on_program(const struct child_result *result, void *userdata)
{
	struct guard_host *h = userdata;
	char why[LIMIT_TEXT_BYTES + 1];

	/* It has left for a session of its own. */
	if (result->end == CHILD_EXITED && (result->code == 0 || result->code == GUARD_EXIT_ABSENT))
		return;
	snprintf(why, sizeof(why), "%.120s could not begin (%s %d)", h->e->options.guard_program,
		result->end == CHILD_EXITED ? "status" : "signal", result->code);
	host_not_started(h, why);
}

static int host_start_program(struct guard_host *h)
{
	const char *argv[] = {h->e->options.guard_program, "--socket", h->path, "--detach", NULL};
	const struct child_spec spec = {
		.argv = argv,
		.root_fd = -1,
		.deadline_s = START_DEADLINE_S,
	};

	child_free(TAKE_PTR(h->child));
	return child_start(h->e->event, &spec, host_on_program, h, &h->child);
}

static void host_start(struct guard_host *h)
{
	struct session_start start;
	char why[LIMIT_TEXT_BYTES + 1];
	int r;

	h->retry = sd_event_source_unref(h->retry);
	if (h->wish != WISH_GUARD || h->is_absent || h->fd >= 0 || h->arrival)
		return;
	if (h->listen_fd < 0)
		return;
	r = sd_event_add_time(h->e->event, &h->arrival, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + GUARD_ARRIVAL_S * USEC_PER_SEC), 100000,
		host_on_arrival, h);
	if (r < 0)
		return;
	session_call_free(TAKE_PTR(h->service));
	effects_fill(h->e, &start, host_on_service);
	start.slot = &h->service;
	r = service_start(&start, GUARD_SERVICE);
	if (r < 0)
		r = host_start_program(h);
	if (r < 0) {
		snprintf(why, sizeof(why), "%.150s: %s", h->e->options.guard_program, strerror(-r));
		host_not_started(h, why);
	}
}

static int host_on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	host_start(userdata);
	return 0;
}

static void host_start_later(struct guard_host *h, int64_t pause_us)
{
	h->retry = sd_event_source_unref(h->retry);
	h->arrival = sd_event_source_unref(h->arrival);
	(void)sd_event_add_time(h->e->event, &h->retry, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + pause_us), 50000, host_on_retry, h);
}

/* --- its table ---------------------------------------------------------------------------- */

static void host_build_failed(struct guard_host *h, int error)
{
	guard_build_free(TAKE_PTR(h->build));
	h->step = sd_event_source_unref(h->step);
	snprintf(h->build_trouble, sizeof(h->build_trouble),
		"its table could not be made: %s; the one before serves", strerror(-error));
	log_error("guard: %s", h->build_trouble);
	host_tell(h);
}

static int host_finish_build(struct guard_host *h)
{
	_cleanup_buf_ struct buf table = BUF_INIT;
	struct guard_counts counts;
	uint64_t generation;
	int fd, r = guard_build_finish(h->build, &table, &generation, &counts);

	if (r < 0)
		return r;
	fd = fs_memfd("mdm-guard-table", table.data, table.n_bytes);
	if (fd < 0)
		return fd;
	guard_build_free(TAKE_PTR(h->build));
	closep(&h->table_fd);
	h->table_fd = fd;
	h->generation = generation;
	h->table_mark = h->build_mark;
	h->counts = counts;
	memcpy(&h->settings, table.data, sizeof(h->settings));
	h->build_trouble[0] = 0;
	log_debug("guard: table of %zu bytes: %zu programs denied, %zu known, %zu paths",
		table.n_bytes, counts.n_denied, counts.n_allowed, counts.n_paths);
	/* It may be what the guard has already, from before a restart or by another policy. */
	host_note_in_force(h, h->in_force);
	host_send_table(h);
	host_start(h);
	return 0;
}

static int host_on_step(sd_event_source *source, void *userdata)
{
	struct guard_host *h = userdata;
	int r = guard_build_step(h->build, GUARD_BUILD_STEP);

	(void)source;
	if (r > 0)
		return 0;
	h->step = sd_event_source_unref(h->step);
	if (r == 0)
		r = host_finish_build(h);
	if (r < 0)
		host_build_failed(h, r);
	if (h->again)
		host_build(h);
	return 0;
}

static void host_build(struct guard_host *h)
{
	int r;

	h->settle = sd_event_source_unref(h->settle);
	if (h->wish != WISH_GUARD || h->is_absent)
		return;
	if (h->build) {
		h->again = true;
		return;
	}
	h->again = false;
	h->build_mark = h->mark;
	r = guard_sources_build(h->sources, &h->build);
	if (r == 0)
		r = sd_event_add_defer(h->e->event, &h->step, host_on_step, h);
	/* Whatever else the loop has to do comes first. */
	if (r >= 0)
		r = sd_event_source_set_priority(h->step, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_source_set_enabled(h->step, SD_EVENT_ON);
	if (r < 0)
		host_build_failed(h, r);
}

static int host_on_settle(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	host_build(userdata);
	return 0;
}

static void host_build_later(struct guard_host *h, int64_t pause_ms)
{
	if (!h->settle)
		(void)sd_event_add_time(h->e->event, &h->settle, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() + pause_ms * 1000), 50000, host_on_settle,
			h);
}

static void host_on_sources(void *userdata)
{
	struct guard_host *h = userdata;

	if (h->wish == WISH_GUARD)
		host_build_later(h, GUARD_SETTLE_MS);
}

/* --- what is wanted ----------------------------------------------------------------------- */

static void host_drop_build(struct guard_host *h)
{
	guard_build_free(TAKE_PTR(h->build));
	h->step = sd_event_source_unref(h->step);
	h->settle = sd_event_source_unref(h->settle);
	h->again = false;
}

/* No policy wants one. */
static void host_nobody(struct guard_host *h)
{
	h->wish = WISH_NONE;
	h->mark = 0;
	h->n_falls = 0;
	h->trouble[0] = h->build_trouble[0] = 0;
	host_drop_build(h);
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
	host_drop_build(h);
	host_build_later(h, 0);
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
	e->platform.guard = &h->known;
	*ret_host = h;
	return 0;
}

void guard_host_free(struct guard_host *h)
{
	if (!h)
		return;
	h->e->platform.guard = NULL;
	host_drop_build(h);
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
	host_get(&standing, (void *)(uintptr_t)h);
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
