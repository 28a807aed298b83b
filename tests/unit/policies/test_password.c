/* SPDX-License-Identifier: Apache-2.0 */
/* test_password.c - rules and limits out of what applies, waits, strength of hashes, and which
 * policies can destroy. */
#include "policies/password.h"

#include "policies/effective.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

static struct policy *policy_of(const char *stream, const char *profiles)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {0};
	struct policy *policy;

	gen_policy(stream, NULL, profiles, &text);
	policy = gen_parse(text.data, &error);
	if (!policy)
		check_fail(__FILE__, __LINE__, "%s: %s", error.path, error.message);
	return policy;
}

/* Of one profile with these settings of the area; effective_done() by the caller, who keeps
 * *ret_policy until then. */
static void effective_of(
	const char *settings, struct policy **ret_policy, struct effective *ret_effective)
{
	struct when_facts facts = {.realtime_s = 1800000000, .clock_known = true};
	_cleanup_buf_ struct buf profile = BUF_INIT;

	buf_printf(&profile, "{\"id\":\"a\",\"settings\":{\"password\":{%s}}}", settings);
	*ret_policy = policy_of("s", profile.data);
	if (!*ret_policy || effective_compute(ret_policy, 1, &facts, ret_effective) < 0)
		abort();
}

static struct password_rules rules_of(const char *settings)
{
	struct password_rules rules;
	struct effective effective;
	struct policy *policy;

	memset(&rules, 0xff, sizeof(rules));
	effective_of(settings, &policy, &effective);
	password_rules_from(&effective, &rules);
	effective_done(&effective);
	policy_free(policy);
	return rules;
}

static struct password_limits limits_of(const char *settings)
{
	struct password_limits limits;
	struct effective effective;
	struct policy *policy;

	memset(&limits, 0xff, sizeof(limits));
	effective_of(settings, &policy, &effective);
	password_limits_from(&effective, &limits);
	effective_done(&effective);
	policy_free(policy);
	return limits;
}

static void test_rules_from(void)
{
	static const struct password_rules none;
	struct password_rules rules = rules_of("");

	CHECK(password_rules_equal(&rules, &none));
	rules = rules_of("\"allow_numeric\":true,\"forbid_common\":false,\"history\":0,"
			 "\"forbid_empty\":true,\"max_age\":30,\"max_attempts\":10");
	CHECK(password_rules_equal(&rules, &none));
	rules = rules_of("\"min_length\":8,\"allow_numeric\":false,\"min_classes\":2,"
			 "\"max_sequence\":3,\"max_repeat\":4,\"forbid_common\":true,"
			 "\"forbid_user_name\":true,\"history\":5");
	CHECK_INT(rules.numbers[PASSWORD_MIN_LENGTH], 8);
	CHECK_INT(rules.numbers[PASSWORD_NOT_NUMERIC], 1);
	CHECK_INT(rules.numbers[PASSWORD_MIN_CLASSES], 2);
	CHECK_INT(rules.numbers[PASSWORD_MAX_SEQUENCE], 3);
	CHECK_INT(rules.numbers[PASSWORD_MAX_REPEAT], 4);
	CHECK_INT(rules.numbers[PASSWORD_NOT_COMMON], 1);
	CHECK_INT(rules.numbers[PASSWORD_NOT_USER_NAME], 1);
	CHECK_INT(rules.numbers[PASSWORD_HISTORY], 5);
	for (size_t i = PASSWORD_RULE_MAX; i < LIMIT_PASSWORD_RULES; i++)
		CHECK_INT(rules.numbers[i], 0);
}

static void test_rule_settings(void)
{
	for (enum password_rule rule = 0; rule < PASSWORD_RULE_MAX; rule++) {
		CHECK_INT(setting_row(password_rule_setting(rule))->area, AREA_PASSWORD);
		for (enum password_rule other = 0; other < rule; other++)
			CHECK(password_rule_setting(rule) != password_rule_setting(other));
	}
	CHECK_STR(setting_row(password_rule_setting(PASSWORD_MIN_LENGTH))->name, "min_length");
}

static void test_digest(void)
{
	struct password_rules rules = {0}, other;
	uint8_t first[SHA256_BYTES], digest[SHA256_BYTES];

	CHECK_INT(password_rules_digest(&rules, first), 0);
	CHECK_INT(password_rules_digest(&rules, digest), 0);
	CHECK(memcmp(first, digest, sizeof(first)) == 0);
	/* Each number counts, and its place. */
	for (size_t i = 0; i < LIMIT_PASSWORD_RULES; i++) {
		for (unsigned int bit = 0; bit < 32; bit += 31) {
			other = rules;
			other.numbers[i] ^= 1u << bit;
			CHECK(!password_rules_equal(&rules, &other));
			CHECK_INT(password_rules_digest(&other, digest), 0);
			CHECK(memcmp(first, digest, sizeof(first)) != 0);
		}
	}
}

