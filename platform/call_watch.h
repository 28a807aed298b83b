/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_watch.h - whether somebody is calling or being called, as ModemManager says, from the first
 * ring or digit to the end. An emergency call is a call. Reads only. Enforcer only.
 */
#ifndef MDM_PLATFORM_CALL_WATCH_H
#define MDM_PLATFORM_CALL_WATCH_H

#include "platform/bus_peer.h"

#define CALLS_COUNT 32 /* three, and those that are over; more at once are counted as one */
#define CALL_PATH_BYTES 128

enum calls {
	CALLS_NONE,
	CALLS_ON,      /* also where ModemManager is there and does not say */
	CALLS_UNKNOWN, /* it is being asked, which has an end */
	CALLS_STATE_MAX,
};

struct call_watch;

struct call {
	struct call_watch *watch;
	char path[CALL_PATH_BYTES]; /* "": a free place */
	bool on;
	sd_bus_slot *ask;
};

struct call_watch {
	/* Set by its owner: told from the loop when the answer of call_watch_state() changes. */
	void (*changed)(struct call_watch *watch);
	void *userdata;
	struct bus_peer peer;
	sd_bus_slot *list;
	struct call calls[CALLS_COUNT];
	bool too_many, silent;
	enum calls told;
};

/* 0, also where there is no ModemManager now; -ENOMEM. */
int call_watch_open(struct call_watch *watch, struct platform *platform);
void call_watch_close(struct call_watch *watch);

enum calls call_watch_state(const struct call_watch *watch);

#endif
