/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_plan_demands.c - what a plan wants to have: required and pinned packages; see apps_plan.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer and by mdm-agent-apps.
 */
#include <string.h>

#include "policies/app_forms.h"
#include "policies/apps_plan_private.h"

/* One element of required or pinned, and what is known of its package. */
struct demand {
	struct apk_text name;
	size_t package; /* that has the name, or provides it; db->n_packages: not installed */
	struct plan_app known;
	struct app app; /* texts are NULL where they are not known */
};

static void demand_read(
	const struct planner *p, const char *name, size_t n_name, struct demand *ret_demand)
{
	struct demand *d = ret_demand;
	size_t own = apk_db_find(p->db, name, n_name);

	d->name = (struct apk_text){name, n_name};
	d->package = apk_db_provider(p->db, name, n_name);
	if (own < p->db->n_packages) {
		plan_app_read(p, own, &d->known);
		d->app = d->known.app;
	} else {
		memcpy(d->known.name, name, n_name);
		d->known.name[n_name] = 0;
		d->app = (struct app){.kind = APP_PACKAGE, .name = d->known.name};
	}
}

/* What is against having it, in item. wants_permission: it is asked for by a name of its own, so it
 * is an app, whatever else would make it one. */
static void demand_judge(const struct planner *p, const struct demand *d, bool wants_permission,
	struct apps_item *item)
{
	const char *pattern = apps_blocked_by(p->policy, &d->app);

	if (!pattern && d->package == p->db->n_packages)
		pattern = plan_held_by(p, &d->name);
	if (app_is_protected(d->app.name) ||
		(d->package < p->db->n_packages && p->kept[d->package]))
		return;
	if (pattern) {
		item->why_not = APPS_WHY_CONFLICT;
		plan_say(item, "blocked by %s", pattern);
	} else if (d->package < p->db->n_packages && apk_cut_is_gone(&p->cut, d->package)) {
		item->why_not = APPS_WHY_CONFLICT;
		plan_gone_write(p, d->package, item);
	} else if (p->policy->mode == APPS_ALLOW &&
		   (wants_permission || d->app.is_explicit || d->app.is_shown) &&
		   app_lists_fit(p->policy->allowed, &d->app) == APP_FITS_NOT) {
		item->why_not = APPS_WHY_CONFLICT;
		plan_say(item, "not in a list of allowed");
	}
}

static bool set_has_name(const struct string_set *set, const struct apk_text *name)
{
	for (size_t i = 0; set && i < set->n_strings; i++)
		if (strlen(set->strings[i]) == name->n &&
			memcmp(set->strings[i], name->at, name->n) == 0)
			return true;
	return false;
}

static int plan_install(struct planner *p, const char *name)
{
	struct apps_item *item;
	struct demand d;
	int r;

	demand_read(p, name, strlen(name), &d);
	r = plan_add(p, APPS_WISH_INSTALL, &d.name, &item);
	if (r < 0 || !item)
		return r;
	demand_judge(p, &d, true, item);
	if (item->why_not != APPS_CAN || d.package == p->db->n_packages)
		return 0;
	p->is_demanded[d.package] = true;
	item->is_done = plan_words_find(&p->in_force, d.name.at, d.name.n, false) != NULL;
	return 0;
}

static bool version_is(const struct apk_text *version, const char *wanted)
{
	return version->n == strlen(wanted) && memcmp(version->at, wanted, version->n) == 0;
}

static bool pin_is_done(const struct planner *p, const struct demand *d, const char *version)
{
	const struct apk_dependency *word =
		plan_words_find(&p->in_force, d->name.at, d->name.n, false);
	size_t own = apk_db_find(p->db, d->name.at, d->name.n);

	return own < p->db->n_packages && version_is(&p->db->packages[own].version, version) &&
	       word && strcmp(word->operator, "=") == 0 && version_is(&word->version, version);
}

/* Whether the element beside it is about the same package: they are sorted. */
static bool is_same_name(const struct string_set *set, size_t i, const struct apk_text *name)
{
	const char *other = i < set->n_strings ? set->strings[i] : "";

	return strncmp(other, name->at, name->n) == 0 && other[name->n] == '=';
}

/* A pin holds what is there or will be, and installs nothing. */
static int plan_pin(struct planner *p, size_t i)
{
	const struct string_set *pinned = p->policy->pinned;
	struct apps_item *item;
	struct demand d;
	const char *version;
	size_t n_name;
	int r;

	version = app_pin_version(pinned->strings[i], &n_name);
	if (n_name > LIMIT_TEXT_BYTES || strlen(version) > LIMIT_NAME_BYTES)
		return 0;
	demand_read(p, pinned->strings[i], n_name, &d);
	if (apk_db_find(p->db, d.name.at, d.name.n) == p->db->n_packages &&
		!set_has_name(p->policy->required, &d.name))
		return 0;
	r = plan_add(p, APPS_WISH_PIN, &d.name, &item);
	if (r < 0 || !item)
		return r;
	memcpy(item->version, version, strlen(version));
	if (is_same_name(pinned, i + 1, &d.name) ||
		(i > 0 && is_same_name(pinned, i - 1, &d.name))) {
		item->why_not = APPS_WHY_CONFLICT;
		plan_say(item, "pinned to another version as well");
		return 0;
	}
	demand_judge(p, &d, set_has_name(p->policy->required, &d.name), item);
	if (item->why_not != APPS_CAN)
		return 0;
	if (d.package < p->db->n_packages)
		p->is_demanded[d.package] = true;
	item->is_done = pin_is_done(p, &d, version);
	return 0;
}

int plan_demands(struct planner *p)
{
	const struct string_set *required = p->policy->required, *pinned = p->policy->pinned;
	struct app_flatpak_name flatpak;
	int r = 0;

	for (size_t i = 0; required && r == 0 && i < required->n_strings; i++)
		if (!app_flatpak_read(required->strings[i], &flatpak))
			r = plan_install(p, required->strings[i]);
	for (size_t i = 0; pinned && r == 0 && i < pinned->n_strings; i++)
		r = plan_pin(p, i);
	return r;
}
