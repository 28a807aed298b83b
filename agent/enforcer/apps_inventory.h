/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_inventory.h - which apps this phone has: the record of the base, made at enrolment; looking
 * again when something changes; programs in homes, searched for now and then; records in the
 * journal of what came and went without the agent. Nothing is looked at on a phone that nobody
 * manages. Enforcer only.
 *
 * A look takes a few milliseconds and happens at once; homes are searched in pieces while the loop
 * has nothing else to do. Homes are not watched: what is in them is looked at before each report,
 * as far as stat(2) tells of a change, and searched for programs every few hours.
 */
#ifndef MDM_ENFORCER_APPS_INVENTORY_H
#define MDM_ENFORCER_APPS_INVENTORY_H

#include <stdbool.h>

#include "agent/enforcer/apps_list.h"

struct enforcer;
struct apps_inventory; /* e->apps */

/* Lends the backends what they know of apps, and looks, where the phone is managed. 0 or -errno;
 * a look that fails is said and made up for later. */
int apps_inventory_new(struct enforcer *e, struct apps_inventory **ret_inventory);
void apps_inventory_free(struct apps_inventory *inventory);

/* All of these do nothing without e->apps. */
void apps_inventory_enrolled(struct enforcer *e);
/* The enrolment is over, its files are gone. */
void apps_inventory_forget(struct enforcer *e);
/* A report is about to be made. */
void apps_inventory_refresh(struct enforcer *e);
/* The policy is another one: homes are searched soon. */
void apps_inventory_policy_changed(struct enforcer *e);

/* What was seen last; borrowed until the next round of the loop. False: nothing yet. */
struct apps_view {
	const struct apps_list *list;
	struct apps_about about;
	const char *detail;	      /* of the package manager, for people; "" */
	int64_t looked_s, searched_s; /* wall clock; 0: not yet */
};
bool apps_inventory_view(const struct enforcer *e, struct apps_view *ret_view);

#endif
