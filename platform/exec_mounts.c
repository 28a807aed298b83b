/* SPDX-License-Identifier: Apache-2.0 */
/* exec_mounts.c - file systems as far as programs go; see exec_mounts.h. Enforcer only. */
#include "platform/exec_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/util/fs.h"

#define MOUNTINFO "proc/self/mountinfo"

/* btrfs has a number for each subvolume, which mountinfo does not tell. */
static uint64_t device_of(int root_fd, const struct mount *mount)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (strcmp(mount->type, "btrfs") == 0)
		fd = fs_open_in_root(root_fd, mount->point, O_PATH | O_DIRECTORY);
	if (fd >= 0 && fstat(fd, &st) == 0)
		return st.st_dev;
	return makedev(mount->major, mount->minor);
}

static bool may_be_foreign(const struct mount *mount)
{
	return mount->class == MOUNT_DEVICE || mount->class == MOUNT_REMOTE ||
	       mount->class == MOUNT_UNKNOWN;
}

static bool is_mounted_in_system(int root_fd, const struct mount_table *table, uint64_t device)
{
	for (size_t i = 0; i < table->n_mounts; i++)
		if (mount_point_is_system(table->mounts[i].point) &&
			device_of(root_fd, &table->mounts[i]) == device)
			return true;
	return false;
}

static int add_device(uint64_t devices[LIMIT_GUARD_DEVICES], size_t *n_devices, uint64_t device)
{
	size_t at = 0;

	while (at < *n_devices && devices[at] < device)
		at++;
	if (at < *n_devices && devices[at] == device)
		return 0;
	if (*n_devices == LIMIT_GUARD_DEVICES)
		return -E2BIG;
	memmove(&devices[at + 1], &devices[at], (*n_devices - at) * sizeof(*devices));
	devices[at] = device;
	(*n_devices)++;
	return 0;
}

int exec_foreign_devices(
	int root_fd, uint64_t ret_devices[LIMIT_GUARD_DEVICES], size_t *ret_n_devices)
{
	_cleanup_(mount_table_done) struct mount_table table = {0};
	_cleanup_free_ char *text = NULL;
	uint64_t devices[LIMIT_GUARD_DEVICES];
	size_t n = 0, n_text;
	int r = fs_read(root_fd, MOUNTINFO, LIMIT_MOUNTINFO_BYTES, &text, &n_text);

	if (r == 0)
		r = mountinfo_parse(text, n_text, &table);
	if (r == 0 && table.is_cut)
		r = -E2BIG;
	for (size_t i = 0; i < table.n_mounts && (r == 0 || r == -E2BIG); i++) {
		const struct mount *mount = &table.mounts[i];
		uint64_t device;

		if (!may_be_foreign(mount) || mount_point_is_system(mount->point))
			continue;
		device = device_of(root_fd, mount);
		if (!is_mounted_in_system(root_fd, &table, device) &&
			add_device(devices, &n, device) < 0)
			r = -E2BIG;
	}
	if (r < 0 && r != -E2BIG)
		return r;
	memcpy(ret_devices, devices, n * sizeof(*devices));
	*ret_n_devices = n;
	return r;
}

int exec_mounts_watch(sd_event *event, int root_fd, mounts_changed_fn changed, void *userdata,
	struct mounts_watch **ret_watch)
{
	_cleanup_close_ int fd = fs_open_in_root(root_fd, MOUNTINFO, O_RDONLY);

	return fd < 0 ? fd : mounts_watch_new(event, fd, changed, userdata, ret_watch);
}
