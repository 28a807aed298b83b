/* SPDX-License-Identifier: Apache-2.0 */
/* report_lean.c - when a report may be lean; see report_lean.h. Enforcer only. */
#include "agent/enforcer/report_lean.h"

#include <errno.h>
#include <fcntl.h>

#include "agent/enforcer/enforcer.h"
#include "agent/util/clock.h"
#include "agent/util/fs.h"

/* Its modification time is when the first lean report was made. */
#define LEAN_FILE ENFORCER_REPORTS "/lean"

bool report_lean_begin(struct enforcer *e)
{
	struct fs_owner owner = {geteuid(), getegid(), 0600};
	struct stat st;
	int64_t age_s;
	int r;

	if (!reactions_is_expensive(e) || !e->documents.has_assignment)
		return false;
	if (fstatat(e->state.dir_fd, LEAN_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		age_s = clock_realtime_s() - (int64_t)st.st_mtime;
		/* A clock that was set back proves nothing: rather too early than never. */
		return age_s >= 0 && age_s < REPORT_LEAN_MAX_S;
	}
	r = fs_make_dirs(e->state.dir_fd, ENFORCER_REPORTS, 0700);
	if (r == 0)
		r = fs_replace(e->state.dir_fd, LEAN_FILE, "", 0, &owner);
	/* Without a beginning there would be no end. */
	return r == 0;
}

void report_lean_end(struct enforcer *e)
{
	struct stat st;

	/* Nearly always there is nothing to remove, and nothing to sync. */
	if (fstatat(e->state.dir_fd, LEAN_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		(void)fs_remove(e->state.dir_fd, LEAN_FILE);
}
