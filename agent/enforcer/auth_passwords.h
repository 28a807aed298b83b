/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_passwords.h - what is remembered of each account's passwords: which one is in use (by the
 * digest of its shadow field), what was found when it was last seen, whether the organisation set
 * it, and the hashes of earlier ones. State file "passwords". No password, only hashes; those only
 * as many as the policy compares with. Decides nothing about attempts.
 */
#ifndef MDM_ENFORCER_AUTH_PASSWORDS_H
#define MDM_ENFORCER_AUTH_PASSWORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buf.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"

#define AUTH_PASSWORDS_FILE "passwords"

struct auth_password {
	char user[LIMIT_USER_BYTES + 1];
	uint8_t field[SHA256_BYTES]; /* of the shadow field seen last */
	char *hash;		     /* that field, as long as a history is wanted; or NULL */
	bool judged;
	uint8_t rules[SHA256_BYTES]; /* the rules that the verdict is about */
	uint32_t broken;
	bool temporary;			       /* this field was set by the organisation */
	char *history[LIMIT_PASSWORD_HISTORY]; /* the newest first; owned */
	size_t n_history;
};

struct auth_passwords {
	struct auth_password rows[LIMIT_ACCOUNTS];
	size_t n_rows;
};

void auth_passwords_done(struct auth_passwords *passwords);

struct auth_password *auth_passwords_find(struct auth_passwords *passwords, const char *user);
/*
 * The account has this field now. n_history: how many earlier ones are to be kept.
 * AUTH_PASSWORD_CHANGED: it had another one; AUTH_PASSWORD_KEPT: something else is to be stored; 0:
 * nothing is different; -errno.
 */
enum {
	AUTH_PASSWORD_KEPT = 1,
	AUTH_PASSWORD_CHANGED,
};
int auth_passwords_see(
	struct auth_passwords *passwords, const char *user, const char *hash, uint32_t n_history);
/* Those whom keep() does not want are forgotten. True: some were. */
bool auth_passwords_keep(struct auth_passwords *passwords,
	bool (*keep)(const char *user, void *userdata), void *userdata);

/* The text of the state file. 0, -EBADMSG, -ENOMEM, -EIO. */
int auth_passwords_parse(const char *text, size_t n_bytes, struct auth_passwords *ret_passwords);
int auth_passwords_write(const struct auth_passwords *passwords, struct buf *out);

#endif
