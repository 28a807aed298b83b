/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pacing.h - when to check in next. A pure state machine: time and randomness are parameters, all
 * times are CLOCK_BOOTTIME microseconds. Tested in simulated years.
 *
 * Rules: interval with jitter and an offset that follows from the device id; after a failure
 * exponential back-off with full jitter (AWS's "full jitter": uniform in [0, min(cap, base*2^n)]),
 * Retry-After honoured as a lower bound; the first success after a long outage spreads the next
 * check-in over the interval once more; the server's hint is clamped to the limits; a request from
 * the phone itself (compliance changed, sync) is served early but rate-limited.
 */
#ifndef MDM_ENFORCER_PACING_H
#define MDM_ENFORCER_PACING_H

#include <stdbool.h>
#include <stdint.h>

enum pacing_state {
	PACING_IDLE,	 /* not enrolled */
	PACING_WAITING,	 /* next_us is set */
	PACING_RUNNING,	 /* an exchange is under way */
	PACING_BACKOFF,	 /* after a failure; next_us is set */
	PACING_STATE_MAX,
};
const char *pacing_state_name(enum pacing_state state);

struct pacing {
	enum pacing_state state;
	int64_t interval_s, jitter_s;
	int64_t hint_s;		    /* MDM-Next-Checkin of the last answer; 0: none */
	uint64_t device_offset;	    /* from the device id */
	int64_t next_us;
	int64_t started_us;	    /* of the running exchange */
	int64_t last_success_us;    /* 0: never in this boot */
	int64_t last_request_us;    /* last early check-in granted */
	uint32_t failures;	    /* in a row */
	bool pending_request;	    /* asked while running or rate-limited */
};

/* device_id: hexadecimal; may be "" before enrolment. */
void pacing_init(struct pacing *p, const char *device_id);
/* Enrolled (or restarted while enrolled): schedules the first check-in. soon: at once. */
void pacing_start(struct pacing *p, int64_t now_us, uint64_t random, bool soon);
void pacing_stop(struct pacing *p);
/* The policy's interval; reschedules if WAITING. Values are clamped. */
void pacing_configure(struct pacing *p, int64_t interval_s, int64_t jitter_s, int64_t now_us,
	uint64_t random);
/* Microseconds until the exchange is due; 0: now; -1: never. */
int64_t pacing_due_us(const struct pacing *p, int64_t now_us);
/* The exchange starts. */
void pacing_begin(struct pacing *p, int64_t now_us);
/* It ended well. hint_s: MDM-Next-Checkin or -1. more: documents or events remain, come back soon. */
void pacing_succeed(struct pacing *p, int64_t now_us, uint64_t random, int64_t hint_s, bool more);
/* It failed. retry_after_s: -1 if the server said nothing. */
void pacing_fail(struct pacing *p, int64_t now_us, uint64_t random, int64_t retry_after_s);
/* Something changed on the phone; user: a person asked (agentctl sync), not rate-limited. */
void pacing_request(struct pacing *p, int64_t now_us, uint64_t random, bool user);

#endif
