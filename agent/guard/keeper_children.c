/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_children.c - starts whoever answers and whoever hashes, and again when they fall. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/confine.h"
#include "agent/guard/fd_message.h"
#include "agent/guard/hasher.h"
#include "agent/guard/keeper_private.h"
#include "agent/guard/verdict.h"
#include "agent/util/log.h"
#include "agent/util/mem.h"

#define SETTLED_MS 5000	  /* who lives that long has not fallen at once */
#define PAUSE_MS 50	  /* doubled with each fall */
#define PAUSE_MAX_MS 5000 /* nobody is held up meanwhile: the kernel lets everything run */
#define PAUSE_CLOSED_MAX_MS 2000
#define STUCK_MAX 4
#define HASHER_PRIORITY -5

void keeper_kill(pid_t pid)
{
	if (pid > 0)
		(void)kill(pid, SIGKILL);
}

static int make_pair(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0
		       ? -errno
		       : 0;
}

/* Returns this end of its connection, or -1. */
static int fork_hasher(struct keeper *k)
{
	int pair[2];
	pid_t pid;

	if (make_pair(pair) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGIO, SIG_IGN);
		/* Only who started a program of their own waits for it: a file of 256 MB that
		 * changes all the time does not go before everything else. */
		(void)setpriority(PRIO_PROCESS, 0, HASHER_PRIORITY);
		if (guard_confine_child(GUARD_FILTER_HASHER, &pair[1], 1) == 0)
			guard_hasher_run(pair[1]);
		_exit(0);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -1;
	}
	k->hasher_pid = pid;
	k->hasher_begin_ms = NEVER;
	return pair[0];
}

void keeper_start_hasher(struct keeper *k)
{
	_cleanup_close_ int fd = -1;

	k->hasher_begin_ms = NEVER;
	if (k->verdict_pid == 0 || k->n_stuck >= STUCK_MAX)
		return;
	fd = fork_hasher(k);
	if (fd >= 0)
		keeper_tell_verdict(k, GUARD_WORD_HASHER, fd);
	else
		k->hasher_begin_ms = keeper_now_ms() + 1000;
}

static void fall_later(struct keeper *k)
{
	bool is_closed = k->group_fd >= 0;
	int64_t most = is_closed ? PAUSE_CLOSED_MAX_MS : PAUSE_MAX_MS, pause = 0;

	/* The first time at once. */
	if (k->n_falls > 0)
		pause = (int64_t)PAUSE_MS << (k->n_falls < 12 ? k->n_falls : 12);
	k->n_falls++;
	k->begin_ms = keeper_now_ms() + (pause < most ? pause : most);
}

void keeper_start_verdict(struct keeper *k)
{
	_cleanup_close_ int hasher_fd = -1;
	int control[2];
	pid_t pid;

	k->begin_ms = NEVER;
	keeper_kill(k->hasher_pid);
	k->hasher_pid = 0;
	if (make_pair(control) < 0) {
		fall_later(k);
		return;
	}
	hasher_fd = fork_hasher(k);
	pid = fork();
	if (pid == 0) {
		struct guard_verdict verdict = {
			.group_fd = k->group_fd,
			.control_fd = control[1],
			.hasher_fd = hasher_fd,
			.kick_fd = k->kick_fd,
			.has_evictable = k->facts.has_evictable,
			.table_fd = k->table_fd,
			.shared = k->shared,
		};

		/* It maps its own, and locks it apart from the program. */
		munmap((void *)(uintptr_t)k->table.at, k->table.n_bytes);
		_exit(guard_verdict_run(&verdict) < 0 ? 1 : 0);
	}
	close(control[1]);
	if (pid < 0) {
		close(control[0]);
		fall_later(k);
		return;
	}
	k->verdict_pid = pid;
	k->control_fd = control[0];
	k->begun_ms = keeper_now_ms();
	k->is_round_wanted = true;
	k->is_asked = false;
	k->is_state_wanted = true;
}

void keeper_tell_verdict(struct keeper *k, uint32_t word, int fd)
{
	struct guard_control control = {.word = word};

	/* Who does not take a word does not answer either. */
	if (k->verdict_pid > 0 && guard_fd_send(k->control_fd, &control, sizeof(control), fd) < 0)
		keeper_kill(k->verdict_pid);
}

/* What the dead one had read and not answered: its numbers are all that is known of it. */
static void refuse_unanswered(int group_fd)
{
	for (int fd = 0; fd < LIMIT_GUARD_FDS; fd++)
		while (guard_group_answer(group_fd, fd, false) == 0)
			;
}

static void verdict_fell(struct keeper *k, int status)
{
	k->verdict_pid = 0;
	/* A group that was on its way to us ends with the connection. */
	closep(&k->control_fd);
	k->control_fd = -1;
	atomic_store(&k->shared->generation, 0);
	if (k->end_ms != NEVER)
		return;
	if (k->group_fd >= 0)
		refuse_unanswered(k->group_fd);
	if (WIFSIGNALED(status))
		log_error("the process that answers was ended by signal %d; starting it again",
			WTERMSIG(status));
	else
		log_error("the process that answers ended with status %d; starting it again",
			WEXITSTATUS(status));
	if (keeper_now_ms() - k->begun_ms > SETTLED_MS)
		k->n_falls = 0;
	k->n_restarts++;
	fall_later(k);
}

void keeper_reap(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		/* Stopped, it would answer nobody. */
		if (WIFSTOPPED(status)) {
			keeper_kill(pid);
		} else if (pid == k->verdict_pid) {
			verdict_fell(k, status);
		} else if (pid == k->hasher_pid) {
			k->hasher_pid = 0;
			k->hasher_begin_ms = keeper_now_ms() + 1000;
		} else if (k->n_stuck > 0) {
			k->n_stuck--;
			/* Nobody was started in its place while there were too many. */
			if (k->hasher_pid == 0 && k->hasher_begin_ms == NEVER)
				k->hasher_begin_ms = keeper_now_ms() + 1000;
		}
	}
}
