/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renewal.h - the phone's certificate over years: asked for anew at half life, proven in use, only
 * then in place of the old one. When is decided by renewal_machine.h, which is pure; what it means
 * for files, facts, journal and people is here. Enforcer only.
 */
#ifndef MDM_ENFORCER_RENEWAL_H
#define MDM_ENFORCER_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

struct enforcer;
struct renewal; /* e->renewal */
struct jsonw;
struct msg_net_failed;
struct msg_net_identity;

enum renewal_state {
	RENEWAL_IDLE,	 /* the certificate is young, or there is none */
	RENEWAL_DUE,	 /* half of its life is over, or the pins changed */
	RENEWAL_RUNNING, /* simplereenroll is under way */
	RENEWAL_PROVING, /* a new certificate is there; the next check-in uses it */
	RENEWAL_STATE_MAX,
};
const char *renewal_state_name(enum renewal_state state);

/* Takes up what the facts remember. 0 or -ENOMEM. */
int renewal_new(struct enforcer *e, struct renewal **ret_renewal);
void renewal_free(struct renewal *renewal);
/* Enrolled or unenrolled: begins anew from the facts. */
void renewal_reset(struct enforcer *e);

/* Starts a renewal if one is due and no exchange is under way. Called whenever an exchange ended
 * and by its own timer. */
void renewal_update(struct enforcer *e);
/* A person asked for a check-in: what is due is tried at once, after it. */
void renewal_hurry(struct enforcer *e);
/* Whether the check-in that starts now shall use the new certificate. */
bool renewal_wants_candidate(const struct enforcer *e);
/* A check-in ended (failed NULL: answered): with the candidate it is proven (promoted by rename) or
 * given up for now; then the check-in is repeated with the old one. */
void renewal_checkin_ended(struct enforcer *e, bool candidate, const struct msg_net_failed *failed);

/* Who the phone is and which CAs it believes, for an order of the net role. */
void renewal_identity(const struct enforcer *e, struct msg_net_identity *ret_identity);
/* What time it is for the phone's own certificate: the server's, where it is known. */
int64_t renewal_now_s(const struct enforcer *e);
/* The dates of the certificate that was used, as an exchange showed them. */
void renewal_note_certificate(struct enforcer *e, int64_t from_s, int64_t until_s);
/* Sets or ends PROBLEM_CERTIFICATE. */
void renewal_note_problem(struct enforcer *e);

/* {"state","next_in_s","failing_since","reason"} for the status page. */
void renewal_write(struct enforcer *e, struct jsonw *w, const char *key);
/* {"until","failing_since"} for the report: what changes often is left out. */
void renewal_write_report(const struct enforcer *e, struct jsonw *w, const char *key);

#endif
