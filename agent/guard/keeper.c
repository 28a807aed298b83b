/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c - the guard's first process; see keeper.h.
 *
 * Fail-open: only the process that answers holds the fanotify group; when it is gone the kernel
 * lets everything run. To mark a file system the keeper borrows the group for a moment.
 * Fail-closed: the keeper holds it too, so that it outlives the process.
 */
#include "agent/guard/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/guard/confine.h"
#include "agent/guard/fd_message.h"
#include "agent/guard/keeper_private.h"
#include "agent/guard/place.h"
#include "agent/guard/verdict.h"
#include "agent/ipc/channel.h"
#include "agent/util/log.h"
#include "agent/util/mem.h"

#define END_MS 2000
#define PLACE_MS (END_MS + 1000) /* for the one before, which was told to end */
/* Over what is mounted: at once, and then. What a user mounts meanwhile is not watched as long. */
#define ROUNDS_BURST 8
#define ROUNDS_EVERY_MS 2000
#define LONGEST_MS (3600 * 1000)
#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

int64_t keeper_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- to the enforcer */
static void drop_link(struct keeper *k)
{
	guard_link_drop(&k->link, keeper_now_ms());
}

static int say(struct keeper *k, enum message_type type, const void *body)
{
	int r;

	if (k->link.fd < 0)
		return -ENOTCONN;
	r = channel_send(k->link.fd, ROLE_GUARD, type, body, NULL, 0);
	if (r < 0 && r != -EAGAIN)
		drop_link(k);
	return r;
}

static void say_hello(struct keeper *k)
{
	struct msg_guard_hello hello = {
		.has_permissions = k->facts.has_permissions,
		.has_evictable = k->facts.has_evictable,
		.keeper_pid = (uint32_t)getpid(),
		.version = guard_version(),
		.generation = atomic_load(&k->shared->generation),
	};

	memcpy(hello.note, k->note, sizeof(hello.note));
	(void)say(k, MESSAGE_GUARD_HELLO, &hello);
}

static bool is_settled(const struct keeper *k)
{
	if (k->table_fd < 0)
		return true;
	return k->verdict_pid > 0 && !k->is_round_wanted && !k->is_asked &&
	       (atomic_load(&k->shared->has_refused) ||
		       atomic_load(&k->shared->generation) == k->table.header->generation);
}

static void say_state(struct keeper *k)
{
	struct msg_guard_state state = {
		.generation = atomic_load(&k->shared->generation),
		.n_filesystems = k->watched.n_filesystems,
		.n_unwatched = k->watched.n_unwatched,
		.n_restarts = k->n_restarts,
		.refused_table = k->has_refused || atomic_load(&k->shared->has_refused),
		.n_events = atomic_load(&k->shared->n_events),
		.n_denied = atomic_load(&k->shared->n_denied),
		.n_lost = atomic_load(&k->shared->n_lost) + k->told.n_lost + k->n_unsent,
	};

	memcpy(state.unwatched, k->watched.unwatched, sizeof(state.unwatched));
	if (say(k, MESSAGE_GUARD_STATE, &state) == 0)
		k->is_state_wanted = false;
}

static void say_denied(struct keeper *k, const struct guard_denial *denial, uint32_t count)
{
	struct msg_guard_denied told = {
		.device = denial->device,
		.inode = denial->inode,
		.realtime_s = denial->realtime_s,
		.pid = denial->pid,
		.uid = denial->uid,
		.reason = denial->reason,
		.audit = denial->audit,
		.count = count,
	};

	memcpy(told.owner, denial->owner, sizeof(told.owner));
	memcpy(told.path, denial->path, sizeof(told.path));
	if (say(k, MESSAGE_GUARD_DENIED, &told) < 0)
		k->n_unsent += count;
}

static void tell_denials(struct keeper *k)
{
	struct guard_denial denial;
	int64_t now = keeper_now_ms();
	uint32_t count;

	/* A ring at a time: whoever fills it does not keep us from the rest. */
	for (size_t i = 0; i < GUARD_RING_SIZE && guard_ring_take(k->shared, &denial); i++)
		if (guard_told_add(&k->told, &denial, now, k->link.fd >= 0))
			say_denied(k, &denial, 1);
	while (k->link.fd >= 0 && guard_told_due(&k->told, now, &denial, &count))
		say_denied(k, &denial, count);
}

static void connect_link(struct keeper *k, int r)
{
	if (r < 0)
		return;
	log_info("connected to the enforcer");
	say_hello(k);
	k->is_state_wanted = k->table_fd >= 0;
}

