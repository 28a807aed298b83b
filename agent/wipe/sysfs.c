/* SPDX-License-Identifier: Apache-2.0 */
/* sysfs.c - see sysfs.h. */
#include "agent/wipe/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/limits.h"
#include "agent/util/mem.h"
#include "agent/wipe/lower.h"

#define SYSFS_PATH 320

/* As deep as the layers of storage are, and no deeper where links lead in circles. */
struct look {
	int root_fd, home_fd;
	bool test;
	unsigned int depth, n_nodes;
};

static const char *look_at(struct look *l, unsigned int major, unsigned int minor);

bool sysfs_number_parse(const char *text, struct sysfs_number *ret_number)
{
	char major[16];
	int64_t a, b;
	size_t n = strcspn(text, ":");

	if (n >= sizeof(major) || text[n] != ':')
		return false;
	memcpy(major, text, n);
	major[n] = 0;
	if (parse_int64(major, 0, 0xfff, &a) < 0 || parse_int64(text + n + 1, 0, 0xfffff, &b) < 0)
		return false;
	*ret_number = (struct sysfs_number){(unsigned int)a, (unsigned int)b};
	return true;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

int sysfs_loop_backing(int root_fd, const char *directory, struct sysfs_number *ret_number)
{
	char path[SYSFS_PATH], backing[LIMIT_TEXT_BYTES + 16];
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	snprintf(path, sizeof(path), "%s/loop/backing_file", directory);
	r = fs_read_line(root_fd, path, backing, sizeof(backing));
	if (r < 0)
		return r;
	fd = fs_open_in_root(root_fd, backing, O_PATH);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode))
		return -ENOTBLK;
	*ret_number = (struct sysfs_number){major(st.st_rdev), minor(st.st_rdev)};
	return 0;
}

/* What a loop device reads from. */
static const char *look_at_loop(struct look *l, const char *directory)
{
	struct sysfs_number number;
	int r;

	if (l->test)
		return NULL;
	r = sysfs_loop_backing(l->root_fd, directory, &number);
	if (r < 0)
		return r == -ENOTBLK ? "a loop device on a file"
				     : "a loop device on something that cannot be found";
	return look_at(l, number.major, number.minor);
}

/* What a mapping or an array is made of. *ret_any: there is something. */
static const char *look_at_slaves(struct look *l, const char *directory, bool *ret_any)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const char *reason = NULL;
	struct dirent *entry;
	char path[2 * SYSFS_PATH], text[32];
	int fd;

	snprintf(path, sizeof(path), "%s/slaves", directory);
	fd = fs_open_in_root(l->root_fd, path, O_DIRECTORY);
	if (fd < 0)
		return NULL;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return "not to be looked at";
	}
	while (!reason && (entry = readdir(dir))) {
		struct sysfs_number number;

		if (entry->d_name[0] == '.')
			continue;
		*ret_any = true;
		snprintf(path, sizeof(path), "%s/slaves/%s/dev", directory, entry->d_name);
		if (fs_read_line(l->root_fd, path, text, sizeof(text)) < 0 ||
			!sysfs_number_parse(text, &number))
			reason = "on something that cannot be found";
		else
			reason = look_at(l, number.major, number.minor);
	}
	return reason;
}

static bool is_removable(int root_fd, const char *directory)
{
	static const char *const places[] = {"removable", "../removable"};
	char path[SYSFS_PATH], text[8];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, places[i]);
		if (fs_read_line(root_fd, path, text, sizeof(text)) == 0)
			return strcmp(text, "0") != 0;
	}
	return false;
}

static bool says(int root_fd, const char *directory, const char *name, const char *wanted)
{
	char path[2 * SYSFS_PATH], text[16];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return fs_read_line(root_fd, path, text, sizeof(text)) == 0 && strcmp(text, wanted) == 0;
}

static bool has(int root_fd, const char *directory, const char *name)
{
	char path[2 * SYSFS_PATH];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = fs_open_in_root(root_fd, path, O_PATH);
	return fd >= 0;
}

/*
 * A card in a slot says that it is not removable: the kernel means the reader. It is told from a
 * soldered chip by its type, one of the older type by the switch that feels whether it is there.
 */
