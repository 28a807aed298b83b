/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_apps.c - the picture of what is installed, on trees in the shape of phones: packages and
 * their marks, what launchers show to whom, Flatpaks, findings, systems without apk, hostile names,
 * limits one step over, and a digest that changes with everything that is read.
 */
#include "agent/util/buf.h"
#include "platform/apps.h"
#include "platform/desktop_scan.h"
#include "platform/watch.h"
#include "policies/apps_base.h"
#include "tests/unit/platform/flatpak_fixture.h"
#include "tests/unit/platform/people.h"

#define DB "lib/apk/db/installed"
#define APPS "usr/share/applications"

static const char *const people[] = {"ann", "bob"};

static const char packages[] =
	"P:postmarketos-ui-phosh\nV:1\nD:phosh calls\no:postmarketos-ui\n\n"
	"P:phosh\nV:0.50\nF:usr/share/wayland-sessions\nR:phosh.desktop\n\n"
	"P:calls\nV:48\nI:4096\nF:" APPS "\nR:org.gnome.Calls.desktop\n\n"
	"P:firefox\nV:140.0-r1\nI:10485760\no:firefox\ns:edge\nF:usr/bin\nR:firefox\na:0:0:755\n"
	"F:" APPS "\nR:firefox.desktop\nR:firefox-safe.desktop\n\n"
	"P:htop\nV:3.4\nF:" APPS "\nR:htop.desktop\n\n"
	"P:kde-thing\nV:6\nF:" APPS "/kde\nR:thing.desktop\n\n"
	"P:daemon\nV:1\nF:" APPS "\nR:daemon.desktop\nR:gone.desktop\n\n"
	"P:libthing\nV:1\n\n"
	"P:.mine\nV:1\nD:nano\n\n"
	"P:nano\nV:8\n\n";

static void put_entry(struct fixture *f, const char *path, const char *title, const char *more)
{
	char text[512];

	snprintf(text, sizeof(text), "[Desktop Entry]\nType=Application\nName=%s\n%s", title, more);
	fixture_text(f, path, text);
}

static void make_phone(struct fixture *f)
{
	fixture_open(f);
	people_make(f, people, 2, true);
	fixture_text(f, DB, packages);
	fixture_text(f, "etc/apk/world", "postmarketos-ui-phosh\nhtop\n.mine=1\n!joe\n");
	fixture_text(f, "usr/share/wayland-sessions/phosh.desktop",
		"[Desktop Entry]\nName=Phosh\nDesktopNames=Phosh;GNOME;\n");
	fixture_text(f, "usr/bin/firefox", "");
	if (fchmodat(f->platform.sysroot_fd, "usr/bin/firefox", 0755, 0) < 0)
		abort();
	put_entry(f, APPS "/org.gnome.Calls.desktop", "Calls", "OnlyShowIn=GNOME;\n");
	put_entry(f, APPS "/firefox.desktop", "Firefox", "Exec=firefox %u\n");
	put_entry(f, APPS "/firefox-safe.desktop", "Aaa", "Exec=firefox\nNoDisplay=true\n");
	put_entry(f, APPS "/htop.desktop", "Htop", "TryExec=htop\n"); /* which is not there */
	put_entry(f, APPS "/kde/thing.desktop", "Thing", "NotShowIn=GNOME;\n");
	put_entry(f, APPS "/daemon.desktop", "Daemon", "NoDisplay=true\n");
}

static struct apps_snapshot *collect(
	struct fixture *f, const char *base, const struct home_programs *programs)
{
	struct apps_request request = {.root_fd = f->platform.sysroot_fd,
		.base = {base, base ? strlen(base) : 0},
		.programs = programs};
	struct apps_snapshot *s;

	if (apps_collect(&request, &s) < 0)
		abort();
	return s;
}

static const struct app *find(const struct apps_snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->n_apps; i++)
		if (strcmp(s->apps[i].name, name) == 0)
			return &s->apps[i];
	return NULL;
}

