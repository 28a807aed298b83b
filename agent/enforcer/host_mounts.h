/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_mounts.h - the list of mounts of the system, given by the service manager as standard input
 * (mdm-agentd.service): the agent's sandbox has mounts of its own, in which a change of what
 * programs may start from is never seen. Enforcer only.
 */
#ifndef MDM_ENFORCER_HOST_MOUNTS_H
#define MDM_ENFORCER_HOST_MOUNTS_H

/* A descriptor of it for as long as this process runs; 0: none was given. */
int host_mounts_take(void);

#endif
