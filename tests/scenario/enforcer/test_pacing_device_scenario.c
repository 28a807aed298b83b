/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pacing_device_scenario.c - what a server, a restless phone and a flapping link can make of
 * one phone in a simulated year, and ten thousand phones that get their network back. Time and
 * chance are simulated, with fixed seeds: the results are the same on every machine.
 */
#include <stdio.h>

#include "agent/enforcer/pacing.h"
#include "agent/util/clock.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

#define S USEC_PER_SEC
#define HOUR_S 3600
#define DAY_S (24 * HOUR_S)
#define YEAR_S (INT64_C(365) * DAY_S)

/* splitmix64: enough for a simulation, the same everywhere. */
static uint64_t sim_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int64_t sim_uniform(uint64_t *state, int64_t n)
{
	return (int64_t)(sim_random(state) % (uint64_t)n);
}

static void sim_device(struct pacing *p, uint64_t *state)
{
	uint64_t high = sim_random(state), low = sim_random(state);
	char id[33];

	snprintf(id, sizeof(id), "%016llx%016llx", (unsigned long long)high,
		(unsigned long long)low);
	pacing_init(p, id);
}

/* Starts of exchanges in the last hours, to count those in any window. */
#define WINDOW_MAX 256

struct window {
	int64_t starts_us[WINDOW_MAX];
	size_t n;
};

static void window_add(struct window *w, int64_t now_us)
{
	w->starts_us[w->n++ % WINDOW_MAX] = now_us;
}

static size_t window_count(const struct window *w, int64_t since_us)
{
	size_t n = 0;

	while (n < w->n && n < WINDOW_MAX && w->starts_us[(w->n - 1 - n) % WINDOW_MAX] > since_us)
		n++;
	return n;
}

/* --- a server that wakes without end ------------------------------------------------------ */

struct hostile {
	struct pacing p;
	struct window window;
	uint64_t random;
	int64_t now_us;
	size_t n;
};

/* During an exchange, right after it and all the time in between: the worst that can be sent. */
static void hostile_exchange(struct hostile *h)
{
	pacing_begin(&h->p, h->now_us);
	window_add(&h->window, h->now_us);
	h->n++;
	pacing_wake(&h->p, h->now_us, sim_random(&h->random));
	h->now_us += 50000 + sim_uniform(&h->random, S);
	pacing_wake(&h->p, h->now_us, sim_random(&h->random));
	pacing_succeed(&h->p, h->now_us, sim_random(&h->random), -1, false);
}

/* An interval of a week: what remains is the server's doing. */
static void test_hostile_server(void)
{
	struct hostile h = {.random = 41, .now_us = 20 * S};

	sim_device(&h.p, &h.random);
	pacing_configure(&h.p, 7 * DAY_S, 0, 0, 0);
	pacing_start(&h.p, h.now_us, 0, true);
	while (h.now_us < YEAR_S * S) {
		int64_t due_us = pacing_due_us(&h.p, h.now_us);

		if (due_us > 0) {
			/* Between one and a thousand wakes until then, all alike. */
			pacing_wake(&h.p, h.now_us, sim_random(&h.random));
			due_us = pacing_due_us(&h.p, h.now_us);
			h.now_us += due_us > S ? 1 + sim_uniform(&h.random, due_us) : due_us;
			continue;
		}
		hostile_exchange(&h);
		/* Ten and ten an hour, and its own slot. */
		CHECK(window_count(&h.window, h.now_us - HOUR_S * S) <= 10 + 10 + 1);
		CHECK(window_count(&h.window, h.now_us - 10 * HOUR_S * S) <= 10 + 10 * 10 + 1);
	}
	CHECK(h.n <= 10 + 10 * (size_t)(YEAR_S / HOUR_S) + 53 + 1);
	/* It is not the phone that sleeps: nearly every token is used. */
	CHECK(h.n >= 9 * (size_t)(YEAR_S / HOUR_S));
}

/* An honest one that has news now and then is served at once, each time. */
static void test_honest_server(void)
{
	uint64_t random = 42;
	int64_t now_us = 20 * S;
	struct pacing p;

	sim_device(&p, &random);
	pacing_start(&p, now_us, 0, true);
	for (size_t i = 0; i < 5000; i++) {
		now_us += pacing_due_us(&p, now_us);
		pacing_begin(&p, now_us);
		now_us += S;
		pacing_succeed(&p, now_us, sim_random(&random), -1, false);
		now_us += (PACING_WAKE_TOKEN_S + sim_uniform(&random, HOUR_S)) * S;
		if (pacing_due_us(&p, now_us) > 0) {
			pacing_wake(&p, now_us, sim_random(&random));
			CHECK_INT(pacing_due_us(&p, now_us), 0);
		}
	}
}

/* --- a phone that wakes up every ten seconds ------------------------------------------------ */

static void run_storm(bool network, bool down)
{
	uint64_t random = 43;
	struct window window = {0};
	int64_t most = 0;
	struct pacing p;
	size_t n = 0;

	sim_device(&p, &random);
	pacing_configure(&p, DAY_S, 0, 0, 0);
	pacing_start(&p, 20 * S, 0, true);
	for (int64_t now_s = 20; now_s < 60 * DAY_S; now_s += 10) {
		int64_t now_us = now_s * S;

		pacing_edge(&p, now_us, sim_random(&random), network);
		if (pacing_due_us(&p, now_us) > 0)
			continue;
		pacing_begin(&p, now_us);
		window_add(&window, now_us);
		n++;
		if (down)
			pacing_fail(&p, now_us + S, sim_random(&random), -1);
		else
			pacing_succeed(&p, now_us + S, sim_random(&random), -1, false);
		if ((int64_t)window_count(&window, now_us - HOUR_S * S) > most)
			most = (int64_t)window_count(&window, now_us - HOUR_S * S);
	}
	/* Four at once and four an hour, its own slot; while the server is away its back-off. */
	CHECK(most <= (down ? 4 + 4 + 12 : 4 + 4 + 1));
	CHECK(n <= 60 * 24 * 4 + 4 + 60 + (down ? 60 * 24 / 2 * 2 : 0));
	CHECK(n >= (down ? 60 * 6 : 60 * 24 * 3));
}

