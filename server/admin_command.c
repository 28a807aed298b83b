/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_command.c - the mailbox of commands in the administrators' API (docs/protocol.md,
 * section 5). mdm-server only. A command is opaque but for the question whether it destroys
 * (brake.h): verb, device and end stand in the address for people and for the mailbox; what the
 * phone goes by is in the signed document alone.
 */
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/log.h"
#include "server/admin.h"
#include "server/brake.h"
#include "server/store_command.h"

#define COMMAND_HOUR_S 3600
#define COMMAND_CLOCKS_S 600 /* by how much the clocks of signer and server may differ */

/* Answers of admin_command_store() beside those of the store. */
enum {
	COMMAND_E_WITHDRAWN = 100,
	COMMAND_E_UNSEEN, /* nothing to address it by: the phone has not said its enrolment yet */
	COMMAND_E_RATE,
};

struct admin_command {
	struct http_query query;
	struct store_command command;
	bool destroys, held;
	int64_t retry_s;
};

/* --- putting ----------------------------------------------------------------------------- */

/* NULL if it is well, or what is wrong. */
static const char *admin_command_read(const struct http_request *request, struct admin_command *a)
{
	static const char *const allowed[] = {"type", "device", "id", "verb", "expires", NULL};
	char said[LIMIT_NAME_BYTES + 1];
	struct store_command *c = &a->command;
	const char *device, *id, *verb, *expires;

	if (http_query_parse(request->head->query, allowed, &a->query) < 0)
		return "a command has device, id, verb and expires, each once, and nothing else";
	device = http_query_get(&a->query, "device");
	id = http_query_get(&a->query, "id");
	verb = http_query_get(&a->query, "verb");
	expires = http_query_get(&a->query, "expires");
	if (!device || !hex_is_valid(device, 16))
		return "a command needs device=ID, 32 hexadecimal digits";
	if (!id || !hex_is_valid(id, 16))
		return "a command needs id=ID, 32 hexadecimal digits";
	if (!verb || !name_is_valid(verb))
		return "a command needs verb=NAME";
	c->created_s = clock_realtime_s();
	if (!expires ||
		parse_int64(expires, c->created_s + 1,
			c->created_s + LIMIT_COMMAND_VALID_S + COMMAND_CLOCKS_S, &c->expires_s) < 0)
		return "a command needs expires=TIME, a Unix time within the next 30 days";
	snprintf(c->device, sizeof(c->device), "%s", device);
	snprintf(c->id, sizeof(c->id), "%s", id);
	snprintf(c->verb, sizeof(c->verb), "%s", verb);
	if (!admin_is_document(request->body, request->n_body))
		return "the body is not a signed document; make one with \"mdmctl command\"";
	a->destroys = brake_destroys((struct span){request->body, request->n_body}, said);
	/* People read the verb of the address, who gave it and who is to approve it among them. */
	if (*said && strcmp(said, verb) != 0)
		return "verb=NAME is not the verb of the document";
	return NULL;
}

/* How many may be put in an hour is what stands between a stolen operator's key and every phone. */
static int admin_command_brake(struct server *server, struct admin_command *a)
{
	int64_t then_s;
	int r = store_command_rate(server->store, server->commands_per_hour, &then_s);

	if (r < 0)
		return r;
	a->retry_s = then_s + COMMAND_HOUR_S - a->command.created_s;
	return then_s && a->retry_s > 0 && a->retry_s <= COMMAND_HOUR_S ? COMMAND_E_RATE : 0;
}

/*
 * Of those that destroy, a few in an hour pass with one administrator; each of the others waits for
 * another one. What such a one approved does not count: nobody's yes makes room for more. A clock
 * that was set back brakes for longer.
 */
static int admin_command_hold(struct server *server, struct store_command *c)
{
	int64_t n;
	int r = store_command_passed(server->store, c->created_s - COMMAND_HOUR_S, &n);

	if (r < 0)
		return r;
	c->brake = STORE_BRAKE_PASSED;
	if (n < server->destructive_per_hour)
		return 0;
	c->brake = STORE_BRAKE_HELD;
	snprintf(c->detail, sizeof(c->detail), "waits for another administrator than %s",
		c->given_by);
	return 0;
}

/* Inside a transaction. */
static int admin_command_store(struct server *server, struct admin_command *a, struct span document)
{
	struct store_command *c = &a->command, there;
	struct store_device device;
	int r = store_device_get(server->store, c->device, &device);

	if (r)
		return r;
	if (device.withdrawn_s)
		return COMMAND_E_WITHDRAWN;
	if (!device.enrolment[0])
		return COMMAND_E_UNSEEN;
	memcpy(c->enrolment, device.enrolment, sizeof(c->enrolment));
	/* The same command again, after a lost answer, is none that counts. */
	r = store_command_get(server->store, c->id, c->created_s, &there);
	if (r == STORE_E_NOT_FOUND) {
		r = admin_command_brake(server, a);
		if (r == 0 && a->destroys)
			r = admin_command_hold(server, c);
		there = *c;
	}
	a->held = r == 0 && store_command_is_held(&there);
	return r ? r : store_command_put(server->store, c, document);
}

