/* SPDX-License-Identifier: Apache-2.0 */
/*
 * told.h - how often the enforcer is told of refusals: once in a while for each program and user,
 * with the number of those in between, and not more than so many altogether. Pure, of fixed size:
 * whoever starts refused programs in a loop costs nothing but that.
 */
#ifndef MDM_GUARD_TOLD_H
#define MDM_GUARD_TOLD_H

#include "agent/guard/shared.h"
#include "agent/util/pace.h"

#define GUARD_TOLD_SIZE 64
#define GUARD_TOLD_PAUSE_MS (60 * 1000) /* for one program and user */
#define GUARD_TOLD_BURST 32		/* messages at once; then one a second */

struct guard_told {
	struct guard_told_row {
		struct guard_denial last;
		int64_t until_ms; /* of the pause; 0: the row is free */
		uint32_t n_waiting;
	} rows[GUARD_TOLD_SIZE];
	struct pace pace;
	uint64_t n_lost; /* told to nobody */
};

/* now_ms: monotonic. true: tell it now, as one. is_heard: somebody is there to be told; otherwise
 * it waits for that. */
bool guard_told_add(
	struct guard_told *told, const struct guard_denial *denial, int64_t now_ms, bool is_heard);
/* One that waited out its pause, and how many alike: true; false: none. */
bool guard_told_due(struct guard_told *told, int64_t now_ms, struct guard_denial *ret_denial,
	uint32_t *ret_count);
/* When guard_told_due() will have one; -1: never. */
int64_t guard_told_next_ms(const struct guard_told *told);

#endif
