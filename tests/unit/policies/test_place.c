/* SPDX-License-Identifier: Apache-2.0 */
/* test_place.c - places of policies: what is read and refused, networks that fit, the canonical
 * form of shapes, limits. */
#include "policies/place.h"

#include <errno.h>

#include "policies/polyline.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define CIRCLE "\"shape\":{\"circle\":{\"latitude\":48.1,\"longitude\":11.5,\"radius\":150}}"
#define NETWORK "\"networks\":[{\"ssid\":\"Staff\"}]"
/* The degree between (0, 0) and (1, 1), and a hole in it. */
#define SQUARE "?\?_c`|@?\?_c`|@~b`|@?\?~b`|@"
#define HOLE "_{rc@_{rc@?_seK_seK?\?~reK~reK?"

/* A policy of one profile and these places. */
static struct policy *with_places(const char *places, const char *when, struct json_error *error)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_printf(&text,
		"{\"serial\":1,\"target\":{\"stream\":\"staff\"},\"places\":%s,\"profiles\":["
		"{\"id\":\"a\",%s%s\"settings\":{}}]}",
		places, when, *when ? "," : "");
	return gen_parse(text.data, error);
}

static void test_whole(void)
{
	_cleanup_(policy_freep) struct policy *policy = with_places(
		"{\"z\":{" CIRCLE ",\"enter_dwell\":1,\"leave_dwell\":2,\"max_accuracy\":30,"
		"\"forget_after\":400,\"unknown_is\":\"outside\",\"comment\":\"x\"},"
		"\"b\":{\"networks\":[{\"ssid\":\"St\\u00e4ff\",\"bssid\":\"0A:1b:2C:3d:4E:5f\","
		"\"connected\":true},{\"bssid\":\"00:00:00:00:00:01\"}]}}",
		"\"when\":{\"place\":{\"inside\":\"b\"}}", NULL);
	const struct place *place;

	CHECK(policy);
	CHECK_INT(policy->n_places, 2);
	CHECK_INT(policy->n_unsupported, 0);
	place = policy_place(policy, "z");
	CHECK(place == &policy->places[1] && place->fence && place->n_networks == 0);
	CHECK_INT(place->enter_dwell_s, 1);
	CHECK_INT(place->leave_dwell_s, 2);
	CHECK_INT(place->max_accuracy_m, 30);
	CHECK_INT(place->forget_after_s, 400);
	CHECK_INT(place->unknown_is, TRUTH_FALSE);
	CHECK(!place->relevant && !place->incomplete);
	place = policy_place(policy, "b");
	CHECK(place == &policy->places[0] && !place->fence && place->relevant);
	CHECK_INT(place->enter_dwell_s, PLACE_ENTER_DWELL_S);
	CHECK_INT(place->leave_dwell_s, PLACE_LEAVE_DWELL_S);
	CHECK_INT(place->max_accuracy_m, PLACE_ACCURACY_M);
	CHECK_INT(place->forget_after_s, PLACE_FORGET_S);
	CHECK_INT(place->unknown_is, TRUTH_UNKNOWN);
	CHECK_INT(place->n_networks, 2);
	CHECK_INT(place->networks[0].n_ssid, 6);
	CHECK(memcmp(place->networks[0].bssid, "\x0a\x1b\x2c\x3d\x4e\x5f", 6) == 0);
	CHECK(place->networks[0].has_bssid && place->networks[0].connected);
	CHECK(!place->networks[1].connected && place->networks[1].n_ssid == 0);
	CHECK(!policy_place(policy, "c"));
}

