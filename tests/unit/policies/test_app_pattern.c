/* SPDX-License-Identifier: Apache-2.0 */
/* test_app_pattern.c - patterns of apps, and the forms of the other texts in their settings. */
#include "policies/app_pattern.h"

#include "agent/util/limits.h"
#include "policies/app_forms.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct form_case {
	const char *text, *why; /* NULL: valid */
};

static void check_forms(const struct value_form *form, const struct form_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *why = NULL;
		bool ok = form->is_valid(cases[i].text, strlen(cases[i].text), &why);

		if (ok != !cases[i].why)
			check_fail(__FILE__, __LINE__, "\"%s\" is %s", cases[i].text,
				ok ? "taken" : "refused");
		else if (!ok && (!why || !strstr(why, cases[i].why)))
			check_fail(__FILE__, __LINE__, "\"%s\": %s", cases[i].text, why);
	}
}

static void test_pattern_forms(void)
{
	static const struct form_case cases[] = {
		{"firefox", NULL},
		{"*", NULL},
		{"lib*-?.so_1+2", NULL},
		{"name:firefox", NULL},
		{"name:fire* repository:edge", NULL},
		{"fire* repository:edge origin:?", NULL},
		{"repository:edge fire*", NULL},
		{"flatpak:org.gnome.* remote:flathub", NULL},
		{"remote:*", NULL},
		{"sha256:" HEX, NULL},
		{"", "empty"},
		{" ", "no pattern"},
		{"firefox ", "no pattern"},
		{" firefox", "no pattern"},
		{"name:a  origin:b", "no pattern"},
		{"name:", "no pattern"},
		{"name: origin:a", "no pattern"},
		{"nam:fire", "no pattern"},
		{"Name:fire", "no pattern"},
		{":fire", "no pattern"},
		{"so:libc.musl", "no pattern"},
		{"a b", "two terms of one kind"},
		{"name:a b", "two terms of one kind"},
		{"remote:a remote:b", "two terms of one kind"},
		{"name:a flatpak:b", "never fits"},
		{"a sha256:" HEX, "never fits"},
		{"flatpak:a origin:b", "never fits"},
		{"[ab]*", "wildcards"},
		{"{a,b}", "wildcards"},
		{"a\\b", "wildcards"},
		{"!a", "wildcards"},
		{"a/b", "wildcards"},
		{"a=1", "wildcards"},
		{"a@edge", "wildcards"},
		{"a\xc3\xbc", "wildcards"},
		{"name:a:b", "wildcards"},
		{"sha256:*", "64 lower-case"},
		{"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
			"64 lower-case"},
		{"sha256:" HEX "0", "64 lower-case"},
		/* One more than there are kinds. */
		{"a origin:a repository:a flatpak:a remote:a sha256:a a", "never fits"},
	};
	const char *why = NULL;

	check_forms(&app_form_pattern, cases, ARRAY_SIZE(cases));
	CHECK(!app_pattern_is_valid("a\0b", 3, &why));
	/* Behind the end is nothing. */
	CHECK(app_pattern_is_valid("a b", 1, &why));
	CHECK_INT(LIMIT_APPS_PATTERN_TERMS, APP_TERM_KIND_MAX);
}

static void test_required_forms(void)
{
	static const struct form_case cases[] = {
		{"firefox-esr", NULL},
		{"gtk+3.0", NULL},
		{"_x", NULL},
		{"7zip", NULL},
		{"flatpak:flathub/org.gnome.Maps", NULL},
		{"flatpak:fedora-testing/org.gnome.gitlab.x.My-App", NULL},
		{"", "name of a package"},
		{"-x", "name of a package"},
		{".x", "name of a package"},
		{"!x", "name of a package"},
		{"a=1", "name of a package"},
		{"a@edge", "name of a package"},
		{"a b", "name of a package"},
		{"a*", "name of a package"},
		{"/bin/sh", "name of a package"},
		{"so:libc", "name of a package"},
		{"flatpak:", "name of a package"},
		{"flatpak:x", "REMOTE/ID"},
		{"flatpak:/org.gnome.Maps", "REMOTE/ID"},
		{"flatpak:flathub/", "REMOTE/ID"},
		{"flatpak:flathub/org.gnome", "REMOTE/ID"},
		{"flatpak:flathub/org..Maps", "REMOTE/ID"},
		{"flatpak:flathub/org.gnome.", "REMOTE/ID"},
		{"flatpak:flathub/org.g-nome.Maps", "REMOTE/ID"},
		{"flatpak:flathub/org.gnome.3d", "REMOTE/ID"},
		{"flatpak:flathub/org.gnome.-d", "REMOTE/ID"},
		{"flatpak:flathub/org.gnome.Maps/x86_64", "REMOTE/ID"},
		{"flatpak:--system/org.gnome.Maps", "REMOTE/ID"},
		{"flatpak:fl*/org.gnome.Maps", "REMOTE/ID"},
	};
	struct app_flatpak_name name;

	check_forms(&app_form_required, cases, ARRAY_SIZE(cases));
	CHECK(!app_flatpak_read("firefox", &name));
	CHECK(app_flatpak_read("flatpak:flathub/org.gnome.Maps", &name));
	CHECK(name.n_remote == 7 && memcmp(name.remote, "flathub", 7) == 0);
	CHECK_STR(name.id, "org.gnome.Maps");
}

