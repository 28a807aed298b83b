/* SPDX-License-Identifier: Apache-2.0 */
/* place_write.c - places as text: shapes in their canonical form, JSON Schema, reference; see
 * place.h. Pure: no system calls, files or clocks. Tools. */
#include <inttypes.h>
#include <math.h>

#include "agent/util/jsonw.h"
#include "policies/place_private.h"
#include "policies/polyline.h"

/* --- shapes -------------------------------------------------------------------------------- */

/* Millionths of a degree, as polylines have them. */
static void write_degrees(struct jsonw *w, const char *key, double degrees)
{
	int64_t millionths = llround(degrees * 1e6);
	char text[32];
	int n;

	n = snprintf(text, sizeof(text), "%s%" PRId64 ".%06" PRId64, millionths < 0 ? "-" : "",
		(millionths < 0 ? -millionths : millionths) / 1000000,
		(millionths < 0 ? -millionths : millionths) % 1000000);
	jsonw_raw(w, key, text, (size_t)n);
}

static void write_shape(const struct geo_shape *shape, struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	if (shape->kind == GEO_CIRCLE) {
		jsonw_object(w, "circle");
		write_degrees(w, "latitude", shape->centre.lat);
		write_degrees(w, "longitude", shape->centre.lon);
		jsonw_int(w, "radius", llround(shape->radius_m));
		jsonw_object_end(w);
	} else {
		jsonw_array(w, "polyline");
		for (size_t i = 0; i < shape->n_rings; i++) {
			_cleanup_buf_ struct buf text = BUF_INIT;

			polyline_encode(shape->rings[i].points, shape->rings[i].n_points, &text);
			if (text.error && !w->out->error)
				w->out->error = text.error;
			jsonw_string(w, NULL, text.error ? "" : text.data);
		}
		jsonw_array_end(w);
	}
	jsonw_object_end(w);
}

void place_shape_write(const struct geo_shapes *shapes, struct jsonw *w, const char *key)
{
	if (shapes->n_shapes == 1) {
		write_shape(&shapes->shapes[0], w, key);
		return;
	}
	jsonw_object(w, key);
	jsonw_array(w, "union");
	for (size_t i = 0; i < shapes->n_shapes; i++)
		write_shape(&shapes->shapes[i], w, NULL);
	jsonw_array_end(w);
	jsonw_object_end(w);
}

/* --- JSON Schema --------------------------------------------------------------------------- */

static void open_typed(struct jsonw *w, const char *key, const char *type)
{
	jsonw_object(w, key);
	jsonw_string(w, "type", type);
}

static void write_names(struct jsonw *w, const char *key, const char *const *names)
{
	jsonw_array(w, key);
	for (; *names; names++)
		jsonw_string(w, NULL, *names);
	jsonw_array_end(w);
}

static void write_range(
	struct jsonw *w, const char *key, const char *type, int64_t min, int64_t max)
{
	open_typed(w, key, type);
	jsonw_int(w, "minimum", min);
	jsonw_int(w, "maximum", max);
	jsonw_object_end(w);
}

