/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_private.h - what the files of the location share. Only for platform/location*.c and
 * their tests.
 *
 * A source never ends a want and never calls out: it says what it saw (location_see), and the
 * location puts things together in a later turn of the loop, starts and stops sources there, and
 * then tells its user. So no callback of a source has anything taken away under its feet.
 */
#ifndef MDM_PLATFORM_LOCATION_PRIVATE_H
#define MDM_PLATFORM_LOCATION_PRIVATE_H

#include "agent/util/clock.h"
#include "agent/util/mem.h"
#include "platform/backend.h"
#include "platform/bus_peer.h"
#include "platform/bus_read.h"
#include "platform/location.h"
#include "platform/location_lines.h"
#include "policies/fix_stream.h"
#include "policies/nmea.h"

#define LOCATION_ID "mdm-agent" /* of a client of GeoClue, and of its section in the drop-in */
#define LOCATION_PATH_BYTES 128
#define GPSD_PORT 2947
/* A fix, or a scan, that is this old was not worth waiting for another one. */
#define LOCATION_FRESH_US (30 * USEC_PER_SEC)
/* How long what costs little is waited for before receivers are switched on for a coarse fix, and
 * GeoClue before the modem's own receiver is. */
#define LOCATION_PATIENCE_US (20 * USEC_PER_SEC)

struct location_source_row {
	const char *name, *title;
	bool uses_bus;
	/* What it is like; a few stat(2), never the bus. */
	void (*look)(struct location *location, struct location_source_fact *ret_fact);
	/* Whether it is to run now. */
	bool (*is_wanted)(const struct location *location);
	void (*start)(struct location *location);
	/* While it runs: something may have changed. NULL: nothing to do. */
	void (*settle)(struct location *location);
	void (*stop)(struct location *location);
};
extern const struct location_source_row location_file_row, location_geoclue_row,
	location_gnss_share_row, location_gpsd_row, location_modem_row, location_wifi_row;

/* GeoClue: agent, client, its properties, start, signals; one call at a time. */
struct location_geoclue {
	struct bus_peer peer;
	sd_bus_slot *call, *read, *agent;
	char client[LOCATION_PATH_BYTES]; /* object; "": none yet */
	unsigned int step, n_starts;
	uint32_t level; /* asked for */
	bool begun, failed;
	bool read_again; /* another location came while one was being read */
	char next[LOCATION_PATH_BYTES];
	char trouble[LIMIT_TEXT_BYTES + 1];
};

/* A receiver that speaks over a socket. */
struct location_receiver {
	struct location_lines *lines;
	struct nmea_track track; /* gnss-share */
	struct fix_clock clock;	 /* gpsd */
	bool failed;
	char trouble[LIMIT_TEXT_BYTES + 1];
};

#define LOCATION_MODEMS_MAX 4

struct location_modem_object {
	char path[LOCATION_PATH_BYTES]; /* "": free */
	uint32_t capabilities, enabled;
	bool signals;
	bool told; /* of what it knows of where it is */
};

struct location_modem {
	struct bus_peer peer;
	sd_bus_slot *list, *setup, *get, *cell, *use;
	struct location_modem_object objects[LOCATION_MODEMS_MAX];
	bool listed, failed;
	/* The receiver: whose, and which bits of its mask were set by the agent. */
	char path[LOCATION_PATH_BYTES];
	uint32_t bits, ours;
	unsigned int n_setups;
	bool running; /* satellites are wanted of it */
	struct nmea_track track;
	char raw_time[24];
	bool is_warm; /* what was there before has been passed over */
	sd_event_source *poll, *later;
	int64_t later_until_us; /* GeoClue is used by others: the bits are given back then at the
				   latest */
	char cell_text[64], new_cell[64];
	char owner[BUS_PEER_OWNER_BYTES];
	char debtor[BUS_PEER_OWNER_BYTES]; /* whose mask an agent before this one changed */
	char trouble[LIMIT_TEXT_BYTES + 1];
};

struct location_wifi {
	struct bus_peer peer;
	sd_bus_slot *list, *scan;
	sd_event_source *later, *poll;
	struct fix_networks networks;
	char device[LOCATION_PATH_BYTES]; /* that scans */
	bool failed, asked;
	int64_t asked_us; /* when a scan was asked for */
	char trouble[LIMIT_TEXT_BYTES + 1];
};

