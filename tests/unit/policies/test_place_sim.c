/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_place_sim.c - days of phones in simulated time, with the noise of real positions: at home and
 * at work, by car, by train, by air, along a boundary. How many positions they cost, what is missed,
 * what is wrong.
 */
#include "policies/place_sim.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define S_US INT64_C(1000000)
#define HOUR_S 3600
#define DAY_S 86400
#define LAT 48.137154 /* the office: 200 m */
#define LON 11.576124
#define METRE (1 / 111320.0)

static const struct geo_point office = {LAT, LON};

#define OFFICE                                                                                     \
	"\"office\":{\"shape\":{\"circle\":{\"latitude\":48.137154,\"longitude\":11.576124,"       \
	"\"radius\":200}},\"leave_dwell\":60}"
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
	bool has_office; /* it has been certain once */
	enum truth state;
	int64_t true_since_us[2]; /* when the phone was last out of, and in, the place */
	int64_t entered_us, left_us; /* when it really did, last */
	double worst_enter_s, worst_leave_s;
	unsigned int n_in, n_out, n_wrong;
	int64_t can_show_us; /* a position that can show that it is inside, not followed yet */
	double worst_show_s;
	int64_t changed_us;
	double shortest_s; /* between two changes */
	int verbose;
};

static void watch(void *userdata, const struct place_sim_event *event)
{
	struct seen *seen = userdata;
	double distance_m = geo_fence_distance_m(seen->place->fence, &event->at);

	if (event->kind == PLACE_SIM_FIX && seen->verbose > 1) printf("   %.0f doubt %s\n", (double)event->at_us / S_US, place_doubt_name(event->doubt));
	if (event->kind == PLACE_SIM_FIX && event->doubt == PLACE_DOUBT_NONE) {
		const struct geo_point point = {event->fix->latitude, event->fix->longitude};
		double depth_m = -geo_fence_distance_m(seen->place->fence, &point);

		/* Half of what is certain alone, in squares: with one like it, it is. */
		if (seen->state != TRUTH_TRUE && seen->can_show_us < 0 && distance_m < 0 &&
			depth_m * PLACE_SIGMA_PER_RADIUS / event->fix->accuracy_m >=
				PLACE_CERTAIN_SIGMA / sqrt(2))
			seen->can_show_us = event->at_us;
		if (seen->verbose > 1)
			printf("  %8.0f %s %5.0f m of %5.0f, really %.0f\n",
				(double)event->at_us / S_US, place_need_name(event->need),
				event->fix->accuracy_m, -depth_m, distance_m);
	}
	if (event->kind != PLACE_SIM_CHANGE)
		return;
	if (seen->verbose)
		printf("  %8.0f %s: %s, really %.0f m\n", (double)event->at_us / S_US,
			event->change->place->name, place_side_name(event->change->place->state),
			distance_m);
	if (seen->changed_us >= 0 && event->change->before != TRUTH_UNKNOWN)
		seen->shortest_s = fmin(seen->shortest_s,
			(double)(event->at_us - seen->changed_us) / S_US);
	seen->changed_us = event->at_us;
	seen->state = event->change->place->state;
	if (seen->state == TRUTH_TRUE) {
		seen->n_in++;
		/* Really outside, and for longer than an answer takes. */
		seen->n_wrong += distance_m > 0 &&
				 event->at_us - seen->true_since_us[1] > 180 * S_US;
		if (seen->can_show_us >= 0)
			seen->worst_show_s = fmax(seen->worst_show_s,
				(double)(event->at_us - seen->can_show_us) / S_US);
		seen->can_show_us = -1;
		seen->entered_us = event->at_us;
	} else if (seen->state == TRUTH_FALSE) {
		seen->n_out++;
		seen->n_wrong += distance_m <= 0 &&
				 event->at_us - seen->true_since_us[0] > 180 * S_US;
		seen->left_us = event->at_us;
	}
}

static void report(const char *name, const struct place_sim_watcher *watcher, const struct seen *seen)
{
	printf("  %-34s %6.1f h: %4llu coarse, %4llu fine, %u in, %u out, %u wrong\n", name,
		(double)watcher->lasted_us / S_US / 3600, (unsigned long long)watcher->n_coarse,
		(unsigned long long)watcher->n_fine, seen->n_in, seen->n_out, seen->n_wrong);
}

