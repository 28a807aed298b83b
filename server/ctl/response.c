/* SPDX-License-Identifier: Apache-2.0 */
/* response.c - reads answers of mdm-server; see response.h. Pure. */
#include "server/ctl/response.h"

#include <errno.h>

#include "agent/util/codec.h"
#include "server/ctl/reader.h"

static void read_groups(
	struct reader *reader, struct json_object *object, char *ret_groups, size_t size)
{
	struct json_object *array = reader_array(reader, object, "groups");
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
	reader_hex(reader, object, "id", device->id);
	reader_hex(reader, object, "enrolment", device->enrolment);
	reader_hex(reader, object, "ticket", device->ticket);
	reader_text(reader, object, "state", device->state, sizeof(device->state));
	reader_text(reader, object, "agent", device->agent, sizeof(device->agent));
	device->enrolled_s = reader_int(reader, object, "enrolled");
	device->last_seen_s = reader_int(reader, object, "last_seen");
	device->certificate_until_s = reader_int(reader, object, "certificate_until");
	device->withdrawn_s = reader_int(reader, object, "withdrawn");
	device->clone_s = reader_int(reader, object, "clone");
	reader_text(reader, object, "nonce", device->nonce, sizeof(device->nonce));
	read_groups(reader, object, device->groups, sizeof(device->groups));
	have = reader_object(reader, object, "have");
	if (have) {
		device->have_keyset = reader_int(reader, have, "keyset");
		device->have_assignment = reader_int(reader, have, "assignment");
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

int response_devices(
	const char *text, size_t n_bytes, struct response_devices *ret_devices, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices devices = {0};
	struct reader reader = {.path = ""};
	struct json_object *array;
	int r = reader_parse(&reader, text, n_bytes, &devices.json, fault);

	if (!r)
		r = reader_rows(&reader, devices.json, "devices", &array, &devices.n_rows, fault);
	if (r)
		return r;
	devices.rows = calloc(devices.n_rows ? devices.n_rows : 1, sizeof(*devices.rows));
	if (!devices.rows)
		return fault_errno(fault, ENOMEM, "answer of the server");
	for (size_t i = 0; i < devices.n_rows; i++)
		read_device(&reader, json_object_array_get_idx(array, i), &devices.rows[i]);
	reader_hex(&reader, devices.json, "next", devices.next);
	if (reader.bad)
		return reader_fault(&reader, fault);
	*ret_devices = devices;
	devices = (struct response_devices){0};
	return 0;
}

int response_device(
	const char *text, size_t n_bytes, struct response_devices *ret_devices, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices devices = {0};
	struct reader reader = {.path = ""};
	int r = reader_parse(&reader, text, n_bytes, &devices.json, fault);

	if (r)
		return r;
	devices.n_rows = 1;
	devices.rows = calloc(1, sizeof(*devices.rows));
	if (!devices.rows)
		return fault_errno(fault, ENOMEM, "answer of the server");
	read_device(&reader, devices.json, &devices.rows[0]);
	if (reader.bad)
		return reader_fault(&reader, fault);
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
	reader_hex(reader, object, "id", ticket->id);
	reader_hex(reader, object, "device", ticket->device);
	ticket->created_s = reader_int(reader, object, "created");
	ticket->expires_s = reader_int(reader, object, "expires");
	ticket->used_s = reader_int(reader, object, "used");
	read_groups(reader, object, ticket->groups, sizeof(ticket->groups));
}

int response_tickets(
	const char *text, size_t n_bytes, struct response_tickets *ret_tickets, struct fault *fault)
{
	_cleanup_(response_tickets_done) struct response_tickets tickets = {0};
	struct reader reader = {.path = ""};
	struct json_object *array;
	int r = reader_parse(&reader, text, n_bytes, &tickets.json, fault);

	if (!r)
		r = reader_rows(&reader, tickets.json, "tickets", &array, &tickets.n_rows, fault);
	if (r)
		return r;
	tickets.rows = calloc(tickets.n_rows ? tickets.n_rows : 1, sizeof(*tickets.rows));
	if (!tickets.rows)
		return fault_errno(fault, ENOMEM, "answer of the server");
	for (size_t i = 0; i < tickets.n_rows; i++)
		read_ticket(&reader, json_object_array_get_idx(array, i), &tickets.rows[i]);
	reader_hex(&reader, tickets.json, "next", tickets.next);
	if (reader.bad)
		return reader_fault(&reader, fault);
	*ret_tickets = tickets;
	tickets = (struct response_tickets){0};
	return 0;
}

int response_setting(const struct response_device *device, size_t n,
	struct response_setting *ret_setting, struct fault *fault)
{
	struct reader reader = {.path = "compliance"};
	struct json_object *section = reader_object(&reader, device->json, "sections"), *array;
	struct json_object *item = NULL, *body;
	struct response_setting setting = {0};

	if (section)
		section = reader_object(&reader, section, "compliance");
	if (section && reader_has(section, "body")) {
		body = reader_object(&reader, section, "body");
		section = body;
	}
	array = section ? reader_array(&reader, section, "settings") : NULL;
	if (reader.bad)
		return reader_fault(&reader, fault);
	if (!array || n >= json_object_array_length(array))
		return -ENOENT;
	item = json_object_array_get_idx(array, n);
	if (!json_object_is_type(item, json_type_object)) {
		json_fail(&reader.error, "settings", "must have objects as rows");
		return reader_fault(&reader, fault);
	}
	reader_text(&reader, item, "area", setting.area, sizeof(setting.area));
	reader_text(&reader, item, "setting", setting.setting, sizeof(setting.setting));
	reader_text(&reader, item, "state", setting.state, sizeof(setting.state));
	reader_text(&reader, item, "reason", setting.reason, sizeof(setting.reason));
	reader_text(&reader, item, "desired_text", setting.desired, sizeof(setting.desired));
	reader_text(&reader, item, "observed_text", setting.observed, sizeof(setting.observed));
	reader_text(&reader, item, "detail", setting.detail, sizeof(setting.detail));
	setting.since_s = reader_int(&reader, item, "since");
	setting.items = reader_array(&reader, item, "items");
	if (reader.bad)
		return reader_fault(&reader, fault);
	*ret_setting = setting;
	return 0;
}

int response_item(const struct response_setting *setting, size_t n, struct response_item *ret_item,
	struct fault *fault)
{
	struct reader reader = {.path = "compliance"};
	struct response_item item = {0};
	struct json_object *row;

	if (!setting->items || n >= json_object_array_length(setting->items))
		return -ENOENT;
	row = json_object_array_get_idx(setting->items, n);
	if (!json_object_is_type(row, json_type_object)) {
		json_fail(&reader.error, "items", "must have objects as rows");
		return reader_fault(&reader, fault);
	}
	reader_text(&reader, row, "name", item.name, sizeof(item.name));
	reader_text(&reader, row, "state", item.state, sizeof(item.state));
	reader_text(&reader, row, "reason", item.reason, sizeof(item.reason));
	reader_text(&reader, row, "detail", item.detail, sizeof(item.detail));
	if (reader.bad)
		return reader_fault(&reader, fault);
	*ret_item = item;
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
	event->row = reader_int(reader, object, "row");
	event->seq = reader_int(reader, object, "seq");
	event->time_s = reader_int(reader, object, "time");
	reader_hex(reader, object, "device", event->device);
	reader_text(reader, object, "type", event->type, sizeof(event->type));
	event->data = reader_object(reader, object, "data");
}

int response_events(
	const char *text, size_t n_bytes, struct response_events *ret_events, struct fault *fault)
{
	_cleanup_(response_events_done) struct response_events events = {0};
	struct reader reader = {.path = ""};
	struct json_object *array;
	int r = reader_parse(&reader, text, n_bytes, &events.json, fault);

	if (!r)
		r = reader_rows(&reader, events.json, "events", &array, &events.n_rows, fault);
	if (r)
		return r;
	events.rows = calloc(events.n_rows ? events.n_rows : 1, sizeof(*events.rows));
	if (!events.rows)
		return fault_errno(fault, ENOMEM, "answer of the server");
	for (size_t i = 0; i < events.n_rows; i++)
		read_event(&reader, json_object_array_get_idx(array, i), &events.rows[i]);
	events.next = reader_int(&reader, events.json, "next");
	if (reader.bad)
		return reader_fault(&reader, fault);
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
