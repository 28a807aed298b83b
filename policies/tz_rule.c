/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tz_rule.c - time zones as rules; see tz_rule.h. Pure: no clock, no environment, no files.
 *
 * The calendar repeats after 400 years, weekdays and all: every moment is first brought into the
 * 400 years from 1970 on, so that nothing can overflow.
 */
#include "policies/tz_rule.h"

#include <errno.h>
#include <string.h>

#define DAY_S INT64_C(86400)
#define ERA_S (INT64_C(146097) * DAY_S)
#define HOURS_MAX 24	 /* of an offset */
#define TIME_MAX_H 167	 /* of the moment of a change, RFC 8536 */
#define NAME_MIN_BYTES 3 /* IEEE Std 1003.1 */
#define SUMMER_S 3600	 /* what summer time adds, unless it is said */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* --- reading ------------------------------------------------------------------------------- */

/* "CET", "<+0330>". False: none. */
static bool read_name(const char **at)
{
	const char *p = *at;
	bool quoted = *p == '<';
	size_t n = 0;

	p += quoted;
	while (is_letter(*p) || (quoted && (is_digit(*p) || *p == '+' || *p == '-'))) {
		p++;
		n++;
	}
	if (n < NAME_MIN_BYTES || (quoted && *p++ != '>'))
		return false;
	*at = p;
	return true;
}

static bool read_number(const char **at, int min, int max, int *ret_number)
{
	const char *p = *at;
	int number = 0;

	if (!is_digit(*p))
		return false;
	for (; is_digit(*p); p++) {
		number = 10 * number + *p - '0';
		if (number > max)
			return false;
	}
	if (number < min)
		return false;
	*at = p;
	*ret_number = number;
	return true;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **at, int hours_max, int32_t *ret_s)
{
	const char *p = *at;
	int sign = *p == '-' ? -1 : 1, hours, minutes = 0, seconds = 0;

	p += *p == '-' || *p == '+';
	if (!read_number(&p, 0, hours_max, &hours))
		return false;
	if (*p == ':') {
		p++;
		if (!read_number(&p, 0, 59, &minutes))
			return false;
		if (*p == ':') {
			p++;
			if (!read_number(&p, 0, 59, &seconds))
				return false;
		}
	}
	*at = p;
	*ret_s = sign * ((hours * 60 + minutes) * 60 + seconds);
	return true;
}

static bool read_day(const char **at, struct tz_change *ret_change)
{
	struct tz_change change = {.kind = TZ_DAY_OF_YEAR};
	const char *p = *at;
	bool good;

	if (*p == 'M') {
		change.kind = TZ_DAY_WEEK;
		p++;
		good = read_number(&p, 1, 12, &change.month) && *p++ == '.' &&
		       read_number(&p, 1, 5, &change.week) && *p++ == '.' &&
		       read_number(&p, 0, 6, &change.day);
	} else if (*p == 'J') {
		change.kind = TZ_DAY_NO_LEAP;
		p++;
		good = read_number(&p, 1, 365, &change.day);
	} else {
		good = read_number(&p, 0, 365, &change.day);
	}
	if (!good)
		return false;
	*at = p;
	*ret_change = change;
	return true;
}

/* ",start[/time]" or ",end[/time]" */
static bool read_change(const char **at, struct tz_change *ret_change)
{
	struct tz_change change;
	const char *p = *at;

	if (*p++ != ',' || !read_day(&p, &change))
		return false;
	change.time_s = 2 * 3600;
	if (*p == '/') {
		p++;
		if (!read_time(&p, TIME_MAX_H, &change.time_s))
			return false;
	}
	*at = p;
	*ret_change = change;
	return true;
}

