/* SPDX-License-Identifier: Apache-2.0 */
/* bus.c - closing connections; see bus.h. Enforcer only. */
#include "platform/bus.h"

#include "agent/util/mem.h"

static int bus_on_loop(sd_event_source *source, void *userdata)
{
	sd_bus *bus = userdata;

	sd_bus_close(bus);
	sd_bus_unref(bus);
	/* The loop held the only reference to a floating source; this drops it. */
	sd_event_source_set_floating(source, 0);
	return 0;
}

void bus_close(sd_bus **bus)
{
	sd_event_source *source = NULL;
	sd_bus *closing = TAKE_PTR(*bus);
	sd_event *event;

	if (!closing)
		return;
	event = sd_event_ref(sd_bus_get_event(closing));
	/* From here on nothing is heard of it, pending answers included. */
	sd_bus_detach_event(closing);
	if (event && sd_event_add_defer(event, &source, bus_on_loop, closing) >= 0) {
		/* Should that fail it does not run, and the connection stays until the end. */
		(void)sd_event_source_set_floating(source, 1);
		sd_event_source_unref(source);
	} else {
		sd_bus_close(closing);
		sd_bus_unref(closing);
	}
	sd_event_unref(event);
}
