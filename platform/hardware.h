/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hardware.h - which device this is, as far as firmware and system say: the serial number for an
 * allow-list, and a fingerprint that shows that a state directory was copied to another device.
 * Attributes, never identity: images clone them, and identity is the key. Enforcer only.
 */
#ifndef MDM_PLATFORM_HARDWARE_H
#define MDM_PLATFORM_HARDWARE_H

#include <stdint.h>

#include "agent/util/limits.h"

/*
 * The serial number: of the device tree, of the boot loader (androidboot.serialno), of DMI, of the
 * system on chip; the first that is no placeholder. "" if there is none.
 */
void hardware_serial(int sysroot_fd, char ret_serial[LIMIT_HARDWARE_BYTES + 1]);

/*
 * A fingerprint: the start of the SHA-256 over a salt (the enrolment id) and one number for each
 * slot: serial number of the board (device tree, boot loader), of the machine (DMI, system on
 * chip), of the built-in memory, and the machine id. A slot of zeros: nothing is there, or not yet.
 */
#define HARDWARE_SLOTS 4
#define HARDWARE_SLOT_BYTES 8
#define HARDWARE_FINGERPRINT_BYTES (HARDWARE_SLOTS * HARDWARE_SLOT_BYTES)

/* 0 or -EIO: no SHA-256. */
int hardware_fingerprint(
	int sysroot_fd, const char *salt, uint8_t ret_fingerprint[HARDWARE_FINGERPRINT_BYTES]);

enum hardware_match {
	HARDWARE_SAME,
	HARDWARE_UNKNOWN, /* no slot is filled in both */
	HARDWARE_OTHER,	  /* a slot that is filled in both differs */
	HARDWARE_MATCH_MAX,
};
/*
 * The machine id is a file that may be made anew: it counts only where nothing else does. Slots
 * that are empty say nothing: a driver may not be loaded yet. Pure.
 */
enum hardware_match hardware_compare(const uint8_t kept[HARDWARE_FINGERPRINT_BYTES],
	const uint8_t now[HARDWARE_FINGERPRINT_BYTES]);

#endif
