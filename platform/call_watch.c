/* SPDX-License-Identifier: Apache-2.0 */
/* call_watch.c - calls of ModemManager; see call_watch.h. Reads only. Enforcer only. */
#include "platform/call_watch.h"

#include <errno.h>
#include <string.h>

#include "agent/util/mem.h"
#include "platform/bus_read.h"

#define MANAGER "org.freedesktop.ModemManager1"
#define MANAGER_PATH "/org/freedesktop/ModemManager1"
#define VOICE MANAGER ".Modem.Voice"
#define CALL MANAGER ".Call"

/* MMCallState. */
enum {
	STATE_UNKNOWN = 0, /* of one that was made and not begun: it dials when it is begun */
	STATE_TERMINATED = 7,
};

enum calls call_watch_state(const struct call_watch *watch)
{
	if (watch->list || bus_peer_is_asking(&watch->peer))
		return CALLS_UNKNOWN;
	for (size_t i = 0; i < CALLS_COUNT; i++)
		if (watch->calls[i].path[0] && watch->calls[i].on)
			return CALLS_ON;
	return watch->too_many || watch->silent ? CALLS_ON : CALLS_NONE;
}

static void calls_tell(struct call_watch *watch)
{
	enum calls state = call_watch_state(watch);

	if (state == watch->told)
		return;
	watch->told = state;
	if (watch->changed)
		watch->changed(watch);
}

static struct call *calls_find(struct call_watch *watch, const char *path)
{
	for (size_t i = 0; i < CALLS_COUNT; i++)
		if (strcmp(watch->calls[i].path, path) == 0)
			return &watch->calls[i];
	return NULL;
}

/* Who may call may make calls, and leave them there as long as he likes. */
static bool is_on(int32_t state)
{
	return state != STATE_UNKNOWN && state != STATE_TERMINATED;
}

static void call_forget(struct call *call)
{
	call->ask = sd_bus_slot_unref(call->ask);
	call->path[0] = 0;
}

static int call_on_state(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct call *call = userdata;
	int32_t state;

	(void)error;
	call->ask = sd_bus_slot_unref(call->ask);
	if (sd_bus_message_is_method_error(m, NULL))
		call_forget(call); /* it is gone */
	else if (bus_peer_is_from(&call->watch->peer, m) &&
		 sd_bus_message_read(m, "v", "i", &state) >= 0)
		call->on = is_on(state);
	calls_tell(call->watch);
	return 0;
}

/* What is not known to have ended is on; ModemManager keeps those that have until somebody deletes
 * them. */
static void calls_add(struct call_watch *watch, const char *path)
{
	struct bus_method get = {path, BUS_PROPERTIES, "Get"};
	struct call *call;

	if (!*path || calls_find(watch, path))
		return;
	call = calls_find(watch, "");
	/* One that is over, or not begun, is told of again when it is. */
	for (size_t i = 0; !call && i < CALLS_COUNT; i++)
		if (!watch->calls[i].on)
			call = &watch->calls[i];
	if (!call || strlen(path) >= sizeof(call->path)) {
		watch->too_many = true;
		return;
	}
	call_forget(call);
	*call = (struct call){.watch = watch, .on = true};
	memcpy(call->path, path, strlen(path) + 1);
	get.userdata = call;
	(void)bus_peer_call(&watch->peer, &get, &call->ask, call_on_state, "ss", CALL, "State");
}

/* --- all of them --------------------------------------------------------------------------- */

static void voice_on_call(const char *path, void *userdata)
{
	calls_add(userdata, path);
}

static int voice_on_property(const char *name, sd_bus_message *m, void *userdata)
{
	return strcmp(name, "Calls") == 0 ? bus_read_paths(m, voice_on_call, userdata) : 0;
}

static int calls_on_interface(
	const char *path, const char *interface, sd_bus_message *m, void *userdata)
{
	int r;

	(void)path;
	if (strcmp(interface, VOICE) != 0)
		return 0;
	r = bus_read_properties(m, voice_on_property, userdata);
	return r < 0 ? r : 1;
}

