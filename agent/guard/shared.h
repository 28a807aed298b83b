/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared.h - the memory that the keeper and the process that answers share: what was counted, which
 * table is in force, and a ring of refusals on their way to the enforcer. One writes, the other
 * reads; nobody waits. Pure: works on whatever memory it is given.
 */
#ifndef MDM_GUARD_SHARED_H
#define MDM_GUARD_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/limits.h"

#define GUARD_RING_SIZE 64U /* power of two */

struct guard_denial {
	uint64_t device, inode;
	int64_t realtime_s;
	uint32_t pid, uid;
	uint32_t reason; /* enum guard_reason */
	uint32_t audit;	 /* 1: it was started all the same */
	char owner[LIMIT_NAME_BYTES + 1];
	char path[LIMIT_TEXT_BYTES + 1];
};

struct guard_shared {
	_Atomic uint64_t generation;	/* of the table in force */
	_Atomic uint32_t has_refused;	/* the last table was damaged */
	_Atomic uint32_t is_hash_stuck; /* who hashes has not answered in time */
	_Atomic uint64_t n_events, n_denied, n_lost;
	_Atomic uint32_t n_written, n_read;
	/*
	 * Foreign file systems that are mounted, as stat(2) has them: the table's are those of its
	 * making. One list is read while the other one is written.
	 */
	_Atomic uint32_t foreign_turn;
	struct {
		_Atomic uint32_t n;
		_Atomic uint64_t devices[LIMIT_GUARD_DEVICES];
	} foreign[2];
	struct guard_denial ring[GUARD_RING_SIZE];
};

/* By the one who answers. false, and counted as lost: the ring is full. */
bool guard_ring_put(struct guard_shared *shared, const struct guard_denial *denial);
/* By the keeper, which believes nothing: texts end, numbers are in their range, the path and the
 * owner are printable. false: there is none. */
bool guard_ring_take(struct guard_shared *shared, struct guard_denial *ret_denial);

/* By the keeper, before the first of them is watched. */
void guard_foreign_put(struct guard_shared *shared, const uint64_t *devices, uint32_t n_devices);
bool guard_foreign_has(struct guard_shared *shared, uint64_t device);

/* Makes printable UTF-8 of whatever is in text: other bytes become '?'; cut at its size. */
void guard_text_clean(char *text, size_t size_bytes);

#endif
