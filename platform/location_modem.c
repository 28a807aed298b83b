/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_modem.c - the modem as ModemManager shows it: its receiver of satellites, and the cell
 * that serves it. Enforcer only.
 *
 * The receiver is switched on by a mask that everybody who uses it sets as a whole. So what others
 * have set stays; what the agent set is written down first, with whose it was, and given back when
 * it is wanted no more, by this agent or by the next one if this one falls. GeoClue does the same,
 * and takes away what it finds set twice: that is set again a few times. While others use GeoClue,
 * what the agent set stays until they have ended, for at most a quarter of an hour: they may rely
 * on it. Whether ModemManager tells of positions by signals, which every user would hear, stays as
 * it is. No modem is switched on for this.
 *
 * A cell is a number here, not a position: no database of cells is kept on these phones. Another
 * one is a sign of moving. It is looked at when something else happens anyway: ModemManager tells
 * of it by itself only where it tells everybody.
 */
#include <errno.h>
#include <string.h>

#include "platform/location_modem.h"
#include "platform/bus_read.h"

#define MANAGER "org.freedesktop.ModemManager1"
#define MANAGER_PATH "/org/freedesktop/ModemManager1"
#define MODEM_3GPP MANAGER ".Modem.Modem3gpp"

void modem_fail(struct location *l, const char *text)
{
	l->modem.failed = true;
	snprintf(l->modem.trouble, sizeof(l->modem.trouble), "%s", text);
	location_poke(l);
}

/* --- the modems ---------------------------------------------------------------------------------
 */

/* The modem of that path, or a free place for it; NULL: there is none. */
static struct location_modem_object *modem_find(struct location_modem *m, const char *path)
{
	struct location_modem_object *free_one = NULL;

	for (size_t i = 0; i < LOCATION_MODEMS_MAX; i++) {
		if (strcmp(m->objects[i].path, path) == 0)
			return &m->objects[i];
		if (!m->objects[i].path[0] && !free_one)
			free_one = &m->objects[i];
	}
	if (free_one && strlen(path) < sizeof(free_one->path)) {
		*free_one = (struct location_modem_object){.path = ""};
		return free_one;
	}
	return NULL;
}

static int modem_on_property(const char *name, sd_bus_message *message, void *userdata)
{
	struct location_modem_object *object = userdata;

	if (strcmp(name, "Capabilities") == 0)
		return bus_read_u32(message, &object->capabilities);
	if (strcmp(name, "Enabled") == 0)
		return bus_read_u32(message, &object->enabled);
	if (strcmp(name, "SignalsLocation") == 0)
		return bus_read_bool(message, &object->signals);
	object->told |= strcmp(name, "Location") == 0;
	return 0;
}

static int modem_on_interface(
	const char *path, const char *interface, sd_bus_message *message, void *userdata)
{
	struct location *l = userdata;
	struct location_modem_object *object;
	int r;

	if (strcmp(interface, MODEM_LOCATION) != 0)
		return 0;
	object = modem_find(&l->modem, path);
	if (!object)
		return 0;
	r = bus_read_properties(message, modem_on_property, object);
	if (r < 0)
		return r;
	memcpy(object->path, path, strlen(path) + 1);
	return 1;
}

struct location_modem_object *modem_of_path(struct location_modem *m, const char *path)
{
	for (size_t i = 0; i < LOCATION_MODEMS_MAX; i++)
		if (path[0] && strcmp(m->objects[i].path, path) == 0)
			return &m->objects[i];
	return NULL;
}

/* --- the cell -----------------------------------------------------------------------------------
 */

static int cell_on_source(uint32_t source, sd_bus_message *message, void *userdata)
{
	struct location_modem *m = userdata;

	return source == MODEM_CELL ? bus_read_text(message, 's', m->new_cell, sizeof(m->new_cell))
				    : 0;
}

static int cell_on_location(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;
	struct location_modem *m = &l->modem;

	(void)error;
	m->cell = sd_bus_slot_unref(m->cell);
	m->new_cell[0] = 0;
	if (bus_peer_answered(&m->peer, message) < 0 ||
		modem_read_location(message, cell_on_source, m) < 0 || !m->new_cell[0])
		return 0;
	if (m->cell_text[0] && strcmp(m->cell_text, m->new_cell) != 0 &&
		l->watches & LOCATION_WATCH_MOTION)
		location_post(l, LOCATION_MOVED);
	memcpy(m->cell_text, m->new_cell, sizeof(m->cell_text));
	return 0;
}

