/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.h - how often something may happen that others can ask for as often as they like: so many
 * times at once, then once in a while (a token bucket). The last wish is never lost, only put off.
 * Pure, of fixed size; any role.
 */
#ifndef MDM_UTIL_PACE_H
#define MDM_UTIL_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint32_t burst;	  /* at once; at least 1 */
	int64_t every_ms; /* then one in this time; at least 1 */
	uint32_t n_spent; /* of the burst */
	int64_t since_ms; /* since then what was spent comes back */
	bool is_wanted;
};

/* now_ms: monotonic, here and below. false: it has to wait. */
bool pace_spend(struct pace *pace, int64_t now_ms);

static inline void pace_want(struct pace *pace)
{
	pace->is_wanted = true;
}
/* true: do it now; what is wanted from here on is another one. */
bool pace_take(struct pace *pace, int64_t now_ms);
/* When pace_take() has to be asked; -1: nothing is wanted. */
int64_t pace_next_ms(const struct pace *pace, int64_t now_ms);

#endif
