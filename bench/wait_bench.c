/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: server */
/*
 * wait_bench.c - many phones wait at a server, each on its connection with the certificate of its
 * own; what does that cost the server's process, and how long does an order take to reach one of
 * them? Benchmarks only.
 *
 *   wait_bench PORT FLEET COUNT SERVER-PID
 *
 * The server must have been started for this: memory that an earlier load left free in its heap
 * would be taken for nothing. The first tenth of the phones is not counted: it warms up what the
 * server needs once. Prints "NAME VALUE" lines: waiting, wait_bytes (growth of the server's
 * resident memory per phone, as it is), wait_kernel_bytes (growth of all kernel objects of this
 * machine per phone: both ends of the connection, and whatever others do meanwhile), wait_cpu_ms
 * (processor time of the server in IDLE_S seconds in which all of them wait). Then it prints
 * "ready", and "woken MS" for each phone that gets news until its input ends: MS is CLOCK_REALTIME.
 */
#include <poll.h>

#include "agent/util/clock.h"
#include "bench/client.h"

#define QUIET_MS 300 /* no answer for so long: it waits */
#define STUCK_S 20
#define IDLE_S 3
#define COUNT_MIN 2000 /* with fewer, pages and pools of the allocator would blur the figure */

struct phone {
	int fd;
	SSL *ssl;
};

struct waiters {
	struct sockaddr_in address;
	struct fleet_device *devices;
	size_t count;
	pid_t server;
	SSL_CTX *context;
	struct phone *phones;
	long long mark;
};

static int fail(const char *what)
{
	fprintf(stderr, "wait_bench: %s\n", what);
	return -EIO;
}

static void phone_close(struct phone *p)
{
	SSL_free(p->ssl);
	if (p->fd >= 0)
		close(p->fd);
	*p = (struct phone){.fd = -1};
}

