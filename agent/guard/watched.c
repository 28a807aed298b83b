/* SPDX-License-Identifier: Apache-2.0 */
/* watched.c - one walk over what is mounted; see watched.h. */
#include "agent/guard/watched.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/guard/group.h"
#include "agent/guard/mounts.h"
#include "agent/guard/shared.h"
#include "agent/util/mem.h"
#include "agent/util/mount_line.h"

/* Of each mount, whether the way to it leads through one that may not answer. */
struct node {
	uint32_t id, parent;
	bool is_far, is_system;
	uint64_t device; /* as mountinfo has it */
};

struct walk {
	int group_fd;
	const char *only;
	struct node nodes[LIMIT_GUARD_MOUNTS];
	size_t n_nodes;
	uint64_t devices[LIMIT_GUARD_FILESYSTEMS];
	uint64_t foreign[LIMIT_GUARD_DEVICES]; /* as stat(2) has them */
	uint32_t n_foreign;
	struct guard_watched result;
	struct guard_mount mount;
	char buffer[GUARD_MOUNT_LINE_BYTES];
};

typedef void (*line_fn)(struct walk *walk, const struct guard_mount *mount);

static int each_mount(struct walk *walk, line_fn take)
{
	_cleanup_close_ int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	bool is_cut = false;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, walk->buffer + have, sizeof(walk->buffer) - have);
		char *line = walk->buffer, *end;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		have += (size_t)n;
		while ((end = memchr(line, '\n', have))) {
			size_t length = (size_t)(end - line);

			if (!is_cut && guard_mount_parse(line, length, &walk->mount) == 0)
				take(walk, &walk->mount);
			is_cut = false;
			have -= length + 1;
			line = end + 1;
		}
		if (have == sizeof(walk->buffer)) {
			is_cut = true;
			have = 0;
		}
		memmove(walk->buffer, line, have);
	}
}

static uint64_t device_of(const struct guard_mount *mount)
{
	return (uint64_t)mount->major << 32 | mount->minor;
}

static void note_node(struct walk *walk, const struct guard_mount *mount)
{
	if (walk->n_nodes < LIMIT_GUARD_MOUNTS)
		walk->nodes[walk->n_nodes++] = (struct node){.id = mount->id,
			.parent = mount->parent,
			.is_far = guard_mount_kind(mount->type) == GUARD_MOUNT_FAR,
			.is_system = mount_point_is_system(mount->path),
			.device = device_of(mount)};
}

static const struct node *find_node(const struct walk *walk, uint32_t id)
{
	for (size_t i = 0; i < walk->n_nodes; i++)
		if (walk->nodes[i].id == id)
			return &walk->nodes[i];
	return NULL;
}

static bool is_behind_far(const struct walk *walk, const struct guard_mount *mount)
{
	const struct node *node = find_node(walk, mount->parent);

	/* Beyond what is kept nobody knows what lies on the way. */
	if (!node && walk->n_nodes == LIMIT_GUARD_MOUNTS)
		return true;
	for (size_t depth = 0; node && depth < LIMIT_GUARD_MOUNTS; depth++) {
		if (node->is_far)
			return true;
		if (node->parent == node->id)
			return false;
		node = find_node(walk, node->parent);
	}
	return false;
}

static void name_unwatched(struct walk *walk, const struct guard_mount *mount)
{
	char item[GUARD_MOUNT_PATH_BYTES + GUARD_MOUNT_TYPE_BYTES + 8];
	char *text = walk->result.unwatched;
	size_t n = strlen(text), length;

	walk->result.n_unwatched++;
	length = (size_t)snprintf(
		item, sizeof(item), "%s%s: %s", n ? ", " : "", mount->path, mount->type);
	/* Whole or not at all. */
	if (n + length < sizeof(walk->result.unwatched))
		memcpy(text + n, item, length + 1);
}

static bool is_wanted(const char *only, const char *path)
{
	size_t n = strlen(path);

	if (!only)
		return true;
	for (const char *at = only; *at; at += *at == ':') {
		size_t length = strcspn(at, ":");

		if (length == n && strncmp(at, path, n) == 0)
			return true;
		at += length;
	}
	return false;
}

/* Links on the way would lead who knows where; the mount that is found is the one that was meant.
 */
static int open_mount(const struct guard_mount *mount)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, mount->path, &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS)
		fd = open(mount->path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static bool is_mount(int fd, uint32_t id)
{
	_cleanup_close_ int info_fd = -1;
	char path[40], text[256];
	const char *line;
	unsigned int found;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info_fd = open(path, O_RDONLY | O_CLOEXEC);
	n = info_fd < 0 ? -1 : read(info_fd, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = 0;
	line = strstr(text, "mnt_id:");
	return line && sscanf(line, "mnt_id: %u", &found) == 1 && found == id;
}

/* 0; -ESTALE: another mount covers it, nobody gets there by this path; other -errno. */
static int watch(struct walk *walk, const struct guard_mount *mount)
{
	_cleanup_close_ int fd = open_mount(mount);
	char path[32];

	if (fd < 0)
		return fd;
	if (!is_mount(fd, mount->id))
		return -ESTALE;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return guard_group_watch(walk->group_fd, path);
}

static bool is_near(const struct walk *walk, const struct guard_mount *mount)
{
	return guard_mount_kind(mount->type) == GUARD_MOUNT_WATCHED && !is_behind_far(walk, mount);
}

/* Mounted nowhere but where people mount theirs; whose its files are was written elsewhere. */
static void note_foreign(struct walk *walk, const struct guard_mount *mount)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!is_wanted(walk->only, mount->path) || !is_near(walk, mount) ||
		guard_mount_is_made_here(mount))
		return;
	for (size_t i = 0; i < walk->n_nodes; i++)
		if (walk->nodes[i].is_system && walk->nodes[i].device == device_of(mount))
			return;
	fd = open_mount(mount);
	if (fd < 0 || !is_mount(fd, mount->id) || fstat(fd, &st) < 0)
		return;
	for (uint32_t i = 0; i < walk->n_foreign; i++)
		if (walk->foreign[i] == st.st_dev)
			return;
	/* Beyond the limit it is judged as the system's: that is told. */
	if (walk->n_foreign == LIMIT_GUARD_DEVICES)
		name_unwatched(walk, mount);
	else
		walk->foreign[walk->n_foreign++] = st.st_dev;
}

