/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioctls.c - what mdm-agent-media asks of block devices by their nodes; see media.h. Nothing is
 * read or written there, and a disk without a medium can be asked, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/media/media.h"

/* For reading: closing what was open for writing makes udev look at the device again. */
static int open_node(int root_fd, const char *name, unsigned int major, unsigned int minor)
{
	char path[SYSFS_NAME_BYTES + 8];
	_cleanup_close_ int fd = -1;
	struct stat st;

	snprintf(path, sizeof(path), "dev/%s", name);
	fd = fs_open_nofollow(root_fd, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* The name may be another device's by now. */
	if (!S_ISBLK(st.st_mode) || st.st_rdev != makedev(major, minor))
		return -ENXIO;
	return TAKE_FD(fd);
}

static int ioctl_set_read_only(int root_fd, const struct removable_device *device, bool on)
{
	_cleanup_close_ int fd = open_node(root_fd, device->name, device->major, device->minor);
	int value = on;

	if (fd < 0)
		return fd;
	return ioctl(fd, BLKROSET, &value) < 0 ? -errno : 0;
}

/* The disk that a partition is on. */
static int open_disk(int root_fd, const struct removable_device *device)
{
	struct removable_device disk;
	char path[SYSFS_PATH_BYTES];

	removable_disk_path(device, path);
	if (!removable_look(root_fd, path, &disk))
		return -ENXIO;
	return open_node(root_fd, disk.name, disk.major, disk.minor);
}

static int ioctl_drop_partition(int root_fd, const struct removable_device *device)
{
	struct blkpg_partition partition = {0};
	struct blkpg_ioctl_arg argument = {
		.op = BLKPG_DEL_PARTITION, .datalen = sizeof(partition), .data = &partition};
	char path[SYSFS_PATH_BYTES + 16], text[16];
	_cleanup_close_ int fd = -1;
	int64_t number;
	int r;

	snprintf(path, sizeof(path), "%s/partition", device->path);
	r = fs_read_line(root_fd, path, text, sizeof(text));
	if (r == 0)
		r = parse_int64(text, 1, 4096, &number);
	if (r < 0)
		return r;
	partition.pno = (int)number;
	fd = open_disk(root_fd, device);
	if (fd < 0)
		return fd;
	return ioctl(fd, BLKPG, &argument) < 0 ? -errno : 0;
}

static int ioctl_reread(int root_fd, const struct removable_device *device)
{
	_cleanup_close_ int fd = open_disk(root_fd, device);

	if (fd < 0)
		return fd;
	return ioctl(fd, BLKRRPART) < 0 ? -errno : 0;
}

const struct media_ioctls media_ioctls = {
	.set_read_only = ioctl_set_read_only,
	.drop_partition = ioctl_drop_partition,
	.reread = ioctl_reread,
};
