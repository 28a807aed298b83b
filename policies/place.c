/* SPDX-License-Identifier: Apache-2.0 */
/* place.c - definitions of places; see place.h. Pure: no system calls, files or clocks. Enforcer
 * and tools. */
#include "policies/place.h"

#include <errno.h>
#include <math.h>

#include "agent/util/codec.h"
#include "policies/doc_path.h"
#include "policies/fingerprint.h"
#include "policies/geo_json.h"
#include "policies/place_private.h"
#include "policies/polyline.h"

/* While the shapes of one place are read. */
struct shape_reader {
	struct geo_shapes shapes;	 /* owned */
	size_t origin[LIMIT_GEO_SHAPES]; /* which element of a union each is from */
	bool is_union, incomplete;
	int (*unknown)(void *userdata, const char *prefix, const char *name);
	void *userdata;
	struct json_error *error;
};

void place_done(struct place *place)
{
	geo_fence_free(place->fence);
	free(place->networks);
	*place = (struct place){0};
}

/* --- shapes -------------------------------------------------------------------------------- */

/* Takes over what shapes hold, which are those of element origin. */
static int add_shapes(
	struct shape_reader *reader, struct geo_shapes *shapes, size_t origin, const char *path)
{
	struct geo_shapes *all = &reader->shapes;
	struct geo_shape *grown;

	if (shapes->n_shapes > LIMIT_GEO_SHAPES - all->n_shapes)
		return json_fail(reader->error, path, "must have at most %d shapes with the others",
			LIMIT_GEO_SHAPES);
	grown = realloc(all->shapes, (all->n_shapes + shapes->n_shapes + 1) * sizeof(*all->shapes));
	if (!grown)
		return -ENOMEM;
	all->shapes = grown;
	for (size_t i = 0; i < shapes->n_shapes; i++) {
		reader->origin[all->n_shapes] = origin;
		all->shapes[all->n_shapes++] = shapes->shapes[i];
	}
	free(shapes->shapes);
	*shapes = (struct geo_shapes){0};
	return 0;
}

static int get_degrees(struct json_object *object, const char *path, const char *name, double max,
	double *ret_degrees, struct json_error *error)
{
	struct json_object *value;
	char full[DOC_PATH_BYTES];
	double degrees;

	doc_path(full, "%s.%s", path, name);
	if (!json_object_object_get_ex(object, name, &value))
		return json_fail(error, full, "is missing");
	if (!json_object_is_type(value, json_type_double) &&
		!json_object_is_type(value, json_type_int))
		return json_fail(error, full, "must be a number");
	degrees = json_object_get_double(value);
	if (!isfinite(degrees) || degrees < -max || degrees > max)
		return json_fail(error, full, "must be from %d to %d", (int)-max, (int)max);
	*ret_degrees = degrees;
	return 0;
}

static int parse_circle(struct shape_reader *reader, struct json_object *object, const char *path,
	struct geo_shapes *ret_shapes)
{
	static const char *const members[] = {"latitude", "longitude", "radius", NULL};
	struct geo_shape circle = {.kind = GEO_CIRCLE};
	int64_t radius_m;
	int r = json_only(object, path, members, reader->error);

	if (r == 0)
		r = get_degrees(object, path, "latitude", 90, &circle.centre.lat, reader->error);
	if (r == 0)
		r = get_degrees(object, path, "longitude", 180, &circle.centre.lon, reader->error);
	if (r == 0)
		r = json_required(json_get_int(object, path, "radius", LIMIT_GEO_RADIUS_MIN_M,
					  LIMIT_GEO_RADIUS_MAX_M, &radius_m, reader->error),
			path, "radius", reader->error);
	if (r < 0)
		return r;
	circle.radius_m = (double)radius_m;
	ret_shapes->shapes = malloc(sizeof(circle));
	if (!ret_shapes->shapes)
		return -ENOMEM;
	*ret_shapes->shapes = circle;
	ret_shapes->n_shapes = 1;
	return 0;
}

