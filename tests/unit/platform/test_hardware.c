/* SPDX-License-Identifier: Apache-2.0 */
/* test_hardware.c - serial numbers and fingerprints from files as phones have them. */
#include "platform/hardware.h"
#include "tests/unit/platform/fixture.h"

#define SALT "0123456789abcdef0123456789abcdef"

static const char *serial_of(struct fixture *f)
{
	static char serial[LIMIT_HARDWARE_BYTES + 1];

	hardware_serial(f->platform.sysroot_fd, serial);
	return serial;
}

/* From the least preferred source to the most preferred. */
static void test_serial(void)
{
	struct fixture f;
	char large[LIMIT_HARDWARE_BYTES + 2];

	fixture_open(&f);
	CHECK_STR(serial_of(&f), "");
	fixture_text(&f, "sys/devices/soc0/serial_number", "305419896\n");
	CHECK_STR(serial_of(&f), "305419896");
	fixture_text(&f, "sys/class/dmi/id/product_serial", "To be filled by O.E.M.\n");
	CHECK_STR(serial_of(&f), "305419896");
	fixture_text(&f, "sys/class/dmi/id/product_serial", " PF2XK7QV \n");
	CHECK_STR(serial_of(&f), "PF2XK7QV");
	fixture_text(&f, "proc/cmdline",
		"quiet xandroidboot.serialno=no androidboot.serialno=8f3b21c7\n");
	CHECK_STR(serial_of(&f), "8f3b21c7");
	fixture_write(&f, "proc/device-tree/serial-number", "0123456789ABCDEF", 17);
	CHECK_STR(serial_of(&f), "8f3b21c7");
	fixture_write(&f, "proc/device-tree/serial-number", "26dc8911ce0fa5d3", 17);
	CHECK_STR(serial_of(&f), "26dc8911ce0fa5d3");
	memset(large, 'x', sizeof(large) - 1);
	large[3] = 'y';
	large[sizeof(large) - 1] = 0;
	fixture_text(&f, "proc/device-tree/serial-number", large);
	CHECK_STR(serial_of(&f), "8f3b21c7");
	fixture_close(&f);
}

static enum hardware_match match(struct fixture *f, const uint8_t *kept)
{
	uint8_t now[HARDWARE_FINGERPRINT_BYTES];

	if (hardware_fingerprint(f->platform.sysroot_fd, SALT, now) < 0)
		abort();
	return hardware_compare(kept, now);
}

static void test_fingerprint(void)
{
	uint8_t nothing[HARDWARE_FINGERPRINT_BYTES], id[HARDWARE_FINGERPRINT_BYTES];
	uint8_t full[HARDWARE_FINGERPRINT_BYTES], salted[HARDWARE_FINGERPRINT_BYTES];
	struct fixture f;

	fixture_open(&f);
	CHECK_INT(hardware_fingerprint(f.platform.sysroot_fd, SALT, nothing), 0);
	CHECK_INT(match(&f, nothing), HARDWARE_UNKNOWN);
	fixture_text(&f, "etc/machine-id", "11111111111111111111111111111112\n");
	CHECK_INT(hardware_fingerprint(f.platform.sysroot_fd, SALT, id), 0);
	CHECK_INT(match(&f, nothing), HARDWARE_UNKNOWN);
	CHECK_INT(match(&f, id), HARDWARE_SAME);
	fixture_text(&f, "etc/machine-id", "11111111111111111111111111111113\n");
	CHECK_INT(match(&f, id), HARDWARE_OTHER);

	/* With anything else known of both, the machine id does not count. */
	fixture_write(&f, "proc/device-tree/serial-number", "26dc8911ce0fa5d3", 17);
	fixture_text(&f, "sys/block/mmcblk0/device/type", "MMC\n");
	fixture_text(&f, "sys/block/mmcblk0/device/cid", "13014e53304a39384e10e5ad6b2a7600\n");
	CHECK_INT(hardware_fingerprint(f.platform.sysroot_fd, SALT, full), 0);
	fixture_text(&f, "etc/machine-id", "11111111111111111111111111111114\n");
	CHECK_INT(match(&f, full), HARDWARE_SAME);
	/* A driver that is not loaded yet is no other device. */
	CHECK_INT(unlinkat(f.platform.sysroot_fd, "sys/block/mmcblk0/device/cid", 0), 0);
	CHECK_INT(match(&f, full), HARDWARE_SAME);
	/* A card that can be exchanged says nothing. */
	fixture_text(&f, "sys/block/mmcblk0/device/type", "SD\n");
	fixture_text(&f, "sys/block/mmcblk0/device/cid", "13014e53304a39384e10e5ad6b2a7601\n");
	CHECK_INT(match(&f, full), HARDWARE_SAME);
	fixture_text(&f, "sys/block/mmcblk0/device/type", "MMC\n");
	CHECK_INT(match(&f, full), HARDWARE_OTHER);
	fixture_text(&f, "sys/block/mmcblk0/device/cid", "13014e53304a39384e10e5ad6b2a7600\n");
	CHECK_INT(match(&f, full), HARDWARE_SAME);
	fixture_write(&f, "proc/device-tree/serial-number", "26dc8911ce0fa5d4", 17);
	CHECK_INT(match(&f, full), HARDWARE_OTHER);

	/* Another enrolment says nothing about the device to somebody who reads both. */
	fixture_write(&f, "proc/device-tree/serial-number", "26dc8911ce0fa5d3", 17);
	CHECK_INT(hardware_fingerprint(f.platform.sysroot_fd, "other", salted), 0);
	for (size_t i = 0; i < HARDWARE_SLOTS; i++)
		CHECK(i == 1 ||
			memcmp(full + i * HARDWARE_SLOT_BYTES, salted + i * HARDWARE_SLOT_BYTES,
				HARDWARE_SLOT_BYTES) != 0);
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"serial", test_serial},
	{"fingerprint", test_fingerprint},
};

CHECK_MAIN(tests)
