/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_device.c - devices in the administrators' API (docs/protocol.md, section 5): their records,
 * and their withdrawal. mdm-server only.
 */
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/log.h"
#include "server/admin.h"
#include "server/store_command.h"

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
	/* What a destructive command to this device must quote. */
	admin_write_optional(w, "nonce", device->nonce);
	jsonw_int(w, "withdrawn", device->withdrawn_s);
	jsonw_int(w, "clone", device->clone_s);
	jsonw_bool(w, "push", device->push[0] != 0);
	jsonw_bool(w, "waiting", wait_has(server, device->id));
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

void admin_device_list(void *userdata, struct http_conn *conn, const struct http_request *request)
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
	jsonw_array(&page.w, "devices");
	r = store_device_list(server->store, after, page.limit, admin_write_device, &page);
	admin_page_end(conn, &page, r, ADMIN_NEXT_ID, "list devices");
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

void admin_device_get(void *userdata, struct http_conn *conn, const struct http_request *request)
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

/* --- withdrawal -------------------------------------------------------------------------- */

/* Inside a transaction. ret_withdrawn_s: since when it is, perhaps for long. */
static int admin_withdraw(struct server *server, const char *id, int64_t *ret_withdrawn_s)
{
	struct store_step cancelled = {.state = COMMAND_CANCELLED,
		.reason = "withdrawn",
		.detail = "the phone was withdrawn",
		.time_s = clock_realtime_s()};
	struct store_device device;
	int r = store_device_get(server->store, id, &device);

	if (r)
		return r;
	*ret_withdrawn_s = device.withdrawn_s;
	if (device.withdrawn_s)
		return STORE_E_EXISTS;
	*ret_withdrawn_s = cancelled.time_s;
	r = store_device_withdraw(server->store, id, cancelled.time_s);
	return r ? r : store_command_cancel_all(server->store, id, &cancelled);
}

void admin_device_withdraw(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	int64_t withdrawn_s = 0;
	int r;

	if (!hex_is_valid(request->rest, 16) || *request->head->query) {
		admin_bad(conn, "the address must end with a device id of 32 hexadecimal digits");
		return;
	}
	r = store_begin(server->store, STORE_SURVIVES_POWER);
	if (r == 0)
		r = admin_end(
			server, request, admin_withdraw(server, request->rest, &withdrawn_s), 200);
	if (r < 0) {
		server_store_failed(server, conn, r, "withdraw a device");
		return;
	}
	server_note_store(server, 0, NULL);
	if (r == STORE_E_NOT_FOUND) {
		http_refuse(conn, 404, "not_found",
			"there is no such device; \"mdmctl device list\" lists those there are");
		return;
	}
	if (r == 0) {
		log_info("administrator %s withdrew device %s", request->peer->name, request->rest);
		/* If it waits for news: the answer makes it check in, and that is refused. */
		wait_wake_device(server, request->rest);
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "id", request->rest);
	jsonw_int(&w, "withdrawn", withdrawn_s);
	jsonw_object_end(&w);
	if (r == 0)
		admin_send_recorded(conn, 200, &body);
	else
		admin_send(conn, 200, &body);
}
