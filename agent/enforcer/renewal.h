/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renewal.h - the phone's certificate over years: asked for anew at half life, proven in use, only
 * then in place of the old one. A pure state machine; time and randomness are parameters.
 * Enforcer only.
 */
#ifndef MDM_ENFORCER_RENEWAL_H
#define MDM_ENFORCER_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

struct enforcer;

enum renewal_state {
	RENEWAL_IDLE,	 /* the certificate is young, or there is none */
	RENEWAL_DUE,	 /* half of its life is over; next_us says when to ask */
	RENEWAL_RUNNING, /* simplereenroll is under way */
	RENEWAL_PROVING, /* a new certificate is there; the next check-in uses it */
	RENEWAL_STATE_MAX,
};
const char *renewal_state_name(enum renewal_state state);

/* Starts a renewal if one is due and no exchange is under way. Called whenever an exchange ended
 * and by its own timer. */
void renewal_update(struct enforcer *e);
/* Whether the check-in that starts now shall use the new certificate. */
bool renewal_wants_candidate(const struct enforcer *e);
/* A check-in ended: with the candidate it is proven (promoted by rename) or given up for now. */
void renewal_checkin_ended(struct enforcer *e, bool candidate, bool answered, uint32_t stage);

#endif
