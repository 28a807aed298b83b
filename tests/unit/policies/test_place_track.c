/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_place_track.c - states of places from positions and time: what is certain, what is doubted,
 * dwell, forgetting; and thousands of hours of noise without one wrong answer.
 */
#include "tests/lib/check.h"
#include "tests/lib/place_rig.h"

/* Five and a half deviations are certain, alone; what is in between changes nothing. */
static void test_certain(void)
{
	static const struct {
		double north_m, accuracy_m;
		enum truth state;
	} cases[] = {
		{0, 50, TRUTH_TRUE},	      /* 200 m are 6.0 deviations */
		{0, 56, TRUTH_UNKNOWN},	      /* 5.4 */
		{100, 27, TRUTH_TRUE},	      /* 5.6 */
		{100, 28, TRUTH_UNKNOWN},     /* 5.4 */
		{190, 1, TRUTH_UNKNOWN},      /* 3.0: nobody knows it to a metre */
		{181, 1, TRUTH_TRUE},	      /* 5.7 */
		{300, 27, TRUTH_FALSE},	      /* 5.6 */
		{300, 28, TRUTH_UNKNOWN},     /* 5.4 */
		{200.5, 5, TRUTH_UNKNOWN},    /* the boundary */
		{20000, 999, TRUTH_FALSE},    /* far away it need not be good */
		{20000, 1001, TRUTH_UNKNOWN}, /* but as good as max_accuracy says */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_rig_ struct rig rig;

		CHECK(rig_init(&rig, SHAPE ",\"max_accuracy\":1000"));
		CHECK_INT(
			rig_fix(&rig, 1, cases[i].north_m, cases[i].accuracy_m), PLACE_DOUBT_NONE);
		if (rig_state(&rig) != cases[i].state)
			check_fail(__FILE__, __LINE__, "%.1f m by %.0f m: %s", cases[i].north_m,
				cases[i].accuracy_m, place_side_name(rig_state(&rig)));
		if (cases[i].state == TRUTH_UNKNOWN)
			continue;
		CHECK_INT(rig.track.states[0].why.cause, PLACE_CAUSE_POSITION);
		CHECK_INT(rig.track.states[0].why.source, FIX_GNSS);
		CHECK_INT(rig.track.states[0].why.n_fixes, 1);
		CHECK_STR(rig.track.states[0].why.provider, "test");
	}
}

/* Several weaker ones are worth as much together, if they are several. */
static void test_sums(void)
{
	{
		/* Twice 4.3 deviations are 6.1. */
		_rig_ struct rig rig;

		CHECK(rig_init(&rig, SHAPE));
		rig_fix(&rig, 1, 1, 70);
		CHECK_INT(rig_state(&rig), TRUTH_UNKNOWN);
		rig_fix(&rig, 12, 2, 70);
		CHECK_INT(rig_state(&rig), TRUTH_TRUE);
		CHECK_INT(rig.track.states[0].why.n_fixes, 2);
		CHECK_STR(rig_log(&rig), "unknown>inside position;");
	}
	{
		/* The same position once more is the same error. */
		_rig_ struct rig rig;

		CHECK(rig_init(&rig, SHAPE));
		for (int i = 0; i < 8; i++)
			rig_fix(&rig, 12, 1, 70);
		CHECK_INT(rig_state(&rig), TRUTH_UNKNOWN);
	}
	{
		/* So is one right after the other; and one of another visit. */
		_rig_ struct rig rig;

		CHECK(rig_init(&rig, SHAPE));
		for (int i = 0; i < 4; i++)
			rig_fix(&rig, 2, i, 70);
		CHECK_INT(rig_state(&rig), TRUTH_UNKNOWN);
		rig_fix(&rig, 181, 1, 70);
		CHECK_INT(rig_state(&rig), TRUTH_UNKNOWN);
		/* One on the other side begins anew. */
		rig_fix(&rig, 60, 220, 70);
		rig_fix(&rig, 60, 1, 70);
		CHECK_INT(rig_state(&rig), TRUTH_UNKNOWN);
		rig_fix(&rig, 60, 2, 70);
		CHECK_INT(rig_state(&rig), TRUTH_TRUE);
	}
	{
		/* Eight times 2 deviations are 5.6, more than eight no more than that. */
		_rig_ struct rig rig;

		CHECK(rig_init(&rig, SHAPE));
		for (int i = 0; i < 7; i++)
			rig_fix(&rig, 12, i % 2, 150);
		CHECK_INT(rig_state(&rig), TRUTH_UNKNOWN);
		rig_fix(&rig, 12, 3, 150);
		CHECK_INT(rig_state(&rig), TRUTH_TRUE);
	}
	{
		_rig_ struct rig rig;

		CHECK(rig_init(&rig, SHAPE));
		for (int i = 0; i < 100; i++)
			rig_fix(&rig, 12, i % 2, 165);
		CHECK_INT(rig_state(&rig), TRUTH_UNKNOWN);
	}
}

