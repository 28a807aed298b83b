/* SPDX-License-Identifier: Apache-2.0 */
/* privilege.h - step 1 of a sandbox: user, capabilities, limits. Run by every confined role. */
#ifndef MDM_SANDBOX_PRIVILEGE_H
#define MDM_SANDBOX_PRIVILEGE_H

#include "agent/sandbox/sandbox.h"

struct privilege_user {
	uid_t uid;
	gid_t gid;
};

/* Looks a user up in /etc/passwd. 0, or -errno with ret_error; root is refused. */
int privilege_find_user(
	const char *name, struct privilege_user *ret_user, struct sandbox_error *ret_error);

/* Lowers the row's limits; one that is lower already stays. own_user: see the row. */
int privilege_limit(const struct sandbox_role *role, bool own_user, unsigned int *ret_n_limits,
	struct sandbox_error *ret_error);

/*
 * Becomes user (NULL: stays), keeps the row's capabilities only, sets no_new_privs, and checks
 * that there is no way back. 0, or -errno with ret_error.
 */
int privilege_drop(const struct sandbox_role *role, const struct privilege_user *user,
	struct sandbox_error *ret_error);

#endif
