/* SPDX-License-Identifier: Apache-2.0 */
/* response.c - reads answers of mdm-server; see response.h. Pure. */
#include "server/ctl/response.h"

#include <errno.h>

#include "agent/util/codec.h"

#define RESPONSE_MAX_ROWS LIMIT_SERVER_PAGE

/* One answer in reading; bad sticks. */
struct reader {
	struct json_error error;
	const char *path;
	bool bad;
};

static int response_bad(const struct reader *reader, struct fault *fault)
{
	return fault_set(fault, FAULT_FAILURE,
		"the server's answer makes no sense (%s%s%s); "
		"are mdm-server and mdmctl of the same version?",
		reader->error.path, *reader->error.path ? ": " : "", reader->error.message);
}

/* Whether there is something to read: not missing, not null. */
static bool response_has(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) && value;
}

static void read_text(struct reader *reader, struct json_object *object, const char *name,
	char *ret_text, size_t size)
{
	const char *text = "";

	*ret_text = 0;
	if (reader->bad || !response_has(object, name))
		return;
	if (json_get_string(object, reader->path, name, size - 1, &text, &reader->error) < 0)
		reader->bad = true;
	else
		memcpy(ret_text, text, strlen(text) + 1);
}

static void read_hex(
	struct reader *reader, struct json_object *object, const char *name, char ret_hex[33])
{
	read_text(reader, object, name, ret_hex, 33);
	if (!reader->bad && *ret_hex && !hex_is_valid(ret_hex, 16)) {
		*ret_hex = 0;
		json_fail(&reader->error, name, "must be 32 hexadecimal digits");
		reader->bad = true;
	}
}

static int64_t read_int(struct reader *reader, struct json_object *object, const char *name)
{
	int64_t value = 0;

	if (reader->bad || !response_has(object, name))
		return 0;
	if (json_get_int(object, reader->path, name, 0, INT64_MAX, &value, &reader->error) < 0)
		reader->bad = true;
	return value;
}

static struct json_object *read_array(
	struct reader *reader, struct json_object *object, const char *name)
{
	struct json_object *array = NULL;

	if (reader->bad || !response_has(object, name))
		return NULL;
	if (json_get_array(object, reader->path, name, &array, &reader->error) < 0)
		reader->bad = true;
	return array;
}

static struct json_object *read_object(
	struct reader *reader, struct json_object *object, const char *name)
{
	struct json_object *member = NULL;

	if (reader->bad || !response_has(object, name))
		return NULL;
	if (json_get_object(object, reader->path, name, &member, &reader->error) < 0)
		reader->bad = true;
	return member;
}

static void read_groups(
	struct reader *reader, struct json_object *object, char *ret_groups, size_t size)
{
	struct json_object *array = read_array(reader, object, "groups");
	size_t n = array ? json_object_array_length(array) : 0, used = 0;

	*ret_groups = 0;
	if (n > LIMIT_ASSIGNMENT_GROUPS) {
		json_fail(&reader->error, "groups", "must have at most %d names",
			LIMIT_ASSIGNMENT_GROUPS);
		reader->bad = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(array, i);
		const char *name = json_object_is_type(item, json_type_string)
					   ? json_object_get_string(item)
					   : "";

		if (!name_is_valid(name)) {
			json_fail(&reader->error, "groups", "must be names");
			reader->bad = true;
			return;
		}
		used += (size_t)snprintf(
			ret_groups + used, size - used, "%s%s", used ? ", " : "", name);
	}
}

static void read_device(
	struct reader *reader, struct json_object *object, struct response_device *device)
{
	struct json_object *have;

	device->json = object;
	read_hex(reader, object, "id", device->id);
	read_hex(reader, object, "enrolment", device->enrolment);
	read_hex(reader, object, "ticket", device->ticket);
	read_text(reader, object, "state", device->state, sizeof(device->state));
	read_text(reader, object, "agent", device->agent, sizeof(device->agent));
	device->enrolled_s = read_int(reader, object, "enrolled");
	device->last_seen_s = read_int(reader, object, "last_seen");
	device->certificate_until_s = read_int(reader, object, "certificate_until");
	read_groups(reader, object, device->groups, sizeof(device->groups));
	have = read_object(reader, object, "have");
	if (have) {
		device->have_keyset = read_int(reader, have, "keyset");
		device->have_assignment = read_int(reader, have, "assignment");
	}
	if (!reader->bad && !*device->id) {
		json_fail(&reader->error, "id", "is missing");
		reader->bad = true;
	}
}

