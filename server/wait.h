/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.h - phones that wait for news (GET /v1/wait; docs/protocol.md, section 4) and waking them.
 * mdm-server only. A wake is no more than a reason to check in: what is new, and for whom, is the
 * store's business.
 */
#ifndef MDM_SERVER_WAIT_H
#define MDM_SERVER_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct http_conn;
struct http_request;
struct server;
struct store_document;
struct waits; /* server->waits */

struct waits_options {
	struct event_base *base;
	int64_t max;	    /* phones that may wait at once */
	int64_t per_second; /* wakes of groups and of everybody; the wake of one phone comes on top
			     */
};

/* 0 or -ENOMEM. */
int waits_new(const struct waits_options *options, struct waits **ret_waits);
/* After the listener's end: nobody waits any more. */
void waits_free(struct waits *waits);
/* Takes new bounds over; who waits already goes on waiting. */
void waits_configure(struct waits *waits, int64_t max, int64_t per_second);

/* The route. */
void wait_receive(void *userdata, struct http_conn *conn, const struct http_request *request);

/* After the commit of something new: for one phone, at once; for those of a ticket, a group, for
 * all, spread. */
void wait_wake_device(struct server *server, const char *id);
void wait_wake_ticket(struct server *server, const char *ticket);
void wait_wake_group(struct server *server, const char *group);
void wait_wake_all(struct server *server);
/* Those whom a document concerns, by its type and address. */
void wait_wake_document(struct server *server, const struct store_document *document);

size_t wait_count(const struct server *server);
bool wait_has(const struct server *server, const char *id);

#endif
