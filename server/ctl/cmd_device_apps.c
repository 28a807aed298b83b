/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_device_apps.c - "mdmctl device apps": which apps a phone has, as it said last. Runs as the
 * administrator. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/util/clock.h"
#include "server/ctl/commands.h"
#include "server/ctl/device.h"
#include "server/ctl/reader.h"
#include "server/ctl/span.h"
#include "server/ctl/text.h"

/* The section as the server has it; NULL with the fault filled. */
static struct json_object *apps_section(
	const struct response_device *device, int64_t *ret_received_s, struct fault *fault)
{
	struct reader reader = {.path = ""};
	struct json_object *sections = reader_object(&reader, device->json, "sections");
	struct json_object *section = sections ? reader_object(&reader, sections, "apps") : NULL;
	struct json_object *body = section ? reader_object(&reader, section, "body") : NULL;

	if (reader.bad) {
		reader_fault(&reader, fault);
		return NULL;
	}
	if (!body) {
		fault_set(fault, FAULT_REFUSED,
			"device %.12s has not said which apps it has: its agent is older than that, or "
			"has not checked in yet",
			device->id);
		return NULL;
	}
	*ret_received_s = reader_int(&reader, section, "received");
	return body;
}

/* A text of a phone, whatever it is; "" where there is none. */
static const char *apps_text(struct json_object *app, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(app, name, &value) &&
			       json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : "";
}

static int64_t apps_number(struct json_object *object, const char *name, int64_t otherwise)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) &&
			       json_object_is_type(value, json_type_int)
		       ? json_object_get_int64(value)
		       : otherwise;
}

static bool apps_true(struct json_object *app, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(app, name, &value) && json_object_get_boolean(value);
}

static const char *apps_standing(struct json_object *app)
{
	if (strcmp(apps_text(app, "kind"), "file") == 0)
		return "found";
	return apps_true(app, "base") ? "base" : "app";
}

static void apps_row(struct table *table, struct json_object *app)
{
	int64_t user = apps_number(app, "user", -1);
	const char *source = apps_text(app, "source"), *title = apps_text(app, "title");

	table_add(table, apps_text(app, "kind"));
	table_add(table, apps_text(app, "name"));
	table_add(table, apps_text(app, "version"));
	table_add(table, *source ? source : NULL);
	table_add(table, apps_standing(app));
	if (user >= 0)
		table_printf(table, "%" PRId64, user);
	else
		table_add(table, NULL);
	table_add(table, *title ? title : NULL);
}

static int apps_print(
	struct ctl *ctl, struct json_object *body, int64_t received_s, struct fault *fault)
{
	_cleanup_table_ struct table table = {
		.headings = {"KIND", "NAME", "VERSION", "SOURCE", "STANDING", "USER", "TITLE"},
		.n_columns = 7,
		.flexible = 6,
		.state = 7,
	};
	struct json_object *about = NULL, *apps = NULL;
	_cleanup_buf_ struct buf manager = BUF_INIT;
	char relative[32];
	size_t n = 0;

	if (!json_object_object_get_ex(body, "about", &about) ||
		!json_object_object_get_ex(body, "apps", &apps) ||
		!json_object_is_type(about, json_type_object) ||
		!json_object_is_type(apps, json_type_array))
		return fault_set(fault, FAULT_REFUSED,
			"what the phone said of its apps is no list: it had no room in its report; "
			"'--json' shows it");
	text_plain(&manager, apps_text(about, "manager"));
	span_format_relative(received_s, ctl->now_s, relative);
	fprintf(ctl->out,
		"%" PRId64 " packages (%s), %" PRId64 " of them base; %" PRId64
		" programs in homes; told %s\n",
		apps_number(about, "packages", 0), manager.n_bytes ? manager.data : "?",
		apps_number(about, "base", 0), apps_number(about, "found", 0), relative);
	if (apps_number(about, "left_out", 0))
		fprintf(ctl->out, "%" PRId64 " more apps had no room in its report\n",
			apps_number(about, "left_out", 0));
	for (size_t i = 0; i < json_object_array_length(apps); i++) {
		struct json_object *app = json_object_array_get_idx(apps, i);

		if (!json_object_is_type(app, json_type_object))
			continue;
		apps_row(&table, app);
		n++;
	}
	if (!n) {
		fprintf(ctl->out, "It has no apps.\n");
		return ctl_flush(ctl, fault);
	}
	fputc('\n', ctl->out);
	if (table_print(&table, ctl->out, ctl->colour) < 0)
		return fault_errno(fault, ENOMEM, "output");
	return ctl_flush(ctl, fault);
}

int cmd_device_apps(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices found = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct json_object *body;
	int64_t received_s = 0;
	int r = ctl_open(ctl, fault);

	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r)
		r = device_find(api, args->operands[0], &found, fault);
	if (r)
		return r;
	body = apps_section(&found.rows[0], &received_s, fault);
	if (!body)
		return (int)fault->code;
	if (!ctl->json)
		return apps_print(ctl, body, received_s, fault);
	buf_puts(&json, json_object_to_json_string_ext(
				body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	return ctl_print_json(ctl, &json, fault);
}
