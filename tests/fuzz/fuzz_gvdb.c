/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: platform */
/*
 * fuzz_gvdb.c - a hostile compiled database: nothing outside of it is read, the same question has
 * the same answer, and text ends inside the file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "platform/dconf_files.h"
#include "platform/gvdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct gvdb *table, const char *key)
{
	struct gvdb_value one = {0}, two = {0};
	bool found = gvdb_find_value(table, key, &one), is_default = false;

	/* Its type has more letters than that of a value, so that both are never right. */
	if (gvdb_find_default(table, key, &is_default) && (!found || one.type == GVDB_BOOLEAN))
		abort();

	if (found != gvdb_find_value(table, key, &two))
		abort();
	if (!found)
		return;
	if (one.type != two.type || one.number != two.number || one.type >= GVDB_TYPE_MAX)
		abort();
	if (one.type == GVDB_BOOLEAN && one.number != 0 && one.number != 1)
		abort();
	if ((one.type == GVDB_STRING) != (one.text != NULL))
		abort();
	if (one.text && one.text[0]) {
		const char *file = (const char *)table->data;

		if (one.text < file || one.text + strlen(one.text) >= file + table->size_bytes)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = {DCONF_KEY_IDLE_DELAY, DCONF_KEY_LOCK_ENABLED,
		DCONF_KEY_LOCK_DELAY, DCONF_KEY_LOCK_DISABLED, DCONF_KEY_REQUIRE_UNLOCK, "/", ""};
	const struct dconf_want want = {DCONF_KEY_IDLE_DELAY, GVDB_UINT32, 300};
	struct gvdb root, locks;

	(void)dconf_database_says(data, size, &want, 1);
	if (gvdb_open(data, size, &root) < 0)
		return 0;
	if (gvdb_count_values(&root) > size)
		abort();
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		look(&root, keys[i]);
	if (gvdb_find_table(&root, ".locks", &locks))
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			look(&locks, keys[i]);
	return 0;
}
