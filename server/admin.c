/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.c - the administrators' API but for documents (docs/protocol.md, section 5): status,
 * tickets, devices, events. mdm-server only. What changes something leaves one line in the log.
 */
#include <errno.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"
#include "server/server.h"

#define ADMIN_PAGE 100			     /* rows if the request does not say */
#define ADMIN_PAGE_BYTES (2 * 1024 * 1024)   /* a page ends early rather than grow beyond this */
#define ADMIN_TIME_MAX INT64_C(253402300799) /* the year 9999 */

static void admin_send(struct http_conn *conn, int status, struct buf *body)
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
			  });
}

static void admin_bad(struct http_conn *conn, const char *message)
{
	http_refuse(conn, 400, "bad_request", message);
}

/* --- pages ------------------------------------------------------------------------------- */

struct admin_page {
	struct server *server;
	struct jsonw w;
	int64_t n, limit;
	char last_id[STORE_ID_LENGTH + 1];
	int64_t last_row;
	bool full; /* there may be more */
};

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

static int admin_page_count(struct admin_page *page)
{
	page->n++;
	if (page->n < page->limit && page->w.out->n_bytes < ADMIN_PAGE_BYTES)
		return page->w.out->error;
	page->full = true;
	return STORE_E_STOP;
}

/* after=ID and limit=N. false: refused already. */
static bool admin_page_by_id(struct http_conn *conn, const struct http_request *request,
	struct http_query *query, int64_t *ret_limit, const char **ret_after)
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
	return admin_limit(conn, query, ret_limit);
}

static void admin_write_groups(struct jsonw *w, const char *groups)
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

static void admin_write_time(struct jsonw *w, const char *key, int64_t time_s)
{
	if (time_s)
		jsonw_int(w, key, time_s);
	else
		jsonw_null(w, key);
}

static void admin_write_optional(struct jsonw *w, const char *key, const char *text)
{
	jsonw_string(w, key, *text ? text : NULL);
}

/* --- status ------------------------------------------------------------------------------ */

static void admin_status(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	static const char *const allowed[] = {NULL};
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	int64_t now_s = clock_realtime_s();
	struct store_counts counts;
	struct http_query query;
	int r;

	if (http_query_parse(request->head->query, allowed, &query) < 0) {
		admin_bad(conn, "no parameters are understood here");
		return;
	}
	r = store_counts(server->store, now_s, &counts);
	if (r < 0) {
		server_store_failed(server, conn, r, "count");
		return;
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "version", MDM_VERSION);
	jsonw_int(&w, "time", now_s);
	jsonw_int(&w, "devices", counts.devices);
	jsonw_int(&w, "tickets", counts.tickets);
	jsonw_int(&w, "tickets_open", counts.tickets_open);
	jsonw_int(&w, "documents", counts.documents);
	jsonw_int(&w, "events", counts.events);
	jsonw_int(&w, "device_ca_until", pki_until(server->pki.device_ca));
	jsonw_int(&w, "certificate_until", pki_until(server->pki.server_cert));
	jsonw_object_end(&w);
	admin_send(conn, 200, &body);
}

/* --- tickets ----------------------------------------------------------------------------- */

static bool admin_read_groups(struct span value, char ret_groups[STORE_GROUPS_BYTES])
{
	char name[LIMIT_NAME_BYTES + 1];
	struct json_walk walk;
	struct span key, element;
	size_t n = 0, n_bytes = 0;

	ret_groups[0] = 0;
	if (!value.at)
		return true;
	if (!json_is_array(value) || !json_walk_begin(value, &walk))
		return false;
	while (json_walk_next(&walk, &key, &element)) {
		if (n++ == LIMIT_ASSIGNMENT_GROUPS ||
			json_string(element, name, sizeof(name)) < 0 || !name_is_valid(name))
			return false;
		n_bytes += (size_t)snprintf(ret_groups + n_bytes, STORE_GROUPS_BYTES - n_bytes,
			"%s%s", n_bytes ? "," : "", name);
	}
	return true;
}

/* A typing error in a member's name must not be taken for its absence. */
static bool admin_ticket_members(struct span root)
{
	static const char *const known[] = {"id", "secret_sha256", "expires", "groups"};
	struct span key, value;
	struct json_walk walk;

	if (!json_is_object(root) || !json_walk_begin(root, &walk))
		return false;
	while (json_walk_next(&walk, &key, &value)) {
		size_t i = 0;

		while (i < ARRAY_SIZE(known) && !json_equals(key, known[i]))
			i++;
		if (i == ARRAY_SIZE(known))
			return false;
	}
	return true;
}

