/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reactions.c - edges and facts of the device become requests to pacing and to reconcile; see
 * reactions.h. Decides nothing about the server's load: pacing.c does. Enforcer only.
 */
#include "agent/enforcer/reactions.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/places.h"
#include "agent/util/clock.h"

/* Facts change together: a network that comes up is several signals. */
#define SETTLE_US USEC_PER_SEC
/* After a resume a network takes this long to come back; an exchange before that would fail. */
#define NETWORK_GRACE_US (15 * USEC_PER_SEC)
/* A network that comes up so soon after a resume came up because of it. */
#define RESUME_US (60 * USEC_PER_SEC)

struct reactions {
	struct enforcer *e;
	struct device *device;
	bool held[REACTIONS_REASON_MAX];
	bool sleeping;
	int64_t resumed_us; /* 0: not in this run */
	int64_t grace_until_us;
	sd_event_source *settle, *grace;
};

static const char *const reason_texts[REACTIONS_REASON_MAX] = {
	[REACTIONS_EXCHANGE] = "talking to the organisation's server",
	[REACTIONS_COMMAND] = "carrying out a command of the organisation",
};

/* --- what is known ------------------------------------------------------------------------ */

const struct device_facts *reactions_facts(const struct enforcer *e)
{
	return device_facts(e->reactions ? e->reactions->device : NULL);
}

bool reactions_is_expensive(const struct enforcer *e)
{
	const struct device_facts *facts = reactions_facts(e);

	return facts->metered == TRUTH_TRUE || facts->roaming == TRUTH_TRUE;
}

bool reactions_is_awake(const struct enforcer *e)
{
	return !e->reactions || !e->reactions->sleeping;
}

bool reactions_may_start(const struct enforcer *e)
{
	const struct reactions *r = e->reactions;

	return reactions_is_awake(e) &&
	       (!r || !r->grace || reactions_facts(e)->online != TRUTH_FALSE);
}

/* --- the inhibitor ------------------------------------------------------------------------ */

void reactions_hold(struct enforcer *e, enum reactions_reason reason)
{
	struct reactions *r = e->reactions;

	if (!r || r->held[reason])
		return;
	r->held[reason] = true;
	device_hold(r->device, reason_texts[reason]);
}

void reactions_release(struct enforcer *e, enum reactions_reason reason)
{
	struct reactions *r = e->reactions;

	if (!r || !r->held[reason])
		return;
	r->held[reason] = false;
	device_release(r->device);
}

/* --- events ------------------------------------------------------------------------------- */

/* On an expensive link an edge is no reason, unless something has been waiting since a failure. */
static void reactions_edge(struct reactions *r, bool network)
{
	struct enforcer *e = r->e;

	if (reactions_is_expensive(e) && e->pacing.failures == 0)
		return;
	pacing_edge(&e->pacing, clock_boottime_us(), checkin_random(), network);
}

static int reactions_on_grace(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct reactions *r = userdata;

	(void)source;
	(void)usec;
	r->grace = sd_event_source_unref(r->grace);
	checkin_schedule(r->e);
	return 0;
}

static void reactions_resumed(struct reactions *r)
{
	struct enforcer *e = r->e;
	int64_t now = clock_boottime_us();

	r->sleeping = false;
	places_resumed(e);
	r->resumed_us = now;
	r->grace = sd_event_source_unref(r->grace);
	if (reactions_facts(e)->online == TRUTH_FALSE)
		(void)sd_event_add_time(e->event, &r->grace, CLOCK_BOOTTIME,
			(uint64_t)(now + NETWORK_GRACE_US), USEC_PER_SEC / 2, reactions_on_grace,
			r);
	else
		reactions_edge(r, false);
	checkin_schedule(e);
}

