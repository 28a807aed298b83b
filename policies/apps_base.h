/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_base.h - which packages are base: what the phone came with. Pure.
 *
 * At enrolment the members of the world that belong to the image, and all that they need, are
 * recorded by name. Of the image are:
 *
 * - what is protected wherever it comes from (agent, kernel, init, network, package manager …),
 * - what images of Alpine and postmarketOS have in their world: alpine-base, postmarketos-*,
 *   device-*, soc-*, firmware-*, linux-*, the user interface and its greeter, and what their
 *   installers add beside them.
 *
 * Every other member of the world was chosen by somebody and is an app, unless base needs it.
 * So base is closed under what packages need, and whatever is installed afterwards is none.
 */
#ifndef MDM_POLICIES_APPS_BASE_H
#define MDM_POLICIES_APPS_BASE_H

#include <stdbool.h>

#include "agent/util/buf.h"
#include "policies/apk_db.h"

/*
 * Appends the names of base, sorted, a line each. is_protected: app_is_protected() of
 * policies/apps.h. 0 or -ENOMEM.
 */
int apps_base_make(const struct apk_db *db, struct apk_text world,
	bool (*is_protected)(const char *package_name), struct buf *out);

/*
 * Marks the packages whose names are among the lines, as apps_base_make() writes them; in any
 * order, and unknown names are passed over. marks: db->n_packages of them; others are unmarked.
 * Returns how many are marked.
 */
size_t apps_base_mark(const struct apk_db *db, struct apk_text names, bool *ret_marks);

/*
 * Appends the names of packages of base, by single spaces, that would go along with an app because
 * nothing of base that is in the world needs them; of those that need one another, the ones at the
 * top. base: marks. 0 or -ENOMEM.
 */
int apps_base_strays(
	const struct apk_db *db, struct apk_text world, const bool *base, struct buf *out);

/* Marks the packages that the world names or that provide what it names, conflicts aside. */
void apps_world_mark(const struct apk_db *db, struct apk_text world, bool *ret_marks);

#endif
