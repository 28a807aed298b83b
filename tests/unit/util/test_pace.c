/* SPDX-License-Identifier: Apache-2.0 */
/* test_pace.c - how often something may happen; time is a number here. */
#include "agent/util/pace.h"

#include "tests/lib/check.h"

static void test_burst_then_seldom(void)
{
	struct pace pace = {.burst = 3, .every_ms = 1000};

	CHECK_INT(pace_next_ms(&pace, 50), -1);
	CHECK(!pace_take(&pace, 50));
	for (int i = 0; i < 3; i++) {
		pace_want(&pace);
		CHECK_INT(pace_next_ms(&pace, 100), 100);
		CHECK(pace_take(&pace, 100));
		CHECK(!pace_take(&pace, 100));
	}
	/* One more than that waits, and is not lost. */
	pace_want(&pace);
	pace_want(&pace);
	CHECK(!pace_take(&pace, 100));
	CHECK_INT(pace_next_ms(&pace, 100), 1100);
	CHECK(!pace_take(&pace, 1099));
	CHECK_INT(pace_next_ms(&pace, 1099), 1100);
	CHECK(pace_take(&pace, 1100));
	CHECK_INT(pace_next_ms(&pace, 1100), -1);
	/* What is left over of an interval counts for the next one. */
	pace_want(&pace);
	CHECK(pace_take(&pace, 2900));
	pace_want(&pace);
	CHECK_INT(pace_next_ms(&pace, 2900), 3100);
	/* After a pause all of the burst is there again, and not more. */
	CHECK(pace_take(&pace, 1000000));
	CHECK(pace_spend(&pace, 1000000) && pace_spend(&pace, 1000000));
	CHECK(!pace_spend(&pace, 1000000));
	CHECK(!pace_spend(&pace, 1000999) && pace_spend(&pace, 1001000));
}

/* A clock that goes back (another boot's, say) makes nothing wait for years. */
static void test_clock_goes_back(void)
{
	struct pace pace = {.burst = 1, .every_ms = 1000};

	CHECK(pace_spend(&pace, INT64_C(1) << 40));
	pace_want(&pace);
	CHECK_INT(pace_next_ms(&pace, 5), 1005);
	CHECK(!pace_take(&pace, 5));
	CHECK(pace_take(&pace, 1005));
}

/* Any storm: in any span of time not more than the burst and one for each interval; the last wish
 * is carried out after it was made, as soon as it may be, at the time that was said. */
static void test_storms(void)
{
	uint64_t random = 88172645463325252ULL;

	for (int round = 0; round < 300; round++) {
		struct pace pace = {.burst = 1 + (uint32_t)round % 9, .every_ms = 1 + round * 7};
		int64_t now = round * 1000, taken[4096], wanted = -1, next;
		size_t n = 0;

		for (int i = 0; i < 4000; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			now += (int64_t)(random % 100 == 0 ? random >> 8 & 0xfff : random >> 8 & 3);
			if (random >> 32 & 1) {
				pace_want(&pace);
				wanted = now;
			}
			next = pace_next_ms(&pace, now);
			CHECK((next >= 0) == (wanted >= 0));
			if (pace_take(&pace, now)) {
				CHECK(next <= now);
				taken[n++] = now;
				wanted = -1;
			} else {
				CHECK(next < 0 || next > now);
			}
		}
		for (size_t i = 0; i < n; i++)
			for (size_t j = i; j < n; j += 1 + j % 61)
				CHECK((int64_t)(j - i + 1) <=
					pace.burst + (taken[j] - taken[i]) / pace.every_ms + 1);
		if (wanted >= 0) {
			next = pace_next_ms(&pace, now);
			CHECK(next > now && next <= now + pace.every_ms);
			CHECK(!pace_take(&pace, next - 1) && pace_take(&pace, next));
		}
	}
}

static const struct check_test tests[] = {
	{"burst_then_seldom", test_burst_then_seldom},
	{"clock_goes_back", test_clock_goes_back},
	{"storms", test_storms},
};
CHECK_MAIN(tests)
