/* SPDX-License-Identifier: Apache-2.0 */
/* removable_rule.c - encryption.removable as udev rules; see removable_rule.h. Pure. Enforcer. */
#include "platform/removable_rule.h"

#include <errno.h>
#include <string.h>

#include "agent/util/mem.h"

static const char *const names[REMOVABLE_CHOICE_MAX] = {
	[REMOVABLE_ANY] = "any",
	[REMOVABLE_READ_ONLY] = "read_only",
	[REMOVABLE_ENCRYPTED_ONLY] = "encrypted_only",
	[REMOVABLE_ENCRYPTED_READ_ONLY] = "encrypted_read_only",
	[REMOVABLE_BLOCKED] = "blocked",
};

const char *removable_choice_name(enum removable_choice choice)
{
	return names[choice];
}

bool removable_choice_find(const char *name, enum removable_choice *ret_choice)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_choice = (enum removable_choice)i;
			return true;
		}
	}
	return false;
}

/* Nothing that ends a string, begins a substitution or stands for other characters. */
static bool is_literal(const char *text)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789/:._,+@=-";

	return *text && !text[strspn(text, safe)];
}

static bool pin_is_literal(const struct removable_pin *pin)
{
	if (pin->cid[0])
		return is_literal(pin->cid);
	return is_literal(pin->device_path) && is_literal(pin->vendor) && is_literal(pin->product);
}

/* The disk of the system, and all that is on it, is passed by before anything is asked. */
static void write_pin(const struct removable_pin *pin, struct buf *out)
{
	if (pin->cid[0]) {
		buf_printf(out, "ATTRS{cid}==\"%s\", GOTO=\"mdm_media_end\"\n", pin->cid);
		return;
	}
	buf_printf(out, "DEVPATH==\"%s/*\", ATTRS{idVendor}==\"%s\", ATTRS{idProduct}==\"%s\", ",
		pin->device_path, pin->vendor, pin->product);
	/* Serial numbers are free text; one that cannot be written down is done without. */
	if (is_literal(pin->serial))
		buf_printf(out, "ATTRS{serial}==\"%s\", ", pin->serial);
	buf_puts(out, "GOTO=\"mdm_media_end\"\n");
}

int removable_rule_write(enum removable_choice choice, const char *program,
	const struct removable_pin *pins, size_t n_pins, struct buf *out)
{
	/* If the program is not there, desktops are told to leave the device alone. */
	static const char unasked[] =
		"ENV{UDISKS_IGNORE}=\"1\", ENV{UDISKS_AUTO}=\"0\", ENV{UDISKS_SYSTEM}=\"1\"\n";

	if (program[0] != '/' || !is_literal(program))
		return -EINVAL;
	for (size_t i = 0; i < n_pins; i++)
		if (!pin_is_literal(&pins[i]))
			return -EINVAL;
	buf_puts(out, REMOVABLE_RULE_MARK);
	buf_printf(out, "# encryption.removable: %s\n", names[choice]);
	buf_puts(out, "ACTION==\"remove\", GOTO=\"mdm_media_end\"\n"
		      "SUBSYSTEM==\"usb\", ENV{DEVTYPE}==\"usb_interface\", GOTO=\"mdm_media\"\n"
		      "SUBSYSTEM==\"mmc\", GOTO=\"mdm_media\"\n"
		      "SUBSYSTEM==\"block\", SUBSYSTEMS==\"usb|mmc\", GOTO=\"mdm_media\"\n"
		      "GOTO=\"mdm_media_end\"\n"
		      "LABEL=\"mdm_media\"\n");
	if (n_pins)
		buf_puts(out, "# What the running system lies on.\n");
	for (size_t i = 0; i < n_pins; i++)
		write_pin(&pins[i], out);
	buf_puts(out, "IMPORT{db}=\"MDM_MEDIA\"\n"
		      "SUBSYSTEM==\"block\", ENV{ID_FS_USAGE}==\"\", IMPORT{builtin}=\"blkid\"\n");
	buf_printf(out, "IMPORT{program}=\"%s %s\"\n", program, names[choice]);
	if (choice != REMOVABLE_ANY) {
		buf_printf(out,
			"SUBSYSTEM==\"block\", ENV{MDM_MEDIA_VERDICT}==\"\", "
			"SUBSYSTEMS==\"usb\", %s",
			unasked);
		buf_printf(out,
			"SUBSYSTEM==\"block\", ENV{MDM_MEDIA_VERDICT}==\"\", "
			"SUBSYSTEMS==\"mmc\", ATTRS{type}==\"SD|SDcombo\", %s",
			unasked);
	}
	buf_puts(out, "LABEL=\"mdm_media_end\"\n");
	return out->error;
}
