/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - connections of mdm-server; see http.h. The only file that knows bufferevents.
 *
 * A connection goes through: handshake, head, body, busy (a handler has it), answer, and again;
 * at the end linger, so that a peer can read why it was refused before the kernel resets.
 */
#include "server/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <openssl/err.h>

#include "agent/util/log.h"
#include "server/http_write.h"

enum http_state {
	HTTP_HANDSHAKE,
	HTTP_IDLE, /* no byte of a request yet */
	HTTP_HEAD,
	HTTP_BODY,
	HTTP_BUSY,
	HTTP_ANSWER,
	HTTP_LINGER,
};

struct http_listener {
	struct http_options options;
	struct evconnlistener *listener;
	struct event *resume; /* accepting again after trouble */
	struct http_conn *conns;
	int n_conns;
	bool stopping;
};

struct http_conn {
	struct http_listener *listener;
	struct http_conn *next, *previous;
	enum http_state state;
	int fd;
	SSL *ssl;
	struct bufferevent *bev;
	struct event *deadline;
	struct event *drain; /* while lingering */
	struct tls_peer peer;
	struct buf in;	 /* bytes of the head, then of the body */
	size_t n_seen;	 /* of in: searched for the end of the head */
	char *head_text; /* what head points into */
	size_t n_head;
	struct http_head head;
	const struct http_route *route;
	const char *rest;
	unsigned int n_requests;
	bool close_after;
};

static void http_on_deadline(evutil_socket_t fd, short what, void *userdata);
static void http_next(struct http_conn *c);

/* --- life -------------------------------------------------------------------------------- */

static void http_set_deadline(struct http_conn *c, int seconds)
{
	struct timeval tv = {.tv_sec = seconds};

	evtimer_add(c->deadline, &tv);
}

static void http_set_state(struct http_conn *c, enum http_state state)
{
	const struct http_options *o = &c->listener->options;

	c->state = state;
	switch (state) {
	case HTTP_HANDSHAKE:
		http_set_deadline(c, o->request_seconds);
		break;
	case HTTP_IDLE:
		http_set_deadline(c, o->idle_seconds);
		break;
	case HTTP_HEAD: /* the one deadline of a request: body and answer do not extend it */
		http_set_deadline(c, o->request_seconds);
		break;
	case HTTP_LINGER:
		http_set_deadline(c, BOUND_LINGER_SECONDS);
		break;
	case HTTP_BUSY:
		bufferevent_disable(c->bev, EV_READ);
		evtimer_del(c->deadline); /* the handler owns it; it always answers */
		break;
	case HTTP_ANSWER:
		http_set_deadline(c, o->request_seconds);
		break;
	case HTTP_BODY:
		break;
	}
}

/* Frees the TLS half; the descriptor stays. */
static void http_drop_tls(struct http_conn *c)
{
	if (c->bev)
		bufferevent_free(c->bev);
	c->bev = NULL;
	SSL_free(c->ssl);
	c->ssl = NULL;
	ERR_clear_error();
}

/* The request is answered: its bytes may hold the secret of an enrolment. */
static void http_forget(struct http_conn *c)
{
	if (c->in.data)
		explicit_bzero(c->in.data, c->in.n_bytes);
	buf_done(&c->in);
	secret_free(c->head_text, c->n_head);
	c->head_text = NULL;
	c->head = (struct http_head){0};
	c->n_seen = c->n_head = 0;
}

static void http_conn_free(struct http_conn *c)
{
	struct http_listener *l = c->listener;

	http_drop_tls(c);
	if (c->deadline)
		event_free(c->deadline);
	if (c->drain)
		event_free(c->drain);
	closep(&c->fd);
	if (c->previous)
		c->previous->next = c->next;
	else
		l->conns = c->next;
	if (c->next)
		c->next->previous = c->previous;
	http_forget(c);
	free(c);
	if (l->n_conns-- == l->options.max_connections && !l->stopping)
		evconnlistener_enable(l->listener);
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
static void http_linger(struct http_conn *c)
{
	http_drop_tls(c);
	if (shutdown(c->fd, SHUT_WR) == 0)
		c->drain = event_new(
			c->listener->options.base, c->fd, EV_READ | EV_PERSIST, http_on_drain, c);
	if (!c->drain || event_add(c->drain, NULL) < 0) {
		http_conn_free(c);
		return;
	}
	http_set_state(c, HTTP_LINGER);
}

static void http_end(struct http_conn *c)
{
	(void)SSL_shutdown(c->ssl); /* close_notify; the socket does not block */
	http_linger(c);
}

static void http_on_deadline(evutil_socket_t fd, short what, void *userdata)
{
	(void)fd;
	(void)what;
	http_conn_free(userdata);
}

/* --- answers ----------------------------------------------------------------------------- */

void http_answer(struct http_conn *c, const struct http_answer *answer)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	c->close_after = c->close_after || c->head.close || c->listener->stopping ||
			 ++c->n_requests >= BOUND_KEPT_REQUESTS;
	http_write_answer(answer, c->close_after, &out);
	http_forget(c);
	http_set_state(c, HTTP_ANSWER);
	/* One write, so that a small answer is one TLS record. Half an answer would be a lie. */
	if (out.error || bufferevent_write(c->bev, out.data, out.n_bytes) < 0) {
		log_warning("an answer is lost: out of memory");
		shutdown(c->fd, SHUT_RDWR);
	}
}