/* A handshake and a request; nothing is read. */
static int phone_open(struct waiters *w, size_t i, const char *request)
{
	struct timeval patience = {.tv_sec = STUCK_S};
	struct phone *p = &w->phones[i];
	int n = (int)strlen(request);

	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	p->ssl = SSL_new(w->context);
	if (p->fd < 0 || !p->ssl || SSL_use_certificate(p->ssl, w->devices[i].certificate) != 1 ||
		SSL_use_PrivateKey(p->ssl, w->devices[i].key) != 1 ||
		SSL_set_fd(p->ssl, p->fd) != 1)
		return fail("no connection can be made; is the limit of open files too low?");
	(void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (client_bind(p->fd, i) < 0 ||
		connect(p->fd, (struct sockaddr *)&w->address, sizeof(w->address)) < 0 ||
		SSL_connect(p->ssl) != 1 || SSL_write(p->ssl, request, n) != n)
		return fail("the server cannot be reached");
	return 0;
}

static bool phone_is_quiet(const struct phone *p, int ms)
{
	struct pollfd wait = {.fd = p->fd, .events = POLLIN};

	return poll(&wait, 1, ms) == 0;
}

/* How far the server's changes have come: one check-in tells. */
static int find_mark(struct waiters *w)
{
	_cleanup_buf_ struct buf request = BUF_INIT;
	char body[512], answer[2048];
	const char *id = w->devices[0].id, *mark;
	int n, r;

	n = snprintf(body, sizeof(body),
		"{\"v\":1,\"device\":\"%s\",\"enrolment\":\"%s\",\"agent\":\"bench\","
		"\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAA\"}",
		id, id);
	buf_printf(&request,
		"POST /v1/checkin HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		"Content-Length: %d\r\n\r\n%s",
		n, body);
	if (request.error)
		return -ENOMEM;
	r = phone_open(w, 0, request.data);
	if (r < 0)
		return r;
	n = SSL_read(w->phones[0].ssl, answer, sizeof(answer) - 1);
	phone_close(&w->phones[0]);
	answer[n > 0 ? n : 0] = 0;
	mark = strstr(answer, "MDM-Mark: ");
	if (!mark || sscanf(mark, "MDM-Mark: %lld", &w->mark) != 1)
		return fail("the server tells no mark");
	return 0;
}

/* Memory of the kernel for its objects; sockets of both ends are there, and all else it does. */
static long long kernel_kib(void)
{
	return sample_kib("/proc/meminfo", "Slab");
}

static int open_all(struct waiters *w)
{
	size_t warm = w->count / 10, counted = w->count - warm;
	long long before = 0, after, kernel_before = 0;
	char request[96];

	snprintf(request, sizeof(request), "GET /v1/wait?mark=%lld HTTP/1.1\r\nHost: x\r\n\r\n",
		w->mark);
	for (size_t i = 0; i < w->count; i++) {
		int r = phone_open(w, i, request);

		if (r < 0)
			return r;
		if (i + 1 == warm) {
			if (!phone_is_quiet(&w->phones[i], QUIET_MS))
				return fail("a phone cannot wait");
			before = sample_process_kib(w->server, "VmRSS");
			kernel_before = kernel_kib();
		}
	}
	for (size_t i = 0; i < w->count; i++)
		if (!phone_is_quiet(&w->phones[i], i + 1 == w->count ? QUIET_MS : 0))
			return fail("a phone cannot wait");
	after = sample_process_kib(w->server, "VmRSS");
	if (before <= 0 || after <= 0)
		return fail("the server's memory cannot be read");
	printf("waiting %zu\n", w->count);
	printf("wait_bytes %lld\n", (after - before) * 1024 / (long long)counted);
	printf("wait_kernel_bytes %lld\n",
		(kernel_kib() - kernel_before) * 1024 / (long long)counted);
	return 0;
}

static int measure_idle(const struct waiters *w)
{
	clockid_t clock;
	double us;

	if (clock_getcpuclockid(w->server, &clock) != 0)
		return fail("there is no such server process");
	us = sample_clock_us(clock);
	sleep(IDLE_S);
	printf("wait_cpu_ms %.2f\n", (sample_clock_us(clock) - us) / 1e3);
	return 0;
}

/* Until the input ends. */
static int watch(struct waiters *w)
{
	struct epoll_event events[64],
		input = {.events = EPOLLIN | EPOLLHUP, .data.u64 = UINT64_MAX};
	int fd = epoll_create1(EPOLL_CLOEXEC), n;
	char answer[512];

	if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, STDIN_FILENO, &input) < 0)
		return fail("cannot wait");
	for (size_t i = 0; i < w->count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};

		if (epoll_ctl(fd, EPOLL_CTL_ADD, w->phones[i].fd, &event) < 0)
			return fail("cannot wait");
	}
	puts("ready");
	fflush(stdout);
	while ((n = epoll_wait(fd, events, 64, -1)) > 0)
		for (int i = 0; i < n; i++) {
			struct phone *p;

			if (events[i].data.u64 == UINT64_MAX) {
				close(fd);
				return 0;
			}
			p = &w->phones[events[i].data.u64];
			if (SSL_read(p->ssl, answer, sizeof(answer)) < 12 ||
				memcmp(answer, "HTTP/1.1 200", 12) != 0)
				return fail("a phone was not woken but dropped");
			printf("woken %lld\n", (long long)(clock_realtime_us() / 1000));
			fflush(stdout);
			phone_close(p);
		}
	return fail("cannot wait");
}

static int prepare(struct waiters *w, char **argv)
{
	int64_t port, count, server;
	int n;

	if (parse_int64(argv[1], 1, 65535, &port) < 0 ||
		parse_int64(argv[3], COUNT_MIN, FLEET_DEVICES, &count) < 0 ||
		parse_int64(argv[4], 1, INT32_MAX, &server) < 0)
		return fail("Usage: wait_bench PORT FLEET COUNT SERVER-PID");
	w->address = client_address((int)port);
	w->count = (size_t)count;
	w->server = (pid_t)server;
	if (!client_may_open(w->count, "wait_bench"))
		return -EMFILE;
	w->devices = calloc(FLEET_DEVICES, sizeof(*w->devices));
	w->phones = calloc(w->count, sizeof(*w->phones));
	w->context = client_context();
	if (!w->devices || !w->phones || !w->context)
		return -ENOMEM;
	for (size_t i = 0; i < w->count; i++)
		w->phones[i].fd = -1;
	n = fleet_read(argv[2], w->devices);
	if (n < (int)w->count)
		return fail("the file of the fleet has not so many phones");
	return 0;
}

int main(int argc, char **argv)
{
	static struct waiters waiters;

	if (argc != 5) {
		fprintf(stderr, "Usage: wait_bench PORT FLEET COUNT SERVER-PID\n");
		return 2;
	}
	if (prepare(&waiters, argv) < 0 || find_mark(&waiters) < 0 || open_all(&waiters) < 0 ||
		measure_idle(&waiters) < 0 || watch(&waiters) < 0)
		return 1;
	return 0;
}
