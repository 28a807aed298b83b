/* SPDX-License-Identifier: Apache-2.0 */
/* test_store.c - the store behind its interface: tickets, devices, documents, falls. */
#include "server/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/lib/check.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccc"

static struct store *open_store(const char *directory)
{
	struct store *store = NULL;
	char problem[512] = "";

	if (store_open(directory, &store, problem) < 0)
		check_fail(__FILE__, __LINE__, "%s", problem);
	return store;
}

static struct store *fresh_store(void)
{
	char path[256];

	close(check_tmpdir(path));
	return open_store(path);
}

static struct store_ticket ticket_of(const char *id)
{
	struct store_ticket ticket = {.created_s = 1, .expires_s = 100, .groups = "a,b"};

	memset(ticket.secret_sha256, 7, sizeof(ticket.secret_sha256));
	strcpy(ticket.id, id);
	return ticket;
}

static struct store_device device_of(const char *id, const char *ticket)
{
	struct store_device device = {.enrolled_s = 10, .certificate_until_s = 1000};

	strcpy(device.id, id);
	strcpy(device.ticket, ticket);
	return device;
}

static struct store_document document_of(
	enum store_type type, const char *address, int64_t serial, const char *body)
{
	return (struct store_document){
		.type = type,
		.address = address,
		.serial = serial,
		.groups = "",
		.body = {body, strlen(body)},
	};
}

static void test_tickets(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_ticket ticket = ticket_of(ID_A), got;

	CHECK_INT(store_ticket_get(store, ID_A, &got), STORE_E_NOT_FOUND);
	CHECK_INT(store_ticket_add(store, &ticket), 0);
	CHECK_INT(store_ticket_add(store, &ticket), STORE_E_EXISTS);
	CHECK_INT(store_ticket_get(store, ID_A, &got), 0);
	CHECK_STR(got.groups, "a,b");
	CHECK(got.expires_s == 100 && got.used_s == 0 && !got.device[0]);
	CHECK(memcmp(got.secret_sha256, ticket.secret_sha256, SHA256_BYTES) == 0);
	CHECK_INT(store_ticket_use(store, ID_A, ID_B, 5), 0);
	CHECK_INT(store_ticket_use(store, ID_A, ID_C, 6), STORE_E_NOT_FOUND);
	CHECK_INT(store_ticket_use(store, ID_C, ID_C, 6), STORE_E_NOT_FOUND);
	CHECK_INT(store_ticket_get(store, ID_A, &got), 0);
	CHECK_STR(got.device, ID_B);
	CHECK_INT(got.used_s, 5);
}

static int count_ticket(const struct store_ticket *ticket, void *userdata)
{
	int *n = userdata;

	(void)ticket;
	return ++*n == 2 ? STORE_E_STOP : 0;
}

static void test_lists(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	int n = 0;

	for (const char *const *id = (const char *const[]){ID_C, ID_A, ID_B, NULL}; *id; id++) {
		struct store_ticket ticket = ticket_of(*id);

		CHECK_INT(store_ticket_add(store, &ticket), 0);
	}
	CHECK_INT(store_ticket_list(store, "", 1, count_ticket, &n), 0);
	CHECK_INT(n, 1);
	n = 0;
	CHECK_INT(store_ticket_list(store, "", 9, count_ticket, &n), STORE_E_STOP);
	CHECK_INT(n, 2);
	n = 0;
	CHECK_INT(store_ticket_list(store, ID_B, 9, count_ticket, &n), 0);
	CHECK_INT(n, 1);
}

