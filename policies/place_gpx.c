/* SPDX-License-Identifier: Apache-2.0 */
/* place_gpx.c - ways from GPX files; see place_gpx.h. Pure; tools. */
#include "policies/place_gpx.h"

#include <errno.h>

#include "agent/util/limits.h"

#define S_US 1000000

struct collector {
	enum gpx_kind kind;
	struct place_sim_point *points; /* owned; at_us: since 1970 */
	size_t n_points, n_allocated, n_timed;
};

static int collect(void *userdata, const struct gpx_point *point)
{
	struct collector *c = userdata;

	if (point->kind != c->kind)
		return 0;
	if (c->n_points == c->n_allocated) {
		size_t n = c->n_allocated ? 2 * c->n_allocated : 256;
		void *grown = realloc(c->points, n * sizeof(*c->points));

		if (!grown)
			return -ENOMEM;
		c->points = grown;
		c->n_allocated = n;
	}
	c->points[c->n_points++] =
		(struct place_sim_point){point->has_time ? point->time_us : 0, point->at};
	c->n_timed += point->has_time;
	return 0;
}

/* Times since the first point. NULL, or what is wrong with them. */
static const char *settle_times(struct collector *c)
{
	int64_t first_us = c->points[0].at_us;

	if (c->n_timed != 0 && c->n_timed != c->n_points)
		return "has points with and without a time";
	c->points[0].at_us = 0;
	for (size_t i = 1; i < c->n_points; i++) {
		struct place_sim_point *before = &c->points[i - 1], *point = &c->points[i];

		if (c->n_timed)
			point->at_us -= first_us;
		else
			point->at_us =
				before->at_us + (int64_t)(geo_distance_m(&before->at, &point->at) /
							  PLACE_GPX_WALK_MS * S_US);
		if (point->at_us < before->at_us)
			return "has times that go back";
		if (point->at_us > PLACE_SIM_MAX_S * S_US)
			return "lasts longer than a year";
	}
	return NULL;
}

int place_gpx_read(const char *text, size_t n_bytes, struct place_sim_point **ret_points,
	size_t *ret_n_points, struct gpx_error *ret_error)
{
	for (int kind = GPX_TRACK; kind <= GPX_ROUTE; kind++) {
		struct collector c = {.kind = (enum gpx_kind)kind};
		const char *why = NULL;
		int r = gpx_read(text, n_bytes, collect, &c, ret_error);

		if (r == 0 && c.n_points == 0 && kind == GPX_TRACK)
			continue;
		if (r == 0)
			why = c.n_points < 2 ? "has no track or route of two points"
					     : settle_times(&c);
		if (r == 0 && !why) {
			*ret_points = c.points;
			*ret_n_points = c.n_points;
			return 0;
		}
		free(c.points);
		if (why)
			*ret_error = (struct gpx_error){1, why};
		return r < 0 ? r : -EBADMSG;
	}
	return -EBADMSG;
}
