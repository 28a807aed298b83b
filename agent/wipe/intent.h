/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intent.h - the plan where a power cut does not reach it: in the state directory, and on the boot
 * partition, which early boot can read without the passphrase. The enforcer writes it before it
 * starts the wipe; mdm-agent-wipe writes it again wherever the enforcer could not, and reads it.
 * Beside each lies the progress, in lines.
 */
#ifndef MDM_WIPE_INTENT_H
#define MDM_WIPE_INTENT_H

#include "agent/wipe/plan.h"

/* Without the leading slash: below the root directory. */
#define WIPE_STATE_PLAN "wipe.plan"
#define WIPE_STATE_PROGRESS "wipe.progress"
#define WIPE_BOOT_PLAN "mdm-agent-wipe.plan"
#define WIPE_BOOT_PROGRESS "mdm-agent-wipe.progress"

#define WIPE_PLACES 5

struct wipe_place {
	int fd; /* of the directory */
	bool is_boot;
};

struct wipe_places {
	struct wipe_place place[WIPE_PLACES];
	size_t n;
};

/*
 * The state directory, and each of /boot, /boot/efi, /boot/firmware and /efi that is a disk's file
 * system of its own. With boot_path (early boot), that directory alone, as a boot partition.
 * How many are there. wipe_places_done() closes them.
 */
size_t wipe_places_open(int root_fd, const char *boot_path, struct wipe_places *ret_places);
void wipe_places_done(struct wipe_places *places);

/*
 * Stores the plan atomically, synced, in every place. 0; -errno: it is not in the state directory
 * (nothing may be destroyed then). Boot partitions that cannot be written are no failure.
 */
int wipe_intent_write(int root_fd, const struct wipe_plan *plan);
int wipe_intent_write_places(const struct wipe_places *places, const struct wipe_plan *plan);

/*
 * The first plan that is there and whole. 0; -ENOENT: none; -EBADMSG: only broken ones, with
 * ret_reason; -errno.
 */
int wipe_intent_read(
	const struct wipe_places *places, struct wipe_plan *ret_plan, const char **ret_reason);

/* Removes all plans, synced. 0, or the first error. What is not there is a success. */
int wipe_intent_remove(const struct wipe_places *places);

/*
 * The progress of a place, or the end of it where it is long: each run says again what it found.
 * The text is the caller's. 0 or -errno.
 */
int wipe_intent_read_progress(const struct wipe_place *place, char **ret_text);

/* Whether progress in any place says that the wipe of that id began. */
bool wipe_intent_was_started(const struct wipe_places *places, const char *id);

#endif
