/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.c - the phone as a device: connects to the system bus, follows the owners of the services
 * there, and puts together what they and the kernel say; see device.h. Changes nothing but logind's
 * inhibitor. Enforcer only.
 */
#include "platform/device.h"

#include <errno.h>
#include <stdarg.h>

#include "platform/backend.h"
#include "platform/bus.h"
#include "platform/device_private.h"
#include "platform/watch.h"

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_SOCKET "run/dbus/system_bus_socket"
/* A bus that was there and went may be on its way back: 1, 2, 4 … seconds, then only when its
 * socket appears anew or an exchange begins. */
#define RETRIES_MAX 5
#define RETRY_US USEC_PER_SEC
#define STABLE_US (60 * USEC_PER_SEC)

static const struct device_service_row *const service_rows[DEVICE_SERVICE_MAX] = {
	[DEVICE_LOGIND] = &device_logind_row,
	[DEVICE_NETWORK] = &device_network_row,
	[DEVICE_MODEMS] = &device_modems_row,
};

static void device_connect(struct device *device);
static void device_connect_later(struct device *device);

const char *device_event_name(enum device_event event)
{
	static const char *const names[DEVICE_EVENT_MAX] = {
		[DEVICE_RESUMED] = "resumed",
		[DEVICE_SLEEPING] = "sleeping",
		[DEVICE_ONLINE] = "online",
		[DEVICE_FACTS_CHANGED] = "facts_changed",
	};

	return (unsigned int)event < DEVICE_EVENT_MAX ? names[event] : NULL;
}

const struct device_facts *device_facts(const struct device *device)
{
	static const struct device_facts nothing = {
		.charging = TRUTH_UNKNOWN,
		.online = TRUTH_UNKNOWN,
		.metered = TRUTH_UNKNOWN,
		.roaming = TRUTH_UNKNOWN,
	};

	return device ? &device->facts : &nothing;
}

void device_tell(struct device *device, enum device_event event)
{
	if (device->event)
		device->event(event, device->userdata);
}

/* --- facts ------------------------------------------------------------------------------- */

/* "NetworkManager is not running; ModemManager does not answer", cut to the size. */
static void device_explain(const struct device *device, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	ret_detail[0] = 0;
	if (!device->bus) {
		if (!device->fake)
			detail_add(ret_detail, "there is no connection to the system bus");
	} else {
		for (size_t i = 0; i < DEVICE_SERVICE_MAX; i++) {
			const struct device_service *service = &device->services[i];
			char text[LIMIT_TEXT_BYTES + 1];

			if (service->presence != DEVICE_ABSENT &&
				service->presence != DEVICE_SILENT)
				continue;
			text_printf(text, "%s %s", service->row->title,
				service->presence == DEVICE_ABSENT ? "is not running"
								   : "does not answer");
			detail_add(ret_detail, text);
		}
	}
	if (device->power.charging == TRUTH_UNKNOWN && !device->fake)
		detail_add(ret_detail, "the kernel shows no power supply");
}

static void device_collect(const struct device *device, struct device_facts *ret_facts)
{
	const struct device_link *link = &device->network.link;
	bool has_link = device->services[DEVICE_NETWORK].presence == DEVICE_PRESENT;
	struct device_facts facts = {
		.charging = device->power.charging,
		.online = has_link ? device_link_online(link) : TRUTH_UNKNOWN,
		.metered = has_link ? device_link_metered(link) : TRUTH_UNKNOWN,
		.roaming = TRUTH_UNKNOWN,
	};

	if (has_link && device_link_is_local(link))
		facts.roaming = TRUTH_FALSE;
	else if (device->services[DEVICE_MODEMS].presence == DEVICE_PRESENT)
		facts.roaming = device_modems_roaming(&device->modems);
	device_explain(device, facts.detail);
	*ret_facts = facts;
}

void device_update(struct device *device)
{
	struct device_facts before = device->facts;

	device_collect(device, &device->facts);
	if (before.charging != device->facts.charging || before.online != device->facts.online ||
		before.metered != device->facts.metered || before.roaming != device->facts.roaming)
		device_tell(device, DEVICE_FACTS_CHANGED);
	/* What was unknown before may have been so all the time. */
	if (before.online == TRUTH_FALSE && device->facts.online == TRUTH_TRUE)
		device_tell(device, DEVICE_ONLINE);
}

/* --- messages ---------------------------------------------------------------------------- */

