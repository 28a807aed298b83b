/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict.h - the process that answers. It allocates nothing, logs nothing, opens no file, and
 * waits for nobody but the kernel. It answers every event exactly once.
 */
#ifndef MDM_GUARD_VERDICT_H
#define MDM_GUARD_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/guard/shared.h"

/* Between the keeper and this process; one descriptor where it says so. */
enum guard_word {
	GUARD_WORD_TABLE,  /* to it, with the table: serve this one from now on */
	GUARD_WORD_GIVE,   /* to it: the group is wanted, to mark file systems */
	GUARD_WORD_GROUP,  /* from it, with the group */
	GUARD_WORD_HASHER, /* to it, with the connection to whoever hashes from now on */
	GUARD_WORD_END,	   /* to it: answer what waits, and end */
	GUARD_WORD_MAX,
};

struct guard_control {
	uint32_t word; /* enum guard_word */
	uint32_t reserved;
};

struct guard_verdict {
	int group_fd;	/* -1: make one */
	int control_fd; /* to the keeper */
	int hasher_fd;
	int kick_fd; /* eventfd(2): there is something in shared */
	bool has_evictable;
	int table_fd; /* the table to begin with; sound, the keeper has seen to that */
	struct guard_shared *shared;
};

/* Confines itself and serves until it is told to end. 0: it was; -errno: it could not begin. */
int guard_verdict_run(struct guard_verdict *settings);

#endif
