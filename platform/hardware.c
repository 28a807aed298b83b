/* SPDX-License-Identifier: Apache-2.0 */
/* hardware.c - serial numbers and the fingerprint; see hardware.h. Enforcer; reads files only. */
#include "platform/hardware.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/digest.h"
#include "agent/util/fs.h"
#include "agent/util/hardware.h"

#define HARDWARE_CMDLINE "/proc/cmdline"
#define HARDWARE_CMDLINE_KEY "androidboot.serialno="

/* Files of one line; the kernel ends the device tree's with NUL. In the order of preference. */
static const char *const board_files[] = {
	"/proc/device-tree/serial-number", "/sys/firmware/devicetree/base/serial-number",
	HARDWARE_CMDLINE, /* here: its argument */
};
static const char *const machine_files[] = {
	"/sys/class/dmi/id/product_serial",
	"/sys/devices/soc0/serial_number",
};

/* Memory that is soldered in, with the number that its maker gave it. A card can be exchanged. */
static const char *const memory_names[] = {"mmcblk0", "mmcblk1", "mmcblk2"};

#define MACHINE_ID_FILE "/etc/machine-id"

/* The first line of a file, printable, without blanks around it. False: there is none. */
static bool hardware_read(int sysroot_fd, const char *path, char ret_text[LIMIT_HARDWARE_BYTES + 1])
{
	_cleanup_free_ char *data = NULL;
	const char *begin;
	size_t n;

	if (fs_read(sysroot_fd, path, LIMIT_PLATFORM_FILE_BYTES, &data, NULL) < 0)
		return false;
	begin = data + strspn(data, " \t");
	n = strcspn(begin, "\n");
	while (n && (begin[n - 1] == ' ' || begin[n - 1] == '\t'))
		n--;
	if (n == 0 || n > LIMIT_HARDWARE_BYTES)
		return false;
	memcpy(ret_text, begin, n);
	ret_text[n] = 0;
	return true;
}

/* The boot loader's serial number, which it hands to the kernel. */
static bool hardware_read_cmdline(int sysroot_fd, char ret_text[LIMIT_HARDWARE_BYTES + 1])
{
	_cleanup_free_ char *data = NULL;
	char *next;

	if (fs_read(sysroot_fd, HARDWARE_CMDLINE, LIMIT_PLATFORM_FILE_BYTES, &data, NULL) < 0)
		return false;
	next = data;
	for (char *word; (word = strsep(&next, " \n"));) {
		const char *value = word + strlen(HARDWARE_CMDLINE_KEY);

		if (strncmp(word, HARDWARE_CMDLINE_KEY, strlen(HARDWARE_CMDLINE_KEY)) != 0 ||
			strlen(value) > LIMIT_HARDWARE_BYTES)
			continue;
		memcpy(ret_text, value, strlen(value) + 1);
		return true;
	}
	return false;
}

/* One of the serial numbers, if it is one. */
static bool hardware_read_serial(
	int sysroot_fd, const char *path, char ret_serial[LIMIT_HARDWARE_BYTES + 1])
{
	bool found = strcmp(path, HARDWARE_CMDLINE) == 0
			     ? hardware_read_cmdline(sysroot_fd, ret_serial)
			     : hardware_read(sysroot_fd, path, ret_serial);

	return found && !hardware_serial_is_placeholder(ret_serial);
}

/* The first of these files that has one. */
static bool hardware_first_serial(int sysroot_fd, const char *const *files, size_t n_files,
	char ret_serial[LIMIT_HARDWARE_BYTES + 1])
{
	for (size_t i = 0; i < n_files; i++)
		if (hardware_read_serial(sysroot_fd, files[i], ret_serial))
			return true;
	return false;
}

void hardware_serial(int sysroot_fd, char ret_serial[LIMIT_HARDWARE_BYTES + 1])
{
	char serial[LIMIT_HARDWARE_BYTES + 1];

	if (!hardware_first_serial(sysroot_fd, board_files, ARRAY_SIZE(board_files), serial) &&
		!hardware_first_serial(
			sysroot_fd, machine_files, ARRAY_SIZE(machine_files), serial))
		serial[0] = 0;
	memcpy(ret_serial, serial, strlen(serial) + 1);
}

/* The CID of the first built-in memory. */
static bool hardware_memory(int sysroot_fd, char ret_cid[LIMIT_HARDWARE_BYTES + 1])
{
	for (size_t i = 0; i < ARRAY_SIZE(memory_names); i++) {
		char path[64], type[LIMIT_HARDWARE_BYTES + 1];

		snprintf(path, sizeof(path), "/sys/block/%s/device/type", memory_names[i]);
		if (!hardware_read(sysroot_fd, path, type) || strcmp(type, "MMC") != 0)
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/device/cid", memory_names[i]);
		if (hardware_read(sysroot_fd, path, ret_cid))
			return true;
	}
	return false;
}

static bool hardware_slot(int sysroot_fd, size_t slot, char ret_text[LIMIT_HARDWARE_BYTES + 1])
{
	switch (slot) {
	case 0:
		return hardware_first_serial(
			sysroot_fd, board_files, ARRAY_SIZE(board_files), ret_text);
	case 1:
		return hardware_first_serial(
			sysroot_fd, machine_files, ARRAY_SIZE(machine_files), ret_text);
	case 2:
		return hardware_memory(sysroot_fd, ret_text);
	default:
		return hardware_read(sysroot_fd, MACHINE_ID_FILE, ret_text);
	}
}

int hardware_fingerprint(
	int sysroot_fd, const char *salt, uint8_t ret_fingerprint[HARDWARE_FINGERPRINT_BYTES])
{
	uint8_t fingerprint[HARDWARE_FINGERPRINT_BYTES] = {0}, digest[SHA256_BYTES];
	char value[LIMIT_HARDWARE_BYTES + 1], text[2 * LIMIT_HARDWARE_BYTES + 64];

	for (size_t slot = 0; slot < HARDWARE_SLOTS; slot++) {
		int n;

		if (!hardware_slot(sysroot_fd, slot, value))
			continue;
		n = snprintf(text, sizeof(text), "%.64s\n%zu\n%s", salt, slot, value);
		if (sha256(text, (size_t)n, digest) < 0)
			return -EIO;
		memcpy(fingerprint + slot * HARDWARE_SLOT_BYTES, digest, HARDWARE_SLOT_BYTES);
	}
	memcpy(ret_fingerprint, fingerprint, sizeof(fingerprint));
	return 0;
}

enum hardware_match hardware_compare(const uint8_t kept[HARDWARE_FINGERPRINT_BYTES],
	const uint8_t now[HARDWARE_FINGERPRINT_BYTES])
{
	static const uint8_t empty[HARDWARE_SLOT_BYTES];
	enum hardware_match match = HARDWARE_UNKNOWN;

	for (size_t slot = 0; slot < HARDWARE_SLOTS; slot++) {
		const uint8_t *a = kept + slot * HARDWARE_SLOT_BYTES;
		const uint8_t *b = now + slot * HARDWARE_SLOT_BYTES;

		if (memcmp(a, empty, sizeof(empty)) == 0 || memcmp(b, empty, sizeof(empty)) == 0)
			continue;
		if (slot == HARDWARE_SLOTS - 1 && match != HARDWARE_UNKNOWN)
			break;
		if (memcmp(a, b, HARDWARE_SLOT_BYTES) != 0)
			return HARDWARE_OTHER;
		match = HARDWARE_SAME;
	}
	return match;
}
