/* SPDX-License-Identifier: Apache-2.0 */
/* test_place_track_text.c - what is kept of places over restarts, and the names of what they say.
 */
#include <errno.h>

#include "tests/lib/check.h"
#include "tests/lib/place_rig.h"

static void test_names(void)
{
	for (size_t i = 0; i < PLACE_DOUBT_MAX; i++)
		CHECK(place_doubt_name((enum place_doubt)i));
	for (size_t i = 0; i < PLACE_CAUSE_MAX; i++)
		CHECK(place_cause_name((enum place_cause)i));
	for (size_t i = 0; i < PLACE_DISTANCE_MAX; i++)
		CHECK(place_distance_name((enum place_distance)i));
	CHECK(!place_doubt_name(PLACE_DOUBT_MAX) && !place_cause_name(PLACE_CAUSE_MAX) &&
		!place_distance_name(PLACE_DISTANCE_MAX));
	CHECK_STR(place_side_name(TRUTH_TRUE), "inside");
}

static void export_text(const struct place_track *track, int64_t now_us, struct buf *out)
{
	buf_reset(out);
	place_track_export(track, now_us, out);
	buf_puts(out, "");
	/* One line in these tests, without its end. */
	if (out->n_bytes > 0)
		out->data[--out->n_bytes] = 0;
}

/* Over a restart everything goes on, with the time before it counted. */
static void test_restart(void)
{
	_rig_ struct rig rig;
	_cleanup_buf_ struct buf text = BUF_INIT, again = BUF_INIT;
	struct place_track next;
	struct when_place fact;

	CHECK(rig_init(&rig, SHAPE ",\"leave_dwell\":600,\"forget_after\":3600"));
	rig_fix(&rig, 1, 0, 10);
	rig_tick(&rig, 1000);
	rig_fix(&rig, 100, 400, 10);
	rig_tick(&rig, 200);
	export_text(&rig.track, rig.now_us, &text);
	CHECK(!strstr(text.data, "48") && !strstr(text.data, "11.5"));
	/* Ten seconds after the next boot. */
	place_track_init(&next);
	CHECK_INT(place_track_import(&next, 10 * S_US, text.data), 0);
	export_text(&next, 10 * S_US, &again);
	CHECK_STR(again.data, text.data);
	CHECK_INT(place_track_next_us(&next), INT64_MAX);
	CHECK_INT(place_track_configure(&next, &rig.policy, 1, 10 * S_US, NULL), 0);
	CHECK_INT(next.states[0].state, TRUTH_TRUE);
	place_track_facts(&next, 10 * S_US, &fact);
	CHECK_INT(fact.inside, TRUTH_TRUE);
	CHECK_INT(fact.held_s, 1300);
	/* 400 s of the dwell are left. */
	CHECK_INT(place_track_next_us(&next), 410 * S_US);
	place_track_tick(&next, 410 * S_US, NULL);
	CHECK_INT(next.states[0].state, TRUTH_FALSE);
	CHECK_INT(next.states[0].why.cause, PLACE_CAUSE_POSITION);
	/* And what was not looked at for too long is forgotten. */
	place_track_tick(&next, 3420 * S_US, NULL);
	CHECK_INT(next.states[0].state, TRUTH_UNKNOWN);
	place_track_done(&next);
	/* Of another definition nothing is known. */
	place_track_init(&next);
	text.data[strlen("s p ")] ^= 1;
	CHECK_INT(place_track_import(&next, 10 * S_US, text.data), 0);
	CHECK_INT(place_track_configure(&next, &rig.policy, 1, 10 * S_US, NULL), 0);
	CHECK_INT(next.states[0].state, TRUTH_UNKNOWN);
	place_track_done(&next);
}

