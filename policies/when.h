/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when.h - the condition of a profile: a tree of all/any/not over leaves, evaluated in Kleene's
 * three-valued logic so that a condition this agent does not know stays "unknown" under "not".
 * A profile whose condition is unknown does not apply, and that is reported.
 *
 * A kind of leaf is a row of an explicit table in when.c (name, parse, evaluate, next change);
 * place joins as a row.
 */
#ifndef MDM_POLICIES_WHEN_H
#define MDM_POLICIES_WHEN_H

#include "agent/json/json_read.h"
#include "policies/settings.h"

enum truth {
	TRUTH_FALSE,
	TRUTH_TRUE,
	TRUTH_UNKNOWN,
	TRUTH_MAX,
};
const char *truth_name(enum truth truth); /* "false", "true", "unknown" */

/* Everything a condition may depend on, as values. */
struct when_facts {
	int64_t realtime_s;   /* Unix time */
	int32_t utc_offset_s; /* local time = realtime_s + utc_offset_s */
	bool clock_known; /* false: the clock is below the high-water time; time leaves are unknown
			   */
	/* Seconds (CLOCK_BOOTTIME, added up over boots) an area has been non-compliant; -1: it is
	 * not. */
	int64_t noncompliant_s[AREA_MAX];
	/* The phone as a device; what nobody on it tells is UNKNOWN, which is not zero. */
	enum truth charging, online, metered, roaming;
};

struct when;

/* "when" member of a profile. 0; -EBADMSG with error; -ENOMEM. */
int when_parse(struct json_object *object, const char *path, struct when **ret_when,
	struct json_error *error);
void when_free(struct when *when);
DEFINE_CLEANUP(struct when *, when_free)

/*
 * Evaluates; *ret_next_s is lowered (never raised) to the number of seconds until the result
 * could change by time alone. Start with INT64_MAX.
 */
enum truth when_evaluate(
	const struct when *when, const struct when_facts *facts, int64_t *ret_next_s);

/* Names of leaf kinds that this agent does not know, one call each; for the report. */
void when_each_unknown(
	const struct when *when, void (*visit)(void *userdata, const char *kind), void *userdata);

/* For people: "Mon-Fri 08:00-17:00 and not (…)". */
void when_format(const struct when *when, struct buf *out);

#endif
