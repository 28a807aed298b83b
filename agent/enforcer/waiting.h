/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waiting.h - when to wait at the server for news. A pure state machine beside pacing.h: time and
 * randomness are parameters, times are CLOCK_BOOTTIME microseconds. Enforcer only.
 *
 * A wait that ends without news is followed by the next one within seconds. News are a reason to
 * check in, and nothing waits before that check-in: the server would only say the same again.
 * Afterwards its mark must have grown; news with nothing behind them, and waits that end at once,
 * are hollow answers and treated like failures, so that a server cannot make the phone talk without
 * end.
 *
 * After a failure: 60 s and on top a draw from [0, min(59 min, 60 s * 2^n)): full jitter, never
 * more often than once a minute, never more seldom than once an hour; a longer Retry-After takes
 * the place of the 60 s. A good check-in ends the back-off of a server that could not be reached
 * (the network is back), not what the server asked for and not that of hollow answers. A server
 * that knows no waiting (404) is not asked again.
 */
#ifndef MDM_ENFORCER_WAITING_H
#define MDM_ENFORCER_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/limits.h"

enum waiting_state {
	WAITING_OFF,	 /* not wanted, or no mark is known */
	WAITING_READY,	 /* the next one starts at next_us */
	WAITING_RUNNING, /* at the server */
	WAITING_TOLD,	 /* there are news: a check-in has to come first */
	WAITING_REFUSED, /* the server knows no waiting */
	WAITING_STATE_MAX,
};
const char *waiting_state_name(enum waiting_state state);

#define WAITING_BACKOFF_S 60
#define WAITING_BACKOFF_CAP_S 3600
/* An end without news before this is hollow: a server waits for minutes. */
#define WAITING_SHORT_S 30
/* After a wait without news: those whom a server dropped together do not come back together. */
#define WAITING_SPREAD_S 10
/* From one start to the next at least, whatever the reason. */
#define WAITING_DISTANCE_S 2

struct waiting {
	enum waiting_state state;
	int64_t mark;	       /* of the last good check-in; -1: none */
	int64_t told_mark;     /* the mark that the last news were about */
	int64_t next_us;       /* of READY */
	int64_t not_before_us; /* by back-off; stays while nothing is wanted */
	int64_t started_us;    /* the last wait; 0: none */
	uint32_t failures;     /* in a row */
	uint32_t hollow;       /* answers in a row with nothing behind */
	bool unreachable;      /* the last failure had no HTTP status */
	bool wanted;
};

void waiting_init(struct waiting *w);
/* Whether somebody wants to wait now. False ends RUNNING: the caller stops the role. */
void waiting_want(struct waiting *w, bool wanted, int64_t now_us);
/* A check-in was answered well; mark is -1 if the server sent none. */
void waiting_checked_in(struct waiting *w, int64_t mark, int64_t now_us, uint64_t random);
/* Microseconds until the next wait; 0: now; -1: none is due. */
int64_t waiting_due_us(const struct waiting *w, int64_t now_us);
void waiting_begin(struct waiting *w, int64_t now_us);
/* The server answered. retry_after_s: -1 if it said nothing. */
void waiting_answered(
	struct waiting *w, bool news, int64_t retry_after_s, int64_t now_us, uint64_t random);
/* http_status: 0 if there was none. */
void waiting_failed(struct waiting *w, uint32_t http_status, int64_t retry_after_s, int64_t now_us,
	uint64_t random);

#endif
