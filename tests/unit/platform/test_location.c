/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_location.c - the stream of positions without a bus: receivers behind sockets that the test
 * itself serves, the file of a device at rest, wants and their deadlines. The services on the bus:
 * tests/system/location.py.
 */
#include "policies/gpsd.h"
#include "tests/unit/platform/location_stage.h"

/* --- tests ---------------------------------------------------------------------------------- */

static void test_names(void)
{
	for (size_t i = 0; i < LOCATION_EVENT_MAX; i++)
		CHECK(location_event_name((enum location_event_kind)i));
	for (size_t i = 0; i < LOCATION_WHY_MAX; i++)
		CHECK(location_why_name((enum location_why)i));
	for (size_t i = 0; i < LOCATION_SOURCE_MAX; i++)
		CHECK(location_source_name((enum location_source)i) &&
			strlen(location_source_name((enum location_source)i)) <
				sizeof(((struct fix *)NULL)->provider));
	for (size_t i = 0; i < LOCATION_TELLER_MAX; i++)
		CHECK(location_teller_name((enum location_teller)i));
	CHECK(!location_teller_name(LOCATION_TELLER_MAX));
	CHECK(!location_event_name(LOCATION_EVENT_MAX));
	CHECK(!location_why_name(LOCATION_WHY_MAX));
	CHECK(!location_source_name(LOCATION_SOURCE_MAX));
	location_free(NULL);
}

static void test_nothing_is_wanted(void)
{
	struct location_facts facts;
	struct stage s;

	stage_open(&s);
	serve_gnss_share(&s);
	fixture_settle(&s.f);
	location_facts(s.location, &facts);
	for (size_t i = 0; i < LOCATION_SOURCE_MAX; i++)
		CHECK(!facts.sources[i].active);
	CHECK(facts.sources[LOCATION_GNSS_SHARE].present);
	CHECK_STR(facts.sources[LOCATION_GPSD].detail, "gpsd is not installed");
	CHECK_STR(facts.sources[LOCATION_FILE].detail, "there is no /etc/geolocation");
	CHECK(facts.honour_switch && facts.user_switch == TRUTH_UNKNOWN);
	CHECK(accept(s.listener, NULL, NULL) < 0);
	stage_close(&s);
}

static void test_gnss_share(void)
{
	struct location_facts facts;
	struct stage s;

	stage_open(&s);
	serve_gnss_share(&s);
	CHECK_INT(location_want(s.location, LOCATION_FINE, NEVER), 0);
	CHECK(stage_accept(&s));
	stage_say(&s, "rubbish\r\n$GPGGA,1*00\r\n");
	stage_nmea(&s, "GPGGA,,,,,,0,,,,M,,M,,");
	fixture_settle(&s.f);
	CHECK_INT(s.n[LOCATION_FIX], 0);
	location_facts(s.location, &facts);
	CHECK(facts.sources[LOCATION_GNSS_SHARE].active);
	CHECK_INT(facts.need, LOCATION_FINE);
	/* One that is made up is told, and does not end it. */
	stage_nmea(&s, GGA("120000", "8"));
	CHECK(stage_until(&s, &s.n[LOCATION_FIX]));
	CHECK(s.fix.mock);
	s.n[LOCATION_FIX] = 0;
	stage_nmea(&s, GGA("120001", "1"));
	CHECK(stage_until(&s, &s.n[LOCATION_FIX]));
	CHECK(!s.fix.mock && fix_is_sound(&s.fix));
	CHECK_STR(s.fix.provider, "gnss-share");
	CHECK_INT(s.fix.source, FIX_GNSS);
	CHECK(stage_is_left(&s));
	location_facts(s.location, &facts);
	CHECK_INT(facts.need, LOCATION_OFF);
	CHECK(!facts.sources[LOCATION_GNSS_SHARE].active);
	CHECK(facts.sources[LOCATION_GNSS_SHARE].fix_us > 0);
	CHECK_INT(s.n[LOCATION_MISSED], 0);
	stage_close(&s);
}

/* A line of any length, in pieces. */
static void test_lines(void)
{
	struct stage s;
	char chunk[1024];

	stage_open(&s);
	serve_gnss_share(&s);
	CHECK_INT(location_want(s.location, LOCATION_COARSE, NEVER), 0);
	CHECK(stage_accept(&s));
	memset(chunk, '$', sizeof(chunk) - 1);
	chunk[sizeof(chunk) - 1] = 0;
	for (int i = 0; i < 20; i++) {
		stage_say(&s, chunk);
		fixture_settle(&s.f);
	}
	stage_say(&s, "\n");
	stage_say(&s, "$GPGGA,120001,4807.038,N,01131.000,E,1,");
	fixture_settle(&s.f);
	CHECK_INT(s.n[LOCATION_FIX], 0);
	stage_say(&s, "08,0.9,545.4,M,46.9,M,,*48\r\n");
	CHECK(stage_until(&s, &s.n[LOCATION_FIX]));
	CHECK(stage_is_left(&s));
	stage_close(&s);
}

