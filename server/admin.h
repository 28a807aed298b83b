/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.h - what the handlers of the administrators' API share (admin*.c, audit.c): answers, pages,
 * and the end of a transaction, which is never without its entry in the audit log. mdm-server only.
 */
#ifndef MDM_SERVER_ADMIN_H
#define MDM_SERVER_ADMIN_H

#include "agent/util/jsonw.h"
#include "server/server.h"

#define ADMIN_TIME_MAX INT64_C(253402300799) /* the year 9999 */

/* Sends JSON; the request is one that changed nothing, or that is on record already. */
void admin_send(struct http_conn *conn, int status, struct buf *body);
/* The same for one that admin_end() has put on record. */
void admin_send_recorded(struct http_conn *conn, int status, struct buf *body);
void admin_bad(struct http_conn *conn, const char *message);

/*
 * Ends the transaction of a request: r 0 puts it on record with this status and commits, everything
 * else rolls back. r as it came, or what the store says.
 */
int admin_end(struct server *server, const struct http_request *request, int r, int status);

/* "after" a row or id, "limit" rows. */
struct admin_page {
	struct server *server;
	struct jsonw w;
	int64_t n, limit;
	char last_id[STORE_ID_LENGTH + 1];
	int64_t last_row; /* at first what the page is to begin after */
	bool full;	  /* there may be more */
};
/* Of callbacks that write a row: goes on, or STORE_E_STOP. */
int admin_page_count(struct admin_page *page);
/* after=ID and limit=N. false: refused already. */
bool admin_page_by_id(struct http_conn *conn, const struct http_request *request,
	struct http_query *query, struct admin_page *page, const char **ret_after);
/* after=ROW and limit=N, and what else is allowed. false: refused already. */
bool admin_page_by_row(struct http_conn *conn, const struct http_request *request,
	const char *const *allowed, struct http_query *query, struct admin_page *page);
/* after=ROW, limit=N and device=ID, which is NULL where it is not given and lies in the query.
 * false: refused already. */
bool admin_page_of_device(struct http_conn *conn, const struct http_request *request,
	struct http_query *query, struct admin_page *page, const char **ret_device);

enum admin_next {
	ADMIN_NEXT_ID,	   /* null at the end */
	ADMIN_NEXT_ROW,	   /* null at the end */
	ADMIN_NEXT_ALWAYS, /* a row, so that a reader can ask again later for what is new */
};
/* Ends a list and answers; r negative: the store failed at "what". */
void admin_page_end(struct http_conn *conn, struct admin_page *page, int r, enum admin_next next,
	const char *what);

void admin_write_groups(struct jsonw *w, const char *groups);
void admin_write_time(struct jsonw *w, const char *key, int64_t time_s);       /* 0 is null */
void admin_write_optional(struct jsonw *w, const char *key, const char *text); /* "" is null */

/* Is the body 1 to LIMIT_DOCUMENT_LINES lines of three base64url fields? */
bool admin_is_document(const char *text, size_t n_bytes);

/* admin_device.c */
void admin_device_list(void *userdata, struct http_conn *conn, const struct http_request *request);
void admin_device_get(void *userdata, struct http_conn *conn, const struct http_request *request);
void admin_device_withdraw(
	void *userdata, struct http_conn *conn, const struct http_request *request);
/* admin_command.c */
void admin_command_put(void *userdata, struct http_conn *conn, const struct http_request *request);
void admin_command_list(void *userdata, struct http_conn *conn, const struct http_request *request);
void admin_command_get(void *userdata, struct http_conn *conn, const struct http_request *request);
void admin_command_cancel(
	void *userdata, struct http_conn *conn, const struct http_request *request);
/* The command of an id at the end of the address. false: refused already. */
struct store_command;
bool admin_command_find(struct server *server, struct http_conn *conn,
	const struct http_request *request, struct store_command *ret_command);
void admin_write_command_members(struct jsonw *w, const struct store_command *command);
/* admin_approval.c */
void admin_command_approve(
	void *userdata, struct http_conn *conn, const struct http_request *request);
void admin_command_reject(
	void *userdata, struct http_conn *conn, const struct http_request *request);
/* admin_hardware.c */
void admin_hardware_add(void *userdata, struct http_conn *conn, const struct http_request *request);
void admin_hardware_list(
	void *userdata, struct http_conn *conn, const struct http_request *request);
void admin_hardware_drop(
	void *userdata, struct http_conn *conn, const struct http_request *request);
/* admin_escrow.c */
void admin_escrow_list(void *userdata, struct http_conn *conn, const struct http_request *request);
void admin_escrow_get(void *userdata, struct http_conn *conn, const struct http_request *request);

#endif
