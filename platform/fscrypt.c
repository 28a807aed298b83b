/* SPDX-License-Identifier: Apache-2.0 */
/* fscrypt.c - directories that their file system encrypts; see fscrypt.h. Enforcer only. */
#include "platform/fscrypt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fscrypt.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/sysfs.h"

/* Of /home; a phone has one or two. */
#define DIRECTORIES_MAX 64

struct search {
	int root_fd;
	const struct mount_table *table;
	const struct mount *mount;
	dev_t device;
	char first[64]; /* the first that was found */
	unsigned int n_found;
};

static bool same_mount(const struct mount *a, const struct mount *b)
{
	return a && a->major == b->major && a->minor == b->minor;
}

/*
 * Opens a directory if it lies on the file system that is looked at. What is mounted there instead
 * may be another machine's, or wait for somebody who mounts it: it is not touched. fd or -errno.
 */
static int open_own(struct search *s, const char *path)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (!same_mount(mount_table_find(s->table, path), s->mount))
		return -EXDEV;
	fd = fs_open_in_root(s->root_fd, path[1] ? path : ".", O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (!s->device)
		s->device = st.st_dev;
	if (st.st_dev != s->device)
		return -EXDEV;
	r = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

static void look_at(struct search *s, const char *path, int fd)
{
	struct fscrypt_get_policy_ex_arg policy = {.policy_size = sizeof(policy.policy)};

	/* Without a policy ENODATA, where there are none ENOTTY or EOPNOTSUPP; one of a version
	 * that does not fit is one. */
	if (ioctl(fd, FS_IOC_GET_ENCRYPTION_POLICY_EX, &policy) < 0 && errno != EOVERFLOW)
		return;
	if (s->n_found++)
		return;
	snprintf(s->first, sizeof(s->first), "%s", path);
	for (char *p = s->first; *p; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			*p = '?';
}

static void look_below(struct search *s, const char *parent, int fd)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;

	if (sysfs_open_directory(fd, ".", &dir) < 0)
		return;
	for (unsigned int n = 0; n < DIRECTORIES_MAX && (entry = sysfs_next_entry(dir)); n++) {
		_cleanup_close_ int child = -1;
		char path[sizeof("/home/") + NAME_MAX];

		snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name);
		child = open_own(s, path);
		if (child >= 0)
			look_at(s, path, child);
	}
}

void fscrypt_note(int root_fd, const struct mount_table *table, const struct mount *mount,
	struct observed_item *item)
{
	struct search s = {.root_fd = root_fd, .table = table, .mount = mount};
	_cleanup_close_ int point = open_own(&s, mount->point), home = -1;
	char more[32] = "", text[LIMIT_TEXT_BYTES + 1];

	if (point < 0)
		return;
	look_at(&s, mount->point, point);
	home = open_own(&s, "/home");
	if (home >= 0 && strcmp(mount->point, "/home") != 0)
		look_at(&s, "/home", home);
	if (home >= 0)
		look_below(&s, "/home", home);
	if (!s.n_found)
		return;
	if (s.n_found > 1)
		snprintf(more, sizeof(more), " and %u more", s.n_found - 1);
	text_printf(text, "fscrypt on %s%s does not count: the rest of the disk is readable",
		s.first, more);
	detail_add(item->detail, text);
}
