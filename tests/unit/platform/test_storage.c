/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_storage.c - what is encrypted on phones of many shapes: Alpine, postmarketOS, its immutable
 * variant, Debian, Android's partitions.
 */
#include <linux/fscrypt.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "agent/util/codec.h"
#include "tests/unit/platform/machine.h"

/*
 * Stands in for a file system with fscrypt, of which the machine that tests run on has none: a
 * directory with a file "encrypted" in it has a policy. Everything else is the kernel's.
 */
int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *argument;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (request == FS_IOC_GET_ENCRYPTION_POLICY_EX && faccessat(fd, "encrypted", F_OK, 0) == 0)
		return 0;
	return (int)syscall(SYS_ioctl, fd, request, argument);
}

static void test_alpine_plain(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "179:0", "mmcblk0");
	partition(&m, "179:1", "mmcblk0", "mmcblk0p1");
	partition(&m, "179:3", "mmcblk0", "mmcblk0p3");
	mounted(&m, "0:5", "/proc", "proc", "proc");
	mounted(&m, "179:3", "/", "ext4", "/dev/mmcblk0p3");
	mounted(&m, "179:1", "/boot", "vfat", "/dev/mmcblk0p1");
	mounted(&m, "0:22", "/run", "tmpfs", "tmpfs");
	mounted(&m, "0:23", "/dev/shm", "tmpfs", "shm");
	swapping(&m, "/dev/mmcblk0p1", "partition");
	CHECK_INT(look(&m), 0);
	CHECK(is_plain(storage(&m)));
	CHECK_INT(storage(&m)->n_items, 3);
	CHECK_INT(reason_of(storage(&m), "/"), REASON_PLAIN_STORAGE);
	CHECK_STR(detail_of(storage(&m), "/"), "plain: mmcblk0p3");
	CHECK_INT(reason_of(storage(&m), "/boot"), REASON_BOOT_EXEMPT);
	CHECK_INT(reason_of(storage(&m), "/run"), REASON_MEMORY);
	/* Swap has no exemption, wherever it is. */
	CHECK(is_plain(swap_space(&m)));
	/* /home is a directory of it. */
	CHECK(is_plain(part_of(&m, SETTING_ENCRYPTION_SYSTEM)));
	CHECK(is_plain(part_of(&m, SETTING_ENCRYPTION_HOME)));
	CHECK_INT(part_of(&m, SETTING_ENCRYPTION_HOME)->n_items, 1);
	machine_close(&m);
}

/* A plain system with encrypted homes, a plain stick in one of them; and names that begin alike. */
static void test_parts(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "179:0", "mmcblk0");
	partition(&m, "179:2", "mmcblk0", "mmcblk0p2");
	partition(&m, "179:3", "mmcblk0", "mmcblk0p3");
	disk(&m, "8:0", "sda");
	partition(&m, "8:1", "sda", "sda1");
	mapped(&m, "254:0", "dm-0", "homes", LUKS2("homes"), LIST("mmcblk0/mmcblk0p2"));
	mounted(&m, "179:3", "/", "ext4", "/dev/mmcblk0p3");
	mounted(&m, "254:0", "/home", "ext4", "/dev/mapper/homes");
	mounted(&m, "254:0", "/var/lib/apps", "ext4", "/dev/mapper/homes");
	CHECK_INT(look(&m), 0);
	CHECK(is_plain(part_of(&m, SETTING_ENCRYPTION_SYSTEM)));
	CHECK_INT(part_of(&m, SETTING_ENCRYPTION_SYSTEM)->n_items, 2);
	CHECK_INT(reason_of(part_of(&m, SETTING_ENCRYPTION_SYSTEM), "/var/lib/apps"),
		REASON_ENCRYPTED);
	CHECK(is_fine(part_of(&m, SETTING_ENCRYPTION_HOME)));
	CHECK_INT(part_of(&m, SETTING_ENCRYPTION_HOME)->n_items, 1);
	mounted(&m, "8:1", "/homestead", "vfat", "/dev/sda1");
	mounted(&m, "8:1", "/variety", "vfat", "/dev/sda1");
	CHECK_INT(look(&m), 0);
	CHECK(is_fine(part_of(&m, SETTING_ENCRYPTION_HOME)));
	CHECK_INT(part_of(&m, SETTING_ENCRYPTION_SYSTEM)->n_items, 2);
	mounted(&m, "8:1", "/home/user/stick", "vfat", "/dev/sda1");
	CHECK_INT(look(&m), 0);
	CHECK(is_plain(part_of(&m, SETTING_ENCRYPTION_HOME)));
	machine_close(&m);
}

