/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nm_links.c - active connections of NetworkManager and the access points below them; see
 * nm_links.h. All of it is read anew when something of it changes: that is rare, and three answers.
 * Enforcer only.
 */
#include "platform/nm_links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/mem.h"
#include "platform/bus_peer.h"
#include "platform/bus_read.h"

#define MANAGER "org.freedesktop.NetworkManager"
#define MANAGER_PATH "/org/freedesktop/NetworkManager"
#define ACTIVE MANAGER ".Connection.Active"
#define ACTIVE_PATHS MANAGER_PATH "/ActiveConnection"
#define ACCESS_POINT MANAGER ".AccessPoint"

#define LINKS_COUNT 32 /* a phone has three */
#define PATH_BYTES 128
#define STATE_ACTIVATED 2u     /* NMActiveConnectionState */
#define MODE_INFRASTRUCTURE 2u /* NM80211Mode: not the phone's own */

struct link_seen {
	struct nm_links *links;
	char path[PATH_BYTES], point[PATH_BYTES], type[32];
	uint32_t state, mode, wpa, rsn;
	bool is_vpn, is_out; /* it went meanwhile, or makes no sense */
	struct when_wifi wifi;
	sd_bus_slot *ask;
};

struct nm_links {
	struct bus_peer peer;
	void (*changed)(void *userdata);
	void *userdata;
	sd_bus_slot *ask;
	bool again; /* something changed while it was read */
	struct link_seen seen[LINKS_COUNT];
	size_t n_seen;
	struct when_links now;
};

static void links_ask(struct nm_links *l);

/* --- what came of it ----------------------------------------------------------------------- */

static bool link_kind(const struct link_seen *seen, enum when_link *ret_kind)
{
	static const struct {
		const char *type;
		enum when_link kind;
	} types[] = {
		{"802-11-wireless", WHEN_LINK_WIFI},
		{"802-3-ethernet", WHEN_LINK_ETHERNET},
		{"gsm", WHEN_LINK_MOBILE},
		{"cdma", WHEN_LINK_MOBILE},
		{"bluetooth", WHEN_LINK_BLUETOOTH},
		{"wireguard", WHEN_LINK_VPN},
	};

	*ret_kind = WHEN_LINK_VPN;
	for (size_t i = 0; !seen->is_vpn && i < ARRAY_SIZE(types); i++)
		if (strcmp(seen->type, types[i].type) == 0) {
			*ret_kind = types[i].kind;
			return true;
		}
	return seen->is_vpn;
}

static bool links_are_settled(const struct nm_links *l)
{
	for (size_t i = 0; i < l->n_seen; i++)
		if (l->seen[i].ask)
			return false;
	return !l->ask;
}

static void links_add(struct when_links *now, const struct link_seen *seen)
{
	enum when_link kind;

	if (seen->is_out || seen->state != STATE_ACTIVATED || !link_kind(seen, &kind))
		return;
	if (kind == WHEN_LINK_WIFI) {
		if (seen->mode != MODE_INFRASTRUCTURE)
			return;
		if (seen->wifi.n_ssid > 0 && now->n_wifi < WHEN_WIFI_MAX)
			now->wifi[now->n_wifi++] = seen->wifi;
	}
	now->kinds |= 1u << kind;
}

static bool links_equal(const struct when_links *a, const struct when_links *b)
{
	if (a->known != b->known || a->kinds != b->kinds || a->n_wifi != b->n_wifi)
		return false;
	for (size_t i = 0; i < a->n_wifi; i++)
		if (a->wifi[i].secured != b->wifi[i].secured ||
			a->wifi[i].n_ssid != b->wifi[i].n_ssid ||
			memcmp(a->wifi[i].ssid, b->wifi[i].ssid, a->wifi[i].n_ssid) != 0)
			return false;
	return true;
}

static void links_tell(struct nm_links *l, const struct when_links *now)
{
	bool same = links_equal(&l->now, now);

	l->now = *now;
	if (!same)
		l->changed(l->userdata);
}

