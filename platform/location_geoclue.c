/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_geoclue.c - GeoClue, the service that knows most ways to a position: looked up from
 * networks, or by the same receivers that are asked directly here. A client of it exists only while
 * a position is wanted. Enforcer only.
 *
 * GeoClue serves nobody without an agent of the same user, who says what that user's programs may
 * know. Nobody is one for root, so the agent is its own: it allows itself and nothing else. Agents
 * are known by names in GeoClue's configuration; where its own is not among them it goes by that
 * of GeoClue's example, which is.
 *
 * What GeoClue says of a position is where, how exactly and when. Which of its sources it was it
 * says in words for people only: "Static location" is the file of a device at rest, and "GPS"
 * begins what receivers say. The rest counts as looked up. Positions that GeoClue takes from
 * receivers in the local network are among them, if it is configured so, and nobody can tell.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "platform/location_private.h"
#include "platform/bus_read.h"

#define GEOCLUE "org.freedesktop.GeoClue2"
#define GEOCLUE_CLIENT GEOCLUE ".Client"
#define GEOCLUE_LOCATION GEOCLUE ".Location"
#define MANAGER_PATH "/org/freedesktop/GeoClue2/Manager"
#define AGENT_PATH "/org/freedesktop/GeoClue2/Agent"
#define SERVICE_PATH "usr/share/dbus-1/system-services/" GEOCLUE ".service"
#define EXAMPLE_AGENT "geoclue-demo-agent"

/* GClueAccuracyLevel. */
#define LEVEL_STREET 6u
#define LEVEL_EXACT 8u
/* What it says of a perfect view; nobody's phone is that exact. */
#define GNSS_FLOOR_M 4.0
#define NETWORK_FLOOR_M 10.0
#define STARTS_MAX 2 /* for one fix */
#define YEAR_9999_S UINT64_C(253402300799)

/* What is asked one after the other. */
enum {
	STEP_START, /* of the service, by the bus */
	STEP_AGENT,
	STEP_EXAMPLE_AGENT,
	STEP_CLIENT,
	STEP_ID,
	STEP_LEVEL,
	STEP_RUN,
	STEP_RUNNING,
};

static void geoclue_step(struct location *l, unsigned int step);

bool location_geoclue_is_out(const struct location *l)
{
	return l->geoclue.failed || (l->bus_wanted && !bus_peer_is_connected(&l->geoclue.peer));
}

static void geoclue_fail(struct location *l, const char *text)
{
	l->geoclue.failed = true;
	snprintf(l->geoclue.trouble, sizeof(l->geoclue.trouble), "%s", text);
	location_poke(l);
}

/* --- the agent of root's programs ------------------------------------------------------------ */

static int agent_get_level(sd_bus *bus, const char *path, const char *interface,
	const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)bus;
	(void)path;
	(void)interface;
	(void)property;
	(void)userdata;
	(void)error;
	return sd_bus_message_append(reply, "u", LEVEL_EXACT);
}

static int agent_authorize(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;
	const char *id;
	uint32_t level;
	int r = sd_bus_message_read(message, "su", &id, &level);

	(void)error;
	if (r < 0)
		return r;
	return sd_bus_reply_method_return(message, "bu",
		bus_peer_is_from(&l->geoclue.peer, message) && strcmp(id, LOCATION_ID) == 0, level);
}

