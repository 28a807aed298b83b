/* SPDX-License-Identifier: Apache-2.0 */
/* test_location_switch.c - the user's switch for location, as dconf has it, and GeoClue's leave for
 * the agent. */
#include "tests/unit/platform/dconf_root.h"
#include "tests/unit/platform/location_stage.h"

#define SCHEMAS "usr/share/glib-2.0/schemas/gschemas.compiled"

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

/* What cannot be watched is looked at when something is wanted. */
static void test_switch_unwatched(void)
{
	struct location_facts facts;
	enum truth before;
	struct stage s;

	stage_open(&s);
	if (!dconf_root_make(&s.f) || !switch_root(&s.f)) {
		stage_close(&s);
		return;
	}
	serve_gnss_share(&s);
	CHECK_INT(unlinkat(s.f.platform.sysroot_fd, "home/u/.config/dconf", AT_REMOVEDIR), 0);
	location_watch(s.location, LOCATION_WATCH_MOTION);
	CHECK(stage_until(&s, &s.n[LOCATION_SWITCHED]));
	location_facts(s.location, &facts);
	before = facts.user_switch;
	CHECK(before != TRUTH_UNKNOWN);
	fixture_directory(&s.f, "home/u/.config/dconf");
	switch_set(&s.f, before == TRUTH_FALSE);
	s.n[LOCATION_SWITCHED] = 0;
	CHECK_INT(location_want(s.location, LOCATION_FINE, NEVER), 0);
	CHECK(stage_until(&s, &s.n[LOCATION_SWITCHED]));
	location_facts(s.location, &facts);
	CHECK_INT(facts.user_switch, before == TRUTH_FALSE ? TRUTH_TRUE : TRUTH_FALSE);
	/* And it is watched from now on. */
	switch_set(&s.f, before != TRUTH_FALSE);
	s.n[LOCATION_SWITCHED] = 0;
	CHECK(stage_until(&s, &s.n[LOCATION_SWITCHED]));
	stage_close(&s);
}

/* A fix that came in the same moment as the no is not told, and the want is answered. */
static void test_switch_wins(void)
{
	struct stage s;
	const struct fix fix = {
		.latitude = 1,
		.longitude = 2,
		.accuracy_m = 5,
		.speed_ms = -1,
		.taken_us = clock_boottime_us(),
		.source = FIX_GNSS,
	};

	stage_open(&s);
	if (!dconf_root_make(&s.f) || !switch_root(&s.f)) {
		stage_close(&s);
		return;
	}
	serve_gnss_share(&s);
	switch_set(&s.f, true);
	CHECK_INT(location_want(s.location, LOCATION_FINE, NEVER), 0);
	CHECK(stage_accept(&s));
	location_see(s.location, LOCATION_GNSS_SHARE, &fix);
	switch_set(&s.f, false);
	location_switch_refresh(s.location);
	CHECK(stage_until(&s, &s.n[LOCATION_MISSED]));
	CHECK_INT(s.why, LOCATION_SWITCHED_OFF);
	CHECK_INT(s.n[LOCATION_FIX], 0);
	CHECK(stage_is_left(&s));
	CHECK_INT(s.n[LOCATION_FIX], 0);
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
	{"what the switch says", test_switch_read},
	{"switch", test_switch},
	{"switch that cannot be watched", test_switch_unwatched},
	{"switch beside a fix", test_switch_wins},
	{"drop-in", test_dropin},
};
CHECK_MAIN(tests)
