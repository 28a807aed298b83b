/* SPDX-License-Identifier: Apache-2.0 */
/* watched.c - one walk over what is mounted; see watched.h. */
#include "agent/guard/watched.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/group.h"
#include "agent/guard/mounts.h"
#include "agent/guard/shared.h"
#include "agent/guard/table.h"
#include "agent/util/mem.h"
#include "agent/util/mount_line.h"

#define BENEATH_MS 1000

/* Of each mount, whether the way to it leads through one that may not answer. */
struct node {
	uint32_t id, parent;
	bool is_far, is_system;
	uint64_t device; /* as mountinfo has it */
};

/* One that may not answer, as a cover of others. */
struct cover {
	uint32_t parent;
	uint64_t point; /* guard_path_digest() of its path */
};

/* What is found beneath covers. */
struct found {
	uint32_t n_devices, n_foreign;
	uint64_t devices[LIMIT_GUARD_FILESYSTEMS];
	uint64_t foreign[LIMIT_GUARD_DEVICES]; /* as stat(2) has them */
};

struct walk {
	int group_fd;
	const char *only;
	struct node nodes[LIMIT_GUARD_MOUNTS];
	size_t n_nodes;
	struct cover covers[LIMIT_GUARD_MOUNTS];
	size_t n_covers;
	struct found found;
	bool has_covered;
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

static uint64_t point_of(const struct guard_mount *mount)
{
	return guard_path_digest(mount->path, strlen(mount->path));
}

static void note_node(struct walk *walk, const struct guard_mount *mount)
{
	bool is_far = guard_mount_kind(mount->type) == GUARD_MOUNT_FAR;

	if (walk->n_nodes == LIMIT_GUARD_MOUNTS)
		return;
	walk->nodes[walk->n_nodes++] = (struct node){.id = mount->id,
		.parent = mount->parent,
		.is_far = is_far,
		.is_system = mount_point_is_system(mount->path),
		.device = device_of(mount)};
	if (is_far)
		walk->covers[walk->n_covers++] =
			(struct cover){.parent = mount->parent, .point = point_of(mount)};
}

static void forget_nodes(struct walk *walk)
{
	walk->n_nodes = walk->n_covers = 0;
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

static bool is_far_at(const struct walk *walk, uint64_t point)
{
	for (size_t i = 0; i < walk->n_covers; i++)
		if (walk->covers[i].point == point)
			return true;
	return false;
}

/* Whether its path leads through one that may not answer, though it does not lie on that: something
 * was mounted over a directory on the way. Nobody may even look for it then. */
static bool is_beneath_far(const struct walk *walk, const struct guard_mount *mount)
{
	for (const char *at = mount->path + 1; walk->n_covers && (at = strchr(at, '/')); at++)
		if (is_far_at(walk, guard_path_digest(mount->path, (size_t)(at - mount->path))))
			return true;
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
	return guard_mount_kind(mount->type) == GUARD_MOUNT_WATCHED &&
	       !is_behind_far(walk, mount) && !is_beneath_far(walk, mount);
}

/* A user can do that with the directories that are theirs, and go on below. */
static bool is_covered_by_far(const struct walk *walk, const struct guard_mount *mount)
{
	uint64_t point = point_of(mount);

	for (size_t i = 0; i < walk->n_covers; i++)
		if (walk->covers[i].parent == mount->id && walk->covers[i].point == point)
			return true;
	return false;
}

static void look_for_covers(struct walk *walk, const struct guard_mount *mount)
{
	if (is_wanted(walk->only, mount->path) && !is_behind_far(walk, mount) &&
		guard_mount_kind(mount->type) == GUARD_MOUNT_WATCHED &&
		(is_beneath_far(walk, mount) || is_covered_by_far(walk, mount)))
		walk->has_covered = true;
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
	for (uint32_t i = 0; i < walk->found.n_foreign; i++)
		if (walk->found.foreign[i] == st.st_dev)
			return;
	/* Beyond the limit it is judged as the system's: that is told. */
	if (walk->found.n_foreign == LIMIT_GUARD_DEVICES)
		name_unwatched(walk, mount);
	else
		walk->found.foreign[walk->found.n_foreign++] = st.st_dev;
}

static bool is_done(const struct walk *walk, const struct guard_mount *mount)
{
	uint64_t device = device_of(mount);

	for (size_t i = 0; i < walk->found.n_devices; i++)
		if (walk->found.devices[i] == device)
			return true;
	return false;
}

static void watch_mount(struct walk *walk, const struct guard_mount *mount)
{
	/* What came while we walked was not asked whether it is foreign; another walk follows. */
	if (!find_node(walk, mount->id))
		return;
	if (is_wanted(walk->only, mount->path) && is_near(walk, mount) && !is_done(walk, mount) &&
		walk->found.n_devices < LIMIT_GUARD_FILESYSTEMS && watch(walk, mount) == 0)
		walk->found.devices[walk->found.n_devices++] = device_of(mount);
}

/* Once all is watched that can be: the same file system may be mounted where it could. */
static void name_mount(struct walk *walk, const struct guard_mount *mount)
{
	_cleanup_close_ int fd = -1;

	if (!is_wanted(walk->only, mount->path) ||
		guard_mount_kind(mount->type) == GUARD_MOUNT_PSEUDO)
		return;
	/* By this path or another. */
	if (guard_mount_kind(mount->type) == GUARD_MOUNT_WATCHED && is_done(walk, mount))
		return;
	if (is_near(walk, mount)) {
		fd = open_mount(mount);
		if (fd < 0 || (!is_mount(fd, mount->id) && !is_covered_by_far(walk, mount)))
			return;
	}
	name_unwatched(walk, mount);
}

/* --- beneath covers */

/* One of those that can be reached without asking any of them. */
static void take_cover_off(struct walk *walk, const struct guard_mount *mount)
{
	if (guard_mount_kind(mount->type) == GUARD_MOUNT_FAR && !is_behind_far(walk, mount) &&
		!is_beneath_far(walk, mount) && mount->path[1] &&
		umount2(mount->path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		walk->has_covered = true;
}

/*
 * In a mount namespace of its own, where what may not answer is taken off without anybody's
 * noticing: what lies beneath can be marked there like anywhere, since marks are of file systems.
 * Whoever has put a thousand covers over another has to be waited for no longer than patience
 * lasts.
 */
static int look_beneath(struct walk *walk, struct guard_shared *shared)
{
	int r = unshare(CLONE_NEWNS) < 0 ? -errno : 0;

	/* First of all nothing that is done here is done elsewhere. */
	if (r == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		r = -errno;
	do {
		walk->has_covered = false;
		forget_nodes(walk);
		if (r == 0)
			r = each_mount(walk, note_node);
		if (r == 0)
			r = each_mount(walk, take_cover_off);
	} while (r == 0 && walk->has_covered);
	if (r == 0)
		r = each_mount(walk, note_foreign);
	if (r < 0)
		return r;
	guard_foreign_put(shared, walk->found.foreign, walk->found.n_foreign);
	return each_mount(walk, watch_mount);
}

/* All of it, before the deadline; false: not. */
static bool read_found(int fd, struct found *ret_found)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	size_t have = 0;

	while (have < sizeof(*ret_found) && poll(&ready, 1, BENEATH_MS) == 1) {
		ssize_t n = read(fd, (char *)ret_found + have, sizeof(*ret_found) - have);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return have == sizeof(*ret_found) && ret_found->n_devices <= LIMIT_GUARD_FILESYSTEMS &&
	       ret_found->n_foreign <= LIMIT_GUARD_DEVICES;
}

static void work_beneath(struct walk *walk, struct guard_shared *shared, int fd)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* At once, or not at all: a pipe holds 64 KiB. */
	if (look_beneath(walk, shared) < 0 ||
		write(fd, &walk->found, sizeof(walk->found)) != sizeof(walk->found))
		_exit(1);
	_exit(0);
}

/* By another process. 0; 1: it is still there, and about to end; -errno. */
static int uncover(struct walk *walk, struct guard_shared *shared)
{
	_cleanup_close_ int read_fd = -1;
	static struct found found;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	read_fd = ends[0];
	pid = fork();
	if (pid == 0)
		work_beneath(walk, shared, ends[1]);
	close(ends[1]);
	if (pid < 0)
		return -errno;
	if (read_found(read_fd, &found))
		walk->found = found;
	(void)kill(pid, SIGKILL);
	for (int i = 0; i < 20; i++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return 0;
		(void)poll(NULL, 0, 5);
	}
	return 1;
}

int guard_watch_mounts(int group_fd, const char *only, struct guard_shared *shared,
	struct guard_watched *ret_watched)
{
	static struct walk walk;
	int r, left = 0;

	walk.group_fd = group_fd;
	walk.only = only;
	forget_nodes(&walk);
	walk.found.n_devices = walk.found.n_foreign = 0;
	walk.has_covered = false;
	memset(&walk.result, 0, sizeof(walk.result));
	r = each_mount(&walk, note_node);
	if (r == 0)
		r = each_mount(&walk, note_foreign);
	if (r == 0)
		r = each_mount(&walk, look_for_covers);
	/* What cannot be uncovered is named as it was without that. */
	if (r == 0 && walk.has_covered)
		left = uncover(&walk, shared);
	if (r == 0) {
		guard_foreign_put(shared, walk.found.foreign, walk.found.n_foreign);
		r = each_mount(&walk, watch_mount);
	}
	if (r == 0)
		r = each_mount(&walk, name_mount);
	if (r < 0)
		return r;
	walk.result.n_filesystems = walk.found.n_devices;
	guard_text_clean(walk.result.unwatched, sizeof(walk.result.unwatched));
	*ret_watched = walk.result;
	return left > 0;
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
