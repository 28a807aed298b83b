/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when_time.c - the condition "time": days of the week and an interval of the day, in the time zone
 * of the phone or in one that the policy says.
 *
 * Everything is computed modulo one week, so that no date can overflow. Pure; enforcer and tools.
 */
#include <errno.h>

#include "agent/util/limits.h"
#include "policies/doc_path.h"
#include "policies/tz_rule.h"
#include "policies/when_leaf.h"

#define DAY_S INT64_C(86400)
#define WEEK_S (7 * DAY_S)
#define WEEK_DAYS 7
/* 1970-01-01 was a Thursday; the week here starts on Monday. */
#define EPOCH_IN_WEEK_S (3 * DAY_S)

static const char *const day_names[WEEK_DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
static const char *const day_titles[WEEK_DAYS] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

struct time_window {
	unsigned int days; /* bit 0: Monday */
	int32_t from_s;	   /* since midnight */
	int32_t length_s;  /* 60..86400; belongs to the day it starts on */
	bool whole_day;	   /* no from and to in the document */
	bool has_zone;
	struct tz_rule zone;
};

static int day_parse(struct json_object *element)
{
	if (!json_object_is_type(element, json_type_string))
		return -EINVAL;
	for (int day = 0; day < WEEK_DAYS; day++)
		if (strcmp(json_object_get_string(element), day_names[day]) == 0 &&
			json_object_get_string_len(element) == 3)
			return day;
	return -EINVAL;
}

static int days_parse(struct json_object *arguments, const char *path, unsigned int *ret_days,
	struct json_error *error)
{
	struct json_object *array;
	unsigned int days = 0;
	char days_path[DOC_PATH_BYTES];
	size_t n;
	int r;

	r = json_get_array(arguments, path, "days", &array, error);
	if (r == -ENOENT) {
		*ret_days = (1u << WEEK_DAYS) - 1;
		return 0;
	}
	if (r < 0)
		return r;
	doc_path(days_path, "%s.days", path);
	n = json_object_array_length(array);
	for (size_t i = 0; i < n; i++) {
		int day = day_parse(json_object_array_get_idx(array, i));

		if (day < 0 || days & 1u << day)
			return json_fail(error, days_path,
				"must hold mon, tue, wed, thu, fri, sat, sun, each at most once");
		days |= 1u << day;
	}
	if (days == 0)
		return json_fail(error, days_path, "must hold at least one day");
	*ret_days = days;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HH:MM" from 00:00 to 23:59 as seconds since midnight. 0, -ENOENT, -EBADMSG. */
static int clock_time_parse(struct json_object *arguments, const char *path, const char *name,
	int32_t *ret_s, struct json_error *error)
{
	char time_path[DOC_PATH_BYTES];
	const char *text;
	int hour = 24, minute = 60;
	int r = json_get_string(arguments, path, name, LIMIT_TEXT_BYTES, &text, error);

	if (r < 0)
		return r;
	if (strlen(text) == 5 && is_digit(text[0]) && is_digit(text[1]) && text[2] == ':' &&
		is_digit(text[3]) && is_digit(text[4])) {
		hour = 10 * (text[0] - '0') + text[1] - '0';
		minute = 10 * (text[3] - '0') + text[4] - '0';
	}
	if (hour > 23 || minute > 59) {
		doc_path(time_path, "%s.%s", path, name);
		return json_fail(error, time_path, "must be a time from 00:00 to 23:59");
	}
	*ret_s = (hour * 60 + minute) * 60;
	return 0;
}

/* A rule, not the name of a zone: those mean something only where a database of them is installed,
 * and what one means depends on its age. */
static int zone_parse(struct json_object *arguments, const char *path, struct time_window *window,
	struct json_error *error)
{
	char zone_path[DOC_PATH_BYTES];
	const char *text;
	int r = json_get_string(arguments, path, "zone", LIMIT_TEXT_BYTES, &text, error);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (tz_rule_parse(text, &window->zone) < 0) {
		doc_path(zone_path, "%s.zone", path);
		return json_fail(error, zone_path,
			"must be the rule of a time zone, as in CET-1CEST,M3.5.0,M10.5.0/3 or "
			"UTC0");
	}
	window->has_zone = true;
	return 0;
}

static int time_parse(
	struct json_object *arguments, const char *path, void **ret_data, struct json_error *error)
{
	static const char *const members[] = {"days", "from", "to", "zone", NULL};
	struct time_window window = {0}, *data;
	int32_t to_s = 0;
	int r, r_to;

	r = json_only(arguments, path, members, error);
	if (r == 0)
		r = zone_parse(arguments, path, &window, error);
	if (r == 0 && json_object_object_length(arguments) == window.has_zone)
		r = json_fail(error, path, "must have days, or from and to");
	if (r == 0)
		r = days_parse(arguments, path, &window.days, error);
	if (r < 0)
		return r;
	r = clock_time_parse(arguments, path, "from", &window.from_s, error);
	if (r < 0 && r != -ENOENT)
		return r;
	r_to = clock_time_parse(arguments, path, "to", &to_s, error);
	if (r_to < 0 && r_to != -ENOENT)
		return r_to;
	if (r != r_to)
		return json_fail(error, path, "must have both from and to, or neither");
	window.whole_day = r == -ENOENT;
	window.length_s = to_s - window.from_s;
	/* Over midnight; equal times are a whole day. */
	if (window.length_s <= 0)
		window.length_s += (int32_t)DAY_S;
	data = malloc(sizeof(*data));
	if (!data)
		return -ENOMEM;
	*data = window;
	*ret_data = data;
	return 0;
}

static int64_t week_modulo(int64_t seconds)
{
	int64_t rest = seconds % WEEK_S;

	return rest < 0 ? rest + WEEK_S : rest;
}

/* Seconds since Monday 00:00 local time. *ret_next_s: until that is another time than the passing
 * of seconds makes it, as far as it is known. */
static int64_t week_position(
	const struct time_window *window, const struct when_facts *facts, int64_t *ret_next_s)
{
	int64_t offset_s = facts->utc_offset_s;

	*ret_next_s = INT64_MAX;
	if (window->has_zone)
		offset_s = tz_rule_offset(&window->zone, facts->realtime_s, ret_next_s);
	return week_modulo(week_modulo(facts->realtime_s) + offset_s + EPOCH_IN_WEEK_S);
}

static bool window_holds(const struct time_window *window, int64_t position_s)
{
	for (int day = 0; day < WEEK_DAYS; day++)
		if (window->days & 1u << day &&
			week_modulo(position_s - day * DAY_S - window->from_s) < window->length_s)
			return true;
	return false;
}

static enum truth time_evaluate(const void *data, const struct when_facts *facts)
{
	int64_t ignored;

	if (!facts->clock_known)
		return TRUTH_UNKNOWN;
	return window_holds(data, week_position(data, facts, &ignored)) ? TRUTH_TRUE : TRUTH_FALSE;
}

/* The first beginning or end of a window at which the answer is another one: windows that touch
 * each other at midnight are one. */
static int64_t time_next(const void *data, const struct when_facts *facts)
{
	const struct time_window *window = data;
	int64_t position_s, next_s;
	bool now;

	if (!facts->clock_known)
		return INT64_MAX;
	/* When clocks are changed it is looked at anew, whatever time it is then. */
	position_s = week_position(window, facts, &next_s);
	now = window_holds(window, position_s);
	for (int day = 0; day < WEEK_DAYS; day++) {
		int64_t from_s = day * DAY_S + window->from_s;
		/* Inside, the answer changes at an end; outside, at a beginning. An edge just now
		 * has the answer of now. */
		int64_t edge_s = week_modulo(now ? from_s + window->length_s : from_s);
		int64_t wait_s = week_modulo(edge_s - position_s);

		if (window->days & 1u << day && wait_s < next_s &&
			window_holds(window, edge_s) != now)
			next_s = wait_s;
	}
	return next_s;
}

static void time_format(const void *data, struct buf *out)
{
	const struct time_window *window = data;
	int to_s = (window->from_s + window->length_s) % (int)DAY_S;
	const char *separator = "";

	if (window->days == (1u << WEEK_DAYS) - 1)
		buf_puts(out, "daily");
	for (int day = 0; window->days != (1u << WEEK_DAYS) - 1 && day < WEEK_DAYS; day++) {
		int last = day;

		if (!(window->days & 1u << day))
			continue;
		while (last + 1 < WEEK_DAYS && window->days & 1u << (last + 1))
			last++;
		buf_printf(out, "%s%s", separator, day_titles[day]);
		if (last > day)
			buf_printf(out, "-%s", day_titles[last]);
		separator = ", ";
		day = last;
	}
	if (!window->whole_day)
		buf_printf(out, " %02d:%02d-%02d:%02d", window->from_s / 3600,
			window->from_s / 60 % 60, to_s / 3600, to_s / 60 % 60);
	if (window->has_zone)
		buf_printf(out, " %s", window->zone.text);
}

static void time_schema(struct jsonw *w, const char *key)
{
	static const char *const ends[][2] = {{"from", "to"}, {"to", "from"}};
	static const char *const enough[] = {"days", "from"};
	/* Only roughly: the parser knows which numbers are months, days and hours. */
	static const char zone_pattern[] =
		"^(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[-+]?[0-9]+(?::[0-9]+){0,2}"
		"(?:(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)(?:[-+]?[0-9]+(?::[0-9]+){0,2})?"
		"(?:,(?:M[0-9]+\\.[0-9]\\.[0-9]|J?[0-9]+)(?:/[-+]?[0-9]+(?::[0-9]+){0,2})?){2})?$";

	jsonw_object(w, key);
	jsonw_string(w, "type", "object");
	jsonw_array(w, "anyOf");
	for (size_t i = 0; i < ARRAY_SIZE(enough); i++) {
		jsonw_object(w, NULL);
		jsonw_array(w, "required");
		jsonw_string(w, NULL, enough[i]);
		jsonw_array_end(w);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_bool(w, "additionalProperties", false);
	jsonw_object(w, "properties");
	jsonw_object(w, "days");
	jsonw_string(w, "type", "array");
	jsonw_int(w, "minItems", 1);
	jsonw_bool(w, "uniqueItems", true);
	jsonw_object(w, "items");
	jsonw_array(w, "enum");
	for (int day = 0; day < WEEK_DAYS; day++)
		jsonw_string(w, NULL, day_names[day]);
	jsonw_array_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object(w, "zone");
	jsonw_string(w, "type", "string");
	jsonw_int(w, "maxLength", TZ_RULE_BYTES);
	jsonw_string(w, "pattern", zone_pattern);
	jsonw_object_end(w);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		jsonw_object(w, ends[i][0]);
		jsonw_string(w, "type", "string");
		jsonw_string(w, "pattern", "^([01][0-9]|2[0-3]):[0-5][0-9]$");
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
	jsonw_object(w, "dependentRequired");
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		jsonw_array(w, ends[i][0]);
		jsonw_string(w, NULL, ends[i][1]);
		jsonw_array_end(w);
	}
	jsonw_object_end(w);
	jsonw_object_end(w);
}

const struct when_leaf_row when_leaf_time = {
	.name = "time",
	.help = "True inside an interval of the week, in the phone's local time or in that of "
		"`zone`, a rule as TZ of POSIX has it (`CET-1CEST,M3.5.0,M10.5.0/3`; the last line "
		"of a file of /usr/share/zoneinfo is one). `days` (default: "
		"all): mon, tue, wed, thu, fri, sat, sun. `from` and `to` (both or neither): "
		"HH:MM; the beginning is inside, the end is not. If `to` is not after `from` the "
		"interval ends on the next day and belongs to the day it starts on. Unknown while "
		"the phone's clock is known to be wrong.",
	.example = "{\"time\":{\"days\":[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\"],"
		   "\"from\":\"08:00\",\"to\":\"17:00\"}}",
	.parse = time_parse,
	.evaluate = time_evaluate,
	.next = time_next,
	.format = time_format,
	.free = free,
	.schema = time_schema,
};
