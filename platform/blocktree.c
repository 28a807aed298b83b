/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocktree.c - tracing storage to its leaves; see blocktree.h. Reads only. Enforcer only.
 *
 * A path from a file system down to a disk is encrypted if it crosses a dm-crypt device of type
 * LUKS or plain. Rounds (a loop file on the file system it holds) and trees above the limits are
 * untraceable, never fine.
 */
#include "platform/blocktree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/sysfs.h"

#define DEVICE_PATH_BYTES 64 /* "sys/dev/block/M:m" */

/* What lies between the file system and the node looked at. */
struct path_state {
	bool encrypted;
	bool verified;
	char crypt[SYSFS_NAME_BYTES]; /* "LUKS2: dm-0" */
	char leaf[SYSFS_NAME_BYTES];  /* the partition that was entered; "" for none */
	unsigned int depth;
	struct block_crypt *above; /* what decrypts the next device below */
};

struct walk {
	int root_fd;
	const struct mount_table *table;
	struct block_trace *trace;
	struct block_crypts *crypts; /* NULL: not asked for */
	unsigned int n_nodes;
};

static void walk_device(
	struct walk *w, unsigned int major, unsigned int minor, struct path_state state);
static void walk_mount(struct walk *w, const struct mount *mount, struct path_state state);

static void add_untraceable(struct walk *w, const char *what)
{
	if (w->trace->n_untraceable++ == 0)
		text_printf(w->trace->untraceable, "%.200s", what);
}

/* Whether the list "a, b" has the name. */
static bool has_name(const char *list, const char *name)
{
	size_t n_name = strlen(name);

	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == n_name && memcmp(list, name, n) == 0)
			return true;
		list += n + strspn(list + n, ", ");
	}
	return false;
}

static void add_leaf(struct walk *w, const struct path_state *state, const char *name)
{
	struct block_trace *t = w->trace;
	size_t n = strlen(t->plain);

	if (state->encrypted) {
		if (t->n_encrypted++ == 0)
			text_printf(t->encrypted, "%s on %s", state->crypt, name);
	} else if (state->verified) {
		t->n_verified++;
	} else {
		t->n_plain++;
		/* The same partition may be reached twice. */
		if (!has_name(t->plain, name))
			snprintf(t->plain + n, sizeof(t->plain) - n, "%s%s", n ? ", " : "", name);
	}
}

/* Counts one step. False: the limits are passed. */
static bool enter(struct walk *w, struct path_state *state, const char *what)
{
	if (++state->depth > LIMIT_BLOCK_DEPTH || ++w->n_nodes > LIMIT_BLOCK_NODES) {
		add_untraceable(w, what);
		return false;
	}
	return true;
}

/* --- one block device --------------------------------------------------------------------- */

static void walk_path(struct walk *w, const char *path, struct path_state state)
{
	unsigned int major, minor;
	const struct mount *mount;

	if (sysfs_find_device(w->root_fd, path, &major, &minor)) {
		walk_device(w, major, minor, state);
		return;
	}
	mount = strncmp(path, "/dev/", 5) == 0 ? NULL : mount_table_find(w->table, path);
	if (mount)
		walk_mount(w, mount, state);
	else
		add_untraceable(w, path);
}

/* Every device that a directory of links leads to. Returns how many there are. */
static size_t walk_links(
	struct walk *w, int dir_fd, const char *path, const struct path_state *state)
{
	_cleanup_free_ struct sysfs_name *names = NULL;
	size_t n_names = 0;
	int r = sysfs_list_names(dir_fd, path, &names, &n_names);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0) {
		add_untraceable(w, path);
		return 1;
	}
	for (size_t i = 0; i < n_names; i++) {
		char link[2 * SYSFS_PATH_BYTES];
		unsigned int major, minor;

		snprintf(link, sizeof(link), "%s/%s/dev", path, names[i].text);
		if (w->n_nodes > LIMIT_BLOCK_NODES)
			break; /* has been reported */
		if (sysfs_read_device(dir_fd, link, &major, &minor))
			walk_device(w, major, minor, *state);
		else
			add_untraceable(w, names[i].text);
	}
	return n_names;
}

/* One of those that were asked for. NULL: nobody did, it is known, or there are too many. */
static struct block_crypt *add_crypt(
	struct walk *w, const char *kind, unsigned int major, unsigned int minor)
{
	struct block_crypts *c = w->crypts;
	struct block_crypt *crypt;
	char path[SYSFS_PATH_BYTES];

	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n_crypts; i++)
		if (c->crypts[i].mapping_major == major && c->crypts[i].mapping_minor == minor)
			return NULL;
	if (c->n_crypts == ARRAY_SIZE(c->crypts)) {
		c->more = true;
		return NULL;
	}
	crypt = &c->crypts[c->n_crypts++];
	*crypt = (struct block_crypt){.mapping_major = major, .mapping_minor = minor};
	snprintf(crypt->kind, sizeof(crypt->kind), "%s", kind);
	snprintf(path, sizeof(path), "sys/dev/block/%u:%u/dm/name", major, minor);
	if (fs_read_line(w->root_fd, path, crypt->mapping, sizeof(crypt->mapping)) < 0)
		crypt->mapping[0] = 0;
	/* Names of mappings are somebody's choice. */
	for (char *p = crypt->mapping; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
	return crypt;
}

