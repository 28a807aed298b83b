/* SPDX-License-Identifier: Apache-2.0 */
/* test_nmea.c - sentences of receivers, right and wrong, and the fixes that follow from them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/limits.h"
#include "policies/nmea.h"
#include "tests/lib/check.h"

#define SECOND INT64_C(1000000)

/* "$body*HH\r\n", in a buffer that the next call reuses. */
static const char *sealed(const char *body)
{
	static char line[512];
	unsigned int sum = 0;

	for (const char *p = body; *p; p++)
		sum ^= (unsigned char)*p;
	snprintf(line, sizeof(line), "$%s*%02X\r\n", body, sum);
	return line;
}

static int parse(const char *body, struct nmea_sentence *ret_sentence)
{
	const char *line = sealed(body);

	return nmea_parse(line, strlen(line), ret_sentence);
}

static bool is_near(double a, double b)
{
	return fabs(a - b) < 1e-7;
}

#define GGA "GPGGA,123519.50,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"

static void test_gga(void)
{
	struct nmea_sentence s;

	CHECK_INT(parse(GGA, &s), 0);
	CHECK_INT(s.kind, NMEA_GGA);
	CHECK(s.valid && s.has_time && !s.mock);
	CHECK_INT(s.time_us, ((12 * 60 + 35) * 60 + 19) * SECOND + SECOND / 2);
	CHECK(is_near(s.latitude, 48 + 7.038 / 60));
	CHECK(is_near(s.longitude, 11.5 + 1.0 / 60));
	CHECK(is_near(s.hdop, 0.9));
	CHECK_INT(parse("GLGGA,000000,8959.9999,S,17959.9999,W,2,08,,,M,,M,,", &s), 0);
	CHECK(s.latitude < -89.99 && s.longitude < -179.99 && s.hdop < 0);
	CHECK_INT(parse("GNGGA,235960,9000.000,N,18000.000,E,4,08,99.9,,M,,M,,", &s), 0);
	CHECK(is_near(s.latitude, 90) && is_near(s.longitude, 180) && s.hdop < 0);
	/* No fix: nothing has to be said of it. */
	CHECK_INT(parse("GPGGA,,,,,,0,,,,M,,M,,", &s), 0);
	CHECK(!s.valid && !s.has_time);
	/* Calculated, by hand, made up. */
	CHECK_INT(parse("GPGGA,123519,4807.038,N,01131.000,E,6,08,0.9,,M,,M,,", &s), 0);
	CHECK(!s.valid);
	CHECK_INT(parse("GPGGA,123519,4807.038,N,01131.000,E,7,08,0.9,,M,,M,,", &s), 0);
	CHECK(s.valid && s.mock);
	CHECK_INT(parse("GPGGA,123519,4807.038,N,01131.000,E,8,08,0.9,,M,,M,,", &s), 0);
	CHECK(s.valid && s.mock);
	/* A position without a time is none that could be dated. */
	CHECK_INT(parse("GPGGA,,4807.038,N,01131.000,E,1,08,0.9,,M,,M,,", &s), 0);
	CHECK(!s.valid);
}

