/* SPDX-License-Identifier: Apache-2.0 */
/* nmea.c - sentences of satellite receivers; see nmea.h. Pure: no system calls. */
#include "policies/nmea.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "agent/util/limits.h"
#include "policies/decimal.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US (INT64_C(86400) * SECOND_US)
#define FIELDS_MAX 32
#define KNOT_MS (1852.0 / 3600.0)
#define HDOP_MAX 50.0 /* receivers say 99.9 for none */
#define CIRCLE 1.07
/* What other sentences said of a fix counts for as long. */
#define BESIDE_US (5 * SECOND_US)

struct field {
	const char *at;
	size_t n;
};

/* --- one line ------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "$…*HH": what is between them, if the checksum is right. */
static int unwrap(const char *line, size_t n, struct field *ret_body)
{
	unsigned int sum = 0;

	if (n > LIMIT_NMEA_BYTES)
		return -EBADMSG;
	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	if (n < 4 || line[0] != '$' || line[n - 3] != '*' || hex_digit(line[n - 2]) < 0 ||
		hex_digit(line[n - 1]) < 0)
		return -EBADMSG;
	for (size_t i = 1; i < n - 3; i++) {
		if (line[i] < 0x20 || line[i] > 0x7e || line[i] == '*' || line[i] == '$')
			return -EBADMSG;
		sum ^= (unsigned char)line[i];
	}
	if ((int)sum != hex_digit(line[n - 2]) * 16 + hex_digit(line[n - 1]))
		return -EBADMSG;
	*ret_body = (struct field){line + 1, n - 4};
	return 0;
}

/* Splits at commas. The number of fields; more than fit are not told apart from the last. */
static size_t split(const struct field *body, struct field fields[FIELDS_MAX])
{
	size_t n = 0, start = 0;

	for (size_t i = 0; i <= body->n && n < FIELDS_MAX; i++) {
		if (i < body->n && body->at[i] != ',')
			continue;
		fields[n++] = (struct field){body->at + start, i - start};
		start = i + 1;
	}
	return n;
}

/* --- fields --------------------------------------------------------------------------------- */

static bool is_letter(const struct field *field, char letter)
{
	return field->n == 1 && field->at[0] == letter;
}

/* Two digits at at; -1: something else. */
static int two_digits(const char *at)
{
	if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
		return -1;
	return (at[0] - '0') * 10 + (at[1] - '0');
}

/* A number that may be missing: negative then. */
static int read_amount(const struct field *field, double max, double *ret_value)
{
	double value;
	int r;

	if (field->n == 0) {
		*ret_value = -1;
		return 0;
	}
	r = decimal_parse(field->at, field->n, &value);
	if (r < 0 || value < 0)
		return -EBADMSG;
	*ret_value = value <= max ? value : -1;
	return 0;
}

/* hhmmss or hhmmss.sss; nothing is fine. */
static int read_time(const struct field *field, struct nmea_sentence *s)
{
	int hours, minutes, seconds;
	double fraction = 0;

	if (field->n == 0)
		return 0;
	if (field->n < 6)
		return -EBADMSG;
	hours = two_digits(field->at);
	minutes = two_digits(field->at + 2);
	seconds = two_digits(field->at + 4);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 60)
		return -EBADMSG;
	if (field->n > 6) {
		char text[16] = "0";

		if (field->at[6] != '.' || field->n - 6 >= sizeof(text) - 1)
			return -EBADMSG;
		memcpy(text + 1, field->at + 6, field->n - 6);
		/* "123519." is how some write a whole second. */
		if (field->n > 7 && decimal_parse(text, field->n - 5, &fraction) < 0)
			return -EBADMSG;
	}
	s->has_time = true;
	s->time_us = ((int64_t)hours * 3600 + minutes * 60 + seconds) * SECOND_US +
		     (int64_t)(fraction * SECOND_US);
	return 0;
}

/* ddmm.mmmm (n_degrees 2) or dddmm.mmmm (3), and the letter of the hemisphere behind it. */
static int read_angle(
	const struct field *field, size_t n_degrees, const char letters[2], double *ret_degrees)
{
	const struct field *side = field + 1;
	double minutes;
	int degrees = 0;

	if (field->n < n_degrees + 2 ||
		!(is_letter(side, letters[0]) || is_letter(side, letters[1])))
		return -EBADMSG;
	for (size_t i = 0; i < n_degrees; i++) {
		if (field->at[i] < '0' || field->at[i] > '9')
			return -EBADMSG;
		degrees = degrees * 10 + (field->at[i] - '0');
	}
	/* Two digits of minutes, so that no sign and no shorter form passes. */
	if (two_digits(field->at + n_degrees) < 0 ||
		decimal_parse(field->at + n_degrees, field->n - n_degrees, &minutes) < 0 ||
		minutes >= 60 || degrees + minutes / 60 > (n_degrees == 2 ? 90 : 180))
		return -EBADMSG;
	*ret_degrees = (degrees + minutes / 60) * (is_letter(side, letters[0]) ? 1 : -1);
	return 0;
}

