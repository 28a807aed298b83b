/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_command_list.c - "mdmctl command list, show, cancel, approve, reject": what becomes of
 * orders. Runs as the administrator. */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "server/ctl/command_file.h"
#include "server/ctl/commands.h"
#include "server/ctl/device.h"
#include "server/ctl/paging.h"
#include "server/ctl/span.h"
#include "server/ctl/text.h"

#define COMMAND_PAGE 200

static int command_page(struct api *api, struct paging *paging, const char *device,
	struct response_commands *ret_page, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	char path[192];
	struct api_request request = {.method = "GET", .path = path};
	int r;

	snprintf(path, sizeof(path), "/v1/admin/commands?%s%s%safter=%" PRId64 "&limit=%d",
		*device ? "device=" : "", device, *device ? "&" : "", paging->row, COMMAND_PAGE);
	r = api_call(api, &request, &answer, fault);
	if (!r)
		r = paging_page(paging, answer.n_body, fault);
	return r ? r : response_commands(answer.body, answer.n_body, ret_page, fault);
}

/* Calls visit for every command of a device ("": of all), the oldest first. */
static int command_each(struct api *api, const char *device,
	int (*visit)(const struct response_command *command, void *userdata, struct fault *fault),
	void *userdata, struct fault *fault)
{
	struct paging paging = {0};

	for (;;) {
		int64_t after = paging.row;
		_cleanup_(response_commands_done) struct response_commands page = {0};
		int r = command_page(api, &paging, device, &page, fault);

		for (size_t i = 0; i < page.n_rows && !r; i++) {
			if (*device && strcmp(page.rows[i].device, device) != 0)
				r = api_other_object(
					fault, "commands of device", device, page.rows[i].device);
			if (!r)
				r = paging_row(&paging, page.rows[i].row, fault);
			if (!r)
				r = visit(&page.rows[i], userdata, fault);
		}
		if (r)
			return r;
		/* A server that does not move on would keep us here for ever. */
		if (!page.n_rows || page.next <= after)
			return 0;
	}
}

struct command_rows {
	struct ctl *ctl;
	bool held; /* only those that wait for another administrator */
	struct table table;
	struct jsonw *w;
	size_t n;
};

static int command_add_row(
	const struct response_command *command, void *userdata, struct fault *fault)
{
	struct command_rows *rows = userdata;
	char when[32];

	(void)fault;
	if (rows->held && !command->held)
		return 0;
	rows->n++;
	if (rows->ctl->json) {
		const char *text = json_object_to_json_string_ext(
			command->json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

		jsonw_raw(rows->w, NULL, text ? text : "{}", text ? strlen(text) : 2);
		return 0;
	}
	span_format_relative(command->changed_s ? command->changed_s : command->created_s,
		rows->ctl->now_s, when);
	table_printf(&rows->table, "%.12s", command->id);
	table_add(&rows->table, command->verb);
	table_printf(&rows->table, "%.12s", command->device);
	table_add(&rows->table, command->held ? "held" : command->state);
	table_add(&rows->table, when);
	table_add(&rows->table, *command->detail ? command->detail : command->reason);
	return 0;
}

int cmd_command_list(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices found = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	struct command_rows rows = {
		.ctl = ctl,
		.held = args_has(args, "held"),
		.table =
			{
				.headings = {"COMMAND", "VERB", "DEVICE", "STATE", "CHANGED",
					"DETAIL"},
				.n_columns = 6,
				.flexible = 5,
				.state = 3,
			},
		.w = &w,
	};
	const char *prefix = args_get(args, "device");
	int r = ctl_open(ctl, fault);

	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r && prefix)
		r = device_find(api, prefix, &found, fault);
	jsonw_object(&w, NULL);
	jsonw_array(&w, "commands");
	if (!r)
		r = command_each(
			api, prefix ? found.rows[0].id : "", command_add_row, &rows, fault);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (!r && ctl->json) {
		r = ctl_print_json(ctl, &json, fault);
	} else if (!r && !rows.n) {
		fprintf(ctl->out, "%s",
			rows.held ? "No command waits for another administrator.\n"
				  : "No command was given yet; 'mdmctl help command' tells how.\n");
		r = ctl_flush(ctl, fault);
	} else if (!r) {
		r = table_print(&rows.table, ctl->out, ctl->colour) < 0
			    ? fault_errno(fault, ENOMEM, "output")
			    : ctl_flush(ctl, fault);
	}
	table_done(&rows.table);
	return r;
}

