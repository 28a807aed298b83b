/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_events.c - "mdmctl events", "mdmctl status": what the server heard. Runs as the
 * administrator. */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "server/ctl/commands.h"
#include "server/ctl/device.h"
#include "server/ctl/paging.h"
#include "server/ctl/text.h"

#define EVENTS_PAGE 50 /* their data counts against LIMIT_JSON_MEMBERS */
#define EVENTS_POLL_S 3
#define EVENTS_DEPTH 6	    /* what phones write is no deeper */
#define EVENTS_DATA_MAX 400 /* bytes of data on one line; --json has all of it */

static int events_page(struct api *api, struct paging *paging, const char *device,
	struct response_events *ret_events, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	char path[192];
	struct api_request request = {.method = "GET", .path = path};
	int r;

	snprintf(path, sizeof(path), "/v1/admin/events?%s%s%safter=%" PRId64 "&limit=%d",
		*device ? "device=" : "", device, *device ? "&" : "", paging->row, EVENTS_PAGE);
	r = api_call(api, &request, &answer, fault);
	if (!r)
		r = paging_page(paging, answer.n_body, fault);
	return r ? r : response_events(answer.body, answer.n_body, ret_events, fault);
}

static void events_name(struct buf *out, const char *name, const char **separator)
{
	buf_puts(out, *separator);
	text_plain(out, name);
	buf_puts(out, ": ");
	*separator = ", ";
}

/* "what: in_force, detail: programs are judged": for people, who do not read braces. */
static void events_value(struct buf *out, struct json_object *value, int depth)
{
	const char *separator = "";

	if (depth == EVENTS_DEPTH) {
		buf_puts(out, "...");
	} else if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, name, member)
		{
			events_name(out, name, &separator);
			events_value(out, member, depth + 1);
		}
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			buf_puts(out, i ? ", " : "");
			events_value(out, json_object_array_get_idx(value, i), depth + 1);
		}
		if (json_object_array_length(value) == 0)
			buf_puts(out, "none");
	} else if (value) {
		text_plain(out, json_object_get_string(value));
	} else {
		buf_puts(out, "none");
	}
}

static void events_print(struct ctl *ctl, const struct response_event *event)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;
	char date[24];

	if (ctl->json) {
		/* One object a line, so that --follow can be piped. */
		fprintf(ctl->out, "%s\n",
			json_object_to_json_string_ext(event->json,
				JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		return;
	}
	clock_format(event->time_s, date);
	text_plain(&plain, event->type);
	if (event->data && json_object_object_length(event->data) > 0) {
		buf_puts(&plain, "  ");
		events_value(&plain, event->data, 0);
	}
	fprintf(ctl->out, "%s  %.12s  %.*s\n", date, *event->device ? event->device : "-",
		EVENTS_DATA_MAX, plain.data ? plain.data : "-");
}

int cmd_events(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices found = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	const char *text = args_get(args, "after"), *device = args_get(args, "device");
	bool follow = args_has(args, "follow");
	struct paging paging = {0};
	int r = 0;

	if (text && parse_int64(text, 0, INT64_MAX, &paging.row) < 0)
		return fault_set(fault, FAULT_USAGE, "--after must be a number of an event");
	r = ctl_open(ctl, fault);
	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r && device)
		r = device_find(api, device, &found, fault);
	while (!r) {
		_cleanup_(response_events_done) struct response_events page = {0};
		struct timespec pause = {.tv_sec = EVENTS_POLL_S};
		int64_t after = paging.row;
		bool moved;

		r = events_page(api, &paging, device ? found.rows[0].id : "", &page, fault);
		if (r)
			break;
		for (size_t i = 0; i < page.n_rows && !r; i++) {
			if (device && strcmp(page.rows[i].device, found.rows[0].id) != 0)
				r = api_other_object(fault, "events of device", found.rows[0].id,
					page.rows[i].device);
			if (!r)
				r = paging_row(&paging, page.rows[i].row, fault);
			if (!r)
				events_print(ctl, &page.rows[i]);
		}
		if (!r)
			r = ctl_flush(ctl, fault);
		if (r)
			break;
		moved = page.n_rows && page.next > after;
		if (!moved && !follow)
			break;
		if (moved)
			continue;
		/* Following has no end; each burst of news has. */
		paging = (struct paging){.row = after};
		nanosleep(&pause, NULL);
	}
	return r;
}

/* "devices  12"; what is a date by its name is printed as one. */
static void status_print(struct ctl *ctl, const char *name, struct json_object *value)
{
	_cleanup_buf_ struct buf label = BUF_INIT, plain = BUF_INIT;
	size_t n = strlen(name);
	char date[24];

	text_plain(&label, name);
	if (json_object_is_type(value, json_type_int) &&
		(strcmp(name, "time") == 0 || (n > 6 && strcmp(name + n - 6, "_until") == 0))) {
		clock_format(json_object_get_int64(value), date);
		buf_puts(&plain, date);
	} else if (value) {
		text_plain(&plain, json_object_get_string(value));
	}
	fprintf(ctl->out, "%-18s %s\n", label.n_bytes ? label.data : "-",
		plain.n_bytes ? plain.data : "-");
}

int cmd_status(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct api_request request = {.method = "GET", .path = "/v1/admin/status"};
	int r = ctl_open(ctl, fault);

	(void)args;
	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r)
		r = api_call(api, &request, &answer, fault);
	if (r)
		return r;
	if (json_parse(answer.body, answer.n_body, &object, NULL) < 0)
		return fault_set(fault, FAULT_FAILURE, "the server's answer is not JSON");
	if (ctl->json) {
		buf_puts(&out, json_object_to_json_string_ext(object,
				       JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		return ctl_print_json(ctl, &out, fault);
	}
	fprintf(ctl->out, "%-18s %s\n", "server", ctl->org.admin);
	json_object_object_foreach(object, name, value) status_print(ctl, name, value);
	return ctl_flush(ctl, fault);
}
