/* SPDX-License-Identifier: Apache-2.0 */
/* test_exec_mounts.c - which file systems are no part of the system: of trees with lists of mounts.
 */
#include "platform/exec_mounts.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/util/buf.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"

static int devices_of(const char *text, uint64_t devices[LIMIT_GUARD_DEVICES], size_t *n)
{
	struct fs_owner owner = {geteuid(), getegid(), 0644};
	char path[256];
	_cleanup_close_ int fd = check_tmpdir(path);

	if (fs_make_dirs(fd, "proc/self", 0755) < 0 ||
		fs_replace(fd, "proc/self/mountinfo", text, strlen(text), &owner) < 0)
		return -EIO;
	return exec_foreign_devices(fd, devices, n);
}

static void test_foreign(void)
{
	static const char text[] = "1 0 253:0 / / rw - ext4 /dev/dm-0 rw\n"
				   "2 1 8:17 / /run/media/ada/x rw - vfat /dev/sdb1 rw\n"
				   "3 1 8:17 / /mnt rw - vfat /dev/sdb1 rw\n"
				   "4 1 7:0 / /media/image rw - ext4 /dev/loop0 rw\n"
				   "5 1 0:40 / /home/ada/far rw - fuse.sshfs x rw,user_id=1000\n"
				   "6 1 0:41 / /mnt/share rw - nfs4 x rw\n"
				   "7 1 253:1 / /home rw - ext4 /dev/dm-1 rw\n"
				   "8 1 253:0 /srv /mnt/own rw - ext4 /dev/dm-0 rw\n"
				   "9 1 0:42 / /run rw - tmpfs t rw\n";
	uint64_t devices[LIMIT_GUARD_DEVICES];
	size_t n = 0;

	CHECK_INT(devices_of(text, devices, &n), 0);
	CHECK_INT(n, 3);
	CHECK_INT(devices[0], makedev(0, 41));
	CHECK_INT(devices[1], makedev(7, 0));
	CHECK_INT(devices[2], makedev(8, 17));
}

static void test_limits(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint64_t devices[LIMIT_GUARD_DEVICES];
	size_t n = 0;

	for (int i = 0; i < LIMIT_GUARD_DEVICES; i++)
		buf_printf(&text, "%d 1 8:%d / /mnt/%d rw - vfat /dev/sd rw\n", i + 1, i, i);
	CHECK_INT(devices_of(text.data, devices, &n), 0);
	CHECK_INT(n, LIMIT_GUARD_DEVICES);
	buf_puts(&text, "999 1 9:9 / /mnt/more rw - vfat /dev/sd rw\n");
	n = 0;
	CHECK_INT(devices_of(text.data, devices, &n), -E2BIG);
	CHECK_INT(n, LIMIT_GUARD_DEVICES);
	CHECK_INT(devices_of("x\n", devices, &n), -EBADMSG);
}

static const struct check_test tests[] = {
	{"foreign", test_foreign},
	{"limits", test_limits},
};
CHECK_MAIN(tests)
