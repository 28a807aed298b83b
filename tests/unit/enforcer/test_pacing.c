/* SPDX-License-Identifier: Apache-2.0 */
/* test_pacing.c - the table of states and requests, limits and clamps; fleets:
 * test_pacing_scenario.c. */
#include <string.h>

#include "agent/enforcer/pacing.h"
#include "agent/util/clock.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

#define S USEC_PER_SEC

static void test_names(void)
{
	for (int i = 0; i < PACING_STATE_MAX; i++) {
		CHECK(pacing_state_name((enum pacing_state)i));
		for (int j = 0; j < i; j++)
			CHECK(strcmp(pacing_state_name((enum pacing_state)i),
				      pacing_state_name((enum pacing_state)j)) != 0);
	}
}

/* A phone whose slot begins at 1000 s of each hour. */
static void make_waiting(struct pacing *p, int64_t now_us)
{
	pacing_init(p, "");
	p->device_offset = 1000 * S;
	pacing_configure(p, 3600, 0, 0, 0);
	pacing_start(p, now_us, 0, true);
	pacing_begin(p, now_us);
	pacing_succeed(p, now_us, 0, -1, false);
}

static void make_backoff(struct pacing *p, int64_t now_us, unsigned int failures, int64_t retry_s)
{
	make_waiting(p, now_us);
	for (unsigned int i = 0; i < failures; i++) {
		pacing_begin(p, now_us);
		pacing_fail(p, now_us, 0, retry_s);
	}
}

static void test_device_offset(void)
{
	struct pacing p;

	pacing_init(&p, "0123456789abcdef0000000000000000");
	CHECK_INT(p.device_offset, 0x0123456789abcdef);
	pacing_init(&p, "ff");
	CHECK_INT(p.device_offset, 0xff);
	pacing_init(&p, "");
	CHECK_INT(p.device_offset, 0);
	CHECK_INT(p.state, PACING_IDLE);
	CHECK_INT(pacing_due_us(&p, 0), -1);
}

static void test_life_cycle(void)
{
	struct pacing p;

	pacing_init(&p, "00");
	/* Nothing happens before enrolment. */
	pacing_request(&p, 5 * S, 0, true);
	pacing_configure(&p, 600, 0, 5 * S, 0);
	CHECK_INT(p.state, PACING_IDLE);
	pacing_start(&p, 10 * S, UINT64_MAX, true);
	CHECK_INT(pacing_due_us(&p, 10 * S), 0);
	pacing_begin(&p, 10 * S);
	CHECK_INT(pacing_due_us(&p, 10 * S), -1);
	pacing_succeed(&p, 12 * S, 0, -1, false);
	CHECK_INT(p.last_success_us, 12 * S);
	/* Slots of a device with offset 0 and interval 600. */
	CHECK_INT(p.next_us, 600 * S);
	/* After suspend the moment may have passed. */
	CHECK_INT(pacing_due_us(&p, 10000 * S), 0);
	pacing_begin(&p, 10000 * S);
	pacing_fail(&p, 10010 * S, 0, -1);
	CHECK_INT(p.state, PACING_BACKOFF);
	CHECK_INT(p.next_us, 10070 * S);
	pacing_stop(&p);
	CHECK_INT(p.state, PACING_IDLE);
	CHECK_INT(p.failures, 0);
	CHECK_INT(pacing_due_us(&p, 20000 * S), -1);
	/* The answer of an exchange that unenrolment overtook. */
	pacing_succeed(&p, 20000 * S, 0, 60, true);
	CHECK_INT(p.state, PACING_IDLE);
	pacing_fail(&p, 20000 * S, 0, -1);
	CHECK_INT(p.state, PACING_IDLE);
	CHECK_INT(p.failures, 0);
}

static void test_start_is_spread(void)
{
	static const struct {
		int64_t interval_s, span_s;
	} rows[] = {{300, 200}, {3600, 2400}, {86400, 2400}, {604800, 2400}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pacing p;

		pacing_init(&p, "00");
		pacing_configure(&p, rows[i].interval_s, 0, 0, 0);
		pacing_start(&p, 7, 0, false);
		CHECK_INT(p.next_us, 7);
		pacing_start(&p, 7, (uint64_t)(rows[i].span_s * S) - 1, false);
		CHECK_INT(p.next_us, 7 + rows[i].span_s * S - 1);
		pacing_start(&p, 7, (uint64_t)(rows[i].span_s * S), false);
		CHECK_INT(p.next_us, 7);
	}
}

