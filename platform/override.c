/* SPDX-License-Identifier: Apache-2.0 */
/*
 * override.c - overridden files and their way back; see override.h. Enforcer only. It decides
 * nothing about contents: derive and strip do.
 */
#include "platform/override.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "agent/util/fs.h"
#include "platform/vault.h"

/* What is at a path now. Of a link, data is what it leads to and target the link itself. */
struct snapshot {
	enum vault_kind kind;
	struct fs_owner owner;
	char *data;
	size_t n_data;
	char target[LIMIT_TEXT_BYTES + 1];
};

static void snapshot_done(struct snapshot *snapshot)
{
	free(snapshot->data);
}

static int snapshot_take(int root_fd, const char *path, struct snapshot *ret)
{
	_cleanup_(snapshot_done) struct snapshot now = {0};
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	r = fs_read_link(root_fd, path, now.target, sizeof(now.target));
	if (r == -ENOENT || r == -ENOTDIR)
		goto out; /* absent */
	if (r < 0 && r != -EINVAL)
		return r;
	now.kind = r == 0 ? VAULT_LINK : VAULT_FILE;
	fd = fs_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK);
	if (fd == -ENOENT && now.kind == VAULT_LINK)
		goto out; /* a dangling link has no contents, but is to be restored */
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EBADF;
	now.owner =
		(struct fs_owner){.uid = st.st_uid, .gid = st.st_gid, .mode = st.st_mode & 07777};
	r = fs_read_fd(fd, LIMIT_PLATFORM_FILE_BYTES, &now.data, &now.n_data);
	if (r < 0)
		return r;
out:
	*ret = now;
	now = (struct snapshot){0};
	return 0;
}

static bool is_ours(const struct vault_entry *entry, const struct snapshot *now)
{
	uint8_t digest[SHA256_BYTES];

	if (now->kind != VAULT_FILE || sha256(now->data, now->n_data, digest) < 0)
		return false;
	for (size_t i = 0; i < entry->n_written; i++)
		if (memcmp(entry->written[i], digest, sizeof(digest)) == 0)
			return true;
	return false;
}

/* Makes the file now there, without our marks, the original of entry. */
static int adopt(
	const struct override_spec *spec, const struct snapshot *now, struct vault_entry *entry)
{
	_cleanup_buf_ struct buf stripped = BUF_INIT;
	_cleanup_free_ char *data = NULL;
	enum vault_kind kind = now->kind;
	bool present = true;
	size_t n_data = 0;
	int r;

	if (now->kind == VAULT_FILE) {
		r = spec->strip(now->data, now->n_data, &stripped, &present);
		if (r < 0)
			return r;
		kind = present ? VAULT_FILE : VAULT_ABSENT;
	} else if (now->kind == VAULT_LINK) {
		buf_puts(&stripped, now->target);
	}
	r = buf_take(&stripped, &data, &n_data);
	if (r < 0)
		return r;
	free(entry->data);
	entry->data = TAKE_PTR(data);
	entry->n_data = kind == VAULT_ABSENT ? 0 : n_data;
	entry->kind = kind;
	entry->owner = now->owner;
	return 0;
}

/* The whole file is ours by its name: only a file that was there first is an original. */
static int adopt_own(
	const struct override_spec *spec, const struct snapshot *now, struct vault_entry *entry)
{
	const char *bytes = now->kind == VAULT_LINK ? now->target : now->data;
	size_t n_bytes = now->kind == VAULT_LINK ? strlen(now->target) : now->n_data;

	if (now->kind == VAULT_ABSENT || !spec->mark)
		return 0;
	if (now->kind == VAULT_FILE && n_bytes >= strlen(spec->mark) &&
		memcmp(bytes, spec->mark, strlen(spec->mark)) == 0)
		return 0;
	entry->data = malloc(n_bytes + 1);
	if (!entry->data)
		return -ENOMEM;
	memcpy(entry->data, bytes, n_bytes);
	entry->data[n_bytes] = 0;
	entry->n_data = n_bytes;
	entry->kind = now->kind;
	entry->owner = now->owner;
	return 0;
}

/* Loads the entry and brings its original up to date with what is in place. */
static int resolve_original(const struct override_place *place, const struct override_spec *spec,
	const struct snapshot *now, struct vault_entry *ret_entry)
{
	_cleanup_(vault_entry_done) struct vault_entry entry = {0};
	int r = vault_load(place->vault_fd, spec->name, &entry);

	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	if (r < 0 || strcmp(entry.path, spec->path) != 0) {
		vault_entry_done(&entry);
		if (strlen(spec->path) > LIMIT_TEXT_BYTES)
			return -ENAMETOOLONG;
		memcpy(entry.path, spec->path, strlen(spec->path) + 1);
		r = vault_inherit_directories(place->vault_fd, &entry);
		if (r < 0)
			return r;
		r = spec->strip ? adopt(spec, now, &entry) : adopt_own(spec, now, &entry);
	} else if (spec->strip && now->kind != VAULT_ABSENT && !is_ours(&entry, now)) {
		r = adopt(spec, now, &entry);
		entry.n_written = 0;
	}
	if (r < 0)
		return r;
	*ret_entry = entry;
	entry = (struct vault_entry){0};
	return 0;
}

