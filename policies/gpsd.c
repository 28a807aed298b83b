/* SPDX-License-Identifier: Apache-2.0 */
/* gpsd.c - what gpsd says; see gpsd.h. Pure: no system calls. */
#include "policies/gpsd.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "agent/json/json_read.h"
#include "agent/util/clock.h"
#include "agent/util/limits.h"
#include "policies/fix_stream.h"

#define CLASS_BYTES 16
#define PROTOCOL_MAJOR 3
#define MODE_2D 2
#define MODE_3D 3
/* Of "status": calculated without satellites, and made up. */
#define STATUS_DEAD_RECKONING 5
#define STATUS_TIME_ONLY 7
#define STATUS_SIMULATED 8

/* A number, whole or not. 0; -ENOENT; -EBADMSG: something else, or out of range. */
static int read_number(
	struct json_object *object, const char *name, double min, double max, double *ret_value)
{
	struct json_object *member;
	double value;

	if (!json_object_object_get_ex(object, name, &member))
		return -ENOENT;
	if (!json_object_is_type(member, json_type_double) &&
		!json_object_is_type(member, json_type_int))
		return -EBADMSG;
	value = json_object_get_double(member);
	if (!(value >= min && value <= max))
		return -EBADMSG;
	*ret_value = value;
	return 0;
}

/* An estimate; one that is missing or makes no sense is none. */
static bool read_error(struct json_object *object, const char *name, double *ret_value)
{
	return read_number(object, name, 0, FIX_ACCURACY_MAX_M, ret_value) == 0 && *ret_value > 0;
}

static double read_accuracy(struct json_object *object)
{
	double both, east, north;

	if (read_error(object, "eph", &both))
		return fmax(both, GPSD_FLOOR_M);
	if (read_error(object, "epx", &east) && read_error(object, "epy", &north))
		return fmax(fmin(hypot(east, north), FIX_ACCURACY_MAX_M), GPSD_FLOOR_M);
	return GPSD_UNKNOWN_M;
}

/* "2026-11-22T05:26:02.123Z" */
static void read_time(struct json_object *object, struct gpsd_report *report)
{
	const char *text;
	char whole[21];
	int64_t seconds;
	size_t n;

	if (json_get_string(object, "", "time", 32, &text, NULL) < 0)
		return;
	n = strlen(text);
	if (n < 20 || text[n - 1] != 'Z' || (n > 20 && text[19] != '.'))
		return;
	memcpy(whole, text, 19);
	whole[19] = 'Z';
	whole[20] = 0;
	if (clock_parse(whole, &seconds) < 0)
		return;
	report->has_time = true;
	report->time_us = seconds * USEC_PER_SEC;
	/* Three digits and more are milliseconds and more; fewer are not written by gpsd. */
	for (size_t i = 20, unit = USEC_PER_SEC / 10; i < n - 1 && unit; i++, unit /= 10) {
		if (text[i] < '0' || text[i] > '9')
			break;
		report->time_us += (text[i] - '0') * (int64_t)unit;
	}
}

static int read_tpv(struct json_object *object, struct gpsd_report *report)
{
	int64_t mode, status = 1;
	struct fix *fix = &report->fix;
	int r = json_get_int(object, "", "mode", 0, MODE_3D, &mode, NULL);

	if (r < 0)
		return -EBADMSG;
	r = json_get_int(object, "", "status", 0, 100, &status, NULL);
	if (r < 0 && r != -ENOENT)
		return r;
	/* Both kinds of dead reckoning. */
	if (mode < MODE_2D || (status >= STATUS_DEAD_RECKONING && status <= STATUS_TIME_ONLY))
		return 0;
	if (read_number(object, "lat", -90, 90, &fix->latitude) < 0 ||
		read_number(object, "lon", -180, 180, &fix->longitude) < 0)
		return -EBADMSG;
	if (read_number(object, "speed", 0, FIX_SPEED_MAX_MS, &fix->speed_ms) < 0)
		fix->speed_ms = -1;
	fix->accuracy_m = read_accuracy(object);
	fix->source = FIX_GNSS;
	fix->mock = status == STATUS_SIMULATED;
	read_time(object, report);
	report->has_fix = true;
	return 0;
}

static int read_report(struct json_object *object, struct gpsd_report *report)
{
	struct json_object *list;
	const char *class;
	int64_t major;

	if (json_get_string(object, "", "class", CLASS_BYTES, &class, NULL) < 0)
		return -EBADMSG;
	if (strcmp(class, "VERSION") == 0) {
		report->kind = GPSD_VERSION;
		return json_get_int(object, "", "proto_major", PROTOCOL_MAJOR, PROTOCOL_MAJOR,
			       &major, NULL) < 0
			       ? -EBADMSG
			       : 0;
	}
	if (strcmp(class, "DEVICES") == 0) {
		report->kind = GPSD_DEVICES;
		if (json_get_array(object, "", "devices", &list, NULL) < 0)
			return -EBADMSG;
		report->n_devices = json_object_array_length(list);
		return 0;
	}
	if (strcmp(class, "TPV") == 0) {
		report->kind = GPSD_TPV;
		return read_tpv(object, report);
	}
	if (strcmp(class, "ERROR") == 0)
		report->kind = GPSD_ERROR;
	return 0;
}

int gpsd_parse(const char *line, size_t n_bytes, struct gpsd_report *ret_report)
{
	struct gpsd_report report = {.kind = GPSD_OTHER};
	_cleanup_json_ struct json_object *object = NULL;
	int r;

	if (n_bytes > LIMIT_GPSD_LINE_BYTES)
		return -EBADMSG;
	r = json_parse(line, n_bytes, &object, NULL);
	if (r == 0)
		r = read_report(object, &report);
	if (r == 0)
		*ret_report = report;
	return r;
}
