/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_apk_db.c - the database of installed packages: fields, names, words, files, limits one step
 * over.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/limits.h"
#include "policies/apk_db.h"
#include "tests/lib/check.h"

static bool equals(struct apk_text text, const char *expected)
{
	return text.n == strlen(expected) && (!text.n || memcmp(text.at, expected, text.n) == 0);
}

static size_t find(const struct apk_db *db, const char *name)
{
	return apk_db_find(db, name, strlen(name));
}

static size_t provider(const struct apk_db *db, const char *name)
{
	return apk_db_provider(db, name, strlen(name));
}

/* As apk writes it. */
static const char phone[] =
	"C:Q1pSfxNqFKhWTJSK5eZRsiLSQNrFI=\n"
	"P:busybox\nV:1.37.0-r12\nA:aarch64\nS:500000\nI:946176\nT:Size optimized toolbox\n"
	"U:https://busybox.net/\nL:GPL-2.0-only\no:busybox\nm:Somebody <s@example>\nt:1733000000\n"
	"c:0123\nD:so:libc.musl-aarch64.so.1\np:cmd:busybox=1.37.0-r12\nr:busybox-initscripts\n"
	"F:bin\nR:busybox\na:0:0:755\nZ:Q1gdRqKn0pDHp0bqFeZCTfiFmlLqs=\n"
	"F:etc\nR:securetty\nZ:Q1x=\nF:etc/udhcpc\nM:0:0:1777\n\n"
	"C:Q1B=\nP:musl\nV:1.2.5-r8\nA:aarch64\nI:622592\no:musl\np:so:libc.musl-aarch64.so.1=1\n"
	"F:lib\nR:ld-musl-aarch64.so.1\na:0:0:755\nR:libc.musl-aarch64.so.1\na:0:0:777:Q1abc\n"
	"Z:Q1=\n\n"
	"P:htop\nV:3.4.1-r0\nA:aarch64\nI:200\no:htop\nD:ncurses-libs so:libc.musl-aarch64.so.1\n"
	"s:testing\np:cmd:htop=3.4.1-r0\nF:usr/bin\nR:htop\na:0:0:4755\n\n"
	"P:ncurses-libs\nV:6.5-r0\nD:ncurses-terminfo-base>=6 !ncurses-old\np:so:libncursesw.so.6=6\n"
	"\n"
	"P:ncurses-terminfo-base\nV:6.5-r0\n\n"
	"P:htop-doc\nV:3.4.1-r0\ni:docs htop=3.4.1-r0\n\n"
	"P:docs\nV:1\n\n"
	"P:.rules-of-your-organisation--run-agentctl-apps\nV:20261123.063300\nD:!firefox htop\n\n";

static void test_fields(void)
{
	struct apk_db db;
	const struct apk_package *p;

	CHECK_INT(apk_db_read(phone, sizeof(phone) - 1, &db), 0);
	CHECK_INT(db.n_packages, 8);
	CHECK_INT(db.n_malformed, 0);
	p = &db.packages[find(&db, "htop")];
	CHECK(equals(p->name, "htop"));
	CHECK(equals(p->version, "3.4.1-r0"));
	CHECK(equals(p->arch, "aarch64"));
	CHECK(equals(p->origin, "htop"));
	CHECK(equals(p->tag, "testing"));
	CHECK(equals(p->depends, "ncurses-libs so:libc.musl-aarch64.so.1"));
	CHECK(equals(p->provides, "cmd:htop=3.4.1-r0"));
	CHECK(equals(p->install_if, ""));
	CHECK_INT(p->installed_bytes, 200);
	CHECK(equals(db.packages[5].install_if, "docs htop=3.4.1-r0"));
	CHECK_INT(find(&db, "musl"), 1);
	CHECK_INT(find(&db, "so:libc.musl-aarch64.so.1"), db.n_packages);
	CHECK_INT(provider(&db, "so:libc.musl-aarch64.so.1"), 1);
	CHECK_INT(provider(&db, "htop"), 2);
	CHECK_INT(provider(&db, "cmd:busybox"), 0);
	CHECK_INT(provider(&db, "cmd:"), db.n_packages);
	CHECK_INT(find(&db, ""), db.n_packages);
	CHECK_INT(find(&db, "hto"), db.n_packages);
	apk_db_done(&db);
}