static const sd_bus_vtable agent_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("MaxAccuracyLevel", "u", agent_get_level, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_METHOD("AuthorizeApp", "su", "bu", agent_authorize, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

/* --- a location ------------------------------------------------------------------------------ */

struct reading {
	struct fix fix;
	uint64_t seconds, microseconds;
	bool has_latitude, has_longitude, has_accuracy;
	char description[LIMIT_TEXT_BYTES + 1];
};

static int reading_on_property(const char *name, sd_bus_message *message, void *userdata)
{
	struct reading *reading = userdata;

	if (strcmp(name, "Latitude") == 0) {
		reading->has_latitude = true;
		return bus_read_double(message, &reading->fix.latitude);
	}
	if (strcmp(name, "Longitude") == 0) {
		reading->has_longitude = true;
		return bus_read_double(message, &reading->fix.longitude);
	}
	if (strcmp(name, "Accuracy") == 0) {
		reading->has_accuracy = true;
		return bus_read_double(message, &reading->fix.accuracy_m);
	}
	if (strcmp(name, "Speed") == 0)
		return bus_read_double(message, &reading->fix.speed_ms);
	if (strcmp(name, "Description") == 0)
		return bus_read_text(
			message, 's', reading->description, sizeof(reading->description));
	if (strcmp(name, "Timestamp") == 0) {
		int r = sd_bus_message_read(
			message, "v", "(tt)", &reading->seconds, &reading->microseconds);

		return r < 0 ? r : 1;
	}
	return 0;
}

/* Makes a fix of it; false: it makes no sense. */
static bool reading_judge(struct reading *reading)
{
	struct fix *fix = &reading->fix;
	int64_t arrived_us = clock_boottime_us();
	bool is_receiver = strncmp(reading->description, "GPS", 3) == 0;
	double floor_m = is_receiver ? GNSS_FLOOR_M : NETWORK_FLOOR_M;

	if (!reading->has_latitude || !reading->has_longitude || !reading->has_accuracy ||
		!(fix->accuracy_m >= 0))
		return false;
	fix->source = is_receiver ? FIX_GNSS : FIX_NETWORK;
	if (strcmp(reading->description, "Static location") == 0)
		fix->source = FIX_FIXED;
	fix->accuracy_m = fmax(fix->accuracy_m, floor_m);
	if (!(fix->speed_ms >= 0 && fix->speed_ms <= FIX_SPEED_MAX_MS))
		fix->speed_ms = -1;
	if (reading->seconds > YEAR_9999_S || reading->microseconds >= (uint64_t)USEC_PER_SEC)
		return false;
	fix->taken_us = reading->seconds
				? fix_realtime_taken((int64_t)reading->seconds * USEC_PER_SEC +
							     (int64_t)reading->microseconds,
					  clock_realtime_us(), arrived_us)
				: arrived_us;
	return true;
}

static void geoclue_read(struct location *l, const char *path);

static int geoclue_on_location(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;
	struct location_geoclue *g = &l->geoclue;
	struct reading reading = {.fix = {.speed_ms = -1}};

	(void)error;
	g->read = sd_bus_slot_unref(g->read);
	if (bus_peer_answered(&g->peer, message) == 0 &&
		bus_read_properties(message, reading_on_property, &reading) >= 0 &&
		reading_judge(&reading))
		location_see(l, LOCATION_GEOCLUE, &reading.fix);
	if (g->read_again) {
		g->read_again = false;
		geoclue_read(l, g->next);
	}
	return 0;
}

/* One at a time; of those that come meanwhile the last. */
static void geoclue_read(struct location *l, const char *path)
{
	struct location_geoclue *g = &l->geoclue;
	const struct bus_method get_all = {path, BUS_PROPERTIES, "GetAll"};

	if (g->read) {
		g->read_again = strlen(path) < sizeof(g->next);
		if (g->read_again && path != g->next)
			memcpy(g->next, path, strlen(path) + 1);
		return;
	}
	(void)bus_peer_call(
		&g->peer, &get_all, &g->read, geoclue_on_location, "s", GEOCLUE_LOCATION);
}

static int geoclue_on_updated(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;
	const char *path = sd_bus_message_get_path(message), *before, *now;

	(void)error;
	if (bus_peer_is_from(&l->geoclue.peer, message) && path &&
		strcmp(path, l->geoclue.client) == 0 &&
		sd_bus_message_read(message, "oo", &before, &now) >= 0 && strcmp(now, "/") != 0)
		geoclue_read(l, now);
	return 0;
}

/* --- one step after the other ----------------------------------------------------------------- */

/* A sentence for people on why GeoClue refuses. */
static void geoclue_refused(struct location *l, sd_bus_message *message)
{
	const sd_bus_error *error = sd_bus_message_get_error(message);

	if (error && sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
		geoclue_fail(l, "GeoClue refuses the agent: its configuration has to allow "
				"mdm-agent (/etc/geoclue/conf.d/90-mdm-agent.conf) and an agent");
	else if (error && (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
				  sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER)))
		geoclue_fail(l, "GeoClue is not installed");
	else if (error && strncmp(error->name, "org.freedesktop.DBus.Error.Spawn.", 33) == 0)
		geoclue_fail(l, "GeoClue cannot be started");
	else
		geoclue_fail(l, "GeoClue does not answer");
}

static int geoclue_on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;
	struct location_geoclue *g = &l->geoclue;
	const char *path;

	(void)error;
	g->call = sd_bus_slot_unref(g->call);
	if (g->step == STEP_START) {
		/* Of the bus; the service itself is told of by changed. */
		if (sd_bus_message_is_method_error(message, NULL))
			geoclue_refused(l, message);
		return 0;
	}
	if (bus_peer_answered(&g->peer, message) < 0) {
		if (g->step == STEP_AGENT)
			geoclue_step(l, STEP_EXAMPLE_AGENT);
		else if (g->step == STEP_EXAMPLE_AGENT)
			/* A GeoClue without any agents in its configuration asks for none. */
			geoclue_step(l, STEP_CLIENT);
		else
			geoclue_refused(l, message);
		return 0;
	}
	switch (g->step) {
	case STEP_AGENT:
		geoclue_step(l, STEP_CLIENT);
		return 0;
	case STEP_CLIENT:
		if (sd_bus_message_read(message, "o", &path) < 0 ||
			strlen(path) >= sizeof(g->client)) {
			geoclue_fail(l, "GeoClue gives no client");
			return 0;
		}
		memcpy(g->client, path, strlen(path) + 1);
		break;
	default:
		break;
	}
	geoclue_step(l, g->step + 1);
	return 0;
}

static int geoclue_call(struct location *l, unsigned int step)
{
	static const struct bus_method add_agent = {MANAGER_PATH, GEOCLUE ".Manager", "AddAgent"};
	static const struct bus_method get_client = {MANAGER_PATH, GEOCLUE ".Manager", "GetClient"};
	struct location_geoclue *g = &l->geoclue;
	const struct bus_method set = {g->client, BUS_PROPERTIES, "Set"};
	const struct bus_method start = {g->client, GEOCLUE_CLIENT, "Start"};

	switch (step) {
	case STEP_START:
		return bus_peer_start(&g->peer, &g->call, geoclue_on_answer);
	case STEP_AGENT:
		return bus_peer_call(
			&g->peer, &add_agent, &g->call, geoclue_on_answer, "s", LOCATION_ID);
	case STEP_EXAMPLE_AGENT:
		return bus_peer_call(
			&g->peer, &add_agent, &g->call, geoclue_on_answer, "s", EXAMPLE_AGENT);
	case STEP_CLIENT:
		return bus_peer_call(&g->peer, &get_client, &g->call, geoclue_on_answer, "");
	case STEP_ID:
		return bus_peer_call(&g->peer, &set, &g->call, geoclue_on_answer, "ssv",
			GEOCLUE_CLIENT, "DesktopId", "s", LOCATION_ID);
	case STEP_LEVEL:
		return bus_peer_call(&g->peer, &set, &g->call, geoclue_on_answer, "ssv",
			GEOCLUE_CLIENT, "RequestedAccuracyLevel", "u", g->level);
	case STEP_RUN:
		return bus_peer_call(&g->peer, &start, &g->call, geoclue_on_answer, "");
	default:
		return 0;
	}
}

static void geoclue_step(struct location *l, unsigned int step)
{
	struct location_geoclue *g = &l->geoclue;

	g->step = step;
	if (geoclue_call(l, step) < 0)
		geoclue_fail(l, "GeoClue cannot be asked");
}

/* Forgets what a GeoClue that is gone knew. */
static void geoclue_forget(struct location_geoclue *g)
{
	g->call = sd_bus_slot_unref(g->call);
	g->read = sd_bus_slot_unref(g->read);
	g->client[0] = 0;
	g->begun = g->read_again = false;
}

static void geoclue_begin(struct location *l)
{
	struct location_geoclue *g = &l->geoclue;

	g->begun = true;
	if (bus_peer_serve(&g->peer, &g->agent, AGENT_PATH, GEOCLUE ".Agent", agent_vtable) < 0)
		geoclue_fail(l, "GeoClue cannot be asked");
	else if (bus_peer_is_here(&g->peer))
		geoclue_step(l, STEP_AGENT);
	else if (g->n_starts++ < STARTS_MAX)
		geoclue_step(l, STEP_START);
	else
		geoclue_fail(l, "GeoClue ends again and again");
}

/* As soon as it is known whether somebody is there; and again after it fell. */
static void geoclue_settle(struct location *l)
{
	struct location_geoclue *g = &l->geoclue;

	if (!g->begun && !g->failed && bus_peer_is_connected(&g->peer) &&
		!bus_peer_is_asking(&g->peer))
		geoclue_begin(l);
}

/* It may have come out of use: what was left on in the modem for it can be given back. */
static int geoclue_on_use(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct location *l = userdata;

	(void)error;
	if (bus_peer_is_from(&l->geoclue.peer, message))
		location_modem_look_at_use(l);
	return 0;
}

static int geoclue_subscribe(struct bus_peer *peer)
{
	int r = bus_peer_match(peer, "interface='" GEOCLUE_CLIENT "',member='LocationUpdated'",
		geoclue_on_updated);

	return r < 0 ? r
		     : bus_peer_match(peer,
			       "interface='" BUS_PROPERTIES
			       "',member='PropertiesChanged',arg0='" GEOCLUE ".Manager'",
			       geoclue_on_use);
}

/* It came, or it is known that nobody is there, or it is gone. */
static void geoclue_changed(struct bus_peer *peer)
{
	struct location *l = peer->userdata;

	geoclue_forget(&l->geoclue);
	location_modem_look_at_use(l);
	location_poke(l);
}

const struct bus_peer_row location_geoclue_peer = {
	.bus_name = GEOCLUE,
	.subscribe = geoclue_subscribe,
	.appeared = geoclue_changed,
	.absent = geoclue_changed,
	.vanished = geoclue_changed,
};

/* Below the exact level GeoClue leaves its receivers alone; on many phones it has nothing else. */
static uint32_t wanted_level(const struct location *l)
{
	return l->need == LOCATION_FINE || l->patience_over ? LEVEL_EXACT : LEVEL_STREET;
}

static void geoclue_start(struct location *l)
{
	struct location_geoclue *g = &l->geoclue;

	g->failed = false;
	g->n_starts = 0;
	g->trouble[0] = 0;
	g->level = wanted_level(l);
	geoclue_settle(l);
}

/* Belongs to nobody: the location may be gone by now. */
static int geoclue_on_unwanted(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	const char *path;

	(void)userdata;
	(void)error;
	if (!sd_bus_message_is_method_error(message, NULL) &&
		sd_bus_message_read(message, "o", &path) >= 0)
		(void)sd_bus_call_method_async(sd_bus_message_get_bus(message), NULL,
			sd_bus_message_get_sender(message), MANAGER_PATH, GEOCLUE ".Manager",
			"DeleteClient", NULL, NULL, "o", path);
	return 0;
}

/* A client that is on its way will be there, and counts as a use: asked for once more it is the
 * same, and its name is known then. */
static void geoclue_drop_client(struct location_geoclue *g)
{
	static const struct bus_method get_client = {MANAGER_PATH, GEOCLUE ".Manager", "GetClient"};
	sd_bus_slot *slot = NULL;

	if (bus_peer_call(&g->peer, &get_client, &slot, geoclue_on_unwanted, "") < 0)
		return;
	(void)sd_bus_slot_set_floating(slot, true);
	sd_bus_slot_unref(slot);
}

static void geoclue_stop(struct location *l)
{
	struct location_geoclue *g = &l->geoclue;
	const struct bus_method stop = {g->client, GEOCLUE_CLIENT, "Stop"};
	static const struct bus_method delete = {MANAGER_PATH, GEOCLUE ".Manager", "DeleteClient"};

	if (g->client[0]) {
		(void)bus_peer_call(&g->peer, &stop, NULL, NULL, "");
		(void)bus_peer_call(&g->peer, &delete, NULL, NULL, "o", g->client);
	} else if (g->step == STEP_CLIENT && g->call) {
		geoclue_drop_client(g);
	}
	geoclue_forget(g);
	g->agent = sd_bus_slot_unref(g->agent);
	g->failed = false;
}

static bool geoclue_is_wanted(const struct location *l)
{
	uint32_t level = wanted_level(l);

	/* Another accuracy is another client. */
	return location_is_looking(l) && !l->has_file &&
	       (!l->running[LOCATION_GEOCLUE] || l->geoclue.level == level);
}

static void geoclue_look(struct location *l, struct location_source_fact *ret_fact)
{
	struct location_geoclue *g = &l->geoclue;

	ret_fact->present =
		g->peer.owner[0] || backend_file_exists(l->platform->sysroot_fd, SERVICE_PATH);
	text_printf(ret_fact->detail, "%s",
		ret_fact->present ? g->trouble : "GeoClue is not installed");
}

const struct location_source_row location_geoclue_row = {
	.name = "geoclue",
	.title = "GeoClue",
	.uses_bus = true,
	.look = geoclue_look,
	.is_wanted = geoclue_is_wanted,
	.start = geoclue_start,
	.settle = geoclue_settle,
	.stop = geoclue_stop,
};
