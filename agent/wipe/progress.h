/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - what the wipe says of itself while it runs, in lines that begin with milliseconds of
 * CLOCK_BOOTTIME: to a descriptor, for whoever started it, and beside the plan, for the agent and
 * the next boot.
 *
 *	81230 started ID | refused REASON
 *	81231 found N MAJOR:MINOR SIZE SEED VERSION HEADER AREA MARK	by which a restart knows it
 *	81900 device N gone | failed | hung | left | later DETAIL
 *	81900 keys-gone | keys-left	of containers alone
 *	94000 wrote N BYTES	from the start, so far, over plain data
 *	95000 plain-gone | plain-left	where the plan names data without keys
 *	95000 discarded | undiscarded
 *	95010 finishing poweroff
 *
 * "later": out of the reach of early boot. The last word on a device counts.
 */
#ifndef MDM_WIPE_PROGRESS_H
#define MDM_WIPE_PROGRESS_H

#include "agent/util/mem.h"
#include "agent/wipe/intent.h"

struct progress {
	int listener_fd; /* or -1 */
	int file_fds[WIPE_PLACES];
	bool is_boot[WIPE_PLACES];
	size_t n_files;
	bool is_root_gone; /* nothing waits for the root file system any more */
};

/* Its files stay open until the process ends. */
void progress_init(struct progress *p, const struct wipe_places *places, int listener_fd);

/* One line. What cannot be written is lost: nothing waits for it. */
void progress_say(struct progress *p, const char *format, ...) _printf_(2, 3);

#endif
