/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connector.c - the connector of UnifiedPush; see connector.h. Runs with the rights of the user
 * whose session it is. What the session's programs say is theirs to choose: of a message nothing is
 * read but that it came, of an endpoint its form is checked, and the enforcer checks it again.
 * mdm-agent-session only.
 */
#include "platform/helper/connector.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "agent/ipc/channel.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/url.h"

#define CONNECTOR_NAME "org.mdm_agent.Push"
#define CONNECTOR_PATH "/org/unifiedpush/Connector"
#define SERVICE_PREFIX "org.unifiedpush.Distributor."
#define SERVICE_PATH "/org/unifiedpush/Distributor"
#define SERVICE_INTERFACE_1 "org.unifiedpush.Distributor1"
#define SERVICE_INTERFACE_2 "org.unifiedpush.Distributor2"

#define CALL_US (5 * UINT64_C(1000000))
#define ENDPOINT_US (60 * USEC_PER_SEC) /* from the registration to the endpoint */
#define BEGIN_MS 10000
#define WOKEN_DISTANCE_US (5 * USEC_PER_SEC) /* what comes faster is told once */

struct connector {
	int channel_fd;
	sd_bus *bus;
	struct msg_push_begin begin;
	char service[LIMIT_TEXT_BYTES + 1];
	bool version_1; /* of the interfaces of the service */
	char endpoint[LIMIT_URL_BYTES + 1];
	int64_t registered_us; /* waiting for the endpoint since; 0: not */
	int64_t woken_us;      /* last told */
	bool woken, over;
};

static void connector_tell(struct connector *c, enum push_state state)
{
	struct msg_push_told told = {.state = state};

	if (state == PUSH_REGISTERED)
		memcpy(told.endpoint, c->endpoint, sizeof(told.endpoint));
	if (channel_send(c->channel_fd, ROLE_SESSION, MESSAGE_PUSH_TOLD, &told, NULL, 0) < 0)
		c->over = true;
}

/* --- what the service says --------------------------------------------------------------- */

static void connector_new_endpoint(struct connector *c, const char *token, const char *endpoint)
{
	if (strcmp(token, c->begin.token) != 0 || !url_is_endpoint(endpoint))
		return; /* as the specification says: ignored */
	c->registered_us = 0;
	if (strcmp(endpoint, c->endpoint) == 0)
		return;
	snprintf(c->endpoint, sizeof(c->endpoint), "%s", endpoint);
	connector_tell(c, PUSH_REGISTERED);
}

static void connector_message(struct connector *c, const char *token)
{
	if (strcmp(token, c->begin.token) == 0)
		c->woken = true;
}

static void connector_unregistered(struct connector *c, const char *token)
{
	if (strcmp(token, c->begin.token) != 0)
		return;
	connector_tell(c, PUSH_ENDED);
	c->over = true;
}

static int on_new_endpoint_1(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	const char *token, *endpoint;

	(void)ret_error;
	if (sd_bus_message_read(m, "ss", &token, &endpoint) >= 0)
		connector_new_endpoint(userdata, token, endpoint);
	return sd_bus_reply_method_return(m, NULL);
}

static int on_message_1(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	const char *token;

	(void)ret_error;
	if (sd_bus_message_read(m, "s", &token) >= 0)
		connector_message(userdata, token);
	return sd_bus_reply_method_return(m, NULL);
}

static int on_unregistered_1(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	const char *token;

	(void)ret_error;
	if (sd_bus_message_read(m, "s", &token) >= 0)
		connector_unregistered(userdata, token);
	return sd_bus_reply_method_return(m, NULL);
}

