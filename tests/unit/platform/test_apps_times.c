/* SPDX-License-Identifier: Apache-2.0 */
/* test_apps_times.c - when jobs about apps are begun again, and when updates are due. */
#include <stdlib.h>
#include <string.h>

#include "agent/util/clock.h"
#include "platform/apps_retry.h"
#include "platform/apps_updates.h"
#include "tests/lib/check.h"

static const uint8_t one[SHA256_BYTES] = {1}, two[SHA256_BYTES] = {2};

static int64_t wait_s(const struct apps_retry *retry, const uint8_t *plan)
{
	int64_t at = apps_retry_at_us(retry, plan);

	return at ? (at - retry->ended_us) / USEC_PER_SEC : 0;
}

static void test_retry(void)
{
	struct apps_retry retry = {0};

	CHECK_INT(apps_retry_at_us(&retry, one), 0);
	apps_retry_ended(&retry, one, false, USEC_PER_SEC);
	CHECK_INT(wait_s(&retry, one), APPS_RETRY_FIRST_S);
	/* What the first one made possible begins at once. */
	CHECK_INT(wait_s(&retry, two), 0);
	apps_retry_ended(&retry, one, false, USEC_PER_SEC);
	CHECK_INT(wait_s(&retry, one), 2 * APPS_RETRY_FIRST_S);
	CHECK_INT(wait_s(&retry, two), 2 * APPS_RETRY_PAUSE_S);
	for (int i = 0; i < 5000; i++)
		apps_retry_ended(&retry, one, false, USEC_PER_SEC);
	CHECK_INT(wait_s(&retry, one), APPS_RETRY_LAST_S);
	CHECK_INT(wait_s(&retry, two), APPS_RETRY_PAUSE_MAX_S);
	apps_retry_settled(&retry);
	CHECK_INT(apps_retry_at_us(&retry, one), 0);
}

/* Two plans that lead to each other never spin. */
static void test_retry_flips(void)
{
	struct apps_retry retry = {0};
	int64_t now = USEC_PER_SEC, begun = 0;

	for (int i = 0; i < 200; i++) {
		const uint8_t *plan = i % 2 ? one : two;
		int64_t at = apps_retry_at_us(&retry, plan);

		now = at > now ? at : now;
		begun++;
		apps_retry_ended(&retry, plan, false, now);
	}
	/* Most of a day for 200 of them. */
	CHECK(now > INT64_C(20) * 3600 * USEC_PER_SEC);
	CHECK_INT(begun, 200);
}

static void test_retry_network(void)
{
	struct apps_retry retry = {0};

	for (int i = 0; i < 20; i++)
		apps_retry_ended(&retry, one, true, USEC_PER_SEC);
	CHECK_INT(wait_s(&retry, one), APPS_RETRY_NETWORK_S);
	apps_retry_online(&retry);
	CHECK_INT(wait_s(&retry, one), 20 * APPS_RETRY_PAUSE_S);
	apps_retry_ended(&retry, one, false, USEC_PER_SEC);
	apps_retry_online(&retry);
	CHECK_INT(wait_s(&retry, one), APPS_RETRY_FIRST_S);
}

/* --- updates -------------------------------------------------------------------------------- */

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

struct world {
	struct effective want;
	struct apps_updates updates;
	struct device_facts device;
	struct apps_updates_facts facts;
	const char *why;
	int64_t look_s;
};

static void world_init(struct world *w, int64_t days_ago)
{
	memset(w, 0, sizeof(*w));
	w->want.settings[SETTING_APPS_UPDATE_EVERY].present = true;
	w->want.settings[SETTING_APPS_UPDATE_EVERY].value =
		(struct value){.type = VALUE_INT, .number = 7};
	w->updates = (struct apps_updates){NOW - days_ago * DAY, NOW - days_ago * DAY};
	w->device = (struct device_facts){.charging = TRUTH_TRUE,
		.online = TRUTH_TRUE,
		.metered = TRUTH_FALSE,
		.roaming = TRUTH_FALSE};
	w->facts = (struct apps_updates_facts){&w->device, NOW, 3};
}

static enum apps_updates_say judge(struct world *w)
{
	return apps_updates_judge(&w->want, &w->updates, &w->facts, &w->why, &w->look_s);
}

