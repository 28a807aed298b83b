/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_attempts.h - how often passwords were wrong, and what follows: a pure state machine. Time is
 * a parameter (CLOCK_BOOTTIME), storing is auth_store.c's.
 *
 * An attempt counts as wrong from its beginning. It ends as right (the count is over), as wrong (it
 * stays), or as none: there was no password, or nothing on this phone can tell; then everything is
 * as it was before. One attempt of an account at a time.
 *
 * Or nobody says how it ended: a process was killed, this one perhaps. It counts, and makes people
 * wait; but what locks out is a password that was found to be wrong, not the agent's own failure.
 * Wrong ones from the network end the same way: they are no reason to lock the phone's owner out.
 * After another boot it was wrong: whoever holds the phone can bring that about.
 */
#ifndef MDM_ENFORCER_AUTH_ATTEMPTS_H
#define MDM_ENFORCER_AUTH_ATTEMPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/ipc/message.h"
#include "agent/util/clock.h"
#include "policies/password.h"

/* Root can always be helped by waiting: nobody else could let anybody in again. */
#define ATTEMPTS_ROOT_DELAY_S 60
/* Unlock codes have eight digits, of which a few are right: this is slow enough for ever. */
#define ATTEMPTS_CODE_DELAY_S 30
#define ATTEMPTS_CODE_LONGEST_S 3600

struct attempts_row {
	char user[LIMIT_USER_BYTES + 1];
	uint32_t n_failed;    /* in a row; the one under way included */
	int64_t failed_at_us; /* the last of them, in this boot's time */
	bool unjudged;	      /* nobody said how the last one ended */
	bool pending;	      /* one is under way; stored as unjudged */
	/* Of the one under way; not stored. */
	uint32_t before_n;
	int64_t before_at_us;
};

struct attempts {
	struct attempts_row rows[LIMIT_ACCOUNTS];
	size_t n_rows;
	uint32_t n_codes; /* wrong unlock codes in a row, of whomever */
	int64_t code_at_us;
	uint8_t boot_id[BOOT_ID_BYTES]; /* to which the times belong */
};

enum attempts_end {
	ATTEMPT_RIGHT,
	ATTEMPT_WRONG,
	ATTEMPT_NONE,
	ATTEMPT_UNJUDGED,
	ATTEMPTS_END_MAX,
};

/* Whose attempt it is, and what the policy says. */
struct attempts_subject {
	const char *user;
	bool is_root;
	const struct password_limits *limits;
};

/*
 * What an attempt now would be told: AUTH_GO; AUTH_WAIT with the seconds; AUTH_LOCKED_OUT, with the
 * seconds until an unlock code may be given.
 */
enum auth_verdict attempts_ask(const struct attempts *attempts,
	const struct attempts_subject *subject, int64_t now_us, uint32_t *ret_wait_s);
/* An attempt begins. 0; -EBUSY: one is under way; -ENOSPC: too many accounts. */
int attempts_begin(struct attempts *attempts, const char *user, int64_t now_us);
/* Whether it has to be stored. Nothing happens if none is under way. */
bool attempts_end(struct attempts *attempts, const char *user, enum attempts_end end);
/*
 * An account whose last attempt nobody judged, and which no attempt would be left to, has one.
 * True: there was such a one. After attempts_end() and attempts_boot().
 */
bool attempts_hold(struct attempts *attempts, const struct password_limits *limits);
bool attempts_is_pending(const struct attempts *attempts, const char *user);
/* NULL: nothing is known against that account. */
const struct attempts_row *attempts_find(const struct attempts *attempts, const char *user);

/* Seconds until an unlock code may be tried; 0: now. */
uint32_t attempts_code_wait_s(const struct attempts *attempts, int64_t now_us);
/* One is tried, and wrong as long as nobody says that it was right. */
void attempts_code_begin(struct attempts *attempts, int64_t now_us);
/* What was given as code was empty: as if it had not been tried. */
void attempts_code_none(struct attempts *attempts, int64_t before_at_us);

/* Every count is over. */
void attempts_reset(struct attempts *attempts);
/* Another boot: no clock survived, so that every wait begins anew. Or the same one again. */
void attempts_boot(struct attempts *attempts, const uint8_t boot_id[BOOT_ID_BYTES], int64_t now_us);
/* Accounts that are no more are forgotten: those that keep() does not want. True: some were. */
bool attempts_keep(
	struct attempts *attempts, bool (*keep)(const char *user, void *userdata), void *userdata);

#endif
