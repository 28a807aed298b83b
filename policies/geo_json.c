/* SPDX-License-Identifier: Apache-2.0 */
/* geo_json.c - shapes of fences from GeoJSON geometry; see geo_json.h. Pure; enforcer and tools. */
#include "policies/geo_json.h"

#include <errno.h>
#include <math.h>

#include "agent/util/limits.h"
#include "policies/doc_path.h"

#define PER_DEGREE 1e9

struct reader {
	double radius_m;
	struct geo_shapes shapes; /* owned */
	size_t n_rings, n_points;
	bool is_nested; /* inside of a GeometryCollection */
	struct json_error *error;
};

static void path_member(char ret_path[DOC_PATH_BYTES], const char *path, const char *name)
{
	doc_path(ret_path, "%s%s%s", path, *path ? "." : "", name);
}

/* A coordinate; false if it is no number. Infinite ones fail the check of the range. */
static bool number_read(struct json_object *value, double *ret_degrees)
{
	if (!json_object_is_type(value, json_type_double) &&
		!json_object_is_type(value, json_type_int))
		return false;
	*ret_degrees = round(json_object_get_double(value) * PER_DEGREE) / PER_DEGREE + 0.0;
	return true;
}

static int position_read(struct json_object *array, const char *path, struct geo_point *ret_point,
	struct json_error *error)
{
	size_t n =
		json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
	struct geo_point point;
	double height;

	if (n < 2 || n > 3 || !number_read(json_object_array_get_idx(array, 0), &point.lon) ||
		!number_read(json_object_array_get_idx(array, 1), &point.lat) ||
		(n == 3 && !number_read(json_object_array_get_idx(array, 2), &height)))
		return json_fail(error, path, "must be [longitude, latitude] in degrees");
	if (!geo_point_is_valid(&point))
		return json_fail(error, path,
			"must have a longitude from -180 to 180 and a latitude from -90 to 90");
	*ret_point = point;
	return 0;
}

static int ring_read(
	struct reader *r, struct json_object *array, const char *path, struct geo_ring *ret_ring)
{
	char point_path[DOC_PATH_BYTES];
	size_t n;
	int err;

	if (!json_object_is_type(array, json_type_array))
		return json_fail(r->error, path, "must be an array of positions");
	n = json_object_array_length(array);
	r->n_points += n;
	if (r->n_points > LIMIT_GEO_VERTICES + r->n_rings)
		return json_fail(
			r->error, path, "must have at most %d vertices in all", LIMIT_GEO_VERTICES);
	ret_ring->points = calloc(n + 1, sizeof(*ret_ring->points));
	if (!ret_ring->points)
		return -ENOMEM;
	ret_ring->n_points = n;
	for (size_t i = 0; i < n; i++) {
		doc_path(point_path, "%s[%zu]", path, i);
		err = position_read(json_object_array_get_idx(array, i), point_path,
			&ret_ring->points[i], r->error);
		if (err < 0)
			return err;
	}
	return 0;
}

/* Room for one shape more, which belongs to the reader at once. */
static int shape_add(struct reader *r, const char *path, struct geo_shape **ret_shape)
{
	struct geo_shapes *s = &r->shapes;

	if (s->n_shapes == LIMIT_GEO_SHAPES)
		return json_fail(
			r->error, path, "must be one of at most %d shapes", LIMIT_GEO_SHAPES);
	if ((s->n_shapes & (s->n_shapes - 1)) == 0) { /* room is doubled at every power of two */
		size_t room = s->n_shapes ? 2 * s->n_shapes : 1;
		struct geo_shape *shapes = reallocarray(s->shapes, room, sizeof(*shapes));

		if (!shapes)
			return -ENOMEM;
		s->shapes = shapes;
	}
	s->shapes[s->n_shapes] = (struct geo_shape){0};
	*ret_shape = &s->shapes[s->n_shapes++];
	return 0;
}

