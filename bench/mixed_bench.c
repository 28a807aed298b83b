/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: server */
/*
 * mixed_bench.c - half of a fleet waits for news at /v1/wait while the other half checks in; how
 * long until news reached the last one, and what do the others notice? Benchmarks only.
 *
 *   mixed_bench PORT FLEET COUNT ROUND CONNECTIONS
 *
 * The first half of the phones asks to wait; those for which the server has no room are counted and
 * left alone. When all of them are quiet, it prints "ready": now somebody pushes a policy for their
 * group. From then on the other half checks in, CONNECTIONS at once, without a pause. Every woken
 * phone checks in at once and must be given the policy. Ends when the last one has it.
 *
 * Prints "NAME VALUE" lines: waiting, turned_away; last_woken_at_ms (/proc/uptime's clock),
 * wake_spread_s (from the first wake to the last), told_spread_s (from the first wake to the last
 * phone with the policy), told_p99_ms (of one phone, from its wake to the policy), others_rate,
 * others_p50_ms and others_p99_ms (of the check-ins of the other half).
 */
#include "bench/client.h"
#include "bench/report.h"

#define OTHERS_MAX 256
#define OTHER_SAMPLES 500000
#define PARKING_AT_ONCE 32
#define QUIET_MS 500 /* no answer for so long: they wait */
#define STUCK_MS 20000
#define GIVE_UP_US 300e6
#define EVENTS 256

enum state {
	STATE_NEW,
	STATE_ASKING, /* to wait: shaking hands */
	STATE_WAITING,
	STATE_TURNED_AWAY,
	STATE_FETCHING, /* woken */
	STATE_TOLD,
	STATE_OTHER,
};

struct phone {
	struct client client; /* the first: it is the epoll data */
	enum state state;
	size_t i; /* of the fleet */
	double woken_us;
};

struct mixed {
	struct sockaddr_in address;
	struct fleet_device *devices;
	SSL_CTX *context;
	int epoll_fd;
	size_t n_devices, n_waiters, n_others;
	struct phone *waiters, others[OTHERS_MAX];
	int64_t round, mark;
	size_t n_asked, n_asking, n_away, n_woken, n_told, n_turns, n_samples;
	bool pushed;
	double first_woken_us, last_woken_us, last_told_us, others_begin_us;
	int64_t last_woken_at_us;
	double *told_us, *other_us;
};

static int fail(const char *what)
{
	fprintf(stderr, "mixed_bench: %s\n", what);
	return -EIO;
}

static int mixed_open(struct mixed *m, struct phone *p)
{
	if (p->client.request.error ||
		client_open(&p->client, m->context, &m->address, &m->devices[p->i], p->i) < 0)
		return fail("the server cannot be reached");
	return 0;
}

static int mixed_checkin(struct mixed *m, struct phone *p, int64_t round, bool lacks_policy)
{
	struct report_order order = {
		.id = m->devices[p->i].id, .round = round, .lacks_policy = lacks_policy};

	buf_reset(&p->client.request);
	report_request(&order, ntohs(m->address.sin_port), &p->client.request);
	return mixed_open(m, p);
}

/* --- those who wait ---------------------------------------------------------------------- */

static int waiter_ask(struct mixed *m, struct phone *p)
{
	buf_reset(&p->client.request);
	buf_printf(&p->client.request,
		"GET /v1/wait?mark=%lld HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", (long long)m->mark,
		ntohs(m->address.sin_port));
	p->state = STATE_ASKING;
	m->n_asked++;
	m->n_asking++;
	return mixed_open(m, p);
}

static int waiter_woken(struct mixed *m, struct phone *p)
{
	if (!m->pushed)
		return fail("a phone is woken without news");
	p->woken_us = m->last_woken_us = sample_clock_us(CLOCK_MONOTONIC);
	m->last_woken_at_us = clock_boottime_us();
	if (m->n_woken++ == 0)
		m->first_woken_us = p->woken_us;
	client_close(&p->client);
	p->state = STATE_FETCHING;
	return mixed_checkin(m, p, m->round + 1, true);
}

