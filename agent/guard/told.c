/* SPDX-License-Identifier: Apache-2.0 */
/* told.c - how often the enforcer is told of refusals; see told.h. Pure; the keeper. */
#include "agent/guard/told.h"

static bool are_alike(const struct guard_denial *a, const struct guard_denial *b)
{
	return a->device == b->device && a->inode == b->inode && a->uid == b->uid &&
	       a->audit == b->audit && a->reason == b->reason;
}

/* The one whose pause ends first gives way: one that waits for nothing, if there is one. */
static struct guard_told_row *make_room(struct guard_told *told, int64_t now_ms)
{
	struct guard_told_row *best = NULL;

	for (size_t i = 0; i < GUARD_TOLD_SIZE; i++) {
		struct guard_told_row *row = &told->rows[i];

		if (row->until_ms <= now_ms && row->n_waiting == 0)
			return row;
		if (!best || (row->n_waiting == 0) > (best->n_waiting == 0) ||
			((row->n_waiting == 0) == (best->n_waiting == 0) &&
				row->until_ms < best->until_ms))
			best = row;
	}
	told->n_lost += best->n_waiting;
	best->n_waiting = 0;
	return best;
}

bool guard_told_add(
	struct guard_told *told, const struct guard_denial *denial, int64_t now_ms, bool is_heard)
{
	struct guard_told_row *row = NULL;

	for (size_t i = 0; i < GUARD_TOLD_SIZE && !row; i++)
		if (told->rows[i].until_ms && are_alike(&told->rows[i].last, denial))
			row = &told->rows[i];
	if (row && (row->until_ms > now_ms || row->n_waiting)) {
		row->n_waiting++;
		row->last = *denial;
		return false;
	}
	/* A row of zeros is a beginning, too. */
	told->pace.burst = GUARD_TOLD_BURST;
	told->pace.every_ms = 1000;
	if (!pace_spend(&told->pace, now_ms)) {
		told->n_lost++;
		return false;
	}
	if (!row)
		row = make_room(told, now_ms);
	*row = (struct guard_told_row){.last = *denial,
		.until_ms = is_heard ? now_ms + GUARD_TOLD_PAUSE_MS : now_ms,
		.n_waiting = is_heard ? 0 : 1};
	return is_heard;
}

bool guard_told_due(struct guard_told *told, int64_t now_ms, struct guard_denial *ret_denial,
	uint32_t *ret_count)
{
	for (size_t i = 0; i < GUARD_TOLD_SIZE; i++) {
		struct guard_told_row *row = &told->rows[i];

		if (row->n_waiting == 0 || row->until_ms > now_ms)
			continue;
		*ret_denial = row->last;
		*ret_count = row->n_waiting;
		row->n_waiting = 0;
		row->until_ms = now_ms + GUARD_TOLD_PAUSE_MS;
		return true;
	}
	return false;
}

int64_t guard_told_next_ms(const struct guard_told *told)
{
	int64_t next = -1;

	for (size_t i = 0; i < GUARD_TOLD_SIZE; i++)
		if (told->rows[i].n_waiting && (next < 0 || told->rows[i].until_ms < next))
			next = told->rows[i].until_ms;
	return next;
}
