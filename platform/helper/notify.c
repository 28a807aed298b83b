/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.c - org.freedesktop.Notifications (Desktop Notifications Specification 1.2); see notify.h.
 * Runs with the rights of the user whose session it is: what the session's programs answer is
 * theirs to choose, and reaches nobody but them and one word for the enforcer. mdm-agent-session.
 */
#include "platform/helper/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "agent/util/buf.h"

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"
#define TIMEOUT_US (4 * UINT64_C(1000000))
#define URGENCY_CRITICAL 2 /* stays until it is dismissed, and wakes a dark screen */
#define EXPIRES_NEVER 0

static enum notify_result notify_error(const sd_bus_error *error, int r)
{
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
		sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
		(error->name && strncmp(error->name, "org.freedesktop.DBus.Error.Spawn.", 33) == 0))
		return NOTIFY_NO_SERVICE;
	if (r == -ETIMEDOUT || sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) ||
		sd_bus_error_has_name(error, SD_BUS_ERROR_TIMEOUT))
		return NOTIFY_NO_ANSWER;
	return sd_bus_error_is_set(error) && r != -ECONNRESET && r != -ENOTCONN ? NOTIFY_REFUSED
										: NOTIFY_NO_BUS;
}

/* Whether bodies are markup there. Where it is not said they may be. */
static int notify_markup(sd_bus *bus, bool *ret_markup, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
	const char *capability;
	bool markup = false;
	int r = sd_bus_message_new_method_call(bus, &m, NAME, PATH, NAME, "GetCapabilities");

	if (r >= 0)
		r = sd_bus_call(bus, m, TIMEOUT_US, error, &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_enter_container(reply, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(reply, "s", &capability)) > 0)
		if (strcmp(capability, "body-markup") == 0)
			markup = true;
	*ret_markup = markup || r < 0;
	return 0;
}

static void notify_escape(const char *text, bool markup, struct buf *out)
{
	buf_append(out, "", 0);
	for (; *text; text++)
		if (markup && *text == '&')
			buf_puts(out, "&amp;");
		else if (markup && *text == '<')
			buf_puts(out, "&lt;");
		else if (markup && *text == '>')
			buf_puts(out, "&gt;");
		else
			buf_append(out, text, 1);
}

static int notify_call(
	sd_bus *bus, const char *const texts[3], sd_bus_error *error, uint32_t *ret_id)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
	uint32_t id = 0;
	int r = sd_bus_message_new_method_call(bus, &m, NAME, PATH, NAME, "Notify");

	if (r >= 0)
		r = sd_bus_message_append(
			m, "susss", texts[0], (uint32_t)0, "", texts[1], texts[2]);
	if (r >= 0)
		r = sd_bus_message_append(m, "as", 0);
	if (r >= 0)
		r = sd_bus_message_append(m, "a{sv}", 1, "urgency", "y", URGENCY_CRITICAL);
	if (r >= 0)
		r = sd_bus_message_append(m, "i", EXPIRES_NEVER);
	if (r >= 0)
		r = sd_bus_call(bus, m, TIMEOUT_US, error, &reply);
	if (r >= 0)
		r = sd_bus_message_read(reply, "u", &id);
	if (r < 0)
		return r;
	if (id == 0)
		return -EBADMSG; /* the specification has no such number */
	*ret_id = id;
	return 0;
}

static enum notify_result notify_on_bus(
	sd_bus *bus, const char *application, const char *title, const char *text, uint32_t *ret_id)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_buf_ struct buf body = BUF_INIT;
	const char *texts[] = {application, title, NULL};
	bool markup = true;
	int r = notify_markup(bus, &markup, &error);

	/* A service without that method may still show something. */
	if (r < 0 && notify_error(&error, r) != NOTIFY_REFUSED)
		return notify_error(&error, r);
	sd_bus_error_free(&error);
	notify_escape(text, markup, &body);
	if (body.error)
		return NOTIFY_REFUSED;
	texts[2] = body.data;
	r = notify_call(bus, texts, &error, ret_id);
	if (r == -EBADMSG)
		return NOTIFY_REFUSED;
	return r < 0 ? notify_error(&error, r) : NOTIFY_SHOWN;
}

enum notify_result notify_show(
	const char *application, const char *title, const char *text, uint32_t *ret_id)
{
	enum notify_result result;
	sd_bus *bus = NULL;

	if (sd_bus_open_user(&bus) < 0)
		return NOTIFY_NO_BUS;
	result = notify_on_bus(bus, application, title, text, ret_id);
	sd_bus_close(bus);
	sd_bus_unref(bus);
	return result;
}
