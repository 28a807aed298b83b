/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_retry.h - when a job that did not do what it should is begun again: the same one with
 * back-off, another one sooner, none ever without a pause. Pure; time is a parameter.
 */
#ifndef MDM_PLATFORM_APPS_RETRY_H
#define MDM_PLATFORM_APPS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/digest.h"

#define APPS_RETRY_FIRST_S 60
#define APPS_RETRY_LAST_S (6 * 3600)
#define APPS_RETRY_NETWORK_S (15 * 60) /* at most, where nothing but the network was missing */
#define APPS_RETRY_PAUSE_S 5	       /* between any two, for each failure before */
#define APPS_RETRY_PAUSE_MAX_S 600

struct apps_retry {
	uint8_t plan[SHA256_BYTES]; /* of what was tried last */
	unsigned int n_tries;	    /* in a row, of whichever plan; 0: nothing was tried */
	unsigned int n_same;	    /* of them with this plan */
	int64_t ended_us;
	bool needs_network; /* that is what was missing */
};

/* A job with that plan has ended, and there may be more to do. */
void apps_retry_ended(struct apps_retry *retry, const uint8_t plan[SHA256_BYTES],
	bool needs_network, int64_t now_us);

/* Nothing is left to do: what comes next begins at once. */
void apps_retry_settled(struct apps_retry *retry);

/* There is a network again. */
void apps_retry_online(struct apps_retry *retry);

/* When a job with that plan may begin; 0: at once. */
int64_t apps_retry_at_us(const struct apps_retry *retry, const uint8_t plan[SHA256_BYTES]);

#endif