static void test_slots(void)
{
	static const struct {
		int64_t now_s, next_s;
	} rows[] = {
		{1, 1000},
		{900, 1000},
		{940, 1000},
		{941, 1001}, /* the slot is too close: the minimum */
		{1000, 4600},
		{4000, 4600},
		{36000, 37000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pacing p;

		make_waiting(&p, rows[i].now_s * S);
		CHECK_INT(p.next_us, rows[i].next_s * S);
		/* With a jitter of half the interval, the largest draw stays below it. */
		pacing_configure(&p, 3600, 1800, rows[i].now_s * S, 0);
		pacing_begin(&p, rows[i].now_s * S);
		pacing_succeed(
			&p, rows[i].now_s * S, (uint64_t)(1800 * S) * 5000000 - 1, -1, false);
		CHECK(p.next_us < rows[i].now_s * S + (3600 + 1800) * S);
	}
}

static void test_configure_clamps(void)
{
	struct pacing p;

	pacing_init(&p, "00");
	pacing_configure(&p, LIMIT_INTERVAL_MIN_S - 1, -1, 0, 0);
	CHECK_INT(p.interval_s, LIMIT_INTERVAL_MIN_S);
	CHECK_INT(p.jitter_s, 0);
	pacing_configure(&p, LIMIT_INTERVAL_MAX_S + 1, INT64_MAX, 0, 0);
	CHECK_INT(p.interval_s, LIMIT_INTERVAL_MAX_S);
	CHECK_INT(p.jitter_s, LIMIT_INTERVAL_MAX_S / 2);
	pacing_configure(&p, INT64_MIN, INT64_MIN, 0, 0);
	CHECK_INT(p.interval_s, LIMIT_INTERVAL_MIN_S);
}

static void test_configure_reschedules(void)
{
	struct pacing p;
	int64_t next_us;

	make_waiting(&p, 1000 * S);
	next_us = p.next_us;
	pacing_configure(&p, 3600, 0, 1500 * S, UINT64_MAX);
	CHECK_INT(p.next_us, next_us);
	/* Shorter: earlier. Longer: later, to the slot there. */
	pacing_configure(&p, 600, 0, 1500 * S, 0);
	CHECK_INT(p.next_us, 1600 * S);
	pacing_configure(&p, 14400, 0, 1500 * S, 0);
	CHECK_INT(p.next_us, (14400 + 1000) * S);
	pacing_configure(&p, 600, 0, 1500 * S, 0);
	CHECK_INT(p.next_us, 1600 * S);
	/* But never further from the last exchange than the interval and its jitter. */
	make_waiting(&p, 1500 * S);
	pacing_configure(&p, 3600, 1800, 1500 * S, (uint64_t)(1800 * S) - 1);
	CHECK_INT(p.next_us, (4600 + 1800) * S - 1);
	pacing_configure(&p, 5000, 0, 6000 * S, 0);
	CHECK_INT(p.next_us, (1500 + 5000) * S);
	/* What the phone asked for is not put off. */
	make_waiting(&p, 1000 * S);
	pacing_request(&p, 2000 * S, 0, false);
	pacing_configure(&p, 604800, 0, 2000 * S, 0);
	CHECK_INT(p.next_us, 2000 * S);
	/* Nor is the first check-in of all. */
	pacing_init(&p, "00");
	pacing_start(&p, 20 * S, 1000 * S, false);
	pacing_configure(&p, 604800, 0, 30 * S, 0);
	CHECK_INT(p.next_us, 1020 * S);
	make_waiting(&p, 1000 * S);
	pacing_begin(&p, 1600 * S);
	/* The server's word about its load stands. */
	pacing_succeed(&p, 1600 * S, 0, 7200, false);
	pacing_configure(&p, 300, 0, 1700 * S, 0);
	CHECK_INT(p.next_us, (1600 + 7200) * S);
	/* Back-off is not cut short by a policy. */
	make_backoff(&p, 1000 * S, 8, 5000);
	next_us = p.next_us;
	pacing_configure(&p, 300, 0, 1500 * S, 0);
	CHECK_INT(p.next_us, next_us);
}

static void test_hints(void)
{
	static const struct {
		int64_t hint_s;
		bool more;
		int64_t distance_s;
	} rows[] = {
		{-1, false, 3600}, {INT64_MIN, false, 3600}, {0, false, LIMIT_INTERVAL_MIN_S},
		{LIMIT_INTERVAL_MIN_S - 1, false, LIMIT_INTERVAL_MIN_S},
		{LIMIT_INTERVAL_MIN_S, false, LIMIT_INTERVAL_MIN_S}, {7200, false, 7200},
		{LIMIT_INTERVAL_MAX_S, false, LIMIT_INTERVAL_MAX_S},
		{LIMIT_INTERVAL_MAX_S + 1, false, LIMIT_INTERVAL_MAX_S},
		{INT64_MAX, false, LIMIT_INTERVAL_MAX_S}, {-1, true, 60}, {3600, true, 60},
		{3601, true, 3601}, /* a loaded server: the rest can wait */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pacing p;

		make_waiting(&p, 1000 * S);
		pacing_begin(&p, 1000 * S);
		pacing_succeed(&p, 1000 * S, 0, rows[i].hint_s, rows[i].more);
		CHECK_INT(p.next_us, (1000 + rows[i].distance_s) * S);
		/* Only for the next check-in. */
		pacing_begin(&p, p.next_us);
		pacing_succeed(&p, p.started_us, 0, -1, false);
		CHECK(p.next_us <= p.started_us + 3600 * S);
		CHECK_INT(p.hint_s, 0);
	}
}

static void test_backoff_grows(void)
{
	static const int64_t spans_s[] = {
		60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600};
	struct pacing p;

	make_waiting(&p, 1000 * S);
	for (size_t i = 0; i < ARRAY_SIZE(spans_s); i++) {
		pacing_begin(&p, 1000 * S);
		pacing_fail(&p, 1000 * S, (uint64_t)(spans_s[i] * S) - 1, -1);
		CHECK_INT(p.failures, i + 1);
		CHECK_INT(p.next_us, (1000 + 60 + spans_s[i]) * S - 1);
	}
	/* The counter does not wrap to a short back-off, and long intervals have a cap of their
	 * own. */
	p.failures = UINT32_MAX;
	pacing_configure(&p, 604800, 0, 1000 * S, 0);
	pacing_begin(&p, 1000 * S);
	pacing_fail(&p, 1000 * S, (uint64_t)PACING_BACKOFF_CAP_S * S - 1, -1);
	CHECK_INT(p.failures, UINT32_MAX);
	CHECK_INT(p.next_us, (1000 + 60 + PACING_BACKOFF_CAP_S) * S - 1);
}

static void test_retry_after(void)
{
	static const struct {
		int64_t retry_s, distance_s;
	} rows[] = {
		{-1, 60},
		{0, 60},
		{59, 60},
		{61, 61},
		{900, 900},
		{LIMIT_INTERVAL_MAX_S + 1, LIMIT_INTERVAL_MAX_S},
		{INT64_MAX, LIMIT_INTERVAL_MAX_S},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pacing p;

		make_backoff(&p, 1000 * S, 1, rows[i].retry_s);
		CHECK_INT(p.next_us, (1000 + rows[i].distance_s) * S);
		/* What the phone wants to tell does not break it; a person does. */
		pacing_request(&p, 1000 * S, 0, false);
		CHECK(p.next_us >= (1000 + rows[i].distance_s) * S);
		pacing_request(&p, 1001 * S, 0, true);
		CHECK_INT(pacing_due_us(&p, 1001 * S), 0);
		CHECK_INT(p.state, PACING_BACKOFF);
		CHECK_INT(p.failures, 1);
	}
}

static void test_requests(void)
{
	struct pacing p;

	/* In the first minute after an exchange, and later. */
	make_waiting(&p, 1000 * S);
	pacing_request(&p, 1010 * S, 0, false);
	CHECK_INT(p.next_us, 1060 * S);
	make_waiting(&p, 1000 * S);
	pacing_request(&p, 2000 * S, 4 * S, false);
	CHECK_INT(p.next_us, 2004 * S);
	/* Another one before it was served changes nothing. */
	pacing_request(&p, 2001 * S, 0, false);
	CHECK_INT(p.next_us, 2004 * S);
	pacing_request(&p, 2001 * S, 0, true);
	CHECK_INT(p.next_us, 2001 * S);
	/* The person's exchange does not make room for another early one before 60 s. */
	pacing_begin(&p, 2001 * S);
	pacing_succeed(&p, 2001 * S, 0, -1, false);
	pacing_request(&p, 2002 * S, 0, false);
	CHECK_INT(p.next_us, 2064 * S);
	/* Close to the slot a request has nothing to win. */
	make_waiting(&p, 1000 * S);
	pacing_request(&p, 4599 * S, 2 * S, false);
	CHECK_INT(p.next_us, 4600 * S);
}

static void test_requests_before_the_first_exchange(void)
{
	struct pacing p;

	pacing_init(&p, "00");
	pacing_start(&p, 20 * S, 1000 * S, false);
	pacing_request(&p, 25 * S, 0, false);
	CHECK_INT(p.next_us, 1020 * S);
	pacing_request(&p, 25 * S, 0, true);
	CHECK_INT(p.next_us, 25 * S);
}

static void test_requests_while_running(void)
{
	for (int user = 0; user < 2; user++)
		for (int fails = 0; fails < 2; fails++) {
			struct pacing p;

			make_waiting(&p, 1000 * S);
			pacing_begin(&p, 2000 * S);
			pacing_request(&p, 2001 * S, 0, false);
			pacing_request(&p, 2001 * S, 0, user);
			CHECK_INT(p.state, PACING_RUNNING);
			if (fails)
				pacing_fail(&p, 2002 * S, 0, -1);
			else
				pacing_succeed(&p, 2002 * S, 0, -1, false);
			/* A failed one is repeated by the back-off anyway. */
			CHECK_INT(p.next_us, user && !fails ? 2002 * S : 2062 * S);
			/* Served once. */
			pacing_begin(&p, p.next_us);
			pacing_succeed(&p, p.started_us, 0, -1, false);
			CHECK_INT(p.next_us, 4600 * S);
		}
}

/* Something on the phone flaps every second for a day while the server is away. */
static void test_flapping_does_not_defeat_backoff(void)
{
	uint64_t random = 1;
	size_t n = 0;
	struct pacing p;

	make_waiting(&p, 1000 * S);
	for (int64_t now_s = 1001; now_s < 1001 + 86400; now_s++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		pacing_request(&p, now_s * S, random >> 16, false);
		if (pacing_due_us(&p, now_s * S) > 0)
			continue;
		pacing_begin(&p, now_s * S);
		pacing_fail(&p, now_s * S, random >> 16, -1);
		n++;
	}
	CHECK(n >= 24 && n <= 24 * 4);
}

/* A connection that comes back after hours is used within minutes. */
static void test_return_of_the_network(void)
{
	struct pacing p;

	make_backoff(&p, 1000 * S, 10, -1);
	p.next_us = 4000 * S;
	pacing_request(&p, 2000 * S, (uint64_t)(300 * S) - 1, false);
	CHECK_INT(p.next_us, 2300 * S - 1);
	pacing_begin(&p, p.next_us);
	pacing_succeed(&p, p.started_us, 0, -1, false);
	CHECK_INT(p.failures, 0);
}

/* Resuming and networks: four at once, then one each quarter of an hour; never within a minute. */
static void test_edges(void)
{
	struct pacing p;
	int64_t now_s = 5000;

	for (int network = 0; network < 2; network++) {
		/* The kind decides how far it spreads. */
		make_waiting(&p, 1000 * S);
		pacing_edge(&p, 2000 * S, (uint64_t)(5 * S) - 1, network);
		CHECK_INT(p.next_us, 2005 * S - 1);
		make_waiting(&p, 1000 * S);
		pacing_edge(&p, 2000 * S, (uint64_t)(299 * S), network);
		CHECK_INT(p.next_us, network ? 2299 * S : 2004 * S);
	}
	make_waiting(&p, now_s * S);
	for (int i = 0; i < 4; i++) {
		pacing_edge(&p, now_s * S, 0, false);
		now_s += 60;
		CHECK_INT(p.next_us, now_s * S);
		pacing_begin(&p, now_s * S);
		pacing_succeed(&p, now_s * S, 0, -1, false);
	}
	pacing_edge(&p, (now_s + 60) * S, 0, false);
	CHECK(p.next_us > (now_s + 120) * S);
	/* The first was paid at 5000 s. */
	pacing_edge(&p, (5000 + 900) * S - 1, 0, false);
	CHECK(p.is_slot);
	pacing_edge(&p, (5000 + 900) * S, 0, false);
	CHECK_INT(p.next_us, (5000 + 900) * S);
}

static void test_edges_that_change_nothing(void)
{
	struct pacing p;

	pacing_init(&p, "00");
	pacing_edge(&p, 20 * S, 0, true);
	CHECK_INT(p.state, PACING_IDLE);
	/* Before the first exchange every phone resumes and finds its network. */
	pacing_start(&p, 20 * S, 1000 * S, false);
	pacing_edge(&p, 25 * S, 0, false);
	CHECK_INT(p.next_us, 1020 * S);
	make_waiting(&p, 1000 * S);
	pacing_begin(&p, 2000 * S);
	pacing_edge(&p, 2001 * S, 0, true);
	pacing_succeed(&p, 2002 * S, 0, -1, false);
	CHECK_INT(p.next_us, 4600 * S);
	/* Retry-After stands; the back-off beyond it does not. */
	make_backoff(&p, 1000 * S, 1, 900);
	p.next_us = 4000 * S;
	pacing_edge(&p, 1100 * S, 0, true);
	CHECK_INT(p.next_us, 1900 * S);
}

static void test_wake(void)
{
	struct pacing p;

	pacing_init(&p, "00");
	pacing_wake(&p, 10 * S, 0);
	CHECK_INT(p.state, PACING_IDLE);
	/* At once, whatever came just before. */
	make_waiting(&p, 5000 * S);
	CHECK_INT(pacing_wake_tokens(&p, 5000 * S), PACING_WAKE_TOKENS);
	for (int i = 0; i < PACING_WAKE_TOKENS; i++) {
		pacing_wake(&p, 5000 * S, 0);
		CHECK_INT(pacing_due_us(&p, 5000 * S), 0);
		/* Twice is once. */
		pacing_wake(&p, 5000 * S, 0);
		CHECK_INT(pacing_wake_tokens(&p, 5000 * S), PACING_WAKE_TOKENS - 1 - i);
		pacing_begin(&p, 5000 * S);
		pacing_succeed(&p, 5000 * S, 0, -1, false);
	}
	/* Owed until a token is there, and paid once. */
	for (int i = 0; i < 100; i++)
		pacing_wake(&p, (5001 + i) * S, (uint64_t)(30 * S) - 1);
	CHECK_INT(p.next_us, (5000 + PACING_WAKE_TOKEN_S + 30) * S - 1);
	pacing_begin(&p, p.next_us);
	pacing_succeed(&p, p.started_us, 0, -1, false);
	CHECK_INT(p.next_us, 8200 * S);
	pacing_wake(&p, p.ended_us, 0);
	CHECK_INT(p.next_us, (5000 + 2 * PACING_WAKE_TOKEN_S) * S);
}

static void test_wake_meets_others(void)
{
	struct pacing p;

	/* During an exchange: right after it. */
	make_waiting(&p, 5000 * S);
	pacing_begin(&p, 6000 * S);
	pacing_wake(&p, 6001 * S, 0);
	pacing_wake(&p, 6002 * S, 0);
	pacing_succeed(&p, 6003 * S, 0, -1, false);
	CHECK_INT(pacing_due_us(&p, 6003 * S), 0);
	CHECK_INT(pacing_wake_tokens(&p, 6003 * S), PACING_WAKE_TOKENS - 1);
	/* One that failed: its back-off fetches the rest. */
	pacing_begin(&p, 6003 * S);
	pacing_wake(&p, 6004 * S, 0);
	pacing_fail(&p, 6005 * S, 0, -1);
	CHECK_INT(p.next_us, 6065 * S);
	make_backoff(&p, 5000 * S, 3, 900);
	pacing_wake(&p, 5001 * S, 0);
	CHECK(p.next_us >= 5900 * S);
	CHECK_INT(pacing_wake_tokens(&p, 5001 * S), PACING_WAKE_TOKENS);
	/* A check-in that is due, or comes before the token, costs none. */
	make_waiting(&p, 5000 * S);
	pacing_wake(&p, p.next_us, 0);
	CHECK_INT(pacing_wake_tokens(&p, p.next_us), PACING_WAKE_TOKENS);
	/* It does not wait for the policy's longer interval. */
	make_waiting(&p, 5000 * S);
	p.wake_bucket.empty_us = 5000 * S;
	pacing_wake(&p, 5000 * S, 0);
	pacing_configure(&p, 604800, 0, 5000 * S, 0);
	CHECK_INT(p.next_us, (5000 + PACING_WAKE_TOKEN_S) * S);
}

/* Whoever changes what is told all the time pays: a day of it, a change each second. */
static void test_requests_that_cost(void)
{
	const int64_t day_s = 86400;
	unsigned int n = 0;
	struct pacing p;

	make_waiting(&p, 5000 * S);
	for (int64_t at_s = 5000; at_s < 5000 + day_s; at_s++) {
		pacing_request_paid(&p, at_s * S, 0);
		if (pacing_due_us(&p, at_s * S) > 0)
			continue;
		n++;
		pacing_begin(&p, at_s * S);
		/* One that comes during an exchange is not free either. */
		pacing_request_paid(&p, at_s * S, 0);
		pacing_succeed(&p, at_s * S, 0, -1, false);
	}
	CHECK(n >= PACING_WAKE_TOKENS);
	CHECK(n <= PACING_WAKE_TOKENS + day_s / PACING_WAKE_TOKEN_S + day_s / 3600 + 1);
	/* Each is told early as long as there are tokens, a minute apart, and costs one. */
	make_waiting(&p, 5000 * S);
	pacing_request_paid(&p, 5001 * S, 0);
	CHECK_INT(p.next_us, 5060 * S);
	CHECK_INT(pacing_wake_tokens(&p, 5001 * S), PACING_WAKE_TOKENS - 1);
	pacing_request_paid(&p, 5002 * S, 0);
	CHECK_INT(pacing_wake_tokens(&p, 5002 * S), PACING_WAKE_TOKENS - 1);
	/* Before the first exchange everything is new, and nothing is to be paid. */
	pacing_init(&p, "00");
	pacing_start(&p, 10 * S, (uint64_t)1000 * S, false);
	pacing_request_paid(&p, 11 * S, 0);
	CHECK_INT(pacing_wake_tokens(&p, 11 * S), PACING_WAKE_TOKENS);
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"device_offset", test_device_offset},
	{"life_cycle", test_life_cycle},
	{"start_is_spread", test_start_is_spread},
	{"slots", test_slots},
	{"configure_clamps", test_configure_clamps},
	{"configure_reschedules", test_configure_reschedules},
	{"hints", test_hints},
	{"backoff_grows", test_backoff_grows},
	{"retry_after", test_retry_after},
	{"requests", test_requests},
	{"requests_before_the_first_exchange", test_requests_before_the_first_exchange},
	{"requests_while_running", test_requests_while_running},
	{"flapping_does_not_defeat_backoff", test_flapping_does_not_defeat_backoff},
	{"return_of_the_network", test_return_of_the_network},
	{"edges", test_edges},
	{"edges_that_change_nothing", test_edges_that_change_nothing},
	{"wake", test_wake},
	{"wake_meets_others", test_wake_meets_others},
	{"requests_that_cost", test_requests_that_cost},
};
CHECK_MAIN(tests)
