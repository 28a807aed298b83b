/* SPDX-License-Identifier: Apache-2.0 */
/* recovery_private.h - between the files of recovery.h. */
#ifndef MDM_ENFORCER_RECOVERY_PRIVATE_H
#define MDM_ENFORCER_RECOVERY_PRIVATE_H

#include "agent/enforcer/recovery.h"
#include "agent/enforcer/recovery_store.h"
#include "platform/escrow_known.h"

struct recovery_run;

struct recovery {
	struct recovery_record record;
	struct escrow_known known;			     /* lent to the backend "escrow" */
	uint8_t headers[RECOVERY_VOLUMES_MAX][SHA256_BYTES]; /* when they were looked at */
	/* Of NEXT, in the report under way, by volume; 0: none. */
	int64_t told[RECOVERY_VOLUMES_MAX];
	bool unkeeping, unkept;	   /* keyslots of the kept key are being removed; that was tried */
	int64_t exchange_after_us; /* boot clock: not earlier by itself */
	struct recovery_run *run;  /* NULL: nothing is under way */
	struct recovery_run *next; /* what somebody asked for while the phone tidied up */
};

/* The kept key: hexadecimal digits of 256 drawn bits. */
#define RECOVERY_KEPT_BYTES 64

/* A change is made to a copy, and is one when the copy is on the disk. */
int recovery_commit(struct enforcer *e, const struct recovery_record *changed);

/* What happened to a key, for the journal: never the key. */
void recovery_journal(struct enforcer *e, const char *what, const struct recovery_volume *volume,
	const struct recovery_key *key);

/*
 * recovery_keep.c: the kept key, drawn and durable if there is none. 0; -EXDEV: the state directory
 * does not lie on LUKS; -errno. The caller wipes.
 */
int recovery_keep_open(struct enforcer *e, char ret_key[RECOVERY_KEPT_BYTES + 1]);
/* Removes it, unless a keyslot still has it. */
void recovery_keep_close(struct enforcer *e);

/* recovery_run.c */
void recovery_run_free(struct recovery_run *run); /* without an answer; NULL is fine */

/*
 * recovery_slot.c: the seal of a keyslot (recovery_store.h), read from the device.
 * 0; -ENOKEY: the keyslot is not in use; -errno.
 */
int recovery_slot_seal(int root_fd, const char *device, const struct luks_header *header, int slot,
	uint8_t ret_seal[SHA256_BYTES]);

/* The volumes below what is mounted. 0 or -errno. */
int recovery_disks(struct enforcer *e, struct recovery_disk ret_disks[RECOVERY_VOLUMES_MAX],
	size_t *ret_n_disks);

#endif
