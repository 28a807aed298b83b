/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_places_year.c - a year of random events in simulated time, with random policies: whatever
 * happens, the effective policy is the strictest of all that applies, no place changes faster than
 * its dwell, no action is done twice in one activation, and every change is told once. With
 * restarts and policies that are replaced in between.
 */
#include "policies/activation.h"
#include "policies/effective.h"
#include "tests/lib/check.h"
#include "tests/lib/place_rig.h"

#define POLICIES 3
#define PROFILES 5
#define ENTRIES (POLICIES * PROFILES)
#define YEAR_US (INT64_C(365) * 86400 * S_US)
#define ENTER_S 120 /* of both places */
#define LEAVE_S 300
#define START_S INT64_C(1798761600) /* 2027-01-01 */

/* What one profile did, kept by the test itself. */
struct history {
	bool active;
	bool applies; /* as it was told */
	unsigned int done;
	uint64_t n_begun;
};

struct year {
	struct gen gen;
	struct policy *policies[POLICIES];
	struct place_track track;
	struct activation activation;
	struct when_facts facts;
	struct when_place places[POLICIES * LIMIT_PLACES];
	struct history histories[POLICIES][PROFILES];
	/* By place: what it was taken for, and since when. */
	enum truth taken[POLICIES * 2];
	int64_t taken_us[POLICIES * 2];
	double north_m; /* where the phone is */
	bool staff;	/* the depot's network is in sight */
	int64_t now_us, next_event_us;
	uint64_t n_events, n_changes, n_actions, n_flips, n_active;
};

static void year_done(struct year *y)
{
	for (size_t i = 0; i < POLICIES; i++)
		policy_free(y->policies[i]);
	place_track_done(&y->track);
	activation_done(&y->activation);
}
#define _year_ _cleanup_(year_done)

/* A random policy with the places of the test; seed: the same one again. */
static struct policy *random_policy(struct gen *gen, size_t i)
{
	static const char *const unknown_is[] = {"unknown", "inside", "outside"};
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_printf(&text,
		"{\"serial\":1,\"target\":{\"stream\":\"s%zu\"},\"places\":{\"depot\":{\"networks\":["
		"{\"ssid\":\"depot\"}],\"enter_dwell\":%d,\"leave_dwell\":%d,\"unknown_is\":\"%s\","
		"\"forget_after\":7200},\"office\":{" SHAPE
		",\"enter_dwell\":%d,\"leave_dwell\":%d,"
		"\"unknown_is\":\"%s\",\"forget_after\":7200}},\"profiles\":[",
		i, ENTER_S, LEAVE_S, unknown_is[i % 3], ENTER_S, LEAVE_S, unknown_is[(i + 1) % 3]);
	for (size_t k = 0; k < PROFILES; k++) {
		char id[8];

		snprintf(id, sizeof(id), "p%zu", k);
		if (k)
			buf_puts(&text, ",");
		gen_profile(gen, id, &text);
	}
	buf_puts(&text, "]}");
	return gen_parse(text.data, NULL);
}

static bool year_init(struct year *y, uint64_t seed)
{
	*y = (struct year){.gen = {seed}, .now_us = 1000 * S_US};
	place_track_init(&y->track);
	for (size_t i = 0; i < POLICIES; i++) {
		y->policies[i] = random_policy(&y->gen, i);
		if (!y->policies[i])
			return false;
	}
	y->facts = gen_facts(&y->gen);
	y->facts.clock_known = true;
	y->facts.enrolled_s = 0;
	for (size_t i = 0; i < POLICIES * 2; i++)
		y->taken_us[i] = -YEAR_US;
	return place_track_configure(&y->track, y->policies, POLICIES, y->now_us, NULL) == 0;
}

static struct history *year_history(struct year *y, const char *stream, const char *id)
{
	return &y->histories[stream[1] - '0'][id[1] - '0'];
}

/* --- what happens -------------------------------------------------------------------------- */

static void happen_position(struct year *y)
{
	struct rig rig = {.now_us = y->now_us};
	struct fix fix = fix_at(&rig, y->north_m + (double)gen_between(&y->gen, -3, 3), 0,
		(double)gen_between(&y->gen, 5, 40));

	place_track_fix(&y->track, &fix, y->now_us, NULL);
}

static void happen_scan(struct year *y)
{
	struct fix_networks networks = {.taken_us = y->now_us, .n_networks = y->staff};

	networks.networks[0] = (struct fix_network){.ssid = "depot", .n_ssid = 5};
	place_track_networks(&y->track, &networks, y->now_us, NULL);
}

