/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - empties a directory: everything on its own mount goes, and nothing of any other. Links
 * are removed, never followed; whatever is mounted inside stays, be it of the same file system.
 */
#ifndef MDM_WIPE_TREE_H
#define MDM_WIPE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tree_result {
	size_t n_removed;
	size_t n_mounts; /* left alone, with all that is below */
	int error;	 /* the first thing that would not go, -errno */
};

/* A file that stays, by what it is: the plan lies in a directory like any other. */
struct tree_kept {
	dev_t device;
	ino_t inode;
};

/*
 * Until deadline_us; afterwards, with is_trimmed, the file system is synced and what became free
 * is discarded, where it can. The directory itself stays, and so do the n_kept files and what they
 * lie in, which count as nothing left. 0; -ETIME; -errno: something is left.
 */
struct tree_order {
	int64_t deadline_us;
	bool is_trimmed;
	const struct tree_kept *kept;
	size_t n_kept;
};
int wipe_tree(int dir_fd, const struct tree_order *order, struct tree_result *ret_result);

#endif
