/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_list.c - sessions over D-Bus; see session_list.h. What other processes say is bounded
 * and never believed beyond what it states; nothing here waits. Enforcer only.
 */
#include "platform/session_list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/bus.h"

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define PROPERTIES "org.freedesktop.DBus.Properties"
/* logind's own prefix of the objects of sessions. */
#define SESSION_NAMESPACE LOGIN_PATH "/session"

/* --- the bus ------------------------------------------------------------------------------ */

static void detail_set(char ret_detail[LIMIT_TEXT_BYTES + 1], const char *text)
{
	snprintf(ret_detail, LIMIT_TEXT_BYTES + 1, "%s", text);
}

enum session_result session_bus(
	struct platform *platform, sd_bus **ret_bus, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	sd_bus *bus = NULL;
	int r;

	if (!platform->sysroot_is_root && !secure_getenv("DBUS_SYSTEM_BUS_ADDRESS")) {
		detail_set(ret_detail, "this is not the running system, so that it has no bus");
		return SESSION_NO_LOGIND;
	}
	r = sd_bus_open_system(&bus);
	if (r < 0) {
		detail_set(ret_detail, r == -ENOMEM ? "out of memory" : "there is no system bus");
		return r == -ENOMEM ? SESSION_TROUBLE : SESSION_NO_LOGIND;
	}
	r = sd_bus_attach_event(bus, platform->event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0) {
		bus_close(&bus);
		detail_set(ret_detail, "out of memory");
		return SESSION_TROUBLE;
	}
	*ret_bus = bus;
	return SESSION_DONE;
}

enum session_result session_error(const sd_bus_error *error, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	static const char *const absent[] = {
		SD_BUS_ERROR_SERVICE_UNKNOWN,
		SD_BUS_ERROR_NAME_HAS_NO_OWNER,
		"org.freedesktop.DBus.Error.Spawn.ExecFailed",
		"org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
		"org.freedesktop.systemd1.NoSuchUnit",
		"org.freedesktop.systemd1.LoadFailed",
	};

	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		if (sd_bus_error_has_name(error, absent[i])) {
			detail_set(ret_detail, "no login service (logind, elogind) is running");
			return SESSION_NO_LOGIND;
		}
	/* How sd-bus calls a connection that ended before anything was said. */
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_DISCONNECTED) ||
		sd_bus_error_has_name(error, SD_BUS_ERROR_NO_SERVER)) {
		detail_set(ret_detail, "the system bus closed the connection");
		return SESSION_NO_LOGIND;
	}
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) ||
		sd_bus_error_has_name(error, SD_BUS_ERROR_TIMEOUT)) {
		detail_set(ret_detail, "the login service does not answer");
		return SESSION_NO_ANSWER;
	}
	snprintf(ret_detail, LIMIT_TEXT_BYTES + 1, "the login service refused: %s",
		error->name ? error->name : "for no reason");
	return SESSION_DENIED;
}

/* --- one session -------------------------------------------------------------------------- */

static void row_free(struct session_row *row)
{
	if (!row)
		return;
	sd_bus_slot_unref(row->read);
	sd_bus_slot_unref(row->ask);
	free(row);
}

static struct session_row *row_find(struct session_list *list, const char *path)
{
	for (size_t i = 0; i < list->n_rows; i++)
		if (strcmp(list->rows[i]->path, path) == 0)
			return list->rows[i];
	return NULL;
}

static void row_remove(struct session_row *row)
{
	struct session_list *list = row->list;

	for (size_t i = 0; i < list->n_rows; i++) {
		if (list->rows[i] != row)
			continue;
		list->rows[i] = list->rows[--list->n_rows];
		row_free(row);
		return;
	}
}

bool session_is_of_user(const struct session_row *row)
{
	/* "user", and "user-early", "user-light" of newer versions. What is closing has nobody in
	 * front of it any more, and nothing that could lock it. */
	return strncmp(row->class, "user", 4) == 0 &&
	       (row->class[4] == 0 || row->class[4] == '-') && strcmp(row->state, "closing") != 0;
}

