/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_command.c - "mdmctl command VERB, cosign, push": orders to one phone, signed here. Runs as
 * the administrator, where the keys are. */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "server/ctl/command_file.h"
#include "server/ctl/commands.h"
#include "server/ctl/device.h"
#include "server/ctl/order.h"
#include "server/ctl/passcode.h"
#include "server/ctl/signing.h"

#define HELP_COLUMNS 80

/* A sentence below its verb, within 80 columns. */
static void command_help_wrap(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column == 0 || column + 1 + n > HELP_COLUMNS) {
			fprintf(out, "%s      ", column ? "\n" : "");
			column = 6;
		} else {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)n, text);
		column += n;
		text += n + strspn(text + n, " ");
	}
	fputc('\n', out);
}

void command_help_verbs(FILE *out)
{
	fprintf(out, "Verbs; the phone:\n");
	for (enum verb_id verb = 0; verb < VERB_MAX; verb++) {
		_cleanup_buf_ struct buf left = BUF_INIT;

		order_synopsis(verb, &left);
		fprintf(out, "  %s %s%s\n", command_verbs[verb].name, left.n_bytes ? left.data : "",
			command_verbs[verb].role == TRUST_ROLE_DESTROY ? " (signed by two)" : "");
		command_help_wrap(out, command_verbs[verb].help);
	}
}

static int command_verb(const char *name, enum verb_id *ret_verb, struct fault *fault)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	enum verb_id verb = command_verb_find(name);

	if (verb != VERB_MAX) {
		*ret_verb = verb;
		return 0;
	}
	order_verbs(&names);
	return fault_set(fault, FAULT_USAGE,
		"there is no command \"%.40s\"; there are %s, and list, show, cosign, push, cancel, "
		"approve, reject",
		name, names.error ? "others" : names.data);
}

/* The phone, with what the payload needs of it. */
static int command_device(struct api *api, const char *prefix, bool needs_nonce,
	struct response_devices *ret_found, struct fault *fault)
{
	const struct response_device *device;
	int r = device_find(api, prefix, ret_found, fault);

	if (r)
		return r;
	device = &ret_found->rows[0];
	if (device->withdrawn_s)
		return fault_set(fault, FAULT_REFUSED,
			"device %.12s was withdrawn; the server does not talk to it any more",
			device->id);
	if (!*device->enrolment)
		return fault_set(fault, FAULT_REFUSED,
			"device %.12s has not checked in yet; commands are bound to what it says "
			"then",
			device->id);
	if (needs_nonce && strlen(device->nonce) != COMMAND_NONCE_LENGTH)
		return fault_set(fault, FAULT_REFUSED,
			"device %.12s has not sent a nonce yet; try again after its next check-in",
			device->id);
	return 0;
}

/* Written for the next signer, with what to do then. */
static int command_hand_over(struct ctl *ctl, const char *path, const struct buf *text,
	const struct command_file *file, struct fault *fault)
{
	char name[64];
	int r;

	snprintf(name, sizeof(name), "command-%.12s.jws", file->command.id);
	if (!path)
		path = name;
	r = ctl_write_file(path, text->data, text->n_bytes, fault);
	if (r)
		return r;
	if (ctl->json) {
		_cleanup_buf_ struct buf json = BUF_INIT;
		struct jsonw w = JSONW_INIT(&json);

		jsonw_object(&w, NULL);
		jsonw_string(&w, "id", file->command.id);
		jsonw_string(&w, "file", path);
		jsonw_int(&w, "missing", file->missing);
		jsonw_object_end(&w);
		return ctl_print_json(ctl, &json, fault);
	}
	if (file->complete)
		fprintf(ctl->out, "%s is signed; 'mdmctl command push %s' sends it.\n", path, path);
	else
		fprintf(ctl->out,
			"%s needs %" PRIu32 " more signature%s: whoever has another key runs "
			"'mdmctl command cosign %s', which sends it once it is complete.\n",
			path, file->missing, file->missing == 1 ? "" : "s", path);
	return ctl_flush(ctl, fault);
}