/* a{sv}: the texts of these names, "" where there is none. */
static int connector_read(sd_bus_message *m, const char *const names[2], const char *ret_values[2])
{
	const char *name, *contents;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	ret_values[0] = ret_values[1] = "";
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		char type;

		r = sd_bus_message_read(m, "s", &name);
		if (r >= 0)
			r = sd_bus_message_peek_type(m, &type, &contents);
		for (int i = 0; r >= 0 && i < 2; i++)
			if (names[i] && strcmp(name, names[i]) == 0 && strcmp(contents, "s") == 0) {
				r = sd_bus_message_read(m, "v", "s", &ret_values[i]);
				goto next;
			}
		if (r >= 0)
			r = sd_bus_message_skip(m, "v");
	next:
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int on_new_endpoint_2(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	const char *const names[2] = {"token", "endpoint"};
	const char *values[2];

	(void)ret_error;
	if (connector_read(m, names, values) >= 0)
		connector_new_endpoint(userdata, values[0], values[1]);
	return sd_bus_reply_method_return(m, "a{sv}", 0);
}

static int on_message_2(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	const char *const names[2] = {"token", NULL};
	const char *values[2];

	(void)ret_error;
	if (connector_read(m, names, values) >= 0)
		connector_message(userdata, values[0]);
	return sd_bus_reply_method_return(m, "a{sv}", 0);
}

static int on_unregistered_2(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	const char *const names[2] = {"token", NULL};
	const char *values[2];

	(void)ret_error;
	if (connector_read(m, names, values) >= 0)
		connector_unregistered(userdata, values[0]);
	return sd_bus_reply_method_return(m, "a{sv}", 0);
}

static const sd_bus_vtable connector_1[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Message", "says", "", on_message_1, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("NewEndpoint", "ss", "", on_new_endpoint_1, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Unregistered", "s", "", on_unregistered_1, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable connector_2[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Message", "a{sv}", "a{sv}", on_message_2, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD(
		"NewEndpoint", "a{sv}", "a{sv}", on_new_endpoint_2, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD(
		"Unregistered", "a{sv}", "a{sv}", on_unregistered_2, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

/* --- registering ------------------------------------------------------------------------- */

/* Of several the first by name: always the same one. */
static int connector_choose(struct connector *c)
{
	static const char *const lists[] = {"ListNames", "ListActivatableNames"};

	c->service[0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
		const char *name;
		int r = sd_bus_message_new_method_call(c->bus, &m, "org.freedesktop.DBus",
			"/org/freedesktop/DBus", "org.freedesktop.DBus", lists[i]);

		if (r >= 0)
			r = sd_bus_call(c->bus, m, CALL_US, NULL, &reply);
		if (r >= 0)
			r = sd_bus_message_enter_container(reply, 'a', "s");
		while (r >= 0 && (r = sd_bus_message_read(reply, "s", &name)) > 0)
			if (strncmp(name, SERVICE_PREFIX, strlen(SERVICE_PREFIX)) == 0 &&
				strlen(name) < sizeof(c->service) &&
				(!c->service[0] || strcmp(name, c->service) < 0))
				snprintf(c->service, sizeof(c->service), "%s", name);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool connector_lacks(const sd_bus_error *error)
{
	return sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD) ||
	       sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_INTERFACE);
}

/* 0 with *ret_success, or -errno with error. */
static int connector_register_2(struct connector *c, sd_bus_error *error, bool *ret_success)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
	const char *const names[2] = {"success", NULL};
	const char *values[2];
	int r = sd_bus_message_new_method_call(
		c->bus, &m, c->service, SERVICE_PATH, SERVICE_INTERFACE_2, "Register");

	if (r >= 0)
		r = sd_bus_message_append(m, "a{sv}", 3, "service", "s", CONNECTOR_NAME, "token",
			"s", c->begin.token, "description", "s", c->begin.description);
	if (r >= 0)
		r = sd_bus_call(c->bus, m, CALL_US, error, &reply);
	if (r >= 0)
		r = connector_read(reply, names, values);
	if (r < 0)
		return r;
	*ret_success = strcmp(values[0], "REGISTRATION_SUCCEEDED") == 0;
	return 0;
}

static int connector_register_1(struct connector *c, sd_bus_error *error, bool *ret_success)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
	const char *result, *reason;
	int r = sd_bus_message_new_method_call(
		c->bus, &m, c->service, SERVICE_PATH, SERVICE_INTERFACE_1, "Register");

	if (r >= 0)
		r = sd_bus_message_append(
			m, "sss", CONNECTOR_NAME, c->begin.token, c->begin.description);
	if (r >= 0)
		r = sd_bus_call(c->bus, m, CALL_US, error, &reply);
	if (r >= 0)
		r = sd_bus_message_read(reply, "ss", &result, &reason);
	if (r < 0)
		return r;
	*ret_success = strcmp(result, "REGISTRATION_SUCCEEDED") == 0 ||
		       strcmp(result, "NEW_ENDPOINT") == 0;
	return 0;
}

static enum push_state connector_register(struct connector *c)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	bool success = false;
	int r = connector_choose(c);

	if (r < 0)
		return PUSH_SILENT;
	if (!c->service[0])
		return PUSH_NO_SERVICE;
	/* The endpoint may come before the answer of the call: nothing of it is taken in between.
	 */
	c->registered_us = clock_boottime_us();
	r = connector_register_2(c, &error, &success);
	c->version_1 = r < 0 && connector_lacks(&error);
	if (c->version_1) {
		sd_bus_error_free(&error);
		r = connector_register_1(c, &error, &success);
	}
	if (r == 0 && success)
		return PUSH_REGISTERED;
	c->registered_us = 0;
	return r == 0 || sd_bus_error_is_set(&error) ? PUSH_REFUSED : PUSH_SILENT;
}

/* The user may have this for good: nothing of us stays behind. */
static void connector_unregister(struct connector *c)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
	int r;

	if (!c->service[0])
		return;
	r = sd_bus_message_new_method_call(c->bus, &m, c->service, SERVICE_PATH,
		c->version_1 ? SERVICE_INTERFACE_1 : SERVICE_INTERFACE_2, "Unregister");
	if (r >= 0)
		r = c->version_1
			    ? sd_bus_message_append(m, "s", c->begin.token)
			    : sd_bus_message_append(m, "a{sv}", 1, "token", "s", c->begin.token);
	if (r >= 0)
		(void)sd_bus_call(c->bus, m, CALL_US, NULL, &reply);
}

