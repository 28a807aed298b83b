/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_restrict.c - gates, their marks and what is told of them; whether a list of sessions is
 * locked; the hash by which udev's messages are told apart; the file of the location service.
 */
#include "agent/util/clock.h"
#include "platform/mm_bearers.h"
#include "platform/restrict.h"
#include "platform/uevent.h"
#include "tests/unit/platform/fixture.h"

#define CAMERA SETTING_RESTRICTIONS_CAMERA
#define SSH SETTING_RESTRICTIONS_SSH
#define LOCATION SETTING_RESTRICTIONS_LOCATION
#define LOCATION_RULE "etc/dbus-1/system.d/zz-mdm-agent-location.conf"

static void test_wanted(void)
{
	struct effective wish = {0};

	CHECK_INT(gate_wanted(NULL, CAMERA), GATE_ON);
	CHECK_INT(gate_wanted(&wish, CAMERA), GATE_ON);
	for (enum gate_choice c = 0; c < GATE_CHOICE_MAX; c++) {
		want(&wish, CAMERA, c);
		CHECK_INT(gate_wanted(&wish, CAMERA), c);
	}
	want(&wish, SSH, 0);
	CHECK_INT(gate_wanted(&wish, SSH), GATE_ON);
	want(&wish, SSH, 1);
	CHECK_INT(gate_wanted(&wish, SSH), GATE_OFF);
}

static void test_marks(void)
{
	struct fixture f;
	int fd;

	fixture_open(&f);
	fd = f.platform.sysroot_fd;
	CHECK(!gate_is_marked_open(fd, CAMERA));
	CHECK_INT(gate_mark(fd, CAMERA, false), 0);
	CHECK_INT(gate_mark(fd, CAMERA, true), 0);
	CHECK_INT(gate_mark(fd, CAMERA, true), 0);
	CHECK(gate_is_marked_open(fd, CAMERA) && fixture_has(&f, RESTRICT_OPEN "/camera"));
	CHECK(!gate_is_marked_open(fd, SSH));
	CHECK_INT(gate_mark(fd, CAMERA, false), 0);
	CHECK(!gate_is_marked_open(fd, CAMERA));
	gate_unmark(fd, CAMERA);
	CHECK(!fixture_has(&f, RESTRICT_OPEN));
	/* Nobody's link is followed. */
	fixture_directory(&f, "elsewhere");
	fixture_link(&f, RESTRICT_OPEN, "../../elsewhere");
	CHECK(gate_mark(fd, CAMERA, true) < 0);
	CHECK(!fixture_has(&f, "elsewhere/camera"));
	fixture_close(&f);
}

/* A phone that is locked and unlocked says the same all day; one that is not as it should be does
 * not. */
static void test_saw(void)
{
	struct effective wish = {0};
	struct fixture f;
	struct backend *b;

	fixture_open(&f);
	CHECK_INT(nodes_backend_new(&f.platform, &b), 0);
	f.platform.desired = &wish;
	gate_saw(b, CAMERA, false);
	CHECK_INT(b->observations[CAMERA].value.number, GATE_ON);
	want(&wish, CAMERA, GATE_OFF_WHILE_LOCKED);
	/* Nobody listens to the lock: it is locked. */
	gate_saw(b, CAMERA, true);
	CHECK_INT(b->observations[CAMERA].value.number, GATE_OFF_WHILE_LOCKED);
	gate_saw(b, CAMERA, false);
	CHECK_INT(b->observations[CAMERA].value.number, GATE_ON);
	want(&wish, CAMERA, GATE_OFF);
	gate_saw(b, CAMERA, true);
	CHECK_INT(b->observations[CAMERA].value.number, GATE_OFF);
	want(&wish, SSH, 1);
	gate_saw(b, SSH, true);
	CHECK_INT(b->observations[SSH].value.number, 1);
	gate_saw(b, SSH, false);
	CHECK_INT(b->observations[SSH].value.number, 0);
	gate_saw_nothing(b, SSH, "none");
	CHECK_INT(b->observations[SSH].value.number, 1);
	backend_free(b);
	fixture_close(&f);
}

static void test_contest(void)
{
	struct contest contest = {0};
	int64_t now = 1000 * USEC_PER_SEC;

	for (int i = 0; i < CONTEST_FREE; i++)
		CHECK_INT(contest_note(&contest, now + i), 0);
	CHECK(contest_is_on(&contest, now + CONTEST_FREE));
	CHECK_INT(contest_note(&contest, now + CONTEST_FREE), CONTEST_WAIT_US);
	CHECK(CONTEST_WAIT_US < 2 * USEC_PER_SEC);
	now += 70 * USEC_PER_SEC;
	CHECK(!contest_is_on(&contest, now));
	CHECK_INT(contest_note(&contest, now), 0);
}

