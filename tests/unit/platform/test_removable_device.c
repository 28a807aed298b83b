/* SPDX-License-Identifier: Apache-2.0 */
/* test_removable_device.c - which devices are sticks and cards, and who uses them. */
#include "tests/unit/platform/removable_machine.h"

static enum removable_kind kind_of(struct removable_machine *m, const char *path)
{
	struct removable_device device;

	return removable_look(m->f.platform.sysroot_fd, path, &device) ? device.kind
								       : REMOVABLE_NONE;
}

static void test_kinds(void)
{
	struct removable_machine m;
	struct removable_device device;

	machine_open(&m);
	plug_stick(&m);
	plug_card(&m);
	CHECK_INT(kind_of(&m, STICK_INTERFACE), REMOVABLE_INTERFACE);
	CHECK_INT(kind_of(&m, STICK_DISK), REMOVABLE_DISK);
	CHECK_INT(kind_of(&m, STICK_DISK "/sda1"), REMOVABLE_PARTITION);
	CHECK_INT(kind_of(&m, CARD), REMOVABLE_CARD);
	CHECK_INT(kind_of(&m, CARD_DISK), REMOVABLE_DISK);
	CHECK_INT(kind_of(&m, CARD_DISK "/mmcblk0p1"), REMOVABLE_PARTITION);
	CHECK(removable_look(m.f.platform.sysroot_fd, STICK_DISK "/sda1", &device));
	CHECK_STR(device.name, "sda1");
	CHECK_STR(device.parent, STICK_INTERFACE);
	CHECK_INT(device.major, 8);
	CHECK_INT(device.minor, 1);
	CHECK(!device.is_card && !device.read_only && !device.offline);
	put(&m, STICK_SCSI, "state", "offline");
	put(&m, STICK_DISK, "ro", "1");
	CHECK(removable_look(m.f.platform.sysroot_fd, STICK_DISK, &device));
	CHECK(device.read_only && device.offline);
	machine_close(&m);
}

/* The soldered chip is never meant, whatever of it is asked for; nor is what is no storage. */
static void test_never(void)
{
	static const char *const paths[] = {CHIP, CHIP_DISK, CHIP_DISK "/mmcblk2p1", STICK,
		"sys/devices/nothing", "sys/devices/", "sys", "", "proc/self",
		"sys/devices/../../etc/passwd"};
	struct removable_machine m;

	machine_open(&m);
	plug_stick(&m);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		CHECK_INT(kind_of(&m, paths[i]), REMOVABLE_NONE);
	/* Where the device tree says nothing a chip is still one. */
	CHECK_INT(unlinkat(m.f.platform.sysroot_fd, CHIP_SLOT "/of_node/non-removable", 0), 0);
	CHECK_INT(kind_of(&m, CHIP_DISK), REMOVABLE_NONE);
	CHECK_INT(kind_of(&m, CHIP), REMOVABLE_NONE);
	/* A card of the older kind in a slot that feels cards is a card. */
	put(&m, CHIP_SLOT "/of_node", "cd-gpios", "x");
	CHECK_INT(kind_of(&m, CHIP), REMOVABLE_CARD);
	CHECK_INT(kind_of(&m, CHIP_DISK), REMOVABLE_DISK);
	/* A card that is soldered in is none. */
	plug_card(&m);
	put(&m, SLOT "/of_node", "non-removable", "");
	CHECK_INT(kind_of(&m, CARD), REMOVABLE_NONE);
	CHECK_INT(kind_of(&m, CARD_DISK "/mmcblk0p1"), REMOVABLE_NONE);
	/* Keyboards. */
	put(&m, STICK_INTERFACE, "bInterfaceClass", "03");
	CHECK_INT(unlinkat(m.f.platform.sysroot_fd, STICK_INTERFACE "/driver", 0), 0);
	CHECK_INT(kind_of(&m, STICK_INTERFACE), REMOVABLE_NONE);
	machine_close(&m);
}