/* What is kept is all that there is afterwards. */
static void happen_restart(struct year *y)
{
	_cleanup_buf_ struct buf places = BUF_INIT, activations = BUF_INIT;
	char *save = NULL;

	place_track_export(&y->track, y->now_us, &places);
	activation_export(&y->activation, &activations);
	buf_puts(&activations, "");
	place_track_done(&y->track);
	activation_done(&y->activation);
	for (char *line = strtok_r(places.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		CHECK_INT(place_track_import(&y->track, y->now_us, line), 0);
	for (char *line = strtok_r(activations.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		CHECK_INT(activation_import(&y->activation, line), 0);
	CHECK_INT(place_track_configure(&y->track, y->policies, POLICIES, y->now_us, NULL), 0);
}

/* Profiles of the same names with other conditions; the places stay what they are. */
static void happen_policy(struct year *y)
{
	size_t i = gen_below(&y->gen, POLICIES);
	struct policy *before = y->policies[i], *after = random_policy(&y->gen, i);

	CHECK(after);
	y->policies[i] = after;
	CHECK_INT(place_track_configure(&y->track, y->policies, POLICIES, y->now_us, NULL), 0);
	policy_free(before);
}

static void happen(struct year *y)
{
	uint64_t kind = gen_below(&y->gen, 40);

	if (kind < 14) {
		happen_position(y);
	} else if (kind < 20) {
		y->north_m = gen_below(&y->gen, 2) ? (double)gen_between(&y->gen, 0, 150)
						   : (double)gen_between(&y->gen, 250, 20000);
	} else if (kind < 26) {
		happen_scan(y);
	} else if (kind < 28) {
		y->staff = gen_below(&y->gen, 2);
	} else if (kind < 30) {
		y->facts.charging = (enum truth)gen_below(&y->gen, TRUTH_MAX);
	} else if (kind < 32) {
		y->facts.locked = (enum truth)gen_below(&y->gen, TRUTH_MAX);
	} else if (kind < 34) {
		y->facts.online = (enum truth)gen_below(&y->gen, TRUTH_MAX);
		y->facts.metered = (enum truth)gen_below(&y->gen, TRUTH_MAX);
		gen_links(&y->gen, &y->facts.links);
	} else if (kind < 37) {
		size_t area = gen_below(&y->gen, AREA_MAX);

		y->facts.noncompliant_s[area] = y->facts.noncompliant_s[area] < 0 ? 0 : -1;
	} else if (kind == 37) {
		y->facts.clock_known = gen_below(&y->gen, 4) != 0;
	} else if (kind == 38) {
		happen_restart(y);
	} else if (gen_below(&y->gen, 10) == 0) {
		happen_policy(y);
	}
	y->n_events++;
}

/* --- what has to be true ------------------------------------------------------------------- */

static bool applies(const struct profile *profile, const struct when_facts *facts)
{
	int64_t ignored = INT64_MAX;

	return !profile->when || when_evaluate(profile->when, facts, &ignored) == TRUTH_TRUE;
}

/* All values that apply, merged one after the other in a random order. */
static void check_effective(struct year *y)
{
	struct effective effective;
	size_t first = gen_below(&y->gen, ENTRIES);

	CHECK_INT(effective_compute(y->policies, POLICIES, &y->facts, &effective), 0);
	for (size_t id = 0; id < SETTING_MAX; id++) {
		const struct setting_row *row = setting_row(id);
		struct value all = {0};
		bool present = false, same;

		for (size_t n = 0; n < ENTRIES; n++) {
			size_t at = (first + n * 7) % ENTRIES;
			const struct profile *profile =
				&y->policies[at / PROFILES]->profiles[at % PROFILES];
			struct value merged;

			if (!profile->has[id] || !applies(profile, &y->facts))
				continue;
			if (!present)
				CHECK_INT(value_copy(&profile->values[id], &merged), 0);
			else
				CHECK_INT(value_merge(row, &all, &profile->values[id], &merged), 0);
			value_done(&all);
			all = merged;
			present = true;
		}
		same = present == effective.settings[id].present &&
		       (!present || value_equal(&all, &effective.settings[id].value));
		value_done(&all);
		CHECK(same);
	}
	effective_done(&effective);
}

static void check_places(struct year *y)
{
	CHECK_INT(y->track.n_states, POLICIES * 2);
	for (size_t i = 0; i < y->track.n_states; i++) {
		const struct place_state *s = &y->track.states[i];
		int64_t held_s = (y->now_us - y->taken_us[i]) / S_US;

		CHECK(s->state == TRUTH_UNKNOWN ? s->taken == s->place->unknown_is
						: s->taken == s->state);
		if (s->taken == y->taken[i])
			continue;
		/* From one side to the other it takes its dwell; unknown lies beside both. */
		if (y->taken[i] == TRUTH_TRUE && s->taken == TRUTH_FALSE &&
			s->state != TRUTH_UNKNOWN) {
			CHECK(held_s >= LEAVE_S);
			y->n_flips++;
		} else if (y->taken[i] == TRUTH_FALSE && s->taken == TRUTH_TRUE &&
			   s->state != TRUTH_UNKNOWN) {
			CHECK(held_s >= ENTER_S);
			y->n_flips++;
		}
		y->taken[i] = s->taken;
		y->taken_us[i] = y->now_us;
	}
}

static void told(void *userdata, const struct activation_change *change)
{
	struct year *y = userdata;
	struct history *h = year_history(y, change->stream, change->id);

	/* Told once, and nothing but changes. */
	if ((change->before == TRUTH_TRUE) == (change->after == TRUTH_TRUE) ||
		h->applies != (change->before == TRUTH_TRUE))
		check_fail(__FILE__, __LINE__, "%s.%s %s>%s, was %d", change->stream, change->id,
			truth_name(change->before), truth_name(change->after), h->applies);
	h->applies = change->after == TRUTH_TRUE;
	y->n_changes++;
}

static void check_actions(struct year *y)
{
	struct activation_due due;

	for (size_t i = 0; i < ENTRIES; i++) {
		const struct policy *policy = y->policies[i / PROFILES];
		const struct profile *profile = &policy->profiles[i % PROFILES];
		struct history *h = year_history(y, policy->stream, profile->id);
		int64_t ignored = INT64_MAX;
		enum truth truth = TRUTH_TRUE;

		if (profile->when)
			truth = when_evaluate(profile->when, &y->facts, &ignored);
		if (!profile->when || truth == TRUTH_FALSE) {
			h->active = false;
		} else if (truth == TRUTH_TRUE && !h->active) {
			h->active = true;
			h->done = 0;
			h->n_begun++;
		}
		/* What is told is what applies. */
		CHECK(!profile->when || h->applies == (truth == TRUTH_TRUE));
		y->n_active += truth == TRUTH_TRUE;
	}
	while (activation_next(&y->activation, y->policies, POLICIES, &due)) {
		struct history *h = year_history(y, due.policy->stream, due.profile->id);
		unsigned int bit = 1u << due.action->kind;

		CHECK(h->active);
		CHECK(!(h->done & bit));
		h->done |= bit;
		y->n_actions++;
		activation_mark(&y->activation, &due);
		/* The agent falls right after what it did. */
		if (gen_below(&y->gen, 20) == 0)
			happen_restart(y);
	}
}

/* --- time ---------------------------------------------------------------------------------- */

static void year_advance(struct year *y, int64_t to_us)
{
	int64_t passed_s = to_us / S_US - y->now_us / S_US;

	y->now_us = to_us;
	y->facts.realtime_s = START_S + to_us / S_US;
	y->facts.enrolled_s += passed_s;
	for (size_t i = 0; i < AREA_MAX; i++)
		if (y->facts.noncompliant_s[i] >= 0)
			y->facts.noncompliant_s[i] += passed_s;
	place_track_tick(&y->track, to_us, NULL);
}

/* The names are those of the track, which a restart makes anew. */
static void year_look(struct year *y)
{
	y->facts.places = y->places;
	y->facts.n_places = y->track.n_states;
	place_track_facts(&y->track, y->now_us, y->places);
}

/* The next moment at which something happens, or may change by itself. */
static int64_t year_next(struct year *y)
{
	struct effective effective;
	int64_t next_us = y->next_event_us, track_us = place_track_next_us(&y->track);

	year_look(y);
	if (effective_compute(y->policies, POLICIES, &y->facts, &effective) < 0)
		return next_us;
	if (effective.next_change_s < (next_us - y->now_us) / S_US)
		next_us = y->now_us + effective.next_change_s * S_US;
	effective_done(&effective);
	if (track_us > y->now_us && track_us < next_us)
		next_us = track_us;
	return next_us;
}

static void check_year(uint64_t seed)
{
	_year_ struct year y;
	unsigned int n_steps = 0;

	CHECK(year_init(&y, seed));
	while (y.now_us < YEAR_US) {
		if (y.now_us >= y.next_event_us) {
			happen(&y);
			y.next_event_us = y.now_us + gen_between(&y.gen, 1, 3600) * S_US;
		}
		year_look(&y);
		check_places(&y);
		if (n_steps++ % 8 == 0)
			check_effective(&y);
		CHECK_INT(
			activation_update(&y.activation, y.policies, POLICIES, &y.facts, told, &y),
			0);
		check_actions(&y);
		year_advance(&y, year_next(&y));
	}
	if (getenv("MDM_TEST_VERBOSE"))
		printf("  seed %d: %llu events, %u looks, %llu changes, %llu actions, %llu flips\n",
			(int)seed, (unsigned long long)y.n_events, n_steps,
			(unsigned long long)y.n_changes, (unsigned long long)y.n_actions,
			(unsigned long long)y.n_flips);
	/* It was not a quiet year. */
	CHECK(y.n_events > 15000 && y.n_changes > 1000 && y.n_actions > 100 && y.n_flips > 100);
}

static void test_year(void)
{
	for (uint64_t seed = 1; seed <= 3; seed++)
		check_year(seed);
}

static const struct check_test tests[] = {
	{"year", test_year},
};

CHECK_MAIN(tests)
