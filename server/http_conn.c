/* SPDX-License-Identifier: Apache-2.0 */
/* http_conn.c - the life of a connection; see http_conn.h. mdm-server only. */
#include "server/http_conn.h"

#include <errno.h>
#include <event2/buffer.h>
#include <openssl/err.h>

#include "agent/util/clock.h"

void http_update_accepting(struct http_listener *l)
{
	if (!l->listener || l->stopping)
		return;
	if (l->n_conns - l->n_parked < l->options.max_connections)
		evconnlistener_enable(l->listener);
	else
		evconnlistener_disable(l->listener);
}

static void http_set_deadline(struct http_conn *c, int seconds)
{
	struct timeval tv = {.tv_sec = seconds};

	evtimer_add(c->deadline, &tv);
}

void http_set_state(struct http_conn *c, enum http_state state)
{
	const struct http_options *o = &c->listener->options;

	if ((c->state == HTTP_PARKED) != (state == HTTP_PARKED)) {
		c->listener->n_parked += state == HTTP_PARKED ? 1 : -1;
		http_update_accepting(c->listener);
	}
	c->state = state;
	switch (state) {
	case HTTP_HANDSHAKE: /* nobody has shown anything yet */
		http_set_deadline(c, o->request_seconds < BOUND_HANDSHAKE_SECONDS
					     ? o->request_seconds
					     : BOUND_HANDSHAKE_SECONDS);
		break;
	case HTTP_IDLE:
		http_set_deadline(c, o->idle_seconds);
		break;
	case HTTP_HEAD: /* the one deadline of a request: body and answer do not extend it */
		http_set_deadline(c, o->request_seconds);
		c->began_us = clock_boottime_us();
		break;
	case HTTP_LINGER:
		http_set_deadline(c, BOUND_LINGER_SECONDS);
		break;
	case HTTP_BUSY:
		bufferevent_disable(c->bev, EV_READ);
		evtimer_del(c->deadline); /* the handler owns it; it always answers */
		break;
	case HTTP_PARKED:
		http_set_deadline(c, c->parking.seconds);
		break;
	case HTTP_ANSWER:
		http_set_deadline(c, o->request_seconds);
		break;
	case HTTP_BODY:
		break;
	}
}

void http_drop_tls(struct http_conn *c)
{
	if (c->bev)
		bufferevent_free(c->bev);
	c->bev = NULL;
	SSL_free(c->ssl);
	c->ssl = NULL;
	ERR_clear_error();
}

void http_forget(struct http_conn *c)
{
	if (c->in.data)
		explicit_bzero(c->in.data, c->in.n_bytes);
	buf_done(&c->in);
	secret_free(c->head_text, c->n_head);
	c->head_text = NULL;
	c->head = (struct http_head){0};
	c->n_seen = c->n_head = 0;
}

void http_conn_free(struct http_conn *c)
{
	struct http_listener *l = c->listener;

	if (c->state == HTTP_PARKED) {
		l->n_parked--;
		c->parking.gone(c->parking.userdata);
	}
	http_drop_tls(c);
	if (c->deadline)
		event_free(c->deadline);
	if (c->drain)
		event_free(c->drain);
	buf_done(&c->sealed);
	closep(&c->fd);
	if (l->options.guard) {
		rate_tally_remove(
			&l->options.guard->strangers[l->options.guarded_as], &c->stranger);
		rate_tally_remove(&l->options.guard->connections, &c->connection);
	}
	if (c->previous)
		c->previous->next = c->next;
	else
		l->conns = c->next;
	if (c->next)
		c->next->previous = c->previous;
	http_forget(c);
	free(c);
	l->n_conns--;
	http_update_accepting(l);
}

static void http_on_drain(evutil_socket_t fd, short what, void *userdata)
{
	struct http_conn *c = userdata;
	char waste[4096];
	ssize_t n;

	(void)what;
	for (int i = 0; i < 16; i++) {
		n = read(fd, waste, sizeof(waste));
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			http_conn_free(c);
			return;
		}
	}
}

/*
 * The end of a connection on which the peer may still be sending: closing now would make the
 * kernel send a reset, which overtakes our alert or answer.
 */
void http_linger(struct http_conn *c)
{
	http_drop_tls(c);
	if (c->drain)
		event_free(c->drain);
	c->drain = NULL;
	if (shutdown(c->fd, SHUT_WR) == 0)
		c->drain = event_new(
			c->listener->options.base, c->fd, EV_READ | EV_PERSIST, http_on_drain, c);
	if (!c->drain || event_add(c->drain, NULL) < 0) {
		http_conn_free(c);
		return;
	}
	http_set_state(c, HTTP_LINGER);
}

bool http_conn_identify(struct http_conn *c)
{
	const struct http_options *o = &c->listener->options;

	if (tls_peer_identify(o->pki, o->tls, c->ssl, &c->peer) < 0)
		return false;
	if (!o->guard || c->peer.kind == TLS_PEER_NONE || c->peer.kind == TLS_PEER_MISFIT)
		return true;
	rate_tally_remove(&o->guard->strangers[o->guarded_as], &c->stranger);
	return !*c->peer.device || guard_admits_device(o->guard, c->peer.device, &c->connection);
}

void http_end(struct http_conn *c)
{
	if (c->ssl)
		(void)SSL_shutdown(c->ssl); /* close_notify; the socket does not block */
	http_linger(c);
}

void http_on_deadline(evutil_socket_t fd, short what, void *userdata)
{
	struct http_conn *c = userdata;

	(void)fd;
	(void)what;
	if (c->state == HTTP_PARKED)
		c->parking.expired(c->parking.userdata);
	else
		http_conn_free(c);
}
