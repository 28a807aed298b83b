/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place_file.h - the places in a file that somebody drew or walked: GeoJSON (geometry, Feature,
 * FeatureCollection) or GPX (waypoints, closed tracks and routes). Files come from anywhere; what
 * is taken is checked as phones check it. Pure; mdmctl.
 */
#ifndef MDM_MDMCTL_PLACE_FILE_H
#define MDM_MDMCTL_PLACE_FILE_H

#include "agent/json/json_read.h"
#include "agent/util/limits.h"
#include "policies/geo.h"

/* How far the ends of a line that somebody walked may be apart for it to be closed: what two
 * positions of a good receiver at one spot are. */
#define PLACE_FILE_GAP_M 25.0

struct place_file_options {
	const char *name;     /* of all shapes together, as one place; NULL: each has its own */
	const char *fallback; /* of a shape that has none; a name of places, or NULL */
	double radius_m;      /* of points; 0: not said */
};

struct place_file_place {
	char name[LIMIT_NAME_BYTES + 1];
	char path[64]; /* where its name was found, for people */
	struct geo_shapes shapes;
	size_t n_vertices;
};

struct place_file {
	struct place_file_place *places; /* owned, at least one */
	size_t n_places;
	struct buf notes; /* what was taken otherwise than it stands there, a line each */
};
void place_file_done(struct place_file *file);
#define _cleanup_place_file_ _cleanup_(place_file_done)

/*
 * 0 with *ret_file; -EBADMSG with error: no such file, one beyond the limits of fences, or shapes
 * that make no fence, with the path of the vertices (a line of the file for GPX); -ENOMEM.
 */
int place_file_read(const char *text, size_t n_bytes, const struct place_file_options *options,
	struct place_file *ret_file, struct json_error *error);

/* The nearest name that a place may have: what it may not hold becomes '-'. False: nothing is left.
 */
bool place_file_name(const char *text, char ret_name[LIMIT_NAME_BYTES + 1]);

/* The middle of the box round all shapes, and its longer side in metres: what tells people at a
 * glance that latitude and longitude were swapped. At least one shape; boxes wider than half the
 * Earth are not measured right. */
void place_file_extent(
	const struct geo_shapes *shapes, struct geo_point *ret_middle, double *ret_across_m);

/* --- place_gpx_file.c: the points of GPX, into an empty file --- */
int place_file_gpx(const char *text, size_t n_bytes, const struct place_file_options *options,
	struct place_file *file, struct json_error *error);
/* A place more, with the shapes, which are the place's then. name has been checked. */
int place_file_add(struct place_file *file, const char *name, const char *path,
	struct geo_shapes *shapes, struct json_error *error);

#endif
