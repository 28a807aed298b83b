/* SPDX-License-Identifier: Apache-2.0 */
/* test_place_file.c - places from GeoJSON and GPX: what is taken, how it is named, what is refused
 * and where. */
#include "server/ctl/place_file.h"

#include <errno.h>

#include "tests/lib/check.h"

#define SQUARE "[[[10,50],[10.01,50],[10.01,50.01],[10,50.01],[10,50]]]"
#define POLYGON "{\"type\":\"Polygon\",\"coordinates\":" SQUARE "}"
#define BOW "[[[10,50],[10.01,50.01],[10.01,50],[10,50.01],[10,50]]]"
#define FEATURE(properties, geometry)                                                              \
	"{\"type\":\"Feature\",\"properties\":" properties ",\"geometry\":" geometry "}"
#define FEATURES(list) "{\"type\":\"FeatureCollection\",\"features\":[" list "]}"
#define GPX(inner) "<gpx version=\"1.1\" creator=\"x\">" inner "</gpx>"
#define AT(lat, lon) "<trkpt lat=\"" lat "\" lon=\"" lon "\"/>"
#define TRACK(points) "<trk><trkseg>" points "</trkseg></trk>"

static const struct place_file_options plain = {NULL, "file", 0};
static const struct place_file_options named = {"one", "file", 0};
static const struct place_file_options round_150 = {NULL, "file", 150};

static void taken(const char *text, const struct place_file_options *options, size_t n_places,
	const char *first_name, size_t n_shapes)
{
	_cleanup_place_file_ struct place_file file = {0};
	struct json_error error = {0};
	int r = place_file_read(text, strlen(text), options, &file, &error);

	if (r)
		check_fail(__FILE__, __LINE__, "%.60s: %s: %s", text, error.path, error.message);
	CHECK_INT(r, 0);
	CHECK_INT(file.n_places, n_places);
	CHECK_STR(file.places[0].name, first_name);
	CHECK_INT(file.places[0].shapes.n_shapes, n_shapes);
}

static void refused(const char *text, const struct place_file_options *options, const char *path,
	const char *message)
{
	_cleanup_place_file_ struct place_file file = {0};
	struct json_error error = {0};

	CHECK_INT(place_file_read(text, strlen(text), options, &file, &error), -EBADMSG);
	CHECK_STR(error.path, path);
	if (!strstr(error.message, message))
		check_fail(
			__FILE__, __LINE__, "\"%s\" does not say \"%s\"", error.message, message);
	CHECK_INT(file.n_places, 0);
}

static void names(void)
{
	static const struct {
		const char *text, *name;
	} rows[] = {
		{"office", "office"},
		{"Head Office, 2nd floor", "Head-Office-2nd-floor"},
		{"B\xc3\xbcro", "B-ro"},
		{"..-hidden", "hidden"},
		{"a/../b", "a-..-b"},
		{"gate -", "gate"},
		{"\xe6\x9d\xb1\xe4\xba\xac", NULL},
		{"", NULL},
		{"...", NULL},
	};
	char name[LIMIT_NAME_BYTES + 1], text[2 * LIMIT_NAME_BYTES + 1];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_INT(place_file_name(rows[i].text, name), rows[i].name != NULL);
		if (rows[i].name)
			CHECK_STR(name, rows[i].name);
	}
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	CHECK(place_file_name(text, name));
	CHECK_INT(strlen(name), LIMIT_NAME_BYTES);
	text[LIMIT_NAME_BYTES - 1] = ' ';
	CHECK(place_file_name(text, name));
	CHECK_INT(strlen(name), LIMIT_NAME_BYTES - 1);
}

static void geojson(void)
{
	taken(POLYGON, &plain, 1, "file", 1);
	taken(POLYGON, &named, 1, "one", 1);
	taken("\xef\xbb\xbf \n" POLYGON, &plain, 1, "file", 1);
	taken(FEATURE("{\"name\":\"Head Office\"}", POLYGON), &plain, 1, "Head-Office", 1);
	taken(FEATURE("null", POLYGON), &plain, 1, "file", 1);
	taken(FEATURE("{\"name\":\"gate\",\"radius\":80.4}",
		      "{\"type\":\"Point\",\"coordinates\":[10,50]}"),
		&plain, 1, "gate", 1);
	taken("{\"type\":\"Point\",\"coordinates\":[10,50]}", &round_150, 1, "file", 1);
	taken(FEATURES(FEATURE("{\"name\":\"a\"}", POLYGON) "," FEATURE(
		      "{\"name\":\"b\"}", POLYGON)),
		&plain, 2, "a", 1);
	taken(FEATURES(FEATURE("{\"name\":\"a\"}", POLYGON) "," FEATURE("{}", POLYGON)), &named, 1,
		"one", 2);
	taken("{\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"urn:ogc:def:crs:OGC:1.3:"
	      "CRS84\"}},\"type\":\"Polygon\",\"coordinates\":" SQUARE "}",
		&plain, 1, "file", 1);
}

