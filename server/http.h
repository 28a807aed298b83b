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
#include "server/guard.h"
#include "server/http_parse.h"
#include "server/tls.h"

struct http_conn;
struct http_listener;

struct http_request {
	const struct http_head *head;
	const struct tls_peer *peer;
	const struct sockaddr_storage *address;
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
	bool is_prefix;	    /* path ends with '/', one more component follows */
	bool needs_device;  /* 403 without a device's certificate, before the body is read */
	bool operator_only; /* 403 for administrators who may only look */
	bool takes_expired; /* from a device whose certificate has ended */
	size_t max_body;
	http_handler_fn handle;
};

/*
 * Puts a request on record before it is answered with that status: every one that is not a GET, and
 * every 403, but for those whose handler did it (http_answer.recorded). body is NULL if it was not
 * read. 0, or the status of the refusal that is answered instead.
 */
typedef int (*http_record_fn)(void *userdata, const struct http_request *request, int status);

/* A request that is being answered, for log and statistics. */
struct http_seen {
	const struct sockaddr_storage *address;
	const struct tls_peer *peer;
	const char *method, *path;	/* "" if there was no well-formed one; without the query */
	const struct http_route *route; /* NULL: none */
	int status;
	uint64_t n_in, n_out; /* bytes of the bodies */
	int64_t duration_us;  /* since its first byte */
};

struct http_options {
	struct event_base *base;
	SSL_CTX *context; /* a reference of its own is held; NULL: plain HTTP */
	const struct pki *pki;
	enum tls_listener tls;
	const struct http_route *routes; /* the last has path NULL */
	http_record_fn record;		 /* or NULL */
	void *userdata;			 /* of the handlers and of record */
	int max_connections;		 /* that are not parked */
	int request_seconds, idle_seconds;
	struct guard *guard; /* NULL: no limits by address and phone */
	enum guard_listener guarded_as;
	bool limits_requests;					       /* not connections alone */
	void (*observe)(void *userdata, const struct http_seen *seen); /* may be NULL */
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
/* From here on; connections that are there keep their TLS context. */
struct http_change {
	SSL_CTX *context;
	int max_connections, request_seconds, idle_seconds;
};
void http_listener_change(struct http_listener *listener, const struct http_change *change);
void http_listener_free(struct http_listener *listener);
DEFINE_CLEANUP(struct http_listener *, http_listener_free)

struct http_answer {
	int status;
	const char *content_type; /* NULL: no body */
	const char *headers;	  /* complete lines with CRLF, or NULL */
	const char *body;
	size_t n_body;
	bool recorded; /* the handler has put the request on record */
};
void http_answer(struct http_conn *conn, const struct http_answer *answer);

/* What becomes of a connection that is put aside. */
struct http_parking {
	int seconds;
	void (*expired)(void *userdata); /* they are over: has to end it */
	void (*gone)(void *userdata);	 /* the connection is over: must not be touched any more */
	void *userdata;
};

/*
 * Puts a connection aside that may get this answer in some minutes, or none: it counts no longer as
 * active and costs about a kilobyte, because the answer is encrypted now and TLS is let go. The
 * request is not valid any more. If the peer closes, sends anything, or the listener stops, gone is
 * called. 0; -ESHUTDOWN: stopping, -ENOMEM: then the request is still to be answered.
 */
int http_park(struct http_conn *conn, const struct http_answer *answer,
	const struct http_parking *parking);
/* Ends a parked connection: with its answer, or without a word. */
void http_unpark(struct http_conn *conn, bool answer);

/*
 * Refuses with a reason for people: JSON {"error","message"} on the administrators' side, one line
 * of text on the devices'. headers may be NULL.
 */
void http_refuse(struct http_conn *conn, int status, const char *code, const char *message);
void http_refuse_with(struct http_conn *conn, int status, const char *headers, const char *message);

#endif
