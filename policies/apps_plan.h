/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_plan.h - what has to be installed, removed and held so that the packages of the phone are as
 * the policy wants them; what cannot be, and why. Pure: the transaction itself is apk's, which
 * resolves dependencies and is asked first.
 */
#ifndef MDM_POLICIES_APPS_PLAN_H
#define MDM_POLICIES_APPS_PLAN_H

#include "agent/util/buf.h"
#include "agent/util/limits.h"
#include "policies/apk_db.h"
#include "policies/apps.h"

enum apps_wish {
	APPS_WISH_BAN,	   /* is removed, and stays away: "!name" of the virtual package */
	APPS_WISH_REMOVE,  /* leaves the world: not allowed, or needs what is banned */
	APPS_WISH_INSTALL, /* required: a dependency of the virtual package */
	APPS_WISH_PIN,	   /* "name=version" of the virtual package */
	APPS_WISH_MAX,
};
const char *apps_wish_name(enum apps_wish wish);

enum apps_why_not {
	APPS_CAN,
	APPS_WHY_PROTECTED, /* agent, kernel, init, network, package manager */
	APPS_WHY_BASE,	    /* the phone came with it */
	APPS_WHY_NEEDED,    /* something that stays needs it: chain */
	APPS_WHY_CONFLICT,  /* another wish is against it: chain */
	APPS_WHY_MAX,
};
/* For people: "the phone came with it". */
const char *apps_why_not_help(enum apps_why_not why);

struct apps_item {
	enum apps_wish wish;
	char name[LIMIT_TEXT_BYTES + 1];
	char version[LIMIT_NAME_BYTES + 1]; /* APPS_WISH_PIN */
	enum apps_why_not why_not;
	/*
	 * For people: "firefox <- epiphany <- postmarketos-ui-phosh (the phone came with it)": each
	 * is needed by the next. Of a removal, what takes it along: "libfoo <- foo (libfoo is
	 * blocked)". "" where there is nothing to say.
	 */
	char chain[LIMIT_TEXT_BYTES + 1];
	bool is_done; /* the packages installed are so already, and are held so */
	/* Nothing is done about it yet: there is too much for one job. The next plan says again. */
	bool is_later;
	bool makes_way; /* of a removal: what is banned cannot go before */
	/*
	 * Of a ban: the element of blocked that it comes from where that asks for more than the
	 * name, which nobody can tell once the package is gone; borrowed from the policy. NULL: the
	 * name says it all.
	 */
	const char *pattern;
};

struct apps_plan {
	struct apps_item *items; /* sorted by wish and name; owned */
	size_t n_items;
	/* Names that fit blocked and that nobody has installed, beyond LIMIT_APPS_BANS: they are
	 * not banned ahead, but removed when they come. */
	size_t n_left_out;
	/* What is wanted and has to wait for the next plan: items with is_later, and what is beyond
	 * LIMIT_APPS_BANS and LIMIT_APPS_ITEMS and no item. 0: this plan is all. */
	size_t n_later;
};

/*
 * In short: blocked wins over all else but what keeps the phone going. Bans are judged in the
 * order of their names; one whose going would take along what stays (protected, base) is refused
 * alone. What needs a banned package goes with it, also if it is required, so that the end does
 * not depend on what came first. docs/architecture.md has the rules.
 *
 * A ban that is in force stays as long as the policy forbids the name, whether or not anybody has
 * the package: doing what a plan says leads to a plan that says the same words and has nothing to
 * do. What is too much for one job is done in portions: after each of them another plan is made,
 * and each has less to do than the one before.
 *
 * base: a mark for each package of db, of what the record of the base has. available: names known
 * to the package manager beyond those installed, sorted, for patterns of blocked; may be none.
 * has_desktop: marks likewise, packages with a desktop entry; NULL: none. held: what
 * apps_plan_held() wrote for the plan before; may be none.
 * 0; -E2BIG: the packages need each other more than LIMIT_APK_NEEDS times; -ENOMEM.
 */
struct apps_plan_input {
	const struct apps_policy *policy;
	const struct apk_db *db;
	struct apk_text world;
	const bool *base;
	const char *const *available;
	size_t n_available;
	const bool *has_desktop;
	struct apk_text held;
};
int apps_plan_make(const struct apps_plan_input *input, struct apps_plan *ret_plan);
void apps_plan_done(struct apps_plan *plan);

/*
 * The dependencies of the virtual package, for the step "policy" of a job: all bans, pins and
 * requirements that can be, sorted, single spaces between; "" for none. 0 or -ENOMEM.
 */
int apps_plan_words(const struct apps_plan *plan, struct buf *out);

/*
 * To be remembered while the words are in force: which element of blocked each ban comes from whose
 * name alone does not say it, "NAME ELEMENT" in a line each. 0 or -ENOMEM.
 */
int apps_plan_held(const struct apps_plan *plan, struct buf *out);

/*
 * Whether nothing is left to do: all that can be is done, and the virtual package of the database
 * says just that, no word more. 0 or -ENOMEM.
 */
int apps_plan_is_settled(
	const struct apps_plan *plan, const struct apk_db *db, bool *ret_is_settled);

#endif
