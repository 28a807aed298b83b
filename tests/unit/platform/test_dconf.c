/* SPDX-License-Identifier: Apache-2.0 */
/* test_dconf.c - the backend "dconf" over a root file system with the real dconf in it. */
#include "platform/dconf_files.h"
#include "platform/dconf_read.h"
#include "tests/unit/platform/dconf_root.h"

#define DATABASE "etc/dconf/db/" DCONF_DATABASE
#define KEYFILE DATABASE ".d/00-mdm-agent"
#define LOCKS DATABASE ".d/locks/00-mdm-agent"

static struct effective everything(void)
{
	struct effective e = {0};

	want(&e, SETTING_SCREEN_LOCK_IDLE_DELAY, 120);
	want(&e, SETTING_SCREEN_LOCK_ENABLED, 1);
	want(&e, SETTING_SCREEN_LOCK_DELAY, 5);
	want(&e, SETTING_SCREEN_LOCK_REQUIRE_UNLOCK, 1);
	return e;
}

static bool is_in_force(const struct backend *b, enum setting_id id, int64_t number)
{
	const struct observation *o = b->observations[id];

	return o->state == COMPLIANCE_COMPLIANT && o->has_value && o->value.number == number &&
	       o->enforced;
}

static bool all_in_force(const struct backend *b)
{
	return is_in_force(b, SETTING_SCREEN_LOCK_IDLE_DELAY, 120) &&
	       is_in_force(b, SETTING_SCREEN_LOCK_ENABLED, 1) &&
	       is_in_force(b, SETTING_SCREEN_LOCK_DELAY, 5) &&
	       is_in_force(b, SETTING_SCREEN_LOCK_REQUIRE_UNLOCK, 1);
}

static bool begin(struct fixture *f, struct backend **b)
{
	fixture_open(f);
	if (!dconf_root_make(f)) {
		fixture_close(f);
		return false;
	}
	return dconf_backend_new(&f->platform, b) == 0;
}

static void end(struct fixture *f, struct backend *b)
{
	backend_free(b);
	fixture_close(f);
}

static void test_files(void)
{
	_cleanup_buf_ struct buf keyfile = BUF_INIT, locks = BUF_INIT;
	struct effective e = {0};
	struct dconf_want wants[DCONF_WANTS_MAX];
	size_t n;

	CHECK_INT(dconf_wants(&e, wants), 0);
	/* What demands nothing is left to the user. */
	want(&e, SETTING_SCREEN_LOCK_ENABLED, 0);
	CHECK_INT(dconf_wants(&e, wants), 0);
	e = everything();
	e.settings[SETTING_SCREEN_LOCK_DELAY].present = false;
	n = dconf_wants(&e, wants);
	CHECK_INT(n, 4);
	dconf_write_keyfile(wants, n, &keyfile);
	dconf_write_locks(wants, n, &locks);
	CHECK(strstr(keyfile.data, "[org/gnome/desktop/session]\nidle-delay=uint32 120\n") != NULL);
	CHECK(strstr(keyfile.data, "lock-enabled=true\n") != NULL);
	CHECK(strstr(keyfile.data, "disable-lock-screen=false\n") != NULL);
	CHECK(strstr(keyfile.data, "lock-delay") == NULL);
	CHECK(strstr(locks.data, "\n/sm/puri/phosh/lockscreen/require-unlock\n") != NULL);
	CHECK(strstr(locks.data, "lock-delay") == NULL);
}

static void test_probe_and_nothing(void)
{
	struct backend_fact fact;
	struct backend *b;
	struct fixture f;

	fixture_open(&f);
	CHECK_INT(dconf_backend_new(&f.platform, &b), 0);
	b->ops->probe(b, &fact);
	CHECK(!fact.present);
	CHECK_INT(fact.reason, REASON_NO_MECHANISM);
	CHECK(strstr(fact.detail, "install") != NULL);
	fixture_text(&f, "usr/bin/dconf", "");
	b->ops->probe(b, &fact);
	CHECK(fact.present);
	/* On a phone whose only user interface does not read dconf it is no mechanism. */
	fixture_directory(&f, "usr/share/sxmo");
	b->ops->probe(b, &fact);
	CHECK(!fact.present);
	fixture_text(&f, "usr/libexec/phosh", "");
	b->ops->probe(b, &fact);
	CHECK(fact.present);
	/* No value anywhere: what the schema has as its default is not enforced. */
	CHECK_INT(fixture_observe(&f, b), 0);
	for (size_t i = 0; i < SETTING_MAX; i++) {
		if (!b->ops->serves[i])
			continue;
		CHECK(!b->observations[i]->has_value);
		CHECK_INT(b->observations[i]->state, COMPLIANCE_NONCOMPLIANT);
		CHECK_INT(b->observations[i]->reason, REASON_WEAKER);
	}
	end(&f, b);
}

