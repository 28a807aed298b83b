/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upkeep.h - what the server does by itself from time to time: removing what is older than it has
 * to be kept. In small steps with pauses, so that no phone waits for it. mdm-server only.
 */
#ifndef MDM_SERVER_UPKEEP_H
#define MDM_SERVER_UPKEEP_H

struct server;
struct upkeep;

/* Begins at once, then hourly, by the settings in force at the time. 0 or -errno. */
int upkeep_new(struct server *server, struct upkeep **ret_upkeep);
/* Does a round now: the settings changed. */
void upkeep_hurry(struct upkeep *upkeep);
void upkeep_free(struct upkeep *upkeep);

#endif
