/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo.c - the kernel's tables of mounts and swaps; see mountinfo.h. Pure. Enforcer only. */
#include "platform/mountinfo.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"
#include "agent/util/mount_line.h"

#define PATH_BYTES_MAX 4096

static const char *const pseudo_types[] = {
	"autofs",
	"binder",
	"binfmt_misc",
	"bpf",
	"cgroup",
	"cgroup2",
	"configfs",
	"debugfs",
	"devpts",
	"devtmpfs",
	"efivarfs",
	"functionfs",
	"fuse.gvfsd-fuse",
	"fuse.lxcfs",
	"fuse.portal",
	"fuse.xdg-document-portal",
	"fusectl",
	"hugetlbfs",
	"mqueue",
	"nfsd",
	"nsfs",
	"proc",
	"pstore",
	"resctrl",
	"rpc_pipefs",
	"securityfs",
	"selinuxfs",
	"smackfs",
	"sysfs",
	"tracefs",
	"usbfs",
	"xenfs",
};

static const char *const remote_types[] = {
	"9p",
	"afs",
	"ceph",
	"cifs",
	"coda",
	"davfs",
	"fuse.davfs2",
	"fuse.glusterfs",
	"fuse.goofys",
	"fuse.rclone",
	"fuse.s3fs",
	"fuse.sshfs",
	"glusterfs",
	"lustre",
	"ncpfs",
	"nfs",
	"nfs4",
	"smb3",
	"smbfs",
	"virtiofs",
};

static const char *const memory_types[] = {"ramfs", "rootfs", "tmpfs"};

