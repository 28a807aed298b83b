/* SPDX-License-Identifier: Apache-2.0 */
/* location_report.c - positions as the organisation is told of them; see location_report.h. Pure:
 * no system calls, files or clocks. Enforcer. */
#include "policies/location_report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "agent/util/codec.h"
#include "policies/geo.h"

/* At least what a degree of a meridian, or of the equator, has anywhere on Earth: cells are never
 * larger than they are said to be. */
#define DEGREE_M 111700.0
#define PER_DEGREE 1e6

const char *location_why_told_name(enum location_why_told why)
{
	static const char *const names[LOCATION_WHY_TOLD_MAX] = {
		[LOCATION_NOT_TOLD] = "never",
		[LOCATION_ALWAYS] = "always",
		[LOCATION_LOST] = "lost",
	};

	return why < LOCATION_WHY_TOLD_MAX ? names[why] : NULL;
}

void location_rules_read(
	const struct effective *effective, bool is_lost, struct location_rules *ret_rules)
{
	enum {
		NEVER,
		WHEN_LOST,
		ALWAYS
	}; /* of the setting "report" */
	struct location_rules rules = {.precision_m = LOCATION_PRECISION_M};
	const struct effective_setting *report, *precision, *override;

	*ret_rules = rules;
	if (!effective)
		return;
	report = &effective->settings[SETTING_LOCATION_REPORT];
	precision = &effective->settings[SETTING_LOCATION_PRECISION];
	override = &effective->settings[SETTING_LOCATION_OVERRIDE_SWITCH];
	if (report->present && report->value.number == ALWAYS)
		rules.why = is_lost ? LOCATION_LOST : LOCATION_ALWAYS;
	else if (report->present && report->value.number == WHEN_LOST)
		rules.why = is_lost ? LOCATION_LOST : LOCATION_NOT_TOLD;
	rules.when_lost = report->present && report->value.number == WHEN_LOST && !is_lost;
	if (precision->present)
		rules.precision_m = precision->value.number;
	rules.override_switch = override->present && override->value.number;
	*ret_rules = rules;
}

/* --- rounding ------------------------------------------------------------------------------ */

static int64_t to_e6(double degrees)
{
	return llround(degrees * PER_DEGREE);
}

/*
 * The middle of the cell. Rows of latitude are of one height, each divided into cells of one width,
 * which is that of its edge nearer to the equator; both are precision_m. So the disc that is told
 * reaches 0.29 of that beyond the corners: nobody who lies at one goes to and fro.
 */
static struct geo_point cell_of(const struct geo_point *at, double precision_m)
{
	double height = precision_m / DEGREE_M, row, near, width, middle;
	struct geo_point point;
	double n;

	row = floor((at->lat + 90) / height);
	middle = -90 + (row + 0.5) * height;
	near = fmax(0, fabs(middle) - height / 2);
	width = precision_m / (DEGREE_M * fmax(cos(near * M_PI / 180), 1e-9));
	n = fmax(1, ceil(360 / width));
	width = 360 / n;
	point.lat = fmin(middle, 90);
	point.lon = -180 + (fmin(floor((at->lon + 180) / width), n - 1) + 0.5) * width;
	return point;
}

static bool fix_point(const struct fix *fix, struct geo_point *ret_point)
{
	*ret_point = (struct geo_point){fix->latitude, fix->longitude};
	return geo_point_is_valid(ret_point) && isfinite(fix->accuracy_m) && fix->accuracy_m >= 0;
}

/* Whole precisions: the accuracy itself would tell of the spot. */
static int64_t radius_of(
	const struct geo_point *at, const struct geo_point *told, double accuracy_m, double unit_m)
{
	double radius_m = fmax(unit_m, geo_distance_m(at, told));

	/* An accuracy that is small beside the cell is in it. */
	if (accuracy_m > unit_m / 4)
		radius_m += accuracy_m;
	radius_m = ceil((radius_m - 1) / unit_m) * unit_m; /* the grid is in millionths */
	return (int64_t)fmin(radius_m, 20100000);
}

bool location_round(const struct fix *fix, int64_t precision_m, const struct location_told *before,
	struct location_told *ret_told)
{
	double unit_m = (double)precision_m;
	struct geo_point at, told;

	if (precision_m <= 0 || !fix_point(fix, &at))
		return false;
	told = cell_of(&at, unit_m);
	if (before && before->precision_m == precision_m) {
		struct geo_point last = {(double)before->latitude_e6 / PER_DEGREE,
			(double)before->longitude_e6 / PER_DEGREE};

		/* The disc of the report before still holds the phone. */
		if (geo_point_is_valid(&last) && geo_distance_m(&last, &at) <= unit_m)
			told = last;
	}
	*ret_told = (struct location_told){
		.precision_m = precision_m,
		.radius_m = radius_of(&at, &told, fix->accuracy_m, unit_m),
		.latitude_e6 = to_e6(told.lat),
		.longitude_e6 = to_e6(told.lon),
		.source = fix->source,
		.mock = fix->mock,
	};
	return true;
}

/* --- for others ---------------------------------------------------------------------------- */

