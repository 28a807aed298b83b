/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when.h - the condition of a profile: a tree of all/any/not over leaves, evaluated in Kleene's
 * three-valued logic so that a condition this agent does not know stays "unknown" under "not".
 * A profile whose condition is unknown does not apply, and that is reported.
 *
 * A kind of leaf is a row of an explicit table in when.c (name, parse, evaluate, next change).
 */
#ifndef MDM_POLICIES_WHEN_H
#define MDM_POLICIES_WHEN_H

#include "agent/json/json_read.h"
#include "agent/util/limits.h"
#include "policies/fix.h"
#include "policies/settings.h"

enum truth {
	TRUTH_FALSE,
	TRUTH_TRUE,
	TRUTH_UNKNOWN,
	TRUTH_MAX,
};
const char *truth_name(enum truth truth); /* "false", "true", "unknown" */

/* What carries a connection that is in use. */
enum when_link {
	WHEN_LINK_WIFI,
	WHEN_LINK_ETHERNET,
	WHEN_LINK_MOBILE,
	WHEN_LINK_BLUETOOTH,
	WHEN_LINK_VPN,
	WHEN_LINK_MAX,
};
const char *when_link_name(enum when_link link); /* "wifi" */

#define WHEN_LINKS_MAX 16 /* of one condition */
#define WHEN_WIFI_MAX 4	  /* networks that a phone is in at once; it has one radio, rarely two */

struct when_wifi {
	uint8_t ssid[FIX_SSID_BYTES];
	uint8_t n_ssid;
	bool secured; /* it asks for a key, and the phone has proved that it has it */
};

/* The connections in use. */
struct when_links {
	bool known;	    /* false: nobody tells */
	unsigned int kinds; /* bit of each enum when_link */
	struct when_wifi wifi[WHEN_WIFI_MAX];
	size_t n_wifi;
};

/* What is known of one place; place_track.h makes it. */
struct when_place {
	const char *stream, *name; /* borrowed */
	enum truth inside;	   /* what conditions take it for */
	int64_t held_s;		   /* for how long, in CLOCK_BOOTTIME added up over boots */
};

/* Everything a condition may depend on, as values. */
struct when_facts {
	int64_t realtime_s;   /* Unix time */
	int32_t utc_offset_s; /* local time = realtime_s + utc_offset_s */
	bool clock_known; /* false: the clock is below the high-water time; time leaves are unknown
			   */
	/* Seconds (CLOCK_BOOTTIME, added up over boots) an area has been non-compliant; -1: it is
	 * not. */
	int64_t noncompliant_s[AREA_MAX];
	/* The phone as a device; what nobody on it tells is UNKNOWN, which is not zero. */
	enum truth charging, online, metered, roaming;
	enum truth locked;
	struct when_links links;
	int64_t enrolled_s;		 /* since the enrolment; -1: unknown */
	const struct when_place *places; /* borrowed; a place that is not there is unknown */
	size_t n_places;
};

struct when;

/* "when" member of a profile. 0; -EBADMSG with error; -ENOMEM. */
int when_parse(struct json_object *object, const char *path, struct when **ret_when,
	struct json_error *error);
void when_free(struct when *when);
DEFINE_CLEANUP(struct when *, when_free)

/*
 * Evaluates; *ret_next_s is lowered (never raised) to the number of seconds until the result
 * could change by time alone. Start with INT64_MAX.
 */
enum truth when_evaluate(
	const struct when *when, const struct when_facts *facts, int64_t *ret_next_s);

/* Names of leaf kinds that this agent does not know, one call each; for the report. */
void when_each_unknown(
	const struct when *when, void (*visit)(void *userdata, const char *kind), void *userdata);

/* For people: "Mon-Fri 08:00-17:00 and not (…)". */
void when_format(const struct when *when, struct buf *out);

/* What has to be watched for it beside time, power and places. */
#define WHEN_NEEDS_LOCKED 1u
#define WHEN_NEEDS_LINKS 2u
unsigned int when_needs(const struct when *when);

/* Names of the places that it depends on, one call for each mention. Not 0: visit() ended it. */
int when_each_place(
	const struct when *when, int (*visit)(void *userdata, const char *name), void *userdata);
/* The places that it names are those of this stream. Unbound, they are unknown. */
void when_bind(struct when *when, const char *stream);

/*
 * How each leaf stands (enum truth), in the order of the document; what is unknown here is a leaf,
 * too. Returns how many there are.
 */
size_t when_leaf_truths(const struct when *when, const struct when_facts *facts,
	uint8_t ret_truths[LIMIT_WHEN_NODES]);
/* That leaf for people, and the kind of it ("place"), which is NULL if there is none. */
const char *when_leaf_format(const struct when *when, size_t index, struct buf *out);

#endif
