/* SPDX-License-Identifier: Apache-2.0 */
/* test_place_plan.c - when to look where the phone is: each rule alone. What they come to on whole
 * days is in test_place_sim.c. */
#include "policies/place_plan.h"

#include "policies/place_motion.h"
#include "tests/lib/check.h"
#include "tests/lib/place_rig.h"

struct plan_rig {
	struct rig rig;
	struct place_plan plan;
	struct place_wish wish;
};

static void plan_done(struct plan_rig *p)
{
	rig_done(&p->rig);
}
#define _plan_ _cleanup_(plan_done)

static bool plan_init(struct plan_rig *p, const char *place)
{
	bool good = rig_init(&p->rig, place);

	place_plan_init(&p->plan, p->rig.now_us);
	return good;
}

/* Seconds until the next position is wanted; -1: none is. */
static double due_in(struct plan_rig *p)
{
	place_plan_next(&p->plan, &p->rig.track, p->rig.now_us, &p->wish);
	if (p->wish.need == PLACE_NEED_NOTHING)
		return -1;
	return p->wish.due_us <= p->rig.now_us
		       ? 0
		       : (double)(p->wish.due_us - p->rig.now_us) / (double)S_US;
}

static double scan_in(struct plan_rig *p)
{
	place_plan_next(&p->plan, &p->rig.track, p->rig.now_us, &p->wish);
	if (p->wish.scan_due_us == INT64_MAX)
		return -1;
	return p->wish.scan_due_us <= p->rig.now_us
		       ? 0
		       : (double)(p->wish.scan_due_us - p->rig.now_us) / (double)S_US;
}

static void plan_fix(struct plan_rig *p, double after_s, double north_m, double accuracy_m)
{
	enum place_doubt doubt = rig_fix(&p->rig, after_s, north_m, accuracy_m);

	place_plan_fix(&p->plan, &p->rig.track, doubt, p->rig.now_us);
}

static void plan_later(struct plan_rig *p, double seconds)
{
	p->rig.now_us += (int64_t)(seconds * (double)S_US);
}