static void test_limits_from(void)
{
	struct password_limits limits = limits_of("\"min_length\":6,\"max_age\":30");

	CHECK(!limits.present);
	CHECK_INT(password_delay_s(&limits, 1000), 0);
	CHECK(!password_is_exhausted(&limits, UINT32_MAX));
	limits = limits_of("\"max_attempts\":10");
	CHECK(limits.present);
	CHECK_INT(limits.free_attempts, 5);
	CHECK_INT(limits.first_delay_s, 30);
	CHECK_INT(limits.longest_delay_s, 3600);
	CHECK_INT(limits.max_attempts, 10);
	CHECK_INT(limits.at_maximum, 0);
	CHECK(!password_is_exhausted(&limits, 9));
	CHECK(password_is_exhausted(&limits, 10));
	CHECK(password_is_exhausted(&limits, 11));
	limits = limits_of("\"free_attempts\":3,\"first_delay\":60,\"longest_delay\":600,"
			   "\"at_maximum\":\"wipe\"");
	CHECK(limits.present);
	CHECK_INT(limits.free_attempts, 3);
	CHECK_INT(limits.first_delay_s, 60);
	CHECK_INT(limits.longest_delay_s, 600);
	CHECK_INT(limits.at_maximum, 2);
	CHECK(!password_is_exhausted(&limits, UINT32_MAX));
	/* The longest is never below the first. */
	limits = limits_of("\"first_delay\":60,\"longest_delay\":10");
	CHECK_INT(limits.longest_delay_s, 60);
	limits = limits_of("\"longest_delay\":10");
	CHECK_INT(limits.longest_delay_s, 30);
	CHECK_INT(password_delay_s(&limits, 50), 30);
}

static void test_delays(void)
{
	static const struct {
		uint32_t n_failed, delay_s;
	} cases[] = {{0, 0}, {4, 0}, {5, 30}, {6, 60}, {7, 120}, {8, 240}, {9, 480}, {10, 960},
		{11, 1920}, {12, 3600}, {13, 3600}, {1000000, 3600}, {UINT32_MAX, 3600}};
	struct password_limits limits = limits_of("\"free_attempts\":5");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_INT(password_delay_s(&limits, cases[i].n_failed), cases[i].delay_s);
	limits.first_delay_s = 1;
	limits.longest_delay_s = UINT32_MAX;
	CHECK_INT(password_delay_s(&limits, 5 + 31), UINT32_C(1) << 31);
	CHECK_INT(password_delay_s(&limits, 5 + 32), UINT32_MAX);
}

/* Never shorter after one wrong attempt more, and within what was set. */
static void test_delay_is_monotone(void)
{
	struct gen gen = {5};

	for (int i = 0; i < 2000; i++) {
		struct password_limits limits = {
			.present = true,
			.free_attempts = (uint32_t)gen_between(&gen, 1, 20),
			.first_delay_s = (uint32_t)gen_between(&gen, 1, 3600),
		};
		uint32_t before = 0;

		limits.longest_delay_s = (uint32_t)gen_between(&gen, limits.first_delay_s, 86400);
		for (uint32_t n = 0; n < 60; n++) {
			uint32_t delay_s = password_delay_s(&limits, n);

			CHECK(delay_s >= before && delay_s <= limits.longest_delay_s);
			CHECK_INT(delay_s == 0, n < limits.free_attempts);
			CHECK(delay_s == 0 || delay_s >= limits.first_delay_s);
			before = delay_s;
		}
		CHECK_INT(before, limits.longest_delay_s);
	}
}

/* Two policies together never make anybody wait less than one of them, nor allow more. */
static void test_merged_limits(void)
{
	struct when_facts facts = {.realtime_s = 1800000000, .clock_known = true};
	struct gen gen = {6};

	for (int i = 0; i < 300; i++) {
		struct policy *policies[2] = {NULL, NULL};
		struct password_limits one[2], both;
		struct effective effective;

		for (size_t k = 0; k < 2; k++) {
			_cleanup_buf_ struct buf text = BUF_INIT;

			buf_printf(&text,
				"{\"id\":\"a\",\"settings\":{\"password\":{\"free_attempts\":%d,"
				"\"first_delay\":%d,\"longest_delay\":%d,\"max_attempts\":%d,"
				"\"at_maximum\":\"%s\"}}}",
				(int)gen_between(&gen, 1, 20), (int)gen_between(&gen, 1, 3600),
				(int)gen_between(&gen, 1, 86400), (int)gen_between(&gen, 4, 100),
				gen_below(&gen, 2) ? "wipe" : "lock_out");
			policies[k] = policy_of(k ? "t" : "s", text.data);
			CHECK(policies[k]);
			CHECK_INT(effective_compute(&policies[k], 1, &facts, &effective), 0);
			password_limits_from(&effective, &one[k]);
			effective_done(&effective);
		}
		CHECK_INT(effective_compute(policies, 2, &facts, &effective), 0);
		password_limits_from(&effective, &both);
		effective_done(&effective);
		for (size_t k = 0; k < 2; k++) {
			CHECK(both.at_maximum >= one[k].at_maximum);
			for (uint32_t n = 0; n < 120; n++) {
				CHECK(password_delay_s(&both, n) >= password_delay_s(&one[k], n));
				CHECK(password_is_exhausted(&both, n) >=
					password_is_exhausted(&one[k], n));
			}
			policy_free(policies[k]);
		}
	}
}