static void test_pinned_forms(void)
{
	static const struct form_case cases[] = {
		{"vim=9.1.0-r0", NULL},
		{"a=1", NULL},
		{"a=1.02.3b_rc1_p20240101~0123abc-r12", NULL},
		{"a=2_git20240101-r0", NULL},
		{"a=1_alpha", NULL},
		{"vim", "NAME=VERSION"},
		{"vim=", "NAME=VERSION"},
		{"=1", "NAME=VERSION"},
		{"vim==1", "NAME=VERSION"},
		{"vim>=1", "NAME=VERSION"},
		{"vim=r1", "NAME=VERSION"},
		{"vim=1.", "NAME=VERSION"},
		{"vim=1-r", "NAME=VERSION"},
		{"vim=1-1", "NAME=VERSION"},
		{"vim=1_x", "NAME=VERSION"},
		{"vim=1~", "NAME=VERSION"},
		{"vim=1 2", "NAME=VERSION"},
		{"vim=1@edge", "NAME=VERSION"},
		{"-vim=1", "NAME=VERSION"},
	};
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *why;
	size_t n;

	check_forms(&app_form_pinned, cases, ARRAY_SIZE(cases));
	/* As many digits as an item of a plan has room for, and one more. */
	buf_printf(&text, "a=%0*d", LIMIT_NAME_BYTES, 0);
	CHECK(app_form_pinned.is_valid(text.data, text.n_bytes, &why));
	buf_puts(&text, "0");
	CHECK(!app_form_pinned.is_valid(text.data, text.n_bytes, &why));
	CHECK_STR(app_pin_version("vim=9.1-r0", &n), "9.1-r0");
	CHECK_INT(n, 3);
}

