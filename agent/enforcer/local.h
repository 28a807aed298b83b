/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local.h - the socket that agentctl talks to. Everybody may read, only root and the admin group
 * may act. Requests are fixed-size messages; answers are JSON in a sealed memory file.
 */
#ifndef MDM_ENFORCER_LOCAL_H
#define MDM_ENFORCER_LOCAL_H

#include "agent/ipc/message.h"
#include "agent/util/mem.h"

struct enforcer;
struct local;

/* Binds the socket (replacing a stale one) and starts to accept. 0 or -errno. */
int local_new(struct enforcer *e, const char *path, struct local **ret_local);
void local_free(struct local *local);

/* The exchange that a client waits for has ended; local may be NULL. */
void local_enrolled(struct local *local, enum ctl_code code, const char *message);
void local_synced(struct local *local, bool reached);
void local_unenrolled(struct local *local, bool revert_failed, int error);
/* A round of reconcile ended: clients that wait for the effect of a sync get their answer. */
void local_settled(struct local *local);

#endif
