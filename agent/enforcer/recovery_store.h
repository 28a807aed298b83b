/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery_store.h - what the phone remembers of the recovery keys of its disks: state file
 * "recovery", text. No secret is in it: a key is sealed for the organisation as soon as it opens
 * its volume, and forgotten. Pure but for the file. Enforcer only; for recovery.h.
 */
#ifndef MDM_ENFORCER_RECOVERY_STORE_H
#define MDM_ENFORCER_RECOVERY_STORE_H

#include "agent/enforcer/escrow_box.h"
#include "agent/util/clock.h"
#include "policies/luks.h"

#define RECOVERY_VOLUMES_MAX LIMIT_RECOVERY_VOLUMES
#define RECOVERY_ENROLMENT_DIGITS 32

/* One keyslot with a recovery key. */
struct recovery_key {
	int64_t generation; /* 0: there is none */
	int slot;
	int64_t made_s; /* wall clock */
	/* SHA-256 over what the header says of the keyslot and over its area, taken when the key
	 * was seen to open it. While that is the same, the key opens it. */
	uint8_t seal[SHA256_BYTES];
	struct escrow_box box;
};

enum recovery_place {
	RECOVERY_CURRENT, /* the server has it */
	RECOVERY_NEXT,	  /* not yet, or it was not heard to say so */
	/* The one before CURRENT, whose keyslot is still to be removed; without its box. */
	RECOVERY_FORMER,
	RECOVERY_PLACE_MAX,
};

struct recovery_volume {
	char uuid[LUKS_UUID_BYTES + 1]; /* "": free */
	struct recovery_key keys[RECOVERY_PLACE_MAX];
	/*
	 * A keyslot that is being made: from before cryptsetup is asked until its key is sealed in
	 * NEXT. -1: none. Found after a restart it is removed, if it has the seal that was taken
	 * when cryptsetup had made it. Before that nobody can tell it from one of the owner's.
	 */
	int making_slot;
	bool making_is_sealed;
	uint8_t making_seal[SHA256_BYTES];
	/* Bit N: keyslot N was found like that. It is left alone, and people are told. */
	uint32_t strays;
	int kept_slot; /* of the agent's own key; -1: none */
	uint8_t kept_seal[SHA256_BYTES];
	int64_t checked_s; /* wall clock when CURRENT was seen to be what it was; 0: never */
	bool is_broken;	   /* it was not: the key of the organisation no longer opens it */
};

struct recovery_record {
	struct recovery_volume volumes[RECOVERY_VOLUMES_MAX];
	bool is_locking; /* keyslots are being removed for good */
	/* They are gone, and the phone has to restart: the boot in which that was; "": it need not.
	 */
	char locked_boot[2 * BOOT_ID_BYTES + 1];
	int64_t seen_generation; /* keys up to it were seen by somebody; 0: none */
	int64_t last_generation; /* counted over all volumes; a number is never given twice */
};

/* NULL if it is not known. */
struct recovery_volume *recovery_find(struct recovery_record *record, const char *uuid);
/* The volume, known from now on. NULL: there are RECOVERY_VOLUMES_MAX others. */
struct recovery_volume *recovery_place(struct recovery_record *record, const char *uuid);

/* What is not used of either record, nearly all of it, is not touched. */
void recovery_copy(const struct recovery_record *from, struct recovery_record *to);

/*
 * The text of the file. ret_record was zeroed when it was made, and is replaced. 0, -EBADMSG, -EIO;
 * with an error the record is empty.
 */
int recovery_parse(const char *text, size_t n_bytes, struct recovery_record *ret_record,
	char ret_enrolment[RECOVERY_ENROLMENT_DIGITS + 1]);
/* 0, -ENOMEM, -EFBIG, -EIO. */
int recovery_write(const struct recovery_record *record, const char *enrolment, struct buf *out);

/* 0: read; -ENOENT: there is none, or it is of another enrolment; -EBADMSG; -errno. */
int recovery_load(struct enforcer *e, struct recovery_record *ret_record);
/* Durable when it returns 0. Notes PROBLEM_STATE otherwise. */
int recovery_save(struct enforcer *e, const struct recovery_record *record);
/* The file is removed, or, within an enrolment, only the last generation stays. */
void recovery_clear(struct enforcer *e, struct recovery_record *record);

#endif
