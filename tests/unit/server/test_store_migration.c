/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_migration.c - a database of the version before, made by its own SQL, is brought to the
 * present one with everything in it; what cannot be read is refused and left as it is.
 */
#include "server/store_command.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/check.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* The schema of version 1 as it was released. Never to be "updated". */
static const char version_1[] =
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
	"PRAGMA user_version=1;";

static const char contents_1[] =
	"INSERT INTO tickets VALUES('" ID_A "', zeroblob(32), 1, 100, 'staff', 5, '" ID_B "');"
	"INSERT INTO devices VALUES('" ID_B "', '" ID_A "', 'e1', 5, 6, 7, 2, '0.1.0',"
	" 'nonce', 'compliant', '{\"keyset\":1}');"
	"INSERT INTO certificates VALUES('" ID_B "', x'00');"
	"INSERT INTO sections VALUES('" ID_B "', 'agent', '0011223344556677', 6, x'7b7d');"
	"INSERT INTO events VALUES(1, '" ID_B "', 2, 6, x'7b7d');"
	"INSERT INTO documents VALUES(0, '', 1, '', 3, x'61');"
	"INSERT INTO documents VALUES(1, 'staff', 4, '', 3, x'62');"
	"INSERT INTO documents VALUES(2, 'ticket:" ID_A "', 9, 'staff', 3, x'63');";

static void make_database(const char *directory, const char *sql, const char *more)
{
	char file[300], *problem = NULL;
	sqlite3 *db;

	snprintf(file, sizeof(file), "%s/mdm.db", directory);
	CHECK_INT(sqlite3_open(file, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &problem) != SQLITE_OK ||
		sqlite3_exec(db, more, NULL, NULL, &problem) != SQLITE_OK)
		check_fail(__FILE__, __LINE__, "%s", problem);
	sqlite3_close(db);
}

static int64_t read_integer(const char *directory, const char *sql)
{
	int64_t value = -1;
	sqlite3_stmt *s;
	char file[300];
	sqlite3 *db;

	snprintf(file, sizeof(file), "%s/mdm.db", directory);
	if (sqlite3_open(file, &db) != SQLITE_OK ||
		sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
		check_fail(__FILE__, __LINE__, "%s: %s", sql, sqlite3_errmsg(db));
		return -1;
	}
	if (sqlite3_step(s) == SQLITE_ROW)
		value = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return value;
}

static void test_version_1(void)
{
	struct store *store = NULL;
	struct store_assigned assigned;
	struct store_device device;
	struct store_ticket ticket;
	struct store_counts counts;
	char path[256], problem[512] = "";
	int64_t mark = -1;
	bool changed;

	close(check_tmpdir(path));
	make_database(path, version_1, contents_1);
	if (store_open(path, &store, problem) < 0)
		check_fail(__FILE__, __LINE__, "%s", problem);
	CHECK_INT(store_device_get(store, ID_B, &device), 0);
	CHECK_STR(device.ticket, ID_A);
	CHECK_STR(device.enrolment, "e1");
	CHECK_STR(device.have, "{\"keyset\":1}");
	CHECK(device.last_event == 2 && device.certificate_until_s == 7);
	CHECK(!device.withdrawn_s && !device.clone_s && !device.report && !device.push[0]);
	CHECK_INT(store_ticket_get(store, ID_A, &ticket), 0);
	CHECK_STR(ticket.device, ID_B);
	CHECK_INT(store_assigned(store, ID_B, ID_A, &assigned), 0);
	CHECK(assigned.serial == 9);
	CHECK_STR(assigned.groups, "staff");
	CHECK_INT(store_counts(store, 50, &counts), 0);
	CHECK(counts.documents == 3 && counts.events == 1);
	/* What was there before anybody counted is not new. */
	CHECK_INT(store_mark(store, &mark), 0);
	CHECK_INT(mark, 0);
	CHECK_INT(store_changed_since(store, ID_B, ID_A, mark, &changed), 0);
	CHECK(!changed);
	store_close(store);
	CHECK_INT(read_integer(path, "PRAGMA user_version"), 5);
	/* Again: nothing is done twice. */
	store = NULL;
	CHECK_INT(store_open(path, &store, problem), 0);
	store_close(store);
}

