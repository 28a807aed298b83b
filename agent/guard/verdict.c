/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict.c - the process that answers; see verdict.h.
 *
 * One thread does everything, so that an answer of the old table is never remembered under the new
 * one. While it works, a timer of the kernel is set that ends it: a verdict that takes too long is
 * none, and needs nobody who watches.
 */
#include "agent/guard/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/guard/confine.h"
#include "agent/guard/born.h"
#include "agent/guard/decide.h"
#include "agent/guard/fd_message.h"
#include "agent/guard/group.h"
#include "agent/guard/hasher.h"
#include "agent/util/clock.h"
#include "agent/util/mem.h"

#define BATCH 32 /* events taken at once; each is a descriptor */
#define ANSWER_MS 3000
#define ANSWER_MS_LEAST 100
#define PATH_BYTES 4096
/* Nothing heard for so long, of one program after the other: it hangs. */
#define STUCK_MS (LIMIT_GUARD_HASH_MS + 2000)

struct waiting {
	int fd; /* -1: free */
	uint32_t serial;
	int32_t pid;
	int64_t until_ms;
	struct guard_file file;
};

struct verdict {
	struct guard_verdict s;
	struct guard_table table;
	int proc_fd, own_fd; /* /proc and /proc/self/fd */
	timer_t timer;
	uint32_t serial;
	size_t n_waiting;
	size_t n_asked;	  /* that the one who hashes has not answered, waited for or not */
	int64_t heard_ms; /* its last answer, or the first question after it */
	bool is_kicked, is_over;
	struct waiting waiting[LIMIT_GUARD_HASHING];
	char path[PATH_BYTES]; /* of the event that is looked at; "": not asked */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- the kernel's own watch */
static void set_timer(struct verdict *v, bool on)
{
	uint32_t ms = v->table.header->answer_ms;
	struct itimerspec when = {0};

	if (on) {
		if (ms == 0)
			ms = ANSWER_MS;
		if (ms < ANSWER_MS_LEAST)
			ms = ANSWER_MS_LEAST;
		when.it_value.tv_sec = ms / 1000;
		when.it_value.tv_nsec = (long)(ms % 1000) * 1000000;
	}
	(void)timer_settime(v->timer, 0, &when, NULL);
}

static int make_timer(timer_t *ret_timer)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};

	return timer_create(CLOCK_MONOTONIC, &event, ret_timer) < 0 ? -errno : 0;
}