void response_devices_done(struct response_devices *devices)
{
	free(devices->rows);
	json_object_put(devices->json);
	*devices = (struct response_devices){0};
}

/* Parses the text; the fault is filled on failure. */
static int response_parse(struct reader *reader, const char *text, size_t n_bytes,
	struct json_object **ret_json, struct fault *fault)
{
	int r = json_parse(text, n_bytes, ret_json, &reader->error);

	if (r == -EBADMSG)
		return response_bad(reader, fault);
	return r < 0 ? fault_errno(fault, r, "answer of the server") : 0;
}

/* Elements of an array of objects; 0 and *ret_array NULL where there is none. */
static int response_rows(struct reader *reader, struct json_object *json, const char *name,
	struct json_object **ret_array, size_t *ret_n_rows, struct fault *fault)
{
	struct json_object *array = read_array(reader, json, name);
	size_t n = array ? json_object_array_length(array) : 0;

	if (!reader->bad && n > RESPONSE_MAX_ROWS) {
		json_fail(&reader->error, name, "must have at most %d rows", RESPONSE_MAX_ROWS);
		reader->bad = true;
	}
	for (size_t i = 0; i < n && !reader->bad; i++) {
		if (json_object_is_type(json_object_array_get_idx(array, i), json_type_object))
			continue;
		json_fail(&reader->error, name, "must have objects as rows");
		reader->bad = true;
	}
	if (reader->bad)
		return response_bad(reader, fault);
	*ret_array = array;
	*ret_n_rows = n;
	return 0;
}

int response_devices(
	const char *text, size_t n_bytes, struct response_devices *ret_devices, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices devices = {0};
	struct reader reader = {.path = ""};
	struct json_object *array;
	int r = response_parse(&reader, text, n_bytes, &devices.json, fault);

	if (!r)
		r = response_rows(&reader, devices.json, "devices", &array, &devices.n_rows, fault);
	if (r)
		return r;
	devices.rows = calloc(devices.n_rows ? devices.n_rows : 1, sizeof(*devices.rows));
	if (!devices.rows)
		return fault_errno(fault, ENOMEM, "answer of the server");
	for (size_t i = 0; i < devices.n_rows; i++)
		read_device(&reader, json_object_array_get_idx(array, i), &devices.rows[i]);
	read_hex(&reader, devices.json, "next", devices.next);
	if (reader.bad)
		return response_bad(&reader, fault);
	*ret_devices = devices;
	devices = (struct response_devices){0};
	return 0;
}

int response_device(
	const char *text, size_t n_bytes, struct response_devices *ret_devices, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices devices = {0};
	struct reader reader = {.path = ""};
	int r = response_parse(&reader, text, n_bytes, &devices.json, fault);

	if (r)
		return r;
	devices.n_rows = 1;
	devices.rows = calloc(1, sizeof(*devices.rows));
	if (!devices.rows)
		return fault_errno(fault, ENOMEM, "answer of the server");
	read_device(&reader, devices.json, &devices.rows[0]);
	if (reader.bad)
		return response_bad(&reader, fault);
	*ret_devices = devices;
	devices = (struct response_devices){0};
	return 0;
}

void response_tickets_done(struct response_tickets *tickets)
{
	free(tickets->rows);
	json_object_put(tickets->json);
	*tickets = (struct response_tickets){0};
}

static void read_ticket(
	struct reader *reader, struct json_object *object, struct response_ticket *ticket)
{
	ticket->json = object;
	read_hex(reader, object, "id", ticket->id);
	read_hex(reader, object, "device", ticket->device);
	ticket->created_s = read_int(reader, object, "created");
	ticket->expires_s = read_int(reader, object, "expires");
	ticket->used_s = read_int(reader, object, "used");
	read_groups(reader, object, ticket->groups, sizeof(ticket->groups));
}

