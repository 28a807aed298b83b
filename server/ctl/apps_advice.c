/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_advice.c - second looks at the apps of a policy; see apps_advice.h. Reads nothing but the
 * policy: what phones have installed is not known here. mdmctl only.
 */
#include "server/ctl/apps_advice.h"

#include <stdarg.h>

#include "policies/app_forms.h"
#include "policies/app_pattern.h"

struct advice {
	FILE *out;
	const struct profile *profile;
};

static void advise(const struct advice *a, const char *format, ...) _printf_(2, 3);
static void advise(const struct advice *a, const char *format, ...)
{
	va_list args;

	fprintf(a->out, "warning: profile %s: apps.", a->profile->id);
	va_start(args, format);
	vfprintf(a->out, format, args);
	va_end(args);
	fputs("\n", a->out);
}

static const struct string_set *set_of(const struct advice *a, enum setting_id id)
{
	return a->profile->has[id] ? &a->profile->values[id].set : NULL;
}

static bool is_false(const struct advice *a, enum setting_id id)
{
	return a->profile->has[id] && !a->profile->values[id].number;
}

static enum apps_mode mode_of(const struct advice *a)
{
	return a->profile->has[SETTING_APPS_MODE]
		       ? (enum apps_mode)a->profile->values[SETTING_APPS_MODE].number
		       : APPS_OFF;
}

/* Settings that mean nothing until somebody says what the lists mean. */
static void advise_mode(const struct advice *a)
{
	static const enum setting_id ids[] = {SETTING_APPS_ALLOWED, SETTING_APPS_BLOCKED,
		SETTING_APPS_REQUIRED, SETTING_APPS_PINNED, SETTING_APPS_USER_FLATPAKS};

	if (mode_of(a) == APPS_ALLOW && !a->profile->has[SETTING_APPS_ALLOWED])
		advise(a, "mode is allow without a list: packages and Flatpaks need no permission "
			  "unless another profile that applies has one");
	for (size_t i = 0; mode_of(a) == APPS_OFF && i < ARRAY_SIZE(ids); i++)
		if (a->profile->has[ids[i]]) {
			advise(a,
				"%s does nothing unless another profile that applies sets the "
				"mode",
				setting_row(ids[i])->name);
			return;
		}
	/* What lies where people can write needs no list. */
	if (mode_of(a) == APPS_OFF && a->profile->has[SETTING_APPS_GUARD] &&
		a->profile->values[SETTING_APPS_GUARD].number > 0 &&
		!is_false(a, SETTING_APPS_USER_PROGRAMS))
		advise(a, "guard has nothing to judge by unless another profile that applies sets "
			  "the mode");
}

static void advise_blocked(const struct advice *a)
{
	const struct string_set *blocked = set_of(a, SETTING_APPS_BLOCKED);

	for (size_t i = 0; blocked && i < blocked->n_strings; i++) {
		const char *pattern = blocked->strings[i], *name, *why;
		char text[LIMIT_TEXT_BYTES + 1];
		size_t n = strlen(pattern);

		if (app_pattern_is_everything(pattern, n))
			advise(a,
				"blocked has %s, which is every app of its kind but those that "
				"the phone came with",
				pattern);
		if (!app_pattern_is_one_package(pattern, n, &name, &n))
			continue;
		snprintf(text, sizeof(text), "%.*s", (int)n, name);
		why = app_protected_why(text);
		if (why)
			advise(a, "blocked has %s, which no phone removes: it is %s", text, why);
	}
}

/* One pattern of the list: what the profile blocks as well. Whether it is of files. */
static bool advise_allowed_one(const struct advice *a, const char *allowed, size_t n_allowed)
{
	static const char file[] = "sha256:";
	struct app app = {.kind = APP_PACKAGE};
	char text[LIMIT_TEXT_BYTES + 1];
	const char *name, *pattern;
	enum app_fit fit;
	size_t n;

	if (app_pattern_is_one_package(allowed, n_allowed, &name, &n)) {
		snprintf(text, sizeof(text), "%.*s", (int)n, name);
		app.name = text;
		pattern = app_set_fit(set_of(a, SETTING_APPS_BLOCKED), &app, &fit);
		if (fit == APP_FITS)
			advise(a, "allowed has %s, which blocked has as %s: blocked counts", text,
				pattern);
	}
	return n_allowed >= strlen(file) && memcmp(allowed, file, strlen(file)) == 0;
}

