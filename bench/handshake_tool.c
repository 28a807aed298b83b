/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: server */
/*
 * handshake_tool.c - what mutual TLS 1.3 alone allows on one core: one thread, libevent and
 * OpenSSL, takes connections, shakes hands with the TLS context of mdm-server (same certificate,
 * same anchors, a client's certificate demanded), says goodbye, closes. Benchmarks only.
 *
 *   handshake_tool SERVER-STATE-DIR      prints its port
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>

#include "agent/util/clock.h"
#include "server/tls.h"

struct peer {
	SSL *ssl;
	struct event *event;
	int fd;
};

struct loop {
	struct event_base *base;
	SSL_CTX *context;
};

static void peer_free(struct peer *p)
{
	if (p->event)
		event_free(p->event);
	SSL_free(p->ssl);
	close(p->fd);
	free(p);
}

static void peer_wait(struct peer *p, short what, event_callback_fn fn)
{
	struct event_base *base = event_get_base(p->event);

	event_del(p->event);
	if (event_assign(p->event, base, p->fd, what, fn, p) < 0 || event_add(p->event, NULL) < 0)
		peer_free(p);
}

/* The client closes when it has read our goodbye. */
static void peer_on_end(evutil_socket_t fd, short what, void *userdata)
{
	(void)fd;
	(void)what;
	peer_free(userdata);
}

static void peer_on_ready(evutil_socket_t fd, short what, void *userdata)
{
	struct peer *p = userdata;
	int n = SSL_accept(p->ssl);

	(void)fd;
	(void)what;
	if (n == 1) {
		(void)SSL_shutdown(p->ssl);
		peer_wait(p, EV_READ, peer_on_end);
		return;
	}
	switch (SSL_get_error(p->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		peer_wait(p, EV_READ, peer_on_ready);
		break;
	case SSL_ERROR_WANT_WRITE:
		peer_wait(p, EV_WRITE, peer_on_ready);
		break;
	default:
		peer_free(p);
	}
}

static void loop_on_accept(struct evconnlistener *listener, evutil_socket_t fd,
	struct sockaddr *address, int n_address, void *userdata)
{
	struct loop *loop = userdata;
	struct peer *p = calloc(1, sizeof(*p));
	int on = 1;

	(void)listener;
	(void)address;
	(void)n_address;
	if (!p)
		abort();
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	p->fd = fd;
	p->ssl = SSL_new(loop->context);
	p->event = event_new(loop->base, fd, EV_READ, peer_on_ready, p);
	if (!p->ssl || !p->event || SSL_set_fd(p->ssl, fd) != 1 || event_add(p->event, NULL) < 0)
		abort();
}

static int loop_run(struct loop *loop)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t n = sizeof(address);
	struct evconnlistener *listener;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	loop->base = event_base_new();
	listener = loop->base ? evconnlistener_new_bind(loop->base, loop_on_accept, loop,
					LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 512,
					(struct sockaddr *)&address, sizeof(address))
			      : NULL;
	if (!listener ||
		getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &n) < 0) {
		fprintf(stderr, "handshake_tool: cannot listen\n");
		return 1;
	}
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return event_base_dispatch(loop->base) < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct loop loop = {0};
	struct pki_problem problem;
	struct pki pki;
	char why[256];

	if (argc != 2) {
		fprintf(stderr, "Usage: handshake_tool SERVER-STATE-DIR\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (pki_load(argv[1], NULL, clock_realtime_s(), &pki, &problem) < 0) {
		fprintf(stderr, "handshake_tool: %s\n", problem.message);
		return 1;
	}
	if (tls_context(&pki, TLS_DEVICES, &loop.context, why) < 0) {
		fprintf(stderr, "handshake_tool: %s\n", why);
		return 1;
	}
	SSL_CTX_set_verify(loop.context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return loop_run(&loop);
}
