/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_device_diagnostics.c - "mdmctl device diagnostics": the bundle that a phone sent last. Runs
 * as the administrator. */
#include <errno.h>

#include "agent/util/clock.h"
#include "server/ctl/commands.h"
#include "server/ctl/device.h"
#include "server/ctl/reader.h"

/* The section as the server has it; NULL with the fault filled. */
static struct json_object *diagnostics_section(
	const struct response_device *device, int64_t *ret_received_s, struct fault *fault)
{
	struct reader reader = {.path = ""};
	struct json_object *sections = reader_object(&reader, device->json, "sections");
	struct json_object *section =
		sections ? reader_object(&reader, sections, "diagnostics") : NULL;
	struct json_object *body = section ? reader_object(&reader, section, "body") : NULL;

	if (reader.bad) {
		reader_fault(&reader, fault);
		return NULL;
	}
	if (!body) {
		fault_set(fault, FAULT_REFUSED,
			"device %.12s has sent no diagnostics yet; 'mdmctl command diagnostics "
			"--device %.12s --wait' orders them",
			device->id, device->id);
		return NULL;
	}
	*ret_received_s = reader_int(&reader, section, "received");
	return body;
}

int cmd_device_diagnostics(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices found = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *output = args_get(args, "output"), *json;
	struct json_object *body;
	int64_t received_s = 0;
	char date[24];
	int r = ctl_open(ctl, fault);

	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r)
		r = device_find(api, args->operands[0], &found, fault);
	if (r)
		return r;
	body = diagnostics_section(&found.rows[0], &received_s, fault);
	if (!body)
		return (int)fault->code;
	json = json_object_to_json_string_ext(
		body, (ctl->json ? JSON_C_TO_STRING_PLAIN
				 : JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED) |
			      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!json)
		return fault_errno(fault, ENOMEM, "diagnostics");
	buf_printf(&text, "%s\n", json);
	if (text.error)
		return fault_errno(fault, text.error, "diagnostics");
	if (!output) {
		fwrite(text.data, 1, text.n_bytes, ctl->out);
		return ctl_flush(ctl, fault);
	}
	/* It tells a lot about a phone. */
	r = ctl_write_secret(output, text.data, text.n_bytes, fault);
	if (r)
		return r;
	clock_format(received_s, date);
	fprintf(ctl->out, "Diagnostics of device %.12s, received %s, are in %s.\n",
		found.rows[0].id, received_s ? date : "some time ago", output);
	return ctl_flush(ctl, fault);
}
