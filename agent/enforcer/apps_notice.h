/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_notice.h - tells the person at the phone that a rule has removed apps: one notification for
 * all that go together, and none soon after another. Enforcer only.
 */
#ifndef MDM_ENFORCER_APPS_NOTICE_H
#define MDM_ENFORCER_APPS_NOTICE_H

#include <stdint.h>

#include "agent/apps/job.h"

#define APPS_NOTICE_GROUP_S 5	/* what goes within this time is told together */
#define APPS_NOTICE_PAUSE_S 600 /* between two notifications */

struct enforcer;
struct apps_notice;

int apps_notice_new(struct enforcer *e, struct apps_notice **ret_notice);
void apps_notice_free(struct apps_notice *notice); /* NULL is fine */

/* A job of the policy has ended: what it removed is told soon. */
void apps_notice_take(struct apps_notice *notice, const struct apps_progress *progress);
/* The enrolment is over: nothing is told any more. */
void apps_notice_forget(struct apps_notice *notice);

/* When the next one may be shown; pure. told_us: of the last one, 0: none. */
int64_t apps_notice_at_us(int64_t told_us, int64_t now_us);
/* Name of what an outcome removed, "" if it is not that; pure, borrowed. */
const char *apps_notice_name(const struct apps_outcome *outcome);

#endif
