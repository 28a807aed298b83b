/* SPDX-License-Identifier: Apache-2.0 */
/* place_sim.c - places on a way that was gone, in simulated time; see place_sim.h. Pure; tools. */
#include "policies/place_sim.h"

#include <errno.h>
#include <math.h>

#define S_US INT64_C(1000000)
#define DEGREE_M 111320.0
#define START_US (1000 * S_US) /* CLOCK_BOOTTIME at the first point */
#define WIFI_LEAVE_M 60.0      /* from where the phone joined */
#define WIFI_STAY_US (120 * S_US)
#define CELL_LEAVE_M 2000.0

/* Of one position; whatever is beyond is told before it. */
#define HELD_MAX 64

struct sim {
	const struct place_sim_way *way;
	const struct place_sim_options *options;
	struct place_sim_watcher *watcher;
	struct place_track track;
	struct place_plan plan;
	size_t i; /* the point before now */
	int64_t now_us;
	struct geo_point at;
	uint64_t random;
	enum place_need asked;
	int64_t ready_us;
	struct geo_point joined; /* the middle of what would tell */
	int64_t stays_us;	 /* since when it is there */
	bool answering;		 /* changes are held until the position was told */
	struct place_change held[HELD_MAX];
	size_t n_held;
};

/* splitmix64; 0 <= x < 1. */
static double sim_random(struct sim *sim)
{
	uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return (double)(z >> 11) / 9007199254740992.0;
}

static double wrapped(double lon)
{
	return lon > 180 ? lon - 360 : lon < -180 ? lon + 360 : lon;
}

/* Where the phone is now: on the way from one point to the next, the short way round. */
static void sim_move(struct sim *sim)
{
	const struct place_sim_point *a, *b;
	int64_t t_us = sim->now_us - START_US;
	double part, turn;

	while (sim->i + 2 < sim->way->n_points && sim->way->points[sim->i + 1].at_us <= t_us)
		sim->i++;
	a = &sim->way->points[sim->i];
	b = a + 1;
	part = b->at_us > a->at_us ? (double)(t_us - a->at_us) / (double)(b->at_us - a->at_us) : 1;
	part = fmin(fmax(part, 0), 1);
	turn = wrapped(b->at.lon - a->at.lon);
	sim->at.lat = a->at.lat + part * (b->at.lat - a->at.lat);
	sim->at.lon = wrapped(a->at.lon + part * turn);
}

/* A moved position: metres north and east, as far as that has a meaning near the poles. */
static struct geo_point moved(const struct geo_point *at, double north_m, double east_m)
{
	struct geo_point point = *at;

	point.lat = fmin(fmax(at->lat + north_m / DEGREE_M, -90), 90);
	point.lon = wrapped(
		at->lon + east_m / (DEGREE_M * fmax(cos(at->lat * 3.14159265358979 / 180), 1e-3)));
	return point;
}

static void sim_tell(struct sim *sim, struct place_sim_event *event)
{
	event->at_us = sim->now_us - START_US;
	event->at = sim->at;
	if (sim->watcher->visit)
		sim->watcher->visit(sim->watcher->userdata, event);
}

static void sim_changed(void *userdata, const struct place_change *change)
{
	struct sim *sim = userdata;
	struct place_sim_event event = {.kind = PLACE_SIM_CHANGE, .change = change};

	sim->watcher->n_changes++;
	if (sim->answering && sim->n_held < HELD_MAX)
		sim->held[sim->n_held++] = *change;
	else
		sim_tell(sim, &event);
}

/* What a position decided is told behind the position. */
static void sim_tell_held(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_held; i++) {
		struct place_sim_event event = {.kind = PLACE_SIM_CHANGE, .change = &sim->held[i]};

		sim_tell(sim, &event);
	}
	sim->n_held = 0;
}

/* A source answers. Both axes have the standard deviation that the accuracy stands for. */
static void sim_answer(struct sim *sim)
{
	const struct place_sim_source *source =
		sim->asked == PLACE_NEED_FINE ? &sim->options->fine : &sim->options->coarse;
	const struct place_watcher watcher = {sim_changed, sim};
	struct fix fix = {
		.accuracy_m = source->min_m + sim_random(sim) * (source->max_m - source->min_m),
		.speed_ms = -1,
		.taken_us = sim->now_us,
		.source = source->source,
		.provider = "simulation",
	};
	struct place_sim_event event = {.kind = PLACE_SIM_FIX, .fix = &fix, .need = sim->asked};
	struct geo_point point = sim->at;

	if (sim->options->noise) {
		double r = fix.accuracy_m / PLACE_SIGMA_PER_RADIUS *
			   sqrt(-2 * log(1 - sim_random(sim)));
		double angle = 2 * 3.14159265358979 * sim_random(sim);

		point = moved(&sim->at, r * cos(angle), r * sin(angle));
	}
	fix.latitude = point.lat;
	fix.longitude = point.lon;
	if (sim->asked == PLACE_NEED_FINE)
		sim->watcher->n_fine++;
	else
		sim->watcher->n_coarse++;
	sim->asked = PLACE_NEED_NOTHING;
	sim->answering = true;
	event.doubt = place_track_fix(&sim->track, &fix, sim->now_us, &watcher);
	sim->answering = false;
	place_plan_fix(&sim->plan, &sim->track, event.doubt, sim->now_us);
	sim_tell(sim, &event);
	sim_tell_held(sim);
}

