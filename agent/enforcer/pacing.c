/* SPDX-License-Identifier: Apache-2.0 */
/* pacing.c - when to check in next; see pacing.h. Enforcer; pure. */
#include "agent/enforcer/pacing.h"

#include <stddef.h>

#include "agent/util/clock.h"

enum {
	PACING_DEFAULT_INTERVAL_S = 3600,
	PACING_DEFAULT_JITTER_S = 360,
	/* Until the first check-in after a start, see pacing.h. */
	PACING_START_MAX_S = 40 * 60,
	/* What the phone itself wants to tell, in good times and after failures. */
	PACING_REQUEST_SPREAD_S = 5,
	PACING_RETURN_SPREAD_S = 300,
	/* Coming back for the rest of a long answer. */
	PACING_MORE_SPREAD_S = 30,
	/* A wake that had to wait for its token. */
	PACING_WAKE_SPREAD_S = 30,
	/* As many failures in a row are an outage that others had too. */
	PACING_LONG_OUTAGE = 4,
};

static const char *const pacing_state_names[PACING_STATE_MAX] = {
	[PACING_IDLE] = "idle",
	[PACING_WAITING] = "waiting",
	[PACING_RUNNING] = "running",
	[PACING_BACKOFF] = "backoff",
};

const char *pacing_state_name(enum pacing_state state)
{
	return (unsigned int)state < PACING_STATE_MAX ? pacing_state_names[state] : NULL;
}

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
	return value < min ? min : value > max ? max : value;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Uniform in [0, span_s), in microseconds; the bias of the remainder is below 2^-20. */
static int64_t pacing_draw_us(uint64_t random, int64_t span_s)
{
	return span_s > 0 ? (int64_t)(random % (uint64_t)(span_s * USEC_PER_SEC)) : 0;
}

static void pacing_set_state(struct pacing *p, enum pacing_state state, int64_t next_us)
{
	p->state = state;
	p->next_us = next_us;
}

void pacing_init(struct pacing *p, const char *device_id)
{
	uint64_t offset = 0;

	/* The id is a digest: its first 64 bits are as evenly spread as anything. */
	for (int i = 0; i < 16 && device_id[i]; i++) {
		char c = device_id[i];
		uint64_t digit = c >= '0' && c <= '9'	? (uint64_t)(c - '0')
				 : c >= 'a' && c <= 'f' ? (uint64_t)(c - 'a' + 10)
							: 0;
		offset = offset << 4 | digit;
	}
	*p = (struct pacing){
		.interval_s = PACING_DEFAULT_INTERVAL_S,
		.jitter_s = PACING_DEFAULT_JITTER_S,
		.device_offset = offset,
		/* Full at the start of the clock. */
		.wake_bucket = {-PACING_WAKE_TOKENS * PACING_WAKE_TOKEN_S * USEC_PER_SEC},
		.edge_bucket = {-PACING_EDGE_TOKENS * PACING_EDGE_TOKEN_S * USEC_PER_SEC},
	};
	pacing_set_state(p, PACING_IDLE, 0);
}

static void pacing_clear(struct pacing *p)
{
	p->hint_s = 0;
	p->not_before_us = 0;
	p->failures = 0;
	p->pending_request = p->pending_user = p->pending_wake = false;
	p->is_slot = p->wake_owed = false;
}

void pacing_start(struct pacing *p, int64_t now_us, uint64_t random, bool soon)
{
	int64_t span_s = p->interval_s * 2 / 3;

	pacing_clear(p);
	if (span_s > PACING_START_MAX_S)
		span_s = PACING_START_MAX_S;
	pacing_set_state(
		p, PACING_WAITING, soon ? now_us : now_us + pacing_draw_us(random, span_s));
}

void pacing_stop(struct pacing *p)
{
	pacing_clear(p);
	pacing_set_state(p, PACING_IDLE, 0);
}

/* The phone's next slot with its jitter, or the hint in place of the slot. */
static int64_t pacing_next_us(const struct pacing *p, int64_t now_us, uint64_t random)
{
	int64_t interval_us = p->interval_s * USEC_PER_SEC, slot_us;

	if (p->hint_s > 0) {
		slot_us = now_us + p->hint_s * USEC_PER_SEC;
	} else {
		slot_us = (int64_t)(p->device_offset % (uint64_t)interval_us);
		if (now_us >= slot_us)
			slot_us += ((now_us - slot_us) / interval_us + 1) * interval_us;
	}
	return later(slot_us + pacing_draw_us(random, p->jitter_s),
		now_us + PACING_MIN_S * USEC_PER_SEC);
}

void pacing_configure(
	struct pacing *p, int64_t interval_s, int64_t jitter_s, int64_t now_us, uint64_t random)
{
	int64_t next_us;

