/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_apps_base.c - what the phone came with: the image's members of the world and all that they
 * need, recorded and found again; members that somebody chose are not among them.
 */
#include <string.h>

#include "agent/util/limits.h"
#include "policies/apps_base.h"
#include "tests/lib/check.h"

static const char phone[] = "P:postmarketos-ui-phosh\nV:1\nD:phosh calls>=1 so:libgtk.so.1\n\n"
			    "P:phosh\nV:1\nD:musl\n\n"
			    "P:calls\nV:2\n\n"
			    "P:gtk\nV:1\np:so:libgtk.so.1=1\n\n"
			    "P:gtk-lang\nV:1\ni:gtk=1 lang\n\n"
			    "P:lang\nV:1\n\n"
			    "P:musl\nV:1\n\n"
			    "P:openssh\nV:1\nD:openssh-server\n\n"
			    "P:openssh-server\nV:1\n\n"
			    "P:htop\nV:1\nD:ncurses\n\n"
			    "P:ncurses\nV:1\n\n"
			    "P:device-test\nV:1\n\n"
			    "P:linux-test\nV:1\n\n"
			    "P:mdm-agent\nV:1\nD:json-c\n\n"
			    "P:json-c\nV:1\n\n"
			    "P:postmarketos-tweaks\nV:1\n\n"
			    "P:.mine\nV:1\nD:nano cmd:vi !joe\n\n"
			    "P:nano\nV:1\n\n"
			    "P:vim\nV:1\np:cmd:vi=9\n\n"
			    "P:networkmanager\nV:1\nD:libnm\n\n"
			    "P:libnm\nV:1\n\n"
			    "P:greetd-phrog\nV:1\nD:greetd\n\n"
			    "P:greetd\nV:1\n\n"
			    "P:phosh-antispam\nV:1\n\n";
static const char world[] =
	"postmarketos-ui-phosh\ndevice-test\nlang\nhtop@edge\n.mine=1\n"
	"!firefox\nlinux-test=1\nopenssh>0\nnot-installed\ngreetd-phrog phosh-antispam\n";

static struct apk_text text_of(const char *text)
{
	return (struct apk_text){text, strlen(text)};
}

static bool is_network(const char *name)
{
	return strcmp(name, "networkmanager") == 0 || strcmp(name, "mdm-agent") == 0;
}

static bool is_nothing(const char *name)
{
	(void)name;
	return false;
}

static bool marked(const struct apk_db *db, const bool *marks, const char *name)
{
	size_t i = apk_db_find(db, name, strlen(name));

	return i < db->n_packages && marks[i];
}

static void test_base(void)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	struct apk_db db;
	bool marks[32], again[32];
	size_t n;

	CHECK_INT(apk_db_read(phone, sizeof(phone) - 1, &db), 0);
	CHECK_INT(apps_base_make(&db, text_of(world), is_network, &names), 0);
	CHECK_STR(names.data,
		"calls\ndevice-test\ngreetd\ngreetd-phrog\ngtk\ngtk-lang\njson-c\nlang\nlibnm\nlinux-test\n"
		"mdm-agent\nmusl\nnetworkmanager\nphosh\npostmarketos-ui-phosh\n");
	n = apps_base_mark(&db, text_of(names.data), marks);
	CHECK_INT(n, 15);
	CHECK(!marked(&db, marks, "htop") && !marked(&db, marks, "nano"));
	/* Of the image's name, but nobody asked for it: what it is there for decides. */
	CHECK(!marked(&db, marks, "postmarketos-tweaks"));
	/* Closed under what packages need. */
	memcpy(again, marks, sizeof(again));
	apk_db_close(&db, again);
	CHECK(memcmp(marks, again, db.n_packages * sizeof(*marks)) == 0);
	apk_db_done(&db);
}

