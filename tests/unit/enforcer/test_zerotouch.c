/* SPDX-License-Identifier: Apache-2.0 */
/* test_zerotouch.c - how long a phone waits before it tries to enrol by itself again. */
#include "agent/enforcer/zerotouch.h"
#include "tests/lib/check.h"

static void test_delay_grows_and_ends(void)
{
	int64_t before = 0;

	for (uint32_t failures = 1; failures < 40; failures++) {
		int64_t least = zerotouch_delay_s(failures, false, 0);
		int64_t most = 0;

		for (uint64_t random = 0; random < 100000; random += 7) {
			int64_t delay = zerotouch_delay_s(failures, false, random);

			most = delay > most ? delay : most;
			CHECK(delay >= least);
		}
		CHECK(least >= 30);
		CHECK(most <= 6 * 3600 + 30);
		CHECK(most >= before);
		before = most;
	}
	CHECK(before > 5 * 3600);
}

static void test_refusal_waits_longer(void)
{
	for (uint32_t failures = 1; failures < 40; failures++) {
		CHECK(zerotouch_delay_s(failures, true, 0) >= 1800);
		CHECK(zerotouch_delay_s(failures, true, UINT64_MAX) <= 24 * 3600 + 1800);
	}
	CHECK(zerotouch_delay_s(UINT32_MAX, true, 1) >= 1800);
}

/* Phones of one image that fail together do not come back together. */
static void test_delay_spreads(void)
{
	size_t n_in_bucket[10] = {0};

	for (uint64_t random = 0; random < 10000; random++) {
		int64_t delay = zerotouch_delay_s(10, false, random * UINT64_C(0x9e3779b97f4a7c15));

		n_in_bucket[(size_t)((delay - 30) * 10 / (6 * 3600))]++;
	}
	for (size_t i = 0; i < 10; i++)
		CHECK(n_in_bucket[i] > 800 && n_in_bucket[i] < 1200);
}

static const struct check_test tests[] = {
	{"delay_grows_and_ends", test_delay_grows_and_ends},
	{"refusal_waits_longer", test_refusal_waits_longer},
	{"delay_spreads", test_delay_spreads},
};
CHECK_MAIN(tests)