bool session_is_graphical(const struct session_row *row)
{
	static const char *const types[] = {"wayland", "x11", "mir"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(row->type, types[i]) == 0)
			return true;
	return false;
}

/* Words that are too long for what they can mean are cut; they then mean nothing. */
static int read_word(sd_bus_message *m, char *ret_word, size_t size_bytes)
{
	const char *word;
	int r = sd_bus_message_read(m, "v", "s", &word);

	if (r >= 0)
		snprintf(ret_word, size_bytes, "%s", word);
	return r;
}

static int read_truth(sd_bus_message *m, bool *ret_truth)
{
	int truth;
	int r = sd_bus_message_read(m, "v", "b", &truth);

	if (r >= 0)
		*ret_truth = truth;
	return r;
}

static int read_user(sd_bus_message *m, struct session_row *row)
{
	const char *path;
	uint32_t uid;
	int r = sd_bus_message_read(m, "v", "(uo)", &uid, &path);

	if (r < 0)
		return r;
	row->uid = uid;
	snprintf(row->user_path, sizeof(row->user_path), "%s", path);
	return 0;
}

static int row_read_property(struct session_row *row, const char *name, sd_bus_message *m)
{
	if (strcmp(name, "Class") == 0)
		return read_word(m, row->class, sizeof(row->class));
	if (strcmp(name, "Type") == 0)
		return read_word(m, row->type, sizeof(row->type));
	if (strcmp(name, "State") == 0)
		return read_word(m, row->state, sizeof(row->state));
	if (strcmp(name, "Active") == 0)
		return read_truth(m, &row->active);
	if (strcmp(name, "Remote") == 0)
		return read_truth(m, &row->remote);
	if (strcmp(name, "LockedHint") == 0)
		return read_truth(m, &row->locked);
	if (strcmp(name, "User") == 0)
		return read_user(m, row);
	return sd_bus_message_skip(m, "v");
}

/* The next value of the message: a{sv}. 0 or -errno (other types than logind's). */
static int row_read_properties(struct session_row *row, sd_bus_message *m)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0) {
		const char *name;

		r = sd_bus_message_enter_container(m, 'e', "sv");
		if (r <= 0)
			break;
		r = sd_bus_message_read(m, "s", &name);
		if (r >= 0)
			r = row_read_property(row, name, m);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static void row_reread(struct session_row *row);

static bool is_of_no_object(const sd_bus_error *error)
{
	return sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
	       sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD) ||
	       sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_INTERFACE);
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	struct session_row *row = userdata;
	struct session_list *list = row->list;
	const sd_bus_error *error = sd_bus_message_get_error(m);
	bool is_from = session_list_is_from(list, m);

	(void)ret_error;
	row->read = sd_bus_slot_unref(row->read);
	if (is_from && error && is_of_no_object(error)) {
		row_remove(row); /* ended meanwhile */
	} else {
		row->known = is_from && !error && row_read_properties(row, m) >= 0;
		if (row->stale) {
			row->stale = false;
			row_reread(row);
		}
	}
	list->changed(list, list->userdata);
	return 0;
}

static void row_reread(struct session_row *row)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r;

	if (row->read) {
		row->stale = true;
		return;
	}
	r = sd_bus_message_new_method_call(
		row->list->bus, &m, LOGIN_NAME, row->path, PROPERTIES, "GetAll");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", LOGIN_SESSION);
	if (r >= 0)
		r = sd_bus_call_async(
			row->list->bus, &row->read, m, on_properties, row, LOGIN_TIMEOUT_US);
	if (r < 0)
		row->known = false;
}

/* 0; -ENOSPC: there are too many. */
static int row_add(struct session_list *list, const char *id, const char *path)
{
	struct session_row *row;

	if (row_find(list, path))
		return 0;
	if (list->n_rows == LIMIT_SESSIONS || strlen(id) >= sizeof(row->id) ||
		strlen(path) >= sizeof(row->path)) {
		list->too_many = true;
		return -ENOSPC;
	}
	row = calloc(1, sizeof(*row));
	if (!row)
		return -ENOMEM;
	row->list = list;
	snprintf(row->id, sizeof(row->id), "%s", id);
	snprintf(row->path, sizeof(row->path), "%s", path);
	list->rows[list->n_rows++] = row;
	row_reread(row);
	return 0;
}