/* A list that another mode reads, and what is in both lists. */
static void advise_allowed(const struct advice *a)
{
	const struct string_set *lists = set_of(a, SETTING_APPS_ALLOWED);
	size_t n_others = 0;

	/* A list is one text, with a pattern in each line. */
	for (size_t i = 0; lists && i < lists->n_strings; i++)
		for (const char *at = lists->strings[i]; *at;) {
			size_t n = strcspn(at, "\n");

			n_others += !advise_allowed_one(a, at, n);
			at += n + (at[n] == '\n');
		}
	/* Files may run by their content in the mode deny, too. */
	if (n_others && mode_of(a) == APPS_DENY)
		advise(a, "allowed says nothing about packages and Flatpaks unless another "
			  "profile that applies sets the mode to allow");
}

/* Required or pinned: what the profile itself blocks. */
static void advise_against(const struct advice *a, enum setting_id id)
{
	const struct string_set *wanted = set_of(a, id), *blocked = set_of(a, SETTING_APPS_BLOCKED);

	for (size_t i = 0; wanted && i < wanted->n_strings; i++) {
		struct app_flatpak_name flatpak = {0};
		struct app app = {.kind = APP_PACKAGE};
		char name[LIMIT_TEXT_BYTES + 1], remote[LIMIT_TEXT_BYTES + 1];
		const char *pattern;
		enum app_fit fit;

		snprintf(name, sizeof(name), "%s", wanted->strings[i]);
		name[strcspn(name, "=")] = 0;
		app.name = name;
		if (app_flatpak_read(wanted->strings[i], &flatpak)) {
			snprintf(remote, sizeof(remote), "%.*s", (int)flatpak.n_remote,
				flatpak.remote);
			app = (struct app){
				.kind = APP_FLATPAK, .name = flatpak.id, .remote = remote};
		}
		pattern = app_set_fit(blocked, &app, &fit);
		if (fit == APP_FITS)
			advise(a, "%s has %s, which blocked has as %s: blocked counts",
				setting_row(id)->name, wanted->strings[i], pattern);
	}
}

static void advise_pins(const struct advice *a)
{
	const struct string_set *pinned = set_of(a, SETTING_APPS_PINNED);

	for (size_t i = 1; pinned && i < pinned->n_strings; i++) {
		size_t n, n_before;

		app_pin_version(pinned->strings[i - 1], &n_before);
		app_pin_version(pinned->strings[i], &n);
		if (n == n_before && strncmp(pinned->strings[i - 1], pinned->strings[i], n) == 0)
			advise(a, "pinned has %s and %s: neither counts", pinned->strings[i - 1],
				pinned->strings[i]);
	}
}

static void advise_rest(const struct advice *a)
{
	const struct profile *profile = a->profile;
	const struct string_set *hours = set_of(a, SETTING_APPS_UPDATE_HOURS),
				*repositories = set_of(a, SETTING_APPS_REPOSITORIES);
	bool guards =
		profile->has[SETTING_APPS_GUARD] &&
		profile->values[SETTING_APPS_GUARD].number == setting_row(SETTING_APPS_GUARD)->max;

	if (is_false(a, SETTING_APPS_USER_PROGRAMS) && !guards)
		advise(a, "user_programs is false, and nothing holds them back unless another "
			  "profile that applies sets guard to enforce");
	if (hours && !profile->has[SETTING_APPS_UPDATE_EVERY])
		advise(a, "update_hours does nothing unless another profile that applies sets "
			  "update_every");
	if (repositories && repositories->n_strings == 0)
		advise(a, "repositories is empty: no phone takes its last source of updates away; "
			  "it changes nothing and reports it");
	/* Which key signs a phone's system today is known to nobody but its package manager. */
	if (profile->has[SETTING_APPS_SIGNING_KEYS] &&
		profile->values[SETTING_APPS_SIGNING_KEYS].set.n_strings == 0)
		advise(a, "signing_keys is empty: no phone takes the last key of its updates away; "
			  "it changes nothing and reports it");
	else if (profile->has[SETTING_APPS_SIGNING_KEYS])
		advise(a,
			"signing_keys ends the updates of whatever is signed with another key: "
			"all that `sha256sum /etc/apk/keys/*` shows on a new phone belong into it");
	if (hours && hours->n_strings == 0)
		advise(a, "update_hours is empty: there is no hour in which updates may begin");
	if (profile->has[SETTING_APPS_GUARD_FAILURE] &&
		profile->values[SETTING_APPS_GUARD_FAILURE].number ==
			setting_row(SETTING_APPS_GUARD_FAILURE)->max)
		advise(a, "guard_failure is closed: a phone whose guard does not answer starts "
			  "nothing new");
}

void apps_advise(FILE *out, const struct profile *profile)
{
	struct advice a = {out, profile};

	advise_mode(&a);
	advise_blocked(&a);
	advise_allowed(&a);
	advise_against(&a, SETTING_APPS_REQUIRED);
	advise_against(&a, SETTING_APPS_PINNED);
	advise_pins(&a);
	advise_rest(&a);
}
