/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watched.h - one walk over what is mounted: each file system that matters is marked, each that
 * cannot be is counted and the first is named. The keeper.
 */
#ifndef MDM_GUARD_WATCHED_H
#define MDM_GUARD_WATCHED_H

#include <stdint.h>

#include "agent/util/limits.h"

struct guard_shared;
struct guard_watched {
	uint32_t n_filesystems, n_unwatched;
	char unwatched[LIMIT_TEXT_BYTES + 1]; /* "/media/x: vfat, ..." */
};

/*
 * only: "/a:/b", mounts that are looked at; NULL: all. A mark that is there already stays as it is.
 * Everything is walked each time: numbers of mounts and devices are used again, so that what looks
 * the same may be another one. What is foreign is put into shared before it is marked. What a
 * file system covers that may not answer is looked for by a process of its own. 0; 1: that one has
 * been killed and is still to be waited for; -errno (no /proc).
 */
int guard_watch_mounts(int group_fd, const char *only, struct guard_shared *shared,
	struct guard_watched *ret_watched);

/* The agent's own programs, and what they are started by, run whatever happens to the guard. */
void guard_exempt_own(int group_fd);

#endif