static void test_files(void)
{
	static const struct {
		size_t package;
		const char *directory, *name;
		unsigned int mode;
	} expected[] = {
		{0, "bin", "busybox", 0755},
		{0, "etc", "securetty", 0},
		{1, "lib", "ld-musl-aarch64.so.1", 0755},
		{1, "lib", "libc.musl-aarch64.so.1", 0777},
		{2, "usr/bin", "htop", 04755},
	};
	struct apk_db db;
	size_t n = 0;

	CHECK_INT(apk_db_read(phone, sizeof(phone) - 1, &db), 0);
	for (size_t i = 0; i < db.n_packages; i++) {
		struct apk_files files;
		struct apk_file file;

		apk_files_begin(&db.packages[i], &files);
		while (apk_files_next(&files, &file)) {
			CHECK(n < sizeof(expected) / sizeof(expected[0]));
			CHECK_INT(i, expected[n].package);
			CHECK(equals(file.directory, expected[n].directory));
			CHECK(equals(file.name, expected[n].name));
			CHECK_INT(file.mode, expected[n].mode);
			n++;
		}
		CHECK(!apk_files_next(&files, &file));
	}
	CHECK_INT(n, sizeof(expected) / sizeof(expected[0]));
	apk_db_done(&db);
}

/* The part of the files where desktop entries are, wherever it begins among the eights. */
static void test_desktop_files(void)
{
	static const char *const others[] = {"usr/share/applicationsx", "usr/share/application",
		"xusr/share/applications", "usr/local/share/applications"};

	for (size_t n = 0; n < 20; n++) {
		char text[512], name[32];
		struct apk_db db;
		struct apk_files files;
		struct apk_file file;

		memset(name, 'x', sizeof(name));
		snprintf(text, sizeof(text),
			"P:a\nV:1\nF:%.*s\nR:f\nF:usr/share/applications\nR:a.desktop\nZ:Q\n"
			"F:usr/share/applications/kde\nR:b.desktop\nF:var\nR:c\n\n"
			"P:b\nV:1\nF:usr/share/applications/sub\nR:d\n\nP:c\nV:1\nF:%s\nR:e\n",
			(int)n, name, others[n % 4]);
		CHECK_INT(apk_db_read(text, strlen(text), &db), 0);
		apk_files_begin_desktop(&db.packages[0], &files);
		CHECK(apk_files_next(&files, &file));
		CHECK(equals(file.name, "a.desktop"));
		CHECK(apk_files_next(&files, &file));
		CHECK(equals(file.directory, "usr/share/applications/kde"));
		CHECK(apk_files_next(&files, &file));
		CHECK(equals(file.name, "c"));
		CHECK(!apk_files_next(&files, &file));
		apk_files_begin_desktop(&db.packages[1], &files);
		CHECK(apk_files_next(&files, &file));
		CHECK(equals(file.name, "d"));
		CHECK(!db.packages[2].desktop.n);
		CHECK_INT(db.packages[2].files.n, strlen(others[n % 4]) + 6);
		apk_db_done(&db);
	}
}

/* Lines that apk does not write, or not any more: what can be read is. */
static void test_odd_files(void)
{
	static const char text[] =
		"P:a\nV:1\nF:/usr\nR:x\na:0:0:9\nR:\nR:y\na:0:0\nR:z\na:0:0:177777\n"
		"q\nF:\nR:top\na:5:6:755:\nR:last";
	static const char *const names[] = {"usr/x", "usr/y", "usr/z", "/top", "/last"};
	static const unsigned int modes[] = {0, 0, 0, 0755, 0};
	struct apk_db db;
	struct apk_files files;
	struct apk_file file;
	size_t n = 0;

	CHECK_INT(apk_db_read(text, sizeof(text) - 1, &db), 0);
	apk_files_begin(&db.packages[0], &files);
	while (apk_files_next(&files, &file)) {
		char path[64];

		CHECK(n < 5);
		snprintf(path, sizeof(path), "%.*s/%.*s", (int)file.directory.n, file.directory.at,
			(int)file.name.n, file.name.at);
		CHECK_STR(path, names[n]);
		CHECK_INT(file.mode, modes[n]);
		n++;
	}
	CHECK_INT(n, 5);
	apk_db_done(&db);
}

