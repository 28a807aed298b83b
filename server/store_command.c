/* SPDX-License-Identifier: Apache-2.0 */
/* store_command.c - the mailbox of commands in SQLite; see store_command.h. mdm-server only. */
#include "server/store_command.h"

#include <errno.h>

#include "server/store_sqlite.h"

static int store_command_read(sqlite3_stmt *s, int64_t now_s, struct store_command *ret_command)
{
	char state[LIMIT_NAME_BYTES + 1];
	struct store_command c = {
		.row = sqlite3_column_int64(s, 0),
		.created_s = sqlite3_column_int64(s, 8),
		.expires_s = sqlite3_column_int64(s, 9),
		.changed_s = sqlite3_column_int64(s, 10),
	};

	store_text(s, 1, c.id, sizeof(c.id));
	store_text(s, 2, c.device, sizeof(c.device));
	store_text(s, 3, c.enrolment, sizeof(c.enrolment));
	store_text(s, 4, c.verb, sizeof(c.verb));
	store_text(s, 5, state, sizeof(state));
	store_text(s, 6, c.reason, sizeof(c.reason));
	store_text(s, 7, c.detail, sizeof(c.detail));
	c.brake = (enum store_brake)sqlite3_column_int(s, 11);
	store_text(s, 12, c.given_by, sizeof(c.given_by));
	store_text(s, 13, c.given_certificate, sizeof(c.given_certificate));
	store_text(s, 14, c.approved_by, sizeof(c.approved_by));
	c.state = command_state_find(state);
	if (c.state == COMMAND_STATE_MAX)
		return -EBADMSG; /* never stored by us */
	if (c.state == COMMAND_QUEUED && c.expires_s <= now_s) {
		c.state = COMMAND_EXPIRED;
		c.changed_s = c.expires_s;
		snprintf(c.detail, sizeof(c.detail),
			c.brake == STORE_BRAKE_HELD
				? "no other administrator approved it before its end"
				: "the phone did not check in before its end");
	}
	*ret_command = c;
	return 0;
}

/* --- putting ----------------------------------------------------------------------------- */

static int store_history_add(struct store *store, int64_t row, const struct store_step *step)
{
	return store_run(store_bind(store, SQL_HISTORY_ADD, "iittt", row, step->time_s,
		command_state_name(step->state), step->reason, step->detail));
}

/* The id is there: is it the same command? */
static int store_command_same(
	struct store *store, const struct store_command *c, struct span document)
{
	_cleanup_statement_ sqlite3_stmt *s =
		store_bind(store, SQL_COMMAND_SAME, "ttb", c->id, c->device, document);
	int r = store_step(s);

	return r == 0 ? STORE_E_EXISTS : r < 0 ? r : STORE_E_STALE;
}

static int store_command_is_full(struct store *store, const struct store_command *c)
{
	_cleanup_statement_ sqlite3_stmt *s =
		store_bind(store, SQL_COMMAND_COUNT, "tti", c->device, c->enrolment, c->created_s);
	int r = store_step(s);

	if (r)
		return r < 0 ? r : -EIO;
	return sqlite3_column_int64(s, 0) >= LIMIT_COMMANDS ? STORE_E_FULL : 0;
}

int store_command_put(
	struct store *store, const struct store_command *command, struct span document)
{
	const struct store_command *c = command;
	struct store_step queued = {COMMAND_QUEUED, "", c->detail, c->created_s};
	struct store_command there;
	int64_t mark;
	int r = store_command_get(store, c->id, c->created_s, &there);

	if (r == 0)
		return store_command_same(store, c, document);
	if (r == STORE_E_NOT_FOUND)
		r = store_command_is_full(store, c);
	if (r == 0)
		r = store_mark_next(store, &mark);
	if (r)
		return r;
	r = store_run(store_bind(store, SQL_COMMAND_PUT, "ttttttiiibitt", c->id, c->device,
		c->enrolment, c->verb, command_state_name(COMMAND_QUEUED), c->detail, c->created_s,
		c->expires_s, mark, document, (int64_t)c->brake, c->given_by,
		c->given_certificate));
	return r < 0 ? r : store_history_add(store, sqlite3_last_insert_rowid(store->db), &queued);
}

/* --- reading ----------------------------------------------------------------------------- */

int store_command_get(
	struct store *store, const char *id, int64_t now_s, struct store_command *ret_command)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_COMMAND_GET, "t", id);
	int r = store_step(s);

	return r ? r : store_command_read(s, now_s, ret_command);
}

bool store_command_is_held(const struct store_command *command)
{
	return command->brake == STORE_BRAKE_HELD && command->state == COMMAND_QUEUED;
}

int store_command_document(struct store *store, const char *id, struct buf *out)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_COMMAND_DOCUMENT, "t", id);
	struct span document;
	int r = store_step(s);

	if (r)
		return r;
	document = store_blob(s, 0);
	buf_append(out, document.at, document.n);
	return out->error;
}

