/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_json.h - shapes of fences as GeoJSON geometry (RFC 7946), read strictly and written in one
 * canonical form. Pure; enforcer and tools.
 *
 * Taken are Polygon, MultiPolygon, GeometryCollection (not inside of another one) and, where there
 * is a radius, Point as the centre of a circle. A geometry may have a "bbox", which nothing looks
 * at; positions may have a height, likewise. Coordinates are rounded to 1e-9 degrees (0.1 mm), so
 * that what is written reads as the same.
 */
#ifndef MDM_POLICIES_GEO_JSON_H
#define MDM_POLICIES_GEO_JSON_H

#include "agent/json/json_read.h"
#include "policies/geo.h"

/*
 * The shapes of a geometry, whose own path is path. radius_m is that of all its points; 0: points
 * are refused. Whether they make a fence is for geo_fence_new() to say. 0 with *ret_shapes owned by
 * the caller; -EBADMSG with error; -ENOMEM.
 */
int geo_json_read(struct json_object *geometry, const char *path, double radius_m,
	struct geo_shapes *ret_shapes, struct json_error *error);

/* The same as a fence: what geo_fence_new() refuses is in error with the path of ring and edge. */
int geo_json_fence(struct json_object *geometry, const char *path, double radius_m,
	struct geo_fence **ret_fence, struct json_error *error);

/*
 * Appends one geometry: a Point (circles lose their radius), Polygon or MultiPolygon if that can
 * be, otherwise a GeometryCollection. The first ring of a polygon goes counterclockwise, holes the
 * other way round (round a pole: the inside is on the left, or on the right), each from its
 * westernmost vertex on, without repeated ones; 180 is not written as -180. shapes are such that
 * geo_fence_new() takes them. 0, -ENOMEM (errors of out stay there), -EINVAL if they are not.
 */
int geo_json_write(const struct geo_shape *shapes, size_t n_shapes, struct buf *out);

#endif
