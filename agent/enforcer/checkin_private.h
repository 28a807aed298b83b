/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkin_private.h - what the files about exchanges with the server share: checkin.c, enrolment.c,
 * renewal.c, wake.c. Enforcer only.
 */
#ifndef MDM_ENFORCER_CHECKIN_PRIVATE_H
#define MDM_ENFORCER_CHECKIN_PRIVATE_H

#include "agent/enforcer/enforcer.h"

#define CHECKIN_IDENTITY_DIR "net" /* in the state directory */

/* For spreading load, nothing else; 0 if there is no randomness. */
uint64_t checkin_random(void);

/* The directory of the role's key, owned by its user. fd; -ENOKEY: no such user; -errno. */
int checkin_identity_dir(struct enforcer *e);

/* A date of the server, authenticated by a certificate that is valid until until_s; 0: none. */
void checkin_note_time(struct enforcer *e, int64_t date_s, int64_t until_s);

/* How agentctl calls a failure of the net role. */
enum ctl_code checkin_failure_code(const struct msg_net_failed *failed);

/* What the sandbox of the role could and could not do. */
void checkin_note_facts(struct enforcer *e, const struct exchange_result *result);

#endif
