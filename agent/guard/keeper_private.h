/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_private.h - the keeper's state, shared by keeper.c and keeper_children.c only. */
#ifndef MDM_GUARD_KEEPER_PRIVATE_H
#define MDM_GUARD_KEEPER_PRIVATE_H

#include <sys/types.h>

#include "agent/guard/alive.h"
#include "agent/guard/group.h"
#include "agent/guard/keeper.h"
#include "agent/guard/link.h"
#include "agent/guard/shared.h"
#include "agent/guard/table.h"
#include "agent/guard/told.h"
#include "agent/guard/watched.h"

#define NEVER INT64_MAX

struct keeper {
	struct guard_options options;
	struct guard_group_facts facts;
	char note[LIMIT_TEXT_BYTES + 1];
	struct guard_link link;
	int signal_fd, mounts_fd, kick_fd, place_fd;
	struct guard_alive alive;
	struct guard_shared *shared;

	struct guard_table table; /* the newest that is sound */
	int table_fd;		  /* -1: none yet, nothing is guarded */
	bool has_refused;

	pid_t verdict_pid; /* 0: none */
	int control_fd;	   /* to it; -1: none */
	/* Fail-closed only: a group that outlives whoever answers, so that nobody runs unasked. */
	int group_fd;
	int64_t begun_ms, begin_ms; /* when it began; when to begin again, or NEVER */
	uint32_t n_falls;	    /* one after the other */
	uint32_t n_restarts;

	pid_t hasher_pid;
	int64_t hasher_begin_ms; /* NEVER: it is there */
	uint32_t n_stuck;	 /* that were given up and are not gone yet */

	bool is_round_wanted; /* over what is mounted */
	struct pace changes;  /* of what is mounted: people make them as fast as they like */
	bool is_asked;	      /* for the group, to do it */
	struct guard_watched watched;
	bool is_state_wanted;
	struct guard_told told;
	uint64_t n_unsent;
	int64_t end_ms; /* until when what answers has time to end; NEVER: not asked to */
};

int64_t keeper_now_ms(void);

/* keeper_children.c: whoever answers and whoever hashes. */
void keeper_start_verdict(struct keeper *k);
void keeper_start_hasher(struct keeper *k);
void keeper_reap(struct keeper *k);
void keeper_tell_verdict(struct keeper *k, uint32_t word, int fd); /* enum guard_word */
void keeper_kill(pid_t pid);

#endif
