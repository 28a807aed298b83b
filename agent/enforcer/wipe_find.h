/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wipe_find.h - what of this phone a wipe destroys: every LUKS container on its own storage, in use
 * or not; file systems of user data and swap that are not encrypted; users' files where the root is
 * not. Nothing of the boot, firmware and calibration partitions that phones have by the dozen.
 * Looks only. Enforcer.
 */
#ifndef MDM_ENFORCER_WIPE_FIND_H
#define MDM_ENFORCER_WIPE_FIND_H

#include "agent/wipe/plan.h"

struct wipe_findings {
	struct wipe_plan plan; /* devices only; what it is for is the caller's */
	size_t n_luks;	       /* of the devices; the others are data as they are */
	/* What is in use and stays, and why: "" or "sda1: on USB", the first ones. */
	char left[LIMIT_TEXT_BYTES + 1];
};

/*
 * is_root: root_fd is "/". Elsewhere regular files stand for devices, and the plan is a test.
 * 0, also with nothing found; -errno: it could not be seen what there is.
 */
int wipe_find(int root_fd, bool is_root, struct wipe_findings *ret_findings);

/*
 * One sentence for whoever ordered it and for the journal: what is destroyed for good, what may
 * survive where data were never encrypted, and what stays.
 */
void wipe_describe(const struct wipe_findings *findings, char ret_text[LIMIT_TEXT_BYTES + 1]);

#endif
