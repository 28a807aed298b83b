/* SPDX-License-Identifier: Apache-2.0 */
/* test_gpx.c - GPX: what is read of real files, times, hostile and broken XML, limits. */
#include "policies/gpx.h"

#include <errno.h>
#include <string.h>

#include "agent/util/limits.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

struct points {
	struct gpx_point points[16];
	size_t n;
};

static int take(void *userdata, const struct gpx_point *point)
{
	struct points *points = userdata;

	if (points->n < ARRAY_SIZE(points->points))
		points->points[points->n] = *point;
	points->n++;
	return 0;
}

static int read_text(const char *text, struct points *points, struct gpx_error *error)
{
	*points = (struct points){.n = 0};
	return gpx_read(text, strlen(text), take, points, error);
}

static void test_file(void)
{
	static const char text[] =
		"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<!-- a walk > \"here\" -->\n"
		"<gpx version='1.1' creator=\"a &amp; b\" xmlns=\"http://www.topografix.com/GPX/1/1\">\n"
		" <metadata><time>2026-07-01T00:00:00Z</time><bounds minlat='1'/></metadata>\n"
		" <wpt lat=\"48.1\" lon=\"11.5\"><name>caf\xc3\xa9 &#233; &#xE9;</name></wpt>\n"
		" <rte><rtept lat='1' lon='2'/></rte>\n"
		" <trk><name><![CDATA[<trkpt lat=\"x\">]]></name><trkseg>\n"
		"  <trkpt lat=\"-48.137154\" lon=\"+11.576124\"><ele>519.5</ele>\n"
		"   <time> 2026-07-01T12:00:00.25Z </time><hdop>1.2</hdop>\n"
		"   <extensions><x:tpe><x:speed>3.5</x:speed><x:time>noon</x:time>\n"
		"   <accuracy>7</accuracy></x:tpe></extensions></trkpt>\n"
		"  <trkpt lon=\"180\" lat=\"-90.000\" ></trkpt >\n"
		" </trkseg><trkseg><trkpt lat='.5' lon='7.'><hdop>-</hdop></trkpt></trkseg></trk>\n"
		"</gpx>\n";
	struct gpx_error error = {0};
	struct points found;

	CHECK_INT(read_text(text, &found, &error), 0);
	CHECK_INT(found.n, 5);
	CHECK_INT(found.points[0].kind, GPX_WAYPOINT);
	CHECK(found.points[0].at.lat == 48.1 && found.points[0].at.lon == 11.5);
	CHECK(!found.points[0].has_time && found.points[0].hdop < 0);
	CHECK_INT(found.points[1].kind, GPX_ROUTE);
	CHECK_INT(found.points[2].kind, GPX_TRACK);
	CHECK_INT(found.points[2].segment, 1);
	CHECK(found.points[2].at.lat == -48.137154 && found.points[2].at.lon == 11.576124);
	CHECK(found.points[2].has_time);
	CHECK_INT(found.points[2].time_us, INT64_C(1782907200250000));
	CHECK(found.points[2].hdop == 1.2 && found.points[2].speed_ms == 3.5 &&
		found.points[2].accuracy_m == 7);
	CHECK(found.points[3].at.lat == -90 && found.points[3].at.lon == 180);
	CHECK_INT(found.points[4].segment, 2);
	CHECK(found.points[4].at.lat == .5 && found.points[4].at.lon == 7);
	CHECK(found.points[4].hdop < 0);
}

