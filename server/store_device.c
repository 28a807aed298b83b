/* SPDX-License-Identifier: Apache-2.0 */
/* store_device.c - tickets, devices, sections and events in SQLite; see store.h. mdm-server only.
 */
#include <errno.h>

#include "server/store_sqlite.h"

/* --- tickets ----------------------------------------------------------------------------- */

int store_ticket_add(struct store *store, const struct store_ticket *ticket)
{
	struct span secret = {(const char *)ticket->secret_sha256, SHA256_BYTES};
	int r = store_run(store_bind(store, SQL_TICKET_ADD, "tbiiti", ticket->id, secret,
		ticket->created_s, ticket->expires_s, ticket->groups, (int64_t)ticket->zero_touch));

	if (r < 0)
		return r;
	return sqlite3_changes(store->db) ? 0 : STORE_E_EXISTS;
}

static int store_ticket_read(sqlite3_stmt *s, struct store_ticket *ret_ticket)
{
	struct span secret = store_blob(s, 1);

	if (secret.n != SHA256_BYTES)
		return -EBADMSG;
	*ret_ticket = (struct store_ticket){
		.created_s = sqlite3_column_int64(s, 2),
		.expires_s = sqlite3_column_int64(s, 3),
		.used_s = sqlite3_column_int64(s, 5),
		.zero_touch = sqlite3_column_int64(s, 7),
	};
	memcpy(ret_ticket->secret_sha256, secret.at, SHA256_BYTES);
	store_text(s, 0, ret_ticket->id, sizeof(ret_ticket->id));
	store_text(s, 4, ret_ticket->groups, sizeof(ret_ticket->groups));
	store_text(s, 6, ret_ticket->device, sizeof(ret_ticket->device));
	return 0;
}

int store_ticket_get(struct store *store, const char *id, struct store_ticket *ret_ticket)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_TICKET_GET, "t", id);
	int r = store_step(s);

	return r ? r : store_ticket_read(s, ret_ticket);
}

int store_ticket_use(struct store *store, const char *id, const char *device, int64_t now_s)
{
	int r = store_run(store_bind(store, SQL_TICKET_USE, "itt", now_s, device, id));

	if (r < 0)
		return r;
	return sqlite3_changes(store->db) ? 0 : STORE_E_NOT_FOUND;
}

int store_ticket_list(
	struct store *store, const char *after, int64_t limit, store_ticket_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s =
		store_bind(store, SQL_TICKET_LIST, "ti", after, limit);
	struct store_ticket ticket;
	int r;

	while ((r = store_step(s)) == 0) {
		r = store_ticket_read(s, &ticket);
		if (r == 0)
			r = fn(&ticket, userdata);
		if (r)
			return r;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

/* --- devices ----------------------------------------------------------------------------- */

static void store_device_read(sqlite3_stmt *s, struct store_device *ret_device)
{
	store_text(s, 0, ret_device->id, sizeof(ret_device->id));
	store_text(s, 1, ret_device->ticket, sizeof(ret_device->ticket));
	store_text(s, 2, ret_device->enrolment, sizeof(ret_device->enrolment));
	ret_device->enrolled_s = sqlite3_column_int64(s, 3);
	ret_device->last_seen_s = sqlite3_column_int64(s, 4);
	ret_device->certificate_until_s = sqlite3_column_int64(s, 5);
	ret_device->last_event = sqlite3_column_int64(s, 6);
	store_text(s, 7, ret_device->agent, sizeof(ret_device->agent));
	store_text(s, 8, ret_device->nonce, sizeof(ret_device->nonce));
	store_text(s, 9, ret_device->state, sizeof(ret_device->state));
	store_text(s, 10, ret_device->have, sizeof(ret_device->have));
	ret_device->withdrawn_s = sqlite3_column_int64(s, 11);
	ret_device->clone_s = sqlite3_column_int64(s, 12);
	ret_device->report = sqlite3_column_int64(s, 13);
	store_text(s, 14, ret_device->push, sizeof(ret_device->push));
}

int store_device_get(struct store *store, const char *id, struct store_device *ret_device)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_DEVICE_GET, "t", id);
	int r = store_step(s);

	if (r)
		return r;
	store_device_read(s, ret_device);
	return 0;
}

int store_device_enrol(
	struct store *store, const struct store_device *device, const void *der, size_t n_der)
{
	struct span certificate = {der, n_der};
	int r = store_run(store_bind(store, SQL_DEVICE_ENROL, "ttii", device->id,
		device->ticket[0] ? device->ticket : NULL, device->enrolled_s,
		device->certificate_until_s));

	if (r == 0)
		r = store_event_renumber(store, device->id);
	if (r < 0 || !der)
		return r;
	return store_run(store_bind(store, SQL_CERTIFICATE_PUT, "tb", device->id, certificate));
}

int store_device_renew(
	struct store *store, const struct store_device *device, const void *der, size_t n_der)
{
	struct span certificate = {der, n_der};
	int r = store_run(
		store_bind(store, SQL_DEVICE_RENEW, "it", device->certificate_until_s, device->id));

	if (r < 0)
		return r;
	if (!sqlite3_changes(store->db))
		return STORE_E_NOT_FOUND;
	return store_run(store_bind(store, SQL_CERTIFICATE_PUT, "tb", device->id, certificate));
}

