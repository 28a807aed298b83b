/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.h - no programs from places where people can write: mounts there become noexec, and
 * directories that are no mounts are bound onto themselves first. What was done is written down
 * before it is done, in the run-time directory, which is empty after a start of the phone as the
 * mounts are; what somebody else did is left as it is. mdm-agent-apps only, in the mount namespace
 * of the system.
 */
#ifndef MDM_APPS_MOUNTS_H
#define MDM_APPS_MOUNTS_H

#include "agent/apps/job.h"

#define APPS_MOUNTS_FILE "exec-mounts" /* in the run-time directory, 0600 */
#define APPS_MEMFD "proc/sys/vm/memfd_noexec"

/* How it went at one place ("/home", "vm.memfd_noexec"); what was right already is not told of. */
typedef void (*apps_place_fn)(
	const char *place, enum apps_result result, const char *detail, void *userdata);

/* Closes what is open. 0; -errno: nothing could be looked at or written down. */
int apps_mounts_close(int root_fd, int runtime_fd, apps_place_fn tell, void *userdata);

/* Takes back what was written down, exactly; but nothing that was mounted meanwhile is taken along:
 * a bind that alone holds some stays until the phone restarts, and is open. 0; -errno. */
int apps_mounts_open(int root_fd, int runtime_fd, apps_place_fn tell, void *userdata);

#endif
