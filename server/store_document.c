/* SPDX-License-Identifier: Apache-2.0 */
/* store_document.c - documents and counts in SQLite; see store.h. Opaque bytes. mdm-server only. */
#include <errno.h>

#include "server/store_sqlite.h"

const char *store_type_name(enum store_type type)
{
	static const char *const names[STORE_TYPE_MAX] = {
		[STORE_KEYSET] = "keyset",
		[STORE_POLICY] = "policy",
		[STORE_ASSIGNMENT] = "assignment",
	};

	return names[type];
}

int store_document_serial(
	struct store *store, enum store_type type, const char *address, int64_t *ret_serial)
{
	_cleanup_statement_ sqlite3_stmt *s =
		store_bind(store, SQL_DOCUMENT_SERIAL, "it", (int64_t)type, address);
	int r = store_step(s);

	if (r)
		return r < 0 ? r : -EIO;
	*ret_serial = sqlite3_column_int64(s, 0); /* NULL, that is none, reads as 0 */
	return 0;
}

static int store_document_same(struct store *store, const struct store_document *d)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_DOCUMENT_SAME, "ititb",
		(int64_t)d->type, d->address, d->serial, d->groups, d->body);
	int r = store_step(s);

	return r == 0 ? STORE_E_EXISTS : r < 0 ? r : STORE_E_STALE;
}

int store_document_put(struct store *store, const struct store_document *d, int64_t now_s)
{
	int64_t newest, mark;
	int r = store_document_serial(store, d->type, d->address, &newest);

	if (r < 0)
		return r;
	if (d->serial == newest || (d->serial < newest && d->type == STORE_KEYSET))
		return store_document_same(store, d);
	if (d->serial < newest)
		return STORE_E_STALE;
	/* Versions of one chain: a gap would shut out all that belong into it. */
	if (d->type == STORE_KEYSET && d->serial != newest + 1)
		return STORE_E_AHEAD;
	if (d->type != STORE_KEYSET) {
		r = store_run(store_bind(
			store, SQL_DOCUMENT_DROP, "iti", (int64_t)d->type, d->address, newest));
		if (r < 0)
			return r;
	}
	r = store_mark_next(store, &mark);
	if (r < 0)
		return r;
	return store_run(store_bind(store, SQL_DOCUMENT_PUT, "ititiib", (int64_t)d->type,
		d->address, d->serial, d->groups, now_s, mark, d->body));
}

int store_document_remove(struct store *store, const struct store_document *address_and_serial,
	struct store_removed *ret_removed)
{
	const struct store_document *a = address_and_serial;
	struct store_removed removed = {0};
	int64_t mark;
	int r = store_document_serial(store, a->type, a->address, &removed.serial);

	if (r < 0)
		return r;
	if (!removed.serial)
		return STORE_E_NOT_FOUND;
	if (a->serial && a->serial != removed.serial)
		return STORE_E_STALE;
	r = store_run(store_bind(
		store, SQL_DOCUMENT_REMOVE, "iti", (int64_t)a->type, a->address, removed.serial));
	if (r == 0)
		r = store_document_serial(store, a->type, a->address, &removed.before);
	if (r == 0)
		r = store_mark_next(store, &mark);
	/* Phones that were told of the other one meanwhile may never have seen this one. */
	if (r == 0)
		r = store_run(store_bind(store, SQL_DOCUMENT_MARK, "iiti", mark, (int64_t)a->type,
			a->address, removed.before));
	if (r == 0)
		*ret_removed = removed;
	return r;
}

static int store_document_call(
	sqlite3_stmt *s, enum store_type type, store_document_fn fn, void *userdata)
{
	struct store_document document = {
		.type = type,
		.serial = sqlite3_column_int64(s, 0),
		.groups = (const char *)sqlite3_column_text(s, 1),
		.body = store_blob(s, 2),
		.address = (const char *)sqlite3_column_text(s, 3),
	};

	if (!document.groups || !document.address)
		return -ENOMEM;
	return fn(&document, userdata);
}