static void test_hash_strength(void)
{
	static const struct {
		const char *hash, *at_least; /* the strongest word it satisfies */
	} cases[] = {
		{"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC", "yescrypt"},
		{"$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC", "yescrypt"},
		{"$7$CU..../....2Q9obwLhin8qvQl6sisAO/$", "yescrypt"},
		{"$2b$12$abcdefghijklmnopqrstuv", "sha512"},
		{"$2y$10$abcdefghijklmnopqrstuv", "sha512"},
		{"$2a$10$abcdefghijklmnopqrstuv", "sha512"},
		{"$2x$10$abcdefghijklmnopqrstuv", "any"},
		{"$6$saltsalt$abc", "sha512"},
		{"$6$rounds=5000$saltsalt$abc", "sha512"},
		{"$6$rounds=656000$saltsalt$abc", "sha512"},
		{"$6$rounds=99999999999999999999$saltsalt$abc", "sha512"},
		{"$6$rounds=4999$saltsalt$abc", "any"},
		{"$6$rounds=1000$saltsalt$abc", "any"},
		{"$6$rounds=$saltsalt$abc", "any"},
		{"$5$saltsalt$abc", "sha256"},
		{"$5$rounds=1000$saltsalt$abc", "any"},
		{"$1$saltsalt$abc", "any"},
		{"$sha1$1$salt$abc", "any"},
		{"$3$$abc", "any"},
		{"abJnggxhB/yWI", "any"},
		{"$y", "any"},
		{"$", "any"},
		{"!", "any"},
		{"*", "any"},
		{"!$6$saltsalt$abc", "any"},
		{"", "any"},
	};
	const struct setting_row *row = setting_row(SETTING_PASSWORD_MIN_HASH);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t strength = password_hash_strength(cases[i].hash);

		CHECK(strength <= row->max);
		if (strcmp(row->choices[strength], cases[i].at_least) != 0)
			check_fail(__FILE__, __LINE__, "%s is as good as %s", cases[i].hash,
				row->choices[strength]);
	}
}

static void test_destroys(void)
{
	static const struct {
		const char *profiles;
		bool destroys;
	} cases[] = {
		{"", false},
		{"{\"id\":\"a\",\"settings\":{\"password\":{\"max_attempts\":4}}}", false},
		{"{\"id\":\"a\",\"settings\":{\"password\":{\"max_attempts\":4,"
		 "\"at_maximum\":\"lock_out\"}}}",
			false},
		{"{\"id\":\"a\",\"settings\":{\"password\":{\"max_attempts\":4,"
		 "\"at_maximum\":\"crypto_lock\"}}}",
			true},
		{"{\"id\":\"a\",\"settings\":{\"password\":{\"max_attempts\":4,"
		 "\"at_maximum\":\"wipe\"}}}",
			true},
		/* Another policy may bring the number. */
		{"{\"id\":\"a\",\"settings\":{\"password\":{\"at_maximum\":\"wipe\"}}}", true},
		/* In the last of several, and under a condition that no agent knows. */
		{"{\"id\":\"b\",\"settings\":{}},{\"id\":\"a\",\"when\":{\"moon\":\"full\"},"
		 "\"settings\":{\"password\":{\"at_maximum\":\"wipe\"}}}",
			true},
		{"{\"id\":\"a\",\"settings\":{}},{\"id\":\"b\",\"when\":{\"all\":["
		 "{\"charging\":{\"is\":true}},{\"charging\":{\"is\":false}}]},"
		 "\"settings\":{\"password\":{\"at_maximum\":\"wipe\"}}}",
			true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_freep) struct policy *policy = policy_of("s", cases[i].profiles);

		CHECK(policy);
		if (password_policy_destroys(policy) != cases[i].destroys)
			check_fail(__FILE__, __LINE__, "%s", cases[i].profiles);
	}
}

static const struct check_test tests[] = {
	{"rules_from", test_rules_from},
	{"rule_settings", test_rule_settings},
	{"digest", test_digest},
	{"limits_from", test_limits_from},
	{"delays", test_delays},
	{"delay_is_monotone", test_delay_is_monotone},
	{"merged_limits", test_merged_limits},
	{"hash_strength", test_hash_strength},
	{"destroys", test_destroys},
};

CHECK_MAIN(tests)