static void links_settle(struct nm_links *l)
{
	struct when_links now = {.known = true};

	if (!links_are_settled(l))
		return;
	if (l->again) {
		links_ask(l);
		return;
	}
	for (size_t i = 0; i < l->n_seen; i++)
		links_add(&now, &l->seen[i]);
	links_tell(l, &now);
}

/* --- access points ------------------------------------------------------------------------- */

static int read_ssid(sd_bus_message *m, struct when_wifi *wifi)
{
	const void *bytes;
	size_t n;
	int r = sd_bus_message_enter_container(m, 'v', "ay");

	if (r >= 0)
		r = sd_bus_message_read_array(m, 'y', &bytes, &n);
	if (r < 0)
		return r;
	if (n <= sizeof(wifi->ssid)) {
		memcpy(wifi->ssid, bytes, n);
		wifi->n_ssid = (uint8_t)n;
	}
	r = sd_bus_message_exit_container(m);
	return r < 0 ? r : 1;
}

static int on_point_property(const char *name, sd_bus_message *m, void *userdata)
{
	struct link_seen *seen = userdata;

	if (strcmp(name, "Ssid") == 0)
		return read_ssid(m, &seen->wifi);
	if (strcmp(name, "Mode") == 0)
		return bus_read_u32(m, &seen->mode);
	if (strcmp(name, "WpaFlags") == 0)
		return bus_read_u32(m, &seen->wpa);
	if (strcmp(name, "RsnFlags") == 0)
		return bus_read_u32(m, &seen->rsn);
	return 0;
}

/* Key managements that prove that the other side has the key, too: PSK and SAE. A company's does by
 * its certificate, if it is looked at; OWE encrypts for everybody. */
#define KEYS_THAT_PROVE (0x100u | 0x400u)

static int on_point(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct link_seen *seen = userdata;
	struct nm_links *l = seen->links;

	(void)error;
	seen->ask = sd_bus_slot_unref(seen->ask);
	if (sd_bus_message_is_method_error(m, NULL) || !bus_peer_is_from(&l->peer, m) ||
		bus_read_properties(m, on_point_property, seen) < 0)
		seen->is_out = true;
	seen->wifi.secured = (seen->wpa | seen->rsn) & KEYS_THAT_PROVE;
	links_settle(l);
	return 0;
}

/* --- connections --------------------------------------------------------------------------- */

static int on_property(const char *name, sd_bus_message *m, void *userdata)
{
	struct link_seen *seen = userdata;
	int truth, r;

	if (strcmp(name, "Type") == 0)
		return bus_read_text(m, 's', seen->type, sizeof(seen->type));
	if (strcmp(name, "State") == 0)
		return bus_read_u32(m, &seen->state);
	if (strcmp(name, "SpecificObject") == 0)
		return bus_read_text(m, 'o', seen->point, sizeof(seen->point));
	if (strcmp(name, "Vpn") != 0)
		return 0;
	r = sd_bus_message_read(m, "v", "b", &truth);
	if (r < 0)
		return r;
	seen->is_vpn = truth;
	return 1;
}

static int on_connection(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct link_seen *seen = userdata;
	struct nm_links *l = seen->links;
	struct bus_method get = {seen->point, BUS_PROPERTIES, "GetAll", seen};
	enum when_link kind;

	(void)error;
	seen->ask = sd_bus_slot_unref(seen->ask);
	if (sd_bus_message_is_method_error(m, NULL) || !bus_peer_is_from(&l->peer, m) ||
		bus_read_properties(m, on_property, seen) < 0)
		seen->is_out = true;
	else if (link_kind(seen, &kind) && kind == WHEN_LINK_WIFI &&
		 seen->state == STATE_ACTIVATED &&
		 (seen->point[0] != '/' || !seen->point[1] ||
			 bus_peer_call(&l->peer, &get, &seen->ask, on_point, "s", ACCESS_POINT) <
				 0))
		seen->is_out = true;
	links_settle(l);
	return 0;
}

