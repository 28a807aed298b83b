/* SPDX-License-Identifier: Apache-2.0 */
/* usb_list.c - what is on the USB buses; see usb_list.h. Reads only. Enforcer only. */
#include "platform/usb_list.h"

#include <errno.h>
#include <string.h>

#include "platform/removable_device.h"

#define DEVICES "sys/bus/usb/devices"

/* Interfaces that do something else than carry a network: storage, keys, printing, pictures. */
static bool is_other_class(const char *class)
{
	static const char *const others[] = {"03", "06", "07", "08", "0e"};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(class, others[i]) == 0)
			return true;
	return false;
}

static bool is_below(const char *path, const char *device)
{
	size_t n = strlen(device);

	return strncmp(path, device, n) == 0 && path[n] == '/';
}

/* Whether something of a class comes from the device itself, not from what is plugged into it. */
static bool has_of_class(
	int root_fd, const char *class, const char *prefix, const struct usb_device *device)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	char interface[SYSFS_PATH_BYTES + 64];

	/* "…/1-1/1-1:1.4/net/wwan0" */
	snprintf(interface, sizeof(interface), "%s/%s:", device->path, device->name);
	if (sysfs_open_directory(root_fd, class, &dir) < 0)
		return false;
	while ((entry = sysfs_next_entry(dir))) {
		char path[SYSFS_PATH_BYTES];

		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
			sysfs_resolve(root_fd, class, entry->d_name, path) == 0 &&
			strncmp(path, interface, strlen(interface)) == 0)
			return true;
	}
	return false;
}

/*
 * A modem counts whatever else it is, or the phone could not call; of network cards it is looked at
 * what they may hide.
 */
static bool carries_network(int root_fd, const struct usb_device *device, bool other)
{
	if (has_of_class(root_fd, "sys/class/wwan", "", device) ||
		has_of_class(root_fd, "sys/class/usbmisc", "cdc-wdm", device))
		return true;
	return !other && (has_of_class(root_fd, "sys/class/net", "", device) ||
				 has_of_class(root_fd, "sys/class/bluetooth", "", device));
}

static void look_at_interfaces(
	int root_fd, const struct removable_users *users, struct usb_device *device)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	bool other = false;

	if (sysfs_open_directory(root_fd, device->path, &dir) < 0)
		return;
	while ((entry = sysfs_next_entry(dir))) {
		char path[SYSFS_PATH_BYTES], class[8];
		struct removable_device storage;

		if (!strchr(entry->d_name, ':') ||
			snprintf(path, sizeof(path), "%s/%s", device->path, entry->d_name) >=
				(int)sizeof(path) ||
			!sysfs_read(root_fd, path, "bInterfaceClass", class, sizeof(class)))
			continue;
		other |= is_other_class(class);
		if (removable_look(root_fd, path, &storage)) {
			enum removable_use use = removable_used(root_fd, users, &storage);

			device->is_busy |= use != REMOVABLE_IDLE;
			device->is_system |= use == REMOVABLE_SYSTEM;
		}
	}
	device->is_network = carries_network(root_fd, device, other);
}

static void make_title(int root_fd, struct usb_device *device)
{
	char maker[64], product[64];

	(void)sysfs_read(root_fd, device->path, "manufacturer", maker, sizeof(maker));
	(void)sysfs_read(root_fd, device->path, "product", product, sizeof(product));
	snprintf(device->title, sizeof(device->title), "%s%s%s", maker,
		*maker && *product ? " " : "", product);
	for (char *p = device->title; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

static bool says_fixed(int root_fd, const char *path)
{
	char word[16];

	return sysfs_read(root_fd, path, "removable", word, sizeof(word)) &&
	       strcmp(word, "fixed") == 0;
}

/*
 * Where the firmware does not say it the kernel believes the hub, and anybody can plug in a hub
 * that says of what is on it that it is built in.
 */
static bool hubs_are_fixed(int root_fd, const char *path)
{
	char above[SYSFS_PATH_BYTES], *slash;

	snprintf(above, sizeof(above), "%s", path);
	while ((slash = strrchr(above, '/'))) {
		*slash = 0;
		slash = strrchr(above, '/');
		/* The controller's own. */
		if (slash && strncmp(slash + 1, "usb", 3) == 0)
			return true;
		if (!says_fixed(root_fd, above))
			return false;
	}
	return false;
}

static bool look_at(int root_fd, const struct removable_users *users, const char *name,
	struct usb_device *device)
{
	char word[16];

	*device = (struct usb_device){0};
	if (strchr(name, ':') || strlen(name) >= sizeof(device->name) ||
		sysfs_resolve(root_fd, DEVICES, name, device->path) < 0)
		return false;
	memcpy(device->name, name, strlen(name) + 1);
	memcpy(device->pin.name, device->name, sizeof(device->pin.name));
	device->is_root = strncmp(name, "usb", 3) == 0;
	if (!sysfs_read(root_fd, device->path,
		    device->is_root ? "authorized_default" : "authorized", word, sizeof(word)))
		return false;
	device->authorized = strcmp(word, "0") != 0;
	device->says_fixed = says_fixed(root_fd, device->path);
	device->is_fixed = device->says_fixed && hubs_are_fixed(root_fd, device->path);
	(void)sysfs_read(
		root_fd, device->path, "idVendor", device->pin.vendor, sizeof(device->pin.vendor));
	(void)sysfs_read(root_fd, device->path, "idProduct", device->pin.product,
		sizeof(device->pin.product));
	make_title(root_fd, device);
	if (!device->is_root)
		look_at_interfaces(root_fd, users, device);
	return true;
}

static int compare_devices(const void *a, const void *b)
{
	const struct usb_device *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* A hub is needed for what is on it. */
static void hand_up(struct usb_device *devices, size_t n)
{
	for (size_t i = n; i-- > 0;)
		for (size_t k = 0; k < i; k++)
			if (is_below(devices[i].path, devices[k].path)) {
				devices[k].is_network |= devices[i].is_network;
				devices[k].is_busy |= devices[i].is_busy;
				devices[k].is_system |= devices[i].is_system;
			}
}

int usb_list(int root_fd, struct usb_device ret_devices[USB_DEVICES_MAX], size_t *ret_n_devices)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	struct removable_users users;
	const struct dirent *entry;
	bool too_many = false;
	size_t n = 0;
	int r = sysfs_open_directory(root_fd, DEVICES, &dir);

	*ret_n_devices = 0;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = removable_users_read(root_fd, &users);
	if (r < 0)
		return r;
	while ((entry = sysfs_next_entry(dir))) {
		struct usb_device device;

		if (!look_at(root_fd, &users, entry->d_name, &device))
			continue;
		if (n == USB_DEVICES_MAX)
			too_many = true;
		else
			ret_devices[n++] = device;
	}
	removable_users_done(&users);
	qsort(ret_devices, n, sizeof(*ret_devices), compare_devices);
	hand_up(ret_devices, n);
	*ret_n_devices = n;
	return too_many ? -E2BIG : 0;
}

bool usb_is_pinned(const struct usb_device *device, const struct usb_pin *pins, size_t n_pins)
{
	for (size_t i = 0; i < n_pins; i++)
		if (strcmp(pins[i].name, device->name) == 0 &&
			strcmp(pins[i].vendor, device->pin.vendor) == 0 &&
			strcmp(pins[i].product, device->pin.product) == 0)
			return true;
	return false;
}