/* Names of the list, in order. */
static const char *listed(const struct apps_snapshot *s)
{
	static char text[4096];

	text[0] = 0;
	for (size_t i = 0; i < s->n_apps; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			s->apps[i].name);
	return text;
}

static bool marked(const struct apps_snapshot *s, const bool *marks, const char *name)
{
	size_t i = apk_db_find(&s->db, name, strlen(name));

	return i < s->db.n_packages && marks[i];
}

static void test_packages(void)
{
	struct fixture f;
	struct apps_snapshot *s;
	const struct app *app;

	make_phone(&f);
	s = collect(&f, "calls\nphosh\npostmarketos-ui-phosh\n", NULL);
	CHECK_INT(s->manager, APPS_MANAGER_APK);
	CHECK_STR(s->manager_detail, "");
	CHECK_INT(s->db.n_packages, 10);
	CHECK_INT(s->n_base, 3);
	CHECK_STR(listed(s), "calls firefox htop nano postmarketos-ui-phosh");
	app = find(s, "firefox");
	CHECK_INT(app->kind, APP_PACKAGE);
	CHECK_STR(app->version, "140.0-r1");
	CHECK_STR(app->origin, "firefox");
	CHECK_STR(app->repository, "edge");
	CHECK_STR(app->title, "Firefox");
	CHECK_STR(app->user, "");
	CHECK_STR(app->remote, "");
	CHECK_STR(app->sha256, "");
	CHECK_INT(app->size_kib, 10240);
	CHECK(!app->is_explicit && !app->is_base && app->is_shown);
	app = find(s, "calls");
	CHECK(!app->is_explicit && app->is_base && app->is_shown);
	app = find(s, "htop");
	CHECK(app->is_explicit && !app->is_base && !app->is_shown);
	CHECK_STR(app->title, "");
	app = find(s, "nano"); /* by way of a virtual package */
	CHECK(app->is_explicit && !app->is_shown);
	CHECK(marked(s, s->has_desktop, "firefox") && marked(s, s->has_desktop, "calls"));
	CHECK(!marked(s, s->has_desktop, "htop") && !marked(s, s->has_desktop, "daemon"));
	CHECK(!marked(s, s->has_desktop, "kde-thing"));
	CHECK(marked(s, s->is_explicit, "nano") && !marked(s, s->is_explicit, ".mine"));
	apps_snapshot_free(s);
	fixture_close(&f);
}

/* Without a record nothing is base. On Plasma other entries are shown. */
static void test_other_desktop(void)
{
	struct fixture f;
	struct apps_snapshot *s;

	make_phone(&f);
	unlinkat(f.platform.sysroot_fd, "usr/share/wayland-sessions/phosh.desktop", 0);
	fixture_text(&f, "usr/share/wayland-sessions/plasma-mobile.desktop",
		"[Desktop Entry]\nName=Plasma Mobile\n");
	s = collect(&f, NULL, NULL);
	CHECK_INT(s->n_base, 0);
	CHECK_STR(listed(s), "firefox htop kde-thing nano postmarketos-ui-phosh");
	CHECK(find(s, "kde-thing")->is_shown);
	apps_snapshot_free(s);
	fixture_close(&f);
}

static bool is_shown(struct fixture *f, const char *name)
{
	struct apps_snapshot *s = collect(f, NULL, NULL);
	const struct app *app = find(s, name);
	bool shown = app && app->is_shown;

	apps_snapshot_free(s);
	return shown;
}

