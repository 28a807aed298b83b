/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - what the guard's processes keep of root's rights, and what they need before they give
 * the rest away: priority, locked memory, a place behind others when memory runs out.
 */
#ifndef MDM_GUARD_CONFINE_H
#define MDM_GUARD_CONFINE_H

#include <stddef.h>

#include "agent/guard/filter.h"
#include "agent/util/limits.h"

/*
 * The keeper: as early as it can. ret_note: what this system did not grant, for people; "" if
 * nothing is missing. 0; -errno: it must not go on.
 */
int guard_confine_keeper(char ret_note[LIMIT_TEXT_BYTES + 1]);

/*
 * A child of the keeper, once it has all that it needs: keep_fds, and /dev/null below them; dies
 * with its parent; memory locked; CAP_SYS_ADMIN or CAP_LEASE alone; the filter. 0 or -errno.
 */
int guard_confine_child(enum guard_filter filter, const int *keep_fds, size_t n_keep);

#endif
