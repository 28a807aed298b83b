/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h - a whole wipe, from the plan to the end of the system. A thread for each device: none
 * waits for another that hangs. A thread more ends the system when everything else does not.
 */
#ifndef MDM_WIPE_RUN_H
#define MDM_WIPE_RUN_H

#include "agent/wipe/target.h"

/* How the program ends, if the system does not. */
enum wipe_exit {
	WIPE_EXIT_DONE = 0,
	/* Something could not be destroyed; the plan stays where the next boot could do more. */
	WIPE_EXIT_LEFT = 1,
	WIPE_EXIT_USAGE = 2,
	WIPE_EXIT_REFUSED = 3, /* nothing was touched */
};

struct wipe_options {
	int root_fd;
	const char *boot_path;	 /* early boot: the boot partition is mounted there; or NULL */
	int listener_fd;	 /* see progress.h; or -1 */
	unsigned int patience_s; /* until a device counts as hung; twice as long for the rest */
	unsigned int wait_s;	 /* for devices that appear late, at boot */
	bool is_started;	 /* what is not recognised now was destroyed before the restart */
	void (*finish)(enum wipe_finish finish);
};

/*
 * Looks, and says what would be destroyed, in lines on standard output:
 *	device N luks /dev/mmcblk0p2 ready LUKS2, 16777216 bytes of headers and key slots
 *	verdict ready | partly | refused
 * Returns WIPE_EXIT_DONE, _LEFT (some of it cannot be), _REFUSED.
 */
int wipe_check(const struct wipe_plan *plan, const struct wipe_options *options);

/* Destroys. The plan is stored (again) before the first byte, and removed when all is gone. */
int wipe_run(const struct wipe_plan *plan, const struct wipe_options *options);

#endif
