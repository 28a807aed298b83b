/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h - one device of the plan, found and opened: by what its header says it is, never by its
 * name alone. Nothing is written here.
 */
#ifndef MDM_WIPE_TARGET_H
#define MDM_WIPE_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/wipe/header.h"
#include "agent/wipe/lower.h"
#include "agent/wipe/memory.h"
#include "agent/wipe/plan.h"

enum wipe_verdict {
	WIPE_VERDICT_READY,
	WIPE_VERDICT_MISMATCH, /* what is there is something else */
	WIPE_VERDICT_FOREIGN,  /* not the phone's own */
	WIPE_VERDICT_FAILED,   /* not there, or cannot be opened or read; detail says why */
	/* After a restart only: */
	WIPE_VERDICT_DONE,  /* destroyed before it */
	WIPE_VERDICT_GIVEN, /* given up: nothing would tell it from something else */
	WIPE_VERDICT_LATER, /* out of reach until the root is mounted */
	WIPE_VERDICT_MAX,
};
extern const char *const wipe_verdict_names[WIPE_VERDICT_MAX];

/* What has been done, one after the other; numbers grow. */
enum wipe_step {
	WIPE_STEP_OPEN,
	WIPE_STEP_KEYS, /* keys gone, or not, as far as they ever will be */
	WIPE_STEP_REST, /* all the rest */
};

#define WIPE_CHUNK_BYTES (256 * 1024)

struct wipe_target {
	const struct wipe_device *device;
	enum wipe_verdict verdict;
	char detail[160];

	const char *foreign;	    /* why what has the plan's number is not the phone's own */
	struct sysfs_number number; /* where it was found; 0:0 for a regular file */
	int fd;
	bool is_block;
	bool is_direct;	     /* past the page cache; buffers are aligned */
	uint64_t size_bytes; /* of device or file */
	/* luks: what there is to destroy. plain: area_bytes is the block by which it is known. */
	struct wipe_header header;
	uint64_t mark_at; /* of the block by which it is recognised; goes last */
	uint64_t seed;	  /* of the bytes that are written over it */
	uint8_t *buffer;  /* two of WIPE_CHUNK_BYTES */

	/* Written by the target's thread, read by others. */
	_Atomic int step;
	_Atomic int keys_error; /* 0, or why keys may be left, -errno */
	_Atomic int rest_error;
	_Atomic bool is_overwritten; /* the keys, verified; what follows can take its time */
	_Atomic bool is_discarded;
	_Atomic uint64_t written_bytes; /* plain: so far it has been written over */
};

struct wipe_search {
	int root_fd;
	int home_fd;		     /* see sysfs_foreign_from() */
	const struct lower *only_on; /* nothing that does not lie on it; NULL: no matter */
	bool is_early;		     /* the root is not mounted yet */
	bool test;		     /* see struct wipe_plan */
	bool may_move;		     /* a restart lies between: its number can have changed */
	bool is_only_look; /* opened for reading, by whoever may not write; no memory is taken */
	const struct sysfs_number *taken; /* opened already */
	size_t n_taken;
};

/*
 * Finds and opens it; what cannot be is said in verdict and detail. wipe_target_done() gives the
 * descriptor and the memory back. memory (all zero, or what is told of it) counts where it may have
 * moved: what is no longer what the plan means is done only if the progress says so, or the bytes
 * that the wipe wrote are there, or its place is blank. What is not there is a failure.
 */
void wipe_target_open(struct wipe_target *target, const struct wipe_device *device,
	const struct wipe_search *search, const struct wipe_memory *memory);

/*
 * Opens one more of the phone's own devices that has the header of that container, beyond those
 * taken: a copy of it holds the same keys. False: there is none.
 */
bool wipe_target_open_copy(struct wipe_target *target, const struct wipe_device *device,
	const struct wipe_search *search);

/* The same bytes for the same place again, to compare with: splitmix64 of Steele, Lea and Flood. */
void wipe_random_fill(uint64_t seed, uint64_t at, size_t n_bytes, uint8_t *ret_bytes);

void wipe_target_done(struct wipe_target *target);

/* The UUID of ext4, f2fs or btrfs, from the first 68 KiB. 0; -ENODATA. ret_at: its block. */
#define FILESYSTEM_HEAD_BYTES (68 * 1024)
int filesystem_uuid_read(const uint8_t head[FILESYSTEM_HEAD_BYTES],
	char ret_uuid[WIPE_UUID_BYTES + 1], uint64_t *ret_at);

#endif
