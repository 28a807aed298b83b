/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_apps_report.c - the section "apps" in reports: whole, changed, acknowledged, asked for
 * again, on links that cost money, too large, after a restart; and what the inventory keeps.
 * Enforcer, on a small system of its own; the loop runs only where it says so.
 */
#include "agent/enforcer/apps_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/enforcer/apps_private.h"
#include "agent/enforcer/apps_record.h"
#include "agent/json/json_read.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

#define PACKAGE(name, version, depends)                                                            \
	"P:" name "\nV:" version "\nA:x86_64\nS:1\nI:4096\n" depends "F:usr/bin\nR:" name "\n\n"
#define IMAGE PACKAGE("musl", "1.2.5-r0", "") PACKAGE("alpine-base", "3.22-r0", "D:musl\n")
#define HTOP PACKAGE("htop", "3.3.0-r0", "D:musl\n")
#define NANO PACKAGE("nano", "8.4-r0", "D:musl\n")

struct rig {
	struct enforcer e;
	struct buf text;
	struct json_object *json;
};

static void rig_file(struct rig *rig, const char *path, const char *text)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0644};

	signer_must(fs_replace(rig->e.sysroot_fd, path, text, strlen(text), &owner) == 0);
}

static void rig_packages(struct rig *rig, const char *database, const char *world)
{
	rig_file(rig, "lib/apk/db/installed", database);
	rig_file(rig, "etc/apk/world", world);
}

static void rig_init(struct rig *rig)
{
	static const char *const directories[] = {
		"lib/apk/db", "etc/apk", "sbin", "usr/share/applications"};
	struct journal_recovery recovery;
	struct enforcer *e = &rig->e;
	char path[256];

	memset(rig, 0, sizeof(*rig));
	e->sysroot_fd = check_tmpdir(path);
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		signer_must(fs_make_dirs(e->sysroot_fd, directories[i], 0755) == 0);
	rig_file(rig, "sbin/apk", "");
	rig_file(rig, "etc/passwd", "");
	rig_packages(rig, IMAGE, "alpine-base\n");
	e->platform = (struct platform){.sysroot_fd = e->sysroot_fd, .vault_fd = -1};
	e->options.state_dir = "the state directory";
	close(check_tmpdir(path));
	signer_must(state_open(path, &e->state) == 0);
	signer_must(journal_open(e->state.dir_fd, 0, &e->journal, &recovery) == 0);
	signer_must(sd_event_new(&e->event) >= 0);
	documents_init(&e->documents, &e->state, e->journal);
	e->state.facts.enrolled = true;
	signer_must(commands_new(e, &e->commands) == 0);
	signer_must(apps_inventory_new(e, &e->apps) == 0);
	/* Nobody has a home here. */
	e->apps->searched_at_us = clock_boottime_us();
}

static void rig_done(struct rig *rig)
{
	json_putp(&rig->json);
	buf_done(&rig->text);
	apps_inventory_free(rig->e.apps);
	documents_done(&rig->e.documents);
	commands_free(rig->e.commands);
	journal_free(rig->e.journal);
	state_done(&rig->e.state);
	sd_event_unref(rig->e.event);
	close(rig->e.sysroot_fd);
}
#define _rig_ _cleanup_(rig_done)

static void rig_restart(struct rig *rig)
{
	apps_inventory_free(rig->e.apps);
	rig->e.apps = NULL;
	memset(&rig->e.report, 0, sizeof(rig->e.report));
	signer_must(apps_inventory_new(&rig->e, &rig->e.apps) == 0);
	rig->e.apps->searched_at_us = clock_boottime_us();
}

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

/* The section of the next report: "body", "delta" or "" (its digest alone); NULL: there is none. */
static const char *rig_report(struct rig *rig, bool lean)
{
	struct json_object *section;

	json_putp(&rig->json);
	rig->json = NULL;
	buf_reset(&rig->text);
	apps_inventory_refresh(&rig->e);
	signer_must(report_write(&rig->e, lean, &rig->text) == 0);
	rig->json = json_tokener_parse(rig->text.data);
	section = member(member(rig->json, "sections"), "apps");
	if (!section)
		return NULL;
	return member(section, "body") ? "body" : member(section, "delta") ? "delta" : "";
}