static void test_others(void)
{
	struct nmea_sentence s;

	CHECK_INT(parse("GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W", &s), 0);
	CHECK_INT(s.kind, NMEA_RMC);
	CHECK(s.valid && fabs(s.speed_ms - 22.4 * 1852 / 3600) < 1e-9);
	CHECK_INT(parse("GPRMC,123519,V,,,,,,,230394,,,N", &s), 0);
	CHECK(!s.valid && s.has_time);
	CHECK_INT(parse("GPRMC,123519,A,4807.038,N,01131.000,E,,,230394,,,S", &s), 0);
	CHECK(s.valid && s.mock && s.speed_ms < 0);
	CHECK_INT(parse("GPRMC,123519,A,4807.038,N,01131.000,E,,,230394,,,E", &s), 0);
	CHECK(!s.valid);
	CHECK_INT(parse("GNGSA,A,3,04,05,,09,12,,,24,,,,,2.5,1.3,2.1", &s), 0);
	CHECK_INT(s.kind, NMEA_GSA);
	CHECK(s.valid && is_near(s.hdop, 1.3));
	CHECK_INT(parse("GNGSA,A,1,,,,,,,,,,,,,99.9,99.9,99.9,1", &s), 0);
	CHECK(!s.valid);
	CHECK_INT(parse("GPGST,172814.0,0.006,0.023,0.020,273.6,3.0,4.0,0.031", &s), 0);
	CHECK_INT(s.kind, NMEA_GST);
	CHECK(s.valid && is_near(s.deviation_m, 5));
	CHECK_INT(parse("GPGST,172814.0,,,,,,,", &s), 0);
	CHECK(!s.valid);
}

static void test_not_ours(void)
{
	static const char *const bodies[] = {
		"GPGSV,3,1,11,03,03,111,00",
		"PUBX,00,081350.00",
		"SDDBT,2.4,f,0.7,M,0.3,F",
		"XXGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
		"GPGGAX,123519",
		"G,",
		"A",
	};
	struct nmea_sentence s = {.hdop = 42};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		CHECK_INT(parse(bodies[i], &s), NMEA_E_OTHER);
	CHECK(is_near(s.hdop, 42));
}

static void test_impossible(void)
{
	static const char *const bodies[] = {
		/* Too few fields. */
		"GPGGA,123519,4807.038,N,01131.000,E,1,08",
		"GPRMC,123519,A,4807.038,N,01131.000,E,1,2",
		"GPGSA,A,3,1,2,3",
		"GPGST,172814.0,1,2",
		/* Latitude and longitude. */
		"GPGGA,123519,9000.001,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519,4860.000,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519,4807.038,X,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519,4807.038,,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519,,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519,487.038,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519,48-7.038,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519,4807.038,N,18000.001,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519,nan,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519,4807.03e1,N,01131.000,E,1,08,0.9,,M,,M,,",
		/* Time. */
		"GPGGA,243519,4807.038,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,126019,4807.038,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123561,4807.038,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,12351,4807.038,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519,5,4807.038,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519x5,4807.038,N,01131.000,E,1,08,0.9,,M,,M,,",
		"GPGGA,123519.1111111111111111,4807.038,N,01131.000,E,1,08,0.9,,M,,M,,",
		/* Quality, dilution, mode. */
		"GPGGA,123519,4807.038,N,01131.000,E,9,08,0.9,,M,,M,,",
		"GPGGA,123519,4807.038,N,01131.000,E,,08,0.9,,M,,M,,",
		"GPGGA,123519,4807.038,N,01131.000,E,1,08,-0.9,,M,,M,,",
		"GPGGA,123519,4807.038,N,01131.000,E,1,08,inf,,M,,M,,",
		"GPRMC,123519,B,4807.038,N,01131.000,E,022.4,084.4,230394,,",
		"GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,,,Z",
		"GPGSA,A,4,04,05,,09,12,,,24,,,,,2.5,1.3,2.1",
		"GPGST,172814.0,0.006,0.023,0.020,273.6,-3.0,4.0,0.031",
	};
	struct nmea_sentence s = {.hdop = 42};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		if (parse(bodies[i], &s) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "accepted: %s", bodies[i]);
	CHECK(is_near(s.hdop, 42));
}

