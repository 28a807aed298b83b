/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - tells when files change that others may write, by inotify(7): no wake-up while nothing
 * happens. Files and their directories need not exist yet; every existing directory on the way to
 * a file is watched, and the set is renewed when one of them appears, goes or is replaced. An
 * overflow of the queue counts as a change of everything.
 */
#ifndef MDM_PLATFORM_WATCH_H
#define MDM_PLATFORM_WATCH_H

#include <systemd/sd-event.h>

#include "agent/util/mem.h"

#define WATCH_PATHS_MAX 32

struct watch;
typedef void (*watch_changed_fn)(void *userdata);

/*
 * paths: relative to root_fd, copied; one that ends in '/' stands for every name in that directory
 * that does not begin with a dot. changed is called from the loop, once for all that happened since
 * the last time. 0 or -errno (-EMFILE, -ENOSPC: the kernel's limits on inotify).
 */
int watch_new(sd_event *event, int root_fd, const char *const *paths, size_t n_paths,
	watch_changed_fn changed, void *userdata, struct watch **ret_watch);
void watch_free(struct watch *watch);
DEFINE_CLEANUP(struct watch *, watch_free)

/*
 * Forgets what has happened up to now, and watches what exists now: after changes of one's own,
 * before looking again. NULL is fine.
 */
void watch_settle(struct watch *watch);

#endif