static bool is_card(int root_fd, const char *disk)
{
	if (has(root_fd, disk, "device/../../../of_node/non-removable"))
		return false;
	if (says(root_fd, disk, "device/type", "SD") ||
		says(root_fd, disk, "device/type", "SDcombo"))
		return true;
	return says(root_fd, disk, "device/type", "MMC") &&
	       has(root_fd, disk, "device/../../../of_node/cd-gpios");
}

/* Somebody else's, unless the phone itself runs from it. */
static bool is_foreign_card(const struct look *l, const char *directory)
{
	char disk[SYSFS_PATH], path[SYSFS_PATH + 8], text[32];
	struct sysfs_number number;
	struct lower lower;

	snprintf(disk, sizeof(disk), "%s%s", directory,
		has(l->root_fd, directory, "partition") ? "/.." : "");
	if (!is_card(l->root_fd, disk))
		return false;
	snprintf(path, sizeof(path), "%s/dev", disk);
	if (fs_read_line(l->root_fd, path, text, sizeof(text)) < 0 ||
		!sysfs_number_parse(text, &number))
		return true;
	lower_of_directory(l->root_fd, l->home_fd, &lower);
	return !lower_has(&lower, number);
}

static const char *look_at(struct look *l, unsigned int major, unsigned int minor)
{
	char directory[64], target[SYSFS_PATH];
	const char *name, *reason;
	bool any = false;

	snprintf(directory, sizeof(directory), "sys/dev/block/%u:%u", major, minor);
	if (++l->n_nodes > LIMIT_BLOCK_NODES || l->depth == LIMIT_BLOCK_DEPTH)
		return "made of too many devices";
	if (fs_read_link(l->root_fd, directory, target, sizeof(target)) < 0)
		return "no device that this system has";
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (starts_with(name, "loop")) {
		l->depth++;
		reason = look_at_loop(l, directory);
		l->depth--;
		return reason;
	}
	if (l->test)
		return "no loop device, and the plan is a test";
	if (strstr(target, "/usb"))
		return "on USB";
	if (starts_with(name, "nbd") || starts_with(name, "rbd") || starts_with(name, "drbd") ||
		strstr(target, "/session"))
		return "storage of another machine";
	if (starts_with(name, "zram") || starts_with(name, "ram"))
		return "memory";
	if (is_removable(l->root_fd, directory))
		return "removable";
	if (is_foreign_card(l, directory))
		return "a memory card";
	l->depth++;
	reason = look_at_slaves(l, directory, &any);
	l->depth--;
	if (!reason && !any && starts_with(name, "dm-"))
		return "on something that cannot be found";
	return reason;
}

const char *sysfs_foreign(int root_fd, unsigned int major, unsigned int minor, bool test)
{
	return sysfs_foreign_from(root_fd, root_fd, (struct sysfs_number){major, minor}, test);
}

const char *sysfs_foreign_from(int root_fd, int home_fd, struct sysfs_number number, bool test)
{
	struct look look = {.root_fd = root_fd, .home_fd = home_fd, .test = test};

	return look_at(&look, number.major, number.minor);
}

int sysfs_open_device(int root_fd, unsigned int major, unsigned int minor, int flags)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	char path[SYSFS_PATH];
	struct stat st;
	char *name;
	int r;

	snprintf(path, sizeof(path), "sys/dev/block/%u:%u/uevent", major, minor);
	r = fs_read(root_fd, path, 4096, &text, NULL);
	if (r < 0)
		return r;
	name = strstr(text, "DEVNAME=");
	if (!name || (name > text && name[-1] != '\n'))
		return -ENODEV;
	name += strlen("DEVNAME=");
	name[strcspn(name, "\n")] = 0;
	snprintf(path, sizeof(path), "dev/%.255s", name);
	fd = fs_open_in_root(root_fd, path, flags);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode) || st.st_rdev != makedev(major, minor))
		return -ENODEV;
	return TAKE_FD(fd);
}

int sysfs_list_devices(int root_fd, struct sysfs_number *ret_numbers, size_t max)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	struct dirent *entry;
	size_t n = 0;
	int fd = fs_open_in_root(root_fd, "sys/dev/block", O_DIRECTORY);

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (n < max && (entry = readdir(dir)))
		if (sysfs_number_parse(entry->d_name, &ret_numbers[n]))
			n++;
	return (int)n;
}
