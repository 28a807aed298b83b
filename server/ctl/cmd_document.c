/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_document.c - "mdmctl document remove": takes the newest document of an address off the
 * server, so that the one before it is handed out again. For what somebody stored there who has an
 * operator's certificate and no key: phones refuse it, but it is in the way. Runs as the
 * administrator.
 */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/codec.h"
#include "server/ctl/api.h"
#include "server/ctl/commands.h"
#include "server/ctl/reader.h"
#include "server/ctl/signing.h"

/* How the server calls an address, by what the administrator calls it. */
static const struct remove_kind {
	const char *name, *query;
	enum document_type type;
	bool is_id;
} remove_kinds[] = {
	{"policy", "type=policy&stream=", DOCUMENT_POLICY, false},
	{"assignment", "type=assignment&device=", DOCUMENT_ASSIGNMENT, true},
	{"ticket", "type=assignment&ticket=", DOCUMENT_ASSIGNMENT, true},
	{"keyset", "type=keyset", DOCUMENT_KEYSET, false},
};

static int remove_read_args(const struct args *args, const struct remove_kind **ret_kind,
	const char **ret_address, struct fault *fault)
{
	const char *address = args->n_operands > 1 ? args->operands[1] : "";
	const struct remove_kind *kind = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(remove_kinds); i++)
		if (strcmp(args->operands[0], remove_kinds[i].name) == 0)
			kind = &remove_kinds[i];
	if (!kind)
		return fault_set(fault, FAULT_USAGE,
			"\"%.40s\" is no kind of document; there are policy STREAM, assignment DEVICE, "
			"ticket TICKET (the assignment of its phone) and keyset",
			args->operands[0]);
	if (kind->type == DOCUMENT_KEYSET ? *address != 0
		: kind->is_id		  ? !hex_is_valid(address, 16)
					  : !name_is_valid(address))
		return fault_set(fault, FAULT_USAGE,
			kind->type == DOCUMENT_KEYSET ? "there is one keyset; name no address"
			: kind->is_id ? "\"%.40s\" is not a whole id (32 characters of 0-9, a-f)"
				      : "\"%.40s\" is not the name of a group",
			address);
	*ret_kind = kind;
	*ret_address = address;
	return 0;
}

/* Whose it is: ours is seldom what is meant. Serial 0: not signed by us, so that it tells none. */
static int remove_look(struct ctl *ctl, struct api *api, const char *query, int64_t *ret_serial,
	struct fault *fault)
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_answer_ struct api_answer answer = {0};
	struct fault refusal = {0};
	enum document_reason reason;
	int r = api_get_document(api, query, &answer, fault);

	if (r)
		return r;
	if (answer.status == 404)
		return fault_set(fault, FAULT_REFUSED, "the server has no such document");
	*ret_serial = 0;
	if (signing_verify_past(
		    &ctl->org, answer.body, answer.n_body, &document, &reason, &refusal) == 0)
		*ret_serial = document->serial;
	return 0;
}

static int remove_confirm(
	struct ctl *ctl, const char *what, const char *address, int64_t serial, struct fault *fault)
{
	char question[LIMIT_NAME_BYTES + 160];

	if (serial)
		snprintf(question, sizeof(question),
			"The newest %s %s is OURS, serial %" PRId64
			". Remove it all the same, so that the one before is handed out?",
			what, address, serial);
	else
		snprintf(question, sizeof(question),
			"The newest %s %s is not signed by the keyset here. Remove it?", what,
			address);
	return ctl_confirm(ctl, question, fault);
}

static int remove_tell(
	struct ctl *ctl, const struct api_answer *answer, const char *what, struct fault *fault)
{
	_cleanup_json_ struct json_object *json = NULL;
	struct reader reader = {.path = ""};
	int64_t serial, newest;
	int r = reader_parse(&reader, answer->body, answer->n_body, &json, fault);

	if (r)
		return r;
	serial = reader_int(&reader, json, "serial");
	newest = reader_int(&reader, json, "newest");
	if (reader.bad)
		return reader_fault(&reader, fault);
	if (ctl->json && newest)
		fprintf(ctl->out, "{\"serial\":%" PRId64 ",\"newest\":%" PRId64 "}\n", serial,
			newest);
	else if (ctl->json)
		fprintf(ctl->out, "{\"serial\":%" PRId64 ",\"newest\":null}\n", serial);
	else if (newest)
		fprintf(ctl->out, "Removed %s %" PRId64 "; the newest is %" PRId64 " now.\n", what,
			serial, newest);
	else
		fprintf(ctl->out, "Removed %s %" PRId64 "; none is left: push yours again.\n", what,
			serial);
	return ctl_flush(ctl, fault);
}

int cmd_document_remove(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	const struct remove_kind *kind = NULL;
	const char *address = "";
	char query[LIMIT_NAME_BYTES + 64], path[API_PATH_BYTES], only[40] = "";
	struct api_request request = {.method = "DELETE", .path = path};
	int64_t serial = 0;
	int r = remove_read_args(args, &kind, &address, fault);

	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = api_open(ctl, &api, fault);
	if (r)
		return r;
	snprintf(query, sizeof(query), "%s%s", kind->query, address);
	r = remove_look(ctl, api, query, &serial, fault);
	if (!r)
		r = remove_confirm(ctl, kind->name, address, serial, fault);
	if (r)
		return r;
	/* The one that was looked at, and not what somebody has pushed meanwhile. */
	if (serial)
		snprintf(only, sizeof(only), "&serial=%" PRId64, serial);
	snprintf(path, sizeof(path), "/v1/admin/documents?%s%s", query, only);
	r = api_call(api, &request, &answer, fault);
	return r ? r : remove_tell(ctl, &answer, kind->name, fault);
}