static int polygon_read(struct reader *r, struct json_object *array, const char *path)
{
	char ring_path[DOC_PATH_BYTES];
	struct geo_shape *shape;
	size_t n;
	int err = shape_add(r, path, &shape);

	if (err < 0)
		return err;
	if (!json_object_is_type(array, json_type_array) || json_object_array_length(array) == 0)
		return json_fail(r->error, path, "must be an array of rings");
	n = json_object_array_length(array);
	r->n_rings += n;
	if (r->n_rings > LIMIT_GEO_RINGS)
		return json_fail(
			r->error, path, "must have at most %d rings in all", LIMIT_GEO_RINGS);
	shape->kind = GEO_POLYGON;
	shape->rings = calloc(n, sizeof(*shape->rings));
	if (!shape->rings)
		return -ENOMEM;
	shape->n_rings = n;
	for (size_t i = 0; err == 0 && i < n; i++) {
		doc_path(ring_path, "%s[%zu]", path, i);
		err = ring_read(
			r, json_object_array_get_idx(array, i), ring_path, &shape->rings[i]);
	}
	return err;
}

static int multipolygon_read(struct reader *r, struct json_object *array, const char *path)
{
	char polygon_path[DOC_PATH_BYTES];
	int err = 0;

	if (!json_object_is_type(array, json_type_array) || json_object_array_length(array) == 0)
		return json_fail(r->error, path, "must be an array of polygons");
	for (size_t i = 0; err == 0 && i < json_object_array_length(array); i++) {
		doc_path(polygon_path, "%s[%zu]", path, i);
		err = polygon_read(r, json_object_array_get_idx(array, i), polygon_path);
	}
	return err;
}

static int point_read(struct reader *r, struct json_object *array, const char *path)
{
	struct geo_point centre;
	struct geo_shape *shape;
	int err;

	if (r->radius_m <= 0)
		return json_fail(r->error, path, "is a point, for which there is no radius");
	err = position_read(array, path, &centre, r->error);
	if (err == 0)
		err = shape_add(r, path, &shape);
	if (err == 0)
		*shape = (struct geo_shape){
			.kind = GEO_CIRCLE, .centre = centre, .radius_m = r->radius_m};
	return err;
}

static int geometry_read(struct reader *r, struct json_object *geometry, const char *path);

static int collection_read(struct reader *r, struct json_object *array, const char *path)
{
	char member_path[DOC_PATH_BYTES];
	int err = 0;

	if (r->is_nested)
		return json_fail(r->error, path, "must not be a collection inside of another one");
	if (!json_object_is_type(array, json_type_array) || json_object_array_length(array) == 0)
		return json_fail(r->error, path, "must be an array of geometries");
	r->is_nested = true;
	for (size_t i = 0; err == 0 && i < json_object_array_length(array); i++) {
		doc_path(member_path, "%s[%zu]", path, i);
		err = geometry_read(r, json_object_array_get_idx(array, i), member_path);
	}
	r->is_nested = false;
	return err;
}

static const struct kind {
	const char *type, *member;
	int (*read)(struct reader *r, struct json_object *array, const char *path);
} kinds[] = {
	{"Point", "coordinates", point_read},
	{"Polygon", "coordinates", polygon_read},
	{"MultiPolygon", "coordinates", multipolygon_read},
	{"GeometryCollection", "geometries", collection_read},
};

static const struct kind *kind_find(struct json_object *geometry)
{
	struct json_object *type;

	if (!json_object_object_get_ex(geometry, "type", &type) ||
		!json_object_is_type(type, json_type_string))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(json_object_get_string(type), kinds[i].type) == 0 &&
			(size_t)json_object_get_string_len(type) == strlen(kinds[i].type))
			return &kinds[i];
	return NULL;
}

static int geometry_read(struct reader *r, struct json_object *geometry, const char *path)
{
	char member_path[DOC_PATH_BYTES];
	const struct kind *kind;
	struct json_object *array;
	int err;

	if (!json_object_is_type(geometry, json_type_object))
		return json_fail(r->error, path, "must be a GeoJSON geometry");
	kind = kind_find(geometry);
	path_member(member_path, path, "type");
	if (!kind)
		return json_fail(r->error, member_path,
			"must be Point, Polygon, MultiPolygon or GeometryCollection");
	err = json_only(geometry, path, (const char *const[]){"type", kind->member, "bbox", NULL},
		r->error);
	if (err == 0)
		err = json_required(json_get_array(geometry, path, kind->member, &array, r->error),
			path, kind->member, r->error);
	if (err < 0)
		return err;
	path_member(member_path, path, kind->member);
	return kind->read(r, array, member_path);
}