static void test_other_forms(void)
{
	static const struct form_case repositories[] = {
		{"https://dl-cdn.alpinelinux.org/alpine/v3.22/main", NULL},
		{"http://mirror.postmarketos.org/postmarketos/", NULL},
		{"/var/cache/local", NULL},
		{"ftp://x/", "address"},
		{"https://", "address"},
		{"https:///x", "address"},
		{"@edge https://x/", "address"},
		{"https://x/ y", "address"},
		{"/", "address"},
		{"x", "address"},
		{"", "address"},
	};
	static const struct form_case remotes[] = {
		{"https://dl.flathub.org/repo/", NULL},
		{"oci+https://registry.example/", NULL},
		{"file:///srv/repo", NULL},
		{"/srv/repo", NULL},
		{"file://srv/repo", "address"},
		{"flathub", "address"},
	};
	static const struct form_case keys[] = {
		{HEX, NULL},
		{HEX "0", "64"},
		{"0123", "64"},
		{"G123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "64"},
	};
	static const struct form_case files[] = {
		{"org.gnome.Maps.desktop", NULL},
		{"My App.desktop", NULL},
		{".desktop", "desktop file"},
		{"..desktop", "desktop file"},
		{"a/b.desktop", "desktop file"},
		{"org.gnome.Maps", "desktop file"},
	};
	static const struct form_case hours[] = {
		{"00", NULL},
		{"09", NULL},
		{"23", NULL},
		{"24", "hour"},
		{"9", "hour"},
		{"-1", "hour"},
		{"1a", "hour"},
		{"009", "hour"},
	};
	char name[257];
	const char *why;

	check_forms(&app_form_repository, repositories, ARRAY_SIZE(repositories));
	check_forms(&app_form_remote, remotes, ARRAY_SIZE(remotes));
	check_forms(&app_form_signing_key, keys, ARRAY_SIZE(keys));
	check_forms(&app_form_desktop_file, files, ARRAY_SIZE(files));
	check_forms(&app_form_hour, hours, ARRAY_SIZE(hours));
	/* Names of files have 255 bytes at most. */
	snprintf(name, sizeof(name), "%0247d.desktop", 0);
	CHECK(app_form_desktop_file.is_valid(name, 255, &why));
	snprintf(name, sizeof(name), "%0248d.desktop", 0);
	CHECK(!app_form_desktop_file.is_valid(name, 256, &why));
}

/* A policy says which of its texts is wrong. */
static void test_refused_policy(void)
{
	static const struct {
		const char *settings, *path, *message;
	} cases[] = {
		{"\"blocked\":[\"a\",\"nam:fire\"]", "profiles[0].settings.apps.blocked",
			"element 1, \"nam:fire\", is no pattern"},
		{"\"allowed\":[\"a b\"]", "profiles[0].settings.apps.allowed",
			"element 0, \"a b\", has two terms of one kind"},
		{"\"required\":[\"a=1\"]", "profiles[0].settings.apps.required",
			"element 0, \"a=1\", must be the name of a package"},
		{"\"pinned\":[\"a\"]", "profiles[0].settings.apps.pinned", "NAME=VERSION"},
		{"\"repositories\":[\"x\"]", "profiles[0].settings.apps.repositories", "address"},
		{"\"signing_keys\":[\"x\"]", "profiles[0].settings.apps.signing_keys", "SHA-256"},
		{"\"flatpak_remotes\":[\"x\"]", "profiles[0].settings.apps.flatpak_remotes",
			"address"},
		{"\"hidden\":[\"x\"]", "profiles[0].settings.apps.hidden", "desktop file"},
		{"\"update_hours\":[\"7\"]", "profiles[0].settings.apps.update_hours", "hour"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		_cleanup_buf_ struct buf profile = BUF_INIT, text = BUF_INIT;
		struct json_error error = {0};

		buf_printf(
			&profile, "{\"id\":\"a\",\"settings\":{\"apps\":{%s}}}", cases[i].settings);
		gen_policy("s", NULL, profile.data, &text);
		policy = gen_parse(text.data, &error);
		if (policy || strcmp(error.path, cases[i].path) ||
			!strstr(error.message, cases[i].message))
			check_fail(__FILE__, __LINE__, "%s: %s: %s", cases[i].settings, error.path,
				error.message);
	}
}

static void test_globs(void)
{
	static const struct {
		const char *glob, *text;
		bool fits;
	} cases[] = {
		{"a", "a", true},
		{"a", "ab", false},
		{"ab", "a", false},
		{"*", "", true},
		{"?", "", false},
		{"?", "a", true},
		{"??", "a", false},
		{"a*", "a", true},
		{"*a", "bab", false},
		{"*a", "baba", true},
		{"a*b*c", "aXbXbXc", true},
		{"a*b*c", "aXcXb", false},
		{"*ab*ab", "abab", true},
		{"*ab*ab", "aab", false},
		{"a**b", "ab", true},
		{"a*?b", "ab", false},
		{"a*?b", "axb", true},
		{"", "", true},
		{"", "a", false},
		{"*.*", "a.b", true},
		{"[a]", "a", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (app_glob_fits(cases[i].glob, strlen(cases[i].glob), cases[i].text,
			    strlen(cases[i].text)) != cases[i].fits)
			check_fail(__FILE__, __LINE__, "%s on %s", cases[i].glob, cases[i].text);
}

/* The definition itself: slow, and plainly right. */
static bool glob_fits_slowly(const char *glob, const char *text)
{
	if (!*glob)
		return !*text;
	if (*glob == '*')
		return glob_fits_slowly(glob + 1, text) ||
		       (*text && glob_fits_slowly(glob, text + 1));
	return *text && (*glob == '?' || *glob == *text) && glob_fits_slowly(glob + 1, text + 1);
}

static void test_globs_by_definition(void)
{
	struct gen gen = {7};
	int n_fit = 0;

	for (int i = 0; i < 20000; i++) {
		char glob[9] = "", text[9] = "";

		for (uint64_t n = gen_below(&gen, sizeof(glob)); n > 0; n--)
			glob[n - 1] = "ab*?"[gen_below(&gen, 4)];
		for (uint64_t n = gen_below(&gen, sizeof(text)); n > 0; n--)
			text[n - 1] = "ab"[gen_below(&gen, 2)];
		if (app_glob_fits(glob, strlen(glob), text, strlen(text)) !=
			glob_fits_slowly(glob, text))
			check_fail(__FILE__, __LINE__, "%s on %s", glob, text);
		n_fit += glob_fits_slowly(glob, text);
	}
	CHECK(n_fit > 1000);
}

static void test_fits(void)
{
	static const struct app package = {
		.kind = APP_PACKAGE, .name = "firefox", .origin = "mozilla", .repository = "edge"};
	static const struct app flatpak = {.kind = APP_FLATPAK, .name = "org.x.Y", .remote = "hub"};
	static const struct app file = {.kind = APP_FILE, .name = "a", .sha256 = HEX};
	static const struct app unlooked = {.kind = APP_FILE, .name = "a", .sha256 = ""};
	static const struct app unknown = {.kind = APP_PACKAGE, .name = "firefox"};
	static const struct {
		const char *pattern;
		const struct app *app;
		enum app_fit fit;
	} cases[] = {
		{"firefox", &package, APP_FITS},
		{"name:fire*", &package, APP_FITS},
		{"origin:moz*", &package, APP_FITS},
		{"repository:edge origin:mozilla name:firefox", &package, APP_FITS},
		{"repository:edge origin:mozilla name:fire", &package, APP_FITS_NOT},
		{"repository:testing", &package, APP_FITS_NOT},
		{"flatpak:firefox", &package, APP_FITS_NOT},
		{"remote:*", &package, APP_FITS_NOT},
		{"*", &flatpak, APP_FITS_NOT},
		{"flatpak:org.x.*", &flatpak, APP_FITS},
		{"flatpak:org.x.* remote:hub", &flatpak, APP_FITS},
		{"flatpak:org.x.* remote:bub", &flatpak, APP_FITS_NOT},
		{"sha256:" HEX, &file, APP_FITS},
		{"sha256:" HEX, &unlooked, APP_FITS_NOT},
		{"name:a", &file, APP_FITS_NOT},
		{"sha256:" HEX, &package, APP_FITS_NOT},
		/* What is not known may be anything, but does not fit. */
		{"firefox", &unknown, APP_FITS},
		{"firefox origin:x", &unknown, APP_MAY_FIT},
		{"chrome origin:x", &unknown, APP_FITS_NOT},
		{"repository:*", &unknown, APP_MAY_FIT},
		/* Not a pattern at all. */
		{"nam:firefox", &package, APP_FITS_NOT},
		{"firefox nam:firefox", &package, APP_FITS_NOT},
		{"", &package, APP_FITS_NOT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = strlen(cases[i].pattern);

		if (app_pattern_fit(cases[i].pattern, n, cases[i].app) != cases[i].fit ||
			app_pattern_fits(cases[i].pattern, n, cases[i].app) !=
				(cases[i].fit == APP_FITS))
			check_fail(__FILE__, __LINE__, "%s on %s", cases[i].pattern,
				cases[i].app->name);
	}
}

static void test_questions(void)
{
	const char *name;
	size_t n;

	CHECK(app_pattern_is_everything("*", 1));
	CHECK(app_pattern_is_everything("** repository:*", 15));
	CHECK(app_pattern_is_everything("flatpak:*", 9));
	CHECK(!app_pattern_is_everything("?*", 2));
	CHECK(!app_pattern_is_everything("* repository:edge", 17));
	CHECK(!app_pattern_is_everything("", 0));
	CHECK(app_pattern_is_one_package("name:vim", 8, &name, &n) && n == 3);
	CHECK(app_pattern_is_one_package("vim", 3, &name, &n) && n == 3);
	CHECK(!app_pattern_is_one_package("vi?", 3, &name, &n));
	CHECK(!app_pattern_is_one_package("vim origin:vim", 14, &name, &n));
	CHECK(!app_pattern_is_one_package("flatpak:vim", 11, &name, &n));
	for (enum app_term_kind kind = 0; kind < APP_TERM_KIND_MAX; kind++)
		CHECK(app_term_name(kind) && *app_term_name(kind));
}

/* What a profile requires is in its own list, whatever other lists say. */
static void test_required_is_allowed(void)
{
	static const char settings[] =
		"{\"id\":\"a\",\"settings\":{\"apps\":{\"allowed\":[\"vim\",\"m*\"],\"required\":"
		"[\"vim\",\"htop\",\"flatpak:hub/org.x.Y\"]}}},"
		"{\"id\":\"b\",\"settings\":{\"apps\":{\"allowed\":[],\"required\":[\"a\"]}}},"
		"{\"id\":\"c\",\"settings\":{\"apps\":{\"required\":[\"a\"]}}}";
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {0};

	gen_policy("s", NULL, settings, &text);
	policy = gen_parse(text.data, &error);
	CHECK_STR(error.message, "");
	CHECK(policy);
	CHECK_INT(policy->profiles[0].values[SETTING_APPS_ALLOWED].set.n_strings, 1);
	CHECK_STR(policy->profiles[0].values[SETTING_APPS_ALLOWED].set.strings[0],
		"flatpak:org.x.Y remote:hub\nhtop\nm*\nvim");
	CHECK_STR(policy->profiles[1].values[SETTING_APPS_ALLOWED].set.strings[0], "a");
	CHECK(!policy->profiles[2].has[SETTING_APPS_ALLOWED]);
}

static const struct check_test tests[] = {
	{"pattern_forms", test_pattern_forms},
	{"required_forms", test_required_forms},
	{"pinned_forms", test_pinned_forms},
	{"other_forms", test_other_forms},
	{"refused_policy", test_refused_policy},
	{"globs", test_globs},
	{"globs_by_definition", test_globs_by_definition},
	{"fits", test_fits},
	{"questions", test_questions},
	{"required_is_allowed", test_required_is_allowed},
};

CHECK_MAIN(tests)