/* Notes what is about to be written. What is in place now stays known until the next time. */
static int note_written(
	struct vault_entry *entry, const struct snapshot *now, const struct buf *new)
{
	uint8_t next[SHA256_BYTES], before[SHA256_BYTES];
	int r = sha256(new->data, new->n_bytes, next);

	if (r < 0)
		return r;
	for (size_t i = 0; i < entry->n_written; i++)
		if (memcmp(entry->written[i], next, sizeof(next)) == 0)
			return 0;
	if (is_ours(entry, now)) {
		r = sha256(now->data, now->n_data, before);
		if (r < 0)
			return r;
		memcpy(entry->written[1], before, sizeof(before));
		entry->n_written = 2;
	} else {
		entry->n_written = 1;
	}
	memcpy(entry->written[0], next, sizeof(next));
	return 0;
}

/* Adds the directories above the file that do not exist yet. */
static int note_directories(int root_fd, struct vault_entry *entry)
{
	char path[LIMIT_TEXT_BYTES + 1];

	for (const char *slash = strchr(entry->path, '/'); slash; slash = strchr(slash + 1, '/')) {
		_cleanup_close_ int fd = -1;
		int r;

		memcpy(path, entry->path, (size_t)(slash - entry->path));
		path[slash - entry->path] = 0;
		fd = fs_open_nofollow(root_fd, path, O_PATH | O_DIRECTORY, 0);
		if (fd == -ENOENT) {
			r = vault_add_directory(entry, path);
			if (r < 0)
				return r;
		} else if (fd < 0) {
			return fd;
		}
	}
	return 0;
}

static int make_parent(int root_fd, const char *path)
{
	char parent[LIMIT_TEXT_BYTES + 1];
	const char *slash = strrchr(path, '/');

	if (!slash)
		return 0;
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = 0;
	return fs_make_dirs(root_fd, parent, 0755);
}

static bool same_owner(const struct fs_owner *a, const struct fs_owner *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->mode == b->mode;
}

/*
 * What derive gets: the original's contents, NULL for none. Behind a link that is what it leads to
 * today, as it would be without us.
 */
static int original_contents(
	int root_fd, const struct vault_entry *entry, char **ret_data, size_t *ret_n_bytes)
{
	char path[2 * LIMIT_TEXT_BYTES + 2];
	const char *slash = strrchr(entry->path, '/');
	char *data = NULL;
	size_t n_bytes = 0;
	int r;

	if (entry->kind == VAULT_FILE) {
		data = malloc(entry->n_data + 1);
		if (!data)
			return -ENOMEM;
		memcpy(data, entry->data, entry->n_data + 1);
		n_bytes = entry->n_data;
	} else if (entry->kind == VAULT_LINK) {
		if (entry->data[0] == '/' || !slash)
			snprintf(path, sizeof(path), "%s", entry->data);
		else
			snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - entry->path),
				entry->path, entry->data);
		r = fs_read(root_fd, path, LIMIT_PLATFORM_FILE_BYTES, &data, &n_bytes);
		if (r < 0 && r != -ENOENT && r != -ENOTDIR)
			return r;
	}
	*ret_data = data;
	*ret_n_bytes = n_bytes;
	return 0;
}

int override_apply(
	const struct override_place *place, const struct override_spec *spec, bool *ret_changed)
{
	_cleanup_(vault_entry_done) struct vault_entry entry = {0};
	_cleanup_(snapshot_done) struct snapshot now = {0};
	_cleanup_buf_ struct buf new = {.max_bytes = LIMIT_PLATFORM_FILE_BYTES};
	struct fs_owner owner = {.uid = geteuid(), .gid = getegid(), .mode = spec->mode};
	_cleanup_free_ char *original = NULL;
	size_t n_original;
	bool same;
	int r;

	r = snapshot_take(place->root_fd, spec->path, &now);
	if (r < 0)
		return r;
	r = resolve_original(place, spec, &now, &entry);
	if (r < 0)
		return r;
	r = original_contents(place->root_fd, &entry, &original, &n_original);
	if (r < 0)
		return r;
	buf_append(&new, "", 0);
	r = spec->derive(original, n_original, spec->userdata, &new);
	if (r < 0 || new.error)
		return r < 0 ? r : new.error;
	if (spec->strip && entry.kind == VAULT_FILE)
		owner = entry.owner;
	same = now.kind == VAULT_FILE &&
	       now.n_data == new.n_bytes &&memcmp(now.data, new.data, new.n_bytes) == 0 &&
	       same_owner(&now.owner, &owner);

	/* From here on the order matters: first the way back, then the change. */
	r = spec->strip ? note_written(&entry, &now, &new) : 0;
	if (r < 0)
		return r;
	r = note_directories(place->root_fd, &entry);
	if (r < 0)
		return r;
	r = vault_store(place->vault_fd, spec->name, &entry);
	if (r < 0)
		return r;
	if (!same) {
		r = make_parent(place->root_fd, spec->path);
		if (r < 0)
			return r;
		r = fs_sweep(place->root_fd, spec->path);
		if (r < 0)
			return r;
		r = fs_replace(place->root_fd, spec->path, new.data, new.n_bytes, &owner);
		if (r < 0)
			return r;
	}
	if (ret_changed)
		*ret_changed = !same;
	return 0;
}

