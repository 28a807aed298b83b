/* SPDX-License-Identifier: Apache-2.0 */
/* command_file.c - commands as documents; see command_file.h. Runs as the administrator. */
#include "server/ctl/command_file.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "agent/util/clock.h"
#include "agent/util/jsonw.h"
#include "server/ctl/policy_file.h"
#include "server/ctl/signing.h"
#include "server/ctl/text.h"

#define COMMAND_POLL_MS 500

void command_file_done(struct command_file *file)
{
	document_free(file->document);
	*file = (struct command_file){0};
}

int command_file_read(struct ctl *ctl, const char *path, const char *text, size_t n_bytes,
	struct command_file *ret_file, struct fault *fault)
{
	_cleanup_command_file_ struct command_file file = {0};
	struct keyset lenient = *ctl->org.keyset;
	struct org org = ctl->org;
	struct json_error error = {0};
	char words[sizeof(fault->text)];
	enum trust_role role;
	int r;

	/* One signature of those that count is enough to read it; enough to send it is asked below.
	 */
	lenient.threshold[TRUST_ROLE_COMMAND] = lenient.threshold[TRUST_ROLE_DESTROY] = 1;
	org.keyset = &lenient;
	r = signing_verify(&org, text, n_bytes, ctl->now_s, &file.document, NULL, fault);
	if (r) {
		memcpy(words, fault->text, sizeof(words));
		return fault_set(fault, fault->code, "%s: %s", path, words);
	}
	if (file.document->type != DOCUMENT_COMMAND)
		return fault_set(fault, FAULT_FAILURE, "%s is not a command but a %s", path,
			document_type_name(file.document->type));
	r = command_parse(file.document->json, &file.command, &error);
	if (r == -EBADMSG)
		return fault_set(fault, FAULT_FAILURE, "%s: %s%s%s", path, error.path,
			*error.path ? ": " : "", error.message);
	if (r < 0)
		return fault_errno(fault, r, "%s", path);
	role = command_verbs[file.command.verb].role;
	file.complete = document_satisfies(file.document, ctl->org.keyset, role);
	file.missing = signing_missing(file.document, ctl->org.keyset, role);
	*ret_file = file;
	file = (struct command_file){0};
	return 0;
}

void command_file_print(FILE *out, const struct command *command, const char *device)
{
	const struct command_verb *verb = &command_verbs[command->verb];
	char date[24];

	fprintf(out, "command    %s (it %s)\n", verb->name, verb->help);
	if (verb->role == TRUST_ROLE_DESTROY)
		fprintf(out, "           the phone does it once and does not ask again\n");
	fprintf(out, "device     %s\n", device);
	for (size_t i = 0; verb->arguments[i].name; i++) {
		const struct command_value *value = &command->values[i];

		if (!value->has)
			continue;
		fprintf(out, "%-10s ", verb->arguments[i].name);
		if (verb->arguments[i].type == VERB_TEXT && verb->arguments[i].form) {
			fprintf(out, "%s: %s\n", value->text, verb->arguments[i].help);
		} else if (verb->arguments[i].type == VERB_TEXT) {
			text_lines(out, value->text);
		} else if (verb->arguments[i].type == VERB_INT) {
			fprintf(out, "%" PRId64 " %s\n", value->number, verb->arguments[i].unit);
		} else {
			fprintf(out, "%s\n", value->truth ? "true" : "false");
		}
	}
	clock_format(command->expires_s, date);
	fprintf(out, "valid      until %s\n", date);
	fprintf(out, "id         %s\n", command->id);
}

int command_get(struct api *api, const char *id, struct response_commands *ret_commands,
	struct fault *fault)
{
	_cleanup_(response_commands_done) struct response_commands found = {0};
	_cleanup_answer_ struct api_answer answer = {0};
	char path[128];
	struct api_request request = {.method = "GET", .path = path, .tolerate = 404};
	int r;

	snprintf(path, sizeof(path), "/v1/admin/commands/%s", id);
	r = api_call(api, &request, &answer, fault);
	if (r)
		return r;
	if (answer.status == 404)
		return fault_set(fault, FAULT_REFUSED,
			"the server knows no command %s; 'mdmctl command list' shows them", id);
	r = response_command(answer.body, answer.n_body, &found, fault);
	if (r)
		return r;
	if (strcmp(found.rows[0].id, id) != 0)
		return api_other_object(fault, "command", id, found.rows[0].id);
	*ret_commands = found;
	found = (struct response_commands){0};
	return 0;
}

/* "done", "refused (busy): too many commands wait". */
static void command_print_state(
	struct ctl *ctl, const char *state, const char *reason, const char *detail)
{
	_cleanup_buf_ struct buf plain = BUF_INIT, words = BUF_INIT;

	text_plain(&plain, state);
	text_state(ctl->out, ctl->colour, plain.n_bytes ? plain.data : "unknown", 0);
	if (*reason) {
		buf_puts(&words, " (");
		text_plain(&words, reason);
		buf_puts(&words, ")");
	}
	if (*detail) {
		buf_puts(&words, ": ");
		text_plain(&words, detail);
	}
	fprintf(ctl->out, "%s\n", words.n_bytes ? words.data : "");
}

