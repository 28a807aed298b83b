/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.c - runs a package manager and waits for it (see program.h). It knows none of them, and
 * ends nothing that has begun to change things. Run by mdm-agent-apps, as root.
 */
#include "agent/apps/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/limits.h"
#include "agent/util/mem.h"

#define TICK_MS 250
#define GRACE_US (5 * USEC_PER_SEC) /* between SIGTERM and SIGKILL */
#define EXEC_FAILED 127

/* Lines out of a pipe. */
struct lines {
	int fd; /* -1: at its end */
	char line[1024];
	size_t n;
};

struct runner {
	const struct program *program;
	struct program_said said;
	struct lines output, progress;
	pid_t pid;
	int child_fd; /* signalfd: SIGCHLD, and those that ask us to end */
	bool is_changing;
	bool is_over;
	int64_t killed_us; /* 0: was not told to end */
};

void program_said_done(struct program_said *said)
{
	buf_done(&said->output);
}

static void runner_done(struct runner *r)
{
	program_said_done(&r->said);
	closep(&r->output.fd);
	closep(&r->progress.fd);
	closep(&r->child_fd);
}

/* The beginning and the end are kept: what went wrong stands in either. */
static void keep_output(struct buf *output, const char *data, size_t n)
{
	const size_t half = LIMIT_APPS_OUTPUT_BYTES / 2;

	if (output->n_bytes + n > LIMIT_APPS_OUTPUT_BYTES && output->n_bytes > half) {
		size_t tail = output->n_bytes - half, drop = tail / 2;

		memmove(output->data + half, output->data + half + drop, tail - drop);
		output->n_bytes -= drop;
		output->data[half] = '\n'; /* no line is made of two */
	}
	buf_append(output, data, n);
}

static void take_output_line(struct runner *r, const char *line)
{
	if (r->program->line && r->program->line(r->program->userdata, line))
		r->is_changing = true;
}

static void take_progress_line(struct runner *r, char *line)
{
	char *slash = strchr(line, '/');
	int64_t done, total;

	if (!slash || !r->program->progress)
		return;
	*slash++ = '\0';
	slash[strcspn(slash, " ")] = '\0';
	if (parse_int64(line, 0, INT64_MAX, &done) == 0 &&
		parse_int64(slash, 1, INT64_MAX, &total) == 0)
		r->program->progress(r->program->userdata, (uint64_t)done, (uint64_t)total);
}

static void take_line(struct runner *r, struct lines *lines)
{
	lines->line[lines->n] = '\0';
	lines->n = 0;
	if (lines == &r->output)
		take_output_line(r, lines->line);
	else
		take_progress_line(r, lines->line);
}

/* What there is to be read now; a line that is too long is cut. */
static void read_lines(struct runner *r, struct lines *lines)
{
	char data[4096];
	ssize_t n = 0;

	while (lines->fd >= 0 && (n = read(lines->fd, data, sizeof(data))) > 0) {
		if (lines == &r->output)
			keep_output(&r->said.output, data, (size_t)n);
		for (ssize_t i = 0; i < n; i++) {
			if (data[i] == '\n')
				take_line(r, lines);
			else if (data[i] && lines->n + 1 < sizeof(lines->line))
				lines->line[lines->n++] = data[i];
		}
	}
	if (lines->fd >= 0 && n == 0) {
		if (lines->n > 0)
			take_line(r, lines);
		closep(&lines->fd);
		lines->fd = -1;
	}
}

/* --- the child ------------------------------------------------------------------------------ */

_Noreturn static void run_child(const struct program *program, int output_fd, int progress_fd)
{
	int null_fd = open("/dev/null", O_RDONLY);
	sigset_t none;

	/* All of ours are opened with O_CLOEXEC; what others left open is nobody's here. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* A word could be the name of a file: where there is none it is not. */
	if (chdir("/var/empty") < 0 && chdir("/") < 0)
		_exit(EXEC_FAILED);
	if (setsid() < 0 || null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(output_fd, 1) < 0 ||
		dup2(output_fd, 2) < 0)
		_exit(EXEC_FAILED);
	if (progress_fd >= 0 && progress_fd != PROGRAM_PROGRESS_FD) {
		if (dup2(progress_fd, PROGRAM_PROGRESS_FD) < 0)
			_exit(EXEC_FAILED);
	} else if (progress_fd == PROGRAM_PROGRESS_FD) {
		fcntl(progress_fd, F_SETFD, 0);
	}
	execve(program->argv[0], (char *const *)program->argv, (char *const *)program->env);
	_exit(EXEC_FAILED);
}

/* A pipe whose writing end is the child's, and whose reading end does not block. */
static int make_pipe(int *ret_read_fd, int *ret_write_fd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*ret_read_fd = fds[0];
	*ret_write_fd = fds[1];
	return 0;
}