static void test_gpsd(void)
{
	char chunk[256] = "";
	struct stage s;

	stage_open(&s);
	serve_gpsd(&s);
	CHECK_INT(location_want(s.location, LOCATION_FINE, NEVER), 0);
	CHECK(stage_accept(&s));
	for (int i = 0; i < 300 && recv(s.client, chunk, sizeof(chunk) - 1, MSG_DONTWAIT) < 0; i++)
		(void)sd_event_run(s.f.platform.event, 10000);
	CHECK_STR(chunk, GPSD_WATCH);
	stage_say(&s, "{\"class\":\"VERSION\",\"proto_major\":3}\r\n");
	stage_say(&s,
		"{\"class\":\"DEVICES\",\"devices\":[{}]}\r\n{\"class\":\"TPV\",\"mode\":1}\r\n{{{\r\n");
	stage_say(&s,
		"{\"class\":\"TPV\",\"mode\":3,\"time\":\"2026-11-22T05:26:02.000Z\",\"lat\":1.5,"
		"\"lon\":2.5,\"eph\":12.5}\r\n");
	CHECK(stage_until(&s, &s.n[LOCATION_FIX]));
	CHECK_STR(s.fix.provider, "gpsd");
	CHECK(s.fix.latitude == 1.5 && s.fix.accuracy_m == 12.5);
	CHECK(stage_is_left(&s));
	stage_close(&s);
}

static void test_gpsd_without_receiver(void)
{
	struct location_facts facts;
	struct stage s;

	stage_open(&s);
	serve_gpsd(&s);
	CHECK_INT(location_want(s.location, LOCATION_FINE, NEVER), 0);
	CHECK(stage_accept(&s));
	stage_say(&s, "{\"class\":\"DEVICES\",\"devices\":[]}\r\n");
	for (int i = 0; i < 300; i++) {
		(void)sd_event_run(s.f.platform.event, 10000);
		location_facts(s.location, &facts);
		if (facts.sources[LOCATION_GPSD].detail[0])
			break;
	}
	CHECK_STR(facts.sources[LOCATION_GPSD].detail, "gpsd has no receiver: see gpsd(8)");
	stage_close(&s);
}

/* Who listens on gpsd's port, in the kernel's words. */
static void test_listeners(void)
{
#define ROW(address, state, uid)                                                                   \
	"   0: " address ":0B83 00000000:0000 " state                                              \
	" 00000000:00000000 00:00000000 00000000  " uid "        0 4711 1 0000000000000000 100\n"
	static const char head[] = "  sl  local_address rem_address   st tx_queue rx_queue tr\n";
	struct stage s;
	size_t n = 0;
	char text[1024];

	stage_open(&s);
	fixture_text(&s.f, "etc/login.defs", "UID_MIN 1000\n");
	snprintf(text, sizeof(text), "%s" ROW("0100007F", "0A", "  101"), head);
	CHECK(location_listeners_are_trusted(s.location, text, 2947, &n));
	CHECK_INT(n, 1);
	CHECK(location_listeners_are_trusted(s.location, text, 2948, &n));
	CHECK_INT(n, 1);
	/* Connected is not listening: the kernel calls one that is not accepted yet root's. */
	n = 0;
	snprintf(text, sizeof(text), "%s" ROW("0100007F", "01", "    0"), head);
	CHECK(location_listeners_are_trusted(s.location, text, 2947, &n));
	CHECK_INT(n, 0);
	/* Nobody's is what daemons become; somebody's is not. */
	snprintf(text, sizeof(text), "%s" ROW("00000000", "0A", "65534"), head);
	CHECK(location_listeners_are_trusted(s.location, text, 2947, &n));
	snprintf(text, sizeof(text),
		"%s" ROW("0100007F", "0A", "    0") ROW("00000000", "0A", " 54321"), head);
	CHECK(!location_listeners_are_trusted(s.location, text, 2947, &n));
	snprintf(text, sizeof(text), "%s" ROW("00000000000000000000000000000000", "0A", " 54321"),
		head);
	CHECK(!location_listeners_are_trusted(s.location, text, 2947, &n));
	stage_close(&s);
}

