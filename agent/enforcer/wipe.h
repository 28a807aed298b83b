/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wipe.h - destroying what is on this phone: by the command "wipe", or because a policy that two
 * administrators signed says so after too many wrong passwords.
 *
 *	looked at	what there is; mdm-agent-wipe says what of it can be destroyed. Until here
 *			it can be refused, and nothing has changed.
 *	last words	nobody can log in any more, sessions are ended; the server is told that it
 *			begins and what is destroyed, for two seconds at most
 *	stored		the plan, where a power cut does not reach it: the point of no return
 *	running		mdm-agent-wipe, out of everything that is the agent's. What it says of
 *			itself is told as the end of the command: keys gone, or not.
 *
 * A personal phone refuses, whoever signed it. Enforcer only.
 */
#ifndef MDM_ENFORCER_WIPE_H
#define MDM_ENFORCER_WIPE_H

#include "agent/wipe/plan.h"

struct enforcer;

/* By the running command, which ends by what comes of this. */
void wipe_by_command(struct enforcer *e, const char *id, enum wipe_finish finish);
/* What comes of it is in the log and the journal. */
void wipe_by_policy(struct enforcer *e);

/* Whether this phone would obey: it is the organisation's, by the assignment in force. */
bool wipe_is_allowed(const struct enforcer *e);

/* From the first refused login until the end of the system, or of the wipe. */
bool wipe_is_underway(const struct enforcer *e);

/*
 * At the start: one whose plan is stored goes on; what refused logins for one that does not is
 * taken away. True, with its id: one goes on.
 */
bool wipe_go_on(struct enforcer *e);
/* Whether that is the command's; then it ends by it. */
bool wipe_is_of(struct enforcer *e, const char *id);

/* Whether the one of that id was finished, by what it left beside its plan; then with its end. */
struct command_result;
bool wipe_look_back(struct enforcer *e, const char *id, struct command_result *ret_result);

/* An exchange ended. */
void wipe_exchanged(struct enforcer *e, bool answered);

void wipe_free(struct enforcer *e);

#endif
