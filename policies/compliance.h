/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compliance.h - what was observed, compared with what is wanted. Only what the phone saw counts.
 */
#ifndef MDM_POLICIES_COMPLIANCE_H
#define MDM_POLICIES_COMPLIANCE_H

#include "policies/effective.h"

enum compliance_state {
	COMPLIANCE_COMPLIANT,
	COMPLIANCE_NONCOMPLIANT,
	COMPLIANCE_PENDING,	/* applied, not yet seen in force (a session must restart, say) */
	COMPLIANCE_UNSUPPORTED, /* this phone has no mechanism for it */
	COMPLIANCE_ERROR,	/* looking or applying failed */
	COMPLIANCE_UNKNOWN,	/* not looked yet */
	COMPLIANCE_STATE_MAX,
};
const char *compliance_state_name(enum compliance_state state);

/* Closed list of reason codes; the string goes into reports and is documented in docs/protocol.md.
 */
enum compliance_reason {
	REASON_NONE,	     /* "ok" */
	REASON_WEAKER,	     /* "weaker": the value in force is weaker than the policy */
	REASON_NOT_ENFORCED, /* "not_enforced": the value is right but the user can change it */
	REASON_NO_MECHANISM, /* "no_mechanism" */
	REASON_NO_LOCKER, /* "no_locker": this user interface has no authenticating lock screen */
	REASON_OBSERVE_FAILED, /* "observe_failed" */
	REASON_APPLY_FAILED,   /* "apply_failed" */
	REASON_NOT_OBSERVED,   /* "not_observed" */
	REASON_NEEDS_SESSION,  /* "needs_session_restart" */
	REASON_PLAIN_STORAGE,  /* "plain_storage": a leaf device holds readable data */
	REASON_ENCRYPTED,      /* "encrypted" */
	REASON_MEMORY,	       /* "memory": lives in RAM only */
	REASON_REMOTE,	       /* "remote": not storage of this phone */
	REASON_BOOT_EXEMPT, /* "boot_exempt": /boot and the EFI partition must be readable to boot
			     */
	REASON_VERIFIED_READONLY,  /* "verified_readonly": dm-verity, public contents */
	REASON_UNTRACEABLE,	   /* "untraceable": the devices below could not be followed */
	REASON_UNKNOWN_SETTING,	   /* "unknown_setting": newer policy, older agent */
	REASON_PASSWORD_WEAK,	   /* "password_weak": the password in use breaks the rule */
	REASON_PASSWORD_UNSEEN,	   /* "password_unseen": known at the next unlock */
	REASON_PASSWORD_EMPTY,	   /* "password_empty": somebody gets in without one */
	REASON_PASSWORD_OLD,	   /* "password_old": a change is overdue */
	REASON_PASSWORD_TEMPORARY, /* "password_temporary": set by the organisation */
	REASON_PASSWORD_HASH,	   /* "password_hash": hashed by a weaker method */
	REASON_AUTOLOGIN,	   /* "autologin": somebody is logged in without being asked */
	REASON_ESCROW_MISSING,	   /* "escrow_missing": a volume without a recovery key */
	REASON_ESCROW_UNTOLD,	   /* "escrow_untold": the server does not have it yet */
	REASON_ESCROW_SEEN,	   /* "escrow_seen": somebody has seen it */
	REASON_ESCROW_OLD,	   /* "escrow_old": it has to be exchanged for a new one */
	REASON_ESCROW_OTHER_KEY,   /* "escrow_other_key": sealed to others than the policy's */
	REASON_ESCROW_BROKEN,	   /* "escrow_broken": it no longer opens its volume */
	REASON_EMPTY_PASSPHRASE,   /* "empty_passphrase": LUKS that anybody opens */
	REASON_STACK_INVALID,  /* "stack_invalid": the PAM stack with the module failed its trial */
	REASON_APP_PRESENT,    /* "app_present" */
	REASON_APP_MISSING,    /* "app_missing" */
	REASON_APP_PROTECTED,  /* "app_protected" */
	REASON_APP_UNKNOWN,    /* "app_unknown" */
	REASON_APP_CONFLICT,   /* "app_conflict" */
	REASON_APP_VERSION,    /* "app_version" */
	REASON_APP_FAILED,     /* "app_failed" */
	REASON_NO_NETWORK,     /* "no_network" */
	REASON_UNTRUSTED,      /* "untrusted" */
	REASON_DISK_FULL,      /* "disk_full" */
	REASON_BUSY,	       /* "busy" */
	REASON_FOREIGN_SOURCE, /* "foreign_source" */
	REASON_USER_PROGRAM,   /* "user_program" */
	REASON_UPDATE_DUE,     /* "update_due" */
	REASON_EXEC_MOUNT,     /* "exec_mount" */
	REASON_READ_ONLY_SYSTEM, /* "read_only_system" */
	REASON_GUARD_ABSENT,	 /* "guard_absent" */
	REASON_GUARD_DOWN,	 /* "guard_down" */
	REASON_UNDER_WAY,	 /* "under_way" */
	REASON_IN_USE,		 /* "in_use" */
	COMPLIANCE_REASON_MAX,
};
const char *compliance_reason_name(enum compliance_reason reason);
/* One sentence for people and for docs/policy-reference.md. */
const char *compliance_state_help(enum compliance_state state);
const char *compliance_reason_help(enum compliance_reason reason);

