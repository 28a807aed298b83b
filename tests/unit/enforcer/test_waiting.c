/* SPDX-License-Identifier: Apache-2.0 */
/* test_waiting.c - waiting at the server in simulated time: what is asked for, and how often. */
#include <inttypes.h>
#include <string.h>

#include "agent/enforcer/waiting.h"
#include "agent/util/clock.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

#define S USEC_PER_SEC
#define HOUR (3600 * S)

/* Splitmix64: the draws of a run are the same every time. */
static uint64_t draw(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Wanted, with mark 5, at the server since now_us. */
static void make_running(struct waiting *w, int64_t now_us)
{
	waiting_init(w);
	waiting_want(w, true, now_us);
	waiting_checked_in(w, 5, now_us, 0);
	waiting_begin(w, now_us);
	CHECK_INT(w->state, WAITING_RUNNING);
}

static void test_names(void)
{
	for (int i = 0; i < WAITING_STATE_MAX; i++)
		CHECK(waiting_state_name((enum waiting_state)i) != NULL);
	CHECK(waiting_state_name(WAITING_STATE_MAX) == NULL);
}

/* Neither the wish nor the mark alone starts anything, in whichever order they come. */
static void test_needs_both(void)
{
	struct waiting w;

	waiting_init(&w);
	CHECK_INT(waiting_due_us(&w, 1 * S), -1);
	waiting_want(&w, true, 1 * S);
	CHECK_INT(waiting_due_us(&w, 1 * S), -1);
	waiting_checked_in(&w, 0, 2 * S, 0);
	CHECK_INT(waiting_due_us(&w, 2 * S), 0);
	waiting_init(&w);
	waiting_checked_in(&w, 7, 1 * S, 0);
	CHECK_INT(waiting_due_us(&w, 1 * S), -1);
	waiting_want(&w, true, 1 * S);
	CHECK_INT(waiting_due_us(&w, 1 * S), 0);
	/* A server without marks is never waited at. */
	waiting_checked_in(&w, -1, 2 * S, 0);
	CHECK_INT(waiting_due_us(&w, 2 * S), -1);
}

static void test_not_wanted(void)
{
	struct waiting w;

	make_running(&w, 100 * S);
	waiting_want(&w, false, 101 * S);
	CHECK_INT(w.state, WAITING_OFF);
	/* What the role still said when it was ended counts for nothing. */
	waiting_answered(&w, true, -1, 101 * S, 0);
	waiting_failed(&w, 500, 60, 101 * S, 0);
	CHECK_INT(w.state, WAITING_OFF);
	CHECK_INT(w.failures, 0);
	/* A charger with a loose contact: no more than one start in two seconds. */
	waiting_want(&w, true, 101 * S);
	CHECK_INT(waiting_due_us(&w, 101 * S), (WAITING_DISTANCE_S - 1) * S);
	waiting_want(&w, false, 101 * S);
	waiting_want(&w, true, 150 * S);
	CHECK_INT(waiting_due_us(&w, 150 * S), 0);
}

static void test_patience_ends(void)
{
	struct waiting w;
	int64_t now_us = 100 * S;

	make_running(&w, now_us);
	for (int i = 0; i < 100; i++) {
		now_us += 800 * S;
		waiting_answered(&w, false, -1, now_us,
			UINT64_C(7) * WAITING_SPREAD_S * S - 1 - (uint64_t)i);
		CHECK_INT(waiting_due_us(&w, now_us), WAITING_SPREAD_S * S - 1 - i);
		now_us += WAITING_SPREAD_S * S;
		CHECK_INT(waiting_due_us(&w, now_us), 0);
		waiting_begin(&w, now_us);
	}
	now_us += 800 * S;
	waiting_answered(&w, false, 300, now_us, 0);
	CHECK_INT(waiting_due_us(&w, now_us), 300 * S);
}

static void test_news(void)
{
	struct waiting w;

	make_running(&w, 100 * S);
	waiting_answered(&w, true, -1, 101 * S, 0);
	CHECK_INT(w.state, WAITING_TOLD);
	/* Nothing else starts a wait before the check-in. */
	CHECK_INT(waiting_due_us(&w, 1000 * S), -1);
	waiting_want(&w, false, 1000 * S);
	waiting_want(&w, true, 1000 * S);
	CHECK_INT(waiting_due_us(&w, 1000 * S), -1);
	waiting_checked_in(&w, 6, 1001 * S, UINT64_MAX);
	CHECK_INT(waiting_due_us(&w, 1001 * S), 0);
	CHECK_INT(w.hollow, 0);
	/* Not wanted any more when the check-in came. */
	waiting_begin(&w, 1001 * S);
	waiting_answered(&w, true, -1, 1100 * S, 0);
	waiting_want(&w, false, 1100 * S);
	waiting_checked_in(&w, 7, 1101 * S, 0);
	CHECK_INT(w.state, WAITING_OFF);
}

/* "News", and the check-in finds none, again and again. */
static void test_hollow_news(void)
{
	struct waiting w;
	int64_t now_us = 100 * S, due_us;

	make_running(&w, now_us);
	for (int i = 1; i <= 12; i++) {
		now_us += S;
		waiting_answered(&w, true, -1, now_us, 0);
		waiting_checked_in(&w, 5, now_us, UINT64_C(60000000) * 59 - 1);
		CHECK_INT(w.hollow, i);
		due_us = waiting_due_us(&w, now_us);
		CHECK(due_us >= WAITING_BACKOFF_S * S && due_us <= HOUR);
		/* A good check-in is no reason to trust it again. */
		waiting_checked_in(&w, 5, now_us, 0);
		CHECK_INT(waiting_due_us(&w, now_us), due_us);
		now_us += due_us;
		waiting_begin(&w, now_us);
	}
	CHECK_INT(due_us, HOUR - 1);
	waiting_answered(&w, true, -1, now_us + S, 0);
	waiting_checked_in(&w, 6, now_us + 2 * S, 0);
	CHECK_INT(w.hollow, 0);
	CHECK_INT(waiting_due_us(&w, now_us + 2 * S), 0);
}

static void test_quick_answers(void)
{
	struct waiting w;
	int64_t now_us = 100 * S;

	make_running(&w, now_us);
	waiting_answered(&w, false, -1, now_us + (WAITING_SHORT_S - 1) * S, 0);
	CHECK_INT(w.hollow, 1);
	CHECK_INT(waiting_due_us(&w, now_us + (WAITING_SHORT_S - 1) * S), WAITING_BACKOFF_S * S);
	now_us += 1000 * S;
	waiting_begin(&w, now_us);
	waiting_answered(&w, false, -1, now_us + WAITING_SHORT_S * S, 0);
	CHECK_INT(w.hollow, 0);
	CHECK_INT(waiting_due_us(&w, now_us + WAITING_SHORT_S * S), 0);
}

static void test_backoff_grows(void)
{
	static const int64_t spans_s[] = {60, 120, 240, 480, 960, 1920, 3540, 3540, 3540};
	struct waiting w;
	int64_t now_us = 100 * S;

	make_running(&w, now_us);
	for (size_t i = 0; i < ARRAY_SIZE(spans_s); i++) {
		int64_t due_us;

		waiting_failed(&w, 0, -1, now_us, (uint64_t)(spans_s[i] * S) - 1);
		due_us = waiting_due_us(&w, now_us);
		CHECK_INT(due_us, (WAITING_BACKOFF_S + spans_s[i]) * S - 1);
		now_us += due_us;
		waiting_begin(&w, now_us);
	}
	/* It held for a while: the count begins anew. */
	waiting_failed(&w, 0, -1, now_us + WAITING_SHORT_S * S, 0);
	CHECK_INT(w.failures, 1);
}

static void test_backoff_outlives_wishes(void)
{
	struct waiting w;

	make_running(&w, 100 * S);
	waiting_failed(&w, 503, 900, 100 * S, 0);
	waiting_want(&w, false, 101 * S);
	waiting_want(&w, true, 102 * S);
	CHECK_INT(waiting_due_us(&w, 102 * S), 898 * S);
	/* The server asked for it: a check-in in between changes nothing. */
	waiting_checked_in(&w, 9, 103 * S, 0);
	CHECK_INT(waiting_due_us(&w, 103 * S), 897 * S);
	/* Nobody was reached, and then somebody was. */
	make_running(&w, 5000 * S);
	waiting_failed(&w, 0, -1, 5000 * S, UINT64_MAX);
	CHECK(waiting_due_us(&w, 5000 * S) >= WAITING_BACKOFF_S * S);
	waiting_want(&w, false, 5010 * S);
	waiting_checked_in(&w, 9, 5010 * S, 0);
	waiting_want(&w, true, 5010 * S);
	CHECK_INT(waiting_due_us(&w, 5010 * S), 0);
}

static void test_retry_after_is_clamped(void)
{
	static const struct {
		int64_t said_s, wait_s;
	} rows[] = {
		{-1, 60},
		{0, 60},
		{59, 60},
		{61, 61},
		{LIMIT_INTERVAL_MAX_S, LIMIT_INTERVAL_MAX_S},
		{LIMIT_INTERVAL_MAX_S + 1, LIMIT_INTERVAL_MAX_S},
		{INT64_MAX, LIMIT_INTERVAL_MAX_S},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct waiting w;

		make_running(&w, 100 * S);
		waiting_failed(&w, 429, rows[i].said_s, 100 * S, 0);
		CHECK_INT(waiting_due_us(&w, 100 * S), rows[i].wait_s * S);
	}
}

static void test_old_server(void)
{
	static const uint32_t statuses[] = {404, 405};

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		struct waiting w;

		make_running(&w, 100 * S);
		waiting_failed(&w, statuses[i], 1, 101 * S, 0);
		CHECK_INT(w.state, WAITING_REFUSED);
		waiting_want(&w, false, 102 * S);
		waiting_want(&w, true, 103 * S);
		waiting_checked_in(&w, 50, 104 * S, 0);
		CHECK_INT(waiting_due_us(&w, 1000000 * S), -1);
		/* The next enrolment, or the next start of the agent. */
		make_running(&w, 2000000 * S);
	}
}

