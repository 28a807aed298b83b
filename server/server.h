/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - the one struct that the state of mdm-server hangs on, and what its parts share.
 * mdm-server only.
 */
#ifndef MDM_SERVER_SERVER_H
#define MDM_SERVER_SERVER_H

#include "server/http.h"
#include "server/monitor.h"
#include "server/store.h"
#include "server/upkeep.h"
#include "server/wait.h"

struct checkin;

/* Since the start; for the log and for metrics. */
struct server_counts {
	uint64_t clones;	     /* reports whose number did not grow */
	uint64_t command_nonsense;   /* events about commands that could not be true */
	uint64_t commands_delivered; /* the repetitions included */
	uint64_t hardware_refused;   /* zero-touch enrolments that the allow-list did not cover */
	uint64_t commands_held;	     /* by the brake on destructive ones */
	uint64_t audit_dropped;	     /* refused attempts beyond what the audit log takes per hour */
};

struct server {
	struct event_base *base;
	const struct config *config; /* of the run; a reload changes it in place */
	struct http_listener *devices, *admins;
	struct guard guard;
	struct monitor monitor;
	struct metrics metrics;
	struct upkeep *upkeep;
	struct store *store;
	struct pki pki;
	int64_t certificate_days;
	char *cacerts; /* the answer of EST cacerts; it never changes */
	size_t n_cacerts;
	struct waits *waits; /* phones at /v1/wait */
	struct push *push;   /* services that are told about the others */
	int64_t max_waiting, wakes_per_second;

	struct checkin *batch, **batch_tail; /* check-ins waiting for their transaction */
	size_t n_batch;
	struct event *batch_event;

	struct server_counts counts;

	int64_t commands_per_hour, destructive_per_hour;
	int64_t refusals, refusals_since_s; /* of administrators, within an hour */

	int trouble;	   /* last failure of the store; 0: works */
	int64_t trouble_s; /* when it was last logged */
};

/* The answer of EST cacerts: certificates of pki. 0 or -errno. */
int server_make_cacerts(const struct pki *pki, char **ret_cacerts, size_t *ret_n_cacerts);
/* Makes the answer of cacerts and the event of the batch. 0 or -errno. */
int server_init(struct server *server);
void server_done(struct server *server);

extern const struct http_route server_device_routes[];

/* The store answered negatively: logs it (not once per request) and answers 503. */
void server_store_failed(struct server *server, struct http_conn *conn, int r, const char *what);
/* Only the log line and the memory of it; r 0: the store works again. */
void server_note_store(struct server *server, int r, const char *what);

/* enrol.c */
void enrol_cacerts(void *userdata, struct http_conn *conn, const struct http_request *request);
void enrol_simple(void *userdata, struct http_conn *conn, const struct http_request *request);
bool enrol_is_pkcs10(const char *content_type);
/* Answers with the certificate. */
/* false: refused, because nothing that the device CA issues now would be worth anything. */
bool enrol_can_issue(struct server *server, struct http_conn *conn, int64_t now_s);
void enrol_answer(struct http_conn *conn, const struct buf *der);
/* renew.c */
void renew_simple(void *userdata, struct http_conn *conn, const struct http_request *request);
/* checkin.c */
void checkin_receive(void *userdata, struct http_conn *conn, const struct http_request *request);
void checkin_on_batch(evutil_socket_t fd, short what, void *userdata);
/* admin.c: one handler for each row of its table of routes; see admin.h */
extern const struct http_route server_admin_routes[];
/* admin_documents.c */
void admin_document_put(void *userdata, struct http_conn *conn, const struct http_request *request);
void admin_document_remove(
	void *userdata, struct http_conn *conn, const struct http_request *request);
void admin_document_get(void *userdata, struct http_conn *conn, const struct http_request *request);

#endif
