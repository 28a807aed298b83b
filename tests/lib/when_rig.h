/* SPDX-License-Identifier: Apache-2.0 */
/* when_rig.h - conditions from text, and facts at a moment. Header only: a test program links one
 * object. */
#ifndef MDM_TESTS_WHEN_RIG_H
#define MDM_TESTS_WHEN_RIG_H

#include "policies/when.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define DAY_S 86400
#define NEVER INT64_MAX
#define UNKNOWN "{\"tide\":{\"is\":\"high\"}}"
#define TRUE_ "{\"noncompliant\":{\"area\":\"encryption\",\"for\":0}}"
#define FALSE_ "{\"not\":" TRUE_ "}"

/* Monday 2026-11-23 00:00:00 UTC. */
#define MONDAY INT64_C(1795392000)

static inline int parse(const char *text, struct when **ret_when, struct json_error *error)
{
	_cleanup_json_ struct json_object *object = NULL;
	int r = json_parse(text, strlen(text), &object, error);

	return r < 0 ? r : when_parse(object, "w", ret_when, error);
}

static inline struct when *must_parse(const char *text)
{
	struct when *when = NULL;
	struct json_error error = {0};

	if (parse(text, &when, &error) < 0)
		check_fail(__FILE__, __LINE__, "%s: %s %s", text, error.path, error.message);
	return when;
}

static inline struct when_facts facts_at(int64_t realtime_s)
{
	struct when_facts facts = {.realtime_s = realtime_s, .clock_known = true};

	for (size_t i = 0; i < AREA_MAX; i++)
		facts.noncompliant_s[i] = -1;
	facts.noncompliant_s[AREA_ENCRYPTION] = 0;
	return facts;
}

static inline enum truth truth_of(const struct when *when, const struct when_facts *facts)
{
	int64_t next_s = NEVER;

	return when_evaluate(when, facts, &next_s);
}

static inline int64_t next_of(const struct when *when, const struct when_facts *facts)
{
	int64_t next_s = NEVER;

	when_evaluate(when, facts, &next_s);
	return next_s;
}

#endif
