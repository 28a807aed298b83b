/* SPDX-License-Identifier: Apache-2.0 */
/* guard_start.c - starting the guard, as a service or beside this process; see guard_host.h.
 * Enforcer, root. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/enforcer/effects.h"
#include "agent/enforcer/guard_host_private.h"
#include "agent/util/child.h"
#include "platform/service.h"

#define START_DEADLINE_S 20
#define GUARD_EXIT_ABSENT 3

int64_t guard_pause_us(unsigned int n_falls)
{
	int64_t s = 1;

	if (n_falls <= 1)
		return 0;
	for (unsigned int i = 2; i < n_falls && s < GUARD_PAUSE_MAX_S; i++)
		s *= 2;
	return (s < GUARD_PAUSE_MAX_S ? s : GUARD_PAUSE_MAX_S) * USEC_PER_SEC;
}

static void host_not_started(struct guard_host *h, const char *why)
{
	h->arrival = sd_event_source_unref(h->arrival);
	if (h->fd < 0)
		guard_host_fell(h, why);
}

static int host_on_arrival(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct guard_host *h = userdata;

	(void)source;
	(void)usec;
	h->arrival = sd_event_source_unref(h->arrival);
	/* One that hangs since before the agent's start keeps another from coming. */
	if (!h->said_hello)
		guard_host_fell(
			h, guard_watch_end_silent(h)
				   ? "one that did not listen was in its place and was ended"
				   : "it was started and does not come");
	return 0;
}

static void host_on_service(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;

	if (answer->result != SESSION_DONE)
		host_not_started(e->guard, answer->detail);
}

static void host_on_program(const struct child_result *result, void *userdata)
{
	struct guard_host *h = userdata;
	char why[LIMIT_TEXT_BYTES + 1];

	/* It has left for a session of its own. */
	if (result->end == CHILD_EXITED && (result->code == 0 || result->code == GUARD_EXIT_ABSENT))
		return;
	snprintf(why, sizeof(why), "%.120s could not begin (%s %d)", h->e->options.guard_program,
		result->end == CHILD_EXITED ? "status" : "signal", result->code);
	host_not_started(h, why);
}

static int host_start_program(struct guard_host *h)
{
	const char *argv[] = {h->e->options.guard_program, "--socket", h->path, "--detach", NULL};
	const struct child_spec spec = {
		.argv = argv,
		.root_fd = -1,
		.deadline_s = START_DEADLINE_S,
	};

	child_free(TAKE_PTR(h->child));
	return child_start(h->e->event, &spec, host_on_program, h, &h->child);
}

void guard_start(struct guard_host *h)
{
	struct session_start start;
	char why[LIMIT_TEXT_BYTES + 1];
	int64_t grace_us;
	int r;

	h->retry = sd_event_source_unref(h->retry);
	if (h->wish != WISH_GUARD || h->is_absent || h->fd >= 0 || h->arrival)
		return;
	/* One that outlived the agent before comes by itself. */
	grace_us = h->listening_us + GUARD_GRACE_MS * 1000 - clock_boottime_us();
	if (grace_us > 0) {
		guard_start_later(h, grace_us);
		return;
	}
	r = sd_event_add_time(h->e->event, &h->arrival, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + GUARD_ARRIVAL_S * USEC_PER_SEC), 100000,
		host_on_arrival, h);
	if (r < 0)
		return;
	session_call_free(TAKE_PTR(h->service));
	effects_fill(h->e, &start, host_on_service);
	start.slot = &h->service;
	r = service_start(&start, GUARD_SERVICE);
	if (r < 0)
		r = host_start_program(h);
	if (r < 0) {
		snprintf(why, sizeof(why), "%.150s: %s", h->e->options.guard_program, strerror(-r));
		host_not_started(h, why);
	}
}

static int host_on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	guard_start(userdata);
	return 0;
}

void guard_start_later(struct guard_host *h, int64_t pause_us)
{
	h->retry = sd_event_source_unref(h->retry);
	h->arrival = sd_event_source_unref(h->arrival);
	(void)sd_event_add_time(h->e->event, &h->retry, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + pause_us), 50000, host_on_retry, h);
}
