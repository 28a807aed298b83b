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
 * costs), rounds (the first free one). Any answer but 200 and 204 is a failure.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "agent/util/clock.h"
#include "agent/util/digest.h"
#include "agent/util/jsonw.h"
#include "bench/fleet.h"
#include "bench/sample.h"

#define CONNECTIONS_MAX 256
#define COUNT_MAX 200000
#define STUCK_MS 20000
#define HAVE_SERIAL 1000000 /* above whatever the server has: nothing new */

enum kind {
	KIND_HANDSHAKE,
	KIND_FIRST,
	KIND_STEADY,
	KIND_MAX,
};

struct phone {
	int fd;
	SSL *ssl;
	double start_us;
	struct buf request;
	size_t n_written;
	char answer[4096];
	size_t n_answer;
	bool shaken;
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
	struct phone phones[CONNECTIONS_MAX];
	double *latency_us;
};

static int fail(const char *what)
{
	fprintf(stderr, "load_bench: %s\n", what);
	return -EIO;
}

/* --- reports ----------------------------------------------------------------------------- */

static void write_result(struct jsonw *w, const char *setting, int64_t wanted, int64_t since_s)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "area", "screen_lock");
	jsonw_string(w, "setting", setting);
	jsonw_string(w, "state", "compliant");
	jsonw_string(w, "reason", "ok");
	jsonw_int(w, "desired", wanted);
	jsonw_string(w, "desired_text", "wanted");
	jsonw_int(w, "observed", wanted);
	jsonw_string(w, "observed_text", "seen");
	jsonw_string(w, "backend", "dconf");
	jsonw_string(w, "detail", "system-db:mdm_agent");
	jsonw_int(w, "since", since_s);
	jsonw_array(w, "items");
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void write_storage(struct jsonw *w, const char *id, int64_t since_s)
{
	static const char *const mounts[] = {"/", "/home", "/boot", "/var/tmp"};
	char detail[64];

	jsonw_object(w, NULL);
	jsonw_string(w, "area", "encryption");
	jsonw_string(w, "setting", "storage");
	jsonw_string(w, "state", "compliant");
	jsonw_string(w, "reason", "ok");
	jsonw_bool(w, "desired", true);
	jsonw_bool(w, "observed", true);
	jsonw_string(w, "backend", "storage");
	jsonw_int(w, "since", since_s);
	jsonw_array(w, "items");
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		snprintf(detail, sizeof(detail), "dm-%zu luks2 %.8s", i, id);
		jsonw_object(w, NULL);
		jsonw_string(w, "name", mounts[i]);
		jsonw_string(w, "state", "compliant");
		jsonw_string(w, "reason", "ok");
		jsonw_string(w, "detail", detail);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void write_compliance(struct jsonw *w, const char *id)
{
	int64_t since_s = clock_realtime_s() - id[0] * 60;

	jsonw_object(w, NULL);
	jsonw_string(w, "state", "compliant");
	jsonw_array(w, "settings");
	write_result(w, "idle_delay", 120, since_s);
	write_result(w, "enabled", 1, since_s);
	write_result(w, "lock_delay", 0, since_s);
	write_result(w, "require_unlock", 1, since_s);
	write_storage(w, id, since_s);
	jsonw_array_end(w);
	jsonw_array(w, "unsupported");
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void write_inventory(struct jsonw *w, const char *id)
{
	char model[64];

	snprintf(model, sizeof(model), "Phone of lot %.4s", id);
	jsonw_object(w, NULL);
	jsonw_string(w, "os", "postmarketos");
	jsonw_string(w, "os_version", "v25.06");
	jsonw_string(w, "os_name", "postmarketOS v25.06");
	jsonw_string(w, "manufacturer", "Example");
	jsonw_string(w, "model", model);
	jsonw_string(w, "codename", "example-one");
	jsonw_string(w, "kernel", "6.12.20-sdm845");
	jsonw_string(w, "arch", "aarch64");
	jsonw_string(w, "init", "systemd");
	jsonw_object_end(w);
}

static void write_agent(struct jsonw *w, const char *id)
{
	static const char *const backends[] = {"dconf", "plasma", "sxmo", "storage"};

	jsonw_object(w, NULL);
	jsonw_string(w, "version", MDM_VERSION);
	jsonw_string(w, "clock", "plausible");
	jsonw_array(w, "backends");
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "name", backends[i]);
		jsonw_bool(w, "present", i != 1);
		jsonw_string(w, "detail", id);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void write_section(struct jsonw *w, const char *name, const char *id, bool with_body)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw inner = JSONW_INIT(&body);
	uint8_t digest[SHA256_BYTES];
	char text[2 * SHA256_BYTES + 1];

	if (*name == 'c')
		write_compliance(&inner, id);
	else if (*name == 'i')
		write_inventory(&inner, id);
	else
		write_agent(&inner, id);
	(void)sha256(body.data, body.n_bytes, digest);
	hex_encode(digest, sizeof(digest), text);
	text[16] = 0;
	jsonw_object(w, name);
	jsonw_string(w, "digest", text);
	if (with_body)
		jsonw_raw(w, "body", body.data, body.n_bytes);
	jsonw_object_end(w);
}

static void write_event(struct jsonw *w, int64_t seq, const char *type, const char *data)
{
	jsonw_object(w, NULL);
	jsonw_int(w, "seq", seq);
	jsonw_int(w, "time", clock_realtime_s());
	jsonw_string(w, "boot", "0a1b2c3d");
	jsonw_string(w, "type", type);
	jsonw_raw(w, "data", data, strlen(data));
	jsonw_object_end(w);
}

static void write_report(const struct load *l, const char *id, int64_t round, struct buf *out)
{
	char nonce[BASE64URL_LENGTH(FLEET_NONCE_BYTES) + 1];
	bool first = l->kind == KIND_FIRST;
	struct jsonw w = JSONW_INIT(out);

	fleet_nonce(id, (uint64_t)round, nonce);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "device", id);
	jsonw_string(&w, "enrolment", id);
	jsonw_string(&w, "agent", MDM_VERSION);
	jsonw_string(&w, "nonce", nonce);
	jsonw_object(&w, "have");
	jsonw_int(&w, "keyset", 1);
	jsonw_int(&w, "assignment", 1);
	jsonw_object(&w, "policy");
	jsonw_int(&w, FLEET_GROUP, HAVE_SERIAL);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	jsonw_object(&w, "sections");
	write_section(&w, "compliance", id, first);
	write_section(&w, "inventory", id, first);
	write_section(&w, "agent", id, first);
	jsonw_object_end(&w);
	jsonw_array(&w, "events");
	if (first) {
		write_event(&w, 2 * round + 1, "started", "{\"version\":\"" MDM_VERSION "\"}");
		write_event(&w, 2 * round + 2, "drift_repaired",
			"{\"area\":\"screen_lock\",\"setting\":\"idle_delay\",\"state\":\"compliant\"}");
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

/* The same header lines as mdm-agent-net sends. */
static void write_request(const struct load *l, const char *id, int64_t round, struct buf *out)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	write_report(l, id, round, &body);
	buf_printf(out,
		"POST /v1/checkin HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		ntohs(l->address.sin_port), body.n_bytes);
	buf_append(out, body.data, body.n_bytes);
}

/* --- connections ------------------------------------------------------------------------- */

static int phone_wait(struct load *l, struct phone *p, int ssl_error)
{
	struct epoll_event event = {
		.events = ssl_error == SSL_ERROR_WANT_WRITE ? EPOLLOUT : EPOLLIN,
		.data.ptr = p,
	};

	if (ssl_error != SSL_ERROR_WANT_READ && ssl_error != SSL_ERROR_WANT_WRITE)
		return fail("the server breaks a connection off");
	return epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, p->fd, &event) < 0 ? -errno : 0;
}

static int phone_start(struct load *l, struct phone *p)
{
	int64_t turn = l->n_started++;
	const struct fleet_device *device = &l->devices[(size_t)turn % l->n_devices];
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = p};
	int on = 1;

	buf_reset(&p->request);
	if (l->kind != KIND_HANDSHAKE)
		write_request(l, device->id, l->round + turn / (int64_t)l->n_devices, &p->request);
	p->n_written = p->n_answer = 0;
	p->shaken = false;
	p->start_us = sample_clock_us(CLOCK_MONOTONIC);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	p->ssl = SSL_new(l->context);
	if (p->fd < 0 || !p->ssl || SSL_use_certificate(p->ssl, device->certificate) != 1 ||
		SSL_use_PrivateKey(p->ssl, device->key) != 1 || SSL_set_fd(p->ssl, p->fd) != 1)
		return fail("no connection can be made");
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(p->fd, (struct sockaddr *)&l->address, sizeof(l->address)) < 0 &&
		errno != EINPROGRESS)
		return fail("the server cannot be reached");
	SSL_set_connect_state(p->ssl);
	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, p->fd, &event) < 0 ? -errno : 0;
}

