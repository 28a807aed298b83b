/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_store.h - the state file "attempts": the counts, written before every attempt and therefore
 * made for that. Two slots of one size, each with its number and its digest; the older one is
 * overwritten in place and synced with one fdatasync(2). A power cut in the middle damages that one
 * only, and what the other one holds is from before an attempt that was not allowed yet. Nothing
 * grows, so that a full disk is no obstacle.
 */
#ifndef MDM_ENFORCER_AUTH_STORE_H
#define MDM_ENFORCER_AUTH_STORE_H

#include "agent/enforcer/auth_attempts.h"

#define AUTH_STORE_FILE "attempts"
#define AUTH_STORE_SLOT_BYTES                                                                      \
	4096 /* a block of usual file systems: no slot touches the other's                         \
	      */

struct auth_store {
	int fd;		     /* -1: not open */
	uint64_t generation; /* of the newest slot */
};

/*
 * Opens the file and reads the newest good slot. make: it is made where there is none, which is
 * -ENOENT otherwise. 0; -EBADMSG: there was something, but no good slot: nothing is known, and
 * store is usable; other -errno: store->fd is -1 and writing answers -EBADF.
 */
int auth_store_open(
	int dir_fd, bool make, struct auth_store *ret_store, struct attempts *ret_attempts);
void auth_store_done(struct auth_store *store);
/* Durable when it returns 0. -errno: what was written last is still there. */
int auth_store_write(struct auth_store *store, const struct attempts *attempts);

/* The bytes of one slot. 0, -EBADMSG (not a slot), -EIO (no SHA-256). */
int auth_slot_encode(uint64_t generation, const struct attempts *attempts,
	uint8_t ret_bytes[AUTH_STORE_SLOT_BYTES]);
int auth_slot_decode(const uint8_t bytes[AUTH_STORE_SLOT_BYTES], uint64_t *ret_generation,
	struct attempts *ret_attempts);

#endif
