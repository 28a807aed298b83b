/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_json_write.c - shapes of fences as canonical GeoJSON geometry; see geo_json.h. Pure; enforcer
 * and tools. Numbers are written digit by digit: no locale has a say.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "agent/util/jsonw.h"
#include "policies/geo_json.h"
#include "policies/geo_private.h"

#define PER_DEGREE INT64_C(1000000000)
#define DIGITS 9

static void degrees_write(double degrees, struct buf *out)
{
	int64_t units = llround(degrees * PER_DEGREE), rest;
	char digits[DIGITS + 1];
	int n = DIGITS;

	buf_printf(
		out, "%s%" PRId64, units < 0 ? "-" : "", (units < 0 ? -units : units) / PER_DEGREE);
	rest = (units < 0 ? -units : units) % PER_DEGREE;
	if (rest == 0)
		return;
	for (int i = DIGITS; i-- > 0; rest /= 10)
		digits[i] = (char)('0' + rest % 10);
	while (digits[n - 1] == '0')
		n--;
	digits[n] = 0;
	buf_printf(out, ".%s", digits);
}

static double canonical_lon(double lon)
{
	return lon == -180 ? 180 : lon;
}

static void position_write(struct jsonw *w, const char *key, const struct geo_point *point)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_puts(&text, "[");
	degrees_write(canonical_lon(point->lon), &text);
	buf_puts(&text, ",");
	degrees_write(point->lat, &text);
	buf_puts(&text, "]");
	if (text.error == 0)
		jsonw_raw(w, key, text.data, text.n_bytes);
	else if (w->out->error == 0)
		w->out->error = text.error;
}

/* Whether the inside of a ring is on the left of its edges. */
static bool ring_has_left(const struct geo_outline *o, size_t ring)
{
	const struct geo_line *first = o->lines + o->first_line[ring];
	const struct geo_line *end = o->lines + o->first_line[ring + 1], *west = first, *before;

	if (o->north[ring] || o->south[ring])
		return (end[-1].x1 > first->x0) == o->north[ring];
	/* Both neighbours of the westernmost vertex (the southern one of two) are on one side. */
	for (const struct geo_line *line = first; line < end; line++)
		if (line->x0 < west->x0 || (line->x0 == west->x0 && line->y0 < west->y0))
			west = line;
	before = west == first ? end - 1 : west - 1;
	return geo_orient((const double[]){before->x0, before->y0},
		       (const double[]){before->x1, before->y1},
		       (const double[]){west->x1, west->y1}) > 0;
}

static const struct geo_point *ring_point(
	const struct geo_shape *shape, const struct geo_outline *o, size_t line)
{
	return &shape->rings[o->lines[line].ring].points[o->lines[line].edge];
}

static bool is_before(const struct geo_point *a, const struct geo_point *b)
{
	double x = canonical_lon(a->lon), y = canonical_lon(b->lon);

	return x < y || (x == y && a->lat < b->lat);
}

static void ring_write(
	struct jsonw *w, const struct geo_shape *shape, const struct geo_outline *o, size_t ring)
{
	size_t first = o->first_line[ring], n = o->first_line[ring + 1] - first, start = 0;
	bool is_reversed = ring_has_left(o, ring) == (ring > 0);

	for (size_t i = 1; i < n; i++)
		if (is_before(ring_point(shape, o, first + i), ring_point(shape, o, first + start)))
			start = i;
	jsonw_array(w, NULL);
	for (size_t i = 0; i <= n; i++)
		position_write(w, NULL,
			ring_point(shape, o, first + (start + (is_reversed ? n - i : i)) % n));
	jsonw_array_end(w);
}

static int rings_write(struct jsonw *w, const char *key, const struct geo_shape *shape)
{
	struct geo_error error = {0};
	struct geo_outline o;
	int r = geo_outline_make(shape, &o, &error);

	if (r != 0)
		return r < 0 ? r : -EINVAL;
	jsonw_array(w, key);
	for (size_t ring = 0; ring < o.n_rings; ring++)
		ring_write(w, shape, &o, ring);
	jsonw_array_end(w);
	geo_outline_done(&o);
	return 0;
}

static int geometry_write(struct jsonw *w, const struct geo_shape *shape)
{
	int r = 0;

	jsonw_object(w, NULL);
	jsonw_string(w, "type", shape->kind == GEO_CIRCLE ? "Point" : "Polygon");
	if (shape->kind == GEO_CIRCLE)
		position_write(w, "coordinates", &shape->centre);
	else
		r = rings_write(w, "coordinates", shape);
	jsonw_object_end(w);
	return r;
}

int geo_json_write(const struct geo_shape *shapes, size_t n_shapes, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);
	bool has_circles = false;
	int r = n_shapes ? 0 : -EINVAL;

	for (size_t i = 0; i < n_shapes; i++)
		has_circles |= shapes[i].kind == GEO_CIRCLE;
	if (n_shapes == 1)
		return geometry_write(&w, &shapes[0]);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", has_circles ? "GeometryCollection" : "MultiPolygon");
	jsonw_array(&w, has_circles ? "geometries" : "coordinates");
	for (size_t i = 0; r == 0 && i < n_shapes; i++)
		r = has_circles ? geometry_write(&w, &shapes[i])
				: rings_write(&w, NULL, &shapes[i]);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	return r;
}
