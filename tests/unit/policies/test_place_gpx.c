/* SPDX-License-Identifier: Apache-2.0 */
/* test_place_gpx.c - ways from GPX files: tracks, routes, times; and what places make of one. */
#include "policies/place_gpx.h"

#include <errno.h>

#include "tests/lib/check.h"
#include "tests/lib/place_rig.h"

static int read_way(
	const char *text, struct place_sim_point **ret_points, size_t *ret_n, const char **ret_why)
{
	struct gpx_error error = {0, ""};
	int r = place_gpx_read(text, strlen(text), ret_points, ret_n, &error);

	*ret_why = error.message;
	return r;
}

static void test_read(void)
{
	static const struct {
		const char *text, *why;
		size_t n;
		int64_t last_us;
	} cases[] = {
		{"<gpx><wpt lat='9' lon='9'/><trkpt lat='1' lon='2'><time>2026-07-01T12:00:00Z</time>"
		 "</trkpt><rtept lat='8' lon='8'/><trkpt lat='1' lon='3'>"
		 "<time>2026-07-01T12:00:01.5Z</time></trkpt></gpx>",
			NULL, 2, 1500000},
		/* A degree of the equator, on foot. */
		{"<gpx><trkpt lat='0' lon='2'/><trkpt lat='0' lon='3'/></gpx>", NULL, 2,
			INT64_C(79513921921)},
		{"<gpx><rtept lat='0' lon='2'/><rtept lat='0' lon='2'/></gpx>", NULL, 2, 0},
		{"<gpx/>", "no track or route", 0, 0},
		{"<gpx><trkpt lat='0' lon='2'/></gpx>", "no track or route", 0, 0},
		{"<gpx><wpt lat='0' lon='2'/><wpt lat='0' lon='3'/></gpx>", "no track or route", 0,
			0},
		{"<gpx><trkpt lat='0' lon='2'><time>2026-07-01T12:00:00Z</time></trkpt>"
		 "<trkpt lat='0' lon='2'/></gpx>",
			"with and without", 0, 0},
		{"<gpx><trkpt lat='0' lon='2'><time>2026-07-01T12:00:00Z</time></trkpt>"
		 "<trkpt lat='0' lon='2'><time>2026-07-01T11:59:59Z</time></trkpt></gpx>",
			"go back", 0, 0},
		{"<gpx><trkpt lat='0' lon='2'><time>2026-07-01T12:00:00Z</time></trkpt>"
		 "<trkpt lat='0' lon='2'><time>2027-07-03T12:00:00Z</time></trkpt></gpx>",
			"longer than a year", 0, 0},
		{"<kml/>", "one element named gpx", 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct place_sim_point *points = NULL;
		const char *why;
		size_t n = 0;

		CHECK_INT(read_way(cases[i].text, &points, &n, &why), cases[i].why ? -EBADMSG : 0);
		CHECK(!cases[i].why || strstr(why, cases[i].why));
		CHECK_INT(n, cases[i].n);
		if (n > 0) {
			CHECK_INT(points[0].at_us, 0);
			CHECK(llabs(points[n - 1].at_us - cases[i].last_us) < 1000000);
		}
		free(points);
	}
}

static void count(void *userdata, const struct place_sim_event *event)
{
	unsigned int *n = userdata;

	if (event->kind == PLACE_SIM_CHANGE)
		n[event->change->place->state]++;
}

/* Past the office on foot: outside, inside, outside. */
static void test_simulate(void)
{
	static const char text[] = "<gpx><trk><trkseg><trkpt lat='48.147154' lon='11.576124'/>"
				   "<trkpt lat='48.127154' lon='11.576124'/></trkseg></trk></gpx>";
	struct place_sim_options options = PLACE_SIM_DEFAULT;
	unsigned int n[TRUTH_MAX] = {0};
	struct place_sim_watcher watcher = {count, n};
	struct place_sim_point *points = NULL;
	struct policy *policy = policy_with(SHAPE);
	struct place_sim_way way = {NULL, 0};
	const char *why;

	CHECK(policy);
	CHECK_INT(read_way(text, &points, &way.n_points, &why), 0);
	way.points = points;
	CHECK_INT(place_sim_run(&policy, 1, &way, &options, &watcher), 0);
	CHECK_INT(n[TRUTH_TRUE], 1);
	CHECK_INT(n[TRUTH_FALSE], 2);
	free(points);
	policy_free(policy);
}

static const struct check_test tests[] = {
	{"read", test_read},
	{"simulate", test_simulate},
};

CHECK_MAIN(tests)