/* Freed in the middle of an operation: nobody is called, nothing stays. */
static void test_free_under_way(void)
{
	struct effective e = everything();
	struct backend *b;
	struct fixture f;

	fixture_open(&f);
	CHECK_INT(dconf_backend_new(&f.platform, &b), 0);
	CHECK_INT(b->ops->observe(b, fixture_on_done, &f), 0);
	backend_free(b);
	fixture_settle(&f);
	CHECK_INT(f.n_done, 0);
	fixture_close(&f);
	if (!begin(&f, &b))
		return;
	CHECK_INT(b->ops->apply(b, &e, fixture_on_done, &f), 0);
	backend_free(b);
	fixture_settle(&f);
	CHECK_INT(f.n_done, 0);
	fixture_close(&f);
}

static void test_apply_and_revert(void)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct effective e = everything();
	mode_t mask = umask(077);
	struct backend *b;
	struct fixture f;
	struct stat one, two;
	char served[64];

	if (!begin(&f, &b)) {
		umask(mask);
		return;
	}
	before = fixture_listing(&f);
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	umask(mask);
	CHECK_STR(f.message, "");
	CHECK(b->apply_changed);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(all_in_force(b));
	CHECK_STR(b->observations[SETTING_SCREEN_LOCK_IDLE_DELAY]->detail,
		"system-db:" DCONF_DATABASE);
	dconf_root_read(&f, DCONF_KEY_IDLE_DELAY, served, sizeof(served));
	CHECK_STR(served, "uint32 120");
	CHECK_INT(fstatat(f.platform.sysroot_fd, DATABASE, &one, 0), 0);
	CHECK_INT(one.st_mode & 07777, 0644);
	/* Right already: neither compiled nor written again. */
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK(!b->apply_changed);
	CHECK_INT(fstatat(f.platform.sysroot_fd, DATABASE, &two, 0), 0);
	CHECK_INT(two.st_ino, one.st_ino);
	/* `dconf update` of a package gives the same. */
	{
		const char *const update[] = {"/usr/bin/dconf", "update", NULL};

		CHECK_INT(run_in(f.path, update, served, sizeof(served)), 0);
	}
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(all_in_force(b));
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK(!b->apply_changed);
	CHECK_INT(fixture_revert(&f, b), 0);
	CHECK(b->apply_changed);
	after = fixture_listing(&f);
	CHECK_STR(after, before);
	CHECK_INT(fixture_revert(&f, b), 0);
	CHECK(!b->apply_changed);
	end(&f, b);
}

static void test_existing_files(void)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct effective e = everything();
	struct backend *b;
	struct fixture f;
	char served[64];

	if (!begin(&f, &b))
		return;
	/* An administrator's database with locks of its own, and one that cannot be compiled. */
	dconf_root_compile(&f, "etc/dconf/db/local",
		"[org/gnome/desktop/session]\nidle-delay=uint32 0\n", DCONF_KEY_IDLE_DELAY "\n");
	fixture_text(&f, "etc/dconf/db/broken.d/00-x", "[half\n");
	fixture_text(&f, DCONF_PROFILE_PATH, "user-db:user\nsystem-db:local");
	before = fixture_listing(&f);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(!b->observations[SETTING_SCREEN_LOCK_IDLE_DELAY]->has_value);
	CHECK(strstr(b->observations[SETTING_SCREEN_LOCK_IDLE_DELAY]->detail, "never") != NULL);
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(all_in_force(b));
	dconf_root_read(&f, DCONF_KEY_IDLE_DELAY, served, sizeof(served));
	CHECK_STR(served, "uint32 120");
	CHECK_INT(fixture_revert(&f, b), 0);
	after = fixture_listing(&f);
	CHECK_STR(after, before);
	end(&f, b);
}

