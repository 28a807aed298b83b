/* SPDX-License-Identifier: Apache-2.0 */
/* auth_attempts.c - counts, waits and lock-out; see auth_attempts.h. Pure. Enforcer only. */
#include "agent/enforcer/auth_attempts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/mem.h"

static struct attempts_row *attempts_row(const struct attempts *attempts, const char *user)
{
	for (size_t i = 0; i < attempts->n_rows; i++)
		if (strcmp(attempts->rows[i].user, user) == 0)
			return (struct attempts_row *)(uintptr_t)&attempts->rows[i];
	return NULL;
}

const struct attempts_row *attempts_find(const struct attempts *attempts, const char *user)
{
	return attempts_row(attempts, user);
}

/* What is left of a wait that began then, in whole seconds. */
static uint32_t attempts_left_s(int64_t since_us, uint32_t delay_s, int64_t now_us)
{
	int64_t left_us;

	if (delay_s == 0)
		return 0;
	/* No time can lie ahead; if one does, the wait is a whole one. */
	left_us = now_us < since_us ? delay_s * USEC_PER_SEC
				    : since_us + delay_s * USEC_PER_SEC - now_us;
	return left_us <= 0 ? 0 : (uint32_t)((left_us + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

enum auth_verdict attempts_ask(const struct attempts *attempts,
	const struct attempts_subject *subject, int64_t now_us, uint32_t *ret_wait_s)
{
	const struct attempts_row *row = attempts_row(attempts, subject->user);
	uint32_t delay_s, wait_s = 0;

	*ret_wait_s = 0;
	if (!row || !subject->limits->present)
		return AUTH_GO;
	if (!subject->is_root && password_is_exhausted(subject->limits, row->n_failed)) {
		*ret_wait_s = attempts_code_wait_s(attempts, now_us);
		return AUTH_LOCKED_OUT;
	}
	delay_s = password_delay_s(subject->limits, row->n_failed);
	if (subject->is_root && delay_s > ATTEMPTS_ROOT_DELAY_S)
		delay_s = ATTEMPTS_ROOT_DELAY_S;
	wait_s = attempts_left_s(row->failed_at_us, delay_s, now_us);
	*ret_wait_s = wait_s;
	return wait_s ? AUTH_WAIT : AUTH_GO;
}

bool attempts_is_pending(const struct attempts *attempts, const char *user)
{
	const struct attempts_row *row = attempts_row(attempts, user);

	return row && row->pending;
}

int attempts_begin(struct attempts *attempts, const char *user, int64_t now_us)
{
	struct attempts_row *row = attempts_row(attempts, user);

	if (row && row->pending)
		return -EBUSY;
	if (!row) {
		if (attempts->n_rows == LIMIT_ACCOUNTS)
			return -ENOSPC;
		row = &attempts->rows[attempts->n_rows++];
		*row = (struct attempts_row){0};
		snprintf(row->user, sizeof(row->user), "%s", user);
	}
	row->before_n = row->n_failed;
	row->before_at_us = row->failed_at_us;
	row->pending = true;
	row->unjudged = false;
	if (row->n_failed < UINT32_MAX)
		row->n_failed++;
	row->failed_at_us = now_us;
	return 0;
}

static void attempts_drop(struct attempts *attempts, struct attempts_row *row)
{
	*row = attempts->rows[--attempts->n_rows];
	attempts->rows[attempts->n_rows] = (struct attempts_row){0};
}

bool attempts_end(struct attempts *attempts, const char *user, enum attempts_end end)
{
	struct attempts_row *row = attempts_row(attempts, user);

	if (!row || !row->pending)
		return false;
	row->pending = false;
	switch (end) {
	case ATTEMPT_RIGHT:
		row->n_failed = 0;
		break;
	case ATTEMPT_NONE:
		row->n_failed = row->before_n;
		row->failed_at_us = row->before_at_us;
		break;
	case ATTEMPT_UNJUDGED:
		row->unjudged = true;
		return false; /* as it is on the disk since its beginning */
	case ATTEMPT_WRONG:
	case ATTEMPTS_END_MAX:
		break;
	}
	if (row->n_failed == 0)
		attempts_drop(attempts, row);
	return true;
}

bool attempts_hold(struct attempts *attempts, const struct password_limits *limits)
{
	bool held = false;

	for (size_t i = 0; i < attempts->n_rows; i++) {
		struct attempts_row *row = &attempts->rows[i];

		if (!row->unjudged || row->pending || limits->max_attempts < 2 ||
			!password_is_exhausted(limits, row->n_failed))
			continue;
		row->n_failed = limits->max_attempts - 1;
		held = true;
	}
	return held;
}

uint32_t attempts_code_wait_s(const struct attempts *attempts, int64_t now_us)
{
	uint32_t delay_s = ATTEMPTS_CODE_DELAY_S;

	if (attempts->n_codes == 0)
		return 0;
	for (uint32_t n = 1; n < attempts->n_codes && delay_s < ATTEMPTS_CODE_LONGEST_S; n++)
		delay_s *= 2;
	if (delay_s > ATTEMPTS_CODE_LONGEST_S)
		delay_s = ATTEMPTS_CODE_LONGEST_S;
	return attempts_left_s(attempts->code_at_us, delay_s, now_us);
}

void attempts_code_begin(struct attempts *attempts, int64_t now_us)
{
	if (attempts->n_codes < UINT32_MAX)
		attempts->n_codes++;
	attempts->code_at_us = now_us;
}

void attempts_code_none(struct attempts *attempts, int64_t before_at_us)
{
	if (attempts->n_codes > 0)
		attempts->n_codes--;
	attempts->code_at_us = before_at_us;
}

void attempts_reset(struct attempts *attempts)
{
	for (size_t i = attempts->n_rows; i-- > 0;) {
		struct attempts_row *row = &attempts->rows[i];

		/* One that is under way is a new attempt, and goes on as the first one. */
		if (row->pending) {
			row->n_failed = 1;
			row->before_n = 0;
		} else {
			attempts_drop(attempts, row);
		}
	}
	attempts->n_codes = 0;
}

void attempts_boot(struct attempts *attempts, const uint8_t boot_id[BOOT_ID_BYTES], int64_t now_us)
{
	bool same = memcmp(attempts->boot_id, boot_id, BOOT_ID_BYTES) == 0;

	for (size_t i = 0; i < attempts->n_rows; i++) {
		if (!same || attempts->rows[i].failed_at_us > now_us)
			attempts->rows[i].failed_at_us = now_us;
		attempts->rows[i].unjudged &= same;
	}
	if (!same || attempts->code_at_us > now_us)
		attempts->code_at_us = now_us;
	memcpy(attempts->boot_id, boot_id, BOOT_ID_BYTES);
}

bool attempts_keep(
	struct attempts *attempts, bool (*keep)(const char *user, void *userdata), void *userdata)
{
	size_t before = attempts->n_rows;

	for (size_t i = attempts->n_rows; i-- > 0;)
		if (!attempts->rows[i].pending && !keep(attempts->rows[i].user, userdata))
			attempts_drop(attempts, &attempts->rows[i]);
	return attempts->n_rows != before;
}
