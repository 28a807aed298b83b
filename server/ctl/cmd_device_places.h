/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_device_places.h - what "mdmctl device show" says of profiles and places. mdmctl. */
#ifndef MDM_SERVER_CTL_CMD_DEVICE_PLACES_H
#define MDM_SERVER_CTL_CMD_DEVICE_PLACES_H

#include "server/ctl/ctl.h"
#include "server/ctl/response.h"

/* Nothing where the phone has told nothing of them. */
void device_print_places(struct ctl *ctl, const struct response_device *device);

#endif
