/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nmea.h - what satellite receivers say, in sentences of NMEA 0183: GGA, RMC, GSA and GST, and what
 * follows from them about where the phone is and how sure that is. Pure. The bytes come from a
 * receiver, from a service in front of it, or from whoever poses as one: all of them are checked.
 *
 * How accurate a fix is, as the radius that holds it in 68 of 100 cases:
 *  - GST of the same seconds gives standard deviations to the north and to the east. The radius is
 *    1.07 times the root of the sum of their squares, which is right for a circle and on the safe
 *    side for every ellipse.
 *  - Otherwise the horizontal dilution of precision times NMEA_RANGE_ERROR_M, times the same 1.07:
 *    what a range to one satellite is wrong by, for a receiver without corrections that stands
 *    among houses. The standard positioning service itself promises better.
 *  - Without either, NMEA_UNKNOWN_M. Never less than NMEA_FLOOR_M: what reflections do in a street
 *    no receiver knows.
 */
#ifndef MDM_POLICIES_NMEA_H
#define MDM_POLICIES_NMEA_H

#include "policies/fix.h"
#include "policies/fix_stream.h"

#define NMEA_RANGE_ERROR_M 6.0
#define NMEA_UNKNOWN_M 100.0
#define NMEA_FLOOR_M 4.0

enum nmea_kind {
	NMEA_GGA, /* a fix */
	NMEA_RMC, /* a fix, its speed */
	NMEA_GSA, /* dilution of precision */
	NMEA_GST, /* standard deviations */
	NMEA_KIND_MAX,
};

struct nmea_sentence {
	enum nmea_kind kind;
	bool has_time;	 /* not GSA */
	int64_t time_us; /* of the day, UTC */
	bool valid;	 /* GGA, RMC: it is a fix, with a position; GSA, GST: it has its values */
	bool mock;	 /* GGA, RMC: a simulator, or entered by hand */
	double latitude, longitude;
	double hdop;	    /* GGA, GSA; negative: unknown */
	double speed_ms;    /* RMC; negative: unknown */
	double deviation_m; /* GST: root of the sum of both squares */
};

#define NMEA_E_OTHER 1 /* a sentence in order, but of no interest here */

/*
 * One line, without or with its line end. 0 with the sentence; NMEA_E_OTHER; -EBADMSG: no sentence,
 * a checksum that is missing or wrong, fields that cannot be, more than LIMIT_NMEA_BYTES.
 */
int nmea_parse(const char *line, size_t n_bytes, struct nmea_sentence *ret_sentence);

/* A receiver that is listened to. Zeroed, it has said nothing. */
struct nmea_track {
	struct fix_clock clock;
	int64_t days_us, last_time_us; /* the time of day, continued over midnight */
	bool has_time, has_void, has_gga, has_told, has_deviation, has_hdop, has_speed;
	bool told_gga;
	/* When each was so, by the receiver's time. */
	int64_t void_us, gga_us, told_us, deviation_us, hdop_us, speed_us;
	double deviation_m, hdop, speed_ms;
};

#define NMEA_E_FIX 1

/*
 * A sentence, in the order in which the receiver spoke; arrived_us: CLOCK_BOOTTIME. 0; NMEA_E_FIX
 * with *ret_fix, whose provider is empty. One fix for each moment, two where RMC came before a GGA
 * that knows more.
 */
int nmea_track_add(struct nmea_track *track, const struct nmea_sentence *sentence,
	int64_t arrived_us, struct fix *ret_fix);

#endif