/* NULL if it is well, or what is wrong. */
static const char *admin_ticket_read(
	const struct http_request *request, int64_t now_s, struct store_ticket *ret_ticket)
{
	char digest[2 * SHA256_BYTES + 1];
	struct span root, value;

	if (json_check(request->body, request->n_body, &root) < 0 || !admin_ticket_members(root))
		return "the body must be a JSON object of id, secret_sha256, expires and groups";
	if (json_member(root, "id", &value) < 0 ||
		json_string(value, ret_ticket->id, sizeof(ret_ticket->id)) < 0 ||
		!hex_is_valid(ret_ticket->id, 16))
		return "id must be 32 lower-case hexadecimal digits";
	if (json_member(root, "secret_sha256", &value) < 0 ||
		json_string(value, digest, sizeof(digest)) < 0 ||
		hex_decode(digest, ret_ticket->secret_sha256, SHA256_BYTES) < 0)
		return "secret_sha256 must be 64 lower-case hexadecimal digits";
	if (json_member(root, "expires", &value) < 0 ||
		json_integer(value, now_s + 1, ADMIN_TIME_MAX, &ret_ticket->expires_s) < 0)
		return "expires must be a Unix time in the future";
	if (json_member(root, "groups", &value) < 0 ||
		!admin_read_groups(value, ret_ticket->groups))
		return "groups must be an array of at most 16 names";
	ret_ticket->created_s = now_s;
	return NULL;
}

static void admin_ticket_add(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	struct store_ticket ticket = {0};
	const char *problem = admin_ticket_read(request, clock_realtime_s(), &ticket);
	int r;

	if (problem) {
		admin_bad(conn, problem);
		return;
	}
	r = store_begin(server->store, STORE_SURVIVES_POWER);
	if (r == 0) {
		r = store_ticket_add(server->store, &ticket);
		if (r == 0)
			r = store_commit(server->store);
		else
			store_rollback(server->store);
	}
	if (r < 0) {
		server_store_failed(server, conn, r, "add a ticket");
		return;
	}
	server_note_store(server, 0, NULL);
	if (r == STORE_E_EXISTS) {
		http_refuse(conn, 409, "exists", "there is a ticket of this id; make a new id");
		return;
	}
	log_info("administrator %s added ticket %s", request->peer->name, ticket.id);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "id", ticket.id);
	jsonw_object_end(&w);
	admin_send(conn, 201, &body);
}

static int admin_write_ticket(const struct store_ticket *ticket, void *userdata)
{
	struct admin_page *page = userdata;
	struct jsonw *w = &page->w;

	jsonw_object(w, NULL);
	jsonw_string(w, "id", ticket->id);
	jsonw_int(w, "created", ticket->created_s);
	jsonw_int(w, "expires", ticket->expires_s);
	admin_write_groups(w, ticket->groups);
	admin_write_time(w, "used", ticket->used_s);
	admin_write_optional(w, "device", ticket->device);
	jsonw_object_end(w);
	memcpy(page->last_id, ticket->id, sizeof(page->last_id));
	return admin_page_count(page);
}

/* Ends a list: the id to continue after, null at the end. */
static void admin_page_end(struct server *server, struct http_conn *conn, struct admin_page *page,
	int r, const char *what)
{
	if (r < 0 && !page->w.out->error) {
		server_store_failed(server, conn, r, what);
		return;
	}
	jsonw_array_end(&page->w);
	jsonw_string(&page->w, "next", page->full ? page->last_id : NULL);
	jsonw_object_end(&page->w);
	admin_send(conn, 200, page->w.out);
}

static void admin_ticket_list(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct admin_page page = {.server = server, .w = JSONW_INIT(&body)};
	struct http_query query;
	const char *after;
	int r;

	if (!admin_page_by_id(conn, request, &query, &page.limit, &after))
		return;
	jsonw_object(&page.w, NULL);
	jsonw_array(&page.w, "tickets");
	r = store_ticket_list(server->store, after, page.limit, admin_write_ticket, &page);
	admin_page_end(server, conn, &page, r, "list tickets");
}

/* --- devices ----------------------------------------------------------------------------- */

static int admin_write_device_members(
	struct server *server, struct jsonw *w, const struct store_device *device)
{
	struct store_assigned assigned;
	int r = store_assigned(server->store, device->id, device->ticket, &assigned);

	if (r < 0)
		return r;
	jsonw_string(w, "id", device->id);
	admin_write_optional(w, "enrolment", device->enrolment);
	admin_write_optional(w, "ticket", device->ticket);
	jsonw_int(w, "enrolled", device->enrolled_s);
	admin_write_time(w, "last_seen", device->last_seen_s);
	admin_write_optional(w, "agent", device->agent);
	admin_write_groups(w, assigned.groups);
	jsonw_raw(w, "have", *device->have ? device->have : "{}",
		*device->have ? strlen(device->have) : 2);
	jsonw_string(w, "state", *device->state ? device->state : "unknown");
	admin_write_time(w, "certificate_until", device->certificate_until_s);
	return 0;
}

static int admin_write_device(const struct store_device *device, void *userdata)
{
	struct admin_page *page = userdata;
	int r;

	jsonw_object(&page->w, NULL);
	r = admin_write_device_members(page->server, &page->w, device);
	jsonw_object_end(&page->w);
	memcpy(page->last_id, device->id, sizeof(page->last_id));
	return r < 0 ? r : admin_page_count(page);
}

