/* SPDX-License-Identifier: Apache-2.0 */
/* test_mount_list.c - which mounts are people's, and what is seen where; damaged and long lists. */
#include "agent/apps/mount_list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/buf.h"
#include "tests/lib/check.h"

static const char list_text[] =
	"21 1 253:0 / / rw,relatime shared:1 - ext4 /dev/dm-0 rw\n"
	"22 21 0:5 / /dev rw,nosuid shared:2 - devtmpfs devtmpfs rw\n"
	"23 22 0:20 / /dev/shm rw,nosuid,nodev shared:3 - tmpfs tmpfs rw\n"
	"24 21 0:21 / /tmp rw,nosuid,nodev,noexec - tmpfs tmpfs rw\n"
	"25 21 0:22 / /run/user/10000 rw,nosuid master:1 shared:4 - tmpfs tmpfs rw,uid=10000\n"
	"26 21 8:1 / /run/media/ada/My\\040Stick rw,nosuid - vfat /dev/sda1 rw\n"
	"27 21 0:30 / /srv/files rw - fuse.sshfs x rw,user_id=10000,group_id=1\n"
	"28 21 0:31 / /var/lib/lxcfs rw - fuse.lxcfs lxcfs rw,user_id=0,group_id=0\n"
	"29 21 0:32 / /sys/fs/fuse/connections rw - fusectl fusectl rw\n"
	"30 21 8:2 / /homestead rw - ext4  rw\n";

static void test_whose(void)
{
	static const bool peoples[] = {
		false, false, true, true, true, true, true, false, false, false};
	struct mount_list list;

	CHECK_INT(mount_list_parse(list_text, strlen(list_text), &list), 0);
	CHECK_INT(list.n, 10);
	for (size_t i = 0; i < list.n; i++)
		CHECK_INT(mount_is_peoples(&list.entries[i]), peoples[i]);
	CHECK_STR(list.entries[5].point, "/run/media/ada/My Stick");
	CHECK(list.entries[3].is_noexec && !list.entries[2].is_noexec);
	CHECK_INT(mount_list_covering(&list, "/tmp/x")->id, 24);
	CHECK_INT(mount_list_covering(&list, "/tmpx")->id, 21);
	CHECK_INT(mount_list_covering(&list, "/home")->id, 21);
	CHECK_INT(mount_list_at(&list, "/tmp")->id, 24);
	CHECK(!mount_list_at(&list, "/home"));
	mount_list_done(&list);
}

static void test_stacked(void)
{
	static const char text[] =
		"1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / /tmp rw,noexec - tmpfs t rw\n"
		"3 1 0:3 / /tmp rw - tmpfs t rw\n";
	struct mount_list list;

	CHECK_INT(mount_list_parse(text, strlen(text), &list), 0);
	CHECK_INT(mount_list_at(&list, "/tmp")->id, 3);
	CHECK_INT(mount_list_covering(&list, "/tmp")->id, 3);
	mount_list_done(&list);
}

static void test_damaged(void)
{
	static const char *const texts[] = {"x", "1 0 0:1 / / rw\n", "1 0 0:1 / / rw - ext4 a\n",
		"-1 0 0:1 / / rw - ext4 a rw\n", "1 0 0:1 / home rw - ext4 a rw\n",
		"1 0 0:1 / / rw ext4 a rw\n", " \n"};
	struct mount_list list;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CHECK_INT(mount_list_parse(texts[i], strlen(texts[i]), &list), -EBADMSG);
	CHECK_INT(mount_list_parse("", 0, &list), 0);
	CHECK(!mount_list_covering(&list, "/"));
	mount_list_done(&list);
}

static void test_limits(void)
{
	static char large[MOUNT_LIST_BYTES + 1];
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct mount_list list;

	for (int i = 0; i < MOUNT_LIST_MAX; i++)
		buf_printf(&text, "%d 0 0:1 / /m%d rw - tmpfs t rw\n", i, i);
	CHECK_INT(mount_list_parse(text.data, text.n_bytes, &list), 0);
	CHECK_INT(list.n, MOUNT_LIST_MAX);
	mount_list_done(&list);
	/* The system's alone are too many. */
	buf_puts(&text, "9999 0 0:1 / /more rw - tmpfs t rw\n");
	CHECK_INT(mount_list_parse(text.data, text.n_bytes, &list), -E2BIG);
	/* Those of people give way, the last first; a place that is closed is none of theirs. */
	buf_reset(&text);
	for (int i = 0; i < MOUNT_LIST_MAX; i++)
		buf_printf(&text, "%d 0 0:1 / /home/m%d rw - fuse.x t rw\n", i + 1, i);
	CHECK_INT(mount_list_parse(text.data, text.n_bytes, &list), 0);
	CHECK(!list.is_cut);
	mount_list_done(&list);
	buf_puts(&text,
		"9998 0 0:1 / /home rw - ext4 t rw\n9999 0 0:1 / /home/x rw - fuse.x t rw\n");
	CHECK_INT(mount_list_parse(text.data, text.n_bytes, &list), 0);
	CHECK_INT(list.n, MOUNT_LIST_MAX);
	CHECK(list.is_cut && mount_list_at(&list, "/home") && mount_list_at(&list, "/home/m0"));
	CHECK_INT(mount_list_at(&list, "/home")->id, 9998);
	mount_list_done(&list);
	memset(large, '\n', sizeof(large));
	CHECK_INT(mount_list_parse(large, sizeof(large), &list), -E2BIG);
}

/* The first kernels with the switch refuse every memory file at 2. */
static void test_memfd(void)
{
	CHECK_INT(mount_list_memfd("6.3.0"), 1);
	CHECK_INT(mount_list_memfd("6.5.13-lts"), 1);
	CHECK_INT(mount_list_memfd("6.6.0-postmarketos"), 2);
	CHECK_INT(mount_list_memfd("7.0"), 2);
	CHECK_INT(mount_list_memfd("10"), 2);
	CHECK_INT(mount_list_memfd(""), 1);
	CHECK(!mount_list_memfd_stays("6.2.16") && mount_list_memfd_stays("6.3.0-rc1"));
	CHECK(mount_list_memfd_stays("6.5.13-lts") && !mount_list_memfd_stays("6.6.0"));
	CHECK(!mount_list_memfd_stays("5.400") && !mount_list_memfd_stays("7.4"));
	CHECK(!mount_list_memfd_stays("6") && !mount_list_memfd_stays(""));
}

/* What users can fill it with leaves the rest readable. */
static void test_filled(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct mount_list list;
	char path[4000];

	memset(path, 'x', sizeof(path));
	for (int i = 0; i < 1100; i++)
		buf_printf(&text, "%d 1 0:%d / /home/ada/%.*s rw - fuse.x x rw,user_id=1000\n",
			i + 1, i, (int)sizeof(path), path);
	CHECK_INT(mount_list_parse(text.data, text.n_bytes, &list), 0);
	CHECK_INT(list.n, 1100);
	mount_list_done(&list);
}

static const struct check_test tests[] = {
	{"whose", test_whose},
	{"stacked", test_stacked},
	{"damaged", test_damaged},
	{"limits", test_limits},
	{"memfd", test_memfd},
	{"filled by a user", test_filled},
};
CHECK_MAIN(tests)
