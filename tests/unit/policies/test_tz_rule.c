/* SPDX-License-Identifier: Apache-2.0 */
/* test_tz_rule.c - time zones as rules: what is taken, and every hour of many years beside the C
 * library's own reading of the same line. */
#include "policies/tz_rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/util/mem.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define DAY_S INT64_C(86400)

static const char *const rules[] = {
	"UTC0",
	"CET-1CEST,M3.5.0,M10.5.0/3",
	"EST5EDT,M3.2.0,M11.1.0",
	"AEST-10AEDT,M10.1.0,M4.1.0/3",
	"NZST-12NZDT,M9.5.0,M4.1.0/3",
	"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
	"<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
	"IST-2IDT,M3.4.4/26,M10.5.0",
	"<+0330>-3:30",
	"AAA+9:59:59BBB-14,J60/0,J300/23:59:59",
	"AAA1BBB,59/2,300/5",
	"AAA-14",
};

static void test_refused(void)
{
	static const char *const texts[] = {"", "C", "CE-1", "CET", "CET-1CEST", "Europe/Berlin",
		":CET-1", "CET-25", "CET-1:60", "CET-1:00:60", "CET-1CEST,M3.5.0",
		"CET-1CEST,M3.5.0,M10.5.0/3 ", " CET-1", "CET-1CEST,M0.5.0,M10.5.0",
		"CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
		"CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J300", "CET-1CEST,J366,J300",
		"CET-1CEST,366,1", "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1CEST,M3.5.0/,M10.5.0",
		"<CET-1", "<CE>-1", "<C T>-1", "CET-1CEST,M3.5,M10.5.0",
		"CET-1CEST,M3.5.0,M10.5.0,", "CET-1CEST-,M3.5.0,M10.5.0", "CET--1",
		"CET-999999999999999999999",
		"UTC0000000000000000000000000000000000000000000000000000000000000"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct tz_rule rule = {.standard_s = 4711};

		if (tz_rule_parse(texts[i], &rule) != -EINVAL || rule.standard_s != 4711)
			check_fail(__FILE__, __LINE__, "\"%s\" is taken", texts[i]);
	}
}

static void test_length(void)
{
	char text[TZ_RULE_BYTES + 2];
	struct tz_rule rule;

	memset(text, 'A', sizeof(text));
	memcpy(text + TZ_RULE_BYTES - 2, "-1", 3);
	CHECK_INT(tz_rule_parse(text, &rule), 0);
	CHECK_INT(rule.standard_s, 3600);
	memcpy(text + TZ_RULE_BYTES - 2, "A-1", 4);
	CHECK_INT(tz_rule_parse(text, &rule), -EINVAL);
}

/* Every hour, and the seconds around each, from 1970 to 2037. */
static void test_against_libc(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct tz_rule rule;
		int64_t next_s, expected_next_s = 0;
		int32_t last_s = 0;

		CHECK_INT(tz_rule_parse(rules[i], &rule), 0);
		CHECK_STR(rule.text, rules[i]);
		setenv("TZ", rules[i], 1);
		tzset();
		/* The first days of 1970 can belong to what was decided in 1969. */
		for (int64_t t = 30 * DAY_S; t < 68 * 365 * DAY_S; t += 1799) {
			time_t now = (time_t)t;
			struct tm local;
			int32_t offset_s;

			CHECK(localtime_r(&now, &local));
			offset_s = tz_rule_offset(&rule, t, &next_s);
			if (offset_s != local.tm_gmtoff) {
				check_fail(__FILE__, __LINE__, "%s at %lld: %d, not %ld", rules[i],
					(long long)t, offset_s, (long)local.tm_gmtoff);
				return;
			}
			CHECK(next_s > 0);
			/* It changed no sooner than it was announced. */
			if (t > 30 * DAY_S && offset_s != last_s)
				CHECK(t >= expected_next_s);
			last_s = offset_s;
			expected_next_s = next_s == INT64_MAX ? INT64_MAX : t + next_s;
		}
	}
	unsetenv("TZ");
	tzset();
}

/* The announced second is the one, in both directions. */
static void test_edges(void)
{
	struct tz_rule rule;
	/* 2027-03-28 and 2027-10-31, 01:00 UTC. */
	static const int64_t edges[] = {INT64_C(1806195600), INT64_C(1824944400)};
	int64_t next_s;

	CHECK_INT(tz_rule_parse("CET-1CEST,M3.5.0,M10.5.0/3", &rule), 0);
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		CHECK_INT(tz_rule_offset(&rule, edges[i] - 1, &next_s), i ? 7200 : 3600);
		CHECK_INT(next_s, 1);
		CHECK_INT(tz_rule_offset(&rule, edges[i], &next_s), i ? 3600 : 7200);
		CHECK(next_s > 100 * DAY_S);
	}
	/* Summer all year, as RFC 8536, section 3.3.1 writes it. */
	CHECK_INT(tz_rule_parse("EST5EDT,0/0,J365/25", &rule), 0);
	for (int64_t t = 0; t < 400 * 366 * DAY_S; t += 40009)
		CHECK_INT(tz_rule_offset(&rule, t, &next_s), -4 * 3600);
}

/* No moment overflows, and 400 years later everything is as it was. */
static void test_far(void)
{
	static const int64_t times[] = {
		INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
	struct gen gen = {17};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct tz_rule rule;
		int64_t next_s, later_next_s;

		CHECK_INT(tz_rule_parse(rules[i], &rule), 0);
		for (size_t k = 0; k < ARRAY_SIZE(times); k++) {
			tz_rule_offset(&rule, times[k], &next_s);
			CHECK(next_s > 0);
		}
		for (int k = 0; k < 1000; k++) {
			int64_t t = gen_between(&gen, -(INT64_C(1) << 40), INT64_C(1) << 40);
			int32_t offset_s = tz_rule_offset(&rule, t, &next_s);

			CHECK_INT(
				tz_rule_offset(&rule, t + 146097 * DAY_S, &later_next_s), offset_s);
			CHECK_INT(later_next_s, next_s);
		}
	}
}

static const struct check_test tests[] = {
	{"refused", test_refused},
	{"length", test_length},
	{"against_libc", test_against_libc},
	{"edges", test_edges},
	{"far", test_far},
};

CHECK_MAIN(tests)