static int parse_ring(struct shape_reader *reader, struct json_object *element, const char *path,
	size_t max_points, struct geo_ring *ret_ring)
{
	int r;

	if (!json_object_is_type(element, json_type_string))
		return json_fail(reader->error, path, "must be text");
	r = polyline_decode(json_object_get_string(element),
		(size_t)json_object_get_string_len(element), max_points, ret_ring);
	if (r == -EBADMSG)
		return json_fail(reader->error, path,
			"must be an encoded polyline with six digits behind the point");
	if (r == -E2BIG)
		return json_fail(reader->error, path,
			"must have at most %d vertices with the others", LIMIT_GEO_VERTICES);
	return r;
}

static int parse_polyline(struct shape_reader *reader, struct json_object *array, const char *path,
	struct geo_shapes *ret_shapes)
{
	size_t n = json_object_array_length(array), n_points = 0;
	struct geo_shape *polygon;

	if (n < 1 || n > LIMIT_GEO_RINGS)
		return json_fail(reader->error, path, "must have from 1 to %d rings, has %zu",
			LIMIT_GEO_RINGS, n);
	ret_shapes->shapes = polygon = calloc(1, sizeof(*polygon));
	if (!polygon)
		return -ENOMEM;
	ret_shapes->n_shapes = 1;
	polygon->kind = GEO_POLYGON;
	polygon->rings = calloc(n, sizeof(*polygon->rings));
	if (!polygon->rings)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		char ring_path[DOC_PATH_BYTES];
		int r;

		doc_path(ring_path, "%s[%zu]", path, i);
		/* One more, so that it is the fence that says how many there may be. */
		r = parse_ring(reader, json_object_array_get_idx(array, i), ring_path,
			LIMIT_GEO_VERTICES + 1 - n_points, &polygon->rings[i]);
		if (r < 0)
			return r;
		n_points += polygon->rings[i].n_points;
		polygon->n_rings++;
	}
	return 0;
}

static int parse_shape(struct shape_reader *reader, struct json_object *object, const char *path,
	size_t origin, bool in_union);

