/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tz_rule.h - a time zone as one line of rules, the TZ of IEEE Std 1003.1, section 8.3, with the
 * hours of RFC 8536, section 3.3.1: "CET-1CEST,M3.5.0,M10.5.0/3". What a policy says with it is the
 * same on every phone, with or without a database of zones. Pure; enforcer and tools.
 */
#ifndef MDM_POLICIES_TZ_RULE_H
#define MDM_POLICIES_TZ_RULE_H

#include <stdbool.h>
#include <stdint.h>

#define TZ_RULE_BYTES 63 /* "<-03>3<-02>,M10.1.0/-167:59:59,M3.5.0/167:59:59" has 48 */

enum tz_day {
	TZ_DAY_WEEK,	/* Mm.w.d */
	TZ_DAY_NO_LEAP, /* Jn: 1 to 365, February 29th is never counted */
	TZ_DAY_OF_YEAR, /* n: 0 to 365 */
};

struct tz_change {
	enum tz_day kind;
	int month, week, day;
	int32_t time_s; /* after midnight, -167 h to 167 h */
};

struct tz_rule {
	char text[TZ_RULE_BYTES + 1];
	int32_t standard_s, summer_s; /* to be added to UTC */
	bool has_summer;
	struct tz_change start, end; /* of summer time */
};

/* Strict: a zone with summer time has to say when it is. 0; -EINVAL. */
int tz_rule_parse(const char *text, struct tz_rule *ret_rule);

/* What is added to UTC at that moment, any moment. *ret_next_s: seconds until that changes, more
 * than 0; INT64_MAX: never. */
int32_t tz_rule_offset(const struct tz_rule *rule, int64_t realtime_s, int64_t *ret_next_s);

#endif
