/* SPDX-License-Identifier: Apache-2.0 */
/* nm_active.c - active connections of NetworkManager; see nm_active.h. Enforcer only. */
#include "platform/nm_active.h"

#include <errno.h>
#include <string.h>

#include "agent/util/mem.h"
#include "platform/bus_read.h"

#define MANAGER "org.freedesktop.NetworkManager"
#define MANAGER_PATH "/org/freedesktop/NetworkManager"
#define ACTIVE MANAGER ".Connection.Active"
#define SETTINGS MANAGER ".Settings.Connection"

static void nm_ask(struct nm_active *nm);

/* --- one connection ------------------------------------------------------------------------ */

static struct nm_connection *find(struct nm_active *nm, const char *path)
{
	for (size_t i = 0; i < NM_ACTIVE_COUNT; i++)
		if (strcmp(nm->all[i].path, path) == 0)
			return &nm->all[i];
	return NULL;
}

static void forget(struct nm_connection *connection)
{
	connection->ask = sd_bus_slot_unref(connection->ask);
	connection->path[0] = 0;
}

static void decide(struct nm_connection *connection, enum nm_kind kind)
{
	connection->kind = kind;
	connection->nm->changed(connection->nm);
}

struct section {
	const char *name;
	bool sharing;
};

/* An access point, a network of one's own, or one that others get addresses from. */
static int on_setting(const char *name, sd_bus_message *m, void *userdata)
{
	static const struct {
		const char *section, *key, *value;
	} signs[] = {
		{"802-11-wireless", "mode", "ap"},
		{"802-11-wireless", "mode", "adhoc"},
		{"802-11-wireless", "mode", "mesh"},
		{"ipv4", "method", "shared"},
		{"ipv6", "method", "shared"},
		{"bluetooth", "type", "nap"},
	};
	struct section *section = userdata;
	const char *value;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		if (strcmp(section->name, signs[i].section) != 0 || strcmp(name, signs[i].key) != 0)
			continue;
		r = sd_bus_message_read(m, "v", "s", &value);
		if (r < 0)
			return r;
		for (size_t k = i; k < ARRAY_SIZE(signs); k++)
			section->sharing |= strcmp(section->name, signs[k].section) == 0 &&
					    strcmp(name, signs[k].key) == 0 &&
					    strcmp(value, signs[k].value) == 0;
		return 1;
	}
	return 0;
}

int nm_settings_are_sharing(sd_bus_message *m, bool *ret_sharing)
{
	struct section section = {0};
	int r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
		r = sd_bus_message_read(m, "s", &section.name);
		if (r >= 0)
			r = bus_read_properties(m, on_setting, &section);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	*ret_sharing = section.sharing;
	return 0;
}

static int on_settings(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct nm_connection *connection = userdata;
	bool sharing = false;

	(void)error;
	connection->ask = sd_bus_slot_unref(connection->ask);
	if (!sd_bus_message_is_method_error(m, NULL) && bus_peer_is_from(&connection->nm->peer, m))
		(void)nm_settings_are_sharing(m, &sharing);
	decide(connection, sharing ? NM_SHARING : NM_OTHER);
	return 0;
}

struct facts {
	char type[32], profile[NM_PATH_BYTES];
};

/* What is too long is nothing we know. */
static int read_word(sd_bus_message *m, const char *type, char *ret_text, size_t size_bytes)
{
	const char *text;
	int r = sd_bus_message_read(m, "v", type, &text);

	if (r < 0)
		return r;
	snprintf(ret_text, size_bytes, "%s", strlen(text) < size_bytes ? text : "");
	return 1;
}

static int on_fact(const char *name, sd_bus_message *m, void *userdata)
{
	struct facts *facts = userdata;

	if (strcmp(name, "Type") == 0)
		return read_word(m, "s", facts->type, sizeof(facts->type));
	if (strcmp(name, "Connection") == 0)
		return read_word(m, "o", facts->profile, sizeof(facts->profile));
	return 0;
}

static int on_connection(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct nm_connection *connection = userdata;
	struct bus_method get = {connection->profile, SETTINGS, "GetSettings", connection};
	struct facts facts = {0};

	(void)error;
	connection->ask = sd_bus_slot_unref(connection->ask);
	if (sd_bus_message_is_method_error(m, NULL) ||
		!bus_peer_is_from(&connection->nm->peer, m) ||
		bus_read_properties(m, on_fact, &facts) < 0) {
		/* It went down meanwhile, or makes no sense. */
		decide(connection, NM_OTHER);
		return 0;
	}
	memcpy(connection->profile, facts.profile, sizeof(facts.profile));
	if (strcmp(facts.type, "gsm") == 0 || strcmp(facts.type, "cdma") == 0)
		decide(connection, NM_MOBILE);
	else if (facts.profile[0] != '/' ||
		 bus_peer_call(&connection->nm->peer, &get, &connection->ask, on_settings, "") < 0)
		decide(connection, NM_OTHER);
	return 0;
}

static void add(struct nm_active *nm, const char *path)
{
	struct bus_method get = {path, BUS_PROPERTIES, "GetAll"};
	struct nm_connection *connection = find(nm, path);

	if (connection) {
		connection->seen = true;
		return;
	}
	connection = find(nm, "");
	if (!connection || strlen(path) >= sizeof(connection->path))
		return;
	*connection = (struct nm_connection){.nm = nm, .seen = true};
	memcpy(connection->path, path, strlen(path) + 1);
	get.userdata = connection;
	if (bus_peer_call(&nm->peer, &get, &connection->ask, on_connection, "s", ACTIVE) < 0)
		connection->kind = NM_OTHER;
}

