/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finish.h - how the system ends: by the kernel directly. No service is stopped, no file system
 * unmounted or synced: what lies below them is gone, and each could wait for it for ever.
 */
#ifndef MDM_WIPE_FINISH_H
#define MDM_WIPE_FINISH_H

#include "agent/wipe/plan.h"

/* Opens what finish_now() may need later. */
void finish_prepare(int root_fd);

/* Ends the system. Returns only where the kernel does not. WIPE_FINISH_NONE does nothing. */
void finish_now(enum wipe_finish finish);

#endif
