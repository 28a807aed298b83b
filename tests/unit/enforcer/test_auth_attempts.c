/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_auth_attempts.c - counts, waits and lock-out in simulated time: tables, and what holds for
 * every sequence of events.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/auth_attempts.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

#define S USEC_PER_SEC

static const struct password_limits limits = {
	.present = true,
	.free_attempts = 3,
	.first_delay_s = 30,
	.longest_delay_s = 100,
	.max_attempts = 8,
};
static const struct attempts_subject owner = {.user = "owner", .limits = &limits};
static const struct attempts_subject root = {.user = "root", .is_root = true, .limits = &limits};

/* How many in a row, and what the next one is told after so many seconds. */
static void test_waits(void)
{
	static const struct {
		uint32_t n_failed;
		int64_t after_us;
		enum auth_verdict owner, root;
		uint32_t owner_s, root_s;
	} rows[] = {
		{1, 0, AUTH_GO, AUTH_GO, 0, 0},
		{2, 0, AUTH_GO, AUTH_GO, 0, 0},
		{3, 0, AUTH_WAIT, AUTH_WAIT, 30, 30},
		{3, 1, AUTH_WAIT, AUTH_WAIT, 30, 30},
		{3, 29 * S, AUTH_WAIT, AUTH_WAIT, 1, 1},
		{3, 30 * S - 1, AUTH_WAIT, AUTH_WAIT, 1, 1},
		{3, 30 * S, AUTH_GO, AUTH_GO, 0, 0},
		{4, 0, AUTH_WAIT, AUTH_WAIT, 60, 60},
		{5, 0, AUTH_WAIT, AUTH_WAIT, 100, 60},
		{7, 60 * S, AUTH_WAIT, AUTH_GO, 40, 0},
		{7, -5 * S, AUTH_WAIT, AUTH_WAIT, 100, 60}, /* a clock that went back */
		{8, 1000 * S, AUTH_LOCKED_OUT, AUTH_GO, 0, 0},
		{UINT32_MAX, 1000 * S, AUTH_LOCKED_OUT, AUTH_GO, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attempts a = {.rows = {{.user = "owner"}, {.user = "root"}}, .n_rows = 2};
		uint32_t wait_s;

		for (size_t k = 0; k < 2; k++) {
			a.rows[k].n_failed = rows[i].n_failed;
			a.rows[k].failed_at_us = 1000 * S;
		}
		CHECK_INT(attempts_ask(&a, &owner, 1000 * S + rows[i].after_us, &wait_s),
			rows[i].owner);
		CHECK_INT(wait_s, rows[i].owner_s);
		CHECK_INT(attempts_ask(&a, &root, 1000 * S + rows[i].after_us, &wait_s),
			rows[i].root);
		CHECK_INT(wait_s, rows[i].root_s);
	}
}

static void test_one_at_a_time(void)
{
	struct attempts a = {0};

	CHECK_INT(attempts_begin(&a, "owner", S), 0);
	CHECK(attempts_is_pending(&a, "owner"));
	CHECK_INT(attempts_begin(&a, "owner", S), -EBUSY);
	CHECK_INT(attempts_find(&a, "owner")->n_failed, 1);
	CHECK(attempts_end(&a, "owner", ATTEMPT_WRONG));
	CHECK_INT(attempts_find(&a, "owner")->n_failed, 1);
	CHECK(!attempts_end(&a, "owner", ATTEMPT_RIGHT)); /* none is under way */
	CHECK_INT(attempts_find(&a, "owner")->n_failed, 1);
	CHECK_INT(attempts_begin(&a, "owner", 2 * S), 0);
	CHECK(attempts_end(&a, "owner", ATTEMPT_NONE));
	CHECK_INT(attempts_find(&a, "owner")->n_failed, 1);
	CHECK_INT(attempts_find(&a, "owner")->failed_at_us, S);
	CHECK_INT(attempts_begin(&a, "owner", 3 * S), 0);
	CHECK(attempts_end(&a, "owner", ATTEMPT_RIGHT));
	CHECK(!attempts_find(&a, "owner"));
}

static void test_too_many_accounts(void)
{
	struct attempts a = {0};
	char name[16];

	for (int i = 0; i < LIMIT_ACCOUNTS; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		CHECK_INT(attempts_begin(&a, name, S), 0);
	}
	CHECK_INT(attempts_begin(&a, "another", S), -ENOSPC);
}

static void test_codes(void)
{
	static const uint32_t waits[] = {30, 60, 120, 240, 480, 960, 1920, 3600, 3600};
	struct attempts a = {0};
	int64_t now_us = S;

	CHECK_INT(attempts_code_wait_s(&a, now_us), 0);
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		attempts_code_begin(&a, now_us);
		CHECK_INT(attempts_code_wait_s(&a, now_us), waits[i]);
		now_us += waits[i] * S;
		CHECK_INT(attempts_code_wait_s(&a, now_us), 0);
	}
	a.n_codes = UINT32_MAX;
	attempts_code_begin(&a, now_us);
	CHECK_INT(attempts_code_wait_s(&a, now_us), 3600);
	attempts_reset(&a);
	CHECK_INT(attempts_code_wait_s(&a, now_us), 0);
}

