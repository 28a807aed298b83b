/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.h - an order to mdm-agent-apps, and what it answers. The enforcer writes the one and reads
 * the other; both are text files in the run-time directory, 0600 root, replaced atomically. Pure.
 *
 * mdm-agent-apps runs outside of the agent's service: package managers write everywhere, run
 * scripts of packages and must outlive the agent that they may be upgrading. It carries out one job
 * and ends.
 *
 *	mdm-agent-apps 1
 *	id 01JD-4
 *	deadline 1800
 *	keep networkmanager
 *	policy !firefox htop vim=9.1-r0
 *	remove nano
 *	upgrade
 *	flatpak-install flathub org.gnome.Maps
 *	flatpak-remove org.gnome.Maps
 *	flatpak-update
 *	end
 *
 * A line for each step, carried out in the order of the file; "keep", "policy", "upgrade" and
 * "flatpak-update" stand once at most, the other flatpak lines once for each name. "remove" has all
 * names that leave the world in one transaction.
 * "policy" has all dependencies of the virtual package; without words it removes that. "upgrade"
 * and "flatpak-update" with words are for these alone.
 *
 * The progress file beside it has what ended so far, item by item and step by step, then the step
 * that runs, and ends with "end" when all is over:
 *
 *	mdm-agent-apps-progress 1
 *	id 01JD-4
 *	item policy vim=9.1-r0 unknown_package no repository has it
 *	step policy done
 *	step remove running 40 Purging nano (7.2-r0)
 */
#ifndef MDM_APPS_JOB_H
#define MDM_APPS_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buf.h"
#include "agent/util/limits.h"

#define APPS_JOB_FILE "apps.job" /* in the run-time directory */
#define APPS_PROGRESS_FILE "apps.progress"
#define APPS_LOCK_FILE "apps.lock" /* held while a job runs (flock) */
#define APPS_FLATPAK_FILTER                                                                        \
	"etc/mdm-agent/flatpak-%.64s.filter" /* of a remote; is there before                       \
					      */

enum apps_step_kind {
	APPS_STEP_POLICY,  /* the virtual package with all bans, pins and requirements */
	APPS_STEP_ADD,	   /* one-off: the command install */
	APPS_STEP_REMOVE,  /* packages leave the world */
	APPS_STEP_UPGRADE, /* all packages; words: only these */
	APPS_STEP_FLATPAK_INSTALL,
	APPS_STEP_FLATPAK_REMOVE,
	APPS_STEP_FLATPAK_UPDATE,
	APPS_STEP_FLATPAK_REMOTE_DISABLE, /* one remote of the system */
	APPS_STEP_FLATPAK_REMOTE_ENABLE,
	/* Offers what the file APPS_FLATPAK_FILTER lets through; and everything again, or what the
	 * file lets through that is named behind the remote, without the first slash. */
	APPS_STEP_FLATPAK_REMOTE_FILTER,
	APPS_STEP_FLATPAK_REMOTE_UNFILTER,
	APPS_STEP_NOEXEC, /* places where people can write start no programs; agent/apps/mounts.h */
	APPS_STEP_EXEC,	  /* and what was done for that is taken back */
	/* Packages that must not go along with anything that the steps behind this one take away:
	 * where one would, because nothing else needs it any more, it joins the world before. */
	APPS_STEP_KEEP,
	APPS_STEP_KIND_MAX,
};
extern const char *const apps_step_names[APPS_STEP_KIND_MAX];

/* How one item, or a whole step, ended; told apart by what was seen afterwards, never by exit
 * codes. */
enum apps_result {
	APPS_DONE,
	APPS_NOTHING_TO_DO,
	APPS_E_UNKNOWN,	   /* "unknown_package": no repository has it */
	APPS_E_CONFLICT,   /* "conflict": something installed or demanded is against it */
	APPS_E_NEEDED,	   /* "needed": something that stays needs it */
	APPS_E_NETWORK,	   /* "no_network": repositories could not be reached */
	APPS_E_UNTRUSTED,  /* "untrusted": index or package without a signature that counts */
	APPS_E_DISK_FULL,  /* "disk_full" */
	APPS_E_BUSY,	   /* "busy": another program holds the lock, still after all retries */
	APPS_E_HOOK,	   /* "hook": a commit hook refused */
	APPS_E_SCRIPT,	   /* "script": installed, but a script of the package failed */
	APPS_E_NO_MANAGER, /* "no_manager": this system has no such package manager */
	APPS_E_READ_ONLY,  /* "read_only": an immutable system */
	APPS_E_DEADLINE,   /* "deadline" */
	APPS_E_FAILED,	   /* "failed": none of these; the words of the program follow */
	APPS_RESULT_MAX,
};
extern const char *const apps_result_names[APPS_RESULT_MAX];

struct apps_step {
	enum apps_step_kind kind;
	char *words; /* separated by single spaces; owned; "" for none */
};

struct apps_job {
	char id[LIMIT_NAME_BYTES + 1];
	uint32_t deadline_s; /* 10 to 7200, for all of it */
	struct apps_step *steps;
	size_t n_steps; /* at most LIMIT_APPS_STEPS */
};
void apps_job_done(struct apps_job *job);
/* One word of a step as a job may have it: see apps_job_read(). */
bool apps_word_is_valid(const char *word, size_t n_bytes);
/* The line of one step. */
void apps_step_write(const struct apps_step *step, struct buf *out);
void apps_job_write(const struct apps_job *job, struct buf *out);
/*
 * 0; -EBADMSG: not what apps_job_write() writes; -EFBIG, -E2BIG: beyond LIMIT_APPS_JOB_BYTES,
 * LIMIT_APPS_STEPS; -ENOMEM. Words are checked: nothing that begins with '-' or '/', no control
 * characters and nothing beyond ASCII ever reaches a command line.
 */
int apps_job_read(const char *text, size_t n_bytes, struct apps_job *ret_job);

struct apps_outcome {
	enum apps_step_kind kind;
	char name[LIMIT_TEXT_BYTES + 1]; /* of the item, one word; "": of the whole step */
	enum apps_result result;
	char detail[LIMIT_TEXT_BYTES + 1];
};

struct apps_progress {
	char id[LIMIT_NAME_BYTES + 1];
	bool is_over; /* the line "end" is there */
	bool is_running;
	enum apps_step_kind step;	  /* the one that runs */
	int percent;			  /* of it; -1: not known */
	char doing[LIMIT_TEXT_BYTES + 1]; /* for people: "Installing htop (3.3.0-r0)" */
	struct apps_outcome *outcomes;	  /* owned */
	size_t n_outcomes;
};
void apps_progress_done(struct apps_progress *progress);
/* One more that ended. The detail is cut where it is too long, and what is no ASCII text in it is
 * replaced. 0; -E2BIG: beyond LIMIT_APPS_OUTCOMES; -ENOMEM. */
int apps_progress_add(struct apps_progress *progress, enum apps_step_kind kind, const char *name,
	enum apps_result result, const char *detail);
void apps_progress_write(const struct apps_progress *progress, struct buf *out);
/* 0; -EBADMSG: not what apps_progress_write() writes; -EFBIG, -E2BIG: too much; -ENOMEM. */
int apps_progress_read(const char *text, size_t n_bytes, struct apps_progress *ret_progress);

#endif