/* Who stands in front of whom: /usr/local, Flatpaks, and every user's own files. */
static void test_fronts(void)
{
	struct fixture f;
	struct apps_snapshot *s;

	make_phone(&f);
	CHECK(is_shown(&f, "firefox"));
	put_entry(
		&f, "usr/local/share/applications/firefox.desktop", "Firefox", "NoDisplay=true\n");
	CHECK(!is_shown(&f, "firefox"));
	s = collect(&f, NULL, NULL);
	CHECK(marked(s, s->has_desktop, "firefox")); /* hidden or not, it is an app */
	CHECK(find(s, "firefox") != NULL);
	CHECK_STR(find(s, "firefox")->title, "Firefox");
	apps_snapshot_free(s);
	/* One who has a copy of it is enough. */
	put_entry(&f, "home/bob/.local/share/applications/firefox.desktop", "Firefox", "");
	CHECK(is_shown(&f, "firefox"));
	put_entry(&f, "home/bob/.local/share/applications/firefox.desktop", "X", "Hidden=true\n");
	CHECK(!is_shown(&f, "firefox"));
	/* A copy that is a link may be anything; one to /dev/null masks. */
	unlinkat(f.platform.sysroot_fd, "home/bob/.local/share/applications/firefox.desktop", 0);
	fixture_link(&f, "home/bob/.local/share/applications/firefox.desktop", "/elsewhere");
	CHECK(is_shown(&f, "firefox"));
	unlinkat(f.platform.sysroot_fd, "home/bob/.local/share/applications/firefox.desktop", 0);
	fixture_link(&f, "home/bob/.local/share/applications/firefox.desktop", "/dev/null");
	CHECK(!is_shown(&f, "firefox"));
	/* /usr/local shows what the package hides; a file that is none masks. */
	unlinkat(f.platform.sysroot_fd, "usr/local/share/applications/firefox.desktop", 0);
	CHECK(is_shown(&f, "firefox")); /* to ann */
	fixture_text(&f, "usr/local/share/applications/firefox.desktop", "not one");
	CHECK(!is_shown(&f, "firefox"));
	unlinkat(f.platform.sysroot_fd, "usr/local/share/applications/firefox.desktop", 0);
	/* A Flatpak of the same id is shown in its place. */
	fixture_link(&f, "var/lib/flatpak/exports/share/applications/firefox.desktop", "/x");
	CHECK(!is_shown(&f, "firefox"));
	fixture_close(&f);
}

/* Ids of files in directories; a home with more names than are gone through. */
static void test_fronts_below(void)
{
	struct fixture f;
	char path[512];

	make_phone(&f);
	unlinkat(f.platform.sysroot_fd, "usr/share/wayland-sessions/phosh.desktop", 0);
	fixture_text(&f, "usr/share/wayland-sessions/x.desktop", "[Desktop Entry]\nName=X\n");
	CHECK(is_shown(&f, "kde-thing"));
	put_entry(&f, "usr/local/share/applications/kde/thing.desktop", "T", "NoDisplay=true\n");
	CHECK(!is_shown(&f, "kde-thing"));
	unlinkat(f.platform.sysroot_fd, "usr/local/share/applications/kde/thing.desktop", 0);
	put_entry(&f, "usr/local/share/applications/kde-thing.desktop", "T", "NoDisplay=true\n");
	CHECK(!is_shown(&f, "kde-thing"));
	for (unsigned int i = 0; i < LIMIT_DESKTOP_ENTRIES; i++) {
		snprintf(path, sizeof(path), "%s/usr/local/share/applications/%u", f.path, i);
		CHECK_INT(symlink("x", path), 0);
	}
	put_entry(&f, "home/ann/.local/share/applications/kde-thing.desktop", "T", "");
	CHECK(is_shown(&f, "kde-thing")); /* the system's crowd takes nothing from a home */
	fixture_close(&f);
}