static void test_times(void)
{
	static const struct {
		const char *text;
		bool valid;
		int64_t us;
	} cases[] = {
		{"1970-01-01T00:00:00Z", true, 0},
		{"1970-01-01T00:00:00", true, 0},
		{"1969-12-31T23:59:59.999999Z", true, -1},
		{"2024-02-29T12:00:00+02:00", true, INT64_C(1709200800000000)},
		{"2024-02-29T12:00:00-00:30", true, INT64_C(1709209800000000)},
		{"2016-12-31T23:59:60Z", true, INT64_C(1483228800000000)},
		{"0001-01-01T00:00:00Z", true, INT64_C(-62135596800000000)},
		{"9999-12-31T23:59:59.1234567Z", true, INT64_C(253402300799123456)},
		{"2023-02-29T12:00:00Z", false, 0},
		{"1900-02-29T12:00:00Z", false, 0},
		{"2024-13-01T12:00:00Z", false, 0},
		{"2024-00-01T12:00:00Z", false, 0},
		{"2024-01-32T12:00:00Z", false, 0},
		{"2024-01-00T12:00:00Z", false, 0},
		{"0000-01-01T12:00:00Z", false, 0},
		{"2024-01-01 12:00:00Z", false, 0},
		{"2024-01-01T24:00:00Z", false, 0},
		{"2024-01-01T12:60:00Z", false, 0},
		{"2024-01-01T12:00:61Z", false, 0},
		{"2024-01-01T12:00Z", false, 0},
		{"2024-01-01T12:00:00.Z", false, 0},
		{"2024-01-01T12:00:00+2:00", false, 0},
		{"2024-01-01T12:00:00+15:00", false, 0},
		{"2024-01-01T12:00:00+01:60", false, 0},
		{"2024-01-01T12:00:00ZZ", false, 0},
		{"20240-01-01T12:00:00Z", false, 0},
		{"", false, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t us = 0;

		if (gpx_time(cases[i].text, strlen(cases[i].text), &us) != cases[i].valid ||
			us != cases[i].us)
			check_fail(__FILE__, __LINE__, "%s: %lld", cases[i].text, (long long)us);
	}
}

#define IN(text) "<gpx>" text "</gpx>"
#define POINT(inside) IN("<trkpt lat='1' lon='2'>" inside "</trkpt>")

static void test_refused(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "one element named gpx"},
		{"  ", "one element named gpx"},
		{"<kml></kml>", "one element named gpx"},
		{"<gpx></gpx><gpx></gpx>", "one element named gpx"},
		{"<gpx/>x", "outside"},
		{"x<gpx/>", "outside"},
		{"<gpx>", "in the middle"},
		{"<gpx", "spaces between"},
		{"<gpx a", "values"},
		{"<gpx a=", "quotes"},
		{"<gpx a=b></gpx>", "quotes"},
		{"<gpx a='b></gpx>", "in the middle"},
		{"<gpx a='b'c='d'></gpx>", "spaces between"},
		{"<gpx a='<'></gpx>", "may not stand"},
		{"<gpx a='&lol;'></gpx>", "may not stand"},
		{"<gpx 1='2'></gpx>", "names of attributes"},
		{"<gpx>&lol;</gpx>", "entity"},
		{"<gpx>&amp</gpx>", "entity"},
		{"<gpx>&#;</gpx>", "entity"},
		{"<gpx>&#x;</gpx>", "entity"},
		{"<gpx>&#12345678;</gpx>", "entity"},
		{"<gpx>&", "entity"},
		{"<gpx><a></b></gpx>", "not the last one"},
		{"<gpx></gpx></gpx>", "not the last one"},
		{"<gpx></gpx foo>", "close"},
		{"<gpx>< a></a></gpx>", "names of elements"},
		{"<gpx></ gpx>", "names of elements"},
		{"<gpx><!-- </gpx>", "in the middle"},
		{"<gpx><![CDATA[ </gpx>", "in the middle"},
		{"<?xml <gpx/>", "in the middle"},
		{"<![CDATA[]]><gpx/>", "document types"},
		/* A thousand million laughs, and a file of the machine. */
		{"<!DOCTYPE gpx [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]>"
		 "<gpx>&b;</gpx>",
			"document types"},
		{"<!DOCTYPE gpx SYSTEM \"file:///etc/passwd\"><gpx/>", "document types"},
		{"<gpx><!ENTITY a \"b\"></gpx>", "document types"},
		{IN("<trkpt/>"), "must have lat"},
		{IN("<trkpt lat='1'/>"), "must have lat"},
		{IN("<trkpt lat='90.1' lon='1'/>"), "must have lat"},
		{IN("<trkpt lat='1' lon='-180.5'/>"), "must have lat"},
		{IN("<trkpt lat='1' lon='361'/>"), "must have lat"},
		{IN("<trkpt lat='1' lat='2' lon='1'/>"), "one of each"},
		{IN("<trkpt lat='nan' lon='1'/>"), "decimal"},
		{IN("<trkpt lat='1e1' lon='1'/>"), "decimal"},
		{IN("<trkpt lat='0x1' lon='1'/>"), "decimal"},
		{IN("<trkpt lat='' lon='1'/>"), "decimal"},
		{IN("<trkpt lat='1.2.3' lon='1'/>"), "decimal"},
		{IN("<trkpt lat='1,5' lon='1'/>"), "decimal"},
		{IN("<trkpt lat='-' lon='1'/>"), "decimal"},
		{IN("<trkpt lat='0.00000000000000000000000000000000000000000000001' lon='1'/>"),
			"decimal"},
		{POINT("<wpt lat='1' lon='2'/>"), "inside of another"},
		{POINT("<time>yesterday</time>"), "date and a time"},
		{POINT("<time>2026<b/>-07-01T12:00:00Z</time>"), "date and a time"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gpx_error error = {0, "none"};
		struct points found;
		int r = read_text(cases[i].text, &found, &error);

		if (r != -EBADMSG || error.line != 1 || !strstr(error.message, cases[i].message))
			check_fail(__FILE__, __LINE__, "%s: %d, line %zu, \"%s\"", cases[i].text, r,
				error.line, error.message);
	}
	/* A NUL is no end. */
	{
		struct gpx_error error = {0, "none"};
		struct points found = {.n = 0};

		CHECK_INT(gpx_read("<gpx>\n\0</gpx>", 13, take, &found, &error), -EBADMSG);
		CHECK_INT(error.line, 2);
		CHECK_STR(error.message, "has a NUL");
	}
}

