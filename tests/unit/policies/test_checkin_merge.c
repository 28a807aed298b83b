/* SPDX-License-Identifier: Apache-2.0 */
/* test_checkin_merge.c - check-in rules of several policies: each rule, and that order is nothing.
 */
#include "policies/checkin_merge.h"

#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define POLICIES_MAX 4

static struct policy *with_checkin(const char *checkin)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {0};
	struct policy *policy;

	gen_policy("staff", checkin, "", &text);
	policy = gen_parse(text.data, &error);
	if (!policy)
		check_fail(__FILE__, __LINE__, "%s: %s: %s", checkin, error.path, error.message);
	return policy;
}

static struct when_facts facts_charging(enum truth charging)
{
	return (struct when_facts){
		.realtime_s = 1795392000,
		.clock_known = true,
		.charging = charging,
		.online = TRUTH_UNKNOWN,
		.metered = TRUTH_UNKNOWN,
		.roaming = TRUTH_UNKNOWN,
	};
}

static void test_nobody_says_anything(void)
{
	_cleanup_(policy_freep) struct policy *silent = with_checkin(NULL);
	struct when_facts facts = facts_charging(TRUTH_TRUE);
	struct checkin_rules rules;

	CHECK(silent);
	for (size_t n = 0; n <= 1; n++) {
		checkin_merge(&silent, n, &facts, &rules);
		CHECK_INT(rules.interval_s, 3600);
		CHECK_INT(rules.jitter_s, 360);
		CHECK_INT(rules.metered_interval_s, 4 * 3600);
		CHECK(!rules.push && !rules.wake_device);
		CHECK_INT(rules.long_poll, TRUTH_FALSE);
		CHECK(rules.long_poll_next_s == INT64_MAX);
	}
}

struct merge_case {
	const char *checkins[POLICIES_MAX];
	int64_t interval_s, jitter_s, metered_s;
	bool push, wake_device;
	enum truth long_poll; /* while the charger is unknown */
};

static const struct merge_case merge_cases[] = {
	{{"{\"interval\":600}"}, 600, 60, 2400, false, false, TRUTH_FALSE},
	/* Members of one policy count although another one says nothing. */
	{{NULL, "{\"interval\":86400}"}, 86400, 8640, 345600, false, false, TRUTH_FALSE},
	{{"{\"interval\":600,\"jitter\":0}", "{\"interval\":300,\"jitter\":100}"}, 300, 100, 1200,
		false, false, TRUTH_FALSE},
	{{"{\"interval\":600,\"jitter\":0}", "{\"interval\":600,\"jitter\":100}"}, 600, 100, 2400,
		false, false, TRUTH_FALSE},
	{{"{\"interval\":600,\"metered_interval\":700}",
		 "{\"interval\":300,\"metered_interval\":604800}"},
		300, 30, 700, false, false, TRUTH_FALSE},
	{{"{\"interval\":302400}"}, 302400, 30240, 604800, false, false, TRUTH_FALSE},
	/* A push service needs one yes and no no; silence is neither. */
	{{"{\"push\":true}"}, 3600, 360, 14400, true, false, TRUTH_FALSE},
	{{"{\"push\":true}", "{\"interval\":3600}", NULL}, 3600, 360, 14400, true, false,
		TRUTH_FALSE},
	{{"{\"push\":true}", "{\"push\":false}"}, 3600, 360, 14400, false, false, TRUTH_FALSE},
	{{"{\"push\":false}"}, 3600, 360, 14400, false, false, TRUTH_FALSE},
	{{"{\"wake_device\":true}", "{\"wake_device\":false}"}, 3600, 360, 14400, false, true,
		TRUTH_FALSE},
	{{"{\"wake_device\":false}"}, 3600, 360, 14400, false, false, TRUTH_FALSE},
	/* One true condition is enough, one unknown one leaves it open. */
	{{"{\"long_poll\":{\"charging\":{\"is\":true}}}"}, 3600, 360, 14400, false, false,
		TRUTH_UNKNOWN},
	{{"{\"long_poll\":{\"charging\":{\"is\":true}}}",
		 "{\"long_poll\":{\"time\":{\"days\":[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\","
		 "\"sat\",\"sun\"]}}}"},
		3600, 360, 14400, false, false, TRUTH_TRUE},
	{{"{\"long_poll\":{\"charging\":{\"is\":true}}}",
		 "{\"long_poll\":{\"not\":{\"time\":{\"days\":[\"mon\",\"tue\",\"wed\",\"thu\","
		 "\"fri\",\"sat\",\"sun\"]}}}}"},
		3600, 360, 14400, false, false, TRUTH_UNKNOWN},
};

