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

struct ban {
	struct apk_text name;
	const char *pattern; /* see struct apps_item */
};

struct names {
	struct ban *names; /* owned; the texts are borrowed */
	size_t n_names, n_max;
};

static void names_done(struct names *names)
{
	free(names->names);
}

static int names_add(struct names *names, const struct ban *ban)
{
	if (names->n_names == names->n_max) {
		size_t n_max = names->n_max ? 2 * names->n_max : 64;
		struct ban *more = reallocarray(names->names, n_max, sizeof(*more));

		if (!more)
			return -ENOMEM;
		names->names = more;
		names->n_max = n_max;
	}
	names->names[names->n_names++] = *ban;
	return 0;
}

static int compare_names(const void *left, const void *right)
{
	const struct apk_text *a = left, *b = right;
	int order = memcmp(a->at, b->at, a->n < b->n ? a->n : b->n);

	return order ? order : (a->n > b->n) - (a->n < b->n);
}

/* Of two reasons the one by the name alone first. */
static int compare_bans(const void *left, const void *right)
{
	const struct ban *a = left, *b = right;
	int order = compare_names(&a->name, &b->name);

	if (!order)
		order = (a->pattern != NULL) - (b->pattern != NULL);
	return order || !a->pattern ? order : strcmp(a->pattern, b->pattern);
}

static void names_sort(struct names *names)
{
	size_t n = 0;

	if (names->n_names)
		qsort(names->names, names->n_names, sizeof(*names->names), compare_bans);
	for (size_t i = 0; i < names->n_names; i++)
		if (n == 0 || compare_names(&names->names[n - 1].name, &names->names[i].name) != 0)
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

/* The element of blocked that the record names for it, if the policy still has it. */
static const char *find_held(const struct planner *p, const char *name, size_t n_name)
{
	const struct string_set *blocked = p->policy->blocked;
	const char *at = p->in->held.at, *end = at ? at + p->in->held.n : at;

	for (const char *eol; at && at < end && (eol = memchr(at, '\n', (size_t)(end - at)));
		at = eol + 1) {
		const char *pattern = at + n_name + 1;

		if ((size_t)(eol - at) <= n_name || memcmp(at, name, n_name) != 0 ||
			at[n_name] != ' ')
			continue;
		for (size_t i = 0; i < blocked->n_strings; i++)
			if (strlen(blocked->strings[i]) == (size_t)(eol - pattern) &&
				memcmp(blocked->strings[i], pattern, (size_t)(eol - pattern)) == 0)
				return blocked->strings[i];
	}
	return NULL;
}

const char *plan_held_by(const struct planner *p, const struct apk_text *name)
{
	return p->policy->blocked && plan_words_find(&p->in_force, name->at, name->n, true)
		       ? find_held(p, name->at, name->n)
		       : NULL;
}

/*
 * Bans in force of what somebody has, or of what nobody has, that the policy still wants. What is
 * gone cannot be looked at any more: without this a ban would end with the removal that it caused,
 * and begin again with the next installation.
 */
static int names_collect_held(const struct planner *p, bool installed, struct names *names)
{
	int r = 0;

	for (size_t i = 0; p->policy->blocked && r == 0 && i < p->in_force.n_words; i++) {
		const struct apk_dependency *word = &p->in_force.words[i];
		struct ban ban = {.name = word->name};

		if (!word->is_conflict || is_installed(p, word->name.at, word->name.n) != installed)
			continue;
		if (!is_blocked_ahead(p, word->name.at, word->name.n)) {
			ban.pattern = find_held(p, word->name.at, word->name.n);
			if (!ban.pattern)
				continue;
		}
		r = names_add(names, &ban);
	}
	return r;
}

/* Names in repositories that patterns fit, of what somebody has (by another name), or nobody. */
static int names_collect_available(const struct planner *p, bool installed, struct names *names)
{
	int r = 0;

	for (size_t i = 0; p->policy->blocked && r == 0 && i < p->in->n_available; i++) {
		const struct ban ban = {.name = {p->in->available[i], strlen(p->in->available[i])}};

		if (is_blocked_ahead(p, ban.name.at, ban.name.n) &&
			is_installed(p, ban.name.at, ban.name.n) == installed)
			r = names_add(names, &ban);
	}
	return r;
}

static int names_collect_installed(const struct planner *p, struct names *names)
{
	int r = 0;

	for (size_t i = 0; p->policy->blocked && r == 0 && i < p->db->n_packages; i++) {
		struct ban ban = {.name = p->db->packages[i].name};
		struct plan_app app;

		if (i == p->virtual_package)
			continue;
		plan_app_read(p, i, &app);
		ban.pattern = apps_blocked_by(p->policy, &app.app);
		if (!ban.pattern)
			continue;
		if (is_blocked_ahead(p, ban.name.at, ban.name.n))
			ban.pattern = NULL;
		r = names_add(names, &ban);
	}
	return r;
}

/* Names that patterns spell out, installed packages, and other names of installed packages. */
static int names_collect(const struct planner *p, struct names *names)
{
	const struct string_set *blocked = p->policy->blocked;
	int r = 0;

	for (size_t i = 0; blocked && r == 0 && i < blocked->n_strings; i++) {
		const char *pattern = blocked->strings[i];
		struct ban ban = {0};

		if (app_pattern_is_one_package(pattern, strlen(pattern), &ban.name.at, &ban.name.n))
			r = names_add(names, &ban);
	}
	if (r == 0)
		r = names_collect_installed(p, names);
	if (r == 0)
		r = names_collect_available(p, true, names);
	if (r == 0)
		r = names_collect_held(p, true, names);
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

static int plan_ban(struct planner *p, const struct ban *ban)
{
	const struct apk_text *name = &ban->name;
	struct apk_chain chain = {0};
	struct apps_item *item;
	const char *why;
	int r = plan_add(p, APPS_WISH_BAN, name, &item);

	if (r < 0 || !item)
		return r;
	item->pattern = ban->pattern;
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
		if (r < 0 || !item)
			continue;
		item->makes_way = true;
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

static bool is_protected_name(const struct apk_text *name)
{
	char text[LIMIT_TEXT_BYTES + 1];

	snprintf(text, sizeof(text), "%.*s", (int)name->n, name->at);
	return app_is_protected(text);
}

static int plan_names_ahead(struct planner *p, const struct names *names, bool in_force)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->n_names; i++) {
		const struct ban *ban = &names->names[i];
		struct apps_item *item;
		size_t n_later = p->n_later;

		if (find_ban(p, ban->name.at, ban->name.n) || is_protected_name(&ban->name) ||
			(!in_force &&
				plan_words_find(&p->in_force, ban->name.at, ban->name.n, true)))
			continue;
		r = plan_add(p, APPS_WISH_BAN, &ban->name, &item);
		if (p->n_later != n_later) {
			/* It is not banned ahead, and nothing has to be done later. */
			p->n_later = n_later;
			p->n_left_out++;
		}
		if (r < 0 || !item)
			continue;
		item->pattern = ban->pattern;
		item->is_done = ban_is_done(p, &ban->name);
	}
	return r;
}

int plan_bans_ahead(struct planner *p)
{
	_cleanup_(names_done) struct names held = {0}, available = {0};
	int r = names_collect_held(p, false, &held);

	if (r == 0)
		r = names_collect_available(p, false, &available);
	if (r < 0)
		return r;
	names_sort(&held);
	names_sort(&available);
	r = plan_names_ahead(p, &held, true);
	return r < 0 ? r : plan_names_ahead(p, &available, false);
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
