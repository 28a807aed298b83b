/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_list.h - apps, copied out of what was read so that the rest can be let go, in an order of
 * their own; and what came and went between two such lists. Pure; enforcer.
 */
#ifndef MDM_ENFORCER_APPS_LIST_H
#define MDM_ENFORCER_APPS_LIST_H

#include "agent/enforcer/apps_section.h"

struct apps_list {
	struct app
		*apps; /* by kind, name, user, remote and version; owned, and so are their texts */
	int64_t *uids; /* of their users; -1: of all */
	size_t n_apps;
	char *texts;
};
void apps_list_done(struct apps_list *list);
#define _cleanup_apps_list_ _cleanup_(apps_list_done)

/* uid_of may be NULL: nobody is known. 0 or -ENOMEM. */
int apps_list_copy(const struct app *apps, size_t n_apps,
	int64_t (*uid_of)(const char *user, void *userdata), void *userdata,
	struct apps_list *ret_list);

/*
 * Calls visit for each app of the one that the other has not, whatever its version; names are as
 * the report has them.
 */
typedef void (*apps_list_fn)(const struct app *app, bool appeared, void *userdata);
void apps_list_compare(const struct apps_list *before, const struct apps_list *now,
	apps_list_fn visit, void *userdata);

#endif