static int calls_on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct call_watch *watch = userdata;

	(void)error;
	watch->list = sd_bus_slot_unref(watch->list);
	watch->silent = sd_bus_message_is_method_error(m, NULL) ||
			!bus_peer_is_from(&watch->peer, m) ||
			bus_read_objects(m, calls_on_interface, watch) < 0;
	calls_tell(watch);
	return 0;
}

static int calls_on_added(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct call_watch *watch = userdata;
	const char *path;

	(void)error;
	if (bus_peer_is_from(&watch->peer, m) && sd_bus_message_read(m, "o", &path) >= 0)
		calls_add(watch, path);
	calls_tell(watch);
	return 0;
}

static int calls_on_deleted(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct call_watch *watch = userdata;
	struct call *call;
	const char *path;

	(void)error;
	if (!bus_peer_is_from(&watch->peer, m) || sd_bus_message_read(m, "o", &path) < 0 || !*path)
		return 0;
	call = calls_find(watch, path);
	if (call)
		call_forget(call);
	calls_tell(watch);
	return 0;
}

static int calls_on_state_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct call_watch *watch = userdata;
	int32_t before, now;
	uint32_t why;
	struct call *call;

	(void)error;
	if (!bus_peer_is_from(&watch->peer, m) ||
		sd_bus_message_read(m, "iiu", &before, &now, &why) < 0)
		return 0;
	calls_add(watch, sd_bus_message_get_path(m));
	call = calls_find(watch, sd_bus_message_get_path(m));
	if (call) {
		/* An older answer must not outdo this. */
		call->ask = sd_bus_slot_unref(call->ask);
		call->on = is_on(now);
	}
	calls_tell(watch);
	return 0;
}

/* --- the service --------------------------------------------------------------------------- */

static int calls_subscribe(struct bus_peer *peer)
{
	int r = bus_peer_match(peer,
		"path_namespace='" MANAGER_PATH "',interface='" VOICE "',member='CallAdded'",
		calls_on_added);

	if (r >= 0)
		r = bus_peer_match(peer,
			"path_namespace='" MANAGER_PATH "',interface='" VOICE
			"',member='CallDeleted'",
			calls_on_deleted);
	if (r >= 0)
		r = bus_peer_match(peer,
			"path_namespace='" MANAGER_PATH "',interface='" CALL
			"',member='StateChanged'",
			calls_on_state_changed);
	return r;
}

static void calls_appeared(struct bus_peer *peer)
{
	static const struct bus_method get = {MANAGER_PATH, BUS_OBJECTS, "GetManagedObjects"};
	struct call_watch *watch = peer->userdata;

	watch->silent = bus_peer_call(peer, &get, &watch->list, calls_on_list, "") < 0;
	calls_tell(watch);
}

static void calls_clear(struct call_watch *watch)
{
	watch->list = sd_bus_slot_unref(watch->list);
	for (size_t i = 0; i < CALLS_COUNT; i++)
		call_forget(&watch->calls[i]);
	watch->too_many = watch->silent = false;
}

static void calls_vanished(struct bus_peer *peer)
{
	struct call_watch *watch = peer->userdata;

	calls_clear(watch);
	calls_tell(watch);
}

static void calls_absent(struct bus_peer *peer)
{
	calls_tell(peer->userdata);
}

static const struct bus_peer_row calls_row = {
	.bus_name = MANAGER,
	.subscribe = calls_subscribe,
	.appeared = calls_appeared,
	.absent = calls_absent,
	.vanished = calls_vanished,
};

int call_watch_open(struct call_watch *watch, struct platform *platform)
{
	int r;

	watch->peer.row = &calls_row;
	watch->peer.userdata = watch;
	r = bus_peer_open(&watch->peer, platform);
	watch->told = call_watch_state(watch);
	return r;
}

void call_watch_close(struct call_watch *watch)
{
	void (*changed)(struct call_watch *) = watch->changed;

	watch->changed = NULL;
	bus_peer_close(&watch->peer);
	calls_clear(watch);
	watch->changed = changed;
	watch->told = CALLS_NONE;
}
