/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modem.c - asks ModemManager for the IMEI; see modem.h. Enforcer only. The answer of the service
 * is data of a stranger: only a well-formed IMEI comes out of here.
 */
#include "platform/modem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "agent/util/clock.h"
#include "agent/util/hardware.h"
#include "agent/util/mem.h"
#include "platform/bus.h"

#define MODEM_TIMEOUT_US (5 * USEC_PER_SEC)
#define MODEM_SERVICE "org.freedesktop.ModemManager1"
#define MODEM_INTERFACE "org.freedesktop.ModemManager1.Modem"

struct modem_query {
	sd_bus *bus;
	sd_event_source *later; /* the answer where no bus is there */
	modem_imei_fn done;
	void *userdata;
	char imei[MODEM_IMEI_LENGTH + 1];
};

void modem_query_free(struct modem_query *query)
{
	if (!query)
		return;
	sd_event_source_unref(query->later);
	bus_close(&query->bus);
	free(query);
}
DEFINE_CLEANUP(struct modem_query *, modem_query_free)

static int modem_answer(struct modem_query *query)
{
	char imei[sizeof(query->imei)];

	/* Of its own: the caller may free the query and look at the number afterwards. */
	memcpy(imei, query->imei, sizeof(imei));
	query->done(imei, query->userdata);
	return 0;
}

static int modem_on_later(sd_event_source *source, void *userdata)
{
	(void)source;
	return modem_answer(userdata);
}

/* a{sv}: the properties of one interface. Keeps the first IMEI. */
static int modem_read_properties(sd_bus_message *m, struct modem_query *query)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		const char *name, *value;

		r = sd_bus_message_read(m, "s", &name);
		if (r >= 0 && strcmp(name, "EquipmentIdentifier") == 0 && !query->imei[0] &&
			sd_bus_message_verify_type(m, 'v', "s") > 0) {
			r = sd_bus_message_read(m, "v", "s", &value);
			if (r >= 0 && hardware_imei_is_valid(value))
				snprintf(query->imei, sizeof(query->imei), "%s", value);
		} else if (r >= 0) {
			r = sd_bus_message_skip(m, "v");
		}
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* a{oa{sa{sv}}}: every object with its interfaces. */
static int modem_read_objects(sd_bus_message *m, struct modem_query *query)
{
	int r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
		const char *path, *interface;

		r = sd_bus_message_read(m, "o", &path);
		if (r >= 0)
			r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
		while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
			r = sd_bus_message_read(m, "s", &interface);
			if (r >= 0)
				r = strcmp(interface, MODEM_INTERFACE) == 0
					    ? modem_read_properties(m, query)
					    : sd_bus_message_skip(m, "a{sv}");
			if (r >= 0)
				r = sd_bus_message_exit_container(m);
			if (r < 0)
				return r;
		}
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
		if (r < 0)
			return r;
	}
	return r;
}

/* An answer, an error, or too late: what was found so far is what there is. */
static int modem_on_objects(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct modem_query *query = userdata;

	(void)error;
	if (!sd_bus_message_is_method_error(m, NULL))
		(void)modem_read_objects(m, query);
	return modem_answer(query);
}

static int modem_ask(struct modem_query *query, sd_event *event)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = sd_bus_open_system(&query->bus);

	if (r >= 0)
		r = sd_bus_attach_event(query->bus, event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_bus_message_new_method_call(query->bus, &m, MODEM_SERVICE,
			"/org/freedesktop/ModemManager1", "org.freedesktop.DBus.ObjectManager",
			"GetManagedObjects");
	/* Nobody is started for this. */
	if (r >= 0)
		r = sd_bus_message_set_auto_start(m, false);
	if (r >= 0)
		r = sd_bus_call_async(
			query->bus, NULL, m, modem_on_objects, query, MODEM_TIMEOUT_US);
	return r;
}

int modem_query_imei(
	sd_event *event, modem_imei_fn done, void *userdata, struct modem_query **ret_query)
{
	_cleanup_(modem_query_freep) struct modem_query *query = calloc(1, sizeof(*query));
	int r;

	if (!query)
		return -ENOMEM;
	query->done = done;
	query->userdata = userdata;
	if (modem_ask(query, event) < 0) {
		r = sd_event_add_defer(event, &query->later, modem_on_later, query);
		if (r < 0)
			return r;
	}
	*ret_query = TAKE_PTR(query);
	return 0;
}
