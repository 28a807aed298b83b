/* SPDX-License-Identifier: Apache-2.0 */
/* device_location.h - where a phone was, as it told last. Runs as the administrator. */
#ifndef MDM_MDMCTL_DEVICE_LOCATION_H
#define MDM_MDMCTL_DEVICE_LOCATION_H

#include "server/ctl/ctl.h"
#include "server/ctl/response.h"

/* A line for 'mdmctl device show'; nothing where the phone tells nothing, or tells it oddly. */
void device_print_location(struct ctl *ctl, const struct response_device *device);

#endif
