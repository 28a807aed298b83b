/* SPDX-License-Identifier: Apache-2.0 */
/* test_place_track_networks.c - places by the networks in sight and the one that the phone is in,
 * beside positions and alone. */
#include "tests/lib/check.h"
#include "tests/lib/place_rig.h"

static struct fix_networks scan_of(const struct rig *rig, const char *ssid, bool connected)
{
	struct fix_networks networks = {.n_networks = 2, .taken_us = rig->now_us};

	networks.networks[0] = (struct fix_network){.ssid = "other", .n_ssid = 5};
	networks.networks[1].n_ssid = (uint8_t)strlen(ssid);
	memcpy(networks.networks[1].ssid, ssid, strlen(ssid));
	networks.networks[1].connected = connected;
	networks.networks[1].secured = true;
	return networks;
}

static enum place_doubt rig_scan(struct rig *rig, double after_s, const char *ssid, bool connected)
{
	struct place_watcher watcher = rig_watcher(rig);
	struct fix_networks networks;

	rig->now_us += (int64_t)(after_s * S_US);
	networks = scan_of(rig, ssid, connected);
	return place_track_networks(&rig->track, &networks, rig->now_us, &watcher);
}

/* A place that is nothing but networks. */
static void test_networks(void)
{
	_rig_ struct rig rig;
	struct fix_networks none = {.taken_us = 0}, many;
	struct place_watcher watcher;

	CHECK(rig_init(&rig, "\"networks\":[{\"ssid\":\"staff\"}],\"leave_dwell\":100"));
	watcher = rig_watcher(&rig);
	rig_scan(&rig, 1, "staff", false);
	CHECK_STR(rig_log(&rig), "unknown>inside network;");
	/* A scan that misses it, and right after that another one: one miss. */
	rig_scan(&rig, 100, "x", false);
	rig_scan(&rig, 2, "x", false);
	CHECK(rig.track.states[0].pending == TRUTH_UNKNOWN);
	rig_scan(&rig, 20, "staff", false);
	rig_scan(&rig, 20, "x", false);
	rig_scan(&rig, 20, "x", false);
	CHECK(rig.track.states[0].pending == TRUTH_FALSE);
	rig_tick(&rig, 100);
	CHECK_STR(rig_log(&rig), "inside>outside no_network;");
	/* Wi-Fi off says nothing, until it is forgotten. */
	rig_scan(&rig, 100, "staff", false);
	CHECK_STR(rig_log(&rig), "outside>inside network;");
	CHECK_INT(place_track_networks(&rig.track, &none, rig.now_us, &watcher), PLACE_DOUBT_NONE);
	rig_tick(&rig, 3600);
	CHECK_STR(rig_log(&rig), "");
	rig_tick(&rig, 12 * 3600);
	CHECK_STR(rig_log(&rig), "inside>unknown forgotten;");
	/* Times that cannot be. */
	many = scan_of(&rig, "staff", false);
	many.taken_us = rig.now_us + PLACE_FUTURE_US + 1;
	CHECK_INT(
		place_track_networks(&rig.track, &many, rig.now_us, &watcher), PLACE_DOUBT_FUTURE);
	many.taken_us = 1;
	CHECK_INT(place_track_networks(&rig.track, &many, rig.now_us, &watcher),
		PLACE_DOUBT_BACKWARDS);
	many.taken_us = rig.now_us;
	many.n_networks = FIX_NETWORKS_MAX + 1;
	CHECK_INT(place_track_networks(&rig.track, &many, rig.now_us, &watcher),
		PLACE_DOUBT_MALFORMED);
	CHECK_STR(rig_log(&rig), "");
}

/* The connection lasts as long as nobody says otherwise, and its end is told once. */
static void test_connected(void)
{
	_rig_ struct rig rig;

	CHECK(rig_init(&rig, "\"networks\":[{\"ssid\":\"staff\",\"connected\":true}],"
			     "\"leave_dwell\":60,\"forget_after\":300"));
	rig_scan(&rig, 1, "staff", false);
	CHECK_STR(rig_log(&rig), "");
	rig_scan(&rig, 20, "staff", true);
	CHECK_STR(rig_log(&rig), "unknown>inside network;");
	rig_tick(&rig, 100000);
	CHECK_STR(rig_log(&rig), "");
	CHECK_INT(place_track_next_us(&rig.track), INT64_MAX);
	rig_scan(&rig, 20, "staff", false);
	CHECK_INT(place_track_next_us(&rig.track), rig.now_us + PLACE_MISS_US);
	/* Roaming from one access point to the next. */
	rig_scan(&rig, 3, "staff", true);
	rig_tick(&rig, 1000);
	CHECK_STR(rig_log(&rig), "");
	rig_scan(&rig, 20, "staff", false);
	rig_tick(&rig, 10);
	CHECK(rig.track.states[0].pending == TRUTH_FALSE);
	rig_tick(&rig, 60);
	CHECK_STR(rig_log(&rig), "inside>outside no_network;");
}

