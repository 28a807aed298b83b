/* SPDX-License-Identifier: Apache-2.0 */
/* api_documents.c - documents to and from the server; see api.h. Verifies what it fetches. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "agent/util/codec.h"
#include "agent/trust/command.h"
#include "server/ctl/api.h"
#include "server/ctl/serials.h"
#include "server/ctl/signing.h"

static int api_put(
	struct api *api, const char *path, const char *text, size_t n_bytes, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	struct api_request request = {
		.method = "PUT",
		.path = path,
		.content_type = "application/jose",
		.body = text,
		.n_body = n_bytes,
		.tolerate = 409,
	};
	int r = api_call(api, &request, &answer, fault);

	if (r || answer.status != 409)
		return r;
	return fault_set(fault, FAULT_REFUSED,
		"the server has this serial or a higher one already, with other contents; "
		"sign again to get the next serial");
}

/* The server knows a command by what stands in its address; of the document it reads the verb. */
int api_push_command(struct api *api, const struct document *document, const char *text,
	size_t n_bytes, bool *ret_held, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	struct json_error error = {0};
	struct command command;
	char path[API_PATH_BYTES];
	struct api_request request = {
		.method = "PUT",
		.path = path,
		.content_type = "application/jose",
		.body = text,
		.n_body = n_bytes,
	};
	int r;

	if (command_parse(document->json, &command, &error) < 0)
		return fault_set(fault, FAULT_FAILURE, "phones would refuse this command: %s%s%s",
			error.path, *error.path ? ": " : "", error.message);
	snprintf(path, sizeof(path),
		"/v1/admin/documents?type=command&device=%s&id=%s&verb=%s&expires=%" PRId64,
		document->target, command.id, command_verbs[command.verb].name, command.expires_s);
	r = api_call(api, &request, &answer, fault);
	if (!r)
		*ret_held = answer.status == 202;
	return r;
}

int api_push_document(struct api *api, const struct document *document, const char *text,
	size_t n_bytes, const char *groups, struct fault *fault)
{
	char path[API_PATH_BYTES + LIMIT_ASSIGNMENT_GROUPS * (LIMIT_NAME_BYTES + 1)];

	switch (document->type) {
	case DOCUMENT_POLICY:
		snprintf(path, sizeof(path),
			"/v1/admin/documents?type=policy&stream=%s&serial=%" PRId64,
			document->stream, document->serial);
		break;
	case DOCUMENT_ASSIGNMENT:
		snprintf(path, sizeof(path),
			"/v1/admin/documents?type=assignment&%s=%s&serial=%" PRId64 "&groups=%s",
			document->target_is_ticket ? "ticket" : "device", document->target,
			document->serial, groups ? groups : "");
		break;
	case DOCUMENT_KEYSET:
		snprintf(path, sizeof(path), "/v1/admin/documents?type=keyset&serial=%" PRId64,
			document->serial);
		break;
	case DOCUMENT_COMMAND:
	case DOCUMENT_TYPE_MAX:
		return fault_set(fault, FAULT_USAGE, "a document of type %s cannot be pushed",
			document_type_name(document->type));
	}
	return api_put(api, path, text, n_bytes, fault);
}

int api_get_document(
	struct api *api, const char *query, struct api_answer *ret_answer, struct fault *fault)
{
	char path[API_PATH_BYTES];
	struct api_request request = {.method = "GET", .path = path, .tolerate = 404};

	snprintf(path, sizeof(path), "/v1/admin/documents?%s", query);
	return api_call(api, &request, ret_answer, fault);
}

/* A document of ours, but of another place: by it the server would hide the serials used here. */
static int api_check_address(const struct document *document, enum document_type type,
	const char *target, struct fault *fault)
{
	const char *of = document->type == DOCUMENT_POLICY ? document->stream : document->target;

	if (document->type != type)
		return api_other_object(fault, document_type_name(type), target,
			document_type_name(document->type));
	return strcmp(of, target) == 0
		       ? 0
		       : api_other_object(fault, document_type_name(type), target, of);
}

