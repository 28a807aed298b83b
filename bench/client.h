/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - one TLS connection with one request, driven by epoll: what load_bench and herd_bench
 * are made of. Every phone has an address of its own (127.0.0.0/8 belongs to this machine as a
 * whole), as phones of a fleet do: the server's limits by address work as they are. Benchmarks
 * only.
 */
#ifndef MDM_BENCH_CLIENT_H
#define MDM_BENCH_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/util/buf.h"
#include "bench/fleet.h"
#include "bench/sample.h"

#define CLIENT_ANSWER_BYTES 16384
#define CLIENT_SEGMENT_BYTES 52 /* IPv4 and TCP with time stamps, around each segment */

enum client_result {
	CLIENT_PENDING,
	CLIENT_ANSWERED, /* status is set */
	CLIENT_GOODBYE,	 /* the server ended the connection in peace, without an answer */
	CLIENT_BROKEN,	 /* refused, reset, or not TLS as it should be */
};

struct client {
	int fd; /* -1: closed */
	int epoll_fd;
	SSL *ssl;
	double start_us;
	struct buf request;
	size_t n_written, n_answer;
	char *answer;
	bool shaken;
	int status;
	int64_t retry_after_s; /* -1: none told */
	int64_t wire_up, wire_down;
};

#define CLIENT_INIT                                                                                \
	(struct client)                                                                            \
	{                                                                                          \
		.fd = -1, .request = BUF_INIT                                                      \
	}

/* The load has to stay cheaper than the server: nobody looks at the server's chain. */
static inline SSL_CTX *client_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (!context)
		return NULL;
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS);
	if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

/* As many descriptors as we may have. False with a message if those do not suffice. */
static inline bool client_may_open(size_t n, const char *program)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return false;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur >= n + 64)
		return true;
	fprintf(stderr, "%s: %zu connections need %zu open files, the limit is %lu (ulimit -n)\n",
		program, n, n + 64, (unsigned long)files.rlim_cur);
	return false;
}

static inline struct sockaddr_in client_address(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* 127.1.0.1 and up: phone number i. */
static inline int client_bind(int fd, size_t i)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	int on = 1;

	own.sin_addr.s_addr = htonl((uint32_t)(0x7f010001 + i));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* The port at connect(), so that all addresses have all ports. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 ? -errno : 0;
}

static inline void client_count_wire(struct client *c)
{
	struct tcp_info info = {0};
	socklen_t n = sizeof(info);

	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
		return;
	c->wire_up =
		(int64_t)info.tcpi_bytes_acked + (int64_t)info.tcpi_segs_out * CLIENT_SEGMENT_BYTES;
	c->wire_down = (int64_t)info.tcpi_bytes_received +
		       (int64_t)info.tcpi_segs_in * CLIENT_SEGMENT_BYTES;
}

/* The request stays. */
static inline void client_close(struct client *c)
{
	if (c->ssl && c->shaken)
		(void)SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	free(c->answer);
	c->answer = NULL;
	ERR_clear_error(); /* one connection's trouble must not be read as the next one's */
}

/*
 * Connects as phone number i; c->request is what will be sent, and c itself the epoll data. 0, or
 * -errno with the client closed; no descriptor left is the caller's own fault.
 */
static inline int client_open(struct client *c, SSL_CTX *context, const struct sockaddr_in *address,
	const struct fleet_device *device, size_t i)
{
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
	int r = 0;

	c->n_written = c->n_answer = 0;
	c->shaken = false;
	c->status = 0;
	c->retry_after_s = -1;
	c->start_us = sample_clock_us(CLOCK_MONOTONIC);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	c->ssl = SSL_new(context);
	c->answer = malloc(CLIENT_ANSWER_BYTES);
	if (c->fd < 0 || !c->ssl || !c->answer || client_bind(c->fd, i) < 0 ||
		SSL_use_certificate(c->ssl, device->certificate) != 1 ||
		SSL_use_PrivateKey(c->ssl, device->key) != 1 || SSL_set_fd(c->ssl, c->fd) != 1)
		r = -EMFILE;
	else if (connect(c->fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		 errno != EINPROGRESS)
		r = -errno;
	if (r == 0)
		SSL_set_connect_state(c->ssl);
	if (r == 0 && epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
		r = -errno;
	if (r < 0)
		client_close(c);
	return r;
}

static inline enum client_result client_wait(struct client *c, int n)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

	switch (SSL_get_error(c->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		break;
	case SSL_ERROR_WANT_WRITE:
		event.events = EPOLLOUT;
		break;
	case SSL_ERROR_ZERO_RETURN:
		return CLIENT_GOODBYE;
	default:
		return CLIENT_BROKEN;
	}
	return epoll_ctl(c->epoll_fd, EPOLL_CTL_MOD, c->fd, &event) < 0 ? CLIENT_BROKEN
									: CLIENT_PENDING;
}

/* The number of a header line, -1 if there is none. */
static inline int64_t client_header(const struct client *c, const char *name)
{
	const char *end = strstr(c->answer, "\r\n\r\n"), *at = strcasestr(c->answer, name);
	long long number;

	return at && end && at < end && sscanf(at + strlen(name), " %lld", &number) == 1 ? number
											 : -1;
}

static inline bool client_is_answered(struct client *c)
{
	const char *end = strstr(c->answer, "\r\n\r\n");
	int64_t n_body;

	if (!end || sscanf(c->answer, "HTTP/1.1 %d", &c->status) != 1)
		return false;
	n_body = client_header(c, "\r\nContent-Length:");
	if (c->n_answer < (size_t)(end + 4 - c->answer) + (size_t)(n_body > 0 ? n_body : 0))
		return false;
	c->retry_after_s = client_header(c, "\r\nRetry-After:");
	return true;
}

/* Goes on as far as it can without waiting. */
static inline enum client_result client_step(struct client *c)
{
	int n;

	if (!c->shaken) {
		n = SSL_do_handshake(c->ssl);
		if (n != 1)
			return client_wait(c, n);
		c->shaken = true;
	}
	while (c->n_written < c->request.n_bytes) {
		n = SSL_write(c->ssl, c->request.data + c->n_written,
			(int)(c->request.n_bytes - c->n_written));
		if (n <= 0)
			return client_wait(c, n);
		c->n_written += (size_t)n;
	}
	for (;;) {
		n = SSL_read(c->ssl, c->answer + c->n_answer,
			(int)(CLIENT_ANSWER_BYTES - 1 - c->n_answer));
		if (n <= 0)
			return client_wait(c, n);
		c->n_answer += (size_t)n;
		c->answer[c->n_answer] = 0;
		if (client_is_answered(c)) {
			client_count_wire(c);
			return CLIENT_ANSWERED;
		}
		if (c->n_answer == CLIENT_ANSWER_BYTES - 1)
			return CLIENT_BROKEN;
	}
}

#endif
