/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_lock.c - locks every session of a person; see session.h. Lock() says only that somebody
 * was asked; the lock is done when the LockedHint of every session says so, and still says so when
 * it is asked for once more. Enforcer only.
 */
#include "platform/session_list.h"

#include <errno.h>
#include <time.h>

#include "agent/util/clock.h"

#define LOCK_PATIENCE_US (10 * USEC_PER_SEC)	   /* for lockers */
#define LOCK_SETTLE_US (200 * USEC_PER_SEC / 1000) /* until a locked session is believed */
#define LOCK_LAST_US (2 * USEC_PER_SEC)		   /* for the look at the end */
#define LOCK_ASKS 4 /* how often a session that unlocks itself is told again */

enum lock_state {
	LOCK_WAITING,
	LOCK_SETTLING,	 /* all are locked; a moment later they are asked again */
	LOCK_CONFIRMING, /* being asked */
	LOCK_LAST,	 /* time is up: being asked a last time */
};

struct lock {
	struct session_call call; /* first */
	struct session_start start;
	struct session_list list;
	enum lock_state state;
	sd_event_source *patience, *settle;
	sd_bus_slot *lock_all;
};

struct lock_count {
	size_t n_wanted, n_locked;
	const struct session_row *first; /* that is not locked */
};

static void lock_free(struct session_call *call)
{
	struct lock *l = (struct lock *)call;

	sd_event_source_unref(l->patience);
	sd_event_source_unref(l->settle);
	sd_bus_slot_unref(l->lock_all);
	session_list_close(&l->list);
	free(l);
}

/* A shell over the network has no screen; a desktop over the network has. */
static bool lock_concerns(const struct session_row *row)
{
	return !row->known ||
	       (session_is_of_user(row) && (!row->remote || session_is_graphical(row)));
}

static struct lock_count lock_count(const struct lock *l)
{
	struct lock_count count = {0};

	for (size_t i = 0; i < l->list.n_rows; i++) {
		const struct session_row *row = l->list.rows[i];

		if (!lock_concerns(row))
			continue;
		count.n_wanted++;
		if (row->known && row->locked)
			count.n_locked++;
		else if (!count.first)
			count.first = row;
	}
	return count;
}

static int on_asked(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct session_row *row = userdata;

	/* What became of it is seen in the hint. */
	(void)m;
	(void)error;
	row->ask = sd_bus_slot_unref(row->ask);
	return 0;
}

static void lock_ask(struct session_row *row)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r;

	if (row->asked || row->ask || row->n_asked == LOCK_ASKS)
		return;
	r = sd_bus_message_new_method_call(
		row->list->bus, &m, LOGIN_NAME, row->path, LOGIN_SESSION, "Lock");
	if (r >= 0)
		r = sd_bus_call_async(
			row->list->bus, &row->ask, m, on_asked, row, LOGIN_TIMEOUT_US);
	if (r < 0)
		return;
	row->asked = true;
	row->n_asked++;
}

static void lock_ask_all(struct lock *l)
{
	for (size_t i = 0; i < l->list.n_rows; i++) {
		struct session_row *row = l->list.rows[i];

		if (!row->known || !lock_concerns(row))
			continue;
		if (row->locked)
			row->asked = false; /* should it unlock, it is told again */
		else
			lock_ask(row);
	}
}

static void lock_give_up(struct lock *l, const struct lock_count *count)
{
	const struct session_row *row = count->first;

	if (!row->known)
		session_finish(&l->start, SESSION_NO_ANSWER,
			"the login service says nothing of session %s", row->id);
	else
		session_finish(&l->start, SESSION_NO_ANSWER,
			"%zu of %zu sessions did not say within %d s that they are locked; the "
			"first is session %s of type %s",
			count->n_wanted - count->n_locked, count->n_wanted,
			(int)(LOCK_PATIENCE_US / USEC_PER_SEC), row->id,
			row->type[0] ? row->type : "unknown");
}

static void lock_succeed(struct lock *l, const struct lock_count *count)
{
	if (count->n_wanted == 0)
		session_finish(&l->start, SESSION_NOBODY, "no session is open");
	else
		session_finish(&l->start, SESSION_DONE, "%zu session%s locked", count->n_wanted,
			count->n_wanted == 1 ? " is" : "s are");
}

