/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_modem_mask.c - which receivers of the modem are on, a mask that all who use it share;
 * see location_modem.c. What the agent sets is written down before, and given back. Enforcer only.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/bus_read.h"
#include "platform/location_modem.h"

#define GEOCLUE_MANAGER "org.freedesktop.GeoClue2.Manager"
#define GEOCLUE_MANAGER_PATH "/org/freedesktop/GeoClue2/Manager"
#define SETUPS_MAX 3
/* How long others may go on using what the agent switched on. */
#define LATER_MAX_US (15 * 60 * USEC_PER_SEC)

#define RECORD_NAME "location-modem"
#define RECORD_BYTES 512

/* --- what is to be given back ----------------------------------------------------------------- */

/* "BOOT OWNER BITS PATH": of this start of the phone and of that ModemManager, or it is over. */
static int record_write(const struct location *l, uint32_t bits)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	uint8_t boot[BOOT_ID_BYTES];
	char text[RECORD_BYTES], hex[2 * BOOT_ID_BYTES + 1];
	int n, r;

	if (l->platform->state_fd <= 0)
		return 0;
	r = clock_boot_id(boot);
	if (r < 0)
		return r;
	hex_encode(boot, sizeof(boot), hex);
	n = snprintf(
		text, sizeof(text), "%s %s %u %s\n", hex, l->modem.peer.owner, bits, l->modem.path);
	return fs_replace(l->platform->state_fd, RECORD_NAME, text, (size_t)n, &owner);
}

static void record_remove(const struct location *l)
{
	if (l->platform->state_fd > 0)
		(void)fs_remove(l->platform->state_fd, RECORD_NAME);
}

void location_modem_recover(struct location *l)
{
	_cleanup_free_ char *text = NULL;
	uint8_t boot[BOOT_ID_BYTES];
	char hex[2 * BOOT_ID_BYTES + 1], was[2 * BOOT_ID_BYTES + 1], owner[BUS_PEER_OWNER_BYTES];
	char path[LOCATION_PATH_BYTES];
	unsigned int bits;

	if (l->platform->state_fd <= 0 ||
		fs_read(l->platform->state_fd, RECORD_NAME, RECORD_BYTES, &text, NULL) < 0)
		return;
	if (clock_boot_id(boot) < 0)
		return;
	hex_encode(boot, sizeof(boot), hex);
	if (sscanf(text, "%32s %63s %u %127s", was, owner, &bits, path) != 4 ||
		strcmp(was, hex) != 0 || path[0] != '/') {
		record_remove(l);
		return;
	}
	l->modem.ours = bits & (MODEM_RAW | MODEM_NMEA);
	memcpy(l->modem.path, path, sizeof(path));
	memcpy(l->modem.debtor, owner, sizeof(owner));
}

bool location_modem_owes(const struct location *l)
{
	return l->modem.ours != 0;
}

void modem_mask_is_quits(struct location *l)
{
	struct location_modem *m = &l->modem;

	m->ours = 0;
	m->later = sd_event_source_unref(m->later);
	m->later_until_us = 0;
	m->debtor[0] = 0;
	record_remove(l);
	location_poke(l);
}

/* --- the mask -----------------------------------------------------------------------------------
 */

static int setup_on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;
	struct location_modem *m = &l->modem;
	const sd_bus_error *refused = sd_bus_message_get_error(message);
	struct location_modem_object *object = modem_of_path(m, m->path);

	(void)error;
	m->setup = sd_bus_slot_unref(m->setup);
	if (bus_peer_answered(&m->peer, message) == 0) {
		/* It says so by a signal as well, later. */
		if (object)
			object->enabled |= m->bits;
		/* Which may be to give it back: it may be wanted no more by now. */
		modem_settle(l);
		return 0;
	}
	/* Nothing was set, or nobody knows: it is given back all the same. */
	if (refused && strstr(refused->name, "WrongState"))
		modem_fail(l, "the modem is switched off, and its receiver with it");
	else
		modem_fail(l, "ModemManager refuses to switch the receiver on");
	m->running = false;
	modem_settle(l);
	return 0;
}

