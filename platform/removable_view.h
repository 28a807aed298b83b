/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removable_view.h - the sticks and cards that are plugged in, the rules that are in place, and
 * what comes of both: the observation of encryption.removable. Reads only.
 */
#ifndef MDM_PLATFORM_REMOVABLE_VIEW_H
#define MDM_PLATFORM_REMOVABLE_VIEW_H

#include "platform/removable_device.h"
#include "platform/removable_rule.h"
#include "policies/compliance.h"

#define REMOVABLE_PROGRAM MDM_LIBEXEC_DIR "/mdm-agent-media"

enum removable_rules {
	REMOVABLE_RULES_NONE,  /* no file */
	REMOVABLE_RULES_RIGHT, /* what the agent would write for that choice, byte for byte */
	REMOVABLE_RULES_OTHER,
};

struct removable_view {
	enum removable_rules rules;
	enum removable_choice choice; /* that the file names; REMOVABLE_ANY where it names none */
	struct removable_device devices[REMOVABLE_DEVICES_MAX];
	enum removable_use uses[REMOVABLE_DEVICES_MAX];
	struct observed_item items[REMOVABLE_DEVICES_MAX];
	size_t n_devices;
	bool too_many;
	struct removable_pin pins[REMOVABLE_PINS_MAX]; /* of the running system */
	size_t n_pins;
	/* Idle devices that are not as the rules want them: "sda; sda1", as far as it fits. */
	size_t n_waiting;
	char waiting[LIMIT_TEXT_BYTES + 1];
};

/* 0 or -errno. The caller frees it. */
int removable_view_new(int root_fd, struct removable_view **ret_view);
void removable_view_free(struct removable_view *view);

/* Replaces the observation: the choice in force, each device an item. 0 or -ENOMEM. */
int removable_view_tell(const struct removable_view *view, struct observation *observation);

#endif