static void schema_circle(struct jsonw *w)
{
	static const char *const members[] = {"latitude", "longitude", "radius", NULL};

	open_typed(w, "circle", "object");
	write_names(w, "required", members);
	jsonw_bool(w, "additionalProperties", false);
	jsonw_object(w, "properties");
	write_range(w, "latitude", "number", -90, 90);
	write_range(w, "longitude", "number", -180, 180);
	write_range(w, "radius", "integer", LIMIT_GEO_RADIUS_MIN_M, LIMIT_GEO_RADIUS_MAX_M);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void schema_polyline(struct jsonw *w)
{
	open_typed(w, "polyline", "array");
	jsonw_int(w, "minItems", 1);
	jsonw_int(w, "maxItems", LIMIT_GEO_RINGS);
	open_typed(w, "items", "string");
	jsonw_int(w, "minLength", 8);
	jsonw_string(w, "pattern", "^[?-~]*$");
	jsonw_object_end(w);
	jsonw_object_end(w);
}

/* Either a geometry of GeoJSON, of which only the kinds are said here, or one member. */
static void schema_shape(struct jsonw *w, const char *key, bool in_union)
{
	static const char *const type[] = {"type", NULL};
	static const char *const kinds[] = {"Polygon", "MultiPolygon", "GeometryCollection", NULL};

	open_typed(w, key, "object");
	jsonw_array(w, "anyOf");
	jsonw_object(w, NULL);
	write_names(w, "required", type);
	jsonw_object_end(w);
	jsonw_object(w, NULL);
	jsonw_int(w, "minProperties", 1);
	jsonw_int(w, "maxProperties", 1);
	jsonw_object(w, "propertyNames");
	jsonw_string(w, "$ref", "#/$defs/name");
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_array_end(w);
	jsonw_object(w, "properties");
	jsonw_object(w, "type");
	write_names(w, "enum", kinds);
	jsonw_object_end(w);
	schema_circle(w);
	schema_polyline(w);
	if (in_union) {
		jsonw_bool(w, "union", false);
	} else {
		open_typed(w, "union", "array");
		jsonw_int(w, "minItems", 1);
		jsonw_int(w, "maxItems", LIMIT_GEO_SHAPES);
		schema_shape(w, "items", true);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void schema_networks(struct jsonw *w)
{
	static const char *const enough[][2] = {{"ssid", NULL}, {"bssid", NULL}};

	open_typed(w, "networks", "array");
	jsonw_int(w, "minItems", 1);
	jsonw_int(w, "maxItems", LIMIT_PLACE_NETWORKS);
	open_typed(w, "items", "object");
	jsonw_array(w, "anyOf");
	for (size_t i = 0; i < ARRAY_SIZE(enough); i++) {
		jsonw_object(w, NULL);
		write_names(w, "required", enough[i]);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_bool(w, "additionalProperties", false);
	jsonw_object(w, "properties");
	open_typed(w, "ssid", "string");
	jsonw_int(w, "minLength", 1);
	jsonw_int(w, "maxLength", FIX_SSID_BYTES);
	jsonw_string(w, "pattern", "^[^\\u0000-\\u001f\\u007f]*$");
	jsonw_object_end(w);
	open_typed(w, "bssid", "string");
	jsonw_string(w, "pattern", "^[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}$");
	jsonw_object_end(w);
	open_typed(w, "connected", "boolean");
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void schema_place(struct jsonw *w)
{
	open_typed(w, "additionalProperties", "object");
	jsonw_object(w, "propertyNames");
	jsonw_string(w, "$ref", "#/$defs/name");
	jsonw_object_end(w);
	/* Something that says where it is, be it of a kind that is not known yet. */
	jsonw_object(w, "not");
	jsonw_object(w, "propertyNames");
	jsonw_array(w, "enum");
	for (size_t i = 0; i < PLACE_NUMBERS; i++)
		jsonw_string(w, NULL, place_numbers[i].name);
	jsonw_string(w, NULL, "unknown_is");
	jsonw_string(w, NULL, "comment");
	jsonw_array_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object(w, "properties");
	schema_shape(w, "shape", false);
	schema_networks(w);
	for (size_t i = 0; i < PLACE_NUMBERS; i++)
		write_range(w, place_numbers[i].name, "integer", place_numbers[i].min,
			place_numbers[i].max);
	jsonw_object(w, "unknown_is");
	jsonw_array(w, "enum");
	for (size_t i = 0; i < TRUTH_MAX; i++)
		jsonw_string(w, NULL, place_unknown_words[i]);
	jsonw_array_end(w);
	jsonw_object_end(w);
	jsonw_object(w, "comment");
	jsonw_string(w, "$ref", "#/$defs/text");
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

void place_schema(struct jsonw *w, const char *key)
{
	open_typed(w, key, "object");
	jsonw_int(w, "maxProperties", LIMIT_PLACES);
	jsonw_object(w, "propertyNames");
	jsonw_string(w, "$ref", "#/$defs/name");
	jsonw_object_end(w);
	schema_place(w);
	jsonw_object_end(w);
}

/* --- reference ----------------------------------------------------------------------------- */

void place_reference(struct buf *out)
{
	buf_printf(out,
		"## Places\n\n"
		"`places` is an object of at most %d places by their names, which the conditions "
		"of the\nsame policy use (`{\"place\":{\"inside\":\"office\"}}`); a name that a "
		"condition uses and\n`places` does not have refuses the document.\n\n"
		"```json\n"
		"{\"office\":{\"shape\":{\"circle\":{\"latitude\":48.137154,\"longitude\":11.576124,"
		"\"radius\":150}},\n"
		"           \"networks\":[{\"ssid\":\"Staff\",\"connected\":true}],\"leave_dwell\":300}}\n"
		"```\n\n"
		"| member | value | |\n|---|---|---|\n",
		LIMIT_PLACES);
	buf_printf(out,
		"| `shape` | see below | the phone is inside while all of what its position may be "
		"is inside, and outside while all of it is outside; in between nothing changes |\n"
		"| `networks` | 1 to %d of `{\"ssid\":TEXT,\"bssid\":\"02:00:5e:10:00:ff\","
		"\"connected\":true}` | Wi-Fi networks, each with `ssid`, `bssid` or both. While one "
		"is in sight the phone is inside, whatever its position says. With `connected` it "
		"counts only while the phone is in it and it asks for a key: names and addresses "
		"can be copied, keys cannot. That none is in sight means outside only where there "
		"is no `shape` |\n",
		LIMIT_PLACE_NETWORKS);
	for (size_t i = 0; i < PLACE_NUMBERS; i++)
		buf_printf(out, "| `%s` | %" PRId64 " to %" PRId64 " | %s; default %" PRId64 " |\n",
			place_numbers[i].name, place_numbers[i].min, place_numbers[i].max,
			place_numbers[i].help, place_numbers[i].value);
	buf_printf(out,
		"| `unknown_is` | `unknown`, `inside`, `outside` | what conditions take the place "
		"for while nobody knows: `outside` for one whose absence has to restrict, whatever "
		"is done to the phone's satellites and radios; default `unknown` |\n"
		"| `comment` | text of at most %d bytes | optional, not used by the phone |\n\n",
		LIMIT_TEXT_BYTES);
	buf_printf(out,
		"A `shape` is one of these:\n\n"
		"| shape | |\n|---|---|\n"
		"| `{\"circle\":{\"latitude\":48.1,\"longitude\":11.5,\"radius\":150}}` | degrees "
		"(WGS 84) and metres, %d to %d |\n"
		"| `{\"polyline\":[RING…]}` | a polygon and its holes, each an encoded polyline "
		"whose last point is its first, latitude before longitude, with six digits behind "
		"the point: the short form for large outlines |\n"
		"| `{\"type\":\"Polygon\",\"coordinates\":[…]}` | geometry of GeoJSON (RFC 7946): "
		"Polygon, MultiPolygon, GeometryCollection of these |\n"
		"| `{\"union\":[SHAPE…]}` | inside of any of them; at most %d, with at most %d "
		"vertices in all |\n\n"
		"The places of one policy may take %d MiB of the phone's memory together. Only many "
		"edges\nof thousands of kilometres do.\n\n",
		LIMIT_GEO_RADIUS_MIN_M, LIMIT_GEO_RADIUS_MAX_M, LIMIT_GEO_SHAPES,
		LIMIT_GEO_VERTICES, LIMIT_PLACES_BYTES >> 20);
}