static void test_devices(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_ticket ticket = ticket_of(ID_A);
	struct store_device device = device_of(ID_B, ID_A), got;
	uint8_t der[STORE_CERT_BYTES];
	size_t n;

	/* A ticket that is not there: the foreign key holds. */
	CHECK(store_device_enrol(store, &device, "der", 3) < 0);
	CHECK_INT(store_device_get(store, ID_B, &got), STORE_E_NOT_FOUND);
	CHECK_INT(store_ticket_add(store, &ticket), 0);
	CHECK_INT(store_device_enrol(store, &device, "der", 3), 0);
	CHECK_INT(store_certificate_get(store, ID_B, der, &n), 0);
	CHECK(n == 3 && memcmp(der, "der", 3) == 0);
	CHECK_INT(store_device_enrol(store, &device, "other", 5), 0);
	CHECK_INT(store_certificate_get(store, ID_B, der, &n), 0);
	CHECK_INT(n, 5);
	CHECK_INT(store_device_get(store, ID_B, &got), 0);
	CHECK_STR(got.ticket, ID_A);
	CHECK(got.enrolled_s == 10 && got.last_seen_s == 0 && got.last_event == 0 && !got.have[0]);
	device = device_of(ID_C, "");
	CHECK_INT(store_device_enrol(store, &device, NULL, 0), 0);
	CHECK_INT(store_certificate_get(store, ID_C, der, &n), STORE_E_NOT_FOUND);
}

static void test_seen(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_device device = device_of(ID_A, ""), got;
	static struct report report = {
		.device = ID_A, .enrolment = "e", .agent = "1", .nonce = "n"};
	struct store_seen seen = {
		.report = &report, .now_s = 50, .certificate_until_s = 60, .last_event = 7};

	CHECK_INT(store_device_enrol(store, &device, NULL, 0), 0);
	report.have = (struct span){"{\"keyset\":1}xx", 12};
	report.has_state = true;
	strcpy(report.state, "pending");
	CHECK_INT(store_device_seen(store, &seen), 0);
	report.has_state = false;
	CHECK_INT(store_device_seen(store, &seen), 0);
	CHECK_INT(store_device_get(store, ID_A, &got), 0);
	CHECK_STR(got.have, "{\"keyset\":1}");
	CHECK_STR(got.state, "pending"); /* kept while no new body comes */
	CHECK_INT(got.last_event, 7);
	CHECK_INT(got.last_seen_s, 50);
	report.have.n = BOUND_HAVE_BYTES + 1;
	CHECK_INT(store_device_seen(store, &seen), -EINVAL);
}

static int copy_section(const struct store_section *section, void *userdata)
{
	struct buf *out = userdata;

	buf_printf(out, "%s=%.*s;", section->name, (int)section->body.n, section->body.at);
	return out->error;
}

static int copy_event(const struct store_event *event, void *userdata)
{
	struct buf *out = userdata;

	buf_printf(out, "%.*s;", (int)event->json.n, event->json.at);
	return out->error;
}

static void test_sections_and_events(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct store_device device = device_of(ID_A, "");
	struct report_section section = {
		.name = "x", .digest = "0011223344556677", .body = {"{}", 2}};
	struct report_event event = {.seq = 3, .json = {"first", 5}};
	struct store_digests digests;

	CHECK(store_section_put(store, ID_A, &section, 1) < 0); /* no such device */
	CHECK(store_event_add(store, ID_A, &event, 1) < 0);
	CHECK_INT(store_device_enrol(store, &device, NULL, 0), 0);
	CHECK_INT(store_section_put(store, ID_A, &section, 1), 0);
	section.body = (struct span){"{\"new\":1}", 9};
	memcpy(section.digest, "8899", 4);
	CHECK_INT(store_section_put(store, ID_A, &section, 2), 0);
	CHECK_INT(store_digests(store, ID_A, &digests), 0);
	CHECK_INT(digests.n, 1);
	CHECK_STR(digests.sections[0].digest, "8899223344556677");
	CHECK_INT(store_section_list(store, ID_A, copy_section, &text), 0);
	CHECK_STR(text.data, "x={\"new\":1};");
	CHECK_INT(store_section_get(store, ID_A, "x", copy_section, &text), 0);
	CHECK_STR(text.data, "x={\"new\":1};x={\"new\":1};");
	CHECK_INT(store_section_get(store, ID_A, "y", copy_section, &text), STORE_E_NOT_FOUND);
	CHECK_INT(store_section_get(store, ID_B, "x", copy_section, &text), STORE_E_NOT_FOUND);
	CHECK_INT(store_section_remove(store, ID_A, "y"), 0);
	CHECK_INT(store_section_remove(store, ID_B, "x"), 0);
	CHECK_INT(store_section_get(store, ID_A, "x", copy_section, &text), 0);
	CHECK_INT(store_section_remove(store, ID_A, "x"), 0);
	CHECK_INT(store_section_get(store, ID_A, "x", copy_section, &text), STORE_E_NOT_FOUND);
	CHECK_INT(store_section_put(store, ID_A, &section, 2), 0);

	CHECK_INT(store_event_add(store, ID_A, &event, 1), 0);
	event.json = (struct span){"again", 5};
	CHECK_INT(store_event_add(store, ID_A, &event, 1), 0);
	event = (struct report_event){.seq = 1, .json = {"late", 4}};
	CHECK_INT(store_event_add(store, ID_A, &event, 1), 0);
	buf_reset(&text);
	CHECK_INT(store_event_list(
			  store, &(struct store_event_range){NULL, 0, 10}, copy_event, &text),
		0);
	CHECK_STR(text.data, "first;late;");
	buf_reset(&text);
	CHECK_INT(store_event_list(
			  store, &(struct store_event_range){ID_A, 1, 10}, copy_event, &text),
		0);
	CHECK_STR(text.data, "late;");
	buf_reset(&text);
	buf_puts(&text, "");
	CHECK_INT(store_event_list(
			  store, &(struct store_event_range){ID_B, 0, 10}, copy_event, &text),
		0);
	CHECK_STR(text.data, "");
}

