/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nm_active.h - the connections that NetworkManager has up or brings up: which of them are mobile
 * data, and which share the phone's network with others. Names and secrets are not read.
 * Enforcer only.
 */
#ifndef MDM_PLATFORM_NM_ACTIVE_H
#define MDM_PLATFORM_NM_ACTIVE_H

#include "platform/bus_peer.h"

#define NM_ACTIVE_COUNT 32 /* a phone has three */
#define NM_PATH_BYTES 128

enum nm_kind {
	NM_UNKNOWN, /* being asked */
	NM_OTHER,
	NM_MOBILE,
	NM_SHARING,
	NM_KIND_MAX,
};

struct nm_active;

struct nm_connection {
	struct nm_active *nm;
	char path[NM_PATH_BYTES];    /* "": a free place */
	char profile[NM_PATH_BYTES]; /* its settings */
	enum nm_kind kind;
	bool seen; /* in the list that is being read */
	sd_bus_slot *ask;
};

struct nm_active {
	/* Set by its owner: something of what follows changed. */
	void (*changed)(struct nm_active *nm);
	void *userdata;
	struct bus_peer peer;
	sd_bus_slot *ask;
	struct nm_connection all[NM_ACTIVE_COUNT];
	bool known; /* it has answered */
	bool wwan_enabled, wireless_enabled;
};

int nm_active_open(struct nm_active *nm, struct platform *platform);
void nm_active_close(struct nm_active *nm);

/* Whether nothing is being asked. */
bool nm_active_is_settled(const struct nm_active *nm);

/* Takes a connection down; it is gone when changed is called for it. */
void nm_active_end(struct nm_active *nm, const struct nm_connection *connection);
/* Brings one up by its settings; answered, with the peer's userdata, when that was taken or
 * refused. 0; -ENOTCONN; negative. */
int nm_active_begin(struct nm_active *nm, const char *profile, sd_bus_slot **slot,
	sd_bus_message_handler_t answered);
/* Lets the modem be used again. */
void nm_active_enable_wwan(struct nm_active *nm);

/* What kind a connection of that type with these settings (a{sa{sv}}) is; for tests. */
int nm_settings_are_sharing(sd_bus_message *settings, bool *ret_sharing);

#endif
