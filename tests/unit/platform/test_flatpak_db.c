/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_flatpak_db.c - Flatpaks of the system and in homes: what is installed, what is said of it,
 * what hostile files and homes can and cannot do, limits one step over.
 */
#include "platform/flatpak_db.h"
#include "platform/flatpak_deploy.h"
#include "tests/unit/platform/flatpak_fixture.h"
#include "tests/unit/platform/people.h"

#define SYSTEM "var/lib/flatpak"
#define BASE "home/ann/.local/share/flatpak"

static const char *const people[] = {"ann", "bob"};

/* What Flatpak 1.14 wrote for an app that it had installed from a directory. */
static const char real[] =
	"testrepo\000f94c86f7b8dfc7be33f09d88391b67627a64aab6378cda96a37b893f9d946b64\000\000"
	"\000\000\000\000\000\000\000\000\000\000\000\012\000appdata-name\000\000\000\000T"
	"est App\000\000s\015\000\000\000\000appdata-version\0003.2\000\000s\020\000deploy"
	"-version\000\000\004\000\000\000\000i\017\000appdata-license\000MIT\000\000s\020\000"
	"runtime\000org.test.Platform/x86_64/1\000\000s\010\000\000appdata-summary\000A th"
	"ing\000\000s\020\000\000\000\000\000timestamp\000\000\000\000\000\000\000\207\342"
	"\003k\000\000\000\000\000t\012\0347Og\216\253\313J\000J\000\011\000";

static void test_real_deploy(void)
{
	struct flatpak_app app = {.runtime = "kept"};

	CHECK_INT(flatpak_deploy_read(real, sizeof(real) - 1, &app), 0);
	CHECK_STR(app.remote, "testrepo");
	CHECK_STR(app.commit, "f94c86f7b8dfc7be33f09d88391b67627a64aab6378cda96a37b893f9d946b64");
	CHECK_STR(app.version, "3.2");
	CHECK_STR(app.title, "Test App");
	CHECK_INT(app.installed_bytes, 2560);
	CHECK_STR(app.runtime, "kept");
}

/* Cut anywhere it is refused or says less; nothing is read behind the end (sanitizers look). */
static void test_cut_deploy(void)
{
	for (size_t n = 0; n < sizeof(real) - 1; n++) {
		struct flatpak_app app = {.remote = "kept"};
		char *copy = malloc(n + 1);

		CHECK(copy);
		memcpy(copy, real, n);
		copy = realloc(copy, n ? n : 1);
		if (flatpak_deploy_read(copy, n, &app) < 0)
			CHECK_STR(app.remote, "kept");
		free(copy);
	}
}

static void test_made_deploy(void)
{
	for (size_t n = 1; n < 600; n++) {
		_cleanup_buf_ struct buf deploy = BUF_INIT;
		struct flatpak_app app = {.installed_bytes = 0};
		char origin[600];

		memset(origin, 'o', n);
		origin[n] = 0;
		flatpak_deploy_make(&deploy, origin, n % 3 ? "1.2" : NULL, n % 2 ? "A\tB" : NULL);
		CHECK_INT(flatpak_deploy_read(deploy.data, deploy.n_bytes, &app), 0);
		CHECK_INT(strlen(app.remote), n < LIMIT_TEXT_BYTES ? n : LIMIT_TEXT_BYTES);
		CHECK_STR(app.version, n % 3 ? "1.2" : "");
		CHECK_STR(app.title, n % 2 ? "A?B" : "");
		CHECK_INT(app.installed_bytes, 2560);
	}
}

static void test_metadata(void)
{
	static const char text[] = "[Runtime]\nname=x\n[Application]\nname = org.a.B\n"
				   "runtime=org.p/x/1\n[Context]\nname=other\n";
	static const char runtime[] = "[Runtime]\nname=x\n";
	struct flatpak_app app = {.runtime = "kept"};
	char id[16] = "kept";

	CHECK_INT(flatpak_metadata_read(runtime, sizeof(runtime) - 1, &app, id, sizeof(id)),
		-EBADMSG);
	CHECK_STR(id, "kept");
	CHECK_STR(app.runtime, "kept");
	CHECK_INT(flatpak_metadata_read(text, sizeof(text) - 1, &app, id, sizeof(id)), 0);
	CHECK_STR(id, "org.a.B");
	CHECK_STR(app.runtime, "org.p/x/1");
}

