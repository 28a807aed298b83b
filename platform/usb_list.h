/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usb_list.h - what is on the USB buses of the phone: controllers, what is built in, what is
 * plugged in, and what of that carries a network of the phone. Reads only. Enforcer only.
 */
#ifndef MDM_PLATFORM_USB_LIST_H
#define MDM_PLATFORM_USB_LIST_H

#include "platform/nodes_rule.h"
#include "platform/sysfs.h"

#define USB_DEVICES_MAX 64

struct usb_device {
	char name[32];		     /* "usb1", "1-1.2" */
	char path[SYSFS_PATH_BYTES]; /* "sys/devices/…" */
	bool is_root;		     /* a controller's own hub */
	bool says_fixed;	     /* its hub says that it is built in: the phone's, or any */
	bool is_fixed;		     /* so say those of all hubs above it, too */
	bool is_network;	     /* a modem; a network card or Bluetooth, and nothing else */
	bool is_busy;		     /* something is mounted from it */
	bool is_system;		     /* the running system lies on it */
	bool authorized;	     /* of a controller: whether it takes what comes */
	struct usb_pin pin;	     /* its name, vendor, product */
	char title[128];	     /* what its maker calls it, made printable */
};

/* Parents before what is on them. 0; -E2BIG with the first USB_DEVICES_MAX; -errno. */
int usb_list(int root_fd, struct usb_device ret_devices[USB_DEVICES_MAX], size_t *ret_n_devices);

/* Whether a device is at the place of a pin and says that it is the same. */
bool usb_is_pinned(const struct usb_device *device, const struct usb_pin *pins, size_t n_pins);

#endif
