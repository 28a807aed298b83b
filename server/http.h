/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - HTTP/1.1 over TLS on libevent: listeners, connections, deadlines. mdm-server only.
 *
 * Written here rather than taken from evhttp: that has no deadline for a whole request (a peer
 * that sends a byte a second holds its connection for ever), accepts looser syntax, and knows a
 * request's size limit only per server. One request at a time; a connection may be kept.
 */
#ifndef MDM_SERVER_HTTP_H
#define MDM_SERVER_HTTP_H

#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "agent/util/buf.h"
#include "server/http_parse.h"
#include "server/tls.h"

struct http_conn;
struct http_listener;

struct http_request {
	const struct http_head *head;
	const struct tls_peer *peer;
	const char
		*body; /* NUL-terminated; valid until the answer, like all of this but the struct */
	size_t n_body;
	const char *rest; /* of the path, behind a prefix route; otherwise "" */
};

/* Must call http_answer() or http_refuse() once, now or later; later than a request may take only
 * after http_park(). */
typedef void (*http_handler_fn)(
	void *userdata, struct http_conn *conn, const struct http_request *request);

struct http_route {
	enum http_method method;
	const char *path;
	bool is_prefix;	   /* path ends with '/', one more component follows */
	bool needs_device; /* 403 without a device's certificate, before the body is read */
	size_t max_body;
	http_handler_fn handle;
};

struct http_options {
	struct event_base *base;
	SSL_CTX *context; /* borrowed */
	const struct pki *pki;
	enum tls_listener tls;
	const struct http_route *routes; /* the last has path NULL */
	void *userdata;			 /* of the handlers */
	int max_connections;		 /* that are not parked */
	int request_seconds, idle_seconds;
};

/* Listens at once. 0 or -errno. */
int http_listen(const struct http_options *options, const struct sockaddr *address,
	socklen_t n_address, struct http_listener **ret_listener);
/* The real address, with the port that the kernel chose. */
int http_listener_address(
	const struct http_listener *listener, struct sockaddr_storage *ret_address);
/* Accepts no more, closes idle and parked connections; the others after their answer. */
void http_listener_stop(struct http_listener *listener);
int http_listener_connections(const struct http_listener *listener);
void http_listener_free(struct http_listener *listener);
DEFINE_CLEANUP(struct http_listener *, http_listener_free)

struct http_answer {
	int status;
	const char *content_type; /* NULL: no body */
	const char *headers;	  /* complete lines with CRLF, or NULL */
	const char *body;
	size_t n_body;
};
void http_answer(struct http_conn *conn, const struct http_answer *answer);

/* The connection is gone: it must not be answered any more. */
typedef void (*http_gone_fn)(void *userdata);

/*
 * Puts a connection aside whose answer may take minutes: it counts no longer as active and has no
 * deadline; the handler needs one. The request is not valid any more. If the peer closes, sends
 * more, or the listener stops, gone is called instead of an answer. 0, or -ESHUTDOWN: stopping;
 * then the request is still to be answered.
 */
int http_park(struct http_conn *conn, http_gone_fn gone, void *userdata);

/*
 * Refuses with a reason for people: JSON {"error","message"} on the administrators' side, one line
 * of text on the devices'. headers may be NULL.
 */
void http_refuse(struct http_conn *conn, int status, const char *code, const char *message);
void http_refuse_with(struct http_conn *conn, int status, const char *headers, const char *message);

#endif
