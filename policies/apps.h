/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps.h - what an app is, and what the area apps of the effective policy says of it. Pure.
 *
 * Base is what the phone came with: the image's packages and all that they need, as recorded at
 * enrolment. An app is what somebody chose to have: an explicit member of apk's world, a package
 * with a desktop entry, a Flatpak, that is not base. All other packages are there because an app
 * needs them, and are judged by nobody.
 */
#ifndef MDM_POLICIES_APPS_H
#define MDM_POLICIES_APPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/effective.h"

enum app_kind {
	APP_PACKAGE,
	APP_FLATPAK,
	APP_FILE, /* an AppImage or another executable in somebody's home: a finding */
	APP_KIND_MAX,
};
const char *app_kind_name(enum app_kind kind); /* "package", "flatpak", "file" */

/* One of them; all texts are borrowed, "" where there is none, NULL where it is not known. */
struct app {
	enum app_kind kind;
	const char *name;	/* of the package; id of the Flatpak; path of the file */
	const char *version;	/* Flatpak: the branch if it names no version */
	const char *origin;	/* package: the source package that it was built from (o:) */
	const char *repository; /* package: tag of its repository (s:), without @ */
	const char *remote;	/* Flatpak: name of the remote */
	const char *user;	/* whose; "": of all */
	const char *title;	/* what the launcher calls it */
	const char *sha256;	/* file: of its content, hexadecimal; "" if it was not looked at */
	uint64_t size_kib;
	bool is_explicit; /* package: member of the world */
	bool is_base;
	bool is_shown; /* a launcher shows it */
	size_t n_home; /* file: so much of name is the home, with the slash behind it */
};

enum apps_mode {
	APPS_OFF,
	APPS_DENY,
	APPS_ALLOW,
	APPS_MODE_MAX,
};

/*
 * The area apps, read out of an effective policy; borrows from it. Where no profile sets the mode
 * it is off: a profile that says so cannot undo what another one says, so it cannot be more.
 */
struct apps_policy {
	enum apps_mode mode;
	const struct string_set *allowed; /* VALUE_LISTS; NULL: no profile has such a list */
	const struct string_set *blocked, *required, *pinned; /* NULL: none */
	bool user_flatpaks, user_programs;
};
void apps_policy_read(const struct effective *effective, struct apps_policy *ret_policy);

enum app_verdict {
	APP_ALLOWED,
	APP_BLOCKED,	 /* a pattern of blocked fits */
	APP_NOT_ALLOWED, /* mode allow, and a list has no pattern that fits */
	APP_PROTECTED,	 /* would be one of the two, but base and what is protected stays */
	APP_VERDICT_MAX,
};
const char *app_verdict_name(enum app_verdict verdict);

/*
 * What the policy says of one app. Blocked comes before allowed. Packages that are no apps are
 * judged by blocked alone; files are allowed by their sha256 alone, wherever it takes a permission
 * (mode allow, or no programs of users).
 */
enum app_verdict apps_judge(const struct apps_policy *policy, const struct app *app);

/* The pattern of blocked that fits, borrowed; NULL: none does. */
const char *apps_blocked_by(const struct apps_policy *policy, const struct app *app);

/* A pattern: see the row apps.allowed of the table of settings. False: it is none; *ret_why says
 * why not (static text). */
bool app_pattern_is_valid(const char *pattern, size_t n_bytes, const char **ret_why);
bool app_pattern_fits(const char *pattern, size_t n_bytes, const struct app *app);

/*
 * Agent, kernel, init, network, package manager, C library and shell, by name or by what they
 * provide: never removed, whatever a policy says and whether or not the record of the base has
 * them.
 */
bool app_is_protected(const char *package_name);
/* What it is, for people: "the kernel", "the way to log in"; NULL if it is not protected. */
const char *app_protected_why(const char *package_name);

#endif