/* Where the server chose the phone, its whole id is looked at before anything is signed. */
static int command_sign(struct ctl *ctl, const struct args *args, const struct order *order,
	struct buf *out, struct fault *fault)
{
	_cleanup_signing_key_ struct signing_key key = {0};
	_cleanup_buf_ struct buf payload = BUF_INIT;
	const char *key_name = args_get(args, "key");
	struct command command;
	int r = order_payload(order, &payload, &command, fault);

	if (!r && !device_is_named(args_get(args, "device"))) {
		if (!ctl->yes)
			command_file_print(ctl->err, &command, order->device);
		r = ctl_confirm(ctl,
			"Sign this command? The server found this phone; the whole id with --device "
			"leaves it no choice.",
			fault);
	}
	/* Whoever is not asked for a destructive verb's role could never complete it. */
	if (!r)
		r = signing_key_open(
			ctl, key_name, 1u << command_verbs[order->verb].role, &key, fault);
	return r ? r
		 : signing_line(DOCUMENT_COMMAND, payload.data, payload.n_bytes, &key, out, fault);
}

/* An order whose hash is made here gets it as one argument more. */
static int command_passcode(const struct args *args, struct passcode *passcode, struct order *order,
	struct fault *fault)
{
	bool wants = args_has(args, "passcode-file") || args_has(args, "ask-passcode");
	bool has = false;
	int r;

	for (size_t i = 0; i < order->n_arguments; i++)
		has |= strncmp(order->arguments[i], "hash=", 5) == 0;
	if (order->verb != VERB_SET_PASSCODE || has)
		return wants ? fault_set(fault, FAULT_USAGE,
				       "--passcode-file and --ask-passcode are for set-passcode "
				       "without a hash")
			     : 0;
	r = passcode_make(args, passcode, fault);
	if (r)
		return r;
	for (size_t i = 0; i < order->n_arguments && i < PASSCODE_ARGUMENTS; i++)
		passcode->arguments[i] = order->arguments[i];
	passcode->arguments[order->n_arguments++] = passcode->argument;
	order->arguments = passcode->arguments;
	return 0;
}

int cmd_command(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices found = {0};
	_cleanup_command_file_ struct command_file file = {0};
	_cleanup_passcode_ struct passcode passcode = {.made = false};
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *prefix = args_get(args, "device"), *output = args_get(args, "output");
	struct order order = {
		.arguments = args->operands + 1,
		.n_arguments = args->n_operands - 1,
	};
	char id[COMMAND_ID_LENGTH + 1], span[32];
	uint8_t random[COMMAND_ID_LENGTH / 2];
	int64_t valid_s = 0;
	bool nonce;
	int r = command_verb(args->operands[0], &order.verb, fault);

	if (!r && !prefix)
		r = fault_set(fault, FAULT_USAGE, "name the phone: --device ID");
	if (r)
		return r;
	snprintf(span, sizeof(span), "%" PRId64 "s", command_verbs[order.verb].valid_s);
	nonce = command_verbs[order.verb].role == TRUST_ROLE_DESTROY || args_has(args, "fresh");
	if (random_bytes(random, sizeof(random)) < 0)
		return fault_set(fault, FAULT_FAILURE, "this system gives no random numbers");
	hex_encode(random, sizeof(random), id);
	r = ctl_span_option(args, "expires", span, &valid_s, fault);
	if (!r)
		r = command_passcode(args, &passcode, &order, fault);
	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r)
		r = command_device(api, prefix, nonce, &found, fault);
	if (r)
		return r;
	order.org = ctl->org.id;
	order.id = id;
	order.device = found.rows[0].id;
	order.enrolment = found.rows[0].enrolment;
	order.nonce = nonce ? found.rows[0].nonce : NULL;
	order.issued_s = ctl->now_s;
	order.expires_s = ctl->now_s + valid_s;
	r = command_sign(ctl, args, &order, &text, fault);
	if (!r)
		r = command_file_read(ctl, "command", text.data, text.n_bytes, &file, fault);
	if (r)
		return r;
	passcode_tell(ctl, &passcode);
	if (output || !file.complete)
		return command_hand_over(ctl, output, &text, &file, fault);
	return command_file_send(
		ctl, api, &file, text.data, text.n_bytes, args_has(args, "wait"), fault);
}

