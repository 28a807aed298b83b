/* SPDX-License-Identifier: Apache-2.0 */
/* bus_peer.c - services on the system bus, followed; see bus_peer.h. Enforcer only. */
#include "platform/bus_peer.h"

#include <errno.h>
#include <stdarg.h>

#include "agent/util/clock.h"
#include "agent/util/mem.h"
#include "platform/bus.h"
#include "platform/session_list.h"
#include "platform/watch.h"

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define BUS_SOCKET "run/dbus/system_bus_socket"
/* A bus that went may be on its way back: 1, 2, 4 … seconds, then only when its socket appears. */
#define RETRIES_MAX 6
#define RETRY_US USEC_PER_SEC

/* The connection; one for a platform, while there are peers. */
struct bus_link {
	struct platform *platform;
	struct bus_peer *peers;
	sd_bus *bus; /* NULL: not connected */
	sd_bus_slot *disconnected;
	struct watch *socket_watch;
	sd_event_source *retry;
	unsigned int n_retries;
	bool ending; /* peers are being told that the bus is gone: nobody connects or frees it */
};

static void link_connect_later(struct bus_link *link);

/* --- the owner of a name ------------------------------------------------------------------- */

static bool is_from_bus(sd_bus_message *message)
{
	const char *sender = sd_bus_message_get_sender(message);

	return sender && strcmp(sender, BUS_NAME) == 0;
}

static void peer_set_owner(struct bus_peer *peer, const char *owner)
{
	if (strcmp(peer->owner, owner) == 0 || strlen(owner) >= sizeof(peer->owner))
		return;
	if (peer->owner[0]) {
		peer->row->vanished(peer);
		/* Closed by that, or closed and opened again: then it is asked for anew. */
		if (!peer->owner[0])
			return;
	}
	memcpy(peer->owner, owner, strlen(owner) + 1);
	if (*owner)
		peer->row->appeared(peer);
}

/* A match on the sender's name lets every unique name pass as well, so that it is looked at here.
 */
static int peer_on_owner(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct bus_peer *peer = userdata;
	const char *name, *old, *owner;

	(void)error;
	if (is_from_bus(message) && sd_bus_message_read(message, "sss", &name, &old, &owner) >= 0 &&
		strcmp(name, peer->row->bus_name) == 0) {
		peer->query = sd_bus_slot_unref(peer->query);
		peer_set_owner(peer, owner);
	}
	return 0;
}

static int peer_on_query(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct bus_peer *peer = userdata;
	const char *owner = "";

	(void)error;
	peer->query = sd_bus_slot_unref(peer->query);
	if (!sd_bus_message_is_method_error(message, NULL) && is_from_bus(message) &&
		sd_bus_message_read(message, "s", &owner) >= 0)
		peer_set_owner(peer, owner);
	else if (!peer->owner[0] && peer->row->absent)
		peer->row->absent(peer);
	return 0;
}

/* 0 or negative. */
static int peer_attach(struct bus_peer *peer)
{
	sd_bus *bus = peer->link->bus;
	char match[256];
	int r;

	snprintf(match, sizeof(match),
		"type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
		"',member='NameOwnerChanged',arg0='%s'",
		peer->row->bus_name);
	r = sd_bus_add_match_async(bus, &peer->watch, match, peer_on_owner, NULL, peer);
	if (r >= 0 && peer->row->subscribe)
		r = peer->row->subscribe(peer);
	if (r >= 0)
		r = sd_bus_call_method_async(bus, &peer->query, BUS_NAME, BUS_PATH, BUS_NAME,
			"GetNameOwner", peer_on_query, peer, "s", peer->row->bus_name);
	return r;
}

static void peer_detach(struct bus_peer *peer)
{
	bool was_here = bus_peer_is_here(peer);

	peer->watch = sd_bus_slot_unref(peer->watch);
	peer->query = sd_bus_slot_unref(peer->query);
	for (size_t i = 0; i < BUS_PEER_MATCHES_MAX; i++)
		peer->matches[i] = sd_bus_slot_unref(peer->matches[i]);
	peer->owner[0] = 0;
	if (was_here)
		peer->row->vanished(peer);
}

/* --- the connection ------------------------------------------------------------------------ */

static bool is_attached(const struct bus_peer *peer)
{
	return peer->watch || peer->query || peer->owner[0];
}

