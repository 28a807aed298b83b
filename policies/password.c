/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password.c - the numbers behind the area "password": rules and limits out of what applies, waits,
 * strength of hashes, who may destroy; see password.h. Judging is in password_judge.c.
 *
 * Pure: no system calls, files or clocks. Enforcer, role verify and tools.
 */
#include "policies/password.h"

#include <errno.h>
#include <string.h>

#include "policies/effective.h"

/* Part of the digest: raised when the judge or its list of common passwords says something else of
 * the same password, so that verdicts of another version count as not known. */
#define JUDGE_VERSION 1

#define FREE_ATTEMPTS_DEFAULT 5
/* The example that NIST SP 800-63B-4 gives for waits: "30 seconds up to an hour" (section 3.2.2).
 */
#define FIRST_DELAY_DEFAULT_S 30
#define LONGEST_DELAY_DEFAULT_S 3600

/* What sha256_crypt(3) and sha512_crypt(3) take where the hash names no number. */
#define SHA_CRYPT_ROUNDS 5000

static const enum setting_id rule_settings[PASSWORD_RULE_MAX] = {
	[PASSWORD_MIN_LENGTH] = SETTING_PASSWORD_MIN_LENGTH,
	[PASSWORD_NOT_NUMERIC] = SETTING_PASSWORD_ALLOW_NUMERIC,
	[PASSWORD_MIN_CLASSES] = SETTING_PASSWORD_MIN_CLASSES,
	[PASSWORD_MAX_SEQUENCE] = SETTING_PASSWORD_MAX_SEQUENCE,
	[PASSWORD_MAX_REPEAT] = SETTING_PASSWORD_MAX_REPEAT,
	[PASSWORD_NOT_COMMON] = SETTING_PASSWORD_FORBID_COMMON,
	[PASSWORD_NOT_USER_NAME] = SETTING_PASSWORD_FORBID_USER_NAME,
	[PASSWORD_HISTORY] = SETTING_PASSWORD_HISTORY,
};

int password_rule_setting(enum password_rule rule)
{
	return rule_settings[rule];
}

/* A number of the effective policy, or what stands for "not set". */
static uint32_t setting_number(
	const struct effective *effective, enum setting_id id, uint32_t fallback)
{
	const struct effective_setting *setting = &effective->settings[id];

	return setting->present ? (uint32_t)setting->value.number : fallback;
}

void password_rules_from(const struct effective *effective, struct password_rules *ret_rules)
{
	struct password_rules rules = {0};

	for (enum password_rule rule = 0; rule < PASSWORD_RULE_MAX; rule++)
		rules.numbers[rule] = setting_number(effective, rule_settings[rule], 0);
	/* The one that says what is allowed. */
	rules.numbers[PASSWORD_NOT_NUMERIC] =
		!setting_number(effective, SETTING_PASSWORD_ALLOW_NUMERIC, 1);
	*ret_rules = rules;
}

bool password_rules_equal(const struct password_rules *a, const struct password_rules *b)
{
	return memcmp(a->numbers, b->numbers, sizeof(a->numbers)) == 0;
}

int password_rules_digest(const struct password_rules *rules, uint8_t ret_digest[SHA256_BYTES])
{
	static const uint8_t version[] = {
		'm', 'd', 'm', '-', 'r', 'u', 'l', 'e', 's', JUDGE_VERSION};
	uint8_t bytes[4 * LIMIT_PASSWORD_RULES];

	for (size_t i = 0; i < LIMIT_PASSWORD_RULES; i++)
		for (size_t k = 0; k < 4; k++)
			bytes[4 * i + k] = (uint8_t)(rules->numbers[i] >> (24 - 8 * k));
	return sha256_pair(version, sizeof(version), bytes, sizeof(bytes), ret_digest);
}

