/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.c - lines of /proc/self/mountinfo; see mounts.h. Pure; the keeper. */
#include "agent/guard/mounts.h"

#include <errno.h>
#include <string.h>

#include "agent/util/mem.h"

struct words {
	const char *at, *end;
};

/* Words are apart by single spaces. */
static bool next_word(struct words *words, const char **ret_word, size_t *ret_n)
{
	const char *space;

	if (words->at >= words->end)
		return false;
	space = memchr(words->at, ' ', (size_t)(words->end - words->at));
	*ret_word = words->at;
	*ret_n = (size_t)((space ? space : words->end) - words->at);
	words->at = space ? space + 1 : words->end;
	return *ret_n > 0;
}

static bool read_number(const char *text, size_t n, uint32_t *ret_number)
{
	uint64_t number = 0;

	if (n == 0 || n > 10)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	*ret_number = (uint32_t)number;
	return number <= UINT32_MAX;
}

static bool read_device(const char *text, size_t n, struct guard_mount *mount)
{
	const char *colon = memchr(text, ':', n);

	return colon && read_number(text, (size_t)(colon - text), &mount->major) &&
	       read_number(colon + 1, n - (size_t)(colon - text) - 1, &mount->minor);
}

static bool is_octal(const char *p, size_t n)
{
	return n >= 4 && p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
	       p[3] >= '0' && p[3] <= '7';
}

/* Space, tab, newline and the backslash itself are written as three octal digits. */
static int read_text(const char *text, size_t n, char *ret_text, size_t size_bytes)
{
	size_t length = 0;

	for (size_t i = 0; i < n; length++) {
		char c = text[i];

		if (length + 1 >= size_bytes)
			return -ENAMETOOLONG;
		if (is_octal(text + i, n - i)) {
			c = (char)((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 |
				   (text[i + 3] - '0'));
			i += 4;
		} else {
			i++;
		}
		if (c == 0)
			return -EBADMSG;
		ret_text[length] = c;
	}
	ret_text[length] = 0;
	return 0;
}

int guard_mount_parse(const char *line, size_t n_bytes, struct guard_mount *ret_mount)
{
	struct words words = {line, line + n_bytes};
	struct guard_mount *mount = ret_mount;
	const char *word;
	size_t n;
	int r;

	if (!next_word(&words, &word, &n) || !read_number(word, n, &mount->id) ||
		!next_word(&words, &word, &n) || !read_number(word, n, &mount->parent) ||
		!next_word(&words, &word, &n) || !read_device(word, n, mount) ||
		!next_word(&words, &word, &n) /* root of the mount */ ||
		!next_word(&words, &word, &n) || word[0] != '/')
		return -EBADMSG;
	r = read_text(word, n, mount->path, sizeof(mount->path));
	if (r < 0)
		return r;
	/* Options, optional fields, and the mark that ends them. */
	do
		if (!next_word(&words, &word, &n))
			return -EBADMSG;
	while (n != 1 || word[0] != '-');
	if (!next_word(&words, &word, &n))
		return -EBADMSG;
	return read_text(word, n, mount->type, sizeof(mount->type));
}

enum guard_mount_kind guard_mount_kind(const char *type)
{
	static const char *const pseudo[] = {"proc", "sysfs", "cgroup", "cgroup2", "devpts",
		"debugfs", "tracefs", "securityfs", "bpf", "pstore", "mqueue", "configfs",
		"efivarfs", "binfmt_misc", "fusectl", "rpc_pipefs", "nfsd", "autofs", "nsfs",
		"selinuxfs", "smackfs", "apparmorfs", "resctrl", "hugetlbfs", "functionfs"};
	static const char *const far[] = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "9p",
		"ceph", "afs", "coda", "orangefs", "gfs2", "ocfs2", "lustre", "beegfs", "virtiofs",
		"vboxsf", "fuse", "fuseblk"};

	for (size_t i = 0; i < ARRAY_SIZE(pseudo); i++)
		if (strcmp(type, pseudo[i]) == 0)
			return GUARD_MOUNT_PSEUDO;
	for (size_t i = 0; i < ARRAY_SIZE(far); i++)
		if (strcmp(type, far[i]) == 0)
			return GUARD_MOUNT_FAR;
	return strncmp(type, "fuse.", 5) == 0 || strncmp(type, "fuseblk.", 8) == 0
		       ? GUARD_MOUNT_FAR
		       : GUARD_MOUNT_WATCHED;
}

bool guard_mount_is_system(const struct guard_mount *mount)
{
	static const char *const trees[] = {"/boot", "/efi", "/home", "/usr", "/var", "/etc",
		"/opt", "/root", "/srv", "/nix", "/sysroot"};

	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		size_t n = strlen(trees[i]);

		if (strncmp(mount->path, trees[i], n) == 0 &&
			(mount->path[n] == '/' || !mount->path[n]))
			return true;
	}
	return strcmp(mount->path, "/") == 0;
}

bool guard_mount_is_made_here(const struct guard_mount *mount)
{
	static const char *const types[] = {"tmpfs", "ramfs", "rootfs", "devtmpfs", "overlay"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(mount->type, types[i]) == 0)
			return true;
	return false;
}
