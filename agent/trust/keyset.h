/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyset.h - the organisation's keys, their roles and how many signatures each role needs
 * (after the root metadata of The Update Framework, section 4.3).
 */
#ifndef MDM_TRUST_KEYSET_H
#define MDM_TRUST_KEYSET_H

#include <stdint.h>

#include "agent/trust/key.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"

enum trust_role {
	TRUST_ROLE_KEYSET,
	TRUST_ROLE_POLICY, /* policies and assignments */
	TRUST_ROLE_COMMAND,
	TRUST_ROLE_DESTROY, /* wipe, crypto-lock, and policies that may do so by themselves */
	TRUST_ROLE_MAX,
};
const char *trust_role_name(enum trust_role role);

struct keyset_key {
	struct key key;
	uint32_t roles; /* bit per enum trust_role */
	char name[LIMIT_NAME_BYTES + 1];
};

struct keyset {
	char org[33];			     /* organisation id: 32 hexadecimal digits */
	char org_name[LIMIT_TEXT_BYTES + 1]; /* for people */
	int64_t version;		     /* 1.. */
	int64_t issued_s, expires_s;	     /* Unix time */
	uint32_t threshold[TRUST_ROLE_MAX];
	/* CA keys that phones shall trust from now on instead of the ticket's; 0: the ticket's. */
	uint8_t ca_pins[LIMIT_TICKET_PINS][SHA256_BYTES];
	size_t n_ca_pins;
	struct keyset_key keys[LIMIT_KEYSET_KEYS];
	size_t n_keys;
};

/*
 * Payload -> keyset. Refuses duplicate keys, a kid that is not the thumbprint, a threshold that
 * its role's keys cannot reach, unknown roles. 0; -EBADMSG with error; -ENOMEM.
 * keyset_free() by the caller. The caller has verified the bytes before.
 */
int keyset_parse(
	const char *payload, size_t n_bytes, struct keyset **ret_keyset, struct json_error *error);
/* The two halves of it: members and their types; what they mean together. */
int keyset_from_json(
	struct json_object *payload, struct keyset **ret_keyset, struct json_error *error);
int keyset_check(const struct keyset *keyset, struct json_error *error);
void keyset_free(struct keyset *keyset);
DEFINE_CLEANUP(struct keyset *, keyset_free)

const struct keyset_key *keyset_find(const struct keyset *keyset, const char *kid);

#endif
