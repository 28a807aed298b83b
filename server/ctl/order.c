/* SPDX-License-Identifier: Apache-2.0 */
/* order.c - builds the payloads of commands; see order.h. Pure. */
#include "server/ctl/order.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/trust/document.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"

void order_synopsis(enum verb_id verb, struct buf *out)
{
	const struct verb_argument *row = command_verbs[verb].arguments;

	for (size_t i = 0; row[i].name; i++)
		buf_printf(out, "%s%s%s=%s%s", i ? " " : "", row[i].required ? "" : "[",
			row[i].name,
			row[i].type == VERB_TEXT   ? "TEXT"
			: row[i].type == VERB_BOOL ? "true|false"
			: *row[i].unit		   ? "SECONDS"
						   : "NUMBER",
			row[i].required ? "" : "]");
	buf_append(out, "", 0);
}

void order_verbs(struct buf *out)
{
	for (int verb = 0; verb < VERB_MAX; verb++)
		buf_printf(out, "%s%s", verb ? ", " : "", command_verbs[verb].name);
}

static const struct verb_argument *order_row(enum verb_id verb, const char *name, size_t n_name)
{
	for (const struct verb_argument *row = command_verbs[verb].arguments; row->name; row++)
		if (strlen(row->name) == n_name && memcmp(row->name, name, n_name) == 0)
			return row;
	return NULL;
}

/* Whether an argument before the i-th has the same name. */
static bool order_repeats(const struct order *order, size_t i, size_t n_name)
{
	for (size_t j = 0; j < i; j++)
		if (strncmp(order->arguments[j], order->arguments[i], n_name + 1) == 0)
			return true;
	return false;
}

static int order_value(
	const struct verb_argument *row, const char *value, struct jsonw *w, struct fault *fault)
{
	int64_t number;

	switch (row->type) {
	case VERB_TEXT:
		if (!text_is_valid(value, strlen(value)))
			return fault_set(fault, FAULT_USAGE,
				"%s must be one line of UTF-8 without control characters",
				row->name);
		if ((int64_t)strlen(value) < row->min || (int64_t)strlen(value) > row->max)
			return fault_set(fault, FAULT_USAGE,
				"%s must have %" PRId64 " to %" PRId64 " bytes; it has %zu",
				row->name, row->min, row->max, strlen(value));
		if (row->form && !row->form(value))
			return fault_set(fault, FAULT_USAGE, "%s does not look right: it is %s",
				row->name, row->help);
		jsonw_string(w, row->name, value);
		return 0;
	case VERB_INT:
		if (parse_int64(value, row->min, row->max, &number) < 0)
			return fault_set(fault, FAULT_USAGE,
				"%s must be a number from %" PRId64 " to %" PRId64 "%s%s",
				row->name, row->min, row->max, *row->unit ? " " : "", row->unit);
		jsonw_int(w, row->name, number);
		return 0;
	case VERB_BOOL:
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return fault_set(fault, FAULT_USAGE, "%s must be true or false", row->name);
		jsonw_bool(w, row->name, *value == 't');
		return 0;
	case VERB_ARGUMENT_TYPE_MAX:
		break;
	}
	return fault_set(fault, FAULT_FAILURE, "%s is of no known type", row->name);
}

static int order_arguments(const struct order *order, struct jsonw *w, struct fault *fault)
{
	_cleanup_buf_ struct buf synopsis = BUF_INIT;
	int r = 0;

	order_synopsis(order->verb, &synopsis);
	if (synopsis.error)
		return fault_errno(fault, synopsis.error, "command");
	for (size_t i = 0; i < order->n_arguments && !r; i++) {
		const char *text = order->arguments[i];
		size_t n_name = strcspn(text, "=");
		const struct verb_argument *row = order_row(order->verb, text, n_name);

		if (!row || !text[n_name])
			return fault_set(fault, FAULT_USAGE,
				"%s takes no \"%.60s\"; its arguments: %s",
				command_verbs[order->verb].name, text,
				synopsis.n_bytes ? synopsis.data : "none");
		if (order_repeats(order, i, n_name))
			return fault_set(fault, FAULT_USAGE, "%s is there twice", row->name);
		r = order_value(row, text + n_name + 1, w, fault);
	}
	return r;
}

/* Whether the argument of that row is given. */
static bool order_has(const struct order *order, const struct verb_argument *row)
{
	for (size_t i = 0; i < order->n_arguments; i++)
		if (order_row(order->verb, order->arguments[i],
			    strcspn(order->arguments[i], "=")) == row)
			return true;
	return false;
}

static int order_is_complete(const struct order *order, struct fault *fault)
{
	_cleanup_buf_ struct buf synopsis = BUF_INIT;

	order_synopsis(order->verb, &synopsis);
	if (synopsis.error)
		return fault_errno(fault, synopsis.error, "command");
	for (const struct verb_argument *row = command_verbs[order->verb].arguments;
		row && row->name; row++)
		if (row->required && !order_has(order, row))
			return fault_set(fault, FAULT_USAGE,
				"%s needs %s, which is %s; its arguments: %s",
				command_verbs[order->verb].name, row->name, row->help,
				synopsis.data);
	return 0;
}

/* What the phone would say to it. */
static int order_check(const struct buf *payload, struct command *ret_command, struct fault *fault)
{
	_cleanup_json_ struct json_object *object = NULL;
	struct json_error error = {0};
	int r = json_parse(payload->data, payload->n_bytes, &object, &error);

	if (!r)
		r = command_parse(object, ret_command, &error);
	if (r == -EBADMSG)
		return fault_set(fault, FAULT_USAGE, "phones would refuse this command: %s%s%s",
			error.path, *error.path ? ": " : "", error.message);
	return r < 0 ? fault_errno(fault, r, "command") : 0;
}

int order_payload(const struct order *order, struct buf *out, struct command *ret_command,
	struct fault *fault)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	int r = 0;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", document_type_name(DOCUMENT_COMMAND));
	jsonw_string(&w, "org", order->org);
	jsonw_int(&w, "serial", 1);
	jsonw_int(&w, "issued", order->issued_s);
	jsonw_int(&w, "expires", order->expires_s);
	jsonw_object(&w, "target");
	jsonw_string(&w, "device", order->device);
	jsonw_string(&w, "enrolment", order->enrolment);
	jsonw_object_end(&w);
	jsonw_string(&w, "id", order->id);
	jsonw_string(&w, "verb", command_verbs[order->verb].name);
	if (order->n_arguments) {
		jsonw_object(&w, "arguments");
		r = order_arguments(order, &w, fault);
		jsonw_object_end(&w);
	}
	if (order->nonce)
		jsonw_string(&w, "nonce", order->nonce);
	jsonw_object_end(&w);
	if (!r)
		r = order_is_complete(order, fault);
	if (!r && payload.error)
		r = fault_errno(fault, payload.error, "command");
	if (!r)
		r = order_check(&payload, ret_command, fault);
	if (r)
		return r;
	buf_append(out, payload.data, payload.n_bytes);
	return out->error ? fault_errno(fault, out->error, "command") : 0;
}
