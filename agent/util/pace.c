/* SPDX-License-Identifier: Apache-2.0 */
/* pace.c - how often something may happen; see pace.h. Pure; any role. */
#include "agent/util/pace.h"

static void fill(struct pace *pace, int64_t now_ms)
{
	int64_t n;

	/* Nothing is spent, or the clock is another one. */
	if (pace->n_spent == 0 || now_ms < pace->since_ms) {
		pace->since_ms = now_ms;
		return;
	}
	n = (now_ms - pace->since_ms) / pace->every_ms;
	if (n >= pace->n_spent) {
		pace->n_spent = 0;
		pace->since_ms = now_ms;
	} else {
		pace->n_spent -= (uint32_t)n;
		pace->since_ms += n * pace->every_ms;
	}
}

bool pace_spend(struct pace *pace, int64_t now_ms)
{
	fill(pace, now_ms);
	if (pace->n_spent >= pace->burst)
		return false;
	pace->n_spent++;
	return true;
}

bool pace_take(struct pace *pace, int64_t now_ms)
{
	if (!pace->is_wanted || !pace_spend(pace, now_ms))
		return false;
	pace->is_wanted = false;
	return true;
}

int64_t pace_next_ms(const struct pace *pace, int64_t now_ms)
{
	struct pace then = *pace;

	if (!pace->is_wanted)
		return -1;
	fill(&then, now_ms);
	return then.n_spent < then.burst ? now_ms : then.since_ms + then.every_ms;
}
