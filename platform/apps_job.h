/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_job.h - has mdm-agent-apps carry out one job after the other, and follows what it says. The
 * program outlives the agent: a job that was begun before a restart is followed to its end.
 * Enforcer only.
 */
#ifndef MDM_PLATFORM_APPS_JOB_H
#define MDM_PLATFORM_APPS_JOB_H

#include "agent/apps/job.h"
#include "platform/platform.h"

struct apps_jobs_options {
	struct platform *platform; /* borrowed */
	const char *directory;	   /* where job and progress are: the run-time directory */
	const char *program;	   /* mdm-agent-apps; NULL: jobs cannot be started */
	const char *sysroot;	   /* NULL or "/": this system */
	const char *apk, *flatpak; /* NULL: those of the system */
	bool is_installed;	   /* the unit of the system may be started in place of program */
	/* A job has ended, whoever gave it; progress NULL: it did not begin, or broke off. */
	void (*told)(const struct apps_job *job, const struct apps_progress *progress,
		const char *failure, void *userdata);
	void *userdata;
};

struct apps_order;
/*
 * The job of an order has ended. progress NULL: it did not begin, or broke off; failure says so in
 * a sentence. Both are valid during the call; the order is the caller's again.
 */
typedef void (*apps_ended_fn)(
	struct apps_order *order, const struct apps_progress *progress, const char *failure);

/* A job, and whose it is. Memory of whoever gives it, until it ended or was forgotten. */
struct apps_order {
	struct apps_job job;
	apps_ended_fn ended;
	void *userdata;
	struct apps_order *next; /* of apps_job.c, as is the next one */
	bool is_given;
};

/* 0; -errno: the directory cannot be used. Strings are borrowed. */
int apps_jobs_new(const struct apps_jobs_options *options, struct apps_jobs **ret_jobs);
void apps_jobs_free(struct apps_jobs *jobs); /* NULL is fine; what runs goes on */

/* Behind those that were given before; ended is called once, from the loop. 0 or -errno. */
int apps_jobs_give(struct apps_jobs *jobs, struct apps_order *order);

/*
 * For the job with the id of order (steps do not matter) that was begun before this process:
 * ended is called with what it says. 0; -ENOENT: the last job was another one.
 */
int apps_jobs_resume(struct apps_jobs *jobs, struct apps_order *order);

/* It is not begun any more, or nobody hears of its end. Not given is fine. */
void apps_jobs_forget(struct apps_jobs *jobs, struct apps_order *order);

/* Whether one runs; *ret_progress, which may be NULL, what it said last, NULL for nothing yet. */
bool apps_jobs_is_running(const struct apps_jobs *jobs, const struct apps_progress **ret_progress);

/* The directory where jobs, and what they leave for each other, are; borrowed. */
int apps_jobs_directory(const struct apps_jobs *jobs);

/* How many wait behind the one that runs. */
size_t apps_jobs_waiting(const struct apps_jobs *jobs);

#endif
