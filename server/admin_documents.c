/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_documents.c - documents in and out for administrators (docs/protocol.md, section 5).
 * mdm-server only. A document is opaque here: the server could not check a signature if it wanted
 * to. Only its outer form is looked at, because an answer to a phone is documents with an empty
 * line between, and a document with such a line inside would fall apart there.
 */
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/log.h"
#include "server/admin.h"
#include "server/brake.h"

#define SERIAL_MAX ((INT64_C(1) << 53) - 1)

struct admin_address {
	struct http_query query;
	enum store_type type;
	char address[LIMIT_NAME_BYTES + 1]; /* as in the store; "device:" and 32 digits fit */
	int64_t serial;
	char groups[STORE_GROUPS_BYTES];
};

/* NULL if it is well, or what is wrong. */
static const char *admin_read_target(struct admin_address *a)
{
	const char *stream = http_query_get(&a->query, "stream");
	const char *device = http_query_get(&a->query, "device");
	const char *ticket = http_query_get(&a->query, "ticket");

	a->address[0] = 0;
	if (a->type != STORE_POLICY && stream)
		return "stream belongs to type=policy only";
	if (a->type != STORE_ASSIGNMENT && (device || ticket))
		return "device and ticket belong to type=assignment only";
	switch (a->type) {
	case STORE_KEYSET:
	case STORE_TYPE_MAX:
		break;
	case STORE_POLICY:
		if (!stream || !name_is_valid(stream))
			return "a policy needs stream=NAME";
		snprintf(a->address, sizeof(a->address), "%s", stream);
		break;
	case STORE_ASSIGNMENT:
		if (!device == !ticket || !hex_is_valid(device ? device : ticket, 16))
			return "an assignment needs either device=ID or ticket=ID, 32 hexadecimal "
			       "digits";
		snprintf(a->address, sizeof(a->address), "%s:%s", device ? "device" : "ticket",
			device ? device : ticket);
		break;
	}
	return NULL;
}

static const char *admin_read_address(const struct http_request *request,
	const char *const *allowed, struct admin_address *ret_address)
{
	const char *type;

	if (http_query_parse(request->head->query, allowed, &ret_address->query) < 0)
		return "a parameter is unknown, stands twice or is malformed";
	type = http_query_get(&ret_address->query, "type");
	for (int i = 0; type && i < STORE_TYPE_MAX; i++)
		if (strcmp(type, store_type_name((enum store_type)i)) == 0) {
			ret_address->type = (enum store_type)i;
			return admin_read_target(ret_address);
		}
	return "type must be keyset, policy, assignment or, to put one, command";
}

/* "A,B", at most LIMIT_ASSIGNMENT_GROUPS valid names, each once; "" is no group. */
static bool admin_read_groups(const char *text, char ret_groups[STORE_GROUPS_BYTES])
{
	const char *at = text;
	size_t n = 0;

	if (strlen(text) >= STORE_GROUPS_BYTES)
		return false;
	memcpy(ret_groups, text, strlen(text) + 1);
	while (*text) {
		size_t length = strcspn(at, ",");
		char name[LIMIT_NAME_BYTES + 1];

		if (length > LIMIT_NAME_BYTES || n++ == LIMIT_ASSIGNMENT_GROUPS)
			return false;
		memcpy(name, at, length);
		name[length] = 0;
		if (!name_is_valid(name))
			return false;
		if (!at[length])
			return true;
		at += length + 1;
	}
	return true;
}

/* Absent is 0. */
static bool admin_read_serial(const struct admin_address *a, bool needed, int64_t *ret_serial)
{
	const char *serial = http_query_get(&a->query, "serial");

	*ret_serial = 0;
	return serial ? parse_int64(serial, 1, SERIAL_MAX, ret_serial) == 0 : !needed;
}

#define ADMIN_SERIAL_PROBLEM "serial must be a number from 1 to 9007199254740991"

static const char *admin_read_put(const struct http_request *request, struct admin_address *a)
{
	static const char *const allowed[] = {
		"type", "stream", "device", "ticket", "serial", "groups", NULL};
	const char *problem = admin_read_address(request, allowed, a), *groups;

	if (problem)
		return problem;
	if (!admin_read_serial(a, true, &a->serial))
		return ADMIN_SERIAL_PROBLEM;
	groups = http_query_get(&a->query, "groups");
	if ((a->type == STORE_ASSIGNMENT) != (groups != NULL))
		return "groups=A,B must stand with type=assignment, and only there";
	a->groups[0] = 0;
	if (groups && !admin_read_groups(groups, a->groups))
		return "groups must be at most 16 names with commas between";
	return NULL;
}

/* The last LF may be missing. */
bool admin_is_document(const char *text, size_t n_bytes)
{
	size_t n_lines = 0, n_dots = 0, n_field = 0;

	for (size_t i = 0; i < n_bytes; i++) {
		char c = text[i];
		bool word = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			    (c >= '0' && c <= '9') || c == '-' || c == '_';

		n_field += word;
		if (word)
			continue;
		if (n_field == 0 || (c != '.' && c != '\n') || (c == '\n' && n_dots != 2))
			return false;
		n_field = 0;
		n_dots = c == '.' ? n_dots + 1 : 0;
		n_lines += c == '\n';
	}
	if (n_field) /* a last line without LF */
		n_lines += n_dots == 2;
	else if (n_dots)
		return false;
	return n_lines >= 1 && n_lines <= LIMIT_DOCUMENT_LINES && (n_field == 0 || n_dots == 2);
}

static int admin_store_document(struct server *server, const struct http_request *request,
	const struct store_document *document)
{
	int r = store_begin(server->store, STORE_SURVIVES_POWER);

	if (r < 0)
		return r;
	r = store_document_put(server->store, document, clock_realtime_s());
	return admin_end(server, request, r, 201);
}

