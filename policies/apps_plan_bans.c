/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_plan_bans.c - what a plan takes away: bans, what goes along with them, and what has no
 * permission; see apps_plan.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer and by mdm-agent-apps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policies/apps_plan_private.h"

/* --- names to ban --------------------------------------------------------------------------- */

struct names {
	struct apk_text *names; /* owned; the texts are borrowed */
	size_t n_names, n_max;
};

static void names_done(struct names *names)
{
	free(names->names);
}

static int names_add(struct names *names, const char *at, size_t n)
{
	if (names->n_names == names->n_max) {
		size_t n_max = names->n_max ? 2 * names->n_max : 64;
		struct apk_text *more = reallocarray(names->names, n_max, sizeof(*more));

		if (!more)
			return -ENOMEM;
		names->names = more;
		names->n_max = n_max;
	}
	names->names[names->n_names++] = (struct apk_text){at, n};
	return 0;
}

static int compare_names(const void *left, const void *right)
{
	const struct apk_text *a = left, *b = right;
	int order = memcmp(a->at, b->at, a->n < b->n ? a->n : b->n);

	return order ? order : (a->n > b->n) - (a->n < b->n);
}

static void names_sort(struct names *names)
{
	size_t n = 0;

	if (names->n_names)
		qsort(names->names, names->n_names, sizeof(*names->names), compare_names);
	for (size_t i = 0; i < names->n_names; i++)
		if (n == 0 || compare_names(&names->names[n - 1], &names->names[i]) != 0)
			names->names[n++] = names->names[i];
	names->n_names = n;
}

/*
 * Nothing more is known of what is not installed than its name, so only patterns that ask for
 * nothing else can fit. They are taken out once: repositories have 30,000 names.
 */
int plan_globs_read(struct planner *p)
{
	const struct string_set *blocked = p->policy->blocked;

	p->globs = calloc(blocked ? blocked->n_strings + 1 : 1, sizeof(*p->globs));
	if (!p->globs)
		return -ENOMEM;
	for (size_t i = 0; blocked && i < blocked->n_strings; i++) {
		const char *pattern = blocked->strings[i];
		size_t n = strlen(pattern);
		struct app_term term;

		if (app_term_next(&pattern, &n, &term) && n == 0 && term.kind == APP_TERM_NAME)
			p->globs[p->n_globs++] = term;
	}
	return 0;
}

static bool is_blocked_ahead(const struct planner *p, const char *name, size_t n_name)
{
	for (size_t i = 0; i < p->n_globs; i++)
		if (app_glob_fits(p->globs[i].value, p->globs[i].n_value, name, n_name))
			return true;
	return false;
}

static bool is_installed(const struct planner *p, const char *name, size_t n_name)
{
	return apk_db_provider(p->db, name, n_name) < p->db->n_packages;
}

/* Names that patterns spell out, installed packages, and other names of installed packages. */
static int names_collect(struct planner *p, struct names *names)
{
	const struct string_set *blocked = p->policy->blocked;
	struct plan_app app;
	int r = 0;

	for (size_t i = 0; blocked && r == 0 && i < blocked->n_strings; i++) {
		const char *pattern = blocked->strings[i], *name;
		size_t n;

		if (app_pattern_is_one_package(pattern, strlen(pattern), &name, &n))
			r = names_add(names, name, n);
	}
	for (size_t i = 0; blocked && r == 0 && i < p->db->n_packages; i++) {
		if (i == p->virtual_package)
			continue;
		plan_app_read(p, i, &app);
		if (apps_blocked_by(p->policy, &app.app))
			r = names_add(names, p->db->packages[i].name.at, p->db->packages[i].name.n);
	}
	for (size_t i = 0; blocked && r == 0 && i < p->in->n_available; i++) {
		const char *name = p->in->available[i];
		size_t n = strlen(name);

		if (is_blocked_ahead(p, name, n) && is_installed(p, name, n))
			r = names_add(names, name, n);
	}
	names_sort(names);
	return r;
}

