/* SPDX-License-Identifier: Apache-2.0 */
/* place_gpx.h - the way that a GPX file tells, for place_sim.h. Pure; tools. */
#ifndef MDM_POLICIES_PLACE_GPX_H
#define MDM_POLICIES_PLACE_GPX_H

#include "policies/gpx.h"
#include "policies/place_sim.h"

#define PLACE_GPX_WALK_MS 1.4 /* where a file has no times */

/*
 * The points of all tracks, or of all routes where there are no tracks, in the order of the file:
 * as many seconds after the first one as their times say, or on foot if none has one. 0 with
 * *ret_points, the caller's to free; -EBADMSG with error: no GPX, fewer than two points, times that
 * fall or that only some points have, or more than PLACE_SIM_MAX_S; -ENOMEM.
 */
int place_gpx_read(const char *text, size_t n_bytes, struct place_sim_point **ret_points,
	size_t *ret_n_points, struct gpx_error *ret_error);

#endif
