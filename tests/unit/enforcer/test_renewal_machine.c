/* SPDX-License-Identifier: Apache-2.0 */
/* test_renewal_machine.c - renewals in tables and in simulated years. */
#include "agent/enforcer/renewal_machine.h"

#include <stdlib.h>

#include "agent/util/clock.h"
#include "agent/util/limits.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

#define DAY 86400
#define START INT64_C(1800000000)
#define DEVICE "00000000000000000000000000000000"

static struct renewal_now at(int64_t s, uint64_t random)
{
	return (struct renewal_now){
		.now_s = START + s, .now_us = s * USEC_PER_SEC, .random = random};
}

static int64_t due_s(struct renewal_machine *m, int64_t s)
{
	struct renewal_now now = at(s, 0);
	int64_t due_us = renewal_machine_due_us(m, &now);

	return due_us < 0 ? due_us : due_us / USEC_PER_SEC;
}

static struct renewal_machine machine(const char *device, int64_t life_s)
{
	struct renewal_machine m;

	renewal_machine_init(&m, device);
	renewal_machine_certificate(&m, START, START + life_s);
	return m;
}

static void test_names(void)
{
	for (int i = 0; i < RENEWAL_STATE_MAX; i++)
		CHECK(renewal_state_name((enum renewal_state)i) != NULL);
	CHECK(renewal_state_name(RENEWAL_STATE_MAX) == NULL);
}

static void test_half_life(void)
{
	struct renewal_machine m = machine(DEVICE, 90 * DAY);

	CHECK_INT(due_s(&m, 0), 45 * DAY);
	CHECK_INT(m.state, RENEWAL_IDLE);
	CHECK_INT(due_s(&m, 45 * DAY - 1), 1);
	CHECK_INT(m.state, RENEWAL_IDLE);
	CHECK_INT(due_s(&m, 45 * DAY), 0);
	CHECK_INT(m.state, RENEWAL_DUE);
	/* Also long after, also when it has ended. */
	CHECK_INT(due_s(&m, 89 * DAY), 0);
	CHECK_INT(due_s(&m, 400 * DAY), 0);
	/* Without a certificate nothing is due; dates that are none are not taken. */
	renewal_machine_init(&m, DEVICE);
	CHECK_INT(due_s(&m, 0), -1);
	renewal_machine_certificate(&m, START, START);
	CHECK_INT(due_s(&m, 0), -1);
}

/* Ten thousand phones of one day: no hour of the week has more than twice its share. */
static void test_fleet_is_spread(void)
{
	unsigned int hours[7 * 24] = {0}, most = 0, n = 10000;
	char device[33];

	srandom(7);
	for (unsigned int i = 0; i < n; i++) {
		struct renewal_machine m;
		int64_t first;

		for (int j = 0; j < 32; j++)
			device[j] = "0123456789abcdef"[random() & 15];
		device[32] = 0;
		m = machine(device, 90 * DAY);
		first = renewal_machine_first_s(&m) - renewal_machine_half_s(&m);
		CHECK(first >= 0 && first < 7 * DAY);
		hours[first / 3600]++;
		/* The same after a restart. */
		m = machine(device, 90 * DAY);
		CHECK_INT(renewal_machine_first_s(&m) - renewal_machine_half_s(&m), first);
	}
	for (size_t i = 0; i < 7 * 24; i++)
		most = hours[i] > most ? hours[i] : most;
	CHECK(most < 2 * n / (7 * 24));
	/* A short life is spread over an eighth of it. */
	{
		struct renewal_machine m = machine("ffffffffffffffffffffffffffffffff", DAY);

		CHECK(renewal_machine_first_s(&m) < renewal_machine_half_s(&m) + DAY / 8);
	}
}

