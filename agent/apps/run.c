/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - carries out the steps of a job, in order, and keeps its progress file. It knows no
 * package manager. Run by mdm-agent-apps, as root.
 */
#include "agent/apps/run.h"

#include <errno.h>
#include <string.h>

#include "agent/apps/mounts.h"
#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "agent/util/limits.h"
#include "agent/util/mem.h"

#define WRITE_EVERY_US (USEC_PER_SEC / 4)

void apps_words_done(struct apps_words *words)
{
	free(words->text);
	free(words->words);
	*words = (struct apps_words){0};
}

int apps_words_split(const char *text, struct apps_words *ret_words)
{
	_cleanup_(apps_words_done) struct apps_words words = {.text = strdup(text)};
	char *rest = NULL;

	words.words = calloc(strlen(text) / 2 + 2, sizeof(*words.words));
	if (!words.text || !words.words)
		return -ENOMEM;
	for (char *word = strtok_r(words.text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		words.words[words.n++] = word;
	*ret_words = words;
	words = (struct apps_words){0};
	return 0;
}

static int write_progress(struct apps_run *run)
{
	static const struct fs_owner owner = {.mode = 0600};
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct fs_owner mine = owner;

	mine.uid = geteuid();
	mine.gid = getegid();
	apps_progress_write(&run->progress, &text);
	if (text.error)
		return text.error;
	run->written_us = clock_boottime_us();
	run->is_unwritten = false;
	return fs_replace(run->runtime_fd, APPS_PROGRESS_FILE, text.data, text.n_bytes, &mine);
}

/* What is lost here is said with the next one: the end has to be written. */
void apps_run_tick(struct apps_run *run)
{
	if (run->is_unwritten && clock_boottime_us() - run->written_us >= WRITE_EVERY_US)
		write_progress(run);
}

void apps_run_say(struct apps_run *run, int percent, const char *doing)
{
	struct apps_progress *p = &run->progress;

	if (p->percent == percent && strcmp(p->doing, doing) == 0)
		return;
	p->percent = percent;
	if (doing != p->doing)
		snprintf(p->doing, sizeof(p->doing), "%s", doing);
	run->is_unwritten = true;
	apps_run_tick(run);
}

int apps_run_end(
	struct apps_run *run, const char *name, enum apps_result result, const char *detail)
{
	run->is_unwritten = true;
	/* However many items there are: each step's own end has its place still. */
	if (name[0] && run->progress.n_outcomes >= LIMIT_APPS_OUTCOMES - LIMIT_APPS_STEPS - 1)
		return 0;
	return apps_progress_add(&run->progress, run->progress.step, name, result, detail);
}

bool apps_run_is_late(const struct apps_run *run)
{
	return clock_boottime_us() >= run->deadline_us;
}

struct mounts_told {
	struct apps_run *run;
	bool failed;
	int r;
};

static void on_place(const char *place, enum apps_result result, const char *detail, void *userdata)
{
	struct mounts_told *told = userdata;

	told->failed = told->failed || result != APPS_DONE;
	if (told->r == 0)
		told->r = apps_run_end(told->run, place, result, detail);
}

/* The kernel's list of mounts is that of this system, and of no directory below it. */
static int run_mounts(struct apps_run *run, enum apps_step_kind kind)
{
	struct mounts_told told = {.run = run};
	char detail[LIMIT_TEXT_BYTES + 1] = "";
	int r;

	if (strcmp(run->root, "/") != 0)
		return apps_run_end(run, "", APPS_NOTHING_TO_DO, "it is not this system");
	r = kind == APPS_STEP_NOEXEC
		    ? apps_mounts_close(run->root_fd, run->runtime_fd, on_place, &told)
		    : apps_mounts_open(run->root_fd, run->runtime_fd, on_place, &told);
	if (told.r < 0)
		return told.r;
	if (r < 0)
		snprintf(detail, sizeof(detail),
			"mounts could not be read, or what is done could "
			"not be written down: %s",
			strerror(-r));
	return apps_run_end(run, "", r < 0 || told.failed ? APPS_E_FAILED : APPS_DONE, detail);
}

static int run_step(struct apps_run *run, const struct apps_step *step)
{
	_cleanup_(apps_words_done) struct apps_words words = {0};
	int r = apps_words_split(step->words, &words);

	if (r < 0)
		return r;
	switch (step->kind) {
	case APPS_STEP_POLICY:
		return apk_step_policy(run, &words);
	case APPS_STEP_ADD:
		return apk_step_add(run, &words);
	case APPS_STEP_REMOVE:
		return apk_step_remove(run, &words);
	case APPS_STEP_UPGRADE:
		return apk_step_upgrade(run, &words);
	case APPS_STEP_FLATPAK_INSTALL:
	case APPS_STEP_FLATPAK_REMOVE:
	case APPS_STEP_FLATPAK_UPDATE:
	case APPS_STEP_FLATPAK_REMOTE_DISABLE:
	case APPS_STEP_FLATPAK_REMOTE_ENABLE:
	case APPS_STEP_FLATPAK_REMOTE_FILTER:
	case APPS_STEP_FLATPAK_REMOTE_UNFILTER:
		return flatpak_step(run, step->kind, &words);
	case APPS_STEP_NOEXEC:
	case APPS_STEP_EXEC:
		return run_mounts(run, step->kind);
	case APPS_STEP_KEEP:
		run->keep = step->words;
		return apps_run_end(run, "", APPS_DONE, "");
	case APPS_STEP_KIND_MAX:
		break;
	}
	return -EINVAL;
}

/* A step that could not be carried out has an end, too, and is not in the way of the next one. */
static int end_step(struct apps_run *run, int r)
{
	char why[LIMIT_TEXT_BYTES];

	if (r >= 0)
		return 0;
	snprintf(why, sizeof(why), "what is installed cannot be read or kept (%s)", strerror(-r));
	return apps_run_end(run, "", APPS_E_FAILED, why);
}

int apps_run(struct apps_run *run)
{
	int r = 0;

	run->deadline_us = clock_boottime_us() + run->job->deadline_s * USEC_PER_SEC;
	memcpy(run->progress.id, run->job->id, sizeof(run->progress.id));
	for (size_t i = 0; i < run->job->n_steps; i++) {
		run->progress.is_running = true;
		run->progress.step = run->job->steps[i].kind;
		run->progress.percent = -1;
		run->progress.doing[0] = '\0';
		r = write_progress(run);
		if (r < 0)
			return r;
		r = apps_run_is_late(run)
			    ? apps_run_end(run, "", APPS_E_DEADLINE, "it was not begun any more")
			    : end_step(run, run_step(run, &run->job->steps[i]));
		if (r < 0)
			return r;
	}
	run->progress.is_running = false;
	run->progress.is_over = true;
	return write_progress(run);
}