/* All forms of a shape. */
static void test_shapes(void)
{
	static const struct {
		const char *shape;
		double lat, lon;
		bool inside;
	} cases[] = {
		{"{\"circle\":{\"latitude\":10,\"longitude\":20.5,\"radius\":1000}}", 10, 20.5,
			true},
		{"{\"circle\":{\"latitude\":10,\"longitude\":20.5,\"radius\":1000}}", 10, 20.6,
			false},
		{"{\"polyline\":[\"" SQUARE "\"]}", 0.5, 0.5, true},
		{"{\"polyline\":[\"" SQUARE "\"]}", 0.1, 0.1, true},
		{"{\"polyline\":[\"" SQUARE "\"]}", 0.5, 1.5, false},
		{"{\"polyline\":[\"" SQUARE "\",\"" HOLE "\"]}", 0.1, 0.1, true},
		{"{\"polyline\":[\"" SQUARE "\",\"" HOLE "\"]}", 0.7, 0.7, false},
		{"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,1],[0,0]]]}", 0.5,
			0.5, true},
		{"{\"union\":[{\"polyline\":[\"" SQUARE "\"]},{\"circle\":{\"latitude\":10,"
		 "\"longitude\":20,\"radius\":10}}]}",
			10, 20, true},
		{"{\"union\":[{\"polyline\":[\"" SQUARE "\"]},{\"type\":\"MultiPolygon\","
		 "\"coordinates\":[[[[5,5],[6,5],[6,6],[5,5]]]]}]}",
			5.2, 5.8, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		struct geo_point at = {cases[i].lat, cases[i].lon};
		struct json_error error = {0};
		char places[512];

		snprintf(places, sizeof(places), "{\"p\":{\"shape\":%s}}", cases[i].shape);
		policy = with_places(places, "", &error);
		if (!policy || geo_fence_side(policy->places[0].fence, &at, 0) !=
				       (cases[i].inside ? GEO_INSIDE : GEO_OUTSIDE))
			check_fail(__FILE__, __LINE__, "%s: %s %s", cases[i].shape, error.path,
				error.message);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *place, *path, *message;
	} cases[] = {
		{"1", "places.p", "object"},
		{"{}", "places.p", "a shape or networks"},
		{"{\"comment\":\"x\",\"enter_dwell\":5}", "places.p", "a shape or networks"},
		{"{\"a b\":1}", "places.p", "valid names"},
		{"{" CIRCLE ",\"enter_dwell\":-1}", "places.p.enter_dwell", "0 to 86400"},
		{"{" CIRCLE ",\"leave_dwell\":86401}", "places.p.leave_dwell", "0 to 86400"},
		{"{" CIRCLE ",\"max_accuracy\":9}", "places.p.max_accuracy", "10 to 100000"},
		{"{" CIRCLE ",\"forget_after\":299}", "places.p.forget_after", "300 to 2592000"},
		{"{" CIRCLE ",\"forget_after\":2592001}", "places.p.forget_after", "300 to"},
		{"{" CIRCLE ",\"unknown_is\":\"away\"}", "places.p.unknown_is", "unknown, inside"},
		{"{" CIRCLE ",\"unknown_is\":true}", "places.p.unknown_is", "text"},
		{"{" CIRCLE ",\"comment\":1}", "places.p.comment", "text"},
		{"{\"shape\":[]}", "places.p.shape", "object"},
		{"{\"shape\":{}}", "places.p.shape", "circle, polyline or union"},
		{"{\"shape\":{\"circle\":1,\"polyline\":2}}", "places.p.shape", "one member"},
		{"{\"shape\":{\"cir cle\":1}}", "places.p.shape", "name of a shape"},
		{"{\"shape\":{\"circle\":[]}}", "places.p.shape.circle", "object"},
		{"{\"shape\":{\"circle\":{\"latitude\":1,\"longitude\":1}}}",
			"places.p.shape.circle.radius", "missing"},
		{"{\"shape\":{\"circle\":{\"longitude\":1,\"radius\":100}}}",
			"places.p.shape.circle.latitude", "missing"},
		{"{\"shape\":{\"circle\":{\"latitude\":\"1\",\"longitude\":1,\"radius\":100}}}",
			"places.p.shape.circle.latitude", "a number"},
		{"{\"shape\":{\"circle\":{\"latitude\":90.1,\"longitude\":1,\"radius\":100}}}",
			"places.p.shape.circle.latitude", "-90 to 90"},
		{"{\"shape\":{\"circle\":{\"latitude\":9,\"longitude\":-181,\"radius\":100}}}",
			"places.p.shape.circle.longitude", "-180 to 180"},
		{"{\"shape\":{\"circle\":{\"latitude\":9,\"longitude\":1e400,\"radius\":100}}}",
			"places.p.shape.circle.longitude", ""},
		{"{\"shape\":{\"circle\":{\"latitude\":9,\"longitude\":1,\"radius\":9}}}",
			"places.p.shape.circle.radius", "10 to 1000000"},
		{"{\"shape\":{\"circle\":{\"latitude\":9,\"longitude\":1,\"radius\":99.5}}}",
			"places.p.shape.circle.radius", "integer"},
		{"{\"shape\":{\"circle\":{\"latitude\":9,\"longitude\":1,\"radius\":99,\"x\":1}}}",
			"places.p.shape.circle", "unknown"},
		{"{\"shape\":{\"polyline\":\"" SQUARE "\"}}", "places.p.shape.polyline", "array"},
		{"{\"shape\":{\"polyline\":[]}}", "places.p.shape.polyline", "1 to 1024"},
		{"{\"shape\":{\"polyline\":[1]}}", "places.p.shape.polyline[0]", "text"},
		{"{\"shape\":{\"polyline\":[\"" SQUARE "\",\"!\"]}}", "places.p.shape.polyline[1]",
			"six digits"},
		/* Not closed, crossing, no area. */
		{"{\"shape\":{\"polyline\":[\"?\?_c`|@?\?_c`|@~b`|@?\"]}}", "places.p.shape",
			"polygon 0, ring 0: must be a ring"},
		{"{\"shape\":{\"polyline\":[\"?\?_c`|@_c`|@?~b`|@~b`|@_c`|@?~b`|@\"]}}",
			"places.p.shape", "must not touch"},
		{"{\"shape\":{\"union\":[{\"polyline\":[\"" SQUARE
		 "\"]},{\"polyline\":[\"????????\"]}]}}",
			"places.p.shape.union[1]", "polygon 1, ring 0: "},
		{"{\"shape\":{\"union\":[]}}", "places.p.shape.union", "1 to 256"},
		{"{\"shape\":{\"union\":{}}}", "places.p.shape.union", "array"},
		{"{\"shape\":{\"union\":[1]}}", "places.p.shape.union[0]", "object"},
		{"{\"shape\":{\"union\":[{\"union\":[]}]}}", "places.p.shape.union[0]",
			"union in a union"},
		{"{\"shape\":{\"type\":\"Point\",\"coordinates\":[1,2]}}", "places.p.shape", ""},
		{"{\"shape\":{\"type\":\"Polygon\",\"coordinates\":[]}}", "places.p.shape", ""},
		{"{\"networks\":{}}", "places.p.networks", "array"},
		{"{\"networks\":[]}", "places.p.networks", "1 to 64"},
		{"{\"networks\":[1]}", "places.p.networks[0]", "object"},
		{"{\"networks\":[{}]}", "places.p.networks[0]", "ssid or bssid"},
		{"{\"networks\":[{\"connected\":true}]}", "places.p.networks[0]", "ssid or bssid"},
		{"{\"networks\":[{\"ssid\":\"\"}]}", "places.p.networks[0].ssid", "empty"},
		{"{\"networks\":[{\"ssid\":\"123456789012345678901234567890123\"}]}",
			"places.p.networks[0].ssid", "32 bytes"},
		{"{\"networks\":[{\"bssid\":\"0a1b2c3d4e5f\"}]}", "places.p.networks[0].bssid",
			"as in"},
		{"{\"networks\":[{\"bssid\":\"0a-1b-2c-3d-4e-5f\"}]}", "places.p.networks[0].bssid",
			"as in"},
		{"{\"networks\":[{\"bssid\":\"0g:1b:2c:3d:4e:5f\"}]}", "places.p.networks[0].bssid",
			"as in"},
		{"{\"networks\":[{\"ssid\":\"a\",\"connected\":1}]}",
			"places.p.networks[0].connected", "true or false"},
		{"{\"networks\":[{\"ssid\":\"a\",\"hidden\":true}]}", "places.p.networks[0]",
			"unknown"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		_cleanup_buf_ struct buf places = BUF_INIT;
		struct json_error error = {0};

		/* What was read before it is released as well. */
		buf_printf(
			&places, "{\"first\":{" CIRCLE "," NETWORK "},\"p\":%s}", cases[i].place);
		policy = with_places(places.data, "", &error);
		if (policy || strncmp(error.path, cases[i].path, strlen(cases[i].path)) != 0 ||
			!strstr(error.message, cases[i].message))
			check_fail(__FILE__, __LINE__, "%s: \"%s\": \"%s\"", cases[i].place,
				error.path, error.message);
	}
}

/* A condition needs its place, in a profile or elsewhere. */
static void test_missing(void)
{
	_cleanup_(policy_freep) struct policy *there = NULL, *none = NULL, *poll = NULL;
	struct json_error error = {0};

	there = with_places("{\"p\":{" CIRCLE "}}",
		"\"when\":{\"not\":{\"place\":{\"inside\":\"p\",\"for\":5}}}", NULL);
	CHECK(there && there->places[0].relevant);
	none = with_places("{\"p\":{" CIRCLE "}}",
		"\"when\":{\"any\":[{\"tide\":1},{\"place\":{\"outside\":\"q\"}}]}", &error);
	CHECK(!none);
	CHECK_STR(error.path, "profiles: when of a");
	CHECK_STR(error.message, "names the place q, which places does not have");
	poll = gen_parse("{\"serial\":1,\"target\":{\"stream\":\"s\"},\"profiles\":[],\"checkin\":{"
			 "\"long_poll\":{\"place\":{\"inside\":\"home\"}}}}",
		&error);
	CHECK(!poll);
	CHECK_STR(error.path, "checkin.long_poll");
}

/* What comes later: the rest counts, and proves no more than it can. */
static void test_unknown(void)
{
	static const char *const expected[] = {
		"member:places.beacons", "shape:corridor", "member:places.colour"};
	_cleanup_(policy_freep) struct policy *policy = with_places(
		"{\"a\":{\"beacons\":[1]},\"b\":{\"shape\":{\"corridor\":{}}},"
		"\"c\":{\"shape\":{\"union\":[{\"corridor\":1},{\"polyline\":[\"" SQUARE "\"]}]},"
		"\"colour\":1},\"d\":{" CIRCLE ",\"colour\":2}}",
		"", NULL);

	CHECK(policy);
	CHECK_INT(policy->n_unsupported, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		CHECK_STR(policy->unsupported[i], expected[i]);
	CHECK(!policy->places[0].fence && !policy->places[0].incomplete);
	CHECK(!policy->places[1].fence && policy->places[1].incomplete);
	CHECK(policy->places[2].fence && policy->places[2].incomplete);
	CHECK(policy->places[3].fence && !policy->places[3].incomplete);
}

/* The print is that of where the place is, whatever is said beside. */
static void test_print(void)
{
	_cleanup_(policy_freep) struct policy
		*a = with_places("{\"p\":{" CIRCLE "}}", "", NULL),
		*b = with_places("{ \"p\": {" CIRCLE "} }", "", NULL),
		*c = with_places("{\"p\":{\"enter_dwell\":9,\"leave_dwell\":9,"
				 "\"max_accuracy\":99,\"forget_after\":999,"
				 "\"unknown_is\":\"outside\",\"comment\":\"x\"," CIRCLE "}}",
			"", NULL),
		*d = with_places("{\"p\":{" CIRCLE ",\"networks\":[{\"ssid\":\"x\"}]}}", "", NULL),
		*e = with_places("{\"p\":{" CIRCLE ",\"beacons\":[1]}}", "", NULL);

	CHECK(a && b && c && d && e);
	CHECK(a->places[0].print == b->places[0].print);
	CHECK(a->places[0].print == c->places[0].print);
	CHECK(a->places[0].print != d->places[0].print);
	CHECK(a->places[0].print != e->places[0].print);
	CHECK(d->places[0].print != e->places[0].print);
}

static void test_network_fits(void)
{
	static const struct fix_network seen = {"staff", 5, {2, 0, 0, 0, 0, 1}, false, true},
					in = {"staff", 5, {2, 0, 0, 0, 0, 1}, true, true},
					open = {"staff", 5, {2, 0, 0, 0, 0, 1}, true, false};
	static const struct {
		struct place_network wanted;
		bool seen, in, open;
	} cases[] = {
		{{.ssid = "staff", .n_ssid = 5}, true, true, true},
		{{.ssid = "staff2", .n_ssid = 6}, false, false, false},
		{{.ssid = "stafF", .n_ssid = 5}, false, false, false},
		{{.has_bssid = true, .bssid = {2, 0, 0, 0, 0, 1}}, true, true, true},
		{{.has_bssid = true, .bssid = {2, 0, 0, 0, 0, 2}}, false, false, false},
		{{.ssid = "staff", .n_ssid = 5, .has_bssid = true, .bssid = {2, 0, 0, 0, 0, 2}},
			false, false, false},
		{{.ssid = "staff", .n_ssid = 5, .connected = true}, false, true, false},
		{{.has_bssid = true, .bssid = {2, 0, 0, 0, 0, 1}, .connected = true}, false, true,
			false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_INT(place_network_fits(&cases[i].wanted, &seen), cases[i].seen);
		CHECK_INT(place_network_fits(&cases[i].wanted, &in), cases[i].in);
		CHECK_INT(place_network_fits(&cases[i].wanted, &open), cases[i].open);
	}
}

/* Written and read again it is the same, and the same text. */
static void test_canonical(void)
{
	static const char *const texts[] = {
		"{\"circle\":{\"latitude\":48.137154,\"longitude\":-11.500000,\"radius\":150}}",
		"{\"circle\":{\"latitude\":-0.000001,\"longitude\":180.000000,\"radius\":1000000}}",
		"{\"polyline\":[\"" SQUARE "\",\"" HOLE "\"]}",
		"{\"union\":[{\"polyline\":[\"" SQUARE "\"]},{\"circle\":{\"latitude\":1.000000,"
		"\"longitude\":2.000000,\"radius\":10}}]}",
	};
	struct geo_ring rings[2];
	struct geo_shape shapes[2];

	for (size_t i = 0; i < 2; i++)
		CHECK_INT(
			polyline_decode(i ? HOLE : SQUARE, strlen(i ? HOLE : SQUARE), 9, &rings[i]),
			0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct jsonw w = JSONW_INIT(&text);
		struct geo_shapes all = {shapes, i == 3 ? 2 : 1};

		shapes[0] = (struct geo_shape){.kind = GEO_POLYGON, .rings = rings, .n_rings = 2};
		if (i == 0)
			shapes[0] =
				(struct geo_shape){.centre = {48.137154, -11.5}, .radius_m = 150.2};
		else if (i == 1)
			shapes[0] = (struct geo_shape){
				.centre = {-0.0000012, 180}, .radius_m = 1000000};
		else if (i == 3)
			shapes[0].n_rings = 1;
		shapes[1] = (struct geo_shape){.centre = {1, 2}, .radius_m = 10};
		place_shape_write(&all, &w, NULL);
		CHECK_STR(text.data, texts[i]);
	}
	free(rings[0].points);
	free(rings[1].points);
}

static void test_limits(void)
{
	for (int over = 0; over <= 1; over++) {
		_cleanup_(policy_freep) struct policy *places = NULL, *networks = NULL,
						      *shapes = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct json_error error = {0};

		for (int i = 0; i < LIMIT_PLACES + over; i++)
			buf_printf(&text, "%s\"p%d\":{" NETWORK "}", i ? "," : "{", i);
		buf_puts(&text, "}");
		places = with_places(text.data, "", &error);
		CHECK_INT(places != NULL, !over);
		buf_reset(&text);
		for (int i = 0; i < LIMIT_PLACE_NETWORKS + over; i++)
			buf_printf(&text, "%s{\"ssid\":\"%d\"}", i ? "," : "{\"p\":{\"networks\":[",
				i);
		buf_puts(&text, "]}}");
		networks = with_places(text.data, "", &error);
		CHECK_INT(networks != NULL, !over);
		buf_reset(&text);
		for (int i = 0; i < LIMIT_GEO_SHAPES + over; i++)
			buf_printf(&text,
				"%s{\"circle\":{\"latitude\":1,\"longitude\":%d,\"radius\":10}}",
				i ? "," : "{\"p\":{\"shape\":{\"union\":[", i % 180);
		buf_puts(&text, "]}}}");
		shapes = with_places(text.data, "", &error);
		CHECK_INT(shapes != NULL, !over);
	}
}

/* Edges half round the Earth, to and fro: a kilobyte of text for a megabyte of memory. */
static void comb_write(size_t n, struct buf *out)
{
	_cleanup_buf_ struct buf line = BUF_INIT;
	_cleanup_free_ struct geo_point *points = calloc(n + 3, sizeof(*points));

	CHECK(points);
	for (size_t i = 0; i < n; i++)
		points[i] = (struct geo_point){40 + 0.001 * (double)i, i % 2 ? 89 : -89};
	points[n] = (struct geo_point){40 + 0.001 * (double)n, -89.5};
	points[n + 1] = (struct geo_point){40, -89.5};
	points[n + 2] = points[0];
	polyline_encode(points, n + 3, &line);
	buf_puts(out, "{\"shape\":{\"polyline\":[\"");
	for (size_t i = 0; i < line.n_bytes; i++)
		buf_printf(out, "%s%c", line.data[i] == '\\' ? "\\" : "", line.data[i]);
	buf_puts(out, "\"]}}");
}

/* The fences of one policy may take so much memory, and not one place more. */
static void test_memory(void)
{
	size_t one_bytes = 0;

	for (size_t n = 1; n <= LIMIT_PLACES; n++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct json_error error = {0};

		/* From one place to as many as fit, and then one more. */
		if (n == 2)
			n = LIMIT_PLACES_BYTES / one_bytes;
		for (size_t i = 0; i < n; i++) {
			buf_printf(&text, "%s\"p%02d\":", i ? "," : "{", (int)i);
			comb_write(100, &text);
		}
		buf_puts(&text, "}");
		policy = with_places(text.data, "", &error);
		CHECK_INT(policy != NULL, n == 1 || n <= LIMIT_PLACES_BYTES / one_bytes);
		if (n == 1)
			one_bytes = geo_fence_bytes(policy->places[0].fence);
		CHECK(one_bytes > LIMIT_PLACES_BYTES / LIMIT_PLACES);
		if (policy)
			continue;
		CHECK_INT(n, LIMIT_PLACES_BYTES / one_bytes + 1);
		CHECK(strstr(error.message, "16 MiB"));
		return;
	}
	CHECK(false);
}

/* An outline of ten thousand vertices fits into a policy, one of too many into none. */
static void test_large_outline(void)
{
	for (int over = 0; over <= 1; over++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		_cleanup_buf_ struct buf line = BUF_INIT, text = BUF_INIT;
		size_t n = over ? LIMIT_GEO_VERTICES + 2 : 10001;
		_cleanup_free_ struct geo_point *points = calloc(n, sizeof(*points));
		struct json_error error = {0};

		CHECK(points);
		/* There along one parallel, back along another one, in steps of 30 m. */
		for (size_t i = 0; i + 1 < n; i++)
			points[i] =
				(struct geo_point){i < n / 2 ? 48 : 48.2 + 0.0001 * (double)(i % 3),
					8 + 0.0004 * (double)(i < n / 2 ? i : n - i)};
		points[n - 1] = points[0];
		polyline_encode(points, n, &line);
		buf_puts(&text, "{\"p\":{\"shape\":{\"polyline\":[\"");
		for (size_t i = 0; i < line.n_bytes; i++)
			buf_printf(&text, "%s%c", line.data[i] == '\\' ? "\\" : "", line.data[i]);
		buf_puts(&text, "\"]}}}");
		CHECK(over || text.n_bytes < LIMIT_PAYLOAD_BYTES - 4096);
		policy = with_places(text.data, "", &error);
		CHECK_INT(policy != NULL, !over);
		CHECK(!over || strstr(error.message, "at most 16384 vertices"));
	}
}

static const struct check_test tests[] = {
	{"whole", test_whole},
	{"shapes", test_shapes},
	{"refused", test_refused},
	{"missing", test_missing},
	{"unknown", test_unknown},
	{"print", test_print},
	{"network_fits", test_network_fits},
	{"canonical", test_canonical},
	{"limits", test_limits},
	{"memory", test_memory},
	{"large_outline", test_large_outline},
};

CHECK_MAIN(tests)
