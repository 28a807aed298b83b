/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password_known.h - what the enforcer knows of the passwords in use; the backend "password" makes
 * observations of it. Plain data, lent by the enforcer, which keeps it up to date.
 */
#ifndef MDM_PLATFORM_PASSWORD_KNOWN_H
#define MDM_PLATFORM_PASSWORD_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/digest.h"
#include "agent/util/limits.h"

struct password_known {
	char user[LIMIT_USER_BYTES + 1];
	uint8_t hash_sha256[SHA256_BYTES]; /* of the shadow field this is about; another: unknown */
	bool judged;			   /* by the rules in force now */
	uint32_t broken;		   /* bits of enum password_rule, where judged */
	bool temporary;			   /* set by the organisation; its user has to change it */
	uint32_t n_failed;		   /* wrong attempts in a row */
	bool locked_out;
};

struct passwords_known {
	struct password_known known[LIMIT_ACCOUNTS];
	size_t n_known;
	bool serving; /* the socket of pam_mdm.so is open */
	/* Why wrong passwords lock out where the policy wants more; NULL: what it wants follows. */
	const char *maximum_gap;
	uint32_t at_maximum; /* what follows: enum password_at_maximum */
};

#endif