/* A service appeared, or ours came back: both want to be asked. */
static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	const char *name, *before, *now;
	struct connector *c = userdata;

	(void)ret_error;
	if (sd_bus_message_read(m, "sss", &name, &before, &now) >= 0 && *now &&
		(!c->service[0] || strcmp(name, c->service) == 0)) {
		log_debug("%s is there", name);
		/* By the enforcer, which starts this program again, and not more often than it
		 * likes. */
		connector_tell(c, PUSH_ENDED);
		c->over = true;
	}
	return 0;
}

static int connector_open(struct connector *c)
{
	int r = sd_bus_open_user(&c->bus);

	if (r >= 0)
		r = sd_bus_add_object_vtable(
			c->bus, NULL, CONNECTOR_PATH, "org.unifiedpush.Connector1", connector_1, c);
	if (r >= 0)
		r = sd_bus_add_object_vtable(
			c->bus, NULL, CONNECTOR_PATH, "org.unifiedpush.Connector2", connector_2, c);
	if (r >= 0)
		r = sd_bus_request_name(c->bus, CONNECTOR_NAME, 0);
	return r < 0 ? r : 0;
}

/* --- the loop ---------------------------------------------------------------------------- */

/* The words of the enforcer. true: go on. */
static bool connector_take_order(struct connector *c)
{
	struct message m;
	int r = channel_receive(c->channel_fd, ROLE_SESSION, ROLE_ENFORCER, &m);

	if (r == -EAGAIN)
		return true;
	if (r < 0)
		return false;
	if (m.type == MESSAGE_PUSH_END)
		connector_unregister(c);
	message_done(&m);
	return false;
}

