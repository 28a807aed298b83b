/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app_pattern.c - patterns of apps; see app_pattern.h and apps.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer, by mdm-agent-apps and by the tools.
 * Names of apps are strangers' words: nothing here recurses or takes more than length times length.
 */
#include "policies/app_pattern.h"

#include <string.h>

#define SHA256_DIGITS 64

const char *app_term_name(enum app_term_kind kind)
{
	static const char *const names[APP_TERM_KIND_MAX] = {
		[APP_TERM_NAME] = "name",
		[APP_TERM_ORIGIN] = "origin",
		[APP_TERM_REPOSITORY] = "repository",
		[APP_TERM_FLATPAK] = "flatpak",
		[APP_TERM_REMOTE] = "remote",
		[APP_TERM_SHA256] = "sha256",
	};

	return names[kind];
}

/* Which kind of app each kind of term speaks of. */
static enum app_kind term_app_kind(enum app_term_kind kind)
{
	switch (kind) {
	case APP_TERM_NAME:
	case APP_TERM_ORIGIN:
	case APP_TERM_REPOSITORY:
		return APP_PACKAGE;
	case APP_TERM_FLATPAK:
	case APP_TERM_REMOTE:
		return APP_FLATPAK;
	case APP_TERM_SHA256:
		return APP_FILE;
	case APP_TERM_KIND_MAX:
		break;
	}
	return APP_KIND_MAX;
}

bool app_term_next(const char **pattern, size_t *n_bytes, struct app_term *ret_term)
{
	const char *space = *n_bytes ? memchr(*pattern, ' ', *n_bytes) : NULL;
	size_t n = space ? (size_t)(space - *pattern) : *n_bytes;
	const char *colon = n ? memchr(*pattern, ':', n) : NULL;
	struct app_term term = {APP_TERM_NAME, *pattern, n};

	if (colon) {
		size_t n_kind = (size_t)(colon - *pattern);

		for (term.kind = 0; term.kind < APP_TERM_KIND_MAX; term.kind++)
			if (strlen(app_term_name(term.kind)) == n_kind &&
				memcmp(app_term_name(term.kind), *pattern, n_kind) == 0)
				break;
		if (term.kind == APP_TERM_KIND_MAX)
			return false;
		term.value += n_kind + 1;
		term.n_value -= n_kind + 1;
	}
	/* A space at the end would leave nothing behind it, and two of them nothing between. */
	if (term.n_value == 0 || (space && n + 1 == *n_bytes))
		return false;
	*pattern += n + (space != NULL);
	*n_bytes -= n + (space != NULL);
	*ret_term = term;
	return true;
}

/* What the names of packages, repositories and Flatpaks are made of, and the two wildcards. */
static bool glob_is_valid(const char *text, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++) {
		char c = text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    (c != 0 && strchr("+_.-*?", c))))
			return false;
	}
	return n_bytes > 0;
}

static bool digits_are_valid(const char *text, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
	return n_bytes == SHA256_DIGITS;
}

/* NULL, or what is wrong. */
static const char *pattern_fault(const char *pattern, size_t n_bytes)
{
	struct app_term term;
	unsigned int seen = 0;
	enum app_kind speaks_of = APP_KIND_MAX;

	if (n_bytes == 0)
		return "is empty";
	/* One of each kind is the most: LIMIT_APPS_PATTERN_TERMS. */
	while (n_bytes > 0) {
		if (!app_term_next(&pattern, &n_bytes, &term))
			return "is no pattern: terms are name:, origin:, repository:, flatpak:, "
			       "remote:, sha256:, one space between";
		if (seen & 1u << term.kind)
			return "has two terms of one kind: what a space stands between is one pattern, "
			       "all of which has to fit";
		seen |= 1u << term.kind;
		if (term.kind == APP_TERM_SHA256 && !digits_are_valid(term.value, term.n_value))
			return "wants 64 lower-case hexadecimal digits behind sha256:";
		if (term.kind != APP_TERM_SHA256 && !glob_is_valid(term.value, term.n_value))
			return "may hold letters, digits, + _ . - and the wildcards * and ?";
		if (speaks_of != APP_KIND_MAX && speaks_of != term_app_kind(term.kind))
			return "never fits: packages, Flatpaks and files have terms of their own";
		speaks_of = term_app_kind(term.kind);
	}
	return NULL;
}

bool app_pattern_is_valid(const char *pattern, size_t n_bytes, const char **ret_why)
{
	const char *fault = pattern_fault(pattern, n_bytes);

	if (fault)
		*ret_why = fault;
	return !fault;
}

