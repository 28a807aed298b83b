/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_place_sim.c - days of phones in simulated time, with the noise of real positions: at home
 * and at work, by car, by train, by air, along a boundary. How many positions they cost, what is
 * missed, what is wrong.
 */
#include "policies/place_sim.h"

#include <errno.h>
#include <math.h>

#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define S_US INT64_C(1000000)
#define HOUR_S 3600
#define DAY_S 86400
#define LAT 48.137154 /* the office: 200 m */
#define LON 11.576124
#define METRE (1 / 111320.0)
/* What somebody walks in the 25 s between the last position of a dwell and its end. */
#define WRONG_M 35

#define OFFICE                                                                                     \
	"\"office\":{\"shape\":{\"circle\":{\"latitude\":48.137154,\"longitude\":11.576124,"       \
	"\"radius\":200}},\"leave_dwell\":60"
/* Hamburg's airport, roughly. */
#define AIRPORT                                                                                    \
	"\"airport\":{\"shape\":{\"circle\":{\"latitude\":53.6304,\"longitude\":9.9882,"           \
	"\"radius\":2500}}}"

static struct policy *policy_of(const char *places, const char *name)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {0};
	struct policy *policy;

	buf_printf(&text,
		"{\"serial\":1,\"target\":{\"stream\":\"s\"},\"places\":{%s},\"profiles\":[{\"id\":"
		"\"a\",\"when\":{\"place\":{\"inside\":\"%s\"}},\"settings\":{}}]}",
		places, name);
	policy = gen_parse(text.data, &error);
	if (!policy)
		check_fail(__FILE__, __LINE__, "%s %s", error.path, error.message);
	return policy;
}

static struct geo_point off(double north_m, double east_m)
{
	return (struct geo_point){
		LAT + north_m * METRE, LON + east_m * METRE / cos(LAT * M_PI / 180)};
}

struct way {
	struct place_sim_point points[4096];
	size_t n;
};

static void way_stay(struct way *way, double seconds)
{
	struct place_sim_point last = way->points[way->n - 1];

	last.at_us += (int64_t)(seconds * S_US);
	way->points[way->n++] = last;
}

static void way_go(struct way *way, struct geo_point to, double speed_ms)
{
	struct place_sim_point last = way->points[way->n - 1];

	last.at_us += (int64_t)(geo_distance_m(&last.at, &to) / speed_ms * S_US);
	last.at = to;
	way->points[way->n++] = last;
}

static void way_begin(struct way *way, struct geo_point at)
{
	way->n = 1;
	way->points[0] = (struct place_sim_point){0, at};
}

/* What one run showed. */
struct seen {
	const struct place *place;
	enum truth state;
	unsigned int n_in, n_out, n_wrong;
	int64_t in_us, out_us; /* the last change */
	int64_t can_show_us;   /* a position that can show that it is inside, not followed yet */
	double worst_show_s;
	double shortest_s; /* between two changes */
	int64_t changed_us;
	uint64_t n_coarse, n_fine;
};

/* Half of what is certain alone, in squares: with another one like it, it is. */
static bool can_show(const struct seen *seen, const struct fix *fix)
{
	const struct geo_point point = {fix->latitude, fix->longitude};
	double depth_m = -geo_fence_distance_m(seen->place->fence, &point);

	return depth_m * PLACE_SIGMA_PER_RADIUS / fmax(fix->accuracy_m, PLACE_ACCURACY_FLOOR_M) >=
	       PLACE_CERTAIN_SIGMA / M_SQRT2;
}

static void watch(void *userdata, const struct place_sim_event *event)
{
	struct seen *seen = userdata;
	double distance_m = geo_fence_distance_m(seen->place->fence, &event->at);

	if (event->kind == PLACE_SIM_FIX) {
		if (event->doubt == PLACE_DOUBT_NONE && seen->state != TRUTH_TRUE &&
			seen->can_show_us < 0 && distance_m < 0 && can_show(seen, event->fix))
			seen->can_show_us = event->at_us;
		return;
	}
	if (seen->changed_us >= 0 && event->change->before != TRUTH_UNKNOWN)
		seen->shortest_s =
			fmin(seen->shortest_s, (double)(event->at_us - seen->changed_us) / S_US);
	seen->changed_us = event->at_us;
	seen->state = event->change->place->state;
	if (seen->state == TRUTH_TRUE) {
		seen->n_in++;
		seen->n_wrong += distance_m > WRONG_M;
		if (seen->can_show_us >= 0)
			seen->worst_show_s = fmax(seen->worst_show_s,
				(double)(event->at_us - seen->can_show_us) / S_US);
		seen->can_show_us = -1;
		seen->in_us = event->at_us;
	} else if (seen->state == TRUTH_FALSE) {
		seen->n_out++;
		seen->n_wrong += distance_m < -WRONG_M;
		seen->out_us = event->at_us;
	}
}