/* The end of a package is found wherever the empty line lies among the eights. */
static void test_empty_line(void)
{
	for (size_t n = 0; n < 40; n++) {
		char text[256], name[48];
		struct apk_db db;

		memset(name, 'x', sizeof(name));
		snprintf(text, sizeof(text),
			"P:a\nV:1\nF:%.*s\nR:f\nZ:Q\n\nP:b\nV:2\nF:d\nR:%.*s\n\n\n"
			"P:c\nV:3",
			(int)n, name, (int)n, name);
		CHECK_INT(apk_db_read(text, strlen(text), &db), 0);
		CHECK_INT(db.n_packages, 3);
		CHECK_INT(find(&db, "b"), 1);
		CHECK_INT(find(&db, "c"), 2);
		CHECK_INT(db.packages[0].files.n, 2 + n + 8);
		CHECK_INT(db.packages[1].files.n, 4 + 2 + n);
		apk_db_done(&db);
	}
}

static void test_malformed(void)
{
	static const struct {
		const char *text;
		size_t n_packages, n_malformed;
	} rows[] = {
		{"", 0, 0},
		{"\n\n\n", 0, 0},
		{"P:a\nV:1", 1, 0},
		{"P:a\nV:1\n", 1, 0},
		{"P:a\n\nV:1\n\n", 0, 2},
		{"P:\nV:1\n\n", 0, 1},
		{"P:a b\nV:1\n\n", 0, 1},
		{"P:a\nV:1\t\n\n", 0, 1},
		{"P:a\x7f\nV:1\n\n", 0, 1},
		{"Pa\nV:1\n\nP:b\nV:1\n\n", 1, 1},
		{"y:unknown\nP:a\nX:y\nV:1\n\n", 1, 0},
		{"P:a\nP:b\nV:1\nV:2\n\n", 1, 0}, /* the last one counts, as for apk */
		{"P:a\nV:1\n\nP:a\nV:2\n\n", 2, 0},
		{"F:x\nP:a\nV:1\n\n", 0, 1},
		{"P", 0, 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct apk_db db;

		CHECK_INT(apk_db_read(rows[i].text, strlen(rows[i].text), &db), 0);
		CHECK_INT(db.n_packages, rows[i].n_packages);
		CHECK_INT(db.n_malformed, rows[i].n_malformed);
		apk_db_done(&db);
	}
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {{"0", 0}, {"4096", 4096}, {"18446744073709551615", 0}, {"-1", 0}, {"12x", 0},
		{"", 0}, {"999999999999999999", 999999999999999999u}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];
		struct apk_db db;

		snprintf(text, sizeof(text), "P:a\nV:1\nI:%s\n\n", rows[i].text);
		CHECK_INT(apk_db_read(text, strlen(text), &db), 0);
		CHECK(db.packages[0].installed_bytes == rows[i].bytes);
		apk_db_done(&db);
	}
}

