/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_wifi.c - the Wi-Fi networks in sight and the one in use, as NetworkManager knows them
 * from wpa_supplicant or iwd. Scans only when asked. Enforcer only.
 *
 * Quiet signals only: access points that come and go, which is when somebody scans, devices that
 * change state, and the access point of the connection in use. Those of rates and strengths come
 * all the time and are not asked for. After any of them everything is read once, in one answer.
 *
 * What is secured: personal WPA (a key that both sides prove to know) and WPA3. Not WEP, which
 * gives its key away, nor OWE, which has none; and not a company's WPA either, where it depends on
 * the settings of the connection whether the phone checks whom it talks to. A hotspot that the
 * phone itself makes is not in sight.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/location_private.h"
#include "platform/bus_read.h"

#define MANAGER "org.freedesktop.NetworkManager"
#define DEVICE MANAGER ".Device"
#define WIRELESS DEVICE ".Wireless"
#define ACCESS_POINT MANAGER ".AccessPoint"
#define ACTIVE MANAGER ".Connection.Active"
#define OBJECTS_PATH "/org/freedesktop"

/* NM80211Mode, NMDeviceState, NM80211ApSecurityFlags. */
#define MODE_INFRASTRUCTURE 2u
#define STATE_ACTIVATED 100u
#define KEY_PSK 0x100u
#define KEY_SAE 0x400u

#define DEVICES_MAX 4
#define SETTLE_US (2 * USEC_PER_SEC) /* a scan tells of its access points one by one */
#define POLL_US (3 * USEC_PER_SEC)   /* a scan takes some seconds */
/* An access point that was not heard in the last scan is kept by NetworkManager for minutes. */
#define STALE_US (60 * USEC_PER_SEC)

struct point {
	char path[LOCATION_PATH_BYTES];
	struct fix_network network;
	uint32_t wpa, rsn, mode;
	uint8_t strength;
	int32_t seen_s; /* CLOCK_BOOTTIME; -1: never */
};

struct device_seen {
	char path[LOCATION_PATH_BYTES], active[LOCATION_PATH_BYTES];
	bool is_wireless;
	uint32_t mode, state;
	int64_t scan_ms; /* CLOCK_BOOTTIME; -1: never */
};

struct sight {
	struct point points[LIMIT_WIFI_POINTS];
	struct device_seen devices[DEVICES_MAX];
	size_t n_points, n_devices;
};

static void wifi_read(struct location *l);

/* --- reading -------------------------------------------------------------------------------- */

static int read_hardware_address(sd_bus_message *message, uint8_t ret_address[6])
{
	unsigned int b[6];
	char text[24], end;
	int r = bus_read_text(message, 's', text, sizeof(text));

	if (r < 0)
		return r;
	if (strlen(text) == 17 && sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2],
					  &b[3], &b[4], &b[5], &end) == 6)
		for (size_t i = 0; i < 6; i++)
			ret_address[i] = (uint8_t)b[i];
	return 1;
}

static int read_ssid(sd_bus_message *message, struct fix_network *network)
{
	const void *bytes;
	size_t n;
	int r = sd_bus_message_enter_container(message, 'v', "ay");

	if (r >= 0)
		r = sd_bus_message_read_array(message, 'y', &bytes, &n);
	if (r < 0)
		return r;
	if (n <= FIX_SSID_BYTES) {
		memcpy(network->ssid, bytes, n);
		network->n_ssid = (uint8_t)n;
	}
	r = sd_bus_message_exit_container(message);
	return r < 0 ? r : 1;
}

static int point_on_property(const char *name, sd_bus_message *message, void *userdata)
{
	struct point *point = userdata;
	int r;

	if (strcmp(name, "Ssid") == 0)
		return read_ssid(message, &point->network);
	if (strcmp(name, "HwAddress") == 0)
		return read_hardware_address(message, point->network.bssid);
	if (strcmp(name, "WpaFlags") == 0)
		return bus_read_u32(message, &point->wpa);
	if (strcmp(name, "RsnFlags") == 0)
		return bus_read_u32(message, &point->rsn);
	if (strcmp(name, "Mode") == 0)
		return bus_read_u32(message, &point->mode);
	if (strcmp(name, "Strength") == 0)
		r = sd_bus_message_read(message, "v", "y", &point->strength);
	else if (strcmp(name, "LastSeen") == 0)
		r = sd_bus_message_read(message, "v", "i", &point->seen_s);
	else
		return 0;
	return r < 0 ? r : 1;
}

