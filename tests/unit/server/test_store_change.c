/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_change.c - which changes concern which device (store.h, "changes"). */
#include "server/store.h"

#include <string.h>
#include <unistd.h>

#include "tests/lib/check.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccc"

static struct store *fresh_store(void)
{
	struct store *store = NULL;
	char path[256], problem[512] = "";

	close(check_tmpdir(path));
	if (store_open(path, &store, problem) < 0)
		check_fail(__FILE__, __LINE__, "%s", problem);
	return store;
}

static int64_t mark_of(struct store *store)
{
	int64_t mark = -1;

	if (store_mark(store, &mark) != 0)
		check_fail(__FILE__, __LINE__, "%s", store_trouble(store));
	return mark;
}

static bool changed(struct store *store, const char *device, int64_t mark)
{
	bool is = false;

	if (store_changed_since(store, device, ID_C, mark, &is) != 0)
		check_fail(__FILE__, __LINE__, "%s", store_trouble(store));
	return is;
}

static void put(struct store *store, enum store_type type, const char *address, const char *groups)
{
	struct store_document d = {
		.type = type, .address = address, .groups = groups, .body = {"x", 1}};

	CHECK_INT(store_document_serial(store, type, address, &d.serial), 0);
	d.serial++;
	CHECK_INT(store_document_put(store, &d, 1), 0);
}

static void test_documents(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	int64_t mark = mark_of(store);

	CHECK(!changed(store, ID_A, mark));
	put(store, STORE_POLICY, "staff", "");
	CHECK(mark_of(store) == mark + 1);
	CHECK(!changed(store, ID_A, mark)); /* nobody assigned that group */
	put(store, STORE_ASSIGNMENT, "device:" ID_B, "staff");
	CHECK(changed(store, ID_B, mark) && !changed(store, ID_A, mark));
	mark = mark_of(store);
	CHECK(!changed(store, ID_B, mark));
	put(store, STORE_POLICY, "staf", "");
	put(store, STORE_POLICY, "staff2", "");
	CHECK(!changed(store, ID_B, mark)); /* a part of a name is another name */
	put(store, STORE_POLICY, "staff", "");
	CHECK(changed(store, ID_B, mark) && !changed(store, ID_A, mark));
	mark = mark_of(store);
	put(store, STORE_KEYSET, "", "");
	CHECK(changed(store, ID_B, mark) && changed(store, ID_A, mark));
	mark = mark_of(store);
	put(store, STORE_ASSIGNMENT, "ticket:" ID_C, "a,staff2,b");
	CHECK(changed(store, ID_A, mark)); /* came with that ticket */
	mark = mark_of(store);
	put(store, STORE_POLICY, "staff2", "");
	CHECK(changed(store, ID_A, mark) && !changed(store, ID_B, mark));
}

/* The same bytes again and a stale serial are no change. */
static void test_no_change(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_document d = {
		.type = STORE_KEYSET, .address = "", .serial = 1, .groups = "", .body = {"x", 1}};
	int64_t mark;

	CHECK_INT(store_document_put(store, &d, 1), 0);
	mark = mark_of(store);
	CHECK_INT(store_document_put(store, &d, 1), STORE_E_EXISTS);
	d.body.at = "y";
	CHECK_INT(store_document_put(store, &d, 1), STORE_E_STALE);
	CHECK_INT(mark_of(store), mark);
	CHECK(!changed(store, ID_A, mark));
}

static void test_from_the_future(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();

	CHECK(changed(store, ID_A, mark_of(store) + 1));
	CHECK(changed(store, ID_A, INT64_MAX));
	CHECK(!changed(store, ID_A, 0));
}

static const struct check_test tests[] = {
	{"documents", test_documents},
	{"no_change", test_no_change},
	{"from_the_future", test_from_the_future},
};
CHECK_MAIN(tests)
