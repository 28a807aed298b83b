/* SPDX-License-Identifier: Apache-2.0 */
/* store_hardware.c - the hardware allow-list in SQLite; see store_hardware.h. mdm-server only. */
#include "server/store_hardware.h"

#include "server/store_sqlite.h"

static const char *store_hardware_kind(const struct store_hardware *entry)
{
	return entry->is_imei ? "imei" : "serial";
}

static void store_hardware_read(sqlite3_stmt *s, struct store_hardware *ret_entry)
{
	char kind[8];

	store_text(s, 2, kind, sizeof(kind));
	*ret_entry = (struct store_hardware){
		.row = sqlite3_column_int64(s, 0),
		.is_imei = strcmp(kind, "imei") == 0,
		.used_s = sqlite3_column_int64(s, 5),
		.is_linked = sqlite3_column_int64(s, 6),
	};
	store_text(s, 1, ret_entry->ticket, sizeof(ret_entry->ticket));
	store_text(s, 3, ret_entry->value, sizeof(ret_entry->value));
	store_text(s, 4, ret_entry->device, sizeof(ret_entry->device));
}

/* For statements that change one row or none. */
static int store_hardware_change(struct store *store, sqlite3_stmt *statement, int none)
{
	int r = store_run(statement);

	if (r < 0)
		return r;
	return sqlite3_changes(store->db) ? 0 : none;
}

int store_hardware_add(struct store *store, const struct store_hardware *entry)
{
	return store_hardware_change(store,
		store_bind(store, SQL_HARDWARE_ADD, "ttt", entry->ticket,
			store_hardware_kind(entry), entry->value),
		STORE_E_EXISTS);
}

int store_hardware_find(
	struct store *store, const struct store_hardware *wanted, struct store_hardware *ret_entry)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_HARDWARE_FIND, "ttt",
		wanted->ticket, store_hardware_kind(wanted), wanted->value);
	int r = store_step(s);

	if (r)
		return r;
	store_hardware_read(s, ret_entry);
	return 0;
}

int store_hardware_get(struct store *store, int64_t row, struct store_hardware *ret_entry)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_HARDWARE_GET, "i", row);
	int r = store_step(s);

	if (r)
		return r;
	store_hardware_read(s, ret_entry);
	return 0;
}

int store_hardware_use(struct store *store, int64_t row, const char *device, int64_t now_s)
{
	return store_hardware_change(store,
		store_bind(store, SQL_HARDWARE_USE, "tii", device, now_s, row), STORE_E_NOT_FOUND);
}

int store_hardware_link(struct store *store, const struct store_hardware *entry)
{
	return store_run(store_bind(store, SQL_HARDWARE_LINK, "tttti", entry->ticket,
		store_hardware_kind(entry), entry->value, entry->device, entry->used_s));
}

int store_hardware_is_taken(
	struct store *store, const struct store_hardware *wanted, const char *device)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_HARDWARE_TAKEN, "ttt",
		store_hardware_kind(wanted), wanted->value, device);

	return store_step(s);
}

int store_hardware_free(struct store *store, int64_t row)
{
	return store_hardware_change(
		store, store_bind(store, SQL_HARDWARE_FREE, "i", row), STORE_E_NOT_FOUND);
}

int store_hardware_remove(struct store *store, int64_t row)
{
	return store_hardware_change(
		store, store_bind(store, SQL_HARDWARE_REMOVE, "i", row), STORE_E_NOT_FOUND);
}

int store_hardware_list(
	struct store *store, int64_t after, int64_t limit, store_hardware_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s =
		store_bind(store, SQL_HARDWARE_LIST, "ii", after, limit);
	struct store_hardware entry;
	int r;

	while ((r = store_step(s)) == 0) {
		store_hardware_read(s, &entry);
		r = fn(&entry, userdata);
		if (r)
			return r;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}
