/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reminder.h - tells whoever is in front of the screen that their passcode, or the recovery key
 * of the storage, is not what the policy wants, where they can put that right themselves: when it
 * begins, and once a day while it lasts. Enforcer only.
 */
#ifndef MDM_ENFORCER_REMINDER_H
#define MDM_ENFORCER_REMINDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/limits.h"
#include "policies/compliance.h"

struct enforcer;

/*
 * The text for what is found; false: there is nothing to remind of, or nothing is known. Pure.
 */
bool reminder_text(const struct compliance *compliance, enum area_id *ret_area,
	char ret_text[LIMIT_COMMAND_TEXT_BYTES + 1]);

/* Whether it is due. told_s: when it was shown last, wall clock; 0: never. Pure. */
bool reminder_is_due(int64_t told_s, int64_t now_s);

/* A round has ended. */
void reminder_update(struct enforcer *e);
/* One that is under way is dropped. */
void reminder_stop(struct enforcer *e);

#endif