/* A phone of a month, under one kind of server or another. */
enum server_kind {
	HONEST,
	LYING,
	HASTY,
	DEAD,
	REFUSING,
	MIXED,
	SERVER_KIND_MAX
};

static uint64_t month(enum server_kind kind, uint64_t seed, int64_t *ret_shortest_us)
{
	struct waiting w;
	int64_t now_us = S, last_us = -HOUR, end_us = 30 * 24 * HOUR, mark = 1;
	uint64_t n = 0;

	*ret_shortest_us = INT64_MAX;
	waiting_init(&w);
	waiting_want(&w, true, now_us);
	waiting_checked_in(&w, mark, now_us, draw(&seed));
	while (now_us < end_us) {
		enum server_kind now = kind == MIXED ? draw(&seed) % MIXED : kind;
		int64_t due_us = waiting_due_us(&w, now_us);

		/* At least the hourly check-in. */
		if (due_us < 0 || due_us > HOUR) {
			now_us += HOUR;
			waiting_checked_in(&w, now == LYING ? mark : ++mark, now_us, draw(&seed));
			continue;
		}
		now_us += due_us;
		if (now_us - last_us < *ret_shortest_us)
			*ret_shortest_us = now_us - last_us;
		last_us = now_us;
		waiting_begin(&w, now_us);
		n++;
		switch (now) {
		case HONEST:
			now_us += (int64_t)(700 + draw(&seed) % 200) * S;
			waiting_answered(&w, false, -1, now_us, draw(&seed));
			break;
		case LYING:
			waiting_answered(&w, true, -1, now_us, draw(&seed));
			waiting_checked_in(&w, mark, now_us, draw(&seed));
			break;
		case HASTY:
			waiting_answered(&w, false, 0, now_us, draw(&seed));
			break;
		case DEAD:
			waiting_failed(&w, 0, -1, now_us, draw(&seed));
			break;
		case REFUSING:
		case MIXED:
		case SERVER_KIND_MAX:
			waiting_failed(&w, 503, 0, now_us, draw(&seed));
			break;
		}
	}
	return n;
}