static void geojson_refused(void)
{
	refused("", &plain, "", "");
	refused("[]", &plain, "", "");
	refused("{}", &plain, "type", "must be Point, Polygon");
	refused(FEATURES(""), &plain, "features", "is empty");
	refused("{\"type\":\"FeatureCollection\"}", &plain, "features", "is missing");
	refused(FEATURES("null"), &plain, "features[0]", "must be a Feature");
	refused(FEATURES(POLYGON), &plain, "features[0]", "must be a Feature");
	refused(FEATURES(FEATURE("[]", POLYGON)), &plain, "features[0]", "an object as properties");
	refused(FEATURES(FEATURE("{\"name\":7}", POLYGON)), &plain, "features[0].properties.name",
		"must be text");
	refused(FEATURES(FEATURE("{\"name\":\"\xe6\x9d\xb1\"}", POLYGON)), &plain,
		"features[0].properties.name", "has nothing that the name of a place may have");
	refused(FEATURES(FEATURE("{}", POLYGON) "," FEATURE("{\"name\":\"b\"}", POLYGON)), &plain,
		"features[0].properties.name", "is missing");
	refused(FEATURES(FEATURE("{\"name\":\"a b\"}", POLYGON) "," FEATURE(
			"{\"name\":\"a-b\"}", POLYGON)),
		&plain, "features[1]", "would be named a-b, as features[0] is");
	refused(FEATURE("{}", "{\"type\":\"Point\",\"coordinates\":[10,50]}"), &plain,
		"geometry.coordinates", "there is no radius");
	refused(FEATURE("{\"radius\":9}", "{\"type\":\"Point\",\"coordinates\":[10,50]}"), &plain,
		"geometry.coordinates", "there is no radius");
	refused(FEATURE("{}", "null"), &plain, "geometry", "");
	refused(FEATURE("{}", "{\"type\":\"LineString\",\"coordinates\":[[10,50],[11,50]]}"),
		&plain, "geometry.type", "must be Point, Polygon");
	/* A bow tie: the vertices whose edges cross are named. */
	refused(FEATURES(FEATURE(
			"{\"name\":\"a\"}", "{\"type\":\"Polygon\",\"coordinates\":" BOW "}")),
		&plain, "features[0].geometry.coordinates[0][2]", "edge 2 must not touch edge 0");
	refused("{\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"EPSG:3857\"}},\"type\":"
		"\"Polygon\",\"coordinates\":" SQUARE "}",
		&plain, "crs", "WGS 84");
	refused("{\"crs\":null,\"type\":\"Polygon\",\"coordinates\":" SQUARE "}", &plain, "crs",
		"WGS 84");
}

static void gpx(void)
{
	taken(GPX(TRACK(AT("50", "10") AT("50", "10.01") AT("50.01", "10.01") AT("50", "10"))),
		&plain, 1, "file", 1);
	/* Some metres are missing. */
	taken(GPX(TRACK(AT("50", "10") AT("50", "10.01") AT("50.01", "10.01") AT("50.0001", "10"))),
		&named, 1, "one", 1);
	taken(GPX("<rte><rtept lat=\"50\" lon=\"10\"/><rtept lat=\"50\" lon=\"10.01\"/>"
		  "<rtept lat=\"50.01\" lon=\"10\"/><rtept lat=\"50\" lon=\"10\"/></rte>"),
		&plain, 1, "file", 1);
	taken(GPX("<wpt lat=\"50\" lon=\"10\"/><wpt lat=\"51\" lon=\"10\"/>"), &round_150, 1,
		"file", 2);
	taken(GPX("<wpt lat=\"50\" lon=\"10\"/>" TRACK(AT("50", "10"))), &round_150, 1, "file", 1);
}

static void gpx_refused(void)
{
	refused(GPX(""), &plain, "", "has no point");
	refused(GPX("<wpt lat=\"50\" lon=\"10\"/>"), &plain, "", "--radius");
	refused(GPX(TRACK(AT("50", "10") AT("50", "10.01") AT("50.01", "10.01"))), &plain,
		"track 0", "is not closed: its ends are 13");
	refused(GPX(TRACK(AT("50", "10"))), &plain, "track 0", "is not closed");
	refused(GPX(TRACK(AT("50", "10") AT("50.01", "10.01") AT("50", "10.01") AT("50.01", "10")
				AT("50", "10"))),
		&plain, "track 0, point 2", "edge 2 must not touch edge 0");
	/* There and back. */
	refused(GPX(TRACK(AT("50", "10") AT("50", "10.01") AT("50", "10"))), &plain, "track 0",
		"four positions");
	refused("<gpx>\n<trk>", &plain, "line 2", "");
	refused("<!DOCTYPE gpx [<!ENTITY a \"b\">]><gpx/>", &plain, "line 1", "");
}

