/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geolocation.h - the file /etc/geolocation, by which an administrator says where a device that
 * does not move is, as GeoClue reads it (geoclue(5)): latitude, longitude, altitude and accuracy,
 * one number a line; what follows '#' is a comment, and empty lines are passed over. Pure.
 */
#ifndef MDM_POLICIES_GEOLOCATION_H
#define MDM_POLICIES_GEOLOCATION_H

#include "policies/fix.h"

/*
 * 0 with source, latitude, longitude, accuracy_m and speed_ms of the fix, the rest zeroed;
 * -EBADMSG: anything else, or more than LIMIT_GEOLOCATION_BYTES. An accuracy of 0 is one of a
 * metre.
 */
int geolocation_parse(const char *text, size_t n_bytes, struct fix *ret_fix);

#endif