static int start(struct runner *r)
{
	_cleanup_close_ int output_fd = -1, progress_fd = -1;
	sigset_t child;
	int e;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigaddset(&child, SIGTERM);
	sigaddset(&child, SIGINT);
	sigaddset(&child, SIGHUP);
	sigprocmask(SIG_BLOCK, &child, NULL);
	r->child_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->child_fd < 0)
		return -errno;
	e = make_pipe(&r->output.fd, &output_fd);
	if (e == 0 && r->program->has_progress)
		e = make_pipe(&r->progress.fd, &progress_fd);
	if (e < 0)
		return e;
	r->pid = fork();
	if (r->pid < 0)
		return -errno;
	if (r->pid == 0)
		run_child(r->program, output_fd, progress_fd);
	return 0;
}

/* --- its end -------------------------------------------------------------------------------- */

static void look_for_end(struct runner *r)
{
	struct signalfd_siginfo info;
	int status;

	while (read(r->child_fd, &info, sizeof(info)) > 0)
		if (info.ssi_signo != SIGCHLD)
			*r->program->deadline_us = clock_boottime_us();
	if (waitpid(r->pid, &status, WNOHANG) != r->pid)
		return;
	/* Whatever it has left running keeps the pipes open: what is in them now is all. */
	read_lines(r, &r->output);
	read_lines(r, &r->progress);
	r->is_over = true;
	if (r->killed_us)
		r->said.end = PROGRAM_DEADLINE;
	r->said.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Whether it stands still, or is gone, within a second: one that hangs in the kernel does not. */
static bool is_stopped(pid_t pid)
{
	for (int i = 0; i < 100; i++) {
		siginfo_t info = {0};

		if (waitid(P_PID, (id_t)pid, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT) == 0 &&
			info.si_pid == pid)
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

/*
 * Before it is told to end it is stopped and asked what it has said up to now: what has begun to
 * change things has said so before.
 */
static void end_in_time(struct runner *r, int64_t now_us)
{
	if (r->killed_us) {
		if (now_us - r->killed_us > GRACE_US)
			kill(-r->pid, SIGKILL);
		return;
	}
	kill(-r->pid, SIGSTOP);
	if (is_stopped(r->pid)) {
		read_lines(r, &r->output);
		if (!r->is_changing) {
			kill(-r->pid, SIGTERM);
			r->killed_us = now_us;
		}
	}
	kill(-r->pid, SIGCONT);
}

/* It goes on without us: somebody has to read what it says, or it stops in the middle. */
static void leave(struct runner *r)
{
	char data[4096];
	struct pollfd fds[2];

	r->is_over = true;
	r->said.end = PROGRAM_LEFT;
	if (fork() != 0)
		return;
	setsid();
	fds[0] = (struct pollfd){.fd = r->output.fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = r->progress.fd, .events = POLLIN};
	/* The lock of the job is not its. */
	for (int fd = 0; fd < 256; fd++)
		if (fd != r->output.fd && fd != r->progress.fd)
			close(fd);
	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		poll(fds, 2, -1);
		for (int i = 0; i < 2; i++)
			if (fds[i].fd >= 0 && fds[i].revents &&
				read(fds[i].fd, data, sizeof(data)) == 0)
				fds[i].fd = -1;
	}
	_exit(0);
}

static void wait_for_end(struct runner *r)
{
	while (!r->is_over) {
		struct pollfd fds[] = {
			{.fd = r->child_fd, .events = POLLIN},
			{.fd = r->output.fd, .events = POLLIN},
			{.fd = r->progress.fd, .events = POLLIN},
		};
		int64_t now_us;

		poll(fds, ARRAY_SIZE(fds), TICK_MS);
		read_lines(r, &r->output);
		read_lines(r, &r->progress);
		look_for_end(r);
		now_us = clock_boottime_us();
		if (r->program->tick)
			r->program->tick(r->program->userdata);
		if (r->is_over || now_us < *r->program->deadline_us)
			continue;
		if (!r->is_changing)
			end_in_time(r, now_us);
		else if (now_us > *r->program->deadline_us + r->program->patience_us)
			leave(r);
	}
}

int program_run(const struct program *program, struct program_said *ret_said)
{
	_cleanup_(runner_done) struct runner r = {
		.program = program, .output.fd = -1, .progress.fd = -1, .child_fd = -1};
	int e;

	if (access(program->argv[0], X_OK) < 0) {
		*ret_said = (struct program_said){.end = PROGRAM_NONE};
		return 0;
	}
	e = start(&r);
	if (e < 0)
		return e;
	wait_for_end(&r);
	if (r.said.output.error)
		return r.said.output.error;
	if (r.said.end == PROGRAM_EXITED && r.said.status == EXEC_FAILED && !r.said.output.n_bytes)
		r.said.end = PROGRAM_NONE;
	*ret_said = r.said;
	r.said.output = BUF_INIT;
	return 0;
}
