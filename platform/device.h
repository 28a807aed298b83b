/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h - what the phone as a device is doing: power, network, sleep. Facts and edges, from
 * logind, NetworkManager, ModemManager and sysfs, each of which may be missing. Enforcer only.
 */
#ifndef MDM_PLATFORM_DEVICE_H
#define MDM_PLATFORM_DEVICE_H

#include "platform/platform.h"
#include "policies/when.h"

enum device_event {
	DEVICE_RESUMED,	      /* after sleep */
	DEVICE_SLEEPING,      /* about to: release the inhibitor soon */
	DEVICE_ONLINE,	      /* a network came up, or another one took over */
	DEVICE_FACTS_CHANGED, /* power, metering, roaming */
	DEVICE_EVENT_MAX,
};
const char *device_event_name(enum device_event event);

struct device_facts {
	enum truth charging; /* on external power */
	enum truth online;
	enum truth metered; /* NetworkManager's guess counts as yes */
	enum truth roaming;
	char detail[LIMIT_TEXT_BYTES + 1]; /* which services are missing, for people */
};

struct device;
typedef void (*device_event_fn)(enum device_event event, void *userdata);

/* Connects to what is there; what appears later is picked up then. 0 or -errno. */
int device_new(struct platform *platform, device_event_fn event, void *userdata,
	struct device **ret_device);
void device_free(struct device *device);
/* NULL: everything is unknown. */
const struct device_facts *device_facts(const struct device *device);

/*
 * Keeps the phone awake until released (logind delay inhibitor, at most what InhibitDelayMaxSec
 * allows): held while an exchange or a command is under way, not longer. Counts; idempotent.
 */
void device_hold(struct device *device, const char *why);
void device_release(struct device *device);

#endif