/* --- from the enforcer */
/* 0: ret_table is mapped; -errno. */
static int map_table(int fd, struct guard_table *ret_table)
{
	struct stat st;
	void *at;
	int r;

	if ((fcntl(fd, F_GET_SEALS) & SEALS) != SEALS || fstat(fd, &st) < 0 || st.st_size <= 0 ||
		st.st_size > GUARD_TABLE_BYTES_MAX)
		return -EBADMSG;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	r = guard_table_take(at, (size_t)st.st_size, ret_table);
	if (r < 0)
		munmap(at, (size_t)st.st_size);
	return r;
}

static void take_table(struct keeper *k, int *fd)
{
	struct guard_table table;
	int r = map_table(*fd, &table);

	k->is_state_wanted = true;
	k->has_refused = r < 0;
	if (r < 0) {
		log_error("the enforcer's table is damaged (%s); the one before stays in force",
			strerror(-r));
		return;
	}
	if (k->table_fd >= 0) {
		munmap((void *)(uintptr_t)k->table.at, k->table.n_bytes);
		close(k->table_fd);
	}
	k->table = table;
	k->table_fd = TAKE_FD(*fd);
	/* With the table goes what was remembered, our own programs as well. */
	k->is_round_wanted = true;
	if (k->verdict_pid > 0)
		keeper_tell_verdict(k, GUARD_WORD_TABLE, k->table_fd);
	else if (k->begin_ms == NEVER)
		keeper_start_verdict(k);
}

static void begin_end(struct keeper *k)
{
	if (k->end_ms != NEVER)
		return;
	k->end_ms = keeper_now_ms() + END_MS;
	closep(&k->group_fd);
	k->group_fd = -1;
	keeper_tell_verdict(k, GUARD_WORD_END, -1);
}

static void hear(struct keeper *k)
{
	static struct message message;
	static const struct msg_none none;
	int r = channel_receive(k->link.fd, ROLE_GUARD, ROLE_ENFORCER, &message);

	if (r == -EAGAIN)
		return;
	if (r < 0) {
		if (r == -EPROTO)
			log_error("the enforcer sent what is no message; connecting again");
		drop_link(k);
		return;
	}
	if (message.type == MESSAGE_GUARD_TABLE)
		take_table(k, &message.fds[0]);
	else if (message.type == MESSAGE_GUARD_END)
		begin_end(k);
	else if (message.type == MESSAGE_GUARD_PING)
		(void)say(k, MESSAGE_GUARD_PONG, &none);
	message_done(&message);
}

/* --- what is mounted */
static void do_round(struct keeper *k, int group_fd)
{
	struct guard_watched watched;
	int r = guard_watch_mounts(group_fd, k->options.only, k->shared, &watched);

	if (r < 0)
		return;
	/* It is one more that is only waited for. */
	k->n_stuck += r > 0;
	if (memcmp(&watched, &k->watched, sizeof(watched)) != 0)
		k->is_state_wanted = true;
	k->watched = watched;
	guard_exempt_own(group_fd);
}

static void hear_verdict(struct keeper *k)
{
	struct guard_control word;
	int fd = -1;

	if (guard_fd_receive(k->control_fd, &word, sizeof(word), &fd) < 0 || fd < 0)
		return;
	if (word.word == GUARD_WORD_GROUP && k->end_ms == NEVER) {
		bool is_closed = k->table.header->flags & GUARD_F_FAIL_CLOSED;

		k->is_asked = false;
		do_round(k, fd);
		if (is_closed && k->group_fd < 0) {
			k->group_fd = TAKE_FD(fd);
		} else if (!is_closed) {
			closep(&k->group_fd);
			k->group_fd = -1;
		}
	}
	closep(&fd);
}

static void ask_for_group(struct keeper *k)
{
	if (!k->is_round_wanted || k->is_asked || k->verdict_pid == 0 || k->end_ms != NEVER)
		return;
	/* What is mounted from here on wants another round. */
	k->is_round_wanted = k->changes.is_wanted = false;
	k->is_asked = true;
	keeper_tell_verdict(k, GUARD_WORD_GIVE, -1);
}

