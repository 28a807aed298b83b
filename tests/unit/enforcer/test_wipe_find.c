/* SPDX-License-Identifier: Apache-2.0 */
/* test_wipe_find.c - what a wipe would destroy, on phones of many shapes. Files stand for devices.
 */
#include "agent/enforcer/wipe_find.h"

#include "agent/wipe/header.h"
#include "tests/unit/platform/machine.h"

#define UUID "1b4e28ba-2fa1-11d2-883f-0016d3cca427"

static void look_for(struct machine *m, struct wipe_findings *ret)
{
	fixture_write(&m->f, "proc/self/mountinfo", m->mounts.data ? m->mounts.data : "",
		m->mounts.n_bytes);
	fixture_write(&m->f, "proc/swaps", m->swaps.data, m->swaps.n_bytes);
	CHECK_INT(wipe_find(m->f.platform.sysroot_fd, false, ret), 0);
	/* Whatever is found can be written down. */
	if (ret->plan.n_devices > 0) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct wipe_plan back;
		const char *reason = "";

		snprintf(ret->plan.id, sizeof(ret->plan.id), "x");
		wipe_plan_write(&ret->plan, &text);
		CHECK_INT(wipe_plan_parse(text.data, text.n_bytes, &back, &reason), 0);
		CHECK_STR(reason, "");
	}
}