static void test_boots(void)
{
	struct attempts a = {
		.rows = {{.user = "owner", .n_failed = 3, .failed_at_us = 500 * S}}, .n_rows = 1};
	const uint8_t one[BOOT_ID_BYTES] = {1}, two[BOOT_ID_BYTES] = {2};
	uint32_t wait_s;

	attempts_boot(&a, one, 510 * S);
	CHECK_INT(attempts_ask(&a, &owner, 510 * S, &wait_s), AUTH_WAIT);
	CHECK_INT(wait_s, 30);
	attempts_boot(&a, one, 530 * S);
	CHECK_INT(attempts_ask(&a, &owner, 530 * S, &wait_s), AUTH_WAIT);
	CHECK_INT(wait_s, 10);
	attempts_boot(&a, two, 3 * S);
	CHECK_INT(attempts_ask(&a, &owner, 3 * S, &wait_s), AUTH_WAIT);
	CHECK_INT(wait_s, 30);
}

/* Attempts of which nobody says how they ended count, but do not lock out; wrong ones do. */
static void test_unjudged(void)
{
	const uint8_t one[BOOT_ID_BYTES] = {1}, two[BOOT_ID_BYTES] = {2};
	struct attempts a = {0}, b;
	uint32_t wait_s;

	attempts_boot(&a, one, S);
	for (uint32_t n = 1; n < 20; n++) {
		CHECK_INT(attempts_begin(&a, "owner", S), 0);
		CHECK_INT(attempts_find(&a, "owner")->n_failed, n < 8 ? n : 8);
		CHECK(!attempts_end(&a, "owner", ATTEMPT_UNJUDGED));
		CHECK_INT(attempts_hold(&a, &limits), n >= 8);
		CHECK(!attempts_hold(&a, &limits));
		CHECK_INT(attempts_find(&a, "owner")->n_failed, n < 7 ? n : 7);
		CHECK_INT(attempts_ask(&a, &owner, S, &wait_s), n < 3 ? AUTH_GO : AUTH_WAIT);
	}
	/* A wrong one is the last one. */
	CHECK_INT(attempts_begin(&a, "owner", S), 0);
	CHECK(!attempts_hold(&a, &limits));
	b = a;
	CHECK(attempts_end(&a, "owner", ATTEMPT_WRONG));
	CHECK(!attempts_hold(&a, &limits));
	CHECK_INT(attempts_ask(&a, &owner, 1000 * S, &wait_s), AUTH_LOCKED_OUT);
	/* The agent ended in the middle, and is started again; or the phone was switched off. */
	b.rows[0].pending = false;
	b.rows[0].unjudged = true;
	a = b;
	attempts_boot(&a, one, 2 * S);
	CHECK(attempts_hold(&a, &limits));
	CHECK_INT(attempts_ask(&a, &owner, 1000 * S, &wait_s), AUTH_GO);
	attempts_boot(&b, two, 2 * S);
	CHECK(!attempts_hold(&b, &limits));
	CHECK_INT(attempts_ask(&b, &owner, 1000 * S, &wait_s), AUTH_LOCKED_OUT);
	/* A right one ends it all. */
	CHECK_INT(attempts_begin(&a, "owner", 1000 * S), 0);
	CHECK(attempts_end(&a, "owner", ATTEMPT_RIGHT));
	CHECK(!attempts_find(&a, "owner"));
}

