/* SPDX-License-Identifier: Apache-2.0 */
/* test_mounts.c - lines of /proc/self/mountinfo, and what is watched. */
#include "agent/guard/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"

static struct guard_mount mount;

static int parse(const char *line)
{
	return guard_mount_parse(line, strlen(line), &mount);
}

static void test_lines(void)
{
	CHECK_INT(parse("36 35 98:0 /mnt1 /mnt/a\\040b\\134c rw,noatime master:1 shared:4 - ext4 "
			"/dev/root rw"),
		0);
	CHECK_INT(mount.id, 36);
	CHECK_INT(mount.parent, 35);
	CHECK_INT(mount.major, 98);
	CHECK_INT(mount.minor, 0);
	CHECK_STR(mount.path, "/mnt/a b\\c");
	CHECK_STR(mount.type, "ext4");
	/* No optional fields. */
	CHECK_INT(parse("1 1 0:1 / / rw - tmpfs  rw"), 0);
	CHECK_STR(mount.type, "tmpfs");
	/* A backslash that begins no number. */
	CHECK_INT(parse("1 1 0:1 / /\\9\\04 rw - tmpfs none rw"), 0);
	CHECK_STR(mount.path, "/\\9\\04");
}

static void test_refused(void)
{
	static const char *const lines[] = {"", "1 1 0:1 / / rw - tmpfs",
		"1 1 0:1 / here rw - tmpfs t rw", "x 1 0:1 / / rw - tmpfs t rw"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (parse(lines[i]) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "\"%s\" was taken", lines[i]);
	CHECK_INT(parse("4294967295 1 0:1 / / rw - tmpfs t rw"), 0);
}

static void test_lengths(void)
{
	char line[2 * GUARD_MOUNT_PATH_BYTES], path[GUARD_MOUNT_PATH_BYTES + 1];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[GUARD_MOUNT_PATH_BYTES - 1] = 0;
	snprintf(line, sizeof(line), "1 1 0:1 / %s rw - tmpfs t rw", path);
	CHECK_INT(parse(line), 0);
	CHECK_INT(strlen(mount.path), GUARD_MOUNT_PATH_BYTES - 1);
	path[GUARD_MOUNT_PATH_BYTES - 1] = 'x';
	path[GUARD_MOUNT_PATH_BYTES] = 0;
	snprintf(line, sizeof(line), "1 1 0:1 / %s rw - tmpfs t rw", path);
	CHECK_INT(parse(line), -ENAMETOOLONG);
	CHECK_INT(parse("1 1 0:1 / / rw - 1234567890123456789012345678901 t rw"), 0);
	CHECK_INT(parse("1 1 0:1 / / rw - 12345678901234567890123456789012 t rw"), -ENAMETOOLONG);
}

static void test_made_here(void)
{
	static const char *const made_here[] = {"tmpfs", "ramfs", "overlay", "devtmpfs"};
	static const char *const elsewhere[] = {"ext4", "vfat", "btrfs", "squashfs", "iso9660"};

	for (size_t i = 0; i < sizeof(made_here) / sizeof(made_here[0]); i++) {
		snprintf(mount.type, sizeof(mount.type), "%s", made_here[i]);
		CHECK(guard_mount_is_made_here(&mount));
	}
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		snprintf(mount.type, sizeof(mount.type), "%s", elsewhere[i]);
		CHECK(!guard_mount_is_made_here(&mount));
	}
}

static void test_kinds(void)
{
	static const char *const watched[] = {"ext4", "f2fs", "btrfs", "xfs", "tmpfs", "ramfs",
		"devtmpfs", "overlay", "vfat", "exfat", "ntfs3", "squashfs", "erofs", "iso9660",
		"bcachefs", "zfs", "unheard-of"};
	static const char *const far[] = {
		"nfs4", "cifs", "9p", "fuse", "fuseblk", "fuse.sshfs", "fuse.", "virtiofs"};

	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		CHECK_INT(guard_mount_kind(watched[i]), GUARD_MOUNT_WATCHED);
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		CHECK_INT(guard_mount_kind(far[i]), GUARD_MOUNT_FAR);
	CHECK_INT(guard_mount_kind("proc"), GUARD_MOUNT_PSEUDO);
	CHECK_INT(guard_mount_kind("cgroup2"), GUARD_MOUNT_PSEUDO);
	CHECK_INT(guard_mount_kind("autofs"), GUARD_MOUNT_PSEUDO);
}

static const struct check_test tests[] = {
	{"lines", test_lines},
	{"refused", test_refused},
	{"lengths", test_lengths},
	{"kinds", test_kinds},
	{"made here", test_made_here},
};
CHECK_MAIN(tests)