static int read_position(const struct field *fields, struct nmea_sentence *s)
{
	int r = read_angle(fields, 2, "NS", &s->latitude);

	return r < 0 ? r : read_angle(fields + 2, 3, "EW", &s->longitude);
}

/* --- sentences ------------------------------------------------------------------------------ */

/* time, latitude, N, longitude, E, quality, satellites, HDOP, … */
static int read_gga(const struct field *fields, size_t n, struct nmea_sentence *s)
{
	const struct field *quality = fields + 6;
	int r;

	if (n < 9 || quality->n != 1 || quality->at[0] < '0' || quality->at[0] > '8')
		return -EBADMSG;
	r = read_time(fields + 1, s);
	if (r == 0)
		r = read_amount(fields + 8, HDOP_MAX, &s->hdop);
	if (r < 0)
		return r;
	s->mock = quality->at[0] == '7' || quality->at[0] == '8';
	/* 6 is dead reckoning: calculated, not seen. */
	if (quality->at[0] == '0' || quality->at[0] == '6')
		return 0;
	s->valid = s->has_time;
	return read_position(fields + 2, s);
}

/* time, status, latitude, N, longitude, E, knots, course, date, variation, E, mode, … */
static int read_rmc(const struct field *fields, size_t n, struct nmea_sentence *s)
{
	double knots = -1;
	char mode;
	int r;

	if (n < 10 || !(is_letter(fields + 2, 'A') || is_letter(fields + 2, 'V')))
		return -EBADMSG;
	mode = n > 12 && fields[12].n == 1 ? fields[12].at[0] : 'A';
	if (!strchr("ADEFMNPRS", mode))
		return -EBADMSG;
	r = read_time(fields + 1, s);
	if (r == 0)
		r = read_amount(fields + 7, FIX_SPEED_MAX_MS / KNOT_MS, &knots);
	if (r < 0)
		return r;
	s->mock = mode == 'M' || mode == 'S';
	if (is_letter(fields + 2, 'V') || mode == 'N' || mode == 'E')
		return 0;
	s->speed_ms = knots < 0 ? -1 : knots * KNOT_MS;
	s->valid = s->has_time;
	return read_position(fields + 3, s);
}

/* selection, 1 2D 3D, twelve satellites, PDOP, HDOP, VDOP, … */
static int read_gsa(const struct field *fields, size_t n, struct nmea_sentence *s)
{
	int r;

	if (n < 18 || fields[2].n != 1 || fields[2].at[0] < '1' || fields[2].at[0] > '3')
		return -EBADMSG;
	r = read_amount(fields + 16, HDOP_MAX, &s->hdop);
	s->valid = r == 0 && s->hdop > 0 && fields[2].at[0] != '1';
	return r;
}

/* time, range, major, minor, orientation, latitude, longitude, altitude */
static int read_gst(const struct field *fields, size_t n, struct nmea_sentence *s)
{
	double north_m = -1, east_m = -1;
	int r;

	if (n < 9)
		return -EBADMSG;
	r = read_time(fields + 1, s);
	if (r == 0)
		r = read_amount(fields + 6, FIX_ACCURACY_MAX_M, &north_m);
	if (r == 0)
		r = read_amount(fields + 7, FIX_ACCURACY_MAX_M, &east_m);
	if (r < 0)
		return r;
	s->deviation_m = hypot(north_m, east_m);
	s->valid = s->has_time && north_m >= 0 && east_m >= 0 && s->deviation_m > 0;
	return 0;
}

/* Whether the two letters in front are those of a receiver, or of what collects for it. */
static bool is_talker(const char *at)
{
	static const char talkers[][3] = {
		"GP", "GL", "GA", "GB", "BD", "GN", "GQ", "QZ", "GI", "II", "IN"};

	for (size_t i = 0; i < sizeof(talkers) / sizeof(talkers[0]); i++)
		if (memcmp(at, talkers[i], 2) == 0)
			return true;
	return false;
}