static const char *rig_digest(struct rig *rig)
{
	return json_object_get_string(
		member(member(member(rig->json, "sections"), "apps"), "digest"));
}

static void rig_answer(struct rig *rig, const char *resend)
{
	report_acknowledge(&rig->e.report, resend);
	apps_report_settle(&rig->e);
}

static bool rig_keeps(struct rig *rig)
{
	return check_exists(rig->e.state.dir_fd, APPS_REPORT_FILE);
}

/* --- reports --------------------------------------------------------------------------------- */

static void test_life(void)
{
	char first[32], second[32];
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_STR(rig_report(&rig, false), "body");
	snprintf(first, sizeof(first), "%s", rig_digest(&rig));
	/* Not answered: nothing is known of the server. */
	apps_report_settle(&rig.e);
	CHECK(!rig_keeps(&rig));
	CHECK_STR(rig_report(&rig, false), "body");
	rig_answer(&rig, "");
	CHECK(rig_keeps(&rig));
	CHECK_STR(rig_report(&rig, false), "");
	CHECK_STR(rig_digest(&rig), first);
	rig_answer(&rig, "");
	rig_packages(&rig, IMAGE HTOP, "alpine-base htop\n");
	CHECK_STR(rig_report(&rig, false), "delta");
	snprintf(second, sizeof(second), "%s", rig_digest(&rig));
	CHECK(strcmp(first, second) != 0);
	CHECK_STR(json_object_get_string(member(
			  member(member(member(rig.json, "sections"), "apps"), "delta"), "from")),
		first);
	/* The answer got lost: the same once more. */
	apps_report_settle(&rig.e);
	CHECK_STR(rig_report(&rig, false), "delta");
	CHECK_STR(rig_digest(&rig), second);
	rig_answer(&rig, "");
	CHECK_STR(rig_report(&rig, false), "");
	/* And back again. */
	rig_answer(&rig, "");
	rig_packages(&rig, IMAGE, "alpine-base\n");
	CHECK_STR(rig_report(&rig, false), "delta");
	CHECK_STR(rig_digest(&rig), first);
}

static void test_asked_for(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_STR(rig_report(&rig, false), "body");
	rig_answer(&rig, "");
	rig_packages(&rig, IMAGE HTOP, "alpine-base htop\n");
	CHECK_STR(rig_report(&rig, false), "delta");
	rig_answer(&rig, "inventory,apps");
	CHECK(!rig_keeps(&rig));
	CHECK_STR(rig_report(&rig, false), "body");
	rig_answer(&rig, "");
	CHECK_STR(rig_report(&rig, false), "");
	/* The same where nothing has changed. */
	rig_answer(&rig, "apps");
	CHECK_STR(rig_report(&rig, false), "body");
}

static void test_restart(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_STR(rig_report(&rig, false), "body");
	rig_answer(&rig, "");
	rig_restart(&rig);
	CHECK_STR(rig_report(&rig, false), "");
	rig_answer(&rig, "");
	rig_packages(&rig, IMAGE HTOP, "alpine-base htop\n");
	rig_restart(&rig);
	CHECK_STR(rig_report(&rig, false), "delta");
	/* Killed before the answer came. */
	rig_restart(&rig);
	CHECK_STR(rig_report(&rig, false), "delta");
	rig_answer(&rig, "");
	signer_must(state_write(&rig.e.state, APPS_REPORT_FILE, "damaged", 7) == 0);
	rig_restart(&rig);
	CHECK_STR(rig_report(&rig, false), "body");
}

