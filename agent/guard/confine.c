/* SPDX-License-Identifier: Apache-2.0 */
/* confine.c - what the guard's processes keep; see confine.h. Keeper, verdict, hasher. */
#include "agent/guard/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/sandbox/privilege.h"
#include "agent/util/mem.h"
#include "agent/util/process.h"

/*
 * Nice -20, and not a real-time class: it goes before everything that people run, and a storm of
 * events cannot keep a phone's only free processor from what the events come from.
 */
#define PRIORITY -20
#define OUT_OF_MEMORY_SCORE "-900"

static void note(char *text, const char *what)
{
	size_t n = strlen(text);

	snprintf(text + n, LIMIT_TEXT_BYTES + 1 - n, "%s%s", n ? "; " : "", what);
}

static bool lower_score(void)
{
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	ssize_t n = (ssize_t)strlen(OUT_OF_MEMORY_SCORE);

	return fd >= 0 && write(fd, OUT_OF_MEMORY_SCORE, (size_t)n) == n;
}

static void raise_locked_memory(void)
{
	struct rlimit all = {128 * 1024 * 1024, 128 * 1024 * 1024}, now;

	if (getrlimit(RLIMIT_MEMLOCK, &now) == 0 && now.rlim_max != RLIM_INFINITY &&
		now.rlim_max < all.rlim_max)
		(void)setrlimit(RLIMIT_MEMLOCK, &all);
}

static int apply(const struct sandbox_role *role)
{
	struct sandbox_error error;
	unsigned int n_limits;
	int r = privilege_limit(role, false, &n_limits, &error);

	return r < 0 ? r : privilege_drop(role, NULL, &error);
}

int guard_confine_keeper(char ret_note[LIMIT_TEXT_BYTES + 1])
{
	int r;

	ret_note[0] = 0;
	if (setpriority(PRIO_PROCESS, 0, PRIORITY) < 0)
		note(ret_note, "no priority over other programs");
	if (!lower_score())
		note(ret_note, "may be ended when memory runs out");
	raise_locked_memory();
	/* Set already, it makes up for a bounding set that this service may not change. */
	r = process_gain_nothing();
	if (r < 0)
		return r;
	r = apply(&sandbox_role_guard_keeper);
	if (r < 0)
		return r;
	if (!SANDBOX_SANITIZED && mlockall(MCL_CURRENT) < 0)
		note(ret_note, "its memory may be swapped out");
	return process_leave_no_core();
}

static int stand_in(void)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++)
		if (fd != null_fd && dup2(null_fd, fd) < 0)
			return -errno;
	if (null_fd > 2)
		close(null_fd);
	return 0;
}

static void close_others(const int *keep_fds, size_t n_keep)
{
	for (int fd = 3; fd < LIMIT_GUARD_FDS; fd++) {
		bool is_kept = false;

		for (size_t i = 0; i < n_keep; i++)
			is_kept = is_kept || keep_fds[i] == fd;
		if (!is_kept)
			close(fd);
	}
}

int guard_confine_child(enum guard_filter filter, const int *keep_fds, size_t n_keep)
{
	int r = stand_in();

	if (r < 0)
		return r;
	close_others(keep_fds, n_keep);
	r = apply(filter == GUARD_FILTER_VERDICT ? &sandbox_role_guard_verdict
						 : &sandbox_role_guard_hasher);
	if (r < 0)
		return r;
	/* After the rights are gone: that would take it back. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	if (!SANDBOX_SANITIZED && filter == GUARD_FILTER_VERDICT)
		(void)mlockall(MCL_CURRENT);
	r = process_leave_no_core();
	if (r < 0)
		return r;
	/* What sanitizers do at the end of a process is none of the filter's business. */
	if (SANDBOX_SANITIZED)
		return 0;
	r = guard_filter_apply(filter);
	/* A kernel without filters is no reason to go without a guard. */
	return r == -ENOSYS ? 0 : r;
}