static int64_t earlier(int64_t a_us, int64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

/* What time brings; *ret_next_us: when to come again. */
static void connector_tick(struct connector *c, int64_t *ret_next_us)
{
	int64_t now_us = clock_boottime_us();

	*ret_next_us = INT64_MAX;
	if (c->registered_us && now_us - c->registered_us >= ENDPOINT_US) {
		connector_tell(c, PUSH_SILENT);
		c->over = true;
	} else if (c->registered_us) {
		*ret_next_us = c->registered_us + ENDPOINT_US;
	}
	if (!c->woken)
		return;
	if (c->woken_us && now_us - c->woken_us < WOKEN_DISTANCE_US) {
		*ret_next_us = earlier(*ret_next_us, c->woken_us + WOKEN_DISTANCE_US);
		return;
	}
	c->woken = false;
	c->woken_us = now_us;
	if (channel_send(c->channel_fd, ROLE_SESSION, MESSAGE_PUSH_WOKEN, &(struct msg_none){0},
		    NULL, 0) < 0)
		c->over = true;
}

static int connector_wait(struct connector *c, int64_t next_us)
{
	struct pollfd fds[2] = {{.fd = c->channel_fd, .events = POLLIN}};
	int64_t ms = -1;

	if (next_us < INT64_MAX) {
		ms = (next_us - clock_boottime_us()) / 1000 + 1;
		ms = ms < 0 ? 0 : ms;
	}
	fds[1].fd = sd_bus_get_fd(c->bus);
	fds[1].events = (short)sd_bus_get_events(c->bus);
	if (fds[1].fd < 0)
		return -ENOTCONN;
	if (poll(fds, 2, (int)ms) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents && !connector_take_order(c))
		c->over = true;
	return 0;
}

static int connector_loop(struct connector *c)
{
	int64_t next_us;
	int r = 0;

	while (!c->over && r >= 0) {
		do
			r = sd_bus_process(c->bus, NULL);
		while (r > 0 && !c->over);
		connector_tick(c, &next_us);
		if (r >= 0 && !c->over)
			r = connector_wait(c, next_us);
	}
	return r < 0 ? r : 0;
}

static int connector_begin(struct connector *c)
{
	struct pollfd wait = {.fd = c->channel_fd, .events = POLLIN};
	struct message m;
	int r;

	if (poll(&wait, 1, BEGIN_MS) <= 0)
		return -ETIMEDOUT;
	r = channel_receive(c->channel_fd, ROLE_SESSION, ROLE_ENFORCER, &m);
	if (r < 0)
		return r;
	r = m.type == MESSAGE_PUSH_BEGIN ? 0 : -EBADMSG;
	if (r == 0)
		memcpy(&c->begin, &m.body.as_16, sizeof(c->begin));
	message_done(&m);
	return r;
}

int connector_run(int channel_fd)
{
	struct connector c = {.channel_fd = channel_fd};
	enum push_state state;
	int r = connector_begin(&c);

	if (r < 0) {
		log_error("no valid order from the enforcer: %s", strerror(-r));
		return 1;
	}
	r = connector_open(&c);
	if (r >= 0)
		r = sd_bus_add_match(c.bus, NULL,
			"type='signal',sender='org.freedesktop.DBus',"
			"interface='org.freedesktop.DBus',member='NameOwnerChanged',"
			"arg0namespace='org.unifiedpush.Distributor'",
			on_owner, &c);
	state = r >= 0 ? connector_register(&c) : PUSH_NO_SERVICE;
	/* Without an endpoint it is not over yet: that is told when it comes. */
	if (state != PUSH_REGISTERED)
		connector_tell(&c, state);
	if (r >= 0 && (state == PUSH_REGISTERED || state == PUSH_NO_SERVICE))
		r = connector_loop(&c);
	sd_bus_close_unref(c.bus);
	return r < 0 ? 1 : 0;
}
