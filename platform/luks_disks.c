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
#include "platform/mountinfo.h"

int luks_disks_find(int root_fd, struct block_crypts *ret_crypts)
{
	_cleanup_(mount_table_done) struct mount_table table = {0};
	_cleanup_free_ struct swap *swaps = calloc(SWAPS_MAX, sizeof(*swaps));
	_cleanup_free_ char *mounts_text = NULL, *swaps_text = NULL;
	size_t n, n_swaps = 0;
	int r;

	if (!swaps)
		return -ENOMEM;
	r = fs_read(root_fd, "proc/self/mountinfo", LIMIT_PLATFORM_FILE_BYTES, &mounts_text, &n);
	if (r == 0)
		r = mountinfo_parse(mounts_text, n, &table);
	if (r < 0)
		return r;
	r = fs_read(root_fd, "proc/swaps", LIMIT_PLATFORM_FILE_BYTES, &swaps_text, &n);
	if (r == 0)
		r = swaps_parse(swaps_text, n, swaps, &n_swaps);
	/* A kernel without swap has no such file. */
	if (r < 0 && r != -ENOENT)
		return r;
	block_find_crypts(root_fd, &table, swaps, n_swaps, ret_crypts);
	return 0;
}

int luks_disks_hold(int root_fd, const char *path)
{
	_cleanup_(mount_table_done) struct mount_table table = {0};
	_cleanup_free_ char *text = NULL;
	const struct mount *mount;
	struct block_trace trace;
	size_t n;
	int r = fs_read(root_fd, "proc/self/mountinfo", LIMIT_PLATFORM_FILE_BYTES, &text, &n);

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