static void test_doubts(void)
{
	_rig_ struct rig rig;
	struct fix good, fix;
	uint64_t n = 0;

	CHECK(rig_init(&rig, SHAPE));
	rig.now_us += S_US;
	good = fix_at(&rig, 0, 0, 10);
	good.speed_ms = 0;
	for (int i = 0; i < 14; i++) {
		enum place_doubt doubt;

		fix = good;
		switch (i) {
		case 0:
			fix.latitude = NAN;
			break;
		case 1:
			fix.latitude = 90.5;
			break;
		case 2:
			fix.longitude = -181;
			break;
		case 3:
			fix.accuracy_m = 0;
			break;
		case 4:
			fix.accuracy_m = -5;
			break;
		case 5:
			fix.accuracy_m = INFINITY;
			break;
		case 6:
			fix.accuracy_m = 1e7;
			break;
		case 7:
			fix.source = FIX_NONE;
			break;
		case 8:
			fix.source = FIX_SOURCE_MAX;
			break;
		case 9:
			fix.speed_ms = NAN;
			break;
		case 10:
			fix.mock = true;
			break;
		case 11:
			fix.taken_us = rig.now_us - PLACE_STALE_US - 1;
			break;
		case 12:
			fix.taken_us = rig.now_us + PLACE_FUTURE_US + 1;
			break;
		case 13:
			fix.taken_us = INT64_MIN;
			break;
		}
		doubt = place_track_fix(&rig.track, &fix, rig.now_us, NULL);
		if (doubt != (i < 10	       ? PLACE_DOUBT_MALFORMED
				     : i == 10 ? PLACE_DOUBT_MOCK
				     : i == 12 ? PLACE_DOUBT_FUTURE
					       : PLACE_DOUBT_STALE))
			check_fail(__FILE__, __LINE__, "%d: %s", i, place_doubt_name(doubt));
		CHECK_INT(rig.track.doubt, doubt);
		CHECK_INT(rig.track.doubt_us, rig.now_us);
		CHECK(!rig.track.has_fix);
	}
	CHECK_INT(rig_state(&rig), TRUTH_UNKNOWN);
	CHECK_INT(rig.track.n_doubts[PLACE_DOUBT_MALFORMED], 10);
	CHECK_INT(place_track_fix(&rig.track, &good, rig.now_us, NULL), PLACE_DOUBT_NONE);
	CHECK_INT(place_track_fix(&rig.track, &good, rig.now_us, NULL), PLACE_DOUBT_DUPLICATE);
	fix = good;
	fix.taken_us -= 1;
	CHECK_INT(place_track_fix(&rig.track, &fix, rig.now_us, NULL), PLACE_DOUBT_BACKWARDS);
	/* 2 km in ten seconds; in two minutes somebody drives. */
	CHECK_INT(rig_fix(&rig, 10, 2000, 10), PLACE_DOUBT_JUMP);
	CHECK_INT(rig_state(&rig), TRUTH_TRUE);
	CHECK_INT(rig_fix(&rig, 120, 2000, 10), PLACE_DOUBT_NONE);
	for (size_t i = 0; i < PLACE_DOUBT_MAX; i++)
		n += rig.track.n_doubts[i];
	CHECK_INT(n, 14 + 5);
}