/* Who gave it and who approved it; of servers that say nothing, nothing. */
static void command_print_administrators(struct ctl *ctl, const struct response_command *command)
{
	if (*command->given_by) {
		fprintf(ctl->out, "%-10s ", "given by");
		text_lines(ctl->out, command->given_by);
		fputc('\n', ctl->out);
	}
	if (*command->approved_by) {
		fprintf(ctl->out, "%-10s ", "approved");
		text_lines(ctl->out, command->approved_by);
		fputc('\n', ctl->out);
	}
	if (command->held)
		fprintf(ctl->out,
			"%-10s yes: another administrator runs 'mdmctl command approve %s', or "
			"reject\n",
			"held", command->id);
}

int command_print(struct ctl *ctl, const struct response_command *command, struct fault *fault)
{
	size_t n = command->history ? json_object_array_length(command->history) : 0;
	char date[24];

	fprintf(ctl->out, "%-10s %s\n%-10s ", "command", command->id, "verb");
	text_lines(ctl->out, command->verb);
	fprintf(ctl->out, "\n%-10s %s\n", "device", command->device);
	clock_format(command->created_s, date);
	fprintf(ctl->out, "%-10s %s\n", "sent", date);
	clock_format(command->expires_s, date);
	fprintf(ctl->out, "%-10s %s\n", "expires", date);
	command_print_administrators(ctl, command);
	fprintf(ctl->out, "%-10s ", "state");
	command_print_state(ctl, command->state, command->reason, command->detail);
	if (n)
		fputc('\n', ctl->out);
	for (size_t i = 0; i < n; i++) {
		struct response_step step;
		int r = response_step(command, i, &step, fault);

		if (r)
			return r;
		clock_format(step.time_s, date);
		fprintf(ctl->out, "%s  ", date);
		command_print_state(ctl, step.state, step.reason, step.detail);
	}
	return ctl_flush(ctl, fault);
}

/* Asks the server until the phone has said the last word, or nobody will say it any more. */
static int command_follow(
	struct ctl *ctl, struct api *api, const struct command_file *file, struct fault *fault)
{
	const struct command *command = &file->command;
	struct timespec pause = {.tv_nsec = COMMAND_POLL_MS * 1000000L};

	fprintf(ctl->err,
		"mdmctl: command %s is on the server; waiting until the phone has come for it and "
		"said how it ended (Ctrl-C ends the waiting, not the command)\n",
		command->id);
	for (;;) {
		_cleanup_(response_commands_done) struct response_commands found = {0};
		int r = command_get(api, command->id, &found, fault);

		if (!r && strcmp(found.rows[0].device, file->document->target) != 0)
			r = api_other_object(fault, "a command of device", file->document->target,
				found.rows[0].device);
		if (r)
			return r;
		if (command_state_is_final(command_state_find(found.rows[0].state))) {
			r = command_print(ctl, &found.rows[0], fault);
			if (!r &&
				strcmp(found.rows[0].state, command_state_name(COMMAND_DONE)) != 0)
				r = fault_set(fault, FAULT_REFUSED, "the command was not done");
			return r;
		}
		if (clock_realtime_s() > command->expires_s)
			return fault_set(fault, FAULT_REFUSED,
				"the phone has not answered in time; 'mdmctl command show %s' tells "
				"more when it does",
				command->id);
		nanosleep(&pause, NULL);
	}
}

/* It goes on ending meanwhile: whoever is to approve it has to know until when. */
static void command_tell_held(FILE *out, const struct command *command)
{
	char date[24];

	clock_format(command->expires_s, date);
	fprintf(out,
		"Command %s (%s) is held: the server has let as many destructive commands through "
		"within an hour as one administrator alone may give. Another one, with a "
		"certificate of another name, runs 'mdmctl command approve %s' before %s, when it "
		"expires.\n",
		command->id, command_verbs[command->verb].name, command->id, date);
}

int command_file_send(struct ctl *ctl, struct api *api, const struct command_file *file,
	const char *text, size_t n_bytes, bool wait, struct fault *fault)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	bool held = false;
	int r = api_push_keysets(api, ctl, fault);

	if (!r)
		r = api_push_command(api, file->document, text, n_bytes, &held, fault);
	if (r)
		return r;
	if (held && (wait || !ctl->json))
		command_tell_held(wait ? ctl->err : ctl->out, &file->command);
	if (wait)
		return command_follow(ctl, api, file, fault);
	if (!ctl->json && held)
		return ctl_flush(ctl, fault);
	if (!ctl->json) {
		fprintf(ctl->out,
			"Command %s (%s) for device %.12s is on the server; 'mdmctl command show %s' "
			"tells what becomes of it.\n",
			file->command.id, command_verbs[file->command.verb].name,
			file->document->target, file->command.id);
		return ctl_flush(ctl, fault);
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "id", file->command.id);
	jsonw_string(&w, "device", file->document->target);
	jsonw_string(&w, "verb", command_verbs[file->command.verb].name);
	jsonw_int(&w, "expires", file->command.expires_s);
	jsonw_bool(&w, "held", held);
	jsonw_object_end(&w);
	return ctl_print_json(ctl, &json, fault);
}
