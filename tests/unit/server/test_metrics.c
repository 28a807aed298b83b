/* SPDX-License-Identifier: Apache-2.0 */
/* test_metrics.c - counting check-ins, and the text that comes of it. */
#include "server/metrics.h"

#include "tests/lib/check.h"

static void test_counts(void)
{
	struct metrics m = {.renewals = 0};

	for (int status = 100; status < 600; status++)
		metrics_count_checkin(&m, status, 1);
	for (int i = 0; i < METRICS_OTHER; i++)
		CHECK_INT(m.checkins[i], 1);
	CHECK_INT(m.checkins[METRICS_OTHER], 500 - METRICS_OTHER);
	/* Only those that were answered have a duration. */
	CHECK_INT(m.durations[0], 2);
	CHECK_INT(m.duration_sum_us, 2);
}

/* A duration on the upper end of a bucket is in it, the next microsecond is not. */
static void test_buckets(void)
{
	struct metrics m = {.renewals = 0};

	metrics_count_checkin(&m, 200, 0);
	metrics_count_checkin(&m, 200, 1000);
	metrics_count_checkin(&m, 204, 1001);
	metrics_count_checkin(&m, 204, 10000000);
	metrics_count_checkin(&m, 204, 10000001);
	CHECK_INT(m.durations[0], 2);
	CHECK_INT(m.durations[1], 1);
	CHECK_INT(m.durations[METRICS_BUCKETS - 1], 1);
	CHECK_INT(m.durations[METRICS_BUCKETS], 1);
}

static void test_text(void)
{
	uint64_t refused[GUARD_MAX] = {[GUARD_DEVICE_RATE] = 7};
	struct metrics m = {.enrolments = 3};
	struct metrics_state state = {.metrics = &m,
		.refused = refused,
		.waiting = 5,
		.commands_held = 4,
		.commands_waiting_approval = 2};
	_cleanup_buf_ struct buf out = BUF_INIT;

	metrics_count_checkin(&m, 204, 1500000);
	metrics_count_checkin(&m, 200, 700);
	metrics_write(&state, &out);
	CHECK_INT(out.error, 0);
	CHECK(strstr(out.data, "# TYPE mdm_enrolments_total counter\nmdm_enrolments_total 3\n"));
	CHECK(strstr(out.data, "\nmdm_refused_total{reason=\"device_rate\"} 7\n"));
	CHECK(strstr(out.data, "\nmdm_waiting_phones 5\n"));
	CHECK(strstr(out.data, "\nmdm_checkin_duration_seconds_bucket{le=\"0.5\"} 1\n"));
	CHECK(strstr(out.data, "\nmdm_checkin_duration_seconds_bucket{le=\"2.5\"} 2\n"));
	CHECK(strstr(out.data, "\nmdm_checkin_duration_seconds_sum 1.500700\n"));
	CHECK(strstr(out.data, "\nmdm_checkin_duration_seconds_count 2\n"));
	/* What is not known is left out, not zero. */
	CHECK(strstr(out.data, "\nmdm_store_works 0\n") && !strstr(out.data, "mdm_devices "));
	buf_reset(&out);
	state.store_works = true;
	metrics_write(&state, &out);
	CHECK(strstr(out.data, "\nmdm_commands_held_total 4\n"));
	CHECK(strstr(out.data, "\nmdm_commands_waiting_approval 2\n"));
	CHECK(strstr(out.data, "\nmdm_store_works 1\n") && strstr(out.data, "\nmdm_devices 0\n"));
}

static const struct check_test tests[] = {
	{"counts", test_counts},
	{"buckets", test_buckets},
	{"text", test_text},
};
CHECK_MAIN(tests)
