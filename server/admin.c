/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.c - the administrators' API (docs/protocol.md, section 5): its table of routes, status,
 * tickets, events. mdm-server only. What changes something leaves one line in the log.
 */
#include "server/admin.h"

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/log.h"
#include "server/audit.h"

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
	jsonw_int(&w, "commands_held", counts.commands_held);
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

/* false if it is not there. */
static bool admin_read_bool(struct span value, bool *ret_value)
{
	*ret_value = value.at && value.n == 4 && memcmp(value.at, "true", 4) == 0;
	return !value.at || *ret_value || (value.n == 5 && memcmp(value.at, "false", 5) == 0);
}

/* A typing error in a member's name must not be taken for its absence. */
static bool admin_ticket_members(struct span root)
{
	static const char *const known[] = {
		"id", "secret_sha256", "expires", "groups", "zero_touch"};
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
		return "the body must be a JSON object of id, secret_sha256, expires, groups and "
		       "zero_touch";
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
	if (json_member(root, "zero_touch", &value) < 0 ||
		!admin_read_bool(value, &ret_ticket->zero_touch))
		return "zero_touch must be true or false";
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
	if (r == 0)
		r = admin_end(server, request, store_ticket_add(server->store, &ticket), 201);
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
	admin_send_recorded(conn, 201, &body);
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
	jsonw_bool(w, "zero_touch", ticket->zero_touch);
	admin_write_time(w, "used", ticket->used_s);
	admin_write_optional(w, "device", ticket->device);
	jsonw_object_end(w);
	memcpy(page->last_id, ticket->id, sizeof(page->last_id));
	return admin_page_count(page);
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

	if (!admin_page_by_id(conn, request, &query, &page, &after))
		return;
	jsonw_object(&page.w, NULL);
	jsonw_array(&page.w, "tickets");
	r = store_ticket_list(server->store, after, page.limit, admin_write_ticket, &page);
	admin_page_end(conn, &page, r, ADMIN_NEXT_ID, "list tickets");
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
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct admin_page page = {.server = server, .w = JSONW_INIT(&body)};
	struct store_event_range range = {0};
	struct http_query query;
	int r;

	if (!admin_page_of_device(conn, request, &query, &page, &range.device))
		return;
	range.limit = page.limit;
	range.after = page.last_row;
	jsonw_object(&page.w, NULL);
	jsonw_array(&page.w, "events");
	r = store_event_list(server->store, &range, admin_write_event, &page);
	admin_page_end(conn, &page, r, ADMIN_NEXT_ALWAYS, "list events");
}

/*
 * Everything that is not a GET is for operators, and so are sealed secrets. The order is that of
 * docs/openapi.json, which is compared with this table.
 */
const struct http_route server_admin_routes[] = {
	{.method = HTTP_GET, .path = "/v1/admin/status", .handle = admin_status},
	{.method = HTTP_GET, .path = "/v1/admin/tickets", .handle = admin_ticket_list},
	{.method = HTTP_POST,
		.path = "/v1/admin/tickets",
		.operator_only = true,
		.max_body = LIMIT_SERVER_TICKETS_BYTES,
		.handle = admin_ticket_add},
	{.method = HTTP_GET, .path = "/v1/admin/devices", .handle = admin_device_list},
	{.method = HTTP_GET,
		.path = "/v1/admin/devices/",
		.is_prefix = true,
		.handle = admin_device_get},
	{.method = HTTP_DELETE,
		.path = "/v1/admin/devices/",
		.is_prefix = true,
		.operator_only = true,
		.handle = admin_device_withdraw},
	{.method = HTTP_GET, .path = "/v1/admin/documents", .handle = admin_document_get},
	{.method = HTTP_PUT,
		.path = "/v1/admin/documents",
		.operator_only = true,
		.max_body = LIMIT_DOCUMENT_BYTES,
		.handle = admin_document_put},
	{.method = HTTP_DELETE,
		.path = "/v1/admin/documents",
		.operator_only = true,
		.handle = admin_document_remove},
	{.method = HTTP_GET, .path = "/v1/admin/commands", .handle = admin_command_list},
	{.method = HTTP_GET,
		.path = "/v1/admin/commands/",
		.is_prefix = true,
		.handle = admin_command_get},
	{.method = HTTP_DELETE,
		.path = "/v1/admin/commands/",
		.is_prefix = true,
		.operator_only = true,
		.handle = admin_command_cancel},
	{.method = HTTP_POST,
		.path = "/v1/admin/approvals/",
		.is_prefix = true,
		.operator_only = true,
		.handle = admin_command_approve},
	{.method = HTTP_DELETE,
		.path = "/v1/admin/approvals/",
		.is_prefix = true,
		.operator_only = true,
		.handle = admin_command_reject},
	{.method = HTTP_GET, .path = "/v1/admin/hardware", .handle = admin_hardware_list},
	{.method = HTTP_POST,
		.path = "/v1/admin/hardware",
		.operator_only = true,
		.max_body = LIMIT_SERVER_TICKETS_BYTES,
		.handle = admin_hardware_add},
	{.method = HTTP_DELETE,
		.path = "/v1/admin/hardware/",
		.is_prefix = true,
		.operator_only = true,
		.handle = admin_hardware_drop},
	{.method = HTTP_GET, .path = "/v1/admin/escrow", .handle = admin_escrow_list},
	{.method = HTTP_GET,
		.path = "/v1/admin/escrow/",
		.is_prefix = true,
		.operator_only = true,
		.handle = admin_escrow_get},
	{.method = HTTP_GET, .path = "/v1/admin/audit", .handle = audit_list},
	{.method = HTTP_GET, .path = "/v1/admin/events", .handle = admin_event_list},
	{0},
};