static void test_flatpaks_and_findings(void)
{
	static const char bytes[] = "\177ELF";
	_cleanup_(home_walk_freep) struct home_walk *walk = NULL;
	struct fixture f;
	struct home_programs programs;
	struct apps_snapshot *s;
	const struct app *app;

	make_phone(&f);
	flatpak_install(&f, "var/lib/flatpak", "org.gnome.Maps", "flathub", "48.1",
		"[Desktop Entry]\nType=Application\nName=Maps\n");
	flatpak_install(&f, "home/bob/.local/share/flatpak", "org.gnome.Maps", "mine", NULL, NULL);
	fixture_write(&f, "home/ann/to\nol", bytes, 4);
	CHECK_INT(fchmodat(f.platform.sysroot_fd, "home/ann/to\nol", 0755, 0), 0);
	CHECK_INT(home_walk_new(f.platform.sysroot_fd, &walk), 0);
	while (home_walk_step(walk, 100) == 1)
		;
	home_walk_take(walk, &programs);
	s = collect(&f, NULL, &programs);
	home_programs_done(&programs); /* was copied */
	CHECK_STR(listed(s), "calls firefox htop nano postmarketos-ui-phosh org.gnome.Maps "
			     "org.gnome.Maps /home/ann/to?ol");
	app = &s->apps[5];
	CHECK_INT(app->kind, APP_FLATPAK);
	CHECK_STR(app->version, "48.1");
	CHECK_STR(app->remote, "flathub");
	CHECK_STR(app->title, "Maps");
	CHECK_STR(app->user, "");
	CHECK(app->is_shown);
	CHECK_INT(app->size_kib, 2);
	CHECK_STR(app[1].user, "bob");
	CHECK_STR(app[1].version, "stable");
	CHECK(!app[1].is_shown);
	CHECK_INT(app[2].kind, APP_FILE);
	CHECK_STR(app[2].user, "ann");
	CHECK_STR(app[2].name + app[2].n_home, "to?ol");
	CHECK_INT(s->n_found, 1);
	CHECK(!s->found_is_cut);
	apps_snapshot_free(s);
	fixture_close(&f);
}

static void test_without_apk(void)
{
	struct fixture f;
	struct apps_snapshot *s;

	fixture_open(&f);
	flatpak_install(&f, "var/lib/flatpak", "org.a", "flathub", "1", NULL);
	s = collect(&f, "x\n", NULL);
	CHECK_INT(s->manager, APPS_MANAGER_NONE);
	CHECK(s->manager_detail[0]);
	CHECK_INT(s->db.n_packages, 0);
	CHECK_STR(listed(s), "org.a");
	apps_snapshot_free(s);
	fixture_text(&f, "usr/local/sbin/apk", "#!/bin/sh\nexit 1\n");
	s = collect(&f, NULL, NULL);
	CHECK_INT(s->manager, APPS_MANAGER_IMMUTABLE);
	CHECK_STR(listed(s), "org.a");
	apps_snapshot_free(s);
	fixture_directory(&f, DB);
	s = collect(&f, NULL, NULL);
	CHECK_INT(s->manager, APPS_MANAGER_UNREADABLE);
	CHECK(strstr(s->manager_detail, "/lib/apk/db/installed") != NULL);
	CHECK_STR(listed(s), "org.a");
	apps_snapshot_free(s);
	fixture_close(&f);
}

static void test_limit_database(void)
{
	struct fixture f;
	struct apps_snapshot *s;
	int fd;

	fixture_open(&f);
	fixture_text(&f, DB, "P:a\nV:1\n\n");
	fixture_text(&f, "etc/apk/world", "a\n");
	fd = openat(f.platform.sysroot_fd, DB, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && ftruncate(fd, LIMIT_APK_DB_BYTES + 1) == 0);
	s = collect(&f, NULL, NULL);
	CHECK_INT(s->manager, APPS_MANAGER_UNREADABLE);
	apps_snapshot_free(s);
	CHECK_INT(ftruncate(fd, LIMIT_APK_DB_BYTES), 0);
	s = collect(&f, NULL, NULL);
	CHECK_INT(s->manager, APPS_MANAGER_APK);
	CHECK_STR(listed(s), "a");
	apps_snapshot_free(s);
	close(fd);
	fd = openat(f.platform.sysroot_fd, "etc/apk/world", O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && ftruncate(fd, LIMIT_APK_WORLD_BYTES + 1) == 0);
	s = collect(&f, NULL, NULL);
	CHECK_INT(s->manager, APPS_MANAGER_UNREADABLE);
	CHECK(strstr(s->manager_detail, "/etc/apk/world") != NULL);
	CHECK_STR(listed(s), ""); /* nobody is known to have asked for it */
	apps_snapshot_free(s);
	close(fd);
	fixture_close(&f);
}

