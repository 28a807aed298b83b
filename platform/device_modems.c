/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_modems.c - whether a modem is abroad, as ModemManager says. Of its many signals only those
 * about the registration are asked for; the strength of the signal changes all the time. Reads
 * only. Enforcer only.
 */
#include <errno.h>

#include "platform/device_private.h"
#include "platform/bus_read.h"

#define MANAGER "org.freedesktop.ModemManager1"
#define MANAGER_PATH "/org/freedesktop/ModemManager1"
#define MODEM_3GPP MANAGER ".Modem.Modem3gpp"
#define OBJECTS "org.freedesktop.DBus.ObjectManager"
#define PROPERTIES "org.freedesktop.DBus.Properties"

/* MMModem3gppRegistrationState. */
enum {
	REGISTRATION_UNKNOWN = 4,
	REGISTRATION_ROAMING = 5,
	REGISTRATION_ROAMING_SMS_ONLY = 7,
	REGISTRATION_ROAMING_CSFB_NOT_PREFERRED = 10,
};

/* A modem that is searching, refused or switched off carries nothing: it is not roaming. */
enum truth device_modems_roaming(const struct device_modems *modems)
{
	enum truth result = TRUTH_FALSE;

	for (size_t i = 0; i < DEVICE_MODEMS_COUNT; i++) {
		const struct device_modem *modem = &modems->modems[i];

		if (!modem->path[0])
			continue;
		if (modem->registration == REGISTRATION_ROAMING ||
			modem->registration == REGISTRATION_ROAMING_SMS_ONLY ||
			modem->registration == REGISTRATION_ROAMING_CSFB_NOT_PREFERRED)
			return TRUTH_TRUE;
		if (modem->registration == REGISTRATION_UNKNOWN)
			result = TRUTH_UNKNOWN;
	}
	return result;
}

/* The modem of that path, or a free place for it; NULL: there is none. */
static struct device_modem *modems_find(struct device_modems *modems, const char *path)
{
	struct device_modem *free_one = NULL;

	for (size_t i = 0; i < DEVICE_MODEMS_COUNT; i++) {
		struct device_modem *modem = &modems->modems[i];

		if (strcmp(modem->path, path) == 0)
			return modem;
		if (!modem->path[0] && !free_one)
			free_one = modem;
	}
	if (!free_one || strlen(path) >= sizeof(free_one->path))
		return NULL;
	*free_one = (struct device_modem){.registration = REGISTRATION_UNKNOWN};
	return free_one;
}

static void modems_set(struct device_modems *modems, const char *path, uint32_t registration)
{
	struct device_modem *modem = modems_find(modems, path);

	if (!modem)
		return;
	memcpy(modem->path, path, strlen(path) + 1);
	modem->registration = registration;
}

static void modems_remove(struct device_modems *modems, const char *path)
{
	struct device_modem *modem = modems_find(modems, path);

	if (modem)
		modem->path[0] = 0;
}

/* --- reading ----------------------------------------------------------------------------- */

struct registration {
	uint32_t value;
	bool found;
};

static int modems_on_property(const char *name, sd_bus_message *message, void *userdata)
{
	struct registration *registration = userdata;

	if (strcmp(name, "RegistrationState") != 0)
		return 0;
	registration->found = true;
	return bus_read_u32(message, &registration->value);
}

static int modems_on_interface(
	const char *path, const char *interface, sd_bus_message *message, void *userdata)
{
	struct registration registration = {.value = REGISTRATION_UNKNOWN};
	int r;

	if (strcmp(interface, MODEM_3GPP) != 0)
		return 0;
	r = bus_read_properties(message, modems_on_property, &registration);
	if (r < 0)
		return r;
	modems_set(userdata, path, registration.value);
	return 1;
}

static int modems_on_all(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct device *device = userdata;
	struct device_modems *modems = &device->modems;
	struct device_service *service = &device->services[DEVICE_MODEMS];
	int r;

	(void)error;
	modems->call = sd_bus_slot_unref(modems->call);
	memset(modems->modems, 0, sizeof(modems->modems));
	r = device_answered(service, message);
	if (r == 0)
		r = bus_read_objects(message, modems_on_interface, modems);
	if (r < 0)
		service->presence = DEVICE_SILENT;
	device_update(device);
	return 0;
}

static void modems_ask(struct device *device)
{
	static const struct device_method get = {MANAGER_PATH, OBJECTS, "GetManagedObjects"};
	struct device_service *service = &device->services[DEVICE_MODEMS];

	service->presence = DEVICE_ASKED;
	if (device_call(service, &get, &device->modems.call, modems_on_all, "") < 0)
		service->presence = DEVICE_SILENT;
}

/* Whether a signal is to be looked at; somebody who speaks after silence is asked anew. */
static bool modems_listen(struct device *device, sd_bus_message *message)
{
	struct device_service *service = &device->services[DEVICE_MODEMS];

	if (!device_is_from(service, message) || service->presence == DEVICE_ASKED)
		return false;
	if (service->presence == DEVICE_PRESENT)
		return true;
	modems_ask(device);
	return false;
}

static int modems_on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct device *device = userdata;
	struct registration registration = {0};

	(void)error;
	if (!modems_listen(device, message))
		return 0;
	if (sd_bus_message_skip(message, "s") < 0 ||
		bus_read_properties(message, modems_on_property, &registration) < 0)
		modems_ask(device);
	else if (registration.found)
		modems_set(&device->modems, sd_bus_message_get_path(message), registration.value);
	device_update(device);
	return 0;
}

static int modems_on_added(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct device *device = userdata;
	const char *path;

	(void)error;
	if (!modems_listen(device, message))
		return 0;
	if (sd_bus_message_read(message, "o", &path) < 0 ||
		bus_read_interfaces(message, path, modems_on_interface, &device->modems) < 0)
		modems_ask(device);
	device_update(device);
	return 0;
}

static int modems_on_removed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct device *device = userdata;
	const char *path, *interface;

	(void)error;
	if (!modems_listen(device, message) || sd_bus_message_read(message, "o", &path) < 0 ||
		sd_bus_message_enter_container(message, 'a', "s") < 0)
		return 0;
	while (sd_bus_message_read(message, "s", &interface) > 0)
		if (strcmp(interface, MODEM_3GPP) == 0)
			modems_remove(&device->modems, path);
	device_update(device);
	return 0;
}

/* --- the service ------------------------------------------------------------------------- */

static int modems_subscribe(struct device *device)
{
	struct device_service *service = &device->services[DEVICE_MODEMS];
	int r = device_match(service,
		"path_namespace='" MANAGER_PATH "',interface='" PROPERTIES
		"',member='PropertiesChanged',arg0='" MODEM_3GPP "'",
		modems_on_changed);

	if (r >= 0)
		r = device_match(service,
			"path='" MANAGER_PATH "',interface='" OBJECTS "',member='InterfacesAdded'",
			modems_on_added);
	if (r >= 0)
		r = device_match(service,
			"path='" MANAGER_PATH "',interface='" OBJECTS
			"',member='InterfacesRemoved'",
			modems_on_removed);
	return r;
}

static void modems_vanished(struct device *device)
{
	device->modems.call = sd_bus_slot_unref(device->modems.call);
	memset(device->modems.modems, 0, sizeof(device->modems.modems));
}

const struct device_service_row device_modems_row = {
	.bus_name = MANAGER,
	.title = "ModemManager",
	.subscribe = modems_subscribe,
	.appeared = modems_ask,
	.vanished = modems_vanished,
};
