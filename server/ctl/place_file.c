/* SPDX-License-Identifier: Apache-2.0 */
/* place_file.c - places from GeoJSON; see place_file.h. Pure: no files, no clock. mdmctl. */
#include "server/ctl/place_file.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>

#include "agent/util/codec.h"
#include "policies/doc_path.h"
#include "policies/geo_json.h"

void place_file_done(struct place_file *file)
{
	for (size_t i = 0; i < file->n_places; i++)
		geo_shapes_done(&file->places[i].shapes);
	free(file->places);
	buf_done(&file->notes);
	*file = (struct place_file){0};
}

bool place_file_name(const char *text, char ret_name[LIMIT_NAME_BYTES + 1])
{
	size_t n = 0;
	bool gap = false;

	for (; *text && n < LIMIT_NAME_BYTES; text++) {
		unsigned char c = (unsigned char)*text;
		bool fits = c < 0x80 && (isalnum(c) || c == '_' || c == '.' || c == '-');

		if (!fits || (n == 0 && (c == '.' || c == '-'))) {
			gap = n > 0;
			continue;
		}
		if (gap && ret_name[n - 1] != '-')
			ret_name[n++] = '-';
		gap = false;
		if (n < LIMIT_NAME_BYTES)
			ret_name[n++] = (char)c;
	}
	while (n > 0 && ret_name[n - 1] == '-')
		n--;
	ret_name[n] = 0;
	return n > 0;
}

static size_t count_vertices(const struct geo_shapes *shapes)
{
	size_t n = 0;

	for (size_t i = 0; i < shapes->n_shapes; i++)
		for (size_t j = 0; j < shapes->shapes[i].n_rings; j++)
			n += shapes->shapes[i].rings[j].n_points;
	return n;
}

#define DEGREE_M 111195.0

struct box {
	double south, north, west, east; /* degrees, west and east from the first point */
	double from;			 /* longitude of the first point */
	bool begun;
};

static void box_add(struct box *box, const struct geo_point *point, double radius_m)
{
	double high = radius_m / DEGREE_M;
	double wide = high / fmax(cos(point->lat * M_PI / 180), 0.01), lon;

	if (!box->begun)
		*box = (struct box){point->lat, point->lat, 0, 0, point->lon, true};
	lon = remainder(point->lon - box->from, 360);
	box->south = fmin(box->south, point->lat - high);
	box->north = fmax(box->north, point->lat + high);
	box->west = fmin(box->west, lon - wide);
	box->east = fmax(box->east, lon + wide);
}

void place_file_extent(
	const struct geo_shapes *shapes, struct geo_point *ret_middle, double *ret_across_m)
{
	struct box box = {.begun = false};
	double wide, high;

	for (size_t i = 0; i < shapes->n_shapes; i++) {
		const struct geo_shape *shape = &shapes->shapes[i];

		if (shape->kind == GEO_CIRCLE)
			box_add(&box, &shape->centre, shape->radius_m);
		for (size_t j = 0; shape->n_rings && j < shape->rings[0].n_points; j++)
			box_add(&box, &shape->rings[0].points[j], 0);
	}
	ret_middle->lat = (box.south + box.north) / 2;
	ret_middle->lon = remainder(box.from + (box.west + box.east) / 2, 360);
	high = (box.north - box.south) * DEGREE_M;
	wide = (box.east - box.west) * DEGREE_M * cos(ret_middle->lat * M_PI / 180);
	*ret_across_m = fmax(high, wide);
}

/* The shapes move to the end of the place's; nothing is left in from. */
static int append_shapes(struct place_file_place *place, struct geo_shapes *from)
{
	struct geo_shapes *to = &place->shapes;
	struct geo_shape *shapes =
		reallocarray(to->shapes, to->n_shapes + from->n_shapes, sizeof(*shapes));

	if (!shapes)
		return -ENOMEM;
	place->n_vertices += count_vertices(from);
	memcpy(shapes + to->n_shapes, from->shapes, from->n_shapes * sizeof(*shapes));
	to->shapes = shapes;
	to->n_shapes += from->n_shapes;
	free(from->shapes);
	*from = (struct geo_shapes){0};
	return 0;
}

int place_file_add(struct place_file *file, const char *name, const char *path,
	struct geo_shapes *shapes, struct json_error *error)
{
	struct place_file_place *places;

	for (size_t i = 0; i < file->n_places; i++)
		if (strcmp(file->places[i].name, name) == 0)
			return json_fail(error, path,
				"would be named %.64s, as %.50s is; with --name all are one place",
				name, file->places[i].path);
	if (file->n_places == LIMIT_PLACES)
		return json_fail(error, path, "is beyond the %d places that a policy may have",
			LIMIT_PLACES);
	places = reallocarray(file->places, file->n_places + 1, sizeof(*places));
	if (!places)
		return -ENOMEM;
	file->places = places;
	places += file->n_places;
	*places = (struct place_file_place){.n_vertices = count_vertices(shapes)};
	snprintf(places->name, sizeof(places->name), "%s", name);
	snprintf(places->path, sizeof(places->path), "%.63s", *path ? path : "the file");
	places->shapes = *shapes;
	*shapes = (struct geo_shapes){0};
	file->n_places++;
	return 0;
}