/* After a start nothing is told gone before homes were searched. */
static void test_not_searched_yet(void)
{
	char first[32];
	_rig_ struct rig rig;

	rig_init(&rig);
	rig.e.apps->searched_at_us = 0;
	/* The first report of an enrolment does not wait. */
	CHECK_STR(rig_report(&rig, false), "body");
	rig_answer(&rig, "");
	snprintf(first, sizeof(first), "%s", rig_digest(&rig));
	rig_packages(&rig, IMAGE HTOP, "alpine-base htop\n");
	rig_restart(&rig);
	rig.e.apps->searched_at_us = 0;
	CHECK_STR(rig_report(&rig, false), "");
	CHECK_STR(rig_digest(&rig), first);
	rig_answer(&rig, "");
	/* The loop searches while it has nothing else to do. */
	for (int i = 0; i < 1000 && !rig.e.apps->searched_at_us; i++)
		CHECK(sd_event_run(rig.e.event, 100000) >= 0);
	CHECK(rig.e.apps->searched_at_us && !rig.e.apps->walk);
	CHECK_STR(rig_report(&rig, false), "delta");
	CHECK(strcmp(rig_digest(&rig), first) != 0);
}

/* What costs money waits; the server is not made to ask for it. */
static void test_lean(void)
{
	char first[32];
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_STR(rig_report(&rig, true), "");
	rig_answer(&rig, "apps");
	CHECK_STR(rig_report(&rig, false), "body");
	rig_answer(&rig, "");
	snprintf(first, sizeof(first), "%s", rig_digest(&rig));
	rig_packages(&rig, IMAGE HTOP, "alpine-base htop\n");
	CHECK_STR(rig_report(&rig, true), "");
	CHECK_STR(rig_digest(&rig), first);
	rig_answer(&rig, "");
	CHECK_STR(rig_report(&rig, false), "delta");
	/* The server has lost it while the link cost money. */
	rig_answer(&rig, "");
	rig_packages(&rig, IMAGE NANO, "alpine-base nano\n");
	CHECK_STR(rig_report(&rig, true), "");
	rig_answer(&rig, "apps");
	CHECK_STR(rig_report(&rig, true), "");
	rig_answer(&rig, "apps");
	CHECK_STR(rig_report(&rig, false), "body");
}

/* A report without room has what stands for the section, and later all of it. */
static void test_too_large(void)
{
	static struct observed_item items[1200];
	struct compliance_result *result, **place;
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_STR(rig_report(&rig, false), "body");
	rig_answer(&rig, "");
	place = &rig.e.reconcile.compliance.results[SETTING_ENCRYPTION_STORAGE];
	*place = result = calloc(1, sizeof(*result));
	signer_must(result != NULL);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		memset(items[i].name, 'n', LIMIT_TEXT_BYTES);
	result->present = true;
	result->items = items;
	result->n_items = ARRAY_SIZE(items);
	rig.e.reconcile.has_compliance = true;
	rig_packages(&rig, IMAGE HTOP, "alpine-base htop\n");
	/* The largest goes first, which is not what changed of the apps. */
	CHECK_STR(rig_report(&rig, false), "delta");
	CHECK(rig.text.n_bytes < LIMIT_REPORT_BYTES);
	rig_answer(&rig, "");
	CHECK_STR(rig_report(&rig, false), "");
	*place = NULL;
	free(result);
}

