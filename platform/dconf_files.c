/* SPDX-License-Identifier: Apache-2.0 */
/* dconf_files.c - a policy as dconf keys; see dconf_files.h. Pure. Enforcer only. */
#include "platform/dconf_files.h"

#include <inttypes.h>
#include <string.h>

static const struct {
	enum setting_id id;
	const char *key;
	enum gvdb_type type;
	bool fixed; /* the value is not the policy's, but follows from a setting that asks for it */
	int64_t number;
} rows[DCONF_WANTS_MAX] = {
	{SETTING_SCREEN_LOCK_IDLE_DELAY, DCONF_KEY_IDLE_DELAY, GVDB_UINT32, false, 0},
	{SETTING_SCREEN_LOCK_ENABLED, DCONF_KEY_LOCK_ENABLED, GVDB_BOOLEAN, false, 0},
	{SETTING_SCREEN_LOCK_DELAY, DCONF_KEY_LOCK_DELAY, GVDB_UINT32, false, 0},
	{SETTING_SCREEN_LOCK_ENABLED, DCONF_KEY_LOCK_DISABLED, GVDB_BOOLEAN, true, 0},
	{SETTING_SCREEN_LOCK_REQUIRE_UNLOCK, DCONF_KEY_REQUIRE_UNLOCK, GVDB_BOOLEAN, false, 0},
};

size_t dconf_wants(const struct effective *desired, struct dconf_want ret_wants[DCONF_WANTS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct effective_setting *setting = &desired->settings[rows[i].id];

		if (!setting->present ||
			value_demands_nothing(setting_row(rows[i].id), &setting->value))
			continue;
		ret_wants[n++] = (struct dconf_want){rows[i].key, rows[i].type,
			rows[i].fixed ? rows[i].number : setting->value.number};
	}
	return n;
}

void dconf_write_keyfile(const struct dconf_want *wants, size_t n_wants, struct buf *out)
{
	buf_puts(out, DCONF_FILE_MARK);
	for (size_t i = 0; i < n_wants; i++) {
		const char *slash = strrchr(wants[i].key, '/');

		/* A group may stand more than once; its keys are joined. */
		buf_printf(out, "\n[%.*s]\n", (int)(slash - wants[i].key - 1), wants[i].key + 1);
		if (wants[i].type == GVDB_BOOLEAN)
			buf_printf(out, "%s=%s\n", slash + 1, wants[i].number ? "true" : "false");
		else
			buf_printf(out, "%s=uint32 %" PRId64 "\n", slash + 1, wants[i].number);
	}
}

void dconf_write_locks(const struct dconf_want *wants, size_t n_wants, struct buf *out)
{
	buf_puts(out, DCONF_FILE_MARK);
	for (size_t i = 0; i < n_wants; i++)
		buf_printf(out, "%s\n", wants[i].key);
}

bool dconf_database_says(
	const void *data, size_t n_bytes, const struct dconf_want *wants, size_t n_wants)
{
	struct gvdb values, locks;
	struct gvdb_value value;

	if (gvdb_open(data, n_bytes, &values) < 0 || !gvdb_find_table(&values, ".locks", &locks))
		return false;
	if (gvdb_count_values(&values) != n_wants || gvdb_count_values(&locks) != n_wants)
		return false;
	for (size_t i = 0; i < n_wants; i++)
		if (!gvdb_find_value(&locks, wants[i].key, &value) ||
			!gvdb_find_value(&values, wants[i].key, &value) ||
			value.type != wants[i].type || value.number != wants[i].number)
			return false;
	return true;
}