static void test_config(void)
{
	static const char text[] =
		"[core]\nrepo_version=1\nurl=none\n"
		"[remote \"flathub\"]\nurl=https://dl.flathub.org/repo/\ngpg-verify=true\n"
		"[remote \"lab\"]\ngpg-verify=false\nurl=http://lab/\nxa.disable=true\n"
		"xa.filter=/etc/lab.filter\n[remote \"\"]\nurl=x\n[remote lab]\nurl=y\n"
		"[remote \"bare\"]\nxa.title=Bare\n[remote \"lab\"]\nxa.title=Lab\n";
	struct flatpak_remote remotes[4];
	bool more;

	CHECK_INT(flatpak_config_read(text, sizeof(text) - 1, remotes, 4, &more), 3);
	CHECK(!more);
	CHECK_STR(remotes[0].name, "flathub");
	CHECK_STR(remotes[0].url, "https://dl.flathub.org/repo/");
	CHECK(remotes[0].verifies && !remotes[0].is_disabled);
	CHECK_STR(remotes[1].name, "lab");
	CHECK_STR(remotes[1].filter, "/etc/lab.filter");
	CHECK(!remotes[1].verifies && remotes[1].is_disabled);
	CHECK_STR(remotes[2].name, "bare");
	CHECK(remotes[2].verifies);
	CHECK_INT(flatpak_config_read(text, sizeof(text) - 1, remotes, 2, &more), 2);
	CHECK(more);
}

static int read_db(struct fixture *f, struct flatpak_db *ret_db)
{
	_cleanup_(homes_done) struct homes homes;

	homes_open(f->platform.sysroot_fd, &homes);
	return flatpak_db_read(f->platform.sysroot_fd, &homes, ret_db);
}

static void test_installed(void)
{
	static const char mine[] = "home/bob/.local/share/flatpak";
	struct fixture f;
	struct flatpak_db db;

	fixture_open(&f);
	people_make(&f, people, 2, true);
	flatpak_install(&f, SYSTEM, "org.gnome.Maps", "flathub", "48.1",
		"[Desktop Entry]\nType=Application\nName=Maps\\tapp\nExec=x\n");
	flatpak_install(&f, SYSTEM, "org.gnome.Hidden", "flathub", NULL,
		"[Desktop Entry]\nType=Application\nName=Hidden\nNoDisplay=true\n");
	flatpak_install(&f, mine, "org.gnome.Maps", "mine", NULL, NULL);
	fixture_text(&f, SYSTEM "/repo/config", "[remote \"flathub\"]\nurl=https://x/\n");
	fixture_text(&f, "home/bob/.local/share/flatpak/repo/config",
		"[remote \"mine\"]\nurl=file:///home/bob\ngpg-verify=false\n");
	CHECK_INT(read_db(&f, &db), 0);
	CHECK_INT(db.n_apps, 3);
	CHECK_STR(db.apps[0].id, "org.gnome.Hidden");
	CHECK(!db.apps[0].is_shown);
	CHECK_STR(db.apps[0].title, "Hidden");
	CHECK_STR(db.apps[1].id, "org.gnome.Maps");
	CHECK_STR(db.apps[1].user, "");
	CHECK_STR(db.apps[1].arch, "aarch64");
	CHECK_STR(db.apps[1].branch, "stable");
	CHECK_STR(db.apps[1].commit, FLATPAK_COMMIT);
	CHECK_STR(db.apps[1].remote, "flathub");
	CHECK_STR(db.apps[1].version, "48.1");
	CHECK_STR(db.apps[1].title, "Maps app");
	CHECK_STR(db.apps[1].runtime, "org.test.Platform/aarch64/1");
	CHECK_INT(db.apps[1].installed_bytes, 2560);
	CHECK(db.apps[1].is_shown);
	CHECK_STR(db.apps[1].deploy, SYSTEM "/app/org.gnome.Maps/aarch64/stable/" FLATPAK_COMMIT);
	CHECK_STR(db.apps[2].user, "bob");
	CHECK_STR(db.apps[2].remote, "mine");
	CHECK_STR(db.apps[2].deploy, "home/bob/.local/share/flatpak/app/org.gnome.Maps/aarch64/"
				     "stable/" FLATPAK_COMMIT);
	CHECK_INT(db.n_remotes, 2);
	CHECK_STR(db.remotes[0].name, "flathub");
	CHECK_STR(db.remotes[1].user, "bob");
	CHECK(!db.remotes[1].verifies);
	CHECK(!db.more);
	CHECK_INT(db.n_homes_skipped, 0);
	flatpak_db_done(&db);
	fixture_close(&f);
}

