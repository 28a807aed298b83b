/* SPDX-License-Identifier: Apache-2.0 */
/* mm_bearers.c - data connections of modems; see mm_bearers.h. Enforcer only. */
#include "platform/mm_bearers.h"

#include <errno.h>
#include <string.h>

#include "agent/util/mem.h"
#include "platform/bus_read.h"

#define MANAGER "org.freedesktop.ModemManager1"
#define MANAGER_PATH "/org/freedesktop/ModemManager1"
#define MODEM MANAGER ".Modem"
#define BEARER MANAGER ".Bearer"

/* MMBearerType: the one that registers the phone in the network, and those that the network adds.
 */
enum {
	TYPE_DEFAULT_ATTACH = 2,
	TYPE_DEDICATED = 3,
};
/* MMBearerApnType. */
enum {
	APN_DEFAULT = 1 << 1,
	APN_IMS = 1 << 2,
	APN_MMS = 1 << 3,
	APN_VOICE = 1 << 5,
	APN_EMERGENCY = 1 << 6,
};

static void mm_ask(struct mm_bearers *mm);

bool mm_bearer_is_data(uint32_t type, uint32_t apn_type)
{
	if (type == TYPE_DEFAULT_ATTACH || type == TYPE_DEDICATED)
		return false;
	/* One that is for several things is for data, too. */
	if (apn_type & APN_DEFAULT)
		return true;
	return !(apn_type & (APN_IMS | APN_MMS | APN_VOICE | APN_EMERGENCY));
}

/* --- one bearer ---------------------------------------------------------------------------- */

struct facts {
	bool connected;
	uint32_t type, apn_type;
};

static int on_detail(const char *name, sd_bus_message *m, void *userdata)
{
	struct facts *facts = userdata;
	int r;

	if (strcmp(name, "apn-type") != 0)
		return 0;
	r = sd_bus_message_read(m, "v", "u", &facts->apn_type);
	return r < 0 ? r : 1;
}

static int on_fact(const char *name, sd_bus_message *m, void *userdata)
{
	struct facts *facts = userdata;
	int truth, r = 0;

	if (strcmp(name, "Connected") == 0) {
		r = sd_bus_message_read(m, "v", "b", &truth);
		facts->connected = r >= 0 && truth;
	} else if (strcmp(name, "BearerType") == 0) {
		r = sd_bus_message_read(m, "v", "u", &facts->type);
	} else if (strcmp(name, "Properties") == 0) {
		r = sd_bus_message_enter_container(m, 'v', "a{sv}");
		if (r >= 0)
			r = bus_read_properties(m, on_detail, facts);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	} else {
		return 0;
	}
	return r < 0 ? r : 1;
}

static int on_bearer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct mm_bearer *bearer = userdata;
	struct mm_bearers *mm = bearer->mm;
	struct facts facts = {0};

	(void)error;
	bearer->ask = sd_bus_slot_unref(bearer->ask);
	if (sd_bus_message_is_method_error(m, NULL))
		bearer->path[0] = 0; /* it is gone */
	else if (bus_peer_is_from(&mm->peer, m) && bus_read_properties(m, on_fact, &facts) >= 0)
		bearer->is_data = facts.connected && mm_bearer_is_data(facts.type, facts.apn_type);
	mm->changed(mm);
	return 0;
}

static struct mm_bearer *find(struct mm_bearers *mm, const char *path)
{
	for (size_t i = 0; i < MM_BEARERS_COUNT; i++)
		if (strcmp(mm->all[i].path, path) == 0)
			return &mm->all[i];
	return NULL;
}

/* Asks for what a bearer is now. One that does not fit takes the place of one that is at rest. */
static void look_at(struct mm_bearers *mm, const char *path)
{
	struct bus_method get = {path, BUS_PROPERTIES, "GetAll"};
	struct mm_bearer *bearer = find(mm, path);

	if (!bearer)
		bearer = find(mm, "");
	for (size_t i = 0; !bearer && i < MM_BEARERS_COUNT; i++)
		if (!mm->all[i].is_data && !mm->all[i].ask)
			bearer = &mm->all[i];
	if (!bearer || !*path || strlen(path) >= sizeof(bearer->path))
		return;
	bearer->mm = mm;
	memcpy(bearer->path, path, strlen(path) + 1);
	get.userdata = bearer;
	if (bus_peer_call(&mm->peer, &get, &bearer->ask, on_bearer, "s", BEARER) < 0)
		bearer->path[0] = 0;
}

/* --- all of them --------------------------------------------------------------------------- */