/* --- the list ----------------------------------------------------------------------------- */

static int list_read(struct session_list *list, sd_bus_message *m)
{
	const char *id, *name, *seat, *path;
	uint32_t uid;
	int r = sd_bus_message_enter_container(m, 'a', "(susso)");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(m, "(susso)", &id, &uid, &name, &seat, &path)) > 0) {
		r = row_add(list, id, path);
		if (r == -ENOSPC)
			return 0;
		if (r < 0)
			return r;
	}
	return r;
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	struct session_list *list = userdata;
	const sd_bus_error *error = sd_bus_message_get_error(m);
	char detail[LIMIT_TEXT_BYTES + 1];
	enum session_result result;

	(void)ret_error;
	list->call = sd_bus_slot_unref(list->call);
	if (error) {
		result = session_error(error, detail);
		list->failed(list, result, detail, list->userdata);
		return 0;
	}
	if (!session_list_is_from(list, m)) {
		list->failed(list, SESSION_NO_ANSWER,
			"somebody else answered in the place of the login service", list->userdata);
		return 0;
	}
	if (list_read(list, m) < 0) {
		list->failed(list, SESSION_TROUBLE,
			"the login service's list of sessions could not be read", list->userdata);
		return 0;
	}
	list->listed = true;
	list->changed(list, list->userdata);
	return 0;
}

static int on_new(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	struct session_list *list = userdata;
	const char *id, *path;

	(void)ret_error;
	if (!session_list_is_from(list, m) || sd_bus_message_read(m, "so", &id, &path) < 0)
		return 0;
	(void)row_add(list, id, path);
	list->changed(list, list->userdata);
	return 0;
}

/* What a signal says of a session that is known is a reason to look, nothing more. */
static void list_look(struct session_list *list, sd_bus_message *m, const char *path)
{
	struct session_row *row = session_list_is_from(list, m) ? row_find(list, path) : NULL;

	if (row)
		row_reread(row);
}

static int on_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	const char *id, *path;

	(void)ret_error;
	if (sd_bus_message_read(m, "so", &id, &path) >= 0)
		list_look(userdata, m, path);
	return 0;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	(void)ret_error;
	list_look(userdata, m, sd_bus_message_get_path(m));
	return 0;
}

/* --- the login service -------------------------------------------------------------------- */

static bool is_sender(sd_bus_message *m, const char *name)
{
	const char *sender = sd_bus_message_get_sender(m);

	return *name && sender && strcmp(sender, name) == 0;
}

bool session_list_is_from(const struct session_list *list, sd_bus_message *m)
{
	return is_sender(m, list->owner);
}

/* Starts the service if it is not running. 0 or negative. */
static int list_ask(struct session_list *list)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(
		list->bus, &m, LOGIN_NAME, LOGIN_PATH, LOGIN_MANAGER, "ListSessions");

	list->call = sd_bus_slot_unref(list->call);
	if (r >= 0)
		r = sd_bus_call_async(list->bus, &list->call, m, on_list, list, LOGIN_TIMEOUT_US);
	return r < 0 ? r : 0;
}

/* Another one than the one that was listened to has sessions of its own to tell of. */
static void list_set_owner(struct session_list *list, const char *owner)
{
	if (strcmp(list->owner, owner) == 0 || strlen(owner) >= sizeof(list->owner))
		return;
	memcpy(list->owner, owner, strlen(owner) + 1);
	if (!*owner || !list->listed)
		return;
	list->listed = false;
	session_list_reread(list);
	if (list_ask(list) < 0)
		list->failed(
			list, SESSION_NO_ANSWER, "the login service went away", list->userdata);
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	struct session_list *list = userdata;
	const char *name, *old, *owner;

	(void)ret_error;
	if (is_sender(m, BUS_NAME) && sd_bus_message_read(m, "sss", &name, &old, &owner) >= 0 &&
		strcmp(name, LOGIN_NAME) == 0) {
		list->owner_call = sd_bus_slot_unref(list->owner_call);
		list_set_owner(list, owner);
	}
	return 0;
}

