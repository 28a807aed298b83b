/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpx.h - the points of a GPX file (1.0 and 1.1): tracks, routes, waypoints, with what is said of
 * each.
 *
 * Reads the part of XML that GPX needs and refuses the rest: no document types, so no entities but
 * the five of XML and numbers of characters, and nothing that grows while it is read. A library for
 * all of XML would bring that in, and one more dependency onto phones. Pure; tools.
 */
#ifndef MDM_POLICIES_GPX_H
#define MDM_POLICIES_GPX_H

#include "policies/geo.h"

enum gpx_kind {
	GPX_TRACK,
	GPX_ROUTE,
	GPX_WAYPOINT,
	GPX_KIND_MAX,
};

struct gpx_point {
	enum gpx_kind kind;
	size_t segment; /* of tracks and routes, counted through the file from 0 */
	struct geo_point at;
	bool has_time;
	int64_t time_us;   /* since 1970, 0001 to 9999 */
	double hdop;	   /* horizontal dilution of precision; negative: not said */
	double speed_ms;   /* negative: not said */
	double accuracy_m; /* of an extension; negative: not said */
};

struct gpx_error {
	size_t line; /* from 1 */
	const char *message;
};

/*
 * Visits the points in the order of the file. 0; what visit() answered if that is not 0; -EBADMSG
 * with error: not such a file, or one beyond LIMIT_GPX_BYTES, LIMIT_GPX_POINTS, LIMIT_GPX_DEPTH.
 */
int gpx_read(const char *text, size_t n_bytes,
	int (*visit)(void *userdata, const struct gpx_point *point), void *userdata,
	struct gpx_error *ret_error);

/* "2026-07-01T12:00:00.5+02:00" as xsd:dateTime; without a zone it is UTC, as GPX says. False: it
 * is none. */
bool gpx_time(const char *text, size_t n_bytes, int64_t *ret_us);

#endif