/* A Wi-Fi is there wherever the phone stays for two minutes, a cell every two kilometres. */
static void sim_watch(struct sim *sim)
{
	double way_m = geo_distance_m(&sim->joined, &sim->at);

	switch (sim->options->watch) {
	case PLACE_WATCH_NONE:
	case PLACE_WATCH_MAX:
		return;
	case PLACE_WATCH_CELL:
		if (way_m <= CELL_LEAVE_M && sim->plan.watch == PLACE_WATCH_CELL)
			return;
		sim->joined = sim->at;
		if (sim->plan.watch == PLACE_WATCH_CELL)
			place_plan_moved(&sim->plan, sim->now_us);
		place_plan_watch(&sim->plan, PLACE_WATCH_CELL, sim->now_us);
		return;
	case PLACE_WATCH_WIFI:
	case PLACE_WATCH_MOTION:
		break;
	}
	if (way_m > WIFI_LEAVE_M) {
		sim->joined = sim->at;
		sim->stays_us = sim->now_us;
		place_plan_watch(&sim->plan, PLACE_WATCH_NONE, sim->now_us);
	} else if (sim->now_us - sim->stays_us >= WIFI_STAY_US) {
		place_plan_watch(&sim->plan, sim->options->watch, sim->now_us);
	}
}

static void sim_step(struct sim *sim)
{
	const struct place_watcher watcher = {sim_changed, sim};
	struct place_wish wish;

	sim_move(sim);
	sim_watch(sim);
	if (sim->asked != PLACE_NEED_NOTHING && sim->now_us >= sim->ready_us)
		sim_answer(sim);
	if (place_track_next_us(&sim->track) <= sim->now_us)
		place_track_tick(&sim->track, sim->now_us, &watcher);
	if (sim->asked != PLACE_NEED_NOTHING)
		return;
	place_plan_next(&sim->plan, &sim->track, sim->now_us, &wish);
	if (wish.need == PLACE_NEED_NOTHING || wish.due_us > sim->now_us)
		return;
	sim->asked = wish.need;
	sim->ready_us =
		sim->now_us + (wish.need == PLACE_NEED_FINE ? sim->options->fine.takes_us
							    : sim->options->coarse.takes_us);
	place_plan_asked(&sim->plan, wish.need, sim->now_us);
}

int place_sim_run(struct policy *const *policies, size_t n_policies,
	const struct place_sim_way *way, const struct place_sim_options *options,
	struct place_sim_watcher *watcher)
{
	struct sim sim = {
		.way = way,
		.options = options,
		.watcher = watcher,
		.now_us = START_US,
		.random = options->seed,
		.stays_us = START_US - WIFI_STAY_US, /* it has been there for a while */
	};
	int64_t end_us;
	int r;

	if (way->n_points < 2 || options->step_us <= 0 || way->points[0].at_us != 0)
		return -EINVAL;
	for (size_t i = 0; i < way->n_points; i++)
		if (!geo_point_is_valid(&way->points[i].at) ||
			(i > 0 && way->points[i].at_us < way->points[i - 1].at_us))
			return -EINVAL;
	end_us = way->points[way->n_points - 1].at_us;
	if (end_us > PLACE_SIM_MAX_S * S_US)
		return -EINVAL;
	sim.joined = way->points[0].at;
	place_track_init(&sim.track);
	place_plan_init(&sim.plan, sim.now_us);
	r = place_track_configure(&sim.track, policies, n_policies, sim.now_us, NULL);
	watcher->n_coarse = watcher->n_fine = watcher->n_changes = 0;
	watcher->lasted_us = end_us;
	for (; r == 0 && sim.now_us <= START_US + end_us; sim.now_us += options->step_us) {
		sim_step(&sim);
		if (watcher->stepped)
			watcher->stepped(watcher->userdata, sim.now_us - START_US, &sim.at);
	}
	place_track_done(&sim.track);
	return r;
}