static int parse_union(struct shape_reader *reader, struct json_object *array, const char *path)
{
	size_t n = json_object_array_length(array);

	if (n < 1 || n > LIMIT_GEO_SHAPES)
		return json_fail(reader->error, path, "must have from 1 to %d shapes, has %zu",
			LIMIT_GEO_SHAPES, n);
	reader->is_union = true;
	for (size_t i = 0; i < n; i++) {
		char shape_path[DOC_PATH_BYTES];
		int r;

		doc_path(shape_path, "%s[%zu]", path, i);
		r = parse_shape(reader, json_object_array_get_idx(array, i), shape_path, i, true);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The shapes of one form that stands for itself. *ret_known: false for one that nobody knows. */
static int parse_form(struct shape_reader *reader, struct json_object *object, const char *path,
	const char *name, struct geo_shapes *ret_shapes)
{
	struct json_object *value;
	char form_path[DOC_PATH_BYTES];
	int r;

	doc_path(form_path, "%s.%s", path, name);
	if (strcmp(name, "circle") == 0) {
		r = json_get_object(object, path, name, &value, reader->error);
		return r < 0 ? r : parse_circle(reader, value, form_path, ret_shapes);
	}
	if (strcmp(name, "polyline") == 0) {
		r = json_get_array(object, path, name, &value, reader->error);
		return r < 0 ? r : parse_polyline(reader, value, form_path, ret_shapes);
	}
	/* What it holds inside nobody here knows. */
	reader->incomplete = true;
	return reader->unknown(reader->userdata, "shape:", name);
}

static int parse_shape(struct shape_reader *reader, struct json_object *object, const char *path,
	size_t origin, bool in_union)
{
	_cleanup_geo_shapes_ struct geo_shapes shapes = {0};
	struct json_object *value;
	char union_path[DOC_PATH_BYTES];
	const char *name;
	int r;

	if (!json_object_is_type(object, json_type_object))
		return json_fail(reader->error, path, "must be an object");
	if (json_object_object_get_ex(object, "type", &value)) {
		r = geo_json_read(object, path, 0, &shapes, reader->error);
		return r < 0 ? r : add_shapes(reader, &shapes, origin, path);
	}
	if (json_object_object_length(object) != 1)
		return json_fail(reader->error, path,
			"must be a geometry of GeoJSON or have one member: circle, polyline or "
			"union");
	{
		struct json_object_iterator member = json_object_iter_begin(object);

		name = json_object_iter_peek_name(&member);
	}
	if (!name_is_valid(name))
		return json_fail(reader->error, path, "must have the name of a shape");
	if (strcmp(name, "union") == 0) {
		if (in_union)
			return json_fail(reader->error, path, "must not be a union in a union");
		r = json_get_array(object, path, name, &value, reader->error);
		doc_path(union_path, "%s.union", path);
		return r < 0 ? r : parse_union(reader, value, union_path);
	}
	r = parse_form(reader, object, path, name, &shapes);
	return r < 0 ? r : add_shapes(reader, &shapes, origin, path);
}

/* Which shapes make no fence, and why. */
static int fail_fence(
	const struct shape_reader *reader, const struct geo_error *why, const char *path)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char shape_path[DOC_PATH_BYTES], where[64] = "";
	bool is_one = why->fault != GEO_FAULT_SHAPES && why->shape < reader->shapes.n_shapes;

	geo_error_format(why, &text);
	if (text.error)
		return text.error;
	doc_path(shape_path, "%s", path);
	if (is_one && reader->is_union)
		doc_path(shape_path, "%s.union[%zu]", path, reader->origin[why->shape]);
	if (is_one && reader->shapes.shapes[why->shape].kind == GEO_POLYGON)
		snprintf(where, sizeof(where), "polygon %zu, ring %zu: ", why->shape, why->ring);
	return json_fail(reader->error, shape_path, "%s%s", where, text.data);
}

static int parse_fence(struct shape_reader *reader, struct json_object *object, const char *path,
	struct place *place)
{
	struct json_object *shape;
	char shape_path[DOC_PATH_BYTES];
	struct geo_error why;
	int r = json_get_object(object, path, "shape", &shape, reader->error);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	doc_path(shape_path, "%s.shape", path);
	r = parse_shape(reader, shape, shape_path, 0, false);
	if (r < 0)
		return r;
	place->incomplete = reader->incomplete;
	/* All of them may be of kinds that come later. */
	if (reader->shapes.n_shapes == 0)
		return reader->incomplete
			       ? 0
			       : json_fail(reader->error, shape_path, "must have a shape");
	r = geo_fence_new(reader->shapes.shapes, reader->shapes.n_shapes, &place->fence, &why);
	return r == GEO_E_FAULT ? fail_fence(reader, &why, shape_path) : r;
}

/* --- networks ------------------------------------------------------------------------------ */

/* "02:00:5e:10:00:ff"; as people copy them, in either case. */
static bool read_bssid(const char *text, uint8_t ret_bssid[6])
{
	char digits[13];

	if (strlen(text) != 17)
		return false;
	for (size_t i = 0, n = 0; i < 17; i++) {
		char c = text[i];

		if (i % 3 == 2) {
			if (c != ':')
				return false;
			continue;
		}
		digits[n++] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
	}
	digits[12] = 0;
	return hex_decode(digits, ret_bssid, 6) == 0;
}

static int parse_network(struct json_object *object, const char *path,
	struct place_network *ret_network, struct json_error *error)
{
	static const char *const members[] = {"ssid", "bssid", "connected", NULL};
	struct place_network network = {0};
	char member_path[DOC_PATH_BYTES];
	const char *text;
	int r;

	if (!json_object_is_type(object, json_type_object))
		return json_fail(error, path, "must be an object");
	r = json_only(object, path, members, error);
	if (r < 0)
		return r;
	r = json_get_string(object, path, "ssid", FIX_SSID_BYTES, &text, error);
	if (r == 0) {
		network.n_ssid = (uint8_t)strlen(text);
		memcpy(network.ssid, text, network.n_ssid);
		if (network.n_ssid == 0) {
			doc_path(member_path, "%s.ssid", path);
			return json_fail(error, member_path, "must not be empty");
		}
	} else if (r != -ENOENT) {
		return r;
	}
	r = json_get_string(object, path, "bssid", LIMIT_TEXT_BYTES, &text, error);
	if (r == 0 && !read_bssid(text, network.bssid)) {
		doc_path(member_path, "%s.bssid", path);
		return json_fail(error, member_path, "must be as in 02:00:5e:10:00:ff");
	}
	if (r < 0 && r != -ENOENT)
		return r;
	network.has_bssid = r == 0;
	if (network.n_ssid == 0 && !network.has_bssid)
		return json_fail(error, path, "must have ssid or bssid");
	r = json_get_bool(object, path, "connected", &network.connected, error);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_network = network;
	return 0;
}

static int parse_networks(
	struct json_object *object, const char *path, struct place *place, struct json_error *error)
{
	struct json_object *array;
	char network_path[DOC_PATH_BYTES];
	size_t n;
	int r = json_get_array(object, path, "networks", &array, error);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	n = json_object_array_length(array);
	if (n < 1 || n > LIMIT_PLACE_NETWORKS) {
		doc_path(network_path, "%s.networks", path);
		return json_fail(error, network_path, "must have from 1 to %d networks, has %zu",
			LIMIT_PLACE_NETWORKS, n);
	}
	place->networks = calloc(n, sizeof(*place->networks));
	if (!place->networks)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		doc_path(network_path, "%s.networks[%zu]", path, i);
		r = parse_network(json_object_array_get_idx(array, i), network_path,
			&place->networks[i], error);
		if (r < 0)
			return r;
		place->n_networks++;
	}
	return 0;
}