int store_document_newest(struct store *store, const struct store_document *address_and_above,
	store_document_fn fn, void *userdata)
{
	const struct store_document *a = address_and_above;
	_cleanup_statement_ sqlite3_stmt *s = store_bind(
		store, SQL_DOCUMENT_NEWEST, "iti", (int64_t)a->type, a->address, a->serial);
	int r = store_step(s);

	return r ? r : store_document_call(s, a->type, fn, userdata);
}

int store_keysets_above(struct store *store, int64_t above, store_document_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_KEYSETS_ABOVE, "i", above);
	int r;

	while ((r = store_step(s)) == 0) {
		r = store_document_call(s, STORE_KEYSET, fn, userdata);
		if (r)
			return r;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

/* "device:ID" and "ticket:ID". */
#define STORE_ADDRESS_BYTES (STORE_ID_LENGTH + 8)
static void store_addresses(const char *device, const char *ticket,
	char ret_device[STORE_ADDRESS_BYTES], char ret_ticket[STORE_ADDRESS_BYTES])
{
	snprintf(ret_device, STORE_ADDRESS_BYTES, "device:%.32s", device);
	snprintf(ret_ticket, STORE_ADDRESS_BYTES, "ticket:%.32s", ticket);
}

int store_assigned(struct store *store, const char *device, const char *ticket,
	struct store_assigned *ret_assigned)
{
	char of_device[STORE_ADDRESS_BYTES], of_ticket[STORE_ADDRESS_BYTES];
	_cleanup_statement_ sqlite3_stmt *s = NULL;
	int r;

	store_addresses(device, ticket, of_device, of_ticket);
	/* Same serial: "device:" sorts before "ticket:", the closer one wins. */
	s = store_bind(store, SQL_ASSIGNED, "tt", of_device, of_ticket);
	r = store_step(s);
	if (r < 0)
		return r;
	*ret_assigned = (struct store_assigned){0};
	if (r == STORE_E_NOT_FOUND)
		return 0;
	store_text(s, 0, ret_assigned->address, sizeof(ret_assigned->address));
	ret_assigned->serial = sqlite3_column_int64(s, 1);
	store_text(s, 2, ret_assigned->groups, sizeof(ret_assigned->groups));
	return 0;
}

/* --- changes ----------------------------------------------------------------------------- */

static int store_one_integer(sqlite3_stmt *statement, int64_t *ret_value)
{
	_cleanup_statement_ sqlite3_stmt *s = statement;
	int r = store_step(s);

	if (r)
		return r < 0 ? r : -EBADMSG; /* the schema put the row there */
	*ret_value = sqlite3_column_int64(s, 0);
	return 0;
}

int store_mark(struct store *store, int64_t *ret_mark)
{
	return store_one_integer(store_bind(store, SQL_MARK, ""), ret_mark);
}

int store_mark_next(struct store *store, int64_t *ret_mark)
{
	return store_one_integer(store_bind(store, SQL_MARK_NEXT, ""), ret_mark);
}

int store_changed_since(struct store *store, const char *device, const char *ticket, int64_t mark,
	bool *ret_changed)
{
	char of_device[STORE_ADDRESS_BYTES], of_ticket[STORE_ADDRESS_BYTES];
	int64_t changed;
	int r;

	store_addresses(device, ticket, of_device, of_ticket);
	r = store_one_integer(
		store_bind(store, SQL_CHANGED_SINCE, "ttit", of_device, of_ticket, mark, device),
		&changed);
	if (r == 0)
		*ret_changed = changed != 0;
	return r;
}

int store_counts(struct store *store, int64_t now_s, struct store_counts *ret_counts)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_COUNTS, "i", now_s);
	int r = store_step(s);

	if (r)
		return r < 0 ? r : -EIO;
	*ret_counts = (struct store_counts){
		.devices = sqlite3_column_int64(s, 0),
		.tickets = sqlite3_column_int64(s, 1),
		.tickets_open = sqlite3_column_int64(s, 2),
		.documents = sqlite3_column_int64(s, 3),
		/* Rows of events are never removed and numbered without gaps: this is a count. */
		.events = sqlite3_column_int64(s, 4),
		.commands_held = sqlite3_column_int64(s, 5),
	};
	return 0;
}
