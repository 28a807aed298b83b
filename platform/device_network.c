/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_network.c - the connection in use, as NetworkManager says: whether there is one, whether
 * it is metered, which one it is. Signals of single access points are not asked for: they come all
 * the time. Reads only. Enforcer only.
 */
#include <errno.h>

#include "platform/device_private.h"
#include "platform/bus_read.h"

#define MANAGER "org.freedesktop.NetworkManager"
#define MANAGER_PATH "/org/freedesktop/NetworkManager"
#define PROPERTIES "org.freedesktop.DBus.Properties"

/* NMState, NMConnectivityState, NMMetered. */
enum {
	STATE_UNKNOWN = 0,
	STATE_CONNECTED_SITE = 60, /* a default route, but the check of the internet failed */
	CONNECTIVITY_NONE = 1,
	CONNECTIVITY_PORTAL = 2,
	METERED_YES = 1,
	METERED_NO = 2,
	METERED_GUESS_YES = 3,
	METERED_GUESS_NO = 4,
};

/* A server of the organisation may be reachable where the internet is not; behind a portal nothing
 * is. */
enum truth device_link_online(const struct device_link *link)
{
	if (link->state == STATE_UNKNOWN)
		return TRUTH_UNKNOWN;
	return link->state >= STATE_CONNECTED_SITE && link->connectivity != CONNECTIVITY_NONE &&
			       link->connectivity != CONNECTIVITY_PORTAL
		       ? TRUTH_TRUE
		       : TRUTH_FALSE;
}

enum truth device_link_metered(const struct device_link *link)
{
	switch (link->metered) {
	case METERED_YES:
	case METERED_GUESS_YES:
		return TRUTH_TRUE;
	case METERED_NO:
	case METERED_GUESS_NO:
		return TRUTH_FALSE;
	default:
		return TRUTH_UNKNOWN;
	}
}

bool device_link_is_local(const struct device_link *link)
{
	return strcmp(link->primary_type, "802-11-wireless") == 0 ||
	       strcmp(link->primary_type, "802-3-ethernet") == 0;
}

/* --- reading ----------------------------------------------------------------------------- */

static int network_on_property(const char *name, sd_bus_message *message, void *userdata)
{
	struct device_link *link = userdata;

	if (strcmp(name, "State") == 0)
		return bus_read_u32(message, &link->state);
	if (strcmp(name, "Connectivity") == 0)
		return bus_read_u32(message, &link->connectivity);
	if (strcmp(name, "Metered") == 0)
		return bus_read_u32(message, &link->metered);
	if (strcmp(name, "PrimaryConnection") == 0)
		return bus_read_text(message, 'o', link->primary, sizeof(link->primary));
	if (strcmp(name, "PrimaryConnectionType") == 0)
		return bus_read_text(message, 's', link->primary_type, sizeof(link->primary_type));
	return 0;
}

static bool network_has_primary(const struct device_link *link)
{
	return link->primary[0] && strcmp(link->primary, "/") != 0;
}

/* Takes what was read; another connection in place of one that was in use is an edge as well. */
static void network_take(struct device *device, const struct device_link *link)
{
	const struct device_link before = device->network.link;
	bool moved = network_has_primary(&before) && network_has_primary(link) &&
		     strcmp(before.primary, link->primary) != 0 &&
		     device->facts.online == TRUTH_TRUE;

	device->network.link = *link;
	device_update(device);
	if (moved && device->facts.online == TRUTH_TRUE)
		device_tell(device, DEVICE_ONLINE);
}

static int network_on_all(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct device *device = userdata;
	struct device_service *service = &device->services[DEVICE_NETWORK];
	struct device_link link = {0};
	int r;

	(void)error;
	device->network.call = sd_bus_slot_unref(device->network.call);
	r = device_answered(service, message);
	if (r == 0)
		r = bus_read_properties(message, network_on_property, &link);
	if (r < 0) {
		service->presence = DEVICE_SILENT;
		link = (struct device_link){0};
	}
	network_take(device, &link);
	return 0;
}

static void network_ask(struct device *device)
{
	static const struct device_method get_all = {MANAGER_PATH, PROPERTIES, "GetAll"};
	struct device_service *service = &device->services[DEVICE_NETWORK];

	service->presence = DEVICE_ASKED;
	if (device_call(service, &get_all, &device->network.call, network_on_all, "s", MANAGER) < 0)
		service->presence = DEVICE_SILENT;
}

static int network_on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct device *device = userdata;
	struct device_service *service = &device->services[DEVICE_NETWORK];
	struct device_link link = device->network.link;

	(void)error;
	if (!device_is_from(service, message) || service->presence == DEVICE_ASKED)
		return 0;
	/* Somebody who speaks again after silence is asked for everything, as is one whose words
	 * cannot be read. */
	if (service->presence != DEVICE_PRESENT || sd_bus_message_skip(message, "s") < 0 ||
		bus_read_properties(message, network_on_property, &link) < 0)
		network_ask(device);
	else
		network_take(device, &link);
	return 0;
}

/* --- the service ------------------------------------------------------------------------- */

static int network_subscribe(struct device *device)
{
	return device_match(&device->services[DEVICE_NETWORK],
		"path='" MANAGER_PATH "',interface='" PROPERTIES
		"',member='PropertiesChanged',arg0='" MANAGER "'",
		network_on_changed);
}

static void network_vanished(struct device *device)
{
	device->network.call = sd_bus_slot_unref(device->network.call);
	device->network.link = (struct device_link){0};
}

const struct device_service_row device_network_row = {
	.bus_name = MANAGER,
	.title = "NetworkManager",
	.subscribe = network_subscribe,
	.appeared = network_ask,
	.vanished = network_vanished,
};
