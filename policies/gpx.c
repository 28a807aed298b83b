/* SPDX-License-Identifier: Apache-2.0 */
/* gpx.c - points of GPX files; see gpx.h. Pure; tools. */
#include "policies/gpx.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "agent/util/limits.h"

#define TEXT_BYTES 48 /* of a value that counts; longer ones are none */

struct span {
	const char *at;
	size_t n;
};

struct gpx_reader {
	const char *at, *end;
	size_t line;
	struct span open[LIMIT_GPX_DEPTH]; /* elements that are not closed yet */
	size_t depth, point_depth;	   /* point_depth: of the point; 0: not in one */
	struct gpx_point point;
	char text[TEXT_BYTES]; /* of the innermost element, as far as it fits */
	size_t n_text;
	size_t n_points, n_segments;
	bool has_root;
	int (*visit)(void *userdata, const struct gpx_point *point);
	void *userdata;
	const char *message;
};

static int fail(struct gpx_reader *r, const char *message)
{
	r->message = message;
	return -EBADMSG;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' ||
	       c == '-' || c == '.' || c == ':' || (unsigned char)c >= 0x80;
}

static bool span_is(const struct span *span, const char *text)
{
	return span->n == strlen(text) && memcmp(span->at, text, span->n) == 0;
}

/* The name without the prefix of its namespace. */
static struct span local_name(const struct span *name)
{
	for (size_t i = name->n; i > 0; i--)
		if (name->at[i - 1] == ':')
			return (struct span){name->at + i, name->n - i};
	return *name;
}

/* --- values -------------------------------------------------------------------------------- */

static struct span trimmed(const char *text, size_t n)
{
	while (n > 0 && is_space(*text)) {
		text++;
		n--;
	}
	while (n > 0 && is_space(text[n - 1]))
		n--;
	return (struct span){text, n};
}

/* xsd:decimal: no exponent, no name of a number. Exact to fifteen digits. */
static bool read_decimal(struct span value, double *ret_value)
{
	double number = 0, scale = 1;
	bool negative = value.n > 0 && *value.at == '-', point = false, any = false;
	size_t i = value.n > 0 && (*value.at == '-' || *value.at == '+');

	for (; i < value.n; i++) {
		if (value.at[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (!is_digit(value.at[i]))
			return false;
		any = true;
		/* Beyond that, digits behind the point say nothing any more. */
		if (point && number > 1e14)
			continue;
		number = 10 * number + (value.at[i] - '0');
		scale *= point ? 10 : 1;
	}
	if (!any || !isfinite(number))
		return false;
	*ret_value = (negative ? -number : number) / scale;
	return true;
}

/* n digits and what follows them (0: nothing is asked). */
static bool read_digits(struct span *value, size_t n, char follows, int *ret_number)
{
	int number = 0;

	if (value->n < n + (follows != 0))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(value->at[i]))
			return false;
		number = 10 * number + value->at[i] - '0';
	}
	if (follows && value->at[n] != follows)
		return false;
	value->at += n + (follows != 0);
	value->n -= n + (follows != 0);
	*ret_number = number;
	return true;
}

static bool read_fraction(struct span *value, int64_t *ret_us)
{
	int64_t us = 0, digit_us = 100000;

	if (value->n < 2 || !is_digit(value->at[1]))
		return false;
	value->at++;
	value->n--;
	while (value->n > 0 && is_digit(*value->at)) {
		us += digit_us * (*value->at++ - '0');
		value->n--;
		digit_us /= 10;
	}
	*ret_us = us;
	return true;
}