/* With a fence as well: networks win while they are there, positions afterwards. */
static void test_networks_and_fence(void)
{
	_rig_ struct rig rig;

	CHECK(rig_init(&rig, SHAPE ",\"networks\":[{\"ssid\":\"staff\"}],\"leave_dwell\":0"));
	rig_fix(&rig, 1, 1000, 10);
	CHECK_STR(rig_log(&rig), "unknown>outside position;");
	rig_scan(&rig, 10, "staff", false);
	CHECK_STR(rig_log(&rig), "outside>inside network;");
	rig_fix(&rig, 10, 1001, 10);
	rig_fix(&rig, 10, 1002, 10);
	CHECK_STR(rig_log(&rig), "");
	/* That none is there says nothing by itself. */
	rig_scan(&rig, 20, "x", false);
	rig_scan(&rig, 20, "x", false);
	rig_scan(&rig, 20, "x", false);
	CHECK_STR(rig_log(&rig), "");
	rig_fix(&rig, 10, 1001, 10);
	CHECK_STR(rig_log(&rig), "inside>outside position;");
	/* Seen, and never looked again: it counts for ten minutes. */
	rig_scan(&rig, 20, "staff", false);
	rig_fix(&rig, 599, 1000, 10);
	CHECK_STR(rig_log(&rig), "outside>inside network;");
	rig_fix(&rig, 2, 1001, 10);
	CHECK_STR(rig_log(&rig), "inside>outside position;");
}

/* Lists of one scan that are told again and again, as networks fall out of them: neither is that a
 * second look, nor does what was seen in it long ago bring the phone back. */
static void test_old_scans(void)
{
	_rig_ struct rig rig;
	struct fix_networks old;
	struct place_watcher watcher;
	int64_t scan_us;

	CHECK(rig_init(&rig, "\"networks\":[{\"ssid\":\"staff\"}],\"leave_dwell\":0"));
	watcher = rig_watcher(&rig);
	rig_scan(&rig, 1, "staff", false);
	CHECK_STR(rig_log(&rig), "unknown>inside network;");
	old = scan_of(&rig, "x", false);
	scan_us = rig.now_us;
	for (int i = 0; i < 20; i++) {
		rig.now_us += 20 * S_US;
		CHECK_INT(place_track_networks(&rig.track, &old, rig.now_us, &watcher),
			PLACE_DOUBT_NONE);
	}
	CHECK_STR(rig_log(&rig), "");
	/* One new scan without it, told three times. */
	old.taken_us = rig.now_us;
	for (int i = 0; i < 3; i++) {
		rig.now_us += 20 * S_US;
		place_track_networks(&rig.track, &old, rig.now_us, &watcher);
	}
	CHECK_STR(rig_log(&rig), "");
	rig_scan(&rig, 20, "x", false);
	CHECK_STR(rig_log(&rig), "inside>outside no_network;");
	rig_done(&rig);

	CHECK(rig_init(&rig, SHAPE ",\"networks\":[{\"ssid\":\"staff\"}],\"leave_dwell\":0"));
	watcher = rig_watcher(&rig);
	rig_scan(&rig, 1, "staff", false);
	old = scan_of(&rig, "staff", false);
	scan_us = rig.now_us;
	rig_fix(&rig, 601, 5000, 10);
	CHECK_STR(rig_log(&rig), "unknown>inside network;inside>outside position;");
	place_track_networks(&rig.track, &old, rig.now_us, &watcher);
	CHECK_STR(rig_log(&rig), "");
	/* In it now, whenever the scan was. */
	old.networks[1].connected = true;
	CHECK_INT(old.taken_us, scan_us);
	place_track_networks(&rig.track, &old, rig.now_us, &watcher);
	CHECK_STR(rig_log(&rig), "outside>inside network;");
	/* And not any more: the scan is too old to say that it is in sight, but it was a while ago.
	 */
	old.networks[1].connected = false;
	rig.now_us += 300 * S_US;
	place_track_networks(&rig.track, &old, rig.now_us, &watcher);
	rig_fix(&rig, 1, 5000, 10);
	CHECK_STR(rig_log(&rig), "");
	rig_fix(&rig, 601, 5001, 10);
	CHECK_STR(rig_log(&rig), "inside>outside position;");
}

static const struct check_test tests[] = {
	{"networks", test_networks},
	{"connected", test_connected},
	{"networks_and_fence", test_networks_and_fence},
	{"old_scans", test_old_scans},
};

CHECK_MAIN(tests)