/* Part of one observation: one mount, say. */
struct observed_item {
	char name[LIMIT_TEXT_BYTES + 1]; /* "/home" */
	enum compliance_state state;
	enum compliance_reason reason;
	char detail[LIMIT_TEXT_BYTES + 1]; /* "plain: mmcblk0p3", "LUKS2: dm-0 on mmcblk0p2" */
};

/* A backend's word on one setting. Zero-initialised it means "nothing seen". */
struct observation {
	enum compliance_state
		state; /* COMPLIANT: value is what is in force; else why there is no value */
	enum compliance_reason reason;
	bool has_value;
	struct value value;
	bool enforced; /* the user cannot change it */
	char detail[LIMIT_TEXT_BYTES + 1];
	struct observed_item *items; /* owned */
	size_t n_items;
};
void observation_done(struct observation *observation);
/* Takes items over, of which n_items are used; the memory of the others is given back. */
void observation_keep_items(
	struct observation *observation, struct observed_item *items, size_t n_items);
/* Frees what is there and takes the members of from, which is emptied. */
void observation_move(struct observation *to, struct observation *from);

struct compliance_result {
	bool present; /* always, but for what compliance_result() answers of an absent one */
	enum compliance_state state;
	enum compliance_reason reason;
	struct value desired;
	bool has_observed;
	struct value observed;
	char backend[32]; /* which backend decided the state */
	char detail[LIMIT_TEXT_BYTES + 1];
	struct observed_item *items;
	size_t n_items;
	int64_t since_s; /* Unix time of the last change of state */
};

struct compliance {
	struct compliance_result *results[SETTING_MAX]; /* owned; NULL: no policy sets it */
	size_t n_unsupported;				/* unknown settings in the policies */
	/*
	 * The worst: error, noncompliant, pending, unknown, compliant. Unsupported only if nothing
	 * but unsupported settings is there; compliant if there is no setting at all.
	 */
	enum compliance_state overall;
	enum compliance_state area[AREA_MAX];
};

struct compliance_input {
	const char *backend;
	struct observation *const
		*observations; /* SETTING_MAX of them; NULL: it does not serve it */
};

/*
 * Evaluates one effective policy against what all backends saw. Where several backends serve one
 * setting the worst of the supporting ones counts. A backend that says nothing about a setting
 * (zero-initialised) does not count; if none says anything the setting is "unknown". A value that
 * demands nothing (encryption not required) is compliant whatever was seen. previous (may be NULL)
 * gives the since times. 0 or -ENOMEM; compliance_done() after success.
 */
int compliance_evaluate(const struct effective *effective, const struct compliance_input *inputs,
	size_t n_inputs, const struct compliance *previous, int64_t now_s,
	struct compliance *ret_compliance);
void compliance_done(struct compliance *compliance);

/* The result of one setting, never NULL: one that is not present where no policy sets it. */
const struct compliance_result *compliance_result(
	const struct compliance *compliance, enum setting_id id);

/* Whether state, reason, values and items are the same (since does not count). */
bool compliance_equal(const struct compliance *a, const struct compliance *b);

/* Object {"state":…,
 * "settings":[{area,setting,state,reason,desired,observed,backend,detail,since,items}],
 * "unsupported":[…]} */
struct jsonw;
void compliance_write(const struct compliance *compliance, struct policy *const *policies,
	size_t n_policies, struct jsonw *w, const char *key);

#endif