/* LUKS2 "root" with btrfs subvolumes on it, zram as swap. */
static void test_postmarketos(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "179:0", "mmcblk0");
	partition(&m, "179:1", "mmcblk0", "mmcblk0p1");
	partition(&m, "179:2", "mmcblk0", "mmcblk0p2");
	mapped(&m, "254:0", "dm-0", "root", LUKS2("root"), LIST("mmcblk0/mmcblk0p2"));
	device(&m, "251:0", "virtual/block/zram0");
	attribute(&m, "virtual/block/zram0", "backing_dev", "none");
	fixture_link(
		&m.f, "sys/fs/btrfs/0a1b/devices/dm-0", "../../../../devices/virtual/block/dm-0");
	mounted(&m, "0:25", "/", "btrfs", "/dev/mapper/root");
	mounted(&m, "0:25", "/home", "btrfs", "/dev/mapper/root");
	mounted(&m, "0:25", "/var", "btrfs", "/dev/mapper/root");
	mounted(&m, "179:1", "/boot", "ext2", "/dev/mmcblk0p1");
	swapping(&m, "/dev/zram0", "partition");
	CHECK_INT(look(&m), 0);
	CHECK(is_fine(storage(&m)));
	CHECK_INT(storage(&m)->n_items, 4);
	CHECK_INT(reason_of(storage(&m), "/home"), REASON_ENCRYPTED);
	CHECK_STR(detail_of(storage(&m), "/"), "LUKS2: dm-0 on mmcblk0p2");
	CHECK(is_fine(swap_space(&m)));
	CHECK_INT(reason_of(swap_space(&m), "/dev/zram0"), REASON_MEMORY);
	machine_close(&m);
	/* A second device of the btrfs, added without encryption. */
	machine_open(&m);
	disk(&m, "179:0", "mmcblk0");
	partition(&m, "179:2", "mmcblk0", "mmcblk0p2");
	disk(&m, "179:32", "mmcblk1");
	mapped(&m, "254:0", "dm-0", "root", LUKS2("root"), LIST("mmcblk0/mmcblk0p2"));
	fixture_link(
		&m.f, "sys/fs/btrfs/0a1b/devices/dm-0", "../../../../devices/virtual/block/dm-0");
	fixture_link(&m.f, "sys/fs/btrfs/0a1b/devices/mmcblk1",
		"../../../../devices/platform/block/mmcblk1");
	mounted(&m, "0:25", "/", "btrfs", "/dev/mapper/root");
	CHECK_INT(look(&m), 0);
	CHECK(is_plain(storage(&m)));
	CHECK_STR(detail_of(storage(&m), "/"), "plain: mmcblk1");
	machine_close(&m);
}

/* Immutable postmarketOS: verity erofs /usr, LUKS root, EFI partition. */
static void test_duranium(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "8:0", "sda");
	partition(&m, "8:1", "sda", "sda1");
	partition(&m, "8:2", "sda", "sda2");
	partition(&m, "8:3", "sda", "sda3");
	partition(&m, "8:4", "sda", "sda4");
	mapped(&m, "254:0", "dm-0", "usr", "CRYPT-VERITY-00112233-usr",
		LIST("sda/sda2", "sda/sda3"));
	attribute(&m, "virtual/block/dm-0", "ro", "1");
	mapped(&m, "254:1", "dm-1", "root", LUKS2("root"), LIST("sda/sda4"));
	mounted(&m, "254:1", "/", "ext4", "/dev/mapper/root");
	mounted(&m, "254:0", "/usr", "erofs", "/dev/mapper/usr");
	mounted(&m, "8:1", "/efi", "vfat", "/dev/sda1");
	buf_puts(&m.mounts,
		"40 1 0:50 / /etc rw - overlay overlay "
		"rw,lowerdir=/usr/etc:/usr/share/x,upperdir=/var/lib/e,workdir=/var/w\n");
	CHECK_INT(look(&m), 0);
	CHECK(is_fine(storage(&m)));
	CHECK_INT(reason_of(storage(&m), "/usr"), REASON_VERIFIED_READONLY);
	CHECK_INT(reason_of(storage(&m), "/efi"), REASON_BOOT_EXEMPT);
	CHECK_INT(reason_of(storage(&m), "/etc"), REASON_ENCRYPTED);
	CHECK(is_fine(swap_space(&m)));
	CHECK_INT(swap_space(&m)->n_items, 0);
	/* Writable, verity proves nothing. */
	attribute(&m, "virtual/block/dm-0", "ro", "0");
	CHECK_INT(look(&m), 0);
	CHECK_STR(detail_of(storage(&m), "/usr"), "plain: sda2, sda3");
	machine_close(&m);
}