/* Behind the object that begins at at; n_bytes where it does not end. */
static size_t object_end(const char *json, size_t n_bytes, size_t at)
{
	size_t depth = 0;
	bool in_text = false;

	for (; at < n_bytes; at++) {
		if (in_text) {
			if (json[at] == '\\')
				at++;
			else
				in_text = json[at] != '"';
			continue;
		}
		in_text = json[at] == '"';
		depth += json[at] == '{';
		if (json[at] == '}' && --depth == 0)
			return at + 1;
	}
	return n_bytes;
}

/*
 * As report.c writes it. Inside of a text of JSON these bytes cannot stand, as quotes have a
 * backslash before them there.
 */
void location_redact(const char *report, size_t n_bytes, struct buf *out)
{
	static const char member[] = "\"location\":{\"digest\":";
	size_t start = 0, n_member = sizeof(member) - 1;

	while (start < n_bytes) {
		const char *at = memmem(report + start, n_bytes - start, member, n_member);
		size_t n = at ? (size_t)(at - (report + start)) : n_bytes - start;

		buf_append(out, report + start, n);
		start += n;
		if (!at)
			break;
		buf_puts(out, "\"location\":{\"withheld\":true}");
		start = object_end(report, n_bytes, start + strlen("\"location\":"));
	}
}

/* --- what is kept -------------------------------------------------------------------------- */

void location_kept_add(struct location_kept *kept, const struct location_told *told)
{
	if (kept->n_told == LOCATION_TOLD_KEPT) {
		memmove(kept->told, kept->told + 1, (LOCATION_TOLD_KEPT - 1) * sizeof(*kept->told));
		kept->n_told--;
	}
	kept->told[kept->n_told++] = *told;
	kept->n_all++;
}

void location_kept_export(const struct location_kept *kept, struct buf *out)
{
	if (kept->is_lost)
		buf_printf(out, "lost %" PRId64 "\n", kept->lost_s);
	buf_printf(out, "all %" PRIu64 "\n", kept->n_all);
	for (size_t i = 0; i < kept->n_told; i++) {
		const struct location_told *t = &kept->told[i];

		buf_printf(out,
			"told %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
			" %s %s %d\n",
			/* A clock that begins in 1970 may be set to less than a position's age. */
			t->sent_s < 0 ? 0 : t->sent_s, t->time_s < 0 ? 0 : t->time_s,
			t->latitude_e6, t->longitude_e6, t->radius_m, t->precision_m,
			fix_source_name(t->source), location_why_told_name(t->why), t->mock);
	}
}

#define WORDS_MAX 10
#define TIME_MAX (INT64_C(1) << 53)

static size_t split(char *line, char *words[WORDS_MAX])
{
	size_t n = 0;

	for (char *word = line; word; n++) {
		char *space = strchr(word, ' ');

		if (n == WORDS_MAX)
			return 0;
		if (space)
			*space++ = 0;
		words[n] = word;
		word = space;
	}
	return n;
}

static int parse_told(char *words[WORDS_MAX], struct location_told *ret_told)
{
	static const struct {
		int64_t min, max;
	} bounds[] = {{0, TIME_MAX}, {0, TIME_MAX}, {-90000000, 90000000}, {-180000000, 180000000},
		{1, 20100000}, {1, 1000000}};
	int64_t n[ARRAY_SIZE(bounds)], mock;
	struct location_told told;
	int source = 0, why = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++)
		if (parse_int64(words[i + 1], bounds[i].min, bounds[i].max, &n[i]) < 0)
			return -EBADMSG;
	while (source < FIX_SOURCE_MAX &&
		strcmp(words[7], fix_source_name((enum fix_source)source)) != 0)
		source++;
	while (why < LOCATION_WHY_TOLD_MAX &&
		strcmp(words[8], location_why_told_name((enum location_why_told)why)) != 0)
		why++;
	if (source == FIX_SOURCE_MAX || why == LOCATION_WHY_TOLD_MAX || why == LOCATION_NOT_TOLD ||
		parse_int64(words[9], 0, 1, &mock) < 0)
		return -EBADMSG;
	told = (struct location_told){
		.sent_s = n[0],
		.time_s = n[1],
		.latitude_e6 = n[2],
		.longitude_e6 = n[3],
		.radius_m = n[4],
		.precision_m = n[5],
		.source = (enum fix_source)source,
		.mock = mock,
		.why = (enum location_why_told)why,
	};
	*ret_told = told;
	return 0;
}

int location_kept_line(char *line, struct location_kept *kept)
{
	char *words[WORDS_MAX];
	size_t n = split(line, words);
	int64_t number;
	int r;

	if (n == 2 && strcmp(words[0], "lost") == 0 && !kept->is_lost) {
		r = parse_int64(words[1], 0, TIME_MAX, &kept->lost_s);
		kept->is_lost = r == 0;
		return r < 0 ? -EBADMSG : 0;
	}
	if (n == 2 && strcmp(words[0], "all") == 0) {
		if (parse_int64(words[1], 0, TIME_MAX, &number) < 0)
			return -EBADMSG;
		kept->n_all = (uint64_t)number;
		return 0;
	}
	if (n != WORDS_MAX || strcmp(words[0], "told") != 0 || kept->n_told == LOCATION_TOLD_KEPT)
		return -EBADMSG;
	r = parse_told(words, &kept->told[kept->n_told]);
	kept->n_told += r == 0;
	return r;
}
