/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pacing.h - when to check in next. A pure state machine: time and randomness are parameters, all
 * times are CLOCK_BOOTTIME microseconds. Tested in simulated years.
 *
 * Steady state. Every phone has a slot in each interval: the times that leave the same remainder as
 * its device id when divided by the interval. Slots of a fleet are spread evenly whatever wakes it
 * at once, and a phone returns to its own slot after anything, so no herd survives one interval.
 * The jitter of the policy is added to the slot. A hint of the server (MDM-Next-Checkin, clamped to
 * the limits) replaces the next slot.
 *
 * After a start the first check-in is drawn from two thirds of the interval, at most 40 minutes:
 * with an hourly interval a power cut of everything loads the server with 1.5 times the steady rate
 * at first and with at most 2.5 times when the last phones come and the first ones are back in
 * their slots. Drawn, not taken from the device id: a phone that is on for only half an hour a day
 * must get its chance each day.
 *
 * After a failure: exponential back-off with full jitter, uniform in [0, min(cap, base * 2^n)], on
 * top of the minimum distance of 60 s. base is 60 s, the cap is the interval, at most 4 hours (a
 * weekly phone that lost a server for a moment should not wait for another week). During a long
 * outage every phone tries once in half an interval, on average, at independent times: twice the
 * steady rate, and that is also what the server meets in the first minute after it returns; from
 * then on the curve falls (2 - x^2 at x intervals, with those already back in their slots), and all
 * phones are back after one interval and a minute. A longer Retry-After takes the place of the 60
 * s; the draw stays on top, so that it synchronises nobody.
 *
 * Requests. A person's request is served at once, in back-off too. What the phone itself wants to
 * tell comes early, but at most once in 60 s; each failure in a row doubles that distance up to the
 * cap, so that something that flaps cannot defeat the back-off, and spreads the moment over a
 * twelfth of the interval (at most 5 minutes), because the network that came back came back for
 * others too: ten thousand phones behind one network are 33 exchanges a second then. Before the
 * first exchange of a boot such a request changes nothing: everything is new then, on every phone.
 *
 * What happens to the phone (it resumed, a network came up) asks in the same way, but pays with
 * tokens of its own: four at once and one more each quarter of an hour, so that a phone that wakes
 * up every ten seconds, or a network that comes and goes, costs four check-ins an hour in the long
 * run. A network that came up spreads as after an outage; waking up does not, a phone is awake for
 * a moment only.
 *
 * Being woken by the server costs tokens, too: ten at once and one more every six minutes, so that
 * a server that wakes without end costs at most ten check-ins and ten more an hour. A wake that
 * finds no token is owed and served by the next one; one that comes during an exchange is served
 * after it; back-off and Retry-After go before. A new address of the push service is told early for
 * one of these tokens: the service could change it all day.
 *
 * Expensive links: whoever configures passes the longer interval. Going there moves the slot to a
 * later one, but never further from the last exchange than the new interval and its jitter, so that
 * a link that changes often starves nothing.
 *
 * An hourly phone wakes up once an hour for this.
 */
#ifndef MDM_ENFORCER_PACING_H
#define MDM_ENFORCER_PACING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/limits.h"

enum pacing_state {
	PACING_IDLE,	/* not enrolled */
	PACING_WAITING, /* next_us is set */
	PACING_RUNNING, /* an exchange is under way */
	PACING_BACKOFF, /* after a failure; next_us is set */
	PACING_STATE_MAX,
};
const char *pacing_state_name(enum pacing_state state);

/* From the end of one exchange to the start of the next at least, unless a person asks. */
#define PACING_MIN_S LIMIT_INTERVAL_MIN_S
#define PACING_BACKOFF_BASE_S 60
#define PACING_BACKOFF_CAP_S (4 * 3600)

#define PACING_WAKE_TOKENS 10
#define PACING_WAKE_TOKEN_S 360
#define PACING_EDGE_TOKENS 4
#define PACING_EDGE_TOKEN_S 900

/* A token bucket as one moment: when it was empty, had it only been filled since. */
struct pacing_bucket {
	int64_t empty_us;
};

struct pacing {
	enum pacing_state state;
	int64_t interval_s, jitter_s;
	int64_t hint_s;		/* MDM-Next-Checkin of the last answer; 0: none */
	uint64_t device_offset; /* from the device id */
	int64_t next_us;
	int64_t started_us;	 /* of the last exchange */
	int64_t ended_us;	 /* of the last exchange in this boot; 0: none yet */
	int64_t not_before_us;	 /* by Retry-After; 0: none */
	int64_t last_success_us; /* 0: never in this boot */
	int64_t last_request_us; /* last early check-in granted; 0: none */
	uint32_t failures;	 /* in a row */
	bool pending_request;	 /* asked while running */
	bool pending_user;	 /* the same by a person */
	bool pending_wake;	 /* the same by the server */
	bool is_slot;		 /* next_us is the phone's slot, not something it asked for */
	bool wake_owed;		 /* next_us serves a wake whose token is paid */
	struct pacing_bucket wake_bucket, edge_bucket;
};

/* device_id: hexadecimal; may be "" before enrolment. Interval 3600 s, jitter 360 s, IDLE. */
void pacing_init(struct pacing *p, const char *device_id);
/* Enrolled, or restarted while enrolled: schedules the first check-in. soon: at once. */
void pacing_start(struct pacing *p, int64_t now_us, uint64_t random, bool soon);
void pacing_stop(struct pacing *p);
/* The policy's interval; if it differs and the state is WAITING, the next check-in moves to the new
 * slot; one that was asked for or is the first stays where it is, one at the server's wish too.
 * Values are clamped. */
void pacing_configure(
	struct pacing *p, int64_t interval_s, int64_t jitter_s, int64_t now_us, uint64_t random);
/* Microseconds until the exchange is due; 0: now; -1: never. */
int64_t pacing_due_us(const struct pacing *p, int64_t now_us);
/* The exchange starts. */
void pacing_begin(struct pacing *p, int64_t now_us);
/* It ended well. hint_s: MDM-Next-Checkin or -1. more: events or documents remain, come soon. */
void pacing_succeed(struct pacing *p, int64_t now_us, uint64_t random, int64_t hint_s, bool more);
/* It failed. retry_after_s: -1 if the server said nothing. */
void pacing_fail(struct pacing *p, int64_t now_us, uint64_t random, int64_t retry_after_s);
/* Something changed on the phone; user: a person asked (agentctl sync), not rate-limited. */
void pacing_request(struct pacing *p, int64_t now_us, uint64_t random, bool user);
/* The phone resumed (network false), or a network came up. */
void pacing_edge(struct pacing *p, int64_t now_us, uint64_t random, bool network);
/* The server said that there is something new. */
void pacing_wake(struct pacing *p, int64_t now_us, uint64_t random);
/* Something changed that others can change as often as they like (the address of a push service): a
 * request that costs a token of the wakes. Without one it is told at the next check-in. */
void pacing_request_paid(struct pacing *p, int64_t now_us, uint64_t random);
/* Wakes that would be served at once. */
unsigned int pacing_wake_tokens(const struct pacing *p, int64_t now_us);

#endif
