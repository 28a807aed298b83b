/* SPDX-License-Identifier: Apache-2.0 */
/* test_desktop_entry.c - desktop entries: what they say, who is shown them, hostile ones, limits.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "policies/desktop_entry.h"
#include "policies/keyfile.h"
#include "tests/lib/check.h"

#define HEAD "[Desktop Entry]\nType=Application\nName=A\n"

static int read_text(const char *text, struct desktop_entry *ret_entry)
{
	return desktop_entry_read(text, strlen(text), ret_entry);
}

static void test_keys(void)
{
	static const char text[] =
		"# comment\n\n [Desktop Entry] \r\nVersion=1.5\nType = Application\n"
		"Name[de]=Landkarten\nName=Maps\\sand \\\\ roads\nComment=x\n"
		"Exec=\"/usr/bin/gnome maps\" --x %U\nTryExec=/usr/bin/gnome-maps \n"
		"OnlyShowIn=GNOME;Unity;\nNotShowIn=KDE;\nNoDisplay=true\nHidden=false\n"
		"X-Flatpak=org.gnome.Maps\nno equals sign\n"
		"[Desktop Action new]\nName=Another\nNoDisplay=false\nHidden=true\n";
	struct desktop_entry entry;

	CHECK_INT(read_text(text, &entry), 0);
	CHECK(entry.is_application && entry.no_display && !entry.hidden);
	CHECK_STR(entry.name, "Maps and \\ roads");
	CHECK_STR(entry.program, "/usr/bin/gnome maps");
	CHECK_STR(entry.try_exec, "/usr/bin/gnome-maps");
	CHECK_STR(entry.flatpak, "org.gnome.Maps");
	CHECK_INT(entry.n_only_show_in, strlen("GNOME;Unity;"));
	CHECK(memcmp(entry.only_show_in, "GNOME;Unity;", entry.n_only_show_in) == 0);
	CHECK_INT(entry.n_not_show_in, strlen("KDE;"));
}

static void test_refused(void)
{
	static const char *const rows[] = {
		"",
		"Type=Application\nName=A\n",
		"[Desktop Action x]\n[Desktop Entry]\nType=Application\nName=A\n",
		"[Desktop Entry]\nName=A\n",
		"[Desktop Entry]\nType=Application\n",
		"[Desktop Entry]\nType=Application\nName=\n",
		"[Desktop entry]\nType=Application\nName=A\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct desktop_entry entry = {.name = "kept"};

		CHECK_INT(read_text(rows[i], &entry), -EBADMSG);
		CHECK_STR(entry.name, "kept");
	}
}

static void test_last_counts(void)
{
	struct desktop_entry entry;

	CHECK_INT(read_text(HEAD "Name=B\nNoDisplay=true\nNoDisplay=false\nHidden=1\n", &entry), 0);
	CHECK_STR(entry.name, "B");
	CHECK(!entry.no_display && entry.hidden);
	CHECK_INT(read_text(HEAD "Type=Link\n", &entry), 0);
	CHECK(!entry.is_application);
	CHECK_INT(read_text(HEAD "[x]\nHidden=true\n[Desktop Entry]\nNoDisplay=true\n", &entry), 0);
	CHECK(entry.no_display && !entry.hidden);
}

static void test_shown(void)
{
	static const struct {
		const char *keys, *desktop;
		bool shown;
	} rows[] = {
		{"", "", true},
		{"", "Phosh:GNOME", true},
		{"NoDisplay=true\n", "GNOME", false},
		{"Hidden=true\n", "GNOME", false},
		{"Type=Directory\n", "GNOME", false},
		{"OnlyShowIn=GNOME;\n", "Phosh:GNOME", true},
		{"OnlyShowIn=GNOME;\n", "", false},
		{"OnlyShowIn=KDE;\n", "Phosh:GNOME", false},
		{"OnlyShowIn=\n", "GNOME", false},
		{"NotShowIn=GNOME\n", "Phosh:GNOME", false},
		{"NotShowIn=KDE;XFCE;\n", "Phosh:GNOME", true},
		{"NotShowIn=GNOME;\n", "", true},
		/* The first name that is in one of them. */
		{"OnlyShowIn=Phosh;\nNotShowIn=GNOME;\n", "Phosh:GNOME", true},
		{"OnlyShowIn=GNOME;\nNotShowIn=Phosh;\n", "Phosh:GNOME", false},
		{"OnlyShowIn=gnome;\n", "GNOME", false},
		{"OnlyShowIn=GNOME-Classic;\n", "GNOME", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct desktop_names names = {.n_names = 0};
		struct desktop_entry entry;
		char text[256];

		desktop_names_add(&names, rows[i].desktop, strlen(rows[i].desktop), ":");
		snprintf(text, sizeof(text), HEAD "%s", rows[i].keys);
		CHECK_INT(read_text(text, &entry), 0);
		CHECK_INT(desktop_entry_is_shown(&entry, &names), rows[i].shown);
	}
}