static void reactions_online(struct reactions *r)
{
	bool after_resume = r->resumed_us > 0 && clock_boottime_us() - r->resumed_us < RESUME_US;

	r->grace = sd_event_source_unref(r->grace);
	reactions_edge(r, !after_resume);
	/* What failed for want of a network is tried again. */
	if (r->e->state.facts.enrolled && !checkin_is_leaving(r->e))
		reconcile_request(&r->e->reconcile, false);
	checkin_schedule(r->e);
}

static int reactions_on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct reactions *r = userdata;
	struct enforcer *e = r->e;

	(void)source;
	(void)usec;
	r->settle = sd_event_source_unref(r->settle);
	enforcer_configure_pacing(e);
	if (e->state.facts.enrolled && !checkin_is_leaving(e))
		reconcile_request(&e->reconcile, false);
	checkin_schedule(e);
	return 0;
}

static void reactions_facts_changed(struct reactions *r)
{
	if (!r->settle)
		(void)sd_event_add_time(r->e->event, &r->settle, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() + SETTLE_US), SETTLE_US / 2,
			reactions_on_settled, r);
}

static void reactions_on_event(enum device_event event, void *userdata)
{
	struct reactions *r = userdata;

	switch (event) {
	case DEVICE_SLEEPING:
		/* What is under way may end; the inhibitor gives it the time. */
		r->sleeping = true;
		checkin_schedule(r->e);
		break;
	case DEVICE_RESUMED:
		reactions_resumed(r);
		break;
	case DEVICE_ONLINE:
		reactions_online(r);
		break;
	case DEVICE_FACTS_CHANGED:
		reactions_facts_changed(r);
		break;
	case DEVICE_EVENT_MAX:
		break;
	}
}

/* --- waking the phone ---------------------------------------------------------------------- */

/* error 0: it is fine, or nobody wants it. */
static void reactions_note_waking(struct enforcer *e, int error)
{
	if (error == 0)
		enforcer_problem(e, PROBLEM_WAKE_DEVICE, NULL, NULL);
	else if (error == -EOPNOTSUPP)
		enforcer_problem(e, PROBLEM_WAKE_DEVICE, "It checks in when it is awake.",
			"the policy wants a sleeping phone woken up for its check-in, but this one "
			"has no clock that can do that");
	else
		enforcer_problem(e, PROBLEM_WAKE_DEVICE,
			"It checks in when it is awake. The service needs the capability "
			"CAP_WAKE_ALARM.",
			"the policy wants a sleeping phone woken up for its check-in, but the "
			"system does not let the agent do that: %s",
			strerror(-error));
}

int reactions_add_timer(struct enforcer *e, int64_t at_us, int64_t accuracy_us,
	sd_event_time_handler_t handler, sd_event_source **ret_source)
{
	int r = -EOPNOTSUPP;

	if (e->wake_device)
		r = sd_event_add_time(e->event, ret_source, CLOCK_BOOTTIME_ALARM, (uint64_t)at_us,
			(uint64_t)accuracy_us, handler, e);
	reactions_note_waking(e, e->wake_device && r < 0 ? r : 0);
	if (r < 0)
		r = sd_event_add_time(e->event, ret_source, CLOCK_BOOTTIME, (uint64_t)at_us,
			(uint64_t)accuracy_us, handler, e);
	return r < 0 ? r : 0;
}

/* --- life --------------------------------------------------------------------------------- */

int reactions_new(
	struct enforcer *e, reactions_device_fn new_device, struct reactions **ret_reactions)
{
	struct reactions *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return -ENOMEM;
	r->e = e;
	error = new_device(&e->platform, reactions_on_event, r, &r->device);
	if (error < 0) {
		sd_event_source_unref(r->settle);
		free(r);
		return error;
	}
	e->reconcile.device = e->platform.device = r->device;
	*ret_reactions = r;
	return 0;
}

void reactions_free(struct reactions *reactions)
{
	if (!reactions)
		return;
	reactions->e->reconcile.device = reactions->e->platform.device = NULL;
	device_free(reactions->device);
	sd_event_source_unref(reactions->settle);
	sd_event_source_unref(reactions->grace);
	free(reactions);
}
