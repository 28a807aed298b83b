/* SPDX-License-Identifier: Apache-2.0 */
/* test_mount_line.c - lines of mountinfo as kernels write them, and as none does. */
#include "agent/util/mount_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/check.h"

static bool is_text(const struct mount_text *text, const char *wanted)
{
	return text->n == strlen(wanted) && memcmp(text->at, wanted, text->n) == 0;
}

static int split(const char *line, struct mount_line *ret_line)
{
	return mount_line_split(line, strlen(line), ret_line);
}

static void test_fields(void)
{
	struct mount_line line;

	CHECK_INT(split("36 35 259:131072 /@home /home rw,noatime shared:1 master:2 - ext3 "
			"/dev/root rw,errors=continue",
			  &line),
		0);
	CHECK(line.id == 36 && line.parent == 35 && line.major == 259 && line.minor == 131072);
	CHECK(is_text(&line.root, "/@home") && is_text(&line.point, "/home"));
	CHECK(is_text(&line.flags, "rw,noatime") && is_text(&line.type, "ext3"));
	CHECK(is_text(&line.source, "/dev/root") && is_text(&line.super, "rw,errors=continue"));
	/* No optional fields, and a source without a name. */
	CHECK_INT(split("1 0 0:1 / / rw - tmpfs  rw", &line), 0);
	CHECK(line.source.n == 0 && is_text(&line.super, "rw"));
}

static void test_no_lines(void)
{
	static const char *const lines[] = {"", " ", "1", "1 0 0:1 / / rw",
		"1 0 0:1 / / rw - tmpfs t", "-1 0 0:1 / / rw - tmpfs t rw",
		"1 0 01 / / rw - tmpfs t rw", "1 0 0: / / rw - tmpfs t rw",
		"1 0 :1 / / rw - tmpfs t rw", "1 0 0:1 / home rw - tmpfs t rw",
		"1 0 0:1 / / rw tmpfs t rw", "1 0 0:1  / rw - tmpfs t rw", "1 0 0:1 / / rw -  t rw",
		"1 0 0:1 / / rw - tmpfs t ", "4294967296 0 0:1 / / rw - tmpfs t rw",
		"1 0 0:1 / / rw  - tmpfs t rw"};
	struct mount_line line;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (split(lines[i], &line) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "%s", lines[i]);
	CHECK_INT(mount_line_split("1 0 0:1 / /a\0b rw - tmpfs t rw", 31, &line), -EBADMSG);
}

static void test_escapes(void)
{
	static const struct mount_text text = {"\\040a\\134\\0\\08\\400\\000", 22};
	char out[64], exact[13];
	char *copy = mount_text_dup(&text);

	CHECK_INT(mount_text_copy(&text, out, sizeof(out)), 0);
	CHECK_STR(out, " a\\\\0\\08\\400?");
	CHECK_STR(copy, out);
	CHECK_INT(strlen(out), sizeof(exact));
	CHECK_INT(mount_text_copy(&text, exact, sizeof(exact)), -ENAMETOOLONG);
	CHECK_INT(mount_text_copy(&text, out, sizeof(exact) + 1), 0);
	CHECK_INT(mount_text_copy(&(struct mount_text){"", 0}, out, 0), -ENAMETOOLONG);
	free(copy);
}

static void test_words(void)
{
	const struct mount_text text = {"rw,noexecute,user_id=0", 22};

	CHECK(mount_text_has(&text, "rw") && mount_text_has(&text, "user_id=0"));
	CHECK(!mount_text_has(&text, "noexec") && !mount_text_has(&text, "user_id="));
	CHECK(!mount_text_has(&(struct mount_text){"", 0}, "rw"));
}

static void test_system(void)
{
	static const char *const ours[] = {
		"/", "/home", "/home/ada", "/usr/lib", "/vendor", "/data/user", "/snap/core"};
	static const char *const others[] = {
		"/media/x", "/run/media/ada/x", "/mnt", "/homes", "/vendors", "/stick", "/tmp", ""};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		CHECK(mount_point_is_system(ours[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK(!mount_point_is_system(others[i]));
}

static const struct check_test tests[] = {
	{"fields", test_fields},
	{"no lines", test_no_lines},
	{"escapes", test_escapes},
	{"words", test_words},
	{"system", test_system},
};
CHECK_MAIN(tests)
