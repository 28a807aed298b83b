/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps.c - what the area apps of a policy says of one app; see apps.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer, by mdm-agent-apps and by the tools.
 */
#include "policies/apps.h"

#include "policies/app_pattern.h"

const char *app_kind_name(enum app_kind kind)
{
	static const char *const names[APP_KIND_MAX] = {
		[APP_PACKAGE] = "package",
		[APP_FLATPAK] = "flatpak",
		[APP_FILE] = "file",
	};

	return names[kind];
}

const char *app_verdict_name(enum app_verdict verdict)
{
	static const char *const names[APP_VERDICT_MAX] = {
		[APP_ALLOWED] = "allowed",
		[APP_BLOCKED] = "blocked",
		[APP_NOT_ALLOWED] = "not_allowed",
		[APP_PROTECTED] = "protected",
	};

	return names[verdict];
}

static const struct value *policy_value(const struct effective *effective, enum setting_id id)
{
	const struct effective_setting *setting = &effective->settings[id];

	return setting->present ? &setting->value : NULL;
}

static const struct string_set *policy_set(const struct effective *effective, enum setting_id id)
{
	const struct value *value = policy_value(effective, id);

	return value ? &value->set : NULL;
}

static bool policy_flag(const struct effective *effective, enum setting_id id)
{
	const struct value *value = policy_value(effective, id);

	return !value || value->number != 0;
}

void apps_policy_read(const struct effective *effective, struct apps_policy *ret_policy)
{
	const struct value *mode = policy_value(effective, SETTING_APPS_MODE);

	*ret_policy = (struct apps_policy){
		.mode = mode ? (enum apps_mode)mode->number : APPS_OFF,
		.allowed = policy_set(effective, SETTING_APPS_ALLOWED),
		.blocked = policy_set(effective, SETTING_APPS_BLOCKED),
		.required = policy_set(effective, SETTING_APPS_REQUIRED),
		.pinned = policy_set(effective, SETTING_APPS_PINNED),
		.user_flatpaks = policy_flag(effective, SETTING_APPS_USER_FLATPAKS),
		.user_programs = policy_flag(effective, SETTING_APPS_USER_PROGRAMS),
	};
}

const char *apps_blocked_by(const struct apps_policy *policy, const struct app *app)
{
	enum app_fit fit;
	const char *pattern = app_set_fit(policy->blocked, app, &fit);

	return fit == APP_FITS ? pattern : NULL;
}

static bool app_has_permission(const struct apps_policy *policy, const struct app *app)
{
	bool listed = app_lists_fit(policy->allowed, app) == APP_FITS;

	switch (app->kind) {
	case APP_PACKAGE:
		return policy->mode != APPS_ALLOW || listed ||
		       (!app->is_explicit && !app->is_shown);
	case APP_FLATPAK:
		if (app->user && *app->user && !policy->user_flatpaks)
			return false;
		return policy->mode != APPS_ALLOW || listed;
	case APP_FILE:
		if (policy->mode != APPS_ALLOW && policy->user_programs)
			return true;
		/* Without a list nobody has named it. */
		return listed && policy->allowed && policy->allowed->n_strings > 0;
	case APP_KIND_MAX:
		break;
	}
	return false;
}

enum app_verdict apps_judge(const struct apps_policy *policy, const struct app *app)
{
	enum app_verdict verdict;

	if (policy->mode == APPS_OFF)
		return APP_ALLOWED;
	if (apps_blocked_by(policy, app))
		verdict = APP_BLOCKED;
	else if (!app_has_permission(policy, app))
		verdict = APP_NOT_ALLOWED;
	else
		return APP_ALLOWED;
	if (app->is_base || (app->kind == APP_PACKAGE && app->name && app_is_protected(app->name)))
		return APP_PROTECTED;
	return verdict;
}