/* --- GeoJSON ------------------------------------------------------------------------------ */

struct reader {
	const struct place_file_options *options;
	struct place_file *file;
	struct json_error *error;
};

static const char *type_of(struct json_object *object)
{
	struct json_object *type;

	return json_object_object_get_ex(object, "type", &type) &&
			       json_object_is_type(type, json_type_string)
		       ? json_object_get_string(type)
		       : "";
}

/* Programs that draw circles write their radius there. */
static double property_radius(struct json_object *properties)
{
	struct json_object *radius;
	double metres;

	if (!json_object_object_get_ex(properties, "radius", &radius) ||
		(!json_object_is_type(radius, json_type_double) &&
			!json_object_is_type(radius, json_type_int)))
		return 0;
	metres = round(json_object_get_double(radius));
	return isfinite(metres) && metres >= LIMIT_GEO_RADIUS_MIN_M &&
			       metres <= LIMIT_GEO_RADIUS_MAX_M
		       ? metres
		       : 0;
}

/* What the file calls it; the name of the file where there is only one of it. */
static int find_name(struct reader *r, struct json_object *properties, const char *path,
	bool is_alone, char ret_name[LIMIT_NAME_BYTES + 1])
{
	char name_path[DOC_PATH_BYTES];
	const char *text = NULL;
	int err = -ENOENT;

	doc_path(name_path, "%s%sproperties", path, *path ? "." : "");
	if (properties)
		err = json_get_string(
			properties, name_path, "name", LIMIT_TEXT_BYTES, &text, r->error);
	if (err < 0 && err != -ENOENT)
		return err;
	doc_path(name_path, "%s%sproperties.name", path, *path ? "." : "");
	if (err == -ENOENT && is_alone && r->options->fallback) {
		snprintf(ret_name, LIMIT_NAME_BYTES + 1, "%s", r->options->fallback);
		return 0;
	}
	if (err == -ENOENT)
		return json_fail(r->error, name_path,
			"is missing; name it there, or all of the file as one place with --name");
	if (!place_file_name(text, ret_name))
		return json_fail(r->error, name_path,
			"has nothing that the name of a place may have: letters A to Z, digits, "
			"'.', '_', '-'");
	if (strcmp(text, ret_name) != 0)
		buf_printf(&r->file->notes,
			"\"%s\" is named %s: names are of A to Z, a to z, 0 to "
			"9, '.', '_' and '-'\n",
			text, ret_name);
	return 0;
}

/* One geometry with what is said of it. */
static int take_geometry(struct reader *r, struct json_object *geometry, const char *path,
	double radius_m, const char *name, const char *name_path)
{
	_cleanup_geo_shapes_ struct geo_shapes shapes = {0};
	_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;
	int err = geo_json_read(geometry, path, radius_m, &shapes, r->error);

	if (err == -EBADMSG && radius_m <= 0 && strstr(r->error->message, "no radius")) {
		size_t n = strlen(r->error->message);

		snprintf(r->error->message + n, sizeof(r->error->message) - n,
			"; say one with --radius, or in its property \"radius\"");
	}
	if (err == 0)
		err = geo_json_fence(geometry, path, radius_m, &fence, r->error);
	if (err < 0)
		return err;
	if (r->options->name && r->file->n_places) {
		if (r->file->places[0].shapes.n_shapes + shapes.n_shapes > LIMIT_GEO_SHAPES)
			return json_fail(r->error, path, "is beyond the %d shapes of a place",
				LIMIT_GEO_SHAPES);
		return append_shapes(&r->file->places[0], &shapes);
	}
	return place_file_add(r->file, name, name_path, &shapes, r->error);
}

static int take_feature(
	struct reader *r, struct json_object *feature, const char *path, bool is_alone)
{
	char geometry_path[DOC_PATH_BYTES], name[LIMIT_NAME_BYTES + 1];
	struct json_object *geometry, *properties = NULL;
	double radius_m = r->options->radius_m;
	int err;

	doc_path(geometry_path, "%s%sgeometry", path, *path ? "." : "");
	if (strcmp(type_of(feature), "Feature") != 0)
		return json_fail(r->error, path, "must be a Feature of GeoJSON");
	err = json_required(json_get_object(feature, path, "geometry", &geometry, r->error), path,
		"geometry", r->error);
	if (err < 0)
		return err;
	/* "properties": null is as good as none. */
	if (json_object_object_get_ex(feature, "properties", &properties) && properties &&
		!json_object_is_type(properties, json_type_object))
		return json_fail(r->error, path, "must have an object as properties");
	if (properties && radius_m <= 0)
		radius_m = property_radius(properties);
	if (r->options->name)
		snprintf(name, sizeof(name), "%s", r->options->name);
	else
		err = find_name(r, properties, path, is_alone, name);
	return err < 0 ? err : take_geometry(r, geometry, geometry_path, radius_m, name, path);
}

