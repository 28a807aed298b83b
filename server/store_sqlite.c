/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_sqlite.c - the connection behind store.h: opening, schema, transactions, statements.
 * mdm-server only. WAL: readers (a backup, sqlite3 in a shell) never stop the server.
 */
#include "server/store_sqlite.h"

#include <errno.h>
#include <stdarg.h>

#define STORE_BUSY_MS 2000 /* somebody's shell holds the database: wait this long, then 503 */

#define STORE_DEVICE_COLUMNS                                                                       \
	"id, ticket, enrolment, enrolled, last_seen, certificate_until, last_event, agent, nonce," \
	" state, have, withdrawn, clone, report, push"

#define STORE_COMMAND_COLUMNS                                                                      \
	"row, id, device, enrolment, verb, state, reason, detail, created, expires, changed,"      \
	" brake, given_by, given_certificate, approved_by"

#define STORE_HARDWARE_COLUMNS "row, ticket, kind, value, device, used, linked"

#define STORE_ESCROW_COLUMNS "row, device, enrolment, kind, generation, certificates, received"

static const char *const store_texts[SQL_MAX] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_TICKET_ADD] = "INSERT INTO tickets(id, secret_sha256, created, expires, groups,"
			   " zero_touch) VALUES(?,?,?,?,?,?) ON CONFLICT(id) DO NOTHING",
	[SQL_TICKET_GET] = "SELECT id, secret_sha256, created, expires, groups, used, device,"
			   " zero_touch FROM tickets WHERE id=?",
	[SQL_TICKET_USE] = "UPDATE tickets SET used=?, device=? WHERE id=? AND used IS NULL",
	[SQL_TICKET_LIST] = "SELECT id, secret_sha256, created, expires, groups, used, device,"
			    " zero_touch FROM tickets WHERE id>? ORDER BY id LIMIT ?",
	[SQL_DEVICE_GET] = "SELECT " STORE_DEVICE_COLUMNS " FROM devices WHERE id=?",
	[SQL_DEVICE_ENROL] =
		"INSERT INTO devices(id, ticket, enrolled, certificate_until)"
		" VALUES(?,?,?,?) ON CONFLICT(id) DO UPDATE SET ticket=excluded.ticket,"
		" enrolled=excluded.enrolled, certificate_until=excluded.certificate_until,"
		" enrolment=NULL, nonce=NULL, withdrawn=NULL, clone=NULL, report=NULL, push=NULL,"
		" last_event=0",
	[SQL_DEVICE_RENEW] = "UPDATE devices SET certificate_until=? WHERE id=?",
	[SQL_DEVICE_WITHDRAW] = "UPDATE devices SET withdrawn=? WHERE id=? AND withdrawn IS NULL",
	[SQL_DEVICE_LIST] =
		"SELECT " STORE_DEVICE_COLUMNS " FROM devices WHERE id>? ORDER BY id LIMIT ?",
	[SQL_DEVICE_SEEN] =
		"UPDATE devices SET enrolment=?1, last_seen=?2, certificate_until=?3,"
		" last_event=?4, agent=?5, nonce=?6, state=COALESCE(?7, state), have=?8,"
		" report=COALESCE(?9, CASE WHEN enrolment=?1 THEN report END), push=?10,"
		" clone=COALESCE(?11, clone) WHERE id=?12",
	[SQL_CERTIFICATE_PUT] = "INSERT INTO certificates(device, der) VALUES(?,?)"
				" ON CONFLICT(device) DO UPDATE SET der=excluded.der",
	[SQL_CERTIFICATE_GET] = "SELECT der FROM certificates WHERE device=?",
	[SQL_DIGESTS] = "SELECT name, digest FROM sections WHERE device=?",
	[SQL_SECTION_PUT] = "INSERT INTO sections(device, name, digest, received, body)"
			    " VALUES(?,?,?,?,?) ON CONFLICT(device, name) DO UPDATE SET"
			    " digest=excluded.digest, received=excluded.received,"
			    " body=excluded.body",
	[SQL_SECTION_LIST] = "SELECT name, digest, body, received FROM sections"
			     " WHERE device=? ORDER BY name",
	[SQL_SECTION_GET] = "SELECT name, digest, body, received FROM sections"
			    " WHERE device=? AND name=?",
	[SQL_SECTION_REMOVE] = "DELETE FROM sections WHERE device=? AND name=?",
	[SQL_EVENT_ADD] = "INSERT INTO events(device, seq, received, json) VALUES(?,?,?,?)"
			  " ON CONFLICT(device, seq) DO NOTHING",
	/* Below all that a phone can say, and never twice. */
	[SQL_EVENT_RENUMBER] = "UPDATE events SET seq=-row WHERE device=? AND seq>0",
	[SQL_EVENT_LIST] = "SELECT row, received, device, json FROM events"
			   " WHERE row>? ORDER BY row LIMIT ?",
	[SQL_EVENT_LIST_DEVICE] = "SELECT row, received, device, json"
				  " FROM events INDEXED BY events_of_device"
				  " WHERE device=? AND row>? ORDER BY row LIMIT ?",
	[SQL_DOCUMENT_PUT] =
		"INSERT INTO documents(type, address, serial, groups, stored, mark, body)"
		" VALUES(?,?,?,?,?,?,?)",
	[SQL_DOCUMENT_SAME] = "SELECT 1 FROM documents WHERE type=? AND address=? AND serial=?"
			      " AND groups=? AND body=?",
	[SQL_DOCUMENT_DROP] = "DELETE FROM documents WHERE type=? AND address=? AND serial<?",
	[SQL_DOCUMENT_REMOVE] = "DELETE FROM documents WHERE type=? AND address=? AND serial=?",
	[SQL_DOCUMENT_MARK] = "UPDATE documents SET mark=? WHERE type=? AND address=? AND serial=?",
	[SQL_DOCUMENT_SERIAL] = "SELECT max(serial) FROM documents WHERE type=? AND address=?",
	[SQL_DOCUMENT_NEWEST] = "SELECT serial, groups, body, address FROM documents"
				" WHERE type=? AND address=? AND serial>?"
				" ORDER BY serial DESC LIMIT 1",
	[SQL_KEYSETS_ABOVE] = "SELECT serial, groups, body, address FROM documents"
			      " WHERE type=0 AND address='' AND serial>? ORDER BY serial",
	[SQL_ASSIGNED] = "SELECT address, serial, groups FROM documents"
			 " WHERE type=2 AND address IN (?,?) ORDER BY serial DESC, address LIMIT 1",
	[SQL_COMMAND_PUT] = "INSERT INTO commands(id, device, enrolment, verb, state, reason,"
			    " detail, created, expires, changed, mark, document, brake,"
			    " given_by, given_certificate)"
			    " VALUES(?1,?2,?3,?4,?5,'',?6,?7,?8,?7,?9,?10,?11,?12,?13)",
	[SQL_COMMAND_SAME] = "SELECT 1 FROM commands WHERE id=? AND device=? AND document=?",
	[SQL_COMMAND_COUNT] =
		"SELECT count(*) FROM commands INDEXED BY commands_waiting WHERE device=?"
		" AND enrolment=? AND state IN ('queued','delivered') AND expires>?",
	[SQL_COMMAND_GET] = "SELECT " STORE_COMMAND_COLUMNS " FROM commands WHERE id=?",
	[SQL_COMMAND_DOCUMENT] = "SELECT document FROM commands WHERE id=?",
	[SQL_COMMAND_LIST] =
		"SELECT " STORE_COMMAND_COLUMNS " FROM commands WHERE row>? ORDER BY row LIMIT ?",
	[SQL_COMMAND_LIST_DEVICE] =
		"SELECT " STORE_COMMAND_COLUMNS " FROM commands INDEXED BY commands_of_device"
		" WHERE device=? AND row>? ORDER BY row LIMIT ?",
	[SQL_COMMAND_WAITING] =
		"SELECT row, document FROM commands INDEXED BY commands_waiting WHERE device=?"
		" AND enrolment=? AND state IN ('queued','delivered') AND expires>? AND brake<>2"
		" ORDER BY row",
	[SQL_COMMAND_STATE] = "SELECT state FROM commands WHERE row=?",
	[SQL_COMMAND_MOVE] =
		"UPDATE commands SET state=?, reason=?, detail=?, changed=? WHERE row=?",
	[SQL_COMMAND_QUEUED] = "SELECT row FROM commands INDEXED BY commands_waiting WHERE device=?"
			       " AND state IN ('queued','delivered') AND state='queued' LIMIT 1",
	[SQL_COMMAND_RATE] = "SELECT created FROM commands INDEXED BY commands_by_time"
			     " ORDER BY created DESC LIMIT 1 OFFSET ?",
	[SQL_COMMAND_PASSED] = "SELECT count(*) FROM commands INDEXED BY commands_passed"
			       " WHERE brake=1 AND created>?",
	[SQL_COMMAND_APPROVE] =
		"UPDATE commands SET brake=3, approved_by=?, detail=?, changed=?, mark=?"
		" WHERE row=? AND brake=2 AND state='queued'",
	[SQL_HISTORY_ADD] =
		"INSERT INTO command_history(command, n, time, state, reason, detail)"
		" VALUES(?1, (SELECT COALESCE(max(n),0)+1 FROM command_history WHERE command=?1),"
		" ?2, ?3, ?4, ?5)",
	[SQL_HISTORY_LIST] = "SELECT time, state, reason, detail FROM command_history"
			     " WHERE command=? ORDER BY n",
	[SQL_AUDIT_LAST] = "SELECT n, chain, json FROM audit ORDER BY n DESC LIMIT 1",
	[SQL_AUDIT_ADD] = "INSERT INTO audit(n, json, chain) VALUES(?,?,?)",
	[SQL_AUDIT_LIST] = "SELECT n, chain, json FROM audit WHERE n>? ORDER BY n LIMIT ?",
	/* One that was linked is a listed one from then on. */
	[SQL_HARDWARE_ADD] = "INSERT INTO hardware(ticket, kind, value) VALUES(?,?,?)"
			     " ON CONFLICT(ticket, kind, value) DO UPDATE SET linked=0"
			     " WHERE linked=1",
	[SQL_HARDWARE_LINK] = "INSERT INTO hardware(ticket, kind, value, device, used, linked)"
			      " VALUES(?,?,?,?,?,1) ON CONFLICT(ticket, kind, value) DO NOTHING",
	[SQL_HARDWARE_TAKEN] = "SELECT 1 FROM hardware INDEXED BY hardware_by_number"
			       " WHERE kind=? AND value=? AND used IS NOT NULL AND device<>?"
			       " LIMIT 1",
	[SQL_HARDWARE_FIND] = "SELECT " STORE_HARDWARE_COLUMNS " FROM hardware"
			      " WHERE ticket=? AND kind=? AND value=?",
	[SQL_HARDWARE_GET] = "SELECT " STORE_HARDWARE_COLUMNS " FROM hardware WHERE row=?",
	[SQL_HARDWARE_USE] = "UPDATE hardware SET device=?, used=? WHERE row=? AND used IS NULL",
	[SQL_HARDWARE_FREE] = "UPDATE hardware SET device=NULL, used=NULL WHERE row=?",
	[SQL_HARDWARE_REMOVE] = "DELETE FROM hardware WHERE row=?",
	[SQL_HARDWARE_LIST] = "SELECT " STORE_HARDWARE_COLUMNS " FROM hardware"
			      " WHERE row>? ORDER BY row LIMIT ?",
	[SQL_ESCROW_ADD] = "INSERT INTO escrow(device, enrolment, kind, generation, certificates,"
			   " received, sha256, cms) VALUES(?,?,?,?,?,?,?,?)",
	[SQL_ESCROW_SAME] = "SELECT 1 FROM escrow WHERE device=? AND enrolment=? AND kind=?"
			    " AND generation=? AND sha256=?",
	[SQL_ESCROW_COUNT] = "SELECT count(*) FROM escrow INDEXED BY escrow_of_device"
			     " WHERE device=? AND received>?",
	[SQL_ESCROW_LIST] = "SELECT " STORE_ESCROW_COLUMNS " FROM escrow"
			    " WHERE row>? ORDER BY row LIMIT ?",
	[SQL_ESCROW_LIST_DEVICE] = "SELECT " STORE_ESCROW_COLUMNS " FROM escrow"
				   " INDEXED BY escrow_of_device"
				   " WHERE device=? AND row>? ORDER BY row LIMIT ?",
	[SQL_ESCROW_GET] = "SELECT " STORE_ESCROW_COLUMNS ", cms FROM escrow"
			   " WHERE row=? AND device=?",
	[SQL_MARK] = "SELECT value FROM counters WHERE name='mark'",
	[SQL_MARK_NEXT] = "UPDATE counters SET value=value+1 WHERE name='mark' RETURNING value",
	/* A mark from the future is one of before a backup was restored: everything may be new. */
	[SQL_CHANGED_SINCE] =
		"SELECT ?3>(SELECT value FROM counters WHERE name='mark')"
		" OR EXISTS(SELECT 1 FROM documents WHERE type=0 AND address='' AND mark>?3)"
		" OR EXISTS(SELECT 1 FROM documents WHERE type=2 AND address IN (?1,?2)"
		"  AND mark>?3)"
		" OR EXISTS(SELECT 1 FROM documents p, (SELECT groups FROM documents WHERE type=2"
		"  AND address IN (?1,?2) ORDER BY serial DESC, address LIMIT 1) a"
		"  WHERE p.type=1 AND p.mark>?3"
		"  AND instr(','||a.groups||',', ','||p.address||','))"
		" OR EXISTS(SELECT 1 FROM commands c INDEXED BY commands_waiting, devices d"
		"  WHERE d.id=?4 AND c.device=?4 AND c.enrolment=d.enrolment"
		"  AND c.state IN ('queued','delivered') AND c.brake<>2 AND c.mark>?3)",
	[SQL_COUNTS] = "SELECT (SELECT count(*) FROM devices), (SELECT count(*) FROM tickets),"
		       " (SELECT count(*) FROM tickets WHERE used IS NULL AND expires>?1),"
		       " (SELECT count(*) FROM documents WHERE type=0) +"
		       " (SELECT count(*) FROM (SELECT DISTINCT type, address FROM documents"
		       "  WHERE type<>0)),"
		       " (SELECT max(row) FROM events),"
		       " (SELECT count(*) FROM commands INDEXED BY commands_held"
		       "  WHERE brake=2 AND state='queued' AND expires>?1)",
};