static bool is_done(const struct walk *walk, const struct guard_mount *mount)
{
	uint64_t device = device_of(mount);

	for (size_t i = 0; i < walk->result.n_filesystems; i++)
		if (walk->devices[i] == device)
			return true;
	return false;
}

static void watch_mount(struct walk *walk, const struct guard_mount *mount)
{
	/* What came while we walked was not asked whether it is foreign; another walk follows. */
	if (!find_node(walk, mount->id))
		return;
	if (is_wanted(walk->only, mount->path) && is_near(walk, mount) && !is_done(walk, mount) &&
		walk->result.n_filesystems < LIMIT_GUARD_FILESYSTEMS && watch(walk, mount) == 0)
		walk->devices[walk->result.n_filesystems++] = device_of(mount);
}

/* A user can do that with the directories that are theirs, and go on below. */
static bool is_covered_by_far(const struct walk *walk, const struct guard_mount *mount)
{
	for (size_t i = 0; i < walk->n_nodes; i++)
		if (walk->nodes[i].parent == mount->id && walk->nodes[i].is_far)
			return true;
	return false;
}

/* Once all is watched that can be: the same file system may be mounted where it could. */
static void name_mount(struct walk *walk, const struct guard_mount *mount)
{
	_cleanup_close_ int fd = -1;

	if (!is_wanted(walk->only, mount->path) ||
		guard_mount_kind(mount->type) == GUARD_MOUNT_PSEUDO)
		return;
	if (is_near(walk, mount)) {
		fd = is_done(walk, mount) ? -1 : open_mount(mount);
		if (fd < 0 || (!is_mount(fd, mount->id) && !is_covered_by_far(walk, mount)))
			return;
	}
	name_unwatched(walk, mount);
}

int guard_watch_mounts(int group_fd, const char *only, struct guard_shared *shared,
	struct guard_watched *ret_watched)
{
	static struct walk walk;
	int r;

	walk.group_fd = group_fd;
	walk.only = only;
	walk.n_nodes = 0;
	walk.n_foreign = 0;
	memset(&walk.result, 0, sizeof(walk.result));
	r = each_mount(&walk, note_node);
	if (r == 0)
		r = each_mount(&walk, note_foreign);
	if (r == 0) {
		guard_foreign_put(shared, walk.foreign, walk.n_foreign);
		r = each_mount(&walk, watch_mount);
	}
	if (r == 0)
		r = each_mount(&walk, name_mount);
	if (r < 0)
		return r;
	guard_text_clean(walk.result.unwatched, sizeof(walk.result.unwatched));
	*ret_watched = walk.result;
	return 0;
}

/* What loads this program loads the others of the agent; NULL: nothing does. */
static const char *find_loader(void)
{
	const ElfW(Phdr) *header = (const void *)(uintptr_t)getauxval(AT_PHDR);
	size_t n = getauxval(AT_PHNUM);
	const char *base = NULL;

	for (size_t i = 0; header && i < n; i++)
		if (header[i].p_type == PT_PHDR)
			base = (const char *)header - header[i].p_vaddr;
	for (size_t i = 0; base && i < n; i++)
		if (header[i].p_type == PT_INTERP)
			return base + header[i].p_vaddr;
	return NULL;
}

static void exempt(int group_fd, const char *path)
{
	struct stat st;

	if (path && stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
		!(st.st_mode & (S_IWGRP | S_IWOTH)))
		(void)guard_group_exempt(group_fd, path);
}

void guard_exempt_own(int group_fd)
{
	static const char *const own[] = {
		"/usr/sbin/mdm-agentd",
		"/usr/bin/agentctl",
		MDM_LIBEXEC_DIR "/mdm-agent-net",
		MDM_LIBEXEC_DIR "/mdm-agent-session",
		MDM_LIBEXEC_DIR "/mdm-agent-verify",
		MDM_LIBEXEC_DIR "/mdm-agent-wipe",
		MDM_LIBEXEC_DIR "/mdm-agent-pamcheck",
		MDM_LIBEXEC_DIR "/mdm-agent-media",
		MDM_LIBEXEC_DIR "/mdm-agent-apps",
		MDM_LIBEXEC_DIR "/mdm-agent-guard",
	};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		exempt(group_fd, own[i]);
	exempt(group_fd, find_loader());
}
