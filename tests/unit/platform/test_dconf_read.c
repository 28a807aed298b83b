/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dconf_read.c - profiles, and the resolution of values and locks against the real dconf with
 * a user whose own database contradicts everything.
 */
#include <inttypes.h>

#include "platform/dconf_files.h"
#include "platform/dconf_read.h"
#include "tests/unit/platform/dconf_root.h"

static void parse(const char *text, struct dconf_profile *ret)
{
	if (dconf_profile_parse(text, strlen(text), ret) < 0)
		ret->n_sources = 99;
}

static void test_profile_parse(void)
{
	struct dconf_profile p;
	char many[LIMIT_DCONF_SOURCES * 32 + 64] = "", name[LIMIT_TEXT_BYTES + 32];

	parse("user-db:user\nsystem-db:local\n", &p);
	CHECK_INT(p.n_sources, 2);
	CHECK_INT(p.sources[0].kind, DCONF_SOURCE_USER);
	CHECK_STR(p.sources[1].name, "local");
	parse("  # only\n\n\t user-db:user # mine\r\nnonsense\nsystem-db:\nfile-db:/x/y\n"
	      "service-db:keyfile/user",
		&p);
	CHECK_INT(p.n_sources, 3);
	CHECK_STR(p.sources[0].name, "user");
	CHECK_INT(p.sources[1].kind, DCONF_SOURCE_FILE);
	CHECK_STR(p.sources[1].name, "/x/y");
	CHECK_INT(p.sources[2].kind, DCONF_SOURCE_USER);
	parse("", &p);
	CHECK_INT(p.n_sources, 0);
	for (int i = 0; i < LIMIT_DCONF_SOURCES; i++)
		strcat(many, "system-db:x\n");
	parse(many, &p);
	CHECK_INT(p.n_sources, LIMIT_DCONF_SOURCES);
	strcat(many, "system-db:x\n");
	CHECK_INT(dconf_profile_parse(many, strlen(many), &p), -E2BIG);
	memset(name, 'x', sizeof(name));
	memcpy(name, "user-db:", 8);
	CHECK_INT(dconf_profile_parse(name, 8 + LIMIT_TEXT_BYTES, &p), 0);
	CHECK_INT(dconf_profile_parse(name, 8 + LIMIT_TEXT_BYTES + 1, &p), -E2BIG);
}

/* Whatever was there: our database is the last source, the others are as before; and back. */
static void test_profile_derive(void)
{
	static const char *const originals[] = {NULL, "", "user-db:user", "user-db:user\n",
		"user-db:user\nsystem-db:local\n# end", "system-db:" DCONF_DATABASE "\nuser-db:a\n",
		"# nothing\n\n"};
	static const char *const vendors[] = {NULL, "user-db:user\nsystem-db:distro"};

	for (size_t i = 0; i < ARRAY_SIZE(originals) * 2; i++) {
		const char *original = originals[i / 2], *vendor = vendors[i % 2];
		_cleanup_buf_ struct buf derived = BUF_INIT, stripped = BUF_INIT;
		struct dconf_profile before, after;
		bool present;

		if (original)
			parse(original, &before);
		else if (vendor)
			parse(vendor, &before);
		else
			dconf_profile_default(&before);
		CHECK_INT(dconf_profile_derive(original, original ? strlen(original) : 0,
				  (void *)(uintptr_t)vendor, &derived),
			0);
		parse(derived.data, &after);
		CHECK_INT(after.n_sources, before.n_sources + 1);
		for (size_t k = 0; k < before.n_sources; k++)
			CHECK_STR(after.sources[k].name, before.sources[k].name);
		CHECK_STR(after.sources[after.n_sources - 1].name, DCONF_DATABASE);
		buf_puts(&stripped, "");
		CHECK_INT(
			dconf_profile_strip(derived.data, derived.n_bytes, &stripped, &present), 0);
		CHECK_INT(present, original != NULL);
		CHECK_STR(stripped.data, original ? original : "");
	}
}