void password_limits_from(const struct effective *effective, struct password_limits *ret_limits)
{
	static const enum setting_id of_this_kind[] = {SETTING_PASSWORD_FREE_ATTEMPTS,
		SETTING_PASSWORD_FIRST_DELAY, SETTING_PASSWORD_LONGEST_DELAY,
		SETTING_PASSWORD_MAX_ATTEMPTS, SETTING_PASSWORD_AT_MAXIMUM};
	struct password_limits limits = {
		.free_attempts = setting_number(
			effective, SETTING_PASSWORD_FREE_ATTEMPTS, FREE_ATTEMPTS_DEFAULT),
		.first_delay_s = setting_number(
			effective, SETTING_PASSWORD_FIRST_DELAY, FIRST_DELAY_DEFAULT_S),
		.longest_delay_s = setting_number(
			effective, SETTING_PASSWORD_LONGEST_DELAY, LONGEST_DELAY_DEFAULT_S),
		.max_attempts = setting_number(effective, SETTING_PASSWORD_MAX_ATTEMPTS, 0),
		.at_maximum = setting_number(effective, SETTING_PASSWORD_AT_MAXIMUM, 0),
	};

	for (size_t i = 0; i < ARRAY_SIZE(of_this_kind); i++)
		limits.present |= effective->settings[of_this_kind[i]].present;
	/* The stricter of the two where profiles contradict each other. */
	if (limits.longest_delay_s < limits.first_delay_s)
		limits.longest_delay_s = limits.first_delay_s;
	*ret_limits = limits;
}

uint32_t password_delay_s(const struct password_limits *limits, uint32_t n_failed)
{
	uint32_t delay_s = limits->first_delay_s;

	if (!limits->present || n_failed < limits->free_attempts)
		return 0;
	for (uint32_t n = limits->free_attempts; n < n_failed; n++) {
		if (delay_s >= limits->longest_delay_s - delay_s)
			return limits->longest_delay_s;
		delay_s *= 2;
	}
	return delay_s;
}

bool password_is_exhausted(const struct password_limits *limits, uint32_t n_failed)
{
	return limits->present && limits->max_attempts > 0 && n_failed >= limits->max_attempts;
}

/* Whether "rounds=N$" behind the prefix asks for fewer than everybody's default. */
static bool rounds_are_few(const char *parameters)
{
	static const char name[] = "rounds=";
	uint32_t rounds = 0;

	if (strncmp(parameters, name, sizeof(name) - 1) != 0)
		return false;
	for (const char *p = parameters + sizeof(name) - 1; *p >= '0' && *p <= '9'; p++) {
		rounds = rounds * 10 + (uint32_t)(*p - '0');
		if (rounds >= SHA_CRYPT_ROUNDS)
			return false;
	}
	return true;
}

uint32_t password_hash_strength(const char *hash)
{
	/* Places in the words of the setting: 0 any, 1 sha256, 2 sha512, 3 yescrypt. */
	static const struct {
		const char *prefix;
		uint32_t strength;
	} methods[] = {
		{"$y$", 3}, /* yescrypt */
		{"$gy$", 3},
		{"$7$", 3},  /* scrypt, memory-hard as well */
		{"$2b$", 2}, /* bcrypt: the best that musl has beside sha512 */
		{"$2y$", 2},
		{"$2a$", 2},
		{"$6$", 2},
		{"$5$", 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		size_t n = strlen(methods[i].prefix);

		if (strncmp(hash, methods[i].prefix, n) != 0)
			continue;
		if ((hash[1] == '5' || hash[1] == '6') && rounds_are_few(hash + n))
			return 0;
		return methods[i].strength;
	}
	/* DES, MD5, SHA-1, NT, $2x$ with its broken signs, and what nobody knows here. */
	return 0;
}

bool password_policy_destroys(const struct policy *policy)
{
	/* With or without a condition, with or without a number of attempts: another policy of the
	 * phone may bring the number, and conditions come true. */
	for (size_t i = 0; i < policy->n_profiles; i++) {
		const struct profile *profile = &policy->profiles[i];

		if (profile->has[SETTING_PASSWORD_AT_MAXIMUM] &&
			profile->values[SETTING_PASSWORD_AT_MAXIMUM].number > 0)
			return true;
	}
	return false;
}
