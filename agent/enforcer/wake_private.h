/* SPDX-License-Identifier: Apache-2.0 */
/* wake_private.h - what wake.c and its transports share; see wake.h. Enforcer only. */
#ifndef MDM_ENFORCER_WAKE_PRIVATE_H
#define MDM_ENFORCER_WAKE_PRIVATE_H

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/waiting.h"
#include "agent/enforcer/wake.h"
#include "policies/checkin_merge.h"

/* wake_push.c */
struct wake_push {
	bool wanted;
	struct session_watch *watch; /* who is in front of the screen */
	uint32_t uid, gid;	     /* 0: nobody */
	pid_t pid;		     /* of the program in that user's session; 0: none */
	int channel_fd;
	bool ending; /* it gives the registration back */
	enum push_state state;
	char endpoint[LIMIT_URL_BYTES + 1]; /* "": none */
	int64_t started_us;
	uint32_t failures; /* in a row */
	int64_t talk_us;   /* beginning of the minute in which it said n_talk things */
	unsigned int n_talk;
	uint64_t n_woken;
	sd_event_source *channel_source, *child_source, *end_source, *pause;
};
void wake_push_init(struct wake_push *push);

struct wake {
	struct enforcer *e;
	struct checkin_rules rules; /* as of the last update */
	sd_event_source *timer;	    /* the next wait, or a condition that time alone may change */

	/* wake_longpoll.c */
	struct waiting waiting;
	struct exchange *exchange; /* the net role that waits; NULL: none */

	struct wake_push push;
};

void wake_push_done(struct wake *wake);

extern const struct wake_transport wake_longpoll, wake_push;

/* A transport has news: a check-in, as the tokens allow. */
void wake_news(struct wake *wake);

#endif