/* One run with noise. False: it could not be made. */
static bool run(struct policy *policy, const struct way *way, enum place_watch by, uint64_t seed,
	struct seen *ret_seen)
{
	struct place_sim_options options = PLACE_SIM_DEFAULT;
	struct place_sim_way points = {way->points, way->n};
	struct place_sim_watcher watcher = {watch, ret_seen};

	*ret_seen = (struct seen){
		.place = &policy->places[0],
		.state = TRUTH_UNKNOWN,
		.can_show_us = -1,
		.changed_us = -1,
		.shortest_s = HUGE_VAL,
		.in_us = -1,
		.out_us = -1,
	};
	options.noise = true;
	options.seed = seed;
	options.watch = by;
	if (place_sim_run(&policy, 1, &points, &options, &watcher) < 0)
		return false;
	ret_seen->n_coarse = watcher.n_coarse;
	ret_seen->n_fine = watcher.n_fine;
	return true;
}

static void say(const char *name, const struct way *way, const struct seen *seen)
{
	if (!getenv("MDM_TEST_VERBOSE"))
		return;
	printf("  %-36s %5.1f h: %3llu coarse, %3llu fine, %u in, %u out, %u wrong, shown in %.0f s\n",
		name, (double)way->points[way->n - 1].at_us / S_US / HOUR_S,
		(unsigned long long)seen->n_coarse, (unsigned long long)seen->n_fine, seen->n_in,
		seen->n_out, seen->n_wrong, seen->worst_show_s);
}

/* A phone that lies somewhere, inside, outside, at the boundary, near or far: six positions a day
 * where something tells of movement. */
static void test_still(void)
{
	static const double places_m[] = {
		0, 100, 150, 190, 199, 201, 210, 250, 300, 1000, 5000, 50000};
	struct policy *policy = policy_of(OFFICE "}", "office");
	static struct way way;

	CHECK(policy);
	for (size_t i = 0; i < ARRAY_SIZE(places_m); i++) {
		for (uint64_t seed = 1; seed <= 100; seed++) {
			struct seen seen;

			way_begin(&way, off(places_m[i], 0));
			way_stay(&way, DAY_S);
			CHECK(run(policy, &way, PLACE_WATCH_WIFI, seed, &seen));
			/* Fifty metres off the boundary it is noticed, and what is known is not
			 * forgotten as long as nothing speaks against it. */
			if (seen.n_coarse + seen.n_fine > 6 || seen.n_wrong > 0 ||
				(fabs(places_m[i] - 200) >= 50 &&
					(seen.worst_show_s > 60 || seen.n_in + seen.n_out != 1)))
				check_fail(__FILE__, __LINE__,
					"%.0f m, seed %d: %d and %d, %u in, %u out, %u wrong, shown in "
					"%.0f s",
					places_m[i], (int)seed, (int)seen.n_coarse,
					(int)seen.n_fine, seen.n_in, seen.n_out, seen.n_wrong,
					seen.worst_show_s);
			if (seed == 1)
				say("still", &way, &seen);
			if (seed > 2)
				continue;
			/* Where nothing tells, it looks every quarter of an hour and more rarely.
			 */
			CHECK(run(policy, &way, PLACE_WATCH_NONE, seed, &seen));
			if (seen.n_coarse + seen.n_fine > 220 || seen.n_wrong > 0)
				check_fail(__FILE__, __LINE__,
					"%.0f m, unwatched: %d and %d, %u wrong", places_m[i],
					(int)seen.n_coarse, (int)seen.n_fine, seen.n_wrong);
		}
	}
	policy_free(policy);
}