static void test_programs(void)
{
	static const struct {
		const char *exec, *program;
	} rows[] = {
		{"maps", "maps"},
		{"maps %U", "maps"},
		{"/opt/a/b --c", "/opt/a/b"},
		{"\"/opt/a b\" c", "/opt/a b"},
		{"\"/opt/a\\\\\"b\" c", "/opt/a\"b"},
		{"\"open", "open"},
		{"", ""},
		{"\"\"", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct desktop_entry entry;
		char text[256];

		snprintf(text, sizeof(text), HEAD "Exec=%s\n", rows[i].exec);
		CHECK_INT(read_text(text, &entry), 0);
		CHECK_STR(entry.program, rows[i].program);
	}
}

static void test_clean(void)
{
	static const struct {
		const char *text;
		size_t size_bytes;
		const char *clean;
	} rows[] = {
		{"plain", 32, "plain"},
		{"a\tb\x7f\x1b[31m", 32, "a?b??[31m"},
		{"caf\xc3\xa9", 32, "caf\xc3\xa9"},
		{"caf\xc3\xa9", 5, "caf"}, /* not in the middle of a character */
		{"caf\xc3\xa9", 6, "caf\xc3\xa9"},
		{"caf\xc3", 32, "caf?"},
		{"\xff\xfe", 32, "??"},
		{"\xed\xa0\x80", 32, "???"}, /* a surrogate */
		{"\xf0\x9f\x93\xb1 x", 32, "\xf0\x9f\x93\xb1 x"},
		{"abc", 1, ""},
		{"", 4, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[64];

		memset(text, 'z', sizeof(text));
		text_clean(rows[i].text, strlen(rows[i].text), text, rows[i].size_bytes);
		CHECK_STR(text, rows[i].clean);
		CHECK(text_is_valid(text, strlen(text)));
	}
}

static void test_hostile_name(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct desktop_entry entry;
	static const char bytes[] = HEAD "Name=A\0B\xffz\x1b]0;x\x07\n";

	CHECK_INT(desktop_entry_read(bytes, sizeof(bytes) - 1, &entry), 0);
	CHECK_STR(entry.name, "A?B?z?]0;x?");
	buf_puts(&text, HEAD "Name=");
	for (unsigned int i = 0; i < 5000; i++)
		buf_puts(&text, "\xc3\xa9");
	CHECK_INT(desktop_entry_read(text.data, text.n_bytes, &entry), 0);
	CHECK_INT(strlen(entry.name), LIMIT_TEXT_BYTES);
	CHECK(text_is_valid(entry.name, strlen(entry.name)));
}

static void test_limits(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct desktop_names names = {.n_names = 0};
	struct desktop_entry entry;
	char name[LIMIT_NAME_BYTES + 2];

	buf_puts(&text, HEAD);
	while (text.n_bytes < LIMIT_DESKTOP_BYTES)
		buf_puts(&text, "\n");
	CHECK_INT(desktop_entry_read(text.data, text.n_bytes, &entry), 0);
	buf_puts(&text, "\n");
	CHECK_INT(desktop_entry_read(text.data, text.n_bytes, &entry), -EFBIG);

	memset(name, 'n', sizeof(name));
	desktop_names_add(&names, name, LIMIT_NAME_BYTES + 1, ";");
	CHECK_INT(names.n_names, 0);
	for (size_t i = 0; i < LIMIT_DESKTOP_NAMES; i++)
		desktop_names_add(&names, name, LIMIT_NAME_BYTES, ";");
	CHECK_INT(names.n_names, LIMIT_DESKTOP_NAMES);
	desktop_names_add(&names, name, LIMIT_NAME_BYTES, ";");
	CHECK_INT(names.n_names, LIMIT_DESKTOP_NAMES);
}

static void test_names(void)
{
	struct desktop_names names = {.n_names = 0};

	desktop_names_add(&names, ";Phosh;; GNOME ;a\x01;", 18, ";:");
	CHECK_INT(names.n_names, 2);
	CHECK_STR(names.names[0], "Phosh");
	CHECK_STR(names.names[1], "GNOME");
}

static void test_ids(void)
{
	char id[LIMIT_TEXT_BYTES + 1], path[LIMIT_TEXT_BYTES + 2];

	CHECK(desktop_id("org.gnome.Maps.desktop", id));
	CHECK_STR(id, "org.gnome.Maps.desktop");
	CHECK(desktop_id("kde/a/b.desktop", id));
	CHECK_STR(id, "kde-a-b.desktop");
	CHECK(!desktop_id(".desktop", id));
	CHECK(!desktop_id("a.desktop.bak", id));
	CHECK(!desktop_id("a", id));
	memset(path, 'x', sizeof(path));
	memcpy(path + LIMIT_TEXT_BYTES - 8, ".desktop", 9);
	CHECK(desktop_id(path, id));
	memcpy(path + LIMIT_TEXT_BYTES - 7, ".desktop", 9);
	CHECK(!desktop_id(path, id));
}

static const struct check_test tests[] = {
	{"keys", test_keys},
	{"refused", test_refused},
	{"last counts", test_last_counts},
	{"shown", test_shown},
	{"programs", test_programs},
	{"clean", test_clean},
	{"hostile name", test_hostile_name},
	{"limits", test_limits},
	{"names", test_names},
	{"ids", test_ids},
};
CHECK_MAIN(tests)
