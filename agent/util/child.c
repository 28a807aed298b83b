/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.c - runs external programs for the role loops (see child.h). It knows no shell, inherits no
 * environment and waits for nothing: a program that does not end is killed and reaped from the
 * loop.
 */
#include "agent/util/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/limits.h"

/* Same number on every architecture; C libraries older than the kernel do not name it. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define CHILD_DEADLINE_MAX_S 3600
#define CHILD_EXEC_FAILED 127

struct child {
	pid_t pid; /* leads its own session and process group; 0: handed to the reaper */
	int output_fd;
	sd_event_source *exit_source;
	sd_event_source *output_source;
	sd_event_source *deadline_source;
	struct buf output;
	child_done_fn done;
	void *userdata;
	struct child **slot;
};

/* Everything the forked process needs, prepared before the fork. */
struct child_start {
	const struct child_spec *spec;
	pid_t parent;
	int input_fd, output_fd, error_fd;
	int secret_fds[LIMIT_CHILD_SECRETS];
};

static void close_others(int first)
{
	DIR *directory;
	struct dirent *entry;

	if (syscall(SYS_close_range, (unsigned int)first, ~0U, 0) == 0)
		return;
	/* Kernels before 5.9. There is one thread only, so that memory may be allocated here. */
	directory = opendir("/proc/self/fd");
	if (!directory) {
		for (int fd = first; fd < 4096; fd++)
			close(fd);
		return;
	}
	while ((entry = readdir(directory))) {
		int64_t fd;

		if (parse_int64(entry->d_name, first, INT_MAX, &fd) == 0 && fd != dirfd(directory))
			close((int)fd);
	}
	closedir(directory);
}

static void reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &action, NULL); /* fails for the two that cannot be changed */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Where the error pipe goes: behind the secrets. */
static int error_place(const struct child_start *start)
{
	return CHILD_FIRST_SECRET_FD + (int)start->spec->n_secrets;
}