/* What was carried about while it was off: whoever said what unknown is, gets that soon. */
static void test_booted(void)
{
	static const struct {
		const char *unknown_is;
		double north_m; /* before it was switched off */
		bool soon;
	} cases[] = {
		{"unknown", 0, false},
		{"unknown", 9000, false},
		{"outside", 0, true},
		{"outside", 9000, false},
		{"inside", 0, false},
		{"inside", 9000, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_rig_ struct rig rig;
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct place_track next;
		enum truth state;
		char place[256];

		snprintf(place, sizeof(place), SHAPE ",\"leave_dwell\":0,\"unknown_is\":\"%s\"",
			cases[i].unknown_is);
		CHECK(rig_init(&rig, place));
		rig_fix(&rig, 1, cases[i].north_m, 10);
		state = rig_state(&rig);
		CHECK(state != TRUTH_UNKNOWN);
		export_text(&rig.track, rig.now_us, &text);
		place_track_init(&next);
		CHECK_INT(place_track_import(&next, 20 * S_US, text.data), 0);
		CHECK_INT(place_track_configure(&next, &rig.policy, 1, 20 * S_US, NULL), 0);
		place_track_booted(&next, 20 * S_US);
		place_track_tick(&next, (20 + PLACE_BOOT_TRUST_S) * S_US, NULL);
		CHECK_INT(next.states[0].state, state);
		place_track_tick(&next, (21 + PLACE_BOOT_TRUST_S) * S_US, NULL);
		CHECK_INT(next.states[0].state, cases[i].soon ? TRUTH_UNKNOWN : state);
		place_track_done(&next);
	}
}

/* Switched off and on again before it is forgotten, again and again: that is once. */
static void test_booted_often(void)
{
	static const int64_t forget_s[] = {300, 900, 43200};

	for (size_t i = 0; i < ARRAY_SIZE(forget_s); i++) {
		_rig_ struct rig rig;
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct place_track boots[3];
		char place[256];

		snprintf(place, sizeof(place),
			SHAPE ",\"unknown_is\":\"outside\",\"forget_after\":%d", (int)forget_s[i]);
		CHECK(rig_init(&rig, place));
		rig_fix(&rig, 1, 0, 10);
		CHECK_INT(rig_state(&rig), TRUTH_TRUE);
		export_text(&rig.track, rig.now_us, &text);
		for (size_t boot = 0; boot < ARRAY_SIZE(boots); boot++) {
			struct fix fix;

			place_track_init(&boots[boot]);
			rig.now_us = 20 * S_US;
			CHECK_INT(place_track_import(&boots[boot], rig.now_us, text.data), 0);
			CHECK_INT(place_track_configure(
					  &boots[boot], &rig.policy, 1, rig.now_us, NULL),
				0);
			place_track_booted(&boots[boot], rig.now_us);
			rig.now_us += 100 * S_US;
			place_track_tick(&boots[boot], rig.now_us, NULL);
			CHECK_INT(boots[boot].states[0].state,
				boot == 1 ? TRUTH_UNKNOWN : TRUTH_TRUE);
			/* Found there once more, it begins anew. */
			if (boot == 1) {
				fix = fix_at(&rig, 0, 0, 10);
				place_track_fix(&boots[boot], &fix, rig.now_us, NULL);
				CHECK_INT(boots[boot].states[0].state, TRUTH_TRUE);
			}
			buf_reset(&text);
			export_text(&boots[boot], rig.now_us, &text);
			place_track_done(&boots[boot]);
		}
	}
}

#define LINE "s p 0123456789abcdef inside 5 inside 5 inside 5 unknown -1 position none"

static void test_import_refused(void)
{
	static const char *const lines[] = {"", "s", LINE " x", " " LINE, LINE " ",
		"s  p 0123456789abcdef inside 5 inside 5 inside 5 unknown -1 position none",
		"s .p 0123456789abcdef inside 5 inside 5 inside 5 unknown -1 position none",
		"s p 0123456789abcde inside 5 inside 5 inside 5 unknown -1 position none",
		"s p 0123456789abcdeg inside 5 inside 5 inside 5 unknown -1 position none",
		"s p 0123456789abcdef within 5 inside 5 inside 5 unknown -1 position none",
		"s p 0123456789abcdef inside -1 inside 5 inside 5 unknown -1 position none",
		"s p 0123456789abcdef inside 5x inside 5 inside 5 unknown -1 position none",
		"s p 0123456789abcdef inside 1099511627777 inside 5 inside 5 unknown -1 position none",
		"s p 0123456789abcdef inside 5 outside 5 inside 5 unknown -1 position none",
		"s p 0123456789abcdef inside 5 inside 5 outside 5 unknown -1 position none",
		"s p 0123456789abcdef inside 5 inside 5 inside -1 unknown -1 position none",
		"s p 0123456789abcdef inside 5 inside 5 inside 5 inside 3 position position",
		"s p 0123456789abcdef inside 5 inside 5 inside 5 outside -1 position position",
		"s p 0123456789abcdef inside 5 inside 5 inside 5 unknown 3 position none",
		"s p 0123456789abcdef inside 5 inside 5 inside 5 unknown -1 dream none",
		"s p 0123456789abcdef inside 5 inside 5 inside 5 unknown -1 position network",
		"s p 0123456789abcdef inside 5 inside 5 inside 5 unknown -1 position"};
	struct place_track track;

	place_track_init(&track);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (place_track_import(&track, 0, lines[i]) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "\"%s\" is taken", lines[i]);
	CHECK_INT(place_track_import(&track, 0, LINE), 0);
	CHECK_INT(place_track_import(&track, 0, LINE), -EBADMSG);
	CHECK_INT(track.n_states, 1);
	place_track_done(&track);
}

static void test_import_limit(void)
{
	struct place_track track;
	int r = 0, n;

	place_track_init(&track);
	for (n = 0; r == 0 && n < 2000; n++) {
		char line[160];

		snprintf(line, sizeof(line), "s p%d %s", n, &LINE[4]);
		r = place_track_import(&track, 0, line);
	}
	CHECK_INT(r, -E2BIG);
	CHECK_INT(n - 1, LIMIT_PLACES * LIMIT_ASSIGNMENT_GROUPS);
	/* Sorted, whatever the order. */
	for (size_t i = 1; i < track.n_states; i++)
		CHECK(strcmp(track.states[i - 1].name, track.states[i].name) < 0);
	place_track_done(&track);
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"restart", test_restart},
	{"booted", test_booted},
	{"booted_often", test_booted_often},
	{"import_refused", test_import_refused},
	{"import_limit", test_import_limit},
};

CHECK_MAIN(tests)
