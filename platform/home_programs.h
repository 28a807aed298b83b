/* SPDX-License-Identifier: Apache-2.0 */
/*
 * home_programs.h - AppImages and other programs in people's homes, as findings. Reads only.
 * Enforcer only.
 *
 * Homes belong to strangers: no link is followed and no other mount entered, so that no file system
 * of a user's ever answers; a home that is on such a one, or belongs to somebody else than its
 * account, is passed over and counted. The work is done in pieces between which the loop goes on.
 */
#ifndef MDM_PLATFORM_HOME_PROGRAMS_H
#define MDM_PLATFORM_HOME_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/util/limits.h"
#include "agent/util/mem.h"

/* In the order in which they matter where not all can be named. */
enum home_program_kind {
	HOME_APPIMAGE, /* by its magic or its name, executable or not */
	HOME_BINARY,   /* ELF with a bit that lets it be executed */
	HOME_SCRIPT,   /* "#!", likewise */
	HOME_PROGRAM_KIND_MAX,
};
const char *home_program_kind_name(enum home_program_kind kind);

struct home_program {
	enum home_program_kind kind;
	char user[LIMIT_USER_BYTES + 1];
	uid_t uid;
	char *path;    /* "/home/user/Applications/x.AppImage", any bytes; owned */
	size_t n_home; /* so much of path is the home, with the slash behind it */
	uint64_t n_bytes;
};

struct home_programs {
	struct home_program found[LIMIT_APPS_FOUND]; /* sorted by kind and path */
	size_t n_found;
	size_t n_total; /* of all kinds, named or not */
	size_t n_homes; /* that were looked at */
	size_t n_homes_skipped;
	bool is_cut; /* a limit ended it before everything was seen */
};
void home_programs_done(struct home_programs *programs);

/* One way through all homes. */
struct home_walk;
int home_walk_new(int root_fd, struct home_walk **ret_walk);
void home_walk_free(struct home_walk *walk);
DEFINE_CLEANUP(struct home_walk *, home_walk_free)

/*
 * Looks at n_entries more names at most. 1: there is more to do; 0: that was all. -errno: it cannot
 * go on; what a single home or directory does is no such failure.
 */
int home_walk_step(struct home_walk *walk, size_t n_entries);

/* What was found up to now; moves to the caller, who frees it. */
void home_walk_take(struct home_walk *walk, struct home_programs *ret_programs);

#endif