int nmea_parse(const char *line, size_t n_bytes, struct nmea_sentence *ret_sentence)
{
	static const struct {
		char name[4];
		int (*read)(const struct field *fields, size_t n, struct nmea_sentence *s);
	} kinds[NMEA_KIND_MAX] = {
		[NMEA_GGA] = {"GGA", read_gga},
		[NMEA_RMC] = {"RMC", read_rmc},
		[NMEA_GSA] = {"GSA", read_gsa},
		[NMEA_GST] = {"GST", read_gst},
	};
	struct nmea_sentence s = {.hdop = -1, .speed_ms = -1};
	struct field fields[FIELDS_MAX], body;
	size_t n;
	int r = unwrap(line, n_bytes, &body);

	if (r < 0)
		return r;
	n = split(&body, fields);
	if (fields[0].n != 5 || !is_talker(fields[0].at))
		return NMEA_E_OTHER;
	for (size_t i = 0; i < NMEA_KIND_MAX; i++) {
		if (memcmp(fields[0].at + 2, kinds[i].name, 3) != 0)
			continue;
		s.kind = (enum nmea_kind)i;
		r = kinds[i].read(fields, n, &s);
		if (r == 0)
			*ret_sentence = s;
		return r;
	}
	return NMEA_E_OTHER;
}

/* --- a receiver ----------------------------------------------------------------------------- */

/* The receiver's time, which goes on over midnight. Sentences of one moment may be out of order. */
static int64_t track_time(struct nmea_track *t, const struct nmea_sentence *s)
{
	if (t->has_time && s->time_us < t->last_time_us - DAY_US / 2)
		t->days_us += DAY_US;
	else if (t->has_time && s->time_us > t->last_time_us + DAY_US / 2)
		t->days_us -= DAY_US;
	t->has_time = true;
	t->last_time_us = s->time_us;
	return t->days_us + s->time_us;
}

static bool is_beside(bool has, int64_t then_us, int64_t now_us)
{
	return has && now_us - then_us <= BESIDE_US && then_us - now_us <= BESIDE_US;
}

static double track_accuracy(
	const struct nmea_track *t, const struct nmea_sentence *s, int64_t now_us)
{
	double accuracy_m = NMEA_UNKNOWN_M;

	if (is_beside(t->has_deviation, t->deviation_us, now_us))
		accuracy_m = t->deviation_m * CIRCLE;
	else if (s->hdop > 0)
		accuracy_m = s->hdop * NMEA_RANGE_ERROR_M * CIRCLE;
	else if (is_beside(t->has_hdop, t->hdop_us, now_us))
		accuracy_m = t->hdop * NMEA_RANGE_ERROR_M * CIRCLE;
	return fmax(accuracy_m, NMEA_FLOOR_M);
}

/* Whether this sentence is the one that tells of the moment now_us. */
static bool track_tells(const struct nmea_track *t, const struct nmea_sentence *s, int64_t now_us)
{
	if (!s->valid || (t->has_void && t->void_us == now_us))
		return false;
	if (s->kind == NMEA_RMC)
		/* Where GGA is said too, it says more. */
		return !is_beside(t->has_gga, t->gga_us, now_us) &&
		       !(t->has_told && t->told_us == now_us);
	return !(t->has_told && t->told_gga && t->told_us == now_us);
}

static int track_add_fix(struct nmea_track *t, const struct nmea_sentence *s, int64_t now_us,
	int64_t arrived_us, struct fix *ret_fix)
{
	bool tells = track_tells(t, s, now_us);

	if (!s->valid) {
		t->has_void = true;
		t->void_us = now_us;
	}
	if (s->kind == NMEA_GGA) {
		t->has_gga = true;
		t->gga_us = now_us;
	} else if (s->speed_ms >= 0) {
		t->has_speed = true;
		t->speed_us = now_us;
		t->speed_ms = s->speed_ms;
	}
	if (!tells)
		return 0;
	t->has_told = true;
	t->told_gga = s->kind == NMEA_GGA;
	t->told_us = now_us;
	*ret_fix = (struct fix){
		.latitude = s->latitude,
		.longitude = s->longitude,
		.accuracy_m = track_accuracy(t, s, now_us),
		.speed_ms = is_beside(t->has_speed, t->speed_us, now_us) ? t->speed_ms : -1,
		.taken_us = fix_clock_taken(&t->clock, now_us, arrived_us),
		.source = FIX_GNSS,
		.mock = s->mock,
	};
	return NMEA_E_FIX;
}

int nmea_track_add(struct nmea_track *track, const struct nmea_sentence *s, int64_t arrived_us,
	struct fix *ret_fix)
{
	int64_t now_us;

	switch (s->kind) {
	case NMEA_GGA:
	case NMEA_RMC:
		if (!s->has_time)
			return 0;
		now_us = track_time(track, s);
		return track_add_fix(track, s, now_us, arrived_us, ret_fix);
	case NMEA_GSA:
		/* It has no time of its own. */
		if (s->valid && track->has_time) {
			track->has_hdop = true;
			track->hdop_us = track->days_us + track->last_time_us;
			track->hdop = s->hdop;
		}
		return 0;
	case NMEA_GST:
		if (s->valid) {
			track->has_deviation = true;
			track->deviation_us = track_time(track, s);
			track->deviation_m = s->deviation_m;
		}
		return 0;
	case NMEA_KIND_MAX:
		break;
	}
	return 0;
}
