/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connector.h - the connector of UnifiedPush (D-Bus specification 0.3, interfaces of version 2 and
 * 1) on the session bus of the user that this process is. mdm-agent-session only.
 */
#ifndef MDM_PLATFORM_HELPER_CONNECTOR_H
#define MDM_PLATFORM_HELPER_CONNECTOR_H

/*
 * Speaks with the enforcer over the channel: registers, tells the endpoint and that messages came,
 * until the channel ends or the enforcer wants the registration given back. The exit status.
 */
int connector_run(int channel_fd);

#endif