#define CHECK_NEAR(actual, expected, by)                                                           \
	do {                                                                                       \
		double check_a_ = (actual);                                                        \
		if (fabs(check_a_ - (expected)) > (by)) {                                          \
			check_fail(__FILE__, __LINE__, "%s is %.1f", #actual, check_a_);           \
			return;                                                                    \
		}                                                                                  \
	} while (0)

static void test_motion(void)
{
	double last_s = 0, last_m = 0;

	CHECK_NEAR(place_reach_m(-1, 10), 3500, 1);
	CHECK_NEAR(place_reach_m(0, 10), 300, 1);
	CHECK_NEAR(place_reach_m(30, 10), 600, 1);
	CHECK_NEAR(place_reach_m(0, 0), 0, 0);
	CHECK_NEAR(place_reach_m(0, -5), 0, 0);
	CHECK_NEAR(place_time_s(0, 0), 0, 0);
	CHECK_NEAR(place_time_s(0, -7), 0, 0);
	CHECK_NEAR(place_time_s(0, NAN), 0, 0);
	/* From rest to 45 m/s, and on. */
	CHECK_NEAR(place_time_s(0, 100), 10, 0.1);
	CHECK_NEAR(place_time_s(0, 4506.25), 22.5 + 88.9, 0.1);
	CHECK_NEAR(place_time_s(-1, 4506.25), 22.5 + 88.9, 0.1);
	/* 600 km are not driven. */
	CHECK_NEAR(place_time_s(0, 600000), 300 + 600000 / 280.0, 1);
	CHECK_NEAR(place_time_s(280, 280000), 1000, 1);
	/* More time never means less way, nor more way less time. */
	for (int i = 0; i < 2000; i++) {
		double m = place_reach_m(i % 100, i), s = place_time_s(20, i * 500.0);

		if (i % 100 > 0)
			CHECK(m >= last_m);
		CHECK(s >= last_s);
		last_m = m;
		last_s = s;
		/* Nobody gets anywhere before it is possible. */
		CHECK(place_reach_m(20, s) >= i * 500.0);
	}
}

static void test_nothing(void)
{
	_plan_ struct plan_rig p;

	CHECK(plan_init(&p, SHAPE));
	p.rig.policy->places[0].relevant = false;
	CHECK_NEAR(due_in(&p), -1, 0);
	CHECK_NEAR(scan_in(&p), -1, 0);
	CHECK(!p.wish.watch_motion && !p.wish.watch_networks);
	p.rig.policy->places[0].relevant = true;
	CHECK_NEAR(due_in(&p), 0, 0);
	CHECK_INT(p.wish.need, PLACE_NEED_COARSE);
	CHECK(p.wish.watch_motion && !p.wish.watch_networks);
	for (size_t i = 0; i < PLACE_NEED_MAX; i++)
		CHECK(place_need_name((enum place_need)i));
	CHECK(!place_need_name(PLACE_NEED_MAX));
}

/* As soon as the fastest could be there, coarse where that is enough. */
static void test_distance(void)
{
	_plan_ struct plan_rig p;
	double at_20_km_s;

	CHECK(plan_init(&p, SHAPE));
	plan_fix(&p, 1, 20200, 10);
	at_20_km_s = due_in(&p);
	CHECK_NEAR(at_20_km_s, place_time_s(-1, 20000 - 36), 2);
	CHECK_INT(p.wish.need, PLACE_NEED_COARSE);
	/* Near the boundary it has to be close, and soon. */
	plan_fix(&p, 600, 400, 10);
	CHECK(due_in(&p) <= 20);
	CHECK_INT(p.wish.need, PLACE_NEED_FINE);
	/* Faster, sooner. */
	plan_fix(&p, 600, 20200, 10);
	CHECK(due_in(&p) < at_20_km_s);
}

/* What would tell of movement is waited for; afterwards time counts from there. */
static void test_watch(void)
{
	_plan_ struct plan_rig p;

	CHECK(plan_init(&p, SHAPE));
	place_plan_watch(&p.plan, PLACE_WATCH_WIFI, p.rig.now_us);
	plan_fix(&p, 1, 600, 10);
	/* A network that is new has to be seen to stay where it is. */
	CHECK_NEAR(due_in(&p), 600, 1);
	plan_fix(&p, 600, 600.1, 10);
	CHECK_NEAR(due_in(&p), 8 * 3600, 1);
	plan_later(&p, 5000);
	CHECK_NEAR(due_in(&p), 8 * 3600 - 5000, 1);
	place_plan_moved(&p.plan, p.rig.now_us);
	CHECK_NEAR(due_in(&p), place_time_s(-1, 400 - 36), 2);
	plan_later(&p, 5);
	place_plan_moved(&p.plan, p.rig.now_us);
	CHECK_NEAR(due_in(&p), place_time_s(-1, 400 - 36) - 5, 2);
	plan_fix(&p, 30, 600, 10);
	CHECK_NEAR(due_in(&p), 600, 1);
	plan_fix(&p, 600, 600.1, 10);
	CHECK_NEAR(due_in(&p), 8 * 3600, 1);
	/* Another network is a movement, the same one is not. */
	place_plan_watch(&p.plan, PLACE_WATCH_WIFI, p.rig.now_us);
	CHECK_NEAR(due_in(&p), 8 * 3600, 1);
	place_plan_watch(&p.plan, PLACE_WATCH_NONE, p.rig.now_us);
	CHECK(due_in(&p) < 60);
	/* A cell says that much only from far away. */
	place_plan_watch(&p.plan, PLACE_WATCH_CELL, p.rig.now_us);
	plan_fix(&p, 30, 601, 10);
	CHECK(due_in(&p) < 60);
	plan_fix(&p, 3000, 30000, 10);
	CHECK_NEAR(due_in(&p), 8 * 3600, 1);
}

/* The network of a car goes with it: ten minutes later that shows, and time counts from then on as
 * if there was none, until the phone has been somewhere for half an hour or leaves the network. */
static void test_carried(void)
{
	_plan_ struct plan_rig p;

	CHECK(plan_init(&p, SHAPE));
	place_plan_watch(&p.plan, PLACE_WATCH_WIFI, p.rig.now_us);
	plan_fix(&p, 1, 0, 10);
	CHECK_NEAR(due_in(&p), 600, 1);
	plan_fix(&p, 600, 3000, 10);
	CHECK(p.plan.carried);
	CHECK(due_in(&p) < 120);
	for (int i = 0; i < 20; i++) {
		double wait_s = due_in(&p);

		CHECK(wait_s <= 900);
		plan_fix(&p, wait_s + 15, 3600 + 1000 * i, 10);
	}
	/* It has arrived. */
	for (double t = 0; t < 1800;) {
		double wait_s = due_in(&p);

		CHECK(wait_s <= 900);
		plan_fix(&p, wait_s + 15, 22600.1 + t / 1e4, 10);
		t += wait_s + 15;
	}
	CHECK_NEAR(due_in(&p), 8 * 3600, 1);
	place_plan_watch(&p.plan, PLACE_WATCH_NONE, p.rig.now_us);
	place_plan_watch(&p.plan, PLACE_WATCH_WIFI, p.rig.now_us);
	plan_fix(&p, 60, 30000, 10);
	CHECK(!p.plan.carried);
	CHECK_NEAR(due_in(&p), 600, 1);
}

/* What lies still without anything that watches is looked at ever more rarely, to a quarter of an
 * hour. */
static void test_still(void)
{
	_plan_ struct plan_rig p;
	double last_s = 0;

	CHECK(plan_init(&p, SHAPE));
	for (int i = 0; i < 12; i++) {
		plan_fix(&p, last_s + 15, 600 + i % 2, 10);
		CHECK(due_in(&p) >= last_s);
		last_s = due_in(&p);
	}
	CHECK_NEAR(last_s, 900, 1);
	place_plan_moved(&p.plan, p.rig.now_us);
	CHECK(due_in(&p) < 30);
}

/* What speaks against the state is asked again at once, what waits at the end of its dwell. */
static void test_confirm(void)
{
	_plan_ struct plan_rig p;

	CHECK(plan_init(&p, SHAPE ",\"leave_dwell\":600"));
	place_plan_watch(&p.plan, PLACE_WATCH_WIFI, p.rig.now_us);
	plan_fix(&p, 1, 0, 10);
	CHECK_NEAR(due_in(&p), 600, 1);
	place_plan_moved(&p.plan, p.rig.now_us);
	plan_fix(&p, 100, 330, 50);
	CHECK_INT(rig_state(&p.rig), TRUTH_TRUE);
	CHECK_NEAR(due_in(&p), 12, 0.1);
	CHECK_INT(p.wish.need, PLACE_NEED_FINE);
	plan_fix(&p, 12, 400, 10);
	CHECK(p.rig.track.states[0].pending == TRUTH_FALSE);
	CHECK_NEAR(due_in(&p), 600 - 25, 1);
	plan_fix(&p, 580, 400, 10);
	rig_tick(&p.rig, 20);
	CHECK_INT(rig_state(&p.rig), TRUTH_FALSE);
}

/* Sources that are silent or doubted are asked ever more rarely, until something moves. */
static void test_failures(void)
{
	_plan_ struct plan_rig p;
	double last_s = 0;

	CHECK(plan_init(&p, SHAPE));
	for (int i = 0; i < 12; i++) {
		place_plan_asked(&p.plan, PLACE_NEED_COARSE, p.rig.now_us);
		place_plan_missed(&p.plan, p.rig.now_us);
		CHECK(due_in(&p) >= last_s && due_in(&p) >= 30);
		last_s = due_in(&p);
		plan_later(&p, last_s);
	}
	CHECK_NEAR(last_s, 1800, 1);
	place_plan_missed(&p.plan, p.rig.now_us);
	place_plan_moved(&p.plan, p.rig.now_us);
	CHECK(due_in(&p) <= 60);
	plan_later(&p, 60);
	plan_fix(&p, 1, 600, 10);
	CHECK(due_in(&p) < 30);
	/* One that nobody believes is none. */
	plan_fix(&p, 10, 500000, 10);
	plan_fix(&p, 10, 500000, 10);
	CHECK(p.plan.n_failed == 0 || due_in(&p) >= 30);
}

/* A day of asking costs what the tokens allow, and what decides is had all the same. */
static void test_tokens(void)
{
	_plan_ struct plan_rig p;
	int n = 0;

	CHECK(plan_init(&p, SHAPE));
	plan_fix(&p, 1, 205, 10);
	for (double t = 0; t < 24 * 3600;) {
		double wait_s = due_in(&p);

		wait_s = wait_s < 12 ? 12 : wait_s;
		t += wait_s;
		place_plan_moved(&p.plan, p.rig.now_us);
		plan_later(&p, wait_s);
		place_plan_asked(&p.plan, PLACE_NEED_FINE, p.rig.now_us);
		plan_fix(&p, 0.001, 200 + n % 3, 10);
		n++;
	}
	CHECK(n > 500 && n <= 60 + 24 * 40 + 1);
}

/* A state is looked at again before it is forgotten. */
static void test_freshness(void)
{
	_plan_ struct plan_rig p;

	CHECK(plan_init(&p, SHAPE ",\"forget_after\":1000"));
	place_plan_watch(&p.plan, PLACE_WATCH_MOTION, p.rig.now_us);
	plan_fix(&p, 1, 100000, 10);
	CHECK_NEAR(due_in(&p), 800, 1);
}

/* Networks need no position while they say that the phone is there, and scans only where nobody
 * else tells. */
static void test_networks(void)
{
	struct place_watcher none = {NULL, NULL};
	struct fix_networks networks;

	{
		_plan_ struct plan_rig p;

		CHECK(plan_init(&p, "\"networks\":[{\"ssid\":\"a\",\"connected\":true}]"));
		CHECK_NEAR(due_in(&p), -1, 0);
		CHECK_NEAR(scan_in(&p), -1, 0);
		CHECK(p.wish.watch_networks && !p.wish.watch_motion);
	}
	{
		_plan_ struct plan_rig p;

		CHECK(plan_init(&p, SHAPE ",\"networks\":[{\"ssid\":\"a\"}]"));
		CHECK_NEAR(due_in(&p), 0, 0);
		CHECK_NEAR(scan_in(&p), 0, 0);
		/* Wi-Fi is off: it is not tried all the time. */
		place_plan_scanned(&p.plan, p.rig.now_us);
		plan_later(&p, 10);
		CHECK_NEAR(scan_in(&p), 470, 1);
		networks = (struct fix_networks){
			.networks = {{.ssid = "a", .n_ssid = 1}},
			.n_networks = 1,
			.taken_us = p.rig.now_us,
		};
		place_track_networks(&p.rig.track, &networks, p.rig.now_us, &none);
		CHECK_INT(rig_state(&p.rig), TRUTH_TRUE);
		CHECK_NEAR(due_in(&p), -1, 0);
		CHECK_NEAR(scan_in(&p), 480, 1);
		place_plan_moved(&p.plan, p.rig.now_us);
		CHECK_NEAR(scan_in(&p), 120, 1);
		/* Missed once: looked for once more. */
		plan_later(&p, 120);
		networks.n_networks = 0;
		networks.taken_us = p.rig.now_us;
		place_track_networks(&p.rig.track, &networks, p.rig.now_us, &none);
		CHECK_NEAR(scan_in(&p), 15, 1);
		/* In it: it tells itself. */
		networks.n_networks = 1;
		networks.networks[0].connected = true;
		place_track_networks(&p.rig.track, &networks, p.rig.now_us, &none);
		CHECK_NEAR(scan_in(&p), -1, 0);
		CHECK_NEAR(due_in(&p), -1, 0);
	}
}

static const struct check_test tests[] = {
	{"motion", test_motion},
	{"nothing", test_nothing},
	{"distance", test_distance},
	{"watch", test_watch},
	{"carried", test_carried},
	{"still", test_still},
	{"confirm", test_confirm},
	{"failures", test_failures},
	{"tokens", test_tokens},
	{"freshness", test_freshness},
	{"networks", test_networks},
};

CHECK_MAIN(tests)
