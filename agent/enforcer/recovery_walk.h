/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery_walk.h - one walk over the volumes, between its files: recovery_run.c asks and goes on,
 * recovery_look.c knows keys, recovery_add.c makes keyslots, recovery_lock.c locks.
 */
#ifndef MDM_ENFORCER_RECOVERY_WALK_H
#define MDM_ENFORCER_RECOVERY_WALK_H

#include <systemd/sd-event.h>

#include "agent/enforcer/recovery_private.h"
#include "agent/util/child.h"

struct cryptsetup;

enum recovery_step {
	STEP_READ,	 /* what is there */
	STEP_DROP_HALF,	 /* a keyslot that was being made when the agent ended */
	STEP_DROP_OLD,	 /* the one of the key before */
	STEP_DROP_KEPT,	 /* the one of the agent's own key */
	STEP_DROP_TOKEN, /* a token of ours that marks nothing */
	STEP_READ_AGAIN, /* after those */
	STEP_TRY,	 /* which keyslot the passphrase opens */
	STEP_READ_ADD,	 /* which keyslot is free: its owner may have taken one meanwhile */
	STEP_ADD,
	STEP_NOTE,  /* what the new keyslot is */
	STEP_PROVE, /* that what was added opens its keyslot */
	STEP_MARK,  /* with a token */
	STEP_SEAL,  /* the header as it is now */
	STEP_AFTER, /* whether there is a keyslot of which nothing came */
	STEP_WHOSE, /* and whether it is this walk's: its secret opens it */
	STEP_UNDO,  /* it goes */
	STEP_LOCK,  /* one keyslot that is not the organisation's */
	STEP_MAX,
};

/* What a keyslot is made for; in this order. */
enum recovery_adding {
	RECOVERY_ADDING_PASSPHRASE,
	RECOVERY_ADDING_KEPT,
	RECOVERY_ADDING_KEY,
	RECOVERY_ADDING_MAX,
};

struct recovery_run {
	struct enforcer *e;
	recovery_done_fn done;
	bool wants_key, anew, may_wait;
	bool wants_keep, unkeeps;
	bool wants_lock, locks; /* it is asked for; every volume was looked at and may be */
	uint8_t passphrase[LIMIT_PASSWORD_BYTES];
	size_t n_passphrase;
	uint8_t given[LIMIT_PASSWORD_BYTES]; /* the new passphrase */
	size_t n_given;			     /* 0: none */
	char kept_key[RECOVERY_KEPT_BYTES + 1];
	struct escrow_wanted wanted;

	struct recovery_disk disks[RECOVERY_VOLUMES_MAX];
	struct recovery_outcome outcomes[RECOVERY_VOLUMES_MAX];
	size_t n_disks, at;

	/* Of the volume at hand. */
	enum recovery_step step;
	struct cryptsetup *operation;
	struct luks_header header;
	int token; /* STEP_DROP_TOKEN */
	int slot;  /* the one that is made, or to be removed */
	enum recovery_adding adding;
	bool gave, made, kept; /* a passphrase, a recovery key, a keyslot of the agent's own */
	bool seen;	       /* what opened it is a recovery key, so that it is none any more */
	int64_t generation;
	char key[RECOVERY_KEY_DIGITS + 1];
	sd_event_source *defer;
};

/* --- recovery_run.c --- */

/* The next question. */
void recovery_run_step(struct recovery_run *run, enum recovery_step step);
/* This volume is done. detail NULL: it stays as it is. */
void recovery_run_conclude(struct recovery_run *run, enum recovery_end end, const char *detail);
void recovery_run_error(struct recovery_run *run, const char *what, int error);
/* The same with the outcome as it is. */
void recovery_run_next(struct recovery_run *run);
struct recovery_outcome *recovery_run_outcome(struct recovery_run *run);

/* --- recovery_look.c --- */

/* What is on record of the volume at hand; NULL: nothing. */
struct recovery_volume *recovery_run_volume(struct recovery_run *run);
/* Whether a key is what it was when it was seen to open its volume. */
bool recovery_run_holds(struct recovery_run *run, const struct recovery_key *key);
/* Whether the keyslot that was being made is what it was when it was. */
bool recovery_run_holds_making(struct recovery_run *run);
/* Whether the agent's own key is what it was, on the volume at hand. */
bool recovery_run_holds_kept(struct recovery_run *run);
/* The keys of this volume are looked at; what was found is remembered, and is its outcome. */
void recovery_run_look(struct recovery_run *run);
/* A token of ours whose keyslot is gone. -1: there is none. */
int recovery_run_idle_token(const struct recovery_run *run);
/* A keyslot that is not in use. -1: there is none. */
int recovery_run_free_slot(const struct recovery_run *run);
bool recovery_run_needs_key(struct recovery_run *run);
/* It opens its volume: sealed, and on record as the next. 0 or -errno. */
int recovery_run_finish_key(struct recovery_run *run);

/* --- recovery_add.c --- */

/* Whether the volume at hand lacks a keyslot that was asked for. */
bool recovery_run_wants(struct recovery_run *run);
/* The passphrase opens that keyslot: what was asked for is added, one after the other. */
void recovery_run_opened(struct recovery_run *run, int slot);
void recovery_run_add(struct recovery_run *run);
/* The header was read: it goes into a keyslot that is free. */
void recovery_run_make(struct recovery_run *run);
/* It was made, and the header was read: what it is now is on record. */
void recovery_run_note(struct recovery_run *run);
/*
 * Nothing came of it, the outcome's detail says why. Removed is what is proved to be this walk's,
 * by the seal on record or by its secret; the owner may have made a keyslot there as well.
 */
void recovery_run_fail(struct recovery_run *run, const char *detail);
void recovery_run_after(struct recovery_run *run, bool was_read);
/* Its secret opens it; else is_known: it does not, rather than that nobody can tell. */
void recovery_run_whose(struct recovery_run *run, bool opens, bool is_known);
void recovery_run_undone(struct recovery_run *run, bool is_gone);
/* The keyslot that was to be made is not on record any more. */
void recovery_run_unbegin(struct recovery_run *run, bool is_stray);
/* What goes into the keyslot that is made. */
struct child_secret recovery_run_secret(const struct recovery_run *run);
/* It opens it, and the header was read again. */
void recovery_run_added(struct recovery_run *run);

/* --- recovery_lock.c --- */

/*
 * All volumes were looked at and none was touched: whether each has a key that the server has and
 * that opens it. That locking was begun is on the disk before the first keyslot goes.
 */
bool recovery_run_may_lock(struct recovery_run *run);
/* The next keyslot goes, or this volume is done. */
void recovery_run_lock(struct recovery_run *run);
/* Every volume was. */
void recovery_run_locked(struct recovery_run *run);

#endif
