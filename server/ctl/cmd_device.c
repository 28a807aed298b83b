/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_device.c - "mdmctl device", "mdmctl assign": phones and their groups. Runs as the
 * administrator. */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/jsonw.h"
#include "server/ctl/assign.h"
#include "server/ctl/cmd_device_places.h"
#include "server/ctl/commands.h"
#include "server/ctl/device.h"
#include "server/ctl/listing.h"
#include "server/ctl/reader.h"
#include "server/ctl/span.h"
#include "server/ctl/text.h"

#define DEVICE_VALUE_COLUMNS 24

/* A device with sixteen groups and policies has some 70 members of the LIMIT_JSON_MEMBERS. */
#define DEVICE_PAGE 50

static int device_list_add(struct listing *listing, const struct api_answer *answer,
	char ret_next[33], struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices page = {0};
	struct table *table = &listing->table;
	int r = response_devices(answer->body, answer->n_body, &page, fault);

	for (size_t i = 0; i < page.n_rows && !r; i++) {
		const struct response_device *device = &page.rows[i];
		char seen[32];

		r = paging_id(&listing->paging, device->id, fault);
		if (r)
			break;
		if (listing_json(listing, device->json))
			continue;
		span_format_relative(device->last_seen_s, listing->ctl->now_s, seen);
		table_printf(table, "%.12s", device->id);
		table_add(table, *device->state ? device->state : "unknown");
		table_add(table, seen);
		table_add(table, device->agent);
		table_add(table, device->groups);
	}
	memcpy(ret_next, page.next, sizeof(page.next));
	return r;
}

int cmd_device_list(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	struct listing listing = {
		.what = "devices",
		.none = "No phone is enrolled yet; 'mdmctl ticket new' makes a ticket.",
		.limit = DEVICE_PAGE,
		.add = device_list_add,
		.table =
			{
				.headings = {"DEVICE", "STATE", "LAST SEEN", "AGENT", "GROUPS"},
				.n_columns = 5,
				.flexible = 4,
				.state = 1,
			},
	};
	int r = listing_run(&listing, ctl, fault);

	(void)args;
	table_done(&listing.table);
	return r;
}

static void device_print_time(struct ctl *ctl, const char *label, int64_t time_s)
{
	char date[24], relative[32];

	if (!time_s) {
		fprintf(ctl->out, "%-13s -\n", label);
		return;
	}
	clock_format(time_s, date);
	span_format_relative(time_s, ctl->now_s, relative);
	fprintf(ctl->out, "%-13s %s (%s)\n", label, date, relative);
}

static void device_print_text(struct ctl *ctl, const char *label, const char *text)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;

	text_plain(&plain, text);
	fprintf(ctl->out, "%-13s %s\n", label, plain.n_bytes ? plain.data : "-");
}

static void device_print_serials(struct ctl *ctl, const struct response_device *device)
{
	struct json_object *have, *policies;

	fprintf(ctl->out, "%-13s keyset %" PRId64 ", assignment %" PRId64, "holds",
		device->have_keyset, device->have_assignment);
	if (json_object_object_get_ex(device->json, "have", &have) &&
		json_object_object_get_ex(have, "policy", &policies) &&
		json_object_is_type(policies, json_type_object)) {
		json_object_object_foreach(policies, stream, serial)
		{
			_cleanup_buf_ struct buf plain = BUF_INIT;

			text_plain(&plain, stream);
			fprintf(ctl->out, ", policy %s %" PRId64, plain.n_bytes ? plain.data : "?",
				json_object_get_int64(serial));
		}
	}
	fprintf(ctl->out, "\n");
}

/* A value in a column; lists of apps may be longer than the screen is wide. */
static void device_add_value(struct table *table, const char *text)
{
	_cleanup_buf_ struct buf cut = BUF_INIT;
	size_t n_columns = 0, n = 0;

	if (text_columns(text) <= DEVICE_VALUE_COLUMNS) {
		table_add(table, text);
		return;
	}
	for (; text[n]; n++)
		if (((unsigned char)text[n] & 0xc0) != 0x80 && ++n_columns == DEVICE_VALUE_COLUMNS)
			break;
	buf_append(&cut, text, n);
	buf_puts(&cut, "~");
	buf_append(&cut, "", 0);
	table_add(table, cut.data);
}

/* It is not met, and the value looks as if it were: the items say what is not so. */
static bool device_is_told_by_items(const struct response_setting *setting)
{
	return strcmp(setting->state, "compliant") != 0 && setting->items &&
	       json_object_array_length(setting->items) > 0 &&
	       strcmp(setting->desired, setting->observed) == 0;
}

