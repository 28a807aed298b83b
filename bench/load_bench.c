/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: server */
/*
 * load_bench.c - plays many phones against a server: one process, several connections at once,
 * each with a full handshake and the certificate of the next device. Benchmarks only.
 *
 *   load_bench PORT FLEET COUNT CONNECTIONS SERVER-PID ROUND KIND
 *
 * KIND "handshake": until the server says goodbye. "first": a check-in with all sections and two
 * events, as after a restart of the agent. "steady": a check-in with digests only. Devices take
 * turns; a device's reports of round R, R+1, … differ in their nonce, those of two devices in all
 * ids and digests. Prints "NAME VALUE" lines: rate, p50_ms, p99_ms, server_us (processor time per
 * exchange), busy (the part of the time that the server was running), own_us (what the load itself
 * costs), wire_up and wire_down (bytes per check-in with all headers from IP on, as the phone's
 * kernel counts them until the answer is there), rounds (the first free one). Any answer but 200
 * and 204 is a failure.
 */
#include "bench/client.h"
#include "bench/report.h"

#define CONNECTIONS_MAX 256
#define COUNT_MAX 200000
#define STUCK_MS 20000

enum kind {
	KIND_HANDSHAKE,
	KIND_FIRST,
	KIND_STEADY,
	KIND_MAX,
};

struct load {
	struct sockaddr_in address;
	struct fleet_device *devices;
	size_t n_devices, n_connections;
	int64_t count, n_started, n_done, round;
	enum kind kind;
	pid_t server;
	SSL_CTX *context;
	int epoll_fd;
	struct client clients[CONNECTIONS_MAX];
	double *latency_us;
	double wire_up, wire_down;
};

static int fail(const char *what)
{
	fprintf(stderr, "load_bench: %s\n", what);
	return -EIO;
}

/* --- connections ------------------------------------------------------------------------- */

static int load_start(struct load *l, struct client *c)
{
	int64_t turn = l->n_started++;
	size_t i = (size_t)turn % l->n_devices;
	struct report_order order = {
		.id = l->devices[i].id,
		.round = l->round + turn / (int64_t)l->n_devices,
		.first = l->kind == KIND_FIRST,
	};

	buf_reset(&c->request);
	if (l->kind != KIND_HANDSHAKE)
		report_request(&order, ntohs(l->address.sin_port), &c->request);
	c->epoll_fd = l->epoll_fd;
	if (c->request.error || client_open(c, l->context, &l->address, &l->devices[i], i) < 0)
		return fail("the server cannot be reached");
	return 0;
}

static int load_go_on(struct load *l, struct client *c)
{
	switch (client_step(c)) {
	case CLIENT_PENDING:
		return 0;
	case CLIENT_GOODBYE:
		if (l->kind != KIND_HANDSHAKE)
			return fail("the server ends a connection without an answer");
		break;
	case CLIENT_ANSWERED:
		if (c->status != 200 && c->status != 204)
			return fail("the server refuses a check-in");
		break;
	case CLIENT_BROKEN:
		return fail("the server breaks a connection off");
	}
	l->latency_us[l->n_done++] = sample_clock_us(CLOCK_MONOTONIC) - c->start_us;
	l->wire_up += (double)c->wire_up;
	l->wire_down += (double)c->wire_down;
	client_close(c);
	return l->n_started < l->count ? load_start(l, c) : 0;
}

static int load_run(struct load *l)
{
	struct epoll_event events[CONNECTIONS_MAX];
	int r = 0, n;

	for (size_t i = 0; i < l->n_connections && r == 0 && l->n_started < l->count; i++)
		r = load_start(l, &l->clients[i]);
	while (r == 0 && l->n_done < l->count) {
		n = epoll_wait(l->epoll_fd, events, CONNECTIONS_MAX, STUCK_MS);
		if (n <= 0)
			return fail("the server is silent");
		for (int i = 0; i < n && r == 0; i++)
			r = load_go_on(l, events[i].data.ptr);
	}
	return r;
}

/* --- the whole --------------------------------------------------------------------------- */

static int load_measure(struct load *l)
{
	double wall_us, server_us, own_us;
	clockid_t clock;
	int r;

	if (clock_getcpuclockid(l->server, &clock) != 0)
		return fail("there is no such server process");
	server_us = sample_clock_us(clock);
	own_us = sample_clock_us(CLOCK_PROCESS_CPUTIME_ID);
	wall_us = sample_clock_us(CLOCK_MONOTONIC);
	r = load_run(l);
	if (r < 0)
		return r;
	wall_us = sample_clock_us(CLOCK_MONOTONIC) - wall_us;
	server_us = sample_clock_us(clock) - server_us;
	own_us = sample_clock_us(CLOCK_PROCESS_CPUTIME_ID) - own_us;
	printf("rate %.1f\n", (double)l->count * 1e6 / wall_us);
	printf("p50_ms %.2f\n", sample_median(l->latency_us, (size_t)l->count) / 1e3);
	printf("p99_ms %.2f\n", sample_quantile(l->latency_us, (size_t)l->count, 0.99) / 1e3);
	printf("server_us %.1f\n", server_us / (double)l->count);
	printf("busy %.2f\n", server_us / wall_us);
	printf("own_us %.1f\n", own_us / (double)l->count);
	if (l->kind != KIND_HANDSHAKE) {
		printf("wire_up %.0f\n", l->wire_up / (double)l->count);
		printf("wire_down %.0f\n", l->wire_down / (double)l->count);
	}
	printf("rounds %lld\n", (long long)(l->round + (l->count + (int64_t)l->n_devices - 1) /
							       (int64_t)l->n_devices));
	return 0;
}

static int load_parse(struct load *l, char **argv)
{
	static const char *const kinds[KIND_MAX] = {"handshake", "first", "steady"};
	int64_t port, connections, server;

	if (parse_int64(argv[1], 1, 65535, &port) < 0 ||
		parse_int64(argv[3], 1, COUNT_MAX, &l->count) < 0 ||
		parse_int64(argv[4], 1, CONNECTIONS_MAX, &connections) < 0 ||
		parse_int64(argv[5], 1, INT32_MAX, &server) < 0 ||
		parse_int64(argv[6], 0, INT32_MAX, &l->round) < 0)
		return -EINVAL;
	for (l->kind = 0; l->kind < KIND_MAX && strcmp(kinds[l->kind], argv[7]) != 0; l->kind++)
		;
	if (l->kind == KIND_MAX)
		return -EINVAL;
	l->address = client_address((int)port);
	l->n_connections = (size_t)connections;
	l->server = (pid_t)server;
	return 0;
}

static int load_prepare(struct load *l, const char *fleet)
{
	int n;

	l->devices = calloc(FLEET_DEVICES, sizeof(*l->devices));
	l->latency_us = calloc((size_t)l->count, sizeof(*l->latency_us));
	l->context = client_context();
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!l->devices || !l->latency_us || !l->context || l->epoll_fd < 0)
		return -ENOMEM;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		l->clients[i] = CLIENT_INIT;
	n = fleet_read(fleet, l->devices);
	if (n <= 0)
		return fail("the file of the fleet cannot be read");
	l->n_devices = (size_t)n;
	return 0;
}

int main(int argc, char **argv)
{
	static struct load load;

	if (argc != 8 || load_parse(&load, argv) < 0) {
		fprintf(stderr, "Usage: load_bench PORT FLEET COUNT CONNECTIONS SERVER-PID ROUND "
				"handshake|first|steady\n");
		return 2;
	}
	if (load_prepare(&load, argv[2]) < 0)
		return 1;
	return load_measure(&load) < 0 ? 1 : 0;
}