static void admin_command_too_many(struct http_conn *conn, const struct admin_command *a)
{
	char header[64];

	snprintf(header, sizeof(header), "Retry-After: %" PRId64 "\r\n", a->retry_s);
	http_refuse_with(conn, 429, header,
		"more commands were given within an hour than the server's commands-per-hour "
		"allows; nothing was stored");
}

static void admin_command_refuse(struct http_conn *conn, const struct admin_command *a, int r)
{
	switch (r) {
	case STORE_E_NOT_FOUND:
		http_refuse(conn, 404, "not_found",
			"there is no such device; \"mdmctl device list\" lists those there are");
		break;
	case COMMAND_E_WITHDRAWN:
		http_refuse(conn, 409, "withdrawn",
			"this device was withdrawn and takes nothing any more");
		break;
	case COMMAND_E_UNSEEN:
		http_refuse(conn, 409, "unseen",
			"this device has not checked in since it enrolled; wait until it has");
		break;
	case COMMAND_E_RATE:
		admin_command_too_many(conn, a);
		break;
	case STORE_E_FULL:
		http_refuse(conn, 409, "full",
			"64 commands wait for this device; cancel some or wait for it");
		break;
	default:
		http_refuse(conn, 409, "exists",
			"another command has this id; sign it anew, which makes a new id");
		break;
	}
}

static void admin_command_given(const struct http_request *request, struct store_command *c)
{
	snprintf(c->given_by, sizeof(c->given_by), "%s", request->peer->name);
	snprintf(c->given_certificate, sizeof(c->given_certificate), "%s", request->peer->serial);
}

/* Stored: what the log says, and to the phone that there is something. */
static void admin_command_tell(struct server *server, const struct admin_command *a)
{
	const struct store_command *c = &a->command;

	if (a->held) {
		server->counts.commands_held++;
		log_warning("command %s (%s) of administrator %s for device %s is held: within an "
			    "hour destructive-per-hour (%" PRId64
			    ") others took effect; another administrator has to approve it",
			c->id, c->verb, c->given_by, c->device, server->destructive_per_hour);
		return;
	}
	log_info("administrator %s gave command %s (%s) to device %s", c->given_by, c->id, c->verb,
		c->device);
	wait_wake_device(server, c->device);
}

void admin_command_put(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	struct admin_command a = {0};
	const char *problem, *body;
	int r;

	if (request->n_body > BOUND_COMMAND_BYTES) {
		http_refuse(conn, 413, "bad_request", "a command is never as large as this");
		return;
	}
	problem = admin_command_read(request, &a);
	if (problem) {
		admin_bad(conn, problem);
		return;
	}
	admin_command_given(request, &a.command);
	r = store_begin(server->store, STORE_SURVIVES_POWER);
	if (r == 0) {
		r = admin_command_store(server, &a, (struct span){request->body, request->n_body});
		r = admin_end(server, request, r, a.held ? 202 : 201);
	}
	if (r < 0) {
		server_store_failed(server, conn, r, "store a command");
		return;
	}
	server_note_store(server, 0, NULL);
	if (r && r != STORE_E_EXISTS) {
		admin_command_refuse(conn, &a, r);
		return;
	}
	if (r == 0)
		admin_command_tell(server, &a);
	body = a.held ? "{\"held\":true}" : "{}";
	http_answer(conn, &(struct http_answer){
				  .status = a.held   ? 202
					    : r == 0 ? 201
						     : 200,
				  .content_type = "application/json",
				  .body = body,
				  .n_body = strlen(body),
				  .recorded = r == 0,
			  });
}

/* --- reading ----------------------------------------------------------------------------- */

void admin_write_command_members(struct jsonw *w, const struct store_command *c)
{
	jsonw_string(w, "id", c->id);
	jsonw_int(w, "row", c->row);
	jsonw_string(w, "device", c->device);
	jsonw_string(w, "enrolment", c->enrolment);
	jsonw_string(w, "verb", c->verb);
	jsonw_string(w, "state", command_state_name(c->state));
	jsonw_int(w, "created", c->created_s);
	jsonw_int(w, "expires", c->expires_s);
	jsonw_int(w, "changed", c->changed_s);
	admin_write_optional(w, "reason", c->reason);
	admin_write_optional(w, "detail", c->detail);
	jsonw_bool(w, "held", store_command_is_held(c));
	admin_write_optional(w, "given_by", c->given_by);
	admin_write_optional(w, "approved_by", c->approved_by);
}