struct command_search {
	const char *prefix;
	char id[COMMAND_ID_LENGTH + 1];
	size_t n_found;
};

static int command_match(
	const struct response_command *command, void *userdata, struct fault *fault)
{
	struct command_search *search = userdata;

	(void)fault;
	if (strncmp(command->id, search->prefix, strlen(search->prefix)) == 0) {
		memcpy(search->id, command->id, sizeof(search->id));
		search->n_found++;
	}
	return 0;
}

/* The beginning of an id is enough if no other begins so. */
static int command_resolve(struct api *api, const char *prefix, char ret_id[COMMAND_ID_LENGTH + 1],
	struct fault *fault)
{
	struct command_search search = {.prefix = prefix};
	size_t n = strlen(prefix);
	int r;

	if (n == 0 || n > COMMAND_ID_LENGTH || prefix[strspn(prefix, "0123456789abcdef")])
		return fault_set(fault, FAULT_USAGE,
			"\"%.40s\" is not the beginning of a command's id (0-9, a-f; at most 32)",
			prefix);
	if (n == COMMAND_ID_LENGTH) {
		memcpy(ret_id, prefix, n + 1);
		return 0;
	}
	r = command_each(api, "", command_match, &search, fault);
	if (r)
		return r;
	if (search.n_found == 0)
		return fault_set(fault, FAULT_REFUSED,
			"the server knows no command whose id begins with %s; "
			"'mdmctl command list' shows them",
			prefix);
	if (search.n_found > 1)
		return fault_set(fault, FAULT_USAGE,
			"%zu commands have ids that begin with %s; give more digits",
			search.n_found, prefix);
	memcpy(ret_id, search.id, sizeof(search.id));
	return 0;
}

static int command_open(struct ctl *ctl, const char *prefix, struct api **ret_api,
	char ret_id[COMMAND_ID_LENGTH + 1], struct fault *fault)
{
	int r = ctl_open(ctl, fault);

	if (!r)
		r = api_open(ctl, ret_api, fault);
	return r ? r : command_resolve(*ret_api, prefix, ret_id, fault);
}

