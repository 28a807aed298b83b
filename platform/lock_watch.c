/* SPDX-License-Identifier: Apache-2.0 */
/* lock_watch.c - whether the phone is locked; see lock_watch.h. Reads only. Enforcer only. */
#include "platform/lock_watch.h"

#include <errno.h>
#include <time.h>

#include "agent/util/clock.h"
#include "agent/util/mem.h"
#include "platform/bus_peer.h"

/* A login service that is missing: 1, 2, 4 … seconds, then every 17 minutes. */
#define RETRY_US USEC_PER_SEC
#define RETRY_SHIFT_MAX 10

struct lock_watch {
	struct platform *platform;
	struct lock_listener *listeners;
	struct session_list list;
	bool is_open;
	struct bus_peer login; /* tells when it goes, which the list does not */
	sd_event_source *retry;
	unsigned int n_retries;
	bool locked, known;
	bool closing;
	const char *why;
};

static void lock_retry_later(struct lock_watch *w);

bool lock_of_sessions(const struct session_list *list, const char **ret_why)
{
	const struct session_row *front = list->listed ? session_list_front(list) : NULL;

	*ret_why = "";
	if (front)
		return front->locked;
	*ret_why = list->listed ? "nobody is logged in at the screen"
				: "the login service has not said yet who is logged in";
	return true;
}

static void lock_tell(struct lock_watch *w, bool locked, bool known, const char *why)
{
	bool changed = w->locked != locked || w->known != known;

	w->locked = locked;
	w->known = known;
	w->why = why;
	for (struct lock_listener *l = w->listeners; changed && l; l = l->next)
		l->changed(l, locked);
}

static void lock_close(struct lock_watch *w)
{
	if (!w->is_open)
		return;
	w->is_open = false;
	session_list_close(&w->list);
}

static void lock_lost(struct lock_watch *w, const char *why)
{
	lock_close(w);
	lock_retry_later(w);
	lock_tell(w, true, false, why);
}

static void lock_on_sessions(struct session_list *list, void *userdata)
{
	struct lock_watch *w = userdata;
	const char *why;
	bool locked = lock_of_sessions(list, &why);

	if (list->listed)
		w->n_retries = 0;
	lock_tell(w, locked, list->listed, why);
}

static void lock_on_failure(
	struct session_list *list, enum session_result result, const char *detail, void *userdata)
{
	(void)list;
	(void)detail;
	lock_lost(userdata, result == SESSION_NO_LOGIND
				    ? "no login service (logind, elogind) says whether it is locked"
				    : "the login service does not say whether it is locked");
}

static void lock_open(struct lock_watch *w)
{
	char detail[LIMIT_TEXT_BYTES + 1];

	w->list = (struct session_list){
		.changed = lock_on_sessions,
		.failed = lock_on_failure,
		.userdata = w,
	};
	if (session_list_open(&w->list, w->platform, detail) != SESSION_DONE) {
		lock_retry_later(w);
		lock_tell(w, true, false, "there is no system bus to ask whether it is locked");
		return;
	}
	w->is_open = true;
}

static int lock_on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct lock_watch *w = userdata;

	(void)source;
	(void)usec;
	w->retry = sd_event_source_unref(w->retry);
	lock_open(w);
	return 0;
}

static void lock_retry_later(struct lock_watch *w)
{
	unsigned int shift = w->n_retries < RETRY_SHIFT_MAX ? w->n_retries++ : RETRY_SHIFT_MAX;

	if (w->retry)
		return;
	(void)sd_event_add_time(w->platform->event, &w->retry, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + (RETRY_US << shift)), USEC_PER_SEC / 10,
		lock_on_retry, w);
}

static void lock_on_appeared(struct bus_peer *peer)
{
	struct lock_watch *w = peer->userdata;

	if (w->is_open)
		return;
	w->retry = sd_event_source_unref(w->retry);
	lock_open(w);
}

static void lock_on_vanished(struct bus_peer *peer)
{
	struct lock_watch *w = peer->userdata;

	if (!w->closing)
		lock_lost(w, "the login service went away");
}

static const struct bus_peer_row login_row = {
	.bus_name = LOGIN_NAME,
	.appeared = lock_on_appeared,
	.vanished = lock_on_vanished,
};

/* --- public -------------------------------------------------------------------------------- */

static void lock_free(struct lock_watch *w)
{
	w->platform->lock_watch = NULL;
	lock_close(w);
	w->closing = true;
	bus_peer_close(&w->login);
	sd_event_source_unref(w->retry);
	free(w);
}

int lock_watch_join(struct platform *platform, struct lock_listener *listener)
{
	struct lock_watch *w = platform->lock_watch;

	if (listener->joined)
		return 0;
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return -ENOMEM;
		w->platform = platform;
		w->locked = true;
		w->why = "it is not known yet whether it is locked";
		platform->lock_watch = w;
		lock_open(w);
		w->login = (struct bus_peer){.row = &login_row, .userdata = w};
		if (bus_peer_open(&w->login, platform) < 0) {
			lock_free(w);
			return -ENOMEM;
		}
	}
	listener->next = w->listeners;
	listener->joined = true;
	w->listeners = listener;
	return 0;
}

void lock_watch_leave(struct platform *platform, struct lock_listener *listener)
{
	struct lock_watch *w = platform->lock_watch;

	if (!listener->joined)
		return;
	listener->joined = false;
	for (struct lock_listener **at = &w->listeners; *at; at = &(*at)->next) {
		if (*at != listener)
			continue;
		*at = listener->next;
		break;
	}
	if (!w->listeners)
		lock_free(w);
}

bool lock_watch_is_locked(const struct platform *platform)
{
	return !platform->lock_watch || platform->lock_watch->locked;
}

enum truth lock_watch_state(const struct platform *platform)
{
	if (!platform->lock_watch || !platform->lock_watch->known)
		return TRUTH_UNKNOWN;
	return platform->lock_watch->locked ? TRUTH_TRUE : TRUTH_FALSE;
}

const char *lock_watch_why(const struct platform *platform)
{
	return platform->lock_watch ? platform->lock_watch->why
				    : "nobody has asked whether it is locked";
}
