/* SPDX-License-Identifier: Apache-2.0 */
/* device_fake.h - a device that is told what it sees, for tests of the enforcer. */
#ifndef MDM_PLATFORM_DEVICE_FAKE_H
#define MDM_PLATFORM_DEVICE_FAKE_H

#include "platform/device.h"

/* Connected to nothing, knows nothing. Freed by device_free(). 0 or -ENOMEM. */
int device_fake_new(struct platform *platform, device_event_fn event, void *userdata,
	struct device **ret_device);
/* Tells what differs from before, as a real one does. */
void device_fake_see(struct device *device, const struct device_facts *facts);
void device_fake_tell(struct device *device, enum device_event event);
/* How many reasons there are to stay awake. */
unsigned int device_fake_holds(const struct device *device);

#endif