/* Somebody adds a database to the profile that we made: the user's own must not get lost. */
static void test_profile_adopted(void)
{
	_cleanup_buf_ struct buf derived = BUF_INIT, stripped = BUF_INIT;
	struct dconf_profile p;
	bool present;

	CHECK_INT(dconf_profile_derive(NULL, 0, NULL, &derived), 0);
	buf_puts(&derived, "system-db:local\n");
	CHECK_INT(dconf_profile_strip(derived.data, derived.n_bytes, &stripped, &present), 0);
	CHECK(present);
	parse(stripped.data, &p);
	CHECK_INT(p.n_sources, 2);
	CHECK_STR(p.sources[0].name, "user");
	CHECK_STR(p.sources[1].name, "local");
}

#define KEY_A DCONF_KEY_IDLE_DELAY
#define KEY_B DCONF_KEY_LOCK_ENABLED
#define KEY_C DCONF_KEY_LOCK_DELAY

static void format(const struct dconf_answer *answer, char *ret, size_t size)
{
	ret[0] = 0;
	if (!answer->has_value)
		return;
	if (answer->value.type == GVDB_BOOLEAN)
		snprintf(ret, size, "%s", answer->value.number ? "true" : "false");
	else
		snprintf(ret, size, "uint32 %" PRId64, answer->value.number);
}

/* What users are served is what the view says, with a user that sets and locks everything. */
static void test_against_dconf(void)
{
	static const char *const profiles[] = {
		NULL,
		"user-db:user\n",
		"user-db:user\nsystem-db:locked\n",
		"user-db:user\nsystem-db:plain\n",
		"user-db:user\nsystem-db:plain\nsystem-db:locked\n",
		"user-db:user\nsystem-db:locked\nsystem-db:plain\n",
		"user-db:user\nsystem-db:locked\nsystem-db:partly\n",
		"user-db:user\nsystem-db:partly\nsystem-db:locked # last\n",
		"user-db:user\nsystem-db:only_locks\n",
		"user-db:user\nsystem-db:plain\nsystem-db:only_locks\n",
		"user-db:user\nsystem-db:only_locks\nsystem-db:plain\n",
		"user-db:user\nsystem-db:missing\nsystem-db:locked\n",
		"user-db:user\nsystem-db:locked\nsystem-db:damaged\n",
		"system-db:locked\nuser-db:user\n",
		"system-db:plain\n",
		"system-db:plain\nuser-db:user\nsystem-db:locked\n",
		"user-db:user\nfile-db:/etc/dconf/db/locked\n",
		"user-db:user\nsystem-db:unreadable\n",
		"# nothing\n",
	};
	static const char *const keys[] = {KEY_A, KEY_B, KEY_C};
	struct fixture f;
	size_t n_enforced = 0, n_open = 0;

	fixture_open(&f);
	if (!dconf_root_make(&f)) {
		fixture_close(&f);
		return;
	}
	dconf_root_compile(&f, "etc/dconf/db/locked",
		"[org/gnome/desktop/session]\nidle-delay=uint32 300\n"
		"[org/gnome/desktop/screensaver]\nlock-enabled=true\n",
		KEY_A "\n" KEY_B "\n");
	dconf_root_compile(&f, "etc/dconf/db/plain",
		"[org/gnome/desktop/session]\nidle-delay=uint32 900\n"
		"[org/gnome/desktop/screensaver]\nlock-delay=uint32 30\n",
		"");
	dconf_root_compile(&f, "etc/dconf/db/partly",
		"[org/gnome/desktop/session]\nidle-delay=uint32 0\n"
		"[org/gnome/desktop/screensaver]\nlock-enabled=false\n",
		KEY_A "\n");
	dconf_root_compile(&f, "etc/dconf/db/only_locks", "", KEY_A "\n" KEY_C "\n");
	fixture_text(&f, "etc/dconf/db/damaged", "GVariant, but not really one");
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		_cleanup_(dconf_view_done) struct dconf_view view = {0};

		unlinkat(f.platform.sysroot_fd, DCONF_PROFILE_PATH, 0);
		if (profiles[i])
			fixture_text(&f, DCONF_PROFILE_PATH, profiles[i]);
		CHECK_INT(dconf_view_open(f.platform.sysroot_fd, &view), 0);
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			struct dconf_answer answer;
			char expected[64], empty[64], hostile[64];

			dconf_view_read(&view, keys[k], &answer);
			format(&answer, expected, sizeof(expected));
			unlinkat(f.platform.sysroot_fd, "home/u/.config/dconf/user", 0);
			dconf_root_read(&f, keys[k], empty, sizeof(empty));
			dconf_root_compile(&f, "home/u/.config/dconf/user",
				"[org/gnome/desktop/session]\nidle-delay=uint32 7777\n"
				"[org/gnome/desktop/screensaver]\nlock-enabled=false\n"
				"lock-delay=uint32 7777\n",
				KEY_A "\n" KEY_B "\n" KEY_C "\n");
			dconf_root_read(&f, keys[k], hostile, sizeof(hostile));
			/* Without settings of the user it is the value served, */
			if (!check_str_equal(empty, expected))
				check_fail(__FILE__, __LINE__, "profile %zu, %s: dconf %s, we %s",
					i, keys[k], empty, expected);
			/* and what is called enforced withstands the user; the rest does not. */
			if (answer.enforced != (check_str_equal(hostile, expected) && expected[0]))
				check_fail(__FILE__, __LINE__,
					"profile %zu, %s: enforced %d, but the user gets %s", i,
					keys[k], answer.enforced, hostile);
			n_enforced += answer.enforced;
			n_open += !answer.enforced;
		}
	}
	CHECK(n_enforced >= 10);
	CHECK(n_open >= 10);
	fixture_close(&f);
}