int response_tickets(
	const char *text, size_t n_bytes, struct response_tickets *ret_tickets, struct fault *fault)
{
	_cleanup_(response_tickets_done) struct response_tickets tickets = {0};
	struct reader reader = {.path = ""};
	struct json_object *array;
	int r = response_parse(&reader, text, n_bytes, &tickets.json, fault);

	if (!r)
		r = response_rows(&reader, tickets.json, "tickets", &array, &tickets.n_rows, fault);
	if (r)
		return r;
	tickets.rows = calloc(tickets.n_rows ? tickets.n_rows : 1, sizeof(*tickets.rows));
	if (!tickets.rows)
		return fault_errno(fault, ENOMEM, "answer of the server");
	for (size_t i = 0; i < tickets.n_rows; i++)
		read_ticket(&reader, json_object_array_get_idx(array, i), &tickets.rows[i]);
	read_hex(&reader, tickets.json, "next", tickets.next);
	if (reader.bad)
		return response_bad(&reader, fault);
	*ret_tickets = tickets;
	tickets = (struct response_tickets){0};
	return 0;
}

int response_setting(const struct response_device *device, size_t n,
	struct response_setting *ret_setting, struct fault *fault)
{
	struct reader reader = {.path = "compliance"};
	struct json_object *section = read_object(&reader, device->json, "sections"), *array;
	struct json_object *item = NULL, *body;
	struct response_setting setting = {0};

	if (section)
		section = read_object(&reader, section, "compliance");
	if (section && response_has(section, "body")) {
		body = read_object(&reader, section, "body");
		section = body;
	}
	array = section ? read_array(&reader, section, "settings") : NULL;
	if (reader.bad)
		return response_bad(&reader, fault);
	if (!array || n >= json_object_array_length(array))
		return -ENOENT;
	item = json_object_array_get_idx(array, n);
	if (!json_object_is_type(item, json_type_object)) {
		json_fail(&reader.error, "settings", "must have objects as rows");
		return response_bad(&reader, fault);
	}
	read_text(&reader, item, "area", setting.area, sizeof(setting.area));
	read_text(&reader, item, "setting", setting.setting, sizeof(setting.setting));
	read_text(&reader, item, "state", setting.state, sizeof(setting.state));
	read_text(&reader, item, "reason", setting.reason, sizeof(setting.reason));
	read_text(&reader, item, "desired_text", setting.desired, sizeof(setting.desired));
	read_text(&reader, item, "observed_text", setting.observed, sizeof(setting.observed));
	read_text(&reader, item, "detail", setting.detail, sizeof(setting.detail));
	setting.since_s = read_int(&reader, item, "since");
	if (reader.bad)
		return response_bad(&reader, fault);
	*ret_setting = setting;
	return 0;
}

void response_events_done(struct response_events *events)
{
	free(events->rows);
	json_object_put(events->json);
	*events = (struct response_events){0};
}

static void read_event(
	struct reader *reader, struct json_object *object, struct response_event *event)
{
	event->json = object;
	event->row = read_int(reader, object, "row");
	event->seq = read_int(reader, object, "seq");
	event->time_s = read_int(reader, object, "time");
	read_hex(reader, object, "device", event->device);
	read_text(reader, object, "type", event->type, sizeof(event->type));
	event->data = read_object(reader, object, "data");
}

int response_events(
	const char *text, size_t n_bytes, struct response_events *ret_events, struct fault *fault)
{
	_cleanup_(response_events_done) struct response_events events = {0};
	struct reader reader = {.path = ""};
	struct json_object *array;
	int r = response_parse(&reader, text, n_bytes, &events.json, fault);

	if (!r)
		r = response_rows(&reader, events.json, "events", &array, &events.n_rows, fault);
	if (r)
		return r;
	events.rows = calloc(events.n_rows ? events.n_rows : 1, sizeof(*events.rows));
	if (!events.rows)
		return fault_errno(fault, ENOMEM, "answer of the server");
	for (size_t i = 0; i < events.n_rows; i++)
		read_event(&reader, json_object_array_get_idx(array, i), &events.rows[i]);
	events.next = read_int(&reader, events.json, "next");
	if (reader.bad)
		return response_bad(&reader, fault);
	*ret_events = events;
	events = (struct response_events){0};
	return 0;
}

void response_error(const char *text, size_t n_bytes, char *ret_text, size_t size)
{
	_cleanup_json_ struct json_object *object = NULL;
	const char *code = "", *message = "";

	*ret_text = 0;
	if (json_parse(text, n_bytes, &object, NULL) < 0)
		return;
	if (json_get_string(object, "", "error", LIMIT_NAME_BYTES, &code, NULL) < 0)
		code = "";
	if (json_get_string(object, "", "message", LIMIT_TEXT_BYTES, &message, NULL) < 0)
		message = "";
	snprintf(ret_text, size, "%s%s%s", code, *code && *message ? ": " : "", message);
}
