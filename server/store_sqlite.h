/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_sqlite.h - private to the files store_*.c: the connection and its prepared statements.
 * mdm-server only.
 */
#ifndef MDM_SERVER_STORE_SQLITE_H
#define MDM_SERVER_STORE_SQLITE_H

#include <sqlite3.h>

#include "server/store.h"

enum store_sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_TICKET_ADD,
	SQL_TICKET_GET,
	SQL_TICKET_USE,
	SQL_TICKET_LIST,
	SQL_DEVICE_GET,
	SQL_DEVICE_ENROL,
	SQL_DEVICE_RENEW,
	SQL_DEVICE_WITHDRAW,
	SQL_DEVICE_LIST,
	SQL_DEVICE_SEEN,
	SQL_CERTIFICATE_PUT,
	SQL_CERTIFICATE_GET,
	SQL_DIGESTS,
	SQL_SECTION_PUT,
	SQL_SECTION_LIST,
	SQL_SECTION_GET,
	SQL_SECTION_REMOVE,
	SQL_EVENT_ADD,
	SQL_EVENT_RENUMBER,
	SQL_EVENT_LIST,
	SQL_EVENT_LIST_DEVICE,
	SQL_DOCUMENT_PUT,
	SQL_DOCUMENT_SAME,
	SQL_DOCUMENT_DROP,
	SQL_DOCUMENT_REMOVE,
	SQL_DOCUMENT_MARK,
	SQL_DOCUMENT_SERIAL,
	SQL_DOCUMENT_NEWEST,
	SQL_KEYSETS_ABOVE,
	SQL_ASSIGNED,
	SQL_COMMAND_PUT,
	SQL_COMMAND_SAME,
	SQL_COMMAND_COUNT,
	SQL_COMMAND_GET,
	SQL_COMMAND_DOCUMENT,
	SQL_COMMAND_LIST,
	SQL_COMMAND_LIST_DEVICE,
	SQL_COMMAND_WAITING,
	SQL_COMMAND_STATE,
	SQL_COMMAND_MOVE,
	SQL_COMMAND_QUEUED,
	SQL_COMMAND_RATE,
	SQL_COMMAND_PASSED,
	SQL_COMMAND_APPROVE,
	SQL_HISTORY_ADD,
	SQL_HISTORY_LIST,
	SQL_AUDIT_LAST,
	SQL_AUDIT_ADD,
	SQL_AUDIT_LIST,
	SQL_HARDWARE_ADD,
	SQL_HARDWARE_LINK,
	SQL_HARDWARE_TAKEN,
	SQL_HARDWARE_FIND,
	SQL_HARDWARE_GET,
	SQL_HARDWARE_USE,
	SQL_HARDWARE_FREE,
	SQL_HARDWARE_REMOVE,
	SQL_HARDWARE_LIST,
	SQL_ESCROW_ADD,
	SQL_ESCROW_SAME,
	SQL_ESCROW_COUNT,
	SQL_ESCROW_LIST,
	SQL_ESCROW_LIST_DEVICE,
	SQL_ESCROW_GET,
	SQL_MARK,
	SQL_MARK_NEXT,
	SQL_CHANGED_SINCE,
	SQL_COUNTS,
	SQL_MAX,
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_MAX];
	enum store_durability durability;
	char trouble[160]; /* what was wrong before the last rollback, which forgets it */
	bool full_sync;	   /* what PRAGMA synchronous is set to now */
};

/*
 * A statement with its values: 't' text (NULL gives NULL), 'i' int64_t, 'z' the same, 0 gives NULL,
 * 'b' a struct span as blob, 's' as text.
 * Nothing is copied: the values must live until store_done().
 */
sqlite3_stmt *store_bind(struct store *store, enum store_sql sql, const char *types, ...);
/* One step. 0: a row is there; STORE_E_NOT_FOUND: the end; negative: trouble. */
int store_step(sqlite3_stmt *statement);
/* Resets the statement (NULL is fine), so that it holds no lock and borrows nothing. */
void store_done(sqlite3_stmt **statement);
#define _cleanup_statement_ _cleanup_(store_done)
/* For statements that return nothing: bind was done, step to the end. */
int store_run(sqlite3_stmt *statement);

/* Column as text, cut at size_bytes - 1; NULL gives "". */
void store_text(sqlite3_stmt *statement, int column, char *ret_text, size_t size_bytes);
struct span store_blob(sqlite3_stmt *statement, int column);

int store_errno(int sqlite_code);

/* Inside a transaction: counts one change and gives its number. */
int store_mark_next(struct store *store, int64_t *ret_mark);

/* store_schema.c */
extern const int store_schema_version;
/* From that version (0: an empty file) to the present one, in one transaction. 0 or -errno. */
int store_upgrade(struct store *store, int64_t from);

#endif