static bool is_one_of(const char *type, const char *const *types, size_t n_types)
{
	for (size_t i = 0; i < n_types; i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

static bool is_below(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	return strncmp(path, directory, n) == 0 && (path[n] == '/' || !path[n]);
}

static enum mount_class classify(const char *type, const char *point)
{
	if (is_one_of(type, pseudo_types, ARRAY_SIZE(pseudo_types)))
		return MOUNT_PSEUDO;
	if (is_one_of(type, memory_types, ARRAY_SIZE(memory_types)))
		/* Run-time directories of sessions and services come and go all the time and say
		 * nothing about the phone. */
		return is_below(point, "/dev") || is_below(point, "/sys") ||
				       is_below(point, "/run/user") ||
				       is_below(point, "/run/credentials")
			       ? MOUNT_PSEUDO
			       : MOUNT_MEMORY;
	if (is_one_of(type, remote_types, ARRAY_SIZE(remote_types)))
		return MOUNT_REMOTE;
	if (strcmp(type, "overlay") == 0)
		return MOUNT_STACKED;
	if (strcmp(type, "fuse") == 0 || strncmp(type, "fuse.", 5) == 0)
		return MOUNT_UNKNOWN;
	return MOUNT_DEVICE;
}

static void mount_done(struct mount *mount)
{
	free(mount->root);
	free(mount->point);
	free(mount->type);
	free(mount->source);
	free(mount->options);
}

void mount_table_done(struct mount_table *table)
{
	for (size_t i = 0; i < table->n_mounts; i++)
		mount_done(&table->mounts[i]);
	free(table->mounts);
	*table = (struct mount_table){0};
}

/* Cuts the next word off *line. NULL at the end. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, " \t");
	size_t n = strcspn(word, " \t");

	if (!n)
		return NULL;
	*line = word + n + (word[n] ? 1 : 0);
	word[n] = 0;
	return word;
}

static int parse_line(const char *line, size_t n_bytes, struct mount *ret_mount)
{
	struct mount_line split;
	struct mount mount = {0};
	int r = mount_line_split(line, n_bytes, &split);

	if (r < 0)
		return r;
	mount = (struct mount){
		.major = split.major,
		.minor = split.minor,
		.root = mount_text_dup(&split.root),
		.point = mount_text_dup(&split.point),
		.type = mount_text_dup(&split.type),
		.source = mount_text_dup(&split.source),
		.options = mount_text_dup(&split.super),
	};
	if (!mount.root || !mount.point || !mount.type || !mount.source || !mount.options) {
		mount_done(&mount);
		return -ENOMEM;
	}
	mount.class = classify(mount.type, mount.point);
	*ret_mount = mount;
	return 0;
}

/* What users can make gives way: first user-space file systems, then what is no place of the
 * system's, such as images and sticks. */
static unsigned int rank(const struct mount *mount)
{
	if (mount->class == MOUNT_UNKNOWN)
		return 0;
	return mount_point_is_system(mount->point) ? 2 : 1;
}

/* The last one of the lowest rank gives way to a higher one. false: there is none below it. */
static bool make_room(struct mount_table *table, unsigned int than)
{
	size_t i = 0;

	for (unsigned int lowest = 0; lowest < than && i == 0; lowest++)
		for (i = table->n_mounts; i > 0 && rank(&table->mounts[i - 1]) != lowest;)
			i--;
	if (i == 0)
		return false;
	mount_done(&table->mounts[i - 1]);
	memmove(&table->mounts[i - 1], &table->mounts[i],
		(table->n_mounts - i) * sizeof(*table->mounts));
	table->n_mounts--;
	return true;
}

/* 0: it is the table's; 1: it was not kept; -errno. */
static int keep(struct mount_table *table, const struct mount *mount)
{
	struct mount *larger;

	if (table->n_mounts == LIMIT_MOUNTS) {
		table->is_cut = true;
		if (!make_room(table, rank(mount)))
			return rank(mount) == 2 ? -E2BIG : 1;
	}
	if (table->n_mounts % 64 == 0) {
		larger = reallocarray(table->mounts, table->n_mounts + 64, sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		table->mounts = larger;
	}
	table->mounts[table->n_mounts++] = *mount;
	return 0;
}

static int table_add(struct mount_table *table, const char *line, size_t n_bytes)
{
	struct mount mount;
	int r = parse_line(line, n_bytes, &mount);

	if (r < 0)
		return r;
	r = mount.class == MOUNT_PSEUDO ? 1 : keep(table, &mount);
	if (r != 0)
		mount_done(&mount);
	return r < 0 ? r : 0;
}

int mountinfo_parse(const char *text, size_t n_bytes, struct mount_table *ret_table)
{
	_cleanup_(mount_table_done) struct mount_table table = {0};

	while (n_bytes) {
		const char *end = memchr(text, '\n', n_bytes);
		size_t n = end ? (size_t)(end - text) : n_bytes;
		int r = table_add(&table, text, n);

		if (r < 0)
			return r;
		n += end != NULL;
		text += n;
		n_bytes -= n;
	}
	*ret_table = table;
	table = (struct mount_table){0};
	return 0;
}

const struct mount *mount_table_find(const struct mount_table *table, const char *path)
{
	const struct mount *best = NULL;
	size_t n_best = 0;

	if (path[0] != '/')
		return NULL;
	for (size_t i = 0; i < table->n_mounts; i++) {
		const struct mount *mount = &table->mounts[i];
		size_t n = strlen(mount->point);

		if (strcmp(mount->point, "/") != 0 && !is_below(path, mount->point))
			continue;
		if (!best || n >= n_best) {
			best = mount;
			n_best = n;
		}
	}
	return best;
}

int swaps_parse(
	const char *text, size_t n_bytes, struct swap ret_swaps[SWAPS_MAX], size_t *ret_n_swaps)
{
	static const char deleted[] = " (deleted)";
	const char *at = text, *stop = text + n_bytes;
	char line[PATH_BYTES_MAX + 256];
	size_t n_swaps = 0;

	for (size_t number = 0; at < stop; number++) {
		const char *end = memchr(at, '\n', (size_t)(stop - at));
		size_t n = end ? (size_t)(end - at) : (size_t)(stop - at), n_path;
		char *rest = line, *path, *type;

		if (n >= sizeof(line) || memchr(at, 0, n))
			return -EBADMSG;
		memcpy(line, at, n);
		line[n] = 0;
		at += n + (end ? 1 : 0);
		if (number == 0)
			continue; /* the heading */
		path = next_word(&rest);
		if (!path)
			continue;
		type = next_word(&rest);
		if (!type || path[0] != '/')
			return -EBADMSG;
		if (n_swaps == SWAPS_MAX)
			return -E2BIG;
		n_path = strlen(path);
		(void)mount_text_copy(&(struct mount_text){path, n_path}, path, n_path + 1);
		n_path = strlen(path);
		if (n_path > strlen(deleted) &&
			strcmp(path + n_path - strlen(deleted), deleted) == 0)
			path[n_path -= strlen(deleted)] = 0;
		if (n_path > LIMIT_TEXT_BYTES)
			return -EBADMSG;
		memcpy(ret_swaps[n_swaps].path, path, n_path + 1);
		ret_swaps[n_swaps++].is_file = strcmp(type, "file") == 0;
	}
	*ret_n_swaps = n_swaps;
	return 0;
}
