/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile.h - desired state against the phone: conditions -> effective policy -> observe ->
 * apply -> observe. The only part that knows both policies/ (pure decisions) and platform/
 * (effects). Asynchronous: one round at a time, requests during a round start another one.
 */
#ifndef MDM_ENFORCER_RECONCILE_H
#define MDM_ENFORCER_RECONCILE_H

#include <systemd/sd-event.h>

#include "agent/enforcer/documents.h"
#include "agent/enforcer/escalation.h"
#include "platform/device.h"
#include "platform/platform.h"

#define RECONCILE_BACKENDS_MAX 32

enum reconcile_state {
	RECONCILE_IDLE,
	RECONCILE_OBSERVING, /* before applying */
	RECONCILE_APPLYING,
	RECONCILE_CHECKING,  /* observing again */
	RECONCILE_REVERTING, /* unenrolment */
	RECONCILE_STATE_MAX,
};
const char *reconcile_state_name(enum reconcile_state state);

enum reconcile_operation {
	RECONCILE_OBSERVE,
	RECONCILE_APPLY, /* and revert */
	RECONCILE_WATCH,
	RECONCILE_OPERATION_MAX,
};

struct reconcile_backend {
	struct backend *backend;
	struct backend_fact fact;
	bool busy;    /* an operation is under way */
	bool touched; /* its watch fired since its last apply */
	bool needs_apply;
	/* What went wrong last at each operation; "" if it went well. */
	char failures[RECONCILE_OPERATION_MAX][LIMIT_TEXT_BYTES + 1];
};

struct reconcile {
	sd_event *event;
	struct platform *platform;
	struct documents *documents; /* also leads to journal and state */
	const struct device *device; /* borrowed; NULL: nothing is known of it */

	enum reconcile_state current;
	bool held;	     /* no round begins; see reconcile_hold() */
	bool again;	     /* asked for during a round, or while held */
	bool revert_wanted;  /* likewise */
	bool policy_changed; /* since the last round began */
	struct reconcile_backend backends[RECONCILE_BACKENDS_MAX];
	size_t n_backends;

	struct effective effective;
	bool has_effective;
	struct compliance compliance;
	bool has_compliance;
	bool drifted[SETTING_MAX]; /* detected in this round, not yet repaired */

	struct escalation escalation;
	int64_t recent_us[16]; /* starts of the last rounds that outside changes caused */
	size_t n_recent;

	sd_event_source *debounce, *timer, *clock_source, *defer;
	int clock_fd;

	/* Adds to what conditions see what others know. May be NULL, like the others. */
	void (*look)(const struct reconcile *r, struct when_facts *facts, void *userdata);
	/* Called when the conditions were judged by these facts; effective says what is wanted. */
	void (*judged)(struct reconcile *r, const struct when_facts *facts, void *userdata);
	/* Called before a round looks at the phone. */
	void (*begin)(struct reconcile *r, void *userdata);
	/* Called when a round ended and no other follows; changed: compliance differs since the
	 * last call. */
	void (*done)(struct reconcile *r, bool changed, void *userdata);
	/* Called at the end of reconcile_revert(). */
	void (*reverted)(struct reconcile *r, bool failed, void *userdata);
	void *userdata;
	bool changed;
};

/*
 * Makes the backends, probes them and starts watching. All pointers are borrowed. constructors:
 * the array of platform/backends.c, or a test's own.
 */
int reconcile_init(struct reconcile *r, sd_event *event, struct platform *platform,
	struct documents *documents, const backend_new_fn *constructors, size_t n_constructors);
void reconcile_done(struct reconcile *r);

/* Starts a round now (or another one after the one under way). */
void reconcile_request(struct reconcile *r, bool policy_changed);

/*
 * Between reconcile_init() and the first round: it waits until reconcile_release(), because what
 * conditions depend on has not been told yet. What was in force before stays meanwhile.
 */
void reconcile_hold(struct reconcile *r);
void reconcile_release(struct reconcile *r); /* not held is fine */

/* Gives every backend back what was there; r->reverted is called at the end. */
void reconcile_revert(struct reconcile *r);

/* What conditions see now. clock_known: whether the wall clock is plausible. */
void reconcile_facts(const struct reconcile *r, struct when_facts *ret_facts);
/*
 * What is told of where the phone is, and whether its user's switch counts, the enforcer itself
 * sees to at every look and every report: it is so as soon as it is wanted. Returns what the
 * pointers of ret_seen lead to, the caller's to free; NULL: no memory.
 */
struct observation *reconcile_own(
	const struct effective *effective, struct observation *ret_seen[SETTING_MAX]);

/* A mechanism that is not here says so for every setting it would serve. */
void reconcile_absent(const struct reconcile_backend *rb);

/* The failure to tell people about, "" if there is none. */
const char *reconcile_failure(const struct reconcile_backend *rb);

/* Adds the running time of non-compliance to the state's facts (before they are saved). */
void reconcile_export_timers(struct reconcile *r);

#endif
