/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_sources.h - what is known of those who tell where the phone is, and of the user's own
 * switch, for those who show it. Asks nobody. Enforcer only.
 */
#ifndef MDM_ENFORCER_LOCATION_SOURCES_H
#define MDM_ENFORCER_LOCATION_SOURCES_H

#include <stdbool.h>
#include <sys/types.h>

struct enforcer;
struct jsonw;

/* Whether that is the number of somebody who uses the phone, whom positions are shown to; services
 * and containers have others. */
bool location_sources_is_person(const struct enforcer *e, uid_t uid);

/* Why there is no position: "switched_off", "no_source", "too_late". */
const char *location_sources_missing(const struct enforcer *e);

/* The user's switch: "on", "off", "unknown"; "unknown" also where nobody looks at it. */
const char *location_sources_switch(const struct enforcer *e);

/* An array of all sources; empty while nobody asks them. No positions, no names of networks. */
void location_sources_write(const struct enforcer *e, struct jsonw *w, const char *key);

#endif