/* It ends up with the same tables as one that is made anew. */
static void test_same_as_new(void)
{
	static const char digest[] = "SELECT sum(length(sql)) + 1000 * count(*) FROM sqlite_master";
	char old_path[256], new_path[256], problem[512];
	struct store *store = NULL;

	close(check_tmpdir(old_path));
	close(check_tmpdir(new_path));
	make_database(old_path, version_1, "");
	CHECK_INT(store_open(old_path, &store, problem), 0);
	store_close(store);
	store = NULL;
	CHECK_INT(store_open(new_path, &store, problem), 0);
	store_close(store);
	CHECK(read_integer(old_path, digest) > 10000);
	CHECK_INT(read_integer(old_path, digest), read_integer(new_path, digest));
}

/* A step that fails in the middle leaves the version and the tables of before. */
static void test_all_or_nothing(void)
{
	struct store *store = NULL;
	char path[256], problem[512] = "";

	close(check_tmpdir(path));
	make_database(path, version_1, "CREATE TABLE commands(x);");
	CHECK(store_open(path, &store, problem) < 0);
	CHECK(!store && problem[0]);
	CHECK_INT(read_integer(path, "PRAGMA user_version"), 1);
	CHECK_INT(
		read_integer(path, "SELECT count(*) FROM sqlite_master WHERE name='counters'"), 0);
	CHECK_INT(read_integer(path,
			  "SELECT count(*) FROM pragma_table_info('devices') WHERE name='push'"),
		0);
}

/* Destructive commands of the hour before the update count: it is no way around the brake. */
static void test_version_4(void)
{
	static const char back[] = "DROP INDEX commands_passed; DROP INDEX commands_held;"
				   "ALTER TABLE commands DROP COLUMN brake;"
				   "ALTER TABLE commands DROP COLUMN given_by;"
				   "ALTER TABLE commands DROP COLUMN given_certificate;"
				   "ALTER TABLE commands DROP COLUMN approved_by;"
				   "PRAGMA user_version=4;";
	static const char contents[] =
		"INSERT INTO devices(id, enrolled) VALUES('" ID_A "', 1);"
		"INSERT INTO commands(id, device, enrolment, verb, state, reason, detail, created,"
		" expires, changed, mark, document) VALUES"
		"('1', '" ID_A "', 'e1', 'set-passcode', 'done', '', '', 50, 99, 60, 1, x'61'),"
		"('2', '" ID_A "', 'e1', 'lock', 'queued', '', '', 51, 99, 51, 2, x'61'),"
		"('3', '" ID_A "', 'e1', 'set-passcode', 'queued', '', '', 52, 99, 52, 3, x'61');";
	struct store *store = NULL;
	struct store_command command;
	char path[256], problem[512] = "";
	int64_t n = -1;

	close(check_tmpdir(path));
	CHECK_INT(store_open(path, &store, problem), 0);
	store_close(store);
	store = NULL;
	make_database(path, back, contents);
	if (store_open(path, &store, problem) < 0)
		check_fail(__FILE__, __LINE__, "%s", problem);
	CHECK_INT(store_command_passed(store, 0, &n), 0);
	CHECK_INT(n, 2);
	CHECK_INT(store_command_passed(store, 50, &n), 0);
	CHECK_INT(n, 1);
	CHECK_INT(store_command_get(store, "2", 60, &command), 0);
	CHECK(command.brake == STORE_BRAKE_NONE && !store_command_is_held(&command));
	CHECK_STR(command.given_by, "");
	store_close(store);
}

static void test_newer(void)
{
	struct store *store = NULL;
	char path[256], problem[512] = "";

	close(check_tmpdir(path));
	CHECK_INT(store_open(path, &store, problem), 0);
	store_close(store);
	store = NULL;
	make_database(path, "PRAGMA user_version=6", "");
	CHECK(store_open(path, &store, problem) < 0);
	CHECK(!store && strstr(problem, "newer") && strstr(problem, "schema 6"));
	CHECK_INT(read_integer(path, "PRAGMA user_version"), 6);
}

static const struct check_test tests[] = {
	{"version_1", test_version_1},
	{"same_as_new", test_same_as_new},
	{"all_or_nothing", test_all_or_nothing},
	{"version_4", test_version_4},
	{"newer", test_newer},
};
CHECK_MAIN(tests)