/*
 * What peers hear may make their owners close and open peers, this one, others or the last of all:
 * the list is looked at from its beginning after each.
 */
static void link_disconnect(struct bus_link *link)
{
	/* Gone first, so that nobody speaks to it meanwhile. */
	sd_bus *bus = TAKE_PTR(link->bus);
	struct bus_peer *peer;

	link->ending = true;
	for (;;) {
		for (peer = link->peers; peer && !is_attached(peer); peer = peer->next)
			;
		if (!peer)
			break;
		peer_detach(peer);
	}
	link->ending = false;
	link->disconnected = sd_bus_slot_unref(link->disconnected);
	bus_close(&bus);
}

static void link_free(struct bus_link *link);

/* After link_disconnect(): it comes back for those who are left. */
static void link_ended(struct bus_link *link)
{
	if (link->peers)
		link_connect_later(link);
	else
		link_free(link);
}

static int link_on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct bus_link *link = userdata;

	(void)message;
	(void)error;
	link_disconnect(link);
	link_ended(link);
	return 0;
}

static int link_open(struct bus_link *link)
{
	char detail[LIMIT_TEXT_BYTES + 1];
	int r = session_bus(link->platform, &link->bus, detail) == SESSION_DONE ? 0 : -ENOTCONN;

	if (r == 0)
		r = sd_bus_match_signal_async(link->bus, &link->disconnected,
			"org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
			"org.freedesktop.DBus.Local", "Disconnected", link_on_disconnected, NULL,
			link);
	for (struct bus_peer *peer = link->peers; r >= 0 && peer; peer = peer->next)
		r = peer_attach(peer);
	return r;
}

static void link_connect(struct bus_link *link)
{
	if (link->bus || link->ending)
		return;
	if (link_open(link) < 0) {
		link_disconnect(link);
		link_connect_later(link);
		return;
	}
	watch_free(TAKE_PTR(link->socket_watch));
	link->retry = sd_event_source_unref(link->retry);
	link->n_retries = 0;
}

static int link_on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bus_link *link = userdata;

	(void)source;
	(void)usec;
	link->retry = sd_event_source_unref(link->retry);
	link_connect(link);
	return 0;
}

static void link_on_socket(void *userdata)
{
	struct bus_link *link = userdata;

	/* It appears a moment before it is listened on. */
	link->n_retries = 0;
	if (!link->bus)
		link_connect_later(link);
}

static void link_connect_later(struct bus_link *link)
{
	static const char *const paths[] = {BUS_SOCKET};
	struct platform *platform = link->platform;
	int64_t wait_us = RETRY_US << link->n_retries;

	if (!link->socket_watch)
		(void)watch_new(platform->event, platform->sysroot_fd, paths, ARRAY_SIZE(paths),
			link_on_socket, link, &link->socket_watch);
	if (link->retry || link->n_retries == RETRIES_MAX)
		return;
	link->n_retries++;
	(void)sd_event_add_time(platform->event, &link->retry, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + wait_us), USEC_PER_SEC / 10, link_on_retry, link);
}

static void link_free(struct bus_link *link)
{
	link->platform->bus_link = NULL;
	link_disconnect(link);
	watch_free(link->socket_watch);
	sd_event_source_unref(link->retry);
	free(link);
}

/* --- public -------------------------------------------------------------------------------- */

int bus_peer_open(struct bus_peer *peer, struct platform *platform)
{
	struct bus_link *link = platform->bus_link;

	if (peer->link)
		return 0;
	if (!link) {
		link = calloc(1, sizeof(*link));
		if (!link)
			return -ENOMEM;
		link->platform = platform;
		platform->bus_link = link;
	}
	peer->platform = platform;
	peer->link = link;
	peer->next = link->peers;
	link->peers = peer;
	if (!link->bus) {
		link_connect(link);
	} else if (peer_attach(peer) < 0) {
		bus_peer_close(peer);
		return -ENOMEM;
	}
	return 0;
}

void bus_peer_close(struct bus_peer *peer)
{
	struct platform *platform = peer->platform;
	struct bus_link *link = peer->link;

	if (!link)
		return;
	for (struct bus_peer **at = &link->peers; *at; at = &(*at)->next) {
		if (*at != peer)
			continue;
		*at = peer->next;
		break;
	}
	peer->link = NULL;
	peer_detach(peer);
	/* Unless somebody who heard of it closed the last one. */
	if (platform->bus_link == link && !link->peers && !link->ending)
		link_free(link);
}

