/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removable_device.c - memory sticks and cards in sysfs; see removable_device.h. Reads only. The
 * enforcer, and mdm-agent-media.
 */
#include "platform/removable_device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/fs.h"

#define HOLDERS_DEPTH_MAX 8

/* --- one file of a device ------------------------------------------------------------------ */

#define FILE_PATH_BYTES (2 * SYSFS_PATH_BYTES)

/* False: no path is that long. */
static bool join(const char *directory, const char *file, char ret_path[FILE_PATH_BYTES])
{
	size_t n = strlen(directory), n_file = strlen(file);

	if (n + 1 + n_file >= FILE_PATH_BYTES)
		return false;
	memcpy(ret_path, directory, n);
	ret_path[n] = '/';
	memcpy(ret_path + n + 1, file, n_file + 1);
	return true;
}

static bool has_file(int root_fd, const char *directory, const char *file)
{
	char path[FILE_PATH_BYTES];
	_cleanup_close_ int fd = -1;

	if (!join(directory, file, path))
		return false;
	fd = fs_open_in_root(root_fd, path, O_PATH);
	return fd >= 0;
}

static bool read_file(
	int root_fd, const char *directory, const char *file, char *ret_text, size_t size_bytes)
{
	char path[FILE_PATH_BYTES];

	return join(directory, file, path) &&
	       fs_read_line(root_fd, path, ret_text, size_bytes) == 0;
}

static bool file_says(int root_fd, const char *directory, const char *file, const char *wanted)
{
	char text[SYSFS_NAME_BYTES];

	return read_file(root_fd, directory, file, text, sizeof(text)) && strcmp(text, wanted) == 0;
}

/* The last component of what a link ("subsystem", "driver") leads to. */
static bool read_link_name(
	int root_fd, const char *directory, const char *link, char ret_name[SYSFS_NAME_BYTES])
{
	char path[FILE_PATH_BYTES], target[FILE_PATH_BYTES];
	const char *slash;

	if (!join(directory, link, path) || fs_read_link(root_fd, path, target, sizeof(target)) < 0)
		return false;
	slash = strrchr(target, '/');
	snprintf(ret_name, SYSFS_NAME_BYTES, "%.63s", slash ? slash + 1 : target);
	return true;
}

