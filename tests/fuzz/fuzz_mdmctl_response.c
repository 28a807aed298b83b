/* fuzz-layer: mdmctl */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_mdmctl_response.c - whatever the server answers: what is taken is bounded, printable and
 * reads the same a second time; what is refused says why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/codec.h"
#include "server/ctl/audit.h"
#include "server/ctl/response_command.h"
#include "server/ctl/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* Printable, and text_plain() changes nothing that could steer a terminal. */
static void must_be_plain(const char *text, size_t size)
{
	_cleanup_buf_ struct buf once = BUF_INIT, twice = BUF_INIT;

	must(strnlen(text, size) < size);
	must(text_is_valid(text, strlen(text)));
	text_plain(&once, text);
	text_plain(&twice, once.n_bytes ? once.data : "");
	must(once.n_bytes == twice.n_bytes &&
		(!once.n_bytes || memcmp(once.data, twice.data, once.n_bytes) == 0));
}

static void check_device(const struct response_device *device)
{
	struct response_setting setting;
	struct fault fault = {0};
	size_t n = 0;
	int r;

	must(hex_is_valid(device->id, 16));
	must(!*device->ticket || hex_is_valid(device->ticket, 16));
	must(device->last_seen_s >= 0 && device->enrolled_s >= 0);
	must_be_plain(device->state, sizeof(device->state));
	must_be_plain(device->agent, sizeof(device->agent));
	must_be_plain(device->groups, sizeof(device->groups));
	while ((r = response_setting(device, n, &setting, &fault)) == 0) {
		must_be_plain(setting.detail, sizeof(setting.detail));
		must_be_plain(setting.desired, sizeof(setting.desired));
		must(++n <= LIMIT_JSON_LISTING);
	}
	must(r == -ENOENT || *fault.text);
}

static void check_command(const struct response_command *command)
{
	size_t n = command->history ? json_object_array_length(command->history) : 0;

	must(!*command->id || hex_is_valid(command->id, 16));
	must_be_plain(command->verb, sizeof(command->verb));
	must_be_plain(command->state, sizeof(command->state));
	must_be_plain(command->detail, sizeof(command->detail));
	for (size_t i = 0; i < n; i++) {
		struct response_step step;
		struct fault fault = {0};

		if (response_step(command, i, &step, &fault) == 0)
			must_be_plain(step.detail, sizeof(step.detail));
		else
			must(*fault.text);
	}
}

static void check_commands_and_audit(const char *text, size_t n_bytes)
{
	struct response_commands commands = {0};
	struct audit_head head = {0};
	struct audit_page page = {0};
	struct fault fault = {0};

	if (response_commands(text, n_bytes, &commands, &fault) == 0)
		for (size_t i = 0; i < commands.n_rows; i++)
			check_command(&commands.rows[i]);
	response_commands_done(&commands);
	if (response_command(text, n_bytes, &commands, &fault) == 0)
		check_command(&commands.rows[0]);
	response_commands_done(&commands);
	if (audit_page_read(text, n_bytes, &page, &fault) == 0) {
		for (size_t i = 0; i < page.n_rows; i++) {
			int64_t before = head.n;

			must_be_plain(page.rows[i].target, sizeof(page.rows[i].target));
			if (audit_follow(&head, &page.rows[i], &fault) == 0)
				must(head.n == before + 1);
			else
				must(head.n == before && *fault.text);
		}
	}
	audit_page_done(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	const char *text = (const char *)data;
	struct response_devices devices = {0};
	struct response_tickets tickets = {0};
	struct response_events events = {0};
	char words[LIMIT_TEXT_BYTES + 1];
	struct fault fault = {0};

	if (response_devices(text, n_bytes, &devices, &fault) == 0) {
		must(devices.n_rows <= LIMIT_SERVER_PAGE);
		must(!*devices.next || hex_is_valid(devices.next, 16));
		for (size_t i = 0; i < devices.n_rows; i++)
			check_device(&devices.rows[i]);
	} else {
		must(*fault.text && !devices.rows);
	}
	response_devices_done(&devices);
	if (response_device(text, n_bytes, &devices, &fault) == 0)
		check_device(&devices.rows[0]);
	response_devices_done(&devices);
	if (response_tickets(text, n_bytes, &tickets, &fault) == 0) {
		must(tickets.n_rows <= LIMIT_SERVER_PAGE);
		for (size_t i = 0; i < tickets.n_rows; i++)
			must_be_plain(tickets.rows[i].groups, sizeof(tickets.rows[i].groups));
	}
	response_tickets_done(&tickets);
	if (response_events(text, n_bytes, &events, &fault) == 0) {
		must(events.n_rows <= LIMIT_SERVER_PAGE && events.next >= 0);
		for (size_t i = 0; i < events.n_rows; i++)
			must_be_plain(events.rows[i].type, sizeof(events.rows[i].type));
	}
	response_events_done(&events);
	check_commands_and_audit(text, n_bytes);
	response_error(text, n_bytes, words, sizeof(words));
	must_be_plain(words, sizeof(words));
	return 0;
}
