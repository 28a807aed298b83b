/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes_rule.h - cameras, microphones and what is plugged in by USB as rules of udev. Pure.
 *
 * The rules ask whether a gate is open (restrict.h) and are the same for a gate that is shut for
 * good and one that is shut while the phone is locked, so that nothing is written when it is.
 */
#ifndef MDM_PLATFORM_NODES_RULE_H
#define MDM_PLATFORM_NODES_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/buf.h"

/* After 60-persistent-v4l, which says what a video device does, and 70-uaccess, which says whom
 * logind lets in; before 73-seat-late, which does it. */
#define NODES_RULE_PATH "etc/udev/rules.d/72-mdm-agent-nodes.rules"
#define USB_RULE_PATH "etc/udev/rules.d/72-mdm-agent-usb.rules"

/* 0 or the error of the buffer. */
int nodes_rule_write(bool camera, bool microphone, struct buf *out);

/* A device that stays, whatever is plugged in: by where it is and what it says it is. */
struct usb_pin {
	char name[32];		    /* "1-1.2": the port */
	char vendor[8], product[8]; /* in hex */
};

/* -EINVAL for a pin with characters that mean something to udev; nothing is appended then. */
int usb_rule_write(const struct usb_pin *pins, size_t n_pins, struct buf *out);

bool usb_pin_is_valid(const struct usb_pin *pin);

#endif