bool device_is_from(const struct device_service *service, sd_bus_message *message)
{
	const char *sender = sd_bus_message_get_sender(message);

	return service->owner[0] && sender && strcmp(sender, service->owner) == 0;
}

/* Whether the bus itself sent the message. */
static bool device_is_from_bus(sd_bus_message *message)
{
	const char *sender = sd_bus_message_get_sender(message);

	return sender && strcmp(sender, BUS_NAME) == 0;
}

int device_match(struct device_service *service, const char *rest, sd_bus_message_handler_t handler)
{
	char match[512];
	size_t i = 0;

	while (i < DEVICE_MATCHES_MAX && service->matches[i])
		i++;
	if (i == DEVICE_MATCHES_MAX)
		return -ENOBUFS;
	snprintf(
		match, sizeof(match), "type='signal',sender='%s',%s", service->row->bus_name, rest);
	return sd_bus_add_match_async(
		service->device->bus, &service->matches[i], match, handler, NULL, service->device);
}

int device_answered(struct device_service *service, sd_bus_message *message)
{
	int r = 0;

	if (sd_bus_message_is_method_error(message, NULL))
		r = -sd_bus_message_get_errno(message);
	else if (!device_is_from(service, message))
		r = -EPERM;
	service->presence = r == 0 ? DEVICE_PRESENT : DEVICE_SILENT;
	return r;
}

int device_call(struct device_service *service, const struct device_method *method,
	sd_bus_slot **slot, sd_bus_message_handler_t answered, const char *types, ...)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	sd_bus *bus = service->device->bus;
	va_list args;
	int r;

	if (!bus || !service->owner[0])
		return -ENOTCONN;
	r = sd_bus_message_new_method_call(
		bus, &call, service->owner, method->path, method->interface, method->member);
	if (r < 0)
		return r;
	va_start(args, types);
	if (*types)
		r = sd_bus_message_appendv(call, types, args);
	va_end(args);
	if (r < 0)
		return r;
	*slot = sd_bus_slot_unref(*slot);
	r = sd_bus_call_async(bus, slot, call, answered, service->device, DEVICE_CALL_TIMEOUT_US);
	return r < 0 ? r : 0;
}

/* --- the owners of the services ---------------------------------------------------------- */

static void service_set_owner(struct device_service *service, const char *owner)
{
	if (*owner && strcmp(service->owner, owner) == 0)
		return;
	if (service->owner[0])
		service->row->vanished(service->device);
	service->presence = DEVICE_ABSENT;
	service->owner[0] = 0;
	if (*owner && strlen(owner) < sizeof(service->owner)) {
		memcpy(service->owner, owner, strlen(owner) + 1);
		service->row->appeared(service->device);
	}
	device_update(service->device);
}

/* A match on the sender's name lets every unique name pass as well, so that it is looked at here:
 * that of the bus itself is the only one nobody else can have. */
static int service_on_owner(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct device_service *service = userdata;
	const char *name, *old, *owner;

	(void)error;
	if (device_is_from_bus(message) &&
		sd_bus_message_read(message, "sss", &name, &old, &owner) >= 0 &&
		strcmp(name, service->row->bus_name) == 0) {
		service->query = sd_bus_slot_unref(service->query);
		service_set_owner(service, owner);
	}
	return 0;
}

static int service_on_query(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct device_service *service = userdata;
	const char *owner = "";

	(void)error;
	service->query = sd_bus_slot_unref(service->query);
	if (sd_bus_message_is_method_error(message, NULL) || !device_is_from_bus(message) ||
		sd_bus_message_read(message, "s", &owner) < 0)
		owner = "";
	service_set_owner(service, owner);
	return 0;
}

static int service_watch(struct device_service *service)
{
	sd_bus *bus = service->device->bus;
	char match[256];
	int r;

	snprintf(match, sizeof(match),
		"type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
		"interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
		service->row->bus_name);
	r = sd_bus_add_match_async(bus, &service->watch, match, service_on_owner, NULL, service);
	if (r >= 0)
		r = service->row->subscribe(service->device);
	if (r >= 0)
		r = sd_bus_call_method_async(bus, &service->query, "org.freedesktop.DBus",
			"/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner",
			service_on_query, service, "s", service->row->bus_name);
	if (r >= 0)
		/* Neither running nor missing, as long as the bus has not said so. */
		service->presence = DEVICE_ASKED;
	return r;
}