int tz_rule_parse(const char *text, struct tz_rule *ret_rule)
{
	size_t n = strnlen(text, TZ_RULE_BYTES + 1);
	struct tz_rule rule = {0};
	const char *at = text;
	int32_t west_s;

	if (n > TZ_RULE_BYTES || !read_name(&at) || !read_time(&at, HOURS_MAX, &west_s))
		return -EINVAL;
	rule.standard_s = rule.summer_s = -west_s;
	if (*at) {
		rule.has_summer = true;
		if (!read_name(&at))
			return -EINVAL;
		rule.summer_s = rule.standard_s + SUMMER_S;
		if (*at != ',') {
			if (!read_time(&at, HOURS_MAX, &west_s))
				return -EINVAL;
			rule.summer_s = -west_s;
		}
		if (!read_change(&at, &rule.start) || !read_change(&at, &rule.end))
			return -EINVAL;
	}
	if (*at)
		return -EINVAL;
	memcpy(rule.text, text, n + 1);
	*ret_rule = rule;
	return 0;
}

/* --- the calendar -------------------------------------------------------------------------- */

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 to the first of January; year >= 1969. */
static int64_t days_before_year(int year)
{
	int64_t y = year - 1;

	return 365 * (year - INT64_C(1970)) + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100) +
	       (y / 400 - 1969 / 400);
}

/* Days of the year before the first of that month, 1 to 12. */
static int days_before_month(int year, int month)
{
	static const int days[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

	return days[month - 1] + (month > 2 && is_leap(year));
}

static int days_of_month(int year, int month)
{
	return month == 12 ? 31
			   : days_before_month(year, month + 1) - days_before_month(year, month);
}

/* Days since 1970-01-01 of the day of a change. */
static int64_t change_day(const struct tz_change *change, int year)
{
	int64_t first = days_before_year(year), weekday;
	int day;

	switch (change->kind) {
	case TZ_DAY_NO_LEAP:
		/* Day 60 is the first of March. */
		return first + change->day - 1 + (change->day >= 60 && is_leap(year));
	case TZ_DAY_OF_YEAR:
		return first + change->day;
	case TZ_DAY_WEEK:
		break;
	}
	first += days_before_month(year, change->month);
	/* 1970-01-01 was a Thursday; Sunday is 0. Days are not negative but in 1969. */
	weekday = (first + 4 + 7 * 53) % 7;
	day = (int)((change->day - weekday + 7) % 7) + 7 * (change->week - 1);
	while (day >= days_of_month(year, change->month))
		day -= 7;
	return first + day;
}

struct tz_moment {
	int64_t at_s;
	bool summer; /* from then on */
};

/* The change of the year to summer time, or from it, in UTC. */
static struct tz_moment change_moment(const struct tz_rule *rule, int year, bool summer)
{
	const struct tz_change *change = summer ? &rule->start : &rule->end;
	int64_t local_s = change_day(change, year) * DAY_S + change->time_s;

	/* Clocks show standard time until summer time begins, and that until it ends. */
	return (struct tz_moment){local_s - (summer ? rule->standard_s : rule->summer_s), summer};
}

int32_t tz_rule_offset(const struct tz_rule *rule, int64_t realtime_s, int64_t *ret_next_s)
{
	int64_t at_s = realtime_s % ERA_S, next_s = INT64_MAX;
	struct tz_moment last = {INT64_MIN, false};
	int year;

	*ret_next_s = INT64_MAX;
	if (!rule->has_summer)
		return rule->standard_s;
	at_s = at_s < 0 ? at_s + ERA_S : at_s;
	/* Never too late, two years too early at most. */
	year = 1970 + (int)(at_s / (366 * DAY_S));
	while (days_before_year(year + 1) * DAY_S <= at_s)
		year++;
	/* Two years to each side: a change can lie a week outside of its year. */
	for (int y = year - 2 < 1969 ? 1969 : year - 2; y <= year + 2; y++) {
		for (int summer = 0; summer <= 1; summer++) {
			struct tz_moment moment = change_moment(rule, y, summer);

			/* Where one ends as the next begins, it is always summer. */
			if (moment.at_s <= at_s && moment.at_s >= last.at_s)
				last = moment;
			else if (moment.at_s > at_s && moment.at_s - at_s < next_s)
				next_s = moment.at_s - at_s;
		}
	}
	*ret_next_s = next_s;
	return last.summer ? rule->summer_s : rule->standard_s;
}
