/* SPDX-License-Identifier: Apache-2.0 */
/* response_command.c - reads what mdm-server tells of commands; see response_command.h. Pure. */
#include "server/ctl/response_command.h"

#include <errno.h>

#include "server/ctl/reader.h"

void response_commands_done(struct response_commands *commands)
{
	free(commands->rows);
	json_object_put(commands->json);
	*commands = (struct response_commands){0};
}

static void read_command(
	struct reader *reader, struct json_object *object, struct response_command *command)
{
	command->json = object;
	command->row = reader_int(reader, object, "row");
	reader_hex(reader, object, "id", command->id);
	reader_hex(reader, object, "device", command->device);
	reader_text(reader, object, "verb", command->verb, sizeof(command->verb));
	reader_text(reader, object, "state", command->state, sizeof(command->state));
	reader_text(reader, object, "reason", command->reason, sizeof(command->reason));
	reader_text(reader, object, "detail", command->detail, sizeof(command->detail));
	command->created_s = reader_int(reader, object, "created");
	command->expires_s = reader_int(reader, object, "expires");
	command->changed_s = reader_int(reader, object, "changed");
	command->held = reader_bool(reader, object, "held");
	reader_text(reader, object, "given_by", command->given_by, sizeof(command->given_by));
	reader_text(
		reader, object, "approved_by", command->approved_by, sizeof(command->approved_by));
	command->history = reader_array(reader, object, "history");
}

/* Rows of an array, or the object itself as the only one. */
static int read_commands(const char *text, size_t n_bytes, bool one,
	struct response_commands *ret_commands, struct fault *fault)
{
	_cleanup_(response_commands_done) struct response_commands commands = {0};
	struct reader reader = {.path = ""};
	struct json_object *array = NULL;
	int r = reader_parse(&reader, text, n_bytes, &commands.json, fault);

	if (!r && !one)
		r = reader_rows(
			&reader, commands.json, "commands", &array, &commands.n_rows, fault);
	if (r)
		return r;
	if (one)
		commands.n_rows = 1;
	else
		commands.next = reader_int(&reader, commands.json, "next");
	commands.rows = calloc(commands.n_rows + 1, sizeof(commands.rows[0]));
	if (!commands.rows)
		return fault_errno(fault, ENOMEM, "answer of the server");
	for (size_t i = 0; i < commands.n_rows; i++)
		read_command(&reader, one ? commands.json : json_object_array_get_idx(array, i),
			&commands.rows[i]);
	if (reader.bad)
		return reader_fault(&reader, fault);
	*ret_commands = commands;
	commands = (struct response_commands){0};
	return 0;
}

int response_commands(const char *text, size_t n_bytes, struct response_commands *ret_commands,
	struct fault *fault)
{
	return read_commands(text, n_bytes, false, ret_commands, fault);
}

int response_command(const char *text, size_t n_bytes, struct response_commands *ret_commands,
	struct fault *fault)
{
	return read_commands(text, n_bytes, true, ret_commands, fault);
}

int response_step(const struct response_command *command, size_t i, struct response_step *ret_step,
	struct fault *fault)
{
	struct json_object *object = json_object_array_get_idx(command->history, i);
	struct reader reader = {.path = "history"};
	struct response_step step = {0};

	if (!json_object_is_type(object, json_type_object)) {
		json_fail(&reader.error, "history", "must have objects as rows");
		return reader_fault(&reader, fault);
	}
	reader_text(&reader, object, "state", step.state, sizeof(step.state));
	reader_text(&reader, object, "reason", step.reason, sizeof(step.reason));
	reader_text(&reader, object, "detail", step.detail, sizeof(step.detail));
	step.time_s = reader_int(&reader, object, "time");
	if (reader.bad)
		return reader_fault(&reader, fault);
	*ret_step = step;
	return 0;
}
