/* SPDX-License-Identifier: Apache-2.0 */
/* apps_updates.c - see apps_updates.h. Pure. Enforcer only. */
#include "platform/apps_updates.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/util/codec.h"

#define HEAD "mdm-agent apps-updates 1\n"
#define DAY_S 86400
#define LOOK_S 3600 /* hours begin and end */

static int read_number(const char **text, const char *word, int64_t *ret_number)
{
	size_t n_word = strlen(word), n = strcspn(*text, "\n");
	char digits[24];

	if (strncmp(*text, word, n_word) != 0 || (*text)[n] != '\n' || n - n_word >= sizeof(digits))
		return -EBADMSG;
	memcpy(digits, *text + n_word, n - n_word);
	digits[n - n_word] = 0;
	*text += n + 1;
	return parse_int64(digits, 0, INT64_MAX / 2, ret_number) < 0 ? -EBADMSG : 0;
}

int apps_updates_read(const char *text, size_t n_bytes, struct apps_updates *ret_updates)
{
	struct apps_updates updates;

	if (strlen(text) != n_bytes || strncmp(text, HEAD, strlen(HEAD)) != 0)
		return -EBADMSG;
	text += strlen(HEAD);
	if (read_number(&text, "done ", &updates.done_s) < 0 ||
		read_number(&text, "tried ", &updates.tried_s) < 0 || *text)
		return -EBADMSG;
	*ret_updates = updates;
	return 0;
}

void apps_updates_write(const struct apps_updates *updates, struct buf *out)
{
	buf_printf(out, HEAD "done %" PRId64 "\ntried %" PRId64 "\n", updates->done_s,
		updates->tried_s);
}

static bool has_hour(const struct effective_setting *hours, int hour)
{
	char text[12];

	snprintf(text, sizeof(text), "%02d", hour);
	if (!hours->present)
		return true;
	for (size_t i = 0; i < hours->value.set.n_strings; i++)
		if (strcmp(hours->value.set.strings[i], text) == 0)
			return true;
	return false;
}

/* What it waits for; NULL: nothing. What nobody on the phone tells is no obstacle. */
static const char *find_obstacle(const struct effective_setting *hours,
	const struct apps_updates *updates, const struct apps_updates_facts *facts, bool overdue)
{
	const struct device_facts *device = facts->device;

	if (!has_hour(hours, facts->hour))
		return "for an hour in which it may begin";
	if (device->online == TRUTH_FALSE)
		return "for a network";
	if (device->metered == TRUTH_TRUE || device->roaming == TRUTH_TRUE)
		return "for a network that costs nothing";
	if (device->charging == TRUTH_FALSE && !overdue)
		return "for the charger";
	if (updates->tried_s <= facts->now_s &&
		facts->now_s - updates->tried_s < APPS_UPDATES_AGAIN_S)
		return "an hour after one that failed";
	return NULL;
}

enum apps_updates_say apps_updates_judge(const struct effective *effective,
	const struct apps_updates *updates, const struct apps_updates_facts *facts,
	const char **ret_why, int64_t *ret_look_s)
{
	const struct effective_setting *every = &effective->settings[SETTING_APPS_UPDATE_EVERY];
	const struct effective_setting *hours = &effective->settings[SETTING_APPS_UPDATE_HOURS];
	int64_t every_s = every->value.number * DAY_S, age_s = facts->now_s - updates->done_s;
	bool overdue = age_s >= 2 * every_s;
	const char *why;

	*ret_why = "";
	*ret_look_s = LOOK_S;
	if (hours->present && hours->value.set.n_strings == 0)
		return APPS_UPDATES_NEVER;
	/* A clock behind its last word knows no age. */
	if (age_s < every_s) {
		if (age_s >= 0 && every_s - age_s > LOOK_S)
			*ret_look_s = every_s - age_s;
		return APPS_UPDATES_FRESH;
	}
	why = find_obstacle(hours, updates, facts, overdue);
	if (!why)
		return APPS_UPDATES_BEGIN;
	*ret_why = why;
	return overdue && updates->done_s ? APPS_UPDATES_OVERDUE : APPS_UPDATES_WAIT;
}
