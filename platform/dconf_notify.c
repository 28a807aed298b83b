/* SPDX-License-Identifier: Apache-2.0 */
/* dconf_notify.c - the signal of a replaced database; see dconf_notify.h. Enforcer only. */
#include "platform/dconf_notify.h"

#include <errno.h>
#include <stdio.h>

#include "agent/util/clock.h"
#include "agent/util/mem.h"
#include "platform/bus.h"

#define NOTIFY_TIMEOUT_US (5 * USEC_PER_SEC)

void dconf_notify_stop(sd_bus **bus)
{
	bus_close(bus);
}

/* The bus answers in order, so that the signal went out before this answer; or it took too long. */
static int notify_confirmed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	(void)message;
	(void)error;
	dconf_notify_stop(userdata);
	return 0;
}

void dconf_notify(sd_event *event, const char *database, sd_bus **bus)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *ping = NULL;
	char path[128];
	int r;

	dconf_notify_stop(bus);
	snprintf(path, sizeof(path), "/ca/desrt/dconf/Writer/%s", database);
	if (sd_bus_open_system(bus) < 0)
		return;
	r = sd_bus_attach_event(*bus, event, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_bus_emit_signal(
			*bus, path, "ca.desrt.dconf.Writer", "WritabilityNotify", "s", "/");
	if (r >= 0)
		r = sd_bus_message_new_method_call(*bus, &ping, "org.freedesktop.DBus",
			"/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId");
	if (r >= 0)
		r = sd_bus_call_async(*bus, NULL, ping, notify_confirmed, bus, NOTIFY_TIMEOUT_US);
	if (r < 0)
		dconf_notify_stop(bus);
}