/* Debian: LVM on LUKS; then one physical volume without, which alone is named. */
static void test_lvm(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "259:0", "nvme0n1");
	partition(&m, "259:3", "nvme0n1", "nvme0n1p3");
	disk(&m, "8:0", "sda");
	partition(&m, "8:1", "sda", "sda1");
	partition(&m, "8:10", "sda", "sda10");
	mapped(&m, "254:0", "dm-0", "crypt", LUKS2("crypt"), LIST("nvme0n1/nvme0n1p3"));
	mapped(&m, "254:1", "dm-1", "vg-root", "LVM-abcdef", LIST("dm-0"));
	mapped(&m, "254:2", "dm-2", "vg-swap", "LVM-abcdeg", LIST("dm-0"));
	mapped(&m, "254:3", "dm-3", "vg-home", "LVM-abcdeh", LIST("dm-0", "sda/sda10", "sda/sda1"));
	mounted(&m, "254:1", "/", "ext4", "/dev/mapper/vg-root");
	swapping(&m, "/dev/dm-2", "partition");
	CHECK_INT(look(&m), 0);
	CHECK(is_fine(storage(&m)));
	CHECK_STR(detail_of(storage(&m), "/"), "LUKS2: dm-0 on nvme0n1p3");
	CHECK(is_fine(swap_space(&m)));
	mounted(&m, "254:3", "/home", "ext4", "/dev/mapper/vg-home");
	CHECK_INT(look(&m), 0);
	CHECK(is_plain(storage(&m)));
	CHECK_INT(reason_of(storage(&m), "/"), REASON_ENCRYPTED);
	CHECK_STR(detail_of(storage(&m), "/home"), "plain: sda1, sda10");
	CHECK(strstr(storage(&m)->detail, "/home") != NULL);
	machine_close(&m);
}

/* Android's "super" is a partition whose logical ones are linear mappings; the data beside it. */
static void test_android(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "8:0", "sda");
	partition(&m, "8:12", "sda", "sda12");
	partition(&m, "8:17", "sda", "sda17");
	mapped(&m, "254:0", "dm-0", "system_a", "", LIST("sda/sda12"));
	mapped(&m, "254:1", "dm-1", "vendor_a", "", LIST("sda/sda12"));
	mapped(&m, "254:2", "dm-2", "root", LUKS2("root"), LIST("sda/sda17"));
	mounted(&m, "254:2", "/", "ext4", "/dev/mapper/root");
	mounted(&m, "254:1", "/vendor", "ext4", "/dev/mapper/vendor_a");
	CHECK_INT(look(&m), 0);
	CHECK(is_plain(storage(&m)));
	CHECK_STR(detail_of(storage(&m), "/"), "LUKS2: dm-2 on sda17");
	CHECK_STR(detail_of(storage(&m), "/vendor"), "plain: sda12");
	/* A root on a logical partition is as plain as that. */
	mounted(&m, "254:0", "/", "ext4", "/dev/mapper/system_a");
	CHECK_INT(look(&m), 0);
	CHECK_STR(storage(&m)->detail, "/vendor: plain: sda12");
	CHECK(is_plain(part_of(&m, SETTING_ENCRYPTION_SYSTEM)));
	machine_close(&m);
}