int store_command_list(struct store *store, const struct store_command_range *range,
	store_command_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s = NULL;
	struct store_command command;
	int r;

	if (range->device)
		s = store_bind(store, SQL_COMMAND_LIST_DEVICE, "tii", range->device, range->after,
			range->limit);
	else
		s = store_bind(store, SQL_COMMAND_LIST, "ii", range->after, range->limit);
	while ((r = store_step(s)) == 0) {
		r = store_command_read(s, range->now_s, &command);
		if (r == 0)
			r = fn(&command, userdata);
		if (r)
			return r;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_command_waiting(struct store *store, const struct store_command *addressee_and_now,
	store_waiting_fn fn, void *userdata)
{
	const struct store_command *a = addressee_and_now;
	_cleanup_statement_ sqlite3_stmt *s = store_bind(
		store, SQL_COMMAND_WAITING, "tti", a->device, a->enrolment, a->created_s);
	int r;

	while ((r = store_step(s)) == 0) {
		r = fn(sqlite3_column_int64(s, 0), store_blob(s, 1), userdata);
		if (r)
			return r;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_command_history(
	struct store *store, const struct store_command *command, store_step_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s =
		store_bind(store, SQL_HISTORY_LIST, "i", command->row);
	struct store_step step = {.state = COMMAND_QUEUED};
	int r;

	while ((r = store_step(s)) == 0) {
		const char *state = (const char *)sqlite3_column_text(s, 1);

		step.time_s = sqlite3_column_int64(s, 0);
		step.reason = (const char *)sqlite3_column_text(s, 2);
		step.detail = (const char *)sqlite3_column_text(s, 3);
		if (!state || !step.reason || !step.detail)
			return -ENOMEM;
		step.state = command_state_find(state);
		if (step.state == COMMAND_STATE_MAX)
			return -EBADMSG;
		r = fn(&step, userdata);
		if (r)
			return r;
	}
	if (r == STORE_E_NOT_FOUND && step.state == command->state)
		return 0;
	if (r != STORE_E_NOT_FOUND)
		return r;
	return fn(&(struct store_step){command->state, command->reason, command->detail,
			  command->changed_s},
		userdata);
}

int store_command_rate(struct store *store, int64_t most, int64_t *ret_created_s)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_COMMAND_RATE, "i", most - 1);
	int r = store_step(s);

	if (r < 0)
		return r;
	*ret_created_s = r == 0 ? sqlite3_column_int64(s, 0) : 0;
	return 0;
}

int store_command_passed(struct store *store, int64_t since_s, int64_t *ret_n)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_COMMAND_PASSED, "i", since_s);
	int r = store_step(s);

	if (r)
		return r < 0 ? r : -EIO;
	*ret_n = sqlite3_column_int64(s, 0);
	return 0;
}

/* --- moving ------------------------------------------------------------------------------ */

static int store_command_state(struct store *store, int64_t row, enum command_state *ret_state)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_COMMAND_STATE, "i", row);
	int r = store_step(s);
	const char *state;

	if (r)
		return r;
	state = (const char *)sqlite3_column_text(s, 0);
	if (!state)
		return -ENOMEM;
	*ret_state = command_state_find(state);
	return *ret_state == COMMAND_STATE_MAX ? -EBADMSG : 0;
}

static int store_command_set(struct store *store, int64_t row, const struct store_step *step)
{
	int r = store_run(store_bind(store, SQL_COMMAND_MOVE, "tttii",
		command_state_name(step->state), step->reason, step->detail, step->time_s, row));
	return r < 0 ? r : store_history_add(store, row, step);
}

int store_command_move(struct store *store, int64_t row, const struct store_step *step)
{
	enum command_state state;
	int r = store_command_state(store, row, &state);

	if (r)
		return r;
	return command_state_may_follow(state, step->state) ? store_command_set(store, row, step)
							    : STORE_E_STALE;
}

int store_command_hear(struct store *store, int64_t row, const struct store_step *step)
{
	enum command_state state;
	int r = store_command_state(store, row, &state);

	if (r)
		return r;
	return command_state_may_be_told(state, step->state) ? store_command_set(store, row, step)
							     : STORE_E_STALE;
}

int store_command_approve(
	struct store *store, int64_t row, const char *approved_by, const struct store_step *queued)
{
	int64_t mark;
	int r = store_mark_next(store, &mark);

	if (r == 0)
		r = store_run(store_bind(store, SQL_COMMAND_APPROVE, "ttiii", approved_by,
			queued->detail, queued->time_s, mark, row));
	if (r < 0)
		return r;
	return sqlite3_changes(store->db) == 1 ? store_history_add(store, row, queued)
					       : STORE_E_STALE;
}

/* One of a device that was not delivered; STORE_E_NOT_FOUND. */
static int store_command_queued(struct store *store, const char *device, int64_t *ret_row)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_COMMAND_QUEUED, "t", device);
	int r = store_step(s);

	if (r)
		return r;
	*ret_row = sqlite3_column_int64(s, 0);
	return 0;
}

int store_command_cancel_all(struct store *store, const char *device, const struct store_step *step)
{
	int64_t row;
	int r;

	/* One after the other: a table must not change below a statement that walks it. */
	while ((r = store_command_queued(store, device, &row)) == 0) {
		r = store_command_move(store, row, step);
		if (r)
			return r < 0 ? r : -EIO;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}
