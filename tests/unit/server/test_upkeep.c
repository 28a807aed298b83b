/* SPDX-License-Identifier: Apache-2.0 */
/* test_upkeep.c - old rows, quotas and health of the store. */
#include "server/store_upkeep.h"

#include <errno.h>
#include <sqlite3.h>

#include "server/store_command.h"
#include "tests/lib/check.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccc"

static char directory[256];

static struct store *fresh_store(void)
{
	struct store_device a = {.id = ID_A, .enrolled_s = 1}, b = {.id = ID_B, .enrolled_s = 1};
	struct store *store = NULL;
	char problem[512] = "";

	close(check_tmpdir(directory));
	if (store_open(directory, &store, problem) < 0 ||
		store_device_enrol(store, &a, NULL, 0) < 0 ||
		store_device_enrol(store, &b, NULL, 0) < 0)
		check_fail(__FILE__, __LINE__, "%s", problem);
	return store;
}

static void add_event(struct store *store, const char *device, int64_t seq, int64_t received_s)
{
	struct report_event event = {.seq = seq, .json = {"{}", 2}};

	if (store_event_add(store, device, &event, received_s) != 0)
		check_fail(__FILE__, __LINE__, "event %d", (int)seq);
}

static int64_t number(const char *sql)
{
	sqlite3_stmt *s = NULL;
	sqlite3 *db = NULL;
	int64_t value = -1;
	char path[300];

	snprintf(path, sizeof(path), "%s/mdm.db", directory);
	if (sqlite3_open(path, &db) == SQLITE_OK &&
		sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
		sqlite3_step(s) == SQLITE_ROW)
		value = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return value;
}

static int64_t prune_all(struct store *store, const struct store_retention *retention, int *steps)
{
	int64_t removed = 1, sum = 0;

	for (*steps = 0; removed; ++*steps) {
		if (store_prune(store, retention, &removed) != 0)
			check_fail(__FILE__, __LINE__, "%s", store_trouble(store));
		sum += removed;
	}
	return sum;
}

/* In steps of a bounded size, exactly those that are too old, and never the newest of all. */
static void test_prune_events(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_retention retention = {.events_before_s = 1000};
	int steps;

	CHECK_INT(store_begin(store, STORE_SURVIVES_CRASH), 0);
	for (int64_t i = 1; i <= 2 * STORE_PRUNE_ROWS + 200; i++)
		add_event(
			store, i % 2 ? ID_A : ID_B, i, i <= 2 * STORE_PRUNE_ROWS + 1 ? 999 : 1000);
	CHECK_INT(store_commit(store), 0);
	CHECK_INT(prune_all(store, &retention, &steps), 2 * STORE_PRUNE_ROWS + 1);
	CHECK_INT(steps, 4);
	CHECK_INT(number("SELECT count(*) FROM events"), 199);
	CHECK_INT(number("SELECT min(received) FROM events"), 1000);
	retention.events_before_s = INT64_MAX;
	CHECK_INT(prune_all(store, &retention, &steps), 198);
	add_event(store, ID_A, 5000, 1);
	CHECK_INT(number("SELECT max(row) FROM events"), 2 * STORE_PRUNE_ROWS + 201);
}

static void test_prune_tickets(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_ticket ticket = {.created_s = 1, .groups = ""};
	struct store_retention retention = {.tickets_before_s = 100};
	struct store_device device = {.id = ID_C, .ticket = ID_C, .enrolled_s = 1};
	int steps;

	/* Expired long ago; expired just now; expired long ago, but on a phone's record. */
	strcpy(ticket.id, ID_A);
	ticket.expires_s = 99;
	CHECK_INT(store_ticket_add(store, &ticket), 0);
	strcpy(ticket.id, ID_B);
	ticket.expires_s = 100;
	CHECK_INT(store_ticket_add(store, &ticket), 0);
	strcpy(ticket.id, ID_C);
	ticket.expires_s = 50;
	CHECK_INT(store_ticket_add(store, &ticket), 0);
	CHECK_INT(store_ticket_use(store, ID_C, ID_C, 40), 0);
	CHECK_INT(store_device_enrol(store, &device, NULL, 0), 0);
	CHECK_INT(prune_all(store, &retention, &steps), 1);
	CHECK_INT(store_ticket_get(store, ID_A, &ticket), STORE_E_NOT_FOUND);
	CHECK_INT(store_ticket_get(store, ID_B, &ticket), 0);
	CHECK_INT(store_ticket_get(store, ID_C, &ticket), 0);
}

