/* SPDX-License-Identifier: Apache-2.0 */
/* test_geo_json.c - fences from GeoJSON: what is taken, what is refused and where, what is written.
 */
#include "policies/geo_json.h"

#include <errno.h>

#include "agent/util/limits.h"
#include "tests/lib/check.h"

#define SQUARE "[[0,0],[1,0],[1,1],[0,1],[0,0]]"
#define POLYGON(rings) "{\"type\":\"Polygon\",\"coordinates\":[" rings "]}"

static int fence_of(
	const char *text, double radius_m, struct geo_fence **ret_fence, struct json_error *error)
{
	_cleanup_json_ struct json_object *object = NULL;
	int r = json_parse_geometry(text, strlen(text), &object, error);

	return r < 0 ? r : geo_json_fence(object, "place", radius_m, ret_fence, error);
}

static void test_sides(void)
{
	static const struct {
		const char *text;
		double radius_m;
		struct geo_point point;
		enum geo_side side;
	} rows[] = {
		{POLYGON(SQUARE), 0, {0.5, 0.5}, GEO_INSIDE},
		{POLYGON(SQUARE), 0, {0.5, 1.5}, GEO_OUTSIDE},
		{POLYGON("[[0,0,77],[10,0,1.5],[10,10,0],[0,10,-3],[0,0,77]],"
			 "[[4,4],[4,6],[6,6],[6,4],[4,4]]"),
			0, {5, 5}, GEO_OUTSIDE},
		{"{\"bbox\":[0,0,3,1],\"type\":\"MultiPolygon\",\"coordinates\":[[" SQUARE
		 "],[[[2,0],[3,0],[3,1],[2,0]]]]}",
			0, {0.1, 2.5}, GEO_INSIDE},
		{"{\"type\":\"Point\",\"coordinates\":[180,1e1]}", 1000, {10.001, -180},
			GEO_INSIDE},
		{"{\"type\":\"Point\",\"coordinates\":[180,10]}", 1000, {10.01, -180}, GEO_OUTSIDE},
		{"{\"type\":\"GeometryCollection\",\"geometries\":[" POLYGON(
			 SQUARE) ",{\"type\":\"Point\",\"coordinates\":[5,5]}]}",
			1000, {5, 5}, GEO_INSIDE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;
		struct json_error error = {0};

		if (fence_of(rows[i].text, rows[i].radius_m, &fence, &error) < 0)
			check_fail(__FILE__, __LINE__, "%s: %s %s", rows[i].text, error.path,
				error.message);
		else
			CHECK_INT(geo_fence_side(fence, &rows[i].point, 0), rows[i].side);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *text, *path, *message;
	} rows[] = {
		{"{}", "place.type", "must be Point, Polygon, MultiPolygon or GeometryCollection"},
		{"{\"type\":7}", "place.type", NULL},
		{"{\"type\":\"LineString\",\"coordinates\":[[0,0],[1,1]]}", "place.type", NULL},
		{"{\"type\":\"Feature\",\"geometry\":null}", "place.type", NULL},
		{"{\"type\":\"Polygon\"}", "place.coordinates", "is missing"},
		{"{\"type\":\"Polygon\",\"geometries\":[]}", "place",
			"has the unknown member \"geometries\""},
		{"{\"type\":\"Polygon\",\"coordinates\":7}", "place.coordinates", NULL},
		{"{\"type\":\"Polygon\",\"coordinates\":[]}", "place.coordinates",
			"must be an array of rings"},
		{POLYGON("7"), "place.coordinates[0]", "must be an array of positions"},
		{POLYGON("[]"), "place.coordinates[0]",
			"must be a ring of at least four positions whose last is the first"},
		{POLYGON("[[0,0],[1,0],[1,\"1\"],[0,0]]"), "place.coordinates[0][2]",
			"must be [longitude, latitude] in degrees"},
		{POLYGON("[[0,0],[1],[1,1],[0,0]]"), "place.coordinates[0][1]", NULL},
		{POLYGON("[[0,0],[1,0,0,0],[1,1],[0,0]]"), "place.coordinates[0][1]", NULL},
		{POLYGON("[[0,0],[1,0,null],[1,1],[0,0]]"), "place.coordinates[0][1]", NULL},
		{POLYGON("[[0,0],7,[1,1],[0,0]]"), "place.coordinates[0][1]", NULL},
		{POLYGON("[[0,0],[359,0],[1,1],[0,0]]"), "place.coordinates[0][1]",
			"must have a longitude from -180 to 180 and a latitude from -90 to 90"},
		{POLYGON("[[0,0],[1,0],[1,1e999],[0,0]]"), "place.coordinates[0][2]", NULL},
		{POLYGON("[[0,0],[1,0],[1,1],[0,1]]"), "place.coordinates[0]", NULL},
		{POLYGON(SQUARE ",[[0.1,0.1],[0.2,0.1],[0.1,0.2],[0.2,0.2],[0.1,0.1]]"),
			"place.coordinates[1][3]", "edge 3 must not touch edge 1"},
		{POLYGON(SQUARE ",[[2,2],[3,2],[3,3],[2,2]]"), "place.coordinates[1]",
			"must be a hole inside of the first ring"},
		{POLYGON("[[-90,0],[90,0],[90,1],[-90,0]]"), "place.coordinates[0][0]",
			"edge 0 goes half round the Earth: put a vertex in between"},
		{"{\"type\":\"MultiPolygon\",\"coordinates\":[]}", "place.coordinates", NULL},
		{"{\"type\":\"MultiPolygon\",\"coordinates\":[[" SQUARE
		 "],[[[0,0],[1,1],[2,2],[0,0]]]]}",
			"place.coordinates[1][0]", "must have an area"},
		{"{\"type\":\"MultiPolygon\",\"coordinates\":[7]}", "place.coordinates[0]", NULL},
		{"{\"type\":\"Point\",\"coordinates\":[0]}", "place.coordinates", NULL},
		{"{\"type\":\"GeometryCollection\",\"geometries\":[]}", "place.geometries", NULL},
		{"{\"type\":\"GeometryCollection\",\"geometries\":[7]}", "place.geometries[0]",
			"must be a GeoJSON geometry"},
		{"{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"GeometryCollection\","
		 "\"geometries\":[" POLYGON(SQUARE) "]}]}",
			"place.geometries[0].geometries",
			"must not be a collection inside of another one"},
		{"{\"type\":\"GeometryCollection\",\"geometries\":["
		 "{\"type\":\"MultiPolygon\",\"coordinates\":[[" SQUARE "],[" SQUARE "]]},"
		 "{\"type\":\"Point\",\"coordinates\":[3,3]}," POLYGON(
			 "[[0,0],[1,1],[1,0],[0,1],[0,0]]") "]}",
			"place.geometries[2].coordinates[0][2]", "edge 2 must not touch edge 0"},
		{"{\"type\":\"GeometryCollection\",\"geometries\":[" POLYGON(
			 SQUARE) ","
				 "{\"type\":\"MultiPolygon\",\"coordinates\":[[" SQUARE
				 "],[[[0,0],[1,1],[1,0],[0,1],[0,0]]]]}]}",
			"place.geometries[1].coordinates[1][0][2]", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct geo_fence *fence = NULL;
		struct json_error error = {0};

		CHECK_INT(fence_of(rows[i].text, 100, &fence, &error), -EBADMSG);
		CHECK(!fence);
		CHECK_STR(error.path, rows[i].path);
		CHECK(*error.message);
		if (rows[i].message)
			CHECK_STR(error.message, rows[i].message);
	}
}

static void test_radius(void)
{
	static const char text[] = "{\"type\":\"Point\",\"coordinates\":[1,2]}";
	struct geo_fence *fence = NULL;
	struct json_error error = {0};

	CHECK_INT(fence_of(text, 0, &fence, &error), -EBADMSG);
	CHECK_STR(error.path, "place.coordinates");
	CHECK_STR(error.message, "is a point, for which there is no radius");
	CHECK_INT(fence_of(text, LIMIT_GEO_RADIUS_MAX_M + 1, &fence, &error), -EBADMSG);
	CHECK_STR(error.message, "must have a radius from 10 to 1000000 metres");
	CHECK_INT(fence_of(text, LIMIT_GEO_RADIUS_MAX_M, &fence, &error), 0);
	geo_fence_free(fence);
}

static void check_written(const char *text, const char *expected)
{
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_geo_shapes_ struct geo_shapes shapes = {0};
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct json_error error = {0};

	CHECK_INT(json_parse(text, strlen(text), &object, &error), 0);
	CHECK_INT(geo_json_read(object, "", 50, &shapes, &error), 0);
	CHECK_INT(geo_json_write(shapes.shapes, shapes.n_shapes, &out), 0);
	CHECK_STR(out.data, expected);
	if (strcmp(text, expected) != 0)
		check_written(expected, expected);
}

static void test_written(void)
{
	check_written(POLYGON("[[1,1],[0,1],[0,0],[1,0],[1,1]]"), POLYGON(SQUARE));
	check_written(POLYGON("[[1,1],[1,0],[0,0],[0,0,5],[0,1],[1,1]]"), POLYGON(SQUARE));
	check_written(POLYGON("[[-1.5,-0.25],[0.000000001,0],[-0.0,1e-9],[-1.5,-0.25]]"),
		POLYGON("[[-1.5,-0.25],[0.000000001,0],[0,0.000000001],[-1.5,-0.25]]"));
	/* Finer than 0.1 mm; a hole goes the other way round. */
	check_written(POLYGON("[[0,0],[9,0],[9,9.00000000049],[0,9],[0,0]],"
			      "[[1,1],[2,1],[1,2],[1,1]]"),
		POLYGON("[[0,0],[9,0],[9,9],[0,9],[0,0]],[[1,1],[1,2],[2,1],[1,1]]"));
	/* Round the poles, and across the antimeridian. */
	check_written(POLYGON("[[90,70],[0,70],[-90,70],[-180,70],[90,70]]"),
		POLYGON("[[-90,70],[0,70],[90,70],[180,70],[-90,70]]"));
	check_written(POLYGON("[[90,-70],[180,-70],[-90,-70],[0,-70],[90,-70]]"),
		POLYGON("[[-90,-70],[180,-70],[90,-70],[0,-70],[-90,-70]]"));
	check_written(POLYGON("[[179,1],[-179,1],[-179,-1],[179,-1],[179,1]]"),
		POLYGON("[[-179,-1],[-179,1],[179,1],[179,-1],[-179,-1]]"));
	check_written("{\"type\":\"Point\",\"coordinates\":[-180,-12.5]}",
		"{\"type\":\"Point\",\"coordinates\":[180,-12.5]}");
	check_written("{\"type\":\"GeometryCollection\",\"geometries\":[" POLYGON(
			      SQUARE) "," POLYGON("[[3,0],[4,0],[4,1],[3,0]]") "]}",
		"{\"type\":\"MultiPolygon\",\"coordinates\":[[" SQUARE
		"],[[[3,0],[4,0],[4,1],[3,0]]]]}");
	check_written("{\"type\":\"GeometryCollection\",\"geometries\":[" POLYGON(
			      SQUARE) ",{\"type\":\"Point\",\"coordinates\":[3,3]}]}",
		"{\"type\":\"GeometryCollection\",\"geometries\":[" POLYGON(
			SQUARE) ",{\"type\":\"Point\",\"coordinates\":[3,3]}]}");
}

static void test_not_written(void)
{
	struct geo_point points[] = {{0, 0}, {1, 1}, {2, 2}};
	struct geo_ring ring = {points, ARRAY_SIZE(points)};
	struct geo_shape shape = {GEO_POLYGON, .rings = &ring, .n_rings = 1};
	_cleanup_buf_ struct buf out = BUF_INIT;

	CHECK_INT(geo_json_write(&shape, 1, &out), -EINVAL);
	CHECK_INT(geo_json_write(&shape, 0, &out), -EINVAL);
}

/* One step over each limit, before anything is built of it. */
static void repeat(struct buf *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%s", i ? "," : "", text);
}

static void check_limit(
	const char *before, const char *text, size_t n, const char *after, const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct geo_fence *fence = NULL;
	struct json_error error = {0};

	buf_puts(&out, before);
	repeat(&out, text, n);
	buf_puts(&out, after);
	CHECK_INT(fence_of(out.data, 100, &fence, &error), expected ? -EBADMSG : 0);
	if (expected)
		CHECK_STR(error.message, expected);
	geo_fence_free(fence);
}

static void test_limits(void)
{
	static const char shapes[] = "{\"type\":\"GeometryCollection\",\"geometries\":[";
	static const char shape[] = "{\"type\":\"Point\",\"coordinates\":[3,3]}";
	static const char rings[] = "{\"type\":\"Polygon\",\"coordinates\":[";
	static const char points[] = "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[0,9],";

	check_limit(shapes, shape, LIMIT_GEO_SHAPES, "]}", NULL);
	check_limit(shapes, shape, LIMIT_GEO_SHAPES + 1, "]}", "must be one of at most 256 shapes");
	check_limit(rings, "[[0,0],[1,0],[1,1],[0,0]]", LIMIT_GEO_RINGS, "]}",
		"edge 0 must not touch edge 2 of ring 0");
	check_limit(rings, "[]", LIMIT_GEO_RINGS + 1, "]}", "must have at most 1024 rings in all");
	check_limit(points, "[9,9]", LIMIT_GEO_VERTICES - 2, ",[0,0]]]}", NULL);
	check_limit(points, "[9,9]", LIMIT_GEO_VERTICES - 1, ",[0,0]]]}",
		"must have at most 16384 vertices in all");
}

static const struct check_test tests[] = {
	{"sides", test_sides},
	{"refused", test_refused},
	{"radius", test_radius},
	{"written", test_written},
	{"not_written", test_not_written},
	{"limits", test_limits},
};
CHECK_MAIN(tests)