/* The first 4 KiB of a LUKS1 container, which is all that is looked at here. */
static void luks(struct machine *m, const char *name, const char *uuid)
{
	uint8_t block[WIPE_BLOCK_BYTES] = {'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1};
	char path[64];

	/* Payload and key material begin somewhere behind it. */
	block[104 + 2] = 0x10;
	block[111] = 32;
	memcpy(block + 168, uuid, strlen(uuid));
	snprintf(path, sizeof(path), "dev/%s", name);
	fixture_write(&m->f, path, block, sizeof(block));
}

static void plain(struct machine *m, const char *name)
{
	char path[64], data[5000];

	memset(data, 'x', sizeof(data));
	snprintf(path, sizeof(path), "dev/%s", name);
	fixture_write(&m->f, path, data, sizeof(data));
}

static const struct wipe_device *find(const struct wipe_findings *found, const char *path)
{
	for (size_t i = 0; i < found->plan.n_devices; i++)
		if (strcmp(found->plan.devices[i].path, path) == 0)
			return &found->plan.devices[i];
	return NULL;
}

/* Encrypted, with a second container that nobody opened, a stick, and the boot partition. */
static void test_encrypted(void)
{
	struct wipe_findings found;
	char text[LIMIT_TEXT_BYTES + 1];
	struct machine m;

	machine_open(&m);
	disk(&m, "179:0", "mmcblk0");
	partition(&m, "179:1", "mmcblk0", "mmcblk0p1");
	partition(&m, "179:2", "mmcblk0", "mmcblk0p2");
	partition(&m, "179:3", "mmcblk0", "mmcblk0p3");
	disk(&m, "8:0", "sda");
	attribute(&m, "platform/block/sda", "removable", "1");
	partition(&m, "8:1", "sda", "sda1");
	mapped(&m, "254:0", "dm-0", "root", LUKS2("root"), LIST("mmcblk0/mmcblk0p2"));
	plain(&m, "mmcblk0p1");
	luks(&m, "mmcblk0p2", UUID);
	luks(&m, "mmcblk0p3", "2b4e28ba-2fa1-11d2-883f-0016d3cca427");
	luks(&m, "sda1", "3b4e28ba-2fa1-11d2-883f-0016d3cca427");
	mounted(&m, "254:0", "/", "ext4", "/dev/mapper/root");
	mounted(&m, "179:1", "/boot", "vfat", "/dev/mmcblk0p1");
	look_for(&m, &found);
	CHECK_INT(found.plan.n_devices, 2);
	CHECK_INT(found.n_luks, 2);
	CHECK(find(&found, "/dev/mmcblk0p2") && find(&found, "/dev/mmcblk0p3"));
	CHECK_STR(find(&found, "/dev/mmcblk0p2")->uuid, UUID);
	wipe_describe(&found, text);
	CHECK(strstr(text, "keys destroyed: ") == text && !strstr(text, "flash"));
	machine_close(&m);
}

/* Nothing is: files of people, data partitions and swap; never boot, firmware or calibration. */
static void test_plain(void)
{
	struct wipe_findings found;
	char text[LIMIT_TEXT_BYTES + 1];
	struct machine m;

	machine_open(&m);
	disk(&m, "179:0", "mmcblk0");
	for (int i = 1; i <= 6; i++) {
		char number[16], name[24];

		snprintf(number, sizeof(number), "179:%d", i);
		snprintf(name, sizeof(name), "mmcblk0p%d", i);
		partition(&m, number, "mmcblk0", name);
		plain(&m, name);
	}
	fixture_text(&m.f, "home/owner/letter", "x");
	fixture_text(&m.f, "root/x", "x");
	fixture_text(&m.f, "home/shared/x", "x");
	mounted(&m, "179:3", "/", "ext4", "/dev/mmcblk0p3");
	mounted(&m, "179:1", "/boot", "vfat", "/dev/mmcblk0p1");
	mounted(&m, "179:2", "/lib/firmware/modem", "vfat", "/dev/mmcblk0p2");
	mounted(&m, "179:4", "/home/shared", "ext4", "/dev/mmcblk0p4");
	mounted(&m, "179:5", "/mnt/vendor/persist", "ext4", "/dev/mmcblk0p5");
	/* As vendors do: a directory of the modem's firmware, read-only data. */
	buf_puts(&m.mounts, "30 1 179:2 /image /var/lib/firmware-modem ro - vfat /dev/x ro\n"
			    "30 1 179:5 / /data/calibration rw - ext4 /dev/x ro,relatime\n");
	/* As the agent's service sees it: its own /var/tmp, /home made read-only. */
	buf_puts(&m.mounts,
		"30 1 179:3 /var/tmp/systemd-private-1/tmp /var/tmp rw - ext4 /dev/x rw\n"
		"30 1 179:3 /var/lib/mdm-agent /var/lib/mdm-agent rw - ext4 /dev/x rw\n"
		"30 1 179:3 /home /home ro - ext4 /dev/x rw\n");
	fixture_text(&m.f, "var/tmp/x", "x");
	fixture_text(&m.f, "var/lib/mdm-agent/x", "x");
	swapping(&m, "/dev/mmcblk0p6", "partition");
	look_for(&m, &found);
	CHECK_INT(found.n_luks, 0);
	CHECK_INT(found.plan.n_devices, 4);
	CHECK(find(&found, "/home") && find(&found, "/home")->kind == WIPE_KIND_FILES);
	CHECK(find(&found, "/root"));
	CHECK(find(&found, "/dev/mmcblk0p4") &&
		find(&found, "/dev/mmcblk0p4")->kind == WIPE_KIND_PLAIN);
	CHECK(find(&found, "/dev/mmcblk0p6"));
	wipe_describe(&found, text);
	CHECK(strstr(text, "nothing is encrypted") && strstr(text, "flash may keep"));
	machine_close(&m);
}

/* A plain system with encrypted homes; and /home seen twice, as services see it. */
static void test_mixed(void)
{
	struct wipe_findings found;
	char text[LIMIT_TEXT_BYTES + 1];
	struct machine m;

	machine_open(&m);
	disk(&m, "179:0", "mmcblk0");
	partition(&m, "179:2", "mmcblk0", "mmcblk0p2");
	partition(&m, "179:3", "mmcblk0", "mmcblk0p3");
	mapped(&m, "254:0", "dm-0", "homes", LUKS2("homes"), LIST("mmcblk0/mmcblk0p2"));
	luks(&m, "mmcblk0p2", UUID);
	plain(&m, "mmcblk0p3");
	fixture_text(&m.f, "home/x", "x");
	fixture_text(&m.f, "root/x", "x");
	mounted(&m, "179:3", "/", "ext4", "/dev/mmcblk0p3");
	mounted(&m, "254:0", "/home", "ext4", "/dev/mapper/homes");
	mounted(&m, "179:3", "/root", "ext4", "/dev/mmcblk0p3");
	look_for(&m, &found);
	CHECK_INT(found.plan.n_devices, 2);
	CHECK(find(&found, "/dev/mmcblk0p2") && find(&found, "/root") && !find(&found, "/home"));
	wipe_describe(&found, text);
	CHECK(strstr(text, "/dev/mmcblk0p2") && strstr(text, "/root") && strstr(text, "flash"));
	machine_close(&m);
}

/* Open, in use, and not in the plan: it is said. Loop devices are nobody's to count. */
static void test_left(void)
{
	struct wipe_findings found;
	char text[LIMIT_TEXT_BYTES + 1];
	struct machine m;

	machine_open(&m);
	disk(&m, "179:0", "mmcblk0");
	partition(&m, "179:2", "mmcblk0", "mmcblk0p2");
	disk(&m, "8:0", "sda");
	attribute(&m, "platform/block/sda", "removable", "1");
	partition(&m, "8:1", "sda", "sda1");
	mapped(&m, "254:0", "dm-0", "root", LUKS2("root"), LIST("mmcblk0/mmcblk0p2"));
	mapped(&m, "254:1", "dm-1", "homes", LUKS2("homes"), LIST("sda/sda1"));
	for (int i = 0; i < 600; i++) {
		char number[16], name[24];

		snprintf(number, sizeof(number), "7:%d", i);
		snprintf(name, sizeof(name), "loop%d", i);
		loop(&m, number, name, "/home/x");
	}
	luks(&m, "mmcblk0p2", UUID);
	luks(&m, "sda1", "3b4e28ba-2fa1-11d2-883f-0016d3cca427");
	mounted(&m, "254:0", "/", "ext4", "/dev/mapper/root");
	mounted(&m, "254:1", "/home", "ext4", "/dev/mapper/homes");
	look_for(&m, &found);
	CHECK_INT(found.plan.n_devices, 1);
	CHECK(find(&found, "/dev/mmcblk0p2"));
	CHECK_STR(found.left, "homes: removable");
	wipe_describe(&found, text);
	CHECK(strstr(text, "stays: homes"));
	machine_close(&m);
}

/* More than a plan holds: keys come first. */
static void test_more(void)
{
	struct wipe_findings found;
	char text[LIMIT_TEXT_BYTES + 1];
	struct machine m;

	machine_open(&m);
	disk(&m, "179:0", "mmcblk0");
	for (int i = 1; i <= LIMIT_WIPE_DEVICES + 1; i++) {
		char number[16], name[24];

		snprintf(number, sizeof(number), "179:%d", i);
		snprintf(name, sizeof(name), "mmcblk0p%d", i);
		partition(&m, number, "mmcblk0", name);
		luks(&m, name, UUID);
	}
	look_for(&m, &found);
	CHECK_INT(found.plan.n_devices, LIMIT_WIPE_DEVICES);
	CHECK(strstr(found.left, "more than a plan holds"));
	wipe_describe(&found, text);
	CHECK(strstr(text, "...") && strstr(text, "more than a plan"));
	machine_close(&m);
}

static void test_nothing(void)
{
	struct wipe_findings found;
	struct machine m;

	machine_open(&m);
	look_for(&m, &found);
	CHECK_INT(found.plan.n_devices, 0);
	machine_close(&m);
}

static const struct check_test tests[] = {
	{"encrypted", test_encrypted},
	{"plain", test_plain},
	{"mixed", test_mixed},
	{"left", test_left},
	{"more", test_more},
	{"nothing", test_nothing},
};

CHECK_MAIN(tests)