/* Home, car, work, lunch next door, work, home. */
static void commute(struct way *way, int64_t ret_marks_s[4])
{
	way_begin(way, off(9000, 8000));
	way_stay(way, 8 * HOUR_S);
	way_go(way, off(2000, 1000), 14);
	way_stay(way, 120);
	way_go(way, off(100, 200), 11);
	way_go(way, off(20, 10), 1.3);
	ret_marks_s[0] = way->points[way->n - 1].at_us / S_US;
	way_stay(way, 4 * HOUR_S);
	ret_marks_s[1] = way->points[way->n - 1].at_us / S_US;
	way_go(way, off(20, 400), 1.3);
	way_stay(way, 1800);
	way_go(way, off(20, 10), 1.3);
	ret_marks_s[2] = way->points[way->n - 1].at_us / S_US;
	way_stay(way, 4 * HOUR_S);
	ret_marks_s[3] = way->points[way->n - 1].at_us / S_US;
	way_go(way, off(100, 200), 1.3);
	way_go(way, off(9000, 8000), 12);
	way_stay(way, 6 * HOUR_S);
}

static void test_commuter(void)
{
	static const uint64_t n_max[] = {
		[PLACE_WATCH_NONE] = 220,
		[PLACE_WATCH_CELL] = 120,
		[PLACE_WATCH_WIFI] = 90,
	};
	struct policy *policy = policy_of(OFFICE "}", "office");
	static struct way way;
	int64_t marks_s[4];

	CHECK(policy);
	commute(&way, marks_s);
	for (int by = PLACE_WATCH_NONE; by <= PLACE_WATCH_WIFI; by++) {
		for (uint64_t seed = 1; seed <= 20; seed++) {
			struct seen seen;

			CHECK(run(policy, &way, (enum place_watch)by, seed, &seen));
			if (seed == 1)
				say(by == PLACE_WATCH_WIFI	 ? "commuter, Wi-Fi"
					: by == PLACE_WATCH_CELL ? "commuter, cells"
								 : "commuter, nothing tells",
					&way, &seen);
			if (seen.n_wrong > 0 || seen.n_coarse + seen.n_fine > n_max[by] ||
				seen.worst_show_s > 60 || seen.n_out < 2 ||
				/* Lunch is missed by nobody who is told of movement. */
				(by == PLACE_WATCH_WIFI && (seen.n_in != 2 || seen.n_out != 3)) ||
				seen.in_us > (marks_s[2] + 960) * S_US ||
				seen.out_us < marks_s[3] * S_US ||
				seen.out_us > (marks_s[3] + 1500) * S_US ||
				seen.shortest_s < PLACE_LEAVE_DWELL_S)
				check_fail(__FILE__, __LINE__,
					"watch %d, seed %d: %d and %d, %u in, %u out, %u wrong, shown in "
					"%.0f s, in at %d, out at %d, marks %d %d",
					by, (int)seed, (int)seen.n_coarse, (int)seen.n_fine,
					seen.n_in, seen.n_out, seen.n_wrong, seen.worst_show_s,
					(int)(seen.in_us / S_US), (int)(seen.out_us / S_US),
					(int)marks_s[2], (int)marks_s[3]);
		}
	}
	policy_free(policy);
}

/* 300 km by train, past another town's station, to a place of 200 m; and back by night. */
static void test_train(void)
{
	struct policy *policy = policy_of(OFFICE "}", "office");
	static struct way way;
	int64_t arrives_s;

	CHECK(policy);
	way_begin(&way, off(250000, 150000));
	way_stay(&way, 7 * HOUR_S);
	way_go(&way, off(245000, 147000), 8);
	way_stay(&way, 600);
	way_go(&way, off(100000, 60000), 75);
	way_stay(&way, 180);
	way_go(&way, off(5000, 3000), 80);
	way_stay(&way, 300);
	way_go(&way, off(300, 0), 9);
	way_go(&way, off(0, 0), 1.3);
	arrives_s = way.points[way.n - 1].at_us / S_US;
	way_stay(&way, 6 * HOUR_S);
	way_go(&way, off(5000, 3000), 9);
	way_go(&way, off(250000, 150000), 75);
	way_stay(&way, 3 * HOUR_S);
	for (int by = PLACE_WATCH_NONE; by <= PLACE_WATCH_WIFI; by++) {
		for (uint64_t seed = 1; seed <= 20; seed++) {
			struct seen seen;

			CHECK(run(policy, &way, (enum place_watch)by, seed, &seen));
			if (seed == 1)
				say("train", &way, &seen);
			if (seen.n_wrong > 0 || seen.n_in != 1 || seen.n_out != 2 ||
				seen.in_us > (arrives_s + 60) * S_US || seen.worst_show_s > 60 ||
				seen.n_coarse + seen.n_fine > 200)
				check_fail(__FILE__, __LINE__,
					"watch %d, seed %d: %d and %d, %u in, %u out, %u wrong, in at %d of "
					"%d",
					by, (int)seed, (int)seen.n_coarse, (int)seen.n_fine,
					seen.n_in, seen.n_out, seen.n_wrong,
					(int)(seen.in_us / S_US), (int)arrives_s);
		}
	}
	policy_free(policy);
}