static int waiter_told(struct mixed *m, struct phone *p)
{
	if (client_header(&p->client, "\r\nContent-Length:") <= 0)
		return fail("a phone was woken for nothing");
	m->last_told_us = sample_clock_us(CLOCK_MONOTONIC);
	m->told_us[m->n_told++] = m->last_told_us - p->woken_us;
	client_close(&p->client);
	p->state = STATE_TOLD;
	return 0;
}

static int waiter_answered(struct mixed *m, struct phone *p)
{
	int status = p->client.status;

	if (p->state == STATE_ASKING || p->state == STATE_WAITING) {
		if (status == 200)
			return waiter_woken(m, p);
		if (status != 503 || p->client.retry_after_s <= 0)
			return fail("a phone cannot wait");
		m->n_away++;
		p->state = STATE_TURNED_AWAY;
		client_close(&p->client);
		return 0;
	}
	return status == 200 ? waiter_told(m, p) : fail("a woken phone is not given the policy");
}

/* --- the others -------------------------------------------------------------------------- */

static int other_start(struct mixed *m, struct phone *p)
{
	size_t turn = m->n_turns++, half = m->n_devices - m->n_waiters;

	p->i = m->n_waiters + turn % half;
	return mixed_checkin(m, p, m->round + (int64_t)(turn / half), false);
}

static int other_answered(struct mixed *m, struct phone *p)
{
	if (p->client.status != 204)
		return fail("the server refuses a check-in, or has news where there is none");
	if (m->n_samples < OTHER_SAMPLES)
		m->other_us[m->n_samples++] = sample_clock_us(CLOCK_MONOTONIC) - p->client.start_us;
	client_close(&p->client);
	return other_start(m, p);
}

/* --- the loop ---------------------------------------------------------------------------- */

static int mixed_go_on(struct mixed *m, struct phone *p)
{
	enum client_result result = client_step(&p->client);
	int r = 0;

	if (result == CLIENT_GOODBYE || result == CLIENT_BROKEN)
		return fail("the server breaks a connection off");
	if (p->state == STATE_ASKING &&
		(result == CLIENT_ANSWERED ||
			(p->client.shaken && p->client.n_written == p->client.request.n_bytes))) {
		m->n_asking--;
		p->state = STATE_WAITING;
	}
	if (result == CLIENT_ANSWERED)
		r = p->state == STATE_OTHER ? other_answered(m, p) : waiter_answered(m, p);
	return r;
}

/* One round; 0, or the number of milliseconds of silence. */
static int mixed_round(struct mixed *m, int patience_ms)
{
	struct epoll_event events[EVENTS];
	int r = 0, n = epoll_wait(m->epoll_fd, events, EVENTS, patience_ms);

	for (int i = 0; i < n && r == 0; i++)
		r = mixed_go_on(m, events[i].data.ptr);
	return n > 0 ? r : patience_ms;
}

static int mixed_park(struct mixed *m)
{
	int r = 0;

	while (r == 0 && (m->n_asked < m->n_waiters || m->n_asking)) {
		while (r == 0 && m->n_asking < PARKING_AT_ONCE && m->n_asked < m->n_waiters)
			r = waiter_ask(m, &m->waiters[m->n_asked]);
		if (r == 0)
			r = mixed_round(m, STUCK_MS);
	}
	while (r == 0)
		r = mixed_round(m, QUIET_MS);
	if (r != QUIET_MS)
		return r < 0 ? r : fail("the server is silent");
	if (m->n_away == m->n_waiters)
		return fail("nobody can wait");
	m->pushed = true;
	puts("ready");
	fflush(stdout);
	return 0;
}

static int mixed_run(struct mixed *m)
{
	int r = 0;

	m->others_begin_us = sample_clock_us(CLOCK_MONOTONIC);
	for (size_t i = 0; i < m->n_others && r == 0; i++) {
		m->others[i].state = STATE_OTHER;
		r = other_start(m, &m->others[i]);
	}
	while (r == 0 && m->n_told < m->n_waiters - m->n_away) {
		if (sample_clock_us(CLOCK_MONOTONIC) - m->others_begin_us > GIVE_UP_US)
			return fail("not every phone was woken in time");
		r = mixed_round(m, STUCK_MS);
	}
	return r <= 0 ? r : fail("the server is silent");
}