int store_device_withdraw(struct store *store, const char *id, int64_t now_s)
{
	int r = store_run(store_bind(store, SQL_DEVICE_WITHDRAW, "it", now_s, id));

	if (r < 0)
		return r;
	return sqlite3_changes(store->db) ? 0 : STORE_E_NOT_FOUND;
}

int store_certificate_get(
	struct store *store, const char *id, uint8_t ret_der[STORE_CERT_BYTES], size_t *ret_n_der)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_CERTIFICATE_GET, "t", id);
	int r = store_step(s);
	struct span der;

	if (r)
		return r;
	der = store_blob(s, 0);
	if (der.n == 0 || der.n > STORE_CERT_BYTES)
		return -EBADMSG;
	memcpy(ret_der, der.at, der.n);
	*ret_n_der = der.n;
	return 0;
}

int store_device_list(
	struct store *store, const char *after, int64_t limit, store_device_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s =
		store_bind(store, SQL_DEVICE_LIST, "ti", after, limit);
	struct store_device device;
	int r;

	while ((r = store_step(s)) == 0) {
		store_device_read(s, &device);
		r = fn(&device, userdata);
		if (r)
			return r;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_device_seen(struct store *store, const struct store_seen *seen)
{
	const struct report *report = seen->report;
	char have[BOUND_HAVE_BYTES + 1];
	sqlite3_stmt *s;

	/* The parser bounds it, so that it fits struct store_device as well. */
	if (report->have.n > BOUND_HAVE_BYTES)
		return -EINVAL;
	if (report->have.n)
		memcpy(have, report->have.at, report->have.n);
	have[report->have.n] = 0;
	s = store_bind(store, SQL_DEVICE_SEEN, "tiiittttztzt", report->enrolment, seen->now_s,
		seen->certificate_until_s, seen->last_event, report->agent, report->nonce,
		report->has_state ? report->state : NULL, have, report->number, report->push,
		seen->clone_s, report->device);
	return store_run(s);
}

/* --- sections and events ----------------------------------------------------------------- */

int store_digests(struct store *store, const char *device, struct store_digests *ret_digests)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_DIGESTS, "t", device);
	size_t n = 0;
	int r;

	while ((r = store_step(s)) == 0) {
		if (n == BOUND_SECTIONS)
			return -EBADMSG; /* never stored by us */
		store_text(
			s, 0, ret_digests->sections[n].name, sizeof(ret_digests->sections[n].name));
		store_text(s, 1, ret_digests->sections[n].digest,
			sizeof(ret_digests->sections[n].digest));
		n++;
	}
	if (r < 0)
		return r;
	ret_digests->n = n;
	return 0;
}

int store_section_put(struct store *store, const char *device, const struct report_section *section,
	int64_t now_s)
{
	return store_run(store_bind(store, SQL_SECTION_PUT, "tttib", device, section->name,
		section->digest, now_s, section->body));
}

int store_section_remove(struct store *store, const char *device, const char *name)
{
	return store_run(store_bind(store, SQL_SECTION_REMOVE, "tt", device, name));
}

static int store_section_visit(sqlite3_stmt *s, store_section_fn fn, void *userdata)
{
	struct store_section section = {
		.name = (const char *)sqlite3_column_text(s, 0),
		.digest = (const char *)sqlite3_column_text(s, 1),
		.body = store_blob(s, 2),
		.received_s = sqlite3_column_int64(s, 3),
	};

	return section.name && section.digest ? fn(&section, userdata) : -ENOMEM;
}

int store_section_list(struct store *store, const char *device, store_section_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_SECTION_LIST, "t", device);
	int r;

	while ((r = store_step(s)) == 0) {
		r = store_section_visit(s, fn, userdata);
		if (r)
			return r;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_section_get(struct store *store, const char *device, const char *name,
	store_section_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s =
		store_bind(store, SQL_SECTION_GET, "tt", device, name);
	int r = store_step(s);

	return r ? r : store_section_visit(s, fn, userdata);
}

int store_event_add(
	struct store *store, const char *device, const struct report_event *event, int64_t now_s)
{
	return store_run(
		store_bind(store, SQL_EVENT_ADD, "tiib", device, event->seq, now_s, event->json));
}

int store_event_renumber(struct store *store, const char *device)
{
	return store_run(store_bind(store, SQL_EVENT_RENUMBER, "t", device));
}

int store_event_list(struct store *store, const struct store_event_range *range, store_event_fn fn,
	void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s = NULL;
	int r;

	if (range->device)
		s = store_bind(store, SQL_EVENT_LIST_DEVICE, "tii", range->device, range->after,
			range->limit);
	else
		s = store_bind(store, SQL_EVENT_LIST, "ii", range->after, range->limit);
	while ((r = store_step(s)) == 0) {
		struct store_event event = {
			.row = sqlite3_column_int64(s, 0),
			.received_s = sqlite3_column_int64(s, 1),
			.device = (const char *)sqlite3_column_text(s, 2),
			.json = store_blob(s, 3),
		};

		if (!event.device)
			return -ENOMEM;
		r = fn(&event, userdata);
		if (r)
			return r;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}
