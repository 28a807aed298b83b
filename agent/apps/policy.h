/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - the step "policy": one virtual package that has all bans, pins and requirements as its
 * dependencies. apk keeps them from then on, for whoever asks it.
 */
#ifndef MDM_APPS_POLICY_H
#define MDM_APPS_POLICY_H

#include "agent/apps/apk.h"

/* With words; says how each that cannot be had ended, and then the step. 0 or -errno. */
int policy_apply(struct apps_run *run, const struct apps_words *words);

/*
 * Fetches the indexes. What stands in the way of that is in what apk said; ret_late: APPS_DONE, or
 * why there is no time left for anything else (busy, deadline). 0 or -errno.
 */
int apk_refresh(struct apps_run *run, struct program_said *ret_said, enum apps_result *ret_late);

#endif
