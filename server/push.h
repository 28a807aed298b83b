/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push.h - telling a push service (UnifiedPush) that there is something for a phone. mdm-server
 * only. The server's only connections to the outside: HTTPS to the endpoints that phones report, as
 * far as the configuration allows them, one byte of body, nothing read but the status.
 */
#ifndef MDM_SERVER_PUSH_H
#define MDM_SERVER_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/mem.h"

struct config_list;
struct server;
struct push; /* server->push */

struct push_counts {
	uint64_t sent;	  /* accepted by the service */
	uint64_t failed;  /* not reached, refused */
	uint64_t refused; /* endpoints that the configuration does not allow */
	uint64_t dropped; /* no room: the phone comes at its interval */
};

/* 0 or -errno. Without prefixes in the configuration nothing is ever sent. */
int push_new(struct server *server, struct push **ret_push);
void push_free(struct push *push);
DEFINE_CLEANUP(struct push *, push_free)

/* Something new for one phone that does not wait here. */
void push_device(struct server *server, const char *id);
/* Something newer than mark for some of them: all that have an endpoint are looked at. */
void push_newer(struct server *server, int64_t mark);

const struct push_counts *push_counts(const struct server *server);

/* Does the endpoint begin with one of the prefixes, and end or go on with a path there? */
bool push_is_allowed(const struct config_list *prefixes, const char *endpoint);
/* For the table of settings: NULL, or what is wrong with a prefix. */
const char *push_check_prefix(const char *prefix);

/* --- push_post.c ------------------------------------------------------------------------- */

struct event_base;
struct evdns_base;
struct ssl_ctx_st;
struct push_post;

struct push_post_options {
	struct event_base *base;
	struct evdns_base *dns; /* NULL: addresses only */
	struct ssl_ctx_st *context;
	const char *endpoint; /* url_is_endpoint() */
	/* Once, from the loop: the HTTP status, or 0 with the reason. The post is gone by then. */
	void (*done)(int status, const char *why, void *userdata);
	void *userdata;
};

/* A context that believes the CAs of the system. 0 or -EIO. */
int push_post_context(struct ssl_ctx_st **ret_context);
/* 0 or -errno. */
int push_post_new(const struct push_post_options *options, struct push_post **ret_post);
void push_post_free(struct push_post *post);

#endif