/* The vendor's profile is hidden by ours, so that ours begins with a copy. */
static void test_vendor_profile(void)
{
	struct effective e = everything();
	struct dconf_profile p;
	struct backend *b;
	struct fixture f;
	const char *text;

	if (!begin(&f, &b))
		return;
	fixture_text(&f, "usr/share/dconf/profile/user", "user-db:user\nsystem-db:distro\n");
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	text = fixture_read(&f, DCONF_PROFILE_PATH);
	CHECK_INT(dconf_profile_parse(text, strlen(text), &p), 0);
	CHECK_INT(p.n_sources, 3);
	CHECK_STR(p.sources[1].name, "distro");
	/* The vendor's changes: derived again. */
	fixture_text(&f, "usr/share/dconf/profile/user", "user-db:user\n");
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK(b->apply_changed);
	text = fixture_read(&f, DCONF_PROFILE_PATH);
	CHECK_INT(dconf_profile_parse(text, strlen(text), &p), 0);
	CHECK_INT(p.n_sources, 2);
	CHECK_INT(fixture_revert(&f, b), 0);
	CHECK(!fixture_has(&f, "etc"));
	end(&f, b);
}

static void remove_database(struct fixture *f)
{
	(void)unlinkat(f->platform.sysroot_fd, DATABASE, 0);
}

static void weaken_keyfile(struct fixture *f)
{
	const char *const update[] = {"/usr/bin/dconf", "update", NULL};
	char output[64];

	fixture_text(f, KEYFILE, "[org/gnome/desktop/session]\nidle-delay=uint32 0\n");
	(void)run_in(f->path, update, output, sizeof(output));
}

static void add_keyfile(struct fixture *f)
{
	const char *const update[] = {"/usr/bin/dconf", "update", NULL};
	char output[64];

	/* Sorts behind ours and therefore wins in `dconf update`. */
	fixture_text(f, DATABASE ".d/99-x", "[org/gnome/desktop/session]\nidle-delay=uint32 0\n");
	(void)run_in(f->path, update, output, sizeof(output));
}

static void remove_locks(struct fixture *f)
{
	const char *const update[] = {"/usr/bin/dconf", "update", NULL};
	char output[64];

	(void)unlinkat(f->platform.sysroot_fd, LOCKS, 0);
	(void)run_in(f->path, update, output, sizeof(output));
}

static void remove_profile(struct fixture *f)
{
	(void)unlinkat(f->platform.sysroot_fd, DCONF_PROFILE_PATH, 0);
}

static void replace_profile(struct fixture *f)
{
	fixture_text(f, DCONF_PROFILE_PATH, "user-db:user\n");
}

static void outrank(struct fixture *f)
{
	char text[4096];

	dconf_root_compile(f, "etc/dconf/db/evil",
		"[org/gnome/desktop/session]\nidle-delay=uint32 0\n", DCONF_KEY_IDLE_DELAY "\n");
	snprintf(text, sizeof(text), "%.4000s\nsystem-db:evil\n",
		fixture_read(f, DCONF_PROFILE_PATH));
	fixture_text(f, DCONF_PROFILE_PATH, text);
}

static void damage_database(struct fixture *f)
{
	fixture_text(f, DATABASE, "GVariant");
}

static void hide_database(struct fixture *f)
{
	if (fchmodat(f->platform.sysroot_fd, DATABASE, 0600, 0) < 0)
		abort();
}

static void open_database(struct fixture *f)
{
	if (fchmodat(f->platform.sysroot_fd, DATABASE, 0666, 0) < 0)
		abort();
}

static void remove_everything(struct fixture *f)
{
	(void)fs_remove_tree(f->platform.sysroot_fd, "etc/dconf");
}

