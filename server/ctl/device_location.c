/* SPDX-License-Identifier: Apache-2.0 */
/* device_location.c - the section "location" of a report (docs/protocol.md, section 4); see
 * device_location.h. Runs as the administrator. */
#include "server/ctl/device_location.h"

#include <inttypes.h>
#include <math.h>

#include "server/ctl/reader.h"
#include "server/ctl/span.h"
#include "server/ctl/text.h"

struct told {
	double latitude, longitude;
	int64_t radius_m, time_s;
	bool is_lost, made_up;
	char missing[LIMIT_NAME_BYTES + 1];
};

/* Degrees; false where there is no number, or one of no place on Earth. */
static bool read_degrees(
	struct json_object *object, const char *name, double max, double *ret_degrees)
{
	struct json_object *value;
	double degrees;

	if (!json_object_object_get_ex(object, name, &value) ||
		(!json_object_is_type(value, json_type_double) &&
			!json_object_is_type(value, json_type_int)))
		return false;
	degrees = json_object_get_double(value);
	if (!isfinite(degrees) || fabs(degrees) > max)
		return false;
	*ret_degrees = degrees;
	return true;
}

/* 0: there is no section; 1: it says nothing of where; 2: with a position. */
static int read_told(const struct response_device *device, struct told *ret_told)
{
	struct reader reader = {.path = ""};
	struct json_object *at = reader_object(&reader, device->json, "sections");
	struct told told = {0};
	char why[LIMIT_NAME_BYTES + 1];

	at = at ? reader_object(&reader, at, "location") : NULL;
	at = at ? reader_object(&reader, at, "body") : NULL;
	if (!at || reader.bad)
		return 0;
	reader_text(&reader, at, "why", why, sizeof(why));
	reader_text(&reader, at, "missing", told.missing, sizeof(told.missing));
	told.is_lost = strcmp(why, "lost") == 0;
	at = reader_object(&reader, at, "position");
	if (at) {
		told.radius_m = reader_int(&reader, at, "radius");
		told.time_s = reader_int(&reader, at, "time");
		told.made_up = reader_bool(&reader, at, "made_up");
	}
	/* What a phone says oddly here is no reason to show nothing else of it. */
	if (reader.bad)
		return 0;
	*ret_told = told;
	if (!at || !read_degrees(at, "latitude", 90, &ret_told->latitude) ||
		!read_degrees(at, "longitude", 180, &ret_told->longitude))
		return 1;
	return 2;
}

static const char *missing_words(const char *missing)
{
	if (strcmp(missing, "switched_off") == 0)
		return "its user has switched location off";
	if (strcmp(missing, "no_source") == 0)
		return "nothing on it tells where it is";
	return "its position could not be found in time";
}

void device_print_location(struct ctl *ctl, const struct response_device *device)
{
	struct told told;
	char relative[32];
	int what = read_told(device, &told);

	if (what == 0)
		return;
	if (told.is_lost)
		fprintf(ctl->out, "%-13s it counts as lost\n", "LOST");
	fprintf(ctl->out, "%-13s ", "location");
	if (what == 1) {
		fprintf(ctl->out, "not known%s%s\n", *told.missing ? ": " : "",
			*told.missing ? missing_words(told.missing) : "");
		return;
	}
	span_format_relative(told.time_s, ctl->now_s, relative);
	fprintf(ctl->out, "%.6f, %.6f, within %" PRId64 " m, %s%s\n", told.latitude, told.longitude,
		told.radius_m, relative, told.made_up ? "; the source says it is made up" : "");
	if (*told.missing)
		fprintf(ctl->out, "%-13s nothing newer: %s\n", "", missing_words(told.missing));
}
