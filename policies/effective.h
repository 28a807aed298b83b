/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effective.h - the policies of all streams of a phone, conditions applied, merged: one value per
 * setting and who decided it.
 */
#ifndef MDM_POLICIES_EFFECTIVE_H
#define MDM_POLICIES_EFFECTIVE_H

#include "policies/policy.h"

struct effective_setting {
	bool present;
	struct value value;
	/* The profile whose value equals the merged one; the first in (stream, profile) order.
	 * n_contributors counts all profiles that set it. Borrowed from the policies. Of sets and
	 * of words that hold beside each other (MERGE_JOIN) none need be equal; then the first
	 * contributor stands here. */
	const struct policy *policy;
	const struct profile *profile;
	size_t n_contributors;
};

struct effective {
	struct effective_setting settings[SETTING_MAX];
	struct policy_checkin checkin; /* smallest interval and its jitter over all streams */
	int64_t next_change_s; /* until a condition may change by time alone; INT64_MAX: never */
	size_t n_unsupported;  /* unknown settings, conditions, members in all policies */
};

/*
 * Merges. The result borrows names from the policies. Order of the policies and profiles does not
 * change any value. 0 or -ENOMEM. effective_done() after success.
 */
int effective_compute(struct policy *const *policies, size_t n_policies,
	const struct when_facts *facts, struct effective *ret_effective);
void effective_done(struct effective *effective);

/* Whether two effective policies want the same values and check-in (who decided may differ). */
bool effective_equal(const struct effective *a, const struct effective *b);

/*
 * explain: JSON array of every setting that some profile sets: value, deciding stream and profile
 * (null where no profile applies), all contributors in (stream, profile) order with the truth of
 * their conditions; docs/protocol.md, section 6.
 */
struct jsonw;
void effective_write_explain(const struct effective *effective, struct policy *const *policies,
	size_t n_policies, const struct when_facts *facts, struct jsonw *w, const char *key);

#endif
