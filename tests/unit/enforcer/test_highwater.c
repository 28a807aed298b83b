/* SPDX-License-Identifier: Apache-2.0 */
/* test_highwater.c - the two floors and the verdict about the clock. */
#include <string.h>

#include "agent/enforcer/highwater.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

#define BUILD INT64_C(1790000000)
#define DAY INT64_C(86400)
#define YEAR (365 * DAY)

static void test_names(void)
{
	for (int i = 0; i < CLOCK_VERDICT_MAX; i++)
		CHECK(clock_verdict_name((enum clock_verdict)i));
	CHECK_STR(clock_verdict_name(CLOCK_PLAUSIBLE), "plausible");
	CHECK_STR(clock_verdict_name(CLOCK_BEHIND), "behind");
	CHECK_STR(clock_verdict_name(CLOCK_AHEAD), "ahead");
}

static void test_boot_in_1970(void)
{
	struct highwater h;

	highwater_init(&h, BUILD);
	CHECK_INT(highwater_document_now(&h, 0), BUILD);
	CHECK_INT(highwater_tls_now(&h, 0), BUILD);
	CHECK_INT(highwater_document_now(&h, -YEAR), BUILD);
	CHECK_INT(highwater_judge(&h, 0, 0), CLOCK_BEHIND);
	/* A good clock is used as it is. */
	CHECK_INT(highwater_document_now(&h, BUILD + YEAR), BUILD + YEAR);
	CHECK_INT(highwater_tls_now(&h, BUILD + YEAR), BUILD + YEAR);
	CHECK_INT(highwater_judge(&h, BUILD + YEAR, 0), CLOCK_PLAUSIBLE);
}

/* What happened, in order, and the floors that it leaves. */
struct event {
	int64_t date, until;
	bool document;
	bool rises;
	int64_t signed_s, tls_s;
};

static void check_events(const struct event *events, size_t n)
{
	struct highwater h;

	highwater_init(&h, BUILD);
	for (size_t i = 0; i < n; i++) {
		bool rose = events[i].document ? highwater_signed(&h, BUILD + events[i].date)
					       : highwater_server(&h, BUILD + events[i].date,
							 BUILD + events[i].until);

		CHECK_INT(rose, events[i].rises);
		CHECK_INT(h.signed_s, BUILD + events[i].signed_s);
		CHECK_INT(h.tls_s, BUILD + events[i].tls_s);
		CHECK(h.tls_s >= h.signed_s);
	}
}

static void test_events(void)
{
	static const struct event documents[] = {
		{.document = true, .date = 10, .rises = true, .signed_s = 10, .tls_s = 10},
		{.document = true, .date = 10, .rises = false, .signed_s = 10, .tls_s = 10},
		{.document = true, .date = 9, .rises = false, .signed_s = 10, .tls_s = 10},
		{.document = true, .date = -YEAR, .rises = false, .signed_s = 10, .tls_s = 10},
	};
	static const struct event server_first[] = {
		{.date = 100, .until = DAY, .rises = true, .signed_s = 0, .tls_s = 100},
		{.document = true, .date = 50, .rises = true, .signed_s = 50, .tls_s = 100},
		{.document = true, .date = 200, .rises = true, .signed_s = 200, .tls_s = 200},
		{.date = 150, .until = DAY, .rises = false, .signed_s = 200, .tls_s = 200},
	};
	/* A date beyond the certificate counts up to its end; far ahead inside of it counts, for
	 * certificates only. */
	static const struct event server_dates[] = {
		{.date = 2 * DAY, .until = DAY, .rises = true, .signed_s = 0, .tls_s = DAY},
		{.date = 50 * YEAR, .until = DAY, .rises = false, .signed_s = 0, .tls_s = DAY},
		{.date = 80 * DAY,
			.until = 90 * DAY,
			.rises = true,
			.signed_s = 0,
			.tls_s = 80 * DAY},
		/* An expired certificate proves nothing. */
		{.date = 81 * DAY, .until = -DAY, .rises = false, .signed_s = 0, .tls_s = 80 * DAY},
	};

	check_events(documents, ARRAY_SIZE(documents));
	check_events(server_first, ARRAY_SIZE(server_first));
	check_events(server_dates, ARRAY_SIZE(server_dates));
}

