/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_apk_db.c - databases of packages: what is read is within the limits and inside the text,
 * every package is found by its name and by what it provides, closing twice marks nothing more,
 * and each chain begins and ends where it should.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/limits.h"
#include "policies/apk_db.h"
#include "policies/apps_base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *text_begin, *text_end;

static void check_inside(struct apk_text text)
{
	if (text.n && (text.at < text_begin || text.at + text.n > text_end))
		abort();
}

static void check_package(const struct apk_db *db, size_t i)
{
	const struct apk_package *package = &db->packages[i];
	struct apk_text rest = package->provides;
	struct apk_dependency word;
	struct apk_files files;
	struct apk_file file;
	size_t found = apk_db_find(db, package->name.at, package->name.n);

	if (found > i || !package->name.n || package->name.n > LIMIT_TEXT_BYTES)
		abort();
	if (apk_db_provider(db, package->name.at, package->name.n) != found)
		abort();
	while (apk_dependency_next(&rest, &word)) {
		check_inside(word.name);
		check_inside(word.version);
		check_inside(word.tag);
		if (!word.is_conflict && word.name.n <= LIMIT_TEXT_BYTES &&
			apk_db_provider(db, word.name.at, word.name.n) >= db->n_packages)
			abort();
	}
	apk_files_begin(package, &files);
	while (apk_files_next(&files, &file)) {
		check_inside(file.directory);
		check_inside(file.name);
		if (!file.name.n || file.mode > 07777)
			abort();
	}
}

static void check_graph(const struct apk_db *db)
{
	bool *from = calloc(db->n_packages + 1, sizeof(*from));
	bool *marks = calloc(db->n_packages + 1, sizeof(*marks));
	bool *again = calloc(db->n_packages + 1, sizeof(*again));
	size_t chain[2];

	if (!from || !marks || !again)
		abort();
	from[0] = marks[0] = db->n_packages > 0;
	apk_db_close(db, marks);
	memcpy(again, marks, db->n_packages * sizeof(*marks));
	apk_db_close(db, again);
	if (memcmp(again, marks, db->n_packages * sizeof(*marks)) != 0)
		abort();
	for (size_t i = 0; i < db->n_packages && i < 64; i++) {
		size_t n = apk_db_chain(db, from, i, chain, 2);

		if (n > db->n_packages || (n && (!marks[i] || chain[0] != 0)) ||
			(n == 2 && chain[1] != i))
			abort();
	}
	free(from);
	free(marks);
	free(again);
}

static bool is_protected(const char *name)
{
	return name[0] == 'm';
}

static void check_base(const struct apk_db *db, struct apk_text world)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	bool *marks = calloc(db->n_packages + 1, sizeof(*marks));

	if (!marks || apps_base_make(db, world, is_protected, &names) < 0)
		abort();
	apps_base_mark(db, (struct apk_text){names.data, names.n_bytes}, marks);
	for (size_t i = 0; i < db->n_packages; i++)
		if (db->packages[i].name.at[0] == 'm' && !marks[i] &&
			apk_db_find(db, db->packages[i].name.at, db->packages[i].name.n) == i)
			abort();
	free(marks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct apk_db db;

	text_begin = (const char *)data;
	text_end = text_begin + size;
	if (apk_db_read(text_begin, size, &db) < 0)
		return 0;
	if (db.n_packages > LIMIT_APK_PACKAGES || db.n_names > LIMIT_APK_NAMES)
		abort();
	for (size_t i = 0; i < db.n_packages; i++)
		check_package(&db, i);
	check_graph(&db);
	check_base(&db, (struct apk_text){text_begin, size});
	apk_db_done(&db);
	return 0;
}
