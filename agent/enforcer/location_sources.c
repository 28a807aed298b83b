/* SPDX-License-Identifier: Apache-2.0 */
/* location_sources.c - what is known of those who tell where the phone is; see location_sources.h.
 * Enforcer: writes JSON, reads none. */
#include "agent/enforcer/location_sources.h"

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/places.h"
#include "agent/util/clock.h"
#include "agent/util/jsonw.h"
#include "platform/accounts.h"
#include "platform/location.h"

#define UID_PEOPLE_END 60001 /* UID_MAX of every distribution; beyond it are services' own */

bool location_sources_is_person(const struct enforcer *e, uid_t uid)
{
	return uid >= accounts_first_person(e->sysroot_fd) && uid < UID_PEOPLE_END;
}

const char *location_sources_missing(const struct enforcer *e)
{
	struct location_facts facts;

	if (!places_sources(e, &facts))
		return "no_source";
	if (facts.honour_switch && facts.user_switch == TRUTH_FALSE)
		return location_why_name(LOCATION_SWITCHED_OFF);
	for (int i = 0; i < LOCATION_WIFI; i++) /* which tells no positions */
		if (facts.sources[i].present)
			return location_why_name(LOCATION_TOO_LATE);
	return location_why_name(LOCATION_NO_SOURCE);
}

const char *location_sources_switch(const struct enforcer *e)
{
	struct location_facts facts;

	if (!places_sources(e, &facts))
		return "unknown";
	switch (facts.user_switch) {
	case TRUTH_TRUE:
		return "on";
	case TRUTH_FALSE:
		return "off";
	case TRUTH_UNKNOWN:
	case TRUTH_MAX:
		break;
	}
	return "unknown";
}

void location_sources_write(const struct enforcer *e, struct jsonw *w, const char *key)
{
	int64_t now_us = clock_boottime_us();
	struct location_facts facts;
	bool known = places_sources(e, &facts);

	jsonw_array(w, key);
	for (int i = 0; known && i < LOCATION_SOURCE_MAX; i++) {
		const struct location_source_fact *source = &facts.sources[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "source", location_source_name((enum location_source)i));
		jsonw_bool(w, "present", source->present);
		jsonw_bool(w, "active", source->active);
		jsonw_string(w, "detail", source->detail);
		if (source->fix_us)
			jsonw_int(w, "told_ago", (now_us - source->fix_us) / USEC_PER_SEC);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}