static void device_print_part(struct ctl *ctl, int indent, const char *text)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;

	text_plain(&plain, text);
	fprintf(ctl->out, "%*s%s", indent, "", plain.n_bytes ? plain.data : "-");
}

/* One setting that is not met, with each thing that is not so, and why. */
static int device_print_unmet(
	struct ctl *ctl, const struct response_setting *setting, struct fault *fault)
{
	struct response_item item;
	size_t n_shown = 0;
	int r = 0;

	device_print_part(ctl, 2, setting->area);
	fputc('.', ctl->out);
	device_print_part(ctl, 0, setting->setting);
	fputs(": ", ctl->out);
	device_print_part(ctl, 0, setting->state);
	if (*setting->reason) {
		fputs(", ", ctl->out);
		device_print_part(ctl, 0, setting->reason);
	}
	fputc('\n', ctl->out);
	for (size_t i = 0; (r = response_item(setting, i, &item, fault)) == 0; i++) {
		if (strcmp(item.state, "compliant") == 0)
			continue;
		n_shown++;
		device_print_part(ctl, 4, item.name);
		if (*item.reason && strcmp(item.reason, setting->reason) != 0) {
			fputs(", ", ctl->out);
			device_print_part(ctl, 0, item.reason);
		}
		if (*item.detail) {
			fputs(": ", ctl->out);
			device_print_part(ctl, 0, item.detail);
		}
		fputc('\n', ctl->out);
	}
	if (r == -ENOENT && !n_shown && *setting->detail) {
		device_print_part(ctl, 4, setting->detail);
		fputc('\n', ctl->out);
	}
	return r == -ENOENT ? 0 : r;
}

/* What the columns of the table are too narrow for. */
static int device_print_details(
	struct ctl *ctl, const struct response_device *device, struct fault *fault)
{
	struct response_setting setting;
	bool any = false;
	int r;

	for (size_t n = 0; (r = response_setting(device, n, &setting, fault)) == 0; n++) {
		if (strcmp(setting.state, "compliant") == 0)
			continue;
		if (!any)
			fprintf(ctl->out, "\nNot as it should be\n");
		any = true;
		r = device_print_unmet(ctl, &setting, fault);
		if (r)
			return r;
	}
	return r == -ENOENT ? 0 : r;
}

static int device_print_settings(
	struct ctl *ctl, const struct response_device *device, struct fault *fault)
{
	_cleanup_table_ struct table table = {
		.headings = {"SETTING", "STATE", "WANTED", "SEEN", "REASON"},
		.n_columns = 5,
		.flexible = 4,
		.state = 1,
	};
	struct response_setting setting;
	size_t n = 0;
	int r;

	while ((r = response_setting(device, n, &setting, fault)) == 0) {
		n++;
		table_printf(&table, "%s.%s", setting.area, setting.setting);
		table_add(&table, setting.state);
		device_add_value(&table, setting.desired);
		/* Of what is told thing by thing the value is what was asked for. */
		device_add_value(&table, device_is_told_by_items(&setting) ? "" : setting.observed);
		/* Of what is not met the details are below. */
		table_add(&table, strcmp(setting.reason, "ok") == 0 && *setting.detail
					  ? setting.detail
					  : setting.reason);
	}
	if (r != -ENOENT)
		return r;
	if (!n) {
		fprintf(ctl->out, "\nNo compliance was reported yet.\n");
		return 0;
	}
	fprintf(ctl->out, "\n");
	if (table_print(&table, ctl->out, ctl->colour) < 0)
		return fault_errno(fault, ENOMEM, "output");
	return device_print_details(ctl, device, fault);
}

/* What it was installing or removing when it said so last; nothing where it was not. */
static void device_print_work(struct ctl *ctl, const struct response_device *device)
{
	struct reader reader = {.path = ""};
	struct json_object *at = reader_object(&reader, device->json, "sections");
	char doing[LIMIT_TEXT_BYTES + 1], step[LIMIT_NAME_BYTES + 1], relative[32];
	int64_t percent, since_s, received_s = 0;
	bool knows_percent, running;

	at = at ? reader_object(&reader, at, "agent") : NULL;
	if (at)
		received_s = reader_int(&reader, at, "received");
	at = at ? reader_object(&reader, at, "body") : NULL;
	at = at ? reader_object(&reader, at, "apps") : NULL;
	if (!at)
		return;
	running = reader_bool(&reader, at, "running");
	reader_text(&reader, at, "doing", doing, sizeof(doing));
	reader_text(&reader, at, "step", step, sizeof(step));
	knows_percent = reader_has(at, "percent");
	percent = reader_int(&reader, at, "percent");
	since_s = reader_int(&reader, at, "since");
	/* What a phone says oddly here is no reason to show nothing of it. */
	if (reader.bad || !running)
		return;
	fprintf(ctl->out, "%-13s ", "at work");
	device_print_part(ctl, 0, *doing ? doing : *step ? step : "about to begin");
	if (knows_percent)
		fprintf(ctl->out, ", %" PRId64 " %%", percent);
	if (since_s > 0) {
		span_format_relative(since_s, ctl->now_s, relative);
		fprintf(ctl->out, "; begun %s", relative);
	}
	if (received_s > 0) {
		span_format_relative(received_s, ctl->now_s, relative);
		fprintf(ctl->out, " (as it said %s)", relative);
	}
	fputc('\n', ctl->out);
}

