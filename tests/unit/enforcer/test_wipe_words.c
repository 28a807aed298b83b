/* SPDX-License-Identifier: Apache-2.0 */
/* test_wipe_words.c - what mdm-agent-wipe says, understood: whole, cut off, and nonsense. */
#include "agent/enforcer/wipe_words.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"

static struct wipe_plan plan_of_three(void)
{
	struct wipe_plan plan = {.n_devices = 3};
	static const char *const paths[] = {
		"/dev/mmcblk0p2", "/home/of two words", "/dev/mmcblk0p3"};

	for (size_t i = 0; i < 3; i++)
		snprintf(plan.devices[i].path, sizeof(plan.devices[i].path), "%s", paths[i]);
	return plan;
}

static void test_check(void)
{
	struct wipe_plan plan = plan_of_three();
	char lost[LIMIT_TEXT_BYTES + 1];

	CHECK(wipe_words_check("device 0 luks /dev/mmcblk0p2 ready LUKS2, 16777216 bytes\n"
			       "device 1 files /home/of two words failed cannot be opened: x\n"
			       "device 2 plain /dev/mmcblk0p3 ready data\n"
			       "verdict partly\n",
		&plan, lost));
	CHECK_INT(plan.n_devices, 2);
	CHECK_STR(plan.devices[0].path, "/dev/mmcblk0p2");
	CHECK_STR(plan.devices[1].path, "/dev/mmcblk0p3");
	CHECK_STR(lost, "/home/of two words: cannot be opened: x");
	/* Of what it does not speak nothing is known. */
	plan = plan_of_three();
	CHECK(wipe_words_check("device 2 plain /dev/mmcblk0p3 ready\n", &plan, lost));
	CHECK_INT(plan.n_devices, 1);
	CHECK_STR(lost, "");
}

static void test_check_nonsense(void)
{
	static const char *const texts[] = {
		"",
		"verdict ready\n",
		"device\n",
		"device 3 luks /dev/x ready\n",
		"device -1 luks /dev/mmcblk0p2 ready\n",
		"device 0 luks /dev/mmcblk0p3 ready\n",
		"device 0 luks /dev/mmcblk0p2\n",
		"device 0 luks /dev/mmcblk0p2 \n",
		"device 0 luks /dev/mmcblk0p20 ready\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct wipe_plan plan = plan_of_three();
		char lost[LIMIT_TEXT_BYTES + 1];

		if (wipe_words_check(texts[i], &plan, lost))
			check_fail(__FILE__, __LINE__, "understood: %s", texts[i]);
	}
}

static void test_progress(void)
{
	static const struct {
		const char *text;
		enum wipe_word word;
		const char *detail;
	} rows[] = {
		{"", WIPE_WORD_SILENCE, ""},
		{"1 start", WIPE_WORD_SILENCE, ""},
		{"1 started x\n", WIPE_WORD_STARTED, ""},
		{"1 refused /dev/x: not what the plan means\n", WIPE_WORD_REFUSED,
			"/dev/x: not what the plan means"},
		{"1 started x\n2 device 0 gone \n2 keys-gone\n3 discarded\n", WIPE_WORD_GONE, ""},
		{"1 started x\n2 device 0 gone \n2 device 2 hung \n2 keys-left\n", WIPE_WORD_LEFT,
			"/dev/mmcblk0p3: hung "},
		{"1 started x\n2 keys-gone\n3 device 1 left No space: x\n4 undiscarded\n5 finishing none\n",
			WIPE_WORD_FINISHED, "/home/of two words: left No space: x"},
		{"1 started x\n2 keys-gone\n3 wrote 2 4096\n4 plain-gone\n", WIPE_WORD_FINISHED,
			""},
		/* The last word on a device counts. */
		{"1 started x\n2 device 2 hung \n2 keys-left\n3 device 2 gone \n4 finishing none\n",
			WIPE_WORD_FINISHED, ""},
		/* The end of a line has not been written yet. */
		{"1 started x\n2 keys-gone", WIPE_WORD_STARTED, ""},
		{"1 started x\n2 device 9 hung \n2 keys-left\n", WIPE_WORD_LEFT, ""},
		{"\n\n \nkeys-gone\n", WIPE_WORD_SILENCE, ""},
	};
	const struct wipe_plan plan = plan_of_three();

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char detail[LIMIT_TEXT_BYTES + 1];

		CHECK_INT(wipe_words_progress(rows[i].text, &plan, detail), rows[i].word);
		CHECK_STR(detail, rows[i].detail);
	}
}

static const struct check_test tests[] = {
	{"check", test_check},
	{"check_nonsense", test_check_nonsense},
	{"progress", test_progress},
};

CHECK_MAIN(tests)
