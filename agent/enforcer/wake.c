/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wake.c - which transport may run now, and what a wake leads to; see wake.h. Enforcer only.
 * Nothing that comes over a transport is looked at: it is a reason to check in, rate-limited by the
 * tokens of pacing.c.
 */
#include "agent/enforcer/wake.h"

#include <errno.h>
#include <string.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/wake_private.h"
#include "agent/util/clock.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"

#define WAKE_SLACK_US (60 * USEC_PER_SEC) /* that a timer may be late: wake-ups share */

const struct wake_transport *const wake_transports[] = {
	&wake_longpoll,
	&wake_push,
	NULL,
};

int wake_new(struct enforcer *e, struct wake **ret_wake)
{
	struct wake *wake = calloc(1, sizeof(*wake));

	if (!wake)
		return -ENOMEM;
	wake->e = e;
	waiting_init(&wake->waiting);
	wake_push_init(&wake->push);
	*ret_wake = wake;
	return 0;
}

void wake_free(struct wake *wake)
{
	if (!wake)
		return;
	wake_longpoll.stop(wake);
	/* The registration stays: the phone is enrolled, and the agent comes back. */
	wake_push_done(wake);
	sd_event_source_unref(wake->timer);
	wake->e->wake = NULL;
	free(wake);
}

void wake_news(struct wake *wake)
{
	struct enforcer *e = wake->e;

	pacing_wake(&e->pacing, clock_boottime_us(), checkin_random());
	checkin_schedule(e);
}

static int wake_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct wake *wake = userdata;

	(void)source;
	(void)usec;
	wake->timer = sd_event_source_unref(wake->timer);
	wake_update(wake->e);
	return 0;
}

/* For the next wait, and for a condition that a time of the week ends. */
static void wake_arm(struct wake *wake)
{
	int64_t now_us = clock_boottime_us();
	int64_t due_us = waiting_due_us(&wake->waiting, now_us);
	int64_t next_s = wake->rules.long_poll_next_s;

	wake->timer = sd_event_source_unref(wake->timer);
	if (next_s < LIMIT_INTERVAL_MAX_S && (due_us < 0 || next_s < due_us / USEC_PER_SEC))
		due_us = (next_s + 1) * USEC_PER_SEC;
	if (due_us < 0)
		return;
	if (sd_event_add_time(wake->e->event, &wake->timer, CLOCK_BOOTTIME,
		    (uint64_t)(now_us + due_us),
		    (uint64_t)(due_us / 4 > WAKE_SLACK_US ? WAKE_SLACK_US : due_us / 4 + 1),
		    wake_on_timer, wake) < 0)
		log_error("the next wait for news could not be scheduled: out of memory; the phone "
			  "goes on checking in at its interval");
}

static void wake_read_rules(struct wake *wake)
{
	struct enforcer *e = wake->e;
	struct policy *policies[LIMIT_ASSIGNMENT_GROUPS];
	size_t n = documents_policies(&e->documents, policies);
	struct when_facts facts;

	reconcile_facts(&e->reconcile, &facts);
	checkin_merge(policies, n, &facts, &wake->rules);
	if (!e->state.facts.enrolled)
		wake->rules.long_poll_next_s = INT64_MAX;
}

void wake_update(struct enforcer *e)
{
	struct wake *wake = e->wake;

	if (!wake)
		return;
	wake_read_rules(wake);
	for (size_t i = 0; wake_transports[i]; i++) {
		const struct wake_transport *transport = wake_transports[i];
		int r = 0;

		if (transport->wanted(e))
			r = transport->start(wake);
		else
			transport->stop(wake);
		if (r < 0)
			log_warning("%s could not be started: %s", transport->help, strerror(-r));
	}
	wake_arm(wake);
}

void wake_checked_in(struct enforcer *e, int64_t mark)
{
	if (e->wake)
		waiting_checked_in(&e->wake->waiting, mark, clock_boottime_us(), checkin_random());
}

void wake_forget(struct enforcer *e)
{
	if (!e->wake)
		return;
	for (size_t i = 0; wake_transports[i]; i++)
		wake_transports[i]->stop(e->wake);
	waiting_init(&e->wake->waiting);
	wake_update(e);
}

const char *wake_endpoint(const struct enforcer *e)
{
	return e->wake ? e->wake->push.endpoint : "";
}

/* Of an address with its secret part, what people may see: who is told that the phone has news. */
static void wake_write_push(const struct wake *wake, struct jsonw *w)
{
	const char *host = wake->push.endpoint + strlen("https://");
	char text[LIMIT_URL_BYTES + 1] = "";

	if (!wake->push.wanted)
		return;
	if (wake->push.endpoint[0])
		snprintf(text, sizeof(text), "%.*s", (int)strcspn(host, "/?"), host);
	jsonw_object(w, "push");
	jsonw_string(w, "state", wake->push.uid ? push_state_name(wake->push.state) : "no_session");
	jsonw_string(w, "service", *text ? text : NULL);
	jsonw_object_end(w);
}

void wake_write(const struct enforcer *e, struct jsonw *w, const char *key)
{
	const struct wake *wake = e->wake;
	enum waiting_state state = wake ? wake->waiting.state : WAITING_OFF;
	const char *transport = NULL;

	if (state != WAITING_OFF)
		transport = wake_longpoll.name;
	else if (wake && wake->push.endpoint[0])
		transport = wake_push.name;
	jsonw_object(w, key);
	jsonw_string(w, "transport", transport);
	jsonw_string(w, "state", waiting_state_name(state));
	jsonw_int(w, "tokens", pacing_wake_tokens(&e->pacing, clock_boottime_us()));
	if (wake)
		wake_write_push(wake, w);
	jsonw_object_end(w);
}