/* --- the loop */
static void take_signals(struct keeper *k)
{
	struct signalfd_siginfo info;

	while (read(k->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo == SIGCHLD)
			keeper_reap(k);
		else
			begin_end(k);
}

static void take_kick(struct keeper *k)
{
	uint64_t n;

	(void)!read(k->kick_fd, &n, sizeof(n));
	if (atomic_exchange(&k->shared->is_hash_stuck, 0)) {
		log_warning("a program could not be read in time");
		keeper_kill(k->hasher_pid);
		k->n_stuck += k->hasher_pid > 0;
		k->hasher_pid = 0;
		keeper_start_hasher(k);
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return b >= 0 && b < a ? b : a;
}

static int next_timeout(const struct keeper *k)
{
	int64_t at = NEVER, now = keeper_now_ms();

	at = earlier(at, k->begin_ms);
	at = earlier(at, k->hasher_begin_ms);
	at = earlier(at, k->end_ms);
	at = earlier(at, guard_alive_next_ms(&k->alive));
	at = earlier(at, pace_next_ms(&k->changes, now));
	if (k->link.fd < 0)
		at = earlier(at, k->link.retry_ms);
	else
		at = earlier(at, guard_told_next_ms(&k->told));
	if (at == NEVER)
		return -1;
	at -= now;
	return at < 0 ? 0 : at > LONGEST_MS ? LONGEST_MS : (int)at;
}

static void do_due(struct keeper *k)
{
	int64_t now = keeper_now_ms();

	if (k->link.fd < 0 && k->link.retry_ms >= 0 && k->link.retry_ms <= now)
		connect_link(k, guard_link_again(&k->link, now));
	if (k->begin_ms <= now && k->end_ms == NEVER)
		keeper_start_verdict(k);
	if (k->hasher_begin_ms <= now)
		keeper_start_hasher(k);
	if (pace_take(&k->changes, now))
		k->is_round_wanted = true;
	tell_denials(k);
	ask_for_group(k);
	if (k->is_state_wanted && k->link.fd >= 0 && is_settled(k))
		say_state(k);
}

static void loop_once(struct keeper *k)
{
	struct pollfd wait[] = {
		{.fd = k->signal_fd, .events = POLLIN},
		/* What happens while a change waits is signalled afterwards. */
		{.fd = k->changes.is_wanted ? -1 : k->mounts_fd, .events = POLLPRI},
		{.fd = k->kick_fd, .events = POLLIN},
		{.fd = k->control_fd, .events = POLLIN},
		{.fd = k->link.fd, .events = POLLIN},
		{.fd = k->link.watch_fd, .events = POLLIN},
	};

	if (k->is_state_wanted && is_settled(k))
		wait[4].events |= POLLOUT;
	if (poll(wait, ARRAY_SIZE(wait), next_timeout(k)) < 0)
		return;
	if (wait[1].revents)
		pace_want(&k->changes);
	if (wait[2].revents)
		take_kick(k);
	if (wait[3].revents && k->control_fd == wait[3].fd)
		hear_verdict(k);
	if (wait[0].revents)
		take_signals(k);
	if (wait[4].revents & ~POLLOUT && k->link.fd == wait[4].fd)
		hear(k);
	if (wait[5].revents && k->link.fd < 0)
		connect_link(k, guard_link_again(&k->link, keeper_now_ms()));
	do_due(k);
	guard_alive_say(&k->alive, keeper_now_ms());
}

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int begin(struct keeper *k)
{
	int r;

	k->place_fd = guard_place_take(k->options.socket_path, PLACE_MS);
	if (k->place_fd == -EBUSY)
		return -EBUSY;
	guard_alive_init(&k->alive, keeper_now_ms());
	r = guard_group_probe(&k->facts);
	if (r < 0)
		return r;
	/* A kernel that has it not is told about before anything else is given up. */
	k->shared = mmap(NULL, sizeof(*k->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k->shared == MAP_FAILED)
		return -errno;
	k->signal_fd = open_signals();
	k->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	k->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->signal_fd < 0 || k->mounts_fd < 0 || k->kick_fd < 0)
		return -errno;
	return guard_confine_keeper(k->note);
}

int guard_keeper_run(const struct guard_options *options)
{
	static struct keeper k = {
		.table_fd = -1,
		.control_fd = -1,
		.group_fd = -1,
		.begin_ms = NEVER,
		.hasher_begin_ms = NEVER,
		.end_ms = NEVER,
		.changes = {.burst = ROUNDS_BURST, .every_ms = ROUNDS_EVERY_MS},
	};
	int r;

	k.options = *options;
	guard_link_init(&k.link, options->socket_path);
	r = begin(&k);
	if (r == -EBUSY)
		log_error("another guard is at %s and does not end; mdm-agentd ends it where it is "
			  "silent",
			options->socket_path);
	else if (r < 0)
		log_error("cannot begin: %s", strerror(-r));
	if (r < 0)
		return GUARD_EXIT_FAILED;
	connect_link(&k, guard_link_connect(&k.link, keeper_now_ms()));
	if (!k.facts.has_permissions) {
		log_error("this kernel does not ask about the start of programs "
			  "(CONFIG_FANOTIFY_ACCESS_PERMISSIONS); nothing can be guarded");
		return GUARD_EXIT_ABSENT;
	}
	while (k.end_ms == NEVER || (k.verdict_pid > 0 && keeper_now_ms() < k.end_ms))
		loop_once(&k);
	keeper_kill(k.verdict_pid);
	keeper_kill(k.hasher_pid);
	guard_link_done(&k.link);
	return GUARD_EXIT_ENDED;
}