static void test_checksum(void)
{
	struct nmea_sentence s;
	char line[512];
	size_t n;

	snprintf(line, sizeof(line), "%s", sealed(GGA));
	n = strlen(line);
	CHECK_INT(nmea_parse(line, n, &s), 0);
	CHECK_INT(nmea_parse(line, n - 2, &s), 0);
	CHECK_INT(nmea_parse(line, n - 3, &s), -EBADMSG);
	CHECK_INT(nmea_parse(line, 0, &s), -EBADMSG);
	/* One bit of any character. */
	for (size_t i = 0; i < n - 2; i++) {
		char was = line[i];

		line[i] ^= 1;
		/* Of the two digits one may be a letter of the other case. */
		if (nmea_parse(line, n, &s) == 0)
			check_fail(__FILE__, __LINE__, "bit flipped at %zu", i);
		line[i] = was;
	}
	/* Without one. */
	CHECK_INT(nmea_parse("$" GGA, strlen("$" GGA), &s), -EBADMSG);
	CHECK_INT(nmea_parse("$" GGA "*", strlen("$" GGA "*"), &s), -EBADMSG);
	CHECK_INT(nmea_parse("$*00", 4, &s), NMEA_E_OTHER);
	CHECK_INT(nmea_parse("*00", 3, &s), -EBADMSG);
}

static void test_limit(void)
{
	struct nmea_sentence s;
	char body[256] = GGA;
	size_t n = strlen(body);

	memset(body + n, '1', sizeof(body) - n);
	/* '$', '*', two digits, line end. */
	body[LIMIT_NMEA_BYTES - 6] = 0;
	CHECK_INT(parse(body, &s), 0);
	body[LIMIT_NMEA_BYTES - 6] = '1';
	body[LIMIT_NMEA_BYTES - 5] = 0;
	CHECK_INT(parse(body, &s), -EBADMSG);
	/* More fields than anybody has. */
	memset(body, ',', sizeof(body));
	memcpy(body, "GPGGA", 5);
	body[100] = 0;
	CHECK_INT(parse(body, &s), -EBADMSG);
}

/* --- a receiver ---------------------------------------------------------------------------- */

/* Adds a sentence; the answer. */
static int hear(struct nmea_track *t, const char *body, int64_t arrived_us, struct fix *ret_fix)
{
	struct nmea_sentence s;

	return parse(body, &s) == 0 ? nmea_track_add(t, &s, arrived_us, ret_fix) : -1;
}

static void test_accuracy(void)
{
	struct nmea_track t = {0};
	struct fix fix = {0};

	/* HDOP of the sentence itself. */
	CHECK_INT(hear(&t, "GPGGA,100000,4800.0,N,01100.0,E,1,08,2.0,,M,,M,,", 1000 * SECOND, &fix),
		NMEA_E_FIX);
	CHECK(is_near(fix.accuracy_m, 2 * 6.0 * 1.07) && fix.speed_ms < 0);
	CHECK_INT(fix.source, FIX_GNSS);
	CHECK_INT(fix.taken_us, 1000 * SECOND);
	CHECK(fix_is_sound(&fix));
	/* Standard deviations say more. */
	CHECK_INT(hear(&t, "GPGST,100000,1,1,1,1,30,40,1", 1000 * SECOND, &fix), 0);
	CHECK_INT(hear(&t, "GPGGA,100001,4800.0,N,01100.0,E,1,08,2.0,,M,,M,,", 1001 * SECOND, &fix),
		NMEA_E_FIX);
	CHECK(is_near(fix.accuracy_m, 53.5));
	/* Not when they are old. */
	CHECK_INT(hear(&t, "GPGGA,100006,4800.0,N,01100.0,E,1,08,0.1,,M,,M,,", 1006 * SECOND, &fix),
		NMEA_E_FIX);
	CHECK(is_near(fix.accuracy_m, NMEA_FLOOR_M));
	/* Of GSA where GGA has none, and of nobody. */
	CHECK_INT(hear(&t, "GPGSA,A,3,,,,,,,,,,,,,2.5,3.0,2.1", 1006 * SECOND, &fix), 0);
	CHECK_INT(hear(&t, "GPGGA,100007,4800.0,N,01100.0,E,1,08,,,M,,M,,", 1007 * SECOND, &fix),
		NMEA_E_FIX);
	CHECK(is_near(fix.accuracy_m, 3 * 6.0 * 1.07));
	CHECK_INT(hear(&t, "GPGGA,100017,4800.0,N,01100.0,E,1,08,,,M,,M,,", 1017 * SECOND, &fix),
		NMEA_E_FIX);
	CHECK(is_near(fix.accuracy_m, NMEA_UNKNOWN_M));
}