static unsigned int n_acts;

static void act(void *userdata)
{
	(void)userdata;
	n_acts++;
}

/* What was opened while it was being shut is shut within two seconds; who tells of it before is
 * answered at once, and in a contest not before that. */
static void test_contest_in_between(void)
{
	struct contest contest = {.act = act};
	int64_t began = clock_boottime_us();
	sd_event *event = NULL;

	n_acts = 0;
	if (sd_event_new(&event) < 0)
		abort();
	contest_answer_later(&contest, event);
	contest_answer_later(&contest, event);
	CHECK_INT(n_acts, 0);
	contest_answer(&contest, event);
	CHECK_INT(n_acts, 1);
	CHECK(!contest.again);
	contest_answer_later(&contest, event);
	CHECK(sd_event_run(event, 60 * UINT64_C(1000000)) > 0);
	CHECK_INT(n_acts, 2);
	CHECK(clock_boottime_us() - began >= CONTEST_WAIT_US);
	CHECK(!contest.again && !contest.late);
	for (unsigned int i = 0; i < CONTEST_FREE; i++)
		(void)contest_note(&contest, clock_boottime_us());
	contest_answer_later(&contest, event);
	contest_answer(&contest, event);
	CHECK_INT(n_acts, 2);
	CHECK(contest.again);
	contest_stop(&contest);
	CHECK(!contest.again);
	sd_event_unref(event);
}

static void test_state(void)
{
	_cleanup_free_ char *text = NULL;
	struct platform platform = {0};
	char path[256];

	/* Where nothing can be remembered, nothing is. */
	CHECK_INT(restrict_save(&platform, "x", "y", 1), 0);
	CHECK_INT(restrict_load(&platform, "x", &text), -ENOENT);
	CHECK_INT(restrict_forget(&platform, "x"), 0);
	platform.state_fd = check_tmpdir(path);
	CHECK_INT(restrict_load(&platform, "x", &text), -ENOENT);
	CHECK_INT(restrict_save(&platform, "x", "y", 1), 0);
	CHECK_INT(restrict_load(&platform, "x", &text), 0);
	CHECK_STR(text, "y");
	CHECK_INT(restrict_forget(&platform, "x"), 0);
	CHECK_INT(restrict_forget(&platform, "x"), 0);
	CHECK(faccessat(platform.state_fd, RESTRICT_STATE, F_OK, 0) < 0);
	close(platform.state_fd);
}

/* --- the lock ------------------------------------------------------------------------------ */