static bool link_says(int root_fd, const char *directory, const char *link, const char *wanted)
{
	char name[SYSFS_NAME_BYTES];

	return read_link_name(root_fd, directory, link, name) && strcmp(name, wanted) == 0;
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* --- what is meant ------------------------------------------------------------------------- */

static bool is_interface(int root_fd, const char *path)
{
	return link_says(root_fd, path, "subsystem", "usb") &&
	       has_file(root_fd, path, "bInterfaceClass");
}

/*
 * A slot can be told from a chip by the card's type; a card of the older type, which soldered
 * chips have as well, by a switch that feels whether there is a card.
 */
static bool is_card(int root_fd, const char *path)
{
	char host[SYSFS_PATH_BYTES + 32];

	if (!link_says(root_fd, path, "subsystem", "mmc"))
		return false;
	/* …/SLOT/mmc_host/mmc0/mmc0:aaaa: the slot's node of the device tree. */
	snprintf(host, sizeof(host), "%s/../../../of_node", path);
	if (has_file(root_fd, host, "non-removable"))
		return false;
	if (file_says(root_fd, path, "type", "SD") || file_says(root_fd, path, "type", "SDcombo"))
		return true;
	return file_says(root_fd, path, "type", "MMC") && has_file(root_fd, host, "cd-gpios");
}

/* Drivers that make disks, whatever class the interface says it has. */
static bool is_storage_driver(const char *name)
{
	return strcmp(name, "usb-storage") == 0 || strcmp(name, "uas") == 0 ||
	       strncmp(name, "ums-", 4) == 0;
}

static bool look_interface(int root_fd, struct removable_device *device)
{
	char driver[SYSFS_NAME_BYTES] = "";

	(void)read_link_name(root_fd, device->path, "driver", driver);
	if (!file_says(root_fd, device->path, "bInterfaceClass", "08") &&
		!is_storage_driver(driver))
		return false;
	device->kind = REMOVABLE_INTERFACE;
	device->shut = file_says(root_fd, device->path, "authorized", "0");
	return true;
}

/* The interface or card above blocks, the nearest first: a card in a reader is a card. */
static bool find_parent(int root_fd, struct removable_device *device)
{
	char *slash;

	snprintf(device->parent, sizeof(device->parent), "%s", device->path);
	while ((slash = strrchr(device->parent, '/'))) {
		*slash = 0;
		if (link_says(root_fd, device->parent, "subsystem", "mmc")) {
			device->is_card = true;
			return is_card(root_fd, device->parent);
		}
		if (is_interface(root_fd, device->parent))
			return true;
	}
	return false;
}

void removable_disk_path(const struct removable_device *device, char ret_path[SYSFS_PATH_BYTES])
{
	char *slash;

	snprintf(ret_path, SYSFS_PATH_BYTES, "%s", device->path);
	slash = strrchr(ret_path, '/');
	if (device->kind == REMOVABLE_PARTITION && slash)
		*slash = 0;
}

static bool look_block(int root_fd, struct removable_device *device)
{
	char path[SYSFS_PATH_BYTES + 8];

	snprintf(path, sizeof(path), "%s/dev", device->path);
	if (!sysfs_read_device(root_fd, path, &device->major, &device->minor) ||
		!find_parent(root_fd, device))
		return false;
	device->kind =
		has_file(root_fd, device->path, "partition") ? REMOVABLE_PARTITION : REMOVABLE_DISK;
	device->read_only = file_says(root_fd, device->path, "ro", "1");
	device->offline = file_says(root_fd, device->path, "device/state", "offline");
	return true;
}

static bool look(int root_fd, struct removable_device *device)
{
	char subsystem[SYSFS_NAME_BYTES];

	if (!read_link_name(root_fd, device->path, "subsystem", subsystem))
		return false;
	if (strcmp(subsystem, "block") == 0)
		return look_block(root_fd, device);
	if (strcmp(subsystem, "usb") == 0 && is_interface(root_fd, device->path))
		return look_interface(root_fd, device);
	if (!is_card(root_fd, device->path))
		return false;
	device->kind = REMOVABLE_CARD;
	device->is_card = true;
	device->shut = !has_file(root_fd, device->path, "driver");
	return true;
}

bool removable_look(int root_fd, const char *path, struct removable_device *ret_device)
{
	struct removable_device device = {0};

	*ret_device = device;
	if (strncmp(path, "sys/devices/", 12) != 0 || strlen(path) >= sizeof(device.path) ||
		strlen(last_component(path)) >= sizeof(device.name))
		return false;
	snprintf(device.path, sizeof(device.path), "%s", path);
	snprintf(device.name, sizeof(device.name), "%s", last_component(path));
	if (!look(root_fd, &device))
		return false;
	*ret_device = device;
	return true;
}

/* --- who uses it --------------------------------------------------------------------------- */

int removable_users_read(int root_fd, struct removable_users *ret_users)
{
	_cleanup_free_ char *mounts = NULL, *swaps = NULL;
	struct removable_users users = {0};
	size_t n;
	int r = fs_read(root_fd, "proc/self/mountinfo", LIMIT_MOUNTINFO_BYTES, &mounts, &n);

	if (r == 0)
		r = mountinfo_parse(mounts, n, &users.mounts);
	if (r < 0)
		return r;
	users.swaps = calloc(SWAPS_MAX, sizeof(*users.swaps));
	if (!users.swaps)
		r = -ENOMEM;
	/* A kernel without swap has no such file. */
	if (r == 0)
		r = fs_read(root_fd, "proc/swaps", LIMIT_PLATFORM_FILE_BYTES, &swaps, &n);
	if (r == 0)
		r = swaps_parse(swaps, n, users.swaps, &users.n_swaps);
	if (r < 0 && r != -ENOENT) {
		removable_users_done(&users);
		return r;
	}
	*ret_users = users;
	return 0;
}

void removable_users_done(struct removable_users *users)
{
	mount_table_done(&users->mounts);
	free(users->swaps);
	*users = (struct removable_users){0};
}

/* Whether a mount or swap of these users is of that device. */
static bool mount_is_of(
	int root_fd, const struct mount *mount, unsigned int major, unsigned int minor)
{
	unsigned int m = mount->major, n = mount->minor;

	/* btrfs has numbers of its own; its source is one of its devices. */
	if (m == 0 && !sysfs_find_device(root_fd, mount->source, &m, &n))
		return false;
	return m == major && n == minor;
}

static enum removable_use number_used(
	int root_fd, const struct removable_users *users, unsigned int major, unsigned int minor)
{
	enum removable_use use = REMOVABLE_IDLE;

	for (size_t i = 0; i < users->mounts.n_mounts; i++) {
		const struct mount *mount = &users->mounts.mounts[i];

		if (mount->class != MOUNT_DEVICE || !mount_is_of(root_fd, mount, major, minor))
			continue;
		if (mount_point_is_system(mount->point))
			return REMOVABLE_SYSTEM;
		use = REMOVABLE_IN_USE;
	}
	for (size_t i = 0; i < users->n_swaps; i++) {
		unsigned int m, n;

		if (sysfs_find_device(root_fd, users->swaps[i].path, &m, &n) && m == major &&
			n == minor)
			return REMOVABLE_SYSTEM;
	}
	return use;
}

static enum removable_use worse(enum removable_use a, enum removable_use b)
{
	return a > b ? a : b;
}

static enum removable_use disk_used(
	int root_fd, const struct removable_users *users, const char *path, unsigned int depth);

/* A loop device is no holder of what it is over. */
static enum removable_use loops_used(
	int root_fd, const struct removable_users *users, const char *name, unsigned int depth)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	enum removable_use use = REMOVABLE_IDLE;
	const struct dirent *entry;

	if (sysfs_open_directory(root_fd, "sys/class/block", &dir) < 0)
		return REMOVABLE_IDLE;
	while ((entry = sysfs_next_entry(dir))) {
		char path[SYSFS_PATH_BYTES], file[SYSFS_PATH_BYTES];

		if (strncmp(entry->d_name, "loop", 4) != 0)
			continue;
		snprintf(path, sizeof(path), "sys/class/block/%s", entry->d_name);
		if (!read_file(root_fd, path, "loop/backing_file", file, sizeof(file)) ||
			strncmp(file, "/dev/", 5) != 0 || strcmp(file + 5, name) != 0)
			continue;
		use = worse(use, REMOVABLE_IN_USE);
		use = worse(use, disk_used(root_fd, users, path, depth + 1));
	}
	return use;
}

