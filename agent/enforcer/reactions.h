/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reactions.h - what the agent does because of what the phone does: it sleeps and resumes, networks
 * come and go, links become expensive, a charger is plugged in. Owns the struct device. Enforcer
 * only.
 */
#ifndef MDM_ENFORCER_REACTIONS_H
#define MDM_ENFORCER_REACTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "platform/device.h"

struct enforcer;
struct reactions; /* e->reactions */

/* device_new(), or a test's own. */
typedef int (*reactions_device_fn)(struct platform *platform, device_event_fn event, void *userdata,
	struct device **ret_device);

/* After reconcile and pacing were made. 0 or -errno. */
int reactions_new(
	struct enforcer *e, reactions_device_fn new_device, struct reactions **ret_reactions);
void reactions_free(struct reactions *reactions);

/* Why the phone is kept awake. Each is on or off, however often it is said; all of it is over when
 * the enforcer ends. */
enum reactions_reason {
	REACTIONS_EXCHANGE, /* with the server; a long poll is none */
	REACTIONS_COMMAND,
	REACTIONS_REASON_MAX,
};
void reactions_hold(struct enforcer *e, enum reactions_reason reason);
void reactions_release(struct enforcer *e, enum reactions_reason reason);

/* False between "about to sleep" and "resumed": then nothing is begun. What runs may end. */
bool reactions_is_awake(const struct enforcer *e);
/* Awake, and the network has had a moment to come back after a resume. For what starts by itself.
 */
bool reactions_may_start(const struct enforcer *e);

/* The link costs money: metered or abroad, as far as is known. */
bool reactions_is_expensive(const struct enforcer *e);

/* Facts of the device; never NULL. */
const struct device_facts *reactions_facts(const struct enforcer *e);

/*
 * A timer at at_us (CLOCK_BOOTTIME), which wakes a sleeping phone if the policies in force want
 * that and the system can; if it cannot, PROBLEM_WAKE_DEVICE says why. 0 or -errno.
 */
int reactions_add_timer(struct enforcer *e, int64_t at_us, int64_t accuracy_us,
	sd_event_time_handler_t handler, sd_event_source **ret_source);

#endif