/* Replaces path by a symbolic link, atomically. Its temporary name is one that fs_sweep() knows. */
static int restore_link(int root_fd, const char *path, const char *target)
{
	static const char temporary[] = ".mdm-0000000000000000";
	char parent[LIMIT_TEXT_BYTES + 1];
	const char *slash = strrchr(path, '/');
	_cleanup_close_ int fd = -1;

	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 1,
		slash ? path : ".");
	fd = fs_open_nofollow(root_fd, parent, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	unlinkat(fd, temporary, 0);
	if (symlinkat(target, fd, temporary) < 0)
		return -errno;
	if (renameat(fd, temporary, fd, slash ? slash + 1 : path) < 0) {
		int r = -errno;

		unlinkat(fd, temporary, 0);
		return r;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int restore(
	int root_fd, const struct vault_entry *entry, const struct snapshot *now, bool *ret_changed)
{
	int r = 0;

	*ret_changed = true;
	switch (entry->kind) {
	case VAULT_FILE:
		if (now->kind == VAULT_FILE && now->n_data == entry->n_data &&
			memcmp(now->data, entry->data, now->n_data) == 0 &&
			same_owner(&now->owner, &entry->owner)) {
			*ret_changed = false;
			return 0;
		}
		r = make_parent(root_fd, entry->path);
		if (r < 0)
			return r;
		return fs_replace(root_fd, entry->path, entry->data, entry->n_data, &entry->owner);
	case VAULT_LINK:
		if (now->kind == VAULT_LINK && strcmp(now->target, entry->data) == 0) {
			*ret_changed = false;
			return 0;
		}
		r = make_parent(root_fd, entry->path);
		return r < 0 ? r : restore_link(root_fd, entry->path, entry->data);
	case VAULT_ABSENT:
	case VAULT_KIND_MAX:
		break;
	}
	*ret_changed = now->kind != VAULT_ABSENT;
	return *ret_changed ? fs_remove(root_fd, entry->path) : 0;
}

/* Deepest first. One that is not empty has other owners by now and stays. */
static int remove_directories(int root_fd, const struct vault_entry *entry)
{
	size_t done = 0;
	bool gone[LIMIT_OVERRIDE_DIRECTORIES] = {false};

	for (; done < entry->n_directories; done++) {
		size_t longest = SIZE_MAX;
		int r;

		for (size_t i = 0; i < entry->n_directories; i++)
			if (!gone[i] && (longest == SIZE_MAX ||
						strlen(entry->directories[i]) >
							strlen(entry->directories[longest])))
				longest = i;
		gone[longest] = true;
		r = fs_remove_dir(root_fd, entry->directories[longest]);
		if (r < 0 && r != -ENOTEMPTY && r != -EEXIST && r != -EBUSY && r != -ENOTDIR &&
			r != -ELOOP)
			return r;
	}
	return 0;
}

int override_revert(
	const struct override_place *place, const struct override_spec *spec, bool *ret_changed)
{
	_cleanup_(vault_entry_done) struct vault_entry entry = {0};
	_cleanup_(snapshot_done) struct snapshot now = {0};
	bool changed;
	int r;

	r = snapshot_take(place->root_fd, spec->path, &now);
	if (r < 0)
		return r;
	r = resolve_original(place, spec, &now, &entry);
	if (r < 0)
		return r;
	r = restore(place->root_fd, &entry, &now, &changed);
	if (r < 0)
		return r;
	r = fs_sweep(place->root_fd, spec->path);
	if (r < 0)
		return r;
	r = remove_directories(place->root_fd, &entry);
	if (r < 0)
		return r;
	r = vault_remove(place->vault_fd, spec->name);
	if (r < 0)
		return r;
	if (ret_changed)
		*ret_changed = changed;
	return 0;
}

bool override_is_applied(const struct override_place *place, const char *name)
{
	_cleanup_(vault_entry_done) struct vault_entry entry = {0};
	int r = vault_load(place->vault_fd, name, &entry);

	return r != -ENOENT;
}
