/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_cut.h - what cannot be without a package: the packages that go along when one is taken away.
 * Pure.
 */
#ifndef MDM_POLICIES_APK_CUT_H
#define MDM_POLICIES_APK_CUT_H

#include "policies/apk_db.h"

/*
 * Names are asked for without a version or with one; each of the two is lost with the last package
 * that has it, and everything that depends on it with it.
 */
struct apk_cut {
	const struct apk_db *db;
	const bool *kept; /* packages that must not go; borrowed */
	uint32_t *n_left; /* of names, two each: how many packages have it */
	uint32_t *first_dependent, *dependents;
	uint32_t *cause; /* of packages: which one takes it along; itself; APK_NONE: it stays */
	uint32_t *queue;
};

/*
 * ignored: a package whose own dependencies do not count, n_packages for none. All is borrowed.
 * 0; -E2BIG: more than LIMIT_APK_NEEDS; -ENOMEM. apk_cut_done() after success.
 */
int apk_cut_begin(
	const struct apk_db *db, const bool *kept, size_t ignored, struct apk_cut *ret_cut);
void apk_cut_done(struct apk_cut *cut);

/* Packages each of which needs the one before it; of long ones the middle is left out. */
#define APK_CHAIN_MAX 8
struct apk_chain {
	uint32_t packages[APK_CHAIN_MAX];
	size_t n;
	size_t gap; /* some are missing before the package with this number; 0: none */
};
void apk_chain_add(struct apk_chain *chain, uint32_t package);

/*
 * Takes away the packages that have or provide that name, and all that cannot be without them.
 * 0: they are gone, or there were none; APK_CUT_E_KEPT: that would take along one that must not go.
 * Then nothing changed, and *ret_chain leads from a package with the name to that one, on the
 * shortest way.
 */
#define APK_CUT_E_KEPT 1
int apk_cut_remove(
	struct apk_cut *cut, const char *name, size_t n_name, struct apk_chain *ret_chain);

bool apk_cut_is_gone(const struct apk_cut *cut, size_t package);
/* From the package that was asked for to this one, which is gone. */
void apk_cut_chain(const struct apk_cut *cut, size_t package, struct apk_chain *ret_chain);

#endif