static void gaps(void)
{
	_cleanup_place_file_ struct place_file file = {0};
	struct json_error error = {0};
	const char *text = GPX(
		TRACK(AT("50", "10") AT("50", "10.01") AT("50.01", "10.01") AT("50.0001", "10")));

	CHECK_INT(place_file_read(text, strlen(text), &plain, &file, &error), 0);
	CHECK_STR(file.notes.data, "the ends of track 0 are 11 m apart; they were joined\n");
	CHECK_INT(file.places[0].n_vertices, 5);
}

/* One step beyond what a fence, a policy and a file may have. */
static void limits(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (int n = LIMIT_PLACES; n <= LIMIT_PLACES + 1; n++) {
		_cleanup_place_file_ struct place_file file = {0};
		struct json_error error = {0};

		buf_reset(&text);
		buf_puts(&text, "{\"type\":\"FeatureCollection\",\"features\":[");
		for (int i = 0; i < n; i++)
			buf_printf(&text, "%s" FEATURE("{\"name\":\"p%d\"}", POLYGON), i ? "," : "",
				i);
		buf_puts(&text, "]}");
		CHECK_INT(place_file_read(text.data, text.n_bytes, &plain, &file, &error),
			n > LIMIT_PLACES ? -EBADMSG : 0);
		CHECK_STR(error.path, n > LIMIT_PLACES ? "features[64]" : "");
	}
	for (int n = LIMIT_GEO_SHAPES; n <= LIMIT_GEO_SHAPES + 1; n++) {
		_cleanup_place_file_ struct place_file features = {0}, waypoints = {0}, lines = {0};
		const struct place_file_options both = {"one", NULL, 150};
		struct json_error error = {0};

		buf_reset(&text);
		buf_puts(&text, "{\"type\":\"FeatureCollection\",\"features\":[");
		for (int i = 0; i < n; i++)
			buf_printf(&text, "%s" FEATURE("{}", POLYGON), i ? "," : "");
		buf_puts(&text, "]}");
		CHECK_INT(place_file_read(text.data, text.n_bytes, &named, &features, &error),
			n > LIMIT_GEO_SHAPES ? -EBADMSG : 0);
		buf_reset(&text);
		buf_puts(&text, "<gpx>");
		for (int i = 0; i < n; i++)
			buf_puts(&text, "<wpt lat=\"50\" lon=\"10\"/>");
		buf_puts(&text, "</gpx>");
		CHECK_INT(place_file_read(text.data, text.n_bytes, &both, &waypoints, &error),
			n > LIMIT_GEO_SHAPES ? -EBADMSG : 0);
		buf_reset(&text);
		buf_puts(&text, "<gpx>");
		for (int i = 0; i < n; i++)
			buf_puts(&text, TRACK(AT("50", "10") AT("50", "10.01") AT("50.01", "10.01")
							AT("50", "10")));
		buf_puts(&text, "</gpx>");
		CHECK_INT(place_file_read(text.data, text.n_bytes, &named, &lines, &error),
			n > LIMIT_GEO_SHAPES ? -EBADMSG : 0);
	}
}

/* A saw-tooth with as many points as asked for. */
static void many_points(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (int n = LIMIT_GEO_VERTICES; n <= LIMIT_GEO_VERTICES + 1; n++) {
		_cleanup_place_file_ struct place_file file = {0};
		struct json_error error = {0};

		buf_reset(&text);
		buf_puts(&text, "<gpx><trk><trkseg><trkpt lat=\"40\" lon=\"2\"/>");
		for (int i = 0; i < n - 2; i++)
			buf_printf(&text, "<trkpt lat=\"50.0%d\" lon=\"%d.%04d\"/>", i % 2,
				i / 10000, i % 10000);
		buf_puts(&text, "<trkpt lat=\"40\" lon=\"2\"/></trkseg></trk></gpx>");
		CHECK_INT(place_file_read(text.data, text.n_bytes, &plain, &file, &error),
			n > LIMIT_GEO_VERTICES ? -EBADMSG : 0);
	}
}

static void large_file(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char blank[4096];

	memset(blank, ' ', sizeof(blank));
	buf_puts(&text, POLYGON);
	while (text.n_bytes < LIMIT_PLACE_FILE_BYTES) {
		size_t n = LIMIT_PLACE_FILE_BYTES - text.n_bytes;

		buf_append(&text, blank, n < sizeof(blank) ? n : sizeof(blank));
	}
	taken(text.data, &plain, 1, "file", 1);
	buf_puts(&text, " ");
	refused(text.data, &plain, "", "is larger than");
}

static const struct check_test tests[] = {
	{"names", names},
	{"geojson", geojson},
	{"geojson_refused", geojson_refused},
	{"gpx", gpx},
	{"gpx_refused", gpx_refused},
	{"gaps", gaps},
	{"limits", limits},
	{"many_points", many_points},
	{"large_file", large_file},
};
CHECK_MAIN(tests)