static void admin_device_list(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct admin_page page = {.server = server, .w = JSONW_INIT(&body)};
	struct http_query query;
	const char *after;
	int r;

	if (!admin_page_by_id(conn, request, &query, &page.limit, &after))
		return;
	jsonw_object(&page.w, NULL);
	jsonw_array(&page.w, "devices");
	r = store_device_list(server->store, after, page.limit, admin_write_device, &page);
	admin_page_end(server, conn, &page, r, "list devices");
}

static int admin_write_section(const struct store_section *section, void *userdata)
{
	struct jsonw *w = userdata;

	jsonw_object(w, section->name);
	jsonw_string(w, "digest", section->digest);
	jsonw_int(w, "received", section->received_s);
	jsonw_raw(w, "body", section->body.at, section->body.n);
	jsonw_object_end(w);
	return w->out->error;
}

static void admin_device_get(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	struct store_device device;
	int r;

	if (!hex_is_valid(request->rest, 16) || *request->head->query) {
		admin_bad(conn, "the address must end with a device id of 32 hexadecimal digits");
		return;
	}
	r = store_device_get(server->store, request->rest, &device);
	if (r == STORE_E_NOT_FOUND) {
		http_refuse(conn, 404, "not_found",
			"there is no such device; \"mdmctl device list\" lists those there are");
		return;
	}
	jsonw_object(&w, NULL);
	if (r == 0)
		r = admin_write_device_members(server, &w, &device);
	/* What a destructive command to this device must quote. */
	admin_write_optional(&w, "nonce", device.nonce);
	jsonw_object(&w, "sections");
	if (r == 0)
		r = store_section_list(server->store, device.id, admin_write_section, &w);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	if (r < 0 && !body.error)
		server_store_failed(server, conn, r, "read a device");
	else
		admin_send(conn, 200, &body);
}

/* --- events ------------------------------------------------------------------------------ */

/* The members of the event as the device sent it, behind ours. */
static int admin_write_event(const struct store_event *event, void *userdata)
{
	struct admin_page *page = userdata;
	struct jsonw *w = &page->w;
	struct span key, value;
	struct json_walk walk;

	jsonw_object(w, NULL);
	jsonw_int(w, "row", event->row);
	jsonw_string(w, "device", event->device);
	jsonw_int(w, "received", event->received_s);
	if (json_walk_begin(event->json, &walk)) {
		static const char *const members[] = {"seq", "time", "boot", "type", "data"};

		while (json_walk_next(&walk, &key, &value))
			for (size_t i = 0; i < ARRAY_SIZE(members); i++)
				if (json_equals(key, members[i]))
					jsonw_raw(w, members[i], value.at, value.n);
	}
	jsonw_object_end(w);
	page->last_row = event->row;
	return admin_page_count(page);
}

static void admin_event_list(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	static const char *const allowed[] = {"device", "after", "limit", NULL};
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct admin_page page = {.server = server, .w = JSONW_INIT(&body)};
	struct store_event_range range = {0};
	struct http_query query;
	const char *after;
	int r;

	if (http_query_parse(request->head->query, allowed, &query) < 0) {
		admin_bad(
			conn, "only device=ID, after=N and limit=N are understood here, each once");
		return;
	}
	range.device = http_query_get(&query, "device");
	after = http_query_get(&query, "after");
	if (range.device && !hex_is_valid(range.device, 16)) {
		admin_bad(conn, "device must be an id of 32 hexadecimal digits");
		return;
	}
	if (after && parse_int64(after, 0, INT64_MAX, &range.after) < 0) {
		admin_bad(conn, "after must be a number: \"next\" of the page before");
		return;
	}
	if (!admin_limit(conn, &query, &page.limit))
		return;
	range.limit = page.limit;
	page.last_row = range.after;
	jsonw_object(&page.w, NULL);
	jsonw_array(&page.w, "events");
	r = store_event_list(server->store, &range, admin_write_event, &page);
	if (r < 0 && !body.error) {
		server_store_failed(server, conn, r, "list events");
		return;
	}
	jsonw_array_end(&page.w);
	/* Always a number, so that a reader can ask again later for what is new. */
	jsonw_int(&page.w, "next", page.last_row);
	jsonw_object_end(&page.w);
	admin_send(conn, 200, &body);
}

const struct http_route server_admin_routes[] = {
	{.method = HTTP_GET, .path = "/v1/admin/status", .handle = admin_status},
	{.method = HTTP_GET, .path = "/v1/admin/tickets", .handle = admin_ticket_list},
	{.method = HTTP_POST,
		.path = "/v1/admin/tickets",
		.max_body = LIMIT_SERVER_TICKETS_BYTES,
		.handle = admin_ticket_add},
	{.method = HTTP_GET, .path = "/v1/admin/devices", .handle = admin_device_list},
	{.method = HTTP_GET,
		.path = "/v1/admin/devices/",
		.is_prefix = true,
		.handle = admin_device_get},
	{.method = HTTP_GET, .path = "/v1/admin/documents", .handle = admin_document_get},
	{.method = HTTP_PUT,
		.path = "/v1/admin/documents",
		.max_body = LIMIT_DOCUMENT_BYTES,
		.handle = admin_document_put},
	{.method = HTTP_GET, .path = "/v1/admin/events", .handle = admin_event_list},
	{0},
};