	interval_s = clamp(interval_s, LIMIT_INTERVAL_MIN_S, LIMIT_INTERVAL_MAX_S);
	jitter_s = clamp(jitter_s, 0, interval_s / 2);
	if (interval_s == p->interval_s && jitter_s == p->jitter_s)
		return;
	p->interval_s = interval_s;
	p->jitter_s = jitter_s;
	if (p->state != PACING_WAITING || p->hint_s > 0)
		return;
	next_us = pacing_next_us(p, now_us, random);
	if (next_us > p->next_us) {
		int64_t limit_us = p->ended_us + (interval_s + jitter_s) * USEC_PER_SEC;

		if (!p->is_slot)
			return;
		next_us = later(p->next_us, next_us < limit_us ? next_us : limit_us);
	}
	p->is_slot = true;
	pacing_set_state(p, PACING_WAITING, next_us);
}

int64_t pacing_due_us(const struct pacing *p, int64_t now_us)
{
	switch (p->state) {
	case PACING_WAITING:
	case PACING_BACKOFF:
		return later(p->next_us - now_us, 0);
	case PACING_IDLE:
	case PACING_RUNNING:
	case PACING_STATE_MAX:
		break;
	}
	return -1;
}

void pacing_begin(struct pacing *p, int64_t now_us)
{
	p->started_us = now_us;
	p->pending_request = p->pending_user = p->pending_wake = false;
	p->is_slot = p->wake_owed = false;
	pacing_set_state(p, PACING_RUNNING, 0);
}

void pacing_succeed(struct pacing *p, int64_t now_us, uint64_t random, int64_t hint_s, bool more)
{
	bool request = p->pending_request, user = p->pending_user, wake = p->pending_wake;
	bool outage = p->failures >= PACING_LONG_OUTAGE;
	int64_t next_us;

	/* Unenrolled in the meantime. */
	if (p->state != PACING_RUNNING)
		return;
	pacing_clear(p);
	p->ended_us = p->last_success_us = now_us;
	if (hint_s >= 0)
		p->hint_s = clamp(hint_s, LIMIT_INTERVAL_MIN_S, LIMIT_INTERVAL_MAX_S);
	next_us = pacing_next_us(p, now_us, random);
	p->is_slot = p->hint_s == 0;
	/* A server that asks for less than the policy has a reason to; the rest waits then. After
	 * an outage everybody has a rest to fetch. */
	if (more && p->hint_s <= p->interval_s) {
		int64_t spread_s = outage ? p->interval_s / 2 : PACING_MORE_SPREAD_S;
		int64_t more_us =
			now_us + PACING_MIN_S * USEC_PER_SEC + pacing_draw_us(random, spread_s);

		p->is_slot &= next_us <= more_us;
		next_us = more_us < next_us ? more_us : next_us;
	}
	pacing_set_state(p, PACING_WAITING, next_us);
	if (request || user)
		pacing_request(p, now_us, random, user);
	if (wake)
		pacing_wake(p, now_us, random);
}

static int64_t pacing_cap_s(const struct pacing *p)
{
	return p->interval_s < PACING_BACKOFF_CAP_S ? p->interval_s : PACING_BACKOFF_CAP_S;
}

/* start_s doubled n times, at most the cap. */
static int64_t pacing_doubled_s(const struct pacing *p, int64_t start_s, uint32_t n)
{
	int64_t cap_s = pacing_cap_s(p);

	while (n-- > 0 && start_s < cap_s)
		start_s *= 2;
	return start_s < cap_s ? start_s : cap_s;
}

void pacing_fail(struct pacing *p, int64_t now_us, uint64_t random, int64_t retry_after_s)
{
	int64_t wait_s = PACING_MIN_S, span_s;

	if (p->state != PACING_RUNNING)
		return;
	p->ended_us = now_us;
	p->hint_s = 0;
	p->pending_request = p->pending_user = p->pending_wake = false;
	if (p->failures < UINT32_MAX)
		p->failures++;
	p->not_before_us = 0;
	if (retry_after_s >= 0) {
		wait_s = clamp(retry_after_s, LIMIT_INTERVAL_MIN_S, LIMIT_INTERVAL_MAX_S);
		p->not_before_us = now_us + wait_s * USEC_PER_SEC;
	}
	span_s = pacing_doubled_s(p, PACING_BACKOFF_BASE_S, p->failures - 1);
	pacing_set_state(
		p, PACING_BACKOFF, now_us + wait_s * USEC_PER_SEC + pacing_draw_us(random, span_s));
}

/* The next exchange at at_us, if that is sooner than it was. */
static bool pacing_advance(struct pacing *p, int64_t at_us)
{
	if (at_us >= p->next_us)
		return false;
	p->is_slot = false;
	pacing_set_state(p, p->state, at_us);
	return true;
}

