/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alive.h - the word to a service manager that watches (sd_notify(3), WatchdogSec=), without a
 * library: a datagram to where the environment says. The keeper.
 */
#ifndef MDM_GUARD_ALIVE_H
#define MDM_GUARD_ALIVE_H

#include <stdint.h>

struct guard_alive {
	int fd;		     /* -1: nobody watches */
	int64_t interval_ms; /* between two words */
	int64_t next_ms;     /* monotonic */
};

/* Looks at NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Nobody, or nonsense, is no error. */
void guard_alive_init(struct guard_alive *alive, int64_t now_ms);
/* Says it where half of an interval is over: whoever is awake anyway need not wake up for it. */
void guard_alive_say(struct guard_alive *alive, int64_t now_ms);
/* When it has to be said at the latest; -1: never. */
int64_t guard_alive_next_ms(const struct guard_alive *alive);

#endif