/* Moves the descriptors to 0, 1, 2, those of the secrets, and the error pipe behind them. */
static int place_descriptors(struct child_start *start)
{
	int error_fd, output_fd, input_fd, secret_fds[LIMIT_CHILD_SECRETS];
	int place = error_place(start);

	/* First out of the way of all places, whatever the caller has there. */
	input_fd = fcntl(start->input_fd, F_DUPFD, place + 1);
	output_fd = fcntl(start->output_fd, F_DUPFD, place + 1);
	error_fd = fcntl(start->error_fd, F_DUPFD, place + 1);
	if (input_fd < 0 || output_fd < 0 || error_fd < 0)
		return -errno;
	for (size_t i = 0; i < start->spec->n_secrets; i++) {
		secret_fds[i] = fcntl(start->secret_fds[i], F_DUPFD, place + 1);
		if (secret_fds[i] < 0)
			return -errno;
	}
	if (dup2(input_fd, 0) < 0 || dup2(output_fd, 1) < 0)
		return -errno;
	if (start->spec->merge_stderr && dup2(output_fd, 2) < 0)
		return -errno;
	for (size_t i = 0; i < start->spec->n_secrets; i++)
		if (dup2(secret_fds[i], CHILD_FIRST_SECRET_FD + (int)i) < 0)
			return -errno;
	if (dup2(error_fd, place) < 0)
		return -errno;
	start->error_fd = place;
	return fcntl(place, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

static int enter_root(int root_fd)
{
	if (root_fd < 0)
		return chdir("/") < 0 ? -errno : 0;
	if (fchdir(root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

/* In the forked process. Returns only if the program could not be started. */
static int child_exec(struct child_start *start)
{
	static char *const empty[] = {NULL};
	const struct child_spec *spec = start->spec;
	int r;

	if (setsid() < 0)
		return -errno;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	if (getppid() != start->parent)
		_exit(CHILD_EXEC_FAILED); /* the parent died before the line above took effect */
	/* The root descriptor is used before everything behind the places is closed. */
	r = enter_root(spec->root_fd);
	if (r < 0)
		return r;
	r = place_descriptors(start);
	if (r < 0)
		return r;
	close_others(error_place(start) + 1);
	reset_signals();
	umask(022);
	execve(spec->argv[0], (char *const *)spec->argv,
		spec->env ? (char *const *)spec->env : empty);
	return -errno;
}

/* Forks and waits until the program runs or could not be started. */
static int child_fork(struct child_start *start, int *ret_error_read, pid_t *ret_pid)
{
	_cleanup_close_ int error_read = -1, error_write = -1;
	int pipe_fds[2], failure = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	error_read = pipe_fds[0];
	error_write = pipe_fds[1];
	start->error_fd = error_write;
	start->parent = getpid();
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		failure = child_exec(start);
		n = write(start->error_fd, &failure, sizeof(failure));
		_exit(n == sizeof(failure) ? CHILD_EXEC_FAILED : CHILD_EXEC_FAILED + 1);
	}
	close(TAKE_FD(error_write));
	do
		n = read(error_read, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n != 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return n == sizeof(failure) && failure < 0 ? failure : -EIO;
	}
	*ret_error_read = TAKE_FD(error_read);
	*ret_pid = pid;
	return 0;
}

/* A killed program that nobody waits for any more: the loop reaps it, then the source is dropped.
 */
static int child_reaped(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	(void)info;
	(void)userdata;
	/* The loop held the only reference to a floating source; this drops it. */
	sd_event_source_set_floating(source, 0);
	return 0;
}

static void child_release(struct child *child)
{
	sd_event_source_unref(child->deadline_source);
	sd_event_source_unref(child->output_source);
	sd_event_source_unref(child->exit_source);
	if (child->output_fd >= 0)
		close(child->output_fd);
	buf_done(&child->output);
	free(child);
}

void child_abandon(sd_event *event, pid_t pid)
{
	sd_event_source *reaper = NULL;

	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	if (sd_event_add_child(event, &reaper, pid, WEXITED, child_reaped, NULL) < 0 ||
		sd_event_source_set_floating(reaper, 1) < 0)
		/* Out of memory. What has not ended yet stays as a dead process until we end. */
		(void)waitpid(pid, NULL, WNOHANG);
	sd_event_source_unref(reaper);
}

static void child_kill(struct child *child)
{
	sd_event *event;

	if (child->pid <= 0)
		return;
	event = sd_event_ref(sd_event_source_get_event(child->exit_source));
	/* A second source for one process is refused, so ours goes first. */
	child->exit_source = sd_event_source_unref(child->exit_source);
	child_abandon(event, child->pid);
	sd_event_unref(event);
	child->pid = 0;
}

static void child_finish(struct child *child, enum child_end end, int code)
{
	struct child_result result = {.end = end, .code = code};

	result.output = child->output.data ? child->output.data : "";
	result.n_output = child->output.n_bytes;
	/* The owner may be gone, or may start the next child, when done returns. */
	*child->slot = NULL;
	child->done(&result, child->userdata);
	child_release(child);
}

/* Reads what there is. True if the limit was passed. */
static bool child_drain(struct child *child)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(child->output_fd, chunk, sizeof(chunk))) > 0 ||
		(n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		if (child->output.n_bytes + (size_t)n > LIMIT_CHILD_OUTPUT_BYTES) {
			buf_append(&child->output, chunk,
				LIMIT_CHILD_OUTPUT_BYTES - child->output.n_bytes);
			return true;
		}
		buf_append(&child->output, chunk, (size_t)n);
	}
	/* At the end of the output (closed by the program) nothing is to be polled any more. */
	if (n == 0)
		child->output_source = sd_event_source_unref(child->output_source);
	return child->output.error != 0;
}

static int child_on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct child *child = userdata;

	(void)source;
	(void)fd;
	(void)revents;
	if (child_drain(child)) {
		child_kill(child);
		child_finish(child, CHILD_FLOODED, SIGKILL);
	}
	return 0;
}

static int child_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct child *child = userdata;

	(void)source;
	(void)usec;
	child_drain(child);
	child_kill(child);
	child_finish(child, CHILD_DEADLINE, SIGKILL);
	return 0;
}

static int child_on_exit(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct child *child = userdata;
	enum child_end end = info->si_code == CLD_EXITED ? CHILD_EXITED : CHILD_KILLED;
	int code = info->si_status;

	(void)source;
	/* The process is reaped after this callback, so that its number is still its own here:
	 * whatever it left behind in its group goes with it. */
	kill(-child->pid, SIGKILL);
	child->pid = 0;
	if (child_drain(child))
		end = CHILD_FLOODED;
	child_finish(child, end, code);
	return 0;
}