/* An error: it is not running yet, and its name is told of when it is. */
static int on_owner_call(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	struct session_list *list = userdata;
	const char *owner;

	(void)ret_error;
	list->owner_call = sd_bus_slot_unref(list->owner_call);
	if (!sd_bus_message_get_error(m) && is_sender(m, BUS_NAME) &&
		sd_bus_message_read(m, "s", &owner) >= 0)
		list_set_owner(list, owner);
	return 0;
}

/* In this order: who it is is known before anything it says, and what happens after the list was
 * made is heard of. 0 or negative. */
static int list_subscribe(struct session_list *list)
{
	int r = sd_bus_add_match_async(list->bus, &list->match_owner,
		"type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
		"',member='NameOwnerChanged',arg0='" LOGIN_NAME "'",
		on_owner, NULL, list);

	if (r >= 0)
		r = sd_bus_call_method_async(list->bus, &list->owner_call, BUS_NAME, BUS_PATH,
			BUS_NAME, "GetNameOwner", on_owner_call, list, "s", LOGIN_NAME);
	if (r >= 0)
		r = sd_bus_match_signal_async(list->bus, &list->match_new, LOGIN_NAME, LOGIN_PATH,
			LOGIN_MANAGER, "SessionNew", on_new, NULL, list);
	if (r >= 0)
		r = sd_bus_match_signal_async(list->bus, &list->match_removed, LOGIN_NAME,
			LOGIN_PATH, LOGIN_MANAGER, "SessionRemoved", on_removed, NULL, list);
	if (r >= 0)
		r = sd_bus_add_match_async(list->bus, &list->match_changed,
			"type='signal',sender='" LOGIN_NAME "',interface='" PROPERTIES
			"',member='PropertiesChanged',path_namespace='" SESSION_NAMESPACE
			"',arg0='" LOGIN_SESSION "'",
			on_changed, NULL, list);
	return r < 0 ? r : list_ask(list);
}

enum session_result session_list_open(
	struct session_list *list, struct platform *platform, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	enum session_result result = session_bus(platform, &list->bus, ret_detail);
	int r;

	if (result != SESSION_DONE)
		return result;
	r = list_subscribe(list);
	if (r >= 0)
		return SESSION_DONE;
	session_list_close(list);
	if (r == -ENOMEM) {
		detail_set(ret_detail, "out of memory");
		return SESSION_TROUBLE;
	}
	detail_set(ret_detail, "the system bus closed the connection");
	return SESSION_NO_LOGIND;
}

void session_list_close(struct session_list *list)
{
	while (list->n_rows)
		row_free(list->rows[--list->n_rows]);
	list->match_owner = sd_bus_slot_unref(list->match_owner);
	list->owner_call = sd_bus_slot_unref(list->owner_call);
	list->match_new = sd_bus_slot_unref(list->match_new);
	list->match_removed = sd_bus_slot_unref(list->match_removed);
	list->match_changed = sd_bus_slot_unref(list->match_changed);
	list->call = sd_bus_slot_unref(list->call);
	bus_close(&list->bus);
}

void session_list_reread(struct session_list *list)
{
	for (size_t i = 0; i < list->n_rows; i++)
		row_reread(list->rows[i]);
}

bool session_list_is_reading(const struct session_list *list)
{
	for (size_t i = 0; i < list->n_rows; i++)
		if (list->rows[i]->read)
			return true;
	return false;
}

const struct session_row *session_list_front(const struct session_list *list)
{
	const struct session_row *chosen = NULL;

	for (size_t i = 0; i < list->n_rows; i++) {
		const struct session_row *row = list->rows[i];

		if (!row->known || !row->active || row->remote || !session_is_of_user(row))
			continue;
		if (!chosen || (session_is_graphical(row) && !session_is_graphical(chosen)))
			chosen = row;
	}
	return chosen;
}