static int copy_document(const struct store_document *document, void *userdata)
{
	struct buf *out = userdata;

	buf_printf(
		out, "%d:%.*s;", (int)document->serial, (int)document->body.n, document->body.at);
	return out->error;
}

static void test_documents(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct store_document d = document_of(STORE_POLICY, "a", 5, "five");
	int64_t serial = -1;

	CHECK_INT(store_document_serial(store, STORE_POLICY, "a", &serial), 0);
	CHECK_INT(serial, 0);
	CHECK_INT(store_document_put(store, &d, 1), 0);
	CHECK_INT(store_document_put(store, &d, 1), STORE_E_EXISTS);
	d.groups = "x";
	CHECK_INT(store_document_put(store, &d, 1), STORE_E_STALE);
	d = document_of(STORE_POLICY, "a", 5, "fine");
	CHECK_INT(store_document_put(store, &d, 1), STORE_E_STALE);
	d = document_of(STORE_POLICY, "a", 4, "five");
	CHECK_INT(store_document_put(store, &d, 1), STORE_E_STALE);
	d = document_of(STORE_POLICY, "b", 1, "other stream");
	CHECK_INT(store_document_put(store, &d, 1), 0);
	d = document_of(STORE_POLICY, "a", 6, "six");
	CHECK_INT(store_document_put(store, &d, 1), 0);
	d.serial = 5;
	CHECK_INT(store_document_newest(store, &d, copy_document, &text), 0);
	CHECK_STR(text.data, "6:six;");
	d.serial = 6;
	CHECK_INT(store_document_newest(store, &d, copy_document, &text), STORE_E_NOT_FOUND);
	buf_reset(&text);
	for (int i = 1; i <= 3; i++) {
		d = document_of(STORE_KEYSET, "", i, "k");
		CHECK_INT(store_document_put(store, &d, 1), 0);
	}
	CHECK_INT(store_keysets_above(store, 1, copy_document, &text), 0);
	CHECK_STR(text.data, "2:k;3:k;");
	d = document_of(STORE_KEYSET, "", 5, "k");
	CHECK_INT(store_document_put(store, &d, 1), STORE_E_AHEAD);
}

