/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: server */
/*
 * herd_bench.c - a whole fleet comes to a server within a second, whatever the server can take:
 * how long until every phone was served, and does the server still answer its administrator?
 * Benchmarks only.
 *
 *   herd_bench PORT FLEET COUNT SERVER-PID ROUND FACTOR ADMIN-PORT ORGANISATION PASSPHRASE-FILE
 *
 * Every phone starts one check-in in the first SPREAD_US. What is refused (429, 503), broken off or
 * not answered within the time of an exchange comes back when the agent's own pacing says, in whose
 * eyes time passes FACTOR times faster: its minute is 60/FACTOR seconds here. Deadlines of
 * exchanges and what the kernel does about connections that are not accepted happen in real time.
 * Beside the herd an administrator asks for the status, each time with a new connection.
 *
 * Prints "NAME VALUE" lines: served_s (until the last phone was served), rate, p50_ms, p99_ms (of
 * a phone, from its first attempt to its answer), attempts, refused, broken, late, at_once (open
 * connections of the load at most), connected_at_once (those of them whose handshake was done),
 * server_us (processor time per served phone), rss_before_kib, rss_peak_kib, admin_first_ms (the
 * status request that came with the first phones), admin_n (all of them), admin_failed (those
 * without an answer within ADMIN_LATE_US), admin_p50_ms, admin_max_ms. A phone that is not served
 * within GIVE_UP_S is a failure.
 */
#include "agent/enforcer/pacing.h"
#include "bench/client.h"
#include "bench/report.h"

#define SPREAD_US 1000000
#define GIVE_UP_S 900
#define TICK_MS 5
#define ADMIN_PAUSE_US 250000
#define ADMIN_SAMPLES (GIVE_UP_S * 4)
#define ADMIN_LATE_US 60e6  /* mdmctl's patience */
#define ADMIN_ADDRESS 65536 /* as if it were this phone */
#define EVENTS 256
#define SIMULATED_START_US (INT64_C(1000000) * 1000000)

struct phone {
	struct client client; /* the first: it is the epoll data */
	struct pacing pacing;
	double arrival_us, attempt_us;
	bool served;
};

struct herd {
	struct sockaddr_in address, admin_address;
	struct fleet_device *devices, admin_identity;
	struct phone *phones;
	size_t n, n_served, n_open, n_open_max, n_shaken_max;
	int64_t n_attempts, n_refused, n_broken, n_late;
	int64_t round, factor;
	pid_t server;
	SSL_CTX *context;
	int epoll_fd;
	double begin_us, end_us, *latency_us;
	uint64_t random;
	struct client admin;
	double admin_next_us, admin_us[ADMIN_SAMPLES];
	size_t n_admin, n_admin_failed;
};

static int fail(const char *what)
{
	fprintf(stderr, "herd_bench: %s\n", what);
	return -EIO;
}

