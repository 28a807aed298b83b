/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts_watch.h - tells when something was mounted or unmounted, or swapped to, but not as often
 * as users can do that: a few times at once, then once in a while. Enforcer only.
 */
#ifndef MDM_PLATFORM_MOUNTS_WATCH_H
#define MDM_PLATFORM_MOUNTS_WATCH_H

#include <systemd/sd-event.h>

#include "agent/util/mem.h"

#define MOUNTS_WATCH_BURST 4
#define MOUNTS_WATCH_EVERY_MS 5000

struct mounts_watch;
typedef void (*mounts_changed_fn)(void *userdata);

/* fd: of a table that signals (proc_pid_mountinfo(5), /proc/swaps); a copy of it is made. changed
 * is called from the loop, after the last change at any rate. 0 or -errno. */
int mounts_watch_new(sd_event *event, int fd, mounts_changed_fn changed, void *userdata,
	struct mounts_watch **ret_watch);
void mounts_watch_free(struct mounts_watch *watch);
DEFINE_CLEANUP(struct mounts_watch *, mounts_watch_free)

#endif