static int phone_finish(struct load *l, struct phone *p)
{
	l->latency_us[l->n_done++] = sample_clock_us(CLOCK_MONOTONIC) - p->start_us;
	(void)SSL_shutdown(p->ssl);
	SSL_free(p->ssl);
	close(p->fd);
	p->ssl = NULL;
	return l->n_started < l->count ? phone_start(l, p) : 0;
}

/* 1: the answer is whole and good; 0: not yet. */
static int phone_answered(const struct phone *p)
{
	const char *length, *end;
	size_t n_body = 0;

	end = memmem(p->answer, p->n_answer, "\r\n\r\n", 4);
	if (!end)
		return 0;
	if (memcmp(p->answer, "HTTP/1.1 204", 12) == 0)
		return 1;
	if (memcmp(p->answer, "HTTP/1.1 200", 12) != 0)
		return fail("the server refuses a check-in");
	length = strcasestr(p->answer, "\r\ncontent-length:");
	if (length && length < end)
		for (length += 17; *length == ' ' || (*length >= '0' && *length <= '9'); length++)
			n_body = *length == ' ' ? 0 : 10 * n_body + (size_t)(*length - '0');
	return p->n_answer >= (size_t)(end + 4 - p->answer) + n_body;
}

static int phone_read(struct load *l, struct phone *p)
{
	int n, r;

	for (;;) {
		n = SSL_read(p->ssl, p->answer + p->n_answer,
			(int)(sizeof(p->answer) - 1 - p->n_answer));
		if (n <= 0)
			break;
		p->n_answer += (size_t)n;
		p->answer[p->n_answer] = 0;
		r = phone_answered(p);
		if (r)
			return r < 0 ? r : phone_finish(l, p);
	}
	n = SSL_get_error(p->ssl, n);
	if (n == SSL_ERROR_ZERO_RETURN && l->kind == KIND_HANDSHAKE)
		return phone_finish(l, p);
	return phone_wait(l, p, n);
}

