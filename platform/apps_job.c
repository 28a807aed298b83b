/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_job.c - starting and following mdm-agent-apps; see apps_job.h. Enforcer only. It knows no
 * package manager, and what the program says is checked by agent/apps/job.c.
 *
 * Whether the program lives is told by the lock that it holds; whether it has ended, by its last
 * word. Only a program without lock and without last word has broken off, and it is given some time
 * before, because between the order and the lock lies the start of a process, or of a service.
 */
#include "platform/apps_job.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "agent/util/child.h"
#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "platform/service.h"

#define APPS_SERVICE "mdm-agent-apps.service"
/* A person may be watching; while no job runs nothing wakes up. */
#define LOOK_US (USEC_PER_SEC / 4)
/* A slow phone that is just starting takes this long for a service at worst. */
#define START_US (60 * USEC_PER_SEC)
/* Between its last word before an end and the end of its lock. */
#define SILENCE_US (5 * USEC_PER_SEC)

struct apps_jobs {
	struct apps_jobs_options options;
	int dir_fd;
	struct apps_order *waiting; /* the first one */
	bool is_running;
	struct apps_order *current; /* NULL: nobody's */
	char id[LIMIT_NAME_BYTES + 1];
	struct apps_progress progress;
	bool has_progress;
	struct stat seen; /* of the progress that was read last */
	int64_t begun_us;
	int64_t unlocked_us; /* since when nobody holds the lock; 0: held, or not looked */
	char failure[LIMIT_TEXT_BYTES + 1];
	sd_event_source *timer;
	struct child *child;
	struct session_call *service;
};

static int look_soon(struct apps_jobs *jobs);
static void begin_next(struct apps_jobs *jobs);

/* --- what it says ------------------------------------------------------------------------- */

static bool is_locked(const struct apps_jobs *jobs)
{
	_cleanup_close_ int fd = fs_open_nofollow(jobs->dir_fd, APPS_LOCK_FILE, O_RDONLY, 0);

	/* Let go at once by closing it; the program waits a moment for its lock. */
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Takes what is written there, if it is new and of that job. id "": of whichever. */
static void read_progress(struct apps_jobs *jobs, const char *id)
{
	_cleanup_close_ int fd =
		fs_open_nofollow(jobs->dir_fd, APPS_PROGRESS_FILE, O_RDONLY | O_NONBLOCK, 0);
	_cleanup_free_ char *text = NULL;
	struct apps_progress progress;
	struct stat st;
	size_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || (jobs->has_progress && is_same_file(&st, &jobs->seen)))
		return;
	if (fs_read_fd(fd, LIMIT_APPS_PROGRESS_BYTES, &text, &n) < 0 ||
		apps_progress_read(text, n, &progress) < 0)
		return;
	if (*id && strcmp(id, progress.id) != 0) {
		apps_progress_done(&progress);
		return;
	}
	if (jobs->has_progress)
		apps_progress_done(&jobs->progress);
	jobs->progress = progress;
	jobs->has_progress = true;
	jobs->seen = st;
}

static void forget_progress(struct apps_jobs *jobs)
{
	if (jobs->has_progress)
		apps_progress_done(&jobs->progress);
	jobs->has_progress = false;
}

/* --- the end of one ------------------------------------------------------------------------ */

static void end_current(struct apps_jobs *jobs)
{
	struct apps_order *order = TAKE_PTR(jobs->current);
	bool is_over = jobs->has_progress && jobs->progress.is_over;

	jobs->is_running = false;
	jobs->timer = sd_event_source_unref(jobs->timer);
	child_free(TAKE_PTR(jobs->child));
	session_call_free(TAKE_PTR(jobs->service));
	if (order) {
		struct apps_progress progress = jobs->progress;

		const char *failure = is_over		 ? ""
				      : jobs->failure[0] ? jobs->failure
							 : "the program broke off in the middle";

		if (jobs->options.told)
			jobs->options.told(&order->job, is_over ? &progress : NULL, failure,
				jobs->options.userdata);
		/* Whoever hears of the end may give the next one. */
		jobs->has_progress = false;
		order->is_given = false;
		order->ended(order, is_over ? &progress : NULL, failure);
		apps_progress_done(&progress);
	} else {
		forget_progress(jobs);
	}
	if (!jobs->is_running)
		begin_next(jobs);
}