static int stop(void *userdata, const struct gpx_point *point)
{
	(void)userdata;
	(void)point;
	return 7;
}

static void test_visitor_ends_it(void)
{
	struct gpx_error error = {0, "untouched"};

	CHECK_INT(gpx_read(POINT(""), strlen(POINT("")), stop, NULL, &error), 7);
	CHECK_STR(error.message, "untouched");
}

static void test_limits(void)
{
	static const char point[] = "<wpt lat='1' lon='2'/>";

	for (int over = 0; over <= 1; over++) {
		_cleanup_buf_ struct buf deep = BUF_INIT, many = BUF_INIT, large = BUF_INIT;
		struct gpx_error error = {0};
		struct points found;

		for (int i = 0; i < LIMIT_GPX_DEPTH + over; i++)
			buf_puts(&deep, i ? "<a>" : "<gpx>");
		for (int i = LIMIT_GPX_DEPTH + over; i > 0; i--)
			buf_puts(&deep, i > 1 ? "</a>" : "</gpx>");
		CHECK_INT(read_text(deep.data, &found, &error), over ? -EBADMSG : 0);
		CHECK(!over || strstr(error.message, "too deep"));
		buf_puts(&many, "<gpx>");
		for (int i = 0; i < LIMIT_GPX_POINTS + over; i++)
			buf_puts(&many, point);
		buf_puts(&many, "</gpx>");
		CHECK_INT(read_text(many.data, &found, &error), over ? -EBADMSG : 0);
		CHECK(!over || strstr(error.message, "too many points"));
		CHECK_INT(found.n, LIMIT_GPX_POINTS);
		buf_puts(&large, "<gpx/>");
		while (large.n_bytes < LIMIT_GPX_BYTES + (size_t)over)
			buf_append(&large, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
				LIMIT_GPX_BYTES + (size_t)over - large.n_bytes < 16
					? LIMIT_GPX_BYTES + (size_t)over - large.n_bytes
					: 16);
		CHECK_INT(gpx_read(large.data, large.n_bytes, take, &found, &error),
			over ? -EBADMSG : 0);
		CHECK(!over || strstr(error.message, "too large"));
	}
}

static const struct check_test tests[] = {
	{"file", test_file},
	{"times", test_times},
	{"refused", test_refused},
	{"visitor_ends_it", test_visitor_ends_it},
	{"limits", test_limits},
};

CHECK_MAIN(tests)