/* Every tampering is seen, reported by the watch, and repaired by one apply. */
static void test_drift(void)
{
	static void (*const tamperings[])(struct fixture *) = {remove_database, weaken_keyfile,
		add_keyfile, remove_locks, remove_profile, replace_profile, outrank,
		damage_database, hide_database, open_database, remove_everything};
	struct effective e = everything();
	struct backend *b;
	struct fixture f;
	bool watched;

	if (!begin(&f, &b))
		return;
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	watched = b->ops->watch(b, fixture_on_changed, &f) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(tamperings); i++) {
		fixture_settle(&f);
		f.n_changed = 0;
		tamperings[i](&f);
		fixture_settle(&f);
		if (watched && f.n_changed == 0)
			check_fail(__FILE__, __LINE__, "tampering %zu was not reported", i);
		CHECK_INT(fixture_observe(&f, b), 0);
		if (all_in_force(b))
			check_fail(__FILE__, __LINE__, "tampering %zu was not seen", i);
		CHECK_INT(fixture_apply(&f, b, &e), 0);
		CHECK(b->apply_changed);
		CHECK_INT(fixture_observe(&f, b), 0);
		if (!all_in_force(b))
			check_fail(__FILE__, __LINE__, "tampering %zu was not repaired", i);
		/* Our own repair is no change by others. */
		f.n_changed = 0;
		fixture_settle(&f);
		if (f.n_changed)
			check_fail(__FILE__, __LINE__, "repair %zu reported itself", i);
	}
	end(&f, b);
}

static void test_policy_changes(void)
{
	struct effective e = everything();
	struct backend *b;
	struct fixture f;
	char first = 'x';
	int old_fd;

	if (!begin(&f, &b))
		return;
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	old_fd = openat(f.platform.sysroot_fd, DATABASE, O_RDONLY | O_CLOEXEC);
	/* A program that has the old database open is told that it is not valid any more. */
	want(&e, SETTING_SCREEN_LOCK_IDLE_DELAY, 60);
	e.settings[SETTING_SCREEN_LOCK_REQUIRE_UNLOCK].present = false;
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK_INT(pread(old_fd, &first, 1, 0), 1);
	CHECK_INT(first, 0);
	close(old_fd);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(is_in_force(b, SETTING_SCREEN_LOCK_IDLE_DELAY, 60));
	CHECK(!b->observations[SETTING_SCREEN_LOCK_REQUIRE_UNLOCK]->has_value);
	/* A policy that wants nothing of dconf any more leaves nothing. */
	e = (struct effective){0};
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK(!fixture_has(&f, "etc"));
	end(&f, b);
}

static void test_broken_dconf(void)
{
	struct effective e = everything();
	struct backend *b;
	struct fixture f;

	if (!begin(&f, &b))
		return;
	CHECK_INT(unlinkat(f.platform.sysroot_fd, "usr/bin/dconf", 0), 0);
	CHECK_INT(fixture_apply(&f, b, &e), -ENOENT);
	CHECK(strstr(f.message, "/usr/bin/dconf") != NULL);
	/* A program that does nothing makes no database; the profile does not name one then. */
	{
		const char *const argv[] = {"/bin/sh", "-c",
			"cp -L /usr/bin/true \"$1\"/usr/bin/dconf", "copy", f.path, NULL};
		char output[64];

		CHECK_INT(run_in(NULL, argv, output, sizeof(output)), 0);
	}
	CHECK(fixture_apply(&f, b, &e) < 0);
	CHECK(strstr(f.message, "database") != NULL);
	CHECK(!fixture_has(&f, DCONF_PROFILE_PATH));
	CHECK(!fixture_has(&f, DCONF_DATABASES_DIRECTORY "/.mdm_agent.build"));
	CHECK_INT(fixture_revert(&f, b), 0);
	CHECK(!fixture_has(&f, "etc"));
	end(&f, b);
}

static const struct check_test tests[] = {
	{"files", test_files},
	{"probe_and_nothing", test_probe_and_nothing},
	{"free_under_way", test_free_under_way},
	{"apply_and_revert", test_apply_and_revert},
	{"existing_files", test_existing_files},
	{"vendor_profile", test_vendor_profile},
	{"drift", test_drift},
	{"policy_changes", test_policy_changes},
	{"broken_dconf", test_broken_dconf},
};

CHECK_MAIN(tests)