int store_errno(int sqlite_code)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/*
 * SQLite calls only ENOSPC a full disk; a quota or a limit on file size is none the less. Its own
 * sqlite3_system_errno() forgets the cause when a COMMIT fails, so this is errno of the step.
 */
static int store_failure(int sqlite_code, int system_error)
{
	if ((sqlite_code & 0xff) == SQLITE_IOERR &&
		(system_error == EFBIG || system_error == EDQUOT))
		return -ENOSPC;
	return store_errno(sqlite_code);
}

const char *store_trouble(const struct store *store)
{
	return sqlite3_errcode(store->db) == SQLITE_OK && *store->trouble
		       ? store->trouble
		       : sqlite3_errmsg(store->db);
}

sqlite3_stmt *store_bind(struct store *store, enum store_sql sql, const char *types, ...)
{
	sqlite3_stmt *statement = store->statements[sql];
	int column = 1, code = SQLITE_OK;
	va_list args;

	va_start(args, types);
	for (; *types && code == SQLITE_OK; types++, column++) {
		if (*types == 'i' || *types == 'z') {
			int64_t value = va_arg(args, int64_t);

			code = *types == 'z' && value == 0
				       ? sqlite3_bind_null(statement, column)
				       : sqlite3_bind_int64(statement, column, value);
		} else if (*types == 't') {
			code = sqlite3_bind_text(
				statement, column, va_arg(args, const char *), -1, SQLITE_STATIC);
		} else {
			struct span value = va_arg(args, struct span);
			/* An empty one must not become NULL. */
			const char *at = value.n ? value.at : "";

			code = *types == 's' ? sqlite3_bind_text64(statement, column, at, value.n,
						       SQLITE_STATIC, SQLITE_UTF8)
					     : sqlite3_bind_blob64(statement, column, at, value.n,
						       SQLITE_STATIC);
		}
	}
	va_end(args);
	if (code == SQLITE_OK)
		return statement;
	store_done(&statement);
	return NULL;
}