/* A flight is no jump, whatever is told of its speed. */
static void test_speeds(void)
{
	static const struct {
		double north_m, after_s, speed_ms;
		enum place_doubt doubt;
	} cases[] = {
		{600000, 2700, -1, PLACE_DOUBT_NONE}, /* as fast as an airliner gets */
		{600000, 900, -1, PLACE_DOUBT_JUMP},  /* and nobody faster */
		{9000, 60, -1, PLACE_DOUBT_NONE},     /* nobody said that it was slow before */
		{9000, 60, 0, PLACE_DOUBT_JUMP},      /* somebody did */
		{13000, 60, 220, PLACE_DOUBT_NONE},   /* it was in the air */
		{500, 10, 30, PLACE_DOUBT_NONE},      /* a car */
		{1200, 10, 30, PLACE_DOUBT_JUMP},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_rig_ struct rig rig;
		struct fix fix;

		CHECK(rig_init(&rig, SHAPE));
		fix = fix_at(&rig, 0, 0, 10);
		fix.speed_ms = cases[i].speed_ms;
		CHECK_INT(place_track_fix(&rig.track, &fix, rig.now_us, NULL), PLACE_DOUBT_NONE);
		CHECK_INT(rig_fix(&rig, cases[i].after_s, cases[i].north_m, 10), cases[i].doubt);
	}
}

/* Where the first one was the wrong one, those that agree win after ten minutes. */
static void test_rivals(void)
{
	_rig_ struct rig rig;
	int n = 0;

	CHECK(rig_init(&rig, SHAPE));
	CHECK_INT(rig_fix(&rig, 1, 4000000, 10), PLACE_DOUBT_NONE);
	while (rig_fix(&rig, 30, n % 3, 10) == PLACE_DOUBT_JUMP)
		CHECK(n++ < 30);
	CHECK(n >= 19 && n <= 22);
	CHECK_INT(rig_state(&rig), TRUTH_TRUE);
	/* Those that agree with the last one that counted make an end of it. */
	for (int i = 0; i < 60; i++) {
		CHECK_INT(rig_fix(&rig, 15, 4000000, 10), PLACE_DOUBT_JUMP);
		CHECK_INT(rig_fix(&rig, 15, i % 2, 10), PLACE_DOUBT_NONE);
	}
	/* And so does it where they do not agree among themselves. */
	for (int i = 0; i < 60; i++)
		CHECK_INT(rig_fix(&rig, 15, i % 2 ? 4000000 : -4000000, 10), PLACE_DOUBT_JUMP);
	CHECK_INT(rig_state(&rig), TRUTH_TRUE);
}

static void test_dwell(void)
{
	_rig_ struct rig rig;

	CHECK(rig_init(&rig, SHAPE ",\"enter_dwell\":300,\"leave_dwell\":600"));
	/* The first answer waits for nothing. */
	rig_fix(&rig, 1, 5000, 10);
	CHECK_STR(rig_log(&rig), "unknown>outside position;");
	rig_fix(&rig, 600, 0, 10);
	CHECK_INT(rig_state(&rig), TRUTH_FALSE);
	CHECK_INT(place_track_next_us(&rig.track), rig.now_us + 300 * S_US);
	rig_tick(&rig, 299);
	CHECK_STR(rig_log(&rig), "");
	rig_tick(&rig, 1);
	CHECK_STR(rig_log(&rig), "outside>inside position;");
	CHECK_INT(rig.track.states[0].why.dwell_s, 300);
	CHECK_INT(rig.track.states[0].why.accuracy_m, 10);
	CHECK_INT(rig.track.states[0].why.distance, PLACE_NEAR);
	/* Back before the dwell is over: nothing was. */
	rig_fix(&rig, 100, 400, 10);
	CHECK(rig.track.states[0].pending == TRUTH_FALSE);
	rig_fix(&rig, 500, 0, 10);
	CHECK(rig.track.states[0].pending == TRUTH_UNKNOWN);
	rig_tick(&rig, 1000);
	CHECK_STR(rig_log(&rig), "");
	/* What is uncertain does not turn it back, what leans back does. */
	rig_fix(&rig, 100, 400, 10);
	rig_fix(&rig, 100, 202, 20);
	CHECK(rig.track.states[0].pending == TRUTH_FALSE);
	rig_fix(&rig, 100, 180, 20);
	CHECK(rig.track.states[0].pending == TRUTH_UNKNOWN);
	/* The dwell begins with the first certain answer. */
	rig_fix(&rig, 100, 400, 10);
	rig_fix(&rig, 300, 420, 10);
	rig_tick(&rig, 299);
	CHECK_INT(rig_state(&rig), TRUTH_TRUE);
	rig_tick(&rig, 1);
	CHECK_STR(rig_log(&rig), "inside>outside position;");
}

