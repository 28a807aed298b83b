/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renewal_machine.h - when to ask for a new certificate, and when to believe in it. A pure state
 * machine: time and randomness are parameters. Tested in simulated years. Enforcer only.
 *
 * First attempt. Half of the certificate's life is its own time; the moment after it is drawn from
 * the device id, within an eighth of the life, at most a week: a fleet that was enrolled on one day
 * renews over a week. New pins make a renewal due within an hour, likewise.
 *
 * After a failure: full jitter, uniform in [0, span], on top of ten minutes or of Retry-After; the
 * span is an hour, doubled by each failure in a row, at most a day and at most an eighth of the
 * life that is left. It never gives up: an expired certificate is tried for, too, every four hours.
 *
 * A new certificate is proven by an answer to a check-in with it. A refusal gives it up. Where a
 * check-in with it fails otherwise, the next one uses the old one: if that is answered three times
 * and the new one never, the new one is given up.
 */
#ifndef MDM_ENFORCER_RENEWAL_MACHINE_H
#define MDM_ENFORCER_RENEWAL_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/enforcer/renewal.h"

#define RENEWAL_SPREAD_MAX_S (7 * 86400)
#define RENEWAL_WANTED_SPREAD_S 3600 /* for new pins, which a fleet gets within one interval */
#define RENEWAL_GAP_S 600	     /* between two attempts, whatever is drawn */
#define RENEWAL_BACKOFF_BASE_S 3600
#define RENEWAL_BACKOFF_CAP_S 86400
#define RENEWAL_EXPIRED_CAP_S (4 * 3600)
#define RENEWAL_DOUBTS 3

/* Two clocks: what time it is for certificates, and CLOCK_BOOTTIME for waiting. */
struct renewal_now {
	int64_t now_s;
	int64_t now_us;
	uint64_t random;
};

struct renewal_machine {
	enum renewal_state state;
	int64_t from_s, until_s; /* of the certificate in use; until_s 0: none is known */
	uint64_t offset;	 /* from the device id */
	bool wanted;		 /* whatever the age: the anchors do not follow the pins */
	int64_t wanted_s;	 /* from when on */
	bool hurry;		 /* a person asked: neither spread nor back-off */
	int64_t not_before_us;	 /* by back-off; 0: none */
	uint32_t failures;	 /* in a row */
	bool rest;		 /* PROVING: the next check-in is with the old certificate */
	uint32_t doubts;	 /* PROVING: how often only the old one was answered */
};

/* device_id: hexadecimal, or "". */
void renewal_machine_init(struct renewal_machine *m, const char *device_id);
/* The certificate in use, as an exchange showed it or as it was remembered. */
void renewal_machine_certificate(struct renewal_machine *m, int64_t from_s, int64_t until_s);
/* Due before half life, within spread_s from now. Repeated calls never put it off. */
void renewal_machine_want(struct renewal_machine *m, int64_t now_s, int64_t spread_s);
/* A person asked: what is due or wanted is tried at once. */
void renewal_machine_hurry(struct renewal_machine *m);

/* When half of the life is over, and when this phone asks for the first time. */
int64_t renewal_machine_half_s(const struct renewal_machine *m);
int64_t renewal_machine_first_s(const struct renewal_machine *m);
/* IDLE or DUE, by the time; microseconds until the next attempt, -1: none is ahead. */
int64_t renewal_machine_due_us(struct renewal_machine *m, const struct renewal_now *now);

/* The attempt starts; it failed (retry_after_s -1: none); it brought a certificate. */
void renewal_machine_begin(struct renewal_machine *m);
void renewal_machine_failed(
	struct renewal_machine *m, const struct renewal_now *now, int64_t retry_after_s);
void renewal_machine_renewed(struct renewal_machine *m);

/* Whether the check-in that starts now shall use the new certificate. */
bool renewal_machine_wants_candidate(const struct renewal_machine *m);

enum renewal_proof {
	RENEWAL_ANSWERED,
	RENEWAL_REFUSED, /* by TLS, or 401, 403 */
	RENEWAL_UNCLEAR, /* no network, a broken server, … */
};
/*
 * A check-in ended while PROVING. True: the new certificate is given up and the next attempt
 * scheduled. After RENEWAL_ANSWERED to the candidate the caller calls renewal_machine_proven() as
 * soon as it stands in the old one's place.
 */
bool renewal_machine_checked_in(struct renewal_machine *m, bool candidate, enum renewal_proof proof,
	const struct renewal_now *now);
void renewal_machine_proven(
	struct renewal_machine *m, int64_t from_s, int64_t until_s, const struct renewal_now *now);

#endif