bool place_network_fits(const struct place_network *wanted, const struct fix_network *seen)
{
	if (wanted->n_ssid > 0 && (wanted->n_ssid != seen->n_ssid ||
					  memcmp(wanted->ssid, seen->ssid, seen->n_ssid) != 0))
		return false;
	if (wanted->has_bssid && memcmp(wanted->bssid, seen->bssid, sizeof(seen->bssid)) != 0)
		return false;
	return !wanted->connected || (seen->connected && seen->secured);
}

/* --- the rest ------------------------------------------------------------------------------ */

const struct place_number place_numbers[PLACE_NUMBERS] = {
	{"enter_dwell", 0, PLACE_DWELL_MAX_S, PLACE_ENTER_DWELL_S,
		offsetof(struct place, enter_dwell_s),
		"seconds that the phone has to be there before it is `inside`"},
	{"leave_dwell", 0, PLACE_DWELL_MAX_S, PLACE_LEAVE_DWELL_S,
		offsetof(struct place, leave_dwell_s),
		"seconds that it has to be gone before it is `outside`"},
	{"max_accuracy", 10, PLACE_ACCURACY_MAX_M, PLACE_ACCURACY_M,
		offsetof(struct place, max_accuracy_m),
		"metres; positions that are not known that well prove nothing"},
	{"forget_after", PLACE_FORGET_MIN_S, PLACE_FORGET_MAX_S, PLACE_FORGET_S,
		offsetof(struct place, forget_after_s),
		"seconds without an answer that is certain, or that agrees with the last one, "
		"after which the place is unknown"},
};

const char *const place_unknown_words[TRUTH_MAX] = {
	[TRUTH_FALSE] = "outside",
	[TRUTH_TRUE] = "inside",
	[TRUTH_UNKNOWN] = "unknown",
};

