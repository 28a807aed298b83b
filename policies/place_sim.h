/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place_sim.h - what the places of a policy would have done on a way that was gone: the real
 * place_track.h and place_plan.h, with positions that are asked for as a phone does, in simulated
 * time. For tests, and for administrators who want to know before they sign. Pure; tools.
 */
#ifndef MDM_POLICIES_PLACE_SIM_H
#define MDM_POLICIES_PLACE_SIM_H

#include "policies/place_plan.h"

struct place_sim_point {
	int64_t at_us; /* since the first one, not falling */
	struct geo_point at;
};

/* How good positions are: each is drawn between two accuracies. */
struct place_sim_source {
	double min_m, max_m;
	int64_t takes_us; /* from asking to the answer */
	enum fix_source source;
};

struct place_sim_options {
	struct place_sim_source fine, coarse;
	bool noise;    /* positions are wrong as their accuracy says; otherwise they are exact */
	uint64_t seed; /* of the noise */
	/* What tells that the phone moves: a Wi-Fi where it stays, cells on the way, or nothing. */
	enum place_watch watch;
	int64_t step_us; /* of the simulation */
};
#define PLACE_SIM_DEFAULT                                                                          \
	(struct place_sim_options)                                                                 \
	{                                                                                          \
		{5, 20, 15 * INT64_C(1000000), FIX_GNSS},                                          \
			{30, 150, 3 * INT64_C(1000000), FIX_NETWORK}, false, 1, PLACE_WATCH_WIFI,  \
			INT64_C(1000000)                                                           \
	}

enum place_sim_kind {
	PLACE_SIM_FIX,	  /* a position came: fix, need */
	PLACE_SIM_CHANGE, /* a place changed: change */
};

struct place_sim_event {
	enum place_sim_kind kind;
	int64_t at_us;	       /* since the first point */
	struct geo_point at;   /* where the phone really was */
	const struct fix *fix; /* its taken_us is at_us */
	enum place_need need;
	enum place_doubt doubt;
	const struct place_change *change;
};

/* Who is told what happened, and what it came to. */
struct place_sim_watcher {
	void (*visit)(void *userdata, const struct place_sim_event *event); /* NULL: nobody */
	void *userdata;
	/* Where the phone really is, at the end of each step; NULL: nobody wants to know. */
	void (*stepped)(void *userdata, int64_t at_us, const struct geo_point *at);
	/* Filled. */
	uint64_t n_coarse, n_fine, n_changes;
	int64_t lasted_us;
};

/* The way that the phone really goes. */
struct place_sim_way {
	const struct place_sim_point *points;
	size_t n_points;
};

/*
 * Follows the way from its first point to its last, straight from each to the next, at most
 * PLACE_SIM_MAX_S of it. All places of the policies that a condition names are relevant. 0;
 * -EINVAL: fewer than two points, or times that fall; -ENOMEM.
 */
#define PLACE_SIM_MAX_S (INT64_C(366) * 86400)
int place_sim_run(struct policy *const *policies, size_t n_policies,
	const struct place_sim_way *way, const struct place_sim_options *options,
	struct place_sim_watcher *watcher);

#endif
