// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's end of the control channel: a root shell on a virtio-serial port, for tests only. It
 * needs no network and no service, so that it answers before anybody can log in and while
 *everything else is cut. The host's end is guest.py; both keep to this:
 *
 *	"\nmdm-run ID SECONDS SCRIPT-BYTES STDIN-BYTES\n" SCRIPT STDIN	host to guest
 *	"\nmdm ID o BYTES\n" …, "\nmdm ID e BYTES\n" …			what the script prints
 *	"\nmdm ID x STATUS\n"						its end; 124: out of time
 *
 * One script at a time. A host that went away ends its script; so does the next request.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "port.h"

#define PORT_NAME "mdm.control"
#define SCRIPT_MAX_BYTES 100000
#define STDIN_MAX_BYTES (64 << 20)
#define HEADER_MAX_BYTES 128
#define PIECE_BYTES 16384
/* A host that stops in the middle of a request has died. */
#define REQUEST_STALL_MS 15000
#define STATUS_TIMEOUT 124

struct script {
	pid_t pid;
	char id[40];
	int out, err;
	int64_t deadline_ms;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* False when the host went away. */
static bool port_write(int port, const char *p, size_t n)
{
	while (n > 0) {
		struct pollfd poll_fd = {.fd = port, .events = POLLOUT};
		ssize_t r = write(port, p, n);

		if (r > 0) {
			p += r;
			n -= (size_t)r;
			continue;
		}
		if (r < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (poll(&poll_fd, 1, 1000) > 0 && (poll_fd.revents & POLLHUP))
			return false;
	}
	return true;
}

/* False when the host went away, or stalls. */
static bool port_read(int port, char *p, size_t n)
{
	while (n > 0) {
		struct pollfd poll_fd = {.fd = port, .events = POLLIN};
		ssize_t r = read(port, p, n);

		if (r > 0) {
			p += r;
			n -= (size_t)r;
			continue;
		}
		if (r == 0 || (errno != EAGAIN && errno != EINTR))
			return false;
		if (poll(&poll_fd, 1, REQUEST_STALL_MS) <= 0 || (poll_fd.revents & POLLHUP))
			return false;
	}
	return true;
}

static void script_end(struct script *s)
{
	if (s->pid > 0) {
		kill(-s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
	}
	if (s->out >= 0)
		close(s->out);
	if (s->err >= 0)
		close(s->err);
	*s = (struct script){.out = -1, .err = -1};
}

static void script_child(const char *script, int in, const int out[2], const int err[2])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (dup2(in, 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0 || chdir("/") < 0)
		_exit(126);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("LC_ALL", "C", 1);
	execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	_exit(127);
}

/* `in` is the script's standard input from its beginning. */
static int script_start(struct script *s, const char *script, int in, long seconds)
{
	int out[2] = {-1, -1}, err[2] = {-1, -1};

	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		return -errno;
	s->pid = fork();
	if (s->pid == 0)
		script_child(script, in, out, err);
	close(out[1]);
	close(err[1]);
	s->out = out[0];
	s->err = err[0];
	fcntl(s->out, F_SETFL, O_NONBLOCK);
	fcntl(s->err, F_SETFL, O_NONBLOCK);
	s->deadline_ms = now_ms() + seconds * 1000;
	return s->pid < 0 ? -EAGAIN : 0;
}

/* Reads a request up to its last byte and starts it; whatever is not one is skipped up to its next
 * line. */
static bool request_take(int port, struct script *s)
{
	char header[HEADER_MAX_BYTES], id[40], piece[PIECE_BYTES];
	unsigned long script_bytes, left;
	char *script = NULL;
	size_t n = 0;
	long seconds;
	int in, r = -1;

	do {
		if (n == sizeof(header) - 1 || !port_read(port, header + n, 1))
			return false;
	} while (header[n++] != '\n');
	header[n] = '\0';
	if (sscanf(header, "mdm-run %39[0-9a-f] %ld %lu %lu", id, &seconds, &script_bytes, &left) !=
		4)
		return true;
	if (seconds < 1 || script_bytes > SCRIPT_MAX_BYTES || left > STDIN_MAX_BYTES)
		return false;
	script_end(s);
	in = memfd_create("stdin", MFD_CLOEXEC);
	script = calloc(1, script_bytes + 1);
	if (in < 0 || !script || !port_read(port, script, script_bytes))
		goto end;
	while (left > 0) {
		size_t want = left < sizeof(piece) ? left : sizeof(piece);

		if (!port_read(port, piece, want) || write(in, piece, want) != (ssize_t)want)
			goto end;
		left -= want;
	}
	lseek(in, 0, SEEK_SET);
	memcpy(s->id, id, sizeof(id));
	r = script_start(s, script, in, seconds);
end:
	free(script);
	if (in >= 0)
		close(in);
	return r == 0;
}

/* What is in the pipe now; false when the host went away. */
static bool output_pass(int port, struct script *s, int *fd, char kind)
{
	char head[HEADER_MAX_BYTES], piece[PIECE_BYTES];
	ssize_t n;

	while (*fd >= 0 && (n = read(*fd, piece, sizeof(piece))) != -1) {
		if (n == 0) {
			close(*fd);
			*fd = -1;
			break;
		}
		snprintf(head, sizeof(head), "\nmdm %s %c %zd\n", s->id, kind, n);
		if (!port_write(port, head, strlen(head)) || !port_write(port, piece, (size_t)n))
			return false;
	}
	return true;
}

/* Passes on what was printed, and the end; false when the host went away. */
static bool script_step(int port, struct script *s)
{
	char line[HEADER_MAX_BYTES];
	int status, code;
	pid_t ended = waitpid(s->pid, &status, WNOHANG);

	if (!output_pass(port, s, &s->out, 'o') || !output_pass(port, s, &s->err, 'e'))
		return false;
	/* What the script left running in the background may keep the pipes: its own end counts. */
	if (ended == s->pid) {
		s->pid = 0;
		code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	} else if (now_ms() > s->deadline_ms) {
		code = STATUS_TIMEOUT;
	} else {
		return true;
	}
	snprintf(line, sizeof(line), "\nmdm %s x %d\n", s->id, code);
	script_end(s);
	return port_write(port, line, strlen(line));
}

static void serve(int port)
{
	struct script s = {.out = -1, .err = -1};

	for (;;) {
		struct pollfd fds[] = {
			{.fd = port, .events = POLLIN},
			{.fd = s.out, .events = POLLIN},
			{.fd = s.err, .events = POLLIN},
		};
		bool here = true;

		/* The end of a script whose pipes stay open is seen in this rhythm. */
		poll(fds, 3, s.pid > 0 ? 50 : -1);
		if (fds[0].revents & POLLHUP)
			here = false;
		else if (fds[0].revents & POLLIN)
			here = request_take(port, &s);
		if (here && s.pid > 0)
			here = script_step(port, &s);
		if (!here) {
			script_end(&s);
			/* Without a host poll() returns at once. */
			port_pause_ms(100);
		}
	}
}

int main(void)
{
	int port;

	signal(SIGPIPE, SIG_IGN);
	port = port_wait(PORT_NAME);
	if (port < 0) {
		fprintf(stderr, "channel_agent: there is no port " PORT_NAME "\n");
		return 1;
	}
	serve(port);
}