int geo_json_read(struct json_object *geometry, const char *path, double radius_m,
	struct geo_shapes *ret_shapes, struct json_error *error)
{
	struct reader r = {.radius_m = radius_m, .error = error};
	int err = geometry_read(&r, geometry, path);

	if (err < 0)
		geo_shapes_done(&r.shapes);
	else
		*ret_shapes = r.shapes;
	return err;
}

/* Where a shape is, counted down; false if there are fewer of them. */
static bool shape_find(
	struct json_object *geometry, const char *path, size_t *left, char ret_path[DOC_PATH_BYTES])
{
	const struct kind *kind = kind_find(geometry);
	struct json_object *array = json_object_object_get(geometry, kind->member);
	size_t n = json_object_array_length(array);
	char member_path[DOC_PATH_BYTES];

	path_member(member_path, path, kind->member);
	if (kind->read == multipolygon_read && *left < n) {
		doc_path(ret_path, "%s[%zu]", member_path, *left);
		return true;
	}
	if (kind->read == multipolygon_read)
		*left -= n;
	for (size_t i = 0; kind->read == collection_read && i < n; i++) {
		char geometry_path[DOC_PATH_BYTES];

		doc_path(geometry_path, "%s[%zu]", member_path, i);
		if (shape_find(json_object_array_get_idx(array, i), geometry_path, left, ret_path))
			return true;
	}
	if (kind->read != point_read && kind->read != polygon_read)
		return false;
	doc_path(ret_path, "%s", member_path);
	return (*left)-- == 0;
}

static int fault_report(struct json_object *geometry, const char *path,
	const struct geo_error *fault, struct json_error *error)
{
	char shape_path[DOC_PATH_BYTES], fault_path[DOC_PATH_BYTES];
	_cleanup_buf_ struct buf words = BUF_INIT;
	size_t left = fault->shape;

	geo_error_format(fault, &words);
	if (words.error < 0)
		return words.error;
	if (!shape_find(geometry, path, &left, shape_path))
		doc_path(shape_path, "%s", path);
	switch (fault->fault) {
	case GEO_FAULT_CROSSING:
	case GEO_FAULT_HALF_TURN:
	case GEO_FAULT_POINT:
		doc_path(fault_path, "%s[%zu][%zu]", shape_path, fault->ring, fault->edge);
		break;
	case GEO_FAULT_UNCLOSED:
	case GEO_FAULT_AREA:
	case GEO_FAULT_POLE:
	case GEO_FAULT_VERTICES:
	case GEO_FAULT_HOLE_OUTSIDE:
	case GEO_FAULT_HOLE_IN_HOLE:
		doc_path(fault_path, "%s[%zu]", shape_path, fault->ring);
		break;
	case GEO_FAULT_NONE:
	case GEO_FAULT_SHAPES:
	case GEO_FAULT_RADIUS:
	case GEO_FAULT_RINGS:
	case GEO_FAULT_LENGTH:
	case GEO_FAULT_MAX:
		doc_path(fault_path, "%s", shape_path);
		break;
	}
	return json_fail(error, fault_path, "%s", words.data);
}

int geo_json_fence(struct json_object *geometry, const char *path, double radius_m,
	struct geo_fence **ret_fence, struct json_error *error)
{
	_cleanup_geo_shapes_ struct geo_shapes shapes = {0};
	struct geo_error fault;
	int r = geo_json_read(geometry, path, radius_m, &shapes, error);

	if (r < 0)
		return r;
	r = geo_fence_new(shapes.shapes, shapes.n_shapes, ret_fence, &fault);
	return r == GEO_E_FAULT ? fault_report(geometry, path, &fault, error) : r;
}