static int parse_unknown_is(
	struct json_object *object, const char *path, struct place *place, struct json_error *error)
{
	char member_path[DOC_PATH_BYTES];
	const char *text;
	int r = json_get_string(object, path, "unknown_is", LIMIT_NAME_BYTES, &text, error);

	place->unknown_is = TRUTH_UNKNOWN;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < TRUTH_MAX; i++)
		if (strcmp(text, place_unknown_words[i]) == 0) {
			place->unknown_is = (enum truth)i;
			return 0;
		}
	doc_path(member_path, "%s.unknown_is", path);
	return json_fail(error, member_path, "must be unknown, inside or outside");
}

static int parse_numbers(
	struct json_object *object, const char *path, struct place *place, struct json_error *error)
{
	for (size_t i = 0; i < PLACE_NUMBERS; i++) {
		const struct place_number *row = &place_numbers[i];
		int64_t value = row->value;
		int r = json_get_int(object, path, row->name, row->min, row->max, &value, error);

		if (r < 0 && r != -ENOENT)
			return r;
		memcpy((char *)place + row->offset, &value, sizeof(value));
	}
	return 0;
}

/* Members that are not known are visited; a place may be nothing but one of them. */
static int check_members(struct shape_reader *reader, struct json_object *object, const char *path)
{
	static const char *const known[] = {"shape", "networks", "enter_dwell", "leave_dwell",
		"max_accuracy", "forget_after", "unknown_is", "comment"};
	bool can_be_known = false, any_unknown = false;

	json_object_object_foreach(object, name, value)
	{
		size_t i = 0;
		int r;

		(void)value;
		while (i < ARRAY_SIZE(known) && strcmp(name, known[i]) != 0)
			i++;
		can_be_known |= i < 2;
		if (i < ARRAY_SIZE(known))
			continue;
		if (!name_is_valid(name))
			return json_fail(reader->error, path, "must have valid names as members");
		any_unknown = true;
		r = reader->unknown(reader->userdata, "member:places.", name);
		if (r < 0)
			return r;
	}
	if (!can_be_known && !any_unknown)
		return json_fail(reader->error, path, "must have a shape or networks");
	return 0;
}

/* How sure one has to be of it is not where it is, and may change without anybody having moved. */
static bool says_where(const char *name)
{
	for (size_t i = 0; i < PLACE_NUMBERS; i++)
		if (strcmp(name, place_numbers[i].name) == 0)
			return false;
	return strcmp(name, "unknown_is") != 0 && strcmp(name, "comment") != 0;
}

static int print_place(struct json_object *object, uint64_t *ret_print)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	json_object_object_foreach(object, name, value)
	{
		const char *member;

		if (!says_where(name))
			continue;
		member = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
		if (!member)
			return -ENOMEM;
		buf_printf(&text, "%s:", name);
		buf_puts(&text, member);
	}
	if (text.error)
		return text.error;
	*ret_print = fingerprint(text.data, text.n_bytes);
	return 0;
}

int place_parse(const char *name, struct json_object *object, const char *path,
	int (*unknown)(void *userdata, const char *prefix, const char *name), void *userdata,
	struct place *ret_place, struct json_error *error)
{
	struct shape_reader reader = {.unknown = unknown, .userdata = userdata, .error = error};
	struct place place = {0};
	const char *text;
	int r;

	snprintf(place.name, sizeof(place.name), "%s", name);
	r = check_members(&reader, object, path);
	if (r == 0)
		r = parse_numbers(object, path, &place, error);
	if (r == 0)
		r = parse_unknown_is(object, path, &place, error);
	if (r == 0)
		r = parse_networks(object, path, &place, error);
	if (r == 0)
		r = json_get_string(object, path, "comment", LIMIT_TEXT_BYTES, &text, error);
	if (r == 0 || r == -ENOENT)
		r = parse_fence(&reader, object, path, &place);
	geo_shapes_done(&reader.shapes);
	if (r == 0)
		r = print_place(object, &place.print);
	if (r < 0) {
		place_done(&place);
		return r;
	}
	*ret_place = place;
	return 0;
}