int cmd_command_show(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_commands_done) struct response_commands found = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf json = BUF_INIT;
	char id[COMMAND_ID_LENGTH + 1];
	int r = command_open(ctl, args->operands[0], &api, id, fault);

	if (!r)
		r = command_get(api, id, &found, fault);
	if (r)
		return r;
	if (!ctl->json)
		return command_print(ctl, &found.rows[0], fault);
	buf_puts(&json, json_object_to_json_string_ext(found.rows[0].json,
				JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	return ctl_print_json(ctl, &json, fault);
}

int cmd_command_cancel(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_answer_ struct api_answer answer = {0};
	char id[COMMAND_ID_LENGTH + 1], path[128];
	struct api_request request = {.method = "DELETE", .path = path};
	int r = command_open(ctl, args->operands[0], &api, id, fault);

	if (r)
		return r;
	snprintf(path, sizeof(path), "/v1/admin/commands/%s", id);
	r = api_call(api, &request, &answer, fault);
	if (r)
		return r;
	if (ctl->json)
		fprintf(ctl->out, "{\"id\":\"%s\",\"state\":\"cancelled\"}\n", id);
	else
		fprintf(ctl->out, "Command %s is cancelled; the phone never saw it.\n", id);
	return ctl_flush(ctl, fault);
}

/* --- held ones --------------------------------------------------------------------------- */

/*
 * The held command as our keys signed it: what is approved is what its bytes say, not what a server
 * tells of them. text takes the bytes, which file points into.
 */
static int command_read_held(struct ctl *ctl, const struct response_command *command,
	struct buf *text, struct command_file *ret_file, struct fault *fault)
{
	_cleanup_command_file_ struct command_file file = {0};
	struct json_object *document = NULL;
	char name[COMMAND_ID_LENGTH + 16];
	int r;

	if (!json_object_object_get_ex(command->json, "document", &document) ||
		!json_object_is_type(document, json_type_string))
		return fault_set(fault, FAULT_FAILURE,
			"the server's answer has no document of command %s; are mdm-server and mdmctl "
			"of the same version?",
			command->id);
	buf_append(text, json_object_get_string(document),
		(size_t)json_object_get_string_len(document));
	if (text->error)
		return fault_errno(fault, text->error, "command");
	snprintf(name, sizeof(name), "command %s", command->id);
	r = command_file_read(ctl, name, text->data, text->n_bytes, &file, fault);
	if (r)
		return r;
	if (strcmp(file.command.id, command->id) != 0)
		return api_other_object(fault, "command", command->id, file.command.id);
	if (!file.complete)
		return fault_set(fault, FAULT_REFUSED,
			"%s lacks %u signature%s, so that no phone would obey it; "
			"'mdmctl command reject %s' takes it away",
			name, file.missing, file.missing == 1 ? "" : "s", command->id);
	*ret_file = file;
	file = (struct command_file){0};
	return 0;
}

/* POST lets it go on, DELETE ends it. */
static int command_decide(struct api *api, const char *method, const char *id, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	char path[128];
	struct api_request request = {.method = method, .path = path};

	snprintf(path, sizeof(path), "/v1/admin/approvals/%s", id);
	if (*method == 'P') {
		request.content_type = "application/json";
		request.body = "";
	}
	return api_call(api, &request, &answer, fault);
}

int cmd_command_approve(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_commands_done) struct response_commands found = {0};
	_cleanup_command_file_ struct command_file file = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_(api_freep) struct api *api = NULL;
	char id[COMMAND_ID_LENGTH + 1];
	int r = command_open(ctl, args->operands[0], &api, id, fault);

	if (!r)
		r = command_get(api, id, &found, fault);
	if (!r && !found.rows[0].held)
		r = fault_set(fault, FAULT_REFUSED,
			"command %s is not held; 'mdmctl command show %s' tells what became of it",
			id, id);
	if (!r)
		r = command_read_held(ctl, &found.rows[0], &text, &file, fault);
	if (r)
		return r;
	command_file_print(ctl->err, &file.command, file.document->target);
	fprintf(ctl->err, "given by   ");
	text_lines(ctl->err, found.rows[0].given_by);
	fputc('\n', ctl->err);
	r = ctl_confirm(ctl, "Let the phone have this command?", fault);
	if (!r)
		r = command_decide(api, "POST", id, fault);
	if (r)
		return r;
	if (ctl->json)
		fprintf(ctl->out, "{\"id\":\"%s\",\"held\":false}\n", id);
	else
		fprintf(ctl->out,
			"Command %s is approved; 'mdmctl command show %s' tells what becomes of it.\n",
			id, id);
	return ctl_flush(ctl, fault);
}

int cmd_command_reject(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	char id[COMMAND_ID_LENGTH + 1];
	int r = command_open(ctl, args->operands[0], &api, id, fault);

	if (!r)
		r = command_decide(api, "DELETE", id, fault);
	if (r)
		return r;
	if (ctl->json)
		fprintf(ctl->out, "{\"id\":\"%s\",\"state\":\"cancelled\"}\n", id);
	else
		fprintf(ctl->out, "Command %s is rejected; the phone never saw it.\n", id);
	return ctl_flush(ctl, fault);
}