static int command_read(struct ctl *ctl, const char *path, struct buf *out,
	struct command_file *ret_file, struct fault *fault)
{
	_cleanup_free_ char *text = NULL;
	size_t n_bytes = 0;
	int r = ctl_read_file(path, LIMIT_DOCUMENT_BYTES, &text, &n_bytes, fault);

	if (!r)
		r = ctl_open(ctl, fault);
	if (r)
		return r;
	buf_append(out, text, n_bytes);
	if (n_bytes && text[n_bytes - 1] != '\n')
		buf_puts(out, "\n");
	if (out->error)
		return fault_errno(fault, out->error, "%s", path);
	return command_file_read(ctl, path, out->data, out->n_bytes, ret_file, fault);
}

/* Shows what is signed and asks, then adds the line. */
static int command_add_signature(struct ctl *ctl, const struct command_file *file,
	const char *key_name, struct buf *text, struct fault *fault)
{
	_cleanup_signing_key_ struct signing_key key = {0};
	char question[LIMIT_NAME_BYTES + 64];
	int r = signing_key_open(
		ctl, key_name, 1u << command_verbs[file->command.verb].role, &key, fault);

	if (r)
		return r;
	for (size_t i = 0; i < file->document->n_signers; i++)
		if (strcmp(file->document->signers[i], key.key.kid) == 0)
			return fault_set(fault, FAULT_FAILURE,
				"key %s signed this command already; its second signature does not "
				"count",
				key.row->name);
	command_file_print(ctl->err, &file->command, file->document->target);
	snprintf(question, sizeof(question), "Sign this command with key %s?", key.row->name);
	r = ctl_confirm(ctl, question, fault);
	return r ? r
		 : signing_line(DOCUMENT_COMMAND, file->document->jws.payload,
			   file->document->jws.n_payload, &key, text, fault);
}

int cmd_command_cosign(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_command_file_ struct command_file before = {0}, file = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT, signed_text = BUF_INIT;
	const char *path = args->operands[0], *output = args_get(args, "output");
	int r = command_read(ctl, path, &text, &before, fault);

	buf_append(&signed_text, text.data ? text.data : "", text.n_bytes);
	if (!r)
		r = command_add_signature(ctl, &before, args_get(args, "key"), &signed_text, fault);
	if (!r)
		r = command_file_read(
			ctl, path, signed_text.data, signed_text.n_bytes, &file, fault);
	if (r)
		return r;
	if (output || !file.complete)
		return command_hand_over(ctl, output ? output : path, &signed_text, &file, fault);
	/* The signature is kept first: the server may be out of reach. */
	r = ctl_write_file(path, signed_text.data, signed_text.n_bytes, fault);
	if (!r)
		r = api_open(ctl, &api, fault);
	return r ? r
		 : command_file_send(ctl, api, &file, signed_text.data, signed_text.n_bytes,
			   args_has(args, "wait"), fault);
}

int cmd_command_push(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_command_file_ struct command_file file = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *path = args->operands[0];
	int r = command_read(ctl, path, &text, &file, fault);

	if (!r && !file.complete)
		r = fault_set(fault, FAULT_FAILURE,
			"%s needs %" PRIu32 " more signature%s; 'mdmctl command cosign' adds one",
			path, file.missing, file.missing == 1 ? "" : "s");
	if (!r)
		r = api_open(ctl, &api, fault);
	return r ? r
		 : command_file_send(
			   ctl, api, &file, text.data, text.n_bytes, args_has(args, "wait"), fault);
}