static int device_on_property(const char *name, sd_bus_message *message, void *userdata)
{
	struct device_seen *device = userdata;
	int r;

	if (strcmp(name, "ActiveAccessPoint") == 0)
		return bus_read_text(message, 'o', device->active, sizeof(device->active));
	if (strcmp(name, "Mode") == 0 && device->is_wireless)
		return bus_read_u32(message, &device->mode);
	if (strcmp(name, "State") == 0)
		return bus_read_u32(message, &device->state);
	if (strcmp(name, "LastScan") == 0) {
		r = sd_bus_message_read(message, "v", "x", &device->scan_ms);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* The device of that path, or a place for it; NULL: there is none. */
static struct device_seen *sight_device(struct sight *sight, const char *path)
{
	for (size_t i = 0; i < sight->n_devices; i++)
		if (strcmp(sight->devices[i].path, path) == 0)
			return &sight->devices[i];
	if (sight->n_devices == DEVICES_MAX)
		return NULL;
	sight->devices[sight->n_devices] = (struct device_seen){.scan_ms = -1};
	memcpy(sight->devices[sight->n_devices].path, path, strlen(path) + 1);
	return &sight->devices[sight->n_devices++];
}

/* A place for another one: where all are taken, that of the weakest if it is weaker. */
static struct point *sight_place(struct sight *sight, uint8_t strength)
{
	struct point *weakest = sight->points;

	if (sight->n_points < LIMIT_WIFI_POINTS)
		return &sight->points[sight->n_points++];
	for (size_t i = 1; i < sight->n_points; i++)
		if (sight->points[i].strength < weakest->strength)
			weakest = &sight->points[i];
	return weakest->strength < strength ? weakest : NULL;
}

static int sight_on_interface(
	const char *path, const char *interface, sd_bus_message *message, void *userdata)
{
	struct sight *sight = userdata;
	struct device_seen *device;
	struct point point = {.seen_s = -1}, *place;
	int r;

	if (strlen(path) >= LOCATION_PATH_BYTES)
		return 0;
	if (strcmp(interface, ACCESS_POINT) == 0) {
		memcpy(point.path, path, strlen(path) + 1);
		r = bus_read_properties(message, point_on_property, &point);
		place = r < 0 ? NULL : sight_place(sight, point.strength);
		if (place)
			*place = point;
		return r < 0 ? r : 1;
	}
	/* A device has its state in one interface and the rest in another; others have states, too,
	 * and stay without a wireless part. */
	if (strcmp(interface, WIRELESS) != 0)
		return 0;
	device = sight_device(sight, path);
	if (!device)
		return 0;
	device->is_wireless = true;
	r = bus_read_properties(message, device_on_property, device);
	return r < 0 ? r : 1;
}

/* The states of the devices that are wireless: the answer once more, from its beginning. */
static int sight_on_state(
	const char *path, const char *interface, sd_bus_message *message, void *userdata)
{
	struct sight *sight = userdata;
	struct device_seen ignored = {0}, *device = &ignored;
	int r;

	if (strcmp(interface, DEVICE) != 0)
		return 0;
	for (size_t i = 0; i < sight->n_devices; i++)
		if (strcmp(sight->devices[i].path, path) == 0)
			device = &sight->devices[i];
	r = bus_read_properties(message, device_on_property, device);
	return r < 0 ? r : 1;
}

static struct sight *sight_read(sd_bus_message *message)
{
	struct sight *sight = calloc(1, sizeof(*sight));
	int r;

	if (!sight)
		return NULL;
	r = bus_read_objects(message, sight_on_interface, sight);
	if (r >= 0)
		r = sd_bus_message_rewind(message, true);
	if (r >= 0)
		r = bus_read_objects(message, sight_on_state, sight);
	if (r >= 0)
		return sight;
	free(sight);
	return NULL;
}

/* --- judging -------------------------------------------------------------------------------- */

static bool is_active(const struct sight *sight, const struct point *point)
{
	for (size_t i = 0; i < sight->n_devices; i++)
		if (sight->devices[i].is_wireless && sight->devices[i].state == STATE_ACTIVATED &&
			sight->devices[i].mode == MODE_INFRASTRUCTURE &&
			strcmp(sight->devices[i].active, point->path) == 0)
			return true;
	return false;
}

/* The connected one first, then the stronger ones: what does not fit are the weakest. */
static int compare_points(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->network.connected != y->network.connected)
		return x->network.connected ? -1 : 1;
	if (x->strength != y->strength)
		return x->strength > y->strength ? -1 : 1;
	return memcmp(x->network.bssid, y->network.bssid, sizeof(x->network.bssid));
}

static void sight_networks(struct sight *sight, struct fix_networks *ret_networks)
{
	struct fix_networks networks = {.taken_us = 0};
	int64_t now_us = clock_boottime_us();

	for (size_t i = 0; i < sight->n_devices; i++)
		if (sight->devices[i].is_wireless && sight->devices[i].scan_ms > 0 &&
			sight->devices[i].scan_ms <= now_us / 1000 &&
			sight->devices[i].scan_ms * 1000 > networks.taken_us)
			networks.taken_us = sight->devices[i].scan_ms * 1000;
	for (size_t i = 0; i < sight->n_points; i++) {
		struct point *point = &sight->points[i];

		point->network.connected = is_active(sight, point);
		point->network.secured = ((point->wpa | point->rsn) & (KEY_PSK | KEY_SAE)) != 0;
	}
	qsort(sight->points, sight->n_points, sizeof(*sight->points), compare_points);
	for (size_t i = 0; i < sight->n_points && networks.n_networks < FIX_NETWORKS_MAX; i++) {
		const struct point *point = &sight->points[i];
		bool stale = point->seen_s >= 0 &&
			     (int64_t)point->seen_s * USEC_PER_SEC + STALE_US < networks.taken_us;

		if (point->mode == MODE_INFRASTRUCTURE && (point->network.connected || !stale))
			networks.networks[networks.n_networks++] = point->network;
	}
	*ret_networks = networks;
}

static bool has_network(const struct fix_networks *networks, const struct fix_network *network)
{
	for (size_t i = 0; i < networks->n_networks; i++)
		if (memcmp(networks->networks[i].bssid, network->bssid, sizeof(network->bssid)) ==
			0)
			return true;
	return false;
}

/* The same networks, in use or not. Only numbers are compared: names come with them. */
static bool is_same_sight(const struct fix_networks *a, const struct fix_networks *b)
{
	for (size_t i = 0; i < a->n_networks; i++)
		if (!has_network(b, &a->networks[i]))
			return false;
	return a->n_networks == b->n_networks;
}

/* The networks in use come first. */
static const struct fix_network *connected_network(const struct fix_networks *networks)
{
	return networks->n_networks && networks->networks[0].connected ? networks->networks : NULL;
}

/* Nothing is in sight that was. */
static bool is_elsewhere(const struct fix_networks *before, const struct fix_networks *now)
{
	for (size_t i = 0; i < before->n_networks; i++)
		if (has_network(now, &before->networks[i]))
			return false;
	return before->n_networks > 0;
}

static void wifi_take(struct location *l, const struct fix_networks *now)
{
	const struct fix_networks *before = &l->wifi.networks;
	const struct fix_network *was = connected_network(before), *is = connected_network(now);
	bool first = before->taken_us == 0 && before->n_networks == 0;
	bool connected = was && is ? memcmp(was->bssid, is->bssid, sizeof(is->bssid)) != 0 ||
					     was->n_ssid != is->n_ssid ||
					     memcmp(was->ssid, is->ssid, is->n_ssid) != 0
				   : was != is;
	bool changed = connected || now->taken_us > before->taken_us || !is_same_sight(before, now);

	if (l->watches & LOCATION_WATCH_MOTION && !first &&
		(connected || is_elsewhere(before, now)))
		location_post(l, LOCATION_MOVED);
	if (connected)
		location_modem_look_at_cell(l);
	l->wifi.networks = *now;
	if (l->watches && (connected || first))
		location_post(l, LOCATION_CONNECTED);
	if (l->watches & LOCATION_WATCH_NETWORKS && (changed || first))
		location_post(l, LOCATION_NETWORKS);
	if (now->taken_us)
		l->fix_us[LOCATION_WIFI] = now->taken_us;
	location_poke(l);
}

/* --- asking --------------------------------------------------------------------------------- */

static void wifi_fail(struct location *l, const char *text)
{
	l->wifi.failed = true;
	snprintf(l->wifi.trouble, sizeof(l->wifi.trouble), "%s", text);
	location_poke(l);
}

static int wifi_on_scan(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;

	(void)error;
	/* It refuses what comes too soon after the last one, which then serves as well. */
	(void)message;
	l->wifi.scan = sd_bus_slot_unref(l->wifi.scan);
	return 0;
}

static int wifi_on_poll(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct location *l = userdata;

	(void)source;
	(void)usec;
	l->wifi.poll = sd_event_source_unref(l->wifi.poll);
	if (l->scan_wanted)
		wifi_read(l);
	return 0;
}

/* A scan if one is wanted and none of the last half minute is there; then until it is there it is
 * looked for. */
static void wifi_scan(struct location *l)
{
	struct location_wifi *w = &l->wifi;
	const struct bus_method request = {w->device, WIRELESS, "RequestScan"};
	int64_t now_us = clock_boottime_us();

	if (!l->scan_wanted || !w->device[0] ||
		w->networks.taken_us >= l->scan_wanted_us - LOCATION_FRESH_US)
		return;
	if (!w->asked || now_us - w->asked_us > LOCATION_FRESH_US) {
		w->asked = true;
		w->asked_us = now_us;
		(void)bus_peer_call(&w->peer, &request, &w->scan, wifi_on_scan, "a{sv}", 0);
	}
	(void)location_set_timer(l, &w->poll, now_us + POLL_US, wifi_on_poll);
}

static int wifi_on_objects(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;
	struct location_wifi *w = &l->wifi;
	_cleanup_free_ struct sight *sight = NULL;
	struct fix_networks networks;

	(void)error;
	w->list = sd_bus_slot_unref(w->list);
	if (bus_peer_answered(&w->peer, message) < 0) {
		wifi_fail(l, "NetworkManager does not answer");
		return 0;
	}
	sight = sight_read(message);
	if (!sight) {
		wifi_fail(l, "what NetworkManager answers makes no sense");
		return 0;
	}
	w->failed = false;
	w->trouble[0] = w->device[0] = 0;
	for (size_t i = 0; i < sight->n_devices; i++)
		if (sight->devices[i].is_wireless && !w->device[0])
			memcpy(w->device, sight->devices[i].path, sizeof(w->device));
	if (!w->device[0])
		wifi_fail(l, "NetworkManager has no Wi-Fi device");
	sight_networks(sight, &networks);
	wifi_take(l, &networks);
	wifi_scan(l);
	return 0;
}

static void wifi_read(struct location *l)
{
	static const struct bus_method get = {OBJECTS_PATH, BUS_OBJECTS, "GetManagedObjects"};
	struct location_wifi *w = &l->wifi;

	w->later = sd_event_source_unref(w->later);
	if (w->peer.owner[0] && bus_peer_call(&w->peer, &get, &w->list, wifi_on_objects, "") < 0)
		wifi_fail(l, "NetworkManager cannot be asked");
}

void location_wifi_scan(struct location *l)
{
	if (l->running[LOCATION_WIFI] && !l->wifi.list)
		wifi_read(l);
}

bool location_wifi_is_connected(const struct location *l)
{
	return bus_peer_is_here(&l->wifi.peer) && connected_network(&l->wifi.networks);
}

bool location_wifi_is_out(const struct location *l)
{
	return l->wifi.failed || (l->bus_wanted && !bus_peer_is_connected(&l->wifi.peer));
}

static int wifi_on_later(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	wifi_read(userdata);
	return 0;
}

/* Something changed; more may follow. */
static int wifi_on_signal(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;

	(void)error;
	if (bus_peer_is_from(&l->wifi.peer, message) && l->running[LOCATION_WIFI] && !l->wifi.later)
		(void)location_set_timer(
			l, &l->wifi.later, clock_boottime_us() + SETTLE_US, wifi_on_later);
	return 0;
}

static void wifi_forget(struct location_wifi *w)
{
	w->list = sd_bus_slot_unref(w->list);
	w->scan = sd_bus_slot_unref(w->scan);
	w->later = sd_event_source_unref(w->later);
	w->poll = sd_event_source_unref(w->poll);
	w->device[0] = 0;
	w->asked = false;
}

static int wifi_subscribe(struct bus_peer *peer)
{
	int r = bus_peer_match(
		peer, "interface='" WIRELESS "',member='AccessPointAdded'", wifi_on_signal);

	if (r >= 0)
		r = bus_peer_match(peer, "interface='" WIRELESS "',member='AccessPointRemoved'",
			wifi_on_signal);
	if (r >= 0)
		r = bus_peer_match(
			peer, "interface='" DEVICE "',member='StateChanged'", wifi_on_signal);
	if (r >= 0)
		r = bus_peer_match(peer,
			"interface='" BUS_PROPERTIES "',member='PropertiesChanged',arg0='" ACTIVE
			"'",
			wifi_on_signal);
	return r;
}

static void wifi_appeared(struct bus_peer *peer)
{
	struct location *l = peer->userdata;

	l->wifi.failed = false;
	location_poke(l);
	if (l->running[LOCATION_WIFI])
		wifi_read(l);
}

static void wifi_absent(struct bus_peer *peer)
{
	wifi_fail(peer->userdata, "NetworkManager is not running");
}

static void wifi_vanished(struct bus_peer *peer)
{
	struct location *l = peer->userdata;

	wifi_forget(&l->wifi);
	if (bus_peer_is_connected(peer))
		wifi_absent(peer);
}

const struct bus_peer_row location_wifi_peer = {
	.bus_name = MANAGER,
	.subscribe = wifi_subscribe,
	.appeared = wifi_appeared,
	.absent = wifi_absent,
	.vanished = wifi_vanished,
};

static void wifi_start(struct location *l)
{
	struct location_wifi *w = &l->wifi;

	w->trouble[0] = 0;
	w->networks = (struct fix_networks){.taken_us = 0};
	w->failed = false;
	if (location_is_absent(l, &w->peer) && bus_peer_is_connected(&w->peer))
		wifi_absent(&w->peer);
	wifi_read(l);
}

static void wifi_stop(struct location *l)
{
	wifi_forget(&l->wifi);
}

static bool wifi_is_wanted(const struct location *l)
{
	return (l->watches || l->scan_wanted) && location_is_allowed(l);
}

static void wifi_look(struct location *l, struct location_source_fact *ret_fact)
{
	const struct location_wifi *w = &l->wifi;

	ret_fact->present = w->peer.owner[0] ||
			    backend_file_exists(l->platform->sysroot_fd,
				    "usr/share/dbus-1/system-services/" MANAGER ".service") ||
			    backend_file_exists(l->platform->sysroot_fd, "usr/sbin/NetworkManager");
	text_printf(ret_fact->detail, "%s",
		ret_fact->present ? w->trouble : "NetworkManager is not installed");
}

const struct location_source_row location_wifi_row = {
	.name = "networkmanager",
	.title = "NetworkManager",
	.uses_bus = true,
	.look = wifi_look,
	.is_wanted = wifi_is_wanted,
	.start = wifi_start,
	.stop = wifi_stop,
};
