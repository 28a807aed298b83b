/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit.c - the audit log's table, and its check against every way of changing one entry. */
#include "server/audit.h"

#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "server/store_audit.h"
#include "tests/lib/check.h"

#define ENTRIES 5

static struct store *open_store(const char *path)
{
	struct store *store = NULL;
	char problem[512] = "";

	if (store_open(path, &store, problem) < 0)
		check_fail(__FILE__, __LINE__, "%s", problem);
	return store;
}

static void append(struct store *store, int64_t n)
{
	struct store_audit last, entry = {.n = n};
	char json[64];

	snprintf(json, sizeof(json), "{\"n\":%d,\"who\":\"somebody\"}", (int)n);
	entry.json = (struct span){json, strlen(json)};
	CHECK_INT(store_audit_last(store, &last), 0);
	CHECK_INT(audit_chain(last.chain, entry.json, entry.chain), 0);
	CHECK_INT(store_audit_append(store, &entry), 0);
}

/* A database with a log, in path. */
static void make_log(char path[256])
{
	struct store *store;

	close(check_tmpdir(path));
	store = open_store(path);
	for (int64_t n = 1; n <= ENTRIES; n++)
		append(store, n);
	store_close(store);
}

static int run_sql(const char *path, const char *sql)
{
	char file[300];
	sqlite3 *db;
	int code;

	snprintf(file, sizeof(file), "%s/mdm.db", path);
	if (sqlite3_open(file, &db) != SQLITE_OK)
		return -1;
	code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return code;
}

static struct audit_verdict verify(const char *path, int64_t known_n)
{
	struct audit_verdict verdict = {.bad = -1};
	struct store *store = open_store(path);

	if (audit_verify(store, known_n, &verdict) != 0)
		check_fail(__FILE__, __LINE__, "%s", store_trouble(store));
	store_close(store);
	return verdict;
}

static void test_whole(void)
{
	struct audit_verdict v;
	char path[256];

	close(check_tmpdir(path));
	v = verify(path, 0);
	CHECK(v.entries == 0 && v.bad == 0);
	make_log(path);
	v = verify(path, 3);
	CHECK(v.entries == ENTRIES && v.bad == 0 && v.known);
	CHECK(memcmp(v.chain, v.known_chain, SHA256_BYTES) != 0);
	CHECK(!verify(path, ENTRIES + 1).known);
}

/* Longer than what is read at once. */
static void test_long(void)
{
	struct audit_verdict v;
	struct store *store;
	char path[256];

	close(check_tmpdir(path));
	store = open_store(path);
	CHECK_INT(store_begin(store, STORE_SURVIVES_CRASH), 0);
	for (int64_t n = 1; n <= 1001; n++)
		append(store, n);
	CHECK_INT(store_commit(store), 0);
	store_close(store);
	v = verify(path, 1001);
	CHECK(v.entries == 1001 && v.bad == 0 && v.known);
}

static void test_table_only_grows(void)
{
	static const char *const refused[] = {
		"UPDATE audit SET json='{}' WHERE n=2",
		"UPDATE audit SET n=9 WHERE n=5",
		"DELETE FROM audit",
		"DELETE FROM audit WHERE n=5",
		"INSERT INTO audit VALUES(7, '{}', zeroblob(32))",
		"INSERT OR REPLACE INTO audit VALUES(3, '{}', zeroblob(32))",
		"REPLACE INTO audit VALUES(1, '{}', zeroblob(32))",
	};
	char path[256];

	make_log(path);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (run_sql(path, refused[i]) != SQLITE_CONSTRAINT)
			check_fail(__FILE__, __LINE__, "taken: %s", refused[i]);
	CHECK_INT(verify(path, 0).entries, ENTRIES);
}

/* Every byte of one entry, its chain included; without the triggers, as on a stolen disk. */
static void test_any_byte(void)
{
	static const char open_up[] = "DROP TRIGGER audit_no_update";
	char path[256], sql[256];
	struct audit_verdict v;

	make_log(path);
	CHECK_INT(run_sql(path, open_up), SQLITE_OK);
	for (int i = 1; i <= (int)strlen("{\"n\":3,\"who\":\"somebody\"}"); i++) {
		snprintf(sql, sizeof(sql),
			"UPDATE audit SET json=substr(json,1,%d)||"
			"char(unicode(substr(json,%d,1))+1)||substr(json,%d) WHERE n=3",
			i - 1, i, i + 1);
		CHECK_INT(run_sql(path, sql), SQLITE_OK);
		v = verify(path, 0);
		if (v.bad != 3 || v.entries != 2)
			check_fail(__FILE__, __LINE__, "byte %d was changed unseen", i);
		snprintf(sql, sizeof(sql),
			"UPDATE audit SET json=substr(json,1,%d)||"
			"char(unicode(substr(json,%d,1))-1)||substr(json,%d) WHERE n=3",
			i - 1, i, i + 1);
		CHECK_INT(run_sql(path, sql), SQLITE_OK);
	}
	CHECK_INT(verify(path, 0).bad, 0);
	CHECK_INT(run_sql(path,
			  "UPDATE audit SET chain=(SELECT chain FROM audit WHERE n=4) WHERE n=3"),
		SQLITE_OK);
	CHECK_INT(verify(path, 0).bad, 3);
}

/* An entry that was taken out, put in, or moved with its chain. */
static void test_any_entry(void)
{
	static const char *const changes[] = {
		"DELETE FROM audit WHERE n=3",
		"DELETE FROM audit WHERE n=3; UPDATE audit SET n=n-1 WHERE n>3",
		"UPDATE audit SET n=-1 WHERE n=3; UPDATE audit SET n=3 WHERE n=4; UPDATE audit SET n=4 WHERE n=-1",
		"UPDATE audit SET n=n+10 WHERE n>2; INSERT INTO audit VALUES(3,'{\"n\":3,',x'00')",
	};
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct audit_verdict v = {0};
		struct store *store;
		int r;

		make_log(path);
		CHECK_INT(run_sql(path, "DROP TRIGGER audit_no_update; DROP TRIGGER "
					"audit_no_delete; DROP TRIGGER audit_in_order"),
			SQLITE_OK);
		CHECK_INT(run_sql(path, changes[i]), SQLITE_OK);
		store = open_store(path);
		r = audit_verify(store, 0, &v);
		store_close(store);
		if (r == 0 && v.bad != 3)
			check_fail(__FILE__, __LINE__, "unseen: %s", changes[i]);
	}
}

static const struct check_test tests[] = {
	{"whole", test_whole},
	{"long", test_long},
	{"table_only_grows", test_table_only_grows},
	{"any_byte", test_any_byte},
	{"any_entry", test_any_entry},
};
CHECK_MAIN(tests)
