/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.c - lines of /proc/self/mountinfo; see mounts.h. Pure; the keeper. */
#include "agent/guard/mounts.h"

#include <string.h>

#include "agent/util/mem.h"
#include "agent/util/mount_line.h"

int guard_mount_parse(const char *line, size_t n_bytes, struct guard_mount *ret_mount)
{
	struct mount_line split;
	int r = mount_line_split(line, n_bytes, &split);

	if (r < 0)
		return r;
	r = mount_text_copy(&split.point, ret_mount->path, sizeof(ret_mount->path));
	if (r == 0)
		r = mount_text_copy(&split.type, ret_mount->type, sizeof(ret_mount->type));
	if (r < 0)
		return r;
	ret_mount->id = split.id;
	ret_mount->parent = split.parent;
	ret_mount->major = split.major;
	ret_mount->minor = split.minor;
	return 0;
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

bool guard_mount_is_made_here(const struct guard_mount *mount)
{
	static const char *const types[] = {"tmpfs", "ramfs", "rootfs", "devtmpfs", "overlay"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(mount->type, types[i]) == 0)
			return true;
	return false;
}