static void service_forget(struct device_service *service)
{
	service->watch = sd_bus_slot_unref(service->watch);
	service->query = sd_bus_slot_unref(service->query);
	for (size_t i = 0; i < DEVICE_MATCHES_MAX; i++)
		service->matches[i] = sd_bus_slot_unref(service->matches[i]);
	service->row->vanished(service->device);
	service->owner[0] = 0;
	service->presence = DEVICE_ABSENT;
}

/* --- the connection ---------------------------------------------------------------------- */

static void device_disconnect(struct device *device)
{
	for (size_t i = 0; i < DEVICE_SERVICE_MAX; i++)
		service_forget(&device->services[i]);
	device->disconnected = sd_bus_slot_unref(device->disconnected);
	bus_close(&device->bus);
}

static int device_on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct device *device = userdata;

	(void)message;
	(void)error;
	if (clock_boottime_us() - device->connected_us > STABLE_US)
		device->n_retries = 0;
	device_disconnect(device);
	device_update(device);
	device_connect_later(device);
	return 0;
}

static int device_on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct device *device = userdata;

	(void)source;
	(void)usec;
	device->retry = sd_event_source_unref(device->retry);
	device_connect(device);
	return 0;
}

static void device_on_socket(void *userdata)
{
	struct device *device = userdata;

	/* It appears a moment before it is listened on. */
	device->n_retries = 0;
	if (!device->bus)
		device_connect_later(device);
}

/* The socket is watched only while there is no connection: other things happen in /run as well. */
static void device_connect_later(struct device *device)
{
	static const char *const paths[] = {BUS_SOCKET};
	int64_t wait_us = RETRY_US << device->n_retries;

	if (!device->socket_watch)
		(void)watch_new(device->platform->event, device->platform->sysroot_fd, paths,
			ARRAY_SIZE(paths), device_on_socket, device, &device->socket_watch);
	if (device->retry || device->n_retries == RETRIES_MAX)
		return;
	device->n_retries++;
	(void)sd_event_add_time(device->platform->event, &device->retry, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + wait_us), USEC_PER_SEC / 2, device_on_retry,
		device);
}

static int device_open_bus(struct device *device)
{
	int r = sd_bus_open_system(&device->bus);

	if (r < 0)
		return r;
	r = sd_bus_attach_event(device->bus, device->platform->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_bus_match_signal_async(device->bus, &device->disconnected,
			"org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
			"org.freedesktop.DBus.Local", "Disconnected", device_on_disconnected, NULL,
			device);
	for (size_t i = 0; r >= 0 && i < DEVICE_SERVICE_MAX; i++)
		r = service_watch(&device->services[i]);
	return r;
}

static void device_connect(struct device *device)
{
	int r;

	if (device->bus || device->fake)
		return;
	r = device_open_bus(device);
	if (r < 0) {
		device_disconnect(device);
		device_connect_later(device);
	} else {
		device->connected_us = clock_boottime_us();
		watch_free(TAKE_PTR(device->socket_watch));
		device->retry = sd_event_source_unref(device->retry);
	}
	device_update(device);
}

/* --- public ------------------------------------------------------------------------------ */

int device_alloc(struct platform *platform, device_event_fn event, void *userdata,
	struct device **ret_device)
{
	struct device *device = calloc(1, sizeof(*device));

	if (!device)
		return -ENOMEM;
	device->platform = platform;
	device->event = event;
	device->userdata = userdata;
	device->facts = *device_facts(NULL);
	for (size_t i = 0; i < DEVICE_SERVICE_MAX; i++)
		device->services[i] = (struct device_service){device, service_rows[i]};
	device->logind.fd = device->power.fd = -1;
	device->power.charging = TRUTH_UNKNOWN;
	*ret_device = device;
	return 0;
}

int device_new(struct platform *platform, device_event_fn event, void *userdata,
	struct device **ret_device)
{
	struct device *device;
	int r = device_alloc(platform, event, userdata, &device);

	if (r < 0)
		return r;
	(void)device_power_start(device, -1);
	device_connect(device);
	*ret_device = device;
	return 0;
}

void device_free(struct device *device)
{
	if (!device)
		return;
	device->event = NULL;
	device_disconnect(device);
	device_power_done(&device->power);
	watch_free(device->socket_watch);
	sd_event_source_unref(device->retry);
	free(device);
}

void device_hold(struct device *device, const char *why)
{
	if (!device)
		return;
	/* An exchange is a good moment to look for a bus that was missing. */
	device_connect(device);
	device_logind_hold(device, why);
}

void device_release(struct device *device)
{
	if (device)
		device_logind_release(device);
}