/* Span of the wait after the n-th failure in a row, with so much left. */
static void test_backoff(void)
{
	static const struct {
		int64_t left_s;
		unsigned int n_failures;
		int64_t retry_after_s, least_s, span_s;
	} rows[] = {
		{40 * DAY, 1, -1, 600, 3600},
		{40 * DAY, 2, -1, 600, 7200},
		{40 * DAY, 5, -1, 600, 16 * 3600},
		{40 * DAY, 6, -1, 600, DAY},
		{40 * DAY, 1000, -1, 600, DAY},
		{40 * DAY, 1, 30, 600, 3600},
		{40 * DAY, 1, 7200, 7200, 3600},
		{40 * DAY, 1, LIMIT_INTERVAL_MAX_S, LIMIT_INTERVAL_MAX_S, 3600},
		{40 * DAY, 1, LIMIT_INTERVAL_MAX_S + 1, LIMIT_INTERVAL_MAX_S, 3600},
		{40 * DAY, 1, INT64_MAX, LIMIT_INTERVAL_MAX_S, 3600},
		{DAY, 1000, -1, 600, 3 * 3600},
		{3600, 1000, -1, 600, 600},
		{60, 1, -1, 600, 600},
		{0, 1, -1, 600, 3600},
		{-1, 1000, -1, 600, 4 * 3600},
		{-400 * DAY, 1000, -1, 600, 4 * 3600},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int high = 0; high < 2; high++) {
			struct renewal_machine m = machine(DEVICE, 90 * DAY);
			uint64_t span_us = (uint64_t)(rows[i].span_s * USEC_PER_SEC);
			struct renewal_now now =
				at(90 * DAY - rows[i].left_s, high ? span_us - 1 : span_us);
			int64_t due_us, expected_us;

			for (unsigned int n = 0; n < rows[i].n_failures; n++) {
				renewal_machine_begin(&m);
				CHECK_INT(m.state, RENEWAL_RUNNING);
				CHECK_INT(renewal_machine_due_us(&m, &now), -1);
				renewal_machine_failed(&m, &now, rows[i].retry_after_s);
			}
			due_us = renewal_machine_due_us(&m, &now);
			expected_us =
				rows[i].least_s * USEC_PER_SEC + (high ? (int64_t)span_us - 1 : 0);
			if (due_us != expected_us)
				check_fail(__FILE__, __LINE__, "row %zu: %lld, not %lld", i,
					(long long)due_us, (long long)expected_us);
		}
	}
}

static void test_wanted(void)
{
	struct renewal_machine m = machine("000000000000000000000000000004d2", 90 * DAY);

	renewal_machine_want(&m, START + 1000, 3600);
	CHECK_INT(due_s(&m, 1000), 0x4d2);
	CHECK_INT(m.state, RENEWAL_DUE);
	/* Asked for again, it is not put off; sooner counts. */
	renewal_machine_want(&m, START + 2000, 3600);
	CHECK_INT(due_s(&m, 1000), 0x4d2);
	renewal_machine_want(&m, START + 1000, 0);
	CHECK_INT(due_s(&m, 1000), 0);
	renewal_machine_begin(&m);
	renewal_machine_renewed(&m);
	{
		struct renewal_now now = at(1100, 0);

		CHECK(!renewal_machine_checked_in(&m, true, RENEWAL_ANSWERED, &now));
		renewal_machine_proven(&m, START + 1000, START + 1000 + 90 * DAY, &now);
	}
	CHECK_INT(due_s(&m, 1100), 1000 + 45 * DAY + 0x4d2 - 1100);
	CHECK_INT(m.state, RENEWAL_IDLE);
}

/* A person shortens what is due, and nothing else. */
static void test_hurry(void)
{
	struct renewal_machine m = machine("000000000000000000000000000004d2", 90 * DAY);
	struct renewal_now now = at(45 * DAY, 0);

	renewal_machine_hurry(&m);
	CHECK_INT(due_s(&m, 10 * DAY), 35 * DAY + 0x4d2);
	CHECK_INT(due_s(&m, 45 * DAY), 0);
	renewal_machine_begin(&m);
	renewal_machine_failed(&m, &now, 7 * DAY);
	CHECK_INT(due_s(&m, 45 * DAY), 7 * DAY);
	renewal_machine_hurry(&m);
	CHECK_INT(due_s(&m, 45 * DAY), 0);
}