static void test_resume_storm(void)
{
	for (int i = 0; i < 4; i++)
		run_storm(i & 1, i & 2);
}

/* --- a link that becomes expensive and cheap again ------------------------------------------ */

static void test_link_flaps(void)
{
	enum {
		INTERVAL_S = 3600,
		METERED_S = 6 * 3600,
		JITTER_S = 360
	};
	uint64_t random = 44;
	int64_t now_us = 20 * S, ended_us = 0, longest_us = 0;
	bool metered = false;
	struct pacing p;
	size_t n = 0;

	sim_device(&p, &random);
	pacing_configure(&p, INTERVAL_S, JITTER_S, now_us, 0);
	pacing_start(&p, now_us, 0, true);
	while (now_us < YEAR_S * S) {
		int64_t due_us = pacing_due_us(&p, now_us);
		int64_t flap_us = 1 + sim_uniform(&random, 3 * HOUR_S * S);

		if (flap_us < due_us) {
			now_us += flap_us;
			metered = !metered;
			pacing_configure(&p, metered ? METERED_S : INTERVAL_S, JITTER_S, now_us,
				sim_random(&random));
			/* Whatever the link did, nothing is put off beyond the longer interval. */
			CHECK(p.next_us <= ended_us + (METERED_S + JITTER_S) * S);
			continue;
		}
		now_us += due_us;
		if (ended_us && now_us - ended_us > longest_us)
			longest_us = now_us - ended_us;
		pacing_begin(&p, now_us);
		now_us += S;
		ended_us = now_us;
		pacing_succeed(&p, now_us, sim_random(&random), -1, false);
		n++;
	}
	CHECK(longest_us <= (METERED_S + JITTER_S) * S);
	CHECK(n >= (size_t)(YEAR_S / METERED_S) && n <= (size_t)(YEAR_S / INTERVAL_S) * 11 / 10);
}

static void test_metered_costs_less(void)
{
	size_t n[2] = {0};

	for (int metered = 0; metered < 2; metered++) {
		uint64_t random = 45;
		int64_t now_us = 20 * S;
		struct pacing p;

		sim_device(&p, &random);
		pacing_start(&p, now_us, 0, true);
		pacing_begin(&p, now_us);
		pacing_succeed(&p, now_us, 0, -1, false);
		pacing_configure(&p, metered ? 4 * 3600 : 3600, 360, now_us, sim_random(&random));
		for (; now_us < 30 * DAY_S * S; n[metered]++) {
			now_us += pacing_due_us(&p, now_us);
			pacing_begin(&p, now_us);
			now_us += S;
			pacing_succeed(&p, now_us, sim_random(&random), -1, false);
		}
	}
	CHECK(n[0] >= 30 * 24 && n[0] <= 30 * 24 + 2);
	CHECK(n[1] >= 30 * 6 && n[1] <= 30 * 6 + 2);
}

/* --- ten thousand phones get their network back ---------------------------------------------- */

#define FLEET 10000
#define STEADY_PER_SECOND (FLEET / 3600.0)

/*
 * Before: all had their check-in, or tried in vain. At the same second a network comes up for all
 * of them; how many exchanges each of the next seconds brings.
 */
static void fleet_online(bool tried, unsigned int load[static 600])
{
	const int64_t up_s = 12 * HOUR_S;

	for (size_t i = 0; i < FLEET; i++) {
		uint64_t random = 46 + i * UINT64_C(0x100000001);
		int64_t now_us = sim_uniform(&random, HOUR_S) * S, down_s = tried ? 4 * HOUR_S : 0;
		struct pacing p;

		sim_device(&p, &random);
		pacing_start(&p, now_us + 1, 0, true);
		while (now_us + pacing_due_us(&p, now_us) < up_s * S) {
			now_us += pacing_due_us(&p, now_us);
			pacing_begin(&p, now_us);
			now_us += S;
			if (now_us < (up_s - down_s) * S)
				pacing_succeed(&p, now_us, sim_random(&random), -1, false);
			else
				pacing_fail(&p, now_us, sim_random(&random), -1);
		}
		pacing_edge(&p, up_s * S, sim_random(&random), true);
		now_us = p.next_us;
		if (now_us < (up_s + 600) * S)
			load[(now_us - up_s * S) / S]++;
	}
}

static void test_fleet_online(void)
{
	for (int tried = 0; tried < 2; tried++) {
		unsigned int load[600] = {0}, peak = 0, total = 0;

		fleet_online(tried, load);
		for (size_t s = 0; s < 600; s++) {
			peak = load[s] > peak ? load[s] : peak;
			total += load[s];
		}
		/* 33 a second by the spread, and what chance adds; 12 times the steady rate, for
		 * five minutes, not 3600 times for one second. */
		CHECK(peak <= 33 * 2);
		CHECK(peak <= 24 * STEADY_PER_SECOND);
		CHECK(total >= FLEET * 9 / 10);
	}
}

static const struct check_test tests[] = {
	{"hostile_server", test_hostile_server},
	{"honest_server", test_honest_server},
	{"resume_storm", test_resume_storm},
	{"link_flaps", test_link_flaps},
	{"metered_costs_less", test_metered_costs_less},
	{"fleet_online", test_fleet_online},
};
CHECK_MAIN(tests)