static void test_updates_due(void)
{
	struct world w;

	world_init(&w, 3);
	CHECK_INT(judge(&w), APPS_UPDATES_FRESH);
	CHECK_INT(w.look_s, 4 * DAY);
	world_init(&w, 7);
	CHECK_INT(judge(&w), APPS_UPDATES_BEGIN);
	w.device.charging = TRUTH_FALSE;
	CHECK_INT(judge(&w), APPS_UPDATES_WAIT);
	CHECK_STR(w.why, "for the charger");
	w.device.charging = TRUTH_UNKNOWN;
	CHECK_INT(judge(&w), APPS_UPDATES_BEGIN);
	w.device.metered = TRUTH_TRUE;
	CHECK_INT(judge(&w), APPS_UPDATES_WAIT);
	w.device.metered = TRUTH_FALSE;
	w.device.roaming = TRUTH_TRUE;
	CHECK_INT(judge(&w), APPS_UPDATES_WAIT);
	w.device.roaming = TRUTH_FALSE;
	w.device.online = TRUTH_FALSE;
	CHECK_INT(judge(&w), APPS_UPDATES_WAIT);
	/* As much again: on any link that costs nothing. */
	world_init(&w, 14);
	w.device.charging = TRUTH_FALSE;
	CHECK_INT(judge(&w), APPS_UPDATES_BEGIN);
	w.device.metered = TRUTH_TRUE;
	CHECK_INT(judge(&w), APPS_UPDATES_OVERDUE);
}

static void test_updates_hours(void)
{
	char *hours[] = {(char *)"02", (char *)"03"};
	struct world w;

	world_init(&w, 7);
	w.want.settings[SETTING_APPS_UPDATE_HOURS].present = true;
	CHECK_INT(judge(&w), APPS_UPDATES_NEVER);
	w.want.settings[SETTING_APPS_UPDATE_HOURS].value =
		(struct value){.type = VALUE_SET, .set = {hours, 2}};
	CHECK_INT(judge(&w), APPS_UPDATES_BEGIN);
	w.facts.hour = 4;
	CHECK_INT(judge(&w), APPS_UPDATES_WAIT);
}

static void test_updates_failed(void)
{
	struct world w;

	world_init(&w, 7);
	w.updates.tried_s = NOW - 60;
	CHECK_INT(judge(&w), APPS_UPDATES_WAIT);
	w.updates.tried_s = NOW - APPS_UPDATES_AGAIN_S;
	CHECK_INT(judge(&w), APPS_UPDATES_BEGIN);
	/* Never any; and a clock behind what it remembers. */
	w.updates = (struct apps_updates){0};
	CHECK_INT(judge(&w), APPS_UPDATES_BEGIN);
	w.updates = (struct apps_updates){NOW + DAY, NOW + DAY};
	CHECK_INT(judge(&w), APPS_UPDATES_FRESH);
}

static void test_updates_file(void)
{
	static const char *const bad[] = {"", "mdm-agent apps-updates 1\n",
		"mdm-agent apps-updates 1\ndone 1\ntried 2",
		"mdm-agent apps-updates 1\ndone x\ntried 2\n",
		"mdm-agent apps-updates 1\ndone -1\ntried 2\n",
		"mdm-agent apps-updates 1\ndone 1\ntried 2\nmore\n",
		"mdm-agent apps-updates 2\ndone 1\ntried 2\n"};
	struct apps_updates updates = {12, 34}, read = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;

	apps_updates_write(&updates, &text);
	CHECK_INT(text.error, 0);
	CHECK_INT(apps_updates_read(text.data, text.n_bytes, &read), 0);
	CHECK_INT(read.done_s, 12);
	CHECK_INT(read.tried_s, 34);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(apps_updates_read(bad[i], strlen(bad[i]), &read) < 0);
}

static const struct check_test tests[] = {
	{"retry", test_retry},
	{"retry_flips", test_retry_flips},
	{"retry_network", test_retry_network},
	{"updates_due", test_updates_due},
	{"updates_hours", test_updates_hours},
	{"updates_failed", test_updates_failed},
	{"updates_file", test_updates_file},
};
CHECK_MAIN(tests)