/* How far the server's changes have come: a check-in of the first phone tells. */
static int mixed_mark(struct mixed *m)
{
	struct phone *p = &m->waiters[0];
	enum client_result result = CLIENT_PENDING;
	struct epoll_event event;

	if (mixed_checkin(m, p, m->round, false) < 0)
		return -EIO;
	while (result == CLIENT_PENDING && epoll_wait(m->epoll_fd, &event, 1, STUCK_MS) == 1)
		result = client_step(&p->client);
	m->mark = result == CLIENT_ANSWERED ? client_header(&p->client, "\r\nMDM-Mark:") : -1;
	client_close(&p->client);
	return m->mark < 0 ? fail("the server tells no mark") : 0;
}

static void mixed_print(struct mixed *m)
{
	double wall_us = sample_clock_us(CLOCK_MONOTONIC) - m->others_begin_us;

	printf("waiting %zu\nturned_away %zu\n", m->n_told, m->n_away);
	printf("last_woken_at_ms %lld\n", (long long)(m->last_woken_at_us / 1000));
	printf("wake_spread_s %.2f\n", (m->last_woken_us - m->first_woken_us) / 1e6);
	printf("told_spread_s %.2f\n", (m->last_told_us - m->first_woken_us) / 1e6);
	printf("told_p99_ms %.0f\n", sample_quantile(m->told_us, m->n_told, 0.99) / 1e3);
	printf("others_rate %.1f\n", (double)m->n_samples * 1e6 / wall_us);
	if (m->n_samples == 0)
		return;
	printf("others_p50_ms %.1f\n", sample_median(m->other_us, m->n_samples) / 1e3);
	printf("others_p99_ms %.1f\n", sample_quantile(m->other_us, m->n_samples, 0.99) / 1e3);
}

static int mixed_prepare(struct mixed *m, char **argv)
{
	int64_t port, count, others;

	if (parse_int64(argv[1], 1, 65535, &port) < 0 ||
		parse_int64(argv[3], 2, FLEET_DEVICES, &count) < 0 ||
		parse_int64(argv[4], 0, INT32_MAX, &m->round) < 0 ||
		parse_int64(argv[5], 1, OTHERS_MAX, &others) < 0)
		return fail("Usage: mixed_bench PORT FLEET COUNT ROUND CONNECTIONS");
	m->address = client_address((int)port);
	m->n_devices = (size_t)count;
	m->n_waiters = m->n_devices / 2;
	m->n_others = (size_t)others;
	if (!client_may_open(m->n_waiters + m->n_others, "mixed_bench"))
		return -EMFILE;
	m->devices = calloc(FLEET_DEVICES, sizeof(*m->devices));
	m->waiters = calloc(m->n_waiters, sizeof(*m->waiters));
	m->told_us = calloc(m->n_waiters, sizeof(*m->told_us));
	m->other_us = calloc(OTHER_SAMPLES, sizeof(*m->other_us));
	m->context = client_context();
	m->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!m->devices || !m->waiters || !m->told_us || !m->other_us || !m->context ||
		m->epoll_fd < 0)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_waiters + m->n_others; i++) {
		struct phone *p = i < m->n_waiters ? &m->waiters[i] : &m->others[i - m->n_waiters];

		*p = (struct phone){.client = CLIENT_INIT, .i = i};
		p->client.epoll_fd = m->epoll_fd;
	}
	if (fleet_read(argv[2], m->devices) < (int)m->n_devices)
		return fail("the file of the fleet has not so many phones");
	return 0;
}

int main(int argc, char **argv)
{
	static struct mixed mixed;

	if (argc != 6) {
		fprintf(stderr, "Usage: mixed_bench PORT FLEET COUNT ROUND CONNECTIONS\n");
		return 2;
	}
	if (mixed_prepare(&mixed, argv) < 0 || mixed_mark(&mixed) < 0 || mixed_park(&mixed) < 0 ||
		mixed_run(&mixed) < 0)
		return 1;
	mixed_print(&mixed);
	return 0;
}