static bool keep_owner(const char *user, void *userdata)
{
	(void)userdata;
	return strcmp(user, "owner") == 0;
}

static void test_gone_accounts(void)
{
	struct attempts a = {0};

	CHECK_INT(attempts_begin(&a, "owner", S), 0);
	CHECK_INT(attempts_begin(&a, "gone", S), 0);
	CHECK(!attempts_keep(&a, keep_owner, NULL)); /* it is under way */
	CHECK(attempts_end(&a, "gone", ATTEMPT_WRONG));
	CHECK(attempts_keep(&a, keep_owner, NULL));
	CHECK_INT(a.n_rows, 1);
	CHECK_STR(a.rows[0].user, "owner");
}

/*
 * Whatever happens in whatever order: only a right password, a reset or an account that is no more
 * lowers a count that is not under way; a boot never shortens a wait; a count is at least the
 * number of wrong ones since the last right one.
 */
static void test_sequences(void)
{
	srandom(7);
	for (int round = 0; round < 300; round++) {
		struct attempts a = {0};
		uint32_t wrong = 0;
		int64_t now_us = S;

		for (int step = 0; step < 200; step++) {
			const struct attempts_row *row = attempts_find(&a, "owner");
			uint32_t settled = row ? row->pending ? row->before_n : row->n_failed : 0;
			uint32_t wait_s, after_s;
			enum auth_verdict verdict = attempts_ask(&a, &owner, now_us, &wait_s);
			uint8_t boot[BOOT_ID_BYTES] = {(uint8_t)random()};

			CHECK(settled >= wrong);
			CHECK(verdict == AUTH_GO || verdict == AUTH_WAIT ||
				verdict == AUTH_LOCKED_OUT);
			now_us += random() % (40 * S);
			switch (random() % 8) {
			case 0:
			case 1:
			case 2:
				/* As the enforcer does: only what may go on begins. */
				if (attempts_ask(&a, &owner, now_us, &wait_s) == AUTH_GO)
					(void)attempts_begin(&a, "owner", now_us);
				break;
			case 3:
			case 4:
				wrong += attempts_is_pending(&a, "owner");
				(void)attempts_end(&a, "owner", ATTEMPT_WRONG);
				break;
			case 5:
				(void)attempts_end(&a, "owner", ATTEMPT_NONE);
				row = attempts_find(&a, "owner");
				CHECK_INT(row ? row->n_failed : 0, settled);
				break;
			case 6:
				/* A crash: what was under way was wrong, and stays. */
				if (a.n_rows) {
					wrong += a.rows[0].pending;
					a.rows[0].unjudged = a.rows[0].pending;
					a.rows[0].pending = false;
				}
				(void)attempts_ask(&a, &owner, now_us, &wait_s);
				attempts_boot(&a, boot, now_us);
				(void)attempts_ask(&a, &owner, now_us, &after_s);
				CHECK(after_s >= wait_s);
				break;
			case 7:
				if (random() % 10 == 0 &&
					attempts_end(&a, "owner", ATTEMPT_RIGHT)) {
					wrong = 0;
					CHECK(!attempts_find(&a, "owner"));
				}
				break;
			}
		}
	}
}

static const struct check_test tests[] = {
	{"waits", test_waits},
	{"one at a time", test_one_at_a_time},
	{"too many accounts", test_too_many_accounts},
	{"codes", test_codes},
	{"boots", test_boots},
	{"unjudged", test_unjudged},
	{"gone accounts", test_gone_accounts},
	{"sequences", test_sequences},
};

CHECK_MAIN(tests)