static void on_bearer_path(const char *path, void *userdata)
{
	look_at(userdata, path);
}

static int on_modem_property(const char *name, sd_bus_message *m, void *userdata)
{
	return strcmp(name, "Bearers") == 0 ? bus_read_paths(m, on_bearer_path, userdata) : 0;
}

static int on_interface(const char *path, const char *interface, sd_bus_message *m, void *userdata)
{
	struct mm_bearers *mm = userdata;
	int r;

	(void)path;
	if (strcmp(interface, MODEM) != 0)
		return 0;
	mm->n_modems++;
	r = bus_read_properties(m, on_modem_property, mm);
	return r < 0 ? r : 1;
}

static int on_objects(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct mm_bearers *mm = userdata;

	(void)error;
	mm->ask = sd_bus_slot_unref(mm->ask);
	mm->n_modems = 0;
	mm->known = !sd_bus_message_is_method_error(m, NULL) && bus_peer_is_from(&mm->peer, m) &&
		    bus_read_objects(m, on_interface, mm) >= 0;
	mm->changed(mm);
	return 0;
}

static void mm_ask(struct mm_bearers *mm)
{
	static const struct bus_method get = {MANAGER_PATH, BUS_OBJECTS, "GetManagedObjects"};

	(void)bus_peer_call(&mm->peer, &get, &mm->ask, on_objects, "");
}

/* A modem came or went. */
static int on_modems(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct mm_bearers *mm = userdata;

	(void)error;
	if (bus_peer_is_from(&mm->peer, m))
		mm_ask(mm);
	return 0;
}

static int on_bearer_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct mm_bearers *mm = userdata;

	(void)error;
	if (bus_peer_is_from(&mm->peer, m))
		look_at(mm, sd_bus_message_get_path(m));
	return 0;
}

static int mm_subscribe(struct bus_peer *peer)
{
	int r = bus_peer_match(peer,
		"path='" MANAGER_PATH "',interface='" BUS_OBJECTS "',member='InterfacesAdded'",
		on_modems);

	if (r >= 0)
		r = bus_peer_match(peer,
			"path='" MANAGER_PATH "',interface='" BUS_OBJECTS
			"',member='InterfacesRemoved'",
			on_modems);
	if (r >= 0)
		r = bus_peer_match(peer,
			"path_namespace='" MANAGER_PATH "',interface='" BUS_PROPERTIES
			"',member='PropertiesChanged',arg0='" BEARER "'",
			on_bearer_changed);
	return r;
}

static void mm_appeared(struct bus_peer *peer)
{
	mm_ask(peer->userdata);
}

static void mm_clear(struct mm_bearers *mm)
{
	mm->ask = sd_bus_slot_unref(mm->ask);
	mm->known = false;
	mm->n_modems = 0;
	for (size_t i = 0; i < MM_BEARERS_COUNT; i++) {
		mm->all[i].ask = sd_bus_slot_unref(mm->all[i].ask);
		mm->all[i].path[0] = 0;
		mm->all[i].is_data = false;
	}
}

static void mm_vanished(struct bus_peer *peer)
{
	struct mm_bearers *mm = peer->userdata;

	mm_clear(mm);
	if (mm->peer.link)
		mm->changed(mm);
}

static void mm_absent(struct bus_peer *peer)
{
	struct mm_bearers *mm = peer->userdata;

	mm->changed(mm);
}

static const struct bus_peer_row mm_row = {
	.bus_name = MANAGER,
	.subscribe = mm_subscribe,
	.appeared = mm_appeared,
	.absent = mm_absent,
	.vanished = mm_vanished,
};

int mm_bearers_open(struct mm_bearers *mm, struct platform *platform)
{
	mm->peer.row = &mm_row;
	mm->peer.userdata = mm;
	return bus_peer_open(&mm->peer, platform);
}

void mm_bearers_close(struct mm_bearers *mm)
{
	bus_peer_close(&mm->peer);
	mm_clear(mm);
}

bool mm_bearers_is_settled(const struct mm_bearers *mm)
{
	if (mm->ask || bus_peer_is_asking(&mm->peer))
		return false;
	for (size_t i = 0; i < MM_BEARERS_COUNT; i++)
		if (mm->all[i].ask)
			return false;
	return true;
}

void mm_bearers_end(struct mm_bearers *mm, const struct mm_bearer *bearer)
{
	struct bus_method end = {bearer->path, BEARER, "Disconnect"};

	(void)bus_peer_call(&mm->peer, &end, NULL, NULL, "");
}