static int mask_set(struct location *l, uint32_t enabled, bool signals, sd_bus_slot **slot,
	sd_bus_message_handler_t answered)
{
	const struct bus_method setup = {l->modem.path, MODEM_LOCATION, "Setup"};

	return bus_peer_call(&l->modem.peer, &setup, slot, answered, "ub", enabled, signals);
}

/* Sees to it that the receiver is on; what others have set stays. */
void modem_mask_take(struct location *l, struct location_modem_object *object)
{
	struct location_modem *m = &l->modem;
	uint32_t missing = m->bits & ~object->enabled;

	if (m->setup)
		return;
	if (!missing) {
		if (!m->poll)
			modem_gps_ask(l);
		return;
	}
	if (m->n_setups++ == SETUPS_MAX) {
		modem_fail(l, "something else switches the modem's receiver off again and again");
		return;
	}
	if (record_write(l, m->ours | missing) < 0) {
		modem_fail(l, "what is to be given back to the modem cannot be written down");
		return;
	}
	m->ours |= missing;
	if (mask_set(l, object->enabled | m->bits, object->signals, &m->setup, setup_on_answer) < 0)
		modem_fail(l, "ModemManager cannot be asked");
}

static int mask_on_later(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct location *l = userdata;

	(void)source;
	(void)usec;
	l->modem.later = sd_event_source_unref(l->modem.later);
	modem_settle(l);
	return 0;
}

static int mask_on_given(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;

	(void)error;
	(void)message;
	/* Refused or not, there is nothing else that could be done. */
	l->modem.setup = sd_bus_slot_unref(l->modem.setup);
	modem_mask_is_quits(l);
	return 0;
}

static void mask_give_back(struct location *l)
{
	struct location_modem *m = &l->modem;
	const struct location_modem_object *object = modem_of_path(m, m->path);

	/* A modem that is gone, or that others have switched off, has nothing to get back. */
	if (!object || !(object->enabled & m->ours))
		modem_mask_is_quits(l);
	/* Where it cannot be said now it stays owed. */
	else if (!m->setup)
		(void)mask_set(
			l, object->enabled & ~m->ours, object->signals, &m->setup, mask_on_given);
}

static int mask_on_use(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;
	struct location_modem *m = &l->modem;
	bool used = false;

	(void)error;
	m->use = sd_bus_slot_unref(m->use);
	if (bus_peer_answered(&l->geoclue.peer, message) < 0 || bus_read_bool(message, &used) < 0)
		used = false;
	if (m->running)
		return 0;
	/* It says when that ends. */
	if (used && clock_boottime_us() < m->later_until_us)
		(void)location_set_timer(l, &m->later, m->later_until_us, mask_on_later);
	else
		mask_give_back(l);
	return 0;
}

/* Gives back what nobody wants of the agent any more, unless others may be using it. */
void modem_mask_release(struct location *l)
{
	static const struct bus_method get = {GEOCLUE_MANAGER_PATH, BUS_PROPERTIES, "Get"};
	struct location_modem *m = &l->modem;

	if (!m->ours || m->use || m->setup || m->later)
		return;
	if (!m->later_until_us)
		m->later_until_us = clock_boottime_us() + LATER_MAX_US;
	if (!l->geoclue.peer.owner[0] || bus_peer_call(&l->geoclue.peer, &get, &m->use, mask_on_use,
						 "ss", GEOCLUE_MANAGER, "InUse") < 0)
		mask_give_back(l);
}

void location_modem_look_at_use(struct location *l)
{
	struct location_modem *m = &l->modem;

	if (!m->ours || m->running || !m->later)
		return;
	m->later = sd_event_source_unref(m->later);
	modem_settle(l);
}

void modem_mask_abandon(struct location *l)
{
	struct location_modem *m = &l->modem;
	const struct location_modem_object *object = modem_of_path(m, m->path);

	if (!m->ours)
		return;
	/* What is handed to the bus is as good as said. If it cannot be, the record stays. */
	if (object && mask_set(l, object->enabled & ~m->ours, object->signals, NULL, NULL) >= 0)
		modem_mask_is_quits(l);
}
