/* SPDX-License-Identifier: Apache-2.0 */
/*
 * override.h - replaces a file of the vendor or the administrator by one derived from it, and puts
 * back exactly what was there: bytes, mode, owner, symbolic link or absence, directories included.
 *
 * The original is kept in the vault (a directory of the state directory) and is on disk before the
 * file changes. What counts as the original:
 *  - the file is what was written last, or was deleted: what the vault holds;
 *  - somebody changed the file (package upgrade, administrator): the changed file without our
 * marks. Files that belong to the agent by their name (drop-ins) have strip == NULL: whatever is
 * found there later is thrown away.
 */
#ifndef MDM_PLATFORM_OVERRIDE_H
#define MDM_PLATFORM_OVERRIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/util/buf.h"

struct override_spec {
	const char *name; /* of the entry in the vault, name_is_valid() */
	const char *path; /* relative to the root, at most LIMIT_TEXT_BYTES */
	mode_t mode;	  /* of a file that was not there before */
	/*
	 * Appends the new contents to out. original is NULL where there is no file. 0 or -errno.
	 */
	int (*derive)(const char *original, size_t n_bytes, void *userdata, struct buf *out);
	/*
	 * The inverse: appends the file without what derive added, and says whether a file remains
	 * at all. A file without marks is copied as it is. NULL: the whole file is ours.
	 */
	int (*strip)(const char *current, size_t n_bytes, struct buf *out, bool *ret_present);
	/*
	 * Where strip is NULL: how a file of ours begins, so that one found without an entry in the
	 * vault (which was lost) is not taken for an original. NULL: any file of that name is ours.
	 */
	const char *mark;
	void *userdata; /* of derive */
};

struct override_place {
	int root_fd;
	int vault_fd;
};

/*
 * Makes the file what derive says. Writes nothing if it is so already. 0 or -errno; on failure the
 * file is as before. ret_changed may be NULL.
 */
int override_apply(
	const struct override_place *place, const struct override_spec *spec, bool *ret_changed);

/*
 * Puts back the original, or, if somebody changed the file since, the changed file without our
 * marks; removes directories that apply made and that are empty; forgets the entry. A file that
 * never was overridden is left alone. 0 or -errno (and can be called again).
 */
int override_revert(
	const struct override_place *place, const struct override_spec *spec, bool *ret_changed);

/* Whether the vault has an entry of that name. */
bool override_is_applied(const struct override_place *place, const char *name);

#endif
