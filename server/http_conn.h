/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_conn.h - private to the files http*.c: listeners, connections and how a connection lives.
 * mdm-server only.
 *
 * A connection goes through: handshake, head, body, busy (a handler has it), perhaps parked,
 * answer, and again; at the end linger, so that a peer can read why it was refused before the
 * kernel resets.
 */
#ifndef MDM_SERVER_HTTP_CONN_H
#define MDM_SERVER_HTTP_CONN_H

#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "server/http.h"

enum http_state {
	HTTP_HANDSHAKE,
	HTTP_IDLE, /* no byte of a request yet */
	HTTP_HEAD,
	HTTP_BODY,
	HTTP_BUSY,
	HTTP_PARKED, /* a handler has it for minutes; see http_park.c */
	HTTP_ANSWER,
	HTTP_LINGER,
};

struct http_listener {
	struct http_options options;
	struct evconnlistener *listener;
	struct event *resume; /* accepting again after trouble */
	struct http_conn *conns;
	int n_conns, n_parked;
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
	struct event *drain; /* while parked or lingering */
	struct tls_peer peer;
	struct buf in;	 /* bytes of the head, then of the body */
	size_t n_seen;	 /* of in: searched for the end of the head */
	char *head_text; /* what head points into */
	size_t n_head;
	struct http_head head;
	const struct http_route *route;
	const char *rest;
	struct sockaddr_storage address;
	struct rate_place stranger, connection; /* where the guard counts it */
	int64_t began_us;			/* the request */
	unsigned int n_requests;
	bool close_after;
	bool recorded; /* the request is on record, or nobody wants to have it there */
	struct http_parking parking; /* of a parked one, and its answer, encrypted */
	struct buf sealed;
};

/* --- http_conn.c: life ------------------------------------------------------------------- */

/* All transitions; each state has its deadline. */
void http_set_state(struct http_conn *conn, enum http_state state);
/* The request is answered: its bytes may hold the secret of an enrolment. */
void http_forget(struct http_conn *conn);
/* Frees the TLS half; the descriptor stays. */
void http_drop_tls(struct http_conn *conn);
/* Ends it at once; a parked one's handler is told. */
void http_conn_free(struct http_conn *conn);
/* Ends it so that the peer can still read what was said to it; end says goodbye in TLS, too. */
void http_linger(struct http_conn *conn);
/* The peer has shown who it is, or that it is nobody. false: refused. */
bool http_conn_identify(struct http_conn *conn);
void http_end(struct http_conn *conn);
void http_on_deadline(evutil_socket_t fd, short what, void *userdata);
/* Accepts or pauses, as the number of connections that are not parked wants it. */
void http_update_accepting(struct http_listener *listener);

/* --- http.c: requests -------------------------------------------------------------------- */

/* Tells whoever watches (log, metrics) of an answer. */
void http_observe(struct http_conn *conn, const struct http_answer *answer);
void http_on_read(struct bufferevent *bev, void *userdata);
void http_on_written(struct bufferevent *bev, void *userdata);
void http_on_event(struct bufferevent *bev, short what, void *userdata);

#endif
