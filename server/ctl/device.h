/* SPDX-License-Identifier: Apache-2.0 */
/* device.h - finding devices on the server. */
#ifndef MDM_MDMCTL_DEVICE_H
#define MDM_MDMCTL_DEVICE_H

#include "server/ctl/api.h"
#include "server/ctl/response.h"

/*
 * The one device whose id begins with prefix, with its sections. FAULT_REFUSED if there is none,
 * FAULT_USAGE if there are several or prefix is not hexadecimal.
 */
int device_find(struct api *api, const char *prefix, struct response_devices *ret_devices,
	struct fault *fault);

/*
 * Whether prefix is a whole id. Of anything shorter the server decides which phone is meant, by
 * showing some rows and hiding others: whoever signs for that phone looks at its id first.
 */
bool device_is_named(const char *prefix);

/*
 * The largest id below every id that begins with prefix, to ask for the page behind it; "" if
 * prefix is all zeros. Pure. -EINVAL if prefix is not 1..32 lower-case hexadecimal digits.
 */
int device_before(const char *prefix, char ret_id[33]);

#endif