struct node {
	char directory[DEVICE_PATH_BYTES];
	char name[SYSFS_NAME_BYTES];
	unsigned int major, minor;
};

/* cryptsetup's UUIDs tell what a mapped device is: CRYPT-<TYPE>-... */
static void note_mapping(struct walk *w, const struct node *node, struct path_state *state)
{
	static const struct {
		const char *prefix, *title;
	} crypts[] = {
		{"CRYPT-LUKS1-", "LUKS1"},
		{"CRYPT-LUKS2-", "LUKS2"},
		{"CRYPT-PLAIN-", "dm-crypt"},
	};
	char path[SYSFS_PATH_BYTES], uuid[256], read_only[8] = "";

	snprintf(path, sizeof(path), "%s/dm/uuid", node->directory);
	if (fs_read_line(w->root_fd, path, uuid, sizeof(uuid)) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(crypts); i++) {
		if (strncmp(uuid, crypts[i].prefix, strlen(crypts[i].prefix)) != 0)
			continue;
		/* The outermost one is named. */
		if (!state->encrypted)
			snprintf(state->crypt, sizeof(state->crypt), "%s: %.40s", crypts[i].title,
				node->name);
		state->encrypted = true;
		state->above = add_crypt(w, crypts[i].title, node->major, node->minor);
	}
	snprintf(path, sizeof(path), "%s/ro", node->directory);
	if (strncmp(uuid, "CRYPT-VERITY-", 13) == 0 &&
		fs_read_line(w->root_fd, path, read_only, sizeof(read_only)) == 0 &&
		strcmp(read_only, "1") == 0)
		state->verified = true;
}

/* Compressed RAM, unless it writes back to a device. */
static void walk_zram(struct walk *w, const char *directory, struct path_state state)
{
	char path[SYSFS_PATH_BYTES], backing[LIMIT_TEXT_BYTES + 1];
	int r;

	snprintf(path, sizeof(path), "%s/backing_dev", directory);
	r = fs_read_line(w->root_fd, path, backing, sizeof(backing));
	/* Kernels without write-back have no such file. */
	state.leaf[0] = 0;
	if (r == -ENOENT || (r == 0 && strcmp(backing, "none") == 0))
		w->trace->n_memory++;
	else if (r < 0)
		add_untraceable(w, "the backing device of zram");
	else
		walk_path(w, backing, state);
}

static void walk_loop(struct walk *w, const char *directory, struct path_state state)
{
	static const char deleted[] = " (deleted)";
	char path[SYSFS_PATH_BYTES], backing[LIMIT_TEXT_BYTES + 16];
	size_t n;

	snprintf(path, sizeof(path), "%s/loop/backing_file", directory);
	if (fs_read_line(w->root_fd, path, backing, sizeof(backing)) < 0) {
		add_untraceable(w, "the file behind a loop device");
		return;
	}
	n = strlen(backing);
	if (n > strlen(deleted) && strcmp(backing + n - strlen(deleted), deleted) == 0)
		backing[n - strlen(deleted)] = 0;
	state.leaf[0] = 0;
	walk_path(w, backing, state);
}

/* A partition is on the disk whose directory holds it. */
static bool walk_partition(
	struct walk *w, const char *directory, const char *name, struct path_state state)
{
	char path[SYSFS_PATH_BYTES];
	unsigned int major, minor;

	snprintf(path, sizeof(path), "%s/partition", directory);
	if (!backend_file_exists(w->root_fd, path))
		return false;
	snprintf(state.leaf, sizeof(state.leaf), "%.63s", name);
	snprintf(path, sizeof(path), "%s/../dev", directory);
	if (sysfs_read_device(w->root_fd, path, &major, &minor))
		walk_device(w, major, minor, state);
	else
		add_untraceable(w, name);
	return true;
}

static bool starts_with_number(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && name[n] >= '0' && name[n] <= '9';
}

static void walk_device(
	struct walk *w, unsigned int major, unsigned int minor, struct path_state state)
{
	struct node node = {.major = major, .minor = minor};
	char target[2 * SYSFS_PATH_BYTES];
	struct path_state below;
	const char *slash;