int store_step(sqlite3_stmt *statement)
{
	int code;

	if (!statement)
		return -ENOMEM; /* binding borrows, so nothing else can have failed */
	errno = 0;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		return 0;
	return code == SQLITE_DONE ? STORE_E_NOT_FOUND : store_failure(code, errno);
}

void store_done(sqlite3_stmt **statement)
{
	if (!*statement)
		return;
	sqlite3_reset(*statement);
	sqlite3_clear_bindings(*statement);
}

int store_run(sqlite3_stmt *statement)
{
	_cleanup_statement_ sqlite3_stmt *running = statement;
	int r = store_step(running);

	return r == STORE_E_NOT_FOUND ? 0 : r < 0 ? r : -EIO;
}

void store_text(sqlite3_stmt *statement, int column, char *ret_text, size_t size_bytes)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);
	size_t n = text ? strlen(text) : 0;

	if (n >= size_bytes)
		n = size_bytes - 1;
	if (n)
		memcpy(ret_text, text, n);
	ret_text[n] = 0;
}

struct span store_blob(sqlite3_stmt *statement, int column)
{
	/* In this order: asking for the bytes first may convert. */
	const char *at = sqlite3_column_blob(statement, column);
	int n = sqlite3_column_bytes(statement, column);

	return (struct span){.at = at ? at : "", .n = at ? (size_t)n : 0};
}

