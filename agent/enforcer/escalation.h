/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escalation.h - for how long each area has been non-compliant. Pure.
 *
 * Counted by CLOCK_BOOTTIME and added up over boots, so that setting the clock neither shortens
 * nor lengthens it; time while the phone is switched off does not count (a phone that is off is
 * not in use, and no clock that survives could be trusted to measure it).
 */
#ifndef MDM_ENFORCER_ESCALATION_H
#define MDM_ENFORCER_ESCALATION_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/compliance.h"

struct escalation {
	int64_t stored_s[AREA_MAX]; /* as state_facts keeps it; -1: compliant */
	int64_t since_us[AREA_MAX]; /* start of the stretch in this boot; 0: none runs */
};

void escalation_init(struct escalation *e, const int64_t stored_s[AREA_MAX]);
/* Follows one verdict. Errors and unknowns leave the count as it is: they neither prove nor cure.
 */
void escalation_update(struct escalation *e, const struct compliance *compliance, int64_t now_us);
/* Seconds of non-compliance now; -1: compliant. */
int64_t escalation_seconds(const struct escalation *e, enum area_id area, int64_t now_us);
/* What to keep over a restart. */
void escalation_export(struct escalation *e, int64_t now_us, int64_t ret_stored_s[AREA_MAX]);

#endif
