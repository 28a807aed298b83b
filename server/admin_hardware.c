/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_hardware.c - the allow-list of zero-touch enrolment in the administrators' API
 * (docs/protocol.md, section 5). mdm-server only.
 */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/hardware.h"
#include "agent/util/log.h"
#include "server/admin.h"
#include "server/store_hardware.h"

#define HARDWARE_E_TICKET 100 /* the ticket is one for a single phone */

struct admin_entries {
	struct span array;
	struct store_hardware entry; /* ticket is set; the others are read one after the other */
	int64_t n, added;
	char problem[256];
};

/* --- adding ------------------------------------------------------------------------------ */

/* {"serial":S} or {"imei":I}, a number that is none of the placeholders of firmware. */
static bool admin_entry_read(struct admin_entries *a, struct span object)
{
	struct store_hardware *e = &a->entry;
	struct span key, value, more;
	struct json_walk walk;

	if (!json_is_object(object) || !json_walk_begin(object, &walk) ||
		!json_walk_next(&walk, &key, &value) || json_walk_next(&walk, &key, &more) ||
		(!json_equals(key, "serial") && !json_equals(key, "imei")) ||
		json_string(value, e->value, sizeof(e->value)) < 0) {
		snprintf(a->problem, sizeof(a->problem),
			"entry %" PRId64
			" must be {\"serial\":TEXT} or {\"imei\":TEXT} with at most "
			"%d characters",
			a->n, LIMIT_HARDWARE_BYTES);
		return false;
	}
	e->is_imei = json_equals(key, "imei");
	if (e->is_imei ? hardware_imei_is_valid(e->value)
		       : !hardware_serial_is_placeholder(e->value))
		return true;
	snprintf(a->problem, sizeof(a->problem), "entry %" PRId64 ": \"%s\" %s", a->n, e->value,
		e->is_imei ? "is not the IMEI of one phone (15 digits, the last a check digit)"
			   : "is a placeholder, not the serial number of one phone");
	return false;
}

/* All of them, before anything is written. false: a->problem says why. */
static bool admin_entries_check(struct admin_entries *a)
{
	struct span key, value;
	struct json_walk walk;

	if (!json_is_array(a->array) || !json_walk_begin(a->array, &walk)) {
		snprintf(a->problem, sizeof(a->problem), "entries must be an array");
		return false;
	}
	while (json_walk_next(&walk, &key, &value)) {
		a->n++;
		if (!admin_entry_read(a, value))
			return false;
	}
	if (a->n == 0)
		snprintf(a->problem, sizeof(a->problem), "there are no entries");
	return a->n > 0;
}

static bool admin_hardware_read(const struct http_request *request, struct admin_entries *ret)
{
	struct span root, key, value;
	struct json_walk walk;
	size_t n = 0;

	snprintf(ret->problem, sizeof(ret->problem),
		"the body must be a JSON object of ticket, 32 hexadecimal digits, and entries");
	if (json_check(request->body, request->n_body, &root) < 0 || !json_is_object(root) ||
		!json_walk_begin(root, &walk))
		return false;
	while (json_walk_next(&walk, &key, &value))
		n++;
	if (n != 2 || json_member(root, "entries", &ret->array) < 0 || !ret->array.at ||
		json_member(root, "ticket", &value) < 0 || !value.at ||
		json_string(value, ret->entry.ticket, sizeof(ret->entry.ticket)) < 0 ||
		!hex_is_valid(ret->entry.ticket, 16))
		return false;
	return admin_entries_check(ret);
}

/* Inside a transaction. */
static int admin_entries_store(struct server *server, struct admin_entries *a)
{
	struct span key, value;
	struct json_walk walk;
	struct store_ticket ticket;
	int r = store_ticket_get(server->store, a->entry.ticket, &ticket);

	if (r)
		return r;
	if (!ticket.zero_touch)
		return HARDWARE_E_TICKET;
	json_walk_begin(a->array, &walk);
	while (json_walk_next(&walk, &key, &value)) {
		if (!admin_entry_read(a, value))
			return -EBADMSG; /* it was well a moment ago */
		r = store_hardware_add(server->store, &a->entry);
		if (r < 0)
			return r;
		a->added += r == 0;
	}
	return 0;
}

