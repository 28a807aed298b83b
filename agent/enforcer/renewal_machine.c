/* SPDX-License-Identifier: Apache-2.0 */
/* renewal_machine.c - when to renew; see renewal_machine.h. Enforcer; pure. */
#include "agent/enforcer/renewal_machine.h"

#include <stddef.h>

#include "agent/util/clock.h"
#include "agent/util/limits.h"

static const char *const renewal_state_names[RENEWAL_STATE_MAX] = {
	[RENEWAL_IDLE] = "idle",
	[RENEWAL_DUE] = "due",
	[RENEWAL_RUNNING] = "running",
	[RENEWAL_PROVING] = "proving",
};

const char *renewal_state_name(enum renewal_state state)
{
	return (unsigned int)state < RENEWAL_STATE_MAX ? renewal_state_names[state] : NULL;
}

static void renewal_set_state(struct renewal_machine *m, enum renewal_state state)
{
	m->state = state;
	if (state != RENEWAL_PROVING) {
		m->rest = false;
		m->doubts = 0;
	}
}

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
	return value < min ? min : value > max ? max : value;
}

void renewal_machine_init(struct renewal_machine *m, const char *device_id)
{
	uint64_t offset = 0;

	/* Other digits than pacing takes: the slot in the hour and the day of renewal are
	 * independent. */
	for (int i = 0; i < 32 && device_id[i]; i++) {
		char c = device_id[i];
		uint64_t digit = c >= '0' && c <= '9'	? (uint64_t)(c - '0')
				 : c >= 'a' && c <= 'f' ? (uint64_t)(c - 'a' + 10)
							: 0;
		if (i >= 16)
			offset = offset << 4 | digit;
	}
	*m = (struct renewal_machine){.offset = offset};
	renewal_set_state(m, RENEWAL_IDLE);
}

void renewal_machine_certificate(struct renewal_machine *m, int64_t from_s, int64_t until_s)
{
	if (until_s <= from_s)
		return;
	m->from_s = from_s;
	m->until_s = until_s;
}

void renewal_machine_want(struct renewal_machine *m, int64_t now_s, int64_t spread_s)
{
	int64_t at_s = now_s + (spread_s > 0 ? (int64_t)(m->offset % (uint64_t)spread_s) : 0);

	if (!m->wanted || at_s < m->wanted_s)
		m->wanted_s = at_s;
	m->wanted = true;
}

void renewal_machine_hurry(struct renewal_machine *m)
{
	m->hurry = true;
}

int64_t renewal_machine_half_s(const struct renewal_machine *m)
{
	return m->from_s + (m->until_s - m->from_s) / 2;
}

int64_t renewal_machine_first_s(const struct renewal_machine *m)
{
	int64_t spread_s = clamp((m->until_s - m->from_s) / 8, 1, RENEWAL_SPREAD_MAX_S);

	return renewal_machine_half_s(m) + (int64_t)(m->offset % (uint64_t)spread_s);
}

int64_t renewal_machine_due_us(struct renewal_machine *m, const struct renewal_now *now)
{
	int64_t first_s, wait_us, backoff_us;

	if (m->state == RENEWAL_RUNNING || m->state == RENEWAL_PROVING || m->until_s == 0)
		return -1;
	renewal_set_state(m,
		m->wanted || now->now_s >= renewal_machine_half_s(m) ? RENEWAL_DUE : RENEWAL_IDLE);
	if (m->hurry && m->state == RENEWAL_DUE)
		return 0;
	first_s = renewal_machine_first_s(m);
	if (m->wanted && m->wanted_s < first_s)
		first_s = m->wanted_s;
	wait_us = first_s > now->now_s ? (first_s - now->now_s) * USEC_PER_SEC : 0;
	backoff_us = m->not_before_us - now->now_us;
	return backoff_us > wait_us ? backoff_us : wait_us;
}

void renewal_machine_begin(struct renewal_machine *m)
{
	m->hurry = false;
	renewal_set_state(m, RENEWAL_RUNNING);
}

/* The longest time to wait, by what is left of the certificate. */
static int64_t renewal_cap_s(const struct renewal_machine *m, int64_t now_s)
{
	int64_t left_s = m->until_s - now_s;

	if (left_s <= 0)
		return RENEWAL_EXPIRED_CAP_S;
	return clamp(left_s / 8, RENEWAL_GAP_S, RENEWAL_BACKOFF_CAP_S);
}

void renewal_machine_failed(
	struct renewal_machine *m, const struct renewal_now *now, int64_t retry_after_s)
{
	int64_t span_s = RENEWAL_BACKOFF_BASE_S, cap_s = renewal_cap_s(m, now->now_s);
	int64_t wait_s = RENEWAL_GAP_S;

	for (uint32_t i = 0; i < m->failures && span_s < cap_s; i++)
		span_s *= 2;
	if (span_s > cap_s)
		span_s = cap_s;
	if (m->failures < UINT32_MAX)
		m->failures++;
	if (retry_after_s > wait_s)
		wait_s =
			retry_after_s < LIMIT_INTERVAL_MAX_S ? retry_after_s : LIMIT_INTERVAL_MAX_S;
	m->not_before_us = now->now_us + wait_s * USEC_PER_SEC +
			   (int64_t)(now->random % (uint64_t)(span_s * USEC_PER_SEC));
	m->hurry = false;
	renewal_set_state(m, RENEWAL_DUE);
}

void renewal_machine_renewed(struct renewal_machine *m)
{
	m->hurry = false;
	renewal_set_state(m, RENEWAL_PROVING);
}

bool renewal_machine_wants_candidate(const struct renewal_machine *m)
{
	return m->state == RENEWAL_PROVING && !m->rest;
}

bool renewal_machine_checked_in(struct renewal_machine *m, bool candidate, enum renewal_proof proof,
	const struct renewal_now *now)
{
	bool give_up = false;

	if (m->state != RENEWAL_PROVING)
		return false;
	if (candidate) {
		give_up = proof == RENEWAL_REFUSED;
		m->rest = proof == RENEWAL_UNCLEAR;
	} else {
		m->rest = false;
		if (proof == RENEWAL_ANSWERED)
			give_up = ++m->doubts >= RENEWAL_DOUBTS;
	}
	if (give_up)
		renewal_machine_failed(m, now, -1);
	return give_up;
}

void renewal_machine_proven(
	struct renewal_machine *m, int64_t from_s, int64_t until_s, const struct renewal_now *now)
{
	int64_t gap_s = clamp((until_s - now->now_s) / 8, RENEWAL_GAP_S, RENEWAL_BACKOFF_CAP_S);

	renewal_machine_certificate(m, from_s, until_s);
	m->failures = 0;
	m->wanted = m->hurry = false;
	/* Where the CA itself is about to end, each certificate has less life than the last: the
	 * phone must not renew faster and faster. */
	m->not_before_us = now->now_us + gap_s * USEC_PER_SEC;
	renewal_set_state(m, RENEWAL_IDLE);
}