static void test_sessions(void)
{
	static const struct {
		const char *class, *type;
		bool active, remote, locked, known;
		bool is_locked, has_why;
	} cases[] = {
		{"user", "wayland", true, false, false, true, false, false},
		{"user", "wayland", true, false, true, true, true, false},
		{"user", "tty", true, false, false, true, false, false},
		{"user-light", "x11", true, false, false, true, false, false},
		/* A greeter, one who is logged in from afar, one behind another console, one that
		 * nothing is known of, one of the system. */
		{"greeter", "wayland", true, false, false, true, true, true},
		{"user", "tty", true, true, false, true, true, true},
		{"user", "wayland", false, false, false, true, true, true},
		{"user", "wayland", true, false, false, false, true, true},
		{"background", "unspecified", true, false, false, true, true, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct session_row row = {
			.active = cases[i].active,
			.remote = cases[i].remote,
			.locked = cases[i].locked,
			.known = cases[i].known,
		};
		struct session_list list = {.rows = {&row}, .n_rows = 1, .listed = true};
		const char *why;

		snprintf(row.class, sizeof(row.class), "%s", cases[i].class);
		snprintf(row.type, sizeof(row.type), "%s", cases[i].type);
		snprintf(row.state, sizeof(row.state), "active");
		CHECK_INT(lock_of_sessions(&list, &why), cases[i].is_locked);
		CHECK_INT(why[0] != 0, cases[i].has_why);
		list.listed = false;
		CHECK(lock_of_sessions(&list, &why) && why[0]);
	}
}

static void on_lock(struct lock_listener *listener, bool locked)
{
	(void)listener;
	(void)locked;
}

static void test_nobody_says(void)
{
	struct lock_listener a = {.changed = on_lock}, b = {.changed = on_lock};
	struct fixture f;

	fixture_open(&f);
	CHECK(lock_watch_is_locked(&f.platform) && lock_watch_why(&f.platform)[0]);
	CHECK_INT(lock_watch_join(&f.platform, &a), 0);
	CHECK_INT(lock_watch_join(&f.platform, &a), 0);
	CHECK_INT(lock_watch_join(&f.platform, &b), 0);
	CHECK(lock_watch_is_locked(&f.platform) && lock_watch_why(&f.platform)[0]);
	lock_watch_leave(&f.platform, &a);
	CHECK(f.platform.lock_watch);
	lock_watch_leave(&f.platform, &b);
	lock_watch_leave(&f.platform, &b);
	CHECK(!f.platform.lock_watch && !f.platform.bus_link);
	fixture_close(&f);
}

/* --- others -------------------------------------------------------------------------------- */

/* The numbers that libudev puts into its messages, as seen in them. */
static void test_hash(void)
{
	CHECK_INT(uevent_hash("block"), 0xf0031db7);
	CHECK_INT(uevent_hash("usb"), 0x0577c5e5);
	CHECK_INT(uevent_hash("mmc"), 0x4fba773d);
}

static void test_filter_limit(void)
{
	static const char *const names[UEVENT_SUBSYSTEMS_MAX + 1] = {
		"a", "b", "c", "d", "e", "f", "g", "h", "i"};
	int fd = uevent_open(UEVENT_UDEV);

	if (fd < 0) {
		check_skip("there are no messages of devices here");
		return;
	}
	CHECK_INT(uevent_filter(fd, names, UEVENT_SUBSYSTEMS_MAX), 0);
	CHECK_INT(uevent_filter(fd, names, UEVENT_SUBSYSTEMS_MAX + 1), -E2BIG);
	CHECK(uevent_drain(fd));
	close(fd);
}

/* What calls, emergencies and messages go over is not data. */
static void test_bearers(void)
{
	CHECK(mm_bearer_is_data(0, 0) && mm_bearer_is_data(1, 0));
	CHECK(mm_bearer_is_data(1, 1 << 1) && mm_bearer_is_data(1, 1 << 1 | 1 << 3));
	CHECK(!mm_bearer_is_data(2, 0) && !mm_bearer_is_data(3, 1 << 1));
	CHECK(!mm_bearer_is_data(1, 1 << 2) && !mm_bearer_is_data(1, 1 << 3));
	CHECK(!mm_bearer_is_data(1, 1 << 5) && !mm_bearer_is_data(1, 1 << 6));
}

static void test_location(void)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct effective wish = {0};
	struct fixture f;
	struct backend *b;

	fixture_open(&f);
	fixture_directory(&f, "usr/share/dbus-1/system.d");
	fixture_text(&f, "etc/passwd", "root:x:0:0::/:/bin/sh\ngeoclue:x:99:99::/:/bin/false\n");
	before = fixture_listing(&f);
	CHECK_INT(location_service_backend_new(&f.platform, &b), 0);
	CHECK_INT(b->ops->watch(b, fixture_on_changed, &f), 0);
	f.platform.desired = &wish;
	want(&wish, LOCATION, 1);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(b->observations[LOCATION].value.number, 0);
	CHECK_INT(fixture_apply(&f, b, &wish), 0);
	CHECK(b->apply_changed);
	CHECK(strstr(fixture_read(&f, LOCATION_RULE), "<policy user=\"geoclue\">"));
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(b->observations[LOCATION].value.number, 1);
	CHECK(b->observations[LOCATION].enforced);
	fixture_text(&f, LOCATION_RULE, "<busconfig/>");
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(b->observations[LOCATION].value.number, 0);
	CHECK_INT(fixture_apply(&f, b, &wish), 0);
	fixture_text(&f, "usr/sbin/gpsd", "");
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(!b->observations[LOCATION].enforced);
	CHECK_INT(unlinkat(f.platform.sysroot_fd, "usr/sbin/gpsd", 0), 0);
	CHECK_INT(unlinkat(f.platform.sysroot_fd, "usr/sbin", AT_REMOVEDIR), 0);
	CHECK_INT(fixture_revert(&f, b), 0);
	after = fixture_listing(&f);
	CHECK_STR(after, before);
	/* The order of two files in one directory is nobody's promise. */
	fixture_text(&f, "etc/dbus-1/system.d/org.freedesktop.GeoClue2.conf", "<busconfig/>");
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(b->observations[LOCATION].state, COMPLIANCE_UNSUPPORTED);
	backend_free(b);
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"wanted", test_wanted},
	{"marks", test_marks},
	{"saw", test_saw},
	{"contest", test_contest},
	{"contest_in_between", test_contest_in_between},
	{"state", test_state},
	{"sessions", test_sessions},
	{"nobody_says", test_nobody_says},
	{"hash", test_hash},
	{"filter_limit", test_filter_limit},
	{"bearers", test_bearers},
	{"location", test_location},
};

CHECK_MAIN(tests)