/* One more than may be listed: of base and chosen ones, a chosen one never goes. */
static void test_limit_apps(void)
{
	_cleanup_buf_ struct buf db = BUF_INIT, world = BUF_INIT;
	struct fixture f;
	struct apps_snapshot *s;

	fixture_open(&f);
	for (unsigned int i = 0; i < LIMIT_APPS; i++) {
		buf_printf(&db, "P:p%04u\nV:1\n\n", i);
		buf_printf(&world, "p%04u\n", i);
	}
	fixture_text(&f, DB, db.data);
	fixture_text(&f, "etc/apk/world", world.data);
	s = collect(&f, "p0001\np0002\n", NULL);
	CHECK_INT(s->n_apps, LIMIT_APPS);
	CHECK_INT(s->n_apps_left_out, 0);
	apps_snapshot_free(s);
	flatpak_install(&f, "var/lib/flatpak", "org.a", "flathub", "1", NULL);
	s = collect(&f, "p0001\np0002\n", NULL);
	CHECK_INT(s->n_apps, LIMIT_APPS);
	CHECK_INT(s->n_apps_left_out, 1);
	CHECK(find(s, "org.a") && find(s, "p0003") && find(s, "p0001") && !find(s, "p0002"));
	for (size_t i = 1; i < s->n_apps; i++)
		CHECK(s->apps[i - 1].kind < s->apps[i].kind ||
			strcmp(s->apps[i - 1].name, s->apps[i].name) < 0);
	apps_snapshot_free(s);
	fixture_close(&f);
}

static void test_limit_entries(void)
{
	_cleanup_buf_ struct buf db = BUF_INIT;
	struct homes homes = {.n_homes = 0};
	struct desktop_scan scan;
	struct fixture f;
	struct apk_db read;
	char path[128];

	fixture_open(&f);
	buf_puts(&db, "P:p\nV:1\nF:" APPS "\n");
	put_entry(&f, APPS "/0.desktop", "N", "");
	for (unsigned int i = 0; i <= LIMIT_DESKTOP_ENTRIES; i++) {
		snprintf(path, sizeof(path), APPS "/%u.desktop", i);
		if (i)
			CHECK_INT(linkat(f.platform.sysroot_fd, APPS "/0.desktop",
					  f.platform.sysroot_fd, path, 0),
				0);
		if (i == LIMIT_DESKTOP_ENTRIES) {
			CHECK_INT(apk_db_read(db.data, db.n_bytes, &read), 0);
			CHECK_INT(
				desktop_scan_packages(f.platform.sysroot_fd, &read, &homes, &scan),
				0);
			CHECK_INT(scan.n_found, LIMIT_DESKTOP_ENTRIES);
			CHECK(!scan.more);
			desktop_scan_done(&scan);
			apk_db_done(&read);
		}
		buf_printf(&db, "R:%u.desktop\n", i);
	}
	CHECK_INT(apk_db_read(db.data, db.n_bytes, &read), 0);
	CHECK_INT(desktop_scan_packages(f.platform.sysroot_fd, &read, &homes, &scan), 0);
	CHECK_INT(scan.n_found, LIMIT_DESKTOP_ENTRIES);
	CHECK(scan.more);
	desktop_scan_done(&scan);
	apk_db_done(&read);
	fixture_close(&f);
}

/* Names and titles that are no text are cleaned; paths in the database stay inside of the root. */
static void test_hostile_database(void)
{
	static const char db[] =
		"P:a\xff\nV:1\xc3\no:\x01x\nF:usr/share/applications/../../../etc\n"
		"R:x.desktop\nF:" APPS "\nR:../../../etc/x.desktop\nR:pipe.desktop\n"
		"R:dir.desktop\n\n";
	struct fixture f;
	struct apps_snapshot *s;
	char path[512];

	fixture_open(&f);
	fixture_text(&f, DB, db);
	fixture_text(&f, "etc/apk/world", "a\xff\n");
	put_entry(&f, "etc/x.desktop", "\x1b[31mred", "");
	fixture_directory(&f, APPS "/dir.desktop");
	snprintf(path, sizeof(path), "%s/" APPS "/pipe.desktop", f.path);
	CHECK_INT(mkfifo(path, 0644), 0);
	s = collect(&f, NULL, NULL);
	CHECK_STR(listed(s), "a?");
	CHECK_STR(s->apps[0].version, "1?");
	CHECK_STR(s->apps[0].origin, "?x");
	CHECK_STR(s->apps[0].title, "?[31mred");
	apps_snapshot_free(s);
	fixture_close(&f);
}

