/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: net */
/*
 * checkin_bench.c - processor time of one mdm-agent-net that does one check-in, and of another
 * program that posts the same bytes, in turns; medians. Plays the enforcer: the role is started as
 * agent/enforcer/exchange.c does it. Prints "NAME VALUE" lines. Benchmarks only.
 *
 *   checkin_bench RUNS NET-PROGRAM URL IDENTITY-DIR REPORT-FILE [CURL-PROGRAM]
 *
 * One run of each goes before and does not count; with RUNS 0 and without CURL-PROGRAM it is a
 * single exchange, of which only the account of the bytes matters.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/ipc/channel.h"
#include "agent/util/codec.h"
#include "bench/sample.h"

#define RUNS_MAX 1000
#define ROLE_USER "mdm-agent"
#define WAIT_MS 30000

struct bench {
	const char *net, *url, *identity, *report, *curl;
	struct msg_net_exchanged exchanged; /* of the last run */
};

static int fail(const char *what)
{
	fprintf(stderr, "checkin_bench: %s\n", what);
	return -EIO;
}

/* User and system time of a child that has to end well. */
static int reap(pid_t pid, double *ret_ms)
{
	struct rusage usage;
	int status;

	if (wait4(pid, &status, 0, &usage) < 0)
		return -errno;
	if (status != 0)
		return fail("a process that was to be measured failed");
	*ret_ms = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
		  (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
	return 0;
}

/* --- the net role ------------------------------------------------------------------------ */

static void __attribute__((noreturn)) net_exec(const struct bench *b, int channel_fd)
{
	char *const argv[] = {
		(char *)(uintptr_t)b->net, (char[]){"--user"}, (char[]){ROLE_USER}, NULL};
	char *const env[] = {NULL};
	int null_fd = open("/dev/null", O_RDWR);

	setsid();
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0)
		_exit(126);
	if (channel_fd == CHANNEL_FD)
		fcntl(channel_fd, F_SETFD, 0);
	else if (dup2(channel_fd, CHANNEL_FD) < 0)
		_exit(126);
	execve(b->net, argv, env);
	_exit(127);
}

static int memory_file(const char *path, uint32_t *ret_n_bytes)
{
	static char text[LIMIT_REPORT_BYTES];
	_cleanup_close_ int in = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = memfd_create("report", MFD_CLOEXEC);
	ssize_t n = in < 0 || out < 0 ? -1 : read(in, text, sizeof(text));

	if (n <= 0 || write(out, text, (size_t)n) != n)
		return fail("the report cannot be read");
	*ret_n_bytes = (uint32_t)n;
	return TAKE_FD(out);
}

static int net_order(const struct bench *b, int channel_fd)
{
	_cleanup_close_ int identity = open(b->identity, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int response = memfd_create("response", MFD_CLOEXEC);
	struct msg_net_checkin order = {
		.timeout_s = 20,
		.response_max = LIMIT_RESPONSE_BYTES,
	};
	_cleanup_close_ int report = memory_file(b->report, &order.report_bytes);
	int fds[3] = {identity, report, response};

	if (identity < 0 || report < 0 || response < 0)
		return fail("the identity or the report cannot be opened");
	snprintf(order.server, sizeof(order.server), "%s", b->url);
	return channel_send(channel_fd, ROLE_ENFORCER, MESSAGE_NET_CHECKIN, &order, fds, 3);
}

static int net_result(struct bench *b, int channel_fd)
{
	struct message m;
	bool answered = false;
	int r;

	for (;;) {
		struct pollfd wait = {.fd = channel_fd, .events = POLLIN};

		if (poll(&wait, 1, WAIT_MS) <= 0)
			return fail("mdm-agent-net says nothing");
		r = channel_receive(channel_fd, ROLE_ENFORCER, ROLE_NET, &m);
		if (r == -ECONNRESET)
			return answered ? 0 : fail("mdm-agent-net ended without an answer");
		if (r < 0)
			return r;
		if (m.type == MESSAGE_NET_FAILED) {
			fprintf(stderr, "checkin_bench: %s\n", m.body.as_6.message);
			return -EIO;
		}
		if (m.type == MESSAGE_NET_EXCHANGED) {
			b->exchanged = m.body.as_5;
			answered = true;
		}
		message_done(&m);
	}
}

static int run_net(struct bench *b, double *ret_ms)
{
	_cleanup_close_ int ours = -1;
	int pair[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		net_exec(b, pair[1]);
	close(pair[1]);
	r = net_order(b, ours);
	if (r == 0)
		r = net_result(b, ours);
	if (r < 0)
		return r;
	return reap(pid, ret_ms);
}

/* --- the other one ----------------------------------------------------------------------- */

static int run_curl(const struct bench *b, double *ret_ms)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		char url[LIMIT_URL_BYTES + 32];
		char *const argv[] = {(char *)(uintptr_t)b->curl, url,
			(char *)(uintptr_t)b->identity, (char *)(uintptr_t)b->report, NULL};
		char *const env[] = {NULL};

		snprintf(url, sizeof(url), "%s/v1/checkin", b->url);
		execve(b->curl, argv, env);
		_exit(127);
	}
	return reap(pid, ret_ms);
}

static int run_all(struct bench *b, size_t n)
{
	static double net_ms[RUNS_MAX], curl_ms[RUNS_MAX];
	double warm;
	int r = run_net(b, &warm);

	if (r == 0 && b->curl)
		r = run_curl(b, &warm);
	for (size_t i = 0; i < n && r == 0; i++) {
		r = run_net(b, &net_ms[i]);
		if (r == 0 && b->curl)
			r = run_curl(b, &curl_ms[i]);
	}
	if (r < 0)
		return r;
	if (n)
		printf("net_ms %.3f\n", sample_median(net_ms, n));
	if (n && b->curl)
		printf("curl_ms %.3f\n", sample_median(curl_ms, n));
	printf("bytes_up %llu\nbytes_down %llu\n", (unsigned long long)b->exchanged.bytes_up,
		(unsigned long long)b->exchanged.bytes_down);
	return 0;
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	int64_t n;

	if (argc < 6 || argc > 7 || parse_int64(argv[1], 0, RUNS_MAX, &n) < 0) {
		fprintf(stderr, "Usage: checkin_bench RUNS NET-PROGRAM URL IDENTITY-DIR "
				"REPORT-FILE [CURL-PROGRAM]\n");
		return 2;
	}
	b.net = argv[2];
	b.url = argv[3];
	b.identity = argv[4];
	b.report = argv[5];
	b.curl = argv[6];
	return run_all(&b, (size_t)n) < 0 ? 1 : 0;
}