void admin_hardware_add(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	struct admin_entries a = {0};
	int r;

	if (*request->head->query || !admin_hardware_read(request, &a)) {
		admin_bad(conn, *a.problem ? a.problem : "no parameters are understood here");
		return;
	}
	r = store_begin(server->store, STORE_SURVIVES_POWER);
	if (r == 0)
		r = admin_end(server, request, admin_entries_store(server, &a), 201);
	if (r < 0) {
		server_store_failed(server, conn, r, "add to the hardware list");
		return;
	}
	server_note_store(server, 0, NULL);
	if (r) {
		http_refuse(conn, r == HARDWARE_E_TICKET ? 409 : 404,
			r == HARDWARE_E_TICKET ? "single" : "not_found",
			r == HARDWARE_E_TICKET
				? "this ticket enrols one phone and needs no list; make one with "
				  "\"zero_touch\":true"
				: "there is no such ticket; \"mdmctl ticket list\" lists those "
				  "there are");
		return;
	}
	log_info("administrator %s added %" PRId64 " entries for ticket %s to the hardware list",
		request->peer->name, a.added, a.entry.ticket);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "added", a.added);
	jsonw_object_end(&w);
	admin_send_recorded(conn, 201, &body);
}

/* --- listing ----------------------------------------------------------------------------- */

static int admin_write_hardware(const struct store_hardware *entry, void *userdata)
{
	struct admin_page *page = userdata;
	struct jsonw *w = &page->w;

	jsonw_object(w, NULL);
	jsonw_int(w, "row", entry->row);
	jsonw_string(w, "serial", entry->is_imei ? NULL : entry->value);
	jsonw_string(w, "imei", entry->is_imei ? entry->value : NULL);
	jsonw_string(w, "ticket", entry->ticket);
	admin_write_optional(w, "device", entry->device);
	admin_write_time(w, "used", entry->used_s);
	jsonw_bool(w, "linked", entry->is_linked);
	jsonw_object_end(w);
	page->last_row = entry->row;
	return admin_page_count(page);
}

void admin_hardware_list(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	static const char *const allowed[] = {"after", "limit", NULL};
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct admin_page page = {.server = server, .w = JSONW_INIT(&body)};
	struct http_query query;
	int r;

	if (!admin_page_by_row(conn, request, allowed, &query, &page))
		return;
	jsonw_object(&page.w, NULL);
	jsonw_array(&page.w, "entries");
	r = store_hardware_list(
		server->store, page.last_row, page.limit, admin_write_hardware, &page);
	admin_page_end(conn, &page, r, ADMIN_NEXT_ROW, "list hardware");
}

/* --- removing ---------------------------------------------------------------------------- */

/* Inside a transaction. */
static int admin_hardware_let_go(struct server *server, int64_t row, bool *ret_freed)
{
	struct store_hardware entry;
	int r = store_hardware_get(server->store, row, &entry);

	if (r)
		return r;
	/* One that nobody has listed must not become a free entry. */
	*ret_freed = entry.used_s != 0 && !entry.is_linked;
	return *ret_freed ? store_hardware_free(server->store, row)
			  : store_hardware_remove(server->store, row);
}

void admin_hardware_drop(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	bool freed = false;
	int64_t row;
	int r;

	if (parse_int64(request->rest, 1, INT64_MAX, &row) < 0 || *request->head->query) {
		admin_bad(conn, "the address must end with the number of a row of the list");
		return;
	}
	r = store_begin(server->store, STORE_SURVIVES_POWER);
	if (r == 0)
		r = admin_end(server, request, admin_hardware_let_go(server, row, &freed), 200);
	if (r < 0) {
		server_store_failed(server, conn, r, "change the hardware list");
		return;
	}
	server_note_store(server, 0, NULL);
	if (r) {
		http_refuse(conn, 404, "not_found", "there is no such entry in the hardware list");
		return;
	}
	log_info("administrator %s %s entry %" PRId64 " of the hardware list", request->peer->name,
		freed ? "freed" : "removed", row);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "row", row);
	jsonw_bool(&w, "freed", freed);
	jsonw_object_end(&w);
	admin_send_recorded(conn, 200, &body);
}