int api_newest_serial(struct api *api, struct ctl *ctl, enum document_type type,
	const char *target_kind, const char *target, int64_t *ret_serial, struct fault *fault)
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_answer_ struct api_answer answer = {0};
	enum document_reason reason;
	char query[256];
	int r;

	snprintf(query, sizeof(query), "type=%s&%s=%s", document_type_name(type), target_kind,
		target);
	r = api_get_document(api, query, &answer, fault);
	if (r)
		return r;
	*ret_serial = 0;
	if (answer.status == 404)
		return 0;
	/* As of its own time: one that has expired since still used its serial up. */
	r = signing_verify_past(&ctl->org, answer.body, answer.n_body, &document, &reason, fault);
	if (r)
		return fault_set(fault, FAULT_REFUSED,
			"the server holds a document for %s that the organisation's keys did not sign "
			"(%s); have the server looked at, and name the serial yourself with --serial",
			target, document_reason_name(reason));
	r = api_check_address(document, type, target, fault);
	if (!r)
		*ret_serial = document->serial;
	return r;
}

/* Which of the organisation's keysets the server has. 0: none; FAULT_REFUSED: another. */
static int api_keyset_held(
	struct api *api, struct ctl *ctl, int64_t *ret_version, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	int r = api_get_document(api, "type=keyset", &answer, fault);

	if (r)
		return r;
	*ret_version = 0;
	if (answer.status == 404)
		return 0;
	for (int64_t version = ctl->org.keyset->version; version > 0; version--) {
		_cleanup_free_ char *text = NULL;
		size_t n_bytes;

		r = org_read_keyset(&ctl->org, version, &text, &n_bytes, fault);
		if (r)
			return r;
		if (n_bytes == answer.n_body && memcmp(text, answer.body, n_bytes) == 0) {
			*ret_version = version;
			return 0;
		}
	}
	return fault_set(fault, FAULT_REFUSED,
		"the server holds a keyset that is not of this organisation directory; "
		"is it the right server ('mdmctl config show'), and is the directory up to date? "
		"('mdmctl keyset import FILE' brings a keyset into it)");
}

int api_push_keysets(struct api *api, struct ctl *ctl, struct fault *fault)
{
	int64_t held;
	int r = api_keyset_held(api, ctl, &held, fault);

	if (r)
		return r;
	while (held < ctl->org.keyset->version) {
		_cleanup_free_ char *text = NULL;
		char path[128];
		size_t n_bytes;

		held++;
		snprintf(path, sizeof(path), "/v1/admin/documents?type=keyset&serial=%" PRId64,
			held);
		r = org_read_keyset(&ctl->org, held, &text, &n_bytes, fault);
		if (!r)
			r = api_put(api, path, text, n_bytes, fault);
		if (r)
			return r;
	}
	return 0;
}

static int api_tell_policy(
	struct api *api, struct ctl *ctl, const char *stream, struct fault *fault)
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_answer_ struct api_answer answer = {0};
	enum document_reason reason;
	struct fault refusal = {0};
	char query[LIMIT_NAME_BYTES + 32];
	int r;

	snprintf(query, sizeof(query), "type=policy&stream=%s", stream);
	r = api_get_document(api, query, &answer, fault);
	if (r || answer.status == 404)
		return r;
	if (signing_verify(&ctl->org, answer.body, answer.n_body, ctl->now_s, &document, &reason,
		    &refusal) == 0)
		return api_check_address(document, DOCUMENT_POLICY, stream, fault);
	fprintf(ctl->out,
		"The policy %s on the server is refused with this keyset (%s): sign and push it "
		"again. Phones that have it keep it; phones that enrol now do not get it.\n",
		stream, document_reason_name(reason));
	return 0;
}

int api_tell_stale_policies(struct api *api, struct ctl *ctl, struct fault *fault)
{
	static const char prefix[] = "policy.";
	int fd = openat(ctl->org.fd, ORG_SERIALS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	_cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		closep(&fd);
		return 0;
	}
	while (!r && (entry = readdir(dir)))
		if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0 &&
			name_is_valid(entry->d_name + sizeof(prefix) - 1))
			r = api_tell_policy(api, ctl, entry->d_name + sizeof(prefix) - 1, fault);
	return r;
}