/* What a file system encrypts by itself is named, and counts for nothing. */
static void test_fscrypt(void)
{
	static const char one[] =
		"plain: sda3; fscrypt on /home/user does not count: the rest of the disk is readable";
	struct machine m;

	machine_open(&m);
	disk(&m, "8:0", "sda");
	partition(&m, "8:3", "sda", "sda3");
	mounted(&m, "8:3", "/", "ext4", "/dev/sda3");
	fixture_directory(&m.f, "home/guest");
	fixture_text(&m.f, "home/file", "");
	CHECK_INT(look(&m), 0);
	CHECK_STR(detail_of(storage(&m), "/"), "plain: sda3");
	fixture_text(&m.f, "home/user/encrypted", "");
	CHECK_INT(look(&m), 0);
	CHECK(is_plain(storage(&m)) && is_plain(part_of(&m, SETTING_ENCRYPTION_HOME)));
	CHECK_STR(detail_of(storage(&m), "/"), one);
	CHECK_STR(detail_of(part_of(&m, SETTING_ENCRYPTION_HOME), "/"), one);
	fixture_text(&m.f, "home/us\033er/encrypted", "");
	CHECK_INT(look(&m), 0);
	CHECK(strstr(detail_of(storage(&m), "/"), " and 1 more does not count"));
	CHECK(text_is_valid(detail_of(storage(&m), "/"), strlen(detail_of(storage(&m), "/"))));
	/* Behind a link, or below another mount, it is not this file system's. */
	machine_close(&m);
	machine_open(&m);
	disk(&m, "8:0", "sda");
	partition(&m, "8:3", "sda", "sda3");
	mounted(&m, "8:3", "/", "ext4", "/dev/sda3");
	mounted(&m, "0:60", "/home/far", "nfs4", "host:/export");
	fixture_text(&m.f, "home/far/encrypted", "");
	fixture_text(&m.f, "srv/encrypted", "");
	fixture_link(&m.f, "home/link", "../srv");
	CHECK_INT(look(&m), 0);
	CHECK_STR(detail_of(storage(&m), "/"), "plain: sda3");
	machine_close(&m);
}

/* On LUKS nobody looks for it. */
static void test_fscrypt_on_luks(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "8:0", "sda");
	mapped(&m, "254:0", "dm-0", "root", LUKS2("root"), LIST("sda"));
	mounted(&m, "254:0", "/", "ext4", "/dev/mapper/root");
	fixture_text(&m.f, "home/user/encrypted", "");
	CHECK_INT(look(&m), 0);
	CHECK(is_fine(storage(&m)));
	CHECK_STR(detail_of(storage(&m), "/"), "LUKS2: dm-0 on sda");
	machine_close(&m);
}

static void test_kinds_of_mapping(void)
{
	static const struct {
		const char *uuid;
		enum compliance_reason reason;
	} kinds[] = {
		{"CRYPT-LUKS1-0123-x", REASON_ENCRYPTED}, {"CRYPT-LUKS2-0123-x", REASON_ENCRYPTED},
		{"CRYPT-PLAIN-x", REASON_ENCRYPTED}, {"CRYPT-INTEGRITY-x", REASON_PLAIN_STORAGE},
		{"CRYPT-VERITY-0123-x", REASON_PLAIN_STORAGE}, {"part1-0123", REASON_PLAIN_STORAGE},
		{"LVM-CRYPT-LUKS2-", REASON_PLAIN_STORAGE},
		{"", REASON_PLAIN_STORAGE}, /* dm-linear of an Android partition table */
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct machine m;

		machine_open(&m);
		disk(&m, "8:0", "sda");
		mapped(&m, "254:0", "dm-0", "x", kinds[i].uuid, LIST("sda"));
		mounted(&m, "254:0", "/", "ext4", "/dev/mapper/x");
		CHECK_INT(look(&m), 0);
		if (reason_of(storage(&m), "/") != kinds[i].reason)
			check_fail(__FILE__, __LINE__, "kind %zu", i);
		machine_close(&m);
	}
}

static void test_files(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "8:0", "sda");
	partition(&m, "8:1", "sda", "sda1");
	partition(&m, "8:2", "sda", "sda2");
	mapped(&m, "254:0", "dm-0", "root", LUKS2("root"), LIST("sda/sda2"));
	mounted(&m, "254:0", "/", "ext4", "/dev/mapper/root");
	mounted(&m, "8:1", "/boot", "ext4", "/dev/sda1");
	loop(&m, "7:0", "loop0", "/var/lib/image");
	loop(&m, "7:1", "loop1", "/boot/image (deleted)");
	mounted(&m, "7:0", "/snap/one", "squashfs", "/dev/loop0");
	mounted(&m, "7:1", "/snap/two", "squashfs", "/dev/loop1");
	swapping(&m, "/var/swap\\040file", "file");
	CHECK_INT(look(&m), 0);
	CHECK_INT(reason_of(storage(&m), "/snap/one"), REASON_ENCRYPTED);
	/* What lies on /boot may be read by anybody, only /boot itself is exempt. */
	CHECK_INT(reason_of(storage(&m), "/snap/two"), REASON_PLAIN_STORAGE);
	CHECK_STR(detail_of(storage(&m), "/snap/two"), "plain: sda1");
	CHECK(is_fine(swap_space(&m)));
	CHECK_INT(reason_of(swap_space(&m), "/var/swap file"), REASON_ENCRYPTED);
	swapping(&m, "/boot/swap", "file");
	CHECK_INT(look(&m), 0);
	CHECK(is_plain(swap_space(&m)));
	machine_close(&m);
}