static void test_proving(void)
{
	static const struct {
		/* What check-ins end with, a letter each: A answered, R refused, U unclear; those
		 * with the new certificate in capitals, with the old one in small letters. */
		const char *checkins;
		bool given_up;
	} rows[] = {
		{"R", true},
		{"U", false},
		{"Uu", false},
		{"Ur", false},
		{"UaUaU", false},
		{"UaUaUa", true},
		{"UuUuUuUuUuUu", false},
		{"UaUuUaUuUa", true},
		{"UaR", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct renewal_machine m = machine(DEVICE, 90 * DAY);
		struct renewal_now now = at(46 * DAY, 0);
		bool given_up = false;

		renewal_machine_begin(&m);
		renewal_machine_renewed(&m);
		for (const char *c = rows[i].checkins; *c; c++) {
			bool candidate = renewal_machine_wants_candidate(&m);

			CHECK_INT(renewal_machine_due_us(&m, &now), -1);
			CHECK(!given_up && candidate == (*c < 'a'));
			given_up = renewal_machine_checked_in(&m, candidate,
				(*c | 0x20) == 'a'   ? RENEWAL_ANSWERED
				: (*c | 0x20) == 'r' ? RENEWAL_REFUSED
						     : RENEWAL_UNCLEAR,
				&now);
		}
		CHECK_INT(given_up, rows[i].given_up);
		CHECK_INT(m.state, given_up ? RENEWAL_DUE : RENEWAL_PROVING);
		CHECK(!given_up || !renewal_machine_wants_candidate(&m));
		CHECK(!given_up || due_s(&m, 46 * DAY) >= RENEWAL_GAP_S);
	}
	/* Nothing of it matters in other states. */
	{
		struct renewal_machine m = machine(DEVICE, 90 * DAY);
		struct renewal_now now = at(0, 0);

		CHECK(!renewal_machine_checked_in(&m, false, RENEWAL_REFUSED, &now));
		CHECK_INT(m.failures, 0);
	}
}

/* The life of one phone, hour by hour. */
struct life {
	struct renewal_machine m;
	int64_t life_s;
	int64_t ca_until_s; /* 0: the CA does not end */
	unsigned int n_attempts, n_proven;
	int64_t longest_expired_s;
};

/* One hour. works: the server can renew; online: anything gets through. */
static void live(struct life *life, int64_t s, bool works, bool online)
{
	struct renewal_now now = at(s, ((uint64_t)random() << 31) ^ (uint64_t)random());
	bool candidate = renewal_machine_wants_candidate(&life->m);
	int64_t until_s = now.now_s + life->life_s;

	if (renewal_machine_checked_in(
		    &life->m, candidate, online ? RENEWAL_ANSWERED : RENEWAL_UNCLEAR, &now))
		abort(); /* nothing refuses here */
	if (candidate && online) {
		if (life->ca_until_s && until_s > life->ca_until_s)
			until_s = life->ca_until_s;
		renewal_machine_proven(&life->m, now.now_s, until_s, &now);
		life->n_proven++;
	}
	if (now.now_s - life->m.until_s > life->longest_expired_s)
		life->longest_expired_s = now.now_s - life->m.until_s;
	if (renewal_machine_due_us(&life->m, &now) != 0)
		return;
	life->n_attempts++;
	renewal_machine_begin(&life->m);
	if (works && online)
		renewal_machine_renewed(&life->m);
	else
		renewal_machine_failed(&life->m, &now, -1);
}

static void test_ten_years(void)
{
	struct life life = {
		.m = machine("0123456789abcdef0123456789abcdef", 90 * DAY), .life_s = 90 * DAY};

	srandom(11);
	for (int64_t s = 0; s < 3650 * (int64_t)DAY; s += 3600)
		live(&life, s, true, true);
	/* Every 45 to 52 days, each at the first attempt. */
	CHECK(life.n_proven >= 3650 / 53 && life.n_proven <= 3650 / 45 + 1);
	CHECK(life.n_attempts - life.n_proven <= 1);
	CHECK(life.longest_expired_s <= 0);
}

/* A server that renews nothing for a year: a few attempts a day at most, and it never gives up. */
static void test_broken_year(void)
{
	struct life life = {
		.m = machine("0123456789abcdef0123456789abcdef", 90 * DAY), .life_s = 90 * DAY};
	unsigned int before_end;

	srandom(12);
	for (int64_t s = 0; s < 90 * DAY; s += 3600)
		live(&life, s, false, true);
	before_end = life.n_attempts;
	CHECK(before_end >= 45 && before_end <= 45 * 4);
	for (int64_t s = 90 * DAY; s < 365 * (int64_t)DAY; s += 3600)
		live(&life, s, false, true);
	CHECK(life.n_attempts - before_end >= 275 * 4);
	CHECK(life.n_attempts - before_end <= 275 * 24);
	/* And when it works again, it takes hours. */
	for (int64_t s = 365 * (int64_t)DAY; s < 365 * (int64_t)DAY + 8 * 3600; s += 3600)
		live(&life, s, true, true);
	CHECK_INT(life.n_proven, 1);
}

/* Ten months on a shelf: renewed within hours after it is switched on. */
static void test_shelf(void)
{
	struct life life = {
		.m = machine("0123456789abcdef0123456789abcdef", 90 * DAY), .life_s = 90 * DAY};

	srandom(13);
	for (int64_t s = 0; s < 10 * DAY; s += 3600)
		live(&life, s, true, true);
	for (int64_t s = 310 * DAY; s < 310 * DAY + 3 * 3600; s += 3600)
		live(&life, s, true, true);
	CHECK_INT(life.n_proven, 1);
}

/* A CA that ends: the last certificates get shorter and shorter, the phone does not run amok. */
static void test_ca_ends(void)
{
	struct life life = {.m = machine("0123456789abcdef0123456789abcdef", 90 * DAY),
		.life_s = 90 * DAY,
		.ca_until_s = START + 120 * DAY};

	srandom(14);
	for (int64_t s = 0; s < 120 * DAY; s += 3600)
		live(&life, s, true, true);
	CHECK(life.n_proven >= 3 && life.n_proven <= 60);
	CHECK(life.n_attempts <= life.n_proven + 1);
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"half_life", test_half_life},
	{"fleet_is_spread", test_fleet_is_spread},
	{"backoff", test_backoff},
	{"wanted", test_wanted},
	{"hurry", test_hurry},
	{"proving", test_proving},
	{"ten_years", test_ten_years},
	{"broken_year", test_broken_year},
	{"shelf", test_shelf},
	{"ca_ends", test_ca_ends},
};

CHECK_MAIN(tests)
