/* SPDX-License-Identifier: Apache-2.0 */
/* admin_page.c - what the handlers of the administrators' API share; see admin.h. mdm-server only.
 */
#include "server/admin.h"

#include "agent/util/codec.h"
#include "server/audit.h"

#define ADMIN_PAGE 100			   /* rows if the request does not say */
#define ADMIN_PAGE_BYTES (2 * 1024 * 1024) /* a page ends early rather than grow beyond this */

static void admin_send_as(struct http_conn *conn, int status, struct buf *body, bool recorded)
{
	if (body->error) {
		http_refuse(
			conn, 503, "memory", "the server is out of memory; ask for less at once");
		return;
	}
	http_answer(conn, &(struct http_answer){
				  .status = status,
				  .content_type = "application/json",
				  .body = body->data,
				  .n_body = body->n_bytes,
				  .recorded = recorded,
			  });
}

void admin_send(struct http_conn *conn, int status, struct buf *body)
{
	admin_send_as(conn, status, body, false);
}

void admin_send_recorded(struct http_conn *conn, int status, struct buf *body)
{
	admin_send_as(conn, status, body, true);
}

void admin_bad(struct http_conn *conn, const char *message)
{
	http_refuse(conn, 400, "bad_request", message);
}

int admin_end(struct server *server, const struct http_request *request, int r, int status)
{
	if (r == 0)
		r = audit_append(server, request, status);
	if (r == 0)
		return store_commit(server->store);
	store_rollback(server->store);
	return r;
}

/* --- pages ------------------------------------------------------------------------------- */

/* false: refused already. */
static bool admin_limit(struct http_conn *conn, const struct http_query *query, int64_t *ret_limit)
{
	const char *limit = http_query_get(query, "limit");

	*ret_limit = ADMIN_PAGE;
	if (!limit || parse_int64(limit, 1, LIMIT_SERVER_PAGE, ret_limit) == 0)
		return true;
	admin_bad(conn, "limit must be a number from 1 to 500");
	return false;
}

int admin_page_count(struct admin_page *page)
{
	page->n++;
	if (page->n < page->limit && page->w.out->n_bytes < ADMIN_PAGE_BYTES)
		return page->w.out->error;
	page->full = true;
	return STORE_E_STOP;
}

bool admin_page_by_id(struct http_conn *conn, const struct http_request *request,
	struct http_query *query, struct admin_page *page, const char **ret_after)
{
	static const char *const allowed[] = {"after", "limit", NULL};

	if (http_query_parse(request->head->query, allowed, query) < 0) {
		admin_bad(conn, "only after=ID and limit=N are understood here, each once");
		return false;
	}
	*ret_after = http_query_get(query, "after");
	if (!*ret_after)
		*ret_after = "";
	if (**ret_after && !hex_is_valid(*ret_after, 16)) {
		admin_bad(conn, "after must be an id of 32 hexadecimal digits");
		return false;
	}
	return admin_limit(conn, query, &page->limit);
}

bool admin_page_by_row(struct http_conn *conn, const struct http_request *request,
	const char *const *allowed, struct http_query *query, struct admin_page *page)
{
	const char *after;

	if (http_query_parse(request->head->query, allowed, query) < 0) {
		admin_bad(conn, "only after=N, limit=N and, where it makes sense, device=ID are "
				"understood here, each once");
		return false;
	}
	after = http_query_get(query, "after");
	if (after && parse_int64(after, 0, INT64_MAX, &page->last_row) < 0) {
		admin_bad(conn, "after must be a number: \"next\" of the page before");
		return false;
	}
	return admin_limit(conn, query, &page->limit);
}

bool admin_page_of_device(struct http_conn *conn, const struct http_request *request,
	struct http_query *query, struct admin_page *page, const char **ret_device)
{
	static const char *const allowed[] = {"device", "after", "limit", NULL};

	if (!admin_page_by_row(conn, request, allowed, query, page))
		return false;
	*ret_device = http_query_get(query, "device");
	if (*ret_device && !hex_is_valid(*ret_device, 16)) {
		admin_bad(conn, "device must be an id of 32 hexadecimal digits");
		return false;
	}
	return true;
}

void admin_page_end(struct http_conn *conn, struct admin_page *page, int r, enum admin_next next,
	const char *what)
{
	if (r < 0 && !page->w.out->error) {
		server_store_failed(page->server, conn, r, what);
		return;
	}
	jsonw_array_end(&page->w);
	if (next == ADMIN_NEXT_ALWAYS || (next == ADMIN_NEXT_ROW && page->full))
		jsonw_int(&page->w, "next", page->last_row);
	else
		jsonw_string(&page->w, "next", page->full ? page->last_id : NULL);
	jsonw_object_end(&page->w);
	admin_send(conn, 200, page->w.out);
}

/* --- values ------------------------------------------------------------------------------ */

void admin_write_groups(struct jsonw *w, const char *groups)
{
	jsonw_array(w, "groups");
	while (*groups) {
		size_t n = strcspn(groups, ",");

		jsonw_text(w, NULL, groups, n);
		groups += n;
		groups += *groups == ',';
	}
	jsonw_array_end(w);
}

void admin_write_time(struct jsonw *w, const char *key, int64_t time_s)
{
	if (time_s)
		jsonw_int(w, key, time_s);
	else
		jsonw_null(w, key);
}

void admin_write_optional(struct jsonw *w, const char *key, const char *text)
{
	jsonw_string(w, key, *text ? text : NULL);
}