/* Whether nothing more will come. */
static bool is_dead(struct apps_jobs *jobs)
{
	int64_t now = clock_boottime_us();

	if (jobs->failure[0])
		return true;
	if (is_locked(jobs)) {
		jobs->unlocked_us = 0;
		return false;
	}
	if (!jobs->unlocked_us)
		jobs->unlocked_us = now;
	if (jobs->has_progress)
		return now - jobs->unlocked_us > SILENCE_US;
	return now - jobs->begun_us > START_US && now - jobs->unlocked_us > SILENCE_US;
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct apps_jobs *jobs = userdata;
	/* First of all: what it said last was written before. */
	bool dead = is_dead(jobs);

	(void)source;
	(void)usec;
	read_progress(jobs, jobs->id);
	if (dead || (jobs->has_progress && jobs->progress.is_over && !is_locked(jobs)))
		end_current(jobs);
	else if (look_soon(jobs) < 0)
		end_current(jobs);
	return 0;
}

static int look_soon(struct apps_jobs *jobs)
{
	jobs->timer = sd_event_source_unref(jobs->timer);
	return sd_event_add_time(jobs->options.platform->event, &jobs->timer, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + LOOK_US), LOOK_US / 4, on_look, jobs);
}

/* --- the beginning ------------------------------------------------------------------------- */

static void on_program(const struct child_result *result, void *userdata)
{
	struct apps_jobs *jobs = userdata;

	/* It has left for a session of its own. */
	if (result->end == CHILD_EXITED && result->code == 0)
		return;
	snprintf(jobs->failure, sizeof(jobs->failure), "%.120s could not begin (%s %d)",
		jobs->options.program, result->end == CHILD_EXITED ? "status" : "signal",
		result->code);
}

/* Where nobody else starts services: in a session and a control group of its own. */
static int start_program(struct apps_jobs *jobs)
{
	const struct apps_jobs_options *o = &jobs->options;
	const char *argv[16];
	size_t n = 0;

	if (!o->program)
		return -ENOENT;
	argv[n++] = o->program;
	argv[n++] = "--runtime-dir";
	argv[n++] = o->directory;
	if (o->sysroot && strcmp(o->sysroot, "/") != 0) {
		argv[n++] = "--root";
		argv[n++] = o->sysroot;
	}
	if (o->apk) {
		argv[n++] = "--apk";
		argv[n++] = o->apk;
	}
	if (o->flatpak) {
		argv[n++] = "--flatpak";
		argv[n++] = o->flatpak;
	}
	argv[n++] = "--detach";
	argv[n] = NULL;
	const struct child_spec spec = {
		.argv = argv,
		.root_fd = -1,
		.deadline_s = LIMIT_CHILD_SECONDS,
	};

	return child_start(o->platform->event, &spec, on_program, jobs, &jobs->child);
}

static void on_service(const struct session_answer *answer, void *userdata)
{
	struct apps_jobs *jobs = userdata;

	if (answer->result != SESSION_DONE)
		snprintf(jobs->failure, sizeof(jobs->failure),
			APPS_SERVICE " was not started: %.200s", answer->detail);
}

/*
 * The agent may not do in its sandbox what package managers do: where systemd manages services,
 * that one is started beside it.
 */
static int start(struct apps_jobs *jobs)
{
	const struct session_start start = {
		.platform = jobs->options.platform,
		.done = on_service,
		.userdata = jobs,
		.slot = &jobs->service,
	};
	int r = -ENOENT;

	if (jobs->options.is_installed)
		r = service_start(&start, APPS_SERVICE);
	return r == -ENOENT ? start_program(jobs) : r;
}

static int write_job(struct apps_jobs *jobs, const struct apps_job *job)
{
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_APPS_JOB_BYTES};
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	int r;

	apps_job_write(job, &text);
	if (text.error)
		return text.error;
	r = fs_remove(jobs->dir_fd, APPS_PROGRESS_FILE);
	return r < 0 ? r : fs_replace(jobs->dir_fd, APPS_JOB_FILE, text.data, text.n_bytes, &owner);
}