static bool read_zone(struct span value, int64_t *ret_s)
{
	bool west = value.n > 0 && *value.at == '-';
	int hours, minutes;

	*ret_s = 0;
	if (value.n == 0 || (value.n == 1 && *value.at == 'Z'))
		return true;
	if (value.n != 6 || (*value.at != '+' && !west))
		return false;
	value.at++;
	value.n--;
	if (!read_digits(&value, 2, ':', &hours) || !read_digits(&value, 2, 0, &minutes) ||
		hours > 14 || minutes > 59)
		return false;
	*ret_s = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

/* Days from 1970-01-01, Gregorian; the year begins in March, so that a leap day is its last. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1, m = (month + 9) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 719468;
}

static bool date_is_valid(int year, int month, int day)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && leap);
}

bool gpx_time(const char *text, size_t n_bytes, int64_t *ret_us)
{
	struct span value = trimmed(text, n_bytes);
	int year, month, day, hours, minutes, seconds;
	int64_t fraction_us = 0, zone_s, s;

	if (!read_digits(&value, 4, '-', &year) || !read_digits(&value, 2, '-', &month) ||
		!read_digits(&value, 2, 'T', &day) || !read_digits(&value, 2, ':', &hours) ||
		!read_digits(&value, 2, ':', &minutes) || !read_digits(&value, 2, 0, &seconds))
		return false;
	if (value.n > 0 && *value.at == '.' && !read_fraction(&value, &fraction_us))
		return false;
	if (!read_zone(value, &zone_s) || !date_is_valid(year, month, day) || hours > 23 ||
		minutes > 59 || seconds > 60)
		return false;
	s = days_from_civil(year, month, day) * 86400 + hours * 3600 + minutes * 60 + seconds;
	*ret_us = (s - zone_s) * 1000000 + fraction_us;
	return true;
}

/* --- elements ------------------------------------------------------------------------------ */

static int begin_point(struct gpx_reader *r, enum gpx_kind kind)
{
	if (r->point_depth)
		return fail(r, "a point stands inside of another one");
	if (r->n_points++ == LIMIT_GPX_POINTS)
		return fail(r, "has too many points");
	r->point_depth = r->depth;
	r->point = (struct gpx_point){
		.kind = kind,
		.segment = r->n_segments ? r->n_segments - 1 : 0,
		.at = {NAN, NAN},
		.hdop = -1,
		.speed_ms = -1,
		.accuracy_m = -1,
	};
	return 0;
}

static int begin_element(struct gpx_reader *r, const struct span *name)
{
	struct span local = local_name(name);

	if (r->depth == 0 && (r->has_root || !span_is(&local, "gpx")))
		return fail(r, "must be one element named gpx");
	if (r->depth == LIMIT_GPX_DEPTH)
		return fail(r, "has elements too deep in each other");
	r->has_root = true;
	r->open[r->depth++] = *name;
	r->n_text = 0;
	if (span_is(&local, "trkseg") || span_is(&local, "rte"))
		r->n_segments++;
	if (span_is(&local, "trkpt"))
		return begin_point(r, GPX_TRACK);
	if (span_is(&local, "rtept"))
		return begin_point(r, GPX_ROUTE);
	if (span_is(&local, "wpt"))
		return begin_point(r, GPX_WAYPOINT);
	return 0;
}

/* The text of an element inside of a point. What is not a number there is not said. */
static int take_text(struct gpx_reader *r, const struct span *local)
{
	struct span value = trimmed(r->text, r->n_text);
	/* Others use the same words in what they add. */
	bool own = r->depth == r->point_depth + 1;
	double number;

	if (r->n_text == sizeof(r->text))
		return 0;
	if (own && span_is(local, "time")) {
		if (!gpx_time(value.at, value.n, &r->point.time_us))
			return fail(
				r, "time must be a date and a time, as in 2026-07-01T12:00:00Z");
		r->point.has_time = true;
		return 0;
	}
	if (!read_decimal(value, &number) || number < 0)
		return 0;
	if (own && span_is(local, "hdop"))
		r->point.hdop = number;
	else if (span_is(local, "speed"))
		r->point.speed_ms = number;
	else if (span_is(local, "accuracy"))
		r->point.accuracy_m = number;
	return 0;
}

static int end_element(struct gpx_reader *r, const struct span *name)
{
	const struct span *open = r->depth ? &r->open[r->depth - 1] : NULL;
	struct span local = local_name(name);
	int error = 0;

	if (!open || open->n != name->n || memcmp(open->at, name->at, name->n) != 0)
		return fail(r, "an element is closed that is not the last one opened");
	if (r->point_depth == r->depth) {
		if (!geo_point_is_valid(&r->point.at))
			return fail(r, "a point must have lat from -90 to 90 and lon from -180 to "
				       "180");
		error = r->visit(r->userdata, &r->point);
		r->point_depth = 0;
	} else if (r->point_depth) {
		error = take_text(r, &local);
	}
	r->depth--;
	r->n_text = 0;
	return error;
}

/* --- XML ----------------------------------------------------------------------------------- */

static void skip_space(struct gpx_reader *r)
{
	for (; r->at < r->end && is_space(*r->at); r->at++)
		r->line += *r->at == '\n';
}

static bool starts_with(const struct gpx_reader *r, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(r->end - r->at) >= n && memcmp(r->at, text, n) == 0;
}

/* Behind the next end, such as "-->"; what lies before it is *ret_content. */
static int skip_to(struct gpx_reader *r, const char *end, struct span *ret_content)
{
	const char *begin = r->at;

	for (; r->at < r->end; r->at++) {
		if (starts_with(r, end)) {
			*ret_content = (struct span){begin, (size_t)(r->at - begin)};
			r->at += strlen(end);
			return 0;
		}
		r->line += *r->at == '\n';
	}
	return fail(r, "ends in the middle");
}

static bool read_name(struct gpx_reader *r, struct span *ret_name)
{
	const char *begin = r->at;

	while (r->at < r->end && is_name(*r->at))
		r->at++;
	*ret_name = (struct span){begin, (size_t)(r->at - begin)};
	return r->at > begin && !is_digit(*begin) && *begin != '-' && *begin != '.';
}

/* "&amp;" and the like: none of them is part of a number or a time, they need only be ones. */
static bool reference_is_valid(const char *at, const char *end)
{
	static const char *const names[] = {"amp;", "lt;", "gt;", "quot;", "apos;"};
	size_t n = (size_t)(end - at), i = 1, digits = 0;

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
		if (n >= strlen(names[k]) && memcmp(at, names[k], strlen(names[k])) == 0)
			return true;
	if (n < 3 || *at != '#')
		return false;
	i += at[1] == 'x';
	for (; i < n && digits <= 7; i++, digits++)
		if (!is_digit(at[i]) && !(at[1] == 'x' && ((at[i] >= 'a' && at[i] <= 'f') ||
								  (at[i] >= 'A' && at[i] <= 'F'))))
			break;
	return digits > 0 && digits <= 7 && i < n && at[i] == ';';
}

static int read_attribute(struct gpx_reader *r)
{
	struct span name, value;
	double *coordinate = NULL;
	char quote;

	if (!read_name(r, &name))
		return fail(r, "must have names of attributes");
	skip_space(r);
	if (!starts_with(r, "="))
		return fail(r, "must have values of attributes");
	r->at++;
	skip_space(r);
	if (r->at == r->end || (*r->at != '"' && *r->at != '\''))
		return fail(r, "must have values of attributes between quotes");
	quote = *r->at++;
	if (skip_to(r, quote == '"' ? "\"" : "'", &value) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < value.n; i++)
		if (value.at[i] == '<' ||
			(value.at[i] == '&' && !reference_is_valid(value.at + i + 1, r->end)))
			return fail(
				r, "has an attribute with a character that may not stand there");
	if (r->point_depth == r->depth && span_is(&name, "lat"))
		coordinate = &r->point.at.lat;
	else if (r->point_depth == r->depth && span_is(&name, "lon"))
		coordinate = &r->point.at.lon;
	if (coordinate && (!isnan(*coordinate) || value.n >= TEXT_BYTES ||
				  !read_decimal(trimmed(value.at, value.n), coordinate)))
		return fail(r, "lat and lon must be decimal numbers, one of each");
	return 0;
}

/* Behind "<". */
static int read_start(struct gpx_reader *r)
{
	struct span name;
	int error;

	if (!read_name(r, &name))
		return fail(r, "must have names of elements");
	error = begin_element(r, &name);
	if (error)
		return error;
	for (;;) {
		const char *before = r->at;

		skip_space(r);
		if (starts_with(r, "/>")) {
			r->at += 2;
			return end_element(r, &name);
		}
		if (starts_with(r, ">")) {
			r->at++;
			return 0;
		}
		if (r->at == before)
			return fail(r, "must have spaces between attributes");
		error = read_attribute(r);
		if (error)
			return error;
	}
}

/* Behind "</". */
static int read_end(struct gpx_reader *r)
{
	struct span name;

	if (!read_name(r, &name))
		return fail(r, "must have names of elements");
	skip_space(r);
	if (!starts_with(r, ">"))
		return fail(r, "must close elements with >");
	r->at++;
	return end_element(r, &name);
}

static int read_markup(struct gpx_reader *r)
{
	struct span content;
	int error;

	if (starts_with(r, "<!--")) {
		r->at += 4;
		return skip_to(r, "-->", &content);
	}
	if (starts_with(r, "<?")) {
		r->at += 2;
		return skip_to(r, "?>", &content);
	}
	if (starts_with(r, "<![CDATA[") && r->depth > 0) {
		r->at += 9;
		error = skip_to(r, "]]>", &content);
		for (size_t i = 0; !error && i < content.n && r->n_text < sizeof(r->text); i++)
			r->text[r->n_text++] = content.at[i];
		return error;
	}
	if (starts_with(r, "<!"))
		return fail(r, "must not declare document types or entities");
	if (starts_with(r, "</")) {
		r->at += 2;
		return read_end(r);
	}
	r->at++;
	return read_start(r);
}

static int read_all(struct gpx_reader *r)
{
	int error = 0;

	if (starts_with(r, "\xef\xbb\xbf"))
		r->at += 3;
	while (!error && r->at < r->end) {
		if (*r->at == '<') {
			error = read_markup(r);
			continue;
		}
		if (!*r->at)
			return fail(r, "has a NUL");
		if (r->depth == 0 && !is_space(*r->at))
			return fail(r, "has text outside of its element");
		if (*r->at == '&' && !reference_is_valid(r->at + 1, r->end))
			return fail(r, "has an entity that is none of XML's own");
		if (r->n_text < sizeof(r->text))
			r->text[r->n_text++] = *r->at;
		r->line += *r->at++ == '\n';
	}
	if (!error && (r->depth > 0 || !r->has_root))
		return fail(
			r, r->has_root ? "ends in the middle" : "must be one element named gpx");
	return error;
}

int gpx_read(const char *text, size_t n_bytes,
	int (*visit)(void *userdata, const struct gpx_point *point), void *userdata,
	struct gpx_error *ret_error)
{
	struct gpx_reader reader = {
		.at = text,
		.end = text + n_bytes,
		.line = 1,
		.visit = visit,
		.userdata = userdata,
	};
	int r;

	if (n_bytes > LIMIT_GPX_BYTES)
		r = fail(&reader, "is too large");
	else
		r = read_all(&reader);
	if (r == -EBADMSG && reader.message)
		*ret_error = (struct gpx_error){reader.line, reader.message};
	return r;
}
