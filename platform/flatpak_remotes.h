/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flatpak_remotes.h - which remotes of the system Flatpaks may come from, and what those offer:
 * part of what apps_look.h looks at. A remote that is not listed is disabled; one that is gets a
 * filter from the lists. The filter is a convenience: it is looser where its format cannot say what
 * the lists say, and what comes all the same is judged when it is there. A filter that somebody had
 * set comes back when ours ends. Enforcer only.
 */
#ifndef MDM_PLATFORM_FLATPAK_REMOTES_H
#define MDM_PLATFORM_FLATPAK_REMOTES_H

#include "platform/apps_look.h"

/* In the state directory: names of what we disabled; what filters remotes had before ours. */
#define FLATPAK_DISABLED_FILE "apps-remotes"
#define FLATPAK_FILTERS_FILE "apps-filters"

/* Adds items and steps. 0 or -errno. */
int flatpak_remotes_look(
	struct platform *platform, const struct effective *desired, struct apps_look *look);

/*
 * Appends the filter of one remote. False: none is wanted. Pure.
 */
bool flatpak_filter_write(const struct apps_policy *policy, const char *remote, struct buf *out);

/* Before a job with such steps: files with filters, and what is about to be disabled. 0 or -errno.
 */
int flatpak_remotes_prepare(struct platform *platform, const struct apps_look *look);

/* Filters that no remote has any more go; forget: so does what we remember. */
void flatpak_remotes_tidy(struct platform *platform, const struct apps_look *look, bool forget);

#endif
