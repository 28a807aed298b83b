/* SPDX-License-Identifier: Apache-2.0 */
/* test_job.c - orders to mdm-agent-apps and their progress: one text for each, and no other. */
#include <errno.h>
#include <string.h>

#include "agent/apps/job.h"
#include "tests/lib/check.h"

#define HEAD "mdm-agent-apps 1\nid 01JD-4\ndeadline 1800\n"
#define SAID "mdm-agent-apps-progress 1\nid 01JD-4\n"

static int read_job(const char *text)
{
	_cleanup_(apps_job_done) struct apps_job job = {0};

	return apps_job_read(text, strlen(text), &job);
}

static void test_everything(void)
{
	static const char text[] = HEAD "policy !firefox htop vim=9.1-r0\n"
					"add nano py3-yaml@edge\n"
					"remove nano\n"
					"remove joe mc\n"
					"upgrade\n"
					"flatpak-install flathub org.gnome.Maps\n"
					"flatpak-remove org.gnome.Maps\n"
					"flatpak-update\n"
					"flatpak-remote-disable other\n"
					"flatpak-remote-enable flathub\n"
					"end\n";
	_cleanup_(apps_job_done) struct apps_job job = {0};
	_cleanup_buf_ struct buf again = BUF_INIT;

	CHECK_INT(apps_job_read(text, strlen(text), &job), 0);
	CHECK_STR(job.id, "01JD-4");
	CHECK_INT(job.deadline_s, 1800);
	CHECK_INT(job.n_steps, 10);
	CHECK_INT(job.steps[0].kind, APPS_STEP_POLICY);
	CHECK_STR(job.steps[0].words, "!firefox htop vim=9.1-r0");
	CHECK_STR(job.steps[4].words, "");
	CHECK_STR(job.steps[5].words, "flathub org.gnome.Maps");
	apps_job_write(&job, &again);
	CHECK_INT(again.error, 0);
	CHECK_STR(again.data, text);
}

static void test_few(void)
{
	CHECK_INT(read_job(HEAD "end\n"), 0);
	CHECK_INT(read_job(HEAD "policy\nend\n"), 0); /* lifts everything */
	CHECK_INT(read_job(HEAD "upgrade busybox musl\nend\n"), 0);
	CHECK_INT(read_job("mdm-agent-apps 1\nid a\ndeadline 10\nend\n"), 0);
	CHECK_INT(read_job("mdm-agent-apps 1\nid a\ndeadline 7200\nend\n"), 0);
}

static void test_refused(void)
{
	static const char *const texts[] = {
		"",
		"end\n",
		HEAD,
		HEAD "end",
		HEAD "end\n\n",
		HEAD "end\nend\n",
		HEAD "\nend\n",
		"mdm-agent-apps 2\nid a\ndeadline 10\nend\n",
		"mdm-agent-apps 1\nid a/b\ndeadline 10\nend\n",
		"mdm-agent-apps 1\nid \ndeadline 10\nend\n",
		"mdm-agent-apps 1\nid a\ndeadline 9\nend\n",
		"mdm-agent-apps 1\nid a\ndeadline 7201\nend\n",
		"mdm-agent-apps 1\nid a\ndeadline 010\nend\n",
		"mdm-agent-apps 1\ndeadline 10\nid a\nend\n",
		HEAD "policy  htop\nend\n",
		HEAD "policy htop \nend\n",
		HEAD "policy \nend\n",
		HEAD " policy htop\nend\n",
		HEAD "policy htop\npolicy nano\nend\n",
		HEAD "upgrade\nupgrade\nend\n",
		HEAD "flatpak-update\nflatpak-update\nend\n",
		HEAD "add\nend\n",
		HEAD "remove\nend\n",
		HEAD "remove nano -joe\nend\n",
		HEAD "flatpak-remove org.x.Y org.x.Z\nend\n",
		HEAD "flatpak-install flathub\nend\n",
		HEAD "flatpak-install flathub a b\nend\n",
		HEAD "flatpak-remove\nend\n",
		HEAD "install nano\nend\n",
		/* what a program would take for something else */
		HEAD "add --allow-untrusted\nend\n",
		HEAD "add -X\nend\n",
		HEAD "add /tmp/evil.apk\nend\n",
		HEAD "policy !-x\nend\n",
		HEAD "policy !/x\nend\n",
		HEAD "policy !!x\nend\n",
		HEAD "policy !\nend\n",
		HEAD "add !nano\nend\n",
		HEAD "remove !nano\nend\n",
		HEAD "add na\tno\nend\n",
		HEAD "add na\x7fno\nend\n",
		HEAD "add n\xc3\xa4no\nend\n",
		HEAD "add nano\r\nend\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (read_job(texts[i]) != -EBADMSG) {
			check_fail(__FILE__, __LINE__, "accepted: %s", texts[i]);
			return;
		}
	CHECK_INT(apps_job_read(HEAD "end\n\0", strlen(HEAD) + 5, &(struct apps_job){0}), -EBADMSG);
}

