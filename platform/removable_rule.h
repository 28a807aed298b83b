/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removable_rule.h - the setting encryption.removable as a file of udev rules. Pure.
 *
 * The rules only say which devices mdm-agent-media is asked about, and which never; what happens
 * to a device is decided there, when its event comes.
 */
#ifndef MDM_PLATFORM_REMOVABLE_RULE_H
#define MDM_PLATFORM_REMOVABLE_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/buf.h"

/*
 * After 60-persistent-storage, which says what is on a device; before everything that makes use of
 * it: RAID (63, 64), btrfs (64), LVM (69), UDisks (80), systemd (99).
 */
#define REMOVABLE_RULE_PATH "etc/udev/rules.d/61-mdm-agent-removable.rules"
/* How the file begins. */
#define REMOVABLE_RULE_MARK "# Written by mdm-agent from the policy; changes are undone.\n"

/* The words of encryption.removable by their places: bits, of which "blocked" outweighs both. */
enum removable_choice {
	REMOVABLE_ANY = 0,
	REMOVABLE_READ_ONLY = 1,
	REMOVABLE_ENCRYPTED_ONLY = 2,
	REMOVABLE_ENCRYPTED_READ_ONLY = 3,
	REMOVABLE_BLOCKED = 4,
	REMOVABLE_CHOICE_MAX,
};
const char *removable_choice_name(enum removable_choice choice);
/* False: no such word. */
bool removable_choice_find(const char *name, enum removable_choice *ret_choice);

static inline bool removable_forbids_writing(enum removable_choice choice)
{
	return choice == REMOVABLE_READ_ONLY || choice == REMOVABLE_ENCRYPTED_READ_ONLY;
}

static inline bool removable_forbids_plain(enum removable_choice choice)
{
	return choice == REMOVABLE_ENCRYPTED_ONLY || choice == REMOVABLE_ENCRYPTED_READ_ONLY;
}

/* A disk that the system lies on, by what a stranger's stick does not have. */
struct removable_pin {
	char cid[48];		    /* of a card: its register, in hex; "" for USB */
	char device_path[256];	    /* of USB: "/devices/…/1-1" */
	char vendor[8], product[8]; /* of USB: in hex */
	char serial[128];	    /* of USB, "" if it has none */
};

#define REMOVABLE_PINS_MAX 8

/*
 * Appends the rules. program: absolute path of mdm-agent-media. 0; -EINVAL for a pin or path with
 * characters that mean something to udev, in which case nothing is appended.
 */
int removable_rule_write(enum removable_choice choice, const char *program,
	const struct removable_pin *pins, size_t n_pins, struct buf *out);

#endif
