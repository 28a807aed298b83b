/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usb_record.h - what the USB side of the phone was like before the policy, as text: what stays,
 * how controllers were set, what was not taken even then. Pure. Enforcer only.
 */
#ifndef MDM_PLATFORM_USB_RECORD_H
#define MDM_PLATFORM_USB_RECORD_H

#include "platform/nodes_rule.h"

#define USB_RECORD_PINS 16
#define USB_RECORD_NAMES 64
#define USB_NAME_BYTES 32

struct usb_record {
	struct usb_pin pins[USB_RECORD_PINS];
	size_t n_pins;
	/* "usb1", and what its authorized_default was. */
	struct usb_hub {
		char name[USB_NAME_BYTES], value[4];
	} hubs[USB_RECORD_NAMES];
	size_t n_hubs;
	char refused[USB_RECORD_NAMES][USB_NAME_BYTES]; /* not authorized before */
	size_t n_refused;
	char parameter[4]; /* of usbcore; "": not known */
};

/* What is in it fits, or is left out. */
void usb_record_pin(struct usb_record *record, const struct usb_pin *pin);
void usb_record_hub(struct usb_record *record, const char *name, const char *value);
void usb_record_refused(struct usb_record *record, const char *name);
bool usb_record_is_refused(const struct usb_record *record, const char *name);
/* What a controller gets back; "1" for one that came later. */
const char *usb_record_default(const struct usb_record *record, const char *name);

int usb_record_write(const struct usb_record *record, struct buf *out);
/* 0; -EBADMSG: not ours, *ret_record is untouched. */
int usb_record_read(const char *text, struct usb_record *ret_record);

#endif
