/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password.h - the rules of the area "password" as numbers: what a passcode has to be, and how
 * wrong ones are answered. Pure: no system calls, no allocation; nothing here keeps a copy of a
 * password.
 */
#ifndef MDM_POLICIES_PASSWORD_H
#define MDM_POLICIES_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/digest.h"
#include "agent/util/limits.h"

/* One bit each in what a password was found to break. The values stand in messages and state files:
 * new ones go to the end. Each rule is one number; 0: no such rule. */
enum password_rule {
	PASSWORD_MIN_LENGTH,	/* characters (UTF-8), at least */
	PASSWORD_NOT_NUMERIC,	/* 1: something else than digits */
	PASSWORD_MIN_CLASSES,	/* of lower, upper, digit, other, at least */
	PASSWORD_MAX_SEQUENCE,	/* longest run of neighbours */
	PASSWORD_MAX_REPEAT,	/* longest run of one character */
	PASSWORD_NOT_COMMON,	/* 1: not what everybody tries first */
	PASSWORD_NOT_USER_NAME, /* 1: the account's name is not in it, forwards or backwards */
	PASSWORD_HISTORY,	/* differs from so many earlier ones; judged by the role verify */
	PASSWORD_RULE_MAX,
};
_Static_assert(PASSWORD_RULE_MAX <= LIMIT_PASSWORD_RULES, "a message has room for them");

struct password_rules {
	uint32_t numbers[LIMIT_PASSWORD_RULES]; /* by enum password_rule */
};

struct effective;
void password_rules_from(const struct effective *effective, struct password_rules *ret_rules);
bool password_rules_equal(const struct password_rules *a, const struct password_rules *b);
/* So that it can be told later which rules a verdict was about. 0 or -EIO. */
int password_rules_digest(const struct password_rules *rules, uint8_t ret_digest[SHA256_BYTES]);

/* Which rules the password breaks, but PASSWORD_HISTORY: bit n for rule n. password need not be
 * NUL-terminated nor UTF-8; user may be "". */
uint32_t password_judge(
	const struct password_rules *rules, const char *password, size_t n_bytes, const char *user);
/* "it needs at least 6 characters"; cut where it does not fit. The words of one broken rule. */
void password_rule_format(
	enum password_rule rule, uint32_t number, char *ret_text, size_t size_bytes);
/* "min_length": the setting that the rule comes from, as an index of settings.h. */
int password_rule_setting(enum password_rule rule); /* enum setting_id */

/* What follows from wrong attempts in a row. */
/* What follows after max_attempts, in the order of the words of SETTING_PASSWORD_AT_MAXIMUM. */
enum password_at_maximum {
	PASSWORD_AT_MAXIMUM_LOCK_OUT,
	PASSWORD_AT_MAXIMUM_CRYPTO_LOCK,
	PASSWORD_AT_MAXIMUM_WIPE,
};

struct password_limits {
	bool present;		  /* the policy has at least one setting of this kind */
	uint32_t free_attempts;	  /* without a wait; default 5 */
	uint32_t first_delay_s;	  /* default 30 */
	uint32_t longest_delay_s; /* default 3600; never below first_delay_s */
	uint32_t max_attempts;	  /* 0: never the end */
	uint32_t at_maximum;	  /* enum password_at_maximum */
};
void password_limits_from(const struct effective *effective, struct password_limits *ret_limits);
/* How long to wait after so many wrong attempts in a row, in seconds; 0: not at all. */
uint32_t password_delay_s(const struct password_limits *limits, uint32_t n_failed);
bool password_is_exhausted(const struct password_limits *limits, uint32_t n_failed);

/* Strength of the method of a shadow(5) field: place in the words of SETTING_PASSWORD_MIN_HASH. */
uint32_t password_hash_strength(const char *hash);

struct policy;
/* Whether some profile of it can destroy by itself, so that it needs the threshold of that role. */
bool password_policy_destroys(const struct policy *policy);

#endif