bool app_glob_fits(const char *glob, size_t n_glob, const char *text, size_t n_text)
{
	size_t g = 0, t = 0, star = SIZE_MAX, resume = 0;

	while (t < n_text) {
		if (g < n_glob && glob[g] == '*') {
			star = g++;
			resume = t;
		} else if (g < n_glob && (glob[g] == '?' || glob[g] == text[t])) {
			g++;
			t++;
		} else if (star != SIZE_MAX) {
			/* The last star takes one byte more; the ones before it need not. */
			g = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (g < n_glob && glob[g] == '*')
		g++;
	return g == n_glob;
}

static const char *app_text(const struct app *app, enum app_term_kind kind)
{
	switch (kind) {
	case APP_TERM_NAME:
	case APP_TERM_FLATPAK:
		return app->name;
	case APP_TERM_ORIGIN:
		return app->origin;
	case APP_TERM_REPOSITORY:
		return app->repository;
	case APP_TERM_REMOTE:
		return app->remote;
	case APP_TERM_SHA256:
		return app->sha256;
	case APP_TERM_KIND_MAX:
		break;
	}
	return "";
}

static enum app_fit term_fit(const struct app_term *term, const struct app *app)
{
	const char *text = app_text(app, term->kind);

	if (term_app_kind(term->kind) != app->kind)
		return APP_FITS_NOT;
	if (!text)
		return APP_MAY_FIT;
	if (term->kind == APP_TERM_SHA256)
		return strlen(text) == term->n_value &&
				       memcmp(text, term->value, term->n_value) == 0
			       ? APP_FITS
			       : APP_FITS_NOT;
	return app_glob_fits(term->value, term->n_value, text, strlen(text)) ? APP_FITS
									     : APP_FITS_NOT;
}

enum app_fit app_pattern_fit(const char *pattern, size_t n_bytes, const struct app *app)
{
	enum app_fit worst = n_bytes ? APP_FITS : APP_FITS_NOT;
	struct app_term term;

	while (n_bytes > 0 && worst != APP_FITS_NOT) {
		enum app_fit fit;

		if (!app_term_next(&pattern, &n_bytes, &term))
			return APP_FITS_NOT;
		fit = term_fit(&term, app);
		worst = fit < worst ? fit : worst;
	}
	return worst;
}

bool app_pattern_fits(const char *pattern, size_t n_bytes, const struct app *app)
{
	return app_pattern_fit(pattern, n_bytes, app) == APP_FITS;
}

enum app_fit app_lists_fit(const struct string_set *lists, const struct app *app)
{
	enum app_fit worst = APP_FITS;

	for (size_t i = 0; lists && i < lists->n_strings && worst != APP_FITS_NOT; i++) {
		const char *list = lists->strings[i], *pattern;
		enum app_fit best = APP_FITS_NOT;
		size_t n;

		while (best != APP_FITS && value_list_next(&list, &pattern, &n)) {
			enum app_fit fit = app_pattern_fit(pattern, n, app);

			best = fit > best ? fit : best;
		}
		worst = best < worst ? best : worst;
	}
	return worst;
}

const char *app_set_fit(
	const struct string_set *patterns, const struct app *app, enum app_fit *ret_fit)
{
	enum app_fit best = APP_FITS_NOT;
	const char *found = NULL;

	for (size_t i = 0; patterns && i < patterns->n_strings && best != APP_FITS; i++) {
		const char *pattern = patterns->strings[i];
		enum app_fit fit = app_pattern_fit(pattern, strlen(pattern), app);

		if (fit > best) {
			best = fit;
			found = pattern;
		}
	}
	*ret_fit = best;
	return found;
}

bool app_pattern_is_everything(const char *pattern, size_t n_bytes)
{
	struct app_term term;

	if (n_bytes == 0)
		return false;
	while (n_bytes > 0) {
		if (!app_term_next(&pattern, &n_bytes, &term))
			return false;
		for (size_t i = 0; i < term.n_value; i++)
			if (term.value[i] != '*')
				return false;
	}
	return true;
}

bool app_pattern_is_one_package(
	const char *pattern, size_t n_bytes, const char **ret_name, size_t *ret_n_name)
{
	struct app_term term;

	if (!app_term_next(&pattern, &n_bytes, &term) || n_bytes > 0 ||
		term.kind != APP_TERM_NAME || memchr(term.value, '*', term.n_value) ||
		memchr(term.value, '?', term.n_value))
		return false;
	*ret_name = term.value;
	*ret_n_name = term.n_value;
	return true;
}
