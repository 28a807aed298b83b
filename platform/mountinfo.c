/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo.c - the kernel's tables of mounts and swaps; see mountinfo.h. Pure. Enforcer only. */
#include "platform/mountinfo.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"

#define PATH_BYTES_MAX 4096
#define FIELDS_MAX 11 /* six, optional ones not counted, the dash, three */

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

bool mount_point_is_system(const char *point)
{
	static const char *const trees[] = {"/boot", "/efi", "/home", "/usr", "/var", "/etc",
		"/opt", "/root", "/srv", "/nix", "/sysroot"};

	if (strcmp(point, "/") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
		if (is_below(point, trees[i]))
			return true;
	return false;
}

/* Undoes "\040" (space), "\011", "\012", "\134" and "\043" in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
			from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			char c = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
					(from[3] - '0'));

			/* No path has a NUL; nothing is cut short by one. */
			*to++ = c ? c : '?';
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = 0;
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

static bool parse_device(const char *text, unsigned int *ret_major, unsigned int *ret_minor)
{
	char copy[32], *colon;
	int64_t major, minor;

	if (strlen(text) >= sizeof(copy))
		return false;
	memcpy(copy, text, strlen(text) + 1);
	colon = strchr(copy, ':');
	if (!colon)
		return false;
	*colon = 0;
	if (parse_int64(copy, 0, UINT32_MAX, &major) < 0 ||
		parse_int64(colon + 1, 0, UINT32_MAX, &minor) < 0)
		return false;
	*ret_major = (unsigned int)major;
	*ret_minor = (unsigned int)minor;
	return true;
}

static char *copy_unescaped(const char *text)
{
	char *copy = strdup(text);

	if (copy)
		unescape(copy);
	return copy;
}

/* id parent major:minor root point options [optional...] - type source super-options */
static int parse_line(char *line, struct mount *ret_mount)
{
	char *fields[FIELDS_MAX] = {NULL}, *word;
	struct mount mount = {0};
	size_t n = 0;

	while (n < 6 && (word = next_word(&line)))
		fields[n++] = word;
	if (n < 6 || !parse_device(fields[2], &mount.major, &mount.minor))
		return -EBADMSG;
	while ((word = next_word(&line)) && strcmp(word, "-") != 0)
		;
	if (!word)
		return -EBADMSG;
	while (n < 9 && (word = next_word(&line)))
		fields[n++] = word;
	/* A source may be an empty text, and then leaves one field less. */
	if (n < 8)
		return -EBADMSG;
	mount.root = copy_unescaped(fields[3]);
	mount.point = copy_unescaped(fields[4]);
	mount.type = copy_unescaped(fields[6]);
	mount.source = copy_unescaped(n == 9 ? fields[7] : "");
	mount.options = copy_unescaped(n == 9 ? fields[8] : fields[7]);
	if (!mount.root || !mount.point || !mount.type || !mount.source || !mount.options) {
		mount_done(&mount);
		return -ENOMEM;
	}
	if (mount.point[0] != '/') {
		mount_done(&mount);
		return -EBADMSG;
	}
	mount.class = classify(mount.type, mount.point);
	*ret_mount = mount;
	return 0;
}

static int table_add(struct mount_table *table, char *line)
{
	struct mount mount, *larger;
	int r = parse_line(line, &mount);

	if (r < 0)
		return r;
	if (mount.class == MOUNT_PSEUDO) {
		mount_done(&mount);
		return 0;
	}
	larger = table->n_mounts < LIMIT_MOUNTS
			 ? realloc(table->mounts, (table->n_mounts + 1) * sizeof(*larger))
			 : NULL;
	if (!larger) {
		mount_done(&mount);
		return table->n_mounts < LIMIT_MOUNTS ? -ENOMEM : -E2BIG;
	}
	table->mounts = larger;
	table->mounts[table->n_mounts++] = mount;
	return 0;
}

int mountinfo_parse(const char *text, size_t n_bytes, struct mount_table *ret_table)
{
	_cleanup_(mount_table_done) struct mount_table table = {0};
	_cleanup_free_ char *copy = malloc(n_bytes + 1);
	char *line, *end;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, n_bytes);
	copy[n_bytes] = 0;
	if (strlen(copy) != n_bytes)
		return -EBADMSG;
	for (line = copy; *line; line = end) {
		int r;

		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = 0;
		r = table_add(&table, line);
		if (r < 0)
			return r;
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
		unescape(path);
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