/* splitmix64: good enough to spread phones. */
static uint64_t herd_random(struct herd *h)
{
	uint64_t z = h->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* The time of the agents' pacing. */
static int64_t herd_simulated_us(const struct herd *h, double now_us)
{
	return SIMULATED_START_US + (int64_t)((now_us - h->begin_us) * (double)h->factor);
}

/* --- phones ------------------------------------------------------------------------------ */

static void phone_fail(struct herd *h, struct phone *p, double now_us, int64_t *count)
{
	(*count)++;
	pacing_fail(
		&p->pacing, herd_simulated_us(h, now_us), herd_random(h), p->client.retry_after_s);
	if (p->client.fd >= 0) {
		h->n_open--;
		client_close(&p->client);
	}
}

static int phone_start(struct herd *h, struct phone *p, double now_us)
{
	size_t i = (size_t)(p - h->phones);
	struct report_order order = {.id = h->devices[i].id, .round = h->round};
	int r;

	buf_reset(&p->client.request);
	report_request(&order, ntohs(h->address.sin_port), &p->client.request);
	if (p->client.request.error)
		return fail("out of memory");
	if (p->pacing.state == PACING_IDLE)
		pacing_start(&p->pacing, herd_simulated_us(h, now_us), 0, true);
	pacing_begin(&p->pacing, herd_simulated_us(h, now_us));
	p->attempt_us = now_us;
	h->n_attempts++;
	r = client_open(&p->client, h->context, &h->address, &h->devices[i], i);
	if (r == -EMFILE)
		return fail("no connection can be made");
	if (r < 0) {
		phone_fail(h, p, now_us, &h->n_broken);
		return 0;
	}
	if (++h->n_open > h->n_open_max)
		h->n_open_max = h->n_open;
	return 0;
}

static void phone_served(struct herd *h, struct phone *p)
{
	h->end_us = sample_clock_us(CLOCK_MONOTONIC);
	h->latency_us[h->n_served++] = h->end_us - p->arrival_us;
	p->served = true;
	h->n_open--;
	client_close(&p->client);
	buf_done(&p->client.request);
}

static int phone_go_on(struct herd *h, struct phone *p)
{
	double now_us = sample_clock_us(CLOCK_MONOTONIC);

	switch (client_step(&p->client)) {
	case CLIENT_PENDING:
		return 0;
	case CLIENT_GOODBYE:
	case CLIENT_BROKEN:
		phone_fail(h, p, now_us, &h->n_broken);
		return 0;
	case CLIENT_ANSWERED:
		break;
	}
	if (p->client.status == 200 || p->client.status == 204)
		phone_served(h, p);
	else if (p->client.status == 429 || p->client.status == 503)
		phone_fail(h, p, now_us, &h->n_refused);
	else
		return fail("the server refuses a check-in for good");
	return 0;
}

/* Whose time has come, and whose is over. */
static int herd_tick(struct herd *h, double now_us)
{
	int64_t simulated_us = herd_simulated_us(h, now_us);
	size_t n_shaken = 0;
	int r = 0;

	for (struct phone *p = h->phones; p < h->phones + h->n && r == 0; p++) {
		if (p->served)
			continue;
		if (p->client.fd >= 0) {
			n_shaken += p->client.shaken;
			if (now_us - p->attempt_us > LIMIT_EXCHANGE_SECONDS * 1e6)
				phone_fail(h, p, now_us, &h->n_late);
		} else if (p->pacing.state == PACING_IDLE
				   ? now_us >= p->arrival_us
				   : pacing_due_us(&p->pacing, simulated_us) == 0) {
			r = phone_start(h, p, now_us);
		}
	}
	if (n_shaken > h->n_shaken_max)
		h->n_shaken_max = n_shaken;
	return r;
}

/* --- the administrator ------------------------------------------------------------------- */

static void admin_end(struct herd *h, double now_us)
{
	h->admin_us[h->n_admin++] = now_us - h->admin.start_us;
	h->admin_next_us = now_us + ADMIN_PAUSE_US;
	client_close(&h->admin);
}

static int admin_tick(struct herd *h, double now_us)
{
	if (h->admin.fd >= 0) {
		if (now_us - h->admin.start_us > ADMIN_LATE_US) {
			h->n_admin_failed++;
			admin_end(h, now_us);
		}
		return 0;
	}
	if (now_us < h->admin_next_us || h->n_admin == ADMIN_SAMPLES || h->n_served == h->n)
		return 0;
	if (client_open(&h->admin, h->context, &h->admin_address, &h->admin_identity,
		    ADMIN_ADDRESS) < 0)
		return fail("an administrator cannot connect");
	return 0;
}

static int admin_go_on(struct herd *h)
{
	enum client_result result = client_step(&h->admin);

	if (result == CLIENT_PENDING)
		return 0;
	if (result == CLIENT_ANSWERED && h->admin.status != 200)
		return fail("the server refuses its administrator");
	h->n_admin_failed += result != CLIENT_ANSWERED;
	admin_end(h, sample_clock_us(CLOCK_MONOTONIC));
	return 0;
}

/* --- the whole --------------------------------------------------------------------------- */

static int herd_run(struct herd *h)
{
	struct epoll_event events[EVENTS];
	int r = 0, n;

	h->begin_us = h->admin_next_us = sample_clock_us(CLOCK_MONOTONIC);
	for (size_t i = 0; i < h->n; i++)
		h->phones[i].arrival_us = h->begin_us + SPREAD_US * (double)i / (double)h->n;
	/* The question that is under way when the last phone is served counts, too. */
	while (r == 0 && (h->n_served < h->n || h->admin.fd >= 0)) {
		double now_us = sample_clock_us(CLOCK_MONOTONIC);

		if (now_us - h->begin_us > GIVE_UP_S * 1e6) {
			fprintf(stderr, "herd_bench: %zu of %zu phones were served\n", h->n_served,
				h->n);
			return -ETIMEDOUT;
		}
		r = herd_tick(h, now_us);
		if (r == 0)
			r = admin_tick(h, now_us);
		n = r == 0 ? epoll_wait(h->epoll_fd, events, EVENTS, TICK_MS) : 0;
		for (int i = 0; i < n && r == 0; i++)
			r = events[i].data.ptr == &h->admin ? admin_go_on(h)
							    : phone_go_on(h, events[i].data.ptr);
	}
	return r;
}

static int herd_measure(struct herd *h)
{
	long long before_kib = sample_process_kib(h->server, "VmRSS");
	double server_us, wall_us;
	clockid_t clock;
	int r;

	if (clock_getcpuclockid(h->server, &clock) != 0 || before_kib < 0)
		return fail("there is no such server process");
	server_us = sample_clock_us(clock);
	r = herd_run(h);
	if (r < 0)
		return r;
	wall_us = h->end_us - h->begin_us;
	server_us = sample_clock_us(clock) - server_us;
	printf("served_s %.2f\n", wall_us / 1e6);
	printf("rate %.1f\n", (double)h->n * 1e6 / wall_us);
	printf("p50_ms %.0f\n", sample_median(h->latency_us, h->n) / 1e3);
	printf("p99_ms %.0f\n", sample_quantile(h->latency_us, h->n, 0.99) / 1e3);
	printf("attempts %lld\nrefused %lld\nbroken %lld\nlate %lld\n", (long long)h->n_attempts,
		(long long)h->n_refused, (long long)h->n_broken, (long long)h->n_late);
	printf("at_once %zu\nconnected_at_once %zu\n", h->n_open_max, h->n_shaken_max);
	printf("server_us %.1f\n", server_us / (double)h->n);
	printf("busy %.2f\n", server_us / wall_us);
	printf("rss_before_kib %lld\nrss_peak_kib %lld\n", before_kib,
		sample_process_kib(h->server, "VmHWM"));
	/* Before the median sorts them: the first question came with the first thousands of phones.
	 */
	printf("admin_first_ms %.1f\n", h->admin_us[0] / 1e3);
	printf("admin_n %zu\nadmin_failed %zu\nadmin_p50_ms %.1f\nadmin_max_ms %.1f\n", h->n_admin,
		h->n_admin_failed, sample_median(h->admin_us, h->n_admin) / 1e3,
		sample_quantile(h->admin_us, h->n_admin, 1) / 1e3);
	return 0;
}

static int herd_parse(struct herd *h, char **argv, int *ret_admin_port)
{
	int64_t port, count, server, admin_port;

	if (parse_int64(argv[1], 1, 65535, &port) < 0 ||
		parse_int64(argv[3], 1, FLEET_DEVICES, &count) < 0 ||
		parse_int64(argv[4], 1, INT32_MAX, &server) < 0 ||
		parse_int64(argv[5], 0, INT32_MAX, &h->round) < 0 ||
		parse_int64(argv[6], 1, 3600, &h->factor) < 0 ||
		parse_int64(argv[7], 1, 65535, &admin_port) < 0)
		return -EINVAL;
	h->address = client_address((int)port);
	h->n = (size_t)count;
	h->server = (pid_t)server;
	*ret_admin_port = (int)admin_port;
	return 0;
}

/* Certificate and key of the organisation's administrator, and the question. */
static int herd_prepare_admin(struct herd *h, int port, const char *org, const char *secret)
{
	char path[512], passphrase[256] = "";
	FILE *file;

	file = fopen(secret, "re");
	if (!file || !fgets(passphrase, sizeof(passphrase), file))
		return fail("the passphrase cannot be read");
	fclose(file);
	passphrase[strcspn(passphrase, "\n")] = 0;
	snprintf(path, sizeof(path), "%s/admin.pem", org);
	file = fopen(path, "re");
	h->admin_identity.certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
	if (file)
		fclose(file);
	snprintf(path, sizeof(path), "%s/admin-key.pem", org);
	file = fopen(path, "re");
	h->admin_identity.key = file ? PEM_read_PrivateKey(file, NULL, NULL, passphrase) : NULL;
	if (file)
		fclose(file);
	explicit_bzero(passphrase, sizeof(passphrase));
	if (!h->admin_identity.certificate || !h->admin_identity.key)
		return fail("the administrator's certificate or key cannot be read");
	h->admin_address = client_address(port);
	h->admin = CLIENT_INIT;
	h->admin.epoll_fd = h->epoll_fd;
	buf_printf(&h->admin.request, "GET /v1/admin/status HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
		port);
	return h->admin.request.error;
}

static int herd_prepare(struct herd *h, const char *fleet)
{
	if (!client_may_open(h->n, "herd_bench"))
		return -EMFILE;
	h->devices = calloc(FLEET_DEVICES, sizeof(*h->devices));
	h->phones = calloc(h->n, sizeof(*h->phones));
	h->latency_us = calloc(h->n, sizeof(*h->latency_us));
	h->context = client_context();
	h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	h->random = (uint64_t)sample_clock_us(CLOCK_REALTIME);
	if (!h->devices || !h->phones || !h->latency_us || !h->context || h->epoll_fd < 0)
		return -ENOMEM;
	if (fleet_read(fleet, h->devices) < (int)h->n)
		return fail("the file of the fleet has not so many phones");
	for (size_t i = 0; i < h->n; i++) {
		h->phones[i].client = CLIENT_INIT;
		h->phones[i].client.epoll_fd = h->epoll_fd;
		pacing_init(&h->phones[i].pacing, h->devices[i].id);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct herd herd;
	int admin_port;

	if (argc != 10 || herd_parse(&herd, argv, &admin_port) < 0) {
		fprintf(stderr, "Usage: herd_bench PORT FLEET COUNT SERVER-PID ROUND FACTOR "
				"ADMIN-PORT ORGANISATION PASSPHRASE-FILE\n");
		return 2;
	}
	if (herd_prepare(&herd, argv[2]) < 0 ||
		herd_prepare_admin(&herd, admin_port, argv[8], argv[9]) < 0)
		return 1;
	return herd_measure(&herd) < 0 ? 1 : 0;
}
