/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wake_longpoll.c - waiting at the server by a net role that stays; see wake.h, waiting.h. Enforcer
 * only. Never beside an exchange: the role is ended before a check-in begins.
 */
#include <errno.h>
#include <unistd.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/renewal.h"
#include "agent/enforcer/wake_private.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

static bool longpoll_wanted(const struct enforcer *e)
{
	return e->state.facts.enrolled && !checkin_is_leaving(e) && reactions_is_awake(e) &&
	       !e->exchange && !e->checkin_pending && e->wake->rules.long_poll == TRUTH_TRUE;
}

static void longpoll_failed(struct wake *wake, const struct msg_net_failed *failed)
{
	struct waiting *waiting = &wake->waiting;

	/* Without a network nobody can be waited at: that is no news after the first time. */
	if (waiting->failures == 0)
		log_info("waiting for news failed (%s): %s",
			net_stage_name((enum net_stage)failed->stage), failed->message);
	waiting_failed(waiting, failed->http_status, failed->retry_after_s, clock_boottime_us(),
		checkin_random());
	if (waiting->state == WAITING_REFUSED)
		log_info("the server is older than this agent: news come at the interval only");
}

static void longpoll_done(const struct exchange_result *result, void *userdata)
{
	struct wake *wake = userdata;
	const struct msg_net_woken *woken = &result->woken;
	struct enforcer *e = wake->e;

	checkin_note_facts(e, result);
	if (result->end != EXCHANGE_WOKEN) {
		longpoll_failed(wake, &result->failed);
	} else {
		waiting_answered(&wake->waiting, woken->news != 0, woken->retry_after_s,
			clock_boottime_us(), checkin_random());
		if (woken->news)
			wake_news(wake);
	}
	wake_update(e);
}

static int longpoll_launch(struct wake *wake)
{
	struct enforcer *e = wake->e;
	_cleanup_close_ int identity_fd = checkin_identity_dir(e);
	struct msg_net_wait order = {
		.floor_s = highwater_tls_now(&e->state.facts.highwater, 0),
		.mark = wake->waiting.mark,
		.timeout_s = LIMIT_WAIT_SECONDS,
	};
	struct exchange_start start = {
		.event = e->event,
		.options = &e->exchange_options,
		.identity_fd = identity_fd,
		.done = longpoll_done,
		.userdata = wake,
		.slot = &wake->exchange,
	};

	if (identity_fd < 0)
		return identity_fd;
	snprintf(order.server, sizeof(order.server), "%s", e->state.facts.server);
	renewal_identity(e, &order.identity);
	return exchange_wait(&start, &order);
}

static int longpoll_start(struct wake *wake)
{
	int64_t now_us = clock_boottime_us();
	int r;

	waiting_want(&wake->waiting, true, now_us);
	if (waiting_due_us(&wake->waiting, now_us) != 0)
		return 0;
	waiting_begin(&wake->waiting, now_us);
	r = longpoll_launch(wake);
	if (r < 0)
		waiting_failed(&wake->waiting, 0, -1, now_us, checkin_random());
	return r;
}

static void longpoll_stop(struct wake *wake)
{
	waiting_want(&wake->waiting, false, clock_boottime_us());
	exchange_free(wake->exchange);
}

const struct wake_transport wake_longpoll = {
	.name = "long_poll",
	.help = "waiting at the server",
	.wanted = longpoll_wanted,
	.start = longpoll_start,
	.stop = longpoll_stop,
};