static void test_one_fix_a_moment(void)
{
	struct nmea_track t = {0};
	struct fix fix = {0};
	int64_t at = 50 * SECOND;

	CHECK_INT(hear(&t, "GPRMC,100000,A,4800.0,N,01100.0,E,10.0,,230394,,,A", at, &fix),
		NMEA_E_FIX);
	CHECK(fix.speed_ms > 5 && is_near(fix.accuracy_m, NMEA_UNKNOWN_M));
	CHECK_INT(
		hear(&t, "GPGGA,100000,4800.0,N,01100.0,E,1,08,1.0,,M,,M,,", at, &fix), NMEA_E_FIX);
	CHECK(fix.speed_ms > 5 && fix.accuracy_m < 10);
	CHECK_INT(hear(&t, "GPGGA,100000,4800.0,N,01100.0,E,1,08,1.0,,M,,M,,", at, &fix), 0);
	CHECK_INT(hear(&t, "GPRMC,100001,A,4800.0,N,01100.0,E,10.0,,230394,,,A", at + SECOND, &fix),
		0);
	CHECK_INT(hear(&t, "GPGGA,100001,4800.0,N,01100.0,E,1,08,1.0,,M,,M,,", at + SECOND, &fix),
		NMEA_E_FIX);
	/* A receiver that takes back what it says is not believed in that moment. */
	CHECK_INT(hear(&t, "GPRMC,100002,V,,,,,,,230394,,,N", at + 2 * SECOND, &fix), 0);
	CHECK_INT(
		hear(&t, "GPGGA,100002,4800.0,N,01100.0,E,1,08,1.0,,M,,M,,", at + 2 * SECOND, &fix),
		0);
	/* RMC alone is a fix as well. */
	CHECK_INT(
		hear(&t, "GPRMC,100010,A,4800.0,N,01100.0,E,,,230394,,,A", at + 10 * SECOND, &fix),
		NMEA_E_FIX);
	CHECK(fix.speed_ms < 0);
}

/* What waited in a socket while the phone slept is as old as it is. */
static void test_late(void)
{
	struct nmea_track t = {0};
	struct fix fix = {0};
	char body[128];

	for (int i = 0; i < 5; i++) {
		snprintf(body, sizeof(body), "GPGGA,23595%d,4800.0,N,01100.0,E,1,08,1.0,,M,,M,,",
			5 + i);
		CHECK_INT(hear(&t, body, (i < 2 ? 100 + i : 700) * SECOND, &fix), NMEA_E_FIX);
		CHECK_INT(fix.taken_us, (100 + i) * SECOND);
	}
	/* Over midnight. */
	CHECK_INT(hear(&t, "GPGGA,000955,4800.0,N,01100.0,E,1,08,1.0,,M,,M,,", 700 * SECOND, &fix),
		NMEA_E_FIX);
	CHECK_INT(fix.taken_us, 700 * SECOND);
	CHECK_INT(hear(&t, "GPGGA,000956,4800.0,N,01100.0,E,1,08,1.0,,M,,M,,", 702 * SECOND, &fix),
		NMEA_E_FIX);
	CHECK_INT(fix.taken_us, 701 * SECOND);
}

static const struct check_test tests[] = {
	{"gga", test_gga},
	{"others", test_others},
	{"not ours", test_not_ours},
	{"impossible", test_impossible},
	{"checksum", test_checksum},
	{"limit", test_limit},
	{"accuracy", test_accuracy},
	{"one fix a moment", test_one_fix_a_moment},
	{"late", test_late},
};
CHECK_MAIN(tests)
