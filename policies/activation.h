/* SPDX-License-Identifier: Apache-2.0 */
/*
 * activation.h - which profiles with a condition apply, when that changes and why, and which of
 * their actions are due. Pure: facts come in, changes go out; the enforcer writes them down and
 * does what is due.
 *
 * Settings follow the condition alone (effective.h). Actions follow activations: one begins when
 * the condition comes true and ends when it is false; while it is unknown, nothing begins and
 * nothing ends. What is due at the beginning is due once, until it is marked or the activation
 * ends, over restarts if the enforcer keeps activation_export().
 */
#ifndef MDM_POLICIES_ACTIVATION_H
#define MDM_POLICIES_ACTIVATION_H

#include "policies/policy.h"

struct activation_entry {
	char stream[LIMIT_NAME_BYTES + 1], id[LIMIT_NAME_BYTES + 1];
	enum truth truth;    /* when it was looked at last */
	bool active;	     /* true since, and not false in between */
	unsigned int due;    /* bits of enum action_kind */
	uint64_t when_print; /* of its condition, whose leaves these are; 0: not looked at yet */
	uint8_t leaves[LIMIT_WHEN_NODES]; /* enum truth */
};

struct activation {
	struct activation_entry *entries; /* owned; sorted by stream and id, distinct */
	size_t n_entries;
};

#define ACTIVATION_INIT                                                                            \
	(struct activation)                                                                        \
	{                                                                                          \
		0                                                                                  \
	}
void activation_done(struct activation *a);

enum activation_cause {
	ACTIVATION_CONDITION, /* a fact changed: the leaves that did are in text */
	ACTIVATION_POLICY,    /* the profile or its condition came, changed or went */
	ACTIVATION_START,     /* it changed while nobody looked: the agent was not running */
	ACTIVATION_CAUSE_MAX,
};
const char *activation_cause_name(enum activation_cause cause); /* "condition" */

/* A profile that began or ceased to apply: either before or after is TRUTH_TRUE. */
struct activation_change {
	const char *stream, *id; /* borrowed, as long as the visit */
	enum truth before, after;
	enum activation_cause cause;
	const char *kind; /* ACTIVATION_CONDITION: of the first leaf that changed, "place"; "" */
	/* "outside office and no longer charging"; for people, "" where there is nothing to say. */
	const char *text;
};

/*
 * Looks at all policies with these facts. Each change is visited, in the order of streams and ids.
 * 0; -ENOMEM: nothing was visited, nothing has changed.
 */
int activation_update(struct activation *a, struct policy *const *policies, size_t n_policies,
	const struct when_facts *facts,
	void (*visit)(void *userdata, const struct activation_change *change), void *userdata);

/*
 * The same where what was kept is lost: whatever is true now, or unknown, counts as begun before,
 * so that nothing is done a second time. No visits. 0 or -ENOMEM.
 */
int activation_adopt(struct activation *a, struct policy *const *policies, size_t n_policies,
	const struct when_facts *facts);

struct activation_due {
	const struct policy *policy; /* borrowed from the policies */
	const struct profile *profile;
	const struct action *action;
};

/* The first action that is due, in the order of streams, ids and the profile's own; actions of one
 * profile one after the other. False: none is. */
bool activation_next(const struct activation *a, struct policy *const *policies, size_t n_policies,
	struct activation_due *ret_due);
/* It is done, or will never be: it is not due any more in this activation. To be kept before what
 * must not happen twice is begun. */
void activation_mark(struct activation *a, const struct activation_due *due);

/* What is to be kept: one line for each profile. */
void activation_export(const struct activation *a, struct buf *out);
/* Takes one line, without its end, into what was empty. 0; -EBADMSG: it is none, or its profile is
 * there already; -E2BIG: more profiles than a phone can have; -ENOMEM. */
int activation_import(struct activation *a, const char *line);

#endif