	snprintf(node.directory, sizeof(node.directory), "sys/dev/block/%u:%u", major, minor);
	if (!enter(w, &state, node.directory))
		return;
	if (fs_read_link(w->root_fd, node.directory, target, sizeof(target)) < 0) {
		add_untraceable(w, node.directory);
		return;
	}
	slash = strrchr(target, '/');
	snprintf(node.name, sizeof(node.name), "%.63s", slash ? slash + 1 : target);
	if (state.above) {
		memcpy(state.above->device, node.name, sizeof(state.above->device));
		state.above->major = major;
		state.above->minor = minor;
		state.above = NULL;
	}
	if (starts_with_number(node.name, "zram")) {
		walk_zram(w, node.directory, state);
		return;
	}
	if (starts_with_number(node.name, "ram")) {
		w->trace->n_memory++;
		return;
	}
	note_mapping(w, &node, &state);
	if (walk_partition(w, node.directory, node.name, state))
		return;
	snprintf(target, sizeof(target), "%s/loop", node.directory);
	if (backend_file_exists(w->root_fd, target)) {
		walk_loop(w, node.directory, state);
		return;
	}
	/* Device mapper, RAID, bcache: all name what they are made of. */
	snprintf(target, sizeof(target), "%s/slaves", node.directory);
	below = state;
	below.leaf[0] = 0;
	if (walk_links(w, w->root_fd, target, &below) > 0)
		return;
	snprintf(target, sizeof(target), "%s/dm", node.directory);
	if (backend_file_exists(w->root_fd, target))
		add_untraceable(w, node.name); /* a mapping onto nothing */
	else
		add_leaf(w, &state, state.leaf[0] ? state.leaf : node.name);
}

/* --- one file system ---------------------------------------------------------------------- */

/* All devices of a btrfs, found by the one that mountinfo names. */
static bool walk_btrfs(
	struct walk *w, unsigned int major, unsigned int minor, const struct path_state *state)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	char number[DEVICE_PATH_BYTES], target[2 * SYSFS_PATH_BYTES], path[2 * SYSFS_PATH_BYTES];
	const char *slash;

	snprintf(number, sizeof(number), "sys/dev/block/%u:%u", major, minor);
	if (fs_read_link(w->root_fd, number, target, sizeof(target)) < 0)
		return false;
	slash = strrchr(target, '/');
	if (!slash || sysfs_open_directory(w->root_fd, "sys/fs/btrfs", &dir) < 0)
		return false;
	while ((entry = sysfs_next_entry(dir))) {
		if (snprintf(path, sizeof(path), "sys/fs/btrfs/%s/devices%s", entry->d_name,
			    slash) >= (int)sizeof(path) ||
			!backend_file_exists(w->root_fd, path))
			continue;
		snprintf(path, sizeof(path), "sys/fs/btrfs/%s/devices", entry->d_name);
		return walk_links(w, w->root_fd, path, state) > 0;
	}
	return false;
}

/* File systems without a device number of their own: by the source, several of them with ':'. */
static void walk_source(struct walk *w, const struct mount *mount, struct path_state state)
{
	bool is_btrfs = strcmp(mount->type, "btrfs") == 0;
	char part[LIMIT_TEXT_BYTES + 1];

	for (const char *at = mount->source;;) {
		/* bcachefs lists its devices; elsewhere a colon is a part of the name. */
		size_t n = strcmp(mount->type, "bcachefs") == 0 ? strcspn(at, ":") : strlen(at);
		unsigned int major, minor;

		if (n == 0 || n > LIMIT_TEXT_BYTES || at[0] != '/') {
			add_untraceable(w, mount->source);
			return;
		}
		memcpy(part, at, n);
		part[n] = 0;
		if (!is_btrfs || !sysfs_find_device(w->root_fd, part, &major, &minor) ||
			!walk_btrfs(w, major, minor, &state))
			walk_path(w, part, state);
		if (!at[n])
			return;
		at += n + 1;
	}
}

/* One option of an overlay with its directories: "lowerdir=/a:/b", ':' in names as "\:". */
static void walk_directories(
	struct walk *w, const char *text, size_t n, const struct path_state *state)
{
	char path[LIMIT_TEXT_BYTES + 1];
	size_t n_path = 0;

	for (size_t i = 0; i <= n; i++) {
		const struct mount *mount;

		if (i < n && text[i] != ':') {
			if (text[i] == '\\' && i + 1 < n)
				i++;
			if (n_path < LIMIT_TEXT_BYTES)
				path[n_path++] = text[i];
			continue;
		}
		path[n_path] = 0;
		if (n_path) { /* "::" begins the data-only layers */
			mount = mount_table_find(w->table, path);
			if (mount && w->n_nodes <= LIMIT_BLOCK_NODES)
				walk_mount(w, mount, *state);
			else
				add_untraceable(w, path);
		}
		n_path = 0;
	}
}