/* What root can read and users cannot is not served to users. */
static void test_unreadable(void)
{
	static const struct {
		const char *path;
		mode_t mode;
		bool served;
	} cases[] = {
		{"etc/dconf/db/locked", 0644, true},
		{"etc/dconf/db/locked", 0600, false},
		{"etc/dconf/db", 0700, false},
		{"etc/dconf/profile/user", 0640, false},
		{"etc/dconf/profile", 0750, false},
	};
	struct fixture f;

	fixture_open(&f);
	if (!dconf_root_make(&f)) {
		fixture_close(&f);
		return;
	}
	dconf_root_compile(&f, "etc/dconf/db/locked",
		"[org/gnome/desktop/session]\nidle-delay=uint32 300\n", KEY_A "\n");
	fixture_text(&f, DCONF_PROFILE_PATH, "user-db:user\nsystem-db:locked\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(dconf_view_done) struct dconf_view view = {0};
		struct dconf_answer answer;
		struct stat st;

		CHECK_INT(fstatat(f.platform.sysroot_fd, cases[i].path, &st, 0), 0);
		CHECK_INT(fchmodat(f.platform.sysroot_fd, cases[i].path, cases[i].mode, 0), 0);
		CHECK_INT(dconf_view_open(f.platform.sysroot_fd, &view), 0);
		dconf_view_read(&view, KEY_A, &answer);
		CHECK_INT(answer.has_value, cases[i].served);
		CHECK_INT(view.trouble[0] == 0, cases[i].served);
		CHECK_INT(fchmodat(f.platform.sysroot_fd, cases[i].path, st.st_mode & 07777, 0), 0);
	}
	/* A database that anybody may write to enforces nothing. */
	{
		_cleanup_(dconf_view_done) struct dconf_view view = {0};
		struct dconf_answer answer;

		CHECK_INT(fchmodat(f.platform.sysroot_fd, "etc/dconf/db/locked", 0666, 0), 0);
		CHECK_INT(dconf_view_open(f.platform.sysroot_fd, &view), 0);
		dconf_view_read(&view, KEY_A, &answer);
		CHECK(answer.has_value);
		CHECK(!answer.enforced);
	}
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"profile_parse", test_profile_parse},
	{"profile_derive", test_profile_derive},
	{"profile_adopted", test_profile_adopted},
	{"against_dconf", test_against_dconf},
	{"unreadable", test_unreadable},
};

CHECK_MAIN(tests)
