/* SPDX-License-Identifier: Apache-2.0 */
/* local_private.h - between local.c and local_escrow.c. Enforcer. */
#ifndef MDM_ENFORCER_LOCAL_PRIVATE_H
#define MDM_ENFORCER_LOCAL_PRIVATE_H

#include <systemd/sd-event.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/local.h"

struct local_client {
	struct local *local;
	int fd; /* -1: free place */
	sd_event_source *source, *deadline;
	uid_t uid;
	bool may_act;
	enum message_type waits_for; /* CTL_ENROL, CTL_SYNC, CTL_UNENROL, CTL_ESCROW; 0: nothing */
	uint64_t waits_until;	     /* CTL_SYNC: the end of the check-in of this number */
};

struct local {
	struct enforcer *e;
	int fd;
	sd_event_source *source;
	struct local_client clients[LIMIT_LOCAL_CLIENTS];
	char path[108];
	uint64_t n_exchanges;	    /* check-ins that have ended */
	enum ctl_code settled_code; /* answer for those who wait until the round has ended */
	char settled_message[2 * LIMIT_TEXT_BYTES + 1];
	bool settling;
};

/* json NULL: the message says it all. */
void local_answer(
	struct local_client *c, enum ctl_code code, const char *message, const struct buf *json);
/* Everybody who waits for this; they are dropped. */
void local_answer_all(struct local *local, enum message_type type, enum ctl_code code,
	const char *message, const struct buf *json);

/* local_escrow.c */
void local_escrow(struct local_client *c, const struct msg_ctl_escrow *request);

#endif