/* Commands have another address than documents with a serial, and another home. */
static bool admin_is_command(const struct http_request *request)
{
	static const char *const any[] = {"type", "stream", "device", "ticket", "serial", "groups",
		"id", "verb", "expires", NULL};
	struct http_query query;
	const char *type;

	if (http_query_parse(request->head->query, any, &query) < 0)
		return false;
	type = http_query_get(&query, "type");
	return type && strcmp(type, "command") == 0;
}

void admin_document_put(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	struct store_document document;
	struct admin_address a;
	const char *problem;
	int r;

	if (admin_is_command(request)) {
		admin_command_put(server, conn, request);
		return;
	}
	problem = admin_read_put(request, &a);
	if (!problem && !admin_is_document(request->body, request->n_body))
		problem = "the body is not a signed document; make one with \"mdmctl policy sign\"";
	/* A phone goes by what is signed: kept here, it would be delivered past every brake. */
	else if (!problem && brake_is_command((struct span){request->body, request->n_body}))
		problem = "the body is a command; give it with type=command";
	if (problem) {
		http_refuse(conn, 400, "bad_request", problem);
		return;
	}
	document = (struct store_document){
		.type = a.type,
		.address = a.address,
		.serial = a.serial,
		.groups = a.groups,
		.body = {request->body, request->n_body},
	};
	r = admin_store_document(server, request, &document);
	if (r < 0) {
		server_store_failed(server, conn, r, "store a document");
		return;
	}
	server_note_store(server, 0, NULL);
	if (r == STORE_E_STALE) {
		http_refuse(conn, 409, "stale",
			"this serial or a higher one is stored already; sign with a higher serial");
		return;
	}
	if (r == STORE_E_AHEAD) {
		http_refuse(conn, 409, "ahead",
			"keysets are stored one after the other, from 1; store those before it "
			"first, or remove what does not belong here");
		return;
	}
	if (r == 0) {
		log_info("administrator %s stored %s%s%s serial %" PRId64, request->peer->name,
			store_type_name(a.type), *a.address ? " " : "", a.address, a.serial);
		wait_wake_document(server, &document);
	}
	http_answer(conn, &(struct http_answer){
				  .status = r == 0 ? 201 : 200,
				  .content_type = "application/json",
				  .body = "{}",
				  .n_body = 2,
				  .recorded = r == 0,
			  });
}

static int admin_copy_document(const struct store_document *document, void *userdata)
{
	struct buf *body = userdata;

	buf_append(body, document->body.at, document->body.n);
	return body->error;
}

void admin_document_get(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	static const char *const allowed[] = {"type", "stream", "device", "ticket", NULL};
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct admin_address a;
	const char *problem = admin_read_address(request, allowed, &a);
	int r;

	if (problem) {
		http_refuse(conn, 400, "bad_request", problem);
		return;
	}
	r = store_document_newest(server->store,
		&(struct store_document){.type = a.type, .address = a.address}, admin_copy_document,
		&body);
	if (r == STORE_E_NOT_FOUND)
		http_refuse(conn, 404, "not_found", "there is no document of this address yet");
	else if (r < 0)
		server_store_failed(server, conn, r, "read a document");
	else
		http_answer(conn, &(struct http_answer){
					  .status = 200,
					  .content_type = "application/jose",
					  .body = body.data,
					  .n_body = body.n_bytes,
				  });
}

/* --- taking one away --------------------------------------------------------------------- */

static int admin_take_document(struct server *server, const struct http_request *request,
	const struct store_document *document, struct store_removed *ret_removed)
{
	int r = store_begin(server->store, STORE_SURVIVES_POWER);

	if (r < 0)
		return r;
	r = store_document_remove(server->store, document, ret_removed);
	return admin_end(server, request, r, 200);
}

static void admin_answer_removed(struct http_conn *conn, const struct store_removed *removed)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "serial", removed->serial);
	if (removed->before)
		jsonw_int(&w, "newest", removed->before);
	else
		jsonw_null(&w, "newest");
	jsonw_object_end(&w);
	admin_send_recorded(conn, 200, &body);
}

/*
 * The way back from a document that no key of the organisation signed: the server cannot tell it
 * from a good one, and nothing else of its address could be stored below its serial.
 */
void admin_document_remove(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	static const char *const allowed[] = {"type", "stream", "device", "ticket", "serial", NULL};
	struct server *server = userdata;
	struct store_removed removed;
	struct store_document document;
	struct admin_address a;
	const char *problem = admin_read_address(request, allowed, &a);
	int r;

	if (!problem && !admin_read_serial(&a, false, &a.serial))
		problem = ADMIN_SERIAL_PROBLEM;
	if (problem) {
		admin_bad(conn, problem);
		return;
	}
	document = (struct store_document){
		.type = a.type, .address = a.address, .serial = a.serial, .groups = ""};
	r = admin_take_document(server, request, &document, &removed);
	if (r < 0) {
		server_store_failed(server, conn, r, "remove a document");
		return;
	}
	server_note_store(server, 0, NULL);
	if (r == STORE_E_NOT_FOUND) {
		http_refuse(conn, 404, "not_found", "there is no document of this address");
		return;
	}
	if (r == STORE_E_STALE) {
		http_refuse(conn, 409, "stale",
			"the newest document of this address has another serial; nothing was removed");
		return;
	}
	log_warning("administrator %s removed %s%s%s serial %" PRId64, request->peer->name,
		store_type_name(a.type), *a.address ? " " : "", a.address, removed.serial);
	wait_wake_document(server, &document);
	admin_answer_removed(conn, &removed);
}