/* What the phone itself wants to tell; see pacing.h. False: it is told soon enough anyway. */
static bool pacing_early(struct pacing *p, int64_t now_us, uint64_t random, int64_t spread_s)
{
	int64_t distance_s = pacing_doubled_s(p, PACING_MIN_S, p->failures);
	int64_t at_us = later(now_us, p->ended_us + PACING_MIN_S * USEC_PER_SEC);

	/* Before the first exchange everything is new, on every phone. */
	if (p->ended_us == 0)
		return false;
	if (p->last_request_us > 0)
		at_us = later(at_us, p->last_request_us + distance_s * USEC_PER_SEC);
	at_us = later(at_us, p->not_before_us) + pacing_draw_us(random, spread_s);
	if (!pacing_advance(p, at_us))
		return false;
	p->last_request_us = at_us;
	return true;
}

/* As wide as after something that others had, too. */
static int64_t pacing_wide_s(const struct pacing *p)
{
	return clamp(p->interval_s / 12, PACING_REQUEST_SPREAD_S, PACING_RETURN_SPREAD_S);
}

void pacing_request(struct pacing *p, int64_t now_us, uint64_t random, bool user)
{
	switch (p->state) {
	case PACING_IDLE:
	case PACING_STATE_MAX:
		return;
	case PACING_RUNNING:
		/* The report under way may have been written before the change. */
		p->pending_request = true;
		p->pending_user |= user;
		return;
	case PACING_WAITING:
	case PACING_BACKOFF:
		break;
	}
	if (user)
		(void)pacing_advance(p, now_us);
	else
		(void)pacing_early(p, now_us, random,
			p->failures > 0 ? pacing_wide_s(p) : PACING_REQUEST_SPREAD_S);
}

/* --- tokens ------------------------------------------------------------------------------ */

/* When the next token is there; what is beyond a full bucket is lost. */
static int64_t bucket_ready_us(
	const struct pacing_bucket *bucket, int64_t size, int64_t token_s, int64_t now_us)
{
	return later(bucket->empty_us, now_us - size * token_s * USEC_PER_SEC) +
	       token_s * USEC_PER_SEC;
}

void pacing_edge(struct pacing *p, int64_t now_us, uint64_t random, bool network)
{
	int64_t ready_us =
		bucket_ready_us(&p->edge_bucket, PACING_EDGE_TOKENS, PACING_EDGE_TOKEN_S, now_us);

	/* During an exchange there is nothing to add: it goes out over what came up, or fails. */
	if ((p->state != PACING_WAITING && p->state != PACING_BACKOFF) || ready_us > now_us)
		return;
	/* Waking up soon after a network came up, or the other way round, is one reason. */
	if (pacing_early(p, now_us, random, network ? pacing_wide_s(p) : PACING_REQUEST_SPREAD_S))
		p->edge_bucket.empty_us = ready_us;
}

unsigned int pacing_wake_tokens(const struct pacing *p, int64_t now_us)
{
	int64_t ready_us =
		bucket_ready_us(&p->wake_bucket, PACING_WAKE_TOKENS, PACING_WAKE_TOKEN_S, now_us);

	return ready_us > now_us
		       ? 0
		       : (unsigned int)((now_us - ready_us) / (PACING_WAKE_TOKEN_S * USEC_PER_SEC) +
					1);
}

void pacing_wake(struct pacing *p, int64_t now_us, uint64_t random)
{
	int64_t ready_us, at_us;

	switch (p->state) {
	case PACING_IDLE:
	case PACING_STATE_MAX:
	case PACING_BACKOFF:
		/* The next attempt fetches what is new. */
		return;
	case PACING_RUNNING:
		p->pending_wake = true;
		return;
	case PACING_WAITING:
		break;
	}
	if (p->wake_owed || p->next_us <= now_us)
		return;
	ready_us =
		bucket_ready_us(&p->wake_bucket, PACING_WAKE_TOKENS, PACING_WAKE_TOKEN_S, now_us);
	/* Phones that were drained together have their next token together. */
	at_us = ready_us <= now_us ? now_us
				   : ready_us + pacing_draw_us(random, PACING_WAKE_SPREAD_S);
	if (!pacing_advance(p, at_us))
		return;
	p->wake_owed = true;
	p->wake_bucket.empty_us = ready_us;
}

void pacing_request_paid(struct pacing *p, int64_t now_us, uint64_t random)
{
	int64_t ready_us =
		bucket_ready_us(&p->wake_bucket, PACING_WAKE_TOKENS, PACING_WAKE_TOKEN_S, now_us);
	int64_t next_us = p->next_us;
	bool pending = p->pending_request;

	if (ready_us > now_us)
		return;
	pacing_request(p, now_us, random, false);
	/* What changed nothing costs nothing. */
	if (p->next_us != next_us || p->pending_request != pending)
		p->wake_bucket.empty_us = ready_us;
}
