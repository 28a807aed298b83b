/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_escrow.c - sealed secrets at the server: their form, that each is kept once and for ever,
 * and how many a phone may bring.
 */
#include "server/escrow.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/codec.h"
#include "tests/lib/check.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ENTRY(kind, generation, cms)                                                               \
	"{\"kind\":\"" kind "\",\"generation\":" generation                                        \
	",\"counter\":0,\"certificates\":[\"" DIGEST "\"],\"cms\":\"" cms "\"}"
#define BODY(entries) "{\"v\":1,\"entries\":[" entries "]}"
#define DAY 86400

static char directory[256];

static struct store *fresh_store(void)
{
	struct store_device device = {.enrolled_s = 1};
	struct store *store = NULL;
	char problem[512] = "";

	close(check_tmpdir(directory));
	if (store_open(directory, &store, problem) < 0)
		check_fail(__FILE__, __LINE__, "%s", problem);
	strcpy(device.id, ID_A);
	if (store_device_enrol(store, &device, NULL, 0) != 0)
		check_fail(__FILE__, __LINE__, "enrol");
	strcpy(device.id, ID_B);
	if (store_device_enrol(store, &device, NULL, 0) != 0)
		check_fail(__FILE__, __LINE__, "enrol");
	return store;
}

static int check(const char *body)
{
	const char *problem = NULL;
	struct span span;
	int r = json_check(body, strlen(body), &span);

	if (r == 0)
		r = escrow_check(span, &problem);
	return r == -EBADMSG && !problem ? -EFAULT : r;
}

static int keep(struct store *store, const char *device, const char *enrolment, const char *body,
	int64_t now_s)
{
	static struct report report;
	struct span span;

	memset(&report, 0, sizeof(report));
	strcpy(report.device, device);
	strcpy(report.enrolment, enrolment);
	if (json_check(body, strlen(body), &span) < 0)
		return -EINVAL;
	return escrow_keep(store, &report, span, now_s);
}

