/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_escrow.c - sealed secrets in the administrators' API (docs/protocol.md, section 5). Handing
 * one out changes nothing and is on record all the same: who asked, for which phone, when.
 * mdm-server only.
 */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/codec.h"
#include "agent/util/log.h"
#include "server/admin.h"
#include "server/store_escrow.h"

static void admin_write_escrow_members(struct jsonw *w, const struct store_escrow *entry)
{
	const char *certificates = entry->certificates;

	jsonw_int(w, "row", entry->row);
	jsonw_string(w, "device", entry->device);
	jsonw_string(w, "enrolment", entry->enrolment);
	jsonw_string(w, "kind", entry->kind);
	jsonw_int(w, "generation", entry->generation);
	jsonw_array(w, "certificates");
	while (*certificates) {
		size_t n = strcspn(certificates, ",");

		jsonw_text(w, NULL, certificates, n);
		certificates += n;
		certificates += *certificates == ',';
	}
	jsonw_array_end(w);
	jsonw_int(w, "received", entry->received_s);
}

static int admin_write_escrow(const struct store_escrow *entry, void *userdata)
{
	struct admin_page *page = userdata;

	jsonw_object(&page->w, NULL);
	admin_write_escrow_members(&page->w, entry);
	jsonw_object_end(&page->w);
	page->last_row = entry->row;
	return admin_page_count(page);
}

void admin_escrow_list(void *userdata, struct http_conn *conn, const struct http_request *request)
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
	jsonw_array(&page.w, "escrow");
	r = store_escrow_list(server->store, &range, admin_write_escrow, &page);
	admin_page_end(conn, &page, r, ADMIN_NEXT_ROW, "list sealed secrets");
}

static int admin_write_sealed(const struct store_escrow *entry, void *userdata)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct jsonw *w = userdata;

	base64_write(entry->cms.at, entry->cms.n, "", &text);
	if (text.error)
		return text.error;
	jsonw_object(w, NULL);
	admin_write_escrow_members(w, entry);
	jsonw_text(w, "cms", text.data, text.n_bytes);
	jsonw_object_end(w);
	return w->out->error;
}

void admin_escrow_get(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	static const char *const allowed[] = {"device", NULL};
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	struct http_query query;
	const char *device = NULL;
	int64_t row;
	int r;

	if (http_query_parse(request->head->query, allowed, &query) == 0)
		device = http_query_get(&query, "device");
	/* The device, so that the audit log says of which phone it was. */
	if (!device || !hex_is_valid(device, 16) ||
		parse_int64(request->rest, 1, INT64_MAX, &row) < 0) {
		admin_bad(conn, "the address must end with the number of a row of the list and "
				"?device=ID");
		return;
	}
	r = store_begin(server->store, STORE_SURVIVES_POWER);
	if (r == 0)
		r = admin_end(server, request,
			store_escrow_get(server->store, device, row, admin_write_sealed, &w), 200);
	if (r < 0) {
		server_store_failed(server, conn, r, "hand out a sealed secret");
		return;
	}
	server_note_store(server, 0, NULL);
	if (r) {
		http_refuse(conn, 404, "not_found",
			"this device has no sealed secret of that number; GET /v1/admin/escrow "
			"lists those there are");
		return;
	}
	log_info("administrator %s got sealed secret %" PRId64 " of device %s", request->peer->name,
		row, device);
	admin_send_recorded(conn, 200, &body);
}