static const char *const watches[] = {"nothing", "cells", "Wi-Fi", "a sensor"};

int main(void)
{
	static struct way way;
	struct policy *policy = policy_of(OFFICE, "office");
	struct policy *airport = policy_of(AIRPORT, "airport");

	for (int w = 0; w < 3; w++) {
		struct place_sim_options o = PLACE_SIM_DEFAULT;
		double offs[] = {0, 100, 150, 190, 210, 250, 300, 1000, 5000, 50000};
		char name[64];

		o.noise = true;
		o.watch = (enum place_watch)w;
		for (size_t i = 0; i < ARRAY_SIZE(offs); i++) {
			struct seen seen = {.place = policy->places, .state = TRUTH_UNKNOWN, .can_show_us = -1, .changed_us = -1, .shortest_s = 1e9,.true_since_us={-(INT64_C(1)<<50),-(INT64_C(1)<<50)}};
			struct place_sim_watcher watcher = {watch, &seen};

			way_begin(&way, off(offs[i], 0));
			way_stay(&way, DAY_S);
			place_sim_run(&policy, 1, &(struct place_sim_way){way.points, way.n}, &o, &watcher);
			snprintf(name, sizeof(name), "still at %.0f m, %s", offs[i], watches[w]);
			report(name, &watcher, &seen);
		}
		{
			struct seen seen = {.verbose=1,.place = policy->places, .state = TRUTH_UNKNOWN, .can_show_us = -1, .changed_us = -1, .shortest_s = 1e9};
			struct place_sim_watcher watcher = {watch, &seen};

			way_begin(&way, off(9000, 8000));
			way_stay(&way, 8 * HOUR_S);
			way_go(&way, off(2000, 1000), 14);
			way_stay(&way, 120);
			way_go(&way, off(100, 200), 11);
			way_go(&way, off(20, 10), 1.3);
			printf("  arrives %.0f\n", (double)way.points[way.n - 1].at_us / S_US);
			way_stay(&way, 4 * HOUR_S);
			printf("  lunch %.0f\n", (double)way.points[way.n - 1].at_us / S_US);
			way_go(&way, off(20, 400), 1.3);
			way_stay(&way, 1800);
			way_go(&way, off(20, 10), 1.3);
			way_stay(&way, 4 * HOUR_S);
			printf("  leaves %.0f\n", (double)way.points[way.n - 1].at_us / S_US);
			way_go(&way, off(100, 200), 1.3);
			way_go(&way, off(9000, 8000), 12);
			way_stay(&way, 6 * HOUR_S);
			place_sim_run(&policy, 1, &(struct place_sim_way){way.points, way.n}, &o, &watcher);
			snprintf(name, sizeof(name), "commuter, %s", watches[w]);
			report(name, &watcher, &seen);
			printf("  shown within %.0f s, shortest %.0f\n", seen.worst_show_s, seen.shortest_s);
		}
		{
			struct seen seen = {.verbose=2,.place = airport->places, .state = TRUTH_UNKNOWN, .can_show_us = -1, .changed_us = -1, .shortest_s = 1e9};
			struct place_sim_watcher watcher = {watch, &seen};

			way_begin(&way, off(0, 0));
			way_stay(&way, 6 * HOUR_S);
			way_go(&way, (struct geo_point){48.3538, 11.7861}, 15);
			way_stay(&way, 5400);
			way_go(&way, (struct geo_point){53.6304, 9.9882}, 220);
			printf("  lands %.0f\n", (double)way.points[way.n - 1].at_us / S_US);
			way_stay(&way, 3600);
			way_go(&way, (struct geo_point){53.55, 9.99}, 12);
			way_stay(&way, 8 * HOUR_S);
			place_sim_run(&airport, 1, &(struct place_sim_way){way.points, way.n}, &o, &watcher);
			snprintf(name, sizeof(name), "flight, %s", watches[w]);
			report(name, &watcher, &seen);
			printf("  shown within %.0f s\n", seen.worst_show_s);
		}
	}
	(void)office;
	policy_free(policy);
	policy_free(airport);
	return 0;
}
