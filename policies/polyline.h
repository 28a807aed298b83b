/* SPDX-License-Identifier: Apache-2.0 */
/*
 * polyline.h - lines of many points as short text: Encoded Polyline Algorithm Format, latitude
 * before longitude, in millionths of a degree (a tenth of a metre) instead of the hundred
 * thousandths that it was made for. Four to six bytes for a point of a city's boundary, where
 * GeoJSON takes twenty. Pure; enforcer and tools.
 */
#ifndef MDM_POLICIES_POLYLINE_H
#define MDM_POLICIES_POLYLINE_H

#include "policies/geo.h"

/*
 * 0 with *ret_ring, whose points are the caller's to free; -EBADMSG: not such a text, not the
 * shortest one for a number, a point out of range, or none at all; -E2BIG: more than max_points;
 * -ENOMEM. That it is closed is not asked here.
 */
int polyline_decode(const char *text, size_t n_bytes, size_t max_points, struct geo_ring *ret_ring);

/* Points are rounded; those that become the one before are left out, but the last. */
void polyline_encode(const struct geo_point *points, size_t n_points, struct buf *out);

#endif
