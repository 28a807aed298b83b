/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app_pattern.h - patterns of apps taken apart: "name:fire* repository:edge"; the row apps.allowed
 * of the table of settings says what they mean. Pure.
 */
#ifndef MDM_POLICIES_APP_PATTERN_H
#define MDM_POLICIES_APP_PATTERN_H

#include "policies/apps.h"

enum app_term_kind {
	APP_TERM_NAME,
	APP_TERM_ORIGIN,
	APP_TERM_REPOSITORY,
	APP_TERM_FLATPAK,
	APP_TERM_REMOTE,
	APP_TERM_SHA256,
	APP_TERM_KIND_MAX,
};
const char *app_term_name(enum app_term_kind kind); /* "name", "origin" */

struct app_term {
	enum app_term_kind kind;
	const char *value; /* a glob, or 64 digits; not ended by NUL */
	size_t n_value;
};

/*
 * The next term of a pattern; both arguments move behind it. False: no more, or *pattern is not at
 * a term (then *n_bytes is not 0). What stands in a policy in force is always whole.
 */
bool app_term_next(const char **pattern, size_t *n_bytes, struct app_term *ret_term);

/* * is any text, ? one byte; everything else is itself. Takes time n_glob * n_text at most. */
bool app_glob_fits(const char *glob, size_t n_glob, const char *text, size_t n_text);

enum app_fit {
	APP_FITS_NOT,
	APP_MAY_FIT, /* the answer lies in a text that is not known (NULL) */
	APP_FITS,
};

/* app_pattern_fits() for an app of which not everything is known: texts may be NULL. */
enum app_fit app_pattern_fit(const char *pattern, size_t n_bytes, const struct app *app);

/*
 * Whether the lists of allowed let the app be: the worst of the lists, each of which is as good as
 * the best of its patterns. No list at all lets everything be.
 */
enum app_fit app_lists_fit(const struct string_set *lists, const struct app *app);

/* The pattern of the set that fits the app, or may where none does; NULL: none. */
const char *app_set_fit(
	const struct string_set *patterns, const struct app *app, enum app_fit *ret_fit);

/* Whether every app of its kind fits: nothing in it but stars. */
bool app_pattern_is_everything(const char *pattern, size_t n_bytes);

/* The one package name that a pattern without wildcards and without other terms stands for; false
 * for all other patterns. */
bool app_pattern_is_one_package(
	const char *pattern, size_t n_bytes, const char **ret_name, size_t *ret_n_name);

#endif
