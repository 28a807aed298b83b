/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_approval.c - the second administrator's word on a destructive command that is held
 * (docs/protocol.md, section 5). mdm-server only. One approval lets one command go on, and it
 * expires when it would have anyway: waiting makes nothing valid for longer.
 */
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "server/admin.h"
#include "server/brake.h"
#include "server/store_command.h"

/* The held command that the address names. false: refused already. */
static bool approval_find(struct server *server, struct http_conn *conn,
	const struct http_request *request, struct store_command *ret_command)
{
	char message[160];

	if (!admin_command_find(server, conn, request, ret_command))
		return false;
	if (store_command_is_held(ret_command))
		return true;
	if (ret_command->state == COMMAND_EXPIRED && ret_command->brake == STORE_BRAKE_HELD) {
		http_refuse(conn, 409, "expired",
			"the command expired while it was held; nothing is left to decide, sign it "
			"anew if it is still wanted");
		return false;
	}
	snprintf(message, sizeof(message),
		"the command is %s and not held; there is nothing to decide",
		command_state_name(ret_command->state));
	http_refuse(conn, 409, "not_held", message);
	return false;
}

/* It was decided, and is on record. */
static void approval_answer(struct http_conn *conn, const struct store_command *command)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);

	jsonw_object(&w, NULL);
	admin_write_command_members(&w, command);
	jsonw_object_end(&w);
	admin_send_recorded(conn, 200, &body);
}

/* Whoever gave it is one administrator, with how many certificates ever. */
static bool approval_is_anothers(const struct http_request *request, const struct store_command *c)
{
	struct brake_admin giver = {c->given_by, c->given_certificate};
	struct brake_admin asker = {request->peer->name, request->peer->serial};

	return brake_is_another(&giver, &asker);
}

void admin_command_approve(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	struct store_command command;
	struct store_step step = {.state = COMMAND_QUEUED, .reason = ""};
	char detail[BOUND_DETAIL_BYTES + 1];
	int r;

	if (!approval_find(server, conn, request, &command))
		return;
	if (!approval_is_anothers(request, &command)) {
		log_warning("administrator %s tried to approve command %s, which he gave himself",
			request->peer->name, command.id);
		http_refuse(conn, 403, "same_administrator",
			"you gave this command yourself; another administrator, with a certificate "
			"of another name, has to approve it");
		return;
	}
	snprintf(detail, sizeof(detail), "approved by administrator %s", request->peer->name);
	step.detail = detail;
	step.time_s = clock_realtime_s();
	r = store_begin(server->store, STORE_SURVIVES_POWER);
	if (r == 0)
		r = admin_end(server, request,
			store_command_approve(
				server->store, command.row, request->peer->name, &step),
			200);
	if (r) {
		/* One thread: between the look and this nobody can have decided. */
		server_store_failed(server, conn, r, "approve a command");
		return;
	}
	server_note_store(server, 0, NULL);
	log_warning("administrator %s approved command %s (%s) of administrator %s for device %s",
		request->peer->name, command.id, command.verb, command.given_by, command.device);
	command.brake = STORE_BRAKE_APPROVED;
	command.changed_s = step.time_s;
	snprintf(command.approved_by, sizeof(command.approved_by), "%s", request->peer->name);
	snprintf(command.detail, sizeof(command.detail), "%s", detail);
	wait_wake_device(server, command.device);
	approval_answer(conn, &command);
}

/* Also by whoever gave it: less is always allowed. */
void admin_command_reject(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	struct store_command command;
	struct store_step step = {.state = COMMAND_CANCELLED, .reason = "rejected"};
	char detail[BOUND_DETAIL_BYTES + 1];
	int r;

	if (!approval_find(server, conn, request, &command))
		return;
	snprintf(detail, sizeof(detail), "by administrator %s", request->peer->name);
	step.detail = detail;
	step.time_s = clock_realtime_s();
	r = store_begin(server->store, STORE_SURVIVES_POWER);
	if (r == 0)
		r = admin_end(server, request,
			store_command_move(server->store, command.row, &step), 200);
	if (r) {
		server_store_failed(server, conn, r, "reject a command");
		return;
	}
	server_note_store(server, 0, NULL);
	log_warning("administrator %s rejected command %s (%s) of administrator %s for device %s",
		request->peer->name, command.id, command.verb, command.given_by, command.device);
	command.state = step.state;
	command.changed_s = step.time_s;
	snprintf(command.reason, sizeof(command.reason), "%s", step.reason);
	snprintf(command.detail, sizeof(command.detail), "%s", detail);
	approval_answer(conn, &command);
}
