/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_host.h - the enforcer's side of the guard (agent/guard/): starts it where the policy in
 * force wants it, gives it its table, starts it anew when it falls, ends it when nobody wants it.
 * The guard outlives this process and connects again by itself; nothing here waits for it.
 * Enforcer only.
 */
#ifndef MDM_ENFORCER_GUARD_HOST_H
#define MDM_ENFORCER_GUARD_HOST_H

#include <stdint.h>

#include "agent/enforcer/guard_build.h"

#define GUARD_SERVICE "mdm-agent-guard.service"
#define GUARD_ARRIVAL_S 10  /* from its start until it has to be there */
#define GUARD_GRACE_MS 500  /* for one from before, after the start of the agent */
#define GUARD_SETTLE_MS 500 /* packages change in many files at once */
#define GUARD_PAUSE_MAX_S 300
/* Asked whether it listens where something depends on it, and now and then: an idle phone sleeps.
 */
#define GUARD_ASK_S 1800
#define GUARD_SILENT_S 15 /* a walk over slow mounts takes a while */
#define GUARD_END_S 10	  /* for one that is to end */

struct enforcer;
struct guard_host; /* e->guard */
struct jsonw;

/* Before the backends are made, which it is lent to. 0; -ENOMEM; -errno: its socket cannot be
 * listened on, which is a problem that people see, and the agent goes on without. */
int guard_host_new(struct enforcer *e, struct guard_host **ret_host);
/* Lets go of the guard, which goes on. NULL is fine. */
void guard_host_free(struct guard_host *host);

/* Members of `agentctl status`. */
void guard_host_write(const struct enforcer *e, struct jsonw *w, const char *key);

/* How long to wait before a start, after so many falls in a row; the first one costs no time. */
int64_t guard_pause_us(unsigned int n_falls);

/* --- guard_sources.c: what a table is made of, as this phone has it now. ------------------- */

struct guard_sources;
typedef void (*guard_sources_changed_fn)(void *userdata);
/* changed: packages, Flatpaks or foreign file systems are others. 0 or -errno. */
int guard_sources_new(struct enforcer *e, guard_sources_changed_fn changed, void *userdata,
	struct guard_sources **ret_sources);
void guard_sources_free(struct guard_sources *sources);
/* Judges all that is there by the policy. 0 or -errno. */
int guard_sources_build(struct guard_sources *sources, struct guard_build **ret_build);
/* What the launcher calls it; "" if it is not known. Valid until the next turn of the loop. */
const char *guard_sources_title(const struct guard_sources *sources, const char *owner);

#endif
