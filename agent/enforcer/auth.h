/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.h - attempts at passwords: whether one is allowed now, whether it was right, how often it
 * was not. Serves pam_mdm.so on a socket of its own.
 *
 * Nobody's claim counts. An attempt is recorded as failed, durably, before it is allowed; the
 * password itself goes through a pipe to the role verify, a process without privileges that
 * compares it with the hash of shadow(5) and the rules, says yes or no in bits, and ends. Only its
 * yes takes the attempt back. So a power cut, a killed process or a silent one leave a wrong
 * attempt more, never one less; and whoever wants to raise the count has to guess. What our own
 * processes leave behind does not lock anybody out, though: see auth_attempts.h. Enforcer only.
 */
#ifndef MDM_ENFORCER_AUTH_H
#define MDM_ENFORCER_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/ipc/message.h"
#include "platform/password_known.h"

struct enforcer;
struct auth; /* e->auth; NULL where it could not be made */

/*
 * Reads the state files "attempts" and "passwords", binds the socket and serves. After documents
 * were loaded. 0; -errno: authentication on the phone goes on as if the agent were not there;
 * ret_auth is set all the same, unless it is -ENOMEM.
 */
int auth_new(struct enforcer *e, const char *socket_path, struct auth **ret_auth);
void auth_free(struct auth *auth); /* NULL is fine */

/* The effective policy is another one, or /etc/shadow changed: before a round looks at the phone.
 */
void auth_refresh(struct enforcer *e);

/* Lent to struct platform. */
const struct passwords_known *auth_known(const struct auth *auth);

/* Attempts of every account count from zero again (verb unlock-attempts). 0 or -errno. */
int auth_reset(struct enforcer *e, const char *cause);
/* The password with this shadow field was set by the organisation; until it is another one it is
 * temporary. 0 or -errno. */
int auth_set_temporary(struct enforcer *e, const char *user, const char *hash);

/*
 * An unlock code, typed into agentctl by whoever: as an attempt in a locked out phone. Answers
 * AUTH_UNLOCKED, AUTH_WRONG_CODE (with the seconds to wait), AUTH_WAIT, AUTH_LOCKED_OUT:
 * there are no codes, or AUTH_GO: nothing is locked.
 */
enum auth_verdict auth_unlock(struct enforcer *e, const char *code, uint32_t *ret_wait_s);

/* The enrolment ends: counters, history and verdicts go. */
void auth_forget(struct enforcer *e);

struct jsonw;
/* For CTL_STATUS: accounts with attempts, waits, what their passwords break. */
void auth_write_status(const struct enforcer *e, struct jsonw *w, const char *key);

#endif