/* A block device by its name, and what is built on it. */
static enum removable_use block_used(
	int root_fd, const struct removable_users *users, const char *name, unsigned int depth)
{
	_cleanup_free_ struct sysfs_name *names = NULL;
	enum removable_use use = REMOVABLE_IDLE;
	char path[SYSFS_PATH_BYTES];
	unsigned int major, minor;
	size_t n = 0;
	int r;

	if (depth > HOLDERS_DEPTH_MAX)
		return REMOVABLE_IN_USE;
	snprintf(path, sizeof(path), "sys/class/block/%s/dev", name);
	if (sysfs_read_device(root_fd, path, &major, &minor))
		use = number_used(root_fd, users, major, minor);
	snprintf(path, sizeof(path), "sys/class/block/%s/holders", name);
	r = sysfs_list_names(root_fd, path, &names, &n);
	if (r < 0 && r != -ENOENT)
		return worse(use, REMOVABLE_IN_USE);
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "sys/class/block/%s", names[i].text);
		use = worse(use, REMOVABLE_IN_USE);
		use = worse(use, disk_used(root_fd, users, path, depth + 1));
	}
	return worse(use, loops_used(root_fd, users, name, depth));
}

/* A disk with all its partitions. */
static enum removable_use disk_used(
	int root_fd, const struct removable_users *users, const char *path, unsigned int depth)
{
	enum removable_use use = block_used(root_fd, users, last_component(path), depth);
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;

	if (sysfs_open_directory(root_fd, path, &dir) < 0)
		return use;
	while ((entry = sysfs_next_entry(dir))) {
		char below[FILE_PATH_BYTES];

		if (join(path, entry->d_name, below) && has_file(root_fd, below, "partition"))
			use = worse(use, block_used(root_fd, users, entry->d_name, depth));
	}
	return use;
}