static void test_deadline(void)
{
	struct stage s;

	stage_open(&s);
	serve_gnss_share(&s);
	CHECK_INT(location_want(s.location, LOCATION_FINE, SOON), 0);
	CHECK(stage_accept(&s));
	/* Coarse is told, and is not what was wanted. */
	stage_nmea(&s, "GPGGA,120000,4807.038,N,01131.000,E,1,08,40,,M,,M,,");
	CHECK(stage_until(&s, &s.n[LOCATION_MISSED]));
	CHECK_INT(s.why, LOCATION_TOO_LATE);
	CHECK(stage_is_left(&s));
	CHECK_INT(s.n[LOCATION_MISSED], 1);
	stage_close(&s);
}

static void test_want_is_taken_back(void)
{
	struct stage s;

	stage_open(&s);
	serve_gnss_share(&s);
	CHECK_INT(location_want(s.location, LOCATION_FINE, SOON), 0);
	CHECK(stage_accept(&s));
	CHECK_INT(location_want(s.location, LOCATION_OFF, 0), 0);
	CHECK(stage_is_left(&s));
	CHECK_INT(s.n[LOCATION_MISSED], 0);
	/* In time gone by. */
	CHECK_INT(location_want(s.location, LOCATION_FINE, 1), 0);
	CHECK(stage_until(&s, &s.n[LOCATION_MISSED]));
	stage_close(&s);
}

static void test_no_source(void)
{
	struct stage s;

	stage_open(&s);
	CHECK_INT(location_want(s.location, LOCATION_COARSE, NEVER), 0);
	CHECK(stage_until(&s, &s.n[LOCATION_MISSED]));
	CHECK_INT(s.why, LOCATION_NO_SOURCE);
	CHECK_INT(location_scan(s.location, NEVER), 0);
	CHECK(stage_until(&s, &s.n[LOCATION_NO_SCAN]));
	CHECK_INT(s.why, LOCATION_NO_SOURCE);
	/* A receiver that ends at once is none either. */
	serve_gnss_share(&s);
	s.n[LOCATION_MISSED] = 0;
	CHECK_INT(location_want(s.location, LOCATION_COARSE, NEVER), 0);
	CHECK(stage_accept(&s));
	close(TAKE_FD(s.client));
	CHECK(stage_until(&s, &s.n[LOCATION_MISSED]));
	CHECK_INT(s.why, LOCATION_NO_SOURCE);
	stage_close(&s);
}

static void test_file(void)
{
	struct location_facts facts;
	struct stage s;

	stage_open(&s);
	serve_gnss_share(&s);
	fixture_text(&s.f, "etc/geolocation", "48.1\n11.5\n500\n200\n");
	CHECK_INT(location_want(s.location, LOCATION_FINE, NEVER), 0);
	CHECK(stage_until(&s, &s.n[LOCATION_FIX]));
	CHECK_INT(s.fix.source, FIX_FIXED);
	CHECK_STR(s.fix.provider, "file");
	CHECK(fix_is_sound(&s.fix));
	fixture_settle(&s.f);
	location_facts(s.location, &facts);
	CHECK_INT(facts.need, LOCATION_OFF);
	/* Nobody else was asked. */
	CHECK(accept(s.listener, NULL, NULL) < 0);
	/* Others can write it. */
	CHECK_INT(fchmodat(s.f.platform.sysroot_fd, "etc/geolocation", 0664, 0), 0);
	location_facts(s.location, &facts);
	CHECK(!facts.sources[LOCATION_FILE].present);
	CHECK_STR(facts.sources[LOCATION_FILE].detail,
		"/etc/geolocation does not count: others than root can write it");
	CHECK_INT(location_want(s.location, LOCATION_FINE, NEVER), 0);
	CHECK(stage_accept(&s));
	stage_close(&s);
}

static void test_free_in_event(void)
{
	struct stage s;

	stage_open(&s);
	s.free_in_event = true;
	fixture_text(&s.f, "etc/geolocation", "48.1\n11.5\n500\n200\n");
	CHECK_INT(location_want(s.location, LOCATION_FINE, NEVER), 0);
	location_watch(s.location, LOCATION_WATCH_NETWORKS | LOCATION_WATCH_MOTION);
	while (s.location)
		CHECK(sd_event_run(s.f.platform.event, UINT64_MAX) >= 0);
	fixture_settle(&s.f);
	stage_close(&s);
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"nothing is wanted", test_nothing_is_wanted},
	{"gnss-share", test_gnss_share},
	{"lines", test_lines},
	{"gpsd", test_gpsd},
	{"gpsd without a receiver", test_gpsd_without_receiver},
	{"listeners", test_listeners},
	{"deadline", test_deadline},
	{"a want is taken back", test_want_is_taken_back},
	{"no source", test_no_source},
	{"file", test_file},
	{"free in an event", test_free_in_event},
};
CHECK_MAIN(tests)
