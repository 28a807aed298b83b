/* SPDX-License-Identifier: Apache-2.0 */
/* guard_walk.c - programs by inode, and looking for them; see guard_walk.h. Enforcer only. */
#include "agent/enforcer/guard_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/born.h"
#include "agent/util/fs.h"
#include "agent/util/mem.h"

#define WALK_DEPTH_MAX 32

/* --- inodes ------------------------------------------------------------------------------- */

void guard_files_done(struct guard_files *files)
{
	free(files->files);
	buf_done(&files->owners);
	*files = (struct guard_files){0};
}

static int add(struct guard_files *files, const struct guard_file *file)
{
	if (files->n_files == files->capacity) {
		size_t capacity = files->capacity ? 2 * files->capacity : 1024;
		struct guard_file *more = reallocarray(files->files, capacity, sizeof(*more));

		if (!more)
			return -ENOMEM;
		files->files = more;
		files->capacity = capacity;
	}
	files->files[files->n_files++] = *file;
	return 0;
}

/* Files of one owner come one after the other. */
static int owner_at(struct guard_files *files, const char *owner, uint32_t *ret_at)
{
	if (!files->owners.n_bytes || strcmp(files->owners.data + files->last_owner, owner) != 0) {
		if (files->owners.n_bytes + strlen(owner) + 1 > LIMIT_GUARD_OWNERS_BYTES)
			return -E2BIG;
		files->last_owner = (uint32_t)files->owners.n_bytes;
		buf_append(&files->owners, owner, strlen(owner) + 1);
	}
	*ret_at = files->last_owner;
	return files->owners.error;
}

int guard_files_deny(struct guard_files *files, const struct guard_born *born,
	enum guard_reason reason, const char *owner)
{
	struct guard_file file = {
		.device = born->device,
		.inode = born->inode,
		.born_ns = born->born_ns,
		.answer = GUARD_DENY,
		.reason = (uint16_t)reason,
	};
	int r;

	if (files->n_denied >= LIMIT_GUARD_INODES)
		return -E2BIG;
	r = owner_at(files, owner, &file.owner);
	if (r == 0)
		r = add(files, &file);
	files->n_denied += r == 0;
	return r;
}

int guard_files_allow(struct guard_files *files, const struct guard_born *born)
{
	const struct guard_file file = {
		.device = born->device,
		.inode = born->inode,
		.born_ns = born->born_ns,
		.answer = GUARD_ALLOW,
	};

	/* Twice what fits: most are there once. */
	if (files->n_files >= 2 * LIMIT_GUARD_INODES) {
		files->is_cut = true;
		return 0;
	}
	return add(files, &file);
}

static int compare(const void *a, const void *b)
{
	const struct guard_file *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	/* Who allows comes first. */
	if (x->answer != y->answer)
		return x->answer == GUARD_ALLOW ? -1 : 1;
	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	return 0;
}

int guard_files_each(struct guard_files *files,
	int (*visit)(const struct guard_file *file, const char *owner, void *userdata),
	void *userdata)
{
	size_t n_allowed = 0, n_denied = 0;

	if (files->n_files)
		qsort(files->files, files->n_files, sizeof(*files->files), compare);
	for (size_t i = 0; i < files->n_files; i++) {
		const struct guard_file *file = &files->files[i];
		bool is_denied = file->answer == GUARD_DENY;
		int r;

		if (i > 0 && file->device == file[-1].device && file->inode == file[-1].inode)
			continue;
		/* All that are denied have a place; what is allowed gets what they leave. */
		if (!is_denied && n_allowed + files->n_denied >= LIMIT_GUARD_INODES) {
			files->is_cut = true;
			continue;
		}
		n_allowed += !is_denied;
		n_denied += is_denied;
		r = visit(file, is_denied ? files->owners.data + file->owner : "", userdata);
		if (r < 0)
			return r;
	}
	(void)n_denied;
	return 0;
}

/* --- walking ------------------------------------------------------------------------------ */

struct guard_walk {
	DIR *levels[WALK_DEPTH_MAX];
	unsigned int depth, max_depth; /* depth: how many are open */
	dev_t device;
	bool is_cut;
	char owner[LIMIT_NAME_BYTES + 1];
};

void guard_walk_free(struct guard_walk *walk)
{
	if (!walk)
		return;
	while (walk->depth > 0)
		closedir(walk->levels[--walk->depth]);
	free(walk);
}

bool guard_walk_is_cut(const struct guard_walk *walk)
{
	return walk->is_cut;
}

int guard_walk_new(int root_fd, const char *path, const char *owner, unsigned int max_depth,
	struct guard_walk **ret_walk)
{
	_cleanup_close_ int fd = fs_open_in_root(root_fd, path, O_RDONLY | O_DIRECTORY);
	struct guard_walk *walk;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	walk = calloc(1, sizeof(*walk));
	if (!walk)
		return -ENOMEM;
	walk->levels[0] = fdopendir(fd);
	if (!walk->levels[0]) {
		free(walk);
		return -errno;
	}
	TAKE_FD(fd);
	walk->depth = 1;
	walk->max_depth = max_depth < WALK_DEPTH_MAX ? max_depth : WALK_DEPTH_MAX;
	walk->device = st.st_dev;
	snprintf(walk->owner, sizeof(walk->owner), "%s", owner);
	*ret_walk = walk;
	return 0;
}

static void descend(struct guard_walk *walk, int at_fd, const char *name)
{
	_cleanup_close_ int fd = -1;
	DIR *dir;

	if (walk->depth >= walk->max_depth) {
		walk->is_cut = true;
		return;
	}
	fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		/* One that has gone since is none. */
		walk->is_cut = walk->is_cut || (errno != ENOENT && errno != ENOTDIR);
		return;
	}
	TAKE_FD(fd);
	walk->levels[walk->depth++] = dir;
}

int guard_walk_next(struct guard_walk *walk,
	int (*found)(const struct guard_found *found, const char *owner, void *userdata),
	void *userdata)
{
	const struct dirent *entry;
	struct stat st;
	DIR *dir;
	int r;

	while (walk->depth > 0) {
		dir = walk->levels[walk->depth - 1];
		entry = readdir(dir);
		if (!entry) {
			closedir(dir);
			walk->depth--;
			continue;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return 1;
		if (S_ISDIR(st.st_mode) && st.st_dev == walk->device)
			descend(walk, dirfd(dir), entry->d_name);
		if (S_ISREG(st.st_mode) && (st.st_mode & 0111)) {
			const struct guard_found file = {
				.file = {st.st_dev, st.st_ino,
					guard_born_ns(dirfd(dir), entry->d_name)},
				.n_links = st.st_nlink,
			};

			r = found(&file, walk->owner, userdata);
			if (r < 0)
				return r;
		}
		return 1;
	}
	return 0;
}
