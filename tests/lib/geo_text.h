/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_text.h - shapes of a line of text, for tests of geometry: "lon lat,lon lat,…" is a ring, '/'
 * begins another one (a hole), ';' another shape; "@lon lat metres" is a circle. A ring closes
 * itself unless it ends with '!'. Header only.
 */
#ifndef MDM_TESTS_GEO_TEXT_H
#define MDM_TESTS_GEO_TEXT_H

#include <stdlib.h>
#include <string.h>

#include "policies/geo.h"

static inline const char *geo_text_ring(const char *text, struct geo_ring *ring)
{
	bool is_more = true;

	*ring = (struct geo_ring){0};
	while (is_more) {
		struct geo_point p;
		char *end;

		p.lon = strtod(text, &end);
		p.lat = strtod(end, &end);
		ring->points = realloc(ring->points, (ring->n_points + 2) * sizeof(*ring->points));
		if (!ring->points || end == text)
			abort();
		ring->points[ring->n_points++] = p;
		text = end;
		is_more = *text == ',';
		text += is_more;
	}
	if (*text == '!')
		return text + 1;
	ring->points[ring->n_points++] = ring->points[0];
	return text;
}

static inline const char *geo_text_shape(const char *text, struct geo_shape *shape)
{
	char *end;

	*shape = (struct geo_shape){0};
	if (*text == '@') {
		shape->centre.lon = strtod(text + 1, &end);
		shape->centre.lat = strtod(end, &end);
		shape->radius_m = strtod(end, &end);
		return end;
	}
	shape->kind = GEO_POLYGON;
	do {
		shape->rings = realloc(shape->rings, (shape->n_rings + 1) * sizeof(*shape->rings));
		if (!shape->rings)
			abort();
		text = geo_text_ring(text + (*text == '/'), &shape->rings[shape->n_rings++]);
	} while (*text == '/');
	return text;
}

/* geo_shapes_done() by the caller. */
static inline struct geo_shapes geo_text(const char *text)
{
	struct geo_shapes shapes = {0};

	while (*text) {
		shapes.shapes =
			realloc(shapes.shapes, (shapes.n_shapes + 1) * sizeof(*shapes.shapes));
		if (!shapes.shapes)
			abort();
		text = geo_text_shape(text + (*text == ';'), &shapes.shapes[shapes.n_shapes++]);
		if (*text && *text != ';')
			abort();
	}
	return shapes;
}

#endif
