/* SPDX-License-Identifier: Apache-2.0 */
/* checkin_merge.c - one set of rules from several policies; see checkin_merge.h. Pure. */
#include "policies/checkin_merge.h"

static enum truth truth_or(enum truth a, enum truth b)
{
	if (a == TRUTH_TRUE || b == TRUTH_TRUE)
		return TRUTH_TRUE;
	return a == TRUTH_UNKNOWN || b == TRUTH_UNKNOWN ? TRUTH_UNKNOWN : TRUTH_FALSE;
}

static void merge_times(
	const struct policy_checkin *checkin, bool first, struct checkin_rules *rules)
{
	if (first || checkin->interval_s < rules->interval_s) {
		rules->interval_s = checkin->interval_s;
		rules->jitter_s = checkin->jitter_s;
	} else if (checkin->interval_s == rules->interval_s &&
		   checkin->jitter_s > rules->jitter_s) {
		rules->jitter_s = checkin->jitter_s;
	}
	if (first || checkin->metered_interval_s < rules->metered_interval_s)
		rules->metered_interval_s = checkin->metered_interval_s;
}

void checkin_merge(struct policy *const *policies, size_t n_policies,
	const struct when_facts *facts, struct checkin_rules *ret_rules)
{
	const struct policy_checkin defaults = POLICY_CHECKIN_DEFAULT;
	struct checkin_rules rules = {
		.interval_s = defaults.interval_s,
		.jitter_s = defaults.jitter_s,
		.metered_interval_s = defaults.metered_interval_s,
		.long_poll = TRUTH_FALSE,
		.long_poll_next_s = INT64_MAX,
	};
	bool first = true, forbidden = false;

	for (size_t i = 0; i < n_policies; i++) {
		const struct policy *policy = policies[i];

		if (!policy->has_checkin)
			continue;
		merge_times(&policy->checkin, first, &rules);
		first = false;
		rules.push |= policy->checkin.push;
		forbidden |= policy->checkin.forbids_push;
		rules.wake_device |= policy->checkin.wake_device;
		if (policy->long_poll)
			rules.long_poll = truth_or(rules.long_poll,
				when_evaluate(policy->long_poll, facts, &rules.long_poll_next_s));
	}
	rules.push &= !forbidden;
	*ret_rules = rules;
}
