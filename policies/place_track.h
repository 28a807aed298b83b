/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place_track.h - where the phone is, as far as its places are concerned: from positions, networks
 * in sight and time to "inside", "outside" or "unknown" for each. Pure: all times are parameters,
 * in CLOCK_BOOTTIME; nothing here remembers where the phone was beyond the last positions, and
 * nothing of them is exported.
 *
 * A position is a disc: accuracy_m is the radius that holds the phone in 68 of 100 cases, which
 * for errors of a normal distribution is 1.51 of its standard deviations. A side of a fence is
 * certain when the boundary is PLACE_CERTAIN_SIGMA standard deviations away: one position in fifty
 * million is wrong then, and a phone makes some ten thousand a year. Positions that alone say less
 * add up while they say the same: n of them, each z deviations from the boundary, are worth
 * (z1 + ... + zn) / sqrt(n) of one. So a fence of 200 m is noticed with 60 m of accuracy, too, and
 * at its boundary nothing changes, whatever the noise.
 */
#ifndef MDM_POLICIES_PLACE_TRACK_H
#define MDM_POLICIES_PLACE_TRACK_H

#include "policies/fix.h"
#include "policies/policy.h"

#define PLACE_CERTAIN_SIGMA 5.5
#define PLACE_SIGMA_PER_RADIUS 1.5096 /* sqrt(-2 ln 0.32) */
/* What a source claims beyond that is not believed; it is the hysteresis of good positions, too. */
#define PLACE_ACCURACY_FLOOR_M 5.0
/* Positions that add up: not so near in time that their errors are the same, nor from another
 * visit, and no more of them than that their common errors stay small. */
#define PLACE_ADD_MIN_US (8 * INT64_C(1000000))
#define PLACE_ADD_MAX_US (180 * INT64_C(1000000))
#define PLACE_ADD_FIXES 8

#define PLACE_STALE_US (120 * INT64_C(1000000))
#define PLACE_FUTURE_US (2 * INT64_C(1000000))
/* A network that was seen counts for so long without another look. */
#define PLACE_SEEN_US (600 * INT64_C(1000000))
/* Scans miss networks: so many in a row that do not have it, so far apart, mean that it is gone. */
#define PLACE_MISSES 2
#define PLACE_MISS_US (10 * INT64_C(1000000))

const char *place_side_name(enum truth side); /* TRUTH_TRUE: "inside" */

/* Why a position or a scan proves nothing. */
enum place_doubt {
	PLACE_DOUBT_NONE,
	PLACE_DOUBT_MALFORMED, /* no position of this Earth, no accuracy */
	PLACE_DOUBT_MOCK,      /* made up, says the source */
	PLACE_DOUBT_STALE,
	PLACE_DOUBT_FUTURE,    /* from a time that has not been */
	PLACE_DOUBT_BACKWARDS, /* older than the last one */
	PLACE_DOUBT_DUPLICATE, /* told already */
	PLACE_DOUBT_JUMP,      /* nobody gets there from the last one so soon */
	PLACE_DOUBT_MAX,
};
const char *place_doubt_name(enum place_doubt doubt); /* "jump" */

/* What made a place what it is. */
enum place_cause {
	PLACE_CAUSE_NONE, /* never known */
	PLACE_CAUSE_POSITION,
	PLACE_CAUSE_NETWORK,	/* one of its networks is in sight */
	PLACE_CAUSE_NO_NETWORK, /* none is, and it is nothing but networks */
	PLACE_CAUSE_FORGOTTEN,	/* no certain answer for too long */
	PLACE_CAUSE_POLICY,	/* it is another place now */
	PLACE_CAUSE_MAX,
};
const char *place_cause_name(enum place_cause cause); /* "position" */

/* How far the boundary was, roughly: enough to judge a decision, not to find anybody. */
enum place_distance {
	PLACE_DISTANCE_NONE,
	PLACE_AT_BOUNDARY, /* below 100 m */
	PLACE_NEAR,	   /* below 1 km */
	PLACE_AROUND,	   /* below 50 km */
	PLACE_FAR,
	PLACE_DISTANCE_MAX,
};
const char *place_distance_name(enum place_distance distance); /* "at_boundary" */

/* For journal and report: no position. */
struct place_why {
	enum place_cause cause;
	enum fix_source source; /* PLACE_CAUSE_POSITION */
	char provider[32];
	unsigned int n_fixes; /* that it took together */
	int64_t accuracy_m;   /* of the last one */
	enum place_distance distance;
	int64_t dwell_s; /* that was waited for */
};