/* --- what changed? ---------------------------------------------------------------------------- */

static bool differs(struct fixture *f, uint8_t identity[SHA256_BYTES])
{
	uint8_t now[SHA256_BYTES];
	bool other;

	if (apps_identity(f->platform.sysroot_fd, now) < 0)
		abort();
	other = memcmp(now, identity, sizeof(now)) != 0;
	memcpy(identity, now, sizeof(now));
	return other;
}

static void test_identity(void)
{
	static const char *const watched[] = {DB, "etc/apk/world", "etc/passwd",
		APPS "/new.desktop", "usr/local/share/applications/new.desktop",
		"usr/share/wayland-sessions/new.desktop", "var/lib/flatpak/.changed",
		"var/lib/flatpak/repo/config", "home/ann/.local/share/applications/new.desktop",
		"home/bob/.local/share/flatpak/.changed"};
	struct fixture f;
	struct apps_snapshot *s;
	uint8_t identity[SHA256_BYTES];

	make_phone(&f);
	CHECK_INT(apps_identity(f.platform.sysroot_fd, identity), 0);
	CHECK(!differs(&f, identity));
	s = collect(&f, NULL, NULL);
	CHECK(memcmp(s->identity, identity, sizeof(identity)) == 0);
	apps_snapshot_free(s);
	for (size_t i = 0; i < ARRAY_SIZE(watched); i++) {
		_cleanup_free_ char *text = NULL;

		/* Replaced by the same bytes: another inode is another file. */
		if (fs_read(f.platform.sysroot_fd, watched[i], 1 << 20, &text, NULL) < 0)
			fixture_text(&f, watched[i], "x");
		else {
			const struct fs_owner owner = {geteuid(), getegid(), 0644};

			CHECK_INT(fs_replace(f.platform.sysroot_fd, watched[i], text, strlen(text),
					  &owner),
				0);
		}
		CHECK(differs(&f, identity));
		CHECK(!differs(&f, identity));
	}
	fixture_text(&f, "usr/bin/other", "x");
	CHECK(!differs(&f, identity));
	fixture_close(&f);
}

static void on_change(void *userdata)
{
	++*(unsigned int *)userdata;
}

/* A package manager replaces the database; the loop hears of it. */
static void test_watch(void)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0644};
	_cleanup_(watch_freep) struct watch *watch = NULL;
	unsigned int n_changes = 0;
	struct fixture f;

	make_phone(&f);
	CHECK_INT(watch_new(f.platform.event, f.platform.sysroot_fd, apps_watch_paths,
			  apps_n_watch_paths, on_change, &n_changes, &watch),
		0);
	CHECK(sd_event_run(f.platform.event, 0) == 0);
	CHECK_INT(fs_replace(f.platform.sysroot_fd, DB, "P:a\nV:1\n\n", 9, &owner), 0);
	while (!n_changes)
		CHECK(sd_event_run(f.platform.event, 10 * 1000 * 1000) > 0);
	n_changes = 0;
	fixture_text(&f, "var/lib/flatpak/.changed", "");
	while (!n_changes)
		CHECK(sd_event_run(f.platform.event, 10 * 1000 * 1000) > 0);
	watch_free(TAKE_PTR(watch));
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"packages", test_packages},
	{"other desktop", test_other_desktop},
	{"fronts", test_fronts},
	{"fronts below directories", test_fronts_below},
	{"Flatpaks and findings", test_flatpaks_and_findings},
	{"without apk", test_without_apk},
	{"limit of the database", test_limit_database},
	{"limit of apps", test_limit_apps},
	{"limit of entries", test_limit_entries},
	{"hostile database", test_hostile_database},
	{"identity", test_identity},
	{"watch", test_watch},
};
CHECK_MAIN(tests)
