/* SPDX-License-Identifier: Apache-2.0 */
/* test_apps_notice.c - what is said of apps that a rule removed, and how often; with a session that
 * notes what it is told. */
#include "agent/enforcer/apps_notice.h"

#include <string.h>
#include <systemd/sd-event.h>

#include "agent/enforcer/enforcer.h"
#include "agent/util/clock.h"
#include "tests/lib/check.h"

static struct {
	unsigned int n_notes;
	char title[LIMIT_TEXT_BYTES + 1], text[2 * LIMIT_TEXT_BYTES + 1];
} said;

static int notify_at_once(const struct session_start *start, const struct session_note *note)
{
	const struct session_answer answer = {.result = SESSION_DONE};

	said.n_notes++;
	snprintf(said.title, sizeof(said.title), "%s", note->title);
	snprintf(said.text, sizeof(said.text), "%s", note->text);
	start->done(&answer, start->userdata);
	return 0;
}
static const struct session_ops ops = {.notify = notify_at_once};

static void test_times(void)
{
	const int64_t s = USEC_PER_SEC;

	CHECK_INT(apps_notice_at_us(0, 100 * s), (100 + APPS_NOTICE_GROUP_S) * s);
	CHECK_INT(apps_notice_at_us(100 * s, 101 * s), (100 + APPS_NOTICE_PAUSE_S) * s);
	CHECK_INT(apps_notice_at_us(100 * s, 2000 * s), (2000 + APPS_NOTICE_GROUP_S) * s);
}

static void test_names(void)
{
	static const struct {
		struct apps_outcome outcome;
		const char *name;
	} rows[] = {
		{{APPS_STEP_POLICY, "!firefox", APPS_DONE, ""}, "firefox"},
		{{APPS_STEP_POLICY, "!firefox", APPS_E_NEEDED, "x"}, ""},
		{{APPS_STEP_POLICY, "htop", APPS_DONE, ""}, ""},
		{{APPS_STEP_POLICY, "", APPS_DONE, ""}, ""},
		{{APPS_STEP_REMOVE, "nano", APPS_DONE, ""}, "nano"},
		{{APPS_STEP_REMOVE, "nano", APPS_NOTHING_TO_DO, ""}, ""},
		{{APPS_STEP_FLATPAK_REMOVE, "org.x.Y", APPS_DONE, ""}, "org.x.Y"},
		{{APPS_STEP_ADD, "nano", APPS_DONE, ""}, ""},
		{{APPS_STEP_FLATPAK_INSTALL, "org.x.Y", APPS_DONE, ""}, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_STR(apps_notice_name(&rows[i].outcome), rows[i].name);
}

static void wait_for(sd_event *event, unsigned int n_notes)
{
	for (int i = 0; i < 100 && said.n_notes < n_notes; i++)
		sd_event_run(event, USEC_PER_SEC);
}

static void test_told(void)
{
	static struct enforcer e;
	struct apps_outcome outcomes[] = {
		{APPS_STEP_REMOVE, "nano", APPS_DONE, ""},
		{APPS_STEP_REMOVE, "", APPS_DONE, ""},
		{APPS_STEP_POLICY, "!firefox", APPS_DONE, ""},
		{APPS_STEP_POLICY, "htop", APPS_E_UNKNOWN, ""},
	};
	struct apps_progress progress = {.outcomes = outcomes, .n_outcomes = 0};
	struct apps_notice *notice;

	CHECK(sd_event_new(&e.event) >= 0);
	e.effects.ops = &ops;
	CHECK_INT(apps_notice_new(&e, &notice), 0);
	apps_notice_take(notice, NULL);
	apps_notice_take(notice, &progress);
	/* Two jobs, one after the other: one group. */
	progress.n_outcomes = 2;
	apps_notice_take(notice, &progress);
	progress.n_outcomes = 4;
	apps_notice_take(notice, &progress);
	CHECK_INT(said.n_notes, 0);
	wait_for(e.event, 1);
	CHECK_INT(said.n_notes, 1);
	CHECK_STR(said.title, "nano and 1 other app were removed");
	CHECK(strstr(said.text, "Blocked by the policy of mdm-agent") &&
		strstr(said.text, "agentctl apps"));
	/* Not again so soon, and nothing of an enrolment that is over. */
	apps_notice_take(notice, &progress);
	CHECK(sd_event_run(e.event, 0) == 0);
	CHECK_INT(said.n_notes, 1);
	apps_notice_forget(notice);
	CHECK(sd_event_run(e.event, 0) == 0);
	apps_notice_free(notice);
	apps_notice_free(NULL);
	sd_event_unref(e.event);
}

static const struct check_test tests[] = {
	{"times", test_times},
	{"names", test_names},
	{"told", test_told},
};

CHECK_MAIN(tests)