static void test_limits(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_puts(&text, HEAD);
	for (int i = 0; i < LIMIT_APPS_STEPS; i++)
		buf_printf(&text, "remove p%d\n", i);
	buf_puts(&text, "end\n");
	CHECK_INT(read_job(text.data), 0);
	text.n_bytes -= 4;
	buf_puts(&text, "remove more\nend\n");
	CHECK_INT(read_job(text.data), -E2BIG);

	/* a word, one over */
	buf_reset(&text);
	buf_puts(&text, HEAD "add ");
	for (int i = 0; i < LIMIT_TEXT_BYTES; i++)
		buf_puts(&text, "x");
	buf_puts(&text, "\nend\n");
	CHECK_INT(read_job(text.data), 0);
	text.n_bytes -= 5;
	buf_puts(&text, "x\nend\n");
	CHECK_INT(read_job(text.data), -EBADMSG);

	/* all of it, one over */
	buf_reset(&text);
	buf_puts(&text, HEAD "add");
	while (text.n_bytes < LIMIT_APPS_JOB_BYTES - 5)
		buf_puts(&text, text.n_bytes + 5 < LIMIT_APPS_JOB_BYTES - 1 ? " x" : "x");
	buf_puts(&text, "\nend\n");
	CHECK_INT(text.n_bytes, LIMIT_APPS_JOB_BYTES);
	CHECK_INT(read_job(text.data), 0);
	text.n_bytes -= 5;
	buf_puts(&text, "x\nend\n");
	CHECK_INT(read_job(text.data), -EFBIG);
}

static int read_progress(const char *text)
{
	_cleanup_(apps_progress_done) struct apps_progress progress = {0};

	return apps_progress_read(text, strlen(text), &progress);
}

static void test_progress(void)
{
	static const char text[] =
		SAID "item policy vim=9.1-r0 unknown_package no repository has it\n"
		     "step policy done\n"
		     "item remove nano needed nano <- mc\n"
		     "step remove needed\n"
		     "step upgrade running 40 Upgrading busybox (1.36-r0 -> 1.36-r1)\n";
	_cleanup_(apps_progress_done) struct apps_progress p = {0};
	_cleanup_buf_ struct buf again = BUF_INIT;

	CHECK_INT(apps_progress_read(text, strlen(text), &p), 0);
	CHECK_STR(p.id, "01JD-4");
	CHECK_INT(p.n_outcomes, 4);
	CHECK_STR(p.outcomes[0].name, "vim=9.1-r0");
	CHECK_INT(p.outcomes[0].result, APPS_E_UNKNOWN);
	CHECK_STR(p.outcomes[0].detail, "no repository has it");
	CHECK_STR(p.outcomes[1].name, "");
	CHECK_INT(p.outcomes[1].result, APPS_DONE);
	CHECK(p.is_running && !p.is_over);
	CHECK_INT(p.step, APPS_STEP_UPGRADE);
	CHECK_INT(p.percent, 40);
	CHECK_STR(p.doing, "Upgrading busybox (1.36-r0 -> 1.36-r1)");
	apps_progress_write(&p, &again);
	CHECK_STR(again.data, text);

	/* over, with nothing said of what runs; and -1: not known */
	CHECK_INT(read_progress(SAID "end\n"), 0);
	CHECK_INT(read_progress(SAID "step add running -1\n"), 0);
	CHECK_INT(read_progress(SAID "step add running 100\nend\n"), 0);
	CHECK_INT(read_progress(SAID), 0);
}

