/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_location.c - the stream of positions without a bus: receivers behind sockets that the test
 * itself serves, the file of a device at rest, the user's switch, wants and their deadlines. The
 * services on the bus: tests/system/location.py.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "platform/location_private.h"
#include "policies/gpsd.h"
#include "tests/unit/platform/dconf_root.h"

#define SCHEMAS "usr/share/glib-2.0/schemas/gschemas.compiled"
#define NEVER (clock_boottime_us() + 3600 * USEC_PER_SEC)
#define SOON (clock_boottime_us() + 50000)

struct stage {
	struct fixture f;
	struct location *location;
	unsigned int n[LOCATION_EVENT_MAX]; /* events */
	struct fix fix;
	enum location_why why;
	bool free_in_event;
	int listener, client; /* -1: none */
};

static void on_event(const struct location_event *event, void *userdata)
{
	struct stage *s = userdata;

	s->n[event->kind]++;
	if (event->fix)
		s->fix = *event->fix;
	if (event->kind == LOCATION_MISSED || event->kind == LOCATION_NO_SCAN)
		s->why = event->why;
	if (s->free_in_event)
		location_free(TAKE_PTR(s->location));
}

static void stage_open(struct stage *s)
{
	memset(s, 0, sizeof(*s));
	s->listener = s->client = -1;
	fixture_open(&s->f);
	/* No bus of the machine's. */
	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	if (location_new(&s->f.platform, on_event, s, &s->location) < 0)
		abort();
	/* Nothing listens there. */
	s->location->gpsd_port = 1;
}

static void stage_close(struct stage *s)
{
	location_free(s->location);
	closep(&s->listener);
	closep(&s->client);
	fixture_close(&s->f);
}

/* Runs the loop until *counter is not 0, for half a minute at most. */
static bool stage_until(struct stage *s, const unsigned int *counter)
{
	int64_t end_us = clock_boottime_us() + 30 * USEC_PER_SEC;

	while (!*counter && clock_boottime_us() < end_us)
		if (sd_event_run(s->f.platform.event, 100000) < 0)
			abort();
	return *counter != 0;
}

/* --- servers -------------------------------------------------------------------------------- */

static void serve_gnss_share(struct stage *s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	fixture_directory(&s->f, "run");
	snprintf(
		address.sun_path, sizeof(address.sun_path), "%.80s/run/gnss-share.sock", s->f.path);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(s->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(s->listener, 4) < 0)
		abort();
}

static void serve_gpsd(struct stage *s)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(address);

	fixture_text(&s->f, "usr/sbin/gpsd", "");
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(s->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(s->listener, 4) < 0 ||
		getsockname(s->listener, (struct sockaddr *)&address, &n) < 0)
		abort();
	s->location->gpsd_port = ntohs(address.sin_port);
}