/* Positions of one side that add up. */
struct place_sum {
	enum truth side; /* TRUTH_UNKNOWN: none */
	unsigned int n;
	double sigmas;
	int64_t last_us;
};

struct place_state {
	char stream[LIMIT_NAME_BYTES + 1], name[LIMIT_NAME_BYTES + 1];
	const struct place *place; /* borrowed from its policy; NULL: imported, no policy yet */
	uint64_t print;
	enum truth state; /* TRUTH_TRUE: inside */
	int64_t since_us;
	enum truth taken; /* what conditions take it for: unknown_is while it is unknown */
	int64_t taken_since_us;
	enum truth known; /* the last state that was not unknown */
	int64_t known_us; /* the last certain answer, of whichever side; INT64_MIN: none */
	struct place_why why;
	/* A certain answer of another side, until it has held for its dwell. */
	enum truth pending; /* TRUTH_UNKNOWN: none */
	int64_t pending_since_us, pending_until_us;
	struct place_why pending_why;
	struct place_sum sum;
	/* Of the last position that counted: metres to the boundary (below 0: inside) and how many
	 * of them are certain (below 0: none). */
	bool measured;
	double distance_m, certain_m;
	/* Networks: in sight at seen_us, bound: the phone is in it, and stays so until it is told.
	 */
	bool seen, bound;
	int64_t seen_us;
	int64_t looked_us; /* the last scan that said something of them; 0: none */
	unsigned int n_missed;
	int64_t missed_us;
};

struct place_track {
	struct place_state *states; /* owned; sorted by stream and name */
	size_t n_states;
	bool has_fix;
	struct fix fix;	 /* the last one that counted */
	double speed_ms; /* then, by what was told and by the one before; below 0: unknown */
	int64_t scan_us; /* the last scan; 0: none */
	bool networks_known;
	/* What is against the last position and consistent in itself. */
	bool has_rival;
	struct fix rival;
	int64_t rival_since_us;
	unsigned int n_rivals;
	uint64_t n_doubts[PLACE_DOUBT_MAX];
	enum place_doubt doubt; /* the last one */
	int64_t doubt_us;
};

void place_track_init(struct place_track *track);
void place_track_done(struct place_track *track);

/* A state changed, or what conditions take it for. */
struct place_change {
	const struct place_state *place; /* borrowed; as it is now */
	enum truth before, taken_before;
};

struct place_watcher {
	void (*changed)(void *userdata, const struct place_change *change); /* NULL: nobody */
	void *userdata;
};

/*
 * The places of these policies from now on; what is known of one that has the same definition
 * stays. The policies must outlive the next call. 0; -ENOMEM: nothing has changed, and the places
 * before have to stay.
 */
int place_track_configure(struct place_track *track, struct policy *const *policies,
	size_t n_policies, int64_t now_us, const struct place_watcher *watcher);

/* A position. PLACE_DOUBT_NONE: it counts. */
enum place_doubt place_track_fix(struct place_track *track, const struct fix *fix, int64_t now_us,
	const struct place_watcher *watcher);
/* The networks in sight, or that the phone is in others; taken_us 0: nobody knows any more. */
enum place_doubt place_track_networks(struct place_track *track,
	const struct fix_networks *networks, int64_t now_us, const struct place_watcher *watcher);
/* Time passed. */
void place_track_tick(
	struct place_track *track, int64_t now_us, const struct place_watcher *watcher);
/* When place_track_tick() has something to do; INT64_MAX: never. */
int64_t place_track_next_us(const struct place_track *track);

/* For conditions: n_states of them. Names are borrowed, until place_track_configure(). */
void place_track_facts(
	const struct place_track *track, int64_t now_us, struct when_place *ret_places);

/*
 * What is to be kept over restarts, a line for each place, without any position. Ages are counted
 * in CLOCK_BOOTTIME: time switched off does not count, as for everything that is timed here.
 */
void place_track_export(const struct place_track *track, int64_t now_us, struct buf *out);
/* Takes one line, before place_track_configure(). 0; -EBADMSG; -E2BIG; -ENOMEM. */
int place_track_import(struct place_track *track, int64_t now_us, const char *line);

/*
 * Behind place_track_configure(), where what was imported is from before this boot: nobody knows
 * where the phone was carried while it was off. Where the place says what unknown counts as, the
 * other answer is forgotten after PLACE_BOOT_TRUST_S (at most half of forget_after) without a
 * certain one, at once if it had none since a boot before; elsewhere it stays as long as ever.
 */
#define PLACE_BOOT_TRUST_S 600
void place_track_booted(struct place_track *track, int64_t now_us);

#endif