/* Munich to Hamburg: no position is an impossible one, and the airport is noticed on the ground. */
static void test_flight(void)
{
	struct policy *policy = policy_of(AIRPORT, "airport");
	static struct way way;
	int64_t lands_s;

	CHECK(policy);
	way_begin(&way, off(0, 0));
	way_stay(&way, 6 * HOUR_S);
	way_go(&way, (struct geo_point){48.3538, 11.7861}, 15);
	way_stay(&way, 5400);
	way_go(&way, (struct geo_point){53.6304, 9.9882}, 220);
	lands_s = way.points[way.n - 1].at_us / S_US;
	way_stay(&way, 3600);
	way_go(&way, (struct geo_point){53.55, 9.99}, 12);
	way_stay(&way, 8 * HOUR_S);
	for (int by = PLACE_WATCH_NONE; by <= PLACE_WATCH_WIFI; by++) {
		for (uint64_t seed = 1; seed <= 20; seed++) {
			struct seen seen;

			CHECK(run(policy, &way, (enum place_watch)by, seed, &seen));
			if (seed == 1)
				say("flight", &way, &seen);
			if (seen.n_wrong > 0 || seen.n_in != 1 || seen.n_out != 2 ||
				seen.in_us > (lands_s + 600) * S_US ||
				seen.n_coarse + seen.n_fine > 150)
				check_fail(__FILE__, __LINE__,
					"watch %d, seed %d: %d and %d, %u in, %u out, %u wrong, in at %d of "
					"%d",
					by, (int)seed, (int)seen.n_coarse, (int)seen.n_fine,
					seen.n_in, seen.n_out, seen.n_wrong,
					(int)(seen.in_us / S_US), (int)lands_s);
		}
	}
	policy_free(policy);
}

/* Up and down along the boundary for eight hours: never wrong, never faster than the dwell, and
 * paid with the tokens of the day. */
static void test_walker(void)
{
	struct policy *policy = policy_of(OFFICE ",\"enter_dwell\":60}", "office");
	static struct way way;
	struct gen gen = {7};

	CHECK(policy);
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct seen seen;

		way_begin(&way, off(195, 0));
		while (way.points[way.n - 1].at_us < 8 * HOUR_S * S_US) {
			double angle = (double)gen_between(&gen, 0, 6283) / 1000;
			double radius_m = (double)gen_between(&gen, 120, 280);

			way_go(&way, off(radius_m * cos(angle), radius_m * sin(angle)), 1.3);
		}
		CHECK(run(policy, &way, PLACE_WATCH_WIFI, seed, &seen));
		if (seed <= 3)
			say("walker", &way, &seen);
		if (seen.shortest_s < PLACE_LEAVE_DWELL_S || seen.n_wrong > 0 ||
			seen.n_coarse + 2 * seen.n_fine >
				120 + 8 * 80 + 4 * (seen.n_in + seen.n_out))
			check_fail(__FILE__, __LINE__, "seed %d: %d and %d, shortest %.0f s",
				(int)seed, (int)seen.n_coarse, (int)seen.n_fine, seen.shortest_s);
	}
	policy_free(policy);
}

/* Whoever comes, on foot or by car, is noticed a minute after the first position that can show it.
 */
static void test_entry(void)
{
	struct policy *policy = policy_of(OFFICE "}", "office");
	static struct way way;
	struct gen gen = {11};
	unsigned int n_noticed = 0, n_shown = 0;

	CHECK(policy);
	for (uint64_t seed = 1; seed <= 400; seed++) {
		double angle = (double)gen_between(&gen, 0, 6283) / 1000;
		double far_m = (double)gen_between(&gen, 300, 20000);
		double speed_ms = (double)gen_between(&gen, 10, 300) / 10;
		double deep_m = (double)gen_between(&gen, 0, 120);
		struct seen seen;

		way_begin(&way, off(far_m * cos(angle), far_m * sin(angle)));
		way_stay(&way, (double)gen_between(&gen, 0, 4 * HOUR_S));
		way_go(&way, off(deep_m * cos(angle), deep_m * sin(angle)), speed_ms);
		way_stay(&way, HOUR_S);
		CHECK(run(policy, &way, (enum place_watch)(seed % 3), seed, &seen));
		n_noticed += seen.n_in == 1;
		n_shown += seen.worst_show_s > 0;
		if (seen.n_wrong > 0 || seen.worst_show_s > 60 || seen.n_in != 1)
			check_fail(__FILE__, __LINE__,
				"seed %d, from %.0f m with %.1f m/s to %.0f m: %u in, %u wrong, shown in "
				"%.0f s",
				(int)seed, far_m, speed_ms, deep_m, seen.n_in, seen.n_wrong,
				seen.worst_show_s);
	}
	CHECK_INT(n_noticed, 400);
	/* Those that took a second one are among them. */
	CHECK(n_shown > 20);
	policy_free(policy);
}

