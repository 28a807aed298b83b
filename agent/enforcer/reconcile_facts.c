/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile_facts.c - what conditions depend on, gathered from those who know it; see reconcile.h.
 * Enforcer. Decides nothing.
 */
#include <time.h>

#include "agent/enforcer/reconcile.h"
#include "agent/util/clock.h"

void reconcile_facts(const struct reconcile *r, struct when_facts *ret_facts)
{
	const struct state_facts *state = &r->documents->state->facts;
	int64_t now_us = clock_boottime_us();
	const struct device_facts *device = device_facts(r->device);
	struct when_facts facts = {
		.realtime_s = clock_realtime_s(),
		.charging = device->charging,
		.online = device->online,
		.metered = device->metered,
		.roaming = device->roaming,
		.locked = TRUTH_UNKNOWN,
		.enrolled_s = -1,
	};
	time_t now = (time_t)facts.realtime_s;
	struct tm local = {0};

	tzset();
	localtime_r(&now, &local);
	facts.utc_offset_s = (int32_t)local.tm_gmtoff;
	facts.clock_known =
		highwater_judge(&state->highwater, facts.realtime_s, 0) == CLOCK_PLAUSIBLE;
	if (facts.clock_known && state->enrolled && state->enrolled_s <= facts.realtime_s)
		facts.enrolled_s = facts.realtime_s - state->enrolled_s;
	for (size_t i = 0; i < AREA_MAX; i++)
		facts.noncompliant_s[i] =
			escalation_seconds(&r->escalation, (enum area_id)i, now_us);
	if (r->look)
		r->look(r, &facts, r->userdata);
	*ret_facts = facts;
}
