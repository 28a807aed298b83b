/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_private.h - what the files of places.h share: places.c (life), places_location.c
 * (events and wishes), places_file.c (what is kept), places_since.c (since when), places_tell.c
 * (journal and report), places_act.c (actions). Enforcer only.
 */
#ifndef MDM_ENFORCER_PLACES_PRIVATE_H
#define MDM_ENFORCER_PLACES_PRIVATE_H

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/places.h"
#include "platform/location.h"
#include "platform/lock_watch.h"
#include "platform/nm_links.h"

#define PLACES_FILE "places"
#define ACTIVATIONS_FILE "activations"

/* platform/location.h, or a test's own. */
struct places_source {
	int (*new)(struct platform *platform, location_event_fn event, void *userdata,
		struct location **ret_location);
	void (*free)(struct location *location);
	void (*honour_switch)(struct location *location, bool honour);
	int (*want)(struct location *location, enum location_need need, int64_t deadline_us);
	void (*watch)(struct location *location, unsigned int watches);
	int (*scan)(struct location *location, int64_t deadline_us);
	void (*facts)(struct location *location, struct location_facts *ret_facts);
};
struct since_list {
	struct places_since *rows; /* owned */
	size_t n;
};

/* Doubts that were not told yet, of each kind. */
struct places_doubts {
	uint64_t told[PLACE_DOUBT_MAX];	  /* of place_track.n_doubts */
	int64_t told_us[PLACE_DOUBT_MAX]; /* 0: never */
};

struct places {
	struct enforcer *e;
	const struct places_source *source;
	struct place_track track;
	struct place_plan plan;
	struct location *location; /* NULL: no condition needs a place, and nobody asked */
	enum place_need asked;	   /* of the location, by the plan */
	bool answered;		   /* something of use came since */
	bool scanning;
	unsigned int watches; /* of the location */
	bool overrides;	      /* the policy does not honour the user's switch */
	bool booted;	      /* what was kept of another boot was judged */
	uint64_t waits;	      /* which places wait for a dwell, in a number */
	bool moved;	      /* a place changed: it is stored, and conditions are judged */
	sd_event_source *timer;
	struct when_place *facts; /* track.n_states of them, for places_look() */
	bool same_boot, has_file; /* of the file "places" */
	bool configured; /* false: for want of memory nothing is known of the policies in force */
	struct places_doubts doubts;

	/* Beside places; only while a condition needs them. */
	struct lock_listener lock;
	struct nm_links *links;	 /* NULL: no condition needs them */
	sd_event_source *settle; /* the first round waits for them until then; NULL: it does not */

	struct activation activation;
	bool unkept;   /* what profiles did cannot be written; said once */
	bool adopts;   /* what was kept is lost: what is true has begun before */
	uint64_t kept; /* fingerprint of what is kept of them; 0: nothing */
	struct since_list since_profiles, since_places;

	/* Actions, one after the other. */
	sd_event_source *act;
	struct session_call *call;
	/* Of the one under way. */
	char due_stream[LIMIT_NAME_BYTES + 1], due_id[LIMIT_NAME_BYTES + 1];
	enum action_kind due_kind;
	bool crypto_locking;
	int64_t reported_us; /* the last report that an action asked for at once; 0: none */
	/* Leaving by a policy was begun: goes on after every restart. "": it was not. */
	char leave_stream[LIMIT_NAME_BYTES + 1], leave_id[LIMIT_NAME_BYTES + 1];

	/* places_ask() */
	places_fix_fn ask_done;
	void *ask_userdata;
	enum place_need ask_need;
	int64_t ask_since_us, ask_deadline_us;
	sd_event_source *ask_timer;
};

/* places.c */
struct places_policies {
	struct policy *all[LIMIT_ASSIGNMENT_GROUPS];
	size_t n;
};
void places_policies(const struct places *p, struct places_policies *ret_policies);
/* A round of reconcile soon: what conditions see has changed. */
void places_request(struct places *p);
/* There is a struct location as long as somebody wants something of it. */
void places_settle_location(struct places *p);

/* places_location.c */
struct place_watcher places_watcher(struct places *p);
/* Whether a condition of a policy names a place. */
bool places_are_relevant(const struct places *p);
void places_on_event(const struct location_event *event, void *userdata);
/* After everything that happened: what is due by time, what is wanted next, and when. */
void places_step(struct places *p);
/* INT64_MAX: no timer. */
void places_arm(struct places *p, int64_t at_us, int64_t now_us);

/* places_since.c */
void since_done(struct since_list *list);
/* Replaces what there was; without memory it is not known since when. */
void since_set(struct since_list *list, const struct places_since *row);
void since_drop(struct since_list *list, const char *stream, const char *name);
/* Lines "@STREAM NAME SINCE CAUSE TEXT". */
void since_export(const struct since_list *list, struct buf *out);
/* line: behind the "@". 0; -EBADMSG; -ENOMEM. */
int since_import(struct since_list *list, char *line);

/* places_file.c */
/* 0; 1: what was kept of activations is lost; -ENOMEM. */
int places_load(struct places *p);
void places_store(struct places *p);
/* 0 or -errno, PROBLEM_STATE noted. */
int activations_store(struct places *p);
void places_remove_files(struct enforcer *e);

/* places_tell.c */
void places_on_place(void *userdata, const struct place_change *change);
void places_on_activation(void *userdata, const struct activation_change *change);
void places_on_doubt(struct places *p, enum place_doubt doubt);
/* state: "begun", "done", "failed". */
void places_tell_action(
	struct places *p, const char *state, const char *reason, const char *detail);

/* places_act.c */
/* Conditions were judged: what begins and ends. */
void places_activate(struct places *p, const struct when_facts *facts);
/* What is due is done soon. */
void places_act_soon(struct places *p);
void places_act_stop(struct places *p);

#endif