/* Where the list itself is the largest, it has no room, and comes when there is some. */
static void test_too_large_itself(void)
{
	static struct observed_item items[400];
	_cleanup_buf_ struct buf database = BUF_INIT, world = BUF_INIT;
	struct compliance_result *result, **place;
	_rig_ struct rig rig;

	rig_init(&rig);
	buf_puts(&database, IMAGE);
	buf_puts(&world, "alpine-base");
	for (int i = 0; i < 1000; i++) {
		buf_printf(&database, "P:p%050d\nV:%060d\no:%060d\n\n", i, i, i);
		buf_printf(&world, " p%050d", i);
	}
	rig_packages(&rig, database.data, world.data);
	place = &rig.e.reconcile.compliance.results[SETTING_ENCRYPTION_STORAGE];
	*place = result = calloc(1, sizeof(*result));
	signer_must(result != NULL);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		memset(items[i].name, 'n', LIMIT_TEXT_BYTES);
	result->present = true;
	result->items = items;
	result->n_items = ARRAY_SIZE(items);
	rig.e.reconcile.has_compliance = true;
	CHECK_STR(rig_report(&rig, false), "body");
	CHECK(strstr(rig.text.data, "\"body\":{\"too_large\":true}"));
	CHECK(strstr(rig.text.data, "nnnn"));
	rig_answer(&rig, "");
	/* That is not what the server has now. */
	CHECK(!rig_keeps(&rig));
	CHECK_STR(rig_report(&rig, false), "body");
	CHECK(!strstr(rig.text.data, "too_large") && rig.text.n_bytes > 100 * 1024);
	rig_answer(&rig, "");
	CHECK(rig_keeps(&rig));
	rig_packages(&rig, IMAGE, "alpine-base\n");
	/* Shorter as a whole than as what changed. */
	CHECK_STR(rig_report(&rig, false), "body");
	*place = NULL;
	free(result);
}

static void test_nothing_is_known(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	apps_inventory_forget(&rig.e);
	rig.e.state.facts.enrolled = false;
	CHECK(rig_report(&rig, false) == NULL);
	rig_answer(&rig, "");
	CHECK(!rig_keeps(&rig));
	/* Without an inventory at all. */
	apps_inventory_free(rig.e.apps);
	rig.e.apps = NULL;
	CHECK(rig_report(&rig, false) == NULL);
}

/* --- the inventory -----------------------------------------------------------------------------
 */

struct counted {
	enum journal_type type;
	size_t n;
	char last[512];
};

static int count_record(const struct journal_record *record, void *userdata)
{
	struct counted *counted = userdata;

	if (record->type != counted->type)
		return 0;
	counted->n++;
	snprintf(counted->last, sizeof(counted->last), "%s", record->payload);
	return 0;
}

static char last_payload[512];

static size_t n_records(struct rig *rig, enum journal_type type)
{
	struct counted counted = {.type = type};

	(void)journal_each(rig->e.journal, 0, count_record, &counted);
	snprintf(last_payload, sizeof(last_payload), "%s", counted.last);
	return counted.n;
}

static void test_base(void)
{
	_cleanup_free_ char *lines = NULL;
	_rig_ struct rig rig;
	size_t n;

	rig_init(&rig);
	CHECK_INT(n_records(&rig, JOURNAL_APP), 1);
	CHECK_STR(last_payload, "{\"what\":\"base\",\"cause\":\"missing\",\"packages\":2}");
	CHECK_INT(rig.e.platform.apps->base(&lines, &n, rig.e.platform.apps->userdata), 0);
	CHECK_STR(lines, "alpine-base\nmusl\n");
	CHECK_INT(n, strlen(lines));
	/* Recorded once: a restart makes no other one. */
	rig_packages(&rig, IMAGE HTOP, "alpine-base htop\n");
	rig_restart(&rig);
	CHECK_INT(n_records(&rig, JOURNAL_APP), 1);
	signer_must(state_write(&rig.e.state, APPS_RECORD_FILE, "x", 1) == 0);
	rig_restart(&rig);
	CHECK_INT(n_records(&rig, JOURNAL_APP), 2);
	CHECK_STR(last_payload, "{\"what\":\"base\",\"cause\":\"damaged\",\"packages\":2}");
	CHECK(check_exists(rig.e.state.dir_fd, APPS_RECORD_BROKEN));
	/* Nobody manages the phone: there is none, and none is made. */
	rig.e.state.facts.enrolled = false;
	signer_must(fs_remove(rig.e.state.dir_fd, APPS_RECORD_FILE) == 0);
	free(lines);
	lines = NULL;
	CHECK_INT(rig.e.platform.apps->base(&lines, &n, rig.e.platform.apps->userdata), -ENOENT);
	CHECK(!check_exists(rig.e.state.dir_fd, APPS_RECORD_FILE));
}

