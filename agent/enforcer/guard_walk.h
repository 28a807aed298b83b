/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_walk.h - programs by inode, and looking for them below a directory, one entry at a time.
 * Follows no links, crosses no file system, opens no files. Enforcer only.
 */
#ifndef MDM_ENFORCER_GUARD_WALK_H
#define MDM_ENFORCER_GUARD_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/guard/table.h"
#include "agent/util/buf.h"

struct guard_file {
	uint64_t device, inode, born_ns;
	uint32_t owner; /* place of its text */
	uint16_t answer, reason;
};

/* All that were found, in any order, some more than once. */
struct guard_files {
	struct guard_file *files; /* owned */
	size_t n_files, capacity;
	size_t n_denied;
	struct buf owners;
	uint32_t last_owner;
	bool is_cut; /* some that may run are not in it */
};
void guard_files_done(struct guard_files *files);

/* 0; -ENOMEM; of those that may not run -E2BIG beyond LIMIT_GUARD_INODES. */
int guard_files_deny(struct guard_files *files, const struct guard_born *file,
	enum guard_reason reason, const char *owner);
int guard_files_allow(struct guard_files *files, const struct guard_born *file);

/* Each inode once, in the order of their numbers: one that somebody may run is allowed. What visit
 * returns below 0 ends it. */
int guard_files_each(struct guard_files *files,
	int (*visit)(const struct guard_file *file, const char *owner, void *userdata),
	void *userdata);

struct guard_found {
	struct guard_born file;
	uint64_t n_links;
};

struct guard_walk;
/* Whether something was passed over: it lies too deep, or could not be read. */
bool guard_walk_is_cut(const struct guard_walk *walk);

/* owner is copied. 0; -ENOENT, -ENOTDIR; -ENOMEM; -errno. */
int guard_walk_new(int root_fd, const char *path, const char *owner, unsigned int max_depth,
	struct guard_walk **ret_walk);
void guard_walk_free(struct guard_walk *walk);

/* One more entry; found is called if it is a program. 1; 0: there are no more; what found says
 * below 0. A directory that cannot be read is passed over. */
int guard_walk_next(struct guard_walk *walk,
	int (*found)(const struct guard_found *found, const char *owner, void *userdata),
	void *userdata);

#endif
