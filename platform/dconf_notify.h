/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dconf_notify.h - tells running programs that a system database of dconf was replaced, as `dconf
 * update` does: a signal on the system bus. Without a bus nobody is told, and nothing fails.
 */
#ifndef MDM_PLATFORM_DCONF_NOTIFY_H
#define MDM_PLATFORM_DCONF_NOTIFY_H

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/*
 * Sends "anything in this database may have changed". The connection lives until the bus has
 * confirmed that it got the signal; *bus is the caller's, unref'ed with dconf_notify_stop(). An
 * earlier one still under way is dropped.
 */
void dconf_notify(sd_event *event, const char *database, sd_bus **bus);
void dconf_notify_stop(sd_bus **bus);

#endif