void location_modem_look_at_cell(struct location *l)
{
	struct location_modem *m = &l->modem;

	for (size_t i = 0; i < LOCATION_MODEMS_MAX; i++) {
		const struct bus_method get = {m->objects[i].path, MODEM_LOCATION, "GetLocation"};

		if (!m->objects[i].path[0] || !(m->objects[i].enabled & MODEM_CELL))
			continue;
		(void)bus_peer_call(&m->peer, &get, &m->cell, cell_on_location, "");
		return;
	}
}

/* --- putting it together ------------------------------------------------------------------------
 */

/* Satellites are asked of the modem last: GeoClue asks it, too. */
static bool modem_wants_satellites(const struct location *l)
{
	return location_is_looking(l) && !l->has_file &&
	       (location_geoclue_is_out(l) || l->patience_over);
}

static struct location_modem_object *modem_choose(struct location_modem *m)
{
	for (size_t i = 0; i < LOCATION_MODEMS_MAX; i++)
		if (m->objects[i].path[0] && m->objects[i].capabilities & (MODEM_RAW | MODEM_NMEA))
			return &m->objects[i];
	return NULL;
}

static void satellites_start(struct location *l)
{
	struct location_modem *m = &l->modem;
	struct location_modem_object *object = modem_choose(m);

	if (!object) {
		modem_fail(l, "no modem has a receiver of satellites");
		return;
	}
	if (object->enabled & MODEM_UNMANAGED) {
		modem_fail(l, "the modem's receiver is another program's");
		return;
	}
	/* What is still to be given back of another modem comes first. */
	if (m->ours && strcmp(m->path, object->path) != 0)
		return;
	memcpy(m->path, object->path, sizeof(m->path));
	m->bits = object->capabilities & MODEM_NMEA ? MODEM_NMEA : MODEM_RAW;
	m->later = sd_event_source_unref(m->later);
	m->later_until_us = 0;
	m->n_setups = 0;
	modem_gps_begin(m);
	modem_mask_take(l, object);
}

void modem_settle(struct location *l)
{
	struct location_modem *m = &l->modem;
	struct location_modem_object *object = modem_of_path(m, m->path);

	if (!m->listed)
		return;
	/* Of a ModemManager that is another one by now nothing is owed. */
	if (m->debtor[0] && strcmp(m->debtor, m->peer.owner) != 0)
		modem_mask_is_quits(l);
	m->debtor[0] = 0;
	/* Another want is another try. */
	if (!modem_wants_satellites(l) && m->peer.owner[0])
		m->failed = false;
	if (l->running[LOCATION_MODEM] && modem_wants_satellites(l) && !m->failed) {
		if (!m->running)
			satellites_start(l);
		else if (object)
			modem_mask_take(l, object);
	} else if (m->running) {
		modem_gps_end(m);
	}
	if (!m->running)
		modem_mask_release(l);
}

static int modem_on_objects(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;
	struct location_modem *m = &l->modem;

	(void)error;
	m->list = sd_bus_slot_unref(m->list);
	memset(m->objects, 0, sizeof(m->objects));
	if (bus_peer_answered(&m->peer, message) < 0 ||
		bus_read_objects(message, modem_on_interface, l) < 0) {
		modem_fail(l, "ModemManager does not answer");
		return 0;
	}
	m->listed = true;
	if (!m->objects[0].path[0])
		text_printf(m->trouble, "ModemManager has no modem that knows where it is");
	location_modem_look_at_cell(l);
	modem_settle(l);
	/* Whether it serves for a position may be clear now. */
	location_poke(l);
	return 0;
}

static int modem_on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;
	struct location_modem *m = &l->modem;
	const char *path = sd_bus_message_get_path(message);
	struct location_modem_object *object;

	(void)error;
	if (!bus_peer_is_from(&m->peer, message) || !path || !modem_of_path(m, path))
		return 0;
	object = modem_find(m, path);
	if (!object)
		return 0;
	object->told = false;
	if (sd_bus_message_skip(message, "s") < 0 ||
		bus_read_properties(message, modem_on_property, object) < 0)
		return 0;
	/* With a receiver on it tells every second, not of cells. */
	if (object->told && !(object->enabled & (MODEM_RAW | MODEM_NMEA)))
		location_modem_look_at_cell(l);
	modem_settle(l);
	return 0;
}

/* Another network of phones, or registered anew: a good moment to look at the cell. */
static int modem_on_registration(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;

	(void)error;
	if (bus_peer_is_from(&l->modem.peer, message))
		location_modem_look_at_cell(l);
	return 0;
}

static void modem_ask(struct location *l)
{
	static const struct bus_method get = {MANAGER_PATH, BUS_OBJECTS, "GetManagedObjects"};
	struct location_modem *m = &l->modem;

	if (bus_peer_call(&m->peer, &get, &m->list, modem_on_objects, "") < 0)
		modem_fail(l, "ModemManager cannot be asked");
}

