/* SPDX-License-Identifier: Apache-2.0 */
/* wake_private.h - what wake.c and its transports share; see wake.h. Enforcer only. */
#ifndef MDM_ENFORCER_WAKE_PRIVATE_H
#define MDM_ENFORCER_WAKE_PRIVATE_H

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/waiting.h"
#include "agent/enforcer/wake.h"
#include "policies/checkin_merge.h"

struct wake {
	struct enforcer *e;
	struct checkin_rules rules; /* as of the last update */
	sd_event_source *timer;	    /* the next wait, or a condition that time alone may change */

	/* wake_longpoll.c */
	struct waiting waiting;
	struct exchange *exchange; /* the net role that waits; NULL: none */
};

extern const struct wake_transport wake_longpoll;

/* A transport has news: a check-in, as the tokens allow. */
void wake_news(struct wake *wake);

#endif