static void test_without_world(void)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	struct apk_db db;

	CHECK_INT(apk_db_read(phone, sizeof(phone) - 1, &db), 0);
	CHECK_INT(apps_base_make(&db, (struct apk_text){0}, is_nothing, &names), 0);
	CHECK_INT(names.n_bytes, 0);
	CHECK_INT(apps_base_make(&db, (struct apk_text){0}, is_network, &names), 0);
	CHECK_STR(names.data, "json-c\nlibnm\nmdm-agent\nnetworkmanager\n");
	apk_db_done(&db);
	CHECK_INT(apk_db_read("", 0, &db), 0);
	buf_reset(&names);
	CHECK_INT(apps_base_make(&db, text_of(world), is_network, &names), 0);
	CHECK_INT(names.n_bytes, 0);
	apk_db_done(&db);
}

/* A record from another day: what has gone is passed over, what has come is no base. */
static void test_mark(void)
{
	struct apk_db db;
	bool marks[32];

	CHECK_INT(apk_db_read(phone, sizeof(phone) - 1, &db), 0);
	CHECK_INT(apps_base_mark(&db, text_of("zlib\nphosh\n\nphosh\ncmd:vi\nmusl"), marks), 2);
	CHECK(marked(&db, marks, "phosh") && marked(&db, marks, "musl"));
	CHECK(!marked(&db, marks, "vim"));
	CHECK_INT(apps_base_mark(&db, (struct apk_text){0}, marks), 0);
	CHECK(!marked(&db, marks, "phosh"));
	apk_db_done(&db);
}

static void test_world(void)
{
	static const char *const expected[] = {"postmarketos-ui-phosh", "lang", "openssh", "htop",
		"device-test", "linux-test", "nano", "vim", "greetd-phrog", "phosh-antispam"};
	struct apk_db db;
	bool marks[32];
	size_t n = 0;

	CHECK_INT(apk_db_read(phone, sizeof(phone) - 1, &db), 0);
	apps_world_mark(&db, text_of(world), marks);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		CHECK(marked(&db, marks, expected[i]));
	for (size_t i = 0; i < db.n_packages; i++)
		n += marks[i];
	CHECK_INT(n, ARRAY_SIZE(expected));
	apk_db_done(&db);
}

static void strays_are(const char *text, const char *members, const char *expected)
{
	_cleanup_buf_ struct buf lines = BUF_INIT, strays = BUF_INIT;
	struct apk_db db;
	bool marks[32];

	CHECK_INT(apk_db_read(text, strlen(text), &db), 0);
	CHECK_INT(apps_base_make(&db, text_of(members), is_network, &lines), 0);
	apps_base_mark(&db, (struct apk_text){lines.data, lines.n_bytes}, marks);
	buf_append(&strays, "", 0);
	CHECK_INT(apps_base_strays(&db, text_of(members), marks, &strays), 0);
	CHECK_STR(strays.data, expected);
	apk_db_done(&db);
}

static void test_strays(void)
{
	strays_are(phone, world, "mdm-agent networkmanager");
	strays_are(phone, "networkmanager\nmdm-agent\n", "");
	/* An app holds it, or a virtual package: both may go. */
	strays_are("P:applet\nV:1\nD:networkmanager\n\nP:networkmanager\nV:1\nD:libnm\n\n"
		   "P:libnm\nV:1\n\n",
		"applet\n", "networkmanager");
	strays_are(
		"P:.rules-of-your-organisation--run-agentctl-apps\nV:1\nD:networkmanager\n\nP:networkmanager\nV:1\n\n",
		".rules-of-your-organisation--run-agentctl-apps=1\n", "networkmanager");
	/* In a circle, one of them. */
	strays_are("P:networkmanager\nV:1\nD:a\n\nP:a\nV:1\nD:networkmanager\n\n", "",
		"networkmanager");
	strays_are("", "", "");
}

static const struct check_test tests[] = {
	{"base", test_base},
	{"without a world", test_without_world},
	{"mark", test_mark},
	{"world", test_world},
	{"strays", test_strays},
};
CHECK_MAIN(tests)
