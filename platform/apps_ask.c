/* SPDX-License-Identifier: Apache-2.0 */
/* apps_ask.c - see apps_ask.h. Enforcer only. */
#include "platform/apps_ask.h"

#include <errno.h>
#include <string.h>

#include "platform/apps_look.h"
#include "platform/backend.h"
#include "policies/app_pattern.h"

const char *apps_answer_name(enum apps_answer answer)
{
	static const char *const names[APPS_ANSWER_MAX] = {
		[APPS_ANSWER_DO] = "",
		[APPS_ANSWER_NOTHING] = "nothing_to_do",
		[APPS_ANSWER_UNKNOWN] = "unknown_package",
		[APPS_ANSWER_BLOCKED] = "blocked",
		[APPS_ANSWER_NOT_ALLOWED] = "not_allowed",
		[APPS_ANSWER_PROTECTED] = "protected",
		[APPS_ANSWER_REQUIRED] = "required",
	};

	return answer < APPS_ANSWER_MAX ? names[answer] : NULL;
}

void apps_asked_done(struct apps_asked *asked)
{
	for (size_t i = 0; i < asked->n_steps; i++)
		free(asked->steps[i].words);
	free(asked->steps);
	*asked = (struct apps_asked){0};
}

static bool is_required(const struct apps_policy *policy, const char *name, bool is_flatpak)
{
	if (policy->mode == APPS_OFF)
		return false;
	return is_flatpak ? apps_requires_flatpak(policy, name)
			  : string_set_has(policy->required, name);
}

static size_t find_package(const struct apps_snapshot *snapshot, const char *name)
{
	return apk_db_find(&snapshot->db, name, strlen(name));
}

static void answer(struct apps_asked *asked, enum apps_answer a, const char *detail)
{
	asked->answer = a;
	text_printf(asked->detail, "%s", detail);
}

int apps_ask_install(struct platform *platform, const char *name, const char *remote,
	struct apps_asked *ret_asked)
{
	struct apps_asked asked = {.answer = APPS_ANSWER_DO};
	bool is_flatpak = *remote;
	/* Of a package that is not here nobody knows yet what it was built from. */
	const struct app app = {
		.kind = is_flatpak ? APP_FLATPAK : APP_PACKAGE,
		.name = name,
		.remote = is_flatpak ? remote : "",
		.user = "",
		.sha256 = "",
		.is_explicit = true,
	};
	enum app_fit fit = APP_FITS_NOT;
	char words[2 * LIMIT_TEXT_BYTES];
	struct apps_look look;
	int r = apps_look_take(platform, platform->desired, &look);

	if (r < 0)
		return r;
	snprintf(words, sizeof(words), "%s%s%s", remote, is_flatpak ? " " : "", name);
	if (look.policy.mode != APPS_OFF && look.policy.blocked)
		(void)app_set_fit(look.policy.blocked, &app, &fit);
	if (fit == APP_FITS)
		answer(&asked, APPS_ANSWER_BLOCKED, "the policy blocks it");
	else if (look.policy.mode == APPS_ALLOW && !is_required(&look.policy, name, is_flatpak) &&
		 app_lists_fit(look.policy.allowed, &app) == APP_FITS_NOT)
		answer(&asked, APPS_ANSWER_NOT_ALLOWED, "the policy does not allow it");
	else if (is_flatpak && apps_has_flatpak(look.snapshot, name))
		answer(&asked, APPS_ANSWER_NOTHING, "it is installed already");
	else
		r = apps_steps_add(&asked.steps, &asked.n_steps,
			is_flatpak ? APPS_STEP_FLATPAK_INSTALL : APPS_STEP_ADD, words);
	apps_look_done(&look);
	if (r == 0)
		*ret_asked = asked;
	return r;
}