/* --- one event */
static size_t find_path(struct verdict *v, int fd)
{
	char name[16];
	ssize_t n;

	snprintf(name, sizeof(name), "%d", fd);
	n = readlinkat(v->own_fd, name, v->path, sizeof(v->path) - 1);
	v->path[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

static uint32_t find_user(const struct verdict *v, int32_t pid)
{
	struct stat st;
	char name[16];

	snprintf(name, sizeof(name), "%d", pid);
	return pid > 0 && fstatat(v->proc_fd, name, &st, 0) == 0 ? st.st_uid : UINT32_MAX;
}

static void copy_text(char *out, size_t size_bytes, const char *text)
{
	size_t n = strnlen(text, size_bytes - 1);

	memcpy(out, text, n);
	memset(out + n, 0, size_bytes - n);
}

static void remember_denial(struct verdict *v, const struct guard_file *file, int32_t pid,
	uint32_t uid, const struct guard_decision *decision)
{
	struct guard_denial denial = {
		.device = file->device,
		.inode = file->inode,
		.realtime_s = clock_realtime_s(),
		.pid = (uint32_t)pid,
		.uid = uid,
		.reason = decision->reason,
		.audit = v->table.header->mode == GUARD_AUDIT,
	};

	copy_text(
		denial.owner, sizeof(denial.owner), guard_table_owner(&v->table, decision->owner));
	copy_text(denial.path, sizeof(denial.path), v->path);
	(void)guard_ring_put(v->s.shared, &denial);
	v->is_kicked = true;
}

/* The answer, first of all; then what is to be remembered of it. The descriptor is done with. */
static void conclude(struct verdict *v, int fd, int32_t pid, const struct guard_file *file,
	const struct guard_decision *decision)
{
	bool is_refused = decision->step == GUARD_STEP_DENY;
	bool is_audit = v->table.header->mode == GUARD_AUDIT;
	uint32_t uid = 0;

	/* While the one who asks still waits it is there to be looked at. */
	if (is_refused) {
		uid = find_user(v, pid);
		if (v->path[0] == 0)
			(void)find_path(v, fd);
	}
	(void)guard_group_answer(v->s.group_fd, fd, !is_refused || is_audit);
	if (decision->step == GUARD_STEP_REMEMBER)
		(void)guard_group_remember(v->s.group_fd, fd, v->s.has_evictable);
	if (is_refused) {
		atomic_fetch_add_explicit(&v->s.shared->n_denied, 1, memory_order_relaxed);
		remember_denial(v, file, pid, uid, decision);
	}
	close(fd);
}

/* Hands it to the one who hashes. false: that cannot be. */
static bool ask_content(struct verdict *v, int fd, int32_t pid, const struct guard_file *file)
{
	int64_t now = now_ms();

	for (uint32_t i = 0; v->n_waiting < LIMIT_GUARD_HASHING && i < LIMIT_GUARD_HASHING; i++) {
		struct guard_hash_request request = {
			.slot = i, .serial = v->serial + 1, .until_ms = now + LIMIT_GUARD_HASH_MS};

		if (v->waiting[i].fd >= 0)
			continue;
		if (v->s.hasher_fd < 0 ||
			guard_fd_send(v->s.hasher_fd, &request, sizeof(request), fd) < 0)
			return false;
		v->waiting[i] = (struct waiting){.fd = fd,
			.serial = ++v->serial,
			.pid = pid,
			.until_ms = request.until_ms,
			.file = *file};
		v->n_waiting++;
		if (v->n_asked++ == 0)
			v->heard_ms = now;
		return true;
	}
	return false;
}

static void judge(struct verdict *v, int fd, int32_t pid, struct guard_file *file)
{
	struct guard_decision decision;
	size_t n;

	v->path[0] = 0;
	for (;;) {
		guard_decide(&v->table, file, &decision);
		if (decision.step == GUARD_STEP_ASK_PATH) {
			n = find_path(v, fd);
			file->has_path = true;
			file->path_digest = guard_path_digest(v->path, n);
		} else if (decision.step == GUARD_STEP_ASK_CONTENT) {
			if (ask_content(v, fd, pid, file))
				return;
			file->content = GUARD_CONTENT_UNDECIDED;
		} else {
			break;
		}
	}
	conclude(v, fd, pid, file, &decision);
}

static void take_event(struct verdict *v, const struct fanotify_event_metadata *event)
{
	struct guard_file file = {0};
	struct stat st;

	/* Without a descriptor the kernel has answered for us. */
	if (event->fd < 0)
		return;
	atomic_fetch_add_explicit(&v->s.shared->n_events, 1, memory_order_relaxed);
	if (fstat(event->fd, &st) < 0) {
		struct guard_decision none = {GUARD_STEP_ALLOW, GUARD_R_NONE, 0};

		if (v->table.header->flags & GUARD_F_FAIL_CLOSED)
			none = (struct guard_decision){GUARD_STEP_DENY, GUARD_R_UNDECIDED, 0};
		v->path[0] = 0;
		conclude(v, event->fd, event->pid, &file, &none);
		return;
	}
	file.device = st.st_dev;
	file.inode = st.st_ino;
	file.born_ns = guard_born_ns(event->fd, "");
	file.uid = st.st_uid;
	file.gid = st.st_gid;
	file.mode = st.st_mode;
	file.is_foreign = guard_foreign_has(v->s.shared, st.st_dev);
	file.size_bytes = st.st_size < 0 ? 0 : (uint64_t)st.st_size;
	judge(v, event->fd, event->pid, &file);
}

/*
 * What cannot be opened for us (a lease, a damaged disk, a key that is not there) is refused by the
 * kernel and gone from the queue; whoever has such a file ends nothing by it. Without a number for
 * descriptors everything would be refused for ever: another process has them again.
 */
static int failed_read(int error)
{
	if (error == EAGAIN || error == EINTR)
		return 0;
	return error == EBADF || error == EFAULT || error == EMFILE ? -error : 1;
}

/* 1: there may be more; 0: there is none; -errno: the group is of no use any more. */
static int take_events(struct verdict *v)
{
	struct fanotify_event_metadata events[BATCH], *event = events;
	ssize_t n = read(v->s.group_fd, events, sizeof(events));

	if (n < 0)
		return failed_read(errno);
	for (; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n)) {
		if (event->vers != FANOTIFY_METADATA_VERSION)
			return -EPROTO;
		take_event(v, event);
	}
	return 1;
}

/* --- content */
static void finish_waiting(struct verdict *v, struct waiting *w)
{
	int fd = TAKE_FD(w->fd);

	v->n_waiting--;
	judge(v, fd, w->pid, &w->file);
}

static void take_reply(struct verdict *v)
{
	struct guard_hash_reply reply;
	struct waiting *w;
	int fd = -1, r;

	r = guard_fd_receive(v->s.hasher_fd, &reply, sizeof(reply), &fd);
	if (fd >= 0)
		close(fd);
	if (r == -EAGAIN)
		return;
	if (r < 0) {
		v->n_asked = 0;
		/* The keeper sees that it is gone, and sends another. */
		close(TAKE_FD(v->s.hasher_fd));
		for (size_t i = 0; i < LIMIT_GUARD_HASHING; i++)
			if (v->waiting[i].fd >= 0) {
				v->waiting[i].file.content = GUARD_CONTENT_UNDECIDED;
				finish_waiting(v, &v->waiting[i]);
			}
		return;
	}
	v->n_asked -= v->n_asked > 0;
	v->heard_ms = now_ms();
	if (reply.slot >= LIMIT_GUARD_HASHING)
		return;
	w = &v->waiting[reply.slot];
	if (w->fd < 0 || w->serial != reply.serial)
		return;
	w->file.content = reply.content == GUARD_CONTENT_KNOWN ? GUARD_CONTENT_KNOWN
							       : GUARD_CONTENT_UNDECIDED;
	memcpy(w->file.digest, reply.digest, SHA256_BYTES);
	finish_waiting(v, w);
}

/* Returns for how long there is nothing to give up; -1: for ever. */
static int expire(struct verdict *v)
{
	int64_t now, next = -1;

	if (v->n_waiting == 0 && v->n_asked == 0)
		return -1;
	now = now_ms();
	for (size_t i = 0; i < LIMIT_GUARD_HASHING; i++) {
		struct waiting *w = &v->waiting[i];

		if (w->fd < 0)
			continue;
		if (w->until_ms <= now) {
			w->file.content = GUARD_CONTENT_UNDECIDED;
			finish_waiting(v, w);
		} else if (next < 0 || w->until_ms - now < next) {
			next = w->until_ms - now;
		}
	}
	/* A long queue is no reason to end it, as long as it answers one after the other. */
	if (v->n_asked && v->heard_ms + STUCK_MS <= now) {
		atomic_store(&v->s.shared->is_hash_stuck, 1);
		v->is_kicked = true;
		v->n_asked = 0;
	} else if (v->n_asked && (next < 0 || v->heard_ms + STUCK_MS - now < next)) {
		next = v->heard_ms + STUCK_MS - now;
	}
	return (int)next;
}

/* --- what the keeper says */
/* 0; -EBADMSG; other -errno. */
static int map_table(int fd, struct guard_table *ret_table)
{
	struct stat st;
	void *at;

	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > GUARD_TABLE_BYTES_MAX)
		return -EBADMSG;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	if (guard_table_take(at, (size_t)st.st_size, ret_table) < 0) {
		munmap(at, (size_t)st.st_size);
		return -EBADMSG;
	}
	/* One that is larger than may be locked serves all the same. */
	(void)mlock(at, (size_t)st.st_size);
	return 0;
}