static void test_form(void)
{
	static const char *const bad[] = {
		"{\"entries\":7}",
		"{\"entries\":{}}",
		"{\"entries\":[],\"entries\":[]}",
		BODY("7"),
		BODY("{}"),
		BODY(ENTRY("", "1", "AAAA")),
		BODY(ENTRY(".x", "1", "AAAA")),
		BODY(ENTRY("unlock", "0", "AAAA")),
		BODY(ENTRY("unlock", "-1", "AAAA")),
		BODY(ENTRY("unlock", "1.0", "AAAA")),
		BODY(ENTRY("unlock", "9007199254740992", "AAAA")),
		BODY(ENTRY("unlock", "\"1\"", "AAAA")),
		BODY(ENTRY("unlock", "1", "")),
		BODY(ENTRY("unlock", "1", "AAA")),
		BODY(ENTRY("unlock", "1", "A_AA")),
		BODY("{\"kind\":\"unlock\",\"generation\":1,\"cms\":\"AAAA\"}"),
		BODY("{\"kind\":\"unlock\",\"generation\":1,\"certificates\":[],\"cms\":\"AAAA\"}"),
		BODY("{\"kind\":\"unlock\",\"generation\":1,\"certificates\":[\"00\"],\"cms\":\"AAAA\"}"),
		BODY("{\"kind\":\"unlock\",\"generation\":1,\"counter\":-1,\"certificates\":[\"" DIGEST
		     "\"],\"cms\":\"AAAA\"}"),
	};

	CHECK_INT(check("{}"), 0);
	CHECK_INT(check("{\"too_large\":true}"), 0);
	CHECK_INT(check(BODY("")), 0);
	CHECK_INT(check(BODY(ENTRY("unlock", "1", "AAAA"))), 0);
	CHECK_INT(check(BODY(ENTRY("unlock", "1", "AAAA") "," ENTRY("luks", "2", "AAAA"))), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (check(bad[i]) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
}

/* A body with so many entries, certificates in each and bytes of CMS. */
static int check_sizes(size_t n_entries, size_t n_certificates, size_t n_cms)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	_cleanup_free_ char *cms = calloc(1, n_cms);

	buf_puts(&body, "{\"entries\":[");
	for (size_t i = 0; i < n_entries; i++) {
		buf_printf(&body, "%s{\"kind\":\"luks\",\"generation\":1,\"certificates\":[",
			i ? "," : "");
		for (size_t j = 0; j < n_certificates; j++)
			buf_printf(&body, "%s\"" DIGEST "\"", j ? "," : "");
		buf_puts(&body, "],\"cms\":\"");
		base64_write(cms, n_cms, "", &body);
		buf_puts(&body, "\"}");
	}
	buf_puts(&body, "]}");
	return check(body.data);
}

static void test_limits(void)
{
	CHECK_INT(check_sizes(LIMIT_ESCROW_ENTRIES, LIMIT_ESCROW_CERTIFICATES, LIMIT_ESCROW_BYTES),
		0);
	CHECK_INT(check_sizes(LIMIT_ESCROW_ENTRIES + 1, 1, 3), -EBADMSG);
	CHECK_INT(check_sizes(1, LIMIT_ESCROW_CERTIFICATES + 1, 3), -EBADMSG);
	CHECK_INT(check_sizes(1, 1, LIMIT_ESCROW_BYTES + 1), -EBADMSG);
}

static int collect(const struct store_escrow *entry, void *userdata)
{
	struct buf *out = userdata;

	buf_printf(out, "%.1s %s %s %lld %zu %lld\n", entry->device, entry->enrolment, entry->kind,
		(long long)entry->generation, entry->cms.n, (long long)entry->received_s);
	return strcmp(entry->certificates, DIGEST) == 0 ? 0 : -EINVAL;
}

static void test_kept_once(void)
{
	struct store *store = fresh_store();
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct store_event_range range = {.limit = 10};

	CHECK_INT(keep(store, ID_A, "e1", BODY(ENTRY("unlock", "1", "AAAA")), 10), 0);
	/* Its answer was lost; the counter moved. */
	CHECK_INT(keep(store, ID_A, "e1", BODY(ENTRY("unlock", "1", "AAAA")), 20), 0);
	/* Another text under the same number is another secret: kept, too. */
	CHECK_INT(keep(store, ID_A, "e1", BODY(ENTRY("unlock", "1", "AAAB")), 30), 0);
	CHECK_INT(keep(store, ID_A, "e1",
			  BODY(ENTRY("unlock", "2", "AAAC") "," ENTRY("luks", "1", "AAAC")), 40),
		0);
	CHECK_INT(keep(store, ID_A, "e2", BODY(ENTRY("unlock", "1", "AAAA")), 50), 0);
	CHECK_INT(keep(store, ID_B, "e1", BODY(ENTRY("unlock", "1", "AAAA")), 60), 0);
	CHECK_INT(store_escrow_list(store, &range, collect, &out), 0);
	CHECK_STR(out.data, "a e1 unlock 1 0 10\na e1 unlock 1 0 30\na e1 unlock 2 0 40\n"
			    "a e1 luks 1 0 40\na e2 unlock 1 0 50\nb e1 unlock 1 0 60\n");
	buf_reset(&out);
	range = (struct store_event_range){.device = ID_A, .after = 2, .limit = 2};
	CHECK_INT(store_escrow_list(store, &range, collect, &out), 0);
	CHECK_STR(out.data, "a e1 unlock 2 0 40\na e1 luks 1 0 40\n");
	buf_reset(&out);
	CHECK_INT(store_escrow_get(store, ID_A, 2, collect, &out), 0);
	CHECK_STR(out.data, "a e1 unlock 1 3 30\n");
	CHECK_INT(store_escrow_get(store, ID_B, 2, collect, &out), STORE_E_NOT_FOUND);
	CHECK_INT(store_escrow_get(store, ID_A, 7, collect, &out), STORE_E_NOT_FOUND);
	store_close(store);
}

/* Not even by somebody with a shell who does not mean it. */
static void test_never_changed(void)
{
	struct store *store = fresh_store();
	char file[300];
	sqlite3 *db;

	CHECK_INT(keep(store, ID_A, "e1", BODY(ENTRY("unlock", "1", "AAAA")), 10), 0);
	store_close(store);
	snprintf(file, sizeof(file), "%s/mdm.db", directory);
	CHECK_INT(sqlite3_open(file, &db), SQLITE_OK);
	CHECK_INT(sqlite3_exec(db, "DELETE FROM escrow", NULL, NULL, NULL), SQLITE_CONSTRAINT);
	CHECK_INT(sqlite3_exec(db, "UPDATE escrow SET cms=x'00'", NULL, NULL, NULL),
		SQLITE_CONSTRAINT);
	sqlite3_close(db);
}

static void test_quota(void)
{
	struct store *store = fresh_store();
	char body[512];

	for (int i = 0; i <= BOUND_ESCROW_PER_DAY; i++) {
		snprintf(body, sizeof(body), BODY(ENTRY("unlock", "%d", "AAAA")), i + 1);
		CHECK_INT(keep(store, ID_A, "e1", body, 1000 + i),
			i < BOUND_ESCROW_PER_DAY ? 0 : STORE_E_FULL);
	}
	/* What is there already needs no room; another phone has its own; a day later there is. */
	CHECK_INT(keep(store, ID_A, "e1", BODY(ENTRY("unlock", "1", "AAAA")), 2000), 0);
	CHECK_INT(keep(store, ID_B, "e1", body, 2000), 0);
	CHECK_INT(keep(store, ID_A, "e1", body, 1000 + DAY - 1), STORE_E_FULL);
	CHECK_INT(keep(store, ID_A, "e1", body, 1000 + DAY), 0);
	store_close(store);
}

static const struct check_test tests[] = {
	{"the form of the section", test_form},
	{"its limits", test_limits},
	{"each is kept once", test_kept_once},
	{"and for ever", test_never_changed},
	{"how many a phone may bring", test_quota},
};
CHECK_MAIN(tests)
