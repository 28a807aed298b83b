/* SPDX-License-Identifier: Apache-2.0 */
/* waiting.c - when to wait at the server for news; see waiting.h. Enforcer; pure. */
#include "agent/enforcer/waiting.h"

#include <stddef.h>

#include "agent/util/clock.h"

static const char *const waiting_state_names[WAITING_STATE_MAX] = {
	[WAITING_OFF] = "off",
	[WAITING_READY] = "pausing",
	[WAITING_RUNNING] = "waiting",
	[WAITING_TOLD] = "news",
	[WAITING_REFUSED] = "refused",
};

const char *waiting_state_name(enum waiting_state state)
{
	return (unsigned int)state < WAITING_STATE_MAX ? waiting_state_names[state] : NULL;
}

void waiting_init(struct waiting *w)
{
	*w = (struct waiting){.state = WAITING_OFF, .mark = -1, .told_mark = -1};
}

/* All transitions. READY begins as soon as distance and back-off allow. */
static void waiting_set_state(struct waiting *w, enum waiting_state state, int64_t now_us)
{
	w->state = state;
	w->next_us = 0;
	if (state != WAITING_READY)
		return;
	w->next_us = now_us > w->not_before_us ? now_us : w->not_before_us;
	if (w->started_us > 0 && w->next_us < w->started_us + WAITING_DISTANCE_S * USEC_PER_SEC)
		w->next_us = w->started_us + WAITING_DISTANCE_S * USEC_PER_SEC;
}

/* READY or OFF, whichever it is now. */
static void waiting_rest(struct waiting *w, int64_t now_us)
{
	waiting_set_state(w, w->wanted && w->mark >= 0 ? WAITING_READY : WAITING_OFF, now_us);
}

static int64_t waiting_pause_us(int64_t retry_after_s)
{
	int64_t s = WAITING_BACKOFF_S;

	if (retry_after_s > s)
		s = retry_after_s < LIMIT_INTERVAL_MAX_S ? retry_after_s : LIMIT_INTERVAL_MAX_S;
	return s * USEC_PER_SEC;
}

static void waiting_back_off(
	struct waiting *w, int64_t retry_after_s, int64_t now_us, uint64_t random)
{
	const int64_t cap_s = WAITING_BACKOFF_CAP_S - WAITING_BACKOFF_S;
	int64_t span_s = WAITING_BACKOFF_S;

	for (uint64_t n = (uint64_t)w->failures + w->hollow; n > 1 && span_s < cap_s; n--)
		span_s *= 2;
	if (span_s > cap_s)
		span_s = cap_s;
	w->not_before_us = now_us + waiting_pause_us(retry_after_s) +
			   (int64_t)(random % (uint64_t)(span_s * USEC_PER_SEC));
}

static void waiting_count(uint32_t *n)
{
	if (*n < UINT32_MAX)
		(*n)++;
}

void waiting_want(struct waiting *w, bool wanted, int64_t now_us)
{
	w->wanted = wanted;
	switch (w->state) {
	case WAITING_OFF:
	case WAITING_READY:
		if ((w->state == WAITING_READY) != (wanted && w->mark >= 0))
			waiting_rest(w, now_us);
		return;
	case WAITING_RUNNING:
		if (!wanted)
			waiting_set_state(w, WAITING_OFF, now_us);
		return;
	case WAITING_TOLD:
	case WAITING_REFUSED:
	case WAITING_STATE_MAX:
		return;
	}
}

void waiting_checked_in(struct waiting *w, int64_t mark, int64_t now_us, uint64_t random)
{
	bool told = w->state == WAITING_TOLD;

	w->mark = mark;
	if (w->failures > 0 && w->unreachable && w->hollow == 0)
		w->not_before_us = 0;
	w->failures = 0;
	if (told && mark > w->told_mark) {
		w->hollow = 0;
		w->not_before_us = 0;
	} else if (told) {
		waiting_count(&w->hollow);
		waiting_back_off(w, -1, now_us, random);
	}
	if (w->state != WAITING_REFUSED && w->state != WAITING_RUNNING)
		waiting_rest(w, now_us);
}

int64_t waiting_due_us(const struct waiting *w, int64_t now_us)
{
	if (w->state != WAITING_READY)
		return -1;
	return w->next_us > now_us ? w->next_us - now_us : 0;
}

void waiting_begin(struct waiting *w, int64_t now_us)
{
	if (w->state != WAITING_READY)
		return;
	w->started_us = now_us;
	waiting_set_state(w, WAITING_RUNNING, now_us);
}

void waiting_answered(
	struct waiting *w, bool news, int64_t retry_after_s, int64_t now_us, uint64_t random)
{
	bool quick = now_us - w->started_us < WAITING_SHORT_S * USEC_PER_SEC;

	if (w->state != WAITING_RUNNING)
		return;
	w->failures = 0;
	if (news) {
		w->told_mark = w->mark;
		waiting_set_state(w, WAITING_TOLD, now_us);
		return;
	}
	if (quick) {
		waiting_count(&w->hollow);
		waiting_back_off(w, retry_after_s, now_us, random);
	} else {
		w->hollow = 0;
		w->not_before_us = now_us +
				   (retry_after_s > 0 ? waiting_pause_us(retry_after_s) : 0) +
				   (int64_t)(random % (uint64_t)(WAITING_SPREAD_S * USEC_PER_SEC));
	}
	waiting_rest(w, now_us);
}

void waiting_failed(struct waiting *w, uint32_t http_status, int64_t retry_after_s, int64_t now_us,
	uint64_t random)
{
	if (w->state != WAITING_RUNNING)
		return;
	if (http_status == 404 || http_status == 405) {
		waiting_set_state(w, WAITING_REFUSED, now_us);
		return;
	}
	/* What held for minutes and then broke was no failure to connect: a box on the way. */
	if (now_us - w->started_us >= WAITING_SHORT_S * USEC_PER_SEC)
		w->failures = 0;
	waiting_count(&w->failures);
	w->unreachable = http_status == 0;
	waiting_back_off(w, retry_after_s, now_us, random);
	waiting_rest(w, now_us);
}