static void swap_table(struct verdict *v, int fd)
{
	struct guard_table table, old = v->table;
	int r = map_table(fd, &table);

	v->is_kicked = true;
	atomic_store(&v->s.shared->has_refused, r < 0);
	if (r < 0)
		return;
	v->table = table;
	/* What was remembered were answers of the old one. */
	(void)guard_group_forget_all(v->s.group_fd);
	munmap((void *)(uintptr_t)old.at, old.n_bytes);
	atomic_store(&v->s.shared->generation, table.header->generation);
}

static void give_group(struct verdict *v)
{
	struct guard_control word = {.word = GUARD_WORD_GROUP};

	(void)guard_fd_send(v->s.control_fd, &word, sizeof(word), v->s.group_fd);
}

static void take_word(struct verdict *v)
{
	struct guard_control word;
	int fd = -1, r;

	r = guard_fd_receive(v->s.control_fd, &word, sizeof(word), &fd);
	if (r == -EAGAIN)
		return;
	if (r < 0) {
		/* The keeper is gone; the kernel is about to say so, too. */
		v->is_over = true;
		return;
	}
	switch ((enum guard_word)word.word) {
	case GUARD_WORD_TABLE:
		if (fd >= 0)
			swap_table(v, fd);
		break;
	case GUARD_WORD_GIVE:
		give_group(v);
		break;
	case GUARD_WORD_HASHER:
		if (v->s.hasher_fd >= 0)
			close(v->s.hasher_fd);
		v->s.hasher_fd = TAKE_FD(fd);
		v->n_asked = 0;
		break;
	case GUARD_WORD_END:
		v->is_over = true;
		break;
	case GUARD_WORD_GROUP:
	case GUARD_WORD_MAX:
		break;
	}
	closep(&fd);
}

