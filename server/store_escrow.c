/* SPDX-License-Identifier: Apache-2.0 */
/* store_escrow.c - sealed secrets in SQLite; see store_escrow.h. mdm-server only. */
#include "server/store_escrow.h"

#include <errno.h>

#include "server/store_sqlite.h"

#define STORE_DAY_S (24 * 3600)

/* Whether the device has brought as many within a day as it may. */
static int store_escrow_room(struct store *store, const struct store_escrow *entry)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(
		store, SQL_ESCROW_COUNT, "ti", entry->device, entry->received_s - STORE_DAY_S);
	int r = store_step(s);

	if (r)
		return r < 0 ? r : -EIO;
	return sqlite3_column_int64(s, 0) >= BOUND_ESCROW_PER_DAY ? STORE_E_FULL : 0;
}

static int store_escrow_is_there(
	struct store *store, const struct store_escrow *entry, struct span sha)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_ESCROW_SAME, "tttib",
		entry->device, entry->enrolment, entry->kind, entry->generation, sha);
	int r = store_step(s);

	return r == 0 ? STORE_E_EXISTS : r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_escrow_add(struct store *store, const struct store_escrow *entry)
{
	uint8_t digest[SHA256_BYTES];
	struct span sha = {(const char *)digest, sizeof(digest)};
	int r = sha256(entry->cms.at, entry->cms.n, digest);

	if (r == 0)
		r = store_escrow_is_there(store, entry, sha);
	if (r == 0)
		r = store_escrow_room(store, entry);
	if (r)
		return r;
	return store_run(store_bind(store, SQL_ESCROW_ADD, "tttitibb", entry->device,
		entry->enrolment, entry->kind, entry->generation, entry->certificates,
		entry->received_s, sha, entry->cms));
}

/* Columns row, device, enrolment, kind, generation, certificates, received. */
static void store_escrow_read(sqlite3_stmt *s, struct store_escrow *ret_entry)
{
	*ret_entry = (struct store_escrow){
		.row = sqlite3_column_int64(s, 0),
		.generation = sqlite3_column_int64(s, 4),
		.received_s = sqlite3_column_int64(s, 6),
	};
	store_text(s, 1, ret_entry->device, sizeof(ret_entry->device));
	store_text(s, 2, ret_entry->enrolment, sizeof(ret_entry->enrolment));
	store_text(s, 3, ret_entry->kind, sizeof(ret_entry->kind));
	store_text(s, 5, ret_entry->certificates, sizeof(ret_entry->certificates));
}

int store_escrow_list(struct store *store, const struct store_event_range *range,
	store_escrow_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s = NULL;
	struct store_escrow entry;
	int r;

	if (range->device)
		s = store_bind(store, SQL_ESCROW_LIST_DEVICE, "tii", range->device, range->after,
			range->limit);
	else
		s = store_bind(store, SQL_ESCROW_LIST, "ii", range->after, range->limit);
	while ((r = store_step(s)) == 0) {
		store_escrow_read(s, &entry);
		r = fn(&entry, userdata);
		if (r)
			return r;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_escrow_get(
	struct store *store, const char *device, int64_t row, store_escrow_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_ESCROW_GET, "it", row, device);
	struct store_escrow entry;
	int r = store_step(s);

	if (r)
		return r;
	store_escrow_read(s, &entry);
	entry.cms = store_blob(s, 7);
	return fn(&entry, userdata);
}
