/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h - one job while it is carried out: what its steps share, and how they say how far they are.
 */
#ifndef MDM_APPS_RUN_H
#define MDM_APPS_RUN_H

#include "agent/apps/job.h"
#include "agent/apps/program.h"

struct apps_run {
	int runtime_fd;	  /* where job, progress and lock are */
	int root_fd;	  /* of the system */
	const char *root; /* path of it; "/" on a phone */
	const char *apk, *flatpak;
	int64_t deadline_us, patience_us; /* deadline: of CLOCK_BOOTTIME */
	const struct apps_job *job;
	const char *keep; /* words of the step "keep", borrowed from the job; NULL: none */
	struct apps_progress progress;
	int64_t written_us; /* when the progress was */
	bool is_unwritten;  /* something in it is new */
};

/* Carries out the steps, one after the other, and says so. 0, or -errno: no progress could be
 * written, or no memory for it; steps behind that are not begun. */
int apps_run(struct apps_run *run);

/* --- for the steps */

/* Words of a step, as an array ended by NULL. */
struct apps_words {
	char *text;
	const char **words;
	size_t n;
};
int apps_words_split(const char *text, struct apps_words *ret_words);
void apps_words_done(struct apps_words *words);

/* What is being done now. The file is written four times a second at most. */
void apps_run_say(struct apps_run *run, int percent, const char *doing);
void apps_run_tick(struct apps_run *run);

/* How an item ended, or (name "") the step. 0 or -errno. */
int apps_run_end(
	struct apps_run *run, const char *name, enum apps_result result, const char *detail);

bool apps_run_is_late(const struct apps_run *run);

/* The steps of each kind: 0, or -errno for what is no answer. Each ends with the step's result. */
int apk_step_policy(struct apps_run *run, const struct apps_words *words);
int apk_step_add(struct apps_run *run, const struct apps_words *words);
int apk_step_remove(struct apps_run *run, const struct apps_words *names);
int apk_step_upgrade(struct apps_run *run, const struct apps_words *words);
int flatpak_step(struct apps_run *run, enum apps_step_kind kind, const struct apps_words *words);

#endif