/* --- begin and end */
static void end(struct verdict *v)
{
	struct fanotify_event_metadata events[BATCH], *event;
	ssize_t n;

	(void)guard_group_release(v->s.group_fd);
	for (size_t i = 0; i < LIMIT_GUARD_HASHING; i++)
		if (v->waiting[i].fd >= 0) {
			v->waiting[i].file.content = GUARD_CONTENT_UNDECIDED;
			finish_waiting(v, &v->waiting[i]);
		}
	while ((n = read(v->s.group_fd, events, sizeof(events))) > 0)
		for (event = events; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n))
			if (event->fd >= 0) {
				(void)guard_group_answer(v->s.group_fd, event->fd, true);
				close(event->fd);
			}
	close(v->s.group_fd);
}

static int begin(struct verdict *v)
{
	int keep[8], r;

	if (v->s.group_fd < 0)
		v->s.group_fd = guard_group_new();
	if (v->s.group_fd < 0)
		return v->s.group_fd;
	v->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	v->own_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (v->proc_fd < 0 || v->own_fd < 0)
		return -errno;
	r = make_timer(&v->timer);
	if (r < 0)
		return r;
	keep[0] = v->s.group_fd;
	keep[1] = v->s.control_fd;
	keep[2] = v->s.hasher_fd;
	keep[3] = v->s.kick_fd;
	keep[4] = v->proc_fd;
	keep[5] = v->own_fd;
	keep[6] = v->s.table_fd;
	for (size_t i = 0; i < LIMIT_GUARD_HASHING; i++)
		v->waiting[i].fd = -1;
	r = guard_confine_child(GUARD_FILTER_VERDICT, keep, 7);
	if (r == 0)
		r = map_table(v->s.table_fd, &v->table);
	close(TAKE_FD(v->s.table_fd));
	return r;
}

static void kick(struct verdict *v)
{
	uint64_t one = 1;

	if (v->is_kicked && write(v->s.kick_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		v->is_over = true;
	v->is_kicked = false;
}

int guard_verdict_run(struct guard_verdict *settings)
{
	static struct verdict v;
	int timeout = -1, r;

	v.s = *settings;
	r = begin(&v);
	if (r < 0)
		return r;
	/* Whatever it inherited remembers the answers of a table before. */
	(void)guard_group_forget_all(v.s.group_fd);
	atomic_store(&v.s.shared->generation, v.table.header->generation);
	v.is_kicked = true;
	kick(&v);
	while (!v.is_over && r >= 0) {
		struct pollfd wait[3] = {
			{.fd = v.s.group_fd, .events = POLLIN},
			{.fd = v.s.control_fd, .events = POLLIN},
			{.fd = v.s.hasher_fd, .events = POLLIN},
		};

		set_timer(&v, false);
		(void)poll(wait, ARRAY_SIZE(wait), timeout);
		set_timer(&v, true);
		if (wait[1].revents)
			take_word(&v);
		if (wait[2].revents && v.s.hasher_fd >= 0)
			take_reply(&v);
		if (wait[0].revents)
			r = take_events(&v);
		timeout = expire(&v);
		kick(&v);
	}
	end(&v);
	return r < 0 ? r : 0;
}
