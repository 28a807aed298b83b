/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery.h - recovery keys of encrypted disks. Whoever knows a passphrase has one made: drawn on
 * the phone, put into a keyslot of its own, seen to open it, sealed for the organisation
 * (escrow_box.h), reported until the server has it. The keyslot of the key before is removed only
 * then. From then on it is looked at whenever keyslots change whether it is still what it was.
 *
 * The key itself is in memory between being drawn and being sealed, and nowhere else, ever.
 * State file "recovery"; goes with the enrolment, the keyslots stay. Enforcer only.
 */
#ifndef MDM_ENFORCER_RECOVERY_H
#define MDM_ENFORCER_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/limits.h"
#include "policies/luks.h"

/* Eight groups of six digits, each a number below 2^16 times 11: 128 drawn bits. */
#define RECOVERY_KEY_DIGITS 48

#define RECOVERY_DEVICE_BYTES 72 /* LUKS_DEVICE_BYTES of platform/luks_disks.h */

struct enforcer;
struct recovery; /* e->recovery; NULL where it could not be made */

int recovery_new(struct enforcer *e, struct recovery **ret_recovery);
void recovery_free(struct recovery *recovery); /* NULL is fine */

/* RECOVERY_KEY_DIGITS digits and NUL. The caller wipes. 0 or -errno. */
int recovery_key_make(char ret_key[RECOVERY_KEY_DIGITS + 1]);

/* Whose keyslots are looked at: a LUKS volume below what is mounted or swapped to. */
struct recovery_disk {
	char device[RECOVERY_DEVICE_BYTES]; /* "/dev/mmcblk0p2" */
	char name[LIMIT_TEXT_BYTES + 1];    /* for people */
};

enum recovery_end {
	RECOVERY_SEALED,  /* there is a new key; the server does not have it yet */
	RECOVERY_PRESENT, /* there is one, the server has it, and it is what it was */
	RECOVERY_WAITING, /* there is one, and the server does not have it yet */
	RECOVERY_MISSING, /* there is none */
	RECOVERY_SEEN,	  /* there is one that holds, but somebody has seen it */
	RECOVERY_OTHER,	  /* there is one, sealed to others than the policies in force name */
	RECOVERY_BROKEN,  /* the one that the server has no longer opens the volume */
	RECOVERY_WRONG,	  /* the passphrase opens no keyslot */
	RECOVERY_FULL,	  /* no keyslot is free */
	RECOVERY_FAILED,  /* detail says what */
	RECOVERY_LOCKED,  /* nothing but the organisation's key opens the volume any more */
	RECOVERY_END_MAX,
};
const char *recovery_end_name(enum recovery_end end);

struct recovery_outcome {
	char name[LIMIT_TEXT_BYTES + 1];
	char uuid[LUKS_UUID_BYTES + 1]; /* "": not even that could be read */
	enum recovery_end end;
	int slot;	     /* of the key; -1: none */
	bool kept;	     /* the agent has a key of its own for it */
	int passphrase_slot; /* of the new passphrase; -1: none was given */
	int64_t generation;  /* 0: none */
	char detail[LIMIT_TEXT_BYTES + 1];
};

/* outcomes: one for each volume. Valid during the call. */
typedef void (*recovery_done_fn)(
	struct enforcer *e, const struct recovery_outcome *outcomes, size_t n_outcomes);

struct recovery_request {
	/* Opens the volumes; copied. NULL: no key is made, those that exist are looked at. */
	const void *passphrase;
	size_t n_passphrase; /* 1..LIMIT_PASSWORD_BYTES */
	bool anew;	     /* a new key also where there is one */
	/*
	 * A new passphrase, with a keyslot of its own on every volume that the other one opens.
	 * Where that was a recovery key somebody has seen it, and a new one is made.
	 */
	const void *given;
	size_t n_given; /* 1..LIMIT_PASSWORD_BYTES */
	/*
	 * Every keyslot but that of the key that the server has is removed, if each volume has one
	 * that opens it; otherwise nothing is. Goes on after a restart, until it is done.
	 */
	bool lock;
	bool keep;     /* the agent gets a key of its own (recovery_keep.c) */
	bool unkeep;   /* its keyslots are removed */
	bool may_wait; /* nobody waits for it: what somebody asks for comes behind it */
};
/*
 * done is called exactly once, from the loop. 0; -EBUSY: somebody's is under way; -ENOKEY: no
 * policy names an escrow certificate; -EXDEV: the agent's own key would not lie on LUKS; -ENODEV:
 * nothing of the phone lies on LUKS; -ENOENT: there is no cryptsetup; -errno.
 */
int recovery_start(
	struct enforcer *e, const struct recovery_request *request, recovery_done_fn done);

/* Whether the agent has a key of its own for a volume. */
bool recovery_keeps(const struct enforcer *e);
/* A round has ended: with that key, what compliance lacks is made. */
void recovery_update(struct enforcer *e);
/* Before the enrolment ends: true: its keyslots are being removed, checkin_revert() is called then.
 */
bool recovery_unkeep(struct enforcer *e);

/* What is left to do is done: keyslots of keys before removed, half-made ones, too; the keys looked
 * at. At the start, and when the server has a key. */
void recovery_tidy(struct enforcer *e);

/* The same where the last look is a day old: looking costs little, and wakes nobody. */
void recovery_tidy_daily(struct enforcer *e);

/* Whether, as far as is known, the server has a key of each volume that opens it, sealed to whom
 * the policies in force name. */
bool recovery_is_ready(struct enforcer *e);

/*
 * Somebody has seen the keys up to that generation: they count for nothing but opening, until there
 * are newer ones. ret_n_seen: volumes of which that is true. 0; -ENOKEY: there are no keys; -errno.
 */
int recovery_seen(struct enforcer *e, int64_t generation, size_t *ret_n_seen);

/* Which of the places where a phone keeps its users' data do not lie on LUKS, as far as can be
 * seen:
 * "/, /var"; "": none. No keyslot shuts them. */
void recovery_open_places(struct enforcer *e, char ret_text[LIMIT_TEXT_BYTES + 1]);

/* Whether locking was begun and not ended: what a restart has to go on with. */
bool recovery_is_locking(const struct enforcer *e);

/* Whether it was ended in this boot, which therefore has to end. */
bool recovery_wants_restart(const struct enforcer *e);

/* What is under way, or waits, ends without a result; its caller hears of it. */
void recovery_stop(struct enforcer *e);

void recovery_forget(struct enforcer *e);

struct jsonw;
/* Its entries of the section "escrow" of the report. */
bool recovery_reports(const struct enforcer *e);
void recovery_write_entries(const struct enforcer *e, struct jsonw *w);
/* The server has the section in its present form. */
void recovery_acknowledged(struct enforcer *e);

#endif
