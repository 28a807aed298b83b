/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_plan_private.h - what the files apps_plan*.c share. Pure.
 */
#ifndef MDM_POLICIES_APPS_PLAN_PRIVATE_H
#define MDM_POLICIES_APPS_PLAN_PRIVATE_H

#include "policies/apk_cut.h"
#include "policies/app_pattern.h"
#include "policies/apps_plan.h"

/* Words of dependencies, sorted by what they are about, to look them up. */
struct plan_words {
	struct apk_dependency *words; /* owned */
	size_t n_words;
};
int plan_words_read(struct apk_text text, struct plan_words *ret_words);
void plan_words_done(struct plan_words *words);
/* The first of that name; NULL: none. */
const struct apk_dependency *plan_words_find(
	const struct plan_words *words, const char *name, size_t n_name, bool is_conflict);
bool plan_words_equal(const struct plan_words *a, const struct plan_words *b);

struct planner {
	const struct apps_plan_input *in;
	const struct apps_policy *policy;
	const struct apk_db *db;
	struct apps_item *items;
	size_t n_items, n_max;
	size_t n_left_out, n_later;
	size_t n_ban_items, n_ban_bytes; /* of all bans, those ahead among them */
	bool *kept;		/* packages that stay whatever is wished: protected, base */
	bool *is_explicit;	/* the world names it; the virtual package does not count */
	bool *is_leaving;	/* and it is to be taken out */
	bool *is_demanded;	/* an item that can be wants it there */
	size_t n_bans;		/* the first items, sorted */
	size_t virtual_package; /* db->n_packages: there is none */
	struct plan_words in_force;
	struct app_term *globs; /* of blocked: patterns of a name and nothing else */
	size_t n_globs;
	struct apk_cut cut;
};

/* struct app of a package, with texts that end. */
struct plan_app {
	char name[LIMIT_TEXT_BYTES + 1], origin[LIMIT_TEXT_BYTES + 1], tag[LIMIT_TEXT_BYTES + 1];
	struct app app;
};
void plan_app_read(const struct planner *p, size_t package, struct plan_app *ret_app);

/*
 * Adds an item; *ret_item (may be NULL) is valid until the next one. 0 or -ENOMEM. What could never
 * be a word of the package manager is passed over, what there is no room for waits (n_later): then
 * *ret_item is NULL.
 */
int plan_add(struct planner *p, enum apps_wish wish, const struct apk_text *name,
	struct apps_item **ret_item);

/* Why a package stays, for people; NULL if nothing keeps it. */
const char *plan_kept_why(const struct planner *p, size_t package);
/* "a <- b <- c (reason)"; reason may be NULL. */
void plan_chain_write(const struct planner *p, const struct apk_chain *chain, const char *reason,
	struct apps_item *item);
/* Cut to fit. */
void plan_say(struct apps_item *item, const char *format, ...) _printf_(2, 3);

int plan_globs_read(struct planner *p);
/* The element of blocked for which a ban of that name is in force, as the record says; or NULL. */
const char *plan_held_by(const struct planner *p, const struct apk_text *name);
/* Bans, and what leaves with them. */
int plan_bans(struct planner *p);
/* What takes along a package that is gone: "libfoo <- foo (libfoo is blocked)". */
void plan_gone_write(const struct planner *p, size_t package, struct apps_item *item);
/* Required and pinned packages. */
int plan_demands(struct planner *p);
/* What has no permission in the mode allow; after the others. */
int plan_permissions(struct planner *p);
/* Bans of what nobody has installed, as far as there is room: those in force come first. */
int plan_bans_ahead(struct planner *p);
/* What is too much for one job is later; items are sorted. */
int plan_portion(struct planner *p);

#endif