/* Runs the loop until somebody has come. */
static bool stage_accept(struct stage *s)
{
	for (int i = 0; i < 300 && s->client < 0; i++) {
		if (sd_event_run(s->f.platform.event, 10000) < 0)
			abort();
		s->client = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	return s->client >= 0;
}

static void stage_say(struct stage *s, const char *text)
{
	if (send(s->client, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		abort();
}

static void stage_nmea(struct stage *s, const char *body)
{
	unsigned int sum = 0;
	char line[256];

	for (const char *p = body; *p; p++)
		sum ^= (unsigned char)*p;
	snprintf(line, sizeof(line), "$%s*%02X\r\n", body, sum);
	stage_say(s, line);
}

/* Whether the location has ended the connection; runs the loop meanwhile. */
static bool stage_is_left(struct stage *s)
{
	char chunk[256];
	ssize_t n = -1;

	for (int i = 0; i < 300; i++) {
		if (sd_event_run(s->f.platform.event, 10000) < 0)
			abort();
		n = recv(s->client, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
	}
	return false;
}

#define GGA(time, quality)                                                                         \
	"GPGGA," time ",4807.038,N,01131.000,E," quality ",08,0.9,545.4,M,46.9,M,,"

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

/* --- the switch ----------------------------------------------------------------------------- */

/* The machine's compiled schemas, and a person with a home. False: they are not here. */
static bool switch_root(struct fixture *f)
{
	_cleanup_free_ char *schemas = NULL;
	_cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t n;

	if (fs_read(root_fd, SCHEMAS, LIMIT_SCHEMAS_BYTES, &schemas, &n) < 0 ||
		!memmem(schemas, n, "org.gnome.system.location", 25)) {
		check_skip("gsettings-desktop-schemas is not installed");
		return false;
	}
	fixture_write(f, SCHEMAS, schemas, n);
	fixture_text(f, "usr/bin/gnome-shell", "");
	fixture_text(f, "bin/sh", "");
	if (fchmodat(f->platform.sysroot_fd, "bin/sh", 0755, 0) < 0)
		abort();
	fixture_text(
		f, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n");
	fixture_text(f, "etc/shadow", "root:!:1::::::\nu:x:1::::::\n");
	fixture_directory(f, "home/u/.config/dconf");
	fixture_directory(f, "root");
	if (fchownat(f->platform.sysroot_fd, "home/u", 1000, 1000, 0) < 0)
		abort();
	return true;
}

static void switch_set(struct fixture *f, bool enabled)
{
	dconf_root_compile(f, "home/u/.config/dconf/new",
		enabled ? "[org/gnome/system/location]\nenabled=true\n"
			: "[org/gnome/system/location]\nenabled=false\n",
		"");
	if (renameat(f->platform.sysroot_fd, "home/u/.config/dconf/new", f->platform.sysroot_fd,
		    "home/u/.config/dconf/user") < 0)
		abort();
}

static void test_switch_read(void)
{
	char detail[LIMIT_TEXT_BYTES + 1];
	enum truth state;
	struct stage s;

	stage_open(&s);
	location_switch_read(s.f.platform.sysroot_fd, 0, &state, detail);
	CHECK_INT(state, TRUTH_UNKNOWN);
	CHECK_STR(detail, "no desktop of this phone has a switch for location");
	if (!dconf_root_make(&s.f) || !switch_root(&s.f)) {
		stage_close(&s);
		return;
	}
	/* The schema's default. */
	location_switch_read(s.f.platform.sysroot_fd, 1000, &state, detail);
	CHECK_STR(detail, "the person at the phone has not touched it");
	CHECK_INT(state, TRUTH_FALSE);
	switch_set(&s.f, true);
	location_switch_read(s.f.platform.sysroot_fd, 1000, &state, detail);
	CHECK_INT(state, TRUTH_TRUE);
	CHECK_STR(detail, "");
	/* The only person the phone has. */
	location_switch_read(s.f.platform.sysroot_fd, 0, &state, detail);
	CHECK_INT(state, TRUTH_TRUE);
	/* Somebody else. */
	location_switch_read(s.f.platform.sysroot_fd, 1001, &state, detail);
	CHECK_INT(state, TRUTH_UNKNOWN);
	switch_set(&s.f, false);
	location_switch_read(s.f.platform.sysroot_fd, 1000, &state, detail);
	CHECK_INT(state, TRUTH_FALSE);
	/* The system says something, and then leaves the user no choice. */
	fixture_text(&s.f, "etc/dconf/profile/user", "user-db:user\nsystem-db:local\n");
	dconf_root_compile(
		&s.f, "etc/dconf/db/local", "[org/gnome/system/location]\nenabled=true\n", "");
	location_switch_read(s.f.platform.sysroot_fd, 1000, &state, detail);
	CHECK_INT(state, TRUTH_FALSE);
	dconf_root_compile(&s.f, "etc/dconf/db/local",
		"[org/gnome/system/location]\nenabled=true\n",
		"/org/gnome/system/location/enabled\n");
	location_switch_read(s.f.platform.sysroot_fd, 1000, &state, detail);
	CHECK_INT(state, TRUTH_TRUE);
	/* What is damaged is empty for dconf. */
	CHECK_INT(unlinkat(s.f.platform.sysroot_fd, "etc/dconf/profile/user", 0), 0);
	fixture_text(&s.f, "home/u/.config/dconf/user", "GVariant");
	location_switch_read(s.f.platform.sysroot_fd, 1000, &state, detail);
	CHECK_INT(state, TRUTH_FALSE);
	/* A link is not followed, and not taken for a no. */
	CHECK_INT(unlinkat(s.f.platform.sysroot_fd, "home/u/.config/dconf/user", 0), 0);
	fixture_link(&s.f, "home/u/.config/dconf/user", "/etc/dconf/db/local");
	location_switch_read(s.f.platform.sysroot_fd, 1000, &state, detail);
	CHECK_INT(state, TRUTH_UNKNOWN);
	stage_close(&s);
}

static void test_switch(void)
{
	struct location_facts facts;
	struct stage s;

	stage_open(&s);
	if (!dconf_root_make(&s.f) || !switch_root(&s.f)) {
		stage_close(&s);
		return;
	}
	serve_gnss_share(&s);
	switch_set(&s.f, false);
	CHECK_INT(location_want(s.location, LOCATION_FINE, NEVER), 0);
	CHECK_INT(location_scan(s.location, NEVER), 0);
	CHECK(stage_until(&s, &s.n[LOCATION_MISSED]));
	CHECK_INT(s.why, LOCATION_SWITCHED_OFF);
	CHECK_INT(s.n[LOCATION_NO_SCAN], 1);
	fixture_settle(&s.f);
	CHECK(accept(s.listener, NULL, NULL) < 0);
	/* Openly overridden. */
	location_honour_switch(s.location, false);
	CHECK_INT(location_want(s.location, LOCATION_FINE, NEVER), 0);
	CHECK(stage_accept(&s));
	/* And honoured again, in the middle. */
	s.n[LOCATION_MISSED] = 0;
	location_honour_switch(s.location, true);
	CHECK(stage_until(&s, &s.n[LOCATION_MISSED]));
	CHECK(stage_is_left(&s));
	close(TAKE_FD(s.client));
	/* It is turned on and off while somebody wants to know. */
	location_watch(s.location, LOCATION_WATCH_MOTION);
	fixture_settle(&s.f);
	s.n[LOCATION_SWITCHED] = 0;
	switch_set(&s.f, true);
	CHECK(stage_until(&s, &s.n[LOCATION_SWITCHED]));
	location_facts(s.location, &facts);
	CHECK_INT(facts.user_switch, TRUTH_TRUE);
	CHECK_INT(location_want(s.location, LOCATION_FINE, NEVER), 0);
	CHECK(stage_accept(&s));
	s.n[LOCATION_MISSED] = 0;
	switch_set(&s.f, false);
	CHECK(stage_until(&s, &s.n[LOCATION_MISSED]));
	CHECK_INT(s.why, LOCATION_SWITCHED_OFF);
	CHECK(stage_is_left(&s));
	stage_close(&s);
}

/* --- GeoClue's leave ------------------------------------------------------------------------- */

static void test_dropin(void)
{
	static const char path[] = "etc/geoclue/conf.d/90-mdm-agent.conf";
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct stage s;

	stage_open(&s);
	/* No GeoClue. */
	CHECK_INT(location_allow(&s.f.platform), 0);
	CHECK(!fixture_has(&s.f, "etc"));
	CHECK_INT(location_revert(&s.f.platform), 0);
	fixture_text(&s.f, "etc/geoclue/geoclue.conf", "[agent]\n");
	before = fixture_listing(&s.f);
	CHECK_INT(location_allow(&s.f.platform), 0);
	CHECK(strstr(
		fixture_read(&s.f, path), "[mdm-agent]\nallowed=true\nsystem=true\nusers=0\n"));
	CHECK_INT(location_allow(&s.f.platform), 0);
	CHECK_INT(location_revert(&s.f.platform), 0);
	after = fixture_listing(&s.f);
	CHECK_STR(after, before);
	/* The package's own, or somebody's who wants it otherwise. */
	fixture_text(&s.f, path, "[mdm-agent]\nallowed=false\n");
	CHECK_INT(location_allow(&s.f.platform), 0);
	CHECK_INT(location_revert(&s.f.platform), 0);
	CHECK_STR(fixture_read(&s.f, path), "[mdm-agent]\nallowed=false\n");
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
	{"what the switch says", test_switch_read},
	{"switch", test_switch},
	{"drop-in", test_dropin},
};
CHECK_MAIN(tests)
