/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location.h - where the phone is, and which networks are in sight, as one stream of what several
 * sources tell: GeoClue, gnss-share, gpsd, ModemManager, NetworkManager, /etc/geolocation. Each may
 * be missing, silent or hostile. Asynchronous, everything with a deadline. Enforcer only.
 *
 * Nothing runs while nothing is wanted: no client of GeoClue, no receiver, no connection to the
 * bus. Nothing here writes a position anywhere; only events carry them.
 *
 * The user's own switch for location counts, unless the policy overrides it openly: while it is off
 * no source is asked, and neither is NetworkManager for networks in sight.
 */
#ifndef MDM_PLATFORM_LOCATION_H
#define MDM_PLATFORM_LOCATION_H

#include "platform/platform.h"
#include "policies/fix.h"
#include "policies/when.h"

enum location_source {
	LOCATION_FILE,	     /* /etc/geolocation: where it is there, nobody else is asked */
	LOCATION_GEOCLUE,    /* whatever it knows */
	LOCATION_GNSS_SHARE, /* NMEA from /run/gnss-share.sock */
	LOCATION_GPSD,	     /* JSON from 127.0.0.1:2947 */
	LOCATION_MODEM,	     /* ModemManager: satellites; the cell only as a sign of moving */
	LOCATION_WIFI,	     /* NetworkManager: networks, no positions */
	LOCATION_SOURCE_MAX,
};
const char *location_source_name(enum location_source source); /* "gnss-share", fix.provider */

enum location_need {
	LOCATION_OFF,
	LOCATION_COARSE, /* LOCATION_COARSE_M; what costs little, others only when it fails */
	LOCATION_FINE,	 /* LOCATION_FINE_M; receivers of satellites are switched on */
	LOCATION_NEED_MAX,
};
#define LOCATION_COARSE_M 3000.0
#define LOCATION_FINE_M 50.0

/* What is to be told while it goes on; costs nothing while nothing changes. */
#define LOCATION_WATCH_NETWORKS 1u /* the Wi-Fi networks in sight, and the one in use */
#define LOCATION_WATCH_MOTION 2u   /* signs of moving: another network in use, another cell */

enum location_event_kind {
	LOCATION_FIX,	    /* fix: better than, or later than, those before */
	LOCATION_NETWORKS,  /* networks: after a scan, or when the one in use changed */
	LOCATION_CONNECTED, /* networks: the network in use is another one, or none */
	LOCATION_MOVED,	    /* a sign that the phone moves */
	LOCATION_SWITCHED,  /* the user's switch, see facts */
	LOCATION_SOURCES,   /* a source came or went, see facts */
	LOCATION_MISSED,    /* why: no fix as it was wanted */
	LOCATION_NO_SCAN,   /* why: no scan as it was wanted */
	LOCATION_EVENT_MAX,
};
const char *location_event_name(enum location_event_kind kind); /* "fix" */

enum location_why {
	LOCATION_TOO_LATE,     /* the deadline passed */
	LOCATION_SWITCHED_OFF, /* by the user */
	LOCATION_NO_SOURCE,    /* there is nothing to ask */
	LOCATION_WHY_MAX,
};
const char *location_why_name(enum location_why why); /* "switched_off" */

struct location_event {
	enum location_event_kind kind;
	const struct fix *fix;		     /* valid during the call */
	const struct fix_networks *networks; /* likewise */
	enum location_why why;
};
/* From the loop, never from inside a call. May call anything of this file, location_free() too. */
typedef void (*location_event_fn)(const struct location_event *event, void *userdata);

/* What would tell that the phone moves while LOCATION_WATCH_MOTION is on. There is no sensor that
 * would tell without being asked all the time. */
enum location_teller {
	LOCATION_TELLS_NOTHING,
	LOCATION_TELLS_CELL, /* ModemManager, which tells everybody of another cell: somebody wants
				that */
	LOCATION_TELLS_WIFI, /* NetworkManager: the phone is in a network, and will leave it */
	LOCATION_TELLER_MAX,
};
const char *location_teller_name(enum location_teller teller); /* "wifi" */

struct location_source_fact {
	bool present, active;
	/* Why it is not there, or what is wrong with it; "" if nothing is. No positions, no names
	 * of networks. */
	char detail[LIMIT_TEXT_BYTES + 1];
	int64_t fix_us; /* CLOCK_BOOTTIME of its last fix or scan; 0: none since the start */
};

struct location_facts {
	struct location_source_fact sources[LOCATION_SOURCE_MAX];
	/* The user's switch: on, off; UNKNOWN: there is none, or it was not looked at yet. */
	enum truth user_switch;
	char switch_detail[LIMIT_TEXT_BYTES + 1];
	bool honour_switch;
	enum location_need need;
	unsigned int watches;
	enum location_teller teller; /* look again after CONNECTED and SOURCES */
};

struct location;

/*
 * Asks nobody for anything yet, except that a receiver is given back that an agent before this one
 * left switched on when it fell. platform->state_fd keeps what is needed for that. 0 or -ENOMEM.
 */
int location_new(struct platform *platform, location_event_fn event, void *userdata,
	struct location **ret_location);
/* Gives back what was switched on, as far as that goes without waiting; NULL is fine. */
void location_free(struct location *location);

/* Whether the user's switch counts; it does until this is called. */
void location_honour_switch(struct location *location, bool honour);

/*
 * One fix of that quality is wanted by then (CLOCK_BOOTTIME). It takes the place of what was wanted
 * before; OFF: nothing is. Every fix that says something new on the way is told, coarser ones too;
 * when one is good enough, and was taken after the call or at most half a minute before, and is
 * not made up, all sources end. Otherwise MISSED comes at the deadline, at once where the switch is
 * off. 0 or -ENOMEM.
 */
int location_want(struct location *location, enum location_need need, int64_t deadline_us);

/* LOCATION_WATCH_* that are wanted from now on; 0: none. */
void location_watch(struct location *location, unsigned int watches);

/*
 * A scan of the Wi-Fi networks in sight is wanted by then, which NETWORKS tells of; NO_SCAN
 * otherwise. One of the last half minute is good enough: NetworkManager scans no oftener. Wants no
 * watch. 0 or -ENOMEM.
 */
int location_scan(struct location *location, int64_t deadline_us);

/* Filled anew by each call. Looks at a few files. */
void location_facts(struct location *location, struct location_facts *ret_facts);

/*
 * GeoClue's leave for the agent to ask, as a file in /etc/geoclue/conf.d: written where GeoClue is
 * installed and the package's file is not there. It counts from GeoClue's next start on, which ends
 * a minute after its last use. 0 or -errno.
 */
int location_allow(struct platform *platform);
/* Takes that back. 0 or -errno; can be called again. */
int location_revert(struct platform *platform);

#endif