static void walk_overlay(struct walk *w, const struct mount *mount, struct path_state state)
{
	static const char *const names[] = {
		"lowerdir=", "lowerdir+=", "datadir+=", "upperdir=", "workdir="};
	const char *at = mount->options;
	bool any = false;

	while (*at) {
		size_t n = 0;

		while (at[n] && at[n] != ',')
			n += at[n] == '\\' && at[n + 1] ? 2 : 1;
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			size_t n_name = strlen(names[i]);

			if (n < n_name || memcmp(at, names[i], n_name) != 0)
				continue;
			walk_directories(w, at + n_name, n - n_name, &state);
			any = true;
		}
		at += n + (at[n] ? 1 : 0);
	}
	if (!any)
		add_untraceable(w, mount->point);
}

static void walk_mount(struct walk *w, const struct mount *mount, struct path_state state)
{
	if (!enter(w, &state, mount->point))
		return;
	switch (mount->class) {
	case MOUNT_DEVICE:
		if (mount->major != 0)
			walk_device(w, mount->major, mount->minor, state);
		else
			walk_source(w, mount, state);
		break;
	case MOUNT_STACKED:
		walk_overlay(w, mount, state);
		break;
	case MOUNT_MEMORY:
		w->trace->n_memory++;
		break;
	case MOUNT_REMOTE:
		w->trace->n_remote++;
		break;
	case MOUNT_UNKNOWN:
	case MOUNT_PSEUDO:
	case MOUNT_CLASS_MAX:
		add_untraceable(w, mount->type);
		break;
	}
}

void block_trace_mount(int root_fd, const struct mount_table *table, const struct mount *mount,
	struct block_trace *ret_trace)
{
	struct walk w = {.root_fd = root_fd, .table = table, .trace = ret_trace};

	*ret_trace = (struct block_trace){0};
	walk_mount(&w, mount, (struct path_state){.depth = 0});
}

void block_trace_swap(int root_fd, const struct mount_table *table, const struct swap *swap,
	struct block_trace *ret_trace)
{
	struct walk w = {.root_fd = root_fd, .table = table, .trace = ret_trace};

	*ret_trace = (struct block_trace){0};
	walk_path(&w, swap->path, (struct path_state){.depth = 0});
}

void block_add_crypts(int root_fd, const struct mount_table *table, const struct mount *mount,
	struct block_crypts *crypts)
{
	struct block_trace trace = {0};
	struct walk w = {.root_fd = root_fd, .table = table, .trace = &trace, .crypts = crypts};
	struct path_state state = {.depth = 0};

	walk_mount(&w, mount, state);
}

void block_find_crypts(int root_fd, const struct mount_table *table, const struct swap *swaps,
	size_t n_swaps, struct block_crypts *ret_crypts)
{
	struct block_trace trace;

	*ret_crypts = (struct block_crypts){.n_crypts = 0};
	for (size_t i = 0; i < table->n_mounts + n_swaps; i++) {
		struct walk w = {
			.root_fd = root_fd, .table = table, .trace = &trace, .crypts = ret_crypts};
		struct path_state state = {.depth = 0};

		trace = (struct block_trace){0};
		if (i < table->n_mounts)
			walk_mount(&w, &table->mounts[i], state);
		else
			walk_path(&w, swaps[i - table->n_mounts].path, state);
	}
}

void block_trace_judge(
	const struct block_trace *trace, bool may_be_plain, struct observed_item *item)
{
	/* The worst leaf counts. */
	item->state = COMPLIANCE_COMPLIANT;
	if (trace->n_plain) {
		item->state = may_be_plain ? COMPLIANCE_COMPLIANT : COMPLIANCE_NONCOMPLIANT;
		item->reason = may_be_plain ? REASON_BOOT_EXEMPT : REASON_PLAIN_STORAGE;
		text_printf(item->detail, "plain: %.240s", trace->plain);
	} else if (trace->n_untraceable) {
		item->state = COMPLIANCE_UNKNOWN;
		item->reason = REASON_UNTRACEABLE;
		text_printf(item->detail, "cannot be followed: %.200s", trace->untraceable);
	} else if (trace->n_encrypted) {
		item->reason = REASON_ENCRYPTED;
		text_printf(item->detail, "%s", trace->encrypted);
	} else if (trace->n_verified) {
		item->reason = REASON_VERIFIED_READONLY;
		text_printf(item->detail, "dm-verity, read-only");
	} else if (trace->n_remote) {
		item->reason = REASON_REMOTE;
		text_printf(item->detail, "storage of another machine");
	} else if (trace->n_memory) {
		item->reason = REASON_MEMORY;
		text_printf(item->detail, "memory");
	} else {
		item->state = COMPLIANCE_UNKNOWN;
		item->reason = REASON_UNTRACEABLE;
		text_printf(item->detail, "no device found");
	}
}