/* An answer from before the last change does not shorten the dwell. */
static void test_dwell_of_old_answers(void)
{
	_rig_ struct rig rig;
	struct fix fix;

	CHECK(rig_init(&rig, SHAPE ",\"enter_dwell\":0,\"leave_dwell\":100"));
	rig_fix(&rig, 1, 5000, 10);
	rig_fix(&rig, 600, 0, 10);
	CHECK_INT(rig_state(&rig), TRUTH_TRUE);
	rig.now_us += 100 * S_US;
	fix = fix_at(&rig, 1500, 0, 10);
	fix.taken_us -= 30 * S_US;
	CHECK_INT(place_track_fix(&rig.track, &fix, rig.now_us, NULL), PLACE_DOUBT_NONE);
	rig_tick(&rig, 69);
	CHECK_INT(rig_state(&rig), TRUTH_TRUE);
	rig_tick(&rig, 1);
	CHECK_INT(rig_state(&rig), TRUTH_FALSE);
	CHECK(rig.track.states[0].since_us == rig.now_us);
}

static void test_forgetting(void)
{
	_rig_ struct rig rig;
	struct when_place fact;

	CHECK(rig_init(&rig, SHAPE ",\"enter_dwell\":60,\"leave_dwell\":60,\"forget_after\":600,"
				   "\"unknown_is\":\"outside\""));
	place_track_facts(&rig.track, rig.now_us + 5 * S_US, &fact);
	CHECK_INT(fact.inside, TRUTH_FALSE);
	CHECK_INT(fact.held_s, 5);
	CHECK_STR(fact.stream, "s");
	CHECK_STR(fact.name, "p");
	/* Outside is what it was taken for all the time. */
	rig_fix(&rig, 10, 5000, 10);
	place_track_facts(&rig.track, rig.now_us, &fact);
	CHECK_INT(fact.held_s, 10);
	rig_fix(&rig, 300, 0, 10);
	rig_tick(&rig, 60);
	CHECK_STR(rig_log(&rig), "unknown>outside position;outside>inside position;");
	place_track_facts(&rig.track, rig.now_us, &fact);
	CHECK_INT(fact.inside, TRUTH_TRUE);
	CHECK_INT(fact.held_s, 0);
	CHECK_INT(place_track_next_us(&rig.track), rig.now_us + 540 * S_US + 1);
	rig_tick(&rig, 540);
	CHECK_STR(rig_log(&rig), "");
	rig_tick(&rig, 1);
	CHECK_STR(rig_log(&rig), "inside>unknown forgotten;");
	place_track_facts(&rig.track, rig.now_us, &fact);
	CHECK_INT(fact.inside, TRUTH_FALSE);
	CHECK_INT(place_track_next_us(&rig.track), INT64_MAX);
	/* Back to what conditions do not take it for: that takes its dwell. */
	rig_fix(&rig, 10, 1, 10);
	CHECK_INT(rig_state(&rig), TRUTH_UNKNOWN);
	rig_tick(&rig, 60);
	CHECK_STR(rig_log(&rig), "unknown>inside position;");
	/* Asleep for longer than that: what was about to be is not. */
	rig_fix(&rig, 200, 800, 10);
	rig_tick(&rig, 3600);
	CHECK_STR(rig_log(&rig), "inside>unknown forgotten;");
}

