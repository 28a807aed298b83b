/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_policy.c - policy payloads. What is taken can be merged under any facts; taking it twice
 * changes nothing; the merged values satisfy every profile that applies; explain is JSON; its
 * check-in rules are within their bounds.
 */
#include <stdlib.h>

#include "policies/checkin_merge.h"
#include "policies/effective.h"
#include "tests/lib/policy_gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void check_satisfied(const struct policy *policy, const struct when_facts *facts,
	const struct effective *effective)
{
	for (size_t i = 0; i < policy->n_profiles; i++) {
		const struct profile *profile = &policy->profiles[i];
		int64_t next_s = INT64_MAX;
		bool active = !profile->when ||
			      when_evaluate(profile->when, facts, &next_s) == TRUTH_TRUE;

		expect(next_s > 0 && next_s >= effective->next_change_s);
		expect(i == 0 || strcmp(policy->profiles[i - 1].id, profile->id) < 0);
		for (size_t id = 0; id < SETTING_MAX; id++) {
			if (!active || !profile->has[id])
				continue;
			expect(effective->settings[id].present);
			expect(value_satisfies(setting_row(id), &effective->settings[id].value,
				&profile->values[id]));
		}
	}
}

static void check_explain(struct policy *const *policies, size_t n, const struct when_facts *facts,
	const struct effective *effective)
{
	_cleanup_json_ struct json_object *json = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct jsonw w = JSONW_INIT(&out);

	jsonw_object(&w, NULL);
	effective_write_explain(effective, policies, n, facts, &w, "settings");
	jsonw_object_end(&w);
	expect(out.error == 0);
	json = json_tokener_parse(out.data);
	expect(json_object_is_type(json, json_type_object));
}

static void check_checkin(struct policy *const *policies, const struct when_facts *facts)
{
	struct checkin_rules once, twice;

	checkin_merge(policies, 1, facts, &once);
	checkin_merge(policies, 2, facts, &twice);
	expect(once.interval_s >= POLICY_INTERVAL_MIN_S &&
		once.interval_s <= POLICY_INTERVAL_MAX_S);
	expect(once.jitter_s >= 0 && once.jitter_s <= once.interval_s / 2);
	expect(once.metered_interval_s >= once.interval_s &&
		once.metered_interval_s <= POLICY_INTERVAL_MAX_S);
	expect(once.long_poll < TRUTH_MAX && once.long_poll_next_s > 0);
	expect(once.interval_s == twice.interval_s && once.jitter_s == twice.jitter_s &&
		once.metered_interval_s == twice.metered_interval_s && once.push == twice.push &&
		once.wake_device == twice.wake_device && once.long_poll == twice.long_poll);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_json_ struct json_object *payload = NULL;
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct gen gen = gen_from_bytes(data, n_bytes);
	struct json_error error = {0};

	if (n_bytes > LIMIT_PAYLOAD_BYTES ||
		json_parse((const char *)data, n_bytes, &payload, &error) < 0)
		return 0;
	if (policy_parse(payload, &policy, &error) < 0) {
		expect(*error.message);
		return 0;
	}
	expect(policy->n_profiles <= LIMIT_PROFILES);
	expect(policy->n_unsupported <= LIMIT_UNSUPPORTED);
	for (int i = 0; i < 3; i++) {
		struct policy *policies[] = {policy, policy};
		struct when_facts facts = gen_facts(&gen);
		struct effective once, twice;

		expect(effective_compute(policies, 1, &facts, &once) == 0);
		expect(effective_compute(policies, 2, &facts, &twice) == 0);
		expect(effective_equal(&once, &twice));
		expect(once.next_change_s == twice.next_change_s);
		check_satisfied(policy, &facts, &once);
		check_explain(policies, 2, &facts, &twice);
		check_checkin(policies, &facts);
		effective_done(&once);
		effective_done(&twice);
	}
	return 0;
}