static int child_watch(struct child *child, sd_event *event, uint32_t deadline_s)
{
	uint64_t deadline_us = (uint64_t)clock_boottime_us() + deadline_s * (uint64_t)USEC_PER_SEC;
	int r;

	r = sd_event_add_child(
		event, &child->exit_source, child->pid, WEXITED, child_on_exit, child);
	if (r < 0)
		return r;
	r = sd_event_add_io(
		event, &child->output_source, child->output_fd, EPOLLIN, child_on_output, child);
	if (r < 0)
		return r;
	return sd_event_add_time(event, &child->deadline_source, CLOCK_BOOTTIME, deadline_us, 10000,
		child_on_deadline, child);
}

/* The given bytes as a file at its start, or nothing. fd or -errno. */
static int child_input(const struct child_spec *spec)
{
	_cleanup_close_ int fd = -1;

	if (!spec->input) {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		return fd < 0 ? -errno : TAKE_FD(fd);
	}
	fd = fs_memfd("mdm-input", spec->input, spec->n_input);
	if (fd < 0)
		return fd;
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : TAKE_FD(fd);
}

/* One secret as something to read. fd or -errno. */
static int child_secret(const struct child_secret *secret)
{
	_cleanup_close_ int read_fd = -1, write_fd = -1;
	int pipe_fds[2];
	ssize_t n;

	if (!secret->bytes || secret->n_bytes > LIMIT_CHILD_SECRET_BYTES)
		return -EINVAL;
	if (secret->n_bytes == 0)
		return fs_memfd("mdm-empty", "", 0);
	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	/* At most PIPE_BUF bytes are written whole or not at all (pipe(7)). */
	do
		n = write(write_fd, secret->bytes, secret->n_bytes);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* Programs expect to wait at the end that they read. */
	if (fcntl(read_fd, F_SETFL, 0) < 0)
		return -errno;
	return TAKE_FD(read_fd);
}

static void close_secrets(struct child_start *start)
{
	for (size_t i = 0; i < LIMIT_CHILD_SECRETS; i++)
		closep(&start->secret_fds[i]);
}

static int open_secrets(const struct child_spec *spec, struct child_start *start)
{
	for (size_t i = 0; i < LIMIT_CHILD_SECRETS; i++)
		start->secret_fds[i] = -1;
	for (size_t i = 0; i < spec->n_secrets; i++) {
		int fd = child_secret(&spec->secrets[i]);

		if (fd < 0) {
			close_secrets(start);
			return fd;
		}
		start->secret_fds[i] = fd;
	}
	return 0;
}

int child_start(sd_event *event, const struct child_spec *spec, child_done_fn done, void *userdata,
	struct child **ret_child)
{
	_cleanup_close_ int input_fd = -1, read_fd = -1, write_fd = -1, error_fd = -1;
	struct child_start start = {.spec = spec};
	struct child *child;
	int pipe_fds[2], r;

	if (!spec->argv || !spec->argv[0] || spec->argv[0][0] != '/' || spec->deadline_s < 1 ||
		spec->deadline_s > CHILD_DEADLINE_MAX_S ||
		spec->n_input > LIMIT_CHILD_INPUT_BYTES || spec->n_secrets > LIMIT_CHILD_SECRETS)
		return -EINVAL;
	input_fd = child_input(spec);
	if (input_fd < 0)
		return input_fd;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	if (fcntl(read_fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	child = calloc(1, sizeof(*child));
	if (!child)
		return -ENOMEM;
	child->output_fd = TAKE_FD(read_fd);
	child->done = done;
	child->userdata = userdata;
	child->slot = ret_child;
	start.input_fd = input_fd;
	start.output_fd = write_fd;
	r = open_secrets(spec, &start);
	if (r == 0)
		r = child_fork(&start, &error_fd, &child->pid);
	close_secrets(&start);
	if (r < 0) {
		child_release(child);
		return r;
	}
	r = child_watch(child, event, spec->deadline_s);
	if (r < 0) {
		child->exit_source = sd_event_source_unref(child->exit_source);
		child_abandon(event, child->pid);
		child_release(child);
		return r;
	}
	*ret_child = child;
	return 0;
}

void child_free(struct child *child)
{
	if (!child)
		return;
	child_kill(child);
	child_release(child);
}
