/* SPDX-License-Identifier: Apache-2.0 */
/* escalation.c - durations of non-compliance; see escalation.h. Enforcer; pure. */
#include "agent/enforcer/escalation.h"

#include <string.h>

#include "agent/util/clock.h"

void escalation_init(struct escalation *e, const int64_t stored_s[AREA_MAX])
{
	memset(e, 0, sizeof(*e));
	for (size_t i = 0; i < AREA_MAX; i++)
		e->stored_s[i] = stored_s[i] < 0 ? -1 : stored_s[i];
}

void escalation_update(struct escalation *e, const struct compliance *compliance, int64_t now_us)
{
	for (size_t i = 0; i < AREA_MAX; i++) {
		switch (compliance->area[i]) {
		case COMPLIANCE_NONCOMPLIANT:
			if (e->stored_s[i] < 0)
				e->stored_s[i] = 0;
			if (e->since_us[i] == 0)
				e->since_us[i] = now_us;
			break;
		case COMPLIANCE_COMPLIANT:
		case COMPLIANCE_PENDING:
		case COMPLIANCE_UNSUPPORTED:
			e->stored_s[i] = -1;
			e->since_us[i] = 0;
			break;
		case COMPLIANCE_ERROR:
		case COMPLIANCE_UNKNOWN:
		case COMPLIANCE_STATE_MAX:
			break;
		}
	}
}

int64_t escalation_seconds(const struct escalation *e, enum area_id area, int64_t now_us)
{
	if (e->stored_s[area] < 0)
		return -1;
	if (e->since_us[area] == 0)
		return e->stored_s[area];
	return e->stored_s[area] + (now_us - e->since_us[area]) / USEC_PER_SEC;
}

void escalation_export(struct escalation *e, int64_t now_us, int64_t ret_stored_s[AREA_MAX])
{
	for (size_t i = 0; i < AREA_MAX; i++) {
		int64_t seconds = escalation_seconds(e, (enum area_id)i, now_us);

		/* The part of a second that is not stored stays in the running stretch. */
		if (e->since_us[i])
			e->since_us[i] += (seconds - e->stored_s[i]) * USEC_PER_SEC;
		e->stored_s[i] = seconds;
		ret_stored_s[i] = seconds;
	}
}