/* The same events in any order leave the same floors. */
static void test_order_does_not_matter(void)
{
	static const int64_t issued[] = {5, 90, 30};
	static const int orders[][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		for (int before = 0; before < 2; before++) {
			struct highwater h;

			highwater_init(&h, BUILD);
			if (before)
				highwater_server(&h, BUILD + 60, BUILD + DAY);
			for (size_t j = 0; j < 3; j++)
				highwater_signed(&h, BUILD + issued[orders[i][j]]);
			if (!before)
				highwater_server(&h, BUILD + 60, BUILD + DAY);
			CHECK_INT(h.signed_s, BUILD + 90);
			CHECK_INT(h.tls_s, BUILD + 90);
		}
}

static void test_nonsense_is_refused(void)
{
	static const int64_t nonsense[] = {INT64_MIN, -1, 0, INT64_C(253402300800), INT64_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
		struct highwater h;

		highwater_init(&h, BUILD);
		CHECK(!highwater_signed(&h, nonsense[i]));
		CHECK(!highwater_server(&h, nonsense[i], nonsense[i]));
		CHECK(!highwater_server(&h, BUILD + 1, INT64_MIN));
		CHECK_INT(h.signed_s, BUILD);
		CHECK_INT(h.tls_s, BUILD);
	}
}

static void test_clock_jumps_leave_no_trace(void)
{
	struct highwater h, before;

	highwater_init(&h, BUILD);
	highwater_server(&h, BUILD + DAY, BUILD + YEAR);
	before = h;
	/* Forward by 20 years: seen, used, forgotten when it is put right. */
	CHECK_INT(highwater_judge(&h, BUILD + 20 * YEAR, BUILD + DAY), CLOCK_AHEAD);
	CHECK_INT(highwater_document_now(&h, BUILD + 20 * YEAR), BUILD + 20 * YEAR);
	CHECK_INT(highwater_tls_now(&h, BUILD + 20 * YEAR), BUILD + 20 * YEAR);
	CHECK(memcmp(&h, &before, sizeof(h)) == 0);
	CHECK_INT(highwater_document_now(&h, BUILD + 2 * DAY), BUILD + 2 * DAY);
	CHECK_INT(highwater_judge(&h, BUILD + 2 * DAY, BUILD + 2 * DAY), CLOCK_PLAUSIBLE);
	/* Back by 20 years: the floors hold. */
	CHECK_INT(highwater_judge(&h, BUILD - 20 * YEAR, BUILD + DAY), CLOCK_BEHIND);
	CHECK_INT(highwater_document_now(&h, BUILD - 20 * YEAR), BUILD);
	CHECK_INT(highwater_tls_now(&h, BUILD - 20 * YEAR), BUILD + DAY);
	CHECK(memcmp(&h, &before, sizeof(h)) == 0);
}

static void test_judge_bounds(void)
{
	struct highwater h;

	highwater_init(&h, BUILD);
	CHECK_INT(highwater_judge(&h, BUILD - 600, 0), CLOCK_PLAUSIBLE);
	CHECK_INT(highwater_judge(&h, BUILD - 601, 0), CLOCK_BEHIND);
	CHECK_INT(highwater_judge(&h, BUILD + 2 * DAY, BUILD + DAY), CLOCK_PLAUSIBLE);
	CHECK_INT(highwater_judge(&h, BUILD + 2 * DAY + 1, BUILD + DAY), CLOCK_AHEAD);
	/* Without a server date in this boot nobody can say that a clock is ahead. */
	CHECK_INT(highwater_judge(&h, BUILD + 100 * YEAR, 0), CLOCK_PLAUSIBLE);
	CHECK_INT(highwater_judge(&h, INT64_MAX, 0), CLOCK_PLAUSIBLE);
	CHECK_INT(highwater_judge(&h, INT64_MIN, 0), CLOCK_BEHIND);
}

/* A stolen server, or a net role that was taken over, ends its certificates in 9999. */
static void test_dates_that_count(void)
{
	struct highwater h;

	highwater_init(&h, BUILD);
	CHECK(highwater_believes(&h, BUILD + 30 * DAY, 0));
	CHECK(!highwater_believes(&h, BUILD + 30 * DAY + 1, 0));
	CHECK(highwater_believes(&h, BUILD + YEAR, BUILD + YEAR - 30 * DAY));
	CHECK(!highwater_believes(&h, INT64_C(253402300799), BUILD + YEAR));
	CHECK(!highwater_believes(&h, INT64_MAX, INT64_MAX));
	/* Nothing that was believed once lets the next one go further. */
	highwater_server(&h, BUILD + 30 * DAY, BUILD + YEAR);
	CHECK(!highwater_believes(&h, BUILD + 31 * DAY, 0));
	highwater_signed(&h, BUILD + DAY);
	CHECK(highwater_believes(&h, BUILD + 31 * DAY, 0));
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"boot_in_1970", test_boot_in_1970},
	{"events", test_events},
	{"order_does_not_matter", test_order_does_not_matter},
	{"nonsense_is_refused", test_nonsense_is_refused},
	{"clock_jumps_leave_no_trace", test_clock_jumps_leave_no_trace},
	{"judge_bounds", test_judge_bounds},
	{"dates_that_count", test_dates_that_count},
};
CHECK_MAIN(tests)
