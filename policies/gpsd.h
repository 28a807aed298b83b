/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpsd.h - the lines of JSON that gpsd says to a client that watches (gpsd_json(5)): which version,
 * whether there is a receiver, and its reports TPV of time, position and velocity. Pure. Whatever
 * listens on gpsd's port chooses every byte.
 */
#ifndef MDM_POLICIES_GPSD_H
#define MDM_POLICIES_GPSD_H

#include "policies/fix.h"

/* Asks for the reports; what a client says. */
#define GPSD_WATCH "?WATCH={\"enable\":true,\"json\":true};\n"
/* Where a report says nothing of errors: a receiver without a view. */
#define GPSD_UNKNOWN_M 100.0
#define GPSD_FLOOR_M 4.0

enum gpsd_kind {
	GPSD_OTHER,   /* of no interest */
	GPSD_VERSION, /* it is gpsd, and one that is understood */
	GPSD_DEVICES,
	GPSD_TPV,
	GPSD_ERROR,
	GPSD_KIND_MAX,
};

struct gpsd_report {
	enum gpsd_kind kind;
	size_t n_devices; /* DEVICES: receivers */
	bool has_fix;	  /* TPV: the rest counts */
	/* Of source, latitude, longitude, accuracy_m, speed_ms, mock; not dated, nobody's. */
	struct fix fix;
	bool has_time;
	int64_t time_us; /* Unix time, by the receiver */
};

/*
 * One line, without or with its line end. 0; -EBADMSG: no JSON, a TPV with values that cannot be,
 * a protocol that is not understood, more than LIMIT_GPSD_LINE_BYTES; -ENOMEM.
 *
 * The accuracy is eph, else the root of the sum of the squares of epx and epy: estimates of gpsd
 * that hold in 95 of 100 cases where it calculated them itself, and in some others where the
 * receiver told them. They are taken for 68 as they are: never too small.
 */
int gpsd_parse(const char *line, size_t n_bytes, struct gpsd_report *ret_report);

#endif