static void test_words(void)
{
	static const struct {
		const char *text, *name, *operator, * version, *tag;
		bool is_conflict;
	} rows[] = {
		{"a", "a", "", "", "", false},
		{"!a", "a", "", "", "", true},
		{"a=1.2-r0", "a", "=", "1.2-r0", "", false},
		{"a<2", "a", "<", "2", "", false},
		{"a>=2", "a", ">=", "2", "", false},
		{"a<=2", "a", "<=", "2", "", false},
		{"!a>2", "a", ">", "2", "", true},
		{"a~3", "a", "~", "3", "", false},
		{"a=~3", "a", "=~", "3", "", false},
		{"a><Q1x=", "a", "><", "Q1x=", "", false},
		{"a<=>3", "a", "<=", "3", "", false},
		{"a@edge", "a", "", "", "edge", false},
		{"a@edge=1", "a", "=", "1", "edge", false},
		{"a=1@edge", "a", "=", "1", "edge", false},
		{"so:libc.musl-x86_64.so.1", "so:libc.musl-x86_64.so.1", "", "", "", false},
		{"/bin/sh", "/bin/sh", "", "", "", false},
		{"=1 ! @x a", "a", "", "", "", false},
		{".v=20260101.000000", ".v", "=", "20260101.000000", "", false},
		{" \n\ta\r\n", "a", "", "", "", false},
		{"a=", "a", "=", "", "", false},
		{"a@", "a", "", "", "", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct apk_text rest = {rows[i].text, strlen(rows[i].text)};
		struct apk_dependency word;

		CHECK(apk_dependency_next(&rest, &word));
		CHECK(equals(word.name, rows[i].name));
		CHECK_STR(word.operator, rows[i].operator);
		CHECK(equals(word.version, rows[i].version));
		CHECK(equals(word.tag, rows[i].tag));
		CHECK_INT(word.is_conflict, rows[i].is_conflict);
		CHECK(!apk_dependency_next(&rest, &word));
	}
	struct apk_text none = {0};
	struct apk_dependency word;

	CHECK(!apk_dependency_next(&none, &word));
}

/* --- limits --------------------------------------------------------------------------------- */

static void test_limit_bytes(void)
{
	struct apk_db db = {.n_malformed = 77};
	char *text = malloc(LIMIT_APK_DB_BYTES + 1);

	CHECK(text);
	memset(text, '\n', LIMIT_APK_DB_BYTES + 1);
	CHECK_INT(apk_db_read(text, LIMIT_APK_DB_BYTES + 1, &db), -EFBIG);
	CHECK_INT(db.n_malformed, 77);
	CHECK_INT(apk_db_read(text, LIMIT_APK_DB_BYTES, &db), 0);
	CHECK_INT(db.n_packages, 0);
	apk_db_done(&db);
	free(text);
}

static void test_limit_packages(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct apk_db db;

	for (unsigned int i = 0; i < LIMIT_APK_PACKAGES; i++)
		buf_printf(&text, "P:p%u\nV:1\n\n", i);
	CHECK_INT(apk_db_read(text.data, text.n_bytes, &db), 0);
	CHECK_INT(db.n_packages, LIMIT_APK_PACKAGES);
	CHECK_INT(find(&db, "p16383"), 16383);
	apk_db_done(&db);
	buf_puts(&text, "P:q\nV:1\n\n");
	CHECK_INT(apk_db_read(text.data, text.n_bytes, &db), -E2BIG);
}

static void test_limit_names(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct apk_db db;

	buf_puts(&text, "P:p\nV:1\np:");
	for (unsigned int i = 1; i < LIMIT_APK_NAMES; i++)
		buf_printf(&text, "%u ", i);
	CHECK_INT(apk_db_read(text.data, text.n_bytes, &db), 0);
	CHECK_INT(db.n_names, LIMIT_APK_NAMES);
	CHECK_INT(provider(&db, "77777"), 0);
	apk_db_done(&db);
	buf_puts(&text, "one-more\n");
	CHECK_INT(apk_db_read(text.data, text.n_bytes, &db), -E2BIG);
}

static void test_limit_word(void)
{
	char name[LIMIT_TEXT_BYTES + 2], text[LIMIT_TEXT_BYTES + 64];
	struct apk_db db;

	memset(name, 'n', sizeof(name));
	for (size_t over = 0; over < 2; over++) {
		int n = (int)(LIMIT_TEXT_BYTES + over);

		snprintf(text, sizeof(text), "P:%.*s\nV:1\n\nP:b\nV:1\n\n", n, name);
		CHECK_INT(apk_db_read(text, strlen(text), &db), 0);
		CHECK_INT(db.n_packages, 2 - over);
		CHECK_INT(db.n_malformed, over);
		CHECK_INT(apk_db_find(&db, name, (size_t)n), over ? 1 : 0);
		apk_db_done(&db);
	}
}

static const struct check_test tests[] = {
	{"fields", test_fields},
	{"files", test_files},
	{"desktop files", test_desktop_files},
	{"odd files", test_odd_files},
	{"empty line", test_empty_line},
	{"malformed", test_malformed},
	{"numbers", test_numbers},
	{"words", test_words},
	{"limit of bytes", test_limit_bytes},
	{"limit of packages", test_limit_packages},
	{"limit of names", test_limit_names},
	{"limit of a word", test_limit_word},
};
CHECK_MAIN(tests)