/* --- transactions ------------------------------------------------------------------------ */

/*
 * NORMAL writes the log of a commit without waiting for the disk, FULL waits. Only what somebody
 * is told is stored needs the wait; it costs about a tenth of a handshake.
 */
static int store_set_sync(struct store *store, bool full)
{
	int code;

	if (store->full_sync == full)
		return 0;
	code = sqlite3_exec(store->db,
		full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		store->full_sync = full;
	return store_errno(code);
}

int store_begin(struct store *store, enum store_durability durability)
{
	int r = store_set_sync(store, durability == STORE_SURVIVES_POWER);

	return r < 0 ? r : store_run(store->statements[SQL_BEGIN]);
}

void store_rollback(struct store *store)
{
	if (store_errno(sqlite3_errcode(store->db)) < 0)
		snprintf(store->trouble, sizeof(store->trouble), "%s", sqlite3_errmsg(store->db));
	/* After some errors SQLite has rolled back by itself. */
	if (!sqlite3_get_autocommit(store->db))
		(void)store_run(store->statements[SQL_ROLLBACK]);
}

int store_commit(struct store *store)
{
	int r = store_run(store->statements[SQL_COMMIT]);

	if (r < 0)
		store_rollback(store);
	return r;
}

/* --- opening ----------------------------------------------------------------------------- */

static int store_pragma(struct store *store, const char *sql, int64_t *ret_value)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW && ret_value)
		*ret_value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return store_errno(code);
}