static int take_collection(struct reader *r, struct json_object *object)
{
	struct json_object *features;
	char path[DOC_PATH_BYTES];
	size_t n;
	int err = json_required(json_get_array(object, "", "features", &features, r->error), "",
		"features", r->error);

	if (err < 0)
		return err;
	n = json_object_array_length(features);
	if (n == 0)
		return json_fail(r->error, "features", "is empty: there is no place in the file");
	for (size_t i = 0; err == 0 && i < n; i++) {
		struct json_object *feature = json_object_array_get_idx(features, i);

		doc_path(path, "features[%zu]", i);
		if (!json_object_is_type(feature, json_type_object))
			return json_fail(r->error, path, "must be a Feature of GeoJSON");
		err = take_feature(r, feature, path, n == 1);
	}
	return err;
}

/* Coordinates of anything but WGS 84 would be places of elsewhere: files from before RFC 7946 say
 * it, later ones must not. */
static int check_system(struct reader *r, struct json_object *object)
{
	static const char *const same[] = {
		"urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", "EPSG:4326"};
	struct json_object *crs, *properties, *name;

	if (!json_object_object_get_ex(object, "crs", &crs))
		return 0;
	if (json_object_is_type(crs, json_type_object) &&
		json_object_object_get_ex(crs, "properties", &properties) &&
		json_object_is_type(properties, json_type_object) &&
		json_object_object_get_ex(properties, "name", &name) &&
		json_object_is_type(name, json_type_string))
		for (size_t i = 0; i < ARRAY_SIZE(same); i++)
			if (strcmp(json_object_get_string(name), same[i]) == 0)
				return 0;
	return json_fail(r->error, "crs",
		"is a system of coordinates that is not read; export the file with WGS 84 "
		"(longitude, latitude)");
}

static int read_geojson(struct reader *r, struct json_object *object)
{
	const char *type = type_of(object), *name = r->options->name;
	int err = check_system(r, object);

	if (err < 0)
		return err;
	if (strcmp(type, "FeatureCollection") == 0)
		return take_collection(r, object);
	if (strcmp(type, "Feature") == 0)
		return take_feature(r, object, "", true);
	if (!name)
		name = r->options->fallback;
	if (!name)
		return json_fail(r->error, "", "has no name; give it one with --name");
	/* geo_json.h knows no such member. */
	json_object_object_del(object, "crs");
	return take_geometry(r, object, "", r->options->radius_m, name, "");
}

/* Shapes that are good one by one may be too many together. */
static int check_together(const struct place_file *file, struct json_error *error)
{
	for (size_t i = 0; i < file->n_places; i++) {
		_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;
		_cleanup_buf_ struct buf words = BUF_INIT;
		const struct place_file_place *place = &file->places[i];
		struct geo_error fault;
		char path[DOC_PATH_BYTES];
		int err =
			geo_fence_new(place->shapes.shapes, place->shapes.n_shapes, &fence, &fault);

		if (err <= 0) {
			if (err < 0)
				return err;
			continue;
		}
		geo_error_format(&fault, &words);
		if (words.error)
			return words.error;
		doc_path(path, "%s%sring %zu of shape %zu", place->path, *place->path ? ", " : "",
			fault.ring, fault.shape);
		return json_fail(error, path, "%s", words.data);
	}
	return 0;
}

int place_file_read(const char *text, size_t n_bytes, const struct place_file_options *options,
	struct place_file *ret_file, struct json_error *error)
{
	static const char mark[] = "\xef\xbb\xbf"; /* of editors that think UTF-8 needs one */
	_cleanup_place_file_ struct place_file file = {0};
	_cleanup_json_ struct json_object *object = NULL;
	struct reader r = {options, &file, error};
	size_t start = 0;
	int err;

	if (n_bytes > LIMIT_PLACE_FILE_BYTES)
		return json_fail(error, "", "is larger than %d bytes", LIMIT_PLACE_FILE_BYTES);
	if (n_bytes >= 3 && memcmp(text, mark, 3) == 0)
		start = 3;
	while (start < n_bytes && strchr(" \t\r\n", text[start]) && text[start])
		start++;
	if (start < n_bytes && text[start] == '<') {
		err = place_file_gpx(text, n_bytes, options, &file, error);
	} else {
		err = json_parse_geometry(text + start, n_bytes - start, &object, error);
		if (err == 0)
			err = read_geojson(&r, object);
	}
	if (err == 0)
		err = check_together(&file, error);
	if (err == 0)
		err = file.notes.error;
	if (err < 0)
		return err;
	*ret_file = file;
	file = (struct place_file){0};
	return 0;
}
