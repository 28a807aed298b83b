/* SPDX-License-Identifier: Apache-2.0 */
/* http_listen.c - listeners of mdm-server: accepting, stopping; see http.h. mdm-server only. */
#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/tcp.h>

#include "agent/util/log.h"
#include "server/http_conn.h"

/* TLS, or nothing but the socket. */
static struct bufferevent *http_make_stream(struct http_conn *c)
{
	const struct http_options *o = &c->listener->options;
	struct bufferevent *bev;

	if (!o->context)
		return bufferevent_socket_new(o->base, c->fd, 0);
	c->ssl = SSL_new(o->context);
	if (!c->ssl)
		return NULL;
	/* Not CLOSE_ON_FREE: the descriptor outlives TLS while lingering. */
	bev = bufferevent_openssl_socket_new(o->base, c->fd, c->ssl, BUFFEREVENT_SSL_ACCEPTING, 0);
	if (bev)
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

static void http_begin(struct http_listener *l, struct http_conn *c)
{
	int one = 1;

	c->listener = l;
	c->next = l->conns;
	if (c->next)
		c->next->previous = c;
	l->conns = c;
	l->n_conns++;
	http_update_accepting(l);
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->deadline = evtimer_new(l->options.base, http_on_deadline, c);
	c->bev = http_make_stream(c);
	if (!c->deadline || !c->bev) {
		http_conn_free(c);
		return;
	}
	bufferevent_setcb(c->bev, http_on_read, http_on_written, http_on_event, c);
	http_set_state(c, l->options.context ? HTTP_HANDSHAKE : HTTP_IDLE);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void http_on_accept(struct evconnlistener *listener, evutil_socket_t fd,
	struct sockaddr *address, int n_address, void *userdata)
{
	struct http_listener *l = userdata;
	struct http_conn *c = calloc(1, sizeof(*c));

	(void)listener;
	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	memcpy(&c->address, address,
		(size_t)n_address < sizeof(c->address) ? (size_t)n_address : sizeof(c->address));
	/* Before TLS, and without a word: an answer would cost more than the question. */
	if (l->options.guard && !guard_admits_stranger(l->options.guard, l->options.guarded_as,
					l->options.max_connections, &c->address, &c->stranger)) {
		close(fd);
		free(c);
		return;
	}
	http_begin(l, c);
}

static void http_on_resume(evutil_socket_t fd, short what, void *userdata)
{
	struct http_listener *l = userdata;

	(void)fd;
	(void)what;
	http_update_accepting(l);
}

/* Out of descriptors or memory: without a pause this would spin. */
static void http_on_accept_error(struct evconnlistener *listener, void *userdata)
{
	struct http_listener *l = userdata;
	struct timeval pause = {.tv_sec = 1};

	log_warning("cannot accept a connection: %s; pausing for a second", strerror(errno));
	evconnlistener_disable(listener);
	evtimer_add(l->resume, &pause);
}

int http_listen(const struct http_options *options, const struct sockaddr *address,
	socklen_t n_address, struct http_listener **ret_listener)
{
	_cleanup_(http_listener_freep) struct http_listener *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->options = *options;
	if (l->options.context)
		SSL_CTX_up_ref(l->options.context);
	l->resume = evtimer_new(options->base, http_on_resume, l);
	errno = 0;
	l->listener = evconnlistener_new_bind(options->base, http_on_accept, l,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 1024, address,
		(int)n_address);
	if (!l->listener || !l->resume)
		return errno ? -errno : -ENOMEM;
	evconnlistener_set_error_cb(l->listener, http_on_accept_error);
	*ret_listener = TAKE_PTR(l);
	return 0;
}

int http_listener_address(
	const struct http_listener *listener, struct sockaddr_storage *ret_address)
{
	socklen_t n = sizeof(*ret_address);

	if (getsockname(evconnlistener_get_fd(listener->listener), (struct sockaddr *)ret_address,
		    &n) < 0)
		return -errno;
	return 0;
}

void http_listener_stop(struct http_listener *l)
{
	struct http_conn *c, *next;

	l->stopping = true;
	evconnlistener_disable(l->listener);
	for (c = l->conns; c; c = next) {
		next = c->next;
		if (c->state == HTTP_IDLE || c->state == HTTP_HANDSHAKE ||
			c->state == HTTP_LINGER || c->state == HTTP_PARKED)
			http_conn_free(c);
	}
}

int http_listener_connections(const struct http_listener *listener)
{
	return listener->n_conns;
}

void http_listener_change(struct http_listener *l, const struct http_change *change)
{
	SSL_CTX_up_ref(change->context);
	SSL_CTX_free(l->options.context);
	l->options.context = change->context;
	l->options.max_connections = change->max_connections;
	l->options.request_seconds = change->request_seconds;
	l->options.idle_seconds = change->idle_seconds;
	http_update_accepting(l);
}

void http_listener_free(struct http_listener *l)
{
	if (!l)
		return;
	l->stopping = true;
	while (l->conns)
		http_conn_free(l->conns);
	if (l->listener)
		evconnlistener_free(l->listener);
	if (l->resume)
		event_free(l->resume);
	SSL_CTX_free(l->options.context);
	free(l);
}
