/* SPDX-License-Identifier: Apache-2.0 */
/* checkin.h - talking to the server: enrolment, check-ins, unenrolment. Enforcer only. */
#ifndef MDM_ENFORCER_CHECKIN_H
#define MDM_ENFORCER_CHECKIN_H

#include "agent/enforcer/enforcer.h"

/* Arms the timer for the next check-in as pacing says. */
void checkin_schedule(struct enforcer *e);
/* Looks at the phone once more and then checks in, if no exchange is under way. */
void checkin_begin(struct enforcer *e);
/* Starts enrolling with the ticket. 0; -EBUSY; -EALREADY; -errno. The end goes to local_enrolled().
 */
int checkin_enrol(struct enforcer *e, const struct ticket *ticket);
/* Reverts, forgets, and tells local_unenrolled(). 0; -ENOENT: not enrolled. */
int checkin_unenrol(struct enforcer *e);
/* Between checkin_unenrol() and its end, when nothing may start an exchange any more. */
bool checkin_is_leaving(const struct enforcer *e);
/* A round of reconcile ended: what was waiting for it goes on. */
void checkin_after_round(struct enforcer *e, bool compliance_changed);
/* The backends gave back what was there. */
void checkin_reverted(struct enforcer *e, bool failed);

#endif
