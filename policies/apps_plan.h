/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_plan.h - what has to be installed, removed and held so that the packages of the phone are as
 * the policy wants them; what cannot be, and why. Pure: the transaction itself is apk's, which
 * resolves dependencies and is asked first.
 */
#ifndef MDM_POLICIES_APPS_PLAN_H
#define MDM_POLICIES_APPS_PLAN_H

#include "agent/util/limits.h"
#include "policies/apk_db.h"
#include "policies/apps.h"

enum apps_wish {
	APPS_WISH_BAN,	   /* is removed, and stays away: "!name" of the virtual package */
	APPS_WISH_REMOVE,  /* leaves the world (mode allow); comes back if somebody needs it */
	APPS_WISH_INSTALL, /* required: a dependency of the virtual package */
	APPS_WISH_PIN,	   /* "name=version" of the virtual package */
	APPS_WISH_MAX,
};
const char *apps_wish_name(enum apps_wish wish);

enum apps_why_not {
	APPS_CAN,
	APPS_WHY_PROTECTED, /* agent, kernel, init, network, package manager */
	APPS_WHY_BASE,	    /* the phone came with it */
	APPS_WHY_NEEDED,    /* something protected or base needs it: chain */
	APPS_WHY_CONFLICT,  /* required and blocked, or pinned to two versions */
	APPS_WHY_MAX,
};

struct apps_item {
	enum apps_wish wish;
	char name[LIMIT_TEXT_BYTES + 1];
	char version[LIMIT_NAME_BYTES + 1]; /* APPS_WISH_PIN */
	enum apps_why_not why_not;
	/* For people: "firefox <- epiphany <- postmarketos-ui-phosh (the phone came with it)". */
	char chain[LIMIT_TEXT_BYTES + 1];
	bool is_done; /* the packages installed are so already */
};

struct apps_plan {
	struct apps_item *items; /* sorted by wish and name; owned */
	size_t n_items;
};

/*
 * base: a mark for each package of db, of what the record of the base has. available: names known
 * to the package manager beyond those installed, sorted, for patterns of blocked; may be none.
 * 0; -E2BIG: more than LIMIT_APPS_ITEMS; -ENOMEM.
 */
struct apps_plan_input {
	const struct apps_policy *policy;
	const struct apk_db *db;
	struct apk_text world;
	const bool *base;
	const char *const *available;
	size_t n_available;
};
int apps_plan_make(const struct apps_plan_input *input, struct apps_plan *ret_plan);
void apps_plan_done(struct apps_plan *plan);

#endif
