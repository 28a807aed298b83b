/* SPDX-License-Identifier: Apache-2.0 */
/* test_apps_record.c - the record of the base, and lists of apps that last. Enforcer, pure parts.
 */
#include "agent/enforcer/apps_record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/apps_list.h"
#include "agent/enforcer/state_text.h"
#include "tests/lib/check.h"

/* --- the record ------------------------------------------------------------------------------ */

static int write_lines(const char *lines)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	return apps_record_write(lines, strlen(lines), &text);
}

static int parse_lines(const char *lines)
{
	_cleanup_buf_ struct buf text = BUF_INIT, read = BUF_INIT;

	buf_printf(&text, "mdm-agent-base 1\n%s", lines);
	if (state_text_close(&text) < 0)
		return -EFAULT;
	return apps_record_parse(text.data, text.n_bytes, &read);
}

static void test_record(void)
{
	static const char lines[] = "alpine-base\nbusybox\nbusybox-extras\nmusl\n";
	_cleanup_buf_ struct buf text = BUF_INIT, read = BUF_INIT, damaged = BUF_INIT;

	CHECK_INT(apps_record_write(lines, strlen(lines), &text), 0);
	CHECK_INT(apps_record_parse(text.data, text.n_bytes, &read), 0);
	CHECK_STR(read.data, lines);
	CHECK_INT(apps_record_count(&read), 4);
	text.data[20]++;
	CHECK_INT(apps_record_parse(text.data, text.n_bytes, &damaged), -EBADMSG);
	CHECK(!damaged.data);
}

static void test_record_of_nothing(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT, read = BUF_INIT;

	CHECK_INT(apps_record_write("", 0, &text), 0);
	CHECK_INT(apps_record_parse(text.data, text.n_bytes, &read), 0);
	CHECK_STR(read.data, "");
	CHECK_INT(apps_record_count(&read), 0);
}

static void test_what_is_no_record(void)
{
	char name[LIMIT_TEXT_BYTES + 3];

	CHECK_INT(write_lines("b\na\n"), -EINVAL);
	CHECK_INT(write_lines("a\na\n"), -EINVAL);
	CHECK_INT(write_lines("a\n\nb\n"), -EINVAL);
	CHECK_INT(write_lines("a\nb"), -EINVAL);
	CHECK_INT(write_lines("a b\n"), -EINVAL);
	CHECK_INT(write_lines("a\x01\n"), -EINVAL);
	CHECK_INT(parse_lines("b\na\n"), -EBADMSG);
	CHECK_INT(parse_lines("a\na\n"), -EBADMSG);
	CHECK_INT(parse_lines("a\nab\nb\n"), 0);
	CHECK_INT(parse_lines("ab\na\n"), -EBADMSG);
	memset(name, 'x', sizeof(name));
	memcpy(name + LIMIT_TEXT_BYTES, "\n", 2);
	CHECK_INT(parse_lines(name), 0);
	memcpy(name + LIMIT_TEXT_BYTES, "x\n", 3);
	CHECK_INT(parse_lines(name), -EBADMSG);
}

static void test_record_limit(void)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;

	for (size_t i = 0; i < LIMIT_APK_PACKAGES; i++)
		buf_printf(&lines, "package-%08zu\n", i);
	CHECK_INT(write_lines(lines.data), 0);
	CHECK_INT(parse_lines(lines.data), 0);
	buf_puts(&lines, "z\n");
	CHECK_INT(write_lines(lines.data), -EINVAL);
	CHECK_INT(parse_lines(lines.data), -EBADMSG);
}

/* --- lists ----------------------------------------------------------------------------------- */

static struct app app_of(enum app_kind kind, const char *name, const char *version)
{
	return (struct app){kind, name, version, "", "", "", "", "", ""};
}

static int64_t uid_of(const char *user, void *userdata)
{
	(void)userdata;
	return strcmp(user, "anna") == 0 ? 10000 : -1;
}

static void test_list_owns(void)
{
	_cleanup_apps_list_ struct apps_list list = {0};
	char name[] = "zebra", user[] = "anna";
	struct app apps[] = {app_of(APP_FLATPAK, name, "1"), app_of(APP_PACKAGE, "yak", "2")};

	apps[0].user = user;
	apps[0].title = NULL;
	CHECK_INT(apps_list_copy(apps, 2, uid_of, NULL, &list), 0);
	memset(name, 'x', sizeof(name) - 1);
	memset(user, 'x', sizeof(user) - 1);
	CHECK_INT(list.n_apps, 2);
	CHECK_STR(list.apps[0].name, "yak");
	CHECK_INT(list.uids[0], -1);
	CHECK_STR(list.apps[1].name, "zebra");
	CHECK_STR(list.apps[1].user, "anna");
	CHECK_STR(list.apps[1].title, "");
	CHECK_INT(list.uids[1], 10000);
}

static void note(const struct app *app, bool appeared, void *userdata)
{
	buf_printf(userdata, "%s%s ", appeared ? "+" : "-", app->name);
}

static void test_what_came_and_went(void)
{
	struct app before[] = {app_of(APP_PACKAGE, "c", "1"), app_of(APP_PACKAGE, "a", "1"),
		app_of(APP_PACKAGE, "d", "1"), app_of(APP_FLATPAK, "a", "1"),
		app_of(APP_PACKAGE, "d", "2")};
	struct app now[] = {app_of(APP_PACKAGE, "b", "1"), app_of(APP_PACKAGE, "c", "2"),
		app_of(APP_FLATPAK, "a", "1"), app_of(APP_FLATPAK, "a", "2"),
		app_of(APP_FLATPAK, "e", "1")};
	_cleanup_apps_list_ struct apps_list old = {0}, new = {0}, none = {0};
	_cleanup_buf_ struct buf said = BUF_INIT;

	CHECK_INT(apps_list_copy(before, ARRAY_SIZE(before), NULL, NULL, &old), 0);
	CHECK_INT(apps_list_copy(now, ARRAY_SIZE(now), NULL, NULL, &new), 0);
	apps_list_compare(&old, &new, note, &said);
	/* Another version is no other app, be it there twice. */
	CHECK_STR(said.data, "-a +b -d +e ");
	buf_reset(&said);
	apps_list_compare(&new, &new, note, &said);
	CHECK_INT(said.n_bytes, 0);
	apps_list_compare(&none, &old, note, &said);
	CHECK_STR(said.data, "+a +c +d +a ");
	/* The same app of somebody else is another one. */
	buf_reset(&said);
	apps_list_done(&new);
	before[3].user = "anna";
	CHECK_INT(apps_list_copy(before, ARRAY_SIZE(before), NULL, NULL, &new), 0);
	apps_list_compare(&old, &new, note, &said);
	CHECK_STR(said.data, "-a +a ");
}

static const struct check_test tests[] = {
	{"record", test_record},
	{"record of nothing", test_record_of_nothing},
	{"what is no record", test_what_is_no_record},
	{"record limit", test_record_limit},
	{"list owns", test_list_owns},
	{"what came and went", test_what_came_and_went},
};
CHECK_MAIN(tests)