/* Nothing is asked for while no condition depends on a place. */
static void test_irrelevant(void)
{
	struct policy *policy = policy_of(OFFICE "}," AIRPORT, "office");
	static struct way way;
	struct seen seen;

	CHECK(policy);
	way_begin(&way, off(1000, 0));
	way_stay(&way, HOUR_S);
	policy->places[0].relevant = policy->places[1].relevant = false;
	CHECK(run(policy, &way, PLACE_WATCH_NONE, 1, &seen));
	CHECK_INT(seen.n_coarse + seen.n_fine, 0);
	policy_free(policy);
}

static void test_refused(void)
{
	struct policy *policy = policy_of(OFFICE "}", "office");
	struct place_sim_point points[3] = {{0, {1, 1}}, {S_US, {1, 2}}, {2 * S_US, {1, 3}}};
	struct place_sim_options options = PLACE_SIM_DEFAULT;
	struct place_sim_way way = {points, 3};
	struct place_sim_watcher watcher = {NULL};

	CHECK(policy);
	CHECK_INT(place_sim_run(&policy, 1, &way, &options, &watcher), 0);
	CHECK_INT(watcher.lasted_us, 2 * S_US);
	way.n_points = 1;
	CHECK_INT(place_sim_run(&policy, 1, &way, &options, &watcher), -EINVAL);
	way.n_points = 3;
	points[1].at_us = 3 * S_US;
	CHECK_INT(place_sim_run(&policy, 1, &way, &options, &watcher), -EINVAL);
	points[1].at_us = S_US;
	points[2].at.lat = 91;
	CHECK_INT(place_sim_run(&policy, 1, &way, &options, &watcher), -EINVAL);
	points[2].at.lat = 1;
	points[2].at_us = (PLACE_SIM_MAX_S + 1) * S_US;
	CHECK_INT(place_sim_run(&policy, 1, &way, &options, &watcher), -EINVAL);
	points[2].at_us = 2 * S_US;
	options.step_us = 0;
	CHECK_INT(place_sim_run(&policy, 1, &way, &options, &watcher), -EINVAL);
	policy_free(policy);
}

/* A place that the agent knows only in part is never "outside", however far away the phone is: that
 * is no reason to go on looking. */
static void test_incomplete(void)
{
	static const double places_m[] = {0, 150, 230, 260, 1000, 50000};
	struct policy *policy =
		policy_of("\"office\":{\"shape\":{\"union\":[{\"circle\":{\"latitude\":"
			  "48.137154,\"longitude\":11.576124,\"radius\":200}},"
			  "{\"corridor\":{}}]}}",
			"office");
	static struct way way;

	CHECK(policy && policy->places[0].incomplete);
	for (size_t i = 0; i < ARRAY_SIZE(places_m); i++) {
		for (uint64_t seed = 1; seed <= 5; seed++) {
			struct seen seen;

			way_begin(&way, off(places_m[i], 0));
			way_stay(&way, DAY_S);
			for (int by = PLACE_WATCH_NONE; by <= PLACE_WATCH_WIFI; by += 2) {
				CHECK(run(policy, &way, (enum place_watch)by, seed, &seen));
				if (seen.n_out > 0 || seen.n_coarse + seen.n_fine >
							      (by == PLACE_WATCH_WIFI ? 6u : 220u))
					check_fail(__FILE__, __LINE__,
						"%.0f m, watch %d, seed %d: %d and %d", places_m[i],
						by, (int)seed, (int)seen.n_coarse,
						(int)seen.n_fine);
			}
		}
	}
	policy_free(policy);
}

static const struct check_test tests[] = {
	{"still", test_still},
	{"incomplete", test_incomplete},
	{"commuter", test_commuter},
	{"train", test_train},
	{"flight", test_flight},
	{"walker", test_walker},
	{"entry", test_entry},
	{"irrelevant", test_irrelevant},
	{"refused", test_refused},
};

CHECK_MAIN(tests)
