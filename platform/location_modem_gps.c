/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_modem_gps.c - what the modem's receiver of satellites says while it is on; see
 * location_modem.c. Asked for rather than heard by signals. Enforcer only.
 */
#include <errno.h>
#include <string.h>

#include "platform/location_modem.h"
#include "platform/bus_read.h"

#define POLL_US (2 * USEC_PER_SEC)
/* Positions without any word on how exact they are. */
#define RAW_ACCURACY_M 40.0

int modem_read_location(sd_bus_message *message,
	int (*visit)(uint32_t source, sd_bus_message *message, void *userdata), void *userdata)
{
	int r = sd_bus_message_enter_container(message, 'a', "{uv}");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(message, 'e', "uv")) > 0) {
		uint32_t source;

		r = sd_bus_message_read(message, "u", &source);
		if (r >= 0)
			r = visit(source, message, userdata);
		if (r == 0)
			r = sd_bus_message_skip(message, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

struct raw {
	char time[sizeof(((struct location_modem *)NULL)->raw_time)];
	double latitude, longitude;
	bool has_latitude, has_longitude;
};

static int raw_on_property(const char *name, sd_bus_message *message, void *userdata)
{
	struct raw *raw = userdata;

	if (strcmp(name, "utc-time") == 0)
		return bus_read_text(message, 's', raw->time, sizeof(raw->time));
	if (strcmp(name, "latitude") == 0) {
		raw->has_latitude = true;
		return bus_read_double(message, &raw->latitude);
	}
	if (strcmp(name, "longitude") == 0) {
		raw->has_longitude = true;
		return bus_read_double(message, &raw->longitude);
	}
	return 0;
}

/* The receiver keeps its last position: only one with another time than before is a new one. */
static int satellites_raw(struct location *l, sd_bus_message *message)
{
	struct location_modem *m = &l->modem;
	struct raw raw = {.time = ""};
	int r = sd_bus_message_enter_container(message, 'v', "a{sv}");

	if (r >= 0)
		r = bus_read_properties(message, raw_on_property, &raw);
	if (r >= 0)
		r = sd_bus_message_exit_container(message);
	if (r < 0)
		return r;
	if (!raw.time[0] || !raw.has_latitude || !raw.has_longitude)
		return 1;
	if (m->is_warm && strcmp(raw.time, m->raw_time) != 0) {
		const struct fix fix = {
			.latitude = raw.latitude,
			.longitude = raw.longitude,
			.accuracy_m = RAW_ACCURACY_M,
			.speed_ms = -1,
			.taken_us = clock_boottime_us(),
			.source = FIX_GNSS,
		};

		location_see(l, LOCATION_MODEM, &fix);
	}
	memcpy(m->raw_time, raw.time, sizeof(m->raw_time));
	return 1;
}

/* The last sentences of each kind, in lines. */
static int satellites_nmea(struct location *l, sd_bus_message *message)
{
	struct location_modem *m = &l->modem;
	int64_t now_us = clock_boottime_us();
	const char *text;
	size_t n;
	int r = sd_bus_message_read(message, "v", "s", &text);

	if (r < 0)
		return r;
	for (size_t left = strnlen(text, LIMIT_MODEM_NMEA_BYTES); left; left -= n) {
		const char *end = memchr(text, '\n', left);
		struct nmea_sentence sentence;
		struct fix fix;

		n = end ? (size_t)(end - text) + 1 : left;
		/* What was there before the first look may be of yesterday. */
		if (nmea_parse(text, n, &sentence) == 0 &&
			nmea_track_add(&m->track, &sentence, now_us, &fix) == NMEA_E_FIX &&
			m->is_warm)
			location_see(l, LOCATION_MODEM, &fix);
		text += n;
	}
	return 1;
}

static int satellites_on_source(uint32_t source, sd_bus_message *message, void *userdata)
{
	struct location *l = userdata;

	if (source == MODEM_NMEA && l->modem.bits & MODEM_NMEA)
		return satellites_nmea(l, message);
	if (source == MODEM_RAW && l->modem.bits & MODEM_RAW)
		return satellites_raw(l, message);
	return 0;
}

static int satellites_on_poll(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct location *l = userdata;

	(void)source;
	(void)usec;
	l->modem.poll = sd_event_source_unref(l->modem.poll);
	modem_gps_ask(l);
	return 0;
}

static int satellites_on_location(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;
	struct location_modem *m = &l->modem;

	(void)error;
	m->get = sd_bus_slot_unref(m->get);
	if (bus_peer_answered(&m->peer, message) == 0 &&
		modem_read_location(message, satellites_on_source, l) >= 0 && !m->is_warm) {
		m->is_warm = true;
		/* A time of day of yesterday says nothing of today's. */
		m->track.clock = (struct fix_clock){.known = false};
	}
	if (m->running)
		(void)location_set_timer(
			l, &m->poll, clock_boottime_us() + POLL_US, satellites_on_poll);
	return 0;
}

void modem_gps_ask(struct location *l)
{
	struct location_modem *m = &l->modem;
	const struct bus_method get = {m->path, MODEM_LOCATION, "GetLocation"};

	if (m->running && !m->get &&
		bus_peer_call(&m->peer, &get, &m->get, satellites_on_location, "") < 0)
		modem_fail(l, "ModemManager cannot be asked");
}

void modem_gps_begin(struct location_modem *m)
{
	m->track = (struct nmea_track){.has_time = false};
	m->is_warm = false;
	m->raw_time[0] = 0;
	m->running = true;
}

void modem_gps_end(struct location_modem *m)
{
	m->running = false;
	m->poll = sd_event_source_unref(m->poll);
	m->get = sd_bus_slot_unref(m->get);
}
