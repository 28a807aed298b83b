/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkin_merge.h - how the "checkin" members of several policies in force become one set of rules.
 * Pure: no system calls, files or clocks. Used by the enforcer (pacing, wake) and by the tools.
 *
 * interval, metered_interval   the shortest of those that say one; nobody says one: the defaults.
 * jitter                       goes with the shortest interval; of several such the largest.
 * push                         true if one says true and none says false: a push service hears of
 *                              the phone, so that one organisation's "no" is enough.
 * wake_device                  true if one says true: somebody needs phones that answer at night.
 * long_poll                    "any" over the conditions of those that have one (Kleene).
 *
 * Commutative, associative and idempotent: neither the order of policies nor one that stands twice
 * makes a difference.
 */
#ifndef MDM_POLICIES_CHECKIN_MERGE_H
#define MDM_POLICIES_CHECKIN_MERGE_H

#include "policies/policy.h"

struct checkin_rules {
	int64_t interval_s, jitter_s;
	int64_t metered_interval_s; /* never below interval_s */
	bool push;
	bool wake_device;
	enum truth long_poll;	  /* FALSE if no policy in force has a condition */
	int64_t long_poll_next_s; /* until time alone may change it; INT64_MAX: never */
};

/* facts: what conditions see now. */
void checkin_merge(struct policy *const *policies, size_t n_policies,
	const struct when_facts *facts, struct checkin_rules *ret_rules);

#endif