/* --- all of them --------------------------------------------------------------------------- */

/* What is not in the list has gone down. 1 or negative. */
static int read_list(struct nm_active *nm, sd_bus_message *m)
{
	const char *path;
	int r = sd_bus_message_enter_container(m, 'v', "ao");

	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "o");
	if (r < 0)
		return r;
	for (size_t i = 0; i < NM_ACTIVE_COUNT; i++)
		nm->all[i].seen = false;
	while ((r = sd_bus_message_read(m, "o", &path)) > 0)
		add(nm, path);
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	for (size_t i = 0; i < NM_ACTIVE_COUNT; i++)
		if (!nm->all[i].seen)
			forget(&nm->all[i]);
	return r < 0 ? r : 1;
}

static int read_truth(sd_bus_message *m, bool *ret_truth)
{
	int truth, r = sd_bus_message_read(m, "v", "b", &truth);

	if (r < 0)
		return r;
	*ret_truth = truth;
	return 1;
}

static int on_property(const char *name, sd_bus_message *m, void *userdata)
{
	struct nm_active *nm = userdata;

	if (strcmp(name, "ActiveConnections") == 0)
		return read_list(nm, m);
	if (strcmp(name, "WwanEnabled") == 0)
		return read_truth(m, &nm->wwan_enabled);
	if (strcmp(name, "WirelessEnabled") == 0)
		return read_truth(m, &nm->wireless_enabled);
	return 0;
}

static int on_all(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct nm_active *nm = userdata;

	(void)error;
	nm->ask = sd_bus_slot_unref(nm->ask);
	nm->known = !sd_bus_message_is_method_error(m, NULL) && bus_peer_is_from(&nm->peer, m) &&
		    bus_read_properties(m, on_property, nm) >= 0;
	nm->changed(nm);
	return 0;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct nm_active *nm = userdata;

	(void)error;
	/* What is being asked for is newer. */
	if (!bus_peer_is_from(&nm->peer, m) || nm->ask)
		return 0;
	if (sd_bus_message_skip(m, "s") < 0 || bus_read_properties(m, on_property, nm) < 0)
		nm_ask(nm);
	else
		nm->changed(nm);
	return 0;
}

static void nm_ask(struct nm_active *nm)
{
	static const struct bus_method get = {MANAGER_PATH, BUS_PROPERTIES, "GetAll"};

	(void)bus_peer_call(&nm->peer, &get, &nm->ask, on_all, "s", MANAGER);
}

/* --- the service --------------------------------------------------------------------------- */

static int nm_subscribe(struct bus_peer *peer)
{
	return bus_peer_match(peer,
		"path='" MANAGER_PATH "',interface='" BUS_PROPERTIES
		"',member='PropertiesChanged',arg0='" MANAGER "'",
		on_changed);
}

static void nm_appeared(struct bus_peer *peer)
{
	nm_ask(peer->userdata);
}

static void nm_clear(struct nm_active *nm)
{
	nm->ask = sd_bus_slot_unref(nm->ask);
	nm->known = false;
	for (size_t i = 0; i < NM_ACTIVE_COUNT; i++)
		forget(&nm->all[i]);
}

static void nm_vanished(struct bus_peer *peer)
{
	struct nm_active *nm = peer->userdata;

	nm_clear(nm);
	if (nm->peer.link)
		nm->changed(nm);
}

static void nm_absent(struct bus_peer *peer)
{
	struct nm_active *nm = peer->userdata;

	nm->changed(nm);
}

static const struct bus_peer_row nm_row = {
	.bus_name = MANAGER,
	.subscribe = nm_subscribe,
	.appeared = nm_appeared,
	.absent = nm_absent,
	.vanished = nm_vanished,
};

/* --- public -------------------------------------------------------------------------------- */

int nm_active_open(struct nm_active *nm, struct platform *platform)
{
	nm->peer.row = &nm_row;
	nm->peer.userdata = nm;
	return bus_peer_open(&nm->peer, platform);
}

void nm_active_close(struct nm_active *nm)
{
	bus_peer_close(&nm->peer);
	nm_clear(nm);
}

bool nm_active_is_settled(const struct nm_active *nm)
{
	if (nm->ask || bus_peer_is_asking(&nm->peer))
		return false;
	for (size_t i = 0; i < NM_ACTIVE_COUNT; i++)
		if (nm->all[i].path[0] && nm->all[i].kind == NM_UNKNOWN)
			return false;
	return true;
}

void nm_active_end(struct nm_active *nm, const struct nm_connection *connection)
{
	static const struct bus_method end = {MANAGER_PATH, MANAGER, "DeactivateConnection"};

	(void)bus_peer_call(&nm->peer, &end, NULL, NULL, "o", connection->path);
}

int nm_active_begin(struct nm_active *nm, const char *profile, sd_bus_slot **slot,
	sd_bus_message_handler_t answered)
{
	static const struct bus_method begin = {MANAGER_PATH, MANAGER, "ActivateConnection"};

	return bus_peer_call(&nm->peer, &begin, slot, answered, "ooo", profile, "/", "/");
}

void nm_active_enable_wwan(struct nm_active *nm)
{
	static const struct bus_method set = {MANAGER_PATH, BUS_PROPERTIES, "Set"};

	(void)bus_peer_call(&nm->peer, &set, NULL, NULL, "ssv", MANAGER, "WwanEnabled", "b", 1);
}
