/* SPDX-License-Identifier: Apache-2.0 */
/* checkin.h - talking to the server: enrolment, check-ins, unenrolment. Enforcer only. */
#ifndef MDM_ENFORCER_CHECKIN_H
#define MDM_ENFORCER_CHECKIN_H

#include "agent/enforcer/enforcer.h"

/* Arms the timer for the next check-in as pacing says. */
void checkin_schedule(struct enforcer *e);
/* Looks at the phone once more and then checks in, if no exchange is under way. */
void checkin_begin(struct enforcer *e);
/* Starts enrolling with the ticket. hardware: numbers to tell (zero-touch); NULL: none. 0; -EBUSY;
 * -EALREADY; -errno. The end goes to local_enrolled() and zerotouch_ended(). */
struct enrolment_hardware;
int checkin_enrol(
	struct enforcer *e, const struct ticket *ticket, const struct enrolment_hardware *hardware);
/* Reverts, forgets, and tells local_unenrolled(). 0; -ENOENT: not enrolled. */
int checkin_unenrol(struct enforcer *e);
/* Between checkin_unenrol() and its end, when nothing may start an exchange any more. */
bool checkin_is_leaving(const struct enforcer *e);
/* The steps of it, for those who put something in between: gives back what was there; says what is
 * left to say, in one exchange of at most so many seconds (0 or -errno); forgets the enrolment. */
void checkin_revert(struct enforcer *e);
int checkin_last_words(struct enforcer *e, uint32_t timeout_s);
void checkin_left(struct enforcer *e, bool failed);
/* A round of reconcile ended: what was waiting for it goes on. */
void checkin_after_round(struct enforcer *e, bool compliance_changed);
/* The backends gave back what was there. */
void checkin_reverted(struct enforcer *e, bool failed);

#endif