/* Some sticks say that they are something else; their driver knows better. */
static void test_disguised(void)
{
	struct removable_machine m;

	machine_open(&m);
	plug_stick(&m);
	put(&m, STICK_INTERFACE, "bInterfaceClass", "ff");
	CHECK_INT(kind_of(&m, STICK_INTERFACE), REMOVABLE_INTERFACE);
	CHECK_INT(unlinkat(m.f.platform.sysroot_fd, STICK_INTERFACE "/driver", 0), 0);
	CHECK_INT(kind_of(&m, STICK_INTERFACE), REMOVABLE_NONE);
	/* What makes blocks is storage in any case. */
	CHECK_INT(kind_of(&m, STICK_DISK), REMOVABLE_DISK);
	put_link(&m, STICK_INTERFACE, "driver", "bus/usb/drivers/ums-datafab");
	CHECK_INT(kind_of(&m, STICK_INTERFACE), REMOVABLE_INTERFACE);
	machine_close(&m);
}

static void test_use(void)
{
	struct removable_machine m;

	machine_open(&m);
	plug_stick(&m);
	CHECK_INT(use_of(&m, STICK_DISK), REMOVABLE_IDLE);
	CHECK_INT(use_of(&m, STICK_INTERFACE), REMOVABLE_IDLE);
	machine_mount(&m, "8:1", "/run/media/user/STICK", "/dev/sda1");
	machine_tables(&m);
	CHECK_INT(use_of(&m, STICK_DISK "/sda1"), REMOVABLE_IN_USE);
	CHECK_INT(use_of(&m, STICK_DISK), REMOVABLE_IN_USE);
	CHECK_INT(use_of(&m, STICK_INTERFACE), REMOVABLE_IN_USE);
	/* Another partition of it is free. */
	put_block(&m, STICK_DISK "/sda2", "8:2", "2");
	CHECK_INT(use_of(&m, STICK_DISK "/sda2"), REMOVABLE_IDLE);
	/* But not of a disk that the system lies on. */
	machine_mount(&m, "8:1", "/home", "/dev/sda1");
	machine_tables(&m);
	CHECK_INT(use_of(&m, STICK_DISK "/sda2"), REMOVABLE_SYSTEM);
	CHECK_INT(use_of(&m, STICK_DISK), REMOVABLE_SYSTEM);
	CHECK_INT(use_of(&m, STICK_INTERFACE), REMOVABLE_SYSTEM);
	machine_close(&m);
}

/* Every way in which a system may lie on a card. */
static void test_system(void)
{
	static const char *const points[] = {"/", "/boot", "/boot/efi", "/efi", "/home",
		"/home/user", "/usr", "/var", "/var/lib/flatpak", "/etc", "/root"};
	static const char *const others[] = {
		"/media/user/x", "/run/media/user/x", "/mnt", "/homes", "/run/boot"};
	struct removable_machine m;

	machine_open(&m);
	plug_card(&m);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		buf_done(&m.mounts);
		m.mounts = BUF_INIT;
		machine_mount(&m, "179:1", points[i], "/dev/mmcblk0p1");
		machine_tables(&m);
		CHECK_INT(use_of(&m, CARD), REMOVABLE_SYSTEM);
		CHECK_INT(use_of(&m, CARD_DISK), REMOVABLE_SYSTEM);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		buf_done(&m.mounts);
		m.mounts = BUF_INIT;
		machine_mount(&m, "179:1", others[i], "/dev/mmcblk0p1");
		machine_tables(&m);
		CHECK_INT(use_of(&m, CARD), REMOVABLE_IN_USE);
	}
	buf_done(&m.mounts);
	m.mounts = BUF_INIT;
	buf_puts(&m.swaps, "/dev/mmcblk0p1  partition\t\t1024\t0\t-2\n");
	machine_tables(&m);
	CHECK_INT(use_of(&m, CARD_DISK), REMOVABLE_SYSTEM);
	machine_close(&m);
}

