/* SPDX-License-Identifier: Apache-2.0 */
/* bus.h - the end of a connection to a message bus. Enforcer only. */
#ifndef MDM_PLATFORM_BUS_H
#define MDM_PLATFORM_BUS_H

#include <systemd/sd-bus.h>

/*
 * Ends a connection that is attached to a loop, from anywhere, its own callbacks included: no
 * callback of it is called any more, and it is closed in the next turn of the loop, for sd-bus
 * aborts the process when a connection is closed while it handles a timeout. Nothing is flushed:
 * that would wait. *bus becomes NULL; NULL is fine.
 */
void bus_close(sd_bus **bus);

#endif
