/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - a verified policy payload as an immutable struct.
 *
 * Known areas and settings are checked completely (a malformed one refuses the document); unknown
 * areas, settings, conditions and top-level members are kept as names and reported "unsupported".
 */
#ifndef MDM_POLICIES_POLICY_H
#define MDM_POLICIES_POLICY_H

#include "agent/util/limits.h"
#include "policies/action.h"
#include "policies/place.h"
#include "policies/settings.h"
#include "policies/when.h"

#define POLICY_SERIAL_MAX INT64_C(9007199254740991) /* 2^53-1: exact in every JSON reader */

#define POLICY_INTERVAL_MIN_S 300
#define POLICY_INTERVAL_MAX_S LIMIT_INTERVAL_MAX_S
#define POLICY_INTERVAL_DEFAULT_S 3600
#define POLICY_METERED_FACTOR 4 /* default of metered_interval, in intervals */

struct policy_checkin {
	int64_t interval_s;	    /* 300..604800, default 3600 */
	int64_t jitter_s;	    /* 0..interval/2, default interval/10 */
	int64_t metered_interval_s; /* interval..604800, default 4 * interval, at most 604800 */
	bool push;		    /* may use a push service of the user's (default false) */
	bool wake_device;	    /* may wake a sleeping phone (default false) */
	bool forbids_push;	    /* says "push": false, which a "true" elsewhere cannot undo */
};
#define POLICY_CHECKIN_DEFAULT                                                                     \
	(struct policy_checkin)                                                                    \
	{                                                                                          \
		POLICY_INTERVAL_DEFAULT_S, POLICY_INTERVAL_DEFAULT_S / 10,                         \
			POLICY_METERED_FACTOR *POLICY_INTERVAL_DEFAULT_S, false, false, false      \
	}

struct profile {
	char id[LIMIT_NAME_BYTES + 1];
	struct when *when; /* NULL: always */
	bool has[SETTING_MAX];
	struct value values[SETTING_MAX];
	struct action *actions; /* owned; what is done once whenever when comes true, in order */
	size_t n_actions;
};

#define POLICY_CERTIFICATES_MAX 4
#define POLICY_CERTIFICATE_BYTES 2048

struct policy_certificate {
	uint8_t der[POLICY_CERTIFICATE_BYTES];
	size_t n_der;
};

struct policy {
	char stream[LIMIT_NAME_BYTES + 1];
	int64_t serial;
	struct policy_checkin checkin;
	bool has_checkin;
	struct when *long_poll; /* checkin.long_poll: when to wait at the server; NULL: never */
	/* "escrow": certificates that secrets of the phone are sealed to, DER. */
	struct policy_certificate *escrow; /* owned */
	size_t n_escrow;
	struct place *places; /* owned; sorted by name, distinct */
	size_t n_places;
	struct profile *profiles; /* sorted by id, which are distinct */
	size_t n_profiles;
	/* "apps", "screen_lock.colour", "when:tide", "member:weather"; at most LIMIT_UNSUPPORTED.
	 */
	char (*unsupported)[2 * LIMIT_NAME_BYTES + 2]; /* owned, distinct */
	size_t n_unsupported;
	size_t n_unsupported_dropped; /* counted, not named */
};

/* payload: the parsed JSON of a verified policy document. 0; -EBADMSG with error; -ENOMEM. */
int policy_parse(struct json_object *payload, struct policy **ret_policy, struct json_error *error);
void policy_free(struct policy *policy);
DEFINE_CLEANUP(struct policy *, policy_free)

/* NULL if it has none of that name. */
const struct place *policy_place(const struct policy *policy, const char *name);

/*
 * What of the policy can destroy by itself, for people: "password.at_maximum", "the action wipe".
 * NULL: nothing. Such a policy takes the signatures of a command that destroys. Conditions play no
 * part: they come true.
 */
const char *policy_destroys(const struct policy *policy);

/* Takes the actions that destroy out of it. How many there were. */
size_t policy_disarm(struct policy *policy);

#endif