static void test_nothing(void)
{
	struct fixture f;
	struct flatpak_db db;

	fixture_open(&f);
	CHECK_INT(read_db(&f, &db), 0);
	CHECK_INT(db.n_apps, 0);
	CHECK_INT(db.n_remotes, 0);
	CHECK_INT(db.n_homes_skipped, 1);
	flatpak_db_done(&db);
	fixture_close(&f);
}

/* How many apps there are. */
static size_t count(struct fixture *f)
{
	struct flatpak_db db;
	size_t n;

	if (read_db(f, &db) < 0)
		return SIZE_MAX;
	n = db.n_apps;
	flatpak_db_done(&db);
	return n;
}

/* Links at every level, and a commit that leads away. */
static void test_links(void)
{
	struct fixture f;
	char secret[PATH_MAX];

	fixture_open(&f);
	people_make(&f, people, 1, true);
	flatpak_install(&f, "srv/secret", "org.secret", "r", "1", NULL);
	snprintf(secret, sizeof(secret), "%s/srv/secret/app/org.secret/aarch64", f.path);
	fixture_link(&f, BASE "/app/org.link", "/srv/secret/app/org.secret");
	fixture_link(&f, BASE "/app/org.deep/aarch64", secret);
	fixture_link(&f, BASE "/app/org.branch/aarch64/stable",
		"../../../../../../../../srv/secret/app/org.secret/aarch64/stable");
	fixture_link(&f, BASE "/app/org.x/a/b/active",
		"../../../../../../../../../srv/secret/app/org.secret/aarch64/stable/active");
	fixture_link(&f, BASE "/app/org.y/a/b/active", "..");
	fixture_link(&f, BASE "/app/org.z/a/b/active", FLATPAK_COMMIT);
	fixture_link(&f, BASE "/app/org.z/a/b/" FLATPAK_COMMIT,
		"/srv/secret/app/org.secret/aarch64/stable/" FLATPAK_COMMIT);
	CHECK_INT(count(&f), 0);
	fixture_close(&f);
}

/* Pipes in place of files, and a desktop entry that is a link to what only root may read. */
static void test_hostile_files(void)
{
	struct fixture f;
	struct flatpak_db db;
	char path[PATH_MAX];

	fixture_open(&f);
	people_make(&f, people, 1, true);
	fixture_directory(&f, BASE "/app/org.x/a/b/" FLATPAK_COMMIT);
	fixture_link(&f, BASE "/app/org.x/a/b/active", FLATPAK_COMMIT);
	snprintf(path, sizeof(path), "%s/" BASE "/app/org.x/a/b/" FLATPAK_COMMIT "/deploy", f.path);
	CHECK_INT(mkfifo(path, 0666), 0);
	snprintf(path, sizeof(path), "%s/" BASE "/repo", f.path);
	CHECK_INT(mkdir(path, 0755), 0);
	strcat(path, "/config");
	CHECK_INT(mkfifo(path, 0666), 0);
	CHECK_INT(count(&f), 0);
	flatpak_install(&f, BASE, "org.ok", "r", "1", NULL);
	fixture_text(&f, "srv/entry", "[Desktop Entry]\nType=Application\nName=Secret\n");
	fixture_link(&f,
		BASE "/app/org.ok/aarch64/stable/" FLATPAK_COMMIT
		     "/export/share/applications/org.ok.desktop",
		"/srv/entry");
	CHECK_INT(read_db(&f, &db), 0);
	CHECK_INT(db.n_apps, 1);
	CHECK_STR(db.apps[0].id, "org.ok");
	CHECK_STR(db.apps[0].title, "");
	CHECK_INT(db.n_remotes, 0);
	flatpak_db_done(&db);
	fixture_close(&f);
}

