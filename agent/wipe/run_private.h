/* SPDX-License-Identifier: Apache-2.0 */
/* run_private.h - a wipe that is under way: run.c carries it out, run_words.c says how far it is.
 */
#ifndef MDM_WIPE_RUN_PRIVATE_H
#define MDM_WIPE_RUN_PRIVATE_H

#include <pthread.h>

#include "agent/wipe/intent.h"
#include "agent/wipe/lower.h"
#include "agent/wipe/progress.h"
#include "agent/wipe/run.h"
#include "agent/wipe/tree.h"

/* Beyond the devices of the plan, further ones with the header of one of them. */
#define WORKERS_MAX (2 * LIMIT_WIPE_DEVICES)

struct run;

struct worker {
	struct run *run;
	struct wipe_target target;
	size_t index; /* of the plan's device */
	/* Of the first with that UUID: one can lie on the other, and would read what it writes. */
	pthread_mutex_t *turn;
	pthread_mutex_t own_turn;
	bool is_running;
	bool holds_state; /* the state directory lies on it, or that is not known */
	uint64_t told_bytes;
};

struct run {
	const struct wipe_plan *plan;
	const struct wipe_options *options;
	struct worker workers[WORKERS_MAX];
	size_t n_workers;
	struct wipe_memory memories[LIMIT_WIPE_DEVICES];
	struct wipe_places places;
	struct progress progress;
	bool is_from_card;
	struct lower boot; /* what the plan's file system lies on, in early boot */
	int tpm_fd;
	bool is_evicting;
	int tpm_results[LIMIT_WIPE_TPM_HANDLES];
	_Atomic size_t n_evicted; /* so many results are there */
	_Atomic int phase;
	_Atomic int64_t rest_deadline_us;
	int64_t watchdog_us;
	bool is_left; /* something was not destroyed, and the next boot has to try */
	bool are_keys_left, are_data_left;
	int removal_error;
	/* Plans and progress: what resumes, and what tells, go last. */
	struct tree_kept kept[2 * WIPE_PLACES];
	size_t n_kept;
	_Atomic bool is_concluded;
};

/* By what a restart knows the devices again: before the first byte goes. */
void run_say_found(struct run *run);

/* What became of the keys, and of what nothing is done to. Sets what is left. */
void run_say_keys(struct run *run);

/* How far plain data are written over: from there a restart goes on. */
void run_say_written(struct run *run);

/* What became of all the rest, and whether it was discarded; of data without keys alone. */
void run_say_rest(struct run *run);
void run_say_data(struct run *run);

#endif
