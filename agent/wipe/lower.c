/* SPDX-License-Identifier: Apache-2.0 */
/* lower.c - see lower.h. */
#include "agent/wipe/lower.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/util/fs.h"
#include "agent/util/mem.h"

#define PATH_BYTES 320

bool lower_has(const struct lower *lower, struct sysfs_number number)
{
	for (size_t i = 0; i < lower->n; i++)
		if (lower->numbers[i].major == number.major &&
			lower->numbers[i].minor == number.minor)
			return true;
	return false;
}

static void add(struct lower *lower, struct sysfs_number number)
{
	if (lower->n < ARRAY_SIZE(lower->numbers) && !lower_has(lower, number))
		lower->numbers[lower->n++] = number;
}

static void add_from_file(struct lower *lower, int root_fd, const char *path)
{
	struct sysfs_number number;
	char text[32];

	if (fs_read_line(root_fd, path, text, sizeof(text)) == 0 &&
		sysfs_number_parse(text, &number))
		add(lower, number);
}

static void add_slaves(struct lower *lower, int root_fd, const char *directory)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	char path[2 * PATH_BYTES];
	struct dirent *entry;
	int fd;

	snprintf(path, sizeof(path), "%s/slaves", directory);
	fd = fs_open_in_root(root_fd, path, O_DIRECTORY);
	if (fd < 0)
		return;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/slaves/%s/dev", directory, entry->d_name);
		add_from_file(lower, root_fd, path);
	}
}

/* What is directly below one. */
static void add_below(struct lower *lower, int root_fd, struct sysfs_number number)
{
	char directory[64], path[PATH_BYTES];
	_cleanup_close_ int partition_fd = -1;
	struct sysfs_number backing;

	snprintf(directory, sizeof(directory), "sys/dev/block/%u:%u", number.major, number.minor);
	snprintf(path, sizeof(path), "%s/partition", directory);
	partition_fd = fs_open_in_root(root_fd, path, O_PATH);
	if (partition_fd >= 0) {
		snprintf(path, sizeof(path), "%s/../dev", directory);
		add_from_file(lower, root_fd, path);
	}
	add_slaves(lower, root_fd, directory);
	if (sysfs_loop_backing(root_fd, directory, &backing) == 0)
		add(lower, backing);
}

/* By the mount that fd is on: its source, the first word behind " - TYPE ". */
static int find_source(int root_fd, int fd, struct sysfs_number *ret_number)
{
	_cleanup_(fclosep) FILE *mounts = NULL, *info = NULL;
	_cleanup_close_ int mounts_fd = -1, source_fd = -1;
	char path[64], line[4096], source[LIMIT_TEXT_BYTES + 1];
	int64_t id, wanted = -1;
	const char *tail;
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	while (info && wanted < 0 && fgets(line, sizeof(line), info))
		if (sscanf(line, "mnt_id: %" SCNd64, &id) == 1)
			wanted = id;
	mounts_fd = fs_open_in_root(root_fd, "proc/self/mountinfo", O_RDONLY);
	mounts = mounts_fd < 0 ? NULL : fdopen(mounts_fd, "re");
	if (!mounts)
		return -ENODEV;
	mounts_fd = -1;
	while (wanted >= 0 && fgets(line, sizeof(line), mounts)) {
		if (sscanf(line, "%" SCNd64 " ", &id) != 1 || id != wanted)
			continue;
		tail = strstr(line, " - ");
		if (!tail || sscanf(tail, " - %*s %255s", source) != 1 || source[0] != '/')
			return -ENODEV;
		source_fd = fs_open_in_root(root_fd, source, O_PATH);
		if (source_fd < 0 || fstat(source_fd, &st) < 0 || !S_ISBLK(st.st_mode))
			return -ENODEV;
		*ret_number = (struct sysfs_number){major(st.st_rdev), minor(st.st_rdev)};
		return 0;
	}
	return -ENODEV;
}

int lower_device_of(int root_fd, int fd, struct sysfs_number *ret_number)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -ENODEV;
	if (major(st.st_dev) == 0)
		return find_source(root_fd, fd, ret_number);
	*ret_number = (struct sysfs_number){major(st.st_dev), minor(st.st_dev)};
	return 0;
}

void lower_of_device(int root_fd, struct sysfs_number number, struct lower *ret_lower)
{
	ret_lower->n = 0;
	add(ret_lower, number);
	/* Grows while it is walked; each is in it once. */
	for (size_t i = 0; i < ret_lower->n; i++)
		add_below(ret_lower, root_fd, ret_lower->numbers[i]);
}

void lower_of_directory(int root_fd, int fd, struct lower *ret_lower)
{
	struct sysfs_number number;

	ret_lower->n = 0;
	if (lower_device_of(root_fd, fd, &number) == 0)
		lower_of_device(root_fd, number, ret_lower);
}

bool lower_meet(const struct lower *a, const struct lower *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (lower_has(b, a->numbers[i]))
			return true;
	return false;
}