bool bus_peer_is_connected(const struct bus_peer *peer)
{
	return peer->link && peer->link->bus;
}

bool bus_peer_is_from(const struct bus_peer *peer, sd_bus_message *message)
{
	const char *sender = sd_bus_message_get_sender(message);

	return peer->owner[0] && sender && strcmp(sender, peer->owner) == 0;
}

int bus_peer_match(struct bus_peer *peer, const char *rest, sd_bus_message_handler_t handler)
{
	char match[512];
	size_t i = 0;

	while (i < BUS_PEER_MATCHES_MAX && peer->matches[i])
		i++;
	if (i == BUS_PEER_MATCHES_MAX)
		return -ENOBUFS;
	snprintf(match, sizeof(match), "type='signal',sender='%s',%s", peer->row->bus_name, rest);
	return sd_bus_add_match_async(
		peer->link->bus, &peer->matches[i], match, handler, NULL, peer->userdata);
}

/* A call of the present owner, without arguments yet. 0; -ENOTCONN; negative. */
static int call_new(
	struct bus_peer *peer, const struct bus_method *method, sd_bus_message **ret_call)
{
	int r;

	if (!bus_peer_is_connected(peer) || !peer->owner[0])
		return -ENOTCONN;
	r = sd_bus_message_new_method_call(peer->link->bus, ret_call, peer->owner, method->path,
		method->interface, method->member);
	/* Nothing is started by a question. */
	return r < 0 ? r : sd_bus_message_set_auto_start(*ret_call, 0);
}

static int call_send(struct bus_peer *peer, const struct bus_method *method, sd_bus_message *call,
	sd_bus_slot **slot, sd_bus_message_handler_t answered)
{
	int r;

	if (!answered) {
		r = sd_bus_send(peer->link->bus, call, NULL);
		return r < 0 ? r : 0;
	}
	*slot = sd_bus_slot_unref(*slot);
	r = sd_bus_call_async(peer->link->bus, slot, call, answered,
		method->userdata ? method->userdata : peer->userdata, BUS_PEER_TIMEOUT_US);
	return r < 0 ? r : 0;
}

int bus_peer_call(struct bus_peer *peer, const struct bus_method *method, sd_bus_slot **slot,
	sd_bus_message_handler_t answered, const char *types, ...)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	va_list args;
	int r = call_new(peer, method, &call);

	if (r < 0)
		return r;
	va_start(args, types);
	if (*types)
		r = sd_bus_message_appendv(call, types, args);
	va_end(args);
	return r < 0 ? r : call_send(peer, method, call, slot, answered);
}

int bus_peer_call_strings(struct bus_peer *peer, const struct bus_method *method,
	sd_bus_slot **slot, sd_bus_message_handler_t answered, const char *const *strings)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = call_new(peer, method, &call);

	if (r >= 0)
		r = sd_bus_message_append_strv(call, (char **)(uintptr_t)strings);
	return r < 0 ? r : call_send(peer, method, call, slot, answered);
}

int bus_peer_answered(const struct bus_peer *peer, sd_bus_message *message)
{
	if (sd_bus_message_is_method_error(message, NULL))
		return -sd_bus_message_get_errno(message);
	return bus_peer_is_from(peer, message) ? 0 : -EPERM;
}

int bus_peer_start(struct bus_peer *peer, sd_bus_slot **slot, sd_bus_message_handler_t answered)
{
	if (!bus_peer_is_connected(peer))
		return -ENOTCONN;
	*slot = sd_bus_slot_unref(*slot);
	return sd_bus_call_method_async(peer->link->bus, slot, BUS_NAME, BUS_PATH, BUS_NAME,
		"StartServiceByName", answered, peer->userdata, "su", peer->row->bus_name, 0);
}

int bus_peer_serve(struct bus_peer *peer, sd_bus_slot **slot, const char *path,
	const char *interface, const sd_bus_vtable *vtable)
{
	if (!bus_peer_is_connected(peer))
		return -ENOTCONN;
	*slot = sd_bus_slot_unref(*slot);
	return sd_bus_add_object_vtable(
		peer->link->bus, slot, path, interface, vtable, peer->userdata);
}
