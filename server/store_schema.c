/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_schema.c - the tables of mdm.db, as the steps from one version to the next. mdm-server
 * only.
 *
 * A new database runs all of them, an old one those it lacks: there is one text for both, and it
 * is tested with every start. A step that was released is never changed; what comes later is
 * another step.
 */
#include "server/store_sqlite.h"

static const char *const store_steps[] = {
	/* 1 */
	"CREATE TABLE tickets(id TEXT PRIMARY KEY NOT NULL, secret_sha256 BLOB NOT NULL,"
	" created INTEGER NOT NULL, expires INTEGER NOT NULL, groups TEXT NOT NULL,"
	" used INTEGER, device TEXT) STRICT, WITHOUT ROWID;"
	"CREATE TABLE devices(id TEXT PRIMARY KEY NOT NULL, ticket TEXT REFERENCES tickets(id),"
	" enrolment TEXT, enrolled INTEGER NOT NULL, last_seen INTEGER, certificate_until INTEGER,"
	" last_event INTEGER NOT NULL DEFAULT 0, agent TEXT, nonce TEXT, state TEXT, have TEXT)"
	" STRICT, WITHOUT ROWID;"
	"CREATE TABLE certificates(device TEXT PRIMARY KEY NOT NULL REFERENCES devices(id),"
	" der BLOB NOT NULL) STRICT;"
	"CREATE TABLE sections(device TEXT NOT NULL REFERENCES devices(id), name TEXT NOT NULL,"
	" digest TEXT NOT NULL, received INTEGER NOT NULL, body BLOB NOT NULL,"
	" PRIMARY KEY(device, name)) STRICT;"
	"CREATE TABLE events(row INTEGER PRIMARY KEY,"
	" device TEXT NOT NULL REFERENCES devices(id), seq INTEGER NOT NULL,"
	" received INTEGER NOT NULL, json BLOB NOT NULL, UNIQUE(device, seq)) STRICT;"
	"CREATE INDEX events_of_device ON events(device);"
	"CREATE TABLE documents(type INTEGER NOT NULL, address TEXT NOT NULL,"
	" serial INTEGER NOT NULL, groups TEXT NOT NULL, stored INTEGER NOT NULL,"
	" body BLOB NOT NULL, PRIMARY KEY(type, address, serial)) STRICT;"
	"PRAGMA user_version=1;",

	/* 2: changes, commands, withdrawal and clones, audit, hardware allow-list */
	"CREATE TABLE counters(name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL)"
	" STRICT, WITHOUT ROWID;"
	"INSERT INTO counters VALUES('mark', 0);"
	"ALTER TABLE documents ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE devices ADD COLUMN withdrawn INTEGER;"
	"ALTER TABLE devices ADD COLUMN clone INTEGER;"
	"ALTER TABLE devices ADD COLUMN report INTEGER;"
	"ALTER TABLE devices ADD COLUMN push TEXT;"
	"ALTER TABLE tickets ADD COLUMN zero_touch INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE commands(row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
	" device TEXT NOT NULL REFERENCES devices(id), enrolment TEXT NOT NULL,"
	" verb TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,"
	" created INTEGER NOT NULL, expires INTEGER NOT NULL, changed INTEGER NOT NULL,"
	" mark INTEGER NOT NULL, document BLOB NOT NULL) STRICT;"
	"CREATE INDEX commands_of_device ON commands(device, row);"
	"CREATE INDEX commands_by_time ON commands(created);"
	"CREATE INDEX commands_waiting ON commands(device) WHERE state IN ('queued','delivered');"
	"CREATE TABLE command_history(command INTEGER NOT NULL REFERENCES commands(row)"
	" ON DELETE CASCADE, n INTEGER NOT NULL, time INTEGER NOT NULL, state TEXT NOT NULL,"
	" reason TEXT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY(command, n))"
	" STRICT, WITHOUT ROWID;"
	"CREATE TABLE audit(n INTEGER PRIMARY KEY, json TEXT NOT NULL, chain BLOB NOT NULL) STRICT;"
	"CREATE TRIGGER audit_in_order BEFORE INSERT ON audit"
	" WHEN NEW.n<>(SELECT COALESCE(max(n),0)+1 FROM audit)"
	" BEGIN SELECT RAISE(ABORT, 'the audit log only grows at its end'); END;"
	"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
	" BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;"
	"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"
	" BEGIN SELECT RAISE(ABORT, 'the audit log is never shortened'); END;"
	"CREATE TABLE hardware(row INTEGER PRIMARY KEY AUTOINCREMENT,"
	" ticket TEXT NOT NULL REFERENCES tickets(id), kind TEXT NOT NULL, value TEXT NOT NULL,"
	" device TEXT, used INTEGER, UNIQUE(ticket, kind, value)) STRICT;"
	"PRAGMA user_version=2;",

	/* 3: numbers that a listed phone said beside its listed one */
	"ALTER TABLE hardware ADD COLUMN linked INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX hardware_by_number ON hardware(kind, value);"
	"PRAGMA user_version=3;",

	/* 4: sealed secrets of phones, kept for ever */
	"CREATE TABLE escrow(row INTEGER PRIMARY KEY AUTOINCREMENT,"
	" device TEXT NOT NULL REFERENCES devices(id), enrolment TEXT NOT NULL,"
	" kind TEXT NOT NULL, generation INTEGER NOT NULL, certificates TEXT NOT NULL,"
	" received INTEGER NOT NULL, sha256 BLOB NOT NULL, cms BLOB NOT NULL,"
	" UNIQUE(device, enrolment, kind, generation, sha256)) STRICT;"
	"CREATE INDEX escrow_of_device ON escrow(device);"
	"CREATE TRIGGER escrow_no_update BEFORE UPDATE ON escrow"
	" BEGIN SELECT RAISE(ABORT, 'a sealed secret is never changed'); END;"
	"CREATE TRIGGER escrow_no_delete BEFORE DELETE ON escrow"
	" BEGIN SELECT RAISE(ABORT, 'a sealed secret is never removed'); END;"
	"PRAGMA user_version=4;",

	/* 5: the brake on destructive commands (enum store_brake); those of the last hour count */
	"ALTER TABLE commands ADD COLUMN brake INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE commands ADD COLUMN given_by TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE commands ADD COLUMN given_certificate TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE commands ADD COLUMN approved_by TEXT NOT NULL DEFAULT '';"
	"UPDATE commands SET brake=1 WHERE verb IN ('set-passcode','crypto-lock','wipe');"
	"CREATE INDEX commands_passed ON commands(created) WHERE brake=1;"
	"CREATE INDEX commands_held ON commands(expires) WHERE brake=2 AND state='queued';"
	"PRAGMA user_version=5;",
};

const int store_schema_version = ARRAY_SIZE(store_steps);

int store_upgrade(struct store *store, int64_t from)
{
	int code = sqlite3_exec(store->db, "BEGIN EXCLUSIVE", NULL, NULL, NULL);

	for (int64_t i = from; i < store_schema_version && code == SQLITE_OK; i++)
		code = sqlite3_exec(store->db, store_steps[i], NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
	return store_errno(code);
}