static int phone_go_on(struct load *l, struct phone *p)
{
	int n;

	if (!p->shaken) {
		n = SSL_do_handshake(p->ssl);
		if (n != 1)
			return phone_wait(l, p, SSL_get_error(p->ssl, n));
		p->shaken = true;
	}
	while (p->n_written < p->request.n_bytes) {
		n = SSL_write(p->ssl, p->request.data + p->n_written,
			(int)(p->request.n_bytes - p->n_written));
		if (n <= 0)
			return phone_wait(l, p, SSL_get_error(p->ssl, n));
		p->n_written += (size_t)n;
	}
	return phone_read(l, p);
}

static int load_run(struct load *l)
{
	struct epoll_event events[CONNECTIONS_MAX];
	int r = 0, n;

	for (size_t i = 0; i < l->n_connections && r == 0 && l->n_started < l->count; i++)
		r = phone_start(l, &l->phones[i]);
	while (r == 0 && l->n_done < l->count) {
		n = epoll_wait(l->epoll_fd, events, CONNECTIONS_MAX, STUCK_MS);
		if (n <= 0)
			return fail("the server is silent");
		for (int i = 0; i < n && r == 0; i++)
			r = phone_go_on(l, events[i].data.ptr);
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
	l->address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	l->n_connections = (size_t)connections;
	l->server = (pid_t)server;
	return 0;
}

static int load_prepare(struct load *l, const char *fleet)
{
	int n;

	l->devices = calloc(FLEET_DEVICES, sizeof(*l->devices));
	l->latency_us = calloc((size_t)l->count, sizeof(*l->latency_us));
	l->context = SSL_CTX_new(TLS_client_method());
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!l->devices || !l->latency_us || !l->context || l->epoll_fd < 0)
		return -ENOMEM;
	/* The load has to stay cheaper than the server: nobody looks at the server's chain. */
	SSL_CTX_set_verify(l->context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(l->context, SSL_MODE_NO_AUTO_CHAIN);
	if (SSL_CTX_set_min_proto_version(l->context, TLS1_3_VERSION) != 1)
		return -EIO;
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