static void http_refusal(
	struct http_conn *c, int status, const char *headers, const char *code, const char *message)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	bool json = c->listener->options.tls == TLS_ADMIN;

	http_write_refusal(json ? code : NULL, message, &body);
	http_answer(c, &(struct http_answer){
			       .status = status,
			       .content_type = json ? "application/json" : "text/plain",
			       .headers = headers,
			       .body = body.data,
			       .n_body = body.error ? 0 : body.n_bytes,
		       });
}

void http_refuse(struct http_conn *c, int status, const char *code, const char *message)
{
	http_refusal(c, status, status == 503 ? "Retry-After: 60\r\n" : NULL, code, message);
}

void http_refuse_with(struct http_conn *c, int status, const char *headers, const char *message)
{
	http_refusal(c, status, headers, "refused", message);
}

/* For what makes the rest of the connection unreadable: the answer, then the end. */
static void http_reject(struct http_conn *c, int status, const char *message)
{
	c->close_after = true;
	bufferevent_disable(c->bev, EV_READ);
	http_refuse(c, status, "bad_request", message);
}

/* --- requests ---------------------------------------------------------------------------- */

static bool http_route_matches(
	const struct http_route *route, const char *path, const char **ret_rest)
{
	size_t n = strlen(route->path);

	*ret_rest = "";
	if (!route->is_prefix)
		return strcmp(path, route->path) == 0;
	if (strncmp(path, route->path, n) != 0 || !path[n] || strchr(path + n, '/'))
		return false;
	*ret_rest = path + n;
	return true;
}

static void http_not_found(struct http_conn *c)
{
	char allow[64] = "", header[72];
	const char *rest;

	for (const struct http_route *r = c->listener->options.routes; r->path; r++)
		if (http_route_matches(r, c->head.path, &rest)) {
			size_t n = strlen(allow);

			snprintf(allow + n, sizeof(allow) - n, "%s%s",
				n ? ", " : "Allow: ", http_method_name(r->method));
		}
	c->close_after = true;
	bufferevent_disable(c->bev, EV_READ);
	if (!*allow) {
		http_refuse(c, 404, "not_found", "there is nothing at this address");
		return;
	}
	snprintf(header, sizeof(header), "%s\r\n", allow);
	http_refuse_with(c, 405, header, "this method does not work here");
}

/* After the head: is there such a thing, may this peer ask for it, is the body small enough? */
static bool http_admit(struct http_conn *c)
{
	const struct http_route *r;

	for (r = c->listener->options.routes; r->path; r++)
		if (r->method == c->head.method && http_route_matches(r, c->head.path, &c->rest))
			break;
	c->route = r;
	if (c->peer.kind == TLS_PEER_MISFIT ||
		(r->path && r->needs_device && c->peer.kind == TLS_PEER_NONE)) {
		c->close_after = true;
		bufferevent_disable(c->bev, EV_READ);
		http_refuse(c, 403, "forbidden",
			c->listener->options.tls == TLS_ADMIN
				? "this certificate is not an administrator's; use the one that "
				  "\"mdmctl init\" made"
				: "a device's certificate is needed here; enrol the device first");
		return false;
	}
	if (!r->path) {
		http_not_found(c);
		return false;
	}
	if (r->method != HTTP_GET && !c->head.has_length) {
		http_reject(c, 411, "a Content-Length is needed");
		return false;
	}
	if (c->head.length > r->max_body) {
		http_reject(c, 413, "the body of this request is too large");
		return false;
	}
	return true;
}

static void http_dispatch(struct http_conn *c)
{
	struct http_request request = {
		.head = &c->head,
		.peer = &c->peer,
		.body = c->in.data ? c->in.data : "",
		.n_body = (size_t)c->head.length,
		.rest = c->rest,
	};

	http_set_state(c, HTTP_BUSY);
	c->route->handle(c->listener->options.userdata, c, &request);
}

/* Moves the complete head out of the input, which then begins with the body. */
static int http_take_head(struct http_conn *c, size_t n_head)
{
	c->head_text = malloc(n_head);
	if (!c->head_text)
		return 503;
	memcpy(c->head_text, c->in.data, n_head);
	c->n_head = n_head;
	c->in.n_bytes -= n_head;
	memmove(c->in.data, c->in.data + n_head, c->in.n_bytes + 1);
	return http_head_parse(c->head_text, n_head, &c->head);
}