static void test_zram_writeback(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "8:0", "sda");
	partition(&m, "8:3", "sda", "sda3");
	device(&m, "251:0", "virtual/block/zram0");
	attribute(&m, "virtual/block/zram0", "backing_dev", "/dev/sda3");
	swapping(&m, "/dev/zram0", "partition");
	CHECK_INT(look(&m), 0);
	CHECK(is_plain(swap_space(&m)));
	CHECK_STR(detail_of(swap_space(&m), "/dev/zram0"), "plain: sda3");
	machine_close(&m);
}

static void test_raid(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "8:0", "sda");
	partition(&m, "8:1", "sda", "sda1");
	disk(&m, "8:16", "sdb");
	partition(&m, "8:17", "sdb", "sdb1");
	stacked(&m, "9:0", "md0", LIST("sda/sda1", "sdb/sdb1"));
	device(&m, "259:9", "virtual/block/md0/md0p1");
	attribute(&m, "virtual/block/md0/md0p1", "partition", "1");
	mapped(&m, "254:0", "dm-0", "r", LUKS2("r"), LIST("md0"));
	mounted(&m, "254:0", "/", "ext4", "/dev/mapper/r");
	CHECK_INT(look(&m), 0);
	CHECK(is_fine(storage(&m)));
	mounted(&m, "259:9", "/srv", "ext4", "/dev/md0p1");
	CHECK_INT(look(&m), 0);
	CHECK_STR(detail_of(storage(&m), "/srv"), "plain: sda1, sdb1");
	machine_close(&m);
}

static void test_not_ours(void)
{
	struct machine m;

	machine_open(&m);
	mounted(&m, "0:60", "/mnt/nfs", "nfs4", "host:/export");
	mounted(&m, "0:61", "/mnt/ssh", "fuse.sshfs", "host:");
	mounted(&m, "0:62", "/run/user/10000/doc", "fuse.portal", "portal");
	mounted(&m, "0:63", "/run/user/10000", "tmpfs", "tmpfs");
	CHECK_INT(look(&m), 0);
	CHECK(is_fine(storage(&m)));
	CHECK_INT(storage(&m)->n_items, 2);
	CHECK_INT(reason_of(storage(&m), "/mnt/ssh"), REASON_REMOTE);
	/* A file system of somebody's own making may keep its data anywhere. */
	mounted(&m, "0:64", "/home/u/x", "fuse.mystery", "mystery");
	CHECK_INT(look(&m), 0);
	CHECK(!storage(&m)->has_value);
	CHECK_INT(storage(&m)->state, COMPLIANCE_UNKNOWN);
	CHECK_INT(storage(&m)->reason, REASON_UNTRACEABLE);
	machine_close(&m);
}

static void test_bind_mounts(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "8:0", "sda");
	mounted(&m, "8:0", "/", "ext4", "/dev/sda");
	mounted(&m, "8:0", "/mnt", "ext4", "/dev/sda");
	mounted(&m, "8:0", "/mnt", "ext4", "/dev/sda");
	mounted(&m, "8:0", "/boot", "ext4", "/dev/sda");
	CHECK_INT(look(&m), 0);
	CHECK_INT(storage(&m)->n_items, 3);
	CHECK_INT(reason_of(storage(&m), "/mnt"), REASON_PLAIN_STORAGE);
	CHECK_INT(reason_of(storage(&m), "/boot"), REASON_BOOT_EXEMPT);
	CHECK(is_plain(storage(&m)));
	machine_close(&m);
}

static const struct check_test tests[] = {
	{"alpine_plain", test_alpine_plain},
	{"parts", test_parts},
	{"postmarketos", test_postmarketos},
	{"duranium", test_duranium},
	{"lvm", test_lvm},
	{"android", test_android},
	{"fscrypt", test_fscrypt},
	{"fscrypt_on_luks", test_fscrypt_on_luks},
	{"kinds_of_mapping", test_kinds_of_mapping},
	{"files", test_files},
	{"zram_writeback", test_zram_writeback},
	{"raid", test_raid},
	{"not_ours", test_not_ours},
	{"bind_mounts", test_bind_mounts},
};

CHECK_MAIN(tests)