/* LUKS, LVM, a loop device with partitions: what is built on a device uses it. */
static void test_holders(void)
{
	struct removable_machine m;

	machine_open(&m);
	plug_card(&m);
	put_block(&m, "sys/devices/virtual/block/dm-0", "253:0", NULL);
	put_block(&m, "sys/devices/virtual/block/dm-1", "253:1", NULL);
	fixture_directory(&m.f, CARD_DISK "/mmcblk0p1/holders/dm-0");
	CHECK_INT(use_of(&m, CARD_DISK "/mmcblk0p1"), REMOVABLE_IN_USE);
	fixture_directory(&m.f, "sys/devices/virtual/block/dm-0/holders/dm-1");
	machine_mount(&m, "253:1", "/home", "/dev/mapper/home");
	machine_tables(&m);
	CHECK_INT(use_of(&m, CARD_DISK), REMOVABLE_SYSTEM);
	CHECK_INT(use_of(&m, CARD), REMOVABLE_SYSTEM);

	plug_stick(&m);
	CHECK_INT(use_of(&m, STICK_DISK), REMOVABLE_IDLE);
	put_block(&m, "sys/devices/virtual/block/loop0", "7:0", NULL);
	put(&m, "sys/devices/virtual/block/loop0", "loop/backing_file", "/dev/sda1");
	CHECK_INT(use_of(&m, STICK_DISK), REMOVABLE_IN_USE);
	put_block(&m, "sys/devices/virtual/block/loop0/loop0p2", "259:0", "2");
	machine_mount(&m, "259:0", "/", "/dev/loop0p2");
	machine_tables(&m);
	CHECK_INT(use_of(&m, STICK_DISK), REMOVABLE_SYSTEM);
	/* Round and round: in use, and an end. */
	fixture_directory(&m.f, "sys/devices/virtual/block/dm-1/holders/dm-0");
	CHECK_INT(use_of(&m, CARD_DISK), REMOVABLE_SYSTEM);
	machine_close(&m);
}

/* btrfs has numbers of its own. */
static void test_btrfs(void)
{
	struct removable_machine m;

	machine_open(&m);
	plug_card(&m);
	buf_puts(&m.mounts,
		"31 1 0:30 /@home /home rw shared:1 - btrfs /dev/mmcblk0p1 rw,subvol=/@home\n");
	machine_tables(&m);
	CHECK_INT(use_of(&m, CARD_DISK), REMOVABLE_SYSTEM);
	machine_close(&m);
}

static void test_list(void)
{
	struct removable_machine m;
	struct removable_device *devices = calloc(REMOVABLE_DEVICES_MAX, sizeof(*devices));
	char title[64];
	size_t n;

	CHECK(devices != NULL);
	machine_open(&m);
	CHECK_INT(removable_list(m.f.platform.sysroot_fd, devices, &n), 0);
	CHECK_INT(n, 0);
	plug_stick(&m);
	plug_card(&m);
	CHECK_INT(removable_list(m.f.platform.sysroot_fd, devices, &n), 0);
	CHECK_INT(n, 6);
	CHECK_STR(devices[0].name, "1-1:1.0");
	CHECK_STR(devices[1].name, "sda");
	CHECK_STR(devices[2].name, "sda1");
	CHECK_STR(devices[3].name, "mmc0:aaaa");
	CHECK_STR(devices[5].name, "mmcblk0p1");
	removable_title(m.f.platform.sysroot_fd, &devices[2], title, sizeof(title));
	CHECK_STR(title, "Maker Stick");
	put(&m, STICK, "product", "\x1b[2J");
	removable_title(m.f.platform.sysroot_fd, &devices[2], title, sizeof(title));
	CHECK_STR(title, "Maker ?[2J");
	removable_title(m.f.platform.sysroot_fd, &devices[5], title, sizeof(title));
	CHECK_STR(title, "CARD0");
	/* One more than there may be. */
	for (int i = 2; i < 2 + REMOVABLE_DEVICES_MAX - 5; i++) {
		char path[256], number[16], partition[16];

		snprintf(path, sizeof(path), STICK_DISK "/sda%d", i);
		snprintf(number, sizeof(number), "8:%d", i);
		snprintf(partition, sizeof(partition), "%d", i);
		put_block(&m, path, number, partition);
	}
	CHECK_INT(removable_list(m.f.platform.sysroot_fd, devices, &n), -E2BIG);
	CHECK_INT(n, REMOVABLE_DEVICES_MAX);
	free(devices);
	machine_close(&m);
}

static const struct check_test tests[] = {
	{"kinds", test_kinds},
	{"never", test_never},
	{"disguised", test_disguised},
	{"use", test_use},
	{"system", test_system},
	{"holders", test_holders},
	{"btrfs", test_btrfs},
	{"list", test_list},
};

CHECK_MAIN(tests)