static void http_read_head(struct http_conn *c)
{
	size_t n_head = http_head_length(c->in.data, c->in.n_bytes, c->n_seen);
	int status;

	if (n_head > BOUND_HEAD_BYTES || (!n_head && c->in.n_bytes > BOUND_HEAD_BYTES)) {
		http_reject(c, 431, "the header lines are too large");
		return;
	}
	if (!n_head) {
		c->n_seen = c->in.n_bytes > 3 ? c->in.n_bytes - 3 : 0;
		return;
	}
	status = http_take_head(c, n_head);
	if (status) {
		http_reject(c, status, http_status_message(status));
		return;
	}
	if (!http_admit(c))
		return;
	http_set_state(c, HTTP_BODY);
	if (c->head.expects_continue && c->in.n_bytes == 0 && c->head.length)
		bufferevent_write(c->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

static void http_read_body(struct http_conn *c)
{
	if (c->in.n_bytes < c->head.length)
		return;
	if (c->in.n_bytes > c->head.length) {
		/* Nobody of ours sends the next request before it has the answer. */
		http_reject(c, 400, "bytes follow the body of this request");
		return;
	}
	http_dispatch(c);
}

static void http_take_input(struct http_conn *c)
{
	struct evbuffer *input = bufferevent_get_input(c->bev);
	size_t n = evbuffer_get_length(input);

	while (n) {
		struct evbuffer_iovec piece;

		evbuffer_peek(input, -1, NULL, &piece, 1);
		buf_append(&c->in, piece.iov_base, piece.iov_len);
		evbuffer_drain(input, piece.iov_len);
		n -= piece.iov_len;
	}
}

/* What is taken at once is at most what one read gives, so `in` stays near its limits. */
static void http_on_read(struct bufferevent *bev, void *userdata)
{
	struct http_conn *c = userdata;

	(void)bev;
	if (c->state != HTTP_IDLE && c->state != HTTP_HEAD && c->state != HTTP_BODY)
		return;
	http_take_input(c);
	if (c->in.error) {
		http_reject(c, 503, "the server is out of memory; try again later");
		return;
	}
	if (c->in.n_bytes == 0)
		return;
	if (c->state == HTTP_IDLE)
		http_set_state(c, HTTP_HEAD);
	if (c->state == HTTP_HEAD)
		http_read_head(c);
	if (c->state == HTTP_BODY)
		http_read_body(c);
}

/* The answer has left. */
static void http_on_written(struct bufferevent *bev, void *userdata)
{
	struct http_conn *c = userdata;

	(void)bev;
	if (c->state != HTTP_ANSWER)
		return;
	if (c->close_after)
		http_end(c);
	else
		http_next(c);
}

static void http_next(struct http_conn *c)
{
	http_set_state(c, HTTP_IDLE);
	bufferevent_enable(c->bev, EV_READ);
	if (evbuffer_get_length(bufferevent_get_input(c->bev)))
		http_on_read(c->bev, c);
}

static void http_on_event(struct bufferevent *bev, short what, void *userdata)
{
	struct http_conn *c = userdata;
	unsigned long code;
	char why[128] = "the peer closed the connection";

	if (what & BEV_EVENT_CONNECTED) {
		if (tls_peer_identify(c->listener->options.pki, c->listener->options.tls, c->ssl,
			    &c->peer) < 0)
			http_conn_free(c);
		else
			http_next(c);
		return;
	}
	code = bufferevent_get_openssl_error(bev);
	if (code)
		ERR_error_string_n(code, why, sizeof(why));
	if (c->state == HTTP_HANDSHAKE) {
		log_debug("handshake failed: %s", why);
		http_linger(c); /* libssl has written its alert */
	} else {
		http_conn_free(c);
	}
}

/* --- listening --------------------------------------------------------------------------- */

static void http_on_accept(struct evconnlistener *listener, evutil_socket_t fd,
	struct sockaddr *address, int n_address, void *userdata)
{
	struct http_listener *l = userdata;
	struct http_conn *c = calloc(1, sizeof(*c));
	int one = 1;

	(void)address;
	(void)n_address;
	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->listener = l;
	c->next = l->conns;
	if (c->next)
		c->next->previous = c;
	l->conns = c;
	if (++l->n_conns == l->options.max_connections)
		evconnlistener_disable(listener);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->deadline = evtimer_new(l->options.base, http_on_deadline, c);
	c->ssl = SSL_new(l->options.context);
	if (c->ssl)
		/* Not CLOSE_ON_FREE: the descriptor outlives TLS while lingering. */
		c->bev = bufferevent_openssl_socket_new(
			l->options.base, fd, c->ssl, BUFFEREVENT_SSL_ACCEPTING, 0);
	if (!c->deadline || !c->bev) {
		http_conn_free(c);
		return;
	}
	bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
	bufferevent_setcb(c->bev, http_on_read, http_on_written, http_on_event, c);
	http_set_state(c, HTTP_HANDSHAKE);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void http_on_resume(evutil_socket_t fd, short what, void *userdata)
{
	struct http_listener *l = userdata;

	(void)fd;
	(void)what;
	if (!l->stopping && l->n_conns < l->options.max_connections)
		evconnlistener_enable(l->listener);
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
		if (c->state == HTTP_IDLE || c->state == HTTP_HANDSHAKE || c->state == HTTP_LINGER)
			http_conn_free(c);
	}
}

int http_listener_connections(const struct http_listener *listener)
{
	return listener->n_conns;
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
	free(l);
}