/* However the server behaves: no busy loop, and after a while about two attempts an hour. */
static void test_months(void)
{
	for (int kind = 0; kind < SERVER_KIND_MAX; kind++) {
		for (uint64_t seed = 1; seed <= 20; seed++) {
			int64_t shortest_us;
			uint64_t n = month((enum server_kind)kind, seed, &shortest_us);
			uint64_t most = 30 * 24 * (kind == HONEST ? 6 : kind == MIXED ? 12 : 3);

			if (n > most || n < 30 * 24)
				check_fail(__FILE__, __LINE__, "kind %d seed %" PRIu64 ": %" PRIu64,
					kind, seed, n);
			if (kind != HONEST && kind != MIXED)
				CHECK(shortest_us >= WAITING_BACKOFF_S * S);
			CHECK(shortest_us >= WAITING_DISTANCE_S * S);
		}
	}
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"needs_both", test_needs_both},
	{"not_wanted", test_not_wanted},
	{"patience_ends", test_patience_ends},
	{"news", test_news},
	{"hollow_news", test_hollow_news},
	{"quick_answers", test_quick_answers},
	{"backoff_grows", test_backoff_grows},
	{"backoff_outlives_wishes", test_backoff_outlives_wishes},
	{"retry_after_is_clamped", test_retry_after_is_clamped},
	{"old_server", test_old_server},
	{"months", test_months},
};

CHECK_MAIN(tests)
