/* SPDX-License-Identifier: Apache-2.0 */
/* test_gpsd.c - what gpsd says, and what somebody says who is none. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/limits.h"
#include "agent/util/mem.h"
#include "policies/fix_stream.h"
#include "policies/gpsd.h"
#include "tests/lib/check.h"

static int parse(const char *line, struct gpsd_report *ret_report)
{
	return gpsd_parse(line, strlen(line), ret_report);
}

static void test_classes(void)
{
	struct gpsd_report report;

	CHECK_INT(parse("{\"class\":\"VERSION\",\"release\":\"3.22\",\"rev\":\"3.22\","
			"\"proto_major\":3,\"proto_minor\":14}\r\n",
			  &report),
		0);
	CHECK_INT(report.kind, GPSD_VERSION);
	CHECK_INT(parse("{\"class\":\"DEVICES\",\"devices\":[{\"class\":\"DEVICE\",\"path\":"
			"\"/dev/ttyS0\"}]}",
			  &report),
		0);
	CHECK_INT(report.kind, GPSD_DEVICES);
	CHECK_INT(report.n_devices, 1);
	CHECK_INT(parse("{\"class\":\"ERROR\",\"message\":\"Can't open\"}", &report), 0);
	CHECK_INT(report.kind, GPSD_ERROR);
	CHECK_INT(parse("{\"class\":\"SKY\",\"satellites\":[]}", &report), 0);
	CHECK_INT(report.kind, GPSD_OTHER);
}

static void test_tpv(void)
{
	struct gpsd_report report;

	CHECK_INT(parse("{\"class\":\"TPV\",\"device\":\"/dev/x\",\"mode\":3,"
			"\"time\":\"2026-11-22T05:26:02.250Z\",\"lat\":52.5,\"lon\":-13.25,"
			"\"epx\":3.0,\"epy\":40.0,\"eph\":19.5,\"speed\":1.5}",
			  &report),
		0);
	CHECK_INT(report.kind, GPSD_TPV);
	CHECK(report.has_fix && report.has_time && !report.fix.mock);
	CHECK_INT(report.time_us, INT64_C(1795325162250000));
	CHECK(report.fix.latitude == 52.5 && report.fix.longitude == -13.25);
	CHECK(report.fix.accuracy_m == 19.5 && report.fix.speed_ms == 1.5);
	CHECK_INT(report.fix.source, FIX_GNSS);
	/* Errors by direction; a whole number is one, too. */
	CHECK_INT(
		parse("{\"class\":\"TPV\",\"mode\":2,\"lat\":52,\"lon\":13,\"epx\":30,\"epy\":40}",
			&report),
		0);
	CHECK(report.has_fix && !report.has_time && report.fix.accuracy_m == 50);
	CHECK(report.fix.speed_ms < 0);
	/* No errors, and one that is too good. */
	CHECK_INT(parse("{\"class\":\"TPV\",\"mode\":2,\"lat\":52,\"lon\":13}", &report), 0);
	CHECK(report.fix.accuracy_m == GPSD_UNKNOWN_M);
	CHECK_INT(
		parse("{\"class\":\"TPV\",\"mode\":2,\"lat\":52,\"lon\":13,\"eph\":0.01}", &report),
		0);
	CHECK(report.fix.accuracy_m == GPSD_FLOOR_M);
	CHECK_INT(parse("{\"class\":\"TPV\",\"mode\":2,\"lat\":52,\"lon\":13,\"eph\":-5}", &report),
		0);
	CHECK(report.fix.accuracy_m == GPSD_UNKNOWN_M);
	/* No view, calculated, made up. */
	CHECK_INT(parse("{\"class\":\"TPV\",\"mode\":1}", &report), 0);
	CHECK(!report.has_fix);
	CHECK_INT(
		parse("{\"class\":\"TPV\",\"mode\":3,\"status\":5,\"lat\":52,\"lon\":13}", &report),
		0);
	CHECK(!report.has_fix);
	CHECK_INT(
		parse("{\"class\":\"TPV\",\"mode\":3,\"status\":8,\"lat\":52,\"lon\":13}", &report),
		0);
	CHECK(report.has_fix && report.fix.mock);
	/* A time that is none is no time. */
	CHECK_INT(parse("{\"class\":\"TPV\",\"mode\":3,\"time\":\"2026-02-31T05:26:02.250Z\","
			"\"lat\":52,\"lon\":13}",
			  &report),
		0);
	CHECK(report.has_fix && !report.has_time);
}

static void test_hostile(void)
{
	static const char *const lines[] = {
		"",
		"hello",
		"[]",
		"{}",
		"{\"class\":3}",
		"{\"class\":\"VERSION\",\"proto_major\":2}",
		"{\"class\":\"VERSION\"}",
		"{\"class\":\"DEVICES\",\"devices\":7}",
		"{\"class\":\"TPV\"}",
		"{\"class\":\"TPV\",\"mode\":4,\"lat\":52,\"lon\":13}",
		"{\"class\":\"TPV\",\"mode\":-1,\"lat\":52,\"lon\":13}",
		"{\"class\":\"TPV\",\"mode\":\"3\",\"lat\":52,\"lon\":13}",
		"{\"class\":\"TPV\",\"mode\":3,\"status\":\"8\",\"lat\":52,\"lon\":13}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":52}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":90.1,\"lon\":13}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":52,\"lon\":1e300}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":1e999,\"lon\":13}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":NaN,\"lon\":13}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":\"52\",\"lon\":13}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":52,\"lat\":53,\"lon\":13}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":52,\"lon\":13}{}",
	};
	struct gpsd_report report = {.n_devices = 42};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (parse(lines[i], &report) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "accepted: %s", lines[i]);
	CHECK_INT(report.n_devices, 42);
}

static void test_limit(void)
{
	_cleanup_free_ char *line = malloc(LIMIT_GPSD_LINE_BYTES + 1);
	const char text[] = "{\"class\":\"SKY\"}";
	struct gpsd_report report;

	CHECK(line);
	memset(line, ' ', LIMIT_GPSD_LINE_BYTES + 1);
	memcpy(line, text, strlen(text));
	CHECK_INT(gpsd_parse(line, LIMIT_GPSD_LINE_BYTES, &report), 0);
	CHECK_INT(gpsd_parse(line, LIMIT_GPSD_LINE_BYTES + 1, &report), -EBADMSG);
}

static const struct check_test tests[] = {
	{"classes", test_classes},
	{"tpv", test_tpv},
	{"hostile", test_hostile},
	{"limit", test_limit},
};
CHECK_MAIN(tests)