/* Names that would be something else on a command line or a screen. */
static void test_hostile_names(void)
{
	static const char *const names[] = {"-y", ".hidden", "a b", "a\nb", "a\033[31m", "\377"};
	struct fixture f;
	struct flatpak_db db;

	fixture_open(&f);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		flatpak_install(&f, SYSTEM, names[i], "r", "1", NULL);
	flatpak_install(&f, SYSTEM, "org.ok", "r", "1", NULL);
	CHECK_INT(read_db(&f, &db), 0);
	CHECK_INT(db.n_apps, 1);
	CHECK_STR(db.apps[0].id, "org.ok");
	flatpak_db_done(&db);
	fixture_close(&f);
}

static void check_limit(struct fixture *f, size_t n_apps, size_t n_remotes, bool more)
{
	struct flatpak_db db;

	CHECK_INT(read_db(f, &db), 0);
	CHECK_INT(db.n_apps, n_apps);
	CHECK_INT(db.n_remotes, n_remotes);
	CHECK_INT(db.more, more);
	flatpak_db_done(&db);
}

static void test_limit_apps(void)
{
	struct fixture f;
	char id[32];

	fixture_open(&f);
	for (unsigned int i = 0; i < LIMIT_APPS; i++) {
		snprintf(id, sizeof(id), "org.a%u", i);
		flatpak_install(&f, SYSTEM, id, "r", "1", NULL);
	}
	check_limit(&f, LIMIT_APPS, 0, false);
	flatpak_install(&f, SYSTEM, "org.more", "r", "1", NULL);
	check_limit(&f, LIMIT_APPS, 0, true);
	fixture_close(&f);
}

static void test_limit_remotes(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct fixture f;

	fixture_open(&f);
	for (unsigned int i = 0; i < LIMIT_FLATPAK_REMOTES; i++)
		buf_printf(&text, "[remote \"r%u\"]\nurl=x\n", i);
	fixture_text(&f, SYSTEM "/repo/config", text.data);
	check_limit(&f, 0, LIMIT_FLATPAK_REMOTES, false);
	buf_puts(&text, "[remote \"more\"]\nurl=x\n");
	fixture_text(&f, SYSTEM "/repo/config", text.data);
	check_limit(&f, 0, LIMIT_FLATPAK_REMOTES, true);
	fixture_close(&f);
}

static void test_limit_bytes(void)
{
	static const char config[] = "[remote \"r\"]\nurl=x\n";
	struct fixture f;
	struct flatpak_app app;
	char *text = malloc(LIMIT_FLATPAK_FILE_BYTES + 1);

	CHECK(text);
	fixture_open(&f);
	memset(text, '\n', LIMIT_FLATPAK_FILE_BYTES + 1);
	memcpy(text, config, sizeof(config) - 1);
	for (size_t over = 0; over < 2; over++) {
		fixture_write(&f, SYSTEM "/repo/config", text, LIMIT_FLATPAK_FILE_BYTES + over);
		check_limit(&f, 0, 1 - over, false);
	}
	memset(text, 0, LIMIT_FLATPAK_FILE_BYTES + 1);
	CHECK_INT(flatpak_deploy_read(text, LIMIT_FLATPAK_FILE_BYTES + 1, &app), -EBADMSG);
	free(text);
	fixture_close(&f);
}

static void test_limit_entries(void)
{
	struct fixture f;
	char path[512];
	/* "." and ".." of app/ and of two levels below, org.a, its current and aarch64, stable. */
	const unsigned int n_own = 2 + 1 + 2 + 2 + 2 + 1;

	fixture_open(&f);
	flatpak_install(&f, SYSTEM, "org.a", "r", "1", NULL);
	for (unsigned int i = n_own; i < LIMIT_FLATPAK_ENTRIES; i++) {
		snprintf(path, sizeof(path), "%s/" SYSTEM "/app/x%u", f.path, i);
		CHECK_INT(symlink("x", path), 0);
	}
	check_limit(&f, 1, 0, false);
	snprintf(path, sizeof(path), "%s/" SYSTEM "/app/more", f.path);
	CHECK_INT(symlink("x", path), 0);
	{
		struct flatpak_db db;

		CHECK_INT(read_db(&f, &db), 0);
		CHECK(db.more);
		flatpak_db_done(&db);
	}
	fixture_close(&f);
}

