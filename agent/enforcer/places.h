/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.h - the places of the policies in force: where the phone is as far as they are concerned,
 * when it is looked at, which profiles apply because of it, and what they have done once. Owns the
 * track, the plan, the activations and struct location. Decides nothing itself: policies/place*.h
 * and policies/activation.h do. Enforcer only.
 *
 * Nothing is asked, and there is no struct location, while no condition of a policy names a place.
 * State files "places" and "activations", gone with the enrolment. No position is in a file, a log
 * or the journal.
 */
#ifndef MDM_ENFORCER_PLACES_H
#define MDM_ENFORCER_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/activation.h"
#include "policies/place_plan.h"

struct enforcer;
struct jsonw;
struct reconcile;
struct places; /* e->places */

struct location_facts; /* platform/location.h */
struct places_source;  /* what asks it, or a test's own; places_private.h */
extern const struct places_source places_location; /* the phone's own */

/*
 * Takes up what was kept, behind reconcile_init() and before its first round, so that a phone that
 * was outside is restricted from then on. Sets e->places first. 0 or -ENOMEM.
 */
int places_new(struct enforcer *e, const struct places_source *source, struct places **ret_places);
/* Keeps what is known; before the documents go. NULL is fine. */
void places_free(struct places *places);

/* All of these do nothing without e->places. */
void places_enrolled(struct enforcer *e);
/* The phone leaves: nothing is known any more, what is kept stays. Before the documents are
 * forgotten. */
void places_release(struct enforcer *e);
/* The enrolment is over: no file is left either. */
void places_forget(struct enforcer *e);
/* The documents may be others: before anybody looks at places again. */
void places_policies_changed(struct enforcer *e);
/* The phone slept, and may have been carried. */
void places_resumed(struct enforcer *e);
/* A check-in ended: what was kept is as old as that at most. */
void places_save(struct enforcer *e);
/* What ended may have been what an action waits for. */
void places_go_on(struct enforcer *e);

/* For reconcile.h: adds places, the lock and links to what conditions see. */
void places_look(const struct reconcile *r, struct when_facts *facts, void *userdata);
/* For reconcile.h: conditions were judged by these facts. */
void places_judged(struct reconcile *r, const struct when_facts *facts, void *userdata);

/* What crypto-lock by a policy came to: failure NULL: done, or begun and going on. */
void places_crypto_locked(struct enforcer *e, const char *failure);

/* --- for those who show or tell it ------------------------------------------------------- */

/* When it began, by the wall clock, and why; over restarts. */
struct places_since {
	char stream[LIMIT_NAME_BYTES + 1], name[LIMIT_NAME_BYTES + 1]; /* of profile or place */
	int64_t since_s;
	char cause[32]; /* activation_cause_name(), place_cause_name() */
	char *text;	/* owned; "outside office"; NULL: nothing */
};

/* Borrowed until the loop goes on. */
struct places_view {
	const struct place_track *track;
	const struct place_plan *plan;
	const struct activation *activations;
	/* Of profiles with a condition that apply, and of all places; sorted by stream and name. */
	const struct places_since *profiles, *places;
	size_t n_profiles, n_places;
	bool is_looking;	 /* there is a struct location: some condition needs a place */
	struct place_wish wish;	 /* what is looked at next, and when */
	enum place_need asked;	 /* what is being asked for now */
	enum truth locked;	 /* UNKNOWN also where no condition asks */
	struct when_links links; /* not known also where no condition asks */
};
/* False: there are no places here. */
bool places_view(const struct enforcer *e, struct places_view *ret_view);
/* The sources and the switch. False: nobody asks them. */
bool places_sources(const struct enforcer *e, struct location_facts *ret_facts);
/* NULL: nothing is known of it. */
const struct places_since *places_since_of(
	const struct places_since *rows, size_t n_rows, const char *stream, const char *name);

/* The report's section "places"; nothing where no policy has conditions. */
void places_write_report(struct enforcer *e, struct jsonw *w);

/*
 * A position for somebody else, who has a reason by the area "location" of the policy. done is
 * called once, from the loop; fix NULL: none came in time, or the user's switch is off. A second
 * one takes the place of the first, which is not called any more. 0 or -errno.
 */
typedef void (*places_fix_fn)(struct enforcer *e, const struct fix *fix, void *userdata);
int places_ask(struct enforcer *e, enum place_need need, int64_t deadline_us, places_fix_fn done,
	void *userdata);
/* The last one that counted; NULL: none since the start. */
const struct fix *places_last_fix(const struct enforcer *e);

#endif