/* On a file system that became read-only the base stays what it was found to be. */
static void test_base_cannot_be_stored(void)
{
	_cleanup_free_ char *lines = NULL;
	_rig_ struct rig rig;
	int dir_fd;
	size_t n;

	rig_init(&rig);
	signer_must(fs_remove(rig.e.state.dir_fd, APPS_RECORD_FILE) == 0);
	dir_fd = rig.e.state.dir_fd;
	/* Where nothing can be made. */
	rig.e.state.dir_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	signer_must(rig.e.state.dir_fd >= 0);
	CHECK_INT(rig.e.platform.apps->base(&lines, &n, rig.e.platform.apps->userdata), 0);
	CHECK_STR(lines, "alpine-base\nmusl\n");
	CHECK(rig.e.problems[PROBLEM_STATE].what[0]);
	/* A package of the image that came later is none. */
	rig_packages(&rig, IMAGE PACKAGE("postmarketos-later", "1-r0", ""),
		"alpine-base postmarketos-later\n");
	free(lines);
	lines = NULL;
	CHECK_INT(rig.e.platform.apps->base(&lines, &n, rig.e.platform.apps->userdata), 0);
	CHECK_STR(lines, "alpine-base\nmusl\n");
	close(rig.e.state.dir_fd);
	rig.e.state.dir_fd = dir_fd;
}

static void test_came_and_went(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_packages(&rig, IMAGE HTOP, "alpine-base htop\n");
	apps_inventory_refresh(&rig.e);
	CHECK_INT(n_records(&rig, JOURNAL_APP_FOUND), 1);
	CHECK_STR(last_payload, "{\"appeared\":[\"htop\"],\"gone\":[]}");
	apps_inventory_refresh(&rig.e);
	CHECK_INT(n_records(&rig, JOURNAL_APP_FOUND), 1);
	/* By the agent's own job. */
	rig.e.platform.apps->acting(true, rig.e.platform.apps->userdata);
	rig_packages(&rig, IMAGE NANO, "alpine-base nano\n");
	apps_inventory_refresh(&rig.e);
	rig_packages(&rig, IMAGE NANO HTOP, "alpine-base htop nano\n");
	rig.e.platform.apps->acting(false, rig.e.platform.apps->userdata);
	CHECK_INT(n_records(&rig, JOURNAL_APP_FOUND), 1);
	rig_packages(&rig, IMAGE NANO, "alpine-base nano\n");
	apps_inventory_refresh(&rig.e);
	CHECK_INT(n_records(&rig, JOURNAL_APP_FOUND), 2);
	CHECK_STR(last_payload, "{\"appeared\":[],\"gone\":[\"htop\"]}");
}

/* All day long: so many records an hour, and what happened since then in the next one. */
static void test_rate(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	for (int i = 0; i < 15; i++) {
		rig_packages(&rig, i % 2 ? IMAGE : IMAGE HTOP,
			i % 2 ? "alpine-base\n" : "alpine-base htop\n");
		apps_inventory_refresh(&rig.e);
		CHECK_INT(n_records(&rig, JOURNAL_APP_FOUND), i < 12 ? i + 1 : 12);
	}
	rig.e.apps->hour_at_us -= 3600 * USEC_PER_SEC;
	rig_packages(&rig, IMAGE HTOP NANO, "alpine-base htop nano\n");
	apps_inventory_refresh(&rig.e);
	CHECK_INT(n_records(&rig, JOURNAL_APP_FOUND), 13);
	CHECK_STR(last_payload, "{\"appeared\":[\"htop\",\"nano\"],\"gone\":[]}");
}

static const struct check_test tests[] = {
	{"life", test_life},
	{"asked for", test_asked_for},
	{"restart", test_restart},
	{"not searched yet", test_not_searched_yet},
	{"lean", test_lean},
	{"too large", test_too_large},
	{"too large itself", test_too_large_itself},
	{"nothing is known", test_nothing_is_known},
	{"base", test_base},
	{"base cannot be stored", test_base_cannot_be_stored},
	{"came and went", test_came_and_went},
	{"rate", test_rate},
};
CHECK_MAIN(tests)
