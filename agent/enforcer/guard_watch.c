/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_watch.c - whether the guard still listens: its keeper is asked over its connection, and one
 * that does not answer is ended and started again. A question over the connection, and no sign of
 * life in shared memory: it goes the whole way that a table goes, and wakes nobody up between two
 * of them. Enforcer, root.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "agent/enforcer/guard_host_private.h"
#include "agent/guard/place.h"
#include "agent/ipc/channel.h"

#define LATE_MAX 5 /* seconds more while there is something of it to be read */

/* Whoever has the guard's place and does not listen. false: there is nobody. */
bool guard_watch_end_silent(struct guard_host *h)
{
	pid_t pid;

	if (guard_place_holder(h->path, &pid) < 0 || kill(pid, SIGKILL) < 0)
		return false;
	log_warning("guard: its process %d does not listen and was ended", (int)pid);
	return true;
}

static int watch_on_time(sd_event_source *source, uint64_t usec, void *userdata);

/* Not BOOTTIME: while the phone sleeps nobody can answer. */
static void watch_set(struct guard_host *h, int64_t s, int64_t slack_s)
{
	struct timespec now;

	h->watch = sd_event_source_unref(h->watch);
	clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sd_event_add_time(h->e->event, &h->watch, CLOCK_MONOTONIC,
		(uint64_t)((int64_t)now.tv_sec + s) * USEC_PER_SEC,
		(uint64_t)slack_s * USEC_PER_SEC, watch_on_time, h);
}

void guard_watch_ask(struct guard_host *h)
{
	const struct msg_none none = {0};

	if (h->fd < 0 || !h->said_hello || h->is_asked)
		return;
	/* One that does not even take it is found out by its silence as well. */
	(void)channel_send(h->fd, ROLE_ENFORCER, MESSAGE_GUARD_PING, &none, NULL, 0);
	h->is_asked = true;
	h->n_late = 0;
	watch_set(h, GUARD_SILENT_S, 0);
}

void guard_watch_answered(struct guard_host *h)
{
	h->is_asked = false;
	watch_set(h, GUARD_ASK_S, GUARD_ASK_S / 6);
}

void guard_watch_stop(struct guard_host *h)
{
	h->is_asked = false;
	h->watch = sd_event_source_unref(h->watch);
}

void guard_watch_begin(struct guard_host *h)
{
	h->is_asked = false;
	h->n_late = 0;
	watch_set(h, GUARD_SILENT_S, 0);
}

void guard_watch_until_gone(struct guard_host *h)
{
	pid_t pid;

	guard_watch_stop(h);
	/* Where nobody has the place nobody has to go, and the phone is not woken up for it. One
	 * that only begins is told when it says hello. */
	if (guard_place_holder(h->path, &pid) == 0)
		watch_set(h, GUARD_END_S, 0);
}

static bool watch_has_more(const struct guard_host *h)
{
	struct pollfd ready = {.fd = h->fd, .events = POLLIN};

	return poll(&ready, 1, 0) == 1;
}

static void watch_on_silence(struct guard_host *h)
{
	char why[LIMIT_TEXT_BYTES + 1];
	bool is_ended;

	/* It was us who did not listen. */
	if (watch_has_more(h) && h->n_late++ < LATE_MAX) {
		watch_set(h, 1, 0);
		return;
	}
	is_ended = guard_watch_end_silent(h);
	snprintf(why, sizeof(why), "it %s for %d s%s",
		h->said_hello ? "did not answer" : "said nothing, or did not end when told,",
		GUARD_SILENT_S, is_ended ? " and was ended" : "");
	guard_host_fell(h, why);
}

static int watch_on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct guard_host *h = userdata;

	(void)source;
	(void)usec;
	h->watch = sd_event_source_unref(h->watch);
	if (h->wish == WISH_NONE)
		(void)guard_watch_end_silent(h);
	else if (h->fd >= 0 && (h->is_asked || !h->said_hello))
		watch_on_silence(h);
	else
		guard_watch_ask(h);
	return 0;
}