static void test_progress_refused(void)
{
	static const char *const texts[] = {
		"",
		SAID "end",
		SAID "end\nend\n",
		SAID "step policy\n",
		SAID "step policy fine\n",
		SAID "step policy done \n",
		SAID "step policy done  x\n",
		SAID "step policy running\n",
		SAID "step policy running 101\n",
		SAID "step policy running -2\n",
		SAID "step policy running 01\n",
		SAID "step policy running 1\nstep policy done\n",
		SAID "step install done\n",
		SAID "item policy done\n",
		SAID "item policy  done\n",
		SAID "item policy x running 1\n",
		SAID "step policy done n\xc3\xa4no\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (read_progress(texts[i]) != -EBADMSG) {
			check_fail(__FILE__, __LINE__, "accepted: %s", texts[i]);
			return;
		}
}

/* What a program said comes out as one line, cut. */
static void test_progress_hostile(void)
{
	_cleanup_(apps_progress_done) struct apps_progress p = {.id = "a", .percent = -1},
							   back = {0};
	_cleanup_buf_ struct buf out = BUF_INIT;
	char much[2 * LIMIT_TEXT_BYTES];

	memset(much, 'm', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	CHECK_INT(apps_progress_add(&p, APPS_STEP_ADD, "a b\nend", APPS_E_FAILED,
			  "  one\nend\n\x1b[31m \xff  "),
		0);
	CHECK_INT(apps_progress_add(&p, APPS_STEP_ADD, much, APPS_E_FAILED, much), 0);
	p.is_running = true;
	p.step = APPS_STEP_ADD;
	snprintf(p.doing, sizeof(p.doing), "%s", "x\nend\n");
	apps_progress_write(&p, &out);
	CHECK_INT(apps_progress_read(out.data, out.n_bytes, &back), 0);
	CHECK_STR(back.outcomes[0].name, "a_b_end");
	CHECK_STR(back.outcomes[0].detail, "one end ?[31m ?");
	CHECK_INT(strlen(back.outcomes[1].name), LIMIT_TEXT_BYTES);
	CHECK_INT(strlen(back.outcomes[1].detail), LIMIT_TEXT_BYTES);
	CHECK_STR(back.doing, "x end");
	CHECK(!back.is_over);
}

static void test_progress_limits(void)
{
	_cleanup_(apps_progress_done) struct apps_progress p = {.id = "a", .percent = -1},
							   back = {0};
	_cleanup_buf_ struct buf out = BUF_INIT;
	char much[LIMIT_TEXT_BYTES + 1];

	memset(much, 'm', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	for (int i = 0; i < LIMIT_APPS_OUTCOMES; i++)
		CHECK_INT(apps_progress_add(
				  &p, APPS_STEP_FLATPAK_REMOTE_DISABLE, much, APPS_E_UNKNOWN, much),
			0);
	CHECK_INT(apps_progress_add(&p, APPS_STEP_ADD, "x", APPS_DONE, ""), -E2BIG);
	apps_progress_write(&p, &out);
	/* The largest there can be is read back. */
	CHECK_INT(apps_progress_read(out.data, out.n_bytes, &back), 0);
	CHECK_INT(back.n_outcomes, LIMIT_APPS_OUTCOMES);
	buf_puts(&out, "step add done\n");
	CHECK_INT(read_progress(out.data), -E2BIG);
	while (out.n_bytes <= LIMIT_APPS_PROGRESS_BYTES)
		buf_puts(&out, "\n");
	CHECK_INT(read_progress(out.data), -EFBIG);
}

static void test_names(void)
{
	for (int i = 0; i < APPS_STEP_KIND_MAX; i++)
		CHECK(apps_step_names[i] && apps_step_names[i][0]);
	for (int i = 0; i < APPS_RESULT_MAX; i++)
		CHECK(apps_result_names[i] && apps_result_names[i][0]);
}

static const struct check_test tests[] = {
	{"everything", test_everything},
	{"few", test_few},
	{"refused", test_refused},
	{"limits", test_limits},
	{"progress", test_progress},
	{"progress refused", test_progress_refused},
	{"progress hostile", test_progress_hostile},
	{"progress limits", test_progress_limits},
	{"names", test_names},
};
CHECK_MAIN(tests)
