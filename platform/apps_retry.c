/* SPDX-License-Identifier: Apache-2.0 */
/* apps_retry.c - see apps_retry.h. Pure. Enforcer only. */
#include "platform/apps_retry.h"

#include <string.h>

#include "agent/util/clock.h"

#define TRIES_MAX 1000

void apps_retry_ended(struct apps_retry *retry, const uint8_t plan[SHA256_BYTES],
	bool needs_network, int64_t now_us)
{
	bool same = retry->n_tries && memcmp(retry->plan, plan, SHA256_BYTES) == 0;

	memcpy(retry->plan, plan, SHA256_BYTES);
	if (retry->n_tries < TRIES_MAX)
		retry->n_tries++;
	retry->n_same = same ? retry->n_same + (retry->n_same < TRIES_MAX) : 1;
	retry->ended_us = now_us;
	retry->needs_network = needs_network;
}

void apps_retry_settled(struct apps_retry *retry)
{
	*retry = (struct apps_retry){0};
}

void apps_retry_online(struct apps_retry *retry)
{
	/* The pause between any two stays. */
	if (retry->needs_network)
		retry->n_same = 0;
}

static int64_t double_up(int64_t first_s, unsigned int n, int64_t last_s)
{
	int64_t s = first_s;

	for (unsigned int i = 1; i < n && s < last_s; i++)
		s *= 2;
	return s < last_s ? s : last_s;
}

int64_t apps_retry_at_us(const struct apps_retry *retry, const uint8_t plan[SHA256_BYTES])
{
	int64_t pause_s;

	if (!retry->n_tries)
		return 0;
	pause_s = (int64_t)retry->n_tries * APPS_RETRY_PAUSE_S;
	if (pause_s > APPS_RETRY_PAUSE_MAX_S)
		pause_s = APPS_RETRY_PAUSE_MAX_S;
	/* The first job is often followed by another one that does what it made possible. */
	if (retry->n_tries == 1)
		pause_s = 0;
	if (memcmp(retry->plan, plan, SHA256_BYTES) == 0 && retry->n_same)
		pause_s = double_up(APPS_RETRY_FIRST_S, retry->n_same,
			retry->needs_network ? APPS_RETRY_NETWORK_S : APPS_RETRY_LAST_S);
	return retry->ended_us + pause_s * USEC_PER_SEC;
}