static int lock_arm(
	struct lock *l, sd_event_source **source, int64_t in_us, sd_event_time_handler_t handler)
{
	*source = sd_event_source_unref(*source);
	return sd_event_add_time(l->start.platform->event, source, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + in_us), 10000, handler, l);
}

static int lock_on_settled(sd_event_source *source, uint64_t usec, void *userdata);

static int on_all_told(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct lock *l = userdata;

	(void)m;
	(void)error;
	session_finish(&l->start, SESSION_TOO_MANY,
		"there are more than %d sessions; all were told to lock, none was watched",
		LIMIT_SESSIONS);
	return 0;
}

/* So many that they are not people: the one call that reaches all of them. */
static void lock_all_unseen(struct lock *l)
{
	if (l->lock_all)
		return;
	if (sd_bus_call_method_async(l->list.bus, &l->lock_all, LOGIN_NAME, LOGIN_PATH,
		    LOGIN_MANAGER, "LockSessions", on_all_told, l, NULL) < 0)
		session_finish(&l->start, SESSION_TROUBLE, "out of memory");
}

static void lock_changed(struct session_list *list, void *userdata)
{
	struct lock *l = userdata;
	struct lock_count count = lock_count(l);
	bool all = count.n_locked == count.n_wanted;

	if (!list->listed)
		return;
	if (list->too_many) {
		lock_all_unseen(l);
		return;
	}
	if (l->state == LOCK_LAST) {
		if (session_list_is_reading(list))
			return;
		if (all)
			lock_succeed(l, &count);
		else
			lock_give_up(l, &count);
		return;
	}
	lock_ask_all(l);
	if (!all) {
		l->state = LOCK_WAITING;
	} else if (count.n_wanted == 0) {
		lock_succeed(l, &count);
	} else if (l->state == LOCK_WAITING) {
		l->state = LOCK_SETTLING;
		if (lock_arm(l, &l->settle, LOCK_SETTLE_US, lock_on_settled) < 0)
			session_finish(&l->start, SESSION_TROUBLE, "out of memory");
	} else if (l->state == LOCK_CONFIRMING && !session_list_is_reading(list)) {
		lock_succeed(l, &count);
	}
}

static int lock_on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct lock *l = userdata;

	(void)source;
	(void)usec;
	if (l->state != LOCK_SETTLING)
		return 0;
	l->state = LOCK_CONFIRMING;
	session_list_reread(&l->list);
	return 0;
}

static int lock_on_end(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct lock *l = userdata;
	struct lock_count count = lock_count(l);

	(void)source;
	(void)usec;
	if (!l->list.listed) /* a new login service has not said who is there */
		session_finish(&l->start, SESSION_NO_ANSWER, "the login service does not answer");
	else if (count.n_locked == count.n_wanted)
		lock_succeed(l, &count);
	else
		lock_give_up(l, &count);
	return 0;
}

/* A locker that sets the hint may have done so without a signal that reached us. */
static int lock_on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct lock *l = userdata;

	(void)source;
	(void)usec;
	if (!l->list.listed || l->list.too_many) {
		session_finish(&l->start, SESSION_NO_ANSWER, "the login service does not answer");
		return 0;
	}
	l->state = LOCK_LAST;
	if (lock_arm(l, &l->patience, LOCK_LAST_US, lock_on_end) < 0)
		return lock_on_end(NULL, 0, l);
	session_list_reread(&l->list);
	if (!session_list_is_reading(&l->list))
		lock_changed(&l->list, l); /* the bus is gone */
	return 0;
}

static void lock_failed(
	struct session_list *list, enum session_result result, const char *detail, void *userdata)
{
	struct lock *l = userdata;

	(void)list;
	session_finish(&l->start, result, "%s", detail);
}

int session_lock(const struct session_start *start)
{
	char detail[LIMIT_TEXT_BYTES + 1];
	enum session_result result;
	struct lock *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->call.free = lock_free;
	l->start = *start;
	l->list.changed = lock_changed;
	l->list.failed = lock_failed;
	l->list.userdata = l;
	/* From here, not from the first answer: a bus may take the connection and stay silent. */
	if (lock_arm(l, &l->patience, LOCK_PATIENCE_US, lock_on_patience) < 0) {
		lock_free(&l->call);
		return -ENOMEM;
	}
	result = session_list_open(&l->list, start->platform, detail);
	if (result != SESSION_DONE) {
		lock_free(&l->call);
		return session_finish_later(start, result, detail);
	}
	*start->slot = &l->call;
	return 0;
}
