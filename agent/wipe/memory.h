/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - what the progress tells a wipe that goes on after a restart: of each device, what it
 * was before the first byte went, and what became of it. Reading is pure but for the files.
 */
#ifndef MDM_WIPE_MEMORY_H
#define MDM_WIPE_MEMORY_H

#include "agent/wipe/header.h"
#include "agent/wipe/intent.h"
#include "agent/wipe/sysfs.h"

struct wipe_memory {
	bool is_gone, is_left; /* that was the last word on it */
	bool is_found;	       /* what follows is known */
	struct sysfs_number number;
	uint64_t size_bytes;
	uint64_t seed; /* of the bytes that are written over it: by them it is known again */
	struct wipe_header header; /* luks; without the UUID */
	uint64_t mark_at;
	uint64_t written_bytes; /* plain: so far it is written over */
};

/* Of each device of the plan; all zero where nothing is told. */
void wipe_memory_read(const struct wipe_places *places, const struct wipe_plan *plan,
	struct wipe_memory ret_memories[LIMIT_WIPE_DEVICES]);

/* One text of progress, added to what is known. Pure. */
void wipe_memory_parse(const char *text, const struct wipe_plan *plan,
	struct wipe_memory memories[LIMIT_WIPE_DEVICES]);

#endif