static const struct apps_item *find_ban(const struct planner *p, const char *name, size_t n_name)
{
	size_t low = 0, high = p->n_bans;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct apps_item *item = &p->items[middle];
		struct apk_text a = {item->name, strlen(item->name)}, b = {name, n_name};
		int order = compare_names(&a, &b);

		if (order == 0)
			return item;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* --- bans ----------------------------------------------------------------------------------- */

static bool ban_is_done(const struct planner *p, const struct apk_text *name)
{
	return !is_installed(p, name->at, name->n) &&
	       plan_words_find(&p->in_force, name->at, name->n, true);
}

static void ban_refuse(
	const struct planner *p, const struct apk_chain *chain, struct apps_item *item)
{
	uint32_t kept = chain->packages[chain->n - 1];
	const char *why = plan_kept_why(p, kept);

	if (chain->n > 1)
		item->why_not = APPS_WHY_NEEDED;
	else if (strcmp(why, apps_why_not_help(APPS_WHY_BASE)) == 0)
		item->why_not = APPS_WHY_BASE;
	else
		item->why_not = APPS_WHY_PROTECTED;
	plan_chain_write(p, chain, why, item);
}

static int plan_ban(struct planner *p, const struct apk_text *name)
{
	struct apk_chain chain = {0};
	struct apps_item *item;
	const char *why;
	int r = plan_add(p, APPS_WISH_BAN, name, &item);

	if (r < 0 || !item)
		return r;
	why = app_protected_why(item->name);
	if (why) {
		/* Also what is not installed: the next version of the system may come with it. */
		item->why_not = APPS_WHY_PROTECTED;
		plan_say(item, "%s (%s)", item->name, why);
	} else if (apk_cut_remove(&p->cut, name->at, name->n, &chain) == APK_CUT_E_KEPT) {
		ban_refuse(p, &chain, item);
	} else {
		item->is_done = ban_is_done(p, name);
	}
	return 0;
}

void plan_gone_write(const struct planner *p, size_t package, struct apps_item *item)
{
	const struct apk_db *db = p->db;
	char reason[LIMIT_TEXT_BYTES + 16] = "";
	struct apk_chain chain;
	uint32_t root;

	apk_cut_chain(&p->cut, package, &chain);
	root = chain.packages[0];
	/* By its own name or by one that it provides. */
	for (size_t i = db->packages[root].first_name;
		!*reason && i < db->n_names && db->names[i].package == root; i++) {
		const char *name = db->text + db->names[i].at;
		const struct apps_item *ban = find_ban(p, name, db->names[i].n_bytes);

		if (ban && ban->why_not == APPS_CAN)
			snprintf(reason, sizeof(reason), "%s is blocked", ban->name);
	}
	plan_chain_write(p, &chain, reason, item);
}

/* Who has chosen to have what cannot be any more. */
static int plan_gone(struct planner *p)
{
	struct apk_text rest = p->in->world;
	struct apk_dependency word;
	int r = 0;

	while (r == 0 && apk_dependency_next(&rest, &word)) {
		size_t package = apk_db_provider(p->db, word.name.at, word.name.n);
		const struct apps_item *ban;
		struct apps_item *item;

		if (word.is_conflict || package == p->db->n_packages ||
			!apk_cut_is_gone(&p->cut, package))
			continue;
		ban = find_ban(p, word.name.at, word.name.n);
		if (ban && ban->why_not == APPS_CAN)
			continue;
		p->is_leaving[package] = true;
		r = plan_add(p, APPS_WISH_REMOVE, &word.name, &item);
		if (r == 0 && item)
			plan_gone_write(p, package, item);
	}
	return r;
}

int plan_bans(struct planner *p)
{
	_cleanup_(names_done) struct names names = {0};
	int r = names_collect(p, &names);

	for (size_t i = 0; r == 0 && i < names.n_names; i++)
		r = plan_ban(p, &names.names[i]);
	p->n_bans = p->n_items;
	return r == 0 ? plan_gone(p) : r;
}

int plan_bans_ahead(struct planner *p)
{
	int r = 0;

	for (size_t i = 0; p->policy->blocked && r == 0 && i < p->in->n_available; i++) {
		const char *name = p->in->available[i];
		struct apk_text text = {name, strlen(name)};
		struct apps_item *item;

		if (i > 0 && strcmp(name, p->in->available[i - 1]) == 0)
			continue;
		if (!is_blocked_ahead(p, name, text.n) || is_installed(p, name, text.n) ||
			find_ban(p, name, text.n) || app_is_protected(name))
			continue;
		if (p->n_items == LIMIT_APPS_ITEMS) {
			p->n_left_out++;
			continue;
		}
		r = plan_add(p, APPS_WISH_BAN, &text, &item);
		if (r == 0 && item)
			item->is_done = ban_is_done(p, &text);
	}
	return r;
}

/* --- permissions ---------------------------------------------------------------------------- */

static bool has_no_permission(const struct planner *p, size_t package)
{
	struct plan_app app;

	if (p->kept[package] || package == p->virtual_package || apk_cut_is_gone(&p->cut, package))
		return false;
	plan_app_read(p, package, &app);
	return apps_judge(p->policy, &app.app) == APP_NOT_ALLOWED;
}

static int plan_leaving(struct planner *p)
{
	struct apk_text rest = p->in->world;
	struct apk_dependency word;
	int r = 0;

	while (r == 0 && apk_dependency_next(&rest, &word)) {
		size_t package = apk_db_provider(p->db, word.name.at, word.name.n);
		struct apps_item *item;

		if (word.is_conflict || package == p->db->n_packages ||
			!has_no_permission(p, package))
			continue;
		p->is_leaving[package] = true;
		r = plan_add(p, APPS_WISH_REMOVE, &word.name, &item);
		if (r == 0 && item)
			plan_say(item, "not in a list of allowed");
	}
	return r;
}

/* In the launcher, chosen by nobody, without permission: it goes with those that need it, unless
 * one of them stays. */
static int plan_came_along(struct planner *p, size_t package, const bool *stays)
{
	struct apk_chain chain = {0}, back = {0};
	size_t numbers[APK_CHAIN_MAX], n;
	struct apps_item *item;
	const char *why = NULL;
	int r = plan_add(p, APPS_WISH_REMOVE, &p->db->packages[package].name, &item);

	if (r < 0 || !item)
		return r;
	item->why_not = APPS_WHY_NEEDED;
	n = apk_db_chain(p->db, stays, package, numbers, APK_CHAIN_MAX);
	if (n > 0)
		why = plan_kept_why(p, numbers[0]);
	for (size_t i = 0; i < n && i < APK_CHAIN_MAX; i++)
		apk_chain_add(&back, (uint32_t)numbers[i]);
	if (n > APK_CHAIN_MAX) {
		/* The end is missing; the package itself is known. */
		back.packages[APK_CHAIN_MAX - 1] = (uint32_t)package;
		back.gap = APK_CHAIN_MAX - 1;
	}
	for (size_t i = back.n; i-- > 0;)
		apk_chain_add(&chain, back.packages[i]);
	chain.gap = back.gap ? back.n - back.gap : 0;
	if (n == 0)
		plan_say(item, "came along with what is allowed");
	else
		plan_chain_write(p, &chain, why ? why : "which is allowed", item);
	return 0;
}

int plan_permissions(struct planner *p)
{
	size_t n = p->db->n_packages;
	_cleanup_free_ bool *stays = calloc(n + 1, sizeof(*stays));
	_cleanup_free_ bool *needed = calloc(n + 1, sizeof(*needed));
	int r;

	if (!stays || !needed)
		return -ENOMEM;
	if (p->policy->mode != APPS_ALLOW)
		return 0;
	r = plan_leaving(p);
	for (size_t i = 0; i < n; i++)
		needed[i] = stays[i] =
			p->kept[i] || p->is_demanded[i] ||
			(p->is_explicit[i] && !p->is_leaving[i] && !apk_cut_is_gone(&p->cut, i));
	apk_db_close(p->db, needed);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (needed[i] && !p->is_explicit[i] && p->in->has_desktop &&
			p->in->has_desktop[i] && has_no_permission(p, i))
			r = plan_came_along(p, i, stays);
	return r;
}