static void test_removal(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct store_document d, any = {.type = STORE_POLICY, .address = "a"};
	struct store_removed removed = {.serial = 99};
	struct store_counts counts;

	CHECK_INT(store_document_remove(store, &any, &removed), STORE_E_NOT_FOUND);
	CHECK_INT(removed.serial, 99);
	for (int i = 3; i <= 5; i++) {
		d = document_of(STORE_POLICY, "a", i, "p");
		CHECK_INT(store_document_put(store, &d, 1), 0);
	}
	/* The one before is kept, but is not what "the same again" means. */
	d = document_of(STORE_POLICY, "a", 4, "p");
	CHECK_INT(store_document_put(store, &d, 1), STORE_E_STALE);
	CHECK_INT(store_counts(store, 1, &counts), 0);
	CHECK_INT(counts.documents, 1);
	CHECK_INT(store_document_remove(store, &d, &removed), STORE_E_STALE);
	d.serial = 5;
	CHECK_INT(store_document_remove(store, &d, &removed), 0);
	CHECK(removed.serial == 5 && removed.before == 4);
	CHECK_INT(store_document_newest(store, &any, copy_document, &text), 0);
	CHECK_STR(text.data, "4:p;");
	CHECK_INT(store_document_remove(store, &any, &removed), 0);
	CHECK(removed.serial == 4 && removed.before == 0);
	CHECK_INT(store_document_remove(store, &any, &removed), STORE_E_NOT_FOUND);
}

static void test_assigned(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_document d = document_of(STORE_ASSIGNMENT, "ticket:" ID_B, 3, "t");
	struct store_assigned assigned;

	CHECK_INT(store_assigned(store, ID_A, ID_B, &assigned), 0);
	CHECK_INT(assigned.serial, 0);
	CHECK_STR(assigned.address, "");
	d.groups = "staff";
	CHECK_INT(store_document_put(store, &d, 1), 0);
	CHECK_INT(store_assigned(store, ID_A, ID_B, &assigned), 0);
	CHECK_STR(assigned.groups, "staff");
	CHECK_INT(store_assigned(store, ID_A, "", &assigned), 0);
	CHECK_STR(assigned.address, "");
	/* The higher serial wins; of the same the device's own. */
	d = document_of(STORE_ASSIGNMENT, "device:" ID_A, 2, "d");
	CHECK_INT(store_document_put(store, &d, 1), 0);
	CHECK_INT(store_assigned(store, ID_A, ID_B, &assigned), 0);
	CHECK_STR(assigned.address, "ticket:" ID_B);
	d.serial = 3;
	CHECK_INT(store_document_put(store, &d, 1), 0);
	CHECK_INT(store_assigned(store, ID_A, ID_B, &assigned), 0);
	CHECK_STR(assigned.address, "device:" ID_A);
}

static void test_rollback(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_ticket ticket = ticket_of(ID_A), got;

	CHECK_INT(store_begin(store, STORE_SURVIVES_POWER), 0);
	CHECK_INT(store_ticket_add(store, &ticket), 0);
	store_rollback(store);
	store_rollback(store);
	CHECK_INT(store_ticket_get(store, ID_A, &got), STORE_E_NOT_FOUND);
	CHECK_INT(store_begin(store, STORE_SURVIVES_CRASH), 0);
	CHECK_INT(store_ticket_add(store, &ticket), 0);
	CHECK_INT(store_commit(store), 0);
	CHECK_INT(store_ticket_get(store, ID_A, &got), 0);
}

/* A process that dies right after a commit, of either durability, and one that dies before. */
static void test_killed(void)
{
	static const char *const ids[] = {ID_A, ID_B, ID_C};
	_cleanup_(store_closep) struct store *store = NULL;
	struct store_ticket got;
	char path[256];
	int status;

	close(check_tmpdir(path));
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct store *mine = open_store(path);
			struct store_ticket ticket = ticket_of(ids[i]);

			if (store_begin(mine, i ? STORE_SURVIVES_POWER : STORE_SURVIVES_CRASH) ||
				store_ticket_add(mine, &ticket) || (i < 2 && store_commit(mine)))
				_exit(1);
			raise(SIGKILL);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	}
	store = open_store(path);
	CHECK(store);
	CHECK_INT(store_ticket_get(store, ID_A, &got), 0);
	CHECK_INT(store_ticket_get(store, ID_B, &got), 0);
	CHECK_INT(store_ticket_get(store, ID_C, &got), STORE_E_NOT_FOUND);
}