static int store_prepare(struct store *store, const char *path, bool reading, char ret_problem[512])
{
	int64_t version = 0;
	int r;

	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_timeout(store->db, STORE_BUSY_MS);
	store->full_sync = true; /* SQLite's default */
	r = store_pragma(store, "PRAGMA user_version", &version);
	if (r == 0 && !reading)
		r = store_pragma(store, "PRAGMA journal_mode=WAL", NULL);
	if (r == 0)
		r = store_pragma(store, "PRAGMA foreign_keys=ON", NULL);
	if (r == 0 && version < store_schema_version && !reading)
		r = store_upgrade(store, version);
	if (r < 0) {
		snprintf(ret_problem, 512, "cannot use the database %.200s: %.150s; %s", path,
			sqlite3_errmsg(store->db),
			r == -EBADMSG ? "it is damaged: move it away and restore a backup"
				      : "check the disk and the owner of the directory");
		return r;
	}
	if (version > store_schema_version) {
		snprintf(ret_problem, 512,
			"the database %.300s was written by a newer mdm-server (schema %lld, this "
			"program knows %d); install that one",
			path, (long long)version, store_schema_version);
		return -EIO;
	}
	for (int i = 0; i < SQL_MAX; i++) {
		int code = sqlite3_prepare_v3(store->db, store_texts[i], -1,
			SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);

		if (code == SQLITE_OK)
			continue;
		snprintf(ret_problem, 512,
			"the database %.200s is not one of mdm-server: %.150s; move it away or restore a backup",
			path, sqlite3_errmsg(store->db));
		return store_errno(code);
	}
	return 0;
}

static int store_open_as(
	const char *directory, bool reading, struct store **ret_store, char ret_problem[512])
{
	_cleanup_(store_closep) struct store *store = calloc(1, sizeof(*store));
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/mdm.db", directory), code, r;

	if (!store || n < 0 || (size_t)n >= sizeof(path)) {
		snprintf(ret_problem, 512, "the path of the state directory is too long");
		return store ? -ENAMETOOLONG : -ENOMEM;
	}
	code = sqlite3_open_v2(path, &store->db,
		(reading ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
			SQLITE_OPEN_NOMUTEX,
		NULL);
	if (code != SQLITE_OK) {
		snprintf(ret_problem, 512,
			"cannot open the database %.200s: %.150s; "
			"is the directory writable for the user mdm-server runs as?",
			path, store->db ? sqlite3_errmsg(store->db) : "out of memory");
		return store_errno(code);
	}
	r = store_prepare(store, path, reading, ret_problem);
	if (r < 0)
		return r;
	*ret_store = TAKE_PTR(store);
	return 0;
}

int store_open(const char *directory, struct store **ret_store, char ret_problem[512])
{
	return store_open_as(directory, false, ret_store, ret_problem);
}

int store_open_reading(const char *directory, struct store **ret_store, char ret_problem[512])
{
	return store_open_as(directory, true, ret_store, ret_problem);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	for (int i = 0; i < SQL_MAX; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close(store->db);
	free(store);
}
