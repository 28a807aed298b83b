/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privilege.c - user, capabilities and limits; see privilege.h. Runs before any input is read, as
 * root in production; afterwards nothing here can be undone.
 */
#include "agent/sandbox/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/util/account.h"
#include "agent/util/mem.h"
#include "agent/util/process.h"

#define CAPABILITY_WORDS _LINUX_CAPABILITY_U32S_3

/*
 * Not getpwnam(3): that would load name service modules, and whatever they talk to, into a process
 * that is still root.
 */
int privilege_find_user(
	const char *name, struct privilege_user *ret_user, struct sandbox_error *ret_error)
{
	_cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct privilege_user user = {0};
	char what[LIMIT_TEXT_BYTES];
	int r = root_fd < 0 ? -errno : account_user(root_fd, name, &user.uid, &user.gid);

	if (r == -ENOENT) {
		snprintf(ret_error->message, sizeof(ret_error->message),
			"there is no user %.64s in /etc/passwd; installing the package creates it",
			name);
		return r;
	}
	if (r == 0 && (user.uid == 0 || user.gid == 0))
		r = -EPERM;
	if (r < 0) {
		snprintf(what, sizeof(what), "cannot become user %.64s", name);
		return sandbox_fail(ret_error, r, what);
	}
	*ret_user = user;
	return 0;
}

int privilege_limit(const struct sandbox_role *role, bool own_user, unsigned int *ret_n_limits,
	struct sandbox_error *ret_error)
{
	unsigned int n = 0;

	for (size_t i = 0; i < role->n_limits; i++) {
		const struct sandbox_limit *limit = &role->limits[i];
		struct rlimit now;

		if ((limit->own_user_only && !own_user) ||
			(limit->not_sanitized && SANDBOX_SANITIZED))
			continue;
		if (getrlimit(limit->resource, &now) < 0)
			return sandbox_fail(ret_error, -errno, "cannot read a resource limit");
		if (now.rlim_max == RLIM_INFINITY || now.rlim_max > limit->value)
			now.rlim_max = limit->value;
		now.rlim_cur = now.rlim_max;
		if (setrlimit(limit->resource, &now) < 0)
			return sandbox_fail(ret_error, -errno, "cannot set a resource limit");
		n++;
	}
	*ret_n_limits = n;
	return 0;
}

static uint64_t role_capabilities(const struct sandbox_role *role)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < role->n_capabilities; i++)
		mask |= UINT64_C(1) << role->capabilities[i].capability;
	return mask;
}

/* The set that execve(2) could give back. Without CAP_SETPCAP it stays: no_new_privs covers it. */
static int drop_bounding_set(uint64_t keep)
{
	for (int c = 0; c < 64; c++) {
		if (keep & (UINT64_C(1) << c))
			continue;
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL || (errno == EPERM && geteuid() != 0))
			return 0; /* no more capabilities, or none of them ours */
		if (errno == EPERM && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
			return 0;
		return -errno;
	}
	return 0;
}

static int set_capabilities(uint64_t mask)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[CAPABILITY_WORDS] = {0};

	for (size_t i = 0; i < CAPABILITY_WORDS; i++)
		data[i].permitted = data[i].effective = (uint32_t)(mask >> (32 * i));
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int become_user(const struct privilege_user *user, bool keep_capabilities)
{
	if (keep_capabilities && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (setgroups(0, NULL) < 0)
		return -errno;
	if (setresgid(user->gid, user->gid, user->gid) < 0)
		return -errno;
	if (setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	return 0;
}

/* A kernel that answers 0 and does nothing has happened before; the price of asking is small. */
static int check_no_way_back(const struct privilege_user *user, uint64_t keep)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[CAPABILITY_WORDS] = {0};
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (size_t i = 0; i < CAPABILITY_WORDS; i++) {
		uint32_t extra = data[i].permitted | data[i].effective | data[i].inheritable;

		if (extra & ~(uint32_t)(keep >> (32 * i)))
			return -EPERM;
	}
	if (!user)
		return 0;
	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return -errno;
	if (ruid != user->uid || euid != user->uid || suid != user->uid || rgid != user->gid ||
		egid != user->gid || sgid != user->gid || getgroups(0, NULL) != 0)
		return -EPERM;
	return 0;
}

int privilege_drop(const struct sandbox_role *role, const struct privilege_user *user,
	struct sandbox_error *ret_error)
{
	uint64_t keep = role_capabilities(role);
	int r;

	r = drop_bounding_set(keep);
	if (r < 0)
		return sandbox_fail(ret_error, r, "cannot empty the capability bounding set");
	/* Kernels before 4.3 have no ambient capabilities. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return sandbox_fail(ret_error, -errno, "cannot clear ambient capabilities");
	if (user) {
		r = become_user(user, keep != 0);
		if (r < 0)
			return sandbox_fail(ret_error, r, "cannot change to the role's user");
	}
	r = set_capabilities(keep);
	if (r < 0)
		return sandbox_fail(ret_error, r, "cannot drop capabilities");
	r = process_gain_nothing();
	if (r < 0)
		return sandbox_fail(ret_error, r, "cannot set no_new_privs");
	r = check_no_way_back(user, keep);
	if (r < 0)
		return sandbox_fail(ret_error, r, "privileges are still there after dropping them");
	return 0;
}
