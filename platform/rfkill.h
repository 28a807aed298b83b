/* SPDX-License-Identifier: Apache-2.0 */
/* rfkill.h - the backend of radios with another kernel in the place of /dev/rfkill, for tests. */
#ifndef MDM_PLATFORM_RFKILL_H
#define MDM_PLATFORM_RFKILL_H

#include "platform/platform.h"

/* A descriptor that does not block, closed by the backend, or -errno. */
typedef int (*rfkill_open_fn)(struct platform *platform);

/* As rfkill_backend_new(), with that in the place of opening /dev/rfkill. */
int rfkill_backend_new_on(
	struct platform *platform, rfkill_open_fn open_switches, struct backend **ret_backend);

#endif