static void test_event_quota(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();

	for (int64_t i = 1; i <= 10; i++) {
		add_event(store, ID_A, i, 1);
		add_event(store, ID_B, i, 1);
		CHECK_INT(store_event_quota(store, ID_A, 4), 0);
		CHECK_INT(number("SELECT count(*) FROM events WHERE device='" ID_A "'"),
			i < 4 ? i : 4);
	}
	CHECK_INT(number("SELECT min(seq) FROM events WHERE device='" ID_A "'"), 7);
	CHECK_INT(number("SELECT count(*) FROM events WHERE device='" ID_B "'"), 10);
}

static void test_section_bytes(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct report_section one = {
		.name = "one", .digest = "0123456789abcdef", .body = {"12345", 5}};
	struct report_section two = {
		.name = "two", .digest = "0123456789abcdef", .body = {"123", 3}};
	static struct report report;
	int64_t bytes = -1;

	CHECK_INT(store_section_bytes(store, ID_A, &report, &bytes), 0);
	CHECK_INT(bytes, 0);
	CHECK_INT(store_section_put(store, ID_A, &one, 1), 0);
	CHECK_INT(store_section_put(store, ID_A, &two, 1), 0);
	CHECK_INT(store_section_bytes(store, ID_A, &report, &bytes), 0);
	CHECK_INT(bytes, 8);
	/* Only a body replaces; a digest alone leaves what is there. */
	report.sections[0] = one;
	report.n_sections = 1;
	CHECK_INT(store_section_bytes(store, ID_A, &report, &bytes), 0);
	CHECK_INT(bytes, 3);
	report.sections[0].body = (struct span){0};
	CHECK_INT(store_section_bytes(store, ID_A, &report, &bytes), 0);
	CHECK_INT(bytes, 8);
	CHECK_INT(store_section_bytes(store, ID_B, &report, &bytes), 0);
	CHECK_INT(bytes, 0);
}

static void test_probe(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	int64_t version = number("PRAGMA user_version"), bytes = 0;
	char path[300];
	sqlite3 *db = NULL;

	CHECK_INT(store_probe(store), 0);
	CHECK_INT(number("PRAGMA user_version"), version);
	CHECK_INT(store_database_bytes(store, &bytes), 0);
	CHECK_INT(bytes, number("PRAGMA page_count") * number("PRAGMA page_size"));
	/* Reading would go on working beside a writer; writing does not. */
	snprintf(path, sizeof(path), "%s/mdm.db", directory);
	CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_INT(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	CHECK_INT(store_probe(store), -EBUSY);
	CHECK(strstr(store_trouble(store), "locked"));
	CHECK_INT(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	CHECK_INT(store_probe(store), 0);
	/* And the other way round. The reason outlives the rollback. */
	CHECK_INT(sqlite3_exec(db, "DROP TABLE counters", NULL, NULL, NULL), SQLITE_OK);
	CHECK(store_probe(store) < 0);
	CHECK(strstr(store_trouble(store), "counters"));
	sqlite3_close(db);
}

static void add_command(struct store *store, const char *id, int64_t created_s, int64_t expires_s)
{
	struct store_command command = {
		.verb = "lock", .created_s = created_s, .expires_s = expires_s};

	strcpy(command.id, id);
	strcpy(command.device, ID_A);
	strcpy(command.enrolment, ID_B);
	CHECK_INT(store_command_put(store, &command, (struct span){"x", 1}), 0);
}

/* Those that ended and are long over, with their history; not one that may still be delivered. */
static void test_prune_commands(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_retention retention = {.events_before_s = 1000};
	struct store_command command;
	int64_t removed = -1;

	add_command(store, ID_A, 10, 999);
	add_command(store, ID_B, 10, 1000);
	add_command(store, "cccccccccccccccccccccccccccccccc", 10, 20);
	CHECK_INT(store_command_get(store, ID_A, 0, &command), 0);
	CHECK_INT(store_command_move(store, command.row,
			  &(struct store_step){COMMAND_DELIVERED, "", "", 1000}),
		0);
	CHECK_INT(store_prune(store, &retention, &removed), 0);
	CHECK_INT(removed, 1);
	CHECK_INT(number("SELECT count(*) FROM commands"), 2);
	CHECK_INT(number("SELECT count(*) FROM command_history"), 3);
	retention.events_before_s = 1001;
	CHECK_INT(store_prune(store, &retention, &removed), 0);
	CHECK_INT(removed, 2);
	CHECK_INT(number("SELECT count(*) FROM command_history"), 0);
	CHECK_INT(store_prune(store, &retention, &removed), 0);
	CHECK_INT(removed, 0);
}

static const struct check_test tests[] = {
	{"prune_events", test_prune_events},
	{"prune_tickets", test_prune_tickets},
	{"prune_commands", test_prune_commands},
	{"event_quota", test_event_quota},
	{"section_bytes", test_section_bytes},
	{"probe", test_probe},
};
CHECK_MAIN(tests)