/* What holds more than this agent knows is never left. */
static void test_incomplete(void)
{
	_rig_ struct rig rig;

	CHECK(rig_init(&rig, "\"shape\":{\"union\":[{\"corridor\":1},{\"circle\":{\"latitude\":"
			     "48.137154,\"longitude\":11.576124,\"radius\":200}}]}"));
	rig_fix(&rig, 1, 5000, 10);
	CHECK_INT(rig_state(&rig), TRUTH_UNKNOWN);
	rig_fix(&rig, 1000, 0, 10);
	CHECK_INT(rig_state(&rig), TRUTH_TRUE);
}

/* A place that becomes another one is not known; one that stays the same is. */
static void test_policies(void)
{
	_rig_ struct rig rig;
	struct policy *same = policy_with(SHAPE),
		      *other = policy_with(SHAPE ",\"networks\":[{\"ssid\":\"x\"}]");
	struct place_watcher watcher;

	CHECK(rig_init(&rig, SHAPE));
	watcher = rig_watcher(&rig);
	CHECK(same && other);
	rig_fix(&rig, 1, 0, 10);
	rig_log(&rig);
	CHECK_INT(place_track_configure(&rig.track, &same, 1, rig.now_us + 5 * S_US, &watcher), 0);
	CHECK_INT(rig_state(&rig), TRUTH_TRUE);
	CHECK(rig.track.states[0].place == &same->places[0]);
	CHECK(rig.track.states[0].since_us == rig.now_us);
	CHECK_STR(rig_log(&rig), "");
	CHECK_INT(place_track_configure(&rig.track, &other, 1, rig.now_us, &watcher), 0);
	CHECK_STR(rig_log(&rig), "inside>unknown policy;");
	CHECK_INT(place_track_configure(&rig.track, NULL, 0, rig.now_us, &watcher), 0);
	CHECK_INT(rig.track.n_states, 0);
	CHECK_INT(place_track_next_us(&rig.track), INT64_MAX);
	policy_free(same);
	policy_free(other);
}

/* A phone that lies there with poor positions: those that agree keep it known, those that hardly
 * say anything do not, nor do those of the other side. */
