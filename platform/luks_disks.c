/* SPDX-License-Identifier: Apache-2.0 */
/* luks_disks.c - the LUKS volumes in use; see luks_disks.h. Enforcer. */
#include "platform/luks_disks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/util/fs.h"
#include "agent/wipe/sysfs.h"
#include "platform/removable_device.h"

int luks_disks_find(int root_fd, struct block_crypts *ret_crypts)
{
	_cleanup_(removable_users_done) struct removable_users users = {0};
	int r = removable_users_read(root_fd, &users);

	if (r == 0)
		block_find_crypts(root_fd, &users.mounts, users.swaps, users.n_swaps, ret_crypts);
	return r;
}

/* --- whose they are ---------------------------------------------------------------------- */

/* Whether a device, or what it is made of, is on a stick or card; *ret_root: on that of the root.
 */
static bool is_on_media(int root_fd, const struct removable_users *root, unsigned int major,
	unsigned int minor, bool *ret_root)
{
	_cleanup_free_ struct sysfs_name *slaves = NULL;
	char path[SYSFS_PATH_BYTES], target[SYSFS_PATH_BYTES];
	struct removable_device device;
	const char *at;
	size_t n = 0;

	snprintf(path, sizeof(path), "sys/dev/block/%u:%u", major, minor);
	if (fs_read_link(root_fd, path, target, sizeof(target)) < 0)
		return false;
	at = strstr(target, "devices/");
	snprintf(path, sizeof(path), "sys/%.500s", at ? at : "");
	if (removable_look(root_fd, path, &device)) {
		*ret_root = removable_used(root_fd, root, &device) == REMOVABLE_SYSTEM;
		return true;
	}
	/* Mappings of mappings are followed by sysfs_foreign(); volumes of a card by one step. */
	snprintf(path, sizeof(path), "sys/dev/block/%u:%u/slaves", major, minor);
	if (sysfs_list_names(root_fd, path, &slaves, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "sys/class/block/%s", slaves[i].text);
		if (fs_read_link(root_fd, path, target, sizeof(target)) < 0)
			continue;
		at = strstr(target, "devices/");
		snprintf(path, sizeof(path), "sys/%.500s", at ? at : "");
		if (!removable_look(root_fd, path, &device))
			continue;
		*ret_root = removable_used(root_fd, root, &device) == REMOVABLE_SYSTEM;
		return true;
	}
	return false;
}

static bool is_own(int root_fd, const struct removable_users *root,
	const struct block_crypts *below_root, const struct block_crypt *crypt)
{
	bool is_roots = false;

	if (!crypt->device[0])
		return true;
	for (size_t i = 0; i < below_root->n_crypts; i++)
		if (below_root->crypts[i].major == crypt->major &&
			below_root->crypts[i].minor == crypt->minor)
			return true;
	if (is_on_media(root_fd, root, crypt->major, crypt->minor, &is_roots))
		return is_roots;
	return !sysfs_foreign(root_fd, crypt->major, crypt->minor, false);
}

int luks_disks_find_own(int root_fd, struct block_crypts *ret_crypts)
{
	_cleanup_(removable_users_done) struct removable_users users = {0};
	_cleanup_free_ struct block_crypts *all = calloc(2, sizeof(*all));
	struct removable_users root = {.swaps = NULL};
	int r = all ? removable_users_read(root_fd, &users) : -ENOMEM;

	if (r < 0)
		return r;
	block_find_crypts(root_fd, &users.mounts, users.swaps, users.n_swaps, &all[0]);
	/* Lent: what counts as the system's disk is that of the root alone. */
	root.mounts.mounts = (struct mount *)mount_table_find(&users.mounts, "/");
	root.mounts.n_mounts = root.mounts.mounts ? 1 : 0;
	if (root.mounts.mounts)
		block_add_crypts(root_fd, &users.mounts, root.mounts.mounts, &all[1]);
	*ret_crypts = (struct block_crypts){.more = all[0].more};
	for (size_t i = 0; i < all[0].n_crypts; i++)
		if (strncmp(all[0].crypts[i].kind, "LUKS", 4) == 0 &&
			is_own(root_fd, &root, &all[1], &all[0].crypts[i]))
			ret_crypts->crypts[ret_crypts->n_crypts++] = all[0].crypts[i];
	return 0;
}

int luks_disks_hold(int root_fd, const char *path)
{
	_cleanup_(mount_table_done) struct mount_table table = {0};
	_cleanup_free_ char *text = NULL;
	const struct mount *mount;
	struct block_trace trace;
	size_t n;
	int r = fs_read(root_fd, "proc/self/mountinfo", LIMIT_MOUNTINFO_BYTES, &text, &n);

	if (r == 0)
		r = mountinfo_parse(text, n, &table);
	if (r < 0)
		return r;
	mount = mount_table_find(&table, path);
	if (!mount || mount->class != MOUNT_DEVICE)
		return 0;
	block_trace_mount(root_fd, &table, mount, &trace);
	return trace.n_encrypted > 0 && trace.n_plain == 0 && trace.n_untraceable == 0 &&
	       trace.n_remote == 0 && trace.n_memory == 0;
}

void luks_disk_device(const struct block_crypt *crypt, char ret_device[LUKS_DEVICE_BYTES])
{
	/* Names in sysfs have '!' where those below /dev have '/'. */
	snprintf(ret_device, LUKS_DEVICE_BYTES, "/dev/%s", crypt->device);
	for (char *p = ret_device; *p; p++)
		if (*p == '!')
			*p = '/';
}

int luks_disk_check(const struct platform *platform, const struct block_crypt *crypt)
{
	char device[LUKS_DEVICE_BYTES];
	_cleanup_close_ int fd = -1;
	struct stat st;

	luks_disk_device(crypt, device);
	fd = fs_open_in_root(platform->sysroot_fd, device, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* A tree that only looks like a phone has files there. */
	if (S_ISREG(st.st_mode) && !platform->sysroot_is_root)
		return 0;
	return S_ISBLK(st.st_mode) && major(st.st_rdev) == crypt->major &&
			       minor(st.st_rdev) == crypt->minor
		       ? 0
		       : -ENODEV;
}

/* The device as the program sees it. 0 or -errno. */
static int disk_path(const struct platform *platform, const char *device, char ret_path[PATH_MAX])
{
	char link[64], root[PATH_MAX];
	ssize_t n;

	if (!platform->cryptsetup_program || platform->sysroot_is_root) {
		snprintf(ret_path, PATH_MAX, "%s", device);
		return 0;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", platform->sysroot_fd);
	n = readlink(link, root, sizeof(root) - 1);
	if (n < 0)
		return -errno;
	if (snprintf(ret_path, PATH_MAX, "%.*s%s", (int)n, root, device) >= PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

int luks_disk_request(const struct platform *platform, const char *device, char path[PATH_MAX],
	struct cryptsetup_request *request)
{
	int r = disk_path(platform, device, path);

	if (r < 0)
		return r;
	request->device = path;
	request->program = platform->cryptsetup_program ? platform->cryptsetup_program
							: cryptsetup_find(platform->sysroot_fd);
	request->root_fd = platform->cryptsetup_program || platform->sysroot_is_root
				   ? -1
				   : platform->sysroot_fd;
	return request->program ? 0 : -ENOENT;
}
