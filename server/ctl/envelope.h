/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope.h - payloads as docs/protocol.md section 1 wants them: the members every document has,
 * around what the administrator wrote. Pure: no files, no clock, no keys.
 */
#ifndef MDM_MDMCTL_ENVELOPE_H
#define MDM_MDMCTL_ENVELOPE_H

#include "agent/trust/assignment.h"
#include "agent/trust/document.h"
#include "policies/policy.h"
#include "server/ctl/fault.h"

struct envelope {
	const char *org; /* 32 hexadecimal digits */
	int64_t serial;
	int64_t issued_s, expires_s;
	const char *target; /* stream, device or ticket */
	const char *escrow; /* JSON for that member of a policy without one; NULL: none */
};

/*
 * Policy: the author's members with the envelope in front. The result was parsed again by the
 * phone's own parser. ret_policy (may be NULL) is that, with its unknown settings as warnings.
 */
int envelope_policy(const struct envelope *envelope, const char *text, size_t n_bytes,
	struct buf *out, struct policy **ret_policy, struct fault *fault);

struct envelope_assignment {
	bool for_ticket; /* the target is a ticket, not a device */
	const char *groups[LIMIT_ASSIGNMENT_GROUPS];
	size_t n_groups;
	enum ownership ownership;
	const char *user; /* NULL: none */
};
int envelope_assignment(const struct envelope *envelope,
	const struct envelope_assignment *assignment, struct buf *out, struct fault *fault);

struct envelope_key {
	const char *name;
	const struct key *key;
	uint32_t roles; /* bit per enum trust_role */
};
struct envelope_keyset {
	const char *org_name;
	const struct envelope_key *keys;
	size_t n_keys;
	uint32_t threshold[TRUST_ROLE_MAX];
	const uint8_t (*ca_pins)[SHA256_BYTES]; /* NULL with 0: phones keep their ticket's */
	size_t n_ca_pins;
};
/* The target of the envelope is not used. */
int envelope_keyset(const struct envelope *envelope, const struct envelope_keyset *keyset,
	struct buf *out, struct fault *fault);

#endif