static void test_agreement(void)
{
	static const struct {
		double north_m, accuracy_m;
		bool kept;
	} cases[] = {{150, 20, true}, {150, 38, true}, {150, 40, false}, {230, 20, false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_rig_ struct rig rig;

		CHECK(rig_init(&rig, SHAPE));
		rig_fix(&rig, 1, 0, 10);
		CHECK_INT(rig_state(&rig), TRUTH_TRUE);
		for (int k = 0; k < 6; k++)
			rig_fix(&rig, 8 * 3600, cases[i].north_m + k % 2, cases[i].accuracy_m);
		CHECK_INT(rig_state(&rig), cases[i].kept ? TRUTH_TRUE : TRUTH_UNKNOWN);
	}
}

/* A policy that only says how sure one has to be does not make the phone forget where it is: what
 * restricts there would be off until the next position. */
static void test_policies_patience(void)
{
	_rig_ struct rig rig;
	struct policy *slower = policy_with(SHAPE ",\"leave_dwell\":600,\"max_accuracy\":100,"
						  "\"forget_after\":600,\"comment\":\"x\""),
		      *strict = policy_with(SHAPE ",\"leave_dwell\":30,\"forget_after\":600,"
						  "\"unknown_is\":\"outside\"");
	struct place_watcher watcher;

	CHECK(rig_init(&rig, SHAPE ",\"leave_dwell\":60"));
	watcher = rig_watcher(&rig);
	CHECK(slower && strict);
	rig_fix(&rig, 1, 0, 10);
	rig_log(&rig);
	rig_fix(&rig, 100, 2000, 10);
	CHECK_INT(place_track_next_us(&rig.track), rig.now_us + 60 * S_US);
	/* What is waited for has to be waited for anew as long as is said now. */
	rig.now_us += 10 * S_US;
	CHECK_INT(place_track_configure(&rig.track, &slower, 1, rig.now_us, &watcher), 0);
	CHECK_STR(rig_log(&rig), "");
	CHECK_INT(rig.track.states[0].pending_until_us, rig.now_us + 590 * S_US);
	rig.now_us += 50 * S_US;
	CHECK_INT(place_track_configure(&rig.track, &strict, 1, rig.now_us, &watcher), 0);
	CHECK_STR(rig_log(&rig), "inside>outside position;");
	/* While it is unknown, what that counts as follows the policy. */
	rig_tick(&rig, 1000);
	CHECK_STR(rig_log(&rig), "outside>unknown forgotten;");
	CHECK_INT(rig.track.states[0].taken, TRUTH_FALSE);
	CHECK_INT(place_track_configure(&rig.track, &slower, 1, rig.now_us, &watcher), 0);
	CHECK_INT(rig.track.states[0].taken, TRUTH_UNKNOWN);
	CHECK_INT(rig.track.states[0].taken_since_us, rig.now_us);
	policy_free(slower);
	policy_free(strict);
}

/* Two normal errors, by Box and Muller. */
static void gauss(struct gen *gen, double *ret_a, double *ret_b)
{
	double u = (double)(gen_next(gen) >> 11) / 9007199254740992.0;
	double r = sqrt(-2 * log(1 - u));
	double angle = 2 * M_PI * (double)(gen_next(gen) >> 11) / 9007199254740992.0;

	*ret_a = r * cos(angle);
	*ret_b = r * sin(angle);
}

/*
 * A phone that lies on one side, with a position every 15 s whose accuracy is anything from 5 to
 * 150 m and honest: the other side is never believed, for 400 hours at each of a dozen distances,
 * which is as many positions as a phone makes in a hundred years.
 */
static void test_noise(void)
{
	static const double places_m[] = {
		0, 50, 120, 160, 185, 195, 205, 215, 240, 280, 350, 500, 1000};
	struct gen gen = {77};

	for (size_t i = 0; i < ARRAY_SIZE(places_m); i++) {
		enum truth wrong = places_m[i] < 200 ? TRUTH_FALSE : TRUTH_TRUE;
		uint64_t n_known = 0, n_jumps;
		_rig_ struct rig rig;

		CHECK(rig_init(&rig, SHAPE ",\"enter_dwell\":0,\"leave_dwell\":0,"
					   "\"forget_after\":300"));
		for (int n = 0; n < 400 * 240; n++) {
			double accuracy_m = 5 + (double)gen_below(&gen, 1451) / 10, a, b;
			struct fix fix;

			gauss(&gen, &a, &b);
			rig.now_us += 15 * S_US;
			fix = fix_at(&rig, places_m[i] + a * accuracy_m / PLACE_SIGMA_PER_RADIUS,
				b * accuracy_m / PLACE_SIGMA_PER_RADIUS, accuracy_m);
			place_track_fix(&rig.track, &fix, rig.now_us, NULL);
			if (rig_state(&rig) == wrong) {
				check_fail(__FILE__, __LINE__, "%.0f m is %s after %d positions",
					places_m[i], place_side_name(wrong), n);
				return;
			}
			n_known += rig_state(&rig) != TRUTH_UNKNOWN;
		}
		n_jumps = rig.track.n_doubts[PLACE_DOUBT_JUMP];
		/* Noise is no jump, and away from the boundary the side is known. */
		CHECK(n_jumps < 400 * 240 / 1000);
		CHECK(n_known > 400 * 240 * 9 / 10 || fabs(places_m[i] - 200) < 50);
	}
}

static const struct check_test tests[] = {
	{"certain", test_certain},
	{"sums", test_sums},
	{"doubts", test_doubts},
	{"speeds", test_speeds},
	{"rivals", test_rivals},
	{"dwell", test_dwell},
	{"dwell_of_old_answers", test_dwell_of_old_answers},
	{"forgetting", test_forgetting},
	{"incomplete", test_incomplete},
	{"policies", test_policies},
	{"agreement", test_agreement},
	{"policies_patience", test_policies_patience},
	{"noise", test_noise},
};

CHECK_MAIN(tests)