#define ANN "home/ann/.local/share/flatpak"
#define BOB "home/bob/.local/share/flatpak"

/* However much one has, the system's and others' are seen. */
static void test_limit_home(void)
{
	struct fixture f;
	char id[32], path[512];

	fixture_open(&f);
	people_make(&f, people, 2, true);
	flatpak_install(&f, SYSTEM, "org.system", "r", "1", NULL);
	flatpak_install(&f, BOB, "org.bob", "r", "1", NULL);
	for (unsigned int i = 0; i < LIMIT_FLATPAK_HOME_APPS; i++) {
		snprintf(id, sizeof(id), "a.a%u", i);
		flatpak_install(&f, ANN, id, "r", "1", NULL);
	}
	check_limit(&f, LIMIT_FLATPAK_HOME_APPS + 2, 0, false);
	flatpak_install(&f, ANN, "a.more", "r", "1", NULL);
	check_limit(&f, LIMIT_FLATPAK_HOME_APPS + 2, 0, true);
	fixture_close(&f);

	fixture_open(&f);
	people_make(&f, people, 2, true);
	flatpak_install(&f, BOB, "org.bob", "r", "1", NULL);
	fixture_text(&f, ANN "/app/x", "");
	for (unsigned int i = 3; i < LIMIT_FLATPAK_HOME_ENTRIES; i++) {
		snprintf(path, sizeof(path), "%s/" ANN "/app/x%u", f.path, i);
		CHECK_INT(symlink("x", path), 0);
	}
	check_limit(&f, 1, 0, false);
	snprintf(path, sizeof(path), "%s/" ANN "/app/more", f.path);
	CHECK_INT(symlink("x", path), 0);
	check_limit(&f, 1, 0, true);
	fixture_close(&f);
}

/* One large file by many names costs its owner nothing, and the agent not much. */
static void test_limit_home_bytes(void)
{
	char *text = malloc(LIMIT_DESKTOP_BYTES);
	char first[512], path[512], id[32];
	struct fixture f;
	const char *entry = "[Desktop Entry]\nType=Application\nName=x\n";

	CHECK(text);
	memset(text, '\n', LIMIT_DESKTOP_BYTES);
	memcpy(text, entry, strlen(entry));
	fixture_open(&f);
	people_make(&f, people, 2, true);
	flatpak_install(&f, SYSTEM, "org.system", "r", "1", entry);
	flatpak_install(&f, BOB, "org.bob", "r", "1", entry);
	for (unsigned int i = 0; i < 3; i++) {
		snprintf(id, sizeof(id), "a.a%u", i);
		flatpak_install(&f, ANN, id, "r", "1", entry);
		for (unsigned int k = 0; k < 40; k++) {
			snprintf(path, sizeof(path),
				ANN "/app/%s/aarch64/stable/" FLATPAK_COMMIT
				    "/export/share/applications/x%u.desktop",
				id, k);
			if (i == 0 && k == 0) {
				fixture_write(&f, path, text, LIMIT_DESKTOP_BYTES);
				snprintf(first, sizeof(first), "%s", path);
			} else {
				CHECK_INT(linkat(f.platform.sysroot_fd, first,
						  f.platform.sysroot_fd, path, 0),
					0);
			}
		}
		/* 40 of them are 2.5 MiB. */
		check_limit(&f, 2 + (i < 2 ? i + 1 : 2), 0, i > 0);
	}
	free(text);
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"real deploy", test_real_deploy},
	{"cut deploy", test_cut_deploy},
	{"made deploy", test_made_deploy},
	{"metadata", test_metadata},
	{"config", test_config},
	{"installed", test_installed},
	{"nothing", test_nothing},
	{"links", test_links},
	{"hostile files", test_hostile_files},
	{"hostile names", test_hostile_names},
	{"limit of apps", test_limit_apps},
	{"limit of remotes", test_limit_remotes},
	{"limit of bytes", test_limit_bytes},
	{"limit of entries", test_limit_entries},
	{"limit of a home", test_limit_home},
	{"limit of a home's bytes", test_limit_home_bytes},
};
CHECK_MAIN(tests)