static int admin_write_command(const struct store_command *command, void *userdata)
{
	struct admin_page *page = userdata;

	jsonw_object(&page->w, NULL);
	admin_write_command_members(&page->w, command);
	jsonw_object_end(&page->w);
	page->last_row = command->row;
	return admin_page_count(page);
}

void admin_command_list(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct admin_page page = {.server = server, .w = JSONW_INIT(&body)};
	struct store_command_range range = {.now_s = clock_realtime_s()};
	struct http_query query;
	int r;

	if (!admin_page_of_device(conn, request, &query, &page, &range.device))
		return;
	range.after = page.last_row;
	range.limit = page.limit;
	jsonw_object(&page.w, NULL);
	jsonw_array(&page.w, "commands");
	r = store_command_list(server->store, &range, admin_write_command, &page);
	admin_page_end(conn, &page, r, ADMIN_NEXT_ROW, "list commands");
}

bool admin_command_find(struct server *server, struct http_conn *conn,
	const struct http_request *request, struct store_command *ret_command)
{
	int r;

	if (!hex_is_valid(request->rest, 16) || *request->head->query) {
		admin_bad(conn, "the address must end with a command id of 32 hexadecimal digits");
		return false;
	}
	r = store_command_get(server->store, request->rest, clock_realtime_s(), ret_command);
	if (r == STORE_E_NOT_FOUND)
		http_refuse(conn, 404, "not_found",
			"there is no such command; \"mdmctl command list\" lists those there are");
	else if (r < 0)
		server_store_failed(server, conn, r, "read a command");
	return r == 0;
}

static int admin_write_step(const struct store_step *step, void *userdata)
{
	struct jsonw *w = userdata;

	jsonw_object(w, NULL);
	jsonw_string(w, "state", command_state_name(step->state));
	jsonw_int(w, "time", step->time_s);
	admin_write_optional(w, "reason", step->reason);
	admin_write_optional(w, "detail", step->detail);
	jsonw_object_end(w);
	return w->out->error;
}

void admin_command_get(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT, document = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	struct store_command command;
	int r;

	if (!admin_command_find(server, conn, request, &command))
		return;
	jsonw_object(&w, NULL);
	admin_write_command_members(&w, &command);
	jsonw_array(&w, "history");
	r = store_command_history(server->store, &command, admin_write_step, &w);
	jsonw_array_end(&w);
	if (r == 0)
		r = store_command_document(server->store, command.id, &document);
	if (r == 0)
		jsonw_text(&w, "document", document.data, document.n_bytes);
	jsonw_object_end(&w);
	if (r && !body.error)
		server_store_failed(server, conn, r, "read a command");
	else
		admin_send(conn, 200, &body);
}

/* --- cancelling -------------------------------------------------------------------------- */

static void admin_command_cannot_cancel(struct http_conn *conn, const struct store_command *c)
{
	char message[200];

	snprintf(message, sizeof(message),
		c->state == COMMAND_CANCELLED || c->state == COMMAND_EXPIRED
			? "the command is %s already; nothing is left to cancel"
			: "the command is %s: the phone has it, and what it does cannot be taken "
			  "back",
		command_state_name(c->state));
	http_refuse(conn, 409, command_state_name(c->state), message);
}

void admin_command_cancel(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct store_step step = {
		.state = COMMAND_CANCELLED, .reason = "", .time_s = clock_realtime_s()};
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	struct store_command command;
	char detail[BOUND_DETAIL_BYTES + 1];
	int r;

	if (!admin_command_find(server, conn, request, &command))
		return;
	if (!command_state_may_follow(command.state, step.state)) {
		admin_command_cannot_cancel(conn, &command);
		return;
	}
	snprintf(detail, sizeof(detail), "by administrator %s", request->peer->name);
	step.detail = detail;
	r = store_begin(server->store, STORE_SURVIVES_POWER);
	if (r == 0)
		r = admin_end(server, request,
			store_command_move(server->store, command.row, &step), 200);
	if (r) {
		/* One thread: between the look and this nothing can have delivered it. */
		server_store_failed(server, conn, r, "cancel a command");
		return;
	}
	server_note_store(server, 0, NULL);
	log_info("administrator %s cancelled command %s", request->peer->name, command.id);
	command.state = step.state;
	command.changed_s = step.time_s;
	snprintf(command.detail, sizeof(command.detail), "%s", detail);
	jsonw_object(&w, NULL);
	admin_write_command_members(&w, &command);
	jsonw_object_end(&w);
	admin_send_recorded(conn, 200, &body);
}