int cmd_device_show(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices found = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	const struct response_device *device;
	int r = ctl_open(ctl, fault);

	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r)
		r = device_find(api, args->operands[0], &found, fault);
	if (r)
		return r;
	device = &found.rows[0];
	if (ctl->json) {
		_cleanup_buf_ struct buf json = BUF_INIT;

		buf_puts(&json, json_object_to_json_string_ext(device->json,
					JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		return ctl_print_json(ctl, &json, fault);
	}
	device_print_text(ctl, "device", device->id);
	fprintf(ctl->out, "%-13s ", "state");
	if (strcmp(device->state, "") == 0)
		fprintf(ctl->out, "unknown\n");
	else {
		_cleanup_buf_ struct buf plain = BUF_INIT;

		text_plain(&plain, device->state);
		text_state(ctl->out, ctl->colour, plain.data ? plain.data : "?", 0);
		fputc('\n', ctl->out);
	}
	device_print_time(ctl, "last seen", device->last_seen_s);
	device_print_time(ctl, "enrolled", device->enrolled_s);
	device_print_time(ctl, "certificate", device->certificate_until_s);
	if (device->withdrawn_s)
		device_print_time(ctl, "WITHDRAWN", device->withdrawn_s);
	if (device->clone_s)
		device_print_time(ctl, "TWO PHONES", device->clone_s);
	device_print_text(ctl, "agent", device->agent);
	device_print_text(ctl, "groups", device->groups);
	device_print_text(ctl, "enrolment", device->enrolment);
	device_print_text(ctl, "ticket", device->ticket);
	device_print_serials(ctl, device);
	device_print_work(ctl, device);
	device_print_places(ctl, device);
	r = device_print_settings(ctl, device, fault);
	return r ? r : ctl_flush(ctl, fault);
}

/* The server decides whom the beginning of an id means; so the whole one is shown. */
static int assign_confirm(struct ctl *ctl, const struct args *args,
	const struct response_device *device, struct fault *fault)
{
	const char *group;

	if (device_is_named(args->operands[0]) || ctl->yes)
		return 0;
	fprintf(ctl->err, "assignment of device %s, which the server found:\n", device->id);
	fprintf(ctl->err, "  now     %s\n", *device->groups ? device->groups : "-");
	for (size_t i = 0; (group = args_nth(args, "group", i)); i++)
		fprintf(ctl->err, "%s%s", i ? ", " : "  groups  ", group);
	fputc('\n', ctl->err);
	return ctl_confirm(ctl,
		"Sign this assignment? The whole id instead of its beginning leaves the server no "
		"choice.",
		fault);
}

int cmd_assign(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices found = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	struct assign_order order = {.key_name = args_get(args, "key")};
	int64_t valid_s, serial;
	int r = assign_read_args(args, &order.assignment, fault);

	if (!r && !order.assignment.n_groups)
		r = fault_set(fault, FAULT_USAGE, "name at least one group: --group G");
	if (!r)
		r = ctl_span_option(args, "expires", "365d", &valid_s, fault);
	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r)
		r = device_find(api, args->operands[0], &found, fault);
	if (!r)
		r = assign_confirm(ctl, args, &found.rows[0], fault);
	if (!r)
		r = api_push_keysets(api, ctl, fault);
	if (r)
		return r;
	order.target = found.rows[0].id;
	order.ticket = found.rows[0].ticket;
	order.expires_s = ctl->now_s + valid_s;
	r = assign_push(ctl, api, &order, &serial, fault);
	if (r)
		return r;
	if (!ctl->json) {
		fprintf(ctl->out,
			"Assignment %" PRId64
			" of device %s is on the server; the phone takes it at its "
			"next check-in.\n",
			serial, order.target);
		return ctl_flush(ctl, fault);
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "device", order.target);
	jsonw_int(&w, "serial", serial);
	jsonw_int(&w, "expires", order.expires_s);
	jsonw_object_end(&w);
	return ctl_print_json(ctl, &json, fault);
}