/* In a child, whose file sizes are limited. 0: as it should be. */
static int fill_disk(const char *path)
{
	static char body[200000];
	struct rlimit limit = {.rlim_cur = 300000, .rlim_max = RLIM_INFINITY};
	struct store *store = open_store(path);
	struct store_document d = document_of(STORE_KEYSET, "", 1, "small");
	int64_t serial;
	int r = 0;

	memset(body, 'x', sizeof(body));
	if (!store || store_begin(store, STORE_SURVIVES_POWER) ||
		store_document_put(store, &d, 1) || store_commit(store))
		return 1;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 2; i < 10 && r == 0; i++) {
		d = document_of(STORE_KEYSET, "", i, "");
		d.body = (struct span){body, sizeof(body)};
		r = store_begin(store, STORE_SURVIVES_POWER);
		if (r == 0)
			r = store_document_put(store, &d, 1);
		if (r == 0)
			r = store_commit(store);
		else
			store_rollback(store);
	}
	if (r != -ENOSPC)
		return 2;
	/* Reading goes on; and writing, when there is space again. */
	if (store_document_serial(store, STORE_KEYSET, "", &serial) || serial < 1)
		return 3;
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	d.serial = serial + 1;
	if (store_begin(store, STORE_SURVIVES_POWER) || store_document_put(store, &d, 1) ||
		store_commit(store))
		return 4;
	store_close(store);
	return 0;
}

static void test_full_disk(void)
{
	char path[256];
	int status;
	pid_t pid;

	close(check_tmpdir(path));
	pid = fork();
	if (pid == 0)
		_exit(fill_disk(path));
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
}

static void test_damaged(void)
{
	struct store *store = NULL;
	char path[256], problem[512] = "";
	int dir_fd = check_tmpdir(path), fd;

	fd = openat(dir_fd, "mdm.db", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 1000; i++)
		CHECK(write(fd, "not a database", 14) == 14);
	close(fd);
	CHECK_INT(store_open(path, &store, problem), -EBADMSG);
	CHECK(!store && strstr(problem, "backup"));
	close(dir_fd);
}

static void test_newer_schema(void)
{
	struct store *store = NULL;
	char path[256], file[300], problem[512] = "";
	sqlite3 *db;

	close(check_tmpdir(path));
	snprintf(file, sizeof(file), "%s/mdm.db", path);
	CHECK_INT(sqlite3_open(file, &db), SQLITE_OK);
	CHECK_INT(sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	CHECK(store_open(path, &store, problem) < 0);
	CHECK(!store && strstr(problem, "newer"));
	CHECK(store_open("/nonexistent/directory", &store, problem) < 0);
}

static void test_counts(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_ticket a = ticket_of(ID_A), b = ticket_of(ID_B), c = ticket_of(ID_C);
	struct store_counts counts;

	c.expires_s = 10;
	CHECK(!store_ticket_add(store, &a) && !store_ticket_add(store, &b) &&
		!store_ticket_add(store, &c) && !store_ticket_use(store, ID_A, ID_A, 1));
	CHECK_INT(store_counts(store, 50, &counts), 0);
	CHECK_INT(counts.tickets, 3);
	CHECK_INT(counts.tickets_open, 1);
	CHECK_INT(counts.events, 0);
}

static void test_types_have_names(void)
{
	for (int i = 0; i < STORE_TYPE_MAX; i++)
		CHECK(store_type_name((enum store_type)i));
}

static const struct check_test tests[] = {
	{"tickets", test_tickets},
	{"lists", test_lists},
	{"devices", test_devices},
	{"seen", test_seen},
	{"sections_and_events", test_sections_and_events},
	{"documents", test_documents},
	{"removal", test_removal},
	{"assigned", test_assigned},
	{"rollback", test_rollback},
	{"killed", test_killed},
	{"full_disk", test_full_disk},
	{"damaged", test_damaged},
	{"newer_schema", test_newer_schema},
	{"counts", test_counts},
	{"types_have_names", test_types_have_names},
};
CHECK_MAIN(tests)