struct session_watch;

struct location_switch {
	struct session_watch *session;
	bool running;
	bool looked; /* the state is what the files said */
	uint32_t uid;
	int inotify_fd; /* -1: nothing is watched */
	sd_event_source *watch, *deadline;
	enum truth state;
	char detail[LIMIT_TEXT_BYTES + 1];
};

struct location {
	struct platform *platform;
	location_event_fn event;
	void *userdata;
	bool honour_switch;
	uint16_t gpsd_port; /* GPSD_PORT but in tests */

	enum location_need need;
	unsigned int watches;
	int64_t wanted_us, deadline_us;
	bool answered;	    /* a fix is good enough */
	bool patience_over; /* what costs more may be asked */
	sd_event_source *deadline, *patience;
	bool scan_wanted;
	sd_event_source *scan_deadline;
	int64_t scan_wanted_us;

	struct fix best;      /* told last since the want began */
	struct fix seen;      /* to be told */
	unsigned int pending; /* bits of events */
	enum location_why missed, no_scan;
	sd_event_source *tell, *exit;
	bool *freed; /* set by location_free() while events are told */

	bool running[LOCATION_SOURCE_MAX], present[LOCATION_SOURCE_MAX];
	int64_t fix_us[LOCATION_SOURCE_MAX];
	bool has_file; /* the file answered this want */

	bool bus_wanted; /* the peers are open */

	struct location_geoclue geoclue;
	struct location_receiver gnss_share, gpsd;
	struct location_modem modem;
	struct location_wifi wifi;
	struct location_switch user_switch;
};

/* Something may have changed: sources are started and stopped, events told, in a later turn. */
void location_poke(struct location *location);
void location_post(struct location *location, enum location_event_kind kind);
/* A source has a fix: its provider is set here, and it is looked at. */
void location_see(struct location *location, enum location_source source, const struct fix *fix);
/* Whether a position is being looked for. */
bool location_is_looking(const struct location *location);
/* Whether anything may be asked at all, as far as the user's switch goes. */
bool location_is_allowed(const struct location *location);
/* Whether GeoClue is of no use: not there, or it failed. */
bool location_geoclue_is_out(const struct location *location);
/* The networks in sight are to be looked at now, and a scan asked for if one is wanted. */
void location_wifi_scan(struct location *location);
/* Whether the phone is in a network that it can leave. */
bool location_wifi_is_connected(const struct location *location);
/* Whether the modem tells of other cells by itself. */
bool location_modem_tells(const struct location *location);
bool location_wifi_is_out(const struct location *location);
/* Whether somebody who gives data to the agent on a local socket may: root, a service, oneself. */
bool location_trusts(const struct location *location, uid_t uid);

/* A timer of CLOCK_BOOTTIME in the place of the one before, accurate to a quarter of a second. */
int location_set_timer(struct location *location, sd_event_source **source, int64_t at_us,
	sd_event_time_handler_t handler);

extern const struct bus_peer_row location_geoclue_peer, location_modem_peer, location_wifi_peer;
/* Whether nobody owns the name, or there is no bus to ask. */
bool location_is_absent(const struct location *location, const struct bus_peer *peer);

/* The switch. */
void location_switch_start(struct location *location);
void location_switch_stop(struct location *location);
/* Something is about to be asked: it is looked at again if it runs already. */
void location_switch_refresh(struct location *location);
/* Of what the databases say. Reads only. */
void location_switch_read(
	int root_fd, uint32_t uid, enum truth *ret_state, char ret_detail[LIMIT_TEXT_BYTES + 1]);

/* The modem: what an agent before this one left on; whether the bus is needed to give it back. */
void location_modem_recover(struct location *location);
bool location_modem_owes(const struct location *location);
/* The last moment at which something can be said to it. */
void location_modem_leave(struct location *location);
/* Whether others use what the agent has switched on may be another thing now. */
void location_modem_look_at_use(struct location *location);
/* One word about the cell, to see whether it is another one. */
void location_modem_look_at_cell(struct location *location);

/* Whether nobody but those who are trusted listens on the port, by the text of /proc/net/tcp or
 * tcp6; counts them. */
bool location_listeners_are_trusted(
	const struct location *location, const char *table, uint16_t port, size_t *n_listeners);

#endif