/* As if the policy blocked it: what would keep it here keeps it here now as well. */
static int judge_removal(
	const struct apps_snapshot *snapshot, const char *name, struct apps_asked *asked)
{
	char pattern[LIMIT_TEXT_BYTES + 8];
	char *patterns[] = {pattern};
	const struct string_set blocked = {patterns, 1};
	const struct apps_policy policy = {.mode = APPS_DENY,
		.blocked = &blocked,
		.user_flatpaks = true,
		.user_programs = true};
	const struct apps_plan_input input = {
		.policy = &policy,
		.db = &snapshot->db,
		.world = snapshot->world,
		.base = snapshot->is_base,
		.has_desktop = snapshot->has_desktop,
	};
	struct apps_plan plan;
	int r;

	snprintf(pattern, sizeof(pattern), "name:%s", name);
	r = apps_plan_make(&input, &plan);
	if (r < 0)
		return r;
	for (size_t i = 0; i < plan.n_items; i++) {
		const struct apps_item *item = &plan.items[i];

		if (item->wish != APPS_WISH_BAN || strcmp(item->name, name) != 0 ||
			item->why_not == APPS_CAN)
			continue;
		answer(asked, APPS_ANSWER_PROTECTED,
			item->chain[0] ? item->chain : apps_why_not_help(item->why_not));
	}
	apps_plan_done(&plan);
	return 0;
}

int apps_ask_remove(struct platform *platform, const char *name, struct apps_asked *ret_asked)
{
	struct apps_asked asked = {.answer = APPS_ANSWER_DO};
	bool is_flatpak;
	struct apps_look look;
	int r = apps_look_take(platform, platform->desired, &look);

	if (r < 0)
		return r;
	is_flatpak = apps_has_flatpak(look.snapshot, name);
	if (!is_flatpak && find_package(look.snapshot, name) == look.snapshot->db.n_packages)
		answer(&asked, APPS_ANSWER_NOTHING, "it is not installed");
	else if (is_required(&look.policy, name, is_flatpak))
		answer(&asked, APPS_ANSWER_REQUIRED,
			"the policy requires it: take it out there first");
	else if (!is_flatpak)
		r = judge_removal(look.snapshot, name, &asked);
	if (r == 0 && asked.answer == APPS_ANSWER_DO && !is_flatpak)
		r = apps_steps_keep(&asked.steps, &asked.n_steps, look.snapshot);
	if (r == 0 && asked.answer == APPS_ANSWER_DO)
		r = apps_steps_add(&asked.steps, &asked.n_steps,
			is_flatpak ? APPS_STEP_FLATPAK_REMOVE : APPS_STEP_REMOVE, name);
	apps_look_done(&look);
	if (r == 0)
		*ret_asked = asked;
	return r;
}

int apps_ask_update(struct platform *platform, const char *name, struct apps_asked *ret_asked)
{
	struct apps_asked asked = {.answer = APPS_ANSWER_DO};
	struct apps_look look;
	bool is_flatpak;
	int r = apps_look_take(platform, platform->desired, &look);

	if (r < 0)
		return r;
	is_flatpak = *name && apps_has_flatpak(look.snapshot, name);
	if (*name && !is_flatpak &&
		find_package(look.snapshot, name) == look.snapshot->db.n_packages)
		answer(&asked, APPS_ANSWER_UNKNOWN, "it is not installed");
	if (asked.answer == APPS_ANSWER_DO && !is_flatpak &&
		(*name || look.snapshot->manager == APPS_MANAGER_APK)) {
		r = apps_steps_keep(&asked.steps, &asked.n_steps, look.snapshot);
		if (r == 0)
			r = apps_steps_add(&asked.steps, &asked.n_steps, APPS_STEP_UPGRADE, name);
	}
	if (r == 0 && asked.answer == APPS_ANSWER_DO &&
		(is_flatpak || (!*name && look.snapshot->flatpaks.n_apps)))
		r = apps_steps_add(&asked.steps, &asked.n_steps, APPS_STEP_FLATPAK_UPDATE, name);
	if (r == 0 && asked.answer == APPS_ANSWER_DO && !asked.n_steps)
		answer(&asked, APPS_ANSWER_NOTHING,
			"neither packages of apk nor Flatpaks are here");
	apps_look_done(&look);
	if (r == 0)
		*ret_asked = asked;
	return r;
}
