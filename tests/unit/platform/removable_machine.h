/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removable_machine.h - a made-up phone with chips, slots and sticks, as sysfs shows them, made
 * like those of real kernels as far as the code looks. Nothing answers to what is written there:
 * what a write should bring about is written by the tests.
 */
#ifndef MDM_TESTS_REMOVABLE_MACHINE_H
#define MDM_TESTS_REMOVABLE_MACHINE_H

#include "platform/removable_device.h"
#include "tests/unit/platform/fixture.h"

#define STICK "sys/devices/pci/usb1/1-1"
#define STICK_INTERFACE STICK "/1-1:1.0"
#define STICK_SCSI STICK_INTERFACE "/host0/target0:0:0/0:0:0:0"
#define STICK_DISK STICK_SCSI "/block/sda"
#define SLOT "sys/devices/soc/slot"
#define CARD SLOT "/mmc_host/mmc0/mmc0:aaaa"
#define CARD_DISK CARD "/block/mmcblk0"
#define CHIP_SLOT "sys/devices/soc/emmc"
#define CHIP CHIP_SLOT "/mmc_host/mmc2/mmc2:0001"
#define CHIP_DISK CHIP "/block/mmcblk2"
#define CARD_CID "1b534d454231515430123456789abcde"

struct removable_machine {
	struct fixture f;
	struct backend *b;
	struct buf mounts, swaps;
};

static inline void put(
	struct removable_machine *m, const char *directory, const char *file, const char *text)
{
	char path[1024], line[1024];

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	snprintf(line, sizeof(line), "%s\n", text);
	fixture_text(&m->f, path, line);
}

/* The contents of one file of a device without its newline. */
static inline const char *got(struct removable_machine *m, const char *directory, const char *file)
{
	static char text[256];
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	if (fs_read_line(m->f.platform.sysroot_fd, path, text, sizeof(text)) < 0)
		return "(none)";
	return text;
}

/* A link from a device up to the root of sysfs and down again. */
static inline void put_link(
	struct removable_machine *m, const char *directory, const char *name, const char *target)
{
	char path[1024], text[1024] = "";

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	for (const char *p = strchr(directory, '/'); p; p = strchr(p + 1, '/'))
		strcat(text, "../");
	strcat(text, target);
	fixture_link(&m->f, path, text);
}

/* The name of a device in its class or on its bus. */
static inline void put_name(
	struct removable_machine *m, const char *directory, const char *device_path)
{
	char path[1024], target[1024] = "";

	snprintf(path, sizeof(path), "%s%s", directory, strrchr(device_path, '/'));
	for (const char *p = strchr(directory, '/'); p; p = strchr(p + 1, '/'))
		strcat(target, "../");
	strcat(target, device_path + strlen("sys/"));
	fixture_link(&m->f, path, target);
}

static inline void put_block(
	struct removable_machine *m, const char *path, const char *number, const char *partition)
{
	put(m, path, "dev", number);
	put(m, path, "ro", "0");
	put_link(m, path, "subsystem", "class/block");
	put_name(m, "sys/class/block", path);
	if (partition)
		put(m, path, "partition", partition);
}

static inline void plug_stick(struct removable_machine *m)
{
	put(m, STICK, "idVendor", "0781");
	put(m, STICK, "idProduct", "5581");
	put(m, STICK, "serial", "4C530001");
	put(m, STICK, "manufacturer", "Maker");
	put(m, STICK, "product", "Stick");
	put_link(m, STICK, "subsystem", "bus/usb");
	put(m, STICK_INTERFACE, "bInterfaceClass", "08");
	put(m, STICK_INTERFACE, "authorized", "1");
	put_link(m, STICK_INTERFACE, "subsystem", "bus/usb");
	put_link(m, STICK_INTERFACE, "driver", "bus/usb/drivers/usb-storage");
	put_name(m, "sys/bus/usb/devices", STICK_INTERFACE);
	put(m, STICK_SCSI, "state", "running");
	put_link(m, STICK_SCSI, "subsystem", "bus/scsi");
	put_block(m, STICK_DISK, "8:0", NULL);
	fixture_link(&m->f, STICK_DISK "/device", "../../../0:0:0:0");
	put_block(m, STICK_DISK "/sda1", "8:1", "1");
}

static inline void plug_mmc(struct removable_machine *m, const char *slot, const char *card,
	const char *type, const char *cid)
{
	char node[256];

	snprintf(node, sizeof(node), "%s/of_node", slot);
	put(m, node, "compatible", "slot");
	put(m, card, "type", type);
	put(m, card, "cid", cid);
	put(m, card, "name", "CARD0");
	put_link(m, card, "subsystem", "bus/mmc");
	put_link(m, card, "driver", "bus/mmc/drivers/mmcblk");
	put_name(m, "sys/bus/mmc/devices", card);
}

static inline void plug_card(struct removable_machine *m)
{
	plug_mmc(m, SLOT, CARD, "SD", CARD_CID);
	put(m, SLOT "/of_node", "cd-gpios", "x");
	put_block(m, CARD_DISK, "179:0", NULL);
	put_block(m, CARD_DISK "/mmcblk0p1", "179:1", "1");
}

static inline void machine_mount(
	struct removable_machine *m, const char *number, const char *point, const char *source)
{
	buf_printf(&m->mounts, "30 1 %s / %s rw shared:1 - ext4 %s rw\n", number, point, source);
}

/* What is mounted and swapped to, as the kernel shows it from now on. */
static inline void machine_tables(struct removable_machine *m)
{
	fixture_write(&m->f, "proc/self/mountinfo", m->mounts.data ? m->mounts.data : "",
		m->mounts.n_bytes);
	fixture_write(&m->f, "proc/swaps", m->swaps.data, m->swaps.n_bytes);
}

/* A phone that runs from its chip. */
static inline void machine_open(struct removable_machine *m)
{
	memset(m, 0, sizeof(*m));
	fixture_open(&m->f);
	fixture_text(&m->f, "sys/bus/usb/drivers_probe", "");
	fixture_text(&m->f, "sys/bus/mmc/drivers_probe", "");
	fixture_text(&m->f, "sys/bus/mmc/drivers/mmcblk/unbind", "");
	fixture_directory(&m->f, "sys/bus/usb/drivers/usb-storage");
	fixture_directory(&m->f, "sys/class/block");
	plug_mmc(m, CHIP_SLOT, CHIP, "MMC", "aa");
	put(m, CHIP_SLOT "/of_node", "non-removable", "");
	put_block(m, CHIP_DISK, "179:32", NULL);
	put_block(m, CHIP_DISK "/mmcblk2p1", "179:33", "1");
	buf_puts(&m->swaps, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	machine_mount(m, "179:33", "/", "/dev/mmcblk2p1");
	machine_tables(m);
}

static inline void machine_close(struct removable_machine *m)
{
	backend_free(m->b);
	buf_done(&m->mounts);
	buf_done(&m->swaps);
	fixture_close(&m->f);
}

static inline enum removable_use use_of(struct removable_machine *m, const char *path)
{
	int root_fd = m->f.platform.sysroot_fd;
	struct removable_device device;
	struct removable_users users;
	enum removable_use use;

	if (!removable_look(root_fd, path, &device) || removable_users_read(root_fd, &users) < 0)
		return REMOVABLE_USE_MAX;
	use = removable_used(root_fd, &users, &device);
	removable_users_done(&users);
	return use;
}

#endif
