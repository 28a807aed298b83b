/* SPDX-License-Identifier: Apache-2.0 */
/* store_upkeep.c - old rows, quotas and health in SQLite; see store_upkeep.h. mdm-server only. */
#include "server/store_upkeep.h"

#include <errno.h>
#include <inttypes.h>

#include "server/store_sqlite.h"

static void upkeep_finalize(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

/* A statement that is run so seldom that it need not be kept. */
static int upkeep_prepare(struct store *store, const char *sql, sqlite3_stmt **ret_statement)
{
	return store_errno(sqlite3_prepare_v2(store->db, sql, -1, ret_statement, NULL));
}

static int upkeep_run(sqlite3_stmt *statement, struct store *store, int64_t *removed)
{
	int r = store_run(statement);

	if (r == 0)
		*removed += sqlite3_changes(store->db);
	return r;
}

/*
 * Events come in nearly in the order of time, so the oldest rows are enough to look at; an index
 * on the time would cost every check-in.
 */
static int upkeep_prune_events(struct store *store, int64_t before_s, int64_t *removed)
{
	static const char sql[] =
		"DELETE FROM events WHERE row IN (SELECT row FROM events ORDER BY row LIMIT ?)"
		" AND received<? AND row<(SELECT max(row) FROM events)";
	_cleanup_(upkeep_finalize) sqlite3_stmt *s = NULL;
	int r = upkeep_prepare(store, sql, &s);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, STORE_PRUNE_ROWS);
	sqlite3_bind_int64(s, 2, before_s);
	return upkeep_run(s, store, removed);
}

/* With what happened to them. No phone takes one whose time is over, nor would its id be new. */
static int upkeep_prune_commands(struct store *store, int64_t before_s, int64_t *removed)
{
	static const char sql[] =
		"DELETE FROM commands WHERE row IN (SELECT row FROM commands"
		" INDEXED BY commands_by_time WHERE created<?1 AND expires<?1 AND changed<?1"
		" ORDER BY created LIMIT ?2)";
	_cleanup_(upkeep_finalize) sqlite3_stmt *s = NULL;
	int r = upkeep_prepare(store, sql, &s);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, before_s);
	sqlite3_bind_int64(s, 2, STORE_PRUNE_ROWS);
	return upkeep_run(s, store, removed);
}

static int upkeep_prune_tickets(struct store *store, int64_t before_s, int64_t *removed)
{
	static const char sql[] =
		"DELETE FROM tickets WHERE id IN (SELECT id FROM tickets WHERE expires<?1"
		" AND COALESCE(used,0)<?1"
		" AND id NOT IN (SELECT ticket FROM devices WHERE ticket IS NOT NULL)"
		" AND id NOT IN (SELECT ticket FROM hardware) LIMIT ?2)";
	_cleanup_(upkeep_finalize) sqlite3_stmt *s = NULL;
	int r = upkeep_prepare(store, sql, &s);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, before_s);
	sqlite3_bind_int64(s, 2, STORE_PRUNE_ROWS);
	return upkeep_run(s, store, removed);
}

int store_prune(struct store *store, const struct store_retention *retention, int64_t *ret_removed)
{
	int64_t removed = 0;
	int r = store_begin(store, STORE_SURVIVES_CRASH);

	if (r < 0)
		return r;
	r = upkeep_prune_events(store, retention->events_before_s, &removed);
	if (r == 0)
		r = upkeep_prune_commands(store, retention->events_before_s, &removed);
	if (r == 0)
		r = upkeep_prune_tickets(store, retention->tickets_before_s, &removed);
	if (r == 0)
		r = store_commit(store);
	else
		store_rollback(store);
	if (r == 0)
		*ret_removed = removed;
	return r;
}

int store_event_quota(struct store *store, const char *device, int64_t keep)
{
	static const char sql[] =
		"DELETE FROM events WHERE device=?1 AND row<=(SELECT row FROM events"
		" INDEXED BY events_of_device WHERE device=?1 ORDER BY row DESC LIMIT 1 OFFSET ?2)";
	_cleanup_(upkeep_finalize) sqlite3_stmt *s = NULL;
	int r = upkeep_prepare(store, sql, &s);

	if (r < 0)
		return r;
	sqlite3_bind_text(s, 1, device, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, keep);
	return store_run(s);
}

int store_section_bytes(
	struct store *store, const char *device, const struct report *without, int64_t *ret_bytes)
{
	static const char sql[] = "SELECT name, length(body) FROM sections WHERE device=?";
	_cleanup_(upkeep_finalize) sqlite3_stmt *s = NULL;
	int r = upkeep_prepare(store, sql, &s);
	int64_t sum = 0;

	if (r < 0)
		return r;
	sqlite3_bind_text(s, 1, device, -1, SQLITE_STATIC);
	while ((r = store_step(s)) == 0) {
		const char *name = (const char *)sqlite3_column_text(s, 0);
		bool replaced = false;

		for (size_t i = 0; name && i < without->n_sections; i++)
			replaced |= without->sections[i].body.at &&
				    strcmp(without->sections[i].name, name) == 0;
		sum += replaced ? 0 : sqlite3_column_int64(s, 1);
	}
	if (r < 0)
		return r;
	*ret_bytes = sum;
	return 0;
}

static int upkeep_number(struct store *store, const char *sql, int64_t *ret_number)
{
	_cleanup_(upkeep_finalize) sqlite3_stmt *s = NULL;
	int r = upkeep_prepare(store, sql, &s);

	if (r == 0)
		r = store_step(s);
	if (r)
		return r < 0 ? r : -EIO;
	*ret_number = sqlite3_column_int64(s, 0);
	return 0;
}

int store_probe(struct store *store)
{
	int64_t version;
	char sql[64];
	int r = store_begin(store, STORE_SURVIVES_CRASH);

	if (r < 0)
		return r;
	r = upkeep_number(store, "SELECT count(*) FROM counters", &version);
	if (r == 0)
		r = upkeep_number(store, "PRAGMA user_version", &version);
	if (r == 0) {
		/* The number that is there already: a page is written, nothing is changed. */
		snprintf(sql, sizeof(sql), "PRAGMA user_version=%" PRId64, version);
		r = store_errno(sqlite3_exec(store->db, sql, NULL, NULL, NULL));
	}
	if (r == 0)
		return store_commit(store);
	store_rollback(store);
	return r;
}

int store_database_bytes(struct store *store, int64_t *ret_bytes)
{
	int64_t pages, size;
	int r = upkeep_number(store, "PRAGMA page_count", &pages);

	if (r == 0)
		r = upkeep_number(store, "PRAGMA page_size", &size);
	if (r == 0)
		*ret_bytes = pages * size;
	return r;
}