static void run(struct apps_jobs *jobs, struct apps_order *order)
{
	int r;

	forget_progress(jobs);
	jobs->is_running = true;
	jobs->current = order;
	jobs->begun_us = clock_boottime_us();
	jobs->unlocked_us = 0;
	jobs->failure[0] = 0;
	memcpy(jobs->id, order->job.id, sizeof(jobs->id));
	r = write_job(jobs, &order->job);
	if (r == 0)
		r = start(jobs);
	if (r < 0)
		snprintf(jobs->failure, sizeof(jobs->failure),
			"the program that installs and removes could not be started: %s",
			strerror(-r));
	/* Without a timer nobody would ever hear of it. */
	if (look_soon(jobs) < 0)
		end_current(jobs);
}

static void begin_next(struct apps_jobs *jobs)
{
	struct apps_order *order = jobs->waiting;

	if (!order)
		return;
	jobs->waiting = order->next;
	order->next = NULL;
	run(jobs, order);
}

int apps_jobs_give(struct apps_jobs *jobs, struct apps_order *order)
{
	struct apps_order **end = &jobs->waiting;

	if (order->is_given)
		return -EALREADY;
	order->is_given = true;
	order->next = NULL;
	while (*end)
		end = &(*end)->next;
	*end = order;
	if (!jobs->is_running)
		begin_next(jobs);
	return 0;
}

int apps_jobs_resume(struct apps_jobs *jobs, struct apps_order *order)
{
	bool is_of = false;

	if (jobs->is_running && jobs->current)
		return -ENOENT;
	if (jobs->is_running) {
		is_of = strcmp(jobs->id, order->job.id) == 0;
	} else {
		forget_progress(jobs);
		read_progress(jobs, order->job.id);
		is_of = jobs->has_progress;
		if (is_of) {
			jobs->is_running = true;
			jobs->begun_us = clock_boottime_us();
			jobs->unlocked_us = 0;
			jobs->failure[0] = 0;
			memcpy(jobs->id, order->job.id, sizeof(jobs->id));
			if (look_soon(jobs) < 0) {
				jobs->is_running = false;
				is_of = false;
			}
		}
	}
	if (!is_of)
		return -ENOENT;
	order->is_given = true;
	order->next = NULL;
	jobs->current = order;
	return 0;
}

void apps_jobs_forget(struct apps_jobs *jobs, struct apps_order *order)
{
	if (!order->is_given)
		return;
	order->is_given = false;
	if (jobs->current == order)
		jobs->current = NULL;
	for (struct apps_order **at = &jobs->waiting; *at; at = &(*at)->next)
		if (*at == order) {
			*at = order->next;
			break;
		}
}

bool apps_jobs_is_running(const struct apps_jobs *jobs, const struct apps_progress **ret_progress)
{
	if (ret_progress)
		*ret_progress = jobs->is_running && jobs->has_progress ? &jobs->progress : NULL;
	return jobs->is_running;
}

int apps_jobs_directory(const struct apps_jobs *jobs)
{
	return jobs->dir_fd;
}

size_t apps_jobs_waiting(const struct apps_jobs *jobs)
{
	size_t n = 0;

	for (const struct apps_order *order = jobs->waiting; order; order = order->next)
		n++;
	return n;
}

/* One that was begun before this process still runs. */
static int adopt(struct apps_jobs *jobs)
{
	if (!is_locked(jobs))
		return 0;
	read_progress(jobs, "");
	if (jobs->has_progress)
		memcpy(jobs->id, jobs->progress.id, sizeof(jobs->id));
	jobs->is_running = true;
	jobs->begun_us = clock_boottime_us();
	return look_soon(jobs);
}

int apps_jobs_new(const struct apps_jobs_options *options, struct apps_jobs **ret_jobs)
{
	struct apps_jobs *jobs = calloc(1, sizeof(*jobs));
	int r;

	if (!jobs)
		return -ENOMEM;
	jobs->options = *options;
	jobs->dir_fd = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = jobs->dir_fd < 0 ? -errno : adopt(jobs);
	if (r < 0) {
		apps_jobs_free(jobs);
		return r;
	}
	*ret_jobs = jobs;
	return 0;
}

void apps_jobs_free(struct apps_jobs *jobs)
{
	if (!jobs)
		return;
	sd_event_source_unref(jobs->timer);
	child_free(jobs->child);
	session_call_free(jobs->service);
	forget_progress(jobs);
	closep(&jobs->dir_fd);
	free(jobs);
}
