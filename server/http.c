/* SPDX-License-Identifier: Apache-2.0 */
/* http.c - requests and answers of a connection; see http.h, http_conn.h. mdm-server only. */
#include "server/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <inttypes.h>
#include <openssl/err.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "server/http_conn.h"
#include "server/http_write.h"

static void http_next(struct http_conn *c);

/* --- answers ----------------------------------------------------------------------------- */

static void http_describe(struct http_conn *c, struct http_request *ret_request)
{
	*ret_request = (struct http_request){
		.head = &c->head,
		.peer = &c->peer,
		.address = &c->address,
		.rest = c->rest,
	};
	if (c->state != HTTP_BUSY)
		return; /* refused for its head: the body was not read */
	ret_request->body = c->in.data ? c->in.data : "";
	ret_request->n_body = (size_t)c->head.length;
}

/* 0, or the status to refuse with instead of answering. */
static int http_record(struct http_conn *c, const struct http_answer *answer)
{
	const struct http_options *o = &c->listener->options;
	struct http_request request;

	if (!o->record || answer->recorded || c->recorded || !c->head.path ||
		(c->head.method == HTTP_GET && answer->status != 403))
		return 0;
	c->recorded = true;
	http_describe(c, &request);
	return o->record(o->userdata, &request, answer->status);
}

void http_observe(struct http_conn *c, const struct http_answer *answer)
{
	const struct http_options *o = &c->listener->options;
	const struct http_route *route = c->route && c->route->path ? c->route : NULL;
	struct http_seen seen = {
		.address = &c->address,
		.peer = &c->peer,
		.method = route		 ? http_method_name(route->method)
			  : c->head.path ? http_method_name(c->head.method)
					 : "",
		/* What was parked has forgotten its head. */
		.path = c->head.path ? c->head.path
			: route	     ? route->path
				     : "",
		.route = route,
		.status = answer->status,
		.n_in = c->head.length,
		.n_out = answer->n_body,
		.duration_us = clock_boottime_us() - c->began_us,
	};

	if (o->observe)
		o->observe(o->userdata, &seen);
}

void http_answer(struct http_conn *c, const struct http_answer *answer)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	int status = http_record(c, answer);

	if (status) {
		http_refuse(c, status, "not_recorded",
			"nothing was done, because it cannot be put on record now; try again later");
		return;
	}
	c->recorded = false;
	http_observe(c, answer);
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
	bool later = status == 503 || status == 429;

	http_refusal(c, status, later ? "Retry-After: 60\r\n" : NULL, code, message);
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

static void http_forbid(struct http_conn *c, const char *message)
{
	c->close_after = true;
	bufferevent_disable(c->bev, EV_READ);
	http_refuse(c, 403, "forbidden", message);
}

/* May this peer ask now, whatever it asks for? */
static bool http_admit_rate(struct http_conn *c)
{
	const struct http_options *o = &c->listener->options;
	struct guard_asker asker = {.address = &c->address, .device = c->peer.device};
	char header[48];
	int64_t wait_s;

	if (!o->guard || !o->limits_requests ||
		guard_admits_request(o->guard, &asker, clock_boottime_us(), &wait_s))
		return true;
	snprintf(header, sizeof(header), "Retry-After: %" PRId64 "\r\n", wait_s);
	c->close_after = true;
	bufferevent_disable(c->bev, EV_READ);
	http_refuse_with(c, 429, header, "too many requests; try again later");
	return false;
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
		http_forbid(c,
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
	if (c->peer.expired && !r->takes_expired) {
		http_reject(c, 403,
			"this device's certificate has expired: renew it by simplereenroll first");
		return false;
	}
	if (r->operator_only && c->peer.viewer) {
		http_forbid(c, "your certificate may look at everything and change nothing; an "
			       "operator's is needed here (OU=mdm-admin)");
		return false;
	}
	if (r->method != HTTP_GET && r->method != HTTP_DELETE && !c->head.has_length) {
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
	struct http_request request;

	http_set_state(c, HTTP_BUSY);
	http_describe(c, &request);
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
	if (!http_admit_rate(c) || !http_admit(c))
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
void http_on_read(struct bufferevent *bev, void *userdata)
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
void http_on_written(struct bufferevent *bev, void *userdata)
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

void http_on_event(struct bufferevent *bev, short what, void *userdata)
{
	struct http_conn *c = userdata;
	unsigned long code;
	char why[128] = "the peer closed the connection";

	if (what & BEV_EVENT_CONNECTED) {
		if (http_conn_identify(c))
			http_next(c);
		else
			http_conn_free(c);
		return;
	}
	code = bufferevent_get_openssl_error(bev);
	if (code)
		ERR_error_string_n(code, why, sizeof(why));
	if (c->state == HTTP_HANDSHAKE) {
		if (c->listener->options.guard)
			c->listener->options.guard->refused[GUARD_HANDSHAKE]++;
		log_debug("handshake failed: %s", why);
		http_linger(c); /* libssl has written its alert */
	} else {
		http_conn_free(c);
	}
}
