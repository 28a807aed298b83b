/* SPDX-License-Identifier: Apache-2.0 */
/* remote_sessions.h - logging out whoever is logged in over a network. Enforcer only. */
#ifndef MDM_PLATFORM_REMOTE_SESSIONS_H
#define MDM_PLATFORM_REMOTE_SESSIONS_H

#include "platform/platform.h"

struct remote_sessions;

/*
 * Orders every session of a person that logind calls remote to end, once; nobody is told how it
 * went. Without a login service they stay until they log out. *slot: NULL, or an earlier order,
 * which this one replaces; emptied when the order was given.
 */
void remote_sessions_end(struct platform *platform, struct remote_sessions **slot);
/* NULL is fine. */
void remote_sessions_free(struct remote_sessions *remote);

#endif
