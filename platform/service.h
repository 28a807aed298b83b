/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - starting a service of the system beside the agent, where systemd manages services.
 * Enforcer only.
 */
#ifndef MDM_PLATFORM_SERVICE_H
#define MDM_PLATFORM_SERVICE_H

#include "platform/session.h"

/*
 * Asks systemd to start a unit ("mdm-agent-wipe.service"). The answer SESSION_DONE means that it
 * was ordered, not that it runs. 0, then start->done is called; -ENOENT: there is no systemd here;
 * -errno.
 */
int service_start(const struct session_start *start, const char *unit);

#endif
