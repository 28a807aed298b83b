/* SPDX-License-Identifier: Apache-2.0 */
/* place_rig.h - one place, the track of it, and positions in metres north of its middle. Header
 * only: a test program links one object. */
#ifndef MDM_TESTS_PLACE_RIG_H
#define MDM_TESTS_PLACE_RIG_H

#include <math.h>

#include "policies/place_track.h"
#include "tests/lib/policy_gen.h"

#define S_US INT64_C(1000000)
/* A circle of 200 m. */
#define RIG_LAT 48.137154
#define RIG_LON 11.576124
#define RIG_METRE (1 / 111320.0)
#define SHAPE                                                                                      \
	"\"shape\":{\"circle\":{\"latitude\":48.137154,\"longitude\":11.576124,\"radius\":200}}"

struct rig {
	struct policy *policy;
	struct place_track track;
	int64_t now_us;
	struct buf log; /* "inside after position;" */
};

static inline void rig_changed(void *userdata, const struct place_change *change)
{
	struct rig *rig = userdata;

	buf_printf(&rig->log, "%s>%s %s;", place_side_name(change->before),
		place_side_name(change->place->state), place_cause_name(change->place->why.cause));
}

static inline struct place_watcher rig_watcher(struct rig *rig)
{
	return (struct place_watcher){rig_changed, rig};
}

static inline void rig_done(struct rig *rig)
{
	place_track_done(&rig->track);
	policy_free(rig->policy);
	buf_done(&rig->log);
}
#define _rig_ _cleanup_(rig_done)

static inline struct policy *policy_with(const char *place)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	buf_printf(&text,
		"{\"serial\":1,\"target\":{\"stream\":\"s\"},\"places\":{\"p\":{%s}},\"profiles\":[{"
		"\"id\":\"a\",\"when\":{\"place\":{\"inside\":\"p\"}},\"settings\":{}}]}",
		place);
	return gen_parse(text.data, NULL);
}

/* One place, an hour after the boot. */
static inline bool rig_init(struct rig *rig, const char *place)
{
	*rig = (struct rig){.policy = policy_with(place), .now_us = 3600 * S_US};
	place_track_init(&rig->track);
	buf_puts(&rig->log, "");
	return rig->policy &&
	       place_track_configure(&rig->track, &rig->policy, 1, rig->now_us, NULL) == 0;
}

static inline const char *rig_log(struct rig *rig)
{
	static char text[512];

	snprintf(text, sizeof(text), "%s", rig->log.data);
	buf_reset(&rig->log);
	buf_puts(&rig->log, "");
	return text;
}

static inline struct fix fix_at(
	const struct rig *rig, double north_m, double east_m, double accuracy_m)
{
	return (struct fix){
		.latitude = RIG_LAT + north_m * RIG_METRE,
		.longitude = RIG_LON + east_m * RIG_METRE / cos(RIG_LAT * M_PI / 180),
		.accuracy_m = accuracy_m,
		.speed_ms = -1,
		.taken_us = rig->now_us,
		.source = FIX_GNSS,
		.provider = "test",
	};
}

/* A position so many metres north of the middle, after so many seconds. */
static inline enum place_doubt rig_fix(
	struct rig *rig, double after_s, double north_m, double accuracy_m)
{
	struct place_watcher watcher = rig_watcher(rig);
	struct fix fix;

	rig->now_us += (int64_t)(after_s * S_US);
	fix = fix_at(rig, north_m, 0, accuracy_m);
	return place_track_fix(&rig->track, &fix, rig->now_us, &watcher);
}

static inline void rig_tick(struct rig *rig, double after_s)
{
	struct place_watcher watcher = rig_watcher(rig);

	rig->now_us += (int64_t)(after_s * S_US);
	place_track_tick(&rig->track, rig->now_us, &watcher);
}

static inline enum truth rig_state(const struct rig *rig)
{
	return rig->track.states[0].state;
}

#endif
