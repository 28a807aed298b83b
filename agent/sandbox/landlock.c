/* SPDX-License-Identifier: Apache-2.0 */
/*
 * landlock.c - files, TCP ports and scopes by Landlock, ABI 1 to 7; see landlock.h.
 *
 * The numbers are our own: the headers of Debian 12 and Alpine know less than the kernels that the
 * program meets. They are the kernel's stable interface and the same on every architecture.
 */
#include "agent/sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/util/mem.h"

#define CALL_CREATE_RULESET 444
#define CALL_ADD_RULE 445
#define CALL_RESTRICT_SELF 446

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1
#define RULE_NET_PORT 2

#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_TRUNCATE (UINT64_C(1) << 14)

#define NET_BIND_TCP (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)

#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* ABI 4 */
	uint64_t scoped;	     /* ABI 6 */
};

struct path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

struct net_port_attr {
	uint64_t allowed_access;
	uint64_t port;
};

/* All file rights that an ABI knows: 1 has 13, 2 adds refer, 3 truncate, 5 ioctl on devices. */
static uint64_t fs_rights(unsigned int abi)
{
	unsigned int n_rights = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;

	return (UINT64_C(1) << n_rights) - 1;
}

static size_t ruleset_attr_bytes(unsigned int abi)
{
	if (abi >= 6)
		return sizeof(struct ruleset_attr);
	return abi >= 4 ? offsetof(struct ruleset_attr, scoped)
			: offsetof(struct ruleset_attr, handled_access_net);
}

static int allow_path_fd(int ruleset_fd, int fd, uint64_t rights)
{
	struct path_beneath_attr attr = {.allowed_access = rights, .parent_fd = fd};

	return syscall(CALL_ADD_RULE, ruleset_fd, RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno : 0;
}

static int allow_paths(int ruleset_fd, const struct sandbox_role *role)
{
	for (size_t i = 0; i < role->n_paths; i++) {
		_cleanup_close_ int fd = open(role->paths[i].path, O_PATH | O_CLOEXEC);
		struct stat st;
		int r;

		if (fd < 0) {
			/* Not there, or not for us: then there is nothing to allow. */
			if (errno == ENOENT || errno == EACCES || errno == ELOOP ||
				errno == ENOTDIR)
				continue;
			return -errno;
		}
		if (fstat(fd, &st) < 0)
			return -errno;
		r = allow_path_fd(ruleset_fd, fd,
			S_ISDIR(st.st_mode) ? FS_READ_FILE | FS_READ_DIR : FS_READ_FILE);
		if (r < 0)
			return r;
	}
	return 0;
}

static int allow_grant(int ruleset_fd, const struct sandbox_grant *grant, unsigned int abi)
{
	uint64_t rights = FS_READ_FILE | FS_READ_DIR;
	int r;

	if (grant->directory_fd >= 0) {
		if (grant->directory_writable)
			rights |= FS_WRITE_FILE | FS_REMOVE_FILE | FS_MAKE_REG |
				  (abi >= 3 ? FS_TRUNCATE : 0);
		r = allow_path_fd(ruleset_fd, grant->directory_fd, rights);
		if (r < 0)
			return r;
	}
	if (grant->token_directory) {
		_cleanup_close_ int fd =
			open(grant->token_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		r = allow_path_fd(ruleset_fd, fd, FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE);
		if (r < 0)
			return r;
	}
	if (abi < 4)
		return 0;
	for (size_t i = 0; i < grant->n_ports; i++) {
		struct net_port_attr attr = {NET_CONNECT_TCP, grant->ports[i]};

		if (syscall(CALL_ADD_RULE, ruleset_fd, RULE_NET_PORT, &attr, 0) < 0)
			return -errno;
	}
	return 0;
}

static void note_gaps(struct sandbox_facts *facts, unsigned int abi)
{
	if (abi < 3)
		sandbox_note(facts, "Landlock cannot limit truncation (needs Linux 6.2)");
	if (abi < 4)
		sandbox_note(facts, "Landlock cannot limit TCP ports (needs Linux 6.7)");
	if (abi < 6)
		sandbox_note(facts, "Landlock cannot limit signals (needs Linux 6.12)");
}

int landlock_apply(const struct sandbox_role *role, const struct sandbox_grant *grant,
	struct sandbox_facts *facts, struct sandbox_error *ret_error)
{
	long version = syscall(CALL_CREATE_RULESET, NULL, (size_t)0, CREATE_RULESET_VERSION);

	if (version < 0) {
		if (errno != ENOSYS && errno != EOPNOTSUPP)
			return sandbox_fail(ret_error, -errno, "the kernel refuses Landlock");
		facts->landlock_abi = 0;
		sandbox_note(facts, errno == ENOSYS ? "this kernel has no Landlock"
						    : "Landlock is switched off at boot");
		return 0;
	}
	return landlock_apply_abi(role, grant, (unsigned int)version, facts, ret_error);
}

int landlock_apply_abi(const struct sandbox_role *role, const struct sandbox_grant *grant,
	unsigned int abi, struct sandbox_facts *facts, struct sandbox_error *ret_error)
{
	_cleanup_close_ int ruleset_fd = -1;
	struct ruleset_attr attr = {0};
	int r;

	attr.handled_access_fs = fs_rights(abi);
	attr.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
	attr.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
	ruleset_fd = (int)syscall(CALL_CREATE_RULESET, &attr, ruleset_attr_bytes(abi), 0);
	if (ruleset_fd < 0)
		return sandbox_fail(ret_error, -errno, "cannot create the Landlock ruleset");
	r = allow_paths(ruleset_fd, role);
	if (r < 0)
		return sandbox_fail(ret_error, r, "cannot add a Landlock path");
	r = allow_grant(ruleset_fd, grant, abi);
	if (r < 0)
		return sandbox_fail(ret_error, r, "cannot add a Landlock grant");
	if (syscall(CALL_RESTRICT_SELF, ruleset_fd, 0) < 0)
		return sandbox_fail(ret_error, -errno, "cannot enter the Landlock domain");
	facts->landlock_abi = abi;
	note_gaps(facts, abi);
	return 0;
}