static void check_case(const struct merge_case *c)
{
	struct policy *policies[POLICIES_MAX] = {0};
	struct when_facts facts = facts_charging(TRUTH_UNKNOWN);
	struct checkin_rules rules;
	size_t n = 0;

	/* The last NULL entries are policies without the member: silence must not matter. */
	for (; n < POLICIES_MAX; n++)
		policies[n] = with_checkin(c->checkins[n]);
	checkin_merge(policies, n, &facts, &rules);
	for (size_t i = 0; i < n; i++)
		policy_free(policies[i]);
	CHECK_INT(rules.interval_s, c->interval_s);
	CHECK_INT(rules.jitter_s, c->jitter_s);
	CHECK_INT(rules.metered_interval_s, c->metered_s);
	CHECK_INT(rules.push, c->push);
	CHECK_INT(rules.wake_device, c->wake_device);
	CHECK_INT(rules.long_poll, c->long_poll);
}

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(merge_cases); i++)
		check_case(&merge_cases[i]);
}

static void gen_checkin(struct gen *gen, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);
	int64_t interval_s = gen_between(gen, 1, 4) * 300;

	jsonw_object(&w, NULL);
	if (gen_below(gen, 3)) {
		jsonw_int(&w, "interval", interval_s);
		if (gen_below(gen, 2))
			jsonw_int(&w, "jitter", gen_between(gen, 0, interval_s / 2));
		if (gen_below(gen, 2))
			jsonw_int(&w, "metered_interval",
				gen_between(gen, interval_s, 10 * interval_s));
	}
	if (gen_below(gen, 2))
		jsonw_bool(&w, "push", gen_below(gen, 4) != 0);
	if (gen_below(gen, 2))
		jsonw_bool(&w, "wake_device", gen_below(gen, 2));
	if (gen_below(gen, 2))
		gen_when(gen, 2, &w, "long_poll");
	jsonw_object_end(&w);
}

static bool rules_equal(const struct checkin_rules *a, const struct checkin_rules *b)
{
	return a->interval_s == b->interval_s && a->jitter_s == b->jitter_s &&
	       a->metered_interval_s == b->metered_interval_s && a->push == b->push &&
	       a->wake_device == b->wake_device && a->long_poll == b->long_poll &&
	       a->long_poll_next_s == b->long_poll_next_s;
}

/* In any order, and with one of them twice, the rules are the same. */
static void check_random(struct gen *gen, struct policy **policies, size_t n)
{
	struct policy *others[POLICIES_MAX + 1];
	struct when_facts facts = gen_facts(gen);
	struct checkin_rules rules, other;

	checkin_merge(policies, n, &facts, &rules);
	CHECK(rules.interval_s > 0 && rules.jitter_s <= rules.interval_s / 2);
	CHECK(rules.metered_interval_s >= rules.interval_s);
	CHECK(rules.long_poll_next_s > 0);
	for (size_t turn = 0; turn < n; turn++) {
		for (size_t i = 0; i < n; i++)
			others[i] = policies[(i + turn) % n];
		others[n] = policies[gen_below(gen, n)];
		checkin_merge(others, n + 1, &facts, &other);
		CHECK(rules_equal(&rules, &other));
	}
}

static void test_random(void)
{
	struct gen gen = {31};

	for (int i = 0; i < 400; i++) {
		struct policy *policies[POLICIES_MAX] = {0};
		size_t n = 1 + gen_below(&gen, POLICIES_MAX);

		for (size_t k = 0; k < n; k++) {
			_cleanup_buf_ struct buf checkin = BUF_INIT;

			gen_checkin(&gen, &checkin);
			policies[k] = with_checkin(gen_below(&gen, 4) ? checkin.data : NULL);
			CHECK(policies[k]);
		}
		check_random(&gen, policies, n);
		for (size_t k = 0; k < n; k++)
			policy_free(policies[k]);
	}
}

/* Until the announced moment the answer of the long poll stays as it is. */
static void test_long_poll_next(void)
{
	_cleanup_(policy_freep) struct policy *hours =
		with_checkin("{\"long_poll\":{\"time\":{\"from\":\"08:00\",\"to\":\"17:00\"}}}");
	struct when_facts facts = facts_charging(TRUTH_UNKNOWN);
	struct checkin_rules rules;

	CHECK(hours);
	facts.realtime_s = 7 * 3600 + 59 * 60;
	checkin_merge(&hours, 1, &facts, &rules);
	CHECK_INT(rules.long_poll, TRUTH_FALSE);
	CHECK_INT(rules.long_poll_next_s, 60);
	facts.realtime_s += 60;
	checkin_merge(&hours, 1, &facts, &rules);
	CHECK_INT(rules.long_poll, TRUTH_TRUE);
	CHECK_INT(rules.long_poll_next_s, 9 * 3600);
}

static const struct check_test tests[] = {
	{"nobody_says_anything", test_nobody_says_anything},
	{"cases", test_cases},
	{"random", test_random},
	{"long_poll_next", test_long_poll_next},
};
CHECK_MAIN(tests)
