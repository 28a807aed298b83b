/* SPDX-License-Identifier: Apache-2.0 */
/*
 * desktop_scan.h - which desktop entries of packages a launcher shows. Reads only. Enforcer only.
 *
 * Launchers look through the directories applications/ of XDG_DATA_HOME and then of XDG_DATA_DIRS,
 * and the first file of an id (its path with '-' for '/') counts, whatever is in it. Where Flatpak
 * is installed its profile script and its systemd generator put the exports in front:
 *
 *	~/.local/share, ~/.local/share/flatpak/exports/share, /var/lib/flatpak/exports/share,
 *	/usr/local/share, /usr/share
 *
 * So an entry of a package is hidden or shown by a file of its id in /usr/local, of the Flatpaks,
 * or of the user's own, who has the last word. It counts as shown if it is for anybody.
 */
#ifndef MDM_PLATFORM_DESKTOP_SCAN_H
#define MDM_PLATFORM_DESKTOP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/limits.h"
#include "platform/homes.h"
#include "policies/apk_db.h"

struct desktop_found {
	char id[LIMIT_TEXT_BYTES + 1];
	char title[LIMIT_TEXT_BYTES + 1];
	size_t package; /* whose it is */
	bool is_meant;	/* for the launcher of a desktop of this phone, as the package has it */
	bool is_shown;	/* and nothing in front of it says otherwise, for somebody */
};

struct desktop_scan {
	struct desktop_found *found; /* sorted by id; owned */
	size_t n_found;		     /* at most LIMIT_DESKTOP_ENTRIES */
	bool more;
};

/* Entries of the packages' own lists of files that are there. 0 or -ENOMEM. */
int desktop_scan_packages(int root_fd, const struct apk_db *db, const struct homes *homes,
	struct desktop_scan *ret_scan);
void desktop_scan_done(struct desktop_scan *scan);

#endif
