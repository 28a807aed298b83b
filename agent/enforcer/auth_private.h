/* SPDX-License-Identifier: Apache-2.0 */
/* auth_private.h - what the files of auth.h share; nobody else includes it. Enforcer only. */
#ifndef MDM_ENFORCER_AUTH_PRIVATE_H
#define MDM_ENFORCER_AUTH_PRIVATE_H

#include "agent/enforcer/auth.h"
#include "agent/enforcer/auth_accounts.h"
#include "agent/enforcer/auth_attempts.h"
#include "agent/enforcer/auth_passwords.h"
#include "agent/enforcer/auth_socket.h"
#include "agent/enforcer/auth_store.h"
#include "agent/enforcer/auth_verify.h"
#include "agent/enforcer/enforcer.h"

/* The one verification of an account that may be under way. */
struct auth_slot {
	struct auth *auth;
	char user[LIMIT_USER_BYTES + 1];
	struct auth_verify *verify; /* NULL: none */
	enum message_type type;
	bool is_remote;		     /* somebody on the network: never the last attempt */
	bool is_code;		     /* an attempt of a locked out phone: a code, no password */
	int answer_fd;		     /* whoever waits for the answer; -1: was answered before */
	uint8_t field[SHA256_BYTES]; /* of the shadow field that it is compared with */
	int64_t code_before_us;
};

struct auth {
	struct enforcer *e;
	struct auth_socket *socket; /* NULL: nobody can ask */
	struct auth_accounts accounts;
	struct auth_store store;
	struct attempts attempts;
	struct auth_passwords passwords;
	struct passwords_known known;
	struct auth_slot slots[LIMIT_ACCOUNTS];

	/* Of the effective policy. */
	bool active; /* it has a setting about passwords */
	struct password_rules rules;
	uint8_t rules_digest[SHA256_BYTES];
	struct password_limits limits;

	/* For the journal. */
	char missed_path[128];
	uint64_t n_missed_root, n_missed_users; /* not journalled yet */
	int64_t missed_users_us; /* when hints of users were journalled last; 0: never */
	int64_t failed_told_us;
};

/* --- auth.c */

/* A changed password is known before somebody types it. */
void auth_look(struct auth *auth);
/* What compliance sees is brought up to date; a round looks at it if it differs. */
void auth_publish(struct auth *auth);
/* Counts are stored; a disk that does not take them is a problem that is shown. */
int auth_store_counts(struct auth *auth);
void auth_store_passwords(struct auth *auth);
struct attempts_subject auth_subject(const struct auth *auth, const struct account *account);
/* An account whose every count ended for this reason. */
void auth_unlocked(struct auth *auth, const char *cause);

/* --- auth_decide.c: requests and verifications */

enum auth_next auth_decide(const struct auth_question *question, int fd,
	struct msg_auth_answer *ret_answer, void *userdata);
/* Verifications are ended, and forgotten. */
void auth_slots_stop(struct auth *auth);

/* --- auth_journal.c */

void auth_journal_failed(struct auth *auth, const char *user, uint32_t n_failed);
/* Why wrong passwords lock out, though the policy wants more to follow; NULL: it would follow. */
const char *auth_maximum_gap(const struct auth *auth);
void auth_journal_locked_out(struct auth *auth, const char *user, uint32_t n_failed);
void auth_journal_unlocked(struct auth *auth, const char *cause);
void auth_journal_changed(struct auth *auth, const char *user);
void auth_journal_damaged(struct auth *auth, const char *file);
/* Authentications passed while nobody answered: a hint of a module, or root's file. */
void auth_note_missed(struct auth *auth, uint32_t n_missed, bool is_root);
void auth_read_missed(struct auth *auth);

#endif
