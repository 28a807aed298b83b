/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flatpak_db.h - the Flatpak apps of the system and of people, read as they lie there, without
 * libflatpak. Reads only. Enforcer only.
 *
 * An installation has app/ID/ARCH/BRANCH/active, a link to the directory of the deployed commit
 * beside it; in that "deploy" (a GVariant: origin, commit, size …), "metadata" and the exported
 * desktop entries. What is in a home is a stranger's: no link is followed there, no other mount
 * entered, and a home on a file system that a user can answer for is passed over.
 */
#ifndef MDM_PLATFORM_FLATPAK_DB_H
#define MDM_PLATFORM_FLATPAK_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/limits.h"
#include "platform/homes.h"

/* All texts are clean (UTF-8 without control characters), cut, and "" where there is none. */
struct flatpak_app {
	char id[LIMIT_TEXT_BYTES + 1], arch[LIMIT_NAME_BYTES + 1], branch[LIMIT_TEXT_BYTES + 1];
	char commit[2 * 32 + 1];
	char remote[LIMIT_TEXT_BYTES + 1];  /* its origin */
	char version[LIMIT_TEXT_BYTES + 1]; /* of the app itself, as its metadata says */
	char title[LIMIT_TEXT_BYTES + 1];
	char runtime[LIMIT_TEXT_BYTES + 1]; /* "org.gnome.Platform/aarch64/48" */
	char user[LIMIT_USER_BYTES + 1];    /* whose; "": the system's */
	uint64_t installed_bytes;
	bool is_shown; /* it exports a desktop entry that is meant for launchers */
	char *deploy;  /* path of the deployed directory below the root; owned */
};

struct flatpak_remote {
	char name[LIMIT_TEXT_BYTES + 1], url[LIMIT_TEXT_BYTES + 1], filter[LIMIT_TEXT_BYTES + 1];
	char user[LIMIT_USER_BYTES + 1];
	bool is_disabled, verifies; /* gpg-verify, which is on unless it says otherwise */
};

struct flatpak_db {
	struct flatpak_app *apps;	/* sorted by id, user, branch and arch; owned */
	size_t n_apps;			/* at most LIMIT_APPS */
	struct flatpak_remote *remotes; /* sorted by user and name; owned */
	size_t n_remotes;		/* at most LIMIT_FLATPAK_REMOTES */
	bool more;			/* there were more than anybody looks at */
	size_t n_homes_skipped;		/* whose Flatpaks nobody saw */
};

/* homes: those to look into. 0 or -ENOMEM: what cannot be read is not there. */
int flatpak_db_read(int root_fd, const struct homes *homes, struct flatpak_db *ret_db);
void flatpak_db_done(struct flatpak_db *db);

#endif