/* Follows a link of a class or bus to a device that is meant. */
static bool look_link(
	int root_fd, const char *directory, const char *name, struct removable_device *ret_device)
{
	char link[FILE_PATH_BYTES], target[FILE_PATH_BYTES], path[FILE_PATH_BYTES];
	const char *at;

	if (!join(directory, name, link) || fs_read_link(root_fd, link, target, sizeof(target)) < 0)
		return false;
	at = strstr(target, "devices/");
	return at && join("sys", at, path) && removable_look(root_fd, path, ret_device);
}

/* Disks that come from an interface or card. */
static enum removable_use parent_used(
	int root_fd, const struct removable_users *users, const char *path)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	enum removable_use use = REMOVABLE_IDLE;
	const struct dirent *entry;

	if (sysfs_open_directory(root_fd, "sys/class/block", &dir) < 0)
		return REMOVABLE_IN_USE;
	while ((entry = sysfs_next_entry(dir))) {
		struct removable_device device;

		if (look_link(root_fd, "sys/class/block", entry->d_name, &device) &&
			device.kind == REMOVABLE_DISK && strcmp(device.parent, path) == 0)
			use = worse(use, disk_used(root_fd, users, device.path, 0));
	}
	return use;
}

enum removable_use removable_used(
	int root_fd, const struct removable_users *users, const struct removable_device *device)
{
	char disk[SYSFS_PATH_BYTES];
	enum removable_use use;

	switch (device->kind) {
	case REMOVABLE_INTERFACE:
	case REMOVABLE_CARD:
		return parent_used(root_fd, users, device->path);
	case REMOVABLE_DISK:
		return disk_used(root_fd, users, device->path, 0);
	case REMOVABLE_PARTITION:
		removable_disk_path(device, disk);
		use = disk_used(root_fd, users, disk, 0);
		return use == REMOVABLE_SYSTEM ? use : block_used(root_fd, users, device->name, 0);
	case REMOVABLE_NONE:
	case REMOVABLE_KIND_MAX:
		break;
	}
	return REMOVABLE_IDLE;
}

/* --- all of them --------------------------------------------------------------------------- */

struct list {
	struct removable_device *devices;
	size_t n;
	bool too_many;
};

static int list_directory(int root_fd, const char *directory, struct list *list)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	int r = sysfs_open_directory(root_fd, directory, &dir);

	/* No USB, no slots: nothing of that kind. */
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	while ((entry = sysfs_next_entry(dir))) {
		struct removable_device device;

		if (!look_link(root_fd, directory, entry->d_name, &device))
			continue;
		if (list->n == REMOVABLE_DEVICES_MAX)
			list->too_many = true;
		else
			list->devices[list->n++] = device;
	}
	return 0;
}

static int compare_devices(const void *a, const void *b)
{
	const struct removable_device *x = a, *y = b;

	return strcmp(x->path, y->path);
}

int removable_list(int root_fd, struct removable_device ret_devices[REMOVABLE_DEVICES_MAX],
	size_t *ret_n_devices)
{
	static const char *const directories[] = {
		"sys/bus/usb/devices", "sys/bus/mmc/devices", "sys/class/block"};
	struct list list = {.devices = ret_devices};

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		int r = list_directory(root_fd, directories[i], &list);

		if (r < 0)
			return r;
	}
	qsort(list.devices, list.n, sizeof(*list.devices), compare_devices);
	*ret_n_devices = list.n;
	return list.too_many ? -E2BIG : 0;
}

void removable_title(
	int root_fd, const struct removable_device *device, char *ret_text, size_t size_bytes)
{
	const char *at = device->parent[0] ? device->parent : device->path;
	char path[SYSFS_PATH_BYTES + 8], maker[64] = "", model[64] = "";

	if (device->is_card) {
		(void)read_file(root_fd, at, "name", model, sizeof(model));
	} else {
		snprintf(path, sizeof(path), "%s/..", at);
		(void)read_file(root_fd, path, "manufacturer", maker, sizeof(maker));
		(void)read_file(root_fd, path, "product", model, sizeof(model));
	}
	snprintf(ret_text, size_bytes, "%s%s%s", maker, *maker && *model ? " " : "", model);
	for (char *p = ret_text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}