/* A modem came or went. */
static int modem_on_objects_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;

	(void)error;
	if (bus_peer_is_from(&l->modem.peer, message))
		modem_ask(l);
	return 0;
}

static void modem_forget(struct location *l)
{
	struct location_modem *m = &l->modem;

	modem_gps_end(m);
	m->list = sd_bus_slot_unref(m->list);
	m->setup = sd_bus_slot_unref(m->setup);
	m->cell = sd_bus_slot_unref(m->cell);
	m->use = sd_bus_slot_unref(m->use);
	m->later = sd_event_source_unref(m->later);
	memset(m->objects, 0, sizeof(m->objects));
	m->listed = false;
}

static int modem_subscribe(struct bus_peer *peer)
{
	int r = bus_peer_match(peer,
		"interface='" BUS_PROPERTIES "',member='PropertiesChanged',arg0='" MODEM_LOCATION
		"'",
		modem_on_changed);

	if (r >= 0)
		r = bus_peer_match(peer,
			"interface='" BUS_PROPERTIES
			"',member='PropertiesChanged',arg0='" MODEM_3GPP "'",
			modem_on_registration);
	if (r >= 0)
		r = bus_peer_match(peer, "interface='" BUS_OBJECTS "',member='InterfacesAdded'",
			modem_on_objects_changed);
	if (r >= 0)
		r = bus_peer_match(peer, "interface='" BUS_OBJECTS "',member='InterfacesRemoved'",
			modem_on_objects_changed);
	return r;
}

static void modem_appeared(struct bus_peer *peer)
{
	struct location *l = peer->userdata;
	struct location_modem *m = &l->modem;

	memcpy(m->owner, peer->owner, sizeof(m->owner));
	m->failed = false;
	m->trouble[0] = 0;
	modem_ask(l);
	location_poke(l);
}

static void modem_absent(struct bus_peer *peer)
{
	struct location *l = peer->userdata;

	/* It switched off what it had on when it ended. */
	if (l->modem.ours)
		modem_mask_is_quits(l);
	modem_fail(l, "ModemManager is not running");
}

static void modem_vanished(struct bus_peer *peer)
{
	struct location *l = peer->userdata;
	struct location_modem *m = &l->modem;

	modem_forget(l);
	if (bus_peer_is_connected(peer))
		modem_absent(peer);
	else if (m->ours)
		memcpy(m->debtor, m->owner, sizeof(m->debtor));
	location_poke(l);
}

const struct bus_peer_row location_modem_peer = {
	.bus_name = MANAGER,
	.subscribe = modem_subscribe,
	.appeared = modem_appeared,
	.absent = modem_absent,
	.vanished = modem_vanished,
};

void location_modem_leave(struct location *l)
{
	modem_gps_end(&l->modem);
	modem_mask_abandon(l);
}

bool location_modem_tells(const struct location *l)
{
	for (size_t i = 0; i < LOCATION_MODEMS_MAX; i++) {
		const struct location_modem_object *object = &l->modem.objects[i];

		if (object->path[0] && object->enabled & MODEM_CELL && object->signals &&
			!(object->enabled & (MODEM_RAW | MODEM_NMEA)))
			return true;
	}
	return false;
}

static bool modem_is_wanted(const struct location *l)
{
	return location_is_looking(l) ||
	       (l->watches & LOCATION_WATCH_MOTION && location_is_allowed(l));
}

static void modem_start(struct location *l)
{
	l->modem.failed = location_is_absent(l, &l->modem.peer);
	if (!l->modem.failed)
		l->modem.trouble[0] = 0;
	location_modem_look_at_cell(l);
	modem_settle(l);
}

static void modem_stop(struct location *l)
{
	modem_gps_end(&l->modem);
	modem_mask_release(l);
}

static void modem_look(struct location *l, struct location_source_fact *ret_fact)
{
	const struct location_modem *m = &l->modem;

	ret_fact->present = m->peer.owner[0] ||
			    backend_file_exists(l->platform->sysroot_fd, "usr/sbin/ModemManager");
	text_printf(ret_fact->detail, "%s",
		ret_fact->present ? m->trouble : "ModemManager is not installed");
}

const struct location_source_row location_modem_row = {
	.name = "modemmanager",
	.title = "ModemManager",
	.uses_bus = true,
	.look = modem_look,
	.is_wanted = modem_is_wanted,
	.start = modem_start,
	.settle = modem_settle,
	.stop = modem_stop,
};
