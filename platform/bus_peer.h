/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bus_peer.h - a service on the system bus, followed through its own restarts and those of the
 * bus. All peers of a platform share one connection, which exists as long as one of them does.
 * Nothing is ever started, nothing waits. A signal or answer counts only if the owner of the
 * service's name sent it: the system bus lets every user send signals to the agent's connection.
 * Enforcer only.
 */
#ifndef MDM_PLATFORM_BUS_PEER_H
#define MDM_PLATFORM_BUS_PEER_H

#include <systemd/sd-bus.h>

#include "platform/platform.h"

#define BUS_PEER_OWNER_BYTES 64			     /* ":1.234" */
#define BUS_PEER_MATCHES_MAX 6			     /* signals asked for of one service */
#define BUS_PEER_TIMEOUT_US (10 * UINT64_C(1000000)) /* for one answer */

#define BUS_PROPERTIES "org.freedesktop.DBus.Properties"
#define BUS_OBJECTS "org.freedesktop.DBus.ObjectManager"

struct bus_peer;

struct bus_peer_row {
	const char *bus_name; /* "org.freedesktop.ModemManager1" */
	/* Asks for the signals that matter; once for each connection. May be NULL. 0 or negative.
	 */
	int (*subscribe)(struct bus_peer *peer);
	/* It has an owner now, another one than before. */
	void (*appeared)(struct bus_peer *peer);
	/* The bus was asked for the first time and says that nobody owns the name. May be NULL. */
	void (*absent)(struct bus_peer *peer);
	/* What is known of it is void; calls of its slots may be outstanding. */
	void (*vanished)(struct bus_peer *peer);
};

struct bus_peer {
	const struct bus_peer_row *row; /* set by the owner of the peer, like userdata */
	void *userdata;
	struct platform *platform;
	struct bus_link *link;		  /* NULL: not open */
	char owner[BUS_PEER_OWNER_BYTES]; /* "": nobody owns the name, or it is not known yet */
	sd_bus_slot *watch, *query, *matches[BUS_PEER_MATCHES_MAX];
	struct bus_peer *next;
};

/* Begins to follow. 0, also where there is no bus now, and if it is open already; -ENOMEM. */
int bus_peer_open(struct bus_peer *peer, struct platform *platform);
/* Ends it; may be called from the peer's own callbacks. A closed peer is fine. */
void bus_peer_close(struct bus_peer *peer);

/* Whether it is being asked who owns the name, for the first time on this connection. */
static inline bool bus_peer_is_asking(const struct bus_peer *peer)
{
	return peer->query;
}

static inline bool bus_peer_is_here(const struct bus_peer *peer)
{
	return peer->owner[0];
}

/* Whether there is a bus to follow it on. In vanished(): false where the bus is gone, or the peer
 * is being closed, and nobody knows what became of the service. */
bool bus_peer_is_connected(const struct bus_peer *peer);

/* Whether the owner of the name sent the message. */
bool bus_peer_is_from(const struct bus_peer *peer, sd_bus_message *message);

/* Asks for a signal; rest: the match beyond its sender. userdata: the peer's. 0 or negative. */
int bus_peer_match(struct bus_peer *peer, const char *rest, sd_bus_message_handler_t handler);

struct bus_method {
	const char *path, *interface, *member;
	void *userdata; /* of answered; NULL: the peer's */
};
/*
 * Calls a method of the present owner. Where answered is NULL nobody hears of the answer, and slot
 * may be NULL; otherwise *slot is replaced. 0; -ENOTCONN: nobody owns the name;
 * negative.
 */
int bus_peer_call(struct bus_peer *peer, const struct bus_method *method, sd_bus_slot **slot,
	sd_bus_message_handler_t answered, const char *types, ...);

/* The same with an array of strings as its only argument. */
int bus_peer_call_strings(struct bus_peer *peer, const struct bus_method *method,
	sd_bus_slot **slot, sd_bus_message_handler_t answered, const char *const *strings);

/* An answer: 0, or the negative error that it carries, -EPERM where somebody else gave it. */
int bus_peer_answered(const struct bus_peer *peer, sd_bus_message *message);

/*
 * Asks the bus to start the service, for those who need it running; appeared() tells when it is.
 * The answer is the bus's own. 0 or negative.
 */
int bus_peer_start(struct bus_peer *peer, sd_bus_slot **slot, sd_bus_message_handler_t answered);

/* Serves an object on the connection, for a service that calls back. userdata: the peer's. 0 or
 * negative. */
int bus_peer_serve(struct bus_peer *peer, sd_bus_slot **slot, const char *path,
	const char *interface, const sd_bus_vtable *vtable);

#endif