static void links_clear(struct nm_links *l)
{
	l->ask = sd_bus_slot_unref(l->ask);
	for (size_t i = 0; i < l->n_seen; i++)
		l->seen[i].ask = sd_bus_slot_unref(l->seen[i].ask);
	l->n_seen = 0;
	l->again = false;
}

static void links_look(struct nm_links *l, const char *path)
{
	struct bus_method get = {path, BUS_PROPERTIES, "GetAll"};
	struct link_seen *seen = &l->seen[l->n_seen];

	if (l->n_seen == LINKS_COUNT || strlen(path) >= sizeof(seen->path))
		return;
	*seen = (struct link_seen){.links = l};
	memcpy(seen->path, path, strlen(path) + 1);
	get.userdata = seen;
	if (bus_peer_call(&l->peer, &get, &seen->ask, on_connection, "s", ACTIVE) == 0)
		l->n_seen++;
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	static const struct when_links unknown = {.known = false};
	struct nm_links *l = userdata;
	const char *path;
	int r;

	(void)error;
	l->ask = sd_bus_slot_unref(l->ask);
	r = sd_bus_message_is_method_error(m, NULL) || !bus_peer_is_from(&l->peer, m)
		    ? -EBADMSG
		    : sd_bus_message_enter_container(m, 'v', "ao");
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "o");
	while (r >= 0 && (r = sd_bus_message_read(m, "o", &path)) > 0)
		links_look(l, path);
	if (r < 0) {
		links_clear(l);
		links_tell(l, &unknown);
		return 0;
	}
	links_settle(l);
	return 0;
}

static void links_ask(struct nm_links *l)
{
	static const struct bus_method get = {MANAGER_PATH, BUS_PROPERTIES, "Get"};

	links_clear(l);
	(void)bus_peer_call(&l->peer, &get, &l->ask, on_list, "ss", MANAGER, "ActiveConnections");
}

/* --- the service --------------------------------------------------------------------------- */

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct nm_links *l = userdata;

	(void)error;
	if (!bus_peer_is_from(&l->peer, m))
		return 0;
	if (links_are_settled(l))
		links_ask(l);
	else
		l->again = true;
	return 0;
}

static int links_subscribe(struct bus_peer *peer)
{
	int r = bus_peer_match(peer,
		"path='" MANAGER_PATH "',interface='" BUS_PROPERTIES
		"',member='PropertiesChanged',arg0='" MANAGER "'",
		on_changed);

	return r < 0 ? r
		     : bus_peer_match(peer,
			       "path_namespace='" ACTIVE_PATHS "',interface='" BUS_PROPERTIES
			       "',member='PropertiesChanged',arg0='" ACTIVE "'",
			       on_changed);
}

static void links_appeared(struct bus_peer *peer)
{
	links_ask(peer->userdata);
}

static void links_vanished(struct bus_peer *peer)
{
	static const struct when_links unknown = {.known = false};
	struct nm_links *l = peer->userdata;

	links_clear(l);
	if (l->peer.link)
		links_tell(l, &unknown);
}

static const struct bus_peer_row links_row = {
	.bus_name = MANAGER,
	.subscribe = links_subscribe,
	.appeared = links_appeared,
	.vanished = links_vanished,
};

/* --- public -------------------------------------------------------------------------------- */

int nm_links_new(struct platform *platform, void (*changed)(void *userdata), void *userdata,
	struct nm_links **ret_links)
{
	struct nm_links *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->changed = changed;
	l->userdata = userdata;
	l->peer.row = &links_row;
	l->peer.userdata = l;
	r = bus_peer_open(&l->peer, platform);
	if (r < 0) {
		free(l);
		return r;
	}
	*ret_links = l;
	return 0;
}

void nm_links_free(struct nm_links *l)
{
	if (!l)
		return;
	bus_peer_close(&l->peer);
	links_clear(l);
	free(l);
}

const struct when_links *nm_links_get(const struct nm_links *l)
{
	return &l->now;
}
