/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_end.c - ends every session of a person; see session.h. Nobody is asked whether they have
 * saved their work. That each is gone is not waited for: processes can take as long as they like to
 * die. Enforcer only.
 */
#include "platform/session_list.h"

#include <errno.h>
#include <time.h>

#include "agent/util/clock.h"

#define END_PATIENCE_US (3 * USEC_PER_SEC)

struct end {
	struct session_call call; /* first */
	struct session_start start;
	struct session_list list;
	sd_event_source *patience;
	size_t n_ended, n_refused;
};

static void end_free(struct session_call *call)
{
	struct end *n = (struct end *)call;

	sd_event_source_unref(n->patience);
	session_list_close(&n->list);
	free(n);
}

static void end_finish(struct end *n)
{
	if (n->n_refused)
		session_finish(&n->start, SESSION_DENIED, "%zu session%s ended, %zu could not be",
			n->n_ended, n->n_ended == 1 ? " is" : "s are", n->n_refused);
	else if (n->n_ended == 0)
		session_finish(&n->start, SESSION_NOBODY, "no session is open");
	else
		session_finish(&n->start, SESSION_DONE, "%zu session%s ended", n->n_ended,
			n->n_ended == 1 ? " is" : "s are");
}

static bool end_is_over(const struct end *n)
{
	for (size_t i = 0; i < n->list.n_rows; i++) {
		const struct session_row *row = n->list.rows[i];

		if (!row->known || row->ask || (session_is_of_user(row) && !row->asked))
			return false;
	}
	return n->list.listed;
}

static int end_on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	struct session_row *row = userdata;
	struct end *n = row->list->userdata;

	(void)ret_error;
	row->ask = sd_bus_slot_unref(row->ask);
	if (sd_bus_message_get_error(m))
		n->n_refused++;
	else
		n->n_ended++;
	if (end_is_over(n))
		end_finish(n);
	return 0;
}

static void end_changed(struct session_list *list, void *userdata)
{
	struct end *n = userdata;

	for (size_t i = 0; i < list->n_rows; i++) {
		struct session_row *row = list->rows[i];

		if (!row->known || row->asked || !session_is_of_user(row))
			continue;
		row->asked = true;
		if (sd_bus_call_method_async(list->bus, &row->ask, LOGIN_NAME, row->path,
			    LOGIN_SESSION, "Terminate", end_on_answer, row, NULL) < 0)
			n->n_refused++;
	}
	if (end_is_over(n))
		end_finish(n);
}

static void end_failed(
	struct session_list *list, enum session_result result, const char *detail, void *userdata)
{
	struct end *n = userdata;

	(void)list;
	session_finish(&n->start, result, "%s", detail);
}

static int end_on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct end *n = userdata;

	(void)source;
	(void)usec;
	session_finish(&n->start, SESSION_NO_ANSWER,
		"the login service did not answer in time; %zu sessions are ended", n->n_ended);
	return 0;
}

int session_end(const struct session_start *start)
{
	struct end *n = calloc(1, sizeof(*n));
	char detail[LIMIT_TEXT_BYTES + 1];
	enum session_result result;
	int r;

	if (!n)
		return -ENOMEM;
	n->call.free = end_free;
	n->start = *start;
	n->list.changed = end_changed;
	n->list.failed = end_failed;
	n->list.userdata = n;
	result = session_list_open(&n->list, start->platform, detail);
	if (result != SESSION_DONE) {
		free(n);
		return session_finish_later(start, result, detail);
	}
	r = sd_event_add_time(start->platform->event, &n->patience, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + END_PATIENCE_US), 10000, end_on_patience, n);
	if (r < 0) {
		end_free(&n->call);
		return r;
	}
	*start->slot = &n->call;
	return 0;
}
